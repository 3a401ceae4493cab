"""Values of pixels with corners brought to a grid by the areas of their overlaps: what is there in all stays the same.

A pixel counts in each cell by the part of the cell that it covers, in the plane of longitude and latitude, as HARP's
bin_spatial has it.
"""

import functools

import numpy as np


def turned(longitudes):
    """Corners (n, 4) whose pixels go over the date line as going on beyond 180 degrees, and which pixels have a pole in
    them, as (n): those are wider than half the world however they are turned."""
    wide = np.ptp(longitudes, axis=1) > 180
    made = np.where(wide[:, None] & (longitudes < 0), longitudes + 360, longitudes)
    return made, np.ptp(made, axis=1) > 180


def gridded(values, longitudes, latitudes, west, north, step, shape):
    """The mean of the pixels in each cell by their overlaps (float64, NaN where there is none), and how much of each
    cell they cover, more than 1 where they overlap each other.

    values (n); longitudes, latitudes -- of corners (n, 4), in degrees
    west, north -- the corner of the grid; step -- degrees of a cell; shape -- (rows, columns)
    """
    total, cover = np.zeros(shape), np.zeros(shape)
    for shift in (-360, 0, 360):  # the grid may go on beyond 180 degrees, as pixels may
        columns, rows = (longitudes + shift - west) / step, (north - latitudes) / step
        near = (columns.max(1) > 0) & (columns.min(1) < shape[1]) & (rows.max(1) > 0) & (rows.min(1) < shape[0])
        if near.any():
            _compiled()(values[near], columns[near], rows[near], total, cover)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(cover > 0, total / cover, np.nan), cover


@functools.cache
def _compiled():
    """The loop over pixels, compiled once for all runs where there is a place to keep it."""
    import numba

    try:
        return numba.njit(_add, nogil=True, cache=True)
    except RuntimeError:
        return numba.njit(_add, nogil=True)


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
