"""Campaigns of engine idps, with a stand-in for IDPS (tests/idps_standin.py); no real IDPS is here."""

import csv
import json
import os
from fractions import Fraction

import numpy as np
import pytest
from pynwb import NWBHDF5IO

import idps_standin
from campaign import Campaign
from darkroom.calcium.movie import of_array
from darkroom.calcium.readers import isxd
from darkroom.calcium.timing import Timing

INSTALLER = "my installers/Inscopix Data Processing 9.9.9.sh"
PERIOD = Fraction(1, 20)
START = Fraction(1_700_000_000)
SIZE, FRAMES, SIDE = (36, 44), 120, 8
DROPPED = (50, 51)


def record(path, seed, start):
    """A recording in which each block of 8 x 8 pixels (after downsampling by 2, of 4 x 4) flares up twice."""
    dice = np.random.default_rng(seed)
    valid = np.setdiff1d(np.arange(FRAMES), DROPPED)
    frames = dice.integers(95, 106, (len(valid), *SIZE)).astype(np.uint16)
    for top in range(0, SIZE[0] - 15, 16):
        for left in range(0, SIZE[1] - 15, 16):
            for begin in dice.choice(np.arange(5, FRAMES - 20, 12), 2, replace=False):
                decay = 300 * np.exp(-np.arange(10) / 4)
                for frame, height in zip(range(begin, begin + 10), decay, strict=True):
                    frames[frame, top : top + 16, left : left + 16] += np.uint16(height)
    timing = Timing(PERIOD, FRAMES, start, 3600, dropped=DROPPED)
    path.parent.mkdir(parents=True, exist_ok=True)
    isxd.write_movie(path, of_array(frames, timing=timing, pixel_size=(2.0, 2.0)))


def prepare(folder, rows, **config):
    """A campaign of rows of engine idps, with an installer in a folder with a blank in its name."""
    library = idps_standin.shared_library(folder / "library")
    if library is None:
        pytest.skip("neither gcc nor a module of Python's own is here to make a library of")
    (folder / INSTALLER).parent.mkdir()
    log = idps_standin.installer(folder / INSTALLER, idps_standin.tree(library, nested=True))
    calcium = {"engine": "idps", "installer": INSTALLER, "threshold": 1.5, "spatial_downsample_factor": 2} | config
    campaign = Campaign(folder).write(rows, "calcium", calcium=calcium)
    campaign.log = log
    return campaign


@pytest.fixture(scope="module")
def idps(tmp_path_factory):
    """A recording in two files with a pause between them, analysed; and one that IDPS dies of."""
    folder = tmp_path_factory.mktemp("idps case")
    record(folder / "raw/a.isxd", 2, START)
    record(folder / "raw/b.isxd", 3, START + 10)
    campaign = prepare(folder, [("mouse", "raw", {"filters": [["SNR", ">", 1]]}), ("deadly", "raw/a.isxd", {})])
    (campaign.results / "deadly").mkdir(parents=True)
    (campaign.results / "deadly/IDPS_FAULT").write_text("run_cnmfe=segv")
    campaign.said = campaign.run("--keep-going", fails=True)
    campaign.row = campaign.results / "mouse"
    return campaign


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_products_are_made(idps):
    manifest = json.loads((idps.row / "manifest.json").read_text())
    products = {"movie.h5", "session.nwb", "cells.csv", "traces.csv", "events.csv", "motion.csv", "preview.png"}
    assert products <= {path.name for path in idps.row.iterdir()}
    assert manifest["checks"]["calcium_check"]["passed"]
    assert (idps.row / "idps/done.marker").exists()
    notes = json.dumps(manifest)
    assert "analysed by IDPS: Inscopix Data Processing 9.9.9.sh" in notes
    assert "low_bandpass_cutoff is IDPS's own" in notes
    assert idps.log.read_text() == "ran\n"


def test_the_session_has_what_idps_found(idps):
    names = json.loads((idps.row / "idps/outputs.json").read_text())
    assert names["cells"] == ["cells-000.isxd", "cells-001.isxd"]
    sets = [isxd.read_cell_set(idps.row / "idps" / name) for name in names["cells"]]
    made = np.concatenate([one.traces[:, one.timing.valid] for one in sets], axis=1)
    cells = read(idps.row / "cells.csv")
    assert len(cells) == len(made) == 4
    assert {cell["status"] for cell in cells} <= {"accepted", "rejected"}
    with NWBHDF5IO(idps.row / "session.nwb") as file:
        series = file.read().processing["ophys"]["Fluorescence"].roi_response_series.values()
        assert any(one.data.shape == made.T.shape and np.allclose(one.data[:], made.T) for one in series)
    events = [isxd.read_signals(idps.row / "idps" / name).channels.values() for name in names["events"]]
    assert len(read(idps.row / "events.csv")) == sum(len(offsets) for part in events for offsets, _ in part) > 0


def test_the_pause_between_two_files_is_kept(idps):
    times = np.array([float(row["time_s"]) for row in read(idps.row / "motion.csv")])
    assert len(times) == 2 * (FRAMES - len(DROPPED))
    assert times[FRAMES - len(DROPPED)] == 10
    events = [float(row["time_s"]) for row in read(idps.row / "events.csv")]
    assert min(events) < 6 and max(events) > 10


def test_a_failure_of_idps_leaves_its_diagnosis_and_no_marker(idps):
    assert "calcium_process: adapter.py was killed by SIGSEGV" in idps.said
    assert [path.name for path in (idps.results / "deadly/idps").iterdir()] == ["diagnostics.txt"]
    assert not (idps.results / "deadly/manifest.json").exists()


def test_a_second_run_does_nothing(idps):
    assert "Nothing to be done" in idps.run("--dry-run", "results/case/mouse/manifest.json")


def test_an_installation_that_was_damaged_is_made_anew(idps):
    [library] = (idps.folder / "resources/idps").rglob("libisxpublicapi.so")
    before = (idps.results / "versions.json").read_bytes()
    os.truncate(library, 5000)
    idps.run("--forcerun", "calcium_install", "--until", "calcium_install")
    assert idps.log.read_text() == "ran\nran\n"
    assert (idps.results / "versions.json").read_bytes() == before
