"""TEMP DROP, the coded message of a dropsonde that weather services exchange: its levels, with the time of launch.

Format: WMO Manual on Codes, FM 37 TEMP DROP; parts A and B are of levels up to 100 hPa, C and D of those above. What
follows 61616 and 62626 is the region's own, of which the release (REL) is read where it is there.
"""

import re

import numpy as np

from darkroom.airborne import granule, times
from darkroom.airborne.readers import text
from darkroom.airborne.readers.columns import put

MISSING = -999.0
# Code of a standard level -> its pressure in hPa, by part, and the height in m that it has in the standard atmosphere.
STANDARD = {
    "AA": {
        "00": 1000, "92": 925, "85": 850, "70": 700, "50": 500, "40": 400, "30": 300, "25": 250, "20": 200, "15": 150,
        "10": 100,
    },
    "CC": {"70": 70, "50": 50, "30": 30, "20": 20, "10": 10},
}  # fmt: skip
HEIGHTS = {
    1000: 111, 925: 762, 850: 1457, 700: 3012, 500: 5574, 400: 7185, 300: 9164, 250: 10363, 200: 11784, 150: 13608,
    100: 16180, 70: 18442, 50: 20576, 30: 23849, 20: 26481, 10: 31055,
}  # fmt: skip
IN_METRES = (925, 850, 700)  # levels with heights in metres without their thousands; above these in decametres
PART = re.compile(r"\bXX(AA|BB|CC|DD)\b")
SECTION = re.compile(r"\b(21212|31313|41414|51515|61616|62626)\b")
RELEASE = re.compile(r"\bREL\s+(\d{4})([NS])(\d{5})([EW])\s+(\d{6})")
KINDS = {
    "surface": 0,
    "standard": 1,
    "tropopause": 2,
    "maximum_wind": 3,
    "significant_temperature": 4,
    "significant_wind": 5,
}
KNOTS = 50  # is added to the day where winds are in knots
COLUMNS = {
    "pressure": ("hPa", "pressure"), "geopotential_height": ("m", "geopotential height of the level"),
    "temperature": ("degC", "air temperature"), "dew_point_depression": ("degC", "air temperature less dew point"),
    "wind_direction": ("degree", "direction that the wind comes from"), "wind_speed": ("", "wind speed"),
}  # fmt: skip


def read(path, form):
    """(variables, header, flags, lines) of one message, its levels from the highest down; `lines` is None.

    The message tells the day of the month and the time of launch; month and year are those of `date` in the file name,
    or of `time.since`. Raises ValueError for a file of several soundings, and for groups that are none.
    """
    words = "\n".join(text.text(row) for row in text.lines(path))
    try:
        parts = sections(words)
        launch, place = of_launch(words, parts, form)
        levels = [level for part, groups in parts.items() for level in of_part(part, groups)]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not levels:
        raise ValueError(f"{path}: there are no levels in the message; it is cut")
    levels.sort(key=lambda level: (level["pressure"], level["kind"]))
    rows, of = len(levels), granule.Variable.of
    seconds, units = times.since_midnight(np.full(rows, launch))
    about = {"long_name": "time of the launch", "units": units}
    variables, flags = {"time": of(seconds, ("time",), about, None, "31313")}, []
    winds = "knot" if int(parts[next(iter(parts))]["levels"][0][:2]) > KNOTS else "m s-1"
    for name, (unit, long_name) in COLUMNS.items():
        values = np.array([level.get(name, MISSING) for level in levels])
        told = {"units": unit or winds}
        put(variables, flags, form["variables"], name, values, ("time",), told, [MISSING], long_name=long_name)
    for name, degrees in place.items():
        told = {"units": "degrees_north" if name == "latitude" else "degrees_east"}
        put(
            variables,
            flags,
            form["variables"],
            name,
            np.full(rows, degrees),
            told=told,
            long_name=f"{name} of the launch",
        )
    kinds = {"long_name": "kind of level", "flag_values": np.array(list(KINDS.values()), np.int8)}
    kinds["flag_meanings"] = " ".join(KINDS)
    variables["level_kind"] = of(np.array([KINDS[level["kind"]] for level in levels], np.int8), ("time",), kinds)
    header = {name: value.strip(" =\n") for name, value in re.findall(r"\b(61616|62626)\s+([^\n]*)", words)}
    return variables, header, flags, None


def sections(words):
    """Part -> section -> its groups of five characters; the first section is called levels."""
    parts = {}
    marks = list(PART.finditer(words))
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        if mark[1] in parts:
            raise ValueError(f"two parts XX{mark[1]}; a granule is one sounding: split the file")
        body = words[mark.end() : after.start() if after else len(words)]
        names = ["levels", *SECTION.findall(body)]
        groups = {
            name: part.replace("=", " ").split() for name, part in zip(names, SECTION.split(body)[::2], strict=True)
        }
        if len(groups["levels"]) < 4:
            raise ValueError(f"part XX{mark[1]} has no day, place and Marsden square; it is cut")
        parts[mark[1]] = groups
    if not parts:
        raise ValueError("no part XXAA, XXBB, XXCC or XXDD; this is no TEMP DROP")
    return parts


