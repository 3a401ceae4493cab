"""netCDF and GRIB on a regular grid of latitude and longitude: CAMS, Copernicus Land, Copernicus Marine.

Conventions: CF-1.11 for packing, flags and times. Of CAMS the axes before and after the converter of 2024: `time`, or
`forecast_reference_time` and `forecast_period` with `valid_time`.
"""

import contextlib
from datetime import UTC, timedelta
from pathlib import Path

import netCDF4
import numpy as np
from cf_units import Unit

from darkroom import netcdf_file
from darkroom.copernicus import names
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.readers import grib

CRS = "EPSG:4326"
LATITUDES, LONGITUDES = ("latitude", "lat", "y"), ("longitude", "lon", "x")
UNEVEN = 0.01  # of a cell, by which the distances of the coordinates may differ (they may be 32-bit)
TIMES = ("time", "valid_time", "forecast_reference_time", "forecast_period")
CALENDARS = ("standard", "gregorian", "proleptic_gregorian")


def scenes(inventory, field, step):
    """The times of a variable in the files of an inventory, in order: product, path, variable, unit, begin, at; and the
    names of files that are left out, as another one of their archive has the variable.

    field -- variable (a list of the names that it has had), see config/schemas/variants.schema.yaml
    step -- hours from the start of a forecast that are taken, where files are of several

    Raises ValueError for files that cannot be read or have whole numbers without a scale where flags are among them,
    and where none has the variable or the step.
    """
    listed, archives, others, hours = [], set(), {}, set()
    for file in inventory.files:
        path = Path(inventory.root, file.name)
        if path.suffix not in (".nc", *names.GRIB):
            continue
        with opened(path) as dataset:
            variable = next((one for one in field["variable"] if one in dataset.variables), None)
            if variable is None:
                others[file] = {one for one, shown in dataset.variables.items() if shown.ndim >= 2}
                continue
            archives.add(file.archive)
            if field.get("flags") and _is_whole(dataset[variable]) and not hasattr(dataset[variable], "scale_factor"):
                raise ValueError(f"{path}: {variable} has no scale_factor, by which its whole numbers become values")
            scene = {"product": path.name, "path": str(path), "variable": variable, "unit": _unit(dataset[variable])}
            for begin, hour, at in _times(dataset, dataset[variable], path):
                hours.add(hour)
                if hour is None or np.isclose(hour, step):
                    listed.append(scene | {"begin": begin, "at": at})
    if lacking := [variables for file, variables in others.items() if file.archive not in archives - {None}]:
        shown = ", ".join(sorted(set().union(*lacking))) or "nothing"
        raise ValueError(
            f"{inventory.root}: there are files with {shown}, and without {' or '.join(field['variable'])}"
        )
    if hours and not listed:
        raise ValueError(f"{inventory.root}: has the forecast hours {sorted(hours)}, and not {step:g}")
    if not listed:
        spellings = " or ".join(field["variable"])
        raise ValueError(f"{inventory.root}: there is no netCDF file (.nc) with {spellings}, nor one of GRIB (.grib)")
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"])), [file.name for file in others]


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


def _times(dataset, variable, path):
    """Of each time of a variable its begin, its hours from the start of a forecast (None where nothing tells them), and
    the index of each of its axes but those of the map."""
    leading = [axis for axis in variable.dimensions if axis not in (*LATITUDES, *LONGITUDES)]
    sizes = {axis: dataset.dimensions[axis].size for axis in leading}
    timed = {axis for name in TIMES if name in dataset.variables for axis in dataset[name].dimensions}
    if levels := [axis for axis in leading if axis not in timed.union(TIMES) and sizes[axis] > 1]:
        (axis, *_) = levels
        raise ValueError(f"{path}: is of {sizes[axis]} values of {axis}, and a map is of one; make a file of that")
    for index in np.ndindex(*sizes.values()):
        places = dict(zip(leading, index, strict=True))
        yield _begin(dataset, places, path), _hour(dataset, places, path), list(map(int, index))


def _hour(dataset, places, path):
    """Hours from the start of a forecast: what the file says, else what its name tells, else None."""
    if "forecast_period" in dataset.variables:
        period = dataset["forecast_period"]
        factor = Unit(period.units).convert(1.0, "hours") if hasattr(period, "units") else 1.0
        return float(period[tuple(places[axis] for axis in period.dimensions)]) * factor
    told = names.CAMS.fullmatch(path.stem)
    return float(told["step"]) if told else None


