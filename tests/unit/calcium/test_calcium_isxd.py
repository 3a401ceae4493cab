"""`.isxd` files: what we write comes back, and damaged ones are named. The vendor's reader judges in tests/real."""

import copy
import json
import struct
from fractions import Fraction

import numpy as np
import pytest

from darkroom.calcium import movie
from darkroom.calcium.readers import isxd
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing

GAPS = {"dropped": (3,), "cropped": (4, 5), "blank": (11,)}


def recording(frames=9, shape=(5, 7), dtype="u2", **fields):
    """A movie of random frames whose samples have gaps of each kind."""
    values = np.random.default_rng(1).integers(0, 255, (frames, *shape)).astype(dtype)
    timing = Timing(Fraction(1, 20), frames + 4, Fraction(1625019093320, 1000), -25200, **GAPS)
    return movie.of_array(values, timing=timing, pixel_size=(2.5, 3.0), **fields)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("stamped", [False, True])
def test_movie_comes_back(tmp_path, dtype, stamped):
    made = recording(dtype=dtype)
    stamps = 10**12 + 50_010 * made.timing.valid if stamped else None
    isxd.write_movie(tmp_path / "a.isxd", made, extra={"producer": {"version": "1.5.1"}}, stamps=stamps)
    read = isxd.read_movie(tmp_path / "a.isxd")
    assert (read.read() == made.read()).all() and read.dtype == made.dtype
    assert (read.read(2, 3) == made.read(2, 3)).all()
    assert read.timing.valid.tolist() == made.timing.valid.tolist() == [0, 1, 2, 6, 7, 8, 9, 10, 12]
    assert read.timing.begin.isoformat() == "2021-06-29T19:11:33.320000-07:00"
    assert read.pixel_size == (2.5, 3.0)
    assert float(read.timing.period) == (0.05001 if stamped else 0.05)
    assert np.allclose(read.timing.times, read.timing.valid * float(read.timing.period), atol=1e-9)


def test_float64_is_written_as_float32(tmp_path):
    isxd.write_movie(tmp_path / "a.isxd", recording(dtype="f8"))
    assert isxd.read_movie(tmp_path / "a.isxd").dtype == np.float32


@pytest.mark.parametrize("count", [0, 3])
def test_cell_set_comes_back(tmp_path, count):
    timing = Timing(Fraction(1, 10), 8, Fraction(1_700_000_000), 3600, dropped=(2,))
    rng = np.random.default_rng(2)
    images, traces = rng.random((count, 6, 4), np.float32), rng.random((count, 8), np.float32)
    traces[:, 2] = np.nan
    statuses = ("accepted", "undecided", "rejected")[:count]
    names = ("C0", "C1", "C2")[:count]
    isxd.write_cell_set(
        tmp_path / "a.isxd", isxd.CellSet(images, traces, timing, names, statuses, (3.0, 2.0), (), "dF")
    )
    read = isxd.read_cell_set(tmp_path / "a.isxd")
    assert (read.images == images).all() and np.array_equal(read.traces, traces, equal_nan=True)
    assert (read.names, read.statuses, read.units, read.pixel_size) == (names, statuses, "dF", (3.0, 2.0))


def test_event_set_comes_back(tmp_path):
    channels = {
        "C0": (np.array([10, 2_000_001]), np.array([1.5, 2], "f4")),
        "C1": (np.array([], int), np.array([], "f4")),
        "C2": (np.array([10]), np.array([7], "f4")),
    }
    steps = dict.fromkeys(channels, Fraction(1, 20))
    made = Signals(channels, Fraction(17_000_000_001, 10), 0, Fraction(30), steps, "events")
    isxd.write_event_set(tmp_path / "a.isxd", made)
    read = isxd.read_signals(tmp_path / "a.isxd")
    assert read.rows() == made.rows() == [(1e-05, "C0", 1.5), (1e-05, "C2", 7.0), (2.000001, "C0", 2.0)]
    assert (read.start, read.duration, read.steps) == (made.start, made.duration, made.steps)


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


def frames_missing(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[-8:])
    path.write_bytes(content[:200] + content[-9 - length :])


def without_frames(path):
    timing = Timing(Fraction(1, 20), 2, Fraction(10**9), dropped=(0, 1))
    isxd.write_movie(path, movie.of_array(np.empty((0, 5, 7), "u2"), timing=timing))


def events(path):
    isxd.write_event_set(path, Signals({}, Fraction(10**9), 0, Fraction(1), {}, "events"))


def colour(path):
    path.write_bytes(path.read_bytes().replace(b'"dataType": 0', b'"dataType": 3'))


@pytest.mark.parametrize(
    "harm, said",
    [
        (cut, "has no trailer of an .isxd file, so it was never written to its end"),
        (frames_missing, "its trailer tells of 9 frames of 70 bytes, 2.85714 are in the file; copy it again"),
        (without_frames, "none of its 2 frames is there: all are dropped, cropped or blank"),
        (events, "is an event set, a movie is due"),
        (colour, "has pixels of type 3, right is 0 (uint16), 1 (float32) or 2 (uint8)"),
        (lambda path: path.write_bytes(b""), "has no trailer"),
    ],
)
def test_bad_movie_is_one_clear_line(tmp_path, harm, said):
    path = tmp_path / "a.isxd"
    isxd.write_movie(path, recording())
    harm(path)
    with pytest.raises(ValueError) as caught:
        isxd.read_movie(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)


