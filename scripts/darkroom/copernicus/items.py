"""STAC items of maps: what, when, of which products, and where.

Format: STAC 1.1, extensions Projection, Raster and Processing; Classification of maps with classes, SAR and
Electro-Optical by satellite.
"""

import numpy as np
import pystac
import rasterio
import shapely
from rasterio.warp import transform

from darkroom.copernicus import areas, names
from darkroom.copernicus.merging import NO_CLASS
from darkroom.copernicus.stack import Stack

EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
EVERY = ("projection/v2.0.0", "raster/v2.0.0", "processing/v1.2.0")
COMMON_NAMES = {  # of the Electro-Optical extension
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge071", "B06": "rededge075",
    "B07": "rededge078", "B08": "nir", "B8A": "nir08", "B09": "nir09", "B10": "cirrus", "B11": "swir16",
    "B12": "swir22",
}  # fmt: skip
TYPES = {  # of a file: media type and roles
    ".tif": ("image/tiff; application=geotiff; profile=cloud-optimized", ["data"]),
    ".nc": ("application/x-netcdf", ["data"]),
    ".csv": ("text/csv", ["metadata"]),
    ".geojson": ("application/geo+json", ["data"]),
    ".png": ("image/png", ["thumbnail", "overview"]),
}
POINTS = 16  # of a side of the footprint
DIGITS = 6  # of degrees


def item(dataset, variant, stack, path, assets):
    """A STAC item as a dict, the same for the same files; links and times of making are left out.

    dataset -- identifier; stack, path -- its stack and map; assets -- its files, which lie beside the item
    """
    stack = Stack(stack)
    with rasterio.open(path) as image:
        bounds, shape, affine, crs = image.bounds, image.shape, image.transform, image.crs
        bands = [_band(*named, affine, crs) for named in zip(image.descriptions, image.units, strict=True)]
    geometry, told, extensions = _footprint(bounds, crs), _told(stack, variant), [*EVERY]
    if variant.method == "s1":
        told, extensions = told | _radar(stack), [*extensions, "sar/v1.0.0"]
    if any("eo:common_name" in band for band in bands):
        extensions.append("eo/v2.0.0")
    if variant.classes:
        extensions.append("classification/v2.0.0")
    listed = [EXTENSION.format(name) for name in extensions]
    made = pystac.Item(dataset, areas.geojson(geometry), areas.bbox(geometry), None, told, stac_extensions=listed)
    for asset in assets:
        media_type, roles = TYPES[asset.suffix]
        extra = {}
        if asset.suffix == ".tif":
            extra = {
                "proj:code": f"EPSG:{crs.to_epsg()}",
                "proj:shape": list(shape),
                "proj:transform": list(affine)[:6],
            }
            extra |= {"bands": bands} if asset == path else _classes(variant)
        made.add_asset(
            asset.name, pystac.Asset(f"./{asset.name}", media_type=media_type, roles=roles, extra_fields=extra)
        )
    return made.to_dict(include_self_link=False)


def _band(name, unit, affine, crs):
    """What a band holds: numbers as they are, without scale or offset; metres of a pixel where it has metres."""
    told = {"name": name, "data_type": "float32", "nodata": "nan"} | ({} if unit == "1" else {"unit": unit})
    told |= {"eo:common_name": COMMON_NAMES[name]} if name in COMMON_NAMES else {}
    return told | {"raster:sampling": "area"} | ({} if crs.is_geographic else {"raster:spatial_resolution": affine.a})


def _classes(variant):
    """What the numbers of a map of classes mean."""
    classes = [
        {"value": value, "name": f"class_{value}", "description": one["label"], "color_hint": one["color"][1:].upper()}
        for value, one in enumerate(variant.classes)
    ]
    return {"data_type": "uint8", "nodata": NO_CLASS, "classification:classes": classes}


def _radar(stack):
    modes = sorted({product.split("_")[1] for products in stack.products for product in products.split(", ")})
    told = {"sar:instrument_mode": modes[0], "sar:frequency_band": "C", "sar:product_type": "GRD"}
    return told | {"sar:polarizations": [layer.name for layer in stack.layers]}


def _told(stack, variant):
    listed = [product for products in stack.products for product in products.split(", ")]
    missions = sorted({name.mission.lower() for name in map(names.parsed, listed) if name})
    told = {"start_datetime": min(stack.begins), "end_datetime": max(stack.begins), "title": variant.title}
    told |= {"processing:lineage": "; ".join(stack.products), "description": stack.about["comment"]}
    return told | ({"constellation": missions[0]} if len(missions) == 1 else {})


def _footprint(bounds, crs):
    """The border of a map in longitude and latitude, cut at the antimeridian."""
    steps = np.linspace(0, 1, POINTS)
    xs = np.concatenate(
        [
            bounds.left + steps * (bounds.right - bounds.left),
            np.full(POINTS, bounds.right),
            bounds.right - steps * (bounds.right - bounds.left),
            np.full(POINTS, bounds.left),
        ]
    )
    ys = np.concatenate(
        [
            np.full(POINTS, bounds.top),
            bounds.top - steps * (bounds.top - bounds.bottom),
            np.full(POINTS, bounds.bottom),
            bounds.bottom + steps * (bounds.top - bounds.bottom),
        ]
    )
    ring = np.round(np.stack(transform(crs, "EPSG:4326", xs, ys), 1), DIGITS)
    return areas.valid(shapely.Polygon(ring))
