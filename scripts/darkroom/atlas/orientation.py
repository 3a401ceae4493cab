"""Anatomical orientation of a stack, as a code of three letters.

The letters say in which direction column, row and slice numbers grow: R(ight) or L(eft), A(nterior) or P(osterior),
S(uperior) or I(nferior), one of each pair (the convention of neuroglancer-scripts' `--input-orientation`). `RIA` is a
coronal section seen from behind, in a stack that runs to the front. Every volume leaves Darkroom as RAS+: x grows to
the right, y to the front, z upwards.
"""

import numpy as np

DIRECTIONS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def parse(code):
    """`((axis, sign), ...)` of columns, rows and slices: axis 0, 1, 2 is x, y, z of RAS+; sign -1 runs against it.

    Raises ValueError for anything that is not one of the 48 codes.
    """
    letters = str(code).upper()
    if len(letters) != 3 or any(letter not in DIRECTIONS for letter in letters):
        raise ValueError(f"orientation {code!r} is no three letters of R L A P S I, such as RIA")
    axes = tuple(DIRECTIONS[letter] for letter in letters)
    if {axis for axis, _ in axes} != {0, 1, 2}:
        raise ValueError(f"orientation {code!r} must name each of R/L, A/P and S/I once, such as RIA")
    return axes


def to_ras(planes, axes):
    """View of `planes` (slice, row, column, channel) as a RAS+ block (channel, z, y, x); no data is copied."""
    source = {axis: 2 - number for number, (axis, _) in enumerate(axes)}
    block = planes.transpose(3, source[2], source[1], source[0])
    return np.flip(block, [3 - axis for axis, sign in axes if sign < 0])


def ras_size(shape, axes):
    """Extent (x, y, z) of a stack of `shape` (slices, rows, columns)."""
    size = [0, 0, 0]
    for extent, (axis, _) in zip(reversed(shape), axes, strict=True):
        size[axis] = extent
    return size


def source_interval(low, high, extent, sign):
    """Where the output interval [low, high) of an axis lies in source numbers; its own inverse."""
    return (low, high) if sign > 0 else (extent - high, extent - low)
