"""The planetary stages in our own code; `isis` has the same functions with the programs of ISIS."""

from functools import partial
from pathlib import Path

import numpy as np

from darkroom.files import write_json
from darkroom.planetary import notes, recipes
from darkroom.planetary.formats import pds3, pvl, vdcomp
from darkroom.planetary.formats.cubes import COLOURS, NULL, Cube, Image, at_once
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import equalize, mosaic, photometry, projection, resample
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.placed import Placed
from darkroom.planetary.geometry.placed import of as sight_of
from darkroom.planetary.instruments import ingest, registry
from darkroom.planetary.instruments.calibrate import write as write_calibrated
from darkroom.record import write as write_record

ROWS, PIXELS = 256, 1 << 18  # of a block whose angles are all in memory, at most
BACKPLANES = {
    "phase": "Phase Angle",
    "emission": "Emission Angle",
    "incidence": "Incidence Angle",
    "latitude": "Latitude",
    "longitude": "Longitude",
}
LOCAL = ("Local Emission Angle", "Local Incidence Angle")


def import_image(source, cube, image):
    """Read a product of an archive, or one part of it, into a cube."""
    camera = registry.of_recipe(image["recipe"], image.get("camera", ""))
    title = f"{image['recipe']} ({image['title']})"
    with vdcomp.plain(source, Path(cube).parent) as (file, told):
        recipes.require_label(pds3.Product(file).label, image["label"], title, source)
        made = ingest.image(file, image["part"], image["ingest"], camera)
        skipped = [] if image["calibrate"] else ["calibration: these are the numbers of the archive's product"]
        made.groups = notes.noted(made.groups, [f"read from {source.name}"], [*told, *skipped])
        write_cube(cube, made)


def groups_of(source, image):
    """The groups that the cube of an image will have, without its pixels. Raises ValueError for one that is packed."""
    if source.suffix.lower() == ".cub":
        return Cube(source).groups
    camera = registry.of_recipe(image["recipe"], image.get("camera", ""))
    return ingest.image(source, image["part"], image["ingest"], camera).groups


def take_cube(source, cube):
    """Take a cube of ISIS, of any level, as it is; what of its file is not taken over is said."""
    taken = Cube(source)
    kept = {"IsisCube", "Label", "Table", "OriginalLabel", *taken.objects}
    left = [f"{name}: not taken over from {source.name}" for name in dict.fromkeys(taken.label) if name not in kept]
    left += [f"{source.name}: {taken.tail} bytes behind what its label speaks of, unread"] if taken.tail else []
    groups = notes.noted(taken.groups, [f"taken from {source.name}"], left)
    write_cube(cube, taken.image(blocks=taken.stored(), groups=groups))


def calibrate(cube, calibrated, image):
    """Calibrate a cube; what was done and what was left out goes into its label."""
    write_calibrated(cube, calibrated, image)


def correct(cube, corrected, image):
    """Bring the brightness of every pixel to one light, by the angles at which the camera and the Sun see it."""
    source, sight, options = Cube(cube), camera_of(cube), image["photometry"]
    light = {"model": options["model"], "parameters": options["parameters"], "incref": options["incidence"]}

    def blocks():
        rows = at_once(source.samples, ROWS, PIXELS)
        for first in range(0, source.lines, rows):
            values, codes = source.read(first, rows)
            ground = sight.backplanes(first, len(values))
            made = photometry.normalise(values, ground.phase, ground.incidence, ground.emission, **light)
            unknown = np.where(np.isnan(made), NULL, 0)
            yield made[None], (unknown if codes is None else np.where(codes == 0, unknown, codes))[None]

    groups = notes.noted(source.groups, done=[f"photometric correction: {options['model']}"])
    write_cube(corrected, source.image(blocks=blocks(), groups=groups, dtype="f4", base=0.0, multiplier=1.0))


