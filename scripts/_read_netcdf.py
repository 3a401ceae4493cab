"""Opening netCDF sources: stored values and attributes as they are."""

import contextlib
import re
from pathlib import Path

import netCDF4
import numpy as np


@contextlib.contextmanager
def opened(path):
    """A netCDF dataset whose values come as they are stored. Raises ValueError for a file that is none or is cut."""
    if not Path(path).stat().st_size:
        raise ValueError(f"{path}: the file is empty")
    try:
        file = netCDF4.Dataset(path)
    except OSError as error:
        raise ValueError(f"{path}: no netCDF file, or one that is cut ({error.strerror or error})") from error
    try:
        file.set_auto_maskandscale(False)
        yield file
    finally:
        file.close()


def stored(variable, first=None, last=None):
    """Stored values of a variable, or some rows of it, in this machine's byte order."""
    values = np.asarray(variable[first:last] if variable.dimensions else variable[...])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def attributes(variable):
    """Attributes of a variable as a dict."""
    return {name: variable.getncattr(name) for name in variable.ncattrs()}


def epoch(units, path):
    """Time units in the form `seconds since YYYY-MM-DD hh:mm:ss`. Raises ValueError for others."""
    found = re.fullmatch(
        r"(second|minute|hour|day)s? since (\d{4}-\d\d?-\d\d?)[ T](\d\d?:\d\d(?::\d\d)?)(?:\.0*)?(?: *(?:UTC|Z))?",
        " ".join(str(units).split()),
    )
    if not found:
        raise ValueError(f"{path}: time units are {units!r}; right is 'seconds since 2022-02-08 14:29:42'")
    step, date, time = found.groups()
    year, month, day = (int(part) for part in date.split("-"))
    hour, minute, second = (int(part) for part in (time + ":00").split(":")[:3])
    return f"{step}s since {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
