"""Products of a session read by other programs' readers, tables line by line, and what a row ends in and is refused for."""

import csv
import inspect
import os
import subprocess
import sys
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import pytest
import tifffile
from scipy import sparse

import calcium_detect_cells
from campaign import SCRIPTS
from darkroom import schema
from darkroom.calcium import cnmfe, judge, motion, movie, plan, products, registration, results, tables
from darkroom.calcium.cells import Cells
from darkroom.calcium.readers import isxd
from darkroom.calcium.registration import Motion
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing, expanded, of_stamps, ranges

FRAMES, SHAPE = 12, (6, 9)
TIMING = Timing(Fraction(1, 20), FRAMES + 2, Fraction(1_700_000_000), 3600, dropped=(3,), cropped=(5,))


def registered():
    values = np.random.default_rng(1).normal(300, 20, (FRAMES, *SHAPE)).astype("f4")
    return movie.of_array(values, timing=TIMING, pixel_size=(2.0, 3.0), top_left=(10.0, 20.0))


def cells(count=2):
    rng = np.random.default_rng(2)
    footprints = sparse.csr_array(rng.random((count, SHAPE[0] * SHAPE[1]), np.float32))
    raw = rng.normal(0, 1, (count, FRAMES)).astype("f4")
    level = np.full(count, 3.0, np.float32)
    return Cells(footprints, SHAPE, raw / 2, raw, level, level, "df_over_noise", np.ones(count, int), ("a note",))


EVENTS = [(np.array([0.1, 0.2500004]), np.array([1, 2], "f4")), (np.array([]), np.array([], "f4"))]
TABLE = {"name": ["C0", "C1"], "status": ["accepted", "undecided"]}


def test_cells_and_events_come_back_from_the_stage(tmp_path):
    made = cells()
    results.save_cells(tmp_path / "cells.h5", made)
    read = results.load_cells(tmp_path / "cells.h5")
    assert (read.footprints.toarray() == made.footprints.toarray()).all() and read.shape == SHAPE
    assert (read.traces == made.traces).all() and (read.unit, read.notes) == (made.unit, made.notes)
    results.save_events(tmp_path / "events.h5", EVENTS, spikes=np.zeros((2, FRAMES)))
    for (times, sizes), (other_times, other_sizes) in zip(
        results.load_events(tmp_path / "events.h5"), EVENTS, strict=True
    ):
        assert (times == other_times).all() and (sizes == other_sizes).all()
    results.save_events(tmp_path / "none.h5", [])
    assert results.load_events(tmp_path / "none.h5") == []


def test_shapes_of_patches_come_back_from_a_job_of_its_own(tmp_path):
    part = sparse.random_array((4, 4), density=0.5, format="csr", dtype=np.float32, rng=np.random.default_rng(1))
    arrays = {name: part if at % 2 else part.toarray() for at, name in enumerate(results.OF_SHAPES)}
    made = cnmfe.Shapes(cnmfe.Patch((0, 0, 4, 5), (0, 0, 6, 7)), **arrays)
    results.save_shapes(tmp_path / "shapes.h5", [made, made])
    read, other = results.load_shapes(tmp_path / "shapes.h5")
    assert read.patch == other.patch == made.patch and len(arrays) > 1
    for name, array in arrays.items():
        back = getattr(read, name)
        assert sparse.issparse(back) == sparse.issparse(array) and abs(back - array).sum() == 0


def test_motion_of_parts_is_that_of_the_whole(tmp_path):
    whole = np.random.default_rng(3).normal(0, 1, (FRAMES, 2))
    lost = np.arange(FRAMES) == 7
    parts = []
    for part in range(3):
        here = slice(4 * part, 4 * part + 4)
        results.save_motion(tmp_path / "a.h5", Motion(whole[here], whole[here, 0], lost[here], np.zeros(SHAPE)))
        parts.append(results.load_motion(tmp_path / "a.h5"))
    motion = registration.joined(parts, 20)
    assert np.allclose(motion.shifts[~lost], whole[~lost]) and np.allclose(motion.shifts[7], whole[[6, 8]].mean(axis=0))
    assert motion.notes == (f"1 of {FRAMES} frames have no shift within 20 pixels; the neighbours' is taken",)


