"""Read images of an archive into ISIS cubes."""

import _entrypoint
import _planetary


def planetary_import(inventories: list, cubes: list, images: list, isis: list = ()):
    """Read images of an archive into ISIS cubes.

    inventories -- what `fetch_input` has found, for each image
    cubes -- the cubes to write, in the same order
    images -- for each: engine, recipe and its steps, part, and the options `ingest` and `parameters`
    isis -- unused: the check of ISIS, which must have passed

    Raises ValueError naming every image that could not be read, after all others are written.
    """
    _planetary.for_each(import_image, inventories, cubes, images)


def import_image(inventory, cube, image):
    """Read one image into a cube."""
    source = _planetary.image_file(inventory, image)
    _planetary.engine(image["engine"]).import_image(source, cube, image)


if __name__ == "__main__":
    _entrypoint.run(planetary_import, globals().get("snakemake"))
