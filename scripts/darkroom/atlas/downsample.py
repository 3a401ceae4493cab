"""Halve a block of voxels: unbiased means for images, the mode for labels.

Blocks are (channel, z, y, x). An output voxel covers up to 2 x 2 x 2 voxels. At an odd end it covers the voxels that
are there, which is the same as covering each of them twice, so the end is repeated and every window has equal size.
"""

import itertools

import numpy as np


def halve(block, axes, labels=False):
    """Halve `block` along `axes` (a subset of 1, 2, 3), rounding sizes up.

    Images: the mean of the window, rounded half to even for integers, so that repeated halving has no bias; float32
    stays float32, summed in float64, and is the mean of the voxels that are numbers: NaN only where none is. Labels:
    the most frequent value of the window, the smallest one of a tie.
    """
    if not axes:
        return block
    block = np.pad(block, [(0, axis in axes and size % 2) for axis, size in enumerate(block.shape)], mode="edge")
    corners = [
        block[tuple(slice(shift, None, 2) if shift is not None else slice(None) for shift in shifts)]
        for shifts in itertools.product(*[(0, 1) if axis in axes else (None,) for axis in range(block.ndim)])
    ]
    return _mode(corners) if labels else _mean(corners)


def _mean(corners):
    """Mean of equally shaped arrays whose number is a power of two."""
    kind = corners[0].dtype
    if kind.kind == "f":
        total = sum(corner.astype("f8") for corner in corners)
        mean = (total / len(corners)).astype(kind)
        return _mean_of_numbers(corners, mean) if np.isnan(mean).any() else mean
    wide = np.dtype(f"{'u' if kind.kind == 'u' else 'i'}{min(8, 2 * kind.itemsize)}")
    total = corners[0].astype(wide)
    for corner in corners[1:]:
        total += corner
    shift = len(corners).bit_length() - 1
    # half - 1, plus one where the quotient is odd: an exact half then goes to the even neighbour
    total += (len(corners) // 2 - 1) + ((total >> shift) & 1)
    return (total >> shift).astype(kind)


def _mean_of_numbers(corners, mean):
    """`mean`, with that of the values that are numbers where it is NaN; of +inf and -inf there is none."""
    gaps = np.isnan(mean)
    values = np.stack([corner[gaps] for corner in corners]).astype("f8")
    numbers = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean[gaps] = np.where(numbers, values, 0).sum(axis=0) / numbers.sum(axis=0)
    return mean


def _mode(corners):
    """Most frequent value at each place of equally shaped arrays; the smallest one of a tie."""
    result = corners[0].copy()
    mixed = np.zeros(result.shape, bool)
    for corner in corners[1:]:
        mixed |= corner != result
    if mixed.any():
        values = np.sort(np.stack([corner[mixed] for corner in corners]), axis=0)
        run = np.ones(values.shape[1], np.int8)
        best, longest = values[0].copy(), run.copy()
        for before, value in itertools.pairwise(values):
            run = np.where(value == before, run + 1, 1).astype(np.int8)
            longer = run > longest
            best[longer], longest[longer] = value[longer], run[longer]
        result[mixed] = best
    return result
