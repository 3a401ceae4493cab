"""Inscopix `.isxd` files: movies, images, cell sets and event sets, read and written.

Little-endian; the data from byte 0, then a trailer: JSON, a NUL, the length of the JSON as u64. Found by reading files
byte by byte and checked against the vendor's reader (isx 2.1.0) in tests; none of that reader's code is used.
"""

import json
import os
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.calcium.movie import Movie
from darkroom.calcium.readers.inscopix import fraction, require
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing, ranges

TYPES = {
    0: "a movie",
    1: "a cell set",
    2: "a behaviour movie",
    3: "a GPIO set",
    4: "an image",
    5: "an event set",
    6: "a set of metrics",
    7: "an IMU set",
    8: "a vessel set",
    9: "an nVision movie",
}
MOVIE, CELLS, GPIO, IMAGE, EVENTS, IMU = 0, 1, 3, 4, 5, 7
SECTIONS = {MOVIE: "movie", IMAGE: "movie", CELLS: "cells", EVENTS: "signals", GPIO: "signals", IMU: "signals"}
FIRST, LAST = -62135596800, 253402300799  # seconds after 1970 of the years 1 and 9999
DTYPES = {0: np.dtype("<u2"), 1: np.dtype("<f4"), 2: np.dtype("u1")}
STATUSES = ("accepted", "undecided", "rejected")  # by their number in the file
WHITE = 0xFFFFFFFF
NO_CENTRE = -(1 << 63)  # what IDPS writes where a cell has none

EDGE = 2560  # u16 values of the header before a frame, and of the footer after it
COLOUR, FRAME_COUNT, EFOCUS, STAMP = 1256, 1258, 1270, 1272  # places of 8-bit values, each stored << 4
HEADER_END = 1280
STAMPED_SINCE = (1, 1, 1)  # acquisition software whose time stamps are right

PACKET = np.dtype([("offset", "<u8"), ("channel", "<u8"), ("value", "<f4")])
COMPRESSED = "is a compressed recording; decompress it to .isxd first, with IDPS or the acquisition software"


@dataclass(frozen=True, eq=False)
class CellSet:
    """Footprints and traces of cells.

    images -- float32 (cells, rows, columns)
    traces -- float32 (cells, samples): a value for every sample of `timing`, NaN in its gaps
    statuses -- of `STATUSES`, one a cell
    timing, pixel_size -- as of a `Movie`
    centres -- (y, x) of each cell in pixels, or None where the file has none
    units -- of the traces, such as `dF over noise`
    extra -- `extraProperties` of the trailer
    """

    images: np.ndarray
    traces: np.ndarray
    timing: Timing
    names: tuple
    statuses: tuple
    pixel_size: tuple | None = None
    centres: tuple = ()
    units: str = ""
    extra: dict = field(default_factory=dict)


def kind(path):
    """The number of what a file holds (a key of `TYPES`)."""
    return trailer(path)[0]["type"]


def trailer(path):
    """The JSON at the end of a file, and the number of bytes before it.

    Raises ValueError naming the file when there is none: a recording that was cut off has no trailer.
    """
    path = Path(path)
    if path.suffix.lower() == ".isxc":
        raise ValueError(f"{path}: {COMPRESSED}")
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        (length,) = struct.unpack("<Q", file.read(8).rjust(8, b"\0"))
        begin = size - 9 - length
        if length and begin >= 0:
            file.seek(begin)
            try:
                said = json.loads(file.read(length))
                if isinstance(said, dict) and said.get("type") in list(TYPES):
                    return said, begin
            except ValueError:
                pass
    raise ValueError(
        f"{path}: has no trailer of an .isxd file, so it was never written to its end (recording or copy cut off) or "
        "is of another format; copy it again from the acquisition box"
    )


