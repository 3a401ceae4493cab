"""Measure the airborne pipeline: dropsondes in one batch, a long ICARTT file, a large lidar file, beside others' programs.

    tests/bench/airborne.py [--sondes 1000] [--megabytes 300] [--schemas FOLDER]

CPU seconds are what to compare; the machine may be shared. Every step is a process of its own, as in a rule, so its
start and its imports count. Peers: pandas reads the same tables and xarray writes them, as packed as ours, with a few
attributes and nothing of CF, status or extent. cumulus-process 1.4.0 (installed for this run alone) writes the few
elements of `.meta.xml` that it is handed as a dict. pydropsonde begins with the netCDF of ASPEN, and MetPy computes on
soundings that others have read: neither converts one.
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

import numpy as np

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


CONVERTED = """
import sys
from pathlib import Path
import pandas, xarray
source, made, skipped, missing, form = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]
for path in sorted(source.iterdir()):
    columns = {"sep": r"\\s+", "header": None} if form == "blank" else {"sep": ",", "skipinitialspace": True}
    table = pandas.read_csv(path, skiprows=skipped, na_values=[missing], encoding="latin-1", **columns)
    table.columns = [f"column_{number}" for number in range(table.shape[1])]
    data = xarray.Dataset.from_dataframe(table.set_index("column_0"))
    for name in data:
        data[name].attrs = {"units": "1", "long_name": name, "standard_name": name, "coordinates": "latitude longitude"}
    data.to_netcdf(made / f"{path.stem}.nc", encoding={name: {"zlib": True, "complevel": 1} for name in data})
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


def peer(folder, source, skipped, missing, form):
    """Figures of pandas and xarray on a folder of text tables."""
    folder.mkdir()
    return measured([sys.executable, "-c", CONVERTED, source, folder, skipped, missing, form])


def converted(folder, source, collections=(), threads=1):
    """Figures of the conversion of a folder of granules."""
    folder.mkdir()
    script = [sys.executable, ROOT / "scripts/airborne_convert.py", inventory(folder, source), folder / "granules.json"]
    return measured([*script, "--threads", threads, *(["--collections", *collections] if collections else [])])


def inventory(folder, source):
    files = [{"name": path.name, "bytes": path.stat().st_size, "mtime_ns": 0} for path in sorted(source.iterdir())]
    (folder / "inventory.json").write_text(json.dumps({"root": str(source), "files": files}))
    return folder / "inventory.json"


def steps(folder, source, schemas, threads=1):
    """Figures of each rule on a folder of granules."""
    folder.mkdir()
    stock = inventory(folder, source)
    many = ["--threads", threads]
    made, listed = folder / "granules.json", folder / "metadata.json"
    checked = [made, listed, folder / "check.json", *(["--schemas", schemas] if schemas else [])]
    for script, arguments in (
        ("airborne_convert", [stock, made, *many]),
        ("airborne_convert_metadata", [made, listed, *many]),
        ("airborne_check", [*checked, *many]),
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
    walls = {}
    for threads in (1, 2):
        total = 0.0
        walls[threads] = 0.0
        for script, figures in steps(folder / f"sondes_made_{threads}", source, schemas, threads):
            row(f"{number} sondes, {threads} cores: {script}", figures, f"{1000 * figures[1] / number:.1f} ms each")
            if script != "airborne_plot":
                total, walls[threads] = total + figures[1], walls[threads] + figures[0]
        print(f"{number} sondes: {total:.1f} CPU s (at most {0.045 * number:.0f} are asked), {walls[threads]:.1f} s")
    print(f"two cores: {walls[1] / walls[2]:.2f} times as fast (1.8 are asked)")
    others = peer(folder / "sondes_peer", source, 14, -999, "blank")
    ours = converted(folder / "sondes_again", source)
    row(f"{number} sondes: pandas + xarray", others)
    row(f"{number} sondes: airborne_convert", ours, f"{ours[1] / others[1]:.2f} times the peer's CPU s\n")


def bench_icartt(folder, rows=250_000, columns=28):
    """A file of 58 MB, as of a day of measurements at a few hertz."""
    source = folder / "icartt"
    source.mkdir()
    names = ["Time_Start", "Latitude", "Longitude", *(f"Quantity_{number}" for number in range(columns - 3))]
    units = ["seconds", "deg", "deg", *["1"] * (columns - 3)]
    few, described = columns - 1, [", ".join(pair) for pair in zip(names, units, strict=True)]
    head = ["Doe, Jane", "Somewhere", "Instrument", "BENCH", "1, 1", "2024, 03, 05, 2024, 06, 01", "0", described[0]]
    head += [str(few), ", ".join(["1"] * few), ", ".join(["-9999"] * few), *described[1:], "0", "1", ", ".join(names)]
    times = np.arange(rows) / 5
    values = np.random.default_rng(1).normal(100, 30, (rows, columns - 3))
    table = np.column_stack([times, 40 + times / 1e5, -75 + times / 1e5, values])
    with (source / "BENCH_20240305.ict").open("w") as file:
        file.write("\n".join([f"{len(head) + 1}, 1001", *head, ""]))
        np.savetxt(file, table, fmt=["%.1f", "%.5f", "%.5f", *["%.2f"] * (columns - 3)], delimiter=", ")
    measured(
        [sys.executable, ROOT / "darkroom", "collection", source / "BENCH_20240305.ict", "--out", folder / "b.yaml"]
    )
    size = sum(path.stat().st_size for path in source.iterdir()) / 1e6
    others = peer(folder / "icartt_peer", source, len(head), -9999, "comma")
    ours = converted(folder / "icartt_made", source, [folder / "b.yaml"])
    row(f"ICARTT, {size:.0f} MB: pandas + xarray", others)
    row(f"ICARTT, {size:.0f} MB: airborne_convert", ours, f"{ours[1] / others[1]:.2f} times the peer's CPU s\n")


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
        bench_icartt(Path(folder))
        bench_lidar(Path(folder), given.megabytes, given.schemas)
        bench_peer(Path(folder), given.sondes)


if __name__ == "__main__":
    main()
