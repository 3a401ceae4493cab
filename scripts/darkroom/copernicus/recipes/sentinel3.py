"""Sentinel-3 OLCI and SLSTR: a field of each product on one grid, by the overlaps of its pixels, without its flags.

With the option `every`, a layer is the mean of all products of a day, week or month.
"""

import functools
import math

import numpy as np

from darkroom.copernicus import areas, grid, merging, overlap
from darkroom.copernicus.merging import COMPARED
from darkroom.copernicus.readers import sen3
from darkroom.copernicus.recipes import periods
from darkroom.copernicus.recipes.registry import Method, Times, layers_of, problems_of_one
from darkroom.copernicus.stack import Layer

CRS = "EPSG:4326"
ABSURD = 200  # cells of a map for each pixel; over a pole or the date line 30 are due
NEAR = 2  # pixels around those in a window that may reach into it


def patterns(variant, options):
    """The files of the field, its places and its flags."""
    (name,) = layers_of(variant, options)
    field = variant.fields[name]
    return [f"*/{file}" for files in sen3.files(field) for file in files]


def problems(variant, options):
    """What is wrong with the field and the map of a row."""
    yield from problems_of_one(variant, options, variant.fields, "fields", "map", "fields")


def describe(inventory, variant, options):
    """The products of an inventory.

    Raises ValueError for products of another type, for those that lack a file or are damaged, and where they lie
    outside the area.
    """
    (name,) = layers_of(variant, options)
    field = variant.fields[name]
    scenes = sen3.scenes(inventory, field)
    if not scenes:
        raise ValueError(f"{inventory.root}: there is no product of Sentinel-3 (a folder .SEN3)")
    begins, groups = periods.grouped(scenes, options["every"])
    if variant.merge in COMPARED and len(begins) < 2:
        raise ValueError(f"{variant.name} compares dates, and there is one: {scenes[0]['product']}")
    step = options["map"].get("resolution") or variant.resolution
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    most = math.inf if area or options["map"].get("resolution") else ABSURD
    target = grid.covering([_extent(scene, field, step, most) for scene in scenes], step, CRS, area)
    notes.append(f"a cell of {step:g} degrees has the mean of its pixels by their overlaps")
    if field.get("tie"):
        notes.append(
            "angles of the tie grid were brought to the pixels as directions, in metres along and across the track"
        )
    if field.get("flags"):
        when = "" if field["flags"].get("last", True) else ", but on the last date"
        notes.append(f"pixels with one of the flags {', '.join(field['flags']['set'])} are masked{when}")
    elif variant.merge == "anomaly":
        notes.append("clouds are not masked: ground that was under cold clouds before looks hotter, too")
    if field.get("log10"):
        notes.append(f"stored as log10, given in {field['unit']}")
    notes += periods.notes(groups, options["every"])
    layers = [Layer(name, field["title"], field["unit"])]
    return Times(target, begins, periods.products(groups), layers, groups, notes)


def _extent(scene, field, step, most):
    """The grid over a product.

    Raises ValueError for one that tells no place of any pixel, and where it has more than `most` cells for each pixel.
    """
    longitudes, latitudes = sen3.places(scene, field)
    if np.isnan(longitudes + latitudes).all():
        raise ValueError(f"{scene['folder']}: {field['places'][0]} tells the place of no pixel")
    extent = grid.around(longitudes, latitudes, step)
    # Over the date line a map is of all longitudes, and the swath as narrow as elsewhere.
    wide = min(np.nanmax(east) - np.nanmin(east) for east in (longitudes, longitudes % 360))
    if wide / step * extent.height > most * longitudes.size:
        raise ValueError(
            f"{scene['folder']}: its {longitudes.size} pixels would make {extent.width} x {extent.height} cells: some "
            "of its places are far from the others, it is damaged; to go on, give map an area"
        )
    return extent


def fill(times, variant, options, put):
    """Put the field of each product, or the mean of those of a period, in place, block by block."""
    (layer,) = times.layers
    field, place = variant.fields[layer.name], times.grid
    for at, scenes in enumerate(times.scenes):
        shown = _unmasked(field) if at == len(times.scenes) - 1 else field

        @functools.lru_cache(1)
        def read(number, scenes=scenes, shown=shown):
            return _pixels(scenes[number], layer.name, shown)

        def image(pixels, window):
            return _window(*pixels, place, window)

        for window, made in merging.means(place.windows(), range(len(scenes)), read, image):
            put(layer.name, at, window, made)


