"""A draft of a collection from one of its files, and what a collection would make of a file."""

import codecs
import datetime
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from darkroom import netcdf_file, whole_files
from darkroom.airborne import collection, places, reading, units
from darkroom.airborne.extent import time_text
from darkroom.airborne.granule import moments
from darkroom.airborne.readers import table, text
from darkroom.airborne.readers.clock import TIME_OF_DAY
from darkroom.airborne.screen import is_about, possible_range
from darkroom.airborne.times import UNITS, moment

HDF4, CLASSIC = b"\x0e\x03\x13\x01", b"CDF"
UNIX = (1e8, 4e9)  # what counts of seconds since an epoch are
# Days that counts of seconds begin with: Unix, GPS, TAI93, J2000, LabVIEW and MATLAB's of instruments.
EPOCHS = ("1970-01-01", "1980-01-06", "1993-01-01", "2000-01-01", "2001-01-01", "1904-01-01")
COUNTED = {"seconds": 1, "milliseconds": 1e-3, "microseconds": 1e-6}
# Times of day as the digits of one number -> what such columns are called.
DIGITS = {
    "hhmmss": re.compile("hh_?mm_?ss|^hms$", re.IGNORECASE),
    "hhmm": re.compile("hh_?mm(?!_?ss)", re.IGNORECASE),
}
SECONDS = ("s", "sec", "second", "seconds")
AT_LAUNCH = 60  # seconds below which the first time counts from a launch, not from midnight
LEAPING = EPOCHS[1:3]
LEAP_SECONDS = (
    f"counts since {' or '.join(LEAPING)} often have leap seconds in them, by which time would be late: see whether so"
)
# Dates in file names: yyyyddd with a time to the tenth, as GOES-R has them, yyyymmdd, and the day of a year.
STAMPS = (
    re.compile(r"^OR_[\w-]+_s(?P<date>\d{7})(?P<time>\d{6})\d{1,2}(?!\d)"),
    re.compile(r"(?<!\d)(?P<date>\d{8})(?P<time>\d{6}|\d{4}|\d{2})?(?!\d)"),
    re.compile(r"(?<!\d)(?P<date>\d{4}[.-]?\d{3})(?P<time>\d{6}|\d{4})?(?!\d)"),
)
FASTEST = 10_000_000  # ns between samples
UNKNOWN = "yyyy-mm-ddThh:mm:ss"  # in the place of a moment that a person must give
DECIMAL = re.compile(r"\d+\.\d*")  # which may be a day of the year, but is more often a number
CLOCK_OF_NAME = re.compile(r"(?<!\d)(?P<time>\d{6}|\d{4})(?!\d)")
DATES, CLOCKS = ("%m/%d/%Y", "%d.%m.%Y", "%d/%m/%Y"), ("%H:%M:%S", "%I:%M:%S %p", "%H:%M")
SINCE_PARTS = ("Year", "Month", "Day", "Hour", "Minute", "Second")
SINCE = "{Year}-{Month}-{Day} {Hour}:{Minute}:{Second}"
# Standard name -> what variables are called that mean it, and what they are not called.
GUESSES = {
    "latitude": (r"^lat(i|itude)?(/n)?$|(^|[_/ ])lat(itude)?$|^(gps_?)?lat_|^gps_?lat|latitude", r"ac_?lat|aircraft"),
    "longitude": (
        r"^lon(g|gitude)?(/e)?$|(^|[_/ ])lon(gitude)?$|^(gps_?)?lon_|^gps_?lon|longitude",
        r"ac_?lon|aircraft",
    ),
    "altitude": (
        r"gps.*alt|alt.*(msl|gps)|^alt(itude)?(ref|\[\])?$|^hght$|msl.*alt|geometric.*height|^reference altitude",
        r"press|radar|range",
    ),
    "height_above_reference_ellipsoid": (r"ellip.*height|height.*ellip|wgs.?84.*alt", r"geoid"),
    "barometric_altitude": (r"press.*alt|alt.*press", r"cabin"),
    "geopotential_height": (r"geopot|^gph|^geoz$|^hght$", r"$^"),
    "height": (r"radar.*alt|above ground|(^|_)agl($|_)", r"$^"),
    "air_pressure": (
        r"static.*press|^p(ress|ressure|res)?$|(ambient|air|atmospheric).*press",
        r"cabin|dynamic|vapor|alt",
    ),
    "air_temperature": (
        r"static.*temp|^t(emp|emperature|c|dry)?$|(air|ambient).*temp|dry.bulb",
        r"dew|frost|potential|total|virtual|cabin|theta|surf|target",
    ),
    "dew_point_temperature": (r"dew.*p|^dwpt$|^td$|^dp$", r"depress"),
    "air_potential_temperature": (r"^pot.*temp|potential_temp|^theta$|^thta$", r"equiv|virtual"),
    "virtual_temperature": (r"virtual.*temp|^vt$", r"potential"),
    "relative_humidity": (r"rel.*hum|^rh\b|^rel?h$", r"ice"),
    "humidity_mixing_ratio": (r"^(water.*)?mix.*ratio|^mr$|^mixr$|h2o.*mix", r"volume|^vmr|molar"),
    "wind_speed": (r"wind.*sp(ee)?d|^wspd|^wsp|^spd$|^speed$|^windspd$|^sknt$", r"vert|ground|true.*air|error"),
    "wind_from_direction": (r"wind.*d(i)?r|^wdir|^dir(ection)?$|^drct$", r"error"),
    "eastward_wind": (
        r"^u_?(wi?nd|cmp|comp)?$|u.comp.*wind|eastward wind|zonal wind$|wind vector.*east",
        r"shear|mean",
    ),
    "northward_wind": (
        r"^v_?(wi?nd|cmp|comp)?$|v.comp.*wind|northward wind|meridional wind$|wind vector.*north",
        r"shear|mean",
    ),
    "upward_air_velocity": (r"^w_?(wi?nd|cmp|comp)?$|vert.*wind|wind vector.*vert", r"speed of"),
    "platform_pitch": (r"pitch", r"rate|target"),
    "platform_roll": (r"\broll|_roll", r"rate"),
    "platform_orientation": (r"heading|true.*hdg", r"wind|magnetic"),
    "platform_course": (r"track.*angle|^track$|course", r"wind"),
    "platform_speed_wrt_ground": (r"ground.*sp(ee)?d|^grnd", r"$^"),
    "platform_speed_wrt_air": (r"true.*air.*sp", r"$^"),
    "solar_zenith_angle": (r"(solar|sun).*zen", r"$^"),
    "solar_elevation_angle": (r"(solar|sun).*elev", r"aircraft|ac"),
    "solar_azimuth_angle": (r"(solar|sun).*azi", r"aircraft|ac"),
    "brightness_temperature": (r"^tb\b|^tb_|brightness", r"$^"),
    "equivalent_reflectivity_factor": (r"^(.*/)?dbz|reflectiv", r"height"),
}
# Quantity -> what labels of a header are called that have it of a place.
PLACES = {
    "latitude": r"(^|[^a-z])lat(itude)?($|[^a-z])",
    "longitude": r"(^|[^a-z])long?(itude)?($|[^a-z])",
    "altitude": r"(station|site|release).*(elevation|altitude|height|alt($|_))|^altitude$",
}
SURE = -999  # codes up to here are no values either where nearly all are the same
LATER = re.compile("creat|process|modif|date_?(issued|metadata)|history|revis", re.IGNORECASE)
START = re.compile("start|release|launch|begin", re.IGNORECASE)
# Names in a product that are shorter than the standard one.
SHORT = {"air_pressure": "pressure", "air_temperature": "temperature", "dew_point_temperature": "dew_point"}
MODIFIERS = ("status_flag", " standard_error", " detection_minimum", " number_of_observations")  # of CF, appendix C
ALONE = ("latitude", "longitude", "altitude")  # that a granule has one of
PLATFORMS = {"P3B?": "NASA P-3", "DC-?8": "NASA DC-8", "ER-?2": "NASA ER-2", "GH": "GLOBAL HAWK UAV", "HALO": "HALO"}