def backplanes(cube, made, image):
    """Write phase, emission, incidence, latitude and longitude of every pixel, in the order of ISIS's phocube.

    On the heights of a DEM, emission and incidence against its slopes stand behind them.
    """
    source, sight = Cube(cube), camera_of(cube)
    names = (*BACKPLANES.values(), *(LOCAL if sight.terrain else ()))

    def blocks():
        rows = at_once(source.samples, ROWS, PIXELS)
        for first in range(0, source.lines, rows):
            _, codes = source.read(first, rows)
            ground = sight.backplanes(first, min(rows, source.lines - first))
            local = sight.local_angles(ground) if sight.terrain else ()
            planes = np.stack([*(getattr(ground, plane) for plane in BACKPLANES), *local])
            yield (planes if codes is None else np.where(codes == 0, planes, np.nan)), None

    groups = source.groups | {"BandBin": pvl.Block({"Name": names}, "Group")}
    changes = {"groups": groups, "bands": len(names), "dtype": "f4", "base": 0.0, "multiplier": 1.0}
    write_cube(made, source.image(blocks=blocks(), **changes))


def control(cubes, made, image, threads):
    """Find the places that images have in common and the turns by which their cameras agree on them.

    cubes -- name -> path; made -- network, residuals, pointing and record, paths of what is to be written
    """
    from darkroom.planetary.control import adjust, products  # here, as no other step needs what they stand on

    solved = adjust.adjusted(cubes, image["control"], threads)
    products.write_network(made["network"], image["network"], solved)
    products.write_residuals(made["residuals"], products.residuals_of(solved))
    write_record(made["record"], products.record_of(solved, image["control"]))
    write_json(made["pointing"], products.pointing_of(solved))


def template(cubes, grid, given, image):
    """Keywords of the template of a map that holds all cubes; `given` -- those that are known."""
    cameras = [sight_of(Cube(cube)) for cube in cubes]
    ranges = [projection.range_of(camera) for camera in cameras]
    return projection.common_template(ranges, cameras[0].isd, given)


def project(cube, grid, projected, image):
    """Write what an image covers of a map; NULL where it shows nothing. Of a map all bands, of a camera the first: each
    filter of a camera looks from a place of its own. What lies outside is one NULL where others may show something
    (`may_miss`). Raises projection.OutsideError where it is alone."""
    source = Cube(cube)
    sight, groups = sight_of(source), source.groups
    whole = projection.Mapping.from_template(grid)
    own = projection.Mapping.for_camera(sight, whole.group())
    bands = source.bands if isinstance(sight, Placed) else 1
    if source.bands > bands:
        groups = of_first_band(groups, source.bands)
        groups = notes.noted(groups, skipped=[f"map: of band 1 alone, of {source.bands}"])
    try:
        mapping = own.within(whole)
    except projection.OutsideError as error:
        if not image["may_miss"]:
            raise
        mapping, nothing = whole.nearest(own), np.full((bands, 1, 1), NULL, "u1")
        groups = notes.noted(groups, skipped=[f"{Path(projected).stem}: {error}"])
        write_cube(projected, mapped(mapping, bands, groups, [(np.zeros(nothing.shape), nothing)]))
        return
    reads = [partial(source.read, band=band) for band in range(1, bands + 1)]
    of_bands = (resample.project(read, sight, mapping, image["interpolation"]) for read in reads)
    blocks = (map(np.concatenate, zip(*parts, strict=True)) for parts in zip(*of_bands, strict=True))
    write_cube(projected, mapped(mapping, bands, groups, blocks))


