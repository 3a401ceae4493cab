"""Sentinel-1 GRD as EOPF Zarr: a group of each polarisation, with the tables that SAFE has in files of their own.

Layout of a group: measurements/grd; quality/calibration, quality/noise_range, quality/noise_azimuth (a row a swath,
whose first and last lines are called times); conditions/gcp; the polarisation is the end of its name.
"""

import functools
import re
from pathlib import Path

import numpy as np

from darkroom.copernicus.readers import eopf, radar

IMAGE = re.compile(
    r"(?P<group>(.*/)?(?P<product>S1[^/]+\.zarr)/(?P<image>[^/]+_(?P<pol>VV|VH|HH|HV)))/measurements/grd/(\.zarray|zarr\.json)"
)
PARTS = [  # of a group that are read, for fnmatch
    ".zattrs", "zarr.json", "measurements/grd/*", "conditions/gcp/*", "quality/calibration/*", "quality/noise_range/*",
    "quality/noise_azimuth/*",
]  # fmt: skip
LUTS = {"sigma0": "sigma_nought", "beta0": "beta_nought", "gamma0": "gamma"}


def products(inventory):
    """The images of the GRD products in an inventory: product: polarisation: the path of its group."""
    listed = {}
    for name in inventory.names:
        if match := IMAGE.fullmatch(name):
            group = {"group": str(Path(inventory.root, match["group"]))}
            listed.setdefault(match["product"], {})[match["pol"]] = group
    return listed


def image(group, kind):
    """The image of a group, as `safe_s1.opened` has it. Raises ValueError for what is damaged or not there."""
    path, points = f"{group}/measurements/grd", f"{group}/conditions/gcp"
    places = [eopf.whole(f"{points}/{name}").astype(float) for name in ("line", "pixel", "longitude", "latitude")]
    lines, pixels = np.meshgrid(places[0], places[1], indexing="ij")
    return radar.Image(
        path,
        eopf.shape(path),
        _spacing(group),
        np.stack([one.ravel() for one in (lines, pixels, *places[2:])], 1),
        _lut(f"{group}/quality/calibration", LUTS[kind]),
        _lut(f"{group}/quality/noise_range", "noise_range_lut"),
        _azimuth_noise(f"{group}/quality/noise_azimuth"),
        functools.partial(eopf.numbers, path),
    )


def _spacing(group):
    """Metres of a pixel in range. Raises ValueError for a group that does not tell."""
    told = eopf.stored(group).get("stac_discovery", {}).get("properties", {}).get("sar:pixel_spacing_range")
    if not told:
        raise ValueError(f"{group}: does not tell sar:pixel_spacing_range; is it an image of a GRD product?")
    return float(told)


def _lut(folder, name):
    """A table, each line of it brought to the pixels of the first; shorter lines are filled up with NaN."""
    lines, pixels, values = (eopf.whole(f"{folder}/{one}").astype(float) for one in ("line", "pixel", name))
    pixels = np.broadcast_to(pixels, values.shape)  # of each line, or the same of all
    rows = [(at[~np.isnan(row)], row[~np.isnan(row)]) for at, row in zip(pixels, values, strict=True)]
    first = rows[0][0]
    table = np.stack([np.interp(first, at, row) for at, row in rows])
    order = np.argsort(lines, kind="stable")
    return radar.Lut(lines[order], first, table[order])


def _azimuth_noise(folder):
    """The noise over the azimuth, see `radar.Image`: shorter vectors are filled up with NaN."""
    ends = ("first_azimuth_time", "last_azimuth_time", "first_range_sample", "last_range_sample")
    columns = [eopf.whole(f"{folder}/{name}").astype(int).tolist() for name in ends]
    lines, factors = (eopf.whole(f"{folder}/{name}").astype(float) for name in ("line", "noise_azimuth_lut"))
    there = ~np.isnan(factors)
    return [
        (*block, lines[at][there[at]], factors[at][there[at]]) for at, block in enumerate(zip(*columns, strict=True))
    ]
