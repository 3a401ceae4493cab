"""Measure what it costs to plan a campaign of many datasets: `python tests/bench/scale.py --rows 1000 10000`.

Three runs of each sheet: a plan before anything is made; the sheet with a mistake in every row, which is checked and
refused; and a plan when everything is made. No job runs: for the last, empty files stand for the products, with the
metadata that Snakemake itself would have written. CPU seconds and the largest memory (MB) of the process. The machine
may be shared: `snakemake` beside them is as many jobs of a workflow that has nothing of ours, so compare with it.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PLAN = ("-m", "snakemake")
ARGUMENTS = ["--cores", "2", "--nolock", "--configfile", "config.yaml", "--dry-run", "--quiet"]
# Pipeline -> source, recipe, options of a row that is fine, and options of one that is not.
ROWS = {
    "atlas": ("sample:sections-grey", "", "{resolution: 1000, encoding: raw}", "{encodign: raw}"),
    "planetary": ("sample:ctx", "ctx", "{calibration: {units: dn}}", "{units: dn}"),
    "airborne": ("sample:dropsondes", "", "{feature: flight}", "{featur: flight}"),
}
# A workflow of six rules a row, as an atlas has.
PEER = """
rule all:
    input: expand("results/{row}/sixth", row=[f"d{number:06}" for number in range(ROWS)])
""" + "".join(
    f"""
rule step_{step}:
    input: {f'"results/{{row}}/{before}"' if before else "[]"}
    output: "results/{{row}}/{step}"
    log: "logs/{{row}}/{step}.log"
    benchmark: "benchmarks/{{row}}/{step}.tsv"
    conda: "env.yaml"
    resources: mem_mb=lambda wildcards, attempt: 1000 * attempt
    script: "step.py"
"""
    for before, step in itertools.pairwise(["", "first", "second", "third", "fourth", "fifth", "sixth"])
)
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


def write_peer(folder, rows):
    (folder / "Snakefile").write_text(PEER.replace("ROWS", str(rows)))
    (folder / "step.py").write_text("")
    (folder / "env.yaml").write_text("dependencies: []\n")
    (folder / "config.yaml").write_text("{}\n")


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
    print(f"{'':18}{'plan: CPU s':>12}{'MB':>7}{'made: CPU s':>14}{'MB':>7}{'wrong: CPU s':>15}{'MB':>7}")
    for pipeline, rows in itertools.product(given.pipelines, given.rows):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            write(folder, pipeline, rows)
            told = measured(folder, given.root)
            write(folder, pipeline, rows, wrong=True)
            told += measure(folder, given.root, *PLAN, fails=True)
        show(pipeline, rows, *told)
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            write_peer(Path(folder), rows)
            show("snakemake", rows, *measured(Path(folder), Path(folder)))


def measured(folder, root):
    """What a plan costs before anything is made, and when all is."""
    new = measure(folder, root, *PLAN)
    measure(folder, root, "-c", STAND_IN)
    return *new, *measure(folder, root, *PLAN)


def show(name, rows, *told):
    columns = zip(told, ("12.1f", "7.0f", "14.1f", "7.0f", "15.1f", "7.0f"), strict=False)
    print(f"{name:10}{rows:8}" + "".join(format(*column) for column in columns), flush=True)


if __name__ == "__main__":
    main()
