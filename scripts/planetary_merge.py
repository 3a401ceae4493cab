"""Lay projected images over each other."""

import shutil
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary.engines.choose import engine


def planetary_merge(cubes: list, merged: Path, image: dict):
    """Lay projected images over each other.

    cubes -- projected cubes on one grid, in their order
    merged -- the map or mosaic to write
    image -- the option `priority`, and what the engine is asked: where images overlap, the last is seen (ontop), the
        first (beneath) or their mean (average, with a second band that counts); `colours`: each is a band; `equalize`
        and `feather`, how seams are made less visible

    Raises ValueError when the cubes are not on one grid, or cannot be equalized.
    """
    if len(cubes) == 1:
        with files.replacing(merged) as partial:
            shutil.copyfile(cubes[0], partial)
        return
    engine(image["engine"]).merge([Path(cube) for cube in cubes], merged, image["priority"], image)


if __name__ == "__main__":
    entrypoint.run(planetary_merge, globals().get("snakemake"))
