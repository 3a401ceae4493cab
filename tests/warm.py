"""Runs of Snakemake that begin where its imports are done, as these take half of a small run.

    python warm.py

Reads a run from each line of standard input, as JSON: `arguments`, `folder`, `environment` and `output`, the file that
takes what it says. A child made by fork does it as `python -m snakemake` does. Two lines answer: its process, which leads
a group, and its exit status.
"""

import json
import os
import sys

import snakemake.cli

# What each run imports later: its plugins, and what they need.
import snakemake.report.html_reporter
import snakemake.storage
import snakemake_executor_plugin_slurm  # noqa: F401
import snakemake_logger_plugin_rich  # noqa: F401


def become(asked):
    """Make this process the one that is asked for, up to the call of Snakemake."""
    os.setsid()
    for path, flags, targets in ((os.devnull, os.O_RDONLY, (0,)), (asked["output"], os.O_WRONLY | os.O_TRUNC, (1, 2))):
        file = os.open(path, flags)
        for target in targets:
            os.dup2(file, target)
        os.close(file)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[0] = asked["folder"]
    sys.argv = ["snakemake", *asked["arguments"]]


def main():
    for line in sys.stdin:
        child = os.fork()
        if not child:
            become(json.loads(line))
            snakemake.cli.main()  # which exits
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
