"""Where a granule is that does not say so itself: a fixed place, attributes of its file, the platform's navigation."""

import math
import re

import numpy as np

from darkroom.airborne.extent import good
from darkroom.airborne.granule import Variable, moments

NAMES = {"latitude": "degrees_north", "longitude": "degrees_east", "altitude": "m"}
NUMBER = r"([-+]?\d+(?:\.\d*)?)"
SIDES = {"latitude": r"([NS]|[Nn]orth|[Ss]outh)\b", "longitude": r"([EW]|[Ee]ast|[Ww]est)\b"}
GAP = np.timedelta64(120, "s")  # between two positions that nothing is looked up in


def locate(variables, position, header, navigation, flags, path):
    """Add positions that the variables lack, or have nowhere on the Earth, and flag where they come from.

    position -- `latitude`, `longitude`, `altitude` of the format: a number, or the label in the header that has it
    navigation -- the granule whose positions at the same times count, or None

    Raises ValueError for a label that is not there or tells no number, for the 0 N 0 E of a draft, and for navigation
    of other times.
    """
    if position.get("latitude") == position.get("longitude") == 0 and "latitude" not in variables:
        raise ValueError(
            f"{path}: `position` is 0 N 0 E, where no instrument is; right are its degrees, labels of the header that "
            "have them, or `navigation`"
        )
    if position and is_nowhere(variables):
        for name in SIDES:
            del variables[name]
        note = "latitude and longitude are missing or 0 throughout in the file; they are left out"
        flags.append({"flag": "position_left_out", "note": note})
    rows, dims = variables["time"].shape, variables["time"].dims
    for name, place in position.items():
        if name in variables:
            continue
        degrees = place if isinstance(place, (int, float)) else told(header, place, name, path)
        attrs = {"standard_name": name, "long_name": f"{name} of the place", "units": NAMES[name]}
        variables[name] = Variable.of(np.full(rows, float(degrees)), dims, attrs | _upward(name))
        where = "by its collection" if degrees == place else f"by {place} of its header"
        flags.append({"flag": "fixed_position", "note": f"{name} is {degrees:g} throughout, {where}"})
    if navigation and not {"latitude", "longitude"} <= set(variables):
        look_up(variables, navigation, flags, path)


def is_nowhere(variables):
    """Whether variables have latitudes and longitudes, and none of them tells a place."""
    if not set(SIDES) <= set(variables):
        return False
    latitude, longitude = (variables[name].values() for name in SIDES)
    return latitude.shape == longitude.shape and not good(latitude, longitude).any()


def require_rows(variables, flags, path):
    """Give each row the one position of a file that stands still.

    Raises ValueError where latitude and longitude are not one of each, or one for each row: those of a grid.
    """
    latitude, longitude, rows = variables["latitude"], variables["longitude"], variables["time"].shape
    if latitude.shape != longitude.shape and math.prod(latitude.shape) * math.prod(longitude.shape) != 1:
        raise ValueError(
            f"{path}: {latitude.source} is of shape {latitude.shape}, {longitude.source} of {longitude.shape}; right "
            "is a position for each time; for a grid of latitudes and longitudes the feature is `grid`"
        )
    if latitude.shape[:1] == rows:
        return
    if math.prod(latitude.shape) != 1:
        raise ValueError(
            f"{path}: {latitude.source} has {latitude.shape[0]} values and the time {rows[0]}; right is a position for "
            "each time: a track, a curtain or a swath, not a grid"
        )
    for name in [name for name in NAMES if name in variables and math.prod(variables[name].shape) == 1]:
        one = variables[name]
        value = one.array().reshape(1)
        place = Variable.of(np.repeat(value, rows[0]), variables["time"].dims, one.attrs, one.fill, one.source)
        note = f"{name} is {place.values()[0]:g} throughout, by {one.source or 'the collection'}"
        flags.append({"flag": "fixed_position", "note": note})
        variables[name] = place


def require_grid(variables, path):
    """Raise ValueError where latitude and longitude are no sides of a grid: two points or more, which go one way."""
    for name in ("latitude", "longitude"):
        side = variables[name]
        steps = np.diff(side.values()) if side.dims == (name,) else np.zeros(0)
        if not steps.size or not ((steps > 0).all() or (steps < 0).all()):
            raise ValueError(
                f"{path}: {side.source} is no side of a grid; right are two values or more that go up or down "
                "throughout, on a dimension of their own"
            )


def told(header, label, name, path):
    """The number that a label of the header has: the one with the side (`76.39 W`, `42 degrees north`), or the first.

    Raises ValueError where there is none.
    """
    if label not in header:
        raise ValueError(f"{path}: no {label!r} in the header, which has the {name}")
    text = str(header[label])
    if name in SIDES and (number := re.search(NUMBER + r"[^\w.,;+-]*(?:deg\w*)?[^\w.,;+-]*" + SIDES[name], text)):
        value = float(number[1])
        return -abs(value) if number[2][0] in "SWsw" else value
    if number := re.search(NUMBER, text):
        return float(number[1])
    raise ValueError(f"{path}: {label} is {text!r}; right is a number of degrees or metres")


def look_up(variables, navigation, flags, path):
    """Add the positions of a platform at the times of the rows, between those of its navigation.

    Longitudes are taken the short way round; where the navigation has a gap, positions are missing.
    Raises ValueError where it has no position at any of the times.
    """
    times = moments(variables["time"])
    moments_there, latitude, longitude = navigation.positions()
    fixes = np.isfinite(latitude) & np.isfinite(longitude) & ((latitude != 0) | (longitude != 0))
    there = moments_there[fixes]
    columns = {"latitude": latitude[fixes], "longitude": np.unwrap(longitude[fixes], period=360)}
    if "altitude" in navigation.variables:
        columns["altitude"] = navigation.variables["altitude"].values()[fixes]
    after = np.clip(np.searchsorted(there, times), 1, max(1, there.size - 1))
    inside = (times >= there[0]) & (times <= there[-1]) if there.size > 1 else np.zeros(times.size, bool)
    if there.size > 1:
        inside &= there[after] - there[after - 1] <= GAP
    if not inside.any():
        raise ValueError(f"{path}: {navigation.files[0]} has no positions at its times")
    seconds = (times - there[0]) / np.timedelta64(1, "s")
    for name, values in columns.items():
        if name in variables:
            continue
        looked_up = np.interp(seconds, (there - there[0]) / np.timedelta64(1, "s"), values)
        looked_up = (looked_up + 180) % 360 - 180 if name == "longitude" else looked_up
        attrs = {"standard_name": name, "long_name": f"{name} of the platform", "units": NAMES[name]}
        attrs["comment"] = f"Interpolated between positions of {navigation.files[0]}."
        fill = -9999.0
        values_there = np.where(inside & np.isfinite(looked_up), looked_up, fill)
        variables[name] = Variable.of(values_there, variables["time"].dims, attrs | _upward(name), fill)
    note = f"positions are those of {navigation.files[0]} at the times of the rows"
    if not inside.all():
        note += f"; {int((~inside).sum())} of {inside.size} are missing there"
    flags.append({"flag": "positions_looked_up", "note": note})


def _upward(name):
    return {"positive": "up"} if name == "altitude" else {}
