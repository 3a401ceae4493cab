"""Attach to a cube where the camera stood and looked."""

from pathlib import Path

import _entrypoint
import _planetary


def planetary_import_geometry(cube: Path, inventory: Path, located: Path, image: dict, isis: list = ()):
    """Write a copy of a cube that knows where the camera stood and looked.

    cube -- an ingested cube
    inventory -- what `fetch_input` has found: a camera description may lie beside the image
    located -- the copy, with the tables and kernels that spiceinit attaches
    image -- engine, recipe and its steps, part, and the options `geometry`, `isd` and `parameters`
    isis -- unused: the check of ISIS, which must have passed

    Raises FileNotFoundError when there is no camera description, ValueError when it is of another image.
    """
    if image["geometry"] == "isd":
        _planetary.engine("native").attach(cube, _planetary.isd_file(image["isd"], inventory, image), located)
    else:
        _planetary.engine("isis").spiceinit(cube, located, image)


if __name__ == "__main__":
    _entrypoint.run(planetary_import_geometry, globals().get("snakemake"))
