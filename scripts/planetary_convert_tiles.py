"""Stretch a cube to grey values, which can be cut into chunks for a browser."""

from pathlib import Path

import rasterio
import rasterio.windows

import _cubes
import _entrypoint
import _files
import _stretch


def planetary_convert_tiles(cube: Path, picture: Path, inventory: Path, stretch: list):
    """Stretch the first band of a cube to 8 bits at its full size.

    cube -- any ISIS cube
    picture -- the TIFF to write: 1 to 255, and 0 where there is no value
    inventory -- JSON that names it, as the atlas rules take it
    stretch -- percentiles that become 1 and 255
    """
    source = _cubes.Cube(cube)
    limits = _stretch.limits(source, percent=stretch)
    shape = {"height": source.lines, "width": source.samples, "count": 1, "dtype": "uint8"}
    form = {"driver": "GTiff", "compress": "deflate", "blockysize": 64}
    with _files.replacing(picture) as partial, rasterio.open(partial, "w", **form, **shape) as made:
        for first in range(0, source.lines, _cubes.ROWS):
            grey = _stretch.to_bytes(source.read(first, _cubes.ROWS)[0], *limits)
            made.write(grey, 1, window=rasterio.windows.Window(0, first, source.samples, len(grey)))
    state = picture.stat()
    entry = {"name": picture.name, "bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    _files.write_json(inventory, {"root": str(picture.parent), "files": [entry]})


if __name__ == "__main__":
    _entrypoint.run(planetary_convert_tiles, globals().get("snakemake"))
