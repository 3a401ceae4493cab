"""Cloud Physics Lidar (CPL) HDF5: flat level 1 files (HS3, IMPACTS) and grouped level 2 files (IMPACTS).

Format: NASA GSFC CPL. Flat files have one record per profile; level 2 files have groups, three values of time and
place for each profile (first, middle, last), and profiles as (bin, profile). Decimal day 1.0 is the midnight that
1 January begins with, and it does not wrap at midnight.
"""

import re

import h5py
import numpy as np

from darkroom import hdf5_file, whole_files
from darkroom.airborne import granule
from darkroom.airborne.readers.columns import put

DAYS = ("Dec_JDay", "profile/Profile_Decimal_Julian_Day", "layer_descriptor/Profile_Decimal_Julian_Day")
BINS = ("Bin_Alt", "metadata_parameters/Bin_Altitude_Array")
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
HIGHEST_KM = 30  # no aircraft flies higher; a greater altitude is in metres
NEAR_KM = 0.5  # between the top of the frame and the highest bin


def read(path, form):
    """(variables, header, flags, None) of one granule; curtains are read from the file in blocks.

    Dimensions are profile, altitude (bins), and those of small tables. Raises ValueError for a file that is cut, or
    without time.
    """
    with hdf5_file.opened(path) as file:
        datasets = {}
        file.visititems(lambda name, item: datasets.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        sizes = ((name, (item.size or 0) * item.dtype.itemsize) for name, item in datasets.items())
        whole_files.require_likely(path, sizes)
        day = next((name for name in DAYS if name in datasets), None)
        if day is None:
            raise ValueError(f"{path}: no {' or '.join(DAYS)}; this is no CPL file")
        profiles = datasets[day].shape[0] if datasets[day].shape else 0
        if not profiles:
            raise ValueError(f"{path}: {day} has no records; the file is cut")
        bins = next((datasets[name].size for name in BINS if name in datasets), 0)
        header, variables, flags = {}, {"time": time(path, datasets, day)}, []
        for name, source in datasets.items():
            if source.dtype.kind not in "iufb":
                header[name] = text(source)
                continue
            if name == day and source.ndim == 1:
                continue
            dims, shape, across = layout(source.shape, profiles, bins)
            entry = form["variables"].get(name, {})
            if "column" in entry and len(shape) == 2:
                _add(variables, flags, path, {}, name, source, dims, shape, across)
                dims, shape, across = dims[:1], shape[:1], entry["column"]
            _add(variables, flags, path, form["variables"], name, source, dims, shape, across)
    for needed in ("latitude", "longitude"):
        if needed not in variables:
            raise ValueError(f"{path}: no {needed} among {', '.join(datasets)}")
    return variables, header, flags + altitudes(variables), None


def _add(variables, flags, path, table, name, source, dims, shape, across):
    dtype = np.dtype(np.int8) if source.dtype.kind == "b" else source.dtype.newbyteorder("=")
    told = {key: text_of(source.attrs[key]) for key in ("units", "long_name") if key in source.attrs}
    variable = granule.Variable(dims, shape, dtype, {}, None, reader(path, name, dims, dtype, across))
    put(variables, flags, table, name, variable, told=told)


def layout(shape, profiles, bins):
    """(dimensions, shape, across): profiles first; `across` tells that the source has them second."""
    across = len(shape) == 2 and shape[0] != profiles and shape[1] == profiles
    shape = () if shape == (1,) and profiles > 1 else shape[::-1] if across else shape
    lengths = {3: "part", bins: "altitude", profiles: "profile"}
    dims = []
    for length in shape:
        name = lengths.get(length, f"entry_{length}")
        dims.append(name if name not in dims else f"{name}_{len(dims) + 1}")
    return tuple(dims), shape, across


def reader(path, name, dims, dtype, across):
    """`read(first, last)` of a dataset, which opens the file for as long as it reads.

    `across` is True for a dataset that has its profiles second, or the number of the one column that is meant.
    """

    def rows(first, last):
        with hdf5_file.opened(path) as file:
            source = file[name]
            if not dims:
                values = source[()]
                values = values.reshape(()) if isinstance(values, np.ndarray) else values
            elif across is True:
                values = source[:, first:last].T
            elif across is False:
                values = source[first:last]
            else:
                values = source[first:last, across]
        return np.asarray(values).astype(dtype, copy=False)

    return rows


def text(source):
    """A text dataset as one text."""
    return text_of(source[()])


def text_of(values):
    """A text, or an array of texts or characters, as one text."""
    parts = [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in np.ravel(values)[:100]]
    return ("" if all(len(part) == 1 for part in parts) else ", ").join(dict.fromkeys(parts)).strip()


def time(path, datasets, day):
    """Time of each profile: decimal days, as stored, since the last day of the year before.

    A decimal day of single precision resolves 2 s only; then Hour, Minute and Second count, on the day that makes
    them nearest to it. Of three times per profile the middle one is taken.
    """
    source = datasets[day]
    values = source[:, source.shape[1] // 2] if source.ndim == 2 else source[()]
    epoch = f"{year(path, datasets) - 1:04}-12-31 00:00:00"
    attrs = {"long_name": "time of the profile", "units": f"days since {epoch}"}
    if values.dtype.itemsize < 8 and {"Hour", "Minute", "Second"} <= set(datasets):
        seconds = {"Hour": 3600, "Minute": 60, "Second": 1}
        clock = sum(datasets[name][()].astype(np.float64) * unit for name, unit in seconds.items())
        values = np.round(values - clock / 86_400) * 86_400 + clock
        attrs["units"] = f"seconds since {epoch}"
        day = f"{day}, Hour, Minute, Second"
    return granule.Variable.of(values.astype(np.float64), ("profile",), attrs, None, day)


def year(path, datasets):
    """The year that decimal days are of: of `Date` (06Sep12, 15 Jan 2020), or File_Year."""
    if "metadata_parameters/File_Year" in datasets:
        return int(np.ravel(datasets["metadata_parameters/File_Year"][()])[0])
    shown = text(datasets["Date"]) if "Date" in datasets else ""
    date = re.match(r"(\d{1,2})[ -]?([A-Za-z]{3})[a-z]*[ -]?(\d{4}|\d{2})", shown.split(",")[0])
    if not date or date[2].lower() not in MONTHS:
        raise ValueError(f"{path}: Date is {shown!r}; right is such as 06Sep12")
    return int(date[3]) + (2000 if len(date[3]) == 2 else 0)


def altitudes(variables):
    """Give altitudes that may be in m or km the units they are in, and flag a frame top that no bin is near to."""
    for name in ("altitude", "platform_altitude", "frame_top", "surface_altitude"):
        if name in variables:
            values = variables[name].values()
            sensible = np.isfinite(values) & (np.abs(values) < 9000 * 10)
            in_metres = sensible.any() and np.abs(values[sensible]).max() > HIGHEST_KM
            variables[name].attrs["units"] = "m" if in_metres else "km"
    flags = []
    if {"altitude", "frame_top"} <= set(variables):
        top, highest = (np.nanmax(kilometres(variables[name])) for name in ("frame_top", "altitude"))
        if abs(top - highest) > NEAR_KM:
            note = f"Frame_Top is {top:.3f} km, but the highest bin is at {highest:.3f} km"
            flags.append({"flag": "frame_top", "note": note})
    return flags


def kilometres(variable):
    """Values of an altitude in km."""
    return variable.values() / (1000 if variable.attrs["units"] == "m" else 1)
