"""Campaigns of many datasets, and parts of a campaign: the plan costs each row the same, and has no more than was asked for."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import imagecodecs
import numpy as np
import pytest
import snakemake

from campaign import QUICK, ROOT, Campaign
from darkroom.campaign import planning

# Snakemake with counters of what is expensive: jobs that it thinks of, and validators.
COUNTED = """
import atexit, collections, json, sys
import jsonschema, snakemake.jobs
from snakemake.cli import main

counts = collections.Counter()

def count(kind, name):
    build = kind.__init__
    def counted(self, *arguments, **named):
        counts[name] += 1
        build(self, *arguments, **named)
    kind.__init__ = counted

count(snakemake.jobs.Job, "jobs")
count(jsonschema.FormatChecker, "validators")  # one for each that is built anew
atexit.register(lambda: print(json.dumps(counts)))
main()
"""
# Tells at the end whether plans were made quickly.
TOLD = """
import atexit, snakemake
from snakemake.cli import main

atexit.register(lambda: print("quick" if hasattr(snakemake, "_darkroom_plans_quickly") else "plain"))
main()
"""
JOB_NUMBER = re.compile(r"(?m)^ +jobid: .*$|^\[.*\]$")  # and time
JUDGED = {"publish_check": 1, "all": 1}  # what the page does not need
SOURCES = {"atlas": "sections-grey", "planetary": "ctx", "airborne": "dropsondes"}


def counted(campaign, pipeline, rows):
    """How many jobs and validators a dry run of so many rows makes, and how many jobs it plans."""
    recipe = {"planetary": "ctx"}.get(pipeline, "")
    campaign.write([(f"d{row:04}", f"sample:{SOURCES[pipeline]}", {}, recipe) for row in range(rows)], pipeline)
    line = ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--dry-run"]
    done = subprocess.run([sys.executable, "-c", COUNTED, *line], cwd=campaign.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    planned = int(re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)[1])
    return json.loads(done.stdout.splitlines()[-1]) | {"planned": planned}


@pytest.mark.parametrize("pipeline", SOURCES)
def test_a_row_costs_the_same_in_a_long_sheet(campaign, pipeline):
    few, many = counted(campaign, pipeline, 3), counted(campaign, pipeline, 300)
    assert many["jobs"] == many["planned"]  # no rule of another pipeline is tried in vain
    assert (many["planned"] - 3) == 100 * (few["planned"] - 3)  # but for `all`, the page and its check
    assert many["validators"] == few["validators"]


def plans(folder):
    """The lines of a dry run as large campaigns have it, and by Snakemake alone, which this small one would have."""
    line = ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--dry-run"]
    same_order = os.environ | {"PYTHONHASHSEED": "0"}  # in which sets are told
    for how in (["-c", QUICK], ["-m", "snakemake"]):
        said = subprocess.check_output(
            [sys.executable, *how, *line], stderr=subprocess.DEVNULL, cwd=folder, env=same_order, text=True
        )
        yield sorted(JOB_NUMBER.sub("", said.partition("Building DAG")[2]).splitlines())


def test_a_quick_plan_is_the_plan(campaign):
    (campaign.folder / "config").symlink_to(ROOT / "config")
    quick, plain = plans(campaign.folder)
    assert quick.count("rule publish_manifest:") == len((ROOT / "config/datasets.tsv").read_text().splitlines()) - 1
    assert quick == plain


def test_the_release_that_is_touched_is_the_one_installed():
    """After `make update` somebody looks whether a newer one still has to be helped, and may be."""
    assert snakemake.__version__.startswith(planning.RELEASE)


@pytest.mark.parametrize(("rows", "how"), [(planning.LARGE - 1, "plain"), (planning.LARGE, "quick")])
def test_large_campaigns_alone_are_planned_quickly(campaign, rows, how):
    campaign.write([(f"d{row}", "sample:labels", {}) for row in range(rows)])
    line = [sys.executable, "-c", TOLD, "--snakefile", ROOT / "Snakefile", "--cores", "2", "--list-rules"]
    done = subprocess.run(line, cwd=campaign.folder, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == how


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A campaign of three small volumes, made in two batches."""
    made = Campaign(tmp_path_factory.mktemp("three"))
    (made.folder / "raw").mkdir()
    for number in range(3):
        (made.folder / f"raw/s{number}.png").write_bytes(imagecodecs.png_encode(np.full((8, 9), 10 * number, "u1")))
    made.write([(name, "raw", {"resolution": 1000}) for name in ("a", "b", "z")])
    made.run("--batch", "publish_page=1/2", "publish_page")
    made.first = (
        {path.parent.name for path in made.results.glob("*/manifest.json")},
        (made.results / "index.html").exists(),
    )
    made.run("--batch", "publish_page=2/2", "publish_page")
    return made


