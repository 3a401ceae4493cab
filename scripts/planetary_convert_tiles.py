"""Stretch a cube to grey values, which can be cut into chunks for a browser."""

from pathlib import Path

import rasterio
import rasterio.windows

from darkroom import entrypoint, files
from darkroom.inventory import local as local_inventory
from darkroom.inventory import write as write_inventory
from darkroom.planetary.formats import cubes
from darkroom.planetary.stretch import limits as stretch_limits
from darkroom.planetary.stretch import to_bytes


def planetary_convert_tiles(cube: Path, picture: Path, inventory: Path, stretch: list):
    """Stretch the first band of a cube to 8 bits at its full size.

    cube -- any ISIS cube
    picture -- the TIFF to write: 1 to 255, and 0 where there is no value
    inventory -- JSON that names it, as the atlas rules take it
    stretch -- percentiles that become 1 and 255
    """
    source = cubes.Cube(cube)
    limits = stretch_limits(source, percent=stretch)
    shape = {"height": source.lines, "width": source.samples, "count": 1, "dtype": "uint8"}
    form = {"driver": "GTiff", "compress": "deflate", "blockysize": 64}
    with files.replacing(picture) as partial, rasterio.open(partial, "w", **form, **shape) as made:
        rows = cubes.at_once(source.samples)
        for first in range(0, source.lines, rows):
            grey = to_bytes(source.read(first, rows)[0], *limits)
            made.write(grey, 1, window=rasterio.windows.Window(0, first, source.samples, len(grey)))
    write_inventory(inventory, local_inventory(picture.parent, [picture.name]))


if __name__ == "__main__":
    entrypoint.run(planetary_convert_tiles, globals().get("snakemake"))
