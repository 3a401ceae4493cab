"""Turn heights into a cube."""

from pathlib import Path

import rasterio.shutil

from darkroom import entrypoint, files


def planetary_convert_terrain(heights: Path, terrain: Path):
    """Turn heights into a cube.

    heights -- GeoTIFF of the Ames Stereo Pipeline: metres above the reference of the body
    terrain -- the ISIS cube to write
    """
    with files.replacing(terrain) as partial:
        rasterio.shutil.copy(heights, partial, driver="ISIS3")


if __name__ == "__main__":
    entrypoint.run(planetary_convert_terrain, globals().get("snakemake"))
