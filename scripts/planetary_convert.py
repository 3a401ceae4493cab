"""Deliver cubes as Cloud-Optimized GeoTIFF, and as PDS4 where asked for."""

import _cog
import _cubes
import _entrypoint
import _pds4
import _planetary


def planetary_convert(*, cubes: list, images: list, labels: list | None = None, pds4: list | None = None):
    """Write the image of each cube: what the label says of it goes into its tags.

    cubes -- ISIS3 cubes
    images -- their GeoTIFFs, in the same order
    labels, pds4 -- their PDS4 labels and images, beside each other; none where that is not asked for

    Raises ValueError naming a cube that is none or is cut off.
    """
    _planetary.for_each(convert, cubes, images)
    _planetary.for_each(_pds4.write, cubes[: len(labels or [])], labels or [], pds4 or [])


def convert(cube, image):
    _cog.write(cube, image, _cog.tags(_cubes.Cube(cube)))


if __name__ == "__main__":
    _entrypoint.run(planetary_convert, globals().get("snakemake"))
