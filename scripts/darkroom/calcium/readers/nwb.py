"""Movies in NWB files: one OnePhotonSeries, TwoPhotonSeries or ImageSeries that lies in the file."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np

from darkroom import hdf5_file
from darkroom.calcium.moments import EPOCH
from darkroom.calcium.movie import Movie
from darkroom.calcium.readers.hdf5 import stored
from darkroom.calcium.timing import Timing, of_stamps, require_ascending

SERIES = ("OnePhotonSeries", "TwoPhotonSeries", "ImageSeries")


def read_movie(path, dataset=None):
    """A movie of an NWB file, whose axes (frames, x, y) are turned to (frames, rows, columns).

    dataset -- path of the series in the file, where there is more than one

    Raises ValueError naming the file and the series it has, and times that are none.
    """
    path = Path(path)
    with hdf5_file.opened(path) as file:
        movies = {}
        file.visititems(lambda name, item: movies.update({name: item}) if _is_series(item) else None)
        if dataset is None and len(movies) != 1:
            there = ", ".join(movies) or "none (a movie of an external file is given by that file)"
            raise ValueError(f"{path}: give `array`, the path of the series that is the movie; there are {there}")
        name = (dataset or next(iter(movies))).strip("/")
        if name not in movies:
            raise ValueError(f"{path}: has no series {name}; there are {', '.join(movies) or 'none'}")
        series = movies[name]
        frames, width, height = series["data"].shape
        dtype = series["data"].dtype
        timing = _timing(file, series, frames, path)

    def read(first, count):
        return np.ascontiguousarray(stored(path, f"{name}/data", first, count).transpose(0, 2, 1))

    notes = (f"the axes of {name} in {path.name} are frames, x, y, as NWB has them",)
    return Movie((frames, height, width), dtype, timing, read, notes=notes)


def _is_series(item):
    kind = item.attrs.get("neurodata_type", "")
    return kind in SERIES and "data" in item and item["data"].ndim == 3 and item["data"].shape[0] > 0


def _timing(file, series, frames, path):
    """When the frames were taken; without a start or a rate where the file tells none, which `series` asks for."""
    start, offset = _session_start(file, path)

    def after(seconds):
        return start if start is None else start + Fraction(float(seconds)).limit_denominator(1_000_000)

    if "timestamps" in series:
        stamps = series["timestamps"][:]
        if len(stamps) != frames:
            raise ValueError(f"{path}: has {frames} frames and {len(stamps)} timestamps; one of each is due")
        require_ascending(path, stamps)
        return of_stamps(stamps - stamps[0], after(stamps[0]), offset)
    if "starting_time" not in series:
        return Timing(Fraction(0), frames, start, offset)
    begin, rate = float(series["starting_time"][()]), float(series["starting_time"].attrs.get("rate", 0))
    if not (np.isfinite(begin) and 0 < rate < np.inf):
        raise ValueError(
            f"{path}: its series starts at {begin} s with {rate} frames per second; numbers are due, a rate above 0"
        )
    return Timing(Fraction(1 / rate).limit_denominator(1_000_000_000), frames, after(begin), offset)


def _session_start(file, path):
    """Seconds since 1970 UTC and the offset of the zone (s); None of both where the file tells none."""
    if "session_start_time" not in file:
        return None, None
    text = file["session_start_time"].asstr()[()]
    try:
        begun = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{path}: session_start_time {text!r} is no moment in ISO 8601") from error
    if begun.tzinfo is None:
        raise ValueError(f"{path}: session_start_time {text} has no time zone, which NWB asks for; write the file anew")
    seconds = Fraction((begun - EPOCH).total_seconds()).limit_denominator(1_000_000)
    return seconds, int(begun.utcoffset().total_seconds())
