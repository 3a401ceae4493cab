"""Recipes of the ISIS engine: which programs run in which stage of which instrument, and with what.

A recipe is data (config/recipes.yaml); what its entries mean is said there and in config/schemas/recipes.schema.yaml.
"""

import copy
import fnmatch
import re
from pathlib import PurePath

from darkroom.planetary.formats import pvl


def imported(names, recipe):
    """Those of the files that the recipe imports, in order; of an image with a detached label, the label."""
    pattern = re.compile(recipe["names"], re.IGNORECASE)
    found = sorted(name for name in names if pattern.fullmatch(PurePath(name).name))
    labels = {_stem(name) for name in found if name.lower().endswith(".lbl")}
    return [name for name in found if name.lower().endswith(".lbl") or _stem(name) not in labels]


def _stem(name):
    return PurePath(name).with_suffix("").as_posix().lower()


def require_label(name, recipe, label, path):
    """Raise ValueError unless the PDS label of a product is one that the recipe is for."""
    for keyword, values in recipe["label"].items():
        value = _find(label, keyword)
        if value is None or not _is_one_of(value, values):
            found = "is missing" if value is None else f"is {_text(value)}"
            expected = " or ".join(map(str, _list(values)))
            raise ValueError(f"{path}: {keyword} {found}; recipe {name} ({recipe['title']}) is for {expected}")


def _find(label, path):
    """A value of a label by its path (`Group.Keyword`), or, by the keyword alone, wherever it stands first."""
    *groups, keyword = path.split(".")
    for group in groups:
        label = label.get(group) if label is not None else None
    if label is None or keyword in label or groups:
        return None if label is None else label.get(keyword)
    inner = (_find(block, keyword) for _, block in label.items() if isinstance(block, pvl.Block))
    return next((value for value in inner if value is not None), None)


def _is_one_of(value, wanted):
    return any(_equals(_text(value), pattern) for pattern in _list(wanted))


def _equals(text, wanted):
    """Whether a value of a label is a number, or a text with wildcards, in any case."""
    if not isinstance(wanted, str):
        try:
            return float(text) == wanted
        except ValueError:
            return False
    return fnmatch.fnmatchcase(text.upper(), wanted.upper())


def _text(value):
    """A value of a label as text, without its unit."""
    return str(value.value if isinstance(value, pvl.Quantity) else value).strip()


def _list(value):
    return value if isinstance(value, list) else [value]


def programs(recipe, stages=None):
    """Names of the programs of a recipe, or of some of its stages."""
    chosen = recipe["stages"] if stages is None else stages
    return {step["program"] for stage in chosen for step in recipe["stages"].get(stage, [])}


def steps(recipe, stage, label=None, parameters=None):
    """The steps of a stage that a product runs through, with the user's parameters.

    label -- of the input: the object IsisCube of a cube, the PDS label of a product; needed where a step depends on it
    parameters -- program -> parameters that replace or add to those of the recipe, or that ask for an optional step

    Raises ValueError when a step depends on a keyword that the label lacks.
    """
    parameters = parameters or {}
    chosen = []
    for step in copy.deepcopy(recipe["stages"].get(stage, [])):
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
        value = _find(label, keyword)
        if value is None:
            raise ValueError(f"the label has no {keyword}, on which {step['program']} depends")
        if not _is_one_of(value, values):
            return False
    return True
