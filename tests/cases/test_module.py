"""Darkroom as a module of another workflow: from a folder, and from a Git host."""

import shutil
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest

from campaign import QUICK, ROOT, Campaign, environment
from house import LIST, shipped

WORKFLOW = """
module darkroom:
    snakefile: {snakefile}
    config: {{"campaign": "case", "datasets": "datasets.tsv"}}

use rule * from darkroom

rule count:
    input: "results/case/volume/manifest.json", "results/case/mars/manifest.json", "results/case/sondes/manifest.json"
    output: "sizes.txt"
    shell: "wc -c {{input}} > {{output}}"
"""
ROWS = [
    "volume\tatlas\traw\t{resolution: 1000}\t",
    "mars\tplanetary\tsample:ctx\t\tctx",
    "sondes\tairborne\tsample:dropsondes\t\t",
]


def use(folder, snakefile, *arguments, **variables):
    """Run a workflow that has Darkroom as a module, in a folder of its own; a campaign with what it made."""
    campaign = Campaign(folder).write(ROWS)
    (folder / "config/config.yaml").unlink()  # all of the config comes from the other workflow
    (folder / "raw").mkdir()
    for number in range(3):
        (folder / f"raw/s{number}.png").write_bytes(imagecodecs.png_encode(np.full((8, 9), 10 * number, "u1")))
    (folder / "Snakefile").write_text(WORKFLOW.format(snakefile=snakefile))
    line = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(line, cwd=folder, env=environment() | variables, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return use(tmp_path_factory.mktemp("local"), repr(str(ROOT / "Snakefile")), "all", "count")


def products(campaign):
    """What was made, but for the notes of a dataset to itself (hidden), which know its folder."""
    return {path: content for path, content in campaign.tree().items() if "/." not in path}


def test_from_a_folder(local):
    assert (local.folder / "sizes.txt").read_text().count("manifest.json") == 3
    assert (local.results / "index.html").is_file()


def test_what_scripts_need_is_named():
    assert LIST.read_text().split() == shipped()


OTHERS = """
from dataclasses import dataclass

@dataclass
class Pick:
    name: str
    def __call__(self, wildcards):
        return self.name

module darkroom:
    snakefile: {snakefile!r}
    config: {{"campaign": "case", "datasets": "datasets.tsv"}}

use rule * from darkroom

rule picked:
    input: Pick("datasets.tsv")
    output: "picked.txt"
    shell: "touch {{output}}"

rule noted:
    output: "noted.txt"
    notebook: "absent.ipynb"

rule scripted:
    output: "{{tool}}.out"
    script: "{{wildcards.tool}}.py"
"""


def test_rules_of_others_are_planned_as_ever(tmp_path):
    """What quick plans do once for each rule is right for rules that are not like ours."""
    Campaign(tmp_path).write(["a\tatlas\tsample:labels\t{type: segmentation}\t"])
    (tmp_path / "Snakefile").write_text(OTHERS.format(snakefile=str(ROOT / "Snakefile")))
    (tmp_path / "good.py").touch()

    def plan(*targets):
        line = [sys.executable, "-c", QUICK, "--cores", "2", "--dry-run", *targets]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=900)
        return done.returncode, done.stdout + done.stderr

    assert plan("picked.txt", "good.out")[0] == 0
    for targets, absent in [(["noted.txt"], "absent.ipynb"), (["good.out", "bad.out"], "bad.py")]:
        status, said = plan(*targets)
        assert status and absent in said


def test_from_a_git_host(local, tmp_path):
    """Snakemake's own clone of the repository is put in place before, so that nothing is fetched."""
    clone = tmp_path / "cache/snakemake/snakemake/source-cache/snakemake-git-cache/github.com/team/darkroom"
    copy = tmp_path / "copy"
    for part in ("Snakefile", "rules", "scripts", "config", "envs"):
        place = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy.mkdir(exist_ok=True)
        place(ROOT / part, copy / part)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.hooksPath=/dev/null"]
    subprocess.run([*git, "init", "--quiet"], cwd=copy, check=True)
    subprocess.run([*git, "add", "--all"], cwd=copy, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "v1"], cwd=copy, check=True)
    subprocess.run([*git, "tag", "v1"], cwd=copy, check=True)
    subprocess.run([*git, "clone", "--quiet", "--bare", copy, clone], check=True)
    (tmp_path / "use").mkdir()
    made = use(
        tmp_path / "use",
        'github("team/darkroom", path="Snakefile", tag="v1")',
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert products(made) == products(local)
