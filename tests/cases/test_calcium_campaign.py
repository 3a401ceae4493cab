"""Calcium campaigns: a series, other formats, other methods, several sessions; resuming; what is refused."""

import csv
import json
import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest
import tifffile

import calcium_recordings as recordings
from campaign import Campaign
from darkroom.calcium import store
from darkroom.calcium.readers import isxd

START = "2024-05-17T14:03:00+02:00"
MONDAY = {"movies": ["isxd"], "filters": [["SNR", ">", 1]]}


def write_series(folder):
    """Write a recording in two parts, the later one first by name; returns it."""
    recording = recordings.made(frames=200)
    recordings.write(folder / "b.isxd", recording, 0, 100)
    recordings.write(folder / "a.isxd", recording, 100)
    return recording


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A campaign of several kinds of recordings, and what it said."""
    campaign = Campaign(tmp_path_factory.mktemp("calcium"))
    raw = campaign.folder / "raw"
    monday = write_series(raw / "monday")
    some = recordings.made(frames=80)
    tifffile.imwrite(raw / "some.tif", some.read(0, 60), photometric="minisblack")
    tifffile.imwrite(raw / "masks.tif", some.footprints.toarray().reshape(-1, 88, 96), photometric="minisblack")
    rois = {"start": START, "rate": 20, "method": "rois", "rois": "raw/masks.tif", "preserve_input_dimensions": True}
    campaign.write(
        [
            ("monday", "raw/monday", MONDAY),
            ("masks", "raw/some.tif", rois),
            ("animal", "", {"sessions": ["monday", "masks"]}, "longitudinal"),
        ],
        pipeline="calcium",
        calcium=recordings.OPTIONS,
    )
    campaign.recording = monday
    campaign.said = campaign.run()
    return campaign


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def manifest(campaign, dataset):
    return json.loads((campaign.results / dataset / "manifest.json").read_text())


def test_every_dataset_is_whole(made):
    for dataset in ("monday", "masks", "animal"):
        said = subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=made.results / dataset)
        assert said.returncode == 0
        assert all(check["passed"] for check in manifest(made, dataset)["checks"].values())
    assert not list(made.results.glob("*/corrected.h5"))


def test_a_series_is_one_movie_in_the_order_of_time(made):
    folder = made.results / "monday"
    session = json.loads((folder / "session.json").read_text())
    assert session["movies"] == ["b.isxd", "a.isxd"]
    registered = store.open_movie(folder / "movie.h5")
    assert np.allclose(registered.timing.times, made.recording.valid / 20)
    cells = len(rows(folder / "cells.csv"))
    assert 5 <= cells <= 7 and "accepted" in {row["status"] for row in rows(folder / "cells.csv")}
    assert len(rows(folder / "traces.csv")) == len(registered) == len(rows(folder / "motion.csv"))
    again = isxd.read_movie(folder / "movie.isxd")
    assert (again.read() == registered.read()).all() and again.timing.valid.tolist() == registered.timing.valid.tolist()
    assert isxd.read_cell_set(folder / "cells.isxd").images.shape[0] == cells


def test_motion_is_that_of_the_truth(made):
    shifts = np.array(
        [
            [float(row["translationY_px"]), float(row["translationX_px"])]
            for row in rows(made.results / "monday/motion.csv")
        ]
    )
    wrong = shifts + made.recording.shifts[made.recording.valid]
    assert np.median(np.hypot(*(wrong - np.median(wrong, axis=0)).T)) < 0.1


def test_given_cells(made):
    cells = rows(made.results / "masks/cells.csv")
    assert len(cells) == 6 and {row["status"] for row in cells} == {"undecided"}
    notes = " ".join(manifest(made, "masks")["notes"])
    assert "mean of the frame" in notes


def test_cells_of_two_sessions_have_one_name(made):
    matches = rows(made.results / "animal/matches.csv")
    both = [row for row in matches if row["monday"] and row["masks"]]
    assert len(both) >= 4 and len({row["cell"] for row in matches}) == len(matches)
    transform = json.loads((made.results / "animal/sessions.json").read_text())["sessions"][1]["to_first_yx"]
    assert np.allclose(np.array(transform)[:, :2], np.eye(2), atol=0.05)


def test_a_second_run_does_nothing(made):
    assert "Nothing to be done" in made.run()


def test_a_changed_option_makes_again_what_depends_on_it(made):
    config = made.folder / "config/config.yaml"
    before = config.read_text()
    config.write_text(before.replace("calcium:\n", "calcium:\n  threshold: 6\n"))
    said = made.run("--dry-run")
    config.write_text(before)
    jobs = set(re.findall(r"^(?:local)?rule (calcium_\w+):", said, re.MULTILINE))
    assert {"calcium_detect_events", "calcium_correct_cells", "calcium_convert"} <= jobs
    assert not {"calcium_correct", "calcium_detect_motion", "calcium_project", "calcium_detect_cells"} & jobs


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(made, campaign):
    """And split or not, the result is the same."""
    write_series(campaign.folder / "raw/monday")
    campaign.write([("monday", "raw/monday", MONDAY | {"jobs": 2})], pipeline="calcium", calcium=recordings.OPTIONS)
    for awaited in ("corrected.h5", "cells.h5"):
        process = campaign.start("--nolock")  # as a lock is what a kill leaves
        while process.poll() is None and not (campaign.results / "monday" / awaited).exists():
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[0]
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (campaign.results / "monday/manifest.json").exists()
    campaign.run("--nolock")
    assert not list(campaign.results.rglob("*.part"))
    ours = campaign.tree()
    theirs = {path: content for path, content in made.tree().items() if path.startswith("monday/")}
    assert {path for path in ours if path.startswith("monday/")} == theirs.keys()
    assert not [
        path for path in theirs if ours[path] != theirs[path] and path != "monday/manifest.json"
    ]  # tells options
