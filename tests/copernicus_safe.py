"""Small products of Sentinel-2 in their own layout, with the pixels that a test wants."""

import numpy as np
import rasterio
from rasterio.transform import from_origin

from darkroom.inventory import local

OFFSET = {"L1C": ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET"), "L2A": ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET")}
BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


def safe(folder, bands, begin="20230622T101601", baseline="0510", offset=-1000, level="L2A", tile="T32TMR", **place):
    """Write a product: {band: digital numbers}; of a band of L2A the resolution goes along, as in `B04_10m`.

    offset -- None for metadata that have none; place -- of `image`
    """
    name = f"S2A_MSI{level}_{begin}_N{baseline}_R065_{tile}_20240101T000000.SAFE"
    images = folder / name / f"GRANULE/{level}_{tile}_A041800_{begin}/IMG_DATA"
    for band, values in bands.items():
        resolution = int(band[4:6]) if "_" in band else 10
        inner = images / f"R{resolution}m" if level == "L2A" else images
        image(inner / f"{tile}_{begin}_{band}.jp2", values, resolution, **place)
    scale, shift = OFFSET[level]
    listed = "" if offset is None else "".join(f'<{shift} band_id="{at}">{offset}</{shift}>' for at in range(13))
    spectral = "".join(f'<Spectral_Information bandId="{at}" physicalBand="{one}"/>' for at, one in enumerate(BANDS))
    stamp = f"{begin[:4]}-{begin[4:6]}-{begin[6:11]}:{begin[11:13]}:{begin[13:15]}.024Z"
    (folder / name / f"MTD_MSI{level}.xml").write_text(
        f"<product><PRODUCT_START_TIME>{stamp}</PRODUCT_START_TIME><SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>"
        f"<PROCESSING_BASELINE>{baseline[:2]}.{baseline[2:]}</PROCESSING_BASELINE>"
        f"<{scale}>10000</{scale}>{listed}{spectral}</product>"
    )
    return name


def image(path, values, resolution, west=399_960, north=5_000_040, epsg=32632):
    """Write an image as JPEG 2000 without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values, "uint16")
    profile = {"driver": "JP2OpenJPEG", "count": 1, "dtype": "uint16", "crs": f"EPSG:{epsg}", "QUALITY": 100}
    profile |= {"height": values.shape[0], "width": values.shape[1], "codec": "JP2", "REVERSIBLE": "YES"}
    with rasterio.open(path, "w", transform=from_origin(west, north, resolution, resolution), **profile) as made:
        made.write(values, 1)


def inventory(folder):
    """The inventory of all files in a folder."""
    return local(
        str(folder), sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    )