def _of_kind(path, *due):
    """The trailer of a file of one of these kinds, as the schema has it, and the number of bytes before it."""
    said, end = trailer(path)
    if said["type"] not in due:
        raise ValueError(f"{path}: is {TYPES[said['type']]}, {TYPES[due[0]]} is due")
    if said["type"] in (EVENTS, GPIO, IMU) and "channel list" not in said:
        raise ValueError(
            f"{path}: is an event file of an old version that has no list of channels; export it with IDPS"
        )
    require(path, said, SECTIONS[said["type"]], "trailer")
    return said, end


def _start(path, moment):
    """Seconds since 1970 UTC of a moment. Raises ValueError for one that no calendar has."""
    seconds = fraction(moment["secsSinceEpoch"])
    if not FIRST < seconds < LAST:
        raise ValueError(f"{path}: trailer: starts {float(seconds):.6g} s after 1970, which is no moment of a calendar")
    return seconds


def _numbered(value):
    value = Fraction(value)
    return {"num": value.numerator, "den": value.denominator}


def _timing(path, whole):
    """The timing of a trailer; a cropped sample is that alone, and one that is blank and dropped is blank."""
    said = whole["timingInfo"]
    samples, cropped = int(said["numTimes"]), set()
    for entry in said.get("cropped") or ():
        first, _, last = entry.partition("-")
        cropped.update(range(int(first), min(int(last or first) + 1, samples)))
    blank = set(said.get("blank") or ()) - cropped
    dropped = set(said.get("dropped") or ()) - cropped - blank
    return Timing(
        period=fraction(said["period"]),
        samples=samples,
        start=_start(path, said["start"]),
        utc_offset=int(said["start"]["utcOffset"]),
        **{
            name: tuple(sorted(int(at) for at in gap if at < samples))
            for name, gap in (("dropped", dropped), ("cropped", cropped), ("blank", blank))
        },
    )


def _grid(said):
    """Rows, columns, and (micrometres along rows, along columns) of a pixel."""
    spacing = said["spacingInfo"]
    size = spacing["pixelSize"]
    return (
        int(spacing["numPixels"]["y"]),
        int(spacing["numPixels"]["x"]),
        (float(fraction(size["y"])), float(fraction(size["x"]))),
    )


def _corner(said):
    """(y, x) of the field on the sensor, micrometres."""
    corner = said["spacingInfo"].get("topLeft")
    return (float(fraction(corner["y"])), float(fraction(corner["x"]))) if corner else (0.0, 0.0)


def read_movie(path):
    """A movie of an `.isxd` file. Raises ValueError when it is none, was cut off or has no frame.

    Only frames that are there lie in the file: dropped, cropped and blank ones are gaps of its timing. Where the
    frames carry time stamps of an acquisition that is known to stamp rightly, they make the period and the times.
    """
    path = Path(path)
    said, end = _of_kind(path, MOVIE, IMAGE)
    timing = _timing(path, said)
    dtype = DTYPES.get(said["dataType"])
    if dtype is None:
        raise ValueError(
            f"{path}: has pixels of type {said['dataType']}, right is 0 (uint16), 1 (float32) or 2 (uint8)"
        )
    rows, columns, pixel_size = _grid(said)
    edged = bool(said.get("hasFrameHeaderFooter")) and said.get("fileVersion", 0) > 0
    edge = EDGE * 2 if edged else 0
    pixels = rows * columns * dtype.itemsize
    stride, count = pixels + 2 * edge, len(timing.times)
    if not count:
        raise ValueError(f"{path}: none of its {timing.samples} frames is there: all are dropped, cropped or blank")
    if end != count * stride:
        raise ValueError(
            f"{path}: its trailer tells of {count} frames of {stride} bytes, {end / stride:.6g} are in the file; "
            "copy it again"
        )

    def read(first, number):
        with path.open("rb") as file:
            file.seek(first * stride)
            block = np.fromfile(file, "u1", number * stride).reshape(number, stride)
        return np.ascontiguousarray(block[:, edge : edge + pixels]).view(dtype).reshape(number, rows, columns)

    extra = said.get("extraProperties") or {}
    notes = []
    if edged and _version(extra) >= STAMPED_SINCE:
        timing = _stamped(timing, headers(path, count, stride)["stamp_us"], notes)
    return Movie(
        (count, rows, columns),
        dtype.newbyteorder("="),
        timing,
        read,
        pixel_size,
        {name: value for name, value in extra.items() if value not in (None, {}, "")},
        notes=tuple(notes),
        top_left=_corner(said),
    )


