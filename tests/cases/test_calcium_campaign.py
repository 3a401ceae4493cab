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
from scipy import ndimage

import calcium_recordings as recordings
from campaign import Campaign
from darkroom.calcium import movie as movies
from darkroom.calcium import store
from darkroom.calcium.readers import isxd

START = "2024-05-17T14:03:00+02:00"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A campaign of several kinds of recordings, and what it said."""
    campaign = Campaign(tmp_path_factory.mktemp("calcium"))
    raw = campaign.folder / "raw"
    monday = recordings.made(frames=300)
    recordings.write(raw / "monday/b.isxd", monday, 0, 150)
    recordings.write(raw / "monday/a.isxd", monday, 150)
    some = recordings.made(frames=80)
    tifffile.imwrite(raw / "some.tif", some.read(0, 60), photometric="minisblack")
    tifffile.imwrite(raw / "masks.tif", some.footprints.toarray().reshape(-1, 88, 96), photometric="minisblack")
    tissue = 60 * ndimage.gaussian_filter(np.random.default_rng(4).normal(0, 4, (56, 60)), 2)
    noise = np.random.default_rng(5).normal(500 + tissue, 10, (80, 56, 60)).astype("u2")
    isxd.write_movie(raw / "noise.isxd", movies.of_array(noise).changed(timing=recordings_timing(80)))
    rois = {"start": START, "rate": 20, "method": "rois", "rois": "raw/masks.tif", "preserve_input_dimensions": True}
    campaign.write(
        [
            ("monday", "raw/monday", {"movies": ["isxd"], "filters": [["SNR", ">", 1]]}),
            ("masks", "raw/some.tif", rois),
            ("noise", "raw/noise.isxd", {"temporal_downsample_factor": 2}),
            ("animal", "", {"sessions": ["monday", "masks"]}, "longitudinal"),
        ],
        pipeline="calcium",
        calcium=recordings.OPTIONS,
    )
    campaign.recording = monday
    campaign.said = campaign.run()
    return campaign


def recordings_timing(samples):
    from fractions import Fraction

    from darkroom.calcium.timing import Timing

    return Timing(Fraction(1, 20), samples, Fraction(recordings.START), 0)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def manifest(campaign, dataset):
    return json.loads((campaign.results / dataset / "manifest.json").read_text())


def test_every_dataset_is_whole(made):
    for dataset in ("monday", "masks", "noise", "animal"):
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


def test_no_cell_is_said(made):
    folder = made.results / "noise"
    assert rows(folder / "cells.csv") == [] and rows(folder / "events.csv") == []
    assert "no cell was found" in manifest(made, "noise")["notes"]
    assert (folder / "session.nwb").is_file() and (folder / "preview.png").is_file()


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


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(campaign, tmp_path_factory):
    reference = Campaign(tmp_path_factory.mktemp("reference"))
    for one in (reference, campaign):
        recordings.write(one.folder / "raw.isxd", recordings.made(frames=120))
        jobs = {"jobs": 2} if one is campaign else {}  # split or not, the result is the same
        one.write([("one", "raw.isxd", jobs)], pipeline="calcium", calcium=recordings.OPTIONS)
    reference.run()
    for awaited in ("corrected.h5", "cells.h5"):
        process = campaign.start("--nolock")  # as a lock is what a kill leaves
        while process.poll() is None and not (campaign.results / "one" / awaited).exists():
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[0]
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (campaign.results / "one/manifest.json").exists()
    campaign.run("--nolock")
    assert not list(campaign.results.rglob("*.part"))
    ours, theirs = campaign.tree(), reference.tree()
    assert ours.keys() == theirs.keys()
    said = {"one/manifest.json", "index.html", "catalog.json"}  # these tell the options
    assert not [path for path in ours if ours[path] != theirs[path] and path not in said]
