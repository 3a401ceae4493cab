"""Sentinel-5P TROPOMI level 2: columns of gases with their quality and the corners of their pixels.

Format: S5P-KNMI-L2-0021 and its sisters, product user manuals. qa_value is stored as whole percents (scale 0.01), and
compared as such: in floating point 0.75 is not above 0.75 by chance alone. Tropospheric ozone (O3_TCL) is a grid of the
tropics, whose cells are pixels like others.
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

import netCDF4
import numpy as np

from darkroom import netcdf_file
from darkroom.copernicus import names

BOUNDS = "SUPPORT_DATA/GEOLOCATIONS"
LINES = 64  # scanlines that are worked on at a time


def scenes(inventory):
    """The products of level 2 in an inventory, in the order of time: product, type, begin, path."""
    listed = []
    for name in inventory.names:
        told = names.parsed(name) if name.endswith(".nc") else None
        if told and told.mission == "Sentinel-5P" and told.type.startswith("L2_"):
            path = Path(inventory.root, name)
            listed.append({"product": path.name, "type": told.type, "begin": told.begin, "path": str(path)})
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


def unit(scene, column):
    """The unit of a column as it is in the file, and the factor of the file to the unit that is asked for.

    column -- variable, factor (an attribute of it, or "") and unit, see config/schemas/variants.schema.yaml

    Raises ValueError for a file that cannot be read or lacks the variable or the factor.
    """
    with _product(scene) as product:
        variable = _variable(product, scene, column["variable"])
        if not column.get("factor"):
            return str(variable.units), 1.0
        if column["factor"] not in variable.ncattrs():
            raise ValueError(
                f"{scene['path']}: {column['variable']} has no {column['factor']}; this gas has no such unit"
            )
        return column["unit"], float(variable.getncattr(column["factor"]))


class Pixels(NamedTuple):
    """Pixels that have a place: values (n), longitudes and latitudes of their corners (n, 4) in degrees, which of them
    are of good quality (n); and how many others are, and have no corners on the ground."""

    values: np.ndarray
    longitudes: np.ndarray
    latitudes: np.ndarray
    good: np.ndarray
    lost: int


def pixels(scene, column, least, factor):
    """The `Pixels` of a product, of some scanlines at a time.

    least -- the whole percents that qa_value has to be above

    Raises ValueError for a file that is damaged or has no corners.
    """
    with _product(scene) as product:
        variable, quality = _variable(product, scene, column["variable"]), _variable(product, scene, "qa_value")
        values, good = variable[0], _good(variable, quality, least)
        scale, offset = float(getattr(variable, "scale_factor", 1)), float(getattr(variable, "add_offset", 0))
        corners = (_corners_of_cells if column.get("axes") else _corners_of_pixels)(product, scene, column)
    for first in range(0, len(values), LINES):
        lines = slice(first, first + LINES)
        longitudes, latitudes = (one.reshape(-1, 4).astype(np.float64) for one in corners(lines))
        chosen = good[lines].ravel()
        placed = ((np.abs(longitudes) <= 360) & (np.abs(latitudes) <= 90)).all(1)  # others are fill, or no numbers
        shown = (values[lines].ravel()[placed].astype(np.float64) * scale + offset) * factor
        lost = np.count_nonzero(chosen & ~placed)
        yield Pixels(shown, longitudes[placed], latitudes[placed], chosen[placed], lost)


def _good(variable, quality, least):
    """Which pixels have a value, and a quality above so many percents."""
    values, percent = variable[0], quality[0]
    if percent.dtype.kind == "f":  # of files that were written anew: shares, as qa_value is of percents
        percent = np.round(percent * 100)
    filled = getattr(variable, "_FillValue", netCDF4.default_fillvals["f4"])
    unknown = getattr(quality, "_FillValue", 255)
    return (percent > least) & (quality[0] != unknown) & (values != filled) & np.isfinite(values)


def _corners_of_pixels(product, scene, column):
    """Tells longitudes and latitudes of the corners of some lines (lines, pixels, 4)."""
    whole = [_variable(product, scene, f"{BOUNDS}/{axis}_bounds")[0] for axis in ("longitude", "latitude")]
    return lambda lines: tuple(one[lines] for one in whole)


def _corners_of_cells(product, scene, column):
    """As `_corners_of_pixels`, of the cells of a grid, half way between the middles that its axes tell."""
    (south, north), (west, east) = (_edges(_variable(product, scene, axis)[:]) for axis in column["axes"])

    def corners(lines):
        shape = len(south[lines]), len(west)
        sides = (west, east, east, west), (south[lines], south[lines], north[lines], north[lines])
        longitudes = [np.broadcast_to(side, shape) for side in sides[0]]
        latitudes = [np.broadcast_to(side[:, None], shape) for side in sides[1]]
        return np.stack(longitudes, -1), np.stack(latitudes, -1)

    return corners


def _edges(middles):
    """Both ends of the cells of an axis."""
    padded = np.pad(np.asarray(middles, np.float64), 1, mode="reflect", reflect_type="odd")
    ends = (padded[:-1] + padded[1:]) / 2
    return ends[:-1], ends[1:]


@contextlib.contextmanager
def _product(scene):
    """The group PRODUCT of a file, as long as the block lasts."""
    with netcdf_file.opened(scene["path"]) as dataset:
        if "PRODUCT" not in dataset.groups:
            raise ValueError(f"{scene['path']}: has no group PRODUCT; right is a product of level 2")
        yield dataset["PRODUCT"]


def _variable(product, scene, name):
    try:
        return product[name]
    except (KeyError, IndexError):
        raise ValueError(f"{scene['path']}: has no {name} in its group PRODUCT") from None
