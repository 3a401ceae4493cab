"""Movies in NWB files: one OnePhotonSeries, TwoPhotonSeries or ImageSeries that lies in the file."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np

from darkroom.calcium.movie import Movie
from darkroom.calcium.timing import EPOCH, Timing, of_stamps

SERIES = ("OnePhotonSeries", "TwoPhotonSeries", "ImageSeries")


def read_movie(path, dataset=None):
    """A movie of an NWB file, whose axes (frames, x, y) are turned to (frames, rows, columns).

    dataset -- path of the series in the file, where there is more than one

    Raises ValueError naming the file and the series it has.
    """
    path = Path(path)
    try:
        file = h5py.File(path)
    except OSError as error:
        raise ValueError(f"{path}: is no whole NWB file ({error})") from error
    with file:
        movies = {}
        file.visititems(lambda name, item: movies.update({name: item}) if _is_series(item) else None)
        if dataset is None and len(movies) != 1:
            there = ", ".join(movies) or "none (a movie of an external file is given by that file)"
            raise ValueError(f"{path}: `dataset` must say which series is the movie; there are {there}")
        name = (dataset or next(iter(movies))).strip("/")
        if name not in movies:
            raise ValueError(f"{path}: has no series {name}; there are {', '.join(movies) or 'none'}")
        series = movies[name]
        frames, width, height = series["data"].shape
        dtype = series["data"].dtype
        timing = _timing(file, series, frames, path)

    def read(first, count):
        with h5py.File(path) as opened:
            return np.ascontiguousarray(opened[name]["data"][first : first + count].transpose(0, 2, 1))

    notes = (f"the axes of {name} in {path.name} are frames, x, y, as NWB has them",)
    return Movie((frames, height, width), dtype, timing, read, notes=notes)


def _is_series(item):
    kind = item.attrs.get("neurodata_type", "")
    return kind in SERIES and "data" in item and item["data"].ndim == 3 and item["data"].shape[0] > 0


def _timing(file, series, frames, path):
    begun = datetime.fromisoformat(file["session_start_time"][()].decode())
    start, offset = Fraction((begun - EPOCH).total_seconds()).limit_denominator(1_000_000), begun.utcoffset()
    offset = int(offset.total_seconds())
    if "timestamps" not in series:
        begin = series["starting_time"]
        period = Fraction(1 / float(begin.attrs["rate"])).limit_denominator(1_000_000_000)
        start += Fraction(float(begin[()])).limit_denominator(1_000_000)
        return Timing(period, frames, start, offset)
    stamps = series["timestamps"][:]
    if len(stamps) != frames:
        raise ValueError(f"{path}: has {frames} frames and {len(stamps)} timestamps; one of each is due")
    start += Fraction(float(stamps[0])).limit_denominator(1_000_000)
    return of_stamps(stamps - stamps[0], start, offset)
