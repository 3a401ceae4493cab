"""Reading a granule: a reader for its format, then what all have: identity, place, order, what is missing."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from darkroom import damage
from darkroom.airborne import places
from darkroom.airborne.extent import good
from darkroom.airborne.granule import Granule, moments
from darkroom.airborne.screen import screen
from darkroom.airborne.times import FIRST, LAST, moment

# What dimensions are called that have a variable of this name, and its standard name (compliance checkers want that).
OF_PLACES = {"latitude": "latitude", "longitude": "longitude"}  # which every granule has
COORDINATES = OF_PLACES | {
    "lat": "latitude", "lon": "longitude", "height": "height", "depth": "depth", "pressure": "air_pressure",
}  # fmt: skip
GEOMETRIES = ("trajectory", "trajectoryProfile")  # discrete sampling geometries of CF (9)
READERS = {"swath": "netcdf"}  # another name of a reader


def header_of(match, path):
    """What the header of a file tells, by label, as the reader of a format finds it."""
    with damage.named(path, f"file of {match.collection['short_name']}"):
        return reader(match.form["reader"]).read(path, match.form | {"groups": match.groups})[1]


def reader(name):
    """The module of a reader."""
    return importlib.import_module(f"darkroom.airborne.readers.{READERS.get(name, name)}")


def read(match, path, companion=None, navigation=None):
    """The granule of a data file that `collection.match` knows.

    companion -- path of the file that adds to it; one that cannot be read is flagged
    navigation -- the granule of the platform's navigation, where the positions are to be looked up in it

    Rows that run backwards as a whole are turned round and flagged; in a swath time that goes backwards is flagged.
    What is no measurement becomes missing (see `screen`). Raises ValueError naming the file, and the line where there
    are lines, for what cannot be read, for a header of another collection, for time that goes backwards elsewhere, and
    where no position is known.
    """
    with damage.named(path, f"file of {match.collection['short_name']}"):
        return _read(match, path, companion, navigation)


def _read(match, path, companion, navigation):
    format_reader = reader(match.form["reader"])
    flags = []
    beside = {}
    if companion:
        try:
            beside = format_reader.attributes(companion)
        except (ValueError, OSError) as error:
            flags.append({"flag": "companion_unread", "note": f"the file beside it was left out: {error}"})
    variables, header, its_flags, lines = format_reader.read(path, match.form | {"groups": match.groups})
    header = beside | header
    flags += its_flags
    match.require_header(header, path)
    if missing := match.untold(header):
        note = f"the header has no {' or '.join(missing)}, by which {match.collection['short_name']} knows its files"
        flags.append({"flag": "identity_not_told", "note": note})
    if "time" not in variables:
        raise ValueError(f"{path}: no time among {_sources(variables)}")
    places.locate(variables, match.form.get("position", {}), header, navigation, flags, path)
    for needed in ("latitude", "longitude"):
        if needed not in variables:
            raise ValueError(f"{path}: no {needed} among {_sources(variables)}")
    if match.form["feature"] == "grid":
        places.require_grid(variables, path)
    else:
        places.require_rows(variables, flags, path)
        if lines is None:
            _leave_out_padding(variables, flags)
    feature = match.form["feature"] if match.form["feature"] in GEOMETRIES else ""
    if feature and _is_of_bins(variables):
        feature = "trajectoryProfile"  # which no trajectory can hold
        _name_as_curtain(variables)
    names = [Path(path).name, *([Path(companion).name] if companion else [])]
    granule = Granule(match.granule, match.collection, names, feature, variables, header, flags)
    _put_in_order(granule, path, lines)
    screen(granule)
    _name_dimensions(granule)
    _flag_date(granule, match)
    for name, variable in granule.variables.items():
        if variable.dims == (name,) and variable.fill is not None and not variable.missing(variable.array()).any():
            granule.variables[name] = replace(variable, fill=None)  # a coordinate has no missing value (CF 2.5.1)
    if not good(*granule.positions()[1:]).any():
        raise ValueError(
            f"{path}: all positions are missing or 0 N 0 E; `position` of the format may tell where it was"
        )
    return granule


def _sources(variables):
    return ", ".join(variable.source or name for name, variable in variables.items())


def _leave_out_padding(variables, flags):
    """Leave out rows that have neither a time nor a position: the rest of an array that was made too long."""
    nowhere = np.isnan(variables["latitude"].values()) & np.isnan(variables["longitude"].values())
    empty = np.isnat(moments(variables["time"])) & nowhere.reshape(len(nowhere), -1).all(axis=1)
    if not empty.any() or empty.all():
        return
    rows = variables["time"].dims[0]
    for name, variable in variables.items():
        if rows in variable.dims:
            variables[name] = variable.only(np.flatnonzero(~empty))
    note = f"{np.count_nonzero(empty)} of {empty.size} rows have neither time nor position; they were left out"
    flags.append({"flag": "padding_left_out", "note": note})


def _is_of_bins(variables):
    """Whether each row has altitudes of bins of its own, as of a lidar below an aircraft."""
    altitude = variables.get("altitude")
    return altitude is not None and len(altitude.dims) == 2 and altitude.dims[:1] == variables["time"].dims


def _name_as_curtain(variables):
    """Call rows `profile`; their bins must not be called as their altitudes are (CF 5)."""
    anew = {variables["time"].dims[0]: "profile", "altitude": "bin"}
    for name, variable in variables.items():
        variables[name] = replace(variable, dims=tuple(anew.get(dim, dim) for dim in variable.dims))


def _flag_date(granule, match):
    """Flag a file name that tells another day than the data are of."""
    try:
        told = moment(match.groups["date"])
    except (KeyError, ValueError):  # no group of the expression is a date
        return
    days = np.array([granule.start, granule.end]).astype("datetime64[D]")
    if not days[0] - 1 <= told <= days[1] + 1:
        note = f"the file name tells {str(told)[:10]}, but the data begin on {days[0]}"
        granule.flags.append({"flag": "date_of_name", "note": note})


def _put_in_order(granule, path, lines):
    """Turn round a granule that runs backwards in time; call rows `obs` where time can be no coordinate. See `read`."""
    steps = np.diff(granule.times).astype(np.int64)
    if np.isnat(granule.times).any():
        raise ValueError(f"{path}: the time of {where(np.isnat(granule.times), lines)} is missing")
    if not FIRST <= granule.times.min() <= granule.times.max() < LAST:
        told = f"from {str(granule.times.min())[:10]} to {str(granule.times.max())[:10]}"
        raise ValueError(f"{path}: times are {told}; no flight with such instruments was then: see their units")
    if steps.size and (steps <= 0).all() and (steps < 0).any() and not granule.is_grid:
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
    # A coordinate must be strictly monotonic (CF 1.2), and stands right of other dimensions (CF 2.4).
    deep = not granule.is_grid and any(len(variable.dims) > 1 for variable in granule.variables.values())
    if granule.rows == "time" and (same or deep):
        for name, variable in granule.variables.items():
            dims = tuple("obs" if dim == "time" else dim for dim in variable.dims)
            granule.variables[name] = replace(variable, dims=dims)


def _name_dimensions(granule):
    """Give other names to dimensions that are called by a quantity, but have no variable of it."""
    anew = {}
    for variable in granule.variables.values():
        for dim, length in zip(variable.dims, variable.shape, strict=True):
            named = granule.variables.get(dim)
            its = named.attrs.get("standard_name", OF_PLACES.get(dim)) if named and named.dims == (dim,) else ""
            if dim in COORDINATES and its != COORDINATES[dim] and dim != granule.rows:
                anew[dim] = f"{dim}_{length}"
    for name, variable in granule.variables.items() if anew else ():
        granule.variables[name] = replace(variable, dims=tuple(anew.get(dim, dim) for dim in variable.dims))


def where(wrong, lines):
    """`line 12` or `record 3` for the first row that is wrong."""
    row = int(np.flatnonzero(wrong)[0])
    return f"line {lines[row]}" if lines is not None else f"record {row + 1}"
