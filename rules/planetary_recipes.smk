"""Recipes of instruments, and what a row of the sheet is by its recipe."""

import functools
import re

import yaml

from darkroom import schema
from darkroom.campaign import CampaignError

# Recipes of rows that are made of the images of other rows, and the cube that they end in.
JOINED = {"mosaic": "mosaic", "stereo": "terrain"}


def read_recipes(paths):
    """Recipes by name, each with every stage; a later table replaces recipes and common stages of an earlier one."""
    stages, recipes = {}, {}
    for path in paths:
        try:
            with open(path) as file:
                table = yaml.safe_load(file)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise CampaignError(
                f"{path}: the table of recipes cannot be read: {' '.join(str(error).split())}"
            ) from error
        schema.refuse(schema.problems(table, schema.validator("recipes"), path), CampaignError)
        stages |= table.get("stages", {})
        recipes |= table["recipes"]
    return {name: recipe | {"stages": stages | recipe["stages"]} for name, recipe in recipes.items()}


@functools.cache
def recipe_of(name):
    """The recipe that knows the name of a file; "" when none does, or several do."""
    fitting = [recipe for recipe, table in RECIPES.items() if re.fullmatch(table["names"], name, re.IGNORECASE)]
    return fitting[0] if len(fitting) == 1 else ""


def recipe_name(row):
    """The recipe of a row: the one it names, or the one that knows the name of its file."""
    return row.recipe or recipe_of(os.path.basename(row.source.rstrip("/")))


def is_image(row):
    """Whether a row is an image of a camera, not made of others."""
    return row.pipeline == "planetary" and recipe_name(row) not in JOINED


@functools.cache
def parts(dataset):
    """The parts that an image comes in, each with its dot; one without a name where it is whole."""
    row = CAMPAIGN[dataset]
    recipe = RECIPES.get(recipe_name(row), {})
    names = row.options["parts"] or recipe.get("parts") or []
    if not names and os.path.isdir(row.source):  # a file for each channel of a camera of many CCDs
        found = (re.fullmatch(recipe.get("names", ""), name, re.IGNORECASE) for name in os.listdir(row.source))
        names = sorted(f"{file['ccd']}_{file['channel']}" for file in found if file and "ccd" in file.re.groupindex)
    return [f".{name}" for name in names] or [""]


def joined(dataset):
    """Whether the channels of an image are made one before it is projected."""
    stages = RECIPES.get(recipe_name(CAMPAIGN[dataset]), {}).get("stages", {})
    return ENGINE == "isis" and "stitch" in stages and located(dataset)


def cameras(dataset):
    """Parts that are maps of their own: the framelet sets vis.even and vis.odd make one, uv.even and uv.odd another."""
    first = dataset if is_image(CAMPAIGN[dataset]) else CAMPAIGN[dataset].options["images"][0]
    return [""] if joined(first) else list(dict.fromkeys(part.rpartition(".")[0] for part in parts(first)))


def pieces(dataset):
    """The parts of an image that are projected, or compared with the ground."""
    return [""] if joined(dataset) else parts(dataset) if is_image(CAMPAIGN[dataset]) else []


def located(dataset):
    """Whether it is asked for where the camera stood, so that a map can be made."""
    return CAMPAIGN[dataset].options["geometry"] != "none"


def level(dataset):
    """The stage that is delivered: calibrated, or only ingested where nobody asks for more or more cannot be had."""
    row = CAMPAIGN[dataset]
    able = ENGINE == "isis" or RECIPES.get(recipe_name(row), {}).get("native") == "calibrated"
    return "calibrated" if able and row.options["calibrate"] else "ingested"


RECIPES = or_refuse(read_recipes, [workflow.source_path("../config/recipes.yaml"), *config["planetary"]["recipes"]])
PROGRAMS = {step["program"] for recipe in RECIPES.values() for steps in recipe["stages"].values() for step in steps}
