"""Real recordings, and isx (the vendor's reader, from PyPI) as judge of what we read and of what we wrote.

isx is licensed for non-commercial use (CC BY-NC 4.0) and in no lock file: `pip install isx` by whoever may use it.
"""

import json
import math
import os
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from darkroom.calcium import movie as movies
from darkroom.calcium.readers import gpio, imu, isxd
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing

GAPS = {"dropped": (3,), "cropped": (4, 5), "blank": (11,)}
START = Fraction(1625019093320, 1000)


@pytest.fixture(scope="module")
def isx():
    return pytest.importorskip("isx", reason="isx is not installed; its licence lets it be no dependency")


@pytest.fixture(scope="module")
def recordings(samples):
    return samples / "calcium"


def truth(recordings, name):
    return json.loads((recordings / "generated/generated_truth.json").read_text())[name]


# What is kept of isx's reading (a JSON beside the samples)


def test_device_movie(recordings):
    path = recordings / "generated/device_movie.isxd"
    expected = truth(recordings, path.name)
    read = isxd.read_movie(path)
    assert read.shape == (expected["valid"], expected["height"], expected["width"])
    assert read.read().sum(axis=(1, 2)).tolist() == expected["frame_sums"]
    assert float(read.timing.period) == pytest.approx(expected["period_from_tsc_s"], abs=1e-12)
    assert list(read.timing.dropped) == expected["dropped"] and list(read.timing.blank) == expected["blank"]
    assert read.timing.as_json()["cropped"] == expected["cropped"]
    stamps = dict(zip(read.timing.valid.tolist(), isxd.headers(path)["stamp_us"].tolist(), strict=True))
    assert all(stamps[int(sample)] == stamp for sample, stamp in expected["timestamps_us"].items())
    assert any("time stamps" in note for note in read.notes)


def test_cell_sets(recordings):
    cells = isxd.read_cell_set(recordings / "cellset_series_part1-PCA-ICA.isxd")
    assert cells.images.shape == (20, 52, 50) and cells.traces.shape == (20, 2047)
    assert cells.centres[0] == (11, 31) and cells.units == "dF over F"
    assert set(cells.statuses) == {"undecided"}
    without = isxd.read_cell_set(recordings / "cellset_series_part1.isxd")
    assert without.centres == (None,) * 6  # the smallest int64 in the file
    assert set(isxd.read_cell_set(recordings / "cellset_rejected_cells_only.isxd").statuses) == {"rejected"}


def test_event_set(recordings):
    events = isxd.read_signals(recordings / "sample_eventset_msr_1.isxd")
    assert [len(offsets) for offsets, _ in events.channels.values()] == [2072, 2984, 2141, 3544, 2763]
    assert all((np.diff(offsets) > 0).all() for offsets, _ in events.channels.values())
    assert events.steps["C001"] == Fraction(603240466, 12074000000) and events.kind == "events"


@pytest.mark.parametrize("name", ["nvista3.gpio", "dual_closed_loop.gpio"])
def test_gpio(recordings, name):
    """But for channels that the file never tells, and for a microsecond that isx is low in some values."""
    read, expected = gpio.read_gpio(recordings / "generated" / name), truth(recordings, name)["channels"]
    expected = {channel: pairs for channel, pairs in expected.items() if any(value is not None for _, value in pairs)}
    assert read.channels.keys() == expected.keys()
    low = 0
    for channel, pairs in expected.items():
        offsets, values = read.channels[channel]
        times = np.array([time for time, _ in pairs])
        assert len(offsets) == len(pairs) and set(offsets - times) <= {0, 1}
        low += np.count_nonzero(offsets - times)
        true_values = [math.nan if value is None else value for _, value in pairs]
        assert np.allclose(values, true_values, rtol=1e-5, equal_nan=True)
    assert low <= 2
    assert read.start * 1000 == 1625019093320 and read.utc_offset == -25200
    assert read.units == {channel: "mW" for channel in expected if "LED" in channel}
    assert read.notes == tuple(
        f"1 {what} of {name}"
        for what in ("words that are no packet", "gaps of lost packets", "packets of unknown type or wrong size")
    )


def test_imu(recordings):
    read, expected = imu.read_imu(recordings / "generated/motion.imu"), truth(recordings, "motion.imu")
    for channel, (offsets, values) in read.channels.items():
        told = expected[channel]
        assert (len(values), np.isnan(values).sum(), offsets[-1]) == (told["n"], told["nan"], told["last_us"])
        assert values[:3].tolist() == pytest.approx(told["first"]) and np.nansum(values) == pytest.approx(told["sum"])
    assert np.flatnonzero(np.isnan(read.channels["Acc x"][1])).tolist() == expected["dropped"]
    assert any("2 samples of Acc were dropped" in note for note in read.notes)


@pytest.mark.parametrize("size", [50, 1000, 4200])
def test_a_cut_imu_file_is_named(recordings, tmp_path, size):
    path = tmp_path / "a.imu"
    path.write_bytes((recordings / "generated/motion.imu").read_bytes()[:size])
    with pytest.raises(ValueError, match=r"a\.imu: is no \.imu file"):
        imu.read_imu(path)


def test_half_written(recordings):
    with pytest.raises(ValueError, match="has no trailer"):
        isxd.read_movie(recordings / "generated/half_written.isxd")


# isx itself


