"""netCDF and GRIB on a regular grid of latitude and longitude: CAMS, Copernicus Land, Copernicus Marine.

Conventions: CF-1.11 for packing, flags and times. Of CAMS the axes before and after the converter of 2024: `time`, or
`forecast_reference_time` and `forecast_period` with `valid_time`.
"""

import contextlib
from datetime import UTC
from pathlib import Path

import netCDF4
import numpy as np
from cf_units import Unit

from darkroom import damage, netcdf_file
from darkroom.copernicus import names
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.readers import grib

CRS = "EPSG:4326"
LATITUDES, LONGITUDES = ("latitude", "lat", "y"), ("longitude", "lon", "x")
UNEVEN = 0.01  # of a cell, by which the distances of the coordinates may differ (they may be 32-bit)
HOUR = 3600.0


def scenes(inventory, field, step):
    """The times of a variable in the files of an inventory, in order: product, path, variable, begin, at.

    field -- variable (a list of the names that it has had), see config/schemas/variants.schema.yaml
    step -- hours from the start of a forecast that are taken, where a file has several

    Raises ValueError for files that cannot be read, and where none has the variable.
    """
    listed, others = [], set()
    for name in inventory.names:
        path = Path(inventory.root, name)
        if path.suffix not in (".nc", *names.GRIB):
            continue
        with opened(path) as dataset:
            variable = next((one for one in field["variable"] if one in dataset.variables), None)
            if variable is None:
                others |= {one for one, shown in dataset.variables.items() if shown.ndim >= 2}
                continue
            for begin, at in _times(dataset, dataset[variable], path, step):
                listed.append({"product": path.name, "path": str(path), "variable": variable, "begin": begin, "at": at})
    if others:
        shown = ", ".join(sorted(others)) or "nothing"
        raise ValueError(
            f"{inventory.root}: there are files with {shown}, and without {' or '.join(field['variable'])}"
        )
    if not listed:
        spellings = " or ".join(field["variable"])
        raise ValueError(f"{inventory.root}: there is no netCDF file (.nc) with {spellings}, nor one of GRIB (.grib)")
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


@contextlib.contextmanager
def opened(path):
    """A file whose values come as they are stored; of GRIB as they are decoded.

    Raises ValueError naming one that is damaged, and one of GRIB where nothing is installed that reads it.
    """
    if Path(path).suffix in names.GRIB:
        with grib.opened(path) as fields:
            yield fields
        return
    with netcdf_file.opened(path) as dataset:
        yield dataset


def _times(dataset, variable, path, step):
    """Of each time of a variable its begin, and the index of each of its axes but those of the map."""
    leading = [axis for axis in variable.dimensions if axis not in (*LATITUDES, *LONGITUDES)]
    sizes = [dataset.dimensions[axis].size for axis in leading]
    if "forecast_period" in leading:
        hours = _hours(dataset["forecast_period"])
        at = leading.index("forecast_period")
        chosen = np.flatnonzero(np.isclose(hours, step))
        if not len(chosen):
            raise ValueError(f"{path}: has the forecast hours {hours.tolist()}, and not {step:g}")
    for index in np.ndindex(*sizes):
        if "forecast_period" in leading and index[at] not in chosen:
            continue
        yield _begin(dataset, leading, index, path), list(map(int, index))


def _hours(variable):
    """Values of a variable of durations as hours."""
    factor = Unit(variable.units).convert(1.0, "hours") if hasattr(variable, "units") else 1.0
    return np.atleast_1d(np.asarray(variable[:], float)) * factor


def _begin(dataset, leading, index, path):
    """ISO 8601 of one time: what the file says, else what its name tells."""
    places = dict(zip(leading, index, strict=True))
    for name in ("valid_time", "time"):
        if name in dataset.variables and hasattr(dataset[name], "units"):
            variable = dataset[name]
            value = variable[tuple(places[axis] for axis in variable.dimensions)]
            calendar = getattr(variable, "calendar", "standard")
            with damage.named(path, f"file whose {name}"):
                moment = netCDF4.num2date(float(value), variable.units, calendar, only_use_cftime_datetimes=False)
                return moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    told = names.parsed(path.name)
    if told is None or any(index):
        raise ValueError(f"{path}: does not tell its time, neither by a variable time nor by its name")
    return told.begin