def merge(cubes, merged, priority, image):
    """Lay maps over each other, or make them colours of one; an average has a second band that counts the images."""
    cubes = [Cube(cube) for cube in cubes]
    mapping, placed = mosaic.place(cubes)
    groups = in_common([cube.groups for cube in cubes])
    if image.get("colours"):
        blocks = mosaic.stack(placed, mapping.lines, mapping.samples)
        groups["BandBin"] = side_by_side([cube.groups.get("BandBin", {}) for cube in cubes])
        write_cube(merged, mapped(mapping, len(cubes), groups, blocks))
        return
    require_one_filter(cubes)
    if how := image.get("equalize"):
        held = [number for number, cube in enumerate(cubes) if cube.path.name in how["held"]]
        changes = equalize.adjustments(placed, how["adjust"], how["weighted"], how["least"], held)
        told = [f"equalized {cube.path.name}: {each}" for cube, each in zip(cubes, changes, strict=True)]
        groups = notes.noted(groups, told)
        placed = [(equalize.Adjusted(cube, each), *at) for (cube, *at), each in zip(placed, changes, strict=True)]
    feather = image.get("feather", 0)
    groups = notes.noted(groups, [f"edges of images feathered by {feather} pixels"] if feather else [])
    blocks = mosaic.merge(placed, mapping.lines, mapping.samples, priority, feather)
    bands = cubes[0].bands
    if priority == "average":
        bands, groups["BandBin"] = 2 * bands, counted(groups.get("BandBin", {}), bands)
    write_cube(merged, mapped(mapping, bands, groups, blocks))


def side_by_side(bandbins):
    """The group BandBin of a colour image, each keyword with the values of all images that it is made of."""
    keys = dict.fromkeys(key for bands in bandbins for key in bands)
    values = {"Colour": COLOURS} | {key: tuple(_first(bands.get(key, "Null")) for bands in bandbins) for key in keys}
    return pvl.Block(values, "Group")


def _first(value):
    return value[0] if isinstance(value, tuple) else value


def require_one_filter(cubes):
    """Raise ValueError naming a cube whose bands are not those of the first one, as automos does."""
    first, *others = cubes
    first_bands = dict(first.groups.get("BandBin", {}).items())
    for cube in others:
        bands = dict(cube.groups.get("BandBin", {}).items())
        for key in first_bands.keys() | bands.keys():
            if bands.get(key) != first_bands.get(key):
                raise ValueError(
                    f"{cube.path}: BandBin {key} is {bands.get(key)}, in {first.path} it is {first_bands.get(key)}; "
                    "images of different filters make no mosaic, give each filter a row of its own"
                )


def of_first_band(groups, bands):
    """Groups of a cube of its first band: of each keyword of BandBin that has a value for every band, the first."""
    each = groups.get("BandBin", {}).items()
    own = {key: value[0] if isinstance(value, tuple) and len(value) == bands else value for key, value in each}
    return groups | ({"BandBin": pvl.Block(own, "Group")} if own else {})


def counted(bandbin, bands):
    """The group BandBin of an average, whose second half of bands counts, as automos writes it."""
    doubled = {}
    for key, value in bandbin.items():
        values = pds3.sequence(value)
        unit = values[0].unit if isinstance(values[0], pvl.Quantity) else ""
        counts = (f"{name}_Count" if key == "Name" else "Null" for name in values)
        doubled[key] = (*values, *(pvl.Quantity(count, unit) if unit else count for count in counts))
    return pvl.Block(doubled, "Group")


def mapped(mapping, bands, groups, blocks):
    """A map as an image to write; where the camera stood is of no use to it any more."""
    kept = {name: group for name, group in groups.items() if name not in ("Kernels", "Mapping")}
    groups = kept | {"Mapping": pvl.Block(mapping.group(), "Group")}
    return Image(bands, mapping.lines, mapping.samples, "f4", groups, blocks)


def in_common(groups):
    """The groups of several cubes with the keywords that are the same in all; notes are those of all."""
    first, *others = groups

    def same(name, key, value):
        return all(name in other and other[name].get(key) == value for other in others)

    shared = {
        name: pvl.Block([(key, value) for key, value in group.items() if same(name, key, value)], "Group")
        for name, group in first.items()
        if name not in ("Mapping", "Darkroom")
    }
    told = ([note for group in groups for note in notes.notes(group, key)] for key in ("Done", "Skipped"))
    return notes.noted(shared, *(list(dict.fromkeys(texts)) for texts in told))
