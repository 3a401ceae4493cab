"""Speckle of radar images made less, in power, before anything is resampled.

The filter of Lee (1980, IEEE PAMI-2, 165-168) as Lopes, Touzi and Nezry (1990, IEEE TGRS 28, 992-1000) have it: of a
pixel z in a window of mean m and sample variance v, m + (z - m) w is kept, w = 1 - m^2 / (looks v), not below 0: the
mean where there is speckle alone, the pixel where there is more.

The refined filter (Lee 1981, CGIP 17, 24-32; Lee, Grunes and de Grandi 1999, IEEE TGRS 37, 2363-2373) takes mean and
variance of that half of 7 x 7 pixels which lies on the pixel's own side of an edge. The edge is where the means of nine
parts of 3 x 3 pixels differ most; w = (v - m^2 / looks) / (v (1 + 1 / looks)).
"""

import functools

import numpy as np
from rasterio.windows import Window
from scipy.ndimage import uniform_filter

from darkroom.compiled import compiled

# Equivalent numbers of looks by mode and kind of product (S1-RS-MDA-52-7440, product definition).
LOOKS = {
    ("SM", "GRDF"): 3.7, ("SM", "GRDH"): 29.7, ("SM", "GRDM"): 398.4, ("IW", "GRDH"): 4.4, ("IW", "GRDM"): 81.8,
    ("EW", "GRDH"): 2.7, ("EW", "GRDM"): 10.7, ("WV", "GRDM"): 123.7,
}  # fmt: skip


def lee(power, side, looks):
    """Power (float32) filtered in windows of side x side pixels; NaN stays, and takes no part in what is beside it."""
    measured = ~np.isnan(power)
    filled = np.where(measured, power, 0).astype(np.float64)

    def sums(values):
        return uniform_filter(values, side, mode="constant") * side**2

    count = np.maximum(1, np.round(sums(measured.astype(np.float64))))
    mean = sums(filled) / count
    variance = (sums(filled**2) - count * mean**2) / np.maximum(1, count - 1)
    speckle = mean**2 / looks
    gain = 1 - np.divide(speckle, variance, out=np.ones_like(mean), where=variance > speckle)
    return np.where(measured, mean + gain * (filled - mean), np.nan).astype(np.float32)


REFINED = 7  # pixels of a side
_ROWS, _COLUMNS = np.mgrid[-3:4, -3:4]
# Halves of a window on both sides of an edge, line by line: right and left, upper and lower, and of both diagonals.
HALVES = np.stack([
    _COLUMNS >= 0, _COLUMNS <= 0, _ROWS <= 0, _ROWS >= 0,
    _COLUMNS >= _ROWS, _COLUMNS <= _ROWS, _COLUMNS <= -_ROWS, _COLUMNS >= -_ROWS,
])  # fmt: skip
# The parts of 3 x 3 pixels of each half, by row and column of nine, the one in the middle of it first.
PARTS = np.array([
    [(1, 2), (0, 2), (2, 2)], [(1, 0), (0, 0), (2, 0)], [(0, 1), (0, 0), (0, 2)], [(2, 1), (2, 0), (2, 2)],
    [(0, 2), (0, 1), (1, 2)], [(2, 0), (1, 0), (2, 1)], [(0, 0), (0, 1), (1, 0)], [(2, 2), (1, 2), (2, 1)],
])  # fmt: skip


def refined_lee(power, side, looks):
    """As `lee`, by the refined filter, whose windows have a side of 7."""
    padded = np.pad(power, side // 2, constant_values=np.nan)
    seen = ~np.isnan(padded)
    share = uniform_filter(seen.astype(np.float64), 3, mode="constant")
    means = uniform_filter(np.where(seen, padded, 0).astype(np.float64), 3, mode="constant")
    means = np.divide(means, share, out=np.full_like(means, np.nan), where=share > 1 / 18)
    made = np.full(power.shape, np.nan, np.float32)
    _kernel()(padded, means, looks, HALVES, PARTS, made)
    return made


@functools.cache
def _kernel():
    return compiled(_refined)


def _refined(power, means, looks, halves, parts, made):
    """The refined filter of each pixel that is no NaN; power and means of 3 x 3 pixels have 3 more on each side."""
    nine = np.empty((3, 3))
    for row in range(made.shape[0]):
        for column in range(made.shape[1]):
            value = power[row + 3, column + 3]
            if np.isnan(value):
                continue
            middle = means[row + 3, column + 3]
            for down in range(3):
                for right in range(3):
                    mean = means[row + 1 + 2 * down, column + 1 + 2 * right]
                    nine[down, right] = middle if np.isnan(mean) else mean
            steepest, half = -1.0, 0
            for one in range(0, 8, 2):
                step = 0.0
                for part in range(3):
                    step += nine[parts[one, part, 0], parts[one, part, 1]]
                    step -= nine[parts[one + 1, part, 0], parts[one + 1, part, 1]]
                if abs(step) > steepest:
                    steepest = abs(step)
                    near = abs(nine[parts[one, 0, 0], parts[one, 0, 1]] - middle)
                    other = abs(nine[parts[one + 1, 0, 0], parts[one + 1, 0, 1]] - middle)
                    half = one if near <= other else one + 1
            count, total, squares = 0, 0.0, 0.0
            for down in range(7):
                for right in range(7):
                    beside = float(power[row + down, column + right])
                    if halves[half, down, right] and not np.isnan(beside):
                        count, total, squares = count + 1, total + beside, squares + beside * beside
            mean = total / count
            variance = squares / count - mean * mean
            gain = 0.0
            if variance > mean * mean / looks:
                gain = (variance - mean * mean / looks) / (variance * (1 + 1 / looks))
            made[row, column] = mean + gain * (value - mean)


FILTERS = {"lee": (lee, "of Lee (1980)"), "refined_lee": (refined_lee, "of Lee, refined (1981)")}


def filtered(read, shape, side, looks, smooth=lee):
    """What reads windows of an image of a shape filtered: each with as much beside it as the filter reaches."""
    reach = side // 2

    def power(window):
        rows, columns = window.toslices()
        top, left = max(0, rows.start - reach), max(0, columns.start - reach)
        bottom, right = min(shape[0], rows.stop + reach), min(shape[1], columns.stop + reach)
        made = smooth(read(Window(left, top, right - left, bottom - top)), side, looks)
        return made[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    return power
