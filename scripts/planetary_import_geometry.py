"""Attach to a cube where the camera stood and looked."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary import images, notes
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry import placed
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.isd import SHAPE
from darkroom.planetary.geometry.isd import of as isd_of
from darkroom.planetary.geometry.isd import tables as isd_tables
from darkroom.planetary.instruments import calibrate

# Seconds before and after an image in which its camera description may begin: line scanners start before their images.
FRAME_SLACK, SCAN_SLACK = 1, 10


def planetary_import_geometry(
    cube: Path, inventory: Path, located: Path, image: dict, camera: list = (), isis: list = ()
):
    """Write a copy of a cube that knows where the camera stood and looked.

    cube -- an ingested cube
    inventory -- what `fetch_input` has found: a camera description may lie beside the image
    located -- the copy, with the tables and kernels that spiceinit attaches
    image -- the option `geometry`; for isd and attached `shape` too; for isd the option of this name, recipe, names of
        its files and part; else what the engine is asked
    camera -- unused: the camera description of a local image and the DEM, which a rule watches for changes
    isis -- unused: the check of ISIS, which must have passed

    Raises FileNotFoundError when there is no camera description, ValueError when it is of another image, or when a cube
    has no geometry attached.
    """
    if image["geometry"] == "isd":
        attach(cube, images.isd_file(image["isd"], inventory, image), located, image.get("shape", ""))
    elif image["geometry"] == "attached" and image["shape"]:
        give_shape(cube, located, image["shape"])
    elif image["geometry"] == "attached":
        placed.of(cubes.Cube(cube))  # which says what is missing
        with files.replacing(located) as partial:
            shutil.copyfile(cube, partial)
    else:
        engine("isis").spiceinit(cube, located, image)


def give_shape(cube, located, shape):
    """Copy a cube that has its camera, and let it see the heights of a DEM."""
    source = cubes.Cube(cube)
    camera = isd_of(cube)
    groups = notes.noted(source.groups, done=shaped(camera, shape))
    objects = source.objects | named_shape(shape)
    cubes.write(located, source.image(blocks=source.stored(), groups=groups, objects=objects))


def shaped(camera, shape):
    """What is said of a DEM, which must be one of the body; nothing without one."""
    if not shape:
        return []
    terrain = Camera(replace(camera, shape=shape)).terrain
    return [f"shape: {Path(shape).name}, above {terrain.equatorial:.6g} x {terrain.polar:.6g} km"]


def named_shape(shape):
    """The object of a cube that names its DEM."""
    return {SHAPE: {"File": shape}} if shape else {}


def attach(cube, isd, located, shape=""):
    """Copy a cube and attach a camera description to it, in the tables and keywords that spiceinit writes.

    shape -- the file of a DEM that the camera looks at
    """
    source = cubes.Cube(cube)
    camera = isd_of(isd, source.lines, source.samples, source.groups["Instrument"])
    require_same_time(camera, source.groups["Instrument"], isd)
    tables, kernels, objects = isd_tables(camera)
    against = [] if camera.signs == (1, 1) else ["geometry: the camera looks against the z axis of its frame"]
    groups = notes.noted(
        source.groups, done=[f"geometry from {isd.name}", *against, *shaped(camera, shape)], skipped=camera.omitted
    )
    groups["Kernels"] = pvl.Block(dict(source.groups["Kernels"].items()) | kernels, "Group")
    kept = [source.table(name) for name in source.tables if name not in {table.name for table in tables}]
    objects = source.objects | objects | named_shape(shape)
    made = source.image(blocks=source.stored(), groups=groups, tables=[*kept, *tables], objects=objects)
    cubes.write(located, made)


def require_same_time(camera, instrument, isd):
    """Raise ValueError when a camera description is of another time than the image, where the image tells its own."""
    times = [str(instrument.get(key, "")) for key in ("StartTime", "StopTime")]
    if not all(re.match(r"\d{4}-\d\d-\d\dT", time) for time in times):
        return
    start, stop = map(calibrate.ephemeris_time, times)
    slack = SCAN_SLACK if camera.line_time or camera.framelets else FRAME_SLACK
    if not start - slack <= camera.start <= stop + slack:
        raise ValueError(
            f"{isd}: its time is {camera.start - start:+.1f} s from the StartTime of the image, {times[0]}; "
            "this is the geometry of another image"
        )


if __name__ == "__main__":
    entrypoint.run(planetary_import_geometry, globals().get("snakemake"))
