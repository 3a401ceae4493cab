"""Runs of Snakemake that begin where its imports are done, as these take half of a small run.

    python warm.py

Reads a run from each line of standard input, as JSON: `arguments`, `folder`, `environment` and `output`, the file that
takes what it says. A child made by fork does it as `python -m snakemake` does. Two lines answer: its process, which leads
a group, and its exit status. The scripts of its rules are run by `warm_jobs.py`.
"""

import functools
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

# What each run imports later: its plugins, what they need, and libraries that our rules need.
import jsonschema  # noqa: F401
import numpy as np  # noqa: F401
import smart_open  # noqa: F401
import snakemake.cli
import snakemake.report.html_reporter
import snakemake.storage
import snakemake_executor_plugin_slurm  # noqa: F401
import snakemake_logger_plugin_rich  # noqa: F401
from snakemake.script import PythonScript

from warm_jobs import end, keep, status_of

HERE = Path(__file__).parent


def jobs(name):
    """Start the process that jobs come from, which listens at an abstract name; it ends with this one."""
    command = [sys.executable, HERE / "warm_jobs.py", name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def execute_script(script, path, edit=False, *, alone, name):
    """Run a script of a rule as a job of `warm_jobs.py`, but for those with an environment of their own."""
    if script.container_img or script.conda_env or script.env_modules:
        return alone(script, path, edit)
    command = [sys.executable, "-IS", str(HERE / "warm_job.py"), name, path]
    return script._execute_cmd("{command}", command=shlex.join(command), is_python_script=True)


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
    name = f"jobs of {os.getpid()}"
    process = jobs(name)
    PythonScript.execute_script = functools.partialmethod(execute_script, alone=PythonScript.execute_script, name=name)
    keep()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            process.stdin.close()
            become(json.loads(line))
            end(status_of(snakemake.cli.main))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    process.communicate()


if __name__ == "__main__":
    main()
