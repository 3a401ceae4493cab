"""Lay projected images over each other."""

import shutil
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary import notes
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry.projection import Mapping


def planetary_merge(cubes: list, merged: Path, image: dict, others: list = ()):
    """Lay projected images over each other; a map of several that shows nothing of its images is an empty one.

    cubes -- projected cubes on one grid, in their order
    merged -- the map or mosaic to write
    image -- the option `priority`, and what the engine is asked: where images overlap, the last is seen (ontop), the
        first (beneath) or their mean (average, with a second band that counts); `colours`: each is a band; `equalize`
        and `feather`, how seams are made less visible
    others -- projected cubes of the other maps of the row

    Raises ValueError when the cubes are not on one grid, cannot be equalized, or neither they nor the others show
    anything.
    """
    if not any(Cube(cube).shows for cube in cubes):
        write_empty(Cube(cubes[0]), Path(merged), others)
    elif len(cubes) == 1:
        with files.replacing(merged) as partial:
            shutil.copyfile(cubes[0], partial)
    else:
        engine(image["engine"]).merge([Path(cube) for cube in cubes], merged, image["priority"], image)


def write_empty(first, merged, others):
    """Write a map that shows nothing as its first cube is, and say so in it."""
    if not any(Cube(cube).shows for cube in others):
        south, north, west, east = Mapping.of_cube(first).bounds
        raise ValueError(
            f"the map shows nothing of its images: it is of latitudes {south:.6g} to {north:.6g} and longitudes "
            f"{west:.6g} to {east:.6g}"
        )
    told = f"{merged.stem}: empty, nothing of its images is in the range of the map"
    write_cube(merged, first.image(blocks=first.stored(), groups=notes.noted(first.groups, skipped=[told])))


if __name__ == "__main__":
    entrypoint.run(planetary_merge, globals().get("snakemake"))
