"""Projected cubes put together on one grid: on top, beneath, or their average; or as the bands of one cube.

Which pixel wins: ISIS's ProcessMosaic and automos. Feathered edges are our own.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import distance_transform_edt

from darkroom.planetary.formats.cubes import NULL, at_once
from darkroom.planetary.geometry import projection

ROWS, PIXELS = 512, 1 << 20  # of a block, at most
PRIORITIES = ("ontop", "beneath", "average")


def place(cubes):
    """The Mapping that holds projected cubes, and what `merge` wants of each: (cube, row offset, column offset).

    Raises ValueError naming the first key in which a cube differs from the first one, or a grid that lies between the
    pixels of the other.
    """
    mappings = [projection.Mapping.of_cube(cube) for cube in cubes]
    names = [str(cube.path) for cube in cubes]
    projection.require_same(mappings, names)
    first = mappings[0]
    size = first.resolution
    left, top = min(each.left for each in mappings), max(each.top for each in mappings)
    placed, lines, samples = [], 0, 0
    for cube, mapping, name in zip(cubes, mappings, names, strict=True):
        if cube.bands != cubes[0].bands:
            raise ValueError(f"{name}: {cube.bands} bands; {names[0]} has {cubes[0].bands}")
        offsets = (top - mapping.top) / size, (mapping.left - left) / size
        row, column = (round(offset) for offset in offsets)
        for key, offset, whole in zip(("Y", "X"), offsets, (row, column), strict=True):
            if abs(offset - whole) > 0.01:
                raise ValueError(
                    f"{name}: UpperLeftCorner{key} is {offset:.2f} pixels from that of the mosaic, which must be a "
                    f"whole number; project it to the map of {names[0]}"
                )
        placed.append((cube, row, column))
        lines, samples = max(lines, row + mapping.lines), max(samples, column + mapping.samples)
    bounds = [extreme(each.bounds[index] for each in mappings) for index, extreme in enumerate((min, max, min, max))]
    return replace(first, left=left, top=top, lines=lines, samples=samples, bounds=tuple(bounds)), placed


def merge(placed, lines, samples, priority="ontop", feather=0, rows=None):
    """Yield a mosaic in blocks of lines: values float64 and codes uint8, both (bands, n, samples).

    placed -- (cube, row offset, column offset) in their order: with "ontop" the last valid pixel wins, with "beneath"
        the first that is not NULL; "average" adds as many bands with the counts, NULL where there is none
    feather -- pixels from the edge of an image to where it counts in full: it fades into what is beneath it

    Raises ValueError for an unknown priority.
    """
    if priority not in PRIORITIES:
        raise ValueError(f"priority {priority!r}: must be one of {', '.join(PRIORITIES)}")
    bands = placed[0][0].bands
    if feather and priority == "beneath":  # what is beneath fades into nothing: what is above it does
        placed, priority = placed[::-1], "ontop"
    rows = rows or at_once(samples * bands, ROWS, PIXELS)
    shares = [_Shares(cube, feather) for cube, *_ in placed]
    for first in range(0, lines, rows):
        shape = bands, min(rows, lines - first), samples
        values, codes, counts = np.zeros(shape), np.full(shape, NULL, "u1"), np.zeros(shape, "u4")
        weights = np.zeros(shape) if feather else counts
        for number, (cube, row, column) in enumerate(placed):
            begin, end = max(first, row), min(first + shape[1], row + cube.lines)
            if begin >= end:
                continue
            for band in range(bands):
                area = band, slice(begin - first, end - first), slice(column, column + cube.samples)
                new, new_codes = cube.read(begin - row, end - begin, band + 1)
                new_codes = np.zeros(new.shape, "u1") if new_codes is None else new_codes
                part = shares[number].of(begin - row, end - row, band) if feather else None
                _lay(
                    values[area],
                    codes[area],
                    counts[area],
                    weights[area],
                    np.nan_to_num(new),
                    new_codes,
                    priority,
                    part,
                )
        if priority == "average":
            counted = counts > 0
            values[counted] /= weights[counted]
            values = np.concatenate([values, counts])
            codes = np.concatenate([codes, np.where(counted, 0, NULL).astype("u1")])
        yield values, codes


def stack(placed, lines, samples):
    """Yield the first bands of projected cubes as the bands of one, in blocks as `merge` does."""
    for parts in zip(*(merge([one], lines, samples) for one in placed), strict=True):
        values, codes = zip(*parts, strict=True)
        yield np.concatenate([each[:1] for each in values]), np.concatenate([each[:1] for each in codes])


class _Shares:
    """By how much the pixels of a cube count: 1 from so many pixels on from where it ends, or shows nothing."""

    def __init__(self, cube, feather):
        self.cube, self.feather = cube, feather
        self.of_band = [(0, np.zeros((0, cube.samples), "f4"))] * cube.bands

    def of(self, begin, end, band):
        """Those of some lines (n, samples) of a band, which come in their order."""
        first, shares = self.of_band[band]
        if not first <= begin < end <= first + len(shares):
            first, last = begin, min(max(end, begin + 2 * self.feather), self.cube.lines)
            shares = self._made(first, last, band)
            self.of_band[band] = first, shares
        return shares[begin - first : end - first]

    def _made(self, begin, end, band):
        first, last = max(begin - self.feather, 0), min(end + self.feather, self.cube.lines)
        _, codes = self.cube.read(first, last - first, band + 1)
        shown = np.ones((last - first, self.cube.samples), bool) if codes is None else codes != NULL
        # Nothing is shown beyond the cube; beyond the lines that were read, it does not matter.
        above, below = int(first == 0), int(last == self.cube.lines)
        away = distance_transform_edt(np.pad(shown, ((above, below), (1, 1))))[above:, 1:-1]
        return np.minimum(away[begin - first : end - first] / (self.feather + 1), 1).astype("f4")


def _lay(values, codes, counts, weights, new, new_codes, priority, part):
    """Put the pixels of one more image into a part of the mosaic, in place; of averages, the sums.

    part -- by how much each pixel counts, None where all do in full
    """
    valid, empty = new_codes == 0, codes == NULL
    if priority == "average":
        if part is None:
            values[valid] += new[valid]
        else:
            values[valid] += (new * part)[valid]
            weights[valid] += part[valid]
        counts[valid] += 1
        codes[valid] = 0
        codes[empty & ~valid] = new_codes[empty & ~valid]
        return
    wins = empty | valid if priority == "ontop" else empty
    if part is not None:
        new = np.where(valid & (codes == 0), values + (new - values) * part, new)
    values[wins], codes[wins] = new[wins], new_codes[wins]
