"""What users of other programs take home: cell and event sets as `.isxd`, the movie as `.isxd`, TIFF and MP4."""

from fractions import Fraction

import av
import numpy as np
import tifffile

from darkroom import files
from darkroom.calcium.readers import isxd
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing

UNITS = {"df": "dF", "df_over_noise": "dF over noise"}  # what IDPS calls the units of traces
SHOWN = 99.9  # percentile of sampled pixels that is white in a video, and its opposite that is black


def part_timing(timing, first, count):
    """The timing of one part of a series by itself: its grid begins with its first frame."""
    valid = timing.valid[first : first + count]
    begin, end = int(valid[0]), int(valid[-1]) + 1
    gaps = {
        name: tuple(at - begin for at in getattr(timing, name) if begin <= at < end)
        for name in ("dropped", "cropped", "blank")
    }
    start = (
        None if timing.start is None else timing.start + Fraction(float(timing.times[first])).limit_denominator(10**6)
    )
    return Timing(timing.period, end - begin, start, timing.utc_offset, **gaps)


def parts(movie):
    """(ending of a name, first frame, count) of each file that a movie's results are written to, as IDPS numbers them."""
    if len(movie.parts) < 2:
        return [("", 0, len(movie))]
    return [(f".{number:03}", first, count) for number, (_, first, count) in enumerate(movie.parts) if count]


def write_cell_set(path, movie, cells, table, first, count, method):
    """The cells of one part of a movie as a cell set; samples without a frame are NaN."""
    timing = part_timing(movie.timing, first, count)
    traces = np.full((len(cells), timing.samples), np.nan, np.float32)
    traces[:, timing.valid] = cells.traces[:, first : first + count]
    images = np.stack(list(cells.images())) if len(cells) else np.empty((0, *cells.shape), np.float32)
    extra = {"idps": {"cellset": {"method": method, "type": "analog", "units": UNITS[cells.unit]}}}
    made = isxd.CellSet(
        images,
        traces,
        timing,
        tuple(table["name"]),
        tuple(table["status"]),
        movie.pixel_size,
        (),
        UNITS[cells.unit],
        extra,
    )
    isxd.write_cell_set(path, made, movie.top_left)


def write_event_set(path, movie, table, events, first, count):
    """The events within one part of a movie as an event set."""
    timing = part_timing(movie.timing, first, count)
    begin = float(movie.timing.times[first])
    length = timing.samples * float(timing.period)
    channels = {}
    for name, (times, sizes) in zip(table["name"], events, strict=True):
        after = np.asarray(times) - begin
        inside = (after >= 0) & (after < length)
        channels[name] = np.rint(after[inside] * 1e6).astype(np.int64), np.asarray(sizes, np.float32)[inside]
    steps = dict.fromkeys(channels, timing.period)
    duration = timing.period * timing.samples
    isxd.write_event_set(path, Signals(channels, timing.start, timing.utc_offset, duration, steps, "events"))


def write_movie(path, movie, first, count):
    """One part of a movie as `.isxd`."""
    timing = part_timing(movie.timing, first, count)
    part = movie.changed(
        shape=(count, *movie.shape[1:]), timing=timing, reader=lambda begin, size: movie.read(first + begin, size)
    )
    isxd.write_movie(path, part)


def write_tiff(path, movie):
    """A movie as a BigTIFF of float32 pages, read by blocks; its rate stands in the description of ImageJ."""
    size = movie.shape[0] * movie.shape[1] * movie.shape[2] * 4
    frames = (np.asarray(frame, np.float32) for _, block in movie.blocks() for frame in block)
    with files.replacing(path) as partial:
        tifffile.imwrite(
            partial,
            frames,
            shape=movie.shape,
            dtype=np.float32,
            bigtiff=size > 2**31,
            photometric="minisblack",
            metadata={"axes": "TYX", "fps": movie.timing.rate},
            datetime=False,
            software="Darkroom",
        )


def write_mp4(path, movie):
    """A movie to look at: 8 bits, at the rate of the recording; gaps in time are skipped."""
    _, some = movie.sampled(40)
    low, high = np.percentile(some, (100 - SHOWN, SHOWN))
    scale = 255 / max(high - low, 1e-6)
    rows, columns = (size // 2 * 2 for size in movie.shape[1:])  # the codec wants even sizes
    with (
        files.replacing(path) as partial,
        av.open(str(partial), "w", format="mp4", options={"fflags": "+bitexact"}) as out,
    ):
        stream = out.add_stream("libx264", rate=Fraction(movie.timing.rate).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.options = {"crf": "18", "threads": "1"}
        for _, block in movie.blocks():
            shades = np.clip((block - low) * scale, 0, 255).astype(np.uint8)
            for frame in shades[:, :rows, :columns]:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray")))
        out.mux(stream.encode(None))
