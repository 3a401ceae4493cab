"""What users of other programs take home: cell and event sets as `.isxd`, the movie as `.isxd`, TIFF and MP4."""

from fractions import Fraction

import av
import numpy as np
import tifffile

from darkroom import files
from darkroom.calcium.readers import isxd
from darkroom.calcium.signals import Signals

UNITS = {"df": "dF", "df_over_noise": "dF over noise"}  # what IDPS calls the units of traces
SHOWN = 99.9  # percentile of sampled pixels that is white in a video, and its opposite that is black


def write_cell_set(path, movie, cells, table, method):
    """The cells of a movie as a cell set on the whole grid of its timing; samples without a frame are NaN."""
    traces = np.full((len(cells), movie.timing.samples), np.nan, np.float32)
    traces[:, movie.timing.valid] = cells.traces
    images = np.stack(list(cells.images())) if len(cells) else np.empty((0, *cells.shape), np.float32)
    unit = UNITS[cells.unit]
    extra = {"idps": {"cellset": {"method": method, "type": "analog", "units": unit}}}
    names, statuses = tuple(table["name"]), tuple(table["status"])
    made = isxd.CellSet(images, traces, movie.timing, names, statuses, movie.pixel_size, (), unit, extra)
    isxd.write_cell_set(path, made, movie.top_left)


def write_event_set(path, movie, table, events):
    """The events of a movie as an event set, to the microsecond."""
    channels = {
        name: (np.rint(np.asarray(times) * 1e6).astype(np.int64), np.asarray(sizes, np.float32))
        for name, (times, sizes) in zip(table["name"], events, strict=True)
    }
    timing = movie.timing
    duration, steps = timing.period * timing.samples, dict.fromkeys(channels, timing.period)
    isxd.write_event_set(path, Signals(channels, timing.start, timing.utc_offset, duration, steps, "events"))


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