def reader_of(path):
    """The name of the reader for a file, by how it begins. Raises ValueError for a format that nobody here knows."""
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(1 << 16).removeprefix(codecs.BOM_UTF8)
    if start.startswith((whole_files.HDF5, CLASSIC)):
        return "aspen" if b"AspenVersion" in start else "netcdf"
    rows = start.splitlines()
    if rows and re.match(rb"\s*\d+[\s,]+(1001|2110|2310)\b", rows[0]):
        return "icartt"
    if any(row.startswith(b"IWG1,") for row in rows[:2]):
        return "iwg1"
    if any(row.startswith(b"AVAPS-") for row in rows[:3]):
        return "avaps"
    if rows and rows[0].startswith(b"Data Type") and any(row.startswith(b"-----") for row in rows):
        return "eol"
    if start.startswith(HDF4):
        raise ValueError(f"{path}: an HDF4 file; right is netCDF or HDF5, which tools of HDF and NCO make of it")
    if re.search(rb"\bXX(AA|BB|CC|DD)\s+\d{5}\s+99\d{3}\s", start):
        return "tempdrop"
    if b"\0" not in start and table.Block.found([text.text(row) for row in rows], {}):
        return "table"
    raise ValueError(
        f"{path}: no ICARTT, IWG1, AVAPS, EOL, TEMP DROP, netCDF, HDF5 or table by how it begins; it needs a reader"
    )


