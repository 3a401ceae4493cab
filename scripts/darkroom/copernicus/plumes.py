"""Plumes of a gas in columns on a grid: where they are, how large, and what mass of it they hold.

A plume is what touches each other among the cells whose column is above a threshold. Its mass is what its columns have
above a background, times the area of each cell on the sphere, times the share of it that pixels cover.
"""

import numpy as np
import shapely
from rasterio.features import shapes
from scipy import ndimage, sparse
from shapely.geometry import shape
from shapely.ops import unary_union

from darkroom.copernicus import areas
from darkroom.copernicus.swath import turned

COVER = "cover"  # the layer with the share of each cell that pixels cover
UNIT = "DU"
MOLES = 1 / 2241.15  # per square metre and Dobson unit (S5P-L2-DLR-PUM-400E, multiplication_factor_to_convert_to_DU)
COLUMNS = (
    "begin", "threshold_du", "background_du", "plumes", "cells", "area_km2", "mass_t", "highest_du", "seen_share",
)  # fmt: skip
DIGITS = 6  # of degrees
TOUCHING = np.ones((3, 3))


def plumes(stack, get, at, asked):
    """Features of GeoJSON for the plumes of one time, the heaviest first, and the row of it in a table, see COLUMNS.

    asked -- threshold (DU), molar_mass (g/mol), smallest (cells of a plume), and background (DU), None for the median
        of the cells that are not above the threshold, 0 where there is none
    """
    layer, place = stack.layers[0], stack.grid
    values = get(layer.name, at)
    seen = ~np.isnan(values)
    above = values > asked["threshold"]
    background = asked["background"]
    if background is None:
        clear = values[seen & ~above]
        background = float(np.median(clear)) if len(clear) else 0.0
    labels = _numbered(above, asked["smallest"], place)
    rows, columns = np.nonzero(labels)
    numbers, heights = labels[rows, columns], values[rows, columns].astype(np.float64)
    ground = place.pixel_areas()[rows] * get(COVER, at)[rows, columns]
    tonnes = (heights - background) * ground * MOLES * asked["molar_mass"] / 1e6
    cells, squares, masses = (np.bincount(numbers, one)[1:] for one in (np.ones(len(rows)), ground / 1e6, tonnes))
    order = np.lexsort((-heights, numbers))
    summits = order[np.unique(numbers[order], return_index=True)[1]]  # the highest cell of each
    longitudes, latitudes = place.centres()
    features = []
    for number, outline in _outlines(labels, place):
        one, summit = number - 1, summits[number - 1]
        told = {"begin": stack.begins[at], "mass_t": _short(masses[one]), "area_km2": _short(squares[one])}
        told |= {"cells": int(cells[one]), "highest_du": _short(heights[summit])}
        where = turned(longitudes[columns[summit]]), latitudes[rows[summit]]
        told |= {"highest_at": [round(float(degrees), DIGITS) for degrees in where]}
        features.append({"type": "Feature", "geometry": areas.geojson(outline), "properties": told})
    features.sort(key=lambda one: (-one["properties"]["mass_t"], one["properties"]["highest_at"]))
    row = (
        stack.begins[at], asked["threshold"], _short(background), len(features), len(rows), _short(squares.sum()),
        _short(masses.sum()), _short(heights.max()) if features else "", _short(seen.mean()),
    )  # fmt: skip
    return features, dict(zip(COLUMNS, row, strict=True))


def _numbered(above, smallest, place):
    """Cells with the number of the plume that they are of, from 1, and 0 elsewhere."""
    labels, count = ndimage.label(above, TOUCHING)
    if abs(place.width * place.affine.a - 360) < place.affine.a / 2:
        labels = _joined(labels, count)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = sizes >= smallest
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


def _joined(labels, count):
    """Labels of a grid of all the world, the same for what touches each other over the date line."""
    first = np.pad(labels[:, 0], 1)
    beside = [np.stack([labels[:, -1], first[shift : shift + len(labels)]]) for shift in range(3)]
    pairs = np.concatenate(beside, 1)
    pairs = pairs[:, (pairs > 0).all(0)]
    graph = sparse.coo_array((np.ones(pairs.shape[1]), tuple(pairs)), (count + 1, count + 1))
    _, numbers = sparse.csgraph.connected_components(graph, directed=False)
    return np.where(labels > 0, numbers[labels] + 1, 0)


def _outlines(labels, place):
    """Number and outline of each plume: valid polygons in longitude and latitude, cut at the date line."""
    parts = {}
    for outline, number in shapes(labels, labels > 0, transform=place.affine):
        parts.setdefault(int(number), []).append(shape(outline))
    for number, polygons in sorted(parts.items()):
        outline = shapely.transform(unary_union(polygons), lambda points: np.round(points, DIGITS))
        yield number, areas.valid(outline)


def _short(figure):
    return float(f"{figure:.7g}")
