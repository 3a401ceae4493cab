"""Sentinel-3 OLCI and SLSTR: a field of each product on one grid, by the overlaps of its pixels, without its flags.

With the option `every`, a layer is the mean of all products of a day, week or month.
"""

import functools
import math

from darkroom.copernicus import areas, grid, merging
from darkroom.copernicus.merging import COMPARED
from darkroom.copernicus.readers import sen3
from darkroom.copernicus.recipes import periods
from darkroom.copernicus.recipes.registry import Method, Times, layers_of, problems_of_one
from darkroom.copernicus.stack import Layer
from darkroom.copernicus.swath import HELD, Swath

CRS = "EPSG:4326"
ABSURD = 200  # cells of a map for each pixel; over a pole or the date line 30 are due


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
    ends, pixels = zip(*(_looked_at(scene, field, step, most) for scene in scenes), strict=True)
    target = grid.covering([grid.around(*grid.together(*zip(*ends, strict=True)), step)], step, CRS, area)
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
        notes.append(f"what is stored as log10 is given in {field['unit']}")
    notes += periods.notes(groups, options["every"])
    layers = [Layer(name, field["title"], field["unit"])]
    return Times(target, begins, periods.products(groups), layers, groups, notes, max(pixels) * HELD)


def _looked_at(scene, field, step, most):
    """West, east, south, north of a product, and how many pixels it has.

    Raises ValueError where a map has more than `most` cells for each of them.
    """
    places = sen3.places(scene, field)
    west, east, south, north = places.bounds
    pixels, width, height = math.prod(places.shape), (east - west) / step, (north - south) / step
    if width * height > most * pixels:
        raise ValueError(
            f"{scene['folder']}: its {pixels} pixels would make {width:.0f} x {height:.0f} cells: some of its places "
            "are far from the others, it is damaged; to go on, give map an area"
        )
    return (west, east, south, north), pixels


def fill(times, variant, options, put):
    """Put the field of each product, or the mean of those of a period, in place, block by block."""
    (layer,) = times.layers
    field, place = variant.fields[layer.name], times.grid
    for at, scenes in enumerate(times.scenes):
        shown = _unmasked(field) if at == len(times.scenes) - 1 else field

        @functools.lru_cache(1)
        def read(number, scenes=scenes, shown=shown):
            return _swath(scenes[number], layer.name, shown)

        def image(held, window):
            return held.window(place, window)

        for window, made in merging.means(place.windows(), range(len(scenes)), read, image):
            put(layer.name, at, window, made)


def _unmasked(field):
    """A field as it is read of the last date."""
    if field.get("flags", {}).get("last", True):
        return field
    return {key: told for key, told in field.items() if key != "flags"}


def _swath(scene, name, field):
    """The field of a product. Raises ValueError for values that are not those of the places."""
    places, values = sen3.places(scene, field), sen3.values(scene, field)
    if values.shape != places.shape:
        shapes = f"{values.shape} pixels, and places are told of {places.shape}"
        raise ValueError(f"{scene['folder']}: {name} has {shapes}")
    return Swath(values, places, sen3.orphans(scene, field))


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "every"}))
