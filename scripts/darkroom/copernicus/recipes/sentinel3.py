"""Sentinel-3 OLCI and SLSTR: a field of each product on one grid, by the overlaps of its pixels, without its flags."""

import numpy as np

from darkroom.copernicus import areas, grid, overlap
from darkroom.copernicus.merging import COMPARED
from darkroom.copernicus.readers import sen3
from darkroom.copernicus.recipes.registry import Method, Times, layers_of, problems_of_one
from darkroom.copernicus.stack import Layer

CRS = "EPSG:4326"
NEAR = 2  # pixels around those in a window that may reach into it


def patterns(variant, options):
    """The files of the field, its places and its flags."""
    (name,) = layers_of(variant, options)
    field = variant.fields[name]
    return [f"*/{file}" for file in (*field["file"], field["places"][0], *field.get("flags", {}).get("file", []))]


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
    if variant.merge in COMPARED and len(scenes) < 2:
        raise ValueError(f"{variant.name} compares dates, and there is one: {scenes[0]['product']}")
    step = options["map"].get("resolution") or variant.resolution
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    target = grid.covering([_extent(scene, field, step) for scene in scenes], step, CRS, area)
    notes.append(f"a cell of {step:g} degrees has the mean of its pixels by their overlaps")
    if field.get("flags"):
        notes.append(f"pixels with one of the flags {', '.join(field['flags']['set'])} are masked")
    if field.get("log10"):
        notes.append(f"stored as log10, given in {field['unit']}")
    begins, products = ([scene[key] for scene in scenes] for key in ("begin", "product"))
    return Times(target, begins, products, [Layer(name, field["title"], field["unit"])], scenes, notes)


def fill(times, variant, options, put):
    """Put the field of each product in place, block by block."""
    (layer,) = times.layers
    field, place = variant.fields[layer.name], times.grid
    for at, scene in enumerate(times.scenes):
        longitudes, latitudes = sen3.places(scene, field)
        values = sen3.values(scene, field)
        if values.shape != longitudes.shape:
            shapes = f"{values.shape} pixels, and places are told of {longitudes.shape}"
            raise ValueError(f"{scene['folder']}: {layer.name} has {shapes}")
        for window in place.windows():
            put(layer.name, at, window, _window(values, longitudes, latitudes, place, window))


def _window(values, longitudes, latitudes, place, window):
    """The field in a window of the map: of its pixels those in a rectangle of rows and columns around it."""
    west, north = place.affine @ (window.col_off, window.row_off)
    east, south = place.affine @ (window.col_off + window.width, window.row_off + window.height)
    shape, step = (int(window.height), int(window.width)), place.affine.a
    with np.errstate(invalid="ignore"):
        inside = (latitudes >= south - step) & (latitudes <= north + step)
        inside &= (longitudes >= west - step) & (longitudes <= east + step)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return np.full(shape, np.nan, np.float32)
    part = tuple(slice(max(0, one[0] - NEAR), one[-1] + NEAR + 1) for one in (rows, columns))
    xs, ys = sen3.corners(_unwrapped(longitudes[part])), sen3.corners(latitudes[part])
    good = ~np.isnan(values[part]) & ~np.isnan(xs).any(-1) & ~np.isnan(ys).any(-1)
    mean, _ = overlap.gridded(values[part][good], xs[good], ys[good], west, north, step, shape)
    return mean.astype(np.float32)


def _unwrapped(longitudes):
    """Longitudes that go on beyond 180 degrees where they go over the date line."""
    wide = np.nanmax(longitudes) - np.nanmin(longitudes) > 180
    return np.where(longitudes < 0, longitudes + 360, longitudes) if wide else longitudes


def _extent(scene, field, step):
    """The grid over a product; over all the world's longitudes where it goes over the date line."""
    longitudes, latitudes = sen3.places(scene, field)
    west, east = np.nanmin(longitudes), np.nanmax(longitudes)
    west, east = (-180.0, 180.0) if east - west > 180 else (west, east)
    south, north = np.nanmin(latitudes), np.nanmax(latitudes)
    left, top = np.floor(west / step) * step, np.ceil(north / step) * step
    width = round((np.ceil(east / step) * step - left) / step)
    height = round((top - np.floor(south / step) * step) / step)
    return grid.Grid(CRS, (step, 0.0, float(left), 0.0, -step, float(top)), max(1, width), max(1, height))


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers"}))