def draft(path):
    """(collection, notes): a collection for files like this one, as the schema has it, and what a person must look at.

    Raises ValueError where the file cannot be read, and what would help.
    """
    path = Path(path)
    form = {
        "names": names_of(path.name),
        "sample_file_name": path.name,
        "reader": reader_of(path),
        "feature": "trajectory",  # by which it is read first
    }
    form["granule"], notes = "{granule}", []
    variables, header = _read(path, form, notes)
    table = table_of(variables, notes)
    named = {table[item.source]["name"]: item for item in variables.values() if item.source in table}
    form["feature"] = feature_of(variables, named, form["reader"], notes)
    if "latitude" not in named or places.is_nowhere(named):
        form["position"] = position_of(header)
        notes.append(
            "no latitude and longitude were found, or none that tell a place; `position` is "
            f"{form['position']}: give degrees in place of 0, labels of the header, or `navigation`"
        )
    form["variables"] = table
    told = {
        label: re.escape(header[label])
        for label in ("Mission", "Project", "Project Name/Platform")
        if header.get(label)
    }
    short_name = re.sub(r"[^a-z]+", "", re.split(r"\d", path.stem)[0].lower()) or "mine"
    drafted = {
        "short_name": short_name,
        "version": "1",
        "title": path.stem,
        "summary": f"What files like {path.name} hold.",
        "project": header.get("Mission") or header.get("Project") or re.split(r"[_ -]", path.name)[0],
        "platform": {"short_name": platform(path.name, header), "long_name": platform(path.name, header)},
        "instrument": {"short_name": instrument(path.name, header), "long_name": instrument(path.name, header)},
        "institution": header.get("Organization") or header.get("institution") or "unknown",
        "keywords": ["EARTH SCIENCE > ATMOSPHERE"],
        **({"header": told} if told else {}),
        "url_path": "{short_name}" + ("/{date}" if "?P<date>" in form["names"] else ""),
        "formats": [form],
        "files": [
            {"regex": r".+\.nc", "bucket": "protected", "type": "data", "sample_file_name": f"{path.stem}.nc"},
            {"regex": r".+\.(umm_g\.json|echo10\.xml|meta\.xml)", "bucket": "private", "type": "metadata",
             "sample_file_name": f"{path.stem}.umm_g.json"},
            {"regex": r".+\.png", "bucket": "public", "type": "browse", "sample_file_name": f"{path.stem}.png"},
            {"regex": r".+", "bucket": "protected", "type": "ancillary", "sample_file_name": path.name},
        ],
    }  # fmt: skip
    notes.append("look at title, summary, project, platform, instrument, institution and keywords: they are guesses")
    return drafted, notes


