"""Sentinel-5P: columns of gases of good quality, each orbit on one grid by the overlaps of its pixels.

With the option `every`, a layer is the mean of all orbits of a day, week or month.
"""

import functools

import numpy as np

from darkroom.copernicus import areas, grid, merging, overlap, plumes
from darkroom.copernicus.readers import s5p
from darkroom.copernicus.recipes import periods
from darkroom.copernicus.recipes.registry import Method, Times, layers_of, problems_of_one
from darkroom.copernicus.stack import Layer

CRS = "EPSG:4326"


def patterns(variant, options):
    """All of a product: it is one file."""
    return []


def problems(variant, options):
    """What is wrong with the gas and the map of a row."""
    yield from problems_of_one(variant, options, variant.columns, "gases", "product", "columns")
    for name in layers_of(variant, options):
        if variant.plume and variant.columns.get(name, {}).get("unit") != plumes.UNIT:
            yield f"layers: {name} is not in {plumes.UNIT}, in which plumes are weighed; give its column that unit"


def describe(inventory, variant, options):
    """The orbits of the products in an inventory.

    Raises ValueError for products of another gas, and for files that lack something.
    """
    (name,) = layers_of(variant, options)
    column, scenes = variant.columns[name], s5p.scenes(inventory)
    if not scenes:
        raise ValueError(f"{inventory.root}: there is no product of Sentinel-5P level 2 (S5P_*_L2__*.nc)")
    if others := sorted({scene["type"] for scene in scenes} - {column["type"]}):
        raise ValueError(
            f"{inventory.root}: {name} is in {column['type']}, and there are {', '.join(others)}; ask for one type"
        )
    units = {s5p.unit(scene, column)[0] for scene in scenes}
    if len(units) > 1:
        raise ValueError(f"{inventory.root}: products have {name} in {' and in '.join(sorted(units))}")
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    step = options["map"].get("resolution") or variant.resolution
    # What is all masked, or is so in the area, is shown as such.
    good = [] if area is not None else _extents(scenes, column, _least(column, options), step)
    extents = good or _extents(scenes, column, None, step)
    if not extents:
        raise ValueError(f"{inventory.root}: no pixel of {name} has corners on the ground")
    target = grid.covering(extents, step, CRS, area)
    notes.append(
        f"pixels with a quality (qa_value) above {_least(column, options)} percent, none of those that hold a pole"
    )
    notes.append(f"a cell of {step:g} degrees has the mean of its pixels by their overlaps")
    if column.get("note"):
        notes.append(column["note"])
    layers = [Layer(name, column["title"], units.pop())]
    if variant.plume:
        layers.append(Layer(plumes.COVER, "share of a cell that its pixels cover"))
    begins, groups = periods.grouped(scenes, options["every"])
    notes += periods.notes(groups, options["every"])
    return Times(target, begins, periods.products(groups), layers, groups, notes)


def fill(times, variant, options, put):
    """Put the column of each orbit, or the mean of those of a period, in place, block by block."""
    layer, *covers = times.layers
    column, least = variant.columns[layer.name], _least(variant.columns[layer.name], options)
    for at, scenes in enumerate(times.scenes):
        shares = {}  # by window, of the orbit that covers most of a cell

        @functools.lru_cache(1)
        def read(number, scenes=scenes):
            return _pixels(scenes[number], column, least)

        def image(orbit, window, shares=shares):
            mean, cover = _gridded(orbit, times.grid, window)
            if covers:
                shares[window] = np.maximum(shares.get(window, 0), np.minimum(cover, 1).astype(np.float32))
            return mean

        for window, made in merging.means(times.grid.windows(), range(len(scenes)), read, image):
            put(layer.name, at, window, made)
            for one in covers:
                put(one.name, at, window, shares.pop(window))


def _gridded(orbit, place, window):
    """The mean of an orbit's pixels in a window (float32), and how much of each cell they cover."""
    west, north = place.affine @ (window.col_off, window.row_off)
    shape = int(window.height), int(window.width)
    mean, cover = overlap.gridded(*orbit, west, north, place.affine.a, shape)
    return mean.astype(np.float32), cover


def _pixels(scene, column, least):
    values, longitudes, latitudes = s5p.pixels(scene, column, least, s5p.unit(scene, column)[1])
    longitudes, polar = overlap.turned(longitudes)
    return values[~polar], longitudes[~polar], latitudes[~polar]


def _extents(scenes, column, least, step):
    """The grids over the good pixels of those orbits that have some; over all pixels where `least` is None."""
    places = (_pixels(scene, column, least)[1:] for scene in scenes)
    return [grid.around(longitudes, latitudes, step) for longitudes, latitudes in places if len(longitudes)]


def _least(column, options):
    return column["qa"] if options["qa"] is None else options["qa"]


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "qa", "every"}))
