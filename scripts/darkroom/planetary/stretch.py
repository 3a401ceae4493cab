"""Previews of cubes: a contrast stretch that a few odd pixels cannot spoil, as ISIS's isis2std makes it."""

import imagecodecs
import numpy as np

from darkroom import files
from darkroom.planetary.formats import cubes

BINS = 65536
PERCENT = (0.5, 99.5)
SIDE = 2048  # pixels of the longer side of a preview, at most


def preview(cube, path, percent=PERCENT, bands=(1,)):
    """Write bands of a cube as 8-bit PNG, reduced by averaging to at most SIDE pixels on its longer side.

    bands -- one, which becomes grey, or three, which become colours, each stretched by itself
    """
    greys = [to_bytes(reduced(cube, band), *limits(cube, band, percent)) for band in bands]
    picture = greys[0] if len(greys) == 1 else np.stack(greys, axis=-1)
    files.write_bytes(path, imagecodecs.png_encode(picture, level=6))


def limits(cube, band=1, percent=PERCENT):
    """Values at two percentages of the valid pixels; NaNs when there are none.

    They are read from a histogram with BINS bins, the first and last centred on the minimum and the maximum (ISIS,
    Histogram).
    """
    extremes = [(values.min(), values.max()) for values in _valid(cube, band)]
    if not extremes:
        return np.nan, np.nan
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    if low == high:
        return low, high
    counts = np.zeros(BINS, np.int64)
    for values in _valid(cube, band):
        bins = np.floor((values - low) / (high - low) * (BINS - 1) + 0.5).astype(np.intp)
        counts += np.bincount(bins, minlength=BINS)
    share = 100 * np.cumsum(counts) / counts.sum()
    first, last = (low + np.argmax(share >= part) * (high - low) / (BINS - 1) for part in percent)
    return first, last


def _valid(cube, band):
    """Valid values of each block of lines that has any."""
    rows = cubes.at_once(cube.samples)
    for first in range(0, cube.lines, rows):
        values, codes = cube.read(first, rows, band)
        values = values.ravel() if codes is None else values[codes == 0]
        if values.size:
            yield values


def to_bytes(values, low, high):
    """Grey of values: 1 to 255 from `low` to `high`, what lies outside as its nearest; 0 where there is no number."""
    span = high - low if high > low else 1.0
    with np.errstate(invalid="ignore"):
        grey = np.clip(np.floor(1 + 254 * ((values - low) / span)), 1, 255)
    return np.where(np.isnan(grey), 0, grey).astype(np.uint8)


def reduced(cube, band=1, side=SIDE):
    """A band as float64 (rows, columns), NaN where special, each value the mean of the valid pixels of a square.

    Squares are as large as it takes that no side is longer than `side`; those at the right and lower edges are cut.
    """
    step = -(-max(cube.lines, cube.samples) // side)
    if step == 1:
        return cube.read(band=band)[0]
    columns = np.arange(0, cube.samples, step)
    rows = max(cubes.at_once(cube.samples) // step, 1) * step
    blocks = []
    for first in range(0, cube.lines, rows):
        values, codes = cube.read(first, rows, band)
        valid = np.ones(values.shape) if codes is None else (codes == 0).astype("f8")
        lines = np.arange(0, len(values), step)
        total, count = (
            np.add.reduceat(np.add.reduceat(part, lines, axis=0), columns, axis=1)
            for part in (np.where(valid == 0, 0, values), valid)
        )
        with np.errstate(invalid="ignore"):
            blocks.append(total / count)
    return np.concatenate(blocks)
