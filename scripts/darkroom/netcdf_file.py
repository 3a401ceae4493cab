"""Opening netCDF sources: stored values and attributes as they are."""

import contextlib
import math

import netCDF4
import numpy as np

from darkroom import damage, whole_files

# Names of attributes in HDF-EOS5 (Aura file format guidelines) -> those of CF.
OF_EOS = {
    "Title": "long_name", "Units": "units", "ScaleFactor": "scale_factor", "Offset": "add_offset",
    "MissingValue": "missing_value", "ValidRange": "valid_range",
}  # fmt: skip


@contextlib.contextmanager
def opened(path):
    """A netCDF dataset whose values come as they are stored.

    Raises ValueError for a file that is none, is cut, or is damaged where it is read.
    """
    whole_files.require(path)
    with damage.named(path, "netCDF file"), netCDF4.Dataset(path) as file:
        whole_files.require_likely(path, _sizes(file))
        file.set_auto_maskandscale(False)
        file.set_auto_chartostring(False)
        yield file


def _sizes(group):
    """(name, bytes) of the numbers of a dataset and its groups."""
    for name, variable in group.variables.items():
        if variable.dtype is not str and isinstance(variable.dtype, np.dtype):
            yield name, math.prod(variable.shape) * variable.dtype.itemsize
    for inner in group.groups.values():
        yield from _sizes(inner)


def stored(variable, first=None, last=None):
    """Stored values of a variable, or some rows of it, in this machine's byte order."""
    values = np.asarray(variable[first:last] if variable.dimensions else variable[...])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def walk(group, above=""):
    """(path, variable) of a dataset and its groups."""
    yield from ((above + name, variable) for name, variable in group.variables.items())
    for name, inner in group.groups.items():
        yield from walk(inner, f"{above}{name}/")


def attributes(variable):
    """Attributes of a variable as a dict; what HDF-EOS calls otherwise is there by CF's name as well."""
    told = {name: variable.getncattr(name) for name in variable.ncattrs()}
    return {ours: told[theirs] for theirs, ours in OF_EOS.items() if theirs in told} | told


def is_text(source):
    return source.dtype is str or source.dtype.kind == "S"


def texts(source):
    """Text of a variable of strings or of characters, as bytes of UTF-8: an array without the axis of characters."""
    values = np.asarray(source[...])
    if source.dtype is str:
        return np.array([str(one).encode() for one in values.ravel()], dtype=np.bytes_).reshape(values.shape)
    values = values.astype("S1")
    if not values.ndim:
        return values
    return np.ascontiguousarray(values).view(f"S{values.shape[-1]}")[..., 0] if values.shape[-1] else values.sum(-1)


def number(value, default):
    try:
        return float(np.ravel(value)[0])
    except (TypeError, ValueError, IndexError):
        return default


def numbers(value, dtype, unsigned=False):
    """Values of an attribute that a variable of this type can have."""
    if value is None:
        return
    for one in np.ravel(value):
        try:
            number = float(one)
        except ValueError:
            continue
        if unsigned and number < 0:
            number += 2.0 ** (8 * dtype.itemsize)
        with np.errstate(all="ignore"):
            if dtype.kind == "f" or np.array(number).astype(dtype) == number:
                yield dtype.type(number)
