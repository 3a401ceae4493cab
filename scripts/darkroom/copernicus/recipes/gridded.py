"""Fields on a regular grid: CAMS columns, Copernicus Land's vegetation, sea surface temperature; each time a layer.

With the option `every`, a layer is the mean of all times of a day, of a week (from Monday) or of a month.
"""

import contextlib
import functools
import itertools
from datetime import datetime, timedelta

import numpy as np
from rasterio.features import geometry_mask
from rasterio.windows import transform as window_transform
from shapely.geometry import mapping

from darkroom.copernicus import areas, grid, merging
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
    scenes = _of_hours(gridded.scenes(inventory, field, step), options["hours"], inventory)
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
    notes += [f"of the hours {options['hours']} of a day in UTC"] if options["hours"] else []
    periods = _periods(scenes, options["every"])
    if options["every"]:
        counts = [len(some) for _, some in periods]
        notes.append(f"each {options['every']} is the mean of its times, {min(counts)} to {max(counts)} of them")
    products = [", ".join(dict.fromkeys(scene["product"] for scene in some)) for _, some in periods]
    begins, grouped = ([period[at] for period in periods] for at in (0, 1))
    return Times(target, begins, products, [Layer(name, field["title"], unit)], grouped, notes)


def _of_hours(scenes, hours, inventory):
    """Those scenes whose time of the day is of some hours, all where there are none."""
    chosen = [scene for scene in scenes if not hours or int(scene["begin"][11:13]) in hours]
    if not chosen:
        there = sorted({int(scene["begin"][11:13]) for scene in scenes})
        raise ValueError(f"{inventory.root}: there are times of the hours {there} UTC, and none of {hours}")
    return chosen


def _periods(scenes, every):
    """Begin (ISO 8601) and scenes of each day, week or month; each scene alone where `every` is None."""
    if not every:
        return [(scene["begin"], [scene]) for scene in scenes]
    periods = itertools.groupby(scenes, lambda scene: _begin(scene["begin"], every))
    return [(begin, list(some)) for begin, some in periods]


def _begin(moment, every):
    """The begin of the day, week or month that a moment is in, as ISO 8601."""
    day = datetime.fromisoformat(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    first = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[every]
    return first.isoformat().replace("+00:00", "Z")


def fill(times, variant, options, put):
    """Put the field of each time in place, block by block."""
    (layer,) = times.layers
    field = variant.fields[layer.name]
    for at, scenes in enumerate(times.scenes):
        with contextlib.ExitStack() as files:
            opened = {path: files.enter_context(gridded.opened(path)) for path in {one["path"] for one in scenes}}
            images = []
            for scene in scenes:
                place = gridded.grid_of(scene)
                read = functools.partial(gridded.values, scene, place, field=field, dataset=opened[scene["path"]])
                images.append((read, place[0]))
            for window in times.grid.windows():
                shown = (_brought(read, source, times.grid, window) for read, source in images)
                made = merging.mean(shown) if len(images) > 1 else next(shown)
                if variant.clip:
                    made[_outside(times.grid, window, options["map"]["area"])] = np.nan
                put(layer.name, at, window, made)


def _brought(read, source, place, window):
    return grid.brought(read, source, place, window, grid.method_for(source, place.affine.a))


def _outside(place, window, area):
    """Where the middles of a window's cells are not in the area."""
    shape = int(window.height), int(window.width)
    inside = areas.read(area, "map area")[0]
    return geometry_mask([mapping(inside)], shape, window_transform(window, place.affine))


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "step", "every", "hours"}))
