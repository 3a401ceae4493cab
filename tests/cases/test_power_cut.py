"""What a power cut or a kill leaves: files that have lost their end, locks of the dead. The same command goes on."""

import os
import random
import signal
import subprocess

import pytest

from campaign import Campaign
from darkroom import files

ROWS = [
    "labels\tatlas\tsample:labels\t{type: segmentation, ome_zarr: true}\t",
    "sondes\tairborne\tsample:dropsondes\t\t",
    "mars\tplanetary\tsample:ctx\t\tctx",
]
OURS = ("inventory.json", "manifest.json", "volume.json", "granules.json", "planetary.json", "airborne_check.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A campaign that was made, and what it consists of."""
    made = Campaign(tmp_path_factory.mktemp("cut")).write(ROWS)
    made.run()
    made.before = made.tree()
    try:
        os.getxattr(made.results / "mars/calibrated.cub", files.SIZE)
    except OSError:
        pytest.skip("this file system keeps no attributes of files")
    return made


def everything(campaign):
    """Files of the campaign, its sources included, in order."""
    folders = (campaign.results, campaign.folder / "resources")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def test_any_files_that_were_cut_are_named_and_made_again(whole):
    chance = random.Random(1)
    ours = [path for path in everything(whole) if path.name in OURS]
    others = [path for path in everything(whole) if path.stat().st_size > 0 and path not in ours]
    cut = chance.sample(ours, 6) + chance.sample(others, 20)
    for path in cut:
        size = path.stat().st_size
        os.truncate(path, chance.choice([0, size // 2, size - 1]))
    planned = whole.run("--dry-run")
    assert "Traceback" not in planned and all(path.exists() for path in cut)
    said = whole.run()
    assert all(f"{path.relative_to(whole.folder)}: has lost its end" in said for path in cut)
    assert whole.tree() == whole.before
    assert "Nothing to be done" in whole.run()


def test_a_file_that_its_user_made_longer_is_left_alone(whole):
    with (whole.results / "sondes/granules.json").open("a") as file:
        file.write("\n")
    assert "lost its end" not in whole.run("--dry-run")
    whole.run()
    assert whole.tree().keys() == whole.before.keys()


def started(campaign):
    """A run whose jobs have begun: what it said so far is read."""
    process = campaign.start()
    for line in process.stdout:
        if line.startswith(("localrule", "rule ")):
            return process
    raise AssertionError("it ended before any job")


def test_the_lock_of_a_dead_run_is_removed_and_that_of_a_live_one_is_not(campaign):
    campaign.write(ROWS[1:2])
    process = started(campaign)
    os.kill(process.pid, signal.SIGSTOP)  # it lives, and does nothing
    try:
        said = campaign.run(fails=True)
        assert "cannot be locked" in said or "LockException" in said
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        os.kill(process.pid, signal.SIGKILL)  # it alone: its jobs know nothing of it
    process.wait()
    said = campaign.run()
    assert f"the lock of a run that is dead (process {process.pid}) is removed" in said
    process.stdout.close()
    assert len(list(campaign.results.glob("*/manifest.json"))) == 1


def test_a_config_that_multiplies_is_refused_at_once(campaign):
    campaign.write(ROWS)
    with (campaign.folder / "config/config.yaml").open("a") as file:
        file.write("a: &a [x, x, x, x, x, x, x, x, x]\n")
        file.writelines(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        file.write("atlas: {type: *i}\n")
    assert "config.yaml line 1: with its aliases it comes to" in campaign.run("--dry-run", fails=True)
    (campaign.folder / "config/config.yaml").write_text("campaign: case\ndatasets: datasets.tsv\ncampaign: other\n")
    assert "config.yaml line 3: key 'campaign' stands twice" in campaign.run("--dry-run", fails=True)


def test_a_cache_of_sources_that_is_full_is_named(campaign, monkeypatch):
    """Snakemake copies rules and scripts to a folder of its own, below the home folder where nothing else is said."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root")
    small = campaign.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", small], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(small))
        said = campaign.write(ROWS).run("--dry-run", fails=True)
    finally:
        subprocess.run(["umount", small], check=True)
    assert f"Snakemake's cache of sources, {small}/snakemake" in said and "No space left on device" in said
