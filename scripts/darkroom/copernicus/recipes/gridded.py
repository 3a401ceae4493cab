"""Fields on a regular grid: CAMS columns, Copernicus Land's vegetation, sea surface temperature; each time a layer."""

import functools

import numpy as np
from rasterio.features import geometry_mask
from rasterio.windows import transform as window_transform
from shapely.geometry import mapping

from darkroom.copernicus import areas, grid
from darkroom.copernicus.readers import gridded
from darkroom.copernicus.recipes.registry import Method, Times, layers_of, problems_of_one
from darkroom.copernicus.stack import Layer


def patterns(variant, options):
    """All of a product: it is one file."""
    return []


def problems(variant, options):
    """What is wrong with the field and the map of a row."""
    yield from problems_of_one(variant, options, variant.fields, "fields", "map", "fields")
    if variant.clip and not options["map"].get("area"):
        yield f"map.area: is missing; {variant.name} shows what is inside it"


def describe(inventory, variant, options):
    """The times of the field in the files of an inventory.

    Raises ValueError for files without the field, with another unit or on another grid than the first, and where they
    lie outside the area.
    """
    (name,) = layers_of(variant, options)
    field, step = variant.fields[name], options["step"] or 0
    scenes = gridded.scenes(inventory, field, step)
    places = [gridded.grid_of(scene)[0] for scene in {scene["path"]: scene for scene in scenes}.values()]
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    resolution = options["map"].get("resolution") or places[0].affine.a
    target = grid.covering(places, resolution, gridded.CRS, area)
    unit = field.get("unit") or gridded.unit_of(scenes[0])
    for scene in scenes:
        if not field.get("unit") and gridded.unit_of(scene) != unit:
            raise ValueError(f"{scene['path']}: has {name} in {gridded.unit_of(scene)}, and others in {unit}")
    if len({(place.affine, place.width, place.height) for place in places}) > 1 or resolution != places[0].affine.a:
        notes.append(
            f"files of another grid were brought to {resolution:g} degrees, bilinear where finer, else by means"
        )
    notes += [f"missing values and flags {field.get('flags', [])} beside the file's own are no measurement"]
    notes += [f"converted to {unit}"] if field.get("unit") else []
    notes += [f"forecast hour {step:g} where a file has several"] if step or variant.name.startswith("cams") else []
    notes += ["what lies outside the area is left out, by the middles of its cells"] if variant.clip else []
    begins = [scene["begin"] for scene in scenes]
    return Times(
        target, begins, [scene["product"] for scene in scenes], [Layer(name, field["title"], unit)], scenes, notes
    )


def fill(times, variant, options, put):
    """Put the field of each time in place, block by block."""
    (layer,) = times.layers
    field = variant.fields[layer.name]
    for at, scene in enumerate(times.scenes):
        place = gridded.grid_of(scene)
        with gridded.opened(scene["path"]) as dataset:
            read = functools.partial(gridded.values, scene, place, field=field, dataset=dataset)
            for window in times.grid.windows():
                made = grid.brought(read, place[0], times.grid, window, grid.method_for(place[0], times.grid.affine.a))
                if variant.clip:
                    made[_outside(times.grid, window, options["map"]["area"])] = np.nan
                put(layer.name, at, window, made)


def _outside(place, window, area):
    """Where the middles of a window's cells are not in the area."""
    shape = int(window.height), int(window.width)
    inside = areas.read(area, "map area")[0]
    return geometry_mask([mapping(inside)], shape, window_transform(window, place.affine))


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "step"}))