def _version(extra):
    """The version of the acquisition software that wrote a recording, or ()."""
    version = str((extra.get("producer") or {}).get("version", ""))
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _stamped(timing, stamps, notes):
    """Timing by the time stamps (us) of the frames: times of each, and the mean period between first and last."""
    valid = timing.valid
    if len(stamps) < 2 or (np.diff(stamps) <= 0).any():
        notes.append("the time stamps of the frames do not ascend; the period of the trailer is used")
        return timing
    period = Fraction(int(stamps[-1] - stamps[0]), int(valid[-1] - valid[0]) * 1_000_000)
    times = int(valid[0]) * float(period) + (stamps - stamps[0]) / 1e6
    if abs(period / timing.period - 1) > Fraction(1, 1_000_000):
        notes.append(
            f"the period is {float(period):.6f} s by the time stamps, {float(timing.period):.6f} s by the trailer"
        )
    return Timing(
        period,
        timing.samples,
        timing.start,
        timing.utc_offset,
        timing.dropped,
        timing.cropped,
        timing.blank,
        times,
        True,
    )


def headers(path, count=None, stride=None):
    """What the header of every frame says, as arrays: `stamp_us`, `frame_count`, `efocus`, `colour`.

    Raises ValueError when the frames of the movie have no headers.
    """
    if stride is None:
        said, end = _of_kind(path, MOVIE)
        if not said.get("hasFrameHeaderFooter") or said.get("fileVersion", 0) < 1:
            raise ValueError(f"{path}: its frames have no headers, which tell the plane (efocus) and colour of a frame")
        count = len(_timing(path, said).times)
        stride = end // max(1, count)
    values = np.empty((count, HEADER_END - COLOUR), np.int64)
    file = os.open(path, os.O_RDONLY)
    try:
        for at in range(count):
            raw = os.pread(file, 2 * values.shape[1], at * stride + 2 * COLOUR)
            values[at] = np.frombuffer(raw, "<u2") >> 4 & 0xFF
    finally:
        os.close(file)

    def number(place, size):
        part = values[:, place - COLOUR : place - COLOUR + size]
        return (part << (8 * np.arange(size))).sum(axis=1)

    return {
        "stamp_us": number(STAMP, 8),
        "frame_count": number(FRAME_COUNT, 4),
        "efocus": number(EFOCUS, 2),
        "colour": number(COLOUR, 1),
    }


def read_image(path):
    """An image (rows, columns) of an `.isxd` file: a projection, or a movie of one frame."""
    movie = read_movie(path)
    if len(movie) != 1:
        raise ValueError(f"{path}: has {len(movie)} frames, an image is due")
    return movie.read()[0]


def read_cell_set(path):
    """The cells of an `.isxd` cell set. Raises ValueError when it is none or was cut off."""
    said, end = _of_kind(path, CELLS)
    rows, columns, pixel_size = _grid(said)
    timing = _timing(path, said)
    names = tuple(said["CellNames"])
    lists = {key: said.get(key) or [None] * len(names) for key in ("CellStatuses", "cellMetrics")}
    for key, values in lists.items():
        if len(values) != len(names):
            raise ValueError(
                f"{path}: trailer {key}: has {len(values)} entries, one for each of {len(names)} cells is due"
            )
    each = rows * columns + timing.samples
    if end != 4 * each * len(names):
        raise ValueError(
            f"{path}: its trailer tells of {len(names)} cells of {4 * each} bytes, {end / (4 * each):.6g} are there"
        )
    values = np.fromfile(path, "<f4", each * len(names)).reshape(len(names), each)
    extra = said.get("extraProperties") or {}
    return CellSet(
        values[:, : rows * columns].reshape(-1, rows, columns),
        values[:, rows * columns :],
        timing,
        names,
        tuple("undecided" if status is None else STATUSES[int(status)] for status in lists["CellStatuses"]),
        pixel_size,
        tuple(_centre(entry) for entry in lists["cellMetrics"]),
        ((extra.get("idps") or {}).get("cellset") or {}).get("units", ""),
        extra,
    )


