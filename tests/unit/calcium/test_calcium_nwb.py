"""NWB files: judged by nwbinspector, read back by pynwb; the same bytes for the same input."""

from fractions import Fraction

import numpy as np
import pytest
from hdmf.common import DynamicTable
from nwbinspector import inspect_nwbfile, load_config
from pynwb import NWBHDF5IO
from roiextractors import NwbSegmentationExtractor
from scipy import sparse

from darkroom.calcium import movie, nwb
from darkroom.calcium.cells import Cells
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing

SHAPE, FRAMES = (10, 14), 60
SAID = {
    "subject": {"id": "m1", "species": "Mus musculus", "sex": "F", "age": "P90D", "description": "A made-up mouse."},
    "experimenter": ["Doe, Jane"],
    "institution": "An Institute",
    "lab": "A Lab",
    "keywords": ["calcium imaging", "one-photon"],
    "session_description": "Running on a wheel.",
    "experiment_description": "Activity of cells during running.",
    "location": "CA1",
    "indicator": "GCaMP6f",
    "excitation_lambda": 475.0,
    "emission_lambda": 525.0,
    "device": {"name": "nVista", "manufacturer": "Inscopix", "description": "Miniature microscope."},
}
SESSION = {"dataset": "one", "files": [{"name": "a.isxd", "bytes": 7, "sha256": "0" * 64}]}


def session(tmp_path, count=3, dropped=(4,), said=SAID, name="a.nwb"):
    """Write a session of some cells; returns its path and what was written."""
    rng = np.random.default_rng(3)
    start = Fraction(1_700_000_000)
    timing = Timing(Fraction(1, 20), FRAMES + len(dropped), start, -25200, dropped=dropped)
    footprints = rng.random((count, SHAPE[0] * SHAPE[1]), np.float32) * (rng.random((count, SHAPE[0] * SHAPE[1])) > 0.8)
    raw = rng.normal(0, 1, (count, FRAMES)).astype("f4")
    cells = Cells(
        sparse.csr_array(footprints), SHAPE, raw / 2, raw, np.full(count, 2.0), np.array([10.0, -1.0, 5.0])[:count],
        "df_over_noise", np.ones(count, int),
    )  # fmt: skip
    table = {
        "name": [f"C{at}" for at in range(count)],
        "status": ["accepted", "rejected", "undecided"][:count],
        "snr": [5.0, 2.0, 3.0][:count],
        "event_rate": [0.1] * count,
        "size": [12.0] * count,
        "components": [1] * count,
    }
    events = [(np.array([0.5, 1.0 + at]), np.array([2.0, 3.0], "f4")) for at in range(count)]
    pictures = {"mean": rng.random(SHAPE), "correlation": rng.random(SHAPE)}
    line = (np.array([0, 10_000, 25_000]), np.array([1, np.nan, 0], "f4"))
    gpio = Signals({"BNC Sync Output": line, "EX-LED": line}, start, 0, Fraction(3), {}, "gpio", {"EX-LED": "mW"})
    acc = {f"Acc {axis}": (np.arange(5) * 20_000, rng.random(5, np.float32)) for axis in "xyz"}
    imu = Signals(acc, start + 1, 0, Fraction(3), {}, "imu")
    path = tmp_path / name
    motion = rng.normal(0, 1, (FRAMES, 2))
    field = movie.of_array(np.zeros((FRAMES, *SHAPE), "f4"), timing=timing, pixel_size=(3.0, 3.0))
    nwb.write(
        path,
        SESSION,
        field,
        cells,
        table,
        events,
        {"denoised": raw, "spikes": raw},
        motion,
        pictures,
        [gpio, imu],
        said,
        ["registered"],
    )
    return path, cells, table, events, pictures, motion, timing


def findings(path, config=None):
    """What nwbinspector finds, but for one exception: a session with fewer frames than cells or pixels looks turned."""
    messages = inspect_nwbfile(nwbfile_path=path, config=load_config(config) if config else None)
    return [f"{one.importance.name} {one.check_function_name} {one.location}: {one.message}" for one in messages]


