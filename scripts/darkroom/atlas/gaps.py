"""Chunks that a source does not have: readers take its fill value for their voxels, without a word."""

import math

import numpy as np

MOST = 1 << 32  # chunks


def grid(places, sizes, sides):
    """Which chunks of a source are there: an array of booleans with the axes of the source.

    places -- arrays of integers (chunk, axis), of all chunks that are there; some may lie outside of the grid
    sizes, sides -- voxels along the axes of the source, and of a chunk

    Raises ValueError for more chunks than can be counted.
    """
    extents = [-(-size // side) for size, side in zip(sizes, sides, strict=True)]
    if math.prod(extents) > MOST:
        raise ValueError(f"{list(sizes)} voxels in chunks of {list(sides)} are more than {MOST} chunks")
    there = np.zeros(extents, bool)
    for some in places:
        inside = ((some >= 0) & (some < extents)).all(axis=1)
        there[tuple(some[inside].T)] = True
    return there


def note(there, sides, axes, fill):
    """What is told of a grid with missing chunks, whose axes have these letters: a list of one note, or of none."""
    missing = there.size - np.count_nonzero(there)
    if not missing:
        return []
    first = np.unravel_index(np.argmin(there), there.shape)
    corner = ", ".join(f"{axis} {at * side}" for axis, at, side in zip(axes, first, sides, strict=True))
    told = f"{missing} of {there.size} chunks of the source are missing, the first one at voxel {corner}"
    return [f"{told}: their voxels are {fill}"]


def below(folder, root, names):
    """The names of files below a folder in `root`, as they are called from there."""
    prefix = f"{folder.relative_to(root)}/".removeprefix("./")
    return (name.removeprefix(prefix) for name in names if name.startswith(prefix))
