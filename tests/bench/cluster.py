"""Measure what SLURM costs many small jobs: one by one, as an array, in groups, beside a local run.

The SLURM of the tests is started on this machine, whose cores all nodes share: only the ways are to be compared. On a
cluster the nodes do this work side by side.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from servers import slurm  # noqa: E402

SNAKEFILE = """
rule all:
    input: expand("results/{number}.txt", number=range(JOBS))

rule small:
    output: "results/{number}.txt"
    resources: mem_mb=500
    shell: "echo {wildcards.number} > {output}"
"""
LOCAL = ["--workflow-profile", "none", "--quiet", "all"]
PROFILE = [*LOCAL, "--profile", ROOT / "profiles/slurm", "--slurm-init-seconds-before-status-checks", "5"]
WAYS = {
    "local, 2 cores": [*LOCAL, "--cores", "2"],
    "one by one": [*PROFILE, "--jobs", "16"],
    "an array": [*PROFILE, "--jobs", "10000", "--slurm-array-jobs", "all"],
    "groups of 6": [*PROFILE, "--jobs", "16", "--groups", "small=g", "--group-components", "g=6"],
    "one job, local": None,
}


def measure(folder, jobs, options, environment):
    """Wall seconds of a run, and how many SLURM jobs it took."""
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE.replace("JOBS", str(jobs)))
    snakemake = [sys.executable, "-m", "snakemake"]
    if options is None:  # the whole run inside of a job, as UNICORE does it
        line = " ".join(map(str, [*snakemake, *WAYS["local, 2 cores"]]))
        command = ["sbatch", "--wait", "--cpus-per-task=2", "--mem=2000", f"--wrap={line}"]
    else:
        command = [*snakemake, *options]
    before, started = last_job(environment), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall = time.monotonic() - started
    if len(list(folder.glob("results/*.txt"))) != jobs:
        raise RuntimeError(f"{folder}: not every job has made its file")
    return wall, last_job(environment) - before


def last_job(environment):
    """The id of the newest SLURM job."""
    ask = ["squeue", "--noheader", "--states=all", "--format=%A"]
    said = subprocess.run(ask, env=environment, check=True, capture_output=True, text=True).stdout
    return max(map(int, said.split()), default=0)


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--jobs", type=int, default=100)
    jobs = line.parse_args().jobs
    if reason := slurm.missing():
        sys.exit(reason)
    work = Path(tempfile.mkdtemp())
    (work / "slurm").mkdir()
    server = slurm.Slurm(work / "slurm")
    environment = os.environ | server.environment
    print(f"{f'{jobs} jobs':20}{'wall s':>8}{'s a job':>9}{'SLURM jobs':>12}", flush=True)
    try:
        for number, (name, options) in enumerate(WAYS.items()):
            wall, submitted = measure(work / f"way{number}", jobs, options, environment)
            print(f"{name:20}{wall:8.1f}{wall / jobs:9.2f}{submitted:12}", flush=True)
    finally:
        server.stop()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
