"""Movies in TIFF files: a page a frame."""

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

from darkroom.calcium.movie import Movie
from darkroom.calcium.timing import Timing


def read_movie(path):
    """A movie of a TIFF file of one or more pages, all of one size and grey.

    A TIFF has no start; ImageJ writes the seconds between frames (`finterval`), others no rate: then the period of
    the timing is 0, which `series` asks the user for. Raises ValueError naming the file for colour, for pages of
    several sizes, and for a file that is cut off.
    """
    path = Path(path)
    try:
        file = tifffile.TiffFile(path)
        series = file.series
    except (tifffile.TiffFileError, OSError, IndexError, ValueError) as error:
        raise ValueError(f"{path}: is no whole TIFF file ({error})") from error
    if len(series) != 1:
        raise ValueError(
            f"{path}: its pages are {len(series)} images of unlike size or type, frames of one movie are due"
        )
    page = file.pages.first
    if page.samplesperpixel != 1 or series[0].dtype.kind not in "uif":
        raise ValueError(
            f"{path}: has {page.samplesperpixel} samples a pixel of {series[0].dtype}, one grey number is due"
        )
    rows, columns = page.shape
    count = int(np.prod(series[0].shape)) // (rows * columns)
    size, place, dtype = path.stat().st_size, series[0].dataoffset, series[0].dtype
    if place is not None and place + count * rows * columns * dtype.itemsize > size:
        raise ValueError(f"{path}: was cut off: {count} frames do not lie in its {size} bytes")
    stored = dtype.newbyteorder(file.byteorder)
    lock = threading.Lock()

    def read(first, number):
        if place is not None:
            with path.open("rb") as raw:
                raw.seek(place + first * rows * columns * stored.itemsize)
                frames = np.fromfile(raw, stored, number * rows * columns).reshape(number, rows, columns)
            return frames.astype(dtype, copy=False)
        with lock:
            return file.asarray(key=range(first, first + number), series=0).reshape(number, rows, columns)

    interval = (file.imagej_metadata or {}).get("finterval") or 0
    period = Fraction(interval).limit_denominator(1_000_000)
    notes = [f"the frame rate of {path.name} is what ImageJ has noted"] if interval else []
    return Movie((count, rows, columns), dtype, Timing(period, count), read, notes=tuple(notes))
