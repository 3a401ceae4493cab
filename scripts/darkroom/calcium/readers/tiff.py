"""Movies in TIFF files: a page a frame."""

import struct
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

from darkroom import damage
from darkroom.calcium.movie import Movie
from darkroom.calcium.timing import Timing

UNITS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "ms": 1000,
    "msec": 1000,
    "min": Fraction(1, 60),
}  # of ImageJ, in a second


def read_movie(path):
    """A movie of a TIFF file of one or more pages, all of one size and grey, whether written at once or page by page.

    A TIFF has no start; ImageJ writes the time between frames (`finterval`), others no rate: then the period of the
    timing is 0, which `series` asks the user for. Raises ValueError naming the file for colour, for pages of several
    sizes, for several planes or channels, and for a file that is cut off.
    """
    path = Path(path)
    with damage.named(path, "TIFF file"):
        file = tifffile.TiffFile(path)
        series, page, count = file.series, file.pages.first, len(file.pages)
        last = file.pages[count - 1]
        dtype = series[0].dtype
    if page.samplesperpixel != 1 or dtype.kind not in "uifb":
        raise ValueError(f"{path}: has {page.samplesperpixel} samples a pixel of {dtype}, one grey number is due")
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        raise ValueError(f"{path}: is a negative (MINISWHITE), whose brightest pixel is 0; invert it first")
    rows, columns = page.shape
    place, number = series[0].dataoffset, int(np.prod(series[0].shape)) // (rows * columns)
    if len(series) > 1:  # written page by page
        place, number = None, count
        if {(one.shape[-2:], one.dtype) for one in series} != {((rows, columns), dtype)} or count != sum(
            len(one.pages) for one in series
        ):
            raise ValueError(
                f"{path}: its pages are {len(series)} images of unlike size or type, frames of one movie are due"
            )
    elif sum(size > 1 for size in series[0].shape[:-2]) > 1:
        axes = " x ".join(f"{size} {axis}" for size, axis in zip(series[0].shape, series[0].axes, strict=True))
        raise ValueError(f"{path}: has several planes or channels ({axes}); frames of one are due, a file of it alone")
    with damage.named(path, "TIFF file"):
        _require_whole(path, last, place, number * rows * columns * dtype.itemsize)
    stored = dtype.newbyteorder(file.byteorder)
    lock = threading.Lock()

    def read(first, wanted):
        if place is not None:
            with path.open("rb") as raw:
                raw.seek(place + first * rows * columns * stored.itemsize)
                frames = np.fromfile(raw, stored, wanted * rows * columns).reshape(wanted, rows, columns)
            return frames.astype(dtype, copy=False)
        if not wanted:
            return np.empty((0, rows, columns), dtype)
        with lock:
            try:
                frames = file.asarray(key=range(first, first + wanted)).reshape(wanted, rows, columns)
            except (ValueError, RuntimeError, IndexError) as error:
                raise ValueError(
                    f"{path}: frames {first} to {first + wanted - 1} cannot be decoded ({error}); copy it again"
                ) from error
        return frames.astype("u1") if dtype.kind == "b" else frames

    said = file.imagej_metadata or {}
    interval = Fraction(said.get("finterval") or 0).limit_denominator(1_000_000)
    unit, notes = str(said.get("tunit") or "sec"), []
    if interval and unit not in UNITS:
        notes.append(f"{path.name} has an interval of {float(interval):g} {unit!r}, a unit that is not known")
        interval = Fraction(0)
    elif interval:
        notes.append(f"the frame rate of {path.name} is what ImageJ has noted")
    period = interval / UNITS.get(unit, 1)
    dtype = np.dtype("u1") if dtype.kind == "b" else dtype
    return Movie((number, rows, columns), dtype, Timing(period, number), read, notes=tuple(notes))


def _require_whole(path, last, place, size):
    """Refuse a file that ends before its pixels do, or whose last page names a next one: tifffile takes what it finds
    for all there is.

    place -- where `size` bytes of pixels lie in one piece, or None
    """
    there, form = path.stat().st_size, last.parent.tiff
    ends = [begin + length for begin, length in zip(last.dataoffsets, last.databytecounts, strict=True)]
    if max(ends, default=0) > there or (place is not None and place + size > there):
        raise ValueError(f"{path}: was cut off: its frames do not lie in its {there} bytes; copy it again")
    with path.open("rb") as raw:
        raw.seek(last.offset)
        (tags,) = struct.unpack(form.tagnoformat, raw.read(form.tagnosize))
        raw.seek(last.offset + form.tagnosize + tags * form.tagsize)
        (after,) = struct.unpack(form.offsetformat, raw.read(form.offsetsize).ljust(form.offsetsize, b"\0"))
    if after:
        raise ValueError(f"{path}: was cut off: its next page would lie at byte {after} of {there}; copy it again")
