"""netCDF products of granules, opened as the model that readers fill: `granule.Granule`."""

from contextlib import contextmanager

import netCDF4
import numpy as np

from darkroom.airborne.granule import Granule, Variable

netCDF4.set_chunk_cache(4 << 20)  # bytes of each variable; blocks are read once, so that more would only fill memory


@contextmanager
def opened(path):
    """A product as a `Granule`, whose values are read from the file for as long as it is open.

    Its identity is that of the file's attributes; its variables are those of numbers, without the dimension
    `trajectory`, of which a granule has one.
    """
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        told = {name: file.getncattr(name) for name in file.ncattrs()}
        numbers = {name: item for name, item in file.variables.items() if item.dtype.kind in "iuf"}
        yield Granule(
            told.get("id", ""),
            {},
            told.get("source_files", "").split(", "),
            told.get("featureType", ""),
            {name: variable(item) for name, item in numbers.items() if "cf_role" not in item.ncattrs()},
            told,
        )


def variable(item):
    """A variable of the file in the model."""
    one = item.dimensions[:1] == ("trajectory",)
    attrs = {name: item.getncattr(name) for name in item.ncattrs()}

    def read(first, last):
        if item.ndim == one:
            return np.asarray(item[...]).reshape(())
        return np.asarray(item[0, first:last] if one else item[first:last])

    return Variable(item.dimensions[one:], item.shape[one:], item.dtype, attrs, attrs.get("_FillValue"), read)


def keep_only(folder, names):
    """Remove from a folder of products what earlier granules have left there."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
