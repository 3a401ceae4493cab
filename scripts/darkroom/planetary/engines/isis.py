"""The planetary stages with the programs of USGS ISIS; `native` has the same functions in our own code."""

import shutil
from pathlib import Path

from darkroom.files import replacing, write_json
from darkroom.planetary import recipes
from darkroom.planetary.control import jigged
from darkroom.planetary.control.products import write_residuals
from darkroom.planetary.engines import programs
from darkroom.planetary.formats import pvl
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry.projection import OBLIQUE, narrower
from darkroom.planetary.instruments.calibrate import is_calibrated
from darkroom.planetary.instruments.calibrate import write as calibrate_natively
from darkroom.record import write as write_record

THRESHOLD = 30  # of photomet: as much brighter a pixel may become; beyond it is NULL
# Names that cam2map has for what the options say.
INTERPOLATIONS = {"nearest": "nearestneighbor", "bilinear": "bilinear", "cubic": "cubicconvolution"}


def import_image(source, cube, image):
    """Read a product of an archive, or one part of it, into a cube."""
    label = pvl.load(source)
    recipes.require_label(label, image["label"], f"{image['recipe']} ({image['title']})", source)
    run(image, {image["part"]: cube} if image["part"] in image["parts"] else cube, {"source": source}, label)


def spiceinit(cube, located, image):
    """Copy a cube and let spiceinit find its kernels, on this machine or by the web service."""
    web = {"web": True} if image["geometry"] == "web" else {}
    run(image, located, {"input": Path(cube)}, spiceinit=web)


def calibrate(cube, calibrated, image):
    """Calibrate a cube, and take out the noise that the recipe knows of; products that are calibrated are scaled."""
    if "calibration" in image or is_calibrated(Cube(cube)):
        calibrate_natively(cube, calibrated, image)
        return
    run(image, calibrated, {"input": Path(cube)})


def join(cubes, joined, image, threads):
    """Make one image of the calibrated channels of a camera of many CCDs; cubes -- part (RED4_0) -> path."""
    channels = {}
    for part, cube in sorted(cubes.items()):
        channels.setdefault(part.rpartition("_")[0], []).append(Path(cube))
    spice = {"spiceinit": {"web": True}} if image["geometry"] == "web" else {}
    programs.join_channels(image["stages"], channels, joined, parameters=image["parameters"] | spice, threads=threads)


def correct(cube, corrected, image):
    """Bring the brightness of every pixel to one light."""
    options = image["photometry"]
    model = {"hapke": "hapkehen"}.get(options["model"], options["model"])
    light = {"phtname": model, "normname": "albedo", "incref": options["incidence"], "albedo": 1.0, "thresh": THRESHOLD}
    run(image, corrected, {"input": Path(cube)}, photomet=light | options["parameters"])


def backplanes(cube, made, image):
    """Write phase, emission, incidence, latitude and longitude of every pixel."""
    run(image, made, {"input": Path(cube)})


def control(cubes, made, image, threads):
    """Let jigsaw adjust the cameras of images to the places that findfeatures finds; as `native.control`.

    `search` is no option of findfeatures, which looks everywhere; `features` of every tile are its `maxpoints`.
    """
    options = image["control"]
    values = {
        "network": image["network"],
        "points": options["features"] * options["tiles"],
        "camsolve": options["adjust"],
        "sigma": options["sigma"],
        "radius": "yes" if options["radius"] else "no",
        "radius_sigma": options["radius"] or None,
    }
    asked = image["stages"], cubes, made["network"], options["network"], options["held"], values
    with programs.control(*asked, parameters=image["parameters"], threads=threads) as (adjusted, net):
        solved = jigged.of({name: Cube(path) for name, path in adjusted.items()}, net)
        solved.require_fit(options["least"], options["bound"])
        write_residuals(made["residuals"], solved.residuals())
        write_record(made["record"], solved.record())
        write_json(made["pointing"], solved.pointing())
        with replacing(made["network"]) as partial:
            shutil.copyfile(net, partial)


def template(cubes, grid, given, image):
    """Keywords of the template of a map that holds all cubes, as mosrange finds them; `given` -- those that are known.

    Without a LongitudeDomain that is the one in which they are narrower: mosrange itself takes 360. `grid` is where it
    writes.
    """
    for cube in cubes:
        if "Mapping" in Cube(cube).groups:
            raise ValueError(f"{cube}: is a map; engine native projects maps again, the programs of ISIS images alone")
    domains = [str(given["LongitudeDomain"])] if "LongitudeDomain" in given else ["360", "180"]
    conventions = {
        "lattype": str(given.get("LatitudeType", "Planetocentric")).lower(),
        "londir": str(given.get("LongitudeDirection", "PositiveEast")).lower(),
    }
    mappings = []
    for domain in domains:
        # mosrange knows nothing of poles; the range is the same.
        name = "Equirectangular" if given["ProjectionName"] == OBLIQUE else given["ProjectionName"]
        inputs = {"list": cubes, "projection": name}
        run(image, grid, inputs, mosrange=conventions | {"londom": domain})
        mappings.append(dict(pvl.load(grid)["Mapping"].items()))
    return narrower(mappings)


def project(cube, grid, projected, image):
    """Write what an image covers of a map; NULL where it shows nothing."""
    interpolation = {"interp": INTERPOLATIONS[image["interpolation"]]}
    run(image, projected, {"input": Path(cube), "map": Path(grid)}, cam2map=interpolation)


def merge(cubes, merged, priority, image):
    """Lay maps over each other; an average has a second band with the number of images."""
    run(image, merged, {"list": cubes}, automos={"priority": priority})


def terrain(left, right, dem, image, threads):
    """Heights from two images of one place, as a GeoTIFF."""
    run(image, dem, {"left": Path(left), "right": Path(right)}, threads=threads)


def run(image, outputs, inputs, label=None, threads=1, **ours):
    """Run the steps that an image is asked; what its row says of a program comes before what our options say of it."""
    given = {
        program: ours.get(program, {}) | image["parameters"].get(program, {})
        for program in {**ours, **image["parameters"]}
    }
    if label is None and "input" in inputs:
        label = programs.cube_label(inputs["input"])
    steps = recipes.steps(image["steps"], label, given)
    programs.run_stage(steps, outputs, inputs, threads=threads)
