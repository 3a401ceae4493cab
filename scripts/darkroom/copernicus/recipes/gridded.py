"""Fields on a regular grid: CAMS columns, Copernicus Land's vegetation, sea surface temperature; each time a layer.

With the option `every`, a layer is the mean of all times of a day, week or month.
"""

import contextlib
import functools
from datetime import date, datetime

import numpy as np
from rasterio.features import geometry_mask
from rasterio.windows import transform as window_transform
from shapely.geometry import mapping

from darkroom.copernicus import areas, grid, merging
from darkroom.copernicus.readers import gridded
from darkroom.copernicus.recipes import periods
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
    if options["nearest"]:
        day = str(options["nearest"]["date"])
        try:
            date.fromisoformat(day)
        except ValueError:
            yield f"nearest.date: is {day!r}; right is a day, such as 2020-07-10"


def describe(inventory, variant, options):
    """The times of the field in the files of an inventory.

    Raises ValueError for files without the field, with another unit or on another grid than the first, and where they
    lie outside the area.
    """
    (name,) = layers_of(variant, options)
    field, step = variant.fields[name], options["step"] or 0
    scenes, left_out = gridded.scenes(inventory, field, step)
    scenes = _chosen(scenes, options, inventory.root)
    places = [gridded.grid_of(scene)[0] for scene in {scene["path"]: scene for scene in scenes}.values()]
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    resolution = options["map"].get("resolution") or places[0].affine.a
    target = grid.covering(places, resolution, gridded.CRS, area)
    unit = field.get("unit") or scenes[0]["unit"]
    for scene in scenes:
        gridded.require_unit(scene, field)
        if not field.get("unit") and scene["unit"] != unit:
            raise ValueError(f"{scene['path']}: has {name} in {scene['unit']}, and others in {unit}")
    if len({(place.affine, place.width, place.height) for place in places}) > 1 or resolution != places[0].affine.a:
        notes.append(
            f"files of another grid were brought to {resolution:g} degrees, bilinear where finer, else by means"
        )
    notes += [f"missing values and flags {field.get('flags', [])} beside the file's own are no measurement"]
    notes += [f"converted to {unit}"] if field.get("unit") else []
    notes += [f"{file} has no {name}, and another file of its archive has" for file in left_out]
    notes += [f"of forecasts the hour {step:g}, where files tell it"] if step or variant.name.startswith("cams") else []
    notes += ["what lies outside the area is left out, by the middles of its cells"] if variant.clip else []
    notes += [f"of the hours {options['hours']} of a day in UTC"] if options["hours"] else []
    notes += [f"of the dekads {options['dekads']} of a month"] if options["dekads"] else []
    if options["nearest"]:
        notes.append(f"the time nearest to {options['nearest']['date']}: {scenes[0]['begin']}")
    begins, groups = periods.grouped(scenes, options["every"])
    notes += periods.notes(groups, options["every"])
    return Times(target, begins, periods.products(groups), [Layer(name, field["title"], unit)], groups, notes)


def _chosen(scenes, options, root):
    """Those scenes whose times a row asks for: of some hours, of some dekads, the nearest to a date; all otherwise."""
    for key, what, part in (("hours", "hours", _hour), ("dekads", "dekads", _dekad)):
        there = sorted({part(scene["begin"]) for scene in scenes})
        scenes = [scene for scene in scenes if not options[key] or part(scene["begin"]) in options[key]]
        if not scenes:
            raise ValueError(f"{root}: there are times of the {what} {there} UTC, and none of {options[key]}")
    return _nearest(scenes, options["nearest"], root) if options["nearest"] else scenes


def _hour(moment):
    return int(moment[11:13])


def _dekad(moment):
    """The third of a month, from 1: days 1 to 10, 11 to 20, the rest."""
    return min(3, (int(moment[8:10]) + 9) // 10)


def _nearest(scenes, asked, root):
    """The scenes of the day that is nearest to a date, the earlier of two; an error where it is too far from that."""
    day = date.fromisoformat(str(asked["date"]))
    days = {scene["begin"]: (datetime.fromisoformat(scene["begin"]).date() - day).days for scene in scenes}
    begin = min(days, key=lambda begin: (abs(days[begin]), begin))
    if abs(days[begin]) > asked["within"]:
        raise ValueError(
            f"{root}: the time nearest to {day} is {begin}, {abs(days[begin])} days from it; `nearest.within` is "
            f"{asked['within']} days"
        )
    return [scene for scene in scenes if scene["begin"] == begin]


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
                made = merging.mean(shown)
                if variant.clip:
                    made[_outside(times.grid, window, options["map"]["area"])] = np.nan
                put(layer.name, at, window, made)


def _brought(read, source, place, window):
    return grid.brought(read, source, place, window, grid.method_for(source, place.affine.a))


def _outside(place, window, area):
    """Where the middles of a window's cells are not in the area."""
    shape = int(window.height), int(window.width)
    inside = areas.around(areas.read(area, "map area")[0])
    return geometry_mask([mapping(inside)], shape, window_transform(window, place.affine))


METHOD = Method(
    patterns, describe, fill, problems, frozenset({"map", "layers", "step", "every", "hours", "dekads", "nearest"})
)