def rules(campaign, *arguments):
    """The rules of a dry run, each with how many jobs it has."""
    said = campaign.run("--dry-run", *arguments)
    table = said.partition("Job stats:")[2].partition("total")[0]
    return {name: int(jobs) for name, jobs in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_batches_make_what_one_run_makes(three):
    assert three.first == ({"a", "b"}, False)
    assert (three.results / "index.html").is_file()
    assert rules(three) == JUDGED


def test_a_quick_plan_sees_what_changed(three, tmp_path):
    """An input newer than outputs, outputs that are gone, and nothing at all."""
    shutil.copytree(three.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    other = Campaign(tmp_path)
    assert rules(other) == JUDGED
    (other.results / "a/preview.png").unlink()
    inventory = tmp_path / "resources/b/inventory.json"
    inventory.write_text(inventory.read_text() + " ")
    os.utime(inventory, (time.time() + 9, time.time() + 9))
    quick, plain = plans(tmp_path)
    assert quick == plain
    assert {"rule atlas_plot:", "rule atlas_import:"} <= set(quick)
    assert any("Updated input files" in line for line in quick)


def test_a_step_that_reads_the_whole_source_gets_time_for_it(campaign):
    with (campaign.folder / "big.nii").open("wb") as file:
        file.truncate(24 * 10**9)  # with nothing in it
    said = campaign.write([("big", "big.nii", {})]).run("--dry-run")
    minutes = dict(re.findall(r"^rule (\w+):\n(?:.+\n)*? +resources: .*?runtime=(\d+)", said, re.MULTILINE))
    assert minutes == {"atlas_chunk": "180", "atlas_check_precomputed": "180", "publish_manifest": "180"}


def test_jobs_share_a_large_source(campaign):
    with (campaign.folder / "big.nii").open("wb") as file:
        file.truncate(55 * 10**9)
    rows = [
        ("auto", "big.nii", {}),
        ("five", "big.nii", {"jobs": 5, "ome_zarr": True}),
        ("one", "big.nii", {"jobs": 1}),
    ]
    said = campaign.write(rows).run("--dry-run")
    about = r"^rule (\w+_part):\n(?:.+\n)*? +wildcards: dataset=(\w+), .*\n(?:.+\n)*? +resources: .*?runtime=(\d+)"
    expected = [(rule, "auto", "120") for rule in ("atlas_chunk_part", "atlas_check_precomputed_part")] * 3
    expected += [(rule, "five", "120") for rule in ("atlas_convert_zarr_part", "atlas_check_zarr_part")] * 5
    assert sorted(re.findall(about, said, re.MULTILINE)) == sorted(expected)


def test_until_stops_at_a_stage(three, tmp_path):
    other = Campaign(tmp_path)
    (tmp_path / "raw").symlink_to(three.folder / "raw")
    other.write([("a", "raw", {"resolution": 1000})])
    assert rules(other, "--until", "atlas_chunk") == {"fetch_input": 1, "atlas_import": 1, "atlas_chunk": 1}


@pytest.mark.parametrize(
    ("forced", "also"),
    [("atlas_plot", {}), ("atlas_chunk", {"atlas_check_precomputed": 3, "atlas_plot": 3})],
)
def test_a_stage_made_anew_takes_along_only_what_depends_on_it(three, forced, also):
    jobs = rules(three, "--forcerun", forced)
    assert jobs.pop("all") == jobs.pop("publish_page") == jobs.pop("publish_check") == 1
    assert jobs == {forced: 3, "publish_manifest": 3} | also
