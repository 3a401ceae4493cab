"""Attach to a cube where the camera stood and looked."""

import functools
import re
import shutil
from dataclasses import replace
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary import notes
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.formats import pvl
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import placed
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.isd import SHAPE, from_isd
from darkroom.planetary.geometry.isd import of as isd_of
from darkroom.planetary.geometry.isd import tables as isd_tables
from darkroom.planetary.images import for_each, isd_file
from darkroom.planetary.instruments import calibrate

# Seconds before and after an image in which its camera description may begin: line scanners start before their images.
FRAME_SLACK, SCAN_SLACK = 1, 10


def planetary_import_geometry(
    cubes: list,
    inventories: list,
    located: list,
    images: list,
    cameras: list = (),
    kernels_found: list = (),
    isis: list = (),
):
    """Write copies of cubes that know where the camera stood and looked.

    cubes -- ingested cubes
    inventories -- what `fetch_input` has found for each: a camera description may lie beside the image
    located -- the copies, with the tables and kernels that spiceinit attaches
    images -- for each the option `geometry`; for isd, spice and attached `shape` too; for isd the option of this name,
        recipe, names of its files and part; for spice `kernels`; else what the engine is asked
    cameras -- unused: camera descriptions of local images and DEMs, which a rule watches for changes
    kernels_found -- what SPICE kernels cover, where images ask for them
    isis -- unused: the check of ISIS, which must have passed

    Raises ValueError naming every image whose camera description or kernels are missing or of another image, or whose
    cube has no geometry attached, after all others are written.
    """
    for_each(functools.partial(locate, kernels_found=kernels_found), cubes, located, inventories, images)


def locate(cube, located, inventory, image, kernels_found=()):
    """Write a copy of one cube that knows where the camera stood and looked."""
    if image["geometry"] == "isd":
        attach(cube, isd_file(image["isd"], inventory, image), located, image["shape"])
    elif image["geometry"] == "spice":
        attach_kernels(cube, image["kernels"], located, image["shape"], *kernels_found)
    elif image["geometry"] == "attached" and image["shape"]:
        give_shape(cube, located, image["shape"])
    elif image["geometry"] == "attached":
        placed.of(Cube(cube))  # which says what is missing
        with files.replacing(located) as partial:
            shutil.copyfile(cube, partial)
    else:
        engine("isis").spiceinit(cube, located, image)


def give_shape(cube, located, shape):
    """Copy a cube that has its camera, and let it see the heights of a DEM."""
    source = Cube(cube)
    camera = isd_of(cube)
    groups = notes.noted(source.groups, done=shaped(camera, shape))
    objects = source.objects | named_shape(shape)
    write_cube(located, source.image(blocks=source.stored(), groups=groups, objects=objects))


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
    source = Cube(cube)
    camera = isd_of(isd, source.lines, source.samples, source.groups["Instrument"])
    require_same_time(camera, source.groups["Instrument"], isd)
    write(source, camera, located, f"geometry from {isd.name}", shape)


def attach_kernels(cube, places, located, shape="", kernels_found=None):
    """Copy a cube and attach the camera to it that SPICE kernels describe.

    places -- metakernels, folders or kernels; kernels_found -- what they cover, where that has been looked up
    """
    from darkroom.planetary import ephemeris  # containers of ISIS have no spiceypy

    source = Cube(cube)
    try:
        description, paths = ephemeris.described(source, places, kernels_found)
        camera = from_isd(description, source.groups["Instrument"], source.lines, source.samples)
    except ValueError as error:
        raise ValueError(f"{cube}: {error}") from error
    names = ", ".join(Path(path).name for path in paths)
    write(source, camera, located, f"geometry from the SPICE kernels {names}", shape)


def write(source, camera, located, told, shape):
    """Write a copy of a cube with its camera; told -- where that comes from, in words."""
    tables, codes, objects = isd_tables(camera)
    against = [] if camera.signs == (1, 1) else ["geometry: the camera looks against the z axis of its frame"]
    groups = notes.noted(source.groups, done=[told, *against, *shaped(camera, shape)], skipped=camera.omitted)
    groups["Kernels"] = pvl.Block(dict(source.groups["Kernels"].items()) | codes, "Group")
    kept = [source.table(name) for name in source.tables if name not in {table.name for table in tables}]
    objects = source.objects | objects | named_shape(shape)
    made = source.image(blocks=source.stored(), groups=groups, tables=[*kept, *tables], objects=objects)
    write_cube(located, made)


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
