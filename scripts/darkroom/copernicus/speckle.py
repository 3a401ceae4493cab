"""Speckle of radar images made less, in power, before anything is resampled.

The filter of Lee (1980, IEEE PAMI-2, 165-168) as Lopes, Touzi and Nezry (1990, IEEE TGRS 28, 992-1000) have it: of a
pixel z in a window of mean m and sample variance v, m + (z - m) w is kept, w = 1 - m^2 / (looks v), not below 0: the
mean where there is speckle alone, the pixel where there is more.
"""

import numpy as np
from rasterio.windows import Window
from scipy.ndimage import uniform_filter

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


def filtered(read, shape, side, looks):
    """What reads windows of an image of a shape filtered: each with as much beside it as the filter reaches."""
    reach = side // 2

    def power(window):
        rows, columns = window.toslices()
        top, left = max(0, rows.start - reach), max(0, columns.start - reach)
        bottom, right = min(shape[0], rows.stop + reach), min(shape[1], columns.stop + reach)
        made = lee(read(Window(left, top, right - left, bottom - top)), side, looks)
        return made[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    return power
