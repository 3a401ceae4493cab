"""Attach to a cube where the camera stood and looked."""

from pathlib import Path

import _cubes
import _entrypoint
import _isd
import _planetary
import _pvl


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
        attach(cube, _planetary.isd_file(image["isd"], inventory, image), located)
    else:
        _planetary.engine("isis").spiceinit(cube, located, image)


def attach(cube, isd, located):
    """Copy a cube and attach a camera description to it, in the tables and keywords that spiceinit writes."""
    source = _cubes.Cube(cube)
    camera = _isd.of(isd, source.lines, source.samples, source.groups["Instrument"])
    tables, kernels, keywords = _isd.tables(camera)
    groups = _planetary.noted(source.groups, done=[f"geometry from {isd.name}"])
    groups["Kernels"] = _pvl.Block(dict(source.groups["Kernels"].items()) | kernels, "Group")
    kept = [source.table(name) for name in source.tables if name not in {table.name for table in tables}]
    objects = source.objects | {"NaifKeywords": keywords}
    made = source.image(blocks=source.blocks(), groups=groups, tables=[*kept, *tables], objects=objects)
    _cubes.write(located, made)


if __name__ == "__main__":
    _entrypoint.run(planetary_import_geometry, globals().get("snakemake"))
