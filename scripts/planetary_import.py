"""Read images of an archive into ISIS cubes."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.engines.native import take_cube
from darkroom.planetary.images import for_each, image_file, plain


def planetary_import(
    inventories: list, cubes: list, images: list, cameras: list = (), kernels_found: list = (), isis: list = ()
):
    """Read images of an archive into ISIS cubes.

    inventories -- what `fetch_input` has found, for each image
    cubes -- the cubes to write, in the same order
    images -- for each: recipe, its title, label and names of files, part, and what the engine is asked
    cameras -- unused: files of cameras of the user's own, watched for changes
    kernels_found -- unused: the check of SPICE kernels, which must have passed
    isis -- unused: the check of ISIS, which must have passed

    Raises ValueError naming every image that could not be read, after all others are written.
    """
    for_each(import_image, inventories, cubes, images)


def import_image(inventory, cube, image):
    """Read one image into a cube."""
    with plain(image_file(inventory, image), Path(cube).parent) as source:
        if source.suffix.lower() == ".cub":
            take_cube(source, cube)
        else:
            engine(image["engine"]).import_image(source, cube, image)


if __name__ == "__main__":
    entrypoint.run(planetary_import, globals().get("snakemake"))
