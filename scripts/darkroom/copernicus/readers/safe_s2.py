"""Sentinel-2 L1C and L2A in SAFE: what its metadata say of each band, and reflectances of its images.

Format: S2-PDGS-TAS-DI-PSD. Reflectance is (DN + ADD_OFFSET) / QUANTIFICATION_VALUE by the metadata of the product:
since baseline 04.00 there is an offset for each band, in what was reprocessed of earlier years as well. DN 0 is no
data, 65535 saturated.
"""

import functools
import re
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom
from rasterio.windows import transform as window_transform

from darkroom import damage
from darkroom.copernicus import grid, imagery, names, trees
from darkroom.copernicus.readers import eopf, eopf_s2, mtd_s2, stac_s2

METADATA = re.compile(r"(.*/)?(?P<product>[^/]+\.SAFE)/MTD_MSI(?P<level>L1C|L2A)\.xml")
IMAGE = re.compile(r".*/IMG_DATA/(R\d\dm/)?[^/]*_(?P<band>B\d\d|B8A|SCL)(_(?P<resolution>\d\d)m)?\.(jp2|tif)")
FOOTPRINT = re.compile(r".*/QI_DATA/[^/]*MSK_DETFOO[^/]*_(?P<band>B\d\d|B8A)[^/]*\.(gml|jp2|tif)")
NATIVE = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B09": 60}
NATIVE |= {"B10": 60, "B11": 20, "B12": 20, "SCL": 20}
NOTHING, SATURATED = 0, 65535


def scenes(inventory):
    """What there is of Sentinel-2 in an inventory, in the order of time, a dict each: SAFE, EOPF Zarr, images with an
    item of STAC.

    product, begin, tile, level, baseline, unit -- of the product; scale, offsets -- of its bands
    images -- band: resolution in metres (text): the path of the image
    footprints -- band: the path of the footprints of its detectors, of SAFE GML or an image
    wavelengths -- of some, band: nanometres of its middle
    harmonised -- of some, whether the pixels have had their offset already

    Raises ValueError for metadata that cannot be read or leave a doubt about the offset.
    """
    root, listed = Path(inventory.root), []
    for name in inventory.names:
        if match := METADATA.fullmatch(name):
            folder = name.rpartition("/")[0]
            images, footprints = {}, {}
            for other in inventory.names:
                if not other.startswith(f"{folder}/"):
                    continue
                if image := IMAGE.fullmatch(other):
                    at = image["resolution"] or str(NATIVE[image["band"]])
                    images.setdefault(image["band"], {})[at] = str(root / other)
                elif footprint := FOOTPRINT.fullmatch(other):
                    footprints[footprint["band"]] = str(root / other)
            files = {"images": images, "footprints": footprints}
            tile = told.tile if (told := names.parsed(match["product"])) else ""
            metadata = mtd_s2.read(root / name, match["level"])
            listed.append({"product": match["product"], "tile": tile} | metadata | files)
    listed += [*eopf_s2.scenes(inventory), *stac_s2.scenes(inventory)]
    right = "Sentinel-2 L1C or L2A, in SAFE with MTD_MSI*.xml or .zarr"
    names.require_all(inventory, {scene["product"] for scene in listed}, right)
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


def image_of(scene, band, resolution):
    """The path of a band at a resolution in metres, or at the next finer or else coarser one that there is.

    Raises ValueError for a band that is not there.
    """
    images = scene["images"].get(band, {})
    if not images:
        there = ", ".join(sorted(scene["images"])) or "none"
        raise ValueError(f"{scene['product']}: has no image of {band}; those that are there: {there}")
    sizes = sorted(map(int, images))
    finer = [size for size in sizes if size <= resolution]
    return images[str(finer[-1] if finer else sizes[0])]


def reflectance(scene, band, pixels):
    """Reflectances (float32) of digital numbers, NaN for what is no data or saturated; negative ones stay."""
    shift, scale = scene["offsets"].get(band, 0.0), scene["scale"]
    values = pixels.astype(np.float32)
    values += np.float32(shift)
    values *= np.float32(scale)
    np.copyto(values, np.float32(np.nan), where=(pixels == NOTHING) | (pixels == SATURATED))
    return values


def opened(path):
    """The grid of an image, and what reads digital numbers of its windows."""
    if eopf_s2.is_array(path):
        return eopf_s2.grid_of(path), functools.partial(eopf.numbers, path)
    return grid.of_image(path), functools.partial(imagery.numbers, path)


def reflectances(scene, band, target):
    """What reads reflectances of windows of a map, see `grid.brought`; with footprints, where a detector saw."""
    metres = grid.metres(target.affine.a, target.crs)
    source, read = opened(image_of(scene, band, metres))
    footprint, method = scene["footprints"].get(band), grid.method_for(source, metres)

    def of_image(part):
        values = reflectance(scene, band, read(part))
        if footprint:
            values[~seen(footprint, source, part)] = np.nan
        return values

    return lambda window: grid.brought(of_image, source, target, window, method)


def classes(scene, target):
    """What reads classes of the scene classification in windows of a map, by the nearest pixel; NaN for none."""
    source, read = opened(image_of(scene, "SCL", 20))

    def of_image(part):
        return read(part).astype(np.float32)

    return lambda window: grid.brought(of_image, source, target, window, Resampling.nearest)


def seen(path, target, window):
    """Where a detector saw the pixels (height, width) of a window of an image, by the footprints of a band.

    path -- GML, whose polygons are in the system that it names, or an image of numbers of detectors, 0 for none; which
        is read by its nearest pixel, as means of numbers are others

    Raises ValueError for a file that is damaged.
    """
    if path.endswith(".gml"):
        shape = int(window.height), int(window.width)
        polygons = [transform_geom(crs, target.crs, polygon) for crs, polygon in _polygons(path)]
        if not polygons:
            return np.zeros(shape, bool)
        return geometry_mask(polygons, shape, window_transform(window, target.affine), invert=True)
    source, read = opened(path)

    def detectors(part):
        return read(part).astype(np.float32)

    with np.errstate(invalid="ignore"):
        return grid.brought(detectors, source, target, window, Resampling.nearest) > 0


@functools.lru_cache(maxsize=64)
def _polygons(path):
    """The polygons of a mask in GML, each with its system of coordinates. Raises ValueError for damage."""
    tree = trees.parsed(path)
    system = next((one.get("srsName") for one in tree.iter("{*}Envelope", "{*}Polygon") if one.get("srsName")), "")
    listed = []
    with damage.named(path, "mask of footprints"):
        for polygon in tree.iter("{*}Polygon"):
            points = polygon.find(".//{*}exterior//{*}posList")
            numbers = np.array(points.text.split(), float).reshape(-1, int(points.get("srsDimension", 2)))
            ring = [tuple(point) for point in numbers[:, :2].tolist()]
            listed.append((f"EPSG:{system.rpartition(':')[2]}", {"type": "Polygon", "coordinates": [ring]}))
    if listed and not system:
        raise ValueError(f"{path}: does not tell the system of coordinates of its polygons (srsName)")
    return listed