def feature_of(variables, named, reader_name, notes):
    """The form of the product that variables fit; `named` are those of the table, by their names there."""
    rows = variables["time"].dims[0]
    if _is_grid(named):
        return "grid"
    if "latitude" in named and len(named["latitude"].shape) > 1:
        return "swath"
    if reader_name in ("netcdf", "table") and _goes_back(moments(variables["time"])):
        notes.append("time goes backwards in it: as a swath it keeps its rows in their order, which no trajectory may")
        return "swath"
    if _has_bins(variables, rows) and "altitude" in named and _has_height_of_bins(named["altitude"], rows):
        return "trajectoryProfile"
    if any(
        _is_vertical(item) and _is_of_bins(item, rows) and _is_used(item.dims, variables, rows)
        for item in variables.values()
    ):
        notes.append("it has heights of bins, which are no altitudes: a swath, as CF has no such trajectory")
        return "swath"
    return "trajectory"


def _is_grid(named):
    """Whether latitude and longitude are of dimensions of their own."""
    sides = [named[name] for name in ("latitude", "longitude") if name in named]
    return len({item.dims for item in sides if len(item.shape) == 1 and item.shape[0] > 1}) == 2


def _has_bins(variables, rows):
    return any(item.dims[:1] == (rows,) and len(item.dims) == 2 for item in variables.values())


def _has_height_of_bins(altitude, rows):
    """Whether altitudes are those of bins: the same for all rows, or of each row."""
    return _is_of_bins(altitude, rows) or (altitude.dims[:1] == (rows,) and len(altitude.dims) == 2)


def _is_of_bins(item, rows):
    return len(item.dims) == 1 and item.dims != (rows,)


def _is_used(dims, variables, rows):
    """Whether some variable has the dimensions of another one in each row."""
    return any(item.dims == (rows, *dims) for item in variables.values())


def _is_vertical(item):
    return item.attrs.get("standard_name") in ("height", "depth", "altitude") or "positive" in item.attrs


def _is_hasty(times):
    """Whether times follow faster than instruments measure: hours that were taken for seconds do."""
    steps = np.diff(times[~np.isnat(times)]).astype(np.int64)
    return steps.size > 1 and 0 < np.median(np.abs(steps)) < FASTEST


def _goes_back(times):
    """Whether times go back somewhere, but not throughout."""
    steps = np.diff(times[~np.isnat(times)]).astype(np.int64)
    return bool((steps < 0).any() and (steps > 0).any())


def _read(path, form, notes):
    """(variables, header) of a file by a form without a table; how its time is put together goes to the form."""
    tried = {"variables": {}, "groups": _groups(path.name, form)} | form
    read = reading.reader(form["reader"]).read
    try:
        variables, header, *_ = read(path, tried)
        if any(f"since {epoch}" in variables["time"].attrs["units"] for epoch in LEAPING):
            notes.append(LEAP_SECONDS)
        return variables, header
    except ValueError as error:
        if form["reader"] not in ("netcdf", "table") or "no time" not in str(error):
            raise
    read_so = {}  # how sure a way is, 0 for the most, and what it gives
    for time in _times(clues(path, form["reader"]), tried["groups"]):
        try:
            variables, header, *_ = read(path, tried | {"time": time})
            its = moments(variables["time"])
        except ValueError:
            continue
        unsure = 2 * ("variable" not in time) + (not _is_near(its.min().astype("datetime64[D]"), tried["groups"]))
        unsure += 4 * _is_hasty(its)
        read_so.setdefault(unsure, (time, variables, header))
        if 0 in read_so:
            break
    if not read_so:
        variables, header, *_ = read(path, tried | {"time": {"since": EPOCHS[0]}})
        form["time"] = {"since": UNKNOWN}
        notes.append(
            f"no time was found; put the moment of the file for {UNKNOWN} in `time`, or the variable that has it: "
            "{variable: NAME, units: 'seconds since 2012-09-07'}; docs/collections.md has more ways"
        )
        return variables, header
    form["time"], variables, header = read_so[min(read_so)]
    doubt = ", which is not the day that the file name tells" if min(read_so) % 2 else ""
    alone = "" if {"variable", "parts"} & set(form["time"]) else ", the same moment for every row"
    notes.append(f"time is taken for {form['time']}{alone}{doubt}: see whether that is so")
    if form["time"].get("units", "").endswith(LEAPING):
        notes.append(LEAP_SECONDS)
    return variables, header


