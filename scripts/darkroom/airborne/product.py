"""Reading the netCDF products of granules back: their times, places and values, by blocks."""

import math
from contextlib import contextmanager

import netCDF4
import numpy as np

from darkroom.airborne import granule
from darkroom.airborne.extent import extent as extent_of

BLOCK = 1 << 20  # values that are read at a time
netCDF4.set_chunk_cache(4 << 20)  # bytes of each variable; blocks are read once, so that more would only fill memory


@contextmanager
def opened(path):
    """A netCDF product whose variables give stored values, neither masked nor scaled."""
    with netCDF4.Dataset(path) as dataset:
        dataset.set_auto_maskandscale(False)
        yield dataset


def blocks(variable):
    """(first, stored values) along the dimension of a variable that has most entries; a scalar is one block."""
    if not variable.shape:
        yield 0, np.asarray(variable[...])
        return
    axis = int(np.argmax(variable.shape))
    step = max(1, BLOCK // max(1, math.prod(variable.shape) // max(1, variable.shape[axis])))
    for first in range(0, variable.shape[axis], step):
        part = [slice(None)] * variable.ndim
        part[axis] = slice(first, first + step)
        yield first, np.asarray(variable[tuple(part)])


def missing(variable, stored):
    """Which stored values mean that there is none."""
    gone = np.isnan(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, bool)
    for name in ("_FillValue", "missing_value"):
        if name in variable.ncattrs():
            gone |= np.isin(stored, variable.getncattr(name))
    return gone


def physical(variable, stored):
    """Stored values as float64 in the units of the variable, NaN where missing."""
    scale, offset = (getattr(variable, name, default) for name, default in (("scale_factor", 1), ("add_offset", 0)))
    return np.where(missing(variable, stored), np.nan, stored * np.float64(scale) + np.float64(offset))


def values(variable):
    """All values of a variable that fits in memory, as float64 in its units, NaN where missing."""
    return physical(variable, np.asarray(variable[...]))


def span(variable):
    """Least and greatest value, or None where there is none."""
    known = (block[np.isfinite(block)] for block in (physical(variable, stored) for _, stored in blocks(variable)))
    ends = [end for block in known if block.size for end in (float(block.min()), float(block.max()))]
    return (min(ends), max(ends)) if ends else None


def by_standard_name(dataset, name):
    """The first variable with a CF standard name, or None."""
    return next((item for item in dataset.variables.values() if getattr(item, "standard_name", "") == name), None)


def positions(dataset):
    """(times, latitude, longitude) of a product: datetime64[ns], and degrees as (row,) or, in a swath, (row, spot)."""
    time = dataset["time"]
    times = granule.moments(values(time).ravel(), time.units)
    latitude, longitude = (values(dataset[name]) for name in ("latitude", "longitude"))
    shape = (times.size, -1) if latitude.size > times.size else times.size
    return times, latitude.reshape(shape), longitude.reshape(shape)


def moments(dataset):
    """Every time of a product, datetime64[ns]: of its samples, where its rows are whole soundings."""
    time = dataset["sample_time" if "sample_time" in dataset.variables else "time"]
    return granule.moments(values(time).ravel(), time.units)


def apart(dataset):
    """Whether the rows are soundings on their own, each with one position: a ragged array of profiles."""
    return any("sample_dimension" in variable.ncattrs() for variable in dataset.variables.values())


def keep_only(folder, names):
    """Remove from a folder of products what earlier granules have left there."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def altitudes(dataset):
    """Lowest and highest altitude in metres, or None."""
    altitude = dataset.variables.get("altitude")
    ends = span(altitude) if altitude else None
    scale = {"m": 1, "km": 1000}.get(altitude.units) if ends else None
    return tuple(scale * end for end in ends) if scale else None


def extent(dataset):
    """Where and when a product is (see `extent`); altitudes of a lidar's bins are not those of a fall."""
    _, latitude, longitude = positions(dataset)
    of_rows = "altitude" in dataset.variables and dataset["altitude"].size == latitude.size
    ends = altitudes(dataset) if of_rows or apart(dataset) else None
    height = ends[1] - ends[0] if ends else 0.0
    return extent_of(moments(dataset), latitude, longitude, height, apart(dataset))