@pytest.mark.parametrize("config", [None, "dandi"])
@pytest.mark.parametrize("dropped", [(), (4,)])
def test_the_inspector_finds_nothing(tmp_path, config, dropped):
    assert findings(session(tmp_path, dropped=dropped)[0], config) == []


def test_the_inspector_finds_what_is_wrong(tmp_path):
    path = session(tmp_path, said=SAID | {"subject": {}})[0]
    assert any("subject" in finding for finding in findings(path, "dandi"))


def test_everything_comes_back(tmp_path):
    path, cells, table, _, pictures, motion, timing = session(tmp_path)
    with NWBHDF5IO(path, "r") as io:
        file = io.read()
        ophys = file.processing["ophys"]
        plane = ophys["ImageSegmentation"]["PlaneSegmentation"]
        masks = np.stack([plane["image_mask"][at] for at in range(3)])
        assert (masks == cells.footprints.toarray().reshape(3, *SHAPE).transpose(0, 2, 1)).all()
        assert list(plane["cell_status"][:]) == table["status"] and list(plane["cell_name"][:]) == table["name"]
        traces = ophys["Fluorescence"]["RoiResponseSeries"]
        assert (traces.data[:] == cells.traces.T).all() and np.allclose(traces.timestamps[:], timing.times)
        assert (ophys["Fluorescence"]["RoiResponseSeriesCounts"].data[:] == cells.raw.T).all()
        change = ophys["DfOverF"]["RoiResponseSeries"]
        assert list(change.rois.data[:]) == [0, 2] and np.allclose(change.data[:, 0], cells.raw[0] / 10)
        assert np.allclose(ophys["Motion"].data[:], motion[:, ::-1])
        assert np.allclose(ophys["SummaryImages"]["mean"].data[:], pictures["mean"].T)
        table = file.events["CalciumEvents"]
        assert isinstance(table, DynamicTable) and len(table) == 6
        assert (np.diff(table["timestamp"][:]) >= 0).all()
        assert file.imaging_planes["ImagingPlane"].grid_spacing[:].tolist() == pytest.approx([3e-6, 3e-6])
        assert file.session_start_time.isoformat() == "2023-11-14T15:13:20-07:00"
        assert np.isnan(file.acquisition["gpio_EX-LED"].data[1]) and file.acquisition["gpio_EX-LED"].unit == "mW"
        assert (file.acquisition["imu_acceleration"].starting_time, file.acquisition["imu_acceleration"].rate) == (
            1.0,
            50.0,
        )
        assert "a.isxd: 7 bytes, SHA-256 000" in file.notes


def test_another_reader_of_segmentations_finds_them(tmp_path):
    path, cells, *_ = session(tmp_path, dropped=())
    read = NwbSegmentationExtractor(str(path))
    assert read.get_num_rois() == 3 and read.get_image_shape() == SHAPE
    assert read.get_sampling_frequency() == pytest.approx(20)
    assert np.allclose(read.get_roi_image_masks(), cells.footprints.toarray().reshape(3, *SHAPE).transpose(1, 2, 0))
    traces = read.get_traces_dict()
    assert np.allclose(traces["raw"], cells.traces.T) and np.allclose(traces["denoised"], cells.raw.T)


def test_no_cell_is_a_whole_answer(tmp_path):
    path, *_ = session(tmp_path, count=0)
    assert findings(path) == []
    with NWBHDF5IO(path, "r") as io:
        assert set(io.read().processing["ophys"].data_interfaces) == {"Motion", "SummaryImages"}


def test_the_same_session_is_the_same_bytes(tmp_path):
    one, *_ = session(tmp_path, name="one.nwb")
    other, *_ = session(tmp_path, name="other.nwb")
    assert one.read_bytes() == other.read_bytes()


def test_what_dandi_would_miss_is_listed(tmp_path):
    assert nwb.lacking(SAID) == []
    assert nwb.lacking({"subject": {"id": "m1"}, "lab": "A Lab"})[:3] == [
        "subject.species",
        "subject.sex",
        "subject.age or subject.date_of_birth",
    ]