def _groups(name, form):
    return {key: value for key, value in re.fullmatch(form["names"], name).groupdict().items() if value}


def _is_near(day, groups):
    """Whether a day is that of the file name, or one next to it; without a date in the name every day is."""
    return "date" not in groups or abs(day - moment(groups["date"]).astype("datetime64[D]")) <= np.timedelta64(1, "D")


def clues(path, reader_name):
    """(columns, labels): the first value, units and all words of each variable of a file by name, and its header."""
    if reader_name == "table":
        columns, header, *_ = table.columns_of(path, {})
        return {name: (column.values[0], column.told.get("units", ""), "") for name, column in columns.items()}, header
    with netcdf_file.opened(path) as file:
        columns = {}
        for name, item in netcdf_file.walk(file):
            if item.dtype is not str and item.dtype.kind in "iuf" and item.size:
                attrs = netcdf_file.attributes(item)
                columns[name] = (np.ravel(item[:1])[0], str(attrs.get("units", "")), " ".join(map(str, attrs.values())))
        return columns, {name: str(file.getncattr(name)) for name in file.ncattrs()}


def _times(told, groups):
    """How the time of a file may be put together, by its `clues`; the likely ways first."""
    columns, header = told
    texts = {name: str(first) for name, (first, *_) in columns.items() if isinstance(first, str)}
    likely = {name: first for name, (first, unit, _) in columns.items() if _is_time(name, unit) and name not in texts}
    yield from ({"variable": name} for name, (_, unit, _) in columns.items() if " since " in unit)
    for name, form in itertools.product(columns, DIGITS):
        if "date" in groups and DIGITS[form].search(name) and name not in texts:
            yield {"variable": name, "units": f"{form} since {{date}}"}
    for day, clock in itertools.permutations(columns, 2):
        if TIME_OF_DAY.fullmatch(texts.get(clock, "")) and _is_day(columns[day][0]):
            yield {"variable": [day, clock]}
    yield from ({"variable": name} for name, word in texts.items() if _is_moment(word))
    for form, clock in itertools.product(DATES, CLOCKS):
        for names in (*((name,) for name in texts), *itertools.permutations(texts, 2)):
            if _is_of_form(" ".join(texts[name] for name in names), f"{form} {clock}"):
                yield {"variable": list(names), "format": f"{form} {clock}"}
    atomic = [name for name in likely if "tai93" in f"{name} {columns[name][2]}".lower()]
    yield from ({"variable": name, "units": f"seconds since {EPOCHS[2]}"} for name in atomic)
    for epoch, (unit, scale), name in itertools.product(EPOCHS, COUNTED.items(), likely):
        if UNIX[0] < float(likely[name]) * scale < UNIX[1] and (epoch == EPOCHS[0] or "date" in groups):
            yield {"variable": name, "units": f"{unit} since {epoch}"}
    starts = [label for label, value in header.items() if _is_moment(value) and not LATER.search(label)]
    starts = [label for label in starts if not DECIMAL.fullmatch(header[label].strip())]
    starts.sort(key=lambda label: not START.search(label))
    if set(SINCE_PARTS) <= set(header):
        starts.insert(0, SINCE)
    clocks = [name for name, word in texts.items() if TIME_OF_DAY.fullmatch(word)]
    for name in sorted([*clocks, *likely], key=lambda name: "offset" not in name.lower()):
        yield from ({"variable": name, "since": label} for label in starts)
        if "date" in groups and name in clocks:
            yield {"variable": name, "since": "{date}"}
        elif "date" in groups:
            words = columns[name][1].split() or ["seconds"]
            unit = UNITS.get(words[0].lower(), columns[name][1])  # such as `Hours UTC`
            is_from_launch = "time" in groups and unit[:1] == "s" and 0 <= likely[name] < AT_LAUNCH
            yield {"variable": name, "units": f"{unit} since {{date}}" + ("T{time}" if is_from_launch else "")}
            if not columns[name][1]:
                yield {"variable": name, "units": "hours since {date}"}
    # Of what has no times of its rows: the moment that the header or the file name tells.
    yield from ({"since": label} for label in starts if START.search(label))
    if "date" in groups:
        yield {"since": "{date}T{time}" if "time" in groups else "{date}"}


