"""Recipes as data: config/copernicus.yaml, and a file of the user's own on top of it."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

from darkroom import schema, yaml_files
from darkroom.files import CONFIG

BUNDLED = CONFIG / "copernicus.yaml"


@dataclass(frozen=True)
class Variant:
    """A recipe; see config/schemas/variants.schema.yaml for what its keys mean."""

    name: str
    method: str
    title: str
    layers: list
    merge: str
    levels: list = field(default_factory=list)
    bands: dict = field(default_factory=dict)
    resolution: float | None = None
    calibration: str = "sigma0"
    decibel: bool = False
    speckle: dict = field(default_factory=dict)
    targets: dict = field(default_factory=dict)
    plume: dict = field(default_factory=dict)
    hotspots: dict = field(default_factory=dict)
    fields: dict = field(default_factory=dict)
    log: bool = False
    clip: bool = False
    frames: bool = False
    columns: dict = field(default_factory=dict)
    mask: list = field(default_factory=list)
    classes: list = field(default_factory=list)
    palette: str = "viridis"
    range: list | None = None
    rgb: bool = False
    composite: list = field(default_factory=list)
    stretch: list = field(default_factory=lambda: [0.02, 0.98])


@functools.cache
def known(own=""):
    """Every recipe by its name. Raises ValueError for a file that cannot be read or is not as the schema wants it."""
    variants = {}
    for path in (BUNDLED, *([Path(own)] if own else [])):
        try:
            entries = yaml_files.read(path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: the recipes cannot be read: {' '.join(str(error).split())}") from error
        schema.refuse(schema.problems(entries, schema.validator("variants"), path))
        for name, entry in entries.items():
            _require_order(f"{path} {name}", entry.get("classes", []))
            variants[name] = Variant(name, **entry)
    return variants


def _require_order(where, classes):
    """Raise ValueError for classes whose upper ends do not grow, or whose last one has an end."""
    ends = [one.get("to") for one in classes]
    if classes and (ends[-1] is not None or None in ends[:-1] or ends[:-1] != sorted(set(ends[:-1]))):
        raise ValueError(f"{where}.classes: `to` has to grow from class to class, and the last one has none")
