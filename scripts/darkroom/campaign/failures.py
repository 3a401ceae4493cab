"""Why jobs of a run have failed, in a line each: the last that a run says."""

import atexit
import re
import sys
from pathlib import Path

from darkroom.cluster import slurm

FIRST = 20  # failures that are told
ERRORS = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^Error in rule (?P<rule>\w+):\n(?P<about>(?: {4}.*\n)+)",
        r"^ {8}rule (?P<rule>\w+):\n(?P<about>(?: {12}.*\n)+)",  # of a group
    )
]
FIELD = re.compile(r"^ {4}(?: {8})?(\w+): (.*)$", re.MULTILINE)
LOGS = re.compile(r"([^,]+?)(?: \(check log file\(s\) for error details\))?(?:,|$)")
RAISED = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt)\w*: (.*)")  # the last line of a traceback
# How `entrypoint` begins a line of a log.
LEVEL = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]+) ", re.MULTILINE)
CUT = "ended from outside, as by a signal or for want of memory"
# By why SLURM ended a job: what is to be said, and the resource that a user can ask for.
ENDED = {"memory": ("for want of memory", "mem_mb"), "time": ("by its time limit", "runtime")}


def tell_last(logs: list[Path]) -> None:
    """Print what the log of a run tells of failures, after all that Snakemake prints."""
    said = [line for log in logs for line in lines(log.read_text(errors="replace"))]
    more = [f"and {len(said) - FIRST} more"] if len(said) > FIRST else []
    atexit.register(print, *said[:FIRST], *more, sep="\n", file=sys.stderr, flush=True)


def lines(text: str) -> list[str]:
    """A line for each job that failed for good, by the log of a run."""
    failed = {}
    for error in (error for pattern in ERRORS for error in pattern.finditer(text)):
        about = dict(FIELD.findall(error["about"]))
        logs = [Path(path.strip()) for path in LOGS.findall(about.get("log", ""))]
        failed[error["rule"], about.get("jobid"), about.get("output")] = (error, logs)
    done = set(re.findall(r"^Finished jobid: (\d+)", text, re.MULTILINE))
    return [_line(text, error, logs) for (_, job, _), (error, logs) in failed.items() if job not in done]


def _line(text, error, logs):
    rule, said = error["rule"], [path.read_text(errors="replace") for path in logs if path.is_file()]
    of = f"{rule}, {logs[0].parent.name}" if logs else rule
    why = next(filter(None, map(slurm.ending, said)), "")
    if why in ENDED:
        words, resource = ENDED[why]
        asked = re.findall(rf"^rule {rule}:\n(?:    .*\n)*?    resources: .*?\b{resource}=(\d+)", text, re.MULTILINE)
        more = str(2 * int(asked[-1])) if asked else "..."
        return f"{of}: SLURM ended it {words}; type the same with --set-resources {rule}:{resource}={more}"
    if why:
        return f"{of}: SLURM ended it ({why}); type the same again"
    reason = next((last for last in map(_last, said) if last), "failed without a word")
    return f"{of}: {reason}" + (f" ({logs[0]})" if logs else "")


def _last(text):
    """The reason in the last line of a log, without the name of the exception; a step that fails has told an error."""
    if (levels := LEVEL.findall(text)) and levels[-1] != "ERROR":
        return CUT
    last = text.strip().rpartition("\n")[2].strip()
    raised = RAISED.match(last)
    return raised[1] if raised else last
