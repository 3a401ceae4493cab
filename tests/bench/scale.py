"""Measure what it costs to plan a campaign of many datasets: `python tests/bench/scale.py --rows 1000 10000`.

Three plans of the same sheet: before anything is made, of a sheet with a mistake in every row (which is checked and refused),
and, with --made, when everything is made. No job runs: for the last, empty files stand for the products, and
Snakemake's own `--touch` writes the metadata it would have written of them. Wall seconds, and the largest memory of the
process; the machine may be shared.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--nolock"]
PLAN = ["--dry-run", "--quiet"]
# Pipeline -> source and options of a row that is fine, and options of one that is not.
ROWS = {
    "atlas": ("sample:sections", "{resolution: 1000, encoding: raw}", "{encodign: raw}"),
    "planetary": ("sample:ctx", "{calibration: {units: dn}}", "{units: dn}"),
    "airborne": ("sample:hs3cpl", "{feature: trajectoryProfile}", "{featur: profile}"),
}
RECIPES = {"planetary": "ctx"}


def write(folder, pipeline, rows, wrong=False):
    """A campaign of as many rows, in a folder of its own."""
    source, *options = ROWS[pipeline]
    lines = ["dataset\tpipeline\trecipe\tsource\toptions"]
    lines += [
        f"d{number:06}\t{pipeline}\t{RECIPES.get(pipeline, '')}\t{source}\t{options[wrong]}" for number in range(rows)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "datasets.tsv").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text("campaign: scale\ndatasets: datasets.tsv\n")


def plan(folder, *arguments):
    """Exit status, wall seconds, the largest memory (MB) and the output of one `snakemake` in a folder."""
    said = folder / "said.txt"
    started = time.monotonic()
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*SNAKEMAKE, "--configfile", "config.yaml", "--directory", str(folder), *arguments],
            cwd=folder,
            stdout=file,
            stderr=file,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, time.monotonic() - started, usage.ru_maxrss / 1024, said.read_text()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write(folder, sys.argv[2], int(sys.argv[3]))
    s, w, m, t = plan(folder, *PLAN, *sys.argv[4:])
    print(s, f"{w:.1f} s", f"{m:.0f} MB", t[-600:])
