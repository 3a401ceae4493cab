"""Images of spacecraft cameras -> calibrated ISIS cubes, maps, mosaics, and what opens elsewhere.

ingested.cub -> located.cub -> calibrated.cub (planetary/cubes.smk) -> controlled.<image>.cub where a row of images asks
for it (planetary/control.smk) -> map.cub, mosaic.cub (planetary/maps.smk)
-> *.tif, preview.png, item.json (planetary/deliver.smk). A part of an image that its camera or archive cuts up (a
framelet set, a detector) stands before the suffix: calibrated.even.cub. Which cubes there are: darkroom.planetary.plan.
"""

from darkroom.campaign.inputs import watchable
from darkroom.planetary import memory as planetary_memory
from darkroom.planetary import plan as planetary_plan
from darkroom.planetary import steps as planetary_steps


wildcard_constraints:
    part=r"(\.[A-Za-z0-9_]+)*",
    image=r"[A-Za-z0-9][A-Za-z0-9._-]*",


PLANETARY = or_refuse(planetary_plan.of, CAMPAIGN)
ENGINE = PLANETARY.engine
ENGINE_ENV = {"native": "../../envs/planetary.yaml", "isis": "../../envs/isis.yaml"}[ENGINE]
CONTAINER = config["planetary"]["container"] if ENGINE == "isis" else ""
MODULES = config["planetary"]["modules"] if ENGINE == "isis" else []
# ISIS is checked before any of its programs runs.
ISIS = ["<results>/<campaign>/isis.json"] if ENGINE == "isis" else []


def made(wildcards):
    """What the dataset of a job is: an image, or a composite of images."""
    return PLANETARY[wildcards.dataset]


def part_of(wildcards):
    """The part or set of a job, without the point in front of it."""
    return wildcards.part.strip(".")


def memory(step):
    """Memory of a step, by the largest of the cubes that it takes."""
    return lambda wildcards, input, attempt: attempt * planetary_memory.asked(
        step, ENGINE, planetary_memory.largest(input)
    )


def memory_on_ground(step):
    """Memory of a step that looks at the ground, with a part of its DEM where it has one."""
    return lambda wildcards, input, attempt: memory(step)(wildcards, input, attempt) + attempt * (
        planetary_memory.SHAPE if made(wildcards).has_shape else 0
    )


def own_cameras(batch):
    """The files of cameras of the user's own that the images of a batch are of."""
    of_each = batch.each(lambda dataset, _: watchable(PLANETARY[dataset].files))
    return lambda wildcards: sorted(set().union(*of_each(wildcards)))


def camera_descriptions(batch):
    """The camera descriptions of the images of a batch, and their DEMs."""
    of_each = batch.each(lambda dataset, _: watchable(PLANETARY[dataset].description))
    return lambda wildcards: sorted(set().union(*of_each(wildcards)))


def kernels_found(batch):
    """What SPICE kernels cover, where an image of a batch asks for them; a new row of the sheet does not change that."""
    of_each = batch.each(lambda dataset, _: PLANETARY[dataset].asks_kernels)
    return lambda wildcards: ["<results>/<campaign>/kernels.json"] if any(of_each(wildcards)) else []


def asks_web(batch):
    """Requests to the web service at the same time: one, where an image of a batch asks it for its geometry."""
    of_each = batch.each(lambda dataset, _: PLANETARY[dataset].asks_web)
    return lambda wildcards: int(any(of_each(wildcards)))


def all_delivered(batch, suffix):
    """The cubes that the datasets of a batch end in, or their GeoTIFFs."""
    of_each = batch.each(lambda dataset, _: [f"{cube.path[:-4]}.{suffix}" for cube in PLANETARY[dataset].delivered])
    return lambda wildcards: sum(of_each(wildcards), [])


include: "planetary/cubes.smk"
include: "planetary/control.smk"
include: "planetary/maps.smk"
include: "planetary/terrain.smk"
include: "planetary/deliver.smk"