def _is_time(name, unit):
    if unit in SECONDS and re.fullmatch("t|sec.*|elapsed.*", name, re.IGNORECASE):
        return True
    return "time" in name.lower() or (unit.lower() in UNITS and re.search("utc|gmt", name, re.IGNORECASE) is not None)


def _is_day(first):
    return _is_moment(first if isinstance(first, str) else f"{first:.0f}")


def _is_of_form(text, form):
    try:
        datetime.datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _is_moment(text):
    try:
        moment(text.strip())
    except ValueError:
        return False
    return True


def position_of(header):
    """`position` of a format: labels of the header that look like it, or 0, where a person must give numbers."""
    position = {}
    for name, called in PLACES.items():
        likely = [label for label in header if re.search(called, label, re.IGNORECASE)]
        if name != "altitude":
            likely += [label for label in header if re.search("location|position", label, re.IGNORECASE)]
        position[name] = next((label for label in likely if _is_place(header, label, name)), 0)
    return {name: place for name, place in position.items() if place or name != "altitude"}


def _is_place(header, label, name):
    try:
        return abs(places.told(header, label, name, "")) <= {"latitude": 90, "longitude": 360}.get(name, 9000)
    except ValueError:
        return False


def codes_of(item):
    """Values of a variable that look like codes for missing ones: extremes that are such codes, far off the rest."""
    if item.is_text or not item.dims or item.dtype.kind not in "iuf" or item.shape[0] == 0:
        return []

    def is_code(value):
        return _is_code(value) or _is_code(float(f"{item.physical(value):.5g}"))

    stored = np.concatenate([np.ravel(block) for _, _, block in item.blocks()])
    values = np.unique(stored[~item.missing(stored) & np.isfinite(stored)])
    likely = dict.fromkeys([*itertools.takewhile(is_code, values), *itertools.takewhile(is_code, values[::-1])])
    rest = values[~np.isin(values, list(likely))]
    if values.size < 3 or not rest.size:  # there is no spread to tell what is far off
        return [value.item() for value in likely if value <= SURE]
    spread = float(rest[-1]) - float(rest[0])
    return [value.item() for value in likely if np.abs(rest.astype(np.float64) - float(value)).min() > spread]


def _is_code(value):
    """Whether a number is of nines alone, from -99 and 999 on, -7777 or -8888, or an end of what an integer can be."""
    digits = f"{abs(float(value)):.10g}".replace(".", "")
    nines = set(digits) == {"9"} and len(digits) >= (2 if value < 0 else 3)
    limits = set(digits) in ({"7"}, {"8"}) and len(digits) >= 4 and value < 0
    return nines or limits or abs(float(value)) > 1e30 or value in (-32768, -32767, 32767, 65535, -(2**31), 2**31 - 1)


def table_of(variables, notes):
    """The table of variables: those whose quantity is known or guessed, by their names in the source."""
    table, taken, unmapped, coded, supposed = {}, {"time"}, [], [], []
    if codes := codes_of(variables["time"]):
        table[variables["time"].source] = {"name": "time", "long_name": "time", "fill": codes}
        coded.append(f"{variables['time'].source} ({', '.join(f'{code:g}' for code in codes)})")
    rows = variables["time"].dims
    for name, item in sorted(variables.items(), key=lambda pair: pair[1].dims[:1] != rows):  # these are the granule's
        if name in ("time", "pixel_time") or not item.source:
            continue
        standard_name = item.attrs.get("standard_name") or guess(item)
        if standard_name.endswith(MODIFIERS):
            standard_name = ""  # what is told of a quantity keeps its own name
        if codes := codes_of(item):
            coded.append(f"{item.source} ({', '.join(f'{code:g}' for code in codes)})")
        fill = {"fill": codes[0] if len(codes) == 1 else codes} if codes else {}
        if not standard_name or item.is_text or "source_units" in item.attrs:  # units that UDUNITS does not know
            unmapped.append(item.source)
            if fill and "source_units" not in item.attrs:
                kept = {key: item.attrs[key] for key in ("long_name", "units", "standard_name") if key in item.attrs}
                table[item.source] = {"name": name} | kept | fill
                taken.add(name)
            continue
        short = SHORT.get(standard_name, standard_name)
        if short in taken:
            if standard_name in ALONE:
                unmapped.append(item.source)
                continue
            short = name if name not in taken else f"{short}_2"
        taken.add(short)
        entry = {"name": short, "standard_name": standard_name, "long_name": item.attrs.get("long_name", item.source)}
        entry |= _units(_without(item, codes) if codes else item, standard_name) | fill
        if not item.attrs.get("units"):
            supposed.append(f"{item.source} ({entry['units']})")
        if standard_name == "altitude":
            entry["positive"] = "up"
        table[item.source] = entry
    table = dict(sorted(table.items(), key=lambda pair: pair[1]["name"] not in ALONE))
    if supposed:
        notes.append(f"units that the file does not tell are supposed: {', '.join(supposed)}")
    if coded:
        notes.append(f"values that look like codes for missing ones are `fill` now: {', '.join(coded)}")
    if unmapped:
        notes.append(f"without a place in the table, kept under their own names: {', '.join(unmapped)}")
    return table


