"""Halve a block of voxels: unbiased means for images, the mode for labels.

Blocks are (channel, z, y, x). An output voxel covers up to 2 x 2 x 2 voxels. At an odd end it covers the voxels that
are there, which is the same as covering each of them twice.
"""

import itertools

import numpy as np


def halve(block, axes, labels=False):
    """Halve `block` along `axes` (a subset of 1, 2, 3), rounding sizes up.

    Images: the mean of the window, rounded half to even for integers, so that repeated halving has no bias; float32
    stays float32, summed in float64, of the values that are numbers. Labels: the most frequent value of the window, the
    smallest one of a tie.
    """
    if not axes:
        return block
    sizes = (-(-size // 2) if axis in axes else size for axis, size in enumerate(block.shape))
    halved = np.empty(tuple(sizes), block.dtype)
    reduce = _mode if labels else _float_mean if block.dtype.kind == "f" else _mean
    step = 1 + (1 in axes)
    for z in range(halved.shape[1]):  # a few planes at a time, which the caches hold, as sums are wide
        halved[:, z : z + 1] = reduce(block[:, z * step : (z + 1) * step], axes)
    return halved


def _mean(block, axes):
    kind = block.dtype
    total = _summed(block, axes, np.dtype(f"{kind.kind}{min(8, 2 * kind.itemsize)}"))
    shift = len(axes)
    # half - 1, plus one where the quotient is odd: an exact half then goes to the even neighbour
    odd = total >> shift
    odd &= 1
    total += odd
    total += (1 << shift - 1) - 1
    total >>= shift
    return total.astype(kind)


def _float_mean(block, axes):
    missing = np.isnan(block)
    if not missing.any():
        return (_summed(block, axes, np.dtype("f8")) / (1 << len(axes))).astype(block.dtype)
    with np.errstate(invalid="ignore"):
        total = _summed(np.where(missing, 0, block), axes, np.dtype("f8"))
        return (total / _summed(~missing, axes, np.dtype("f8"))).astype(block.dtype)


def _summed(block, axes, wide):
    """Sums over the windows; along the slowest axis first, as neighbours in memory are added fastest."""
    for axis in sorted(axes):
        block = np.moveaxis(block, axis, 0)
        first, second = block[0::2], block[1::2]
        total = first.astype(wide)
        total[: len(second)] += second
        if len(first) > len(second):
            total[-1] += first[-1]
        block = np.moveaxis(total, 0, axis)
    return block


def _mode(block, axes):
    """The most frequent value of each window, the smallest one of a tie; most windows have one value alone."""
    steps = [1 + (axis in axes) for axis in range(block.ndim)]
    block = np.ascontiguousarray(block)
    if any(size % step for size, step in zip(block.shape, steps, strict=True)):
        block = np.pad(block, [(0, size % step) for size, step in zip(block.shape, steps, strict=True)], mode="edge")
    corners = itertools.product(*map(range, steps))
    places = [tuple(slice(low, None, step) for low, step in zip(corner, steps, strict=True)) for corner in corners]
    first, *others = (block[place] for place in places)
    mode, mixed = first.copy(), np.zeros(first.shape, bool)
    for other in others:
        mixed |= other != first
    if mixed.any():
        windows = np.stack([values[mixed] for values in (first, *others)], axis=1)
        windows.sort(axis=1)
        mode[mixed] = _first_longest(windows.T)
    return mode


def _first_longest(windows):
    """The value of the first of the longest runs of equal values in each column (n,) of sorted windows (value, n)."""
    best = windows[0].copy()
    run = np.ones(len(best), np.uint8)
    most = run.copy()
    for before, values in itertools.pairwise(windows):
        run = np.where(values == before, run + 1, 1).astype(np.uint8)
        best = np.where(run > most, values, best)
        most = np.maximum(most, run)
    return best
