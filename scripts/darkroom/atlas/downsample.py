"""Halve a block of voxels: unbiased means for images, the mode for labels.

Blocks are (channel, z, y, x). An output voxel covers up to 2 x 2 x 2 voxels. At an odd end it covers the voxels that
are there, which is the same as covering each of them twice.
"""

import functools

import numpy as np

from darkroom.compiled import compiled


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
    if labels:
        _mode_kernel()(np.ascontiguousarray(block), *(1 + (axis in axes) for axis in (1, 2, 3)), halved)
        return halved
    mean = _float_mean if block.dtype.kind == "f" else _mean
    step = 1 + (1 in axes)
    for z in range(halved.shape[1]):  # sums are wide: a few planes at a time
        halved[:, z : z + 1] = mean(block[:, z * step : (z + 1) * step], axes)
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


@functools.cache
def _mode_kernel():
    return compiled(_modes)


def _modes(block, deep, down, across, halved):
    """Fill `halved` with the mode of each window of `deep` x `down` x `across` voxels."""
    window = np.empty(8, block.dtype)
    channels, depth, height, width = block.shape
    for channel in range(channels):
        for z in range(halved.shape[1]):
            for y in range(halved.shape[2]):
                for x in range(halved.shape[3]):
                    count = 0
                    mixed = False
                    for k in range(z * deep, min(depth, z * deep + deep)):
                        for j in range(y * down, min(height, y * down + down)):
                            for i in range(x * across, min(width, x * across + across)):
                                window[count] = block[channel, k, j, i]
                                mixed |= window[count] != window[0]
                                count += 1
                    best, most = window[0], 0
                    if mixed:
                        for one in range(count):
                            times = 0
                            for other in range(count):
                                times += window[other] == window[one]
                            if times > most or (times == most and window[one] < best):
                                best, most = window[one], times
                    halved[channel, z, y, x] = best