def grid_of(scene):
    """The grid of a file, from west to east between -180 and 180 and from north to south, and how to get there: whether
    rows are turned around, and by how many columns they are shifted.

    Raises ValueError for coordinates that are not regular.
    """
    with opened(scene["path"]) as dataset:
        variable = dataset[scene["variable"]]
        axes = [
            next((axis for axis in variable.dimensions if axis in spellings), None)
            for spellings in (LATITUDES, LONGITUDES)
        ]
        if None in axes or variable.dimensions[-2:] != tuple(axes):
            there = ", ".join(variable.dimensions)
            raise ValueError(
                f"{scene['path']}: {scene['variable']} has the axes {there}, not latitude and longitude last"
            )
        latitudes, longitudes = (np.asarray(dataset[axis][:], float) for axis in axes)
    upward = latitudes[-1] > latitudes[0]
    latitudes = latitudes[::-1] if upward else latitudes
    turned = (longitudes + 180) % 360 - 180
    shift = int(np.argmin(turned)) if longitudes.max() > 180 and _is_regular(np.roll(turned, -np.argmin(turned))) else 0
    longitudes = np.roll(turned, -shift) if shift else longitudes  # a cut-out over the date line goes on beyond 180
    steps = [
        _step(values, scene["path"], name) for values, name in ((longitudes, "longitude"), (-latitudes, "latitude"))
    ]
    place = (steps[0], 0.0, float(longitudes[0] - steps[0] / 2), 0.0, -steps[1], float(latitudes[0] + steps[1] / 2))
    return Grid(CRS, place, len(longitudes), len(latitudes)), upward, shift


def _is_regular(values):
    """Whether there are two or more values that grow by the same step."""
    apart = np.diff(values)
    return len(apart) > 0 and apart.mean() > 0 and bool((np.abs(apart - apart.mean()) < UNEVEN * apart.mean()).all())


def _step(values, path, name):
    if not _is_regular(values):
        raise ValueError(f"{path}: {name} is not regular; right are two or more values that are equally far apart")
    return round(float((values[-1] - values[0]) / (len(values) - 1)), 9)


def unit_of(scene):
    """The unit of the variable, "1" where the file has none."""
    with opened(scene["path"]) as dataset:
        return str(getattr(dataset[scene["variable"]], "units", "1")) or "1"


def values(scene, place, window, field, dataset):
    """Values (float32) of a window, in the unit of the field, NaN for what is missing or a flag.

    place -- of `grid_of`; field -- flags: stored values that are none, beside the file's own; unit: what is asked for
    """
    grid, upward, shift = place
    variable = dataset[scene["variable"]]
    rows, columns = window.toslices()
    if upward:
        rows = slice(grid.height - rows.stop, grid.height - rows.start)
    stored_at = (np.arange(columns.start, columns.stop) + shift) % grid.width
    pieces = np.split(stored_at, np.flatnonzero(np.diff(stored_at) != 1) + 1)
    try:
        read = [variable[(*scene["at"], rows, slice(piece[0], piece[-1] + 1))] for piece in pieces]
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{scene['path']}: cannot be read, it is damaged or cut off: {error}") from error
    stored = np.concatenate(read, -1)
    stored = stored[::-1] if upward else stored
    return _physical(variable, stored, field)


def _physical(variable, stored, field):
    bad = ~np.isfinite(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, bool)
    told = [getattr(variable, name, []) for name in ("_FillValue", "missing_value", "flag_values")]
    for codes in (*told, field.get("flags", [])):
        bad |= np.isin(stored, np.atleast_1d(codes))
    ends = getattr(variable, "valid_range", None)
    if ends is not None:
        bad |= (stored < ends[0]) | (stored > ends[1])
    made = stored * np.float64(getattr(variable, "scale_factor", 1)) + np.float64(getattr(variable, "add_offset", 0))
    made[bad] = np.nan
    have = str(getattr(variable, "units", "1")) or "1"
    if field.get("unit") and field["unit"] != have:
        made = Unit(have).convert(made, Unit(field["unit"]))
    return made.astype(np.float32)