def same_movie(isx, path):
    ours, theirs = isxd.read_movie(path), isx.Movie.read(str(path))
    assert theirs.spacing.num_pixels == ours.shape[1:] and theirs.data_type == ours.dtype.type
    assert theirs.timing.num_samples == ours.timing.samples
    assert list(theirs.timing.get_valid_samples()) == ours.timing.valid.tolist()
    assert theirs.timing.period.secs_float == pytest.approx(float(ours.timing.period), abs=1e-9)
    assert theirs.timing.start._to_secs_since_epoch().secs_float == pytest.approx(float(ours.timing.start), abs=1e-3)
    for frame, sample in zip(ours.read(), ours.timing.valid.tolist(), strict=True):
        assert np.array_equal(theirs.get_frame_data(sample), frame)


def same_cells(isx, path):
    ours, theirs = isxd.read_cell_set(path), isx.CellSet.read(str(path))
    assert theirs.num_cells == len(ours.names) and theirs.timing.num_samples == ours.timing.samples
    for cell, name in enumerate(ours.names):
        assert theirs.get_cell_name(cell) == name and theirs.get_cell_status(cell) == ours.statuses[cell]
        assert np.array_equal(theirs.get_cell_image_data(cell), ours.images[cell], equal_nan=True)
        assert np.array_equal(theirs.get_cell_trace_data(cell), ours.traces[cell], equal_nan=True)


def same_events(isx, path):
    """isx computes offsets from fractions and is a microsecond low in some 2 % of them; stored is the right one."""
    ours, theirs = isxd.read_signals(path), isx.EventSet.read(str(path))
    for cell, (name, (offsets, values)) in enumerate(ours.channels.items()):
        assert theirs.get_cell_name(cell) == name
        seen, heights = theirs.get_cell_data(cell)
        low = offsets - np.asarray(seen, np.int64)
        assert set(low.tolist()) <= {0, 1} and low.sum() <= max(3, 0.05 * len(low))
        assert np.array_equal(heights, values)


@pytest.mark.parametrize("name", ["movie_part3.isxd", "generated/device_movie.isxd"])
def test_isx_reads_the_same_of_movies(isx, recordings, name):
    same_movie(isx, recordings / name)


def test_isx_reads_the_same_of_cells_and_events(isx, recordings):
    for path in recordings.glob("cellset*.isxd"):
        same_cells(isx, path)
    same_events(isx, recordings / "sample_eventset_msr_1.isxd")


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("stamped", [False, True])
def test_isx_reads_our_movies(isx, tmp_path, dtype, stamped):
    timing = Timing(Fraction(1, 20), 13, START, -25200, **GAPS)
    values = np.random.default_rng(1).integers(0, 255, (9, 5, 7)).astype(dtype)
    stamps = 10**12 + 50_010 * timing.valid if stamped else None
    made = movies.of_array(values, timing=timing, pixel_size=(2.5, 3.0))
    isxd.write_movie(tmp_path / "a.isxd", made, {"producer": {"version": "1.5.1"}}, stamps)
    same_movie(isx, tmp_path / "a.isxd")


@pytest.mark.parametrize("count", [0, 1, 4])
def test_isx_reads_our_cells(isx, tmp_path, count):
    rng, timing = np.random.default_rng(2), Timing(Fraction(1, 10), 8, START, 0, dropped=(2,))
    images, traces = rng.random((count, 6, 4), np.float32), rng.random((count, 8), np.float32)
    traces[:, 2] = np.nan
    statuses = ("accepted", "undecided", "rejected", "accepted")[:count]
    names = tuple(f"C{at}" for at in range(count))
    isxd.write_cell_set(
        tmp_path / "a.isxd", isxd.CellSet(images, traces, timing, names, statuses, (3.0, 2.0), (), "dF")
    )
    same_cells(isx, tmp_path / "a.isxd")


def test_isx_reads_our_events(isx, tmp_path):
    rng = np.random.default_rng(3)
    channels = {
        f"C{at}": (np.sort(rng.choice(60_000_000, 40, False)), rng.random(40, np.float32)) for at in range(3)
    } | {"C3": (np.array([], int), np.array([], "f4"))}
    steps = dict.fromkeys(channels, Fraction(1, 20))
    isxd.write_event_set(tmp_path / "a.isxd", Signals(channels, START, 0, Fraction(60), steps, "events"))
    same_events(isx, tmp_path / "a.isxd")


@pytest.mark.parametrize("name", ["nvista3.gpio", "dual_closed_loop.gpio", "motion.imu"])
def test_isx_reads_the_same_of_signals(isx, recordings, tmp_path, name, monkeypatch):
    """isx leaves a converted file in the temporary folder, where two of one name would meet."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    path = Path(shutil.copy(recordings / "generated" / name, tmp_path / f"{os.getpid()}_{name}"))
    read = imu.read_imu if name.endswith(".imu") else gpio.read_gpio
    ours, theirs = read(path), isx.GpioSet.read(str(path))
    channels = [theirs.get_channel_name(at) for at in range(theirs.num_channels)]
    assert set(ours.channels) <= set(channels)
    for channel, (offsets, values) in ours.channels.items():
        seen, amplitudes = theirs.get_channel_data(channels.index(channel))
        assert set((offsets - np.asarray(seen, np.int64)).tolist()) <= {0, 1}
        assert np.allclose(amplitudes, values, rtol=1e-6, equal_nan=True)
