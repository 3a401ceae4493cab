"""Bright targets at sea: pixels that stand out against what is around them, put together.

A pixel is compared with the mean of a ring around it, which leaves out a guard of the size of a large ship (cell
averaging CFAR; Crisp, DSTO-RR-0272, 2004).
"""

import math

import numpy as np
import rasterio.features
from rasterio.warp import transform, transform_geom
from rasterio.windows import Window
from scipy import ndimage
from shapely.geometry import mapping

from darkroom.copernicus import decibels

RING, GUARD = 1200, 500  # metres of the sides of the ring, and of the guard in it
LEAST = 0.25  # of the ring has to be known
SMALLEST = 2  # pixels of a target
ROWS = 2048  # of a strip


def targets(stack, get, layer, at, asked, land=None):
    """Features of GeoJSON for the targets of one time, from north to south, and how many were left out as too long.

    layer -- in dB; asked -- contrast (dB) and longest (m), see config/schemas/variants.schema.yaml
    land -- a geometry in longitude and latitude in which nothing is looked for, or None
    """
    place, side = stack.grid, _metres(stack.grid)
    ring, guard = (max(3, round(size / side) | 1) for size in (RING, GUARD))
    ring = max(ring, guard + 4)
    features, long = [], 0
    for top in range(0, place.height, ROWS):
        bottom = min(place.height, top + ROWS)
        first, last = max(0, top - ring), min(place.height, bottom + ring)
        window = Window(0, first, place.width, last - first)
        power = decibels.power(get(layer.name, at, window))
        if land is not None:
            power[_inside(land, place, window)] = np.nan
        around = background(power, ring, guard)
        with np.errstate(invalid="ignore"):
            labels, count = ndimage.label(power > around * 10 ** (asked["contrast"] / 10), np.ones((3, 3)))
        for number, where in enumerate(ndimage.find_objects(labels, count), 1):
            rows, columns = np.nonzero(labels[where] == number)
            rows, columns = rows + where[0].start, columns + where[1].start
            weights = power[rows, columns]
            row, column = (np.average(one, weights=weights) for one in (rows + first, columns))
            if not top <= row < bottom or len(rows) < SMALLEST:  # the strip that its middle is in has it
                continue
            length = (_length(rows, columns) + 1) * side
            if length > asked["longest"]:
                long += 1
                continue
            brightest = np.argmax(weights)
            contrast = 10 * math.log10(weights[brightest] / around[rows[brightest], columns[brightest]])
            told = {"begin": stack.begins[at], "layer": layer.name, "length_m": round(length, 1)}
            told |= {"contrast_db": round(contrast, 2), "pixels": len(rows)}
            features.append(_feature(place, row, column, told))
    return features, long


def background(power, ring, guard):
    """The mean of the known pixels in a ring around each pixel, NaN where too few of it are known."""
    measured = ~np.isnan(power)
    filled = np.where(measured, power, 0.0)

    def sums(values):
        whole, inner = (ndimage.uniform_filter(values, size, mode="constant") * size**2 for size in (ring, guard))
        return whole - inner

    count = sums(measured.astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > LEAST * (ring**2 - guard**2), sums(filled) / count, np.nan)


def _length(rows, columns):
    """Pixels from end to end along the longer axis."""
    points = np.stack([rows, columns]) - np.array([[rows.mean()], [columns.mean()]])
    _, axes = np.linalg.eigh(points @ points.T)
    return np.ptp(axes[:, -1] @ points)


def _metres(place):
    """Metres of the side of a pixel."""
    return math.sqrt(float(np.median(place.pixel_areas())))


def _inside(land, place, window):
    shape = int(window.height), int(window.width)
    geometry = transform_geom("EPSG:4326", place.crs, mapping(land))
    affine = rasterio.windows.transform(window, place.affine)
    return rasterio.features.geometry_mask([geometry], shape, affine, all_touched=True, invert=True)


def _feature(place, row, column, told):
    x, y = place.affine @ (column + 0.5, row + 0.5)
    (longitude,), (latitude,) = transform(place.crs, "EPSG:4326", [x], [y])
    point = {"type": "Point", "coordinates": [round(longitude, 6), round(latitude, 6)]}
    return {"type": "Feature", "geometry": point, "properties": told}
