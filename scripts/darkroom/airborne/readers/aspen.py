"""ASPEN netCDF, a quality-controlled dropsonde as NCAR's Atmospheric Sounding Processing Environment writes it.

Its files claim CF-1.6 but swap the axes of latitude and longitude, give degrees without a direction, name quantities
that are not in the CF table, and run backwards in time; attributes are those of the collection instead.
"""

import numpy as np

from darkroom import netcdf_file
from darkroom.airborne import times
from darkroom.airborne.readers.columns import put


def read(path, form):
    """(variables, header, flags, None) of one sounding. Raises ValueError for a file without a time dimension."""
    with netcdf_file.opened(path) as file:
        if "time" not in file.variables or file.variables["time"].dimensions != ("time",):
            raise ValueError(f"{path}: no variable time(time); this is no ASPEN netCDF")
        if not file.variables["time"].size:
            raise ValueError(f"{path}: there are no records; the file is cut")
        try:
            times.units(getattr(file.variables["time"], "units", ""))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        variables, flags = {}, []
        for name, variable in file.variables.items():
            if name == "trajectory":
                continue
            told = netcdf_file.attributes(variable)
            fills = dict.fromkeys(float(told[key]) for key in ("_FillValue", "missing_value") if key in told)
            told = {key: told[key] for key in ("units", "valid_range") if key in told}
            dims = ("time",) if variable.dimensions == ("time",) else ()
            values = netcdf_file.stored(variable)
            values = values if dims else np.reshape(values, -1)[:1].reshape(())
            try:
                put(variables, flags, form["variables"], name, values, dims, told, list(fills))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
        header = {name: str(file.getncattr(name)) for name in file.ncattrs() if str(file.getncattr(name)).strip()}
    return variables, header, flags, None
