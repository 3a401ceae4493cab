"""A granule of an airborne instrument in memory: what every reader returns and what the netCDF writer takes.

Values stay as the source stores them (packed integers, printed decimals); `Variable.values` gives physical ones.
The rows of a granule are its records in the order of time: samples of a sonde, profiles of a lidar, scans of a swath.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from darkroom.airborne.extent import extent as extent_of
from darkroom.airborne.extent import extent_of_grid
from darkroom.airborne.times import units
from darkroom.airborne.units import conversion

BLOCK_BYTES = 16 << 20
METRES = {"m": 1, "km": 1000}
# Names of what a product has beside the variables of its source.
RESERVED = {"trajectory", "trajectory_strlen", "profile"}


@dataclass
class Variable:
    """One variable under its netCDF name.

    dims -- names of its dimensions; the first one is the granule's row dimension where the variable has rows
    shape, dtype -- of the stored values
    attrs -- CF attributes, among them scale_factor and add_offset of packed values
    fill -- the stored value that means missing, or None
    read -- `read(first, last)`: stored values of these entries of the first dimension; a scalar ignores both
    source -- its name in the source, or "" for what was derived
    codes -- other stored values that are no measurement, by what they mean (see `screen`)

    Text is of the type `S`, of as many bytes of UTF-8 as its longest entry has.
    """

    dims: tuple
    shape: tuple
    dtype: np.dtype
    attrs: dict
    fill: object
    read: Callable
    source: str = ""
    codes: dict = field(default_factory=dict)

    @classmethod
    def of(cls, values, dims=(), attrs=None, fill=None, source="", codes=None):
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
            dict(codes or {}),
        )

    @property
    def is_text(self):
        return self.dtype.kind == "S"

    def array(self):
        """All stored values."""
        return self.read(0, self.shape[0] if self.shape else 1)

    def only(self, rows):
        """The same variable with some of its rows alone; their numbers go up."""
        rows, read = np.asarray(rows), self.read

        def kept(first, last):
            chosen = rows[first:last]
            return read(chosen[0], chosen[-1] + 1)[chosen - chosen[0]] if chosen.size else read(0, 0)

        return replace(self, shape=(rows.size, *self.shape[1:]), read=kept)

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

    @property
    def bins(self):
        """Dimension of a curtain's bins: `altitude`, or another where each profile has altitudes of its own."""
        altitude = self.variables.get("altitude")
        return altitude.dims[1] if altitude is not None and len(altitude.dims) == 2 else "altitude"

    @functools.cached_property
    def times(self):
        """Time of each row in UTC, datetime64[ns]; NaT where missing."""
        return moments(self.variables["time"])

    @property
    def start(self):
        """The first moment, datetime64[ns]."""
        return np.nanmin(self._sample_times())

    @property
    def end(self):
        """The last moment, datetime64[ns]."""
        return np.nanmax(self._sample_times())

    @property
    def is_flight_of_sondes(self):
        """Whether the rows are whole soundings, each with samples of its own: a ragged array of profiles."""
        return "row_size" in self.variables

    @property
    def is_grid(self):
        """Whether latitude and longitude are the sides of a grid."""
        return all(self.variables[name].dims == (name,) for name in ("latitude", "longitude"))

    def positions(self):
        """(times, latitude, longitude) of each row: datetime64[ns] and degrees as float64, NaN where missing.

        In a swath latitude and longitude are (row, spot); the spots of a grid are its corners, and its middle third.
        """
        latitude, longitude = (self.variables[name].values() for name in ("latitude", "longitude"))
        if self.is_grid:
            latitude = latitude[[0, 0, latitude.size // 2, -1, -1]]
            longitude = longitude[[0, -1, longitude.size // 2, -1, 0]]
            latitude, longitude = (np.tile(degrees, (self.times.size, 1)) for degrees in (latitude, longitude))
        if latitude.ndim > 1:
            latitude, longitude = (degrees.reshape(len(degrees), -1) for degrees in (latitude, longitude))
        return self.times, latitude, longitude

    def samples(self):
        """What `positions` tells, but of a flight of sondes for each sample of the soundings."""
        if "sample_time" not in self.variables:
            return self.positions()
        places = (self.variables[f"sample_{name}"] for name in ("latitude", "longitude"))
        return self._sample_times(), *(place.values() for place in places)

    def _sample_times(self):
        return moments(self.variables["sample_time"]) if "sample_time" in self.variables else self.times

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
        scale = in_metres(self.variables["altitude"].attrs.get("units", "")) if self.altitude_range else None
        return tuple(scale * end for end in self.altitude_range) if scale else None

    @functools.cached_property
    def extent(self):
        """Where and when the granule is (see `extent`): what its netCDF and its metadata tell.

        The altitudes of a lidar's bins are not those of a fall. Raises ValueError where no time or no place is known.
        """
        if self.is_grid:
            return extent_of_grid(self.times, *(self.variables[name].values() for name in ("latitude", "longitude")))
        times, latitude, longitude = self.positions()
        altitude = self.variables.get("altitude")
        falls = self.is_flight_of_sondes or (altitude and altitude.shape == self.variables["latitude"].shape)
        ends = self.altitude_range_m if falls else None
        height = ends[1] - ends[0] if ends else 0.0
        if "pixel_time" in self.variables:
            times = moments(self.variables["pixel_time"]).reshape(latitude.shape)
        if not self.is_flight_of_sondes:
            return extent_of(times, latitude, longitude, height)
        return extent_of(*self.samples(), height, places=(latitude, longitude))


def add(variables, name, variable):
    """Put a variable among the others, under a name of its own where its name is taken."""
    number = 1
    while (free := name if number == 1 else f"{name}_{number}") in variables or free in RESERVED:
        number += 1
    variables[free] = variable


def in_metres(text):
    """How many metres a unit is, or None for what is no length."""
    if text in METRES:  # as most are, which saves the loading of UDUNITS
        return METRES[text]
    try:
        factors = conversion(text, "m")
    except ValueError:
        return None
    return factors[0] if factors else None


def moments(variable):
    """The moments of a variable of time, datetime64[ns]; NaT where missing."""
    return units(variable.attrs["units"], variable.attrs.get("calendar")).moments(variable.values())