def write_movie(path):
    isxd.write_movie(path, recording(), {"producer": {"version": "1.5.1"}}, 10**12 + 50_010 * recording().timing.valid)


def write_cells(path):
    timing = Timing(Fraction(1, 10), 8, Fraction(1_700_000_000), 3600, dropped=(2,), cropped=(4, 5))
    images, traces = np.ones((2, 6, 4), "f4"), np.ones((2, 8), "f4")
    isxd.write_cell_set(path, isxd.CellSet(images, traces, timing, ("a", "b"), ("accepted", "rejected")))


def write_events(path):
    channels = {name: (np.array([10, 20]), np.array([1.5, 2], "f4")) for name in ("C0", "C1")}
    steps = dict.fromkeys(channels, Fraction(1, 20))
    isxd.write_event_set(path, Signals(channels, Fraction(10**9), 0, Fraction(30), steps, "events"))


def apart(path):
    """What lies before the trailer, and the trailer."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[-8:])
    return content[: -9 - length], json.loads(content[-9 - length : -9])


def joined(path, stored, said):
    text = json.dumps(said).encode()
    path.write_bytes(stored + text + b"\0" + struct.pack("<Q", len(text)))


def places(said, at=()):
    """Where every value of a trailer lies, of lists that of the first."""
    for key, value in said.items() if isinstance(said, dict) else list(enumerate(said))[:1]:
        yield (*at, key)
        yield from places(value, (*at, key)) if isinstance(value, dict | list) else ()


GONE = object()


def changed(said, at, value):
    made = copy.deepcopy(said)
    holder = made
    for key in at[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return made


@pytest.mark.parametrize(
    "write, read, told",
    [
        (
            write_movie,
            lambda path: isxd.read_movie(path).timing.begin,
            {"spacingInfo", "timingInfo", "dataType", "type"},
        ),
        (write_cells, isxd.read_cell_set, {"spacingInfo", "timingInfo", "CellNames", "CellStatuses", "type"}),
        (write_events, isxd.read_signals, {"global times", "channel list", "numSamples", "signalSteps", "type"}),
    ],
)
def test_whatever_a_trailer_tells_wrongly_is_one_clear_line(tmp_path, write, read, told):
    path = tmp_path / "a.isxd"
    write(path)
    stored, said = apart(path)
    refused = set()
    for at in places(said):
        for value in (GONE, None, 0, -1, "x", [], {}, 1e99, 2**70):
            joined(path, stored, changed(said, at, value))
            try:
                read(path)
            except ValueError as error:
                refused.add(at[0])
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    assert told <= refused


@pytest.mark.parametrize(
    "at, value, named",
    [
        (("spacingInfo", "numPixels", "x"), "x", "trailer spacingInfo.numPixels.x: is 'x', not an integer"),
        (("timingInfo", "period", "den"), 0, "trailer timingInfo.period.den: 0 is less than the minimum of 1"),
        (("timingInfo", "start", "secsSinceEpoch", "num"), 2**70, "s after 1970, which is no moment of a calendar"),
        (("timingInfo", "cropped", 0), "a-b", 'right is: samples such as "4 - 5" or "9"'),
        (("extraProperties",), "x", "right is: a map of what the instrument tells, or nothing"),
    ],
)
def test_a_field_of_a_trailer_is_named(tmp_path, at, value, named):
    path = tmp_path / "a.isxd"
    write_movie(path)
    stored, said = apart(path)
    joined(path, stored, changed(said, at, value))
    with pytest.raises(ValueError) as caught:
        isxd.read_movie(path)
    assert named in str(caught.value)


def test_a_cell_without_a_place_has_no_centre(tmp_path):
    """As old versions of IDPS write it: the smallest int64."""
    path = tmp_path / "a.isxd"
    write_cells(path)
    stored, said = apart(path)
    nowhere = {"x": isxd.NO_CENTRE, "y": isxd.NO_CENTRE}
    joined(path, stored, said | {"cellMetrics": [[1, nowhere, nowhere, 0.0, 0.0, 1, 1], [1, {"x": 3, "y": 2}]]})
    assert isxd.read_cell_set(path).centres == (None, (2, 3))


def test_compressed_recording_is_told_how_to_decompress(tmp_path):
    with pytest.raises(ValueError, match=r"a\.isxc: is a compressed recording; decompress it to \.isxd first"):
        isxd.read_movie(tmp_path / "a.isxc")


def test_nothing_is_left_of_a_movie_that_could_not_be_written(tmp_path):
    def blocks():
        yield np.zeros((2, 5, 7), "u2")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        isxd.write_movie(tmp_path / "a.isxd", recording(), frames=blocks())
    assert not list(tmp_path.iterdir())
