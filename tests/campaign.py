"""Small campaigns, run as users run them: a config, a sheet, `snakemake`."""

import functools
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
# Snakemake as it plans large campaigns, whatever the size of this one: `python -c QUICK ...`.
QUICK = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from snakemake.cli import main
from darkroom.campaign import planning
planning.quicken()
main()
"""


def environment():
    """The environment of a campaign: that of the tests, but without what another Snakemake told and what only judges need."""
    told = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
    paths = [str(ROOT / "tests/lean"), *filter(None, [told.get("PYTHONPATH")])]
    return told | {"PYTHONPATH": os.pathsep.join(paths)}


@functools.cache
def warm():
    """The process that runs come from; it ends with this one, which is all that writes to it."""
    command = [sys.executable, ROOT / "tests/warm.py"]
    # Without a buffer, of which `select` would know nothing.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment())


def arguments_of_all(*arguments):
    """Arguments that every run here has, as text, and more."""
    return list(map(str, ("--snakefile", ROOT / "Snakefile", "--cores", 2, *arguments)))


class Campaign:
    """A campaign in a folder of its own, which stands for the user's working directory."""

    def __init__(self, folder):
        self.folder = folder
        self.results = folder / "results/case"

    def write(self, rows, pipeline="atlas", **config):
        """Write config and sheet; `rows` are (dataset, source, options) or (.., recipe) of a pipeline, or lines of text."""
        lines = ["dataset\tpipeline\tsource\toptions\trecipe"]
        for row in rows:
            if not isinstance(row, str):
                dataset, source, options, *recipe = row
                flow = yaml.safe_dump(options, default_flow_style=True, width=10_000).strip()
                row = "\t".join([dataset, pipeline, str(source), flow, *recipe])
            lines.append(row)
        (self.folder / "datasets.tsv").write_text("\n".join(lines) + "\n")
        (self.folder / "config").mkdir(exist_ok=True)
        content = {"campaign": "case", "datasets": "datasets.tsv"} | config
        (self.folder / "config/config.yaml").write_text(yaml.safe_dump(content))
        return self

    def start(self, *arguments):
        """Start Snakemake in a process group of its own."""
        command = [sys.executable, "-m", "snakemake", *arguments_of_all(*arguments)]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=environment(),
        )

    def run_alone(self, *arguments):
        """Run Snakemake and its jobs in processes of their own, without what `warm` spares the others; what it said."""
        process = self.start(*arguments)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def run(self, *arguments, fails=False, seconds=900):
        """Run Snakemake to its end and return what it said; its exit status must be as expected."""
        server = warm()
        with tempfile.NamedTemporaryFile("r", dir=self.folder.parent, errors="replace") as output:
            asked = {"arguments": arguments_of_all(*arguments), "folder": str(self.folder)}
            asked |= {"environment": environment(), "output": output.name}
            server.stdin.write(json.dumps(asked).encode() + b"\n")
            process = int(server.stdout.readline())
            if not select.select([server.stdout], [], [], seconds)[0]:
                os.killpg(process, signal.SIGKILL)
            status, said = int(server.stdout.readline()), output.read()
        assert (status != 0) == fails, said
        return said

    def killed(self, seed, times, duration, share=(0.1, 0.7)):
        """Start it so often and kill it after a random share of a run's seconds; gives after each what is left to look at.

        At least one start must have come to no end.
        """
        moments, kills = random.Random(seed), 0
        for _ in range(times):
            process = self.start("--nolock")  # as a lock is what a kill leaves
            try:
                process.communicate(timeout=moments.uniform(*share) * duration)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                kills += 1
            yield self
        assert kills

    def tree(self):
        """Every product of the campaign: path -> content; what rules remember for themselves begins with a dot."""
        return {
            str(path.relative_to(self.results)): path.read_bytes()
            for path in sorted(self.results.rglob("*"))
            if path.is_file() and path.name not in ("index.html", ".granules.json")
        }
