"""Chunks that a source does not have: readers take its fill value for their voxels, without a word."""

import math

import numpy as np


def note(places, sizes, sides, axes, fill):
    """What is told of a source where chunks are missing: a list of one note, or of none.

    places -- of the chunks that are there, integers (chunk, axis); some may lie outside of the grid
    sizes, sides -- voxels along the axes of the source, and of a chunk
    axes -- their letters
    fill -- what readers take for a voxel that is not there
    """
    extents = [-(-size // side) for size, side in zip(sizes, sides, strict=True)]
    inside = ((places >= 0) & (places < extents)).all(axis=1)
    there = np.unique(np.ravel_multi_index(tuple(places[inside].T), extents))
    missing = math.prod(extents) - len(there)
    if not missing:
        return []
    holes = np.flatnonzero(there != np.arange(len(there)))
    first = np.unravel_index(holes[0] if len(holes) else len(there), extents)
    corner = ", ".join(f"{axis} {at * side}" for axis, at, side in zip(axes, first, sides, strict=True))
    return [
        f"{missing} of {math.prod(extents)} chunks of the source are missing, the first one at voxel {corner}: their "
        f"voxels are {fill}"
    ]


def below(folder, root, names):
    """The names of files below a folder in `root`, as they are called from there."""
    prefix = f"{folder.relative_to(root)}/".removeprefix("./")
    return (name.removeprefix(prefix) for name in names if name.startswith(prefix))
