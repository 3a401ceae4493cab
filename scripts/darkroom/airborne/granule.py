"""A granule of an airborne instrument in memory: what every reader returns and what the netCDF writer takes.

Values stay as the source stores them (packed integers, printed decimals); `Variable.values` gives physical ones.
The rows of a granule are its records in the order of time: samples of a sonde, profiles of a lidar, scans of a swath.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from darkroom.airborne.extent import extent as extent_of

MISSING_TIME = np.datetime64("NaT", "ns")
MICROSECONDS = {"days": 86_400 * 10**6, "hours": 3_600 * 10**6, "minutes": 60 * 10**6, "seconds": 10**6}
BLOCK_BYTES = 16 << 20
METRES = {"m": 1, "km": 1000}


@dataclass
class Variable:
    """One variable under its netCDF name.

    dims -- names of its dimensions; the first one is the granule's row dimension where the variable has rows
    shape, dtype -- of the stored values
    attrs -- CF attributes, among them scale_factor and add_offset of packed values
    fill -- the stored value that means missing, or None
    read -- `read(first, last)`: stored values of these entries of the first dimension; a scalar ignores both
    source -- its name in the source, or "" for what was derived
    """

    dims: tuple
    shape: tuple
    dtype: np.dtype
    attrs: dict
    fill: object
    read: Callable
    source: str = ""

    @classmethod
    def of(cls, values, dims=(), attrs=None, fill=None, source=""):
        """A variable of values that are in memory."""
        values = np.asarray(values)
        return cls(
            tuple(dims),
            values.shape,
            values.dtype,
            dict(attrs or {}),
            fill,
            lambda a, b: values[a:b] if dims else values,
            source,
        )

    def array(self):
        """All stored values."""
        return self.read(0, self.shape[0] if self.shape else 1)

    def reversed(self):
        """The same variable with its rows turned round."""
        length, read = self.shape[0], self.read
        return replace(self, read=lambda first, last: read(length - last, length - first)[::-1])

    def blocks(self, multiple=1):
        """(first, last, stored values) along the first dimension, some tens of megabytes at a time.

        `multiple` is what the length of a block is a multiple of (the netCDF chunk), except for the last one.
        """
        if not self.shape:
            yield 0, 1, self.read(0, 1)
            return
        entry = max(1, self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64)))
        step = max(1, BLOCK_BYTES // entry // multiple) * multiple
        for first in range(0, self.shape[0], step):
            last = min(first + step, self.shape[0])
            yield first, last, self.read(first, last)

    def missing(self, stored):
        """Which stored values mean that there is none."""
        stored = np.asarray(stored)
        gone = np.isnan(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, bool)
        return gone if self.fill is None else gone | (stored == self.fill)

    def physical(self, stored):
        """Stored values of this variable as float64 in its units, NaN where missing."""
        values = np.asarray(stored).astype(np.float64)
        values[self.missing(stored)] = np.nan
        return values * self.attrs.get("scale_factor", 1) + self.attrs.get("add_offset", 0)

    def extremes(self):
        """(least, greatest) value in the variable's units, block by block; NaN where all are missing."""
        least, greatest = np.nan, np.nan
        for _, _, stored in self.blocks():
            values = self.physical(stored)
            if np.isfinite(values).any():
                least, greatest = np.fmin(least, np.nanmin(values)), np.fmax(greatest, np.nanmax(values))
        return float(least), float(greatest)

    def values(self):
        """All values as float64 in the variable's units, NaN where missing. For variables that fit in memory."""
        return self.physical(self.array())


@dataclass
class Granule:
    """One granule.

    id -- its name, unique in a dataset; names of products are made of it
    collection -- the collection as `collection` loads it
    files -- the names of its source files, the one with the data first
    feature -- CF featureType: `trajectory` (one sonde, a flight track), `trajectoryProfile` (a lidar curtain, a flight
        of sondes), or "" (a swath)
    variables -- by netCDF name; `time`, `latitude` and `longitude` are always there
    globals -- what the header of the file tells: text by the label there
    flags -- what was found odd and kept or repaired: a list of {"flag": word, "note": sentence}
    """

    id: str
    collection: dict
    files: list
    feature: str
    variables: dict
    globals: dict = field(default_factory=dict)
    flags: list = field(default_factory=list)

    @property
    def rows(self):
        """Name of the row dimension: `time`, `profile`, or in a swath that of its scans or samples."""
        return self.variables["time"].dims[0]

    @functools.cached_property
    def times(self):
        """Time of each row in UTC, datetime64[ns]; NaT where missing."""
        time = self.variables["time"]
        return moments(time.values(), time.attrs["units"])

    @property
    def start(self):
        """The first moment, datetime64[ns]."""
        return np.nanmin(self.samples()[0])

    @property
    def end(self):
        """The last moment, datetime64[ns]."""
        return np.nanmax(self.samples()[0])

    @property
    def is_flight_of_sondes(self):
        """Whether the rows are whole soundings, each with samples of its own: a ragged array of profiles."""
        return "row_size" in self.variables

    def positions(self):
        """(times, latitude, longitude) of each row: datetime64[ns] and degrees as float64, NaN where missing.

        In a swath latitude and longitude are (row, spot).
        """
        latitude, longitude = (self.variables[name].values() for name in ("latitude", "longitude"))
        if latitude.ndim > 1:
            latitude, longitude = (degrees.reshape(len(degrees), -1) for degrees in (latitude, longitude))
        return self.times, latitude, longitude

    def samples(self):
        """What `positions` tells, but of a flight of sondes for each sample of the soundings."""
        if "sample_time" not in self.variables:
            return self.positions()
        time, *places = (self.variables[f"sample_{name}"] for name in ("time", "latitude", "longitude"))
        return moments(time.values(), time.attrs["units"]), *(place.values() for place in places)

    def by_standard_name(self, name):
        """The first variable with a CF standard name, or None."""
        return next((item for item in self.variables.values() if item.attrs.get("standard_name") == name), None)

    @functools.cached_property
    def altitude_range(self):
        """(lowest, highest) altitude in the units of its variable, or None where there is none."""
        altitude = self.variables.get("altitude")
        ends = altitude.extremes() if altitude else (np.nan, np.nan)
        return ends if np.isfinite(ends[0]) else None

    @functools.cached_property
    def altitude_range_m(self):
        """(lowest, highest) altitude in metres, or None where there is none or its units are no lengths."""
        scale = METRES.get(self.variables["altitude"].attrs.get("units")) if self.altitude_range else None
        return tuple(scale * end for end in self.altitude_range) if scale else None

    @functools.cached_property
    def extent(self):
        """Where and when the granule is (see `extent`): what its netCDF and its metadata tell.

        The altitudes of a lidar's bins are not those of a fall. Raises ValueError where no time or no place is known.
        """
        times, latitude, longitude = self.positions()
        altitude = self.variables.get("altitude")
        falls = self.is_flight_of_sondes or (altitude and altitude.shape == self.variables["latitude"].shape)
        ends = self.altitude_range_m if falls else None
        height = ends[1] - ends[0] if ends else 0.0
        if not self.is_flight_of_sondes:
            return extent_of(times, latitude, longitude, height)
        return extent_of(*self.samples(), height, places=(latitude, longitude))