def _without(item, codes):
    """The same variable, in which codes are missing values as well."""
    fill = item.dtype.type(codes[0] if item.fill is None else item.fill)

    def read(first, last):
        stored = item.read(first, last)
        return np.where(np.isin(stored, codes), fill, stored)

    return replace(item, fill=fill, read=read)


def _units(item, standard_name):
    """The units of an entry: those of the source, in the spelling of UDUNITS."""
    if standard_name in ("latitude", "longitude"):
        return {"units": "degrees_north" if standard_name == "latitude" else "degrees_east"}
    its_units = item.attrs.get("units") or _supposed(item, standard_name)
    return {"units": "degree" if its_units in ("degrees", "deg") else "percent" if its_units == "%" else its_units}


def _supposed(item, standard_name):
    """Units that a variable most likely has: the first of which its values are possible, as most files have them."""
    canonical = collection.standard_names().get(standard_name, "1")
    usual = {"K": ["degC"], "Pa": ["hPa"]}.get(canonical, ["percent"] if standard_name == "relative_humidity" else [])
    low, high = item.extremes()
    for its_units in usual:
        told = replace(item, attrs={"standard_name": standard_name, "units": its_units})
        possible = possible_range(told)
        if possible and possible[0] <= low and high <= possible[1]:
            return its_units
    return canonical


def guess(item):
    """The standard name that a variable most likely has, by its name and units, or ""."""
    words = [item.source.rpartition("/")[2].lower(), str(item.attrs.get("long_name", "")).lower()]
    its_units = item.attrs.get("units", "")
    if is_about(item):
        return ""
    if (told := item.attrs.get("source_standard_name")) in ("latitude", "longitude"):
        return told
    for word in words:
        for standard_name, (called, not_called) in GUESSES.items():
            named = re.search(called, word) and not any(re.search(not_called, one) for one in words)
            if named and (not its_units or _fits(its_units, collection.standard_names().get(standard_name, "1"))):
                return standard_name
    return ""


def _fits(its_units, canonical):
    try:
        return units.conversion(its_units, canonical) is not None
    except ValueError:
        return False


def names_of(name):
    """An expression for names like this one: its date and time are groups, other numbers may be others."""
    stem, dot, ending = name.rpartition(".") if re.search(r"\.[A-Za-z]\w{0,4}$", name) else (name, "", "")
    stamps = (match for form in STAMPS for match in form.finditer(stem))
    stamp = next((match for match in stamps if _is_moment(match["date"])), None)
    if stamp is None:
        return f"(?P<granule>{_alike(stem)}){re.escape(dot + ending)}"
    before, inside, after = stem[: stamp.start()], _grouped(stamp), _alike(stem[stamp.end() :])
    clock = None if stamp["time"] else CLOCK_OF_NAME.search(stem, stamp.end())
    if clock:
        after = _alike(stem[stamp.end() : clock.start()]) + _grouped(clock) + _alike(stem[clock.end() :])
    return f"(?P<granule>{_alike(before)}{inside}{after}){re.escape(dot + ending)}"


