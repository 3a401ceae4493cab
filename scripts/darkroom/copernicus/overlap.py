"""Values of pixels with corners brought to a grid by the areas of their overlaps: what is there in all stays the same.

A pixel counts in each cell by the part of the cell that it covers, in the plane of longitude and latitude, as HARP's
bin_spatial has it.
"""

import functools

import numpy as np

from darkroom.compiled import compiled


def turned(longitudes):
    """Corners (n, 4) whose pixels go over the date line as going on beyond 180 degrees, and which pixels have a pole in
    them, as (n): those are wider than half the world however they are turned."""
    west, east = _ends(longitudes)
    wide = east - west > 180
    if not wide.any():
        return longitudes, wide
    made = np.where(wide[:, None] & (longitudes < 0), longitudes + 360, longitudes)
    west, east = _ends(made)
    return made, east - west > 180


def _ends(corners):
    """The lowest and the highest of the corners (n, 4) of each pixel."""
    beside = np.ascontiguousarray(corners.T)  # of what lies apart by four NumPy takes many times as long
    return beside.min(0), beside.max(0)


def mean(total, cover):
    """The mean of cells by what `add` made, NaN for those that no pixel covers."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(cover > 0, total / cover, np.nan)


def add(values, longitudes, latitudes, left, north, step, total, cover):
    """Add pixels by their overlaps with the cells of a grid.

    values (n); longitudes, latitudes -- of corners (n, 4), in degrees
    left, north -- the corner of the grid; step -- degrees of a cell
    total, cover (rows, columns) -- to which are added the values by overlaps, and how much of each cell pixels cover,
        more than 1 where they overlap each other
    """
    rows, columns = (north - latitudes) / step, (longitudes - left) / step
    (west, east), (top, bottom) = _ends(columns), _ends(rows)
    level = (bottom > 0) & (top < total.shape[0])
    for turn in (-360 / step, 0, 360 / step):  # the grid may go on beyond 180 degrees, as pixels may
        near = level & (east + turn > 0) & (west + turn < total.shape[1])
        if near.any():
            _kernel()(values[near], columns[near] + turn, rows[near], total, cover)


@functools.cache
def _kernel():
    return compiled(_add)


def _add(values, columns, rows, total, cover):
    """Add each quadrilateral to the cells under it. Clipping by half planes: Sutherland and Hodgman (1974)."""
    height, width = total.shape
    x, y, u, v = np.empty(12), np.empty(12), np.empty(12), np.empty(12)
    for pixel in range(len(values)):
        left = max(0, int(np.floor(columns[pixel].min())))
        right = min(width, int(np.ceil(columns[pixel].max())))
        top = max(0, int(np.floor(rows[pixel].min())))
        bottom = min(height, int(np.ceil(rows[pixel].max())))
        for row in range(top, bottom):
            for column in range(left, right):
                count = 4
                for at in range(4):
                    x[at], y[at] = columns[pixel, at] - column, rows[pixel, at] - row
                for side in range(4):
                    kept = 0
                    for at in range(count):
                        after = at + 1 if at + 1 < count else 0
                        if side == 0:
                            here, there = x[at], x[after]
                        elif side == 1:
                            here, there = 1 - x[at], 1 - x[after]
                        elif side == 2:
                            here, there = y[at], y[after]
                        else:
                            here, there = 1 - y[at], 1 - y[after]
                        if here >= 0:
                            u[kept], v[kept] = x[at], y[at]
                            kept += 1
                        if (here >= 0) != (there >= 0):
                            part = here / (here - there)
                            u[kept], v[kept] = x[at] + part * (x[after] - x[at]), y[at] + part * (y[after] - y[at])
                            kept += 1
                    count = kept
                    for at in range(count):
                        x[at], y[at] = u[at], v[at]
                doubled = 0.0
                for at in range(count):
                    after = at + 1 if at + 1 < count else 0
                    doubled += x[at] * y[after] - x[after] * y[at]
                area = abs(doubled) / 2
                total[row, column] += area * values[pixel]
                cover[row, column] += area
