"""Recordings of many kinds to their products, step by step: no kind ends half-way, and none loses its frames."""

import csv

import h5py
import numpy as np
import pytest
import tifffile
from scipy import ndimage

import calcium_recordings as recordings
from calcium_session import analysed
from darkroom.calcium import movie as movies
from darkroom.calcium import store
from darkroom.calcium.readers import isxd
from darkroom.calcium.timing import Timing

TOLD = {"start": "2024-05-17T14:03:00+02:00", "rate": 20}


@pytest.fixture(scope="module")
def frames():
    return recordings.made(frames=60, lost=0).read(0, 60)


def write(path, values):
    timing = Timing(recordings.Fraction(1, 20), len(values), recordings.Fraction(recordings.START), 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    isxd.write_movie(path, movies.of_array(values, timing=timing, pixel_size=(2.0, 2.0)))


def pages(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for frame in values:
            file.write(frame, photometric="minisblack")


def lost_border(path, values):
    values = values.astype("f4") - 2000
    values[:, :4] = np.nan
    write(path, values)


def array(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["a movie"] = values.astype("i4")


def parts(folder, values):
    write(folder / "b.isxd", values[:30])
    late = Timing(recordings.Fraction(1, 20), 30, recordings.Fraction(recordings.START + 9), 0)
    isxd.write_movie(folder / "a.isxd", movies.of_array(values[30:], timing=late, pixel_size=(2.0, 2.0)))


KINDS = {
    # name of the source: how it is written, options, and the frames, rows and columns before registration
    "of 8 bits.isxd": (lambda path, values: write(path, (values // 16).astype("u1")), {}, (60, 88, 96)),
    "page by page.tif": (pages, TOLD | {"spatial_downsample_factor": 3}, (60, 29, 32)),
    "border.isxd": (lost_border, {"crop_rect": [4, 0, 87, 95]}, (60, 84, 96)),
    "whole numbers.h5": (array, TOLD | {"array": "a movie", "temporal_downsample_factor": 2}, (30, 88, 96)),
    "in parts": (parts, {"preserve_input_dimensions": True}, (60, 88, 96)),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_recording_of_any_kind_comes_to_its_end(tmp_path, frames, name):
    make, options, shape = KINDS[name]
    raw, folder = tmp_path / "raw data" / name, tmp_path / "made"
    make(raw, frames)
    check = analysed(folder, raw, **recordings.OPTIONS | options)
    assert check["checks"]["calcium_check"]["passed"] and check["checks"]["calcium_check"]["frames"] == shape[0]
    assert store.open_movie(folder / "corrected.h5").shape == shape
    assert np.isfinite(store.open_movie(folder / "movie.h5").read()).all()
    assert not list(folder.glob("*.part"))


def test_no_cell_is_said(tmp_path):
    """Tissue and noise: tables without a line, a set without a cell, an NWB file that is whole."""
    tissue = 60 * ndimage.gaussian_filter(np.random.default_rng(4).normal(0, 4, (56, 60)), 2)
    write(tmp_path / "noise.isxd", np.random.default_rng(5).normal(500 + tissue, 10, (80, 56, 60)).astype("u2"))
    folder = tmp_path / "made"
    options = recordings.OPTIONS | {"temporal_downsample_factor": 2}
    assert "no cell was found" in analysed(folder, tmp_path / "noise.isxd", **options)["notes"]
    for name in ("cells.csv", "events.csv"):
        with (folder / name).open(newline="") as file:
            assert list(csv.DictReader(file)) == []
    assert len(isxd.read_cell_set(folder / "cells.isxd").names) == 0
    assert (folder / "session.nwb").is_file() and (folder / "preview.png").is_file()
