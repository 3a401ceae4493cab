"""Turn heights into a cube."""

from pathlib import Path

import rasterio
import rasterio.shutil

from darkroom import entrypoint, files
from darkroom.planetary.formats import cog


def planetary_convert_terrain(heights: Path, terrain: Path):
    """Turn heights into a cube.

    heights -- GeoTIFF of the Ames Stereo Pipeline: metres above the reference of the body
    terrain -- the ISIS cube to write
    """
    with rasterio.Env(GDAL_CACHEMAX=cog.CACHE), files.replacing(terrain) as partial:
        rasterio.shutil.copy(heights, partial, driver="ISIS3")


if __name__ == "__main__":
    entrypoint.run(planetary_convert_terrain, globals().get("snakemake"))
