"""ASPEN netCDF, a quality-controlled dropsonde as NCAR's Atmospheric Sounding Processing Environment writes it.

Its files claim CF-1.6 but swap the axes of latitude and longitude, give degrees without a direction, name quantities
that are not in the CF table, and run backwards in time; attributes are those of the collection instead.
"""

from darkroom.airborne import collection, granule
from darkroom.airborne.readers import netcdf

EPOCHS = ("launch_time", "reference_time")  # scalars whose units are the moment of launch


def read(path, form):
    """(variables, header, flags, None) of one sounding. Raises ValueError for a file without a time dimension."""
    with netcdf.opened(path) as file:
        if "time" not in file.variables or file.variables["time"].dimensions != ("time",):
            raise ValueError(f"{path}: no variable time(time); this is no ASPEN netCDF")
        if not file.variables["time"].size:
            raise ValueError(f"{path}: there are no records; the file is cut")
        variables = {}
        for name, variable in file.variables.items():
            if name == "trajectory":
                continue
            key, attrs, _ = collection.described(form["variables"], name, "")
            told = netcdf.attributes(variable)
            if name in ("time", *EPOCHS):
                attrs["units"] = netcdf.epoch(told.get("units", ""), path)
            values = netcdf.stored(variable)
            dims = ("time",) if variable.dimensions == ("time",) else ()
            values = values if dims else values.reshape(-1)[:1].reshape(())
            granule.add(variables, key, granule.Variable.of(values, dims, attrs, told.get("_FillValue"), name))
        header = {name: str(file.getncattr(name)) for name in file.ncattrs() if str(file.getncattr(name)).strip()}
    return variables, header, [], None