def test_shares_of_a_movie_are_whole_blocks():
    long = movie.of_array(np.broadcast_to(np.float32(0), (50, 1024, 1024)))  # two frames a block
    shares = [motion.share(long, part, 4) for part in range(4)]
    assert shares == [(0, 12), (12, 12), (24, 12), (36, 14)]
    assert [motion.share(registered(), part, 2) for part in range(2)] == [(0, 0), (0, FRAMES)]


FULL_DISK = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from darkroom.calcium import movie, products, results, store, tables
from darkroom.calcium.readers import isxd
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
path, frames = Path(sys.argv[1]), movie.of_array(np.random.default_rng(1).random((40, 100, 100), np.float32))
if path.name == "movie.h5":
    with store.writing(path, frames) as append:
        for _, block in frames.blocks(4):
            append(block)
elif path.name == "motion.h5":
    results.save_arrays(path, {"shifts": frames.read()})
elif path.name == "movie.isxd":
    isxd.write_movie(path, frames)
elif path.name == "movie.tif":
    products.write_tiff(path, frames)
else:
    tables.write_rows(path, "xy", frames.read().reshape(-1, 2).tolist())
"""


@pytest.mark.parametrize("name", ["movie.h5", "motion.h5", "movie.isxd", "movie.tif", "traces.csv"])
def test_a_disk_that_is_full_in_the_middle(tmp_path, name):
    command = [sys.executable, "-c", FULL_DISK, tmp_path / name]
    said = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})
    last = said.stderr.splitlines()[-1]
    assert last.startswith("OSError: [Errno ") and last.endswith(f"{name}'"), said.stderr
    assert not list(tmp_path.iterdir())


def test_cell_and_event_sets_hold_what_was_found(tmp_path):
    cell_set, event_set = tmp_path / "cells.isxd", tmp_path / "events.isxd"
    products.write_cell_set(cell_set, registered(), cells(), TABLE, "cnmfe")
    products.write_event_set(event_set, registered(), TABLE, EVENTS)
    assert judge.isxd_differences(cell_set, event_set, cells(), EVENTS, TABLE["status"]) == []
    read = isxd.read_cell_set(cell_set)
    assert np.isnan(read.traces[:, [3, 5]]).all() and read.timing.dropped == (3,) and read.units == "dF over noise"
    assert isxd.read_signals(event_set).channels["C0"][0].tolist() == [100_000, 250_000]


def test_the_judge_sees_what_differs(tmp_path):
    cell_set, event_set = tmp_path / "cells.isxd", tmp_path / "events.isxd"
    products.write_cell_set(cell_set, registered(), cells(), TABLE, "cnmfe")
    products.write_event_set(event_set, registered(), TABLE, EVENTS)
    other = cells()
    other.traces[1, 2] += 1
    other.footprints.data[0] += 1
    differences = judge.isxd_differences(cell_set, event_set, other, [EVENTS[1], EVENTS[1]], ["accepted", "rejected"])
    assert [text.partition(": ")[2].split()[0] for text in differences] == ["statuses", "traces", "footprints", "has"]


def test_tiff_holds_every_value(tmp_path):
    products.write_tiff(tmp_path / "a.tif", registered())
    assert (tifffile.imread(tmp_path / "a.tif") == registered().read()).all()
    products.write_tiff(tmp_path / "b.tif", registered())
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_mp4_shows_every_frame_at_the_rate_of_the_recording(tmp_path):
    values = np.linspace(0, 1, FRAMES)[:, None, None] * np.ones((FRAMES, 41, 53))
    products.write_mp4(tmp_path / "a.mp4", movie.of_array(values.astype("f4")))
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert video.streams.video[0].average_rate == 20
        shades = [frame.to_ndarray(format="gray").mean() for frame in video.decode(video=0)]
    assert len(shades) == FRAMES and (np.diff(shades) > 0).all()


def lines(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_tables(tmp_path):
    moved = Motion(np.full((FRAMES, 2), [1.5, -2.25]), np.ones(FRAMES), np.zeros(FRAMES, bool), np.zeros(SHAPE))
    tables.write_motion(tmp_path / "motion.csv", TIMING, moved)
    assert lines(tmp_path / "motion.csv")[4] == ["3", "4", "0.200000", "-2.25", "1.5", "1", "0"]
    tables.write_traces(tmp_path / "traces.csv", TIMING, TABLE["name"], cells().traces, "df_over_noise")
    traces = lines(tmp_path / "traces.csv")
    assert traces[0] == ["time_s", "C0_df_over_noise", "C1_df_over_noise"] and len(traces) == FRAMES + 1
    tables.write_events(tmp_path / "events.csv", TABLE["name"], EVENTS, "df")
    assert lines(tmp_path / "events.csv")[1:] == [["0.100000", "C0", "1"], ["0.250000", "C0", "2"]]
    late = Signals({"line": (np.array([5]), np.array([np.nan], "f4"))}, TIMING.start + 1, 0, Fraction(1), {}, "gpio")
    tables.write_signals(tmp_path / "gpio.csv", [late], TIMING)
    assert lines(tmp_path / "gpio.csv")[1] == ["1.000005", "gpio", "line", "", ""]


def test_cells_table_comes_back(tmp_path):
    row = dict.fromkeys(tables.CELL_COLUMNS, 1.5) | {"name": "C0", "status": "accepted", "centroid_x_um": float("nan")}
    tables.write_cells(tmp_path / "cells.csv", [row])
    (read,) = tables.read_cells(tmp_path / "cells.csv")
    assert read["name"] == "C0" and np.isnan(read["centroid_x_um"]) and read["snr"] == 1.5


def test_ranges_of_samples():
    assert ranges((1, 2, 3, 7)) == [[1, 3], [7, 7]] and expanded([[1, 3], [7, 7]]) == (1, 2, 3, 7)
    read = Timing.from_json(TIMING.as_json())
    assert read.valid.tolist() == TIMING.valid.tolist() and read.begin == TIMING.begin and read.period == TIMING.period


def test_timing_of_time_stamps():
    timing = of_stamps(np.array([0, 0.1, 0.2, 0.5, 0.6]))
    assert (timing.period, timing.samples, timing.dropped) == (Fraction(1, 10), 7, (3, 4))
    assert not timing.regular and of_stamps(np.array([0, 0.1, 0.2])).regular


def test_blocks_are_worked_on_in_order():
    made = registered()
    firsts = [first for first, _ in made.mapped(lambda first, block: (first, block), threads=2, frames=5)]
    assert firsts == [0, 5, 10]
    assert (np.concatenate(list(made.mapped(lambda _, block: block, frames=5))) == made.read()).all()
    with pytest.raises(IndexError, match="frames 10 to 13 asked for, the movie has 12"):
        made.read(10, 3)


@dataclass
class Row:
    options: dict
    recipe: str = ""
    source: str = "a.isxd"
    pipeline: str = "calcium"
    dataset: str = "one"
    rows: dict = field(default_factory=dict)


OPTIONS = schema.completed({"movies": ["tiff"]}, schema.load("config")["properties"]["calcium"])
CAMPAIGN = {key: OPTIONS[key] for key in plan.OF_CAMPAIGN}


def test_what_a_row_ends_in():
    made = plan.products(Row(OPTIONS))
    assert {"movie.h5", "session.nwb", "cells.isxd", "movie.tif"} <= set(made) and "movie.mp4" not in made
    assert plan.products(Row(OPTIONS, "longitudinal")) == ["matches.csv", "sessions.json", "preview.png"]


@pytest.mark.parametrize(
    "row, said",
    [
        (Row(OPTIONS), ""),
        (Row(OPTIONS, source=""), "source: a recording has one"),
        (Row(OPTIONS | {"patch_overlap": 80}), "options patch_overlap: 80 must be below patch_size 80"),
        (Row(OPTIONS | {"sessions": ["a", "a"]}, "longitudinal", ""), "options sessions: 'a' is no calcium recording"),
        (Row(OPTIONS | {"method": "rois", "rois": "Drawn.TIFF"}), ""),
        (Row(OPTIONS | {"method": "rois", "rois": "drawn.png"}), "'drawn.png' is a file of another kind"),
        (Row(OPTIONS | {"method": "rois", "rois": "drawn.tif", "engine": "idps"}), "engine idps takes .isxd"),
        (Row(OPTIONS | {"installer": "x.sh"}), "options: 'installer' is of the whole campaign"),
        (Row(OPTIONS | {"start": "2024-05-17T14:03:00"}), "options start: 2024-05-17T14:03:00 has no time zone"),
        (Row(OPTIONS | {"start": "2024-05-17T14:03:00Z"}), ""),
        (Row(OPTIONS | {"nwb": {"subject": {"date_of_birth": "2024-02-30"}}}), "'2024-02-30' is no day of a calendar"),
        (Row(OPTIONS | {"nwb": {"subject": {"date_of_birth": "2024-02-29"}}}), ""),
    ],
)
def test_what_is_wrong_with_a_row(row, said):
    problems = list(plan.problems(row, {}, CAMPAIGN))
    assert bool(problems) == bool(said) and all(said in problems[0] for _ in problems[:1])


@pytest.mark.parametrize("method", plan.METHODS)
def test_what_finds_cells_takes_all_that_a_row_tells(method):
    asked = plan.cell_options(Row(OPTIONS | {"method": method})) | dict.fromkeys(plan.METHODS[method])
    taken = inspect.signature(calcium_detect_cells.finder(method)).parameters
    assert asked.keys() <= taken.keys()


def test_masks_of_a_tiff(tmp_path):
    drawn = np.zeros((3, 6, 8), np.uint8)
    drawn[[0, 1, 2], [1, 2, 3], [4, 5, 6]] = 1
    path = tmp_path / "masks.tif"
    for pages in (drawn, drawn[:1], drawn > 0):
        tifffile.imwrite(path, pages, photometric="minisblack")
        assert np.array_equal(calcium_detect_cells.masks(path, (6, 8)), pages)
    with tifffile.TiffWriter(path) as file:
        for page in drawn:
            file.write(page, photometric="minisblack")
    assert np.array_equal(calcium_detect_cells.masks(path, (6, 8)), drawn)
    with pytest.raises(ValueError, match=r"masks of 6 x 8 pixels, the movie 6 x 9 \(rows x columns\)"):
        calcium_detect_cells.masks(path, (6, 9))


def test_a_long_recording_is_shared_by_jobs(tmp_path):
    for name, size in (("long", 21 * 10**9), ("short", 10**6), ("endless", 10**13)):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "movie.isxd").open("wb") as holes:
            holes.truncate(size)

    def row(name, **options):
        return Row(OPTIONS | {"jobs": "auto", "global_registration_weight": 1} | options, source=str(tmp_path / name))

    assert [plan.jobs(row(name)) for name in ("long", "short", "endless", "elsewhere")] == [3, 1, plan.JOBS, 1]
    assert [plan.jobs(row("long", jobs=count)) for count in (1, 7)] == [1, 7]
    assert plan.motion_parts(row("long")) == [f"<dataset>/parts/motion-{part}of3.h5" for part in range(3)]
    assert plan.cell_parts(row("long"))[-1] == "<dataset>/parts/cells-2of3.h5"
    assert plan.motion_parts(row("short")) == plan.cell_parts(row("long", method="pca_ica")) == []
    assert plan.motion_parts(row("long", global_registration_weight=0.5)) == []


def test_memory_that_jobs_ask_for_grows_with_what_they_hold(tmp_path):
    movie, traces = tmp_path / "movie.h5", tmp_path / "cells.h5"
    for path, size in ((movie, 10**10), (traces, 4 * 10**7)):
        with path.open("wb") as holes:
            holes.truncate(size)
    stages = [str(movie), str(traces)]
    assert plan.memory(800)(None, stages, 1) == 800
    assert plan.memory(650, 5, of="cells.h5")(None, stages, 2) == 2 * (650 + 5 * 40)
    assert plan.memory(900, 0.03)(None, stages, 1) == 900 + 300
    with pytest.raises(FileNotFoundError):
        plan.memory(900, 0.03)(None, [str(tmp_path / "later/movie.h5")], 1)
