"""Fields of GRIB files under the names that netCDF has for them, by cfgrib where that is installed.

Format: WMO GRIB 1 and 2, as ecCodes decodes them; names and axes are those of cfgrib's data model, whose `step` is
netCDF's `forecast_period`.
"""

import contextlib
import importlib
from types import SimpleNamespace

import numpy as np

NAMES = {"step": "forecast_period"}  # of cfgrib, as netCDF has them


class Variable:
    """A variable with its attributes, as netCDF4 has it."""

    def __init__(self, made):
        self.dimensions = tuple(NAMES.get(axis, axis) for axis in made.dimensions)
        self.shape = np.shape(made.data)
        self.ndim = len(self.shape)
        self._values = made.data
        self._attributes = made.attributes

    def __getattr__(self, name):
        try:
            return self.__dict__["_attributes"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, item):
        return self._values[item] if self.ndim else np.asarray(self._values)


class Fields:
    """The variables and dimensions of a GRIB file, as netCDF4 has those of a dataset."""

    def __init__(self, made):
        self.variables = {NAMES.get(name, name): Variable(one) for name, one in made.variables.items()}
        self.dimensions = {NAMES.get(axis, axis): SimpleNamespace(size=n) for axis, n in made.dimensions.items()}

    def __getitem__(self, name):
        return self.variables[name]


@contextlib.contextmanager
def opened(path):
    """The `Fields` of a GRIB file. Raises ValueError for one that cannot be read, and where cfgrib is not installed."""
    try:
        cfgrib = importlib.import_module("cfgrib")  # which no environment has to have
    except (ImportError, RuntimeError) as error:  # the second of ecCodes' library, where that is missing
        raise ValueError(
            f"{path}: is GRIB, which needs cfgrib (pip install cfgrib), or take netCDF of it: {error}"
        ) from None
    try:
        # Without an index, which cfgrib would write beside the file.
        made = cfgrib.open_file(path, errors="raise", indexpath="")
    except (EOFError, OSError, ValueError, cfgrib.messages.eccodes.CodesInternalError) as error:
        raise ValueError(f"{path}: cannot be read, it is damaged or no GRIB: {error}") from error
    yield Fields(made)
