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
HELD = 72  # bytes of a good pixel: its value and its corners


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
    least = _least(column, options)
    looked = {scene["product"]: _looked_at(scene, column, least) for scene in scenes}
    ends, good = ([box for one in looked.values() for box in one[key]] for key in ("ends", "good"))
    if not ends:
        raise ValueError(f"{inventory.root}: no pixel of {name} has corners on the ground")
    # What is all masked, or is so in the area, is shown as such.
    shown = good if good and area is None else ends
    target = grid.covering([grid.around(*grid.together(*zip(*shown, strict=True)), step)], step, CRS, area)
    notes.append(f"pixels with a quality (qa_value) above {least} percent, none of those that hold a pole")
    notes += [line for product, one in looked.items() for line in _left_out(product, one)]
    notes.append(f"a cell of {step:g} degrees has the mean of its pixels by their overlaps")
    if column.get("note"):
        notes.append(column["note"])
    layers = [Layer(name, column["title"], units.pop())]
    if variant.plume:
        layers.append(Layer(plumes.COVER, "share of a cell that its pixels cover"))
    begins, groups = periods.grouped(scenes, options["every"])
    notes += periods.notes(groups, options["every"])
    held = max(one["pixels"] for one in looked.values()) * HELD
    return Times(target, begins, periods.products(groups), layers, groups, notes, held)


def fill(times, variant, options, put):
    """Put the column of each orbit, or the mean of those of a period, in place, block by block."""
    layer, *covers = times.layers
    column, least = variant.columns[layer.name], _least(variant.columns[layer.name], options)
    for at, scenes in enumerate(times.scenes):
        shares = {}  # by window, of the orbit that covers most of a cell

        @functools.lru_cache(1)
        def read(number, scenes=scenes):
            return list(_pixels(scenes[number], column, least))

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
    total, cover = np.zeros((2, int(window.height), int(window.width)))
    for pixels in orbit:
        overlap.add(*pixels, west, north, place.affine.a, total, cover)
    return overlap.mean(total, cover).astype(np.float32), cover


def _pixels(scene, column, least):
    """Good pixels of an orbit, of some scanlines at a time: values (n), longitudes and latitudes of corners (n, 4)."""
    for some in s5p.pixels(scene, column, least, s5p.unit(scene, column)[1]):
        longitudes, polar = overlap.turned(some.longitudes)
        kept = some.good & ~polar
        if kept.any():
            yield some.values[kept], longitudes[kept], some.latitudes[kept]


def _looked_at(scene, column, least):
    """What there is of an orbit: sides (west, east, south, north) of each piece of it, of all pixels and of the good
    ones; how many of these there are, how many have no corners, and how many hold a pole."""
    told = {"ends": [], "good": [], "pixels": 0, "lost": 0, "polar": 0}
    for some in s5p.pixels(scene, column, least, 1.0):
        longitudes, polar = overlap.turned(some.longitudes)
        told["pixels"] += int(np.count_nonzero(some.good))
        told["lost"] += some.lost
        told["polar"] += int(np.count_nonzero(polar & some.good))
        for key, kept in (("ends", ~polar), ("good", ~polar & some.good)):
            if kept.any():
                sides = [end(one[kept], axis=1) for one in (longitudes, some.latitudes) for end in (np.min, np.max)]
                told[key].append(grid.together(*sides))
    return told


def _left_out(product, looked):
    """What is to be said of the good pixels of an orbit that are not shown."""
    if looked["lost"]:
        yield f"{product}: {looked['lost']} pixels of good quality have no corners on the ground, and are left out"
    if looked["polar"]:
        yield f"{product}: {looked['polar']} pixels of good quality hold a pole, and are left out"


def _least(column, options):
    return column["qa"] if options["qa"] is None else options["qa"]


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "qa", "every"}))
