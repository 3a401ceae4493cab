"""Copies of Sentinel-2 as mirrors have them: images of bands as GeoTIFF, with a STAC item in a folder of the product's name."""

import numpy as np
import rasterio
from rasterio.transform import from_origin

from darkroom import files

PRODUCT = "S2A_MSIL2A_20230622T101601_N0509_R065_T32TMR_20230622T160204"


def copy(folder, bands, packed, applied=None, name=PRODUCT, **properties):
    """Write the images and the item of a product; gives the item.

    bands -- digital numbers by band and metres (`B04_10m`); packed -- what each asset says of its numbers
    applied -- whether the item calls itself harmonised, None where it does not say; properties -- others of the item
    """
    assets = {}
    for band, values in bands.items():
        path = folder / name / f"{band[:3]}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        step = int(band[4:6])
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": "EPSG:32632", "nodata": 0}
        profile |= {"width": values.shape[1], "height": values.shape[0]}
        with rasterio.open(path, "w", transform=from_origin(399_960, 5_000_040, step, step), **profile) as image:
            image.write(np.asarray(values).astype("uint16"), 1)
        assets[band[:3].lower()] = {
            "href": f"https://bucket.example/{path.name}",
            "bands": [{"name": band[:3]}],
        } | packed
    properties = {"datetime": "2023-06-22T10:16:01Z"} | properties
    properties |= {} if applied is None else {"earthsearch:boa_offset_applied": applied}
    item = {"type": "Feature", "stac_version": "1.0.0", "id": name, "properties": properties, "assets": assets}
    files.write_json(folder / name / f"{name}.json", item)
    return item
