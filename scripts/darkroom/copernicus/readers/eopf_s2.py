"""Sentinel-2 as EOPF Zarr, the successor of SAFE: scale and offset stand with each array, in Zarr 2 and 3.

Layout: measurements/reflectance/r10m/b02 ..., conditions/mask/l2a_classification/r20m/scl and
conditions/mask/detector_footprint/r10m/b02 ..., x and y beside them. Fill is 0 in both versions of Zarr; readers that
mask by it do so in one of them alone, so it is masked as no data of SAFE is.
"""

import re
from pathlib import Path

import numpy as np

from darkroom.copernicus import names
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.readers import eopf, mtd_s2

ARRAY = re.compile(
    r"(?P<folder>(.*/)?(?P<product>[^/]+\.zarr))/"
    r"(measurements/reflectance|conditions/mask/(l2a_classification|(?P<detectors>detector_footprint)))"
    r"/r(?P<resolution>\d\d)m/(?P<band>b\d\d|b8a|scl)/(\.zarray|zarr\.json)"
)
OFFSETS_SINCE = "0400"  # the baseline


def scenes(inventory):
    """What there is of Sentinel-2 in EOPF Zarr in an inventory, laid out as `safe_s2.scenes`.

    Raises ValueError for a product without a scale, or whose offset is in doubt.
    """
    products = {}
    for name in inventory.names:
        if match := ARRAY.fullmatch(name):
            images, footprints = products.setdefault((match["folder"], match["product"]), ({}, {}))
            array, band = str(Path(inventory.root, name).parent), match["band"].upper()
            if match["detectors"]:
                footprints[band] = array
            else:
                images.setdefault(band, {})[match["resolution"]] = array
    return [
        _scene(product, images) | {"footprints": footprints} for (_, product), (images, footprints) in products.items()
    ]


def parts(band, resolution, folder="reflectance"):
    """Files of a band that are read, for fnmatch: its array, and where its pixels are."""
    return [f"*/{folder}/r{resolution}m/{name}/*" for name in (band.lower(), "x", "y")]


def is_array(path):
    """Whether a path is that of an array of a product."""
    return ".zarr/" in path


def _scene(product, images):
    told = names.parsed(product)
    if told is None:
        raise ValueError(f"{product}: is not the name of a product of Sentinel-2, which tells level, baseline and time")
    scales, offsets = set(), {}
    for band, arrays in images.items():
        if band != "SCL":
            first = next(iter(arrays.values()))
            packed = eopf.attributes(first)
            if "scale_factor" not in packed:
                raise ValueError(f"{first}: has no scale_factor; is it the reflectance of a product?")
            try:
                scale, offset = float(packed["scale_factor"]), float(packed.get("add_offset", 0))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{first}: its scale_factor or add_offset is no number: {error}") from None
            scales.add(mtd_s2.scale(scale, first))
            offsets[band] = round(offset / scale, 6)
    if len(scales) != 1:
        raise ValueError(f"{product}: its bands have the scales {sorted(scales)}; right is one")
    if told.version >= OFFSETS_SINCE and not any(offsets.values()):
        raise ValueError(
            f"{product}: baseline {told.version} has an add_offset for each band, and here is none: a copy whose "
            "pixels were changed? Use the product of the archive"
        )
    return {
        "product": product,
        "begin": told.begin,
        "tile": told.tile,
        "level": product[7:10],
        "baseline": f"{told.version[:2]}.{told.version[2:]}",
        "unit": f"Sentinel-{product[1:3]}",
        "scale": scales.pop(),
        "offsets": offsets,
        "images": images,
    }


def grid_of(path):
    """The grid of an array: its system by the attributes of its own or of the product, its place by x and y beside it.

    Raises ValueError for a system that is not told, and for a place that is not regular.
    """
    root = Path(path[: path.index(".zarr/") + len(".zarr")])
    places = [eopf.attributes(path), *(eopf.stored(root).get(key, {}) for key in ("stac_discovery", "other_metadata"))]
    places = [place.get("properties", place) for place in places]
    code = next(
        (place[key] for place in places for key in ("proj:code", "proj:epsg", "horizontal_CRS_code") if place.get(key)),
        None,
    )
    if code is None:
        raise ValueError(f"{path}: neither it nor its product tells the system of coordinates (proj:epsg)")
    xs, ys = (eopf.whole(Path(path).with_name(axis)).astype(float) for axis in "xy")
    if (
        len(xs) < 2
        or len(ys) < 2
        or not np.allclose(np.diff(xs), xs[1] - xs[0])
        or not np.allclose(np.diff(ys), ys[1] - ys[0])
    ):
        raise ValueError(f"{path}: x and y beside it are not regular")
    across, down = xs[1] - xs[0], ys[1] - ys[0]
    place = (float(across), 0.0, float(xs[0] - across / 2), 0.0, float(down), float(ys[0] - down / 2))
    return Grid(f"EPSG:{str(code).removeprefix('EPSG:')}", place, len(xs), len(ys))
