"""Layers of several times on one grid, as CF netCDF: what is projected is written to it, and merged from it.

Format: CF-1.11; values are 32-bit floats, NaN where there is none.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import h5py
import imagecodecs
import netCDF4
import numpy as np
from rasterio.crs import CRS
from rasterio.windows import Window

from darkroom import files
from darkroom.copernicus.grid import Grid

CHUNK = 512  # pixels of a side, of which the blocks that are worked on are whole numbers
SAMPLED = 4  # rows of a chunk that are packed to see what comes of it
WORTH = 0.7  # of the bytes: what does not become so small is stored as it is
UNFILTERED = 0b11  # neither of the two filters was used
EPOCH = "seconds since 1970-01-01 00:00:00"


@dataclass(frozen=True)
class Layer:
    """One variable: its name, what it is in words, and its unit as UDUNITS has it ("1" for none)."""

    name: str
    title: str
    unit: str = "1"
    about: dict = field(default_factory=dict)  # other attributes of it


@contextlib.contextmanager
def writing(path, grid, begins, products, layers, about):
    """Write a stack; gives a function that puts values (height, width) in place: put(layer, at, window, values).

    Windows are those of `Grid.windows`: they begin where chunks do.

    begins, products -- of each time: ISO 8601 in UTC, and the products that it is made of
    about -- attributes of the file
    """
    with files.replacing(path) as partial:
        with netCDF4.Dataset(partial, "w") as dataset:
            _frame(dataset, grid, begins, products, about)
            axes, chunks = ("time", *_axes(grid)), (1, min(CHUNK, grid.height), min(CHUNK, grid.width))
            for layer in layers:
                variable = dataset.createVariable(
                    layer.name, "f4", axes, zlib=True, complevel=1, chunksizes=chunks, fill_value=np.float32(np.nan)
                )
                names = {"long_name": layer.title, "units": layer.unit, "grid_mapping": "crs"}
                variable.setncatts(names | layer.about)
        with h5py.File(partial, "r+") as file, ThreadPoolExecutor(2) as pool:

            def put(layer, at, window, values):
                _put(file[layer], at, window, values, pool)

            yield put


def _put(variable, at, window, values, pool):
    """Write values chunk by chunk, packed here: netCDF's own library packs in one thread, and whatever comes of it."""
    _, high, wide = variable.chunks
    rows, columns = window.toslices()
    if rows.start % high or columns.start % wide:
        raise ValueError(f"a window at {rows.start}, {columns.start} begins within a chunk of {high} x {wide}")
    corners = [(row, column) for row in range(0, len(values), high) for column in range(0, values.shape[1], wide)]

    def packed(corner):
        row, column = corner
        part = values[row : row + high, column : column + wide]
        if np.isnan(part).all():  # as what is not stored is read
            return None
        chunk = np.ascontiguousarray(part)
        if part.shape != (high, wide):
            chunk = np.full((high, wide), np.nan, np.float32)
            chunk[: part.shape[0], : part.shape[1]] = part
        some = chunk[:: max(1, high // SAMPLED)]
        if len(_deflated(some)) > WORTH * some.nbytes:
            return chunk, UNFILTERED
        return _deflated(chunk), 0

    for (row, column), stored in zip(corners, pool.map(packed, corners), strict=True):
        if stored:
            variable.id.write_direct_chunk((at, rows.start + row, columns.start + column), *stored)


def _deflated(values):
    """Values after the filters shuffle (the first byte of all of them, then the second ...) and deflate of HDF5."""
    return imagecodecs.deflate_encode(np.ascontiguousarray(values.view(np.uint8).reshape(-1, 4).T), 1)


def _axes(grid):
    return ("lat", "lon") if grid.degrees else ("y", "x")


def _frame(dataset, grid, begins, products, about):
    dataset.setncatts({"Conventions": "CF-1.11"} | about)
    rows, columns = _axes(grid)
    for name, size in (("time", len(begins)), (rows, grid.height), (columns, grid.width)):
        dataset.createDimension(name, size)
    time = dataset.createVariable("time", "f8", ("time",))
    time.setncatts({"standard_name": "time", "long_name": "begin of sensing", "units": EPOCH, "axis": "T"})
    time.setncatts({"calendar": "standard", "units_metadata": "leap_seconds: utc"})
    time[:] = [datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() for begin in begins]
    product = dataset.createVariable("product", str, ("time",))
    product.long_name = "products that a time is made of"
    for at, text in enumerate(products):
        product[at] = text
    kinds = (("latitude", "degrees_north"), ("longitude", "degrees_east"))
    if not grid.degrees:
        kinds = (("projection_y_coordinate", "m"), ("projection_x_coordinate", "m"))
    for name, (kind, unit), values, axis in zip((rows, columns), kinds, grid.centres()[::-1], "YX", strict=True):
        variable = dataset.createVariable(name, "f8", (name,))
        variable.setncatts({"standard_name": kind, "long_name": kind.replace("_", " "), "units": unit, "axis": axis})
        variable[:] = values
    crs = dataset.createVariable("crs", "i4")
    system = CRS.from_string(grid.crs)
    crs.setncatts(_mapping(system) | {"crs_wkt": system.to_wkt(), "spatial_ref": system.to_wkt()})
    west, north = grid.affine.c, grid.affine.f
    crs.GeoTransform = f"{west!r} {grid.affine.a!r} 0 {north!r} 0 {grid.affine.e!r}"
    crs.epsg_code = grid.crs
    crs.long_name = "system of coordinates"


def _mapping(system):
    """Attributes of a CF grid mapping: of latitude and longitude, or transverse Mercator; of others the WKT alone."""
    told = system.to_dict()
    wgs84 = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563}
    if system.is_geographic:
        return {"grid_mapping_name": "latitude_longitude"} | wgs84
    if told.get("proj") == "utm" and told.get("datum", told.get("ellps")) == "WGS84":
        return wgs84 | {
            "grid_mapping_name": "transverse_mercator",
            "longitude_of_central_meridian": 6.0 * told["zone"] - 183,
            "latitude_of_projection_origin": 0.0,
            "scale_factor_at_central_meridian": 0.9996,
            "false_easting": 500_000.0,
            "false_northing": 10_000_000.0 if told.get("south") else 0.0,
        }
    return {}


class Stack:
    """A stack that was written."""

    def __init__(self, path):
        self.path = Path(path)
        with netCDF4.Dataset(self.path) as dataset:
            crs = dataset["crs"]
            west, across, _, north, _, down = map(float, crs.GeoTransform.split())
            self.layers = [
                Layer(name, variable.long_name, variable.units)
                for name, variable in dataset.variables.items()
                if variable.dimensions[:1] == ("time",) and variable.ndim == 3
            ]
            height, width = dataset[self.layers[0].name].shape[1:]
            self.grid = Grid(crs.epsg_code, (across, 0.0, west, 0.0, down, north), width, height)
            seconds = np.asarray(dataset["time"][:], float)
            self.begins = [datetime.fromtimestamp(one, UTC).isoformat().replace("+00:00", "Z") for one in seconds]
            self.products = [str(text) for text in dataset["product"][:]]
            self.about = {key: dataset.getncattr(key) for key in dataset.ncattrs()}

    @contextlib.contextmanager
    def reading(self):
        """A function that gives values as float32 (height, width), NaN for none: get(layer, at, window=all)."""
        with h5py.File(self.path) as file:  # in half the time of netCDF's own library

            def get(layer, at, window=None):
                rows, columns = (window or Window(0, 0, self.grid.width, self.grid.height)).toslices()
                return file[layer][at, rows, columns]

            yield get