def _grouped(match):
    """The text of a match as an expression, with its groups."""
    parts, end = [], match.start()
    for group in (name for name, value in match.groupdict().items() if value):
        parts += [_alike(match.string[end : match.start(group)]), f"(?P<{group}>{_of_digits(match[group])})"]
        end = match.end(group)
    return "".join([*parts, _alike(match.string[end : match.end()])])


def _of_digits(text):
    """An expression for a text with as many digits in the same places."""
    return re.sub(r"\d+", lambda digits: rf"\d{{{len(digits[0])}}}", re.escape(text))


def _alike(text):
    """An expression for a text with other numbers in it."""
    return "".join(r"\d+" if part.isdigit() else re.escape(part) for part in re.split(r"(\d+)", text))


def platform(name, header):
    """The aircraft, by what the file and its header call it."""
    text = " ".join((name, *map(str, header.values())))[:4000]
    named = next(
        (
            aircraft
            for called, aircraft in PLATFORMS.items()
            if re.search(rf"(^|[^A-Za-z0-9]){called}([^A-Za-z0-9]|$)", text)
        ),
        None,
    )
    return named or str(header.get("PlatformType") or "unknown")


def instrument(name, header):
    """The instrument, by what the header calls it, or by the second word of the file name."""
    words = re.split(r"[_. ]", name)
    return (header.get("Data source") or (words[1] if len(words) > 1 else words[0]))[:80]


def written(drafted, notes):
    """A draft as YAML that a person edits: a line for each variable, and what to look at on top."""
    lines = ["# A draft by `darkroom collection`. Look at:", *(f"# - {note}" for note in notes)]
    plain = {key: value for key, value in drafted.items() if key not in ("formats", "files")}
    lines.append(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110).rstrip())
    lines.append("formats:")
    for form in drafted["formats"]:
        rest = {key: value for key, value in form.items() if key != "variables"}
        text = yaml.safe_dump([rest], sort_keys=False, allow_unicode=True, width=200).rstrip()
        lines += [f"  {line}" for line in text.splitlines()]
        lines.append("    variables:" if form["variables"] else "    variables: {}")
        lines += [f"      {flow(source)}: {flow(entry)}" for source, entry in form["variables"].items()]
    lines.append("files:")
    lines += [f"  - {flow(entry)}" for entry in drafted["files"]]
    return "\n".join(lines) + "\n"


def flow(value):
    """A value of YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def told(granule):
    """Lines that say what a collection keeps, flags and lacks of a granule."""
    extent = granule.extent
    feature = granule.feature or ("grid" if granule.is_grid else "swath")
    yield f"{granule.id}: {granule.collection['short_name']}, {feature}, {len(granule.times)} rows"
    sides = ", ".join(f"{side:g}" for side in extent.box)
    yield f"  from {time_text(extent.begin)} to {time_text(extent.end)}; west, south, east, north: {sides}"
    mapped = {source for form in granule.collection["formats"] for source in form["variables"]}
    yield "  kept:"
    for name, item in granule.variables.items():
        if name.endswith("_status"):
            continue
        how = "" if item.source in mapped or not item.source or name == "time" else "  (not in the table)"
        yield f"    {item.source or '-'} -> {name}: {figures(item)}{how}"
    left = sorted(mapped - {item.source for item in granule.variables.values()})
    if left:
        yield f"  in the table, but not in the file: {', '.join(left[:20])}"
    yield "  flagged:" if granule.flags else "  nothing is flagged"
    yield from (f"    {flag['flag']}: {flag['note']}" for flag in granule.flags)


def figures(item):
    """Units, range and number of missing values of a variable."""
    if item.is_text:
        return "text"
    low, high = item.extremes()
    total = int(np.prod(item.shape, dtype=np.int64))
    missing = sum(int(item.missing(stored).sum()) for _, _, stored in item.blocks())
    span = "all missing" if np.isnan(low) else f"{low:g} to {high:g}"
    lost = f", {missing} of {total} missing" if missing else ""
    return f"{span} {item.attrs.get('units', '')}".rstrip() + lost