def _unmasked(field):
    """A field as it is read of the last date."""
    if field.get("flags", {}).get("last", True):
        return field
    return {key: told for key, told in field.items() if key != "flags"}


def _pixels(scene, name, field):
    """Values, longitudes and latitudes of all pixels of a product, its orphans, and how far neighbours are apart.

    Raises ValueError for values that are not those of the places.
    """
    longitudes, latitudes = sen3.places(scene, field)
    values = sen3.values(scene, field)
    if values.shape != longitudes.shape:
        shapes = f"{values.shape} pixels, and places are told of {longitudes.shape}"
        raise ValueError(f"{scene['folder']}: {name} has {shapes}")
    return values, longitudes, latitudes, sen3.orphans(scene, field), _reach(longitudes, latitudes)


def _reach(longitudes, latitudes):
    """Degrees on the ground by which neighbours are apart at most."""
    apart = []
    for axis in (0, 1):
        north = np.diff(latitudes, axis=axis)
        east = _turned(np.diff(longitudes, axis=axis)) * np.cos(np.radians(np.delete(latitudes, 0, axis)))
        apart.append(np.nanmax(np.hypot(east, north)))
    return max(apart)


def _window(values, longitudes, latitudes, orphans, reach, place, window):
    """The field in a window of the map: of its pixels those in a rectangle of rows and columns around it."""
    west, north = place.affine @ (window.col_off, window.row_off)
    east, south = place.affine @ (window.col_off + window.width, window.row_off + window.height)
    shape, step = (int(window.height), int(window.width)), place.affine.a
    with np.errstate(invalid="ignore"):  # a pixel is the more degrees of longitude wide, the nearer the pole it is
        inside = np.abs(latitudes - (south + north) / 2) <= (north - south) / 2 + reach
        beside = np.abs(_turned(longitudes - (west + east) / 2)) - (east - west) / 2
        inside &= beside <= reach / np.cos(np.radians(latitudes))
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return np.full(shape, np.nan, np.float32)
    part = tuple(slice(max(0, one[0] - NEAR), one[-1] + NEAR + 1) for one in (rows, columns))
    xs, ys = sen3.corners(longitudes[part], latitudes[part])
    lone, lone_xs, lone_ys = _placed(orphans, part, longitudes, latitudes, xs, ys)
    shown = np.concatenate([values[part].ravel(), lone])
    xs, polar = overlap.turned(np.concatenate([xs.reshape(-1, 4), lone_xs]))
    ys = np.concatenate([ys.reshape(-1, 4), lone_ys])
    good = ~np.isnan(shown) & ~np.isnan(xs).any(-1) & ~np.isnan(ys).any(-1) & ~polar
    mean, _ = overlap.gridded(shown[good], xs[good], ys[good], west, north, step, shape)
    return mean.astype(np.float32)


def _placed(orphans, part, longitudes, latitudes, xs, ys):
    """Orphans of the rows of a part of an image: values, and corners as the nearest pixel of their row has them."""
    values, easts, norths, rows = orphans
    top, left = (one.start for one in part)
    near = np.flatnonzero((rows >= top) & (rows < top + len(xs)))
    values, easts, norths, rows = values[near], easts[near, None], norths[near, None], rows[near]
    columns = np.zeros(len(near), int)
    for at, row in enumerate(rows):
        along = _turned(longitudes[row, part[1]] - easts[at]) * np.cos(np.radians(norths[at]))
        apart = np.hypot(along, latitudes[row, part[1]] - norths[at])
        columns[at] = np.where(np.isnan(apart), np.inf, apart).argmin()
    pixel, middle = (rows - top, columns), (rows, left + columns)
    east = easts + _turned(xs[pixel] - longitudes[middle][:, None])
    return values, east, norths + ys[pixel] - latitudes[middle][:, None]


def _turned(degrees):
    """Differences of longitudes as they are the short way around."""
    return (degrees + 180) % 360 - 180


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "every"}))