def _centre(entry):
    """(y, x) of an entry of `cellMetrics`: [components, {x, y}, ...]; none of one that is empty or has `NO_CENTRE`."""
    if not entry or NO_CENTRE in (entry[1]["x"], entry[1]["y"]):
        return None
    return entry[1]["y"], entry[1]["x"]


def read_signals(path):
    """Events, or converted GPIO or IMU channels, of an `.isxd` file.

    The times are those that are stored: in some 2 % of the events isx 2.1.0 gives one microsecond less.
    Raises ValueError when it is none of these or was cut off.
    """
    said, end = _of_kind(path, EVENTS, GPIO, IMU)
    names, counts = said["channel list"], list(map(int, said["numSamples"]))
    if not len(names) == len(counts) == len(said["signalSteps"]):
        raise ValueError(
            f"{path}: trailer: has {len(names)} channels, {len(counts)} numSamples and {len(said['signalSteps'])} "
            "signalSteps; one of each for a channel is due"
        )
    if end != PACKET.itemsize * sum(counts):
        raise ValueError(
            f"{path}: its trailer tells of {sum(counts)} events, {end / PACKET.itemsize:.6g} are in the file"
        )
    packets = np.fromfile(path, PACKET, sum(counts))
    begin, last = (_start(path, moment) for moment in said["global times"])
    channels = {}
    for at, name in enumerate(names):
        own = packets[packets["channel"] == at]
        channels[name] = own["offset"].astype(np.int64), own["value"].astype(np.float32)
    return Signals(
        channels,
        start=begin,
        utc_offset=int(said["global times"][0]["utcOffset"]),
        duration=last - begin,
        steps={name: fraction(step) for name, step in zip(names, said["signalSteps"], strict=True)},
        kind={EVENTS: "events", GPIO: "gpio", IMU: "imu"}[said["type"]],
    )


def _moment(timing):
    return {"secsSinceEpoch": _numbered(timing.start or 0), "utcOffset": timing.utc_offset or 0}


def _frame(timing, shape, pixel_size, top_left):
    """What the trailers of movies and cell sets share: time and space."""
    (height, width), (top, left) = pixel_size or (1, 1), top_left
    return {
        "timingInfo": {
            "numTimes": timing.samples,
            "period": _numbered(timing.period),
            "start": _moment(timing),
            "dropped": list(timing.dropped),
            "cropped": [f"{at}" if at == last else f"{at} - {last}" for at, last in ranges(timing.cropped)],
            "blank": list(timing.blank),
        },
        "spacingInfo": {
            "numPixels": {"x": shape[1], "y": shape[0]},
            "pixelSize": {"x": _numbered(_tidy(width)), "y": _numbered(_tidy(height))},
            "topLeft": {"x": _numbered(_tidy(left)), "y": _numbered(_tidy(top))},
        },
    }


def _tidy(value):
    return Fraction(value).limit_denominator(1_000_000)


def _end(file, said):
    """Write the trailer, which makes a file whole."""
    producer = {"producer": {"name": "darkroom", "version": [1, 9, 6]}}  # isx reads files of a version it knows
    text = json.dumps(producer | said, indent=4, sort_keys=True, ensure_ascii=False).encode()
    file.write(text + b"\0" + struct.pack("<Q", len(text)))


