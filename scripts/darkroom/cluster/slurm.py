"""What Snakemake's SLURM executor leaves behind: which job was of which rule, what it used, why SLURM ended it."""

import csv
import re
from collections import namedtuple
from pathlib import Path

# One SLURM job: memory asked and used (MB), cores, seconds from start to end, and seconds of CPU time.
Usage = namedtuple("Usage", "asked used cores elapsed cpu")

SUBMITTED = re.compile(r"SLURM jobid (\d+) \(log: (.+)\)")
# What slurmstepd writes into the log of a job, from 20.11 to 25.05, with control groups and without.
ENDINGS = {
    "memory": r"oom[-_]kill|exceeded (job )?memory limit|out of memory",
    "time": "due to time limit",
    "node": "due to node failure",
    "preemption": "due to preemption",
    "cancelled": r"\*\*\* (job|step) .* cancelled at",
}


def jobs(folder, logs):
    """SLURM jobs of all runs in a working directory: id -> name of its rule, or `group NAME`.

    folder -- the working directory
    logs -- the executor's folder of job logs, as `slurm-logdir` gives it
    """
    rule_of, logs = {}, Path(folder).resolve() / logs
    for path in sorted(Path(folder).glob(".snakemake/log/*.log")):
        for job, log in SUBMITTED.findall(path.read_text(errors="replace")):
            if logs in Path(log).parents:
                kind, _, name = Path(log).relative_to(logs).parts[0].partition("_")
                rule_of[job] = name if kind == "rule" else f"group {name}"
    return rule_of


def ending(log):
    """Why SLURM ended a job, by the text of its log: a key of ENDINGS, or "" where SLURM did not.

    The state that SLURM keeps does not tell: a step that is killed for its memory leaves its job FAILED.
    """
    return next((why for why, words in ENDINGS.items() if re.search(words, log, re.IGNORECASE)), "")


def endings(logs):
    """Jobs that SLURM ended, of those whose logs are kept: id -> why."""
    reasons = {path.stem: ending(path.read_text(errors="replace")) for path in sorted(Path(logs).rglob("*.log"))}
    return {job: why for job, why in reasons.items() if why}


def usage(reports):
    """What jobs used, by the executor's efficiency reports: id -> Usage. A job of several steps has the most of any."""
    most = {}
    for path in reports:
        with Path(path).open(newline="") as file:
            for row in csv.DictReader(file):
                numbers = ("RequestedMem_MB", "MaxRSS_MB", "NCPUS", "Elapsed_sec", "TotalCPU_sec")
                step = Usage(*(float(row[name] or 0) for name in numbers))
                before = most.get(row["MainJobID"], step)
                most[row["MainJobID"]] = Usage(*map(max, before, step))
    return most
