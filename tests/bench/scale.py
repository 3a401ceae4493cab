"""Measure what it costs to plan a campaign of many datasets: `python tests/bench/scale.py --rows 1000 10000`.

Three runs of each sheet: a plan before anything is made; the sheet with a mistake in every row, which is checked and
refused; and a plan when everything is made. No job runs: for the last, empty files stand for the products, with the
metadata that Snakemake itself would have written. CPU seconds and the largest memory (MB) of the process. The machine
may be shared.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ARGUMENTS = ["--cores", "2", "--nolock", "--configfile", "config.yaml", "--dry-run", "--quiet"]
# Pipeline -> source, recipe, options of a row that is fine, and options of one that is not.
ROWS = {
    "atlas": ("sample:sections-grey", "", "{resolution: 1000, encoding: raw}", "{encodign: raw}"),
    "planetary": ("sample:ctx", "ctx", "{calibration: {units: dn}}", "{units: dn}"),
    "airborne": ("sample:dropsondes", "", "{feature: flight}", "{featur: flight}"),
}
# Snakemake that makes an empty file of every output, with its metadata, before it looks what is to be done.
STAND_IN = """
import os
from pathlib import Path
from snakemake.cli import main
import snakemake.dag

init = snakemake.dag.DAG.init

async def made(dag, *arguments, **named):
    await init(dag, *arguments, **named)
    for job in dag.jobs:
        for path in map(Path, job.output):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (1e9, 1e9))
        await dag.workflow.persistence.finished(job)

snakemake.dag.DAG.init = made
main()
"""


def write(folder, pipeline, rows, wrong=False):
    """A campaign of so many rows, in a folder of its own."""
    source, recipe, *options = ROWS[pipeline]
    lines = [f"d{number:06}\t{pipeline}\t{recipe}\t{source}\t{options[wrong]}" for number in range(rows)]
    (folder / "datasets.tsv").write_text("\n".join(["dataset\tpipeline\trecipe\tsource\toptions", *lines]) + "\n")
    (folder / "config.yaml").write_text("campaign: scale\ndatasets: datasets.tsv\n")


def measure(folder, root, *python, fails=False):
    """CPU seconds and the largest memory (MB) of a Snakemake that plans, of the workflow in `root`."""
    with tempfile.TemporaryFile() as said:
        line = [sys.executable, *python, "--snakefile", str(root / "Snakefile"), *ARGUMENTS]
        process = subprocess.Popen(line, cwd=folder, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if bool(process.returncode) != fails:
            said.seek(0)
            raise RuntimeError(said.read().decode()[-2000:])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--rows", type=int, nargs="*", default=[1000, 10000])
    line.add_argument("--pipelines", nargs="*", default=[*ROWS], choices=ROWS)
    line.add_argument("--root", type=Path, default=ROOT, help="another copy of the workflow, to compare with")
    given = line.parse_args()
    plan = ("-m", "snakemake")
    print(f"{'':18}{'plan: CPU s':>12}{'MB':>7}{'made: CPU s':>14}{'MB':>7}{'wrong: CPU s':>15}{'MB':>7}")
    for pipeline in given.pipelines:
        for rows in given.rows:
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                write(folder, pipeline, rows)
                new = measure(folder, given.root, *plan)
                measure(folder, given.root, "-c", STAND_IN)
                made = measure(folder, given.root, *plan)
                write(folder, pipeline, rows, wrong=True)
                wrong = measure(folder, given.root, *plan, fails=True)
            row = f"{new[0]:12.1f}{new[1]:7.0f}{made[0]:14.1f}{made[1]:7.0f}{wrong[0]:15.1f}{wrong[1]:7.0f}"
            print(f"{pipeline:10}{rows:8}{row}", flush=True)


if __name__ == "__main__":
    main()
