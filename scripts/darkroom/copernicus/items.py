"""STAC items of maps: what, when, of which products, and where. Format: STAC 1.1, extensions Projection and Raster."""

import numpy as np
import pystac
import rasterio
import shapely
from rasterio.warp import transform

from darkroom.copernicus import areas, names
from darkroom.copernicus.stack import Stack

EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
]
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
        bands = [
            {"name": name, "data_type": "float32", "nodata": "nan"} | ({} if unit == "1" else {"unit": unit})
            for name, unit in zip(image.descriptions, image.units, strict=True)
        ]
    geometry = _footprint(bounds, crs)
    made = pystac.Item(
        dataset, areas.geojson(geometry), list(geometry.bounds), None, _told(stack, variant), stac_extensions=EXTENSIONS
    )
    for asset in assets:
        media_type, roles = TYPES[asset.suffix]
        extra = {"proj:code": f"EPSG:{crs.to_epsg()}", "proj:shape": list(shape), "proj:transform": list(affine)[:6]}
        extra = extra | ({"bands": bands} if asset == path else {}) if asset.suffix == ".tif" else {}
        made.add_asset(
            asset.name, pystac.Asset(f"./{asset.name}", media_type=media_type, roles=roles, extra_fields=extra)
        )
    return made.to_dict(include_self_link=False)


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
