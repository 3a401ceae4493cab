"""Sections that QuickNII, VisuAlign, DeepSlice, WebAlign or WebWarp have placed in an atlas.

An `anchoring` is nine numbers in voxels of the atlas, which count from its corner to the right, the front and up: the
place of the upper left corner of a picture, then the vectors along its upper and its left edge. Sources: QuickNII's
user documentation, `Coordinate systems`; DeepSlice writes the same, WebAlign calls it `ouv`.
"""

import json
import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkroom import damage
from darkroom.atlas import tables
from darkroom.atlas.numbering import some

ASPECT = 0.02  # by which the shape of a picture that was made smaller may be off
NUMBER = re.compile(r"_s(\d+)")  # of a section, in the names of its files


class Section(NamedTuple):
    """A placed section: its file, its number, its anchoring (3, 3) in voxels of the atlas, width to height of the
    picture that was placed (None where it is not told), and whether marks bend it besides."""

    name: str
    number: int
    anchoring: np.ndarray
    aspect: float | None
    bent: bool


def read(path):
    """The placed sections of a file and the voxel size (nm) of the atlas, None where its name does not tell.

    Raises ValueError naming the file, and the section that is wrong.
    """
    with damage.named(path, "JSON of QuickNII or DeepSlice"):
        content = json.loads(tables.text(path))
        key = "sections" if "sections" in content else "slices"
        sections = [_section(path, slide) for slide in content[key]]
    if not sections:
        raise ValueError(f"{path}: no section of it is placed")
    size = re.search(r"(\d+(?:\.\d+)?)\s*um", str(content.get("target", content.get("atlas", ""))))
    return sections, float(size[1]) * 1000 if size else None


def _section(path, slide):
    name = slide["filename"]
    anchoring = np.array(slide.get("anchoring", slide.get("ouv", ())), float)
    if anchoring.shape != (9,) or not np.isfinite(anchoring).all():
        raise ValueError(f"{path}: {name} has no `anchoring` of nine numbers; place it, or leave it out")
    _, along, down = anchoring.reshape(3, 3)
    lengths = np.linalg.norm(along) * np.linalg.norm(down)
    if not lengths or np.linalg.norm(np.cross(along, down)) < 1e-6 * lengths:
        raise ValueError(f"{path}: the anchoring of {name} is singular, its edges do not span a plane")
    told = NUMBER.search(name)
    number = int(slide.get("nr", told[1] if told else 0))
    width, height = float(slide.get("width", 0)), float(slide.get("height", 0))
    aspect = width / height if width > 0 and height > 0 else None
    return Section(name, number, anchoring.reshape(3, 3), aspect, bool(slide.get("markers")))


def notes(placed, columns, rows):
    """What is told of placed sections whose pictures have so many columns and rows."""
    told = []
    if bent := [section.name for section in placed if section.bent]:
        told.append(f"non-linear marks of {len(bent)} sections are not applied: {some(bent)}")
    others = [s.name for s in placed if s.aspect and not math.isclose(s.aspect, columns / rows, rel_tol=ASPECT)]
    if others:
        told.append(
            f"{len(others)} sections were placed by pictures of another shape, which were cut or turned: {some(others)}"
        )
    return told


def page_of(path, section, pages):
    """The number of the slice (lists of pages, None for one that is missing) that a placed section is.

    It is the file of that name, with whatever ending, or else the one file whose name has its number, as `_s012`.
    """
    stems = {number: Path(slide[0]).name.rpartition(".")[0] for number, slide in enumerate(pages) if slide}
    name = Path(section.name).name.rpartition(".")[0] or section.name
    numbers = [number for number, stem in stems.items() if stem == name]
    numbers = numbers or [n for n, stem in stems.items() if (m := NUMBER.search(stem)) and int(m[1]) == section.number]
    if len(numbers) != 1:
        raise ValueError(f"{path}: {len(numbers)} sections go with {section.name}; there are {some(stems.values())}")
    return numbers[0]


def pixel_sizes(section, columns, rows, voxel):
    """Size (nm) of a pixel along columns and rows of a picture that a section is, in an atlas of this voxel size."""
    _, along, down = section.anchoring * voxel
    return float(np.linalg.norm(along) / columns), float(np.linalg.norm(down) / rows)


def transform(section, sizes, thickness, voxel):
    """Matrix (4x4) from nm in the volume of a section, whose rows run along y, to nm in the atlas.

    The middle of the section's thickness is on the plane that it was placed on.
    """
    corner, along, down = section.anchoring * voxel
    normal = np.cross(along, down)
    normal /= np.linalg.norm(normal)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([along / np.linalg.norm(along), down / np.linalg.norm(down), normal], axis=1)
    matrix[:3, 3] = corner - normal * thickness / 2
    return matrix
