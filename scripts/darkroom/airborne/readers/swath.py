"""Scanning radiometers and interferometers whose granules are netCDF: HAMSR level 2, S-HIS radiances.

Packed integers stay packed. Both give time in ways of their own, which are brought to CF time units.
"""

import re

import numpy as np

from darkroom.airborne import collection, granule
from darkroom.airborne.readers import netcdf

SINCE = re.compile(r"(?:seconds|days) since \d{4}-\d\d?-\d\d?[ T][\d:.]+")


def read(path, form):
    """(variables, header, flags, None) of one granule, read from the file in blocks.

    The row dimension is that of time; one that is named time is called sample, as it is no axis. Raises ValueError
    where there is no time, or there are no rows.
    """
    with netcdf.opened(path) as file:
        header = {name: str(file.getncattr(name)) for name in file.ncattrs()}
        time, used = _time(file, path)
        if not time.shape[0]:
            raise ValueError(f"{path}: there are no records; the file is cut")
        variables = {"time": time}
        for name, source in file.variables.items():
            if name not in used and source.dtype is not str and source.dtype.kind != "S":
                try:
                    key, variable = _variable(path, form, name, source)
                except ValueError as error:
                    raise ValueError(f"{path}: {error}") from error
                granule.add(variables, key, variable)
    return variables, header, [], None


def _variable(path, form, name, source):
    """(netCDF name, variable) with the packing and the missing value of the source."""
    told = netcdf.attributes(source)
    key, attrs, fill = collection.described(form["variables"], name, str(told.get("units", "")).strip())
    for packing, neutral in (("scale_factor", 1), ("add_offset", 0)):
        if told.get(packing, neutral) != neutral:
            attrs.setdefault(packing, told[packing])
    if "long_name" in told and attrs["long_name"] == name:
        attrs["long_name"] = str(told["long_name"])
    dtype = source.dtype.newbyteorder("=")
    fill = told.get("_FillValue", told.get("missing_value", fill))
    fill = None if fill is None else dtype.type(np.ravel(fill)[0])
    return key, granule.Variable(_dims(source), source.shape, dtype, attrs, fill, _reader(path, name), name)


def _reader(path, name):
    """`read(first, last)` of a variable, which opens the file for as long as it reads."""

    def rows(first, last):
        with netcdf.opened(path) as file:
            return netcdf.stored(file.variables[name], first, last)

    return rows


def _dims(source):
    return tuple("sample" if name == "time" else name for name in source.dimensions)


def _time(file, path):
    """The time of each row as a variable in CF units, and the names of what it is made of."""
    for name in ("time", "Time"):
        if name in file.variables and len(file.variables[name].dimensions) == 1:
            source = file.variables[name]
            told = netcdf.attributes(source)
            # HAMSR's units are `seconds`; since when is in the comment.
            if found := SINCE.search(f"{told.get('units', '')} {told.get('comment', '')}"):
                attrs = {"long_name": "time of the scan", "units": netcdf.epoch(found[0], path)}
                values = netcdf.stored(source)
                return granule.Variable.of(values, _dims(source), attrs, None, name), {name}
    if {"date", "refTimeSec"} <= set(file.variables):
        # S-HIS: date as yymmdd and seconds of that day, for each field of view
        dates = np.asarray(file.variables["date"][:]).astype(np.int64)
        codes, each = np.unique(dates, return_inverse=True)
        text = [f"{code % 1_000_000:06}" for code in codes]
        try:
            days = np.array([f"20{code[:2]}-{code[2:4]}-{code[4:]}" for code in text], "datetime64[D]")[each]
        except ValueError as error:
            raise ValueError(f"{path}: date: {error}; right are numbers yymmdd") from error
        seconds = np.asarray(file.variables["refTimeSec"][:], np.float64)
        seconds += (days - days[0]).astype(np.int64) * 86_400
        attrs = {"long_name": "time of the measurement", "units": f"seconds since {days[0]} 00:00:00"}
        dims = _dims(file.variables["refTimeSec"])
        return granule.Variable.of(seconds, dims, attrs, None, "date, refTimeSec"), {"date", "refTimeSec"}
    raise ValueError(f"{path}: no time; right is time in 'seconds since ...', or date and refTimeSec")
