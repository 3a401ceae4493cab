"""Recipes: what rows of the sheet ask for by name. A kind of product of a camera, and what ISIS's programs do with it.

What our own code knows of a recipe stands with its camera (instruments/); what the programs of ISIS are run with is
data (config/recipes.yaml); what its entries mean is said there and in config/schemas/recipes.schema.yaml.
"""

import copy
import re
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from darkroom.planetary import labels


@dataclass(frozen=True)
class Recipe:
    """One kind of product of a camera.

    title -- the instrument in words
    names -- regular expression of the whole names of its files, in any case; "" where a row must name the recipe
    label -- keywords of its PDS label and the values that they must have (darkroom.planetary.labels)
    examples -- names of real products
    parts -- the cubes that one product makes, such as ("vis.even", "vis.odd"); none where it is one
    calibration -- what our own code does of its calibration, in words; "" where it cannot
    isd -- what our own code makes of its camera descriptions, in words; "" where none is known
    spice -- whether its geometry can be had from SPICE kernels, in words
    native -- what our own code makes of it: "ingested", "calibrated", or "" for nothing
    areas, web_spice, stages -- of the ISIS engine, see config/recipes.yaml
    """

    title: str = ""
    names: str = ""
    label: dict = field(default_factory=dict)
    examples: tuple = ()
    parts: tuple = ()
    calibration: str = ""
    isd: str = ""
    spice: str = "no"
    native: str = ""
    areas: tuple = ()
    web_spice: bool = True
    stages: dict = field(default_factory=dict)


CUBE = "cube"  # the recipe of cubes of ISIS, of whatever camera and level
OF_CUBES = {
    CUBE: Recipe(
        title="a cube of ISIS, of any level",
        names=r".*\.cub",
        examples=("B10_013341_1010_XN_79S172W.lev1.cub",),
        calibration="as its instrument is, where it is not calibrated yet",
        isd="as its instrument's; `attached` takes its own, or its map",
        spice="as its instrument's",
        native="calibrated",
        areas=("base",),
    )
}


def is_cube(source):
    """Whether a source is a cube of ISIS, by its name."""
    return unpacked(source).lower().endswith(".cub")


def completed(of_cameras, tables):
    """Recipes by name, each with every stage.

    of_cameras -- recipes of cameras that our own code reads
    tables -- contents of tables of the ISIS engine, right by their schema; a later one replaces recipes and common
        stages of an earlier one. What a table does not say of a recipe of a camera is as the camera has it.

    Raises ValueError naming a recipe that is of no camera, and what it lacks.
    """
    stages, recipes = {}, dict(of_cameras)
    for table in tables:
        stages |= table.get("stages", {})
        for name, entry in table["recipes"].items():
            lacking = [key for key in ("title", "names", "label") if key not in entry]
            if lacking and name not in recipes:
                raise ValueError(f"recipes.{name}: {lacking[0]!r} is missing, and no camera has a recipe of this name")
            recipes[name] = replace(of_cameras.get(name, Recipe()), **entry)
    return {name: replace(recipe, stages=stages | recipe.stages) for name, recipe in recipes.items()}


def imported(names, pattern):
    """Those of the files whose whole names fit, in order; of an image with a detached label, the label."""
    pattern = re.compile(pattern, re.IGNORECASE)
    fitting = sorted(name for name in names if pattern.fullmatch(unpacked(PurePath(name).name)))
    described = {_stem(name) for name in fitting if name.lower().endswith(".lbl")}
    return [name for name in fitting if name.lower().endswith(".lbl") or _stem(name) not in described]


def unpacked(name):
    """The name of a file without the ending of its compression."""
    return name.removesuffix(".gz").removesuffix(".GZ")


def _stem(name):
    return PurePath(name).with_suffix("").as_posix().lower()


def require_label(label, conditions, title, path):
    """Raise ValueError unless the PDS label of a product is one that a recipe is for.

    conditions -- those of the recipe; title -- the recipe in words, for the message
    """
    for keyword, values in conditions.items():
        value = labels.value_of(label, keyword)
        if not labels.is_one_of(value, values):
            stated = "is missing" if value is None else f"is {labels.text(value)}"
            expected = " or ".join(map(str, labels.alternatives(values)))
            raise ValueError(f"{path}: {keyword} {stated}; recipe {title} is for {expected}")


def programs(recipe, stages=None):
    """Names of the programs of a recipe, or of some of its stages."""
    chosen = recipe.stages if stages is None else stages
    return {step["program"] for stage in chosen for step in recipe.stages.get(stage, [])}


def steps(stage, label=None, parameters=None):
    """The steps of a stage that a product runs through, with the user's parameters.

    stage -- its steps as the recipe lists them
    label -- of the input: the object IsisCube of a cube, the PDS label of a product; needed where a step depends on it
    parameters -- program -> parameters that replace or add to those of the recipe, or that ask for an optional step

    Raises ValueError when a step depends on a keyword that the label lacks.
    """
    parameters = parameters or {}
    chosen = []
    for step in copy.deepcopy(stage):
        own = parameters.get(step["program"])
        if (step.get("optional") and own is None) or not _holds(step, label):
            continue
        if own:
            step["parameters"] = step.get("parameters", {}) | {key.lower(): value for key, value in own.items()}
        chosen.append(step)
    return chosen


def _holds(step, label):
    """Whether the label has the values with which a step runs."""
    for keyword, values in step.get("when", {}).items():
        value = labels.value_of(label, keyword)
        if value is None:
            raise ValueError(f"the label has no {keyword}, on which {step['program']} depends")
        if not labels.is_one_of(value, values):
            return False
    return True
