"""netCDF products of granules, opened as the model that readers fill: `granule.Granule`."""

import functools
from contextlib import contextmanager

import netCDF4
import numpy as np

from darkroom.airborne.granule import Granule, Variable

AT_ONCE = 1 << 15  # values of a variable that is read as a whole, once
netCDF4.set_chunk_cache(1 << 19)  # bytes of each variable; blocks are read once, so that more would only fill memory


@contextmanager
def opened(path):
    """A product as a `Granule`, whose values are read from the file for as long as it is open.

    Its identity is that of the file's attributes; its variables are without the dimension `trajectory`, of which a
    granule has one, and without those that name the granule and its profiles.
    """
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        file.set_auto_chartostring(False)
        told = {name: file.getncattr(name) for name in file.ncattrs()}
        yield Granule(
            told.get("id", ""),
            {},
            told.get("source_files", "").split(", "),
            told.get("featureType", ""),
            {name: variable(item) for name, item in file.variables.items() if "cf_role" not in item.ncattrs()},
            told,
        )


def variable(item):
    """A variable of the file in the model; characters become text."""
    one = item.dimensions[:1] == ("trajectory",)
    attrs = {name: item.getncattr(name) for name in item.ncattrs()}
    text = item.dtype.kind == "S"

    def from_file(first, last):
        if item.ndim == one + text:
            values = np.asarray(item[...]).reshape(item.shape[one:])
        else:
            values = np.asarray(item[0, first:last] if one else item[first:last])
        return np.ascontiguousarray(values).view(f"S{item.shape[-1]}")[..., 0] if text else values

    @functools.cache
    def whole():
        return from_file(0, item.shape[one] if item.ndim > one else 1)

    def read(first, last):
        return whole()[first:last] if item.ndim > one + text else whole()

    end = item.ndim - text
    dtype = np.dtype(f"S{item.shape[-1]}") if text else item.dtype
    read = read if item.size <= AT_ONCE else from_file
    return Variable(item.dimensions[one:end], item.shape[one:end], dtype, attrs, attrs.get("_FillValue"), read)


def keep_only(folder, names):
    """Remove from a folder of products what earlier granules have left there."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
