"""Projected cubes put together on one grid: on top, beneath, or their average.

Which pixel wins: ISIS's ProcessMosaic and automos.
"""

from dataclasses import replace

import numpy as np

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


def merge(placed, lines, samples, priority="ontop", rows=None):
    """Yield a mosaic in blocks of lines: values float64 and codes uint8, both (bands, n, samples).

    placed -- (cube, row offset, column offset) in their order: with "ontop" the last valid pixel wins, with "beneath"
        the first that is not NULL; "average" adds as many bands with the counts, NULL where there is none

    Raises ValueError for an unknown priority.
    """
    if priority not in PRIORITIES:
        raise ValueError(f"priority {priority!r}: must be one of {', '.join(PRIORITIES)}")
    bands = placed[0][0].bands
    rows = rows or at_once(samples * bands, ROWS, PIXELS)
    for first in range(0, lines, rows):
        shape = bands, min(rows, lines - first), samples
        values, codes, counts = np.zeros(shape), np.full(shape, NULL, "u1"), np.zeros(shape, "u4")
        for cube, row, column in placed:
            begin, end = max(first, row), min(first + shape[1], row + cube.lines)
            if begin >= end:
                continue
            for band in range(bands):
                area = band, slice(begin - first, end - first), slice(column, column + cube.samples)
                new, new_codes = cube.read(begin - row, end - begin, band + 1)
                new_codes = np.zeros(new.shape, "u1") if new_codes is None else new_codes
                _lay(values[area], codes[area], counts[area], np.nan_to_num(new), new_codes, priority)
        if priority == "average":
            counted = counts > 0
            values[counted] /= counts[counted]
            values = np.concatenate([values, counts])
            codes = np.concatenate([codes, np.where(counted, 0, NULL).astype("u1")])
        yield values, codes


def _lay(values, codes, counts, new, new_codes, priority):
    """Put the pixels of one more image into a part of the mosaic, in place; of averages, the sums."""
    valid, empty = new_codes == 0, codes == NULL
    if priority == "average":
        values[valid] += new[valid]
        counts[valid] += 1
        codes[valid] = 0
        codes[empty & ~valid] = new_codes[empty & ~valid]
        return
    wins = empty | valid if priority == "ontop" else empty
    values[wins], codes[wins] = new[wins], new_codes[wins]