def _begin(dataset, places, path):
    """ISO 8601 of one time, to the second: what the file says, else what its name tells."""
    for name in ("valid_time", "time"):
        if name in dataset.variables and hasattr(dataset[name], "units"):
            variable = dataset[name]
            value = float(variable[tuple(places[axis] for axis in variable.dimensions)])
            calendar = getattr(variable, "calendar", "standard")
            if calendar not in CALENDARS:
                raise ValueError(
                    f"{path}: {name} is of the calendar {calendar}; right is one of {', '.join(CALENDARS)}"
                )
            if not np.isfinite(value):
                raise ValueError(f"{path}: {name} is {value}, which is no time")
            try:
                moment = netCDF4.num2date(value, variable.units, calendar, only_use_cftime_datetimes=False)
            except Exception as error:  # cftime's own come by many names
                raise ValueError(f"{path}: {name} is {value:g} {variable.units}, which is no time: {error}") from None
            # In 32-bit floating point an hour of a day is not quite itself.
            moment = (moment + timedelta(seconds=0.5)).replace(microsecond=0, tzinfo=UTC)
            return moment.isoformat().replace("+00:00", "Z")
    told = names.parsed(path.name)
    if told is None or any(places.values()):
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
    longitudes = np.unwrap(longitudes, period=360)
    steps = [
        _step(values, scene["path"], name) for values, name in ((longitudes, "longitude"), (-latitudes, "latitude"))
    ]
    # A cut-out over the date line goes on beyond 180; all the world is turned to begin there.
    longitudes = longitudes - 360 * ((longitudes[0] + 180) // 360)
    shift = 0
    if round(len(longitudes) * steps[0] / 360, 6) == 1:
        shift = int(np.count_nonzero(longitudes < 180)) % len(longitudes)
        longitudes = np.roll(longitudes, -shift) - 360 * bool(shift)
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


def require_unit(scene, field):
    """Raise ValueError for a file whose unit is not that of the field, nor can be converted to it."""
    have, asked = scene["unit"], field.get("unit")
    try:
        fits = not asked or Unit(have).is_convertible(Unit(asked))
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{scene['path']}: {scene['variable']} is in {have!r}; right is {asked}, or what becomes that")


def _is_whole(variable):
    return getattr(variable, "dtype", np.dtype(float)).kind in "iu"


def _unit(variable):
    """The unit of a variable, "1" where the file has none."""
    return str(getattr(variable, "units", "")).strip(" -") or "1"


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
    if str(getattr(variable, "_Unsigned", "")) == "true":
        stored = stored.view(f"u{stored.dtype.itemsize}")
    bad = ~np.isfinite(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, bool)
    told = [getattr(variable, name, []) for name in ("_FillValue", "missing_value", "flag_values")]
    unwritten = [] if stored.dtype.itemsize == 1 else netCDF4.default_fillvals.get(stored.dtype.str[1:], [])
    for codes in (*told, unwritten, field.get("flags", [])):
        bad |= np.isin(stored, _as_stored(codes, stored.dtype))
    made = stored * np.float64(getattr(variable, "scale_factor", 1)) + np.float64(getattr(variable, "add_offset", 0))
    low, high = getattr(variable, "valid_range", (None, None))
    for end, is_beyond in (
        (getattr(variable, "valid_min", low), np.less),
        (getattr(variable, "valid_max", high), np.greater),
    ):
        if end is not None:
            bad |= _is_out(end, is_beyond, stored, made)
    made[bad] = np.nan
    have = _unit(variable)
    if field.get("unit") and field["unit"] != have:
        made = Unit(have).convert(made, Unit(field["unit"]))
    return made.astype(np.float32)


def _is_out(end, is_beyond, stored, made):
    """Where values are beyond an end of the valid ones. That is of stored numbers, or, where these are whole and it is
    not, of what they become (NetCDF Users Guide, valid_range)."""
    (end,) = _numbers(end)
    if end.dtype.kind == "f" and stored.dtype.kind != "f":
        return is_beyond(made, end)
    return is_beyond(stored, _as_stored(end, stored.dtype))


def _numbers(told):
    """Numbers (n) of an attribute, which may be text."""
    return np.array(told.replace(",", " ").split(), float) if isinstance(told, str) else np.atleast_1d(told)


def _as_stored(told, dtype):
    """Numbers of an attribute as they are stored: of fewer digits, or without a sign."""
    numbers = _numbers(told)
    is_unsigned = dtype.kind == "u" and numbers.dtype.kind == "i" and numbers.dtype.itemsize == dtype.itemsize
    return numbers.astype(dtype) if is_unsigned or dtype.kind == "f" else numbers