def write_movie(path, movie, extra=None, stamps=None, frames=None):
    """Write a movie, frame by frame as they are read: uint8, uint16 or float32; other types become float32.

    extra -- `extraProperties`, such as what the instrument says
    stamps -- time of every frame in microseconds (int64), which goes into a header before each frame
    frames -- arrays (count, rows, columns) in place of those of `movie`
    """
    number = next((number for number, dtype in DTYPES.items() if dtype == movie.dtype), 1)
    with files.replacing(path) as partial, partial.open("wb") as file:
        at = 0
        for block in frames if frames is not None else (block for _, block in movie.blocks()):
            block = np.ascontiguousarray(block, DTYPES[number])
            if stamps is None:
                block.tofile(file)
            else:
                for frame, stamp in zip(block, stamps[at : at + len(block)], strict=True):
                    _header(at, int(stamp)).tofile(file)
                    frame.tofile(file)
                    np.zeros(EDGE, "<u2").tofile(file)
                    at += 1
        _end(
            file,
            {
                "type": MOVIE,
                "dataType": number,
                "fileVersion": 1,
                "hasFrameHeaderFooter": stamps is not None,
                "extraProperties": extra,
                **_frame(movie.timing, movie.shape[1:], movie.pixel_size, movie.top_left),
            },
        )


def _header(count, stamp):
    """The header of a frame: its number and its time stamp; the rest is zero."""
    header = np.zeros(EDGE, "<u2")
    header[0] = 0x0A0
    for place, size, value in ((FRAME_COUNT, 4, count), (STAMP, 8, stamp)):
        header[place : place + size] = (value >> 8 * np.arange(size) & 0xFF) << 4
    return header


def write_cell_set(path, cells, top_left=(0, 0)):
    """Write a `CellSet`, as IDPS does; one without cells is whole, too."""
    count, rows, columns = cells.images.shape
    if cells.traces.shape != (count, cells.timing.samples):
        raise ValueError(f"{path}: traces are {cells.traces.shape}, right is {(count, cells.timing.samples)}")
    with files.replacing(path) as partial, partial.open("wb") as file:
        for image, trace in zip(cells.images, cells.traces, strict=True):
            np.ascontiguousarray(image, "<f4").tofile(file)
            np.ascontiguousarray(trace, "<f4").tofile(file)
        _end(
            file,
            {
                "type": CELLS,
                "dataType": "float",
                "fileVersion": 5,
                "isRoiSet": False,
                "CellNames": list(cells.names),
                "CellStatuses": [STATUSES.index(status) for status in cells.statuses],
                "CellActivity": [True] * count,
                "CellColors": [WHITE] * count,
                "Matches": [],
                "PairScores": [],
                "CentroidDistances": [],
                "SizeGlobalCS": 0,
                "cellMetrics": [{}] * count,
                "efocusValues": [0],
                "extraProperties": cells.extra or {"idps": {"cellset": {"type": "analog", "units": cells.units}}},
                **_frame(cells.timing, (rows, columns), cells.pixel_size, top_left),
            },
        )


def write_event_set(path, events):
    """Write `Signals` as an event set: packets in the order of time, those of one time in the order of channels."""
    names = list(events.channels)
    counts = [len(offsets) for offsets, _ in events.channels.values()]
    packets = np.empty(sum(counts), PACKET)
    packets["channel"] = np.repeat(np.arange(len(names)), counts)
    if names:
        packets["offset"] = np.concatenate([offsets for offsets, _ in events.channels.values()])
        packets["value"] = np.concatenate([values for _, values in events.channels.values()])
    packets = packets[np.lexsort((packets["channel"], packets["offset"]))]
    start = events.start or Fraction(0)
    moments = [
        {"secsSinceEpoch": _numbered(moment), "utcOffset": events.utc_offset or 0}
        for moment in (start, start + events.duration)
    ]
    with files.replacing(path) as partial, partial.open("wb") as file:
        packets.tofile(file)
        _end(
            file,
            {
                "type": EVENTS,
                "fileType": 1,
                "fileVersion": 2,
                "channel list": names,
                "numSamples": counts,
                "signalTypes": [0] * len(names),
                "signalSteps": [_numbered(events.steps[name]) for name in names],
                "startOffsets": [int(offsets[0]) if len(offsets) else 0 for offsets, _ in events.channels.values()],
                "global times": moments,
                "metrics": None,
                "extraProperties": None,
            },
        )