def of_launch(words, parts, form):
    """(moment of the launch, {"latitude", "longitude"}): by the release where that is told, or else by the groups."""
    groups = parts[next(iter(parts))]["levels"]
    day, hour = int(groups[0][:2]) % KNOTS, int(groups[0][2:4])
    since = form.get("time", {}).get("since", "{date}")
    try:
        near = times.moment(since.format(**form.get("groups", {}))).astype("datetime64[D]")
    except KeyError:
        raise ValueError(
            f"the message tells day {day} alone; right is a group `date` in `names`, or `time: {{since: 2012-09-06}}`"
        ) from None
    days = near + np.arange(-3, 4)
    of_month = [one for one in days if int(str(one)[8:]) == day]
    if not of_month:
        raise ValueError(f"the message is of day {day} of a month, which is not near {near}")
    launch = of_month[0].astype("datetime64[ns]") + np.timedelta64(hour, "h")
    clock = next(
        (group for group in parts[next(iter(parts))].get("31313", []) if re.fullmatch(r"8[0-2]\d[0-5]\d", group)), ""
    )
    if clock:
        launch = nearest(launch, int(clock[1:3]) * 3600 + int(clock[3:]) * 60)
    latitude, longitude = int(groups[1][2:]) / 10, int(groups[2][1:]) / 10
    quadrant = groups[2][0]
    if groups[1][:2] != "99" or quadrant not in "1357":
        raise ValueError(f"the groups {groups[1]} {groups[2]} are no position; right is such as 99312 70613")
    south, west = quadrant in "35", quadrant in "57"
    if released := RELEASE.search(words):
        launch = nearest(launch, sum(int(released[5][at : at + 2]) * 60 ** (2 - at // 2) for at in (0, 2, 4)))
        latitude = int(released[1][:2]) + int(released[1][2:]) / 100
        longitude = int(released[3][:3]) + int(released[3][3:]) / 100
        south, west = released[2] == "S", released[4] == "W"
    return launch, {"latitude": -latitude if south else latitude, "longitude": -longitude if west else longitude}


def nearest(moment, seconds):
    """The moment of a time of day (in seconds) that is nearest to another one."""
    day = moment.astype("datetime64[D]").astype("datetime64[ns]")
    near = [day + np.timedelta64(shift, "D") + np.timedelta64(seconds, "s") for shift in (-1, 0, 1)]
    return min(near, key=lambda one: abs(one - moment))


def of_part(part, groups):
    """The levels of a part, as dicts of COLUMNS and `kind`."""
    if part in STANDARD:
        yield from standard_levels(part, groups["levels"][4:])
        return
    for pressure, group in pairs(groups["levels"][4:], part):
        yield {"kind": "significant_temperature", "pressure": pressure} | of_temperature(group)
    for pressure, group in pairs(groups.get("21212", []), part):
        yield {"kind": "significant_wind", "pressure": pressure} | of_wind(group)


def standard_levels(part, groups):
    """Levels of parts A and C: the surface, standard levels, the tropopause and the greatest wind."""
    at = 0
    while at < len(groups):
        code, rest = groups[at][:2], groups[at][2:]
        if code in ("31", "51") or len(groups[at]) != 5:
            raise ValueError(f"{groups[at]!r} is no group of a level")
        if code in ("66", "77", "88") and rest == "999":
            at += 1
            continue
        if code in ("66", "77"):
            yield {"kind": "maximum_wind", "pressure": of_pressure(rest, part)} | of_wind(word(groups, at + 1))
            at += 2 + word(groups, at + 2).startswith("4")  # and the shear around it
            continue
        told = of_temperature(word(groups, at + 1)) | of_wind(word(groups, at + 2))
        if code in ("88", "99"):
            yield {"kind": "tropopause" if code == "88" else "surface", "pressure": of_pressure(rest, part)} | told
        elif code in STANDARD[part]:
            pressure = STANDARD[part][code]
            yield {
                "kind": "standard",
                "pressure": float(pressure),
                "geopotential_height": of_height(rest, pressure),
            } | told
        else:
            raise ValueError(f"{groups[at]!r} begins no level of part XX{part}")
        at += 3


def word(groups, at):
    return groups[at] if at < len(groups) else "/////"


def pairs(groups, part):
    """(pressure, group) of significant levels."""
    for first, second in zip(groups[::2], groups[1::2], strict=False):
        if first[:1] != first[1:2] or len(first) != 5:
            raise ValueError(f"{first!r} begins no significant level of part XX{part}; right is such as 11850")
        yield of_pressure(first[2:], part), second


def of_pressure(digits, part):
    """hPa of three digits: whole ones, without the thousand; in parts C and D tenths."""
    value = number(digits)
    if value == MISSING:
        return value
    return value / 10 if part in ("CC", "DD") else value + 1000 if value < 100 else value


def of_height(digits, pressure):
    """Metres of three digits: the height that is nearest to that of the standard atmosphere."""
    value = number(digits)
    if value == MISSING:
        return value
    if pressure == 1000:
        return value if value < 500 else 500 - value
    step, shift = (1, 1000) if pressure in IN_METRES else (10, 10_000)
    return min(
        (value * step + shift * thousands for thousands in range(4)), key=lambda height: abs(height - HEIGHTS[pressure])
    )


def of_temperature(group):
    """Temperature and depression of the dew point: tenths tell the sign, and from 56 on whole degrees plus 50."""
    tenths, depression = number(group[:3]), number(group[3:])
    told = {}
    if tenths != MISSING:
        told["temperature"] = (-tenths if tenths % 2 else tenths) / 10
    if depression != MISSING:
        told["dew_point_depression"] = depression / 10 if depression <= KNOTS else depression - 50
    return told


def of_wind(group):
    """Direction and speed: 500 on the speed are five degrees more."""
    tens, speed = number(group[:2]), number(group[2:])
    if MISSING in (tens, speed):
        return {}
    return {"wind_direction": tens * 10 + (5 if speed >= 500 else 0), "wind_speed": speed % 500}


def number(digits):
    """The number of digits, MISSING for slashes. Raises ValueError for other characters."""
    if set(digits) <= {"/"}:
        return MISSING
    if not digits.isdigit():
        raise ValueError(f"{digits!r} is no number of a TEMP DROP; right are digits, or slashes")
    return float(digits)
