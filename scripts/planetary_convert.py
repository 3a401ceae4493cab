"""Deliver cubes as Cloud-Optimized GeoTIFF, and as PDS4 where asked for."""

from darkroom import entrypoint
from darkroom.planetary.formats import cog
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.formats.pds4 import write as write_pds4
from darkroom.planetary.images import for_each


def planetary_convert(*, cubes: list, images: list, labels: list | None = None, pds4: list | None = None):
    """Write the image of each cube: what the label says of it goes into its tags.

    cubes -- ISIS3 cubes
    images -- their GeoTIFFs, in the same order
    labels, pds4 -- their PDS4 labels and images, beside each other; none where that is not asked for

    Raises ValueError naming a cube that is none or is cut off.
    """
    for_each(convert, cubes, images)
    for_each(write_pds4, cubes[: len(labels or [])], labels or [], pds4 or [])


def convert(cube, image):
    cog.write(cube, image, cog.tags(Cube(cube)))


if __name__ == "__main__":
    entrypoint.run(planetary_convert, globals().get("snakemake"))
