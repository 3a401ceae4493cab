"""A run whose jobs ask for more than it may use is refused before anything starts; one within it is not."""

import subprocess
import sys

import pytest

from campaign import ROOT, SCRIPTS

SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from darkroom.campaign import limits

rule all:
    input: "a/large.txt", "b/small.txt"

rule make:
    output: "{{dataset}}/{{size}}.txt"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * (3000 if wildcards.size == "large" else 100),
        disk_mb=lambda wildcards: 50,
    shell: "echo made > {{output}}"

onstart:
    limits.require(workflow.dag.needrun_jobs(), workflow.global_resources)
"""


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        (["mem_mb=2000", "disk_mb=20000"], "a: make asks for 3000 MB of memory, and the run has 2000 MB"),
        (["mem_mb=4000", "disk_mb=40"], "MB of disk, and the run has 40 MB"),
        (["mem_mb=4000"], ""),
    ],
)
def test_jobs_ask_for_no_more_than_there_is(tmp_path, resources, says):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    line = [sys.executable, "-m", "snakemake", "--cores", "1", "--resources", *resources]
    ended = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert says in ended.stderr and (ended.returncode == 0) == (not says)
    assert (tmp_path / "b/small.txt").exists() == (not says), "nothing has run"


def test_the_small_profile_holds_the_jobs_of_copernicus():
    profile = (ROOT / "profiles/small/config.yaml").read_text()
    assert "cores: 2\n" in profile and "mem_mb=2000" in profile and "disk_mb=20000" in profile
    rules = "".join(path.read_text() for path in (ROOT / "rules/copernicus").iterdir())
    asked = {int(part.split("*")[0]) for part in rules.split("attempt: ")[1:]}
    assert max(asked) <= 2000