def read(match, path, companion=None):
    """The granule of a data file that `collection.match` knows.

    Rows that run backwards as a whole are turned round and flagged; in a swath time that goes backwards is flagged.
    Raises ValueError naming the file, and the line where there are lines, for what cannot be read, for time that goes
    backwards elsewhere, and where no position is known.
    """
    reader = importlib.import_module(f"darkroom.airborne.readers.{match.form['reader']}")
    extra = {"companion": companion} if companion else {}
    variables, header, flags, lines = reader.read(path, match.form, **extra)
    for needed in ("time", "latitude", "longitude"):
        if needed not in variables:
            raise ValueError(
                f"{path}: no {needed} among {', '.join(variable.source for variable in variables.values())}"
            )
    feature = match.form["feature"].replace("swath", "")
    names = [Path(path).name, *([Path(companion).name] if companion else [])]
    granule = Granule(match.granule, match.collection, names, feature, variables, header, list(flags))
    _put_in_order(granule, path, lines)
    known = np.isfinite(variables["latitude"].values()) & np.isfinite(variables["longitude"].values())
    if not known.any():
        raise ValueError(f"{path}: all positions are missing")
    return granule


def add(variables, name, variable):
    """Put a variable among the others, under a name of its own where its name is taken."""
    number = 1
    while (free := name if number == 1 else f"{name}_{number}") in variables:
        number += 1
    variables[free] = variable


def _put_in_order(granule, path, lines):
    """Turn round a granule that runs backwards in time; flag equal times. See `read`."""
    steps = np.diff(granule.times).astype(np.int64)
    if np.isnat(granule.times).any():
        raise ValueError(f"{path}: the time of {where(np.isnat(granule.times), lines)} is missing")
    if steps.size and (steps <= 0).all() and (steps < 0).any():
        for name, variable in granule.variables.items():
            if granule.rows in variable.dims:
                granule.variables[name] = variable.reversed()
        del granule.times
        granule.flags.append({"flag": "time_reversed", "note": "rows ran backwards in time; they were turned round"})
    elif (steps < 0).any() and not granule.feature:
        note = f"time goes backwards after {int((steps < 0).sum())} rows; they were left in their order"
        granule.flags.append({"flag": "time_backwards", "note": note})
    elif (steps < 0).any():
        back = where(np.append(False, steps < 0), lines)
        raise ValueError(f"{path}: time goes backwards at {back}")
    if same := int((steps == 0).sum()):
        granule.flags.append({"flag": "equal_times", "note": f"{same} rows have the time of the row before"})


def where(wrong, lines):
    """`line 12` or `record 3` for the first row that is wrong."""
    row = int(np.flatnonzero(wrong)[0])
    return f"line {lines[row]}" if lines is not None else f"record {row + 1}"


def moments(values, units):
    """Numbers of a CF time variable as datetime64[ns]; NaN becomes NaT.

    Raises ValueError for units that are not `seconds since YYYY-MM-DD hh:mm:ss` or alike.
    """
    step, _, epoch = units.partition(" since ")
    if step not in MICROSECONDS or not epoch:
        raise ValueError(f"time units {units!r}: right is 'seconds since 2012-09-07 12:41:16' or alike")
    start = np.datetime64(epoch.removesuffix(" UTC").replace(" ", "T"), "ns")
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    values = np.where(known, values, 0)
    whole = np.floor(values)
    # To the microsecond, which is what decimal days of double precision resolve.
    micro = whole.astype(np.int64) * MICROSECONDS[step] + np.round((values - whole) * MICROSECONDS[step]).astype(
        np.int64
    )
    return np.where(known, start + micro.astype("timedelta64[us]"), MISSING_TIME)
