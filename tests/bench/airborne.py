"""Measure the airborne pipeline: dropsondes in one batch, a large lidar file, metadata beside cumulus-process 1.4.0.

    tests/bench/airborne.py [--sondes 1000] [--megabytes 300] [--schemas FOLDER]

CPU seconds are what to compare; the machine may be shared. Every step is a process of its own, as in a rule, so its
start and its imports count. cumulus-process writes the few elements of `.meta.xml` that it is handed as a dict; ours
reads the product, finds its extent, and writes UMM-G and ECHO10 as well. It is installed for this run alone.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from darkroom.samples import airborne  # noqa: E402

PEER = """
import sys, xml.dom.minidom
from pathlib import Path
from cumulus_process.helpers import write_metadata
for number in range(int(sys.argv[1])):
    meta = {"GranuleUR": f"sonde {number}", "InsertTime": "2026-01-01T00:00:00Z", "LastUpdate": "2026-01-01T00:00:00Z",
            "Collection": {"ShortName": "hs3avaps", "VersionId": 1}, "Orderable": "true"}
    write_metadata(meta, Path(sys.argv[2], f"{number}.meta.xml"))
try:
    xml.dom.minidom.parse(str(Path(sys.argv[2], "0.meta.xml")))
    print("what it writes is XML")
except Exception as error:
    print(f"what it writes is no XML: {error}")
"""


def measured(command, **environment):
    """Wall and CPU seconds of a command, its largest memory in MB, and what it says."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    timed = [sys.executable, "-c", "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr); sys.exit(code)"]  # fmt: skip
    ended = subprocess.run([*timed, *map(str, command)], capture_output=True, text=True, env=os.environ | environment)
    if ended.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu, int(ended.stderr.split()[-1]), ended.stdout


def row(what, figures, more=""):
    wall, cpu, memory, _ = figures
    print(f"{what:48} {wall:8.1f} s {cpu:8.1f} CPU s {memory:7d} MB  {more}", flush=True)


def steps(folder, source, schemas):
    """Figures of each rule on a folder of granules."""
    folder.mkdir()
    files = [{"name": path.name, "bytes": path.stat().st_size, "mtime_ns": 0} for path in sorted(source.iterdir())]
    (folder / "inventory.json").write_text(json.dumps({"root": str(source), "files": files}))
    made, listed = folder / "granules.json", folder / "metadata.json"
    checked = [made, listed, folder / "check.json", *(["--schemas", schemas] if schemas else [])]
    for script, arguments in (
        ("airborne_convert", [folder / "inventory.json", made]),
        ("airborne_convert_metadata", [made, listed]),
        ("airborne_check", checked),
        ("airborne_plot", [made, folder / "preview.png"]),
    ):
        yield script, measured([sys.executable, ROOT / f"scripts/{script}.py", *arguments])


def bench_sondes(folder, number, schemas):
    source = folder / "sondes"
    source.mkdir()
    airborne.SAMPLES["dropsondes"](source)
    first = sorted(source.glob("*.eol"))[0]
    content = first.read_bytes()
    for path in source.iterdir():
        path.unlink()
    for index in range(number):
        minute, second = divmod(index % 3600, 60)
        (source / f"D201209{6 + index // 3600:02}_22{minute:02}{second:02}_1.QC.eol").write_bytes(content)
    total = 0.0
    for script, figures in steps(folder / "sondes_made", source, schemas):
        row(f"{number} sondes: {script}", figures, f"{1000 * figures[1] / number:.1f} ms each")
        total += figures[1] if script != "airborne_plot" else 0
    print(f"{number} sondes, netCDF + metadata + checks: {total:.1f} CPU s (at most {0.12 * number:.0f} are wanted)\n")


def bench_lidar(folder, megabytes, schemas):
    source = folder / "lidar"
    source.mkdir()
    airborne.lidar(source, profiles=megabytes * 68)
    size = sum(path.stat().st_size for path in source.iterdir()) / 1e6
    for script, figures in steps(folder / "lidar_made", source, schemas):
        row(f"lidar, {size:.0f} MB: {script}", figures, f"{size / figures[0]:.0f} MB/s")
    print()


def bench_peer(folder, number):
    python = folder / "peer/bin/python"
    venv.create(folder / "peer", with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "cumulus-process==1.4.0"]
    if subprocess.run(install, capture_output=True).returncode:
        print("cumulus-process 1.4.0 could not be installed; nothing to compare with")
        return
    (folder / "peer_made").mkdir()
    figures = measured([python, "-c", PEER, number, folder / "peer_made"])
    row(f"{number} sondes: cumulus-process, meta.xml only", figures, figures[3].strip())


def main():
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--sondes", type=int, default=1000)
    line.add_argument("--megabytes", type=int, default=300)
    line.add_argument("--schemas", default="", help="folder of CMR's schemas, to validate by them as well")
    given = line.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench_sondes(Path(folder), given.sondes, given.schemas)
        bench_lidar(Path(folder), given.megabytes, given.schemas)
        bench_peer(Path(folder), given.sondes)


if __name__ == "__main__":
    main()
