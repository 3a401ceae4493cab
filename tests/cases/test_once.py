"""A campaign run once, as containers do: its marker says that all of it is made."""

import signal
import subprocess
import sys
import time

from campaign import ROOT, environment

GOOD, BAD = ("made", "sample:icartt", {}), ("missing", "sample:nothing-of-this-name", {})


def start(folder, **variables):
    line = [sys.executable, ROOT / "darkroom", "once", "config/config.yaml"]
    told = environment() | variables
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=told)


def run(folder, **variables):
    process = start(folder, **variables)
    said, _ = process.communicate(timeout=900)
    return process.returncode, said


def test_the_marker_is_there_when_all_is_made(campaign):
    campaign.write([GOOD], "airborne")
    status, said = run(campaign.folder, EXPECTED_OUTPUT_FILE="out/of the way/made.marker")
    assert status == 0, said
    assert (campaign.folder / "out/of the way/made.marker").exists()
    assert not (campaign.folder / "done.marker").exists()
    assert (campaign.results / "made/manifest.json").exists()


def test_a_failure_takes_the_marker_of_before_away(campaign):
    campaign.write([GOOD, BAD], "airborne")
    marker = campaign.folder / "done.marker"
    marker.touch()
    status, said = run(campaign.folder)
    assert status == 1
    assert said.splitlines()[-1] == "once: snakemake ended with status 1; done.marker is not written"
    assert not marker.exists()
    marker.touch()
    (campaign.folder / "config/config.yaml").unlink()
    status, said = run(campaign.folder)
    assert (status, said.splitlines()[-1]) == (1, "once: config/config.yaml: there is no such config")
    assert not marker.exists()


def test_it_ends_when_it_is_told_to(campaign):
    campaign.write([GOOD], "airborne")
    process = start(campaign.folder)
    deadline = time.monotonic() + 600
    while not (campaign.folder / ".snakemake").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == 1
    assert not (campaign.folder / "done.marker").exists()
