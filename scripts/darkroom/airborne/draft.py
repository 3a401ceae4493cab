"""A draft of a collection from one of its files, and what a collection would make of a file."""

import re
from pathlib import Path

import numpy as np
import yaml

from darkroom.airborne import collection, reading, units
from darkroom.airborne.extent import time_text
from darkroom.airborne.times import moment

HDF5, CLASSIC = b"\x89HDF\r\n\x1a\n", b"CDF"
EPOCH = "seconds since 1970-01-01"
UNIX = (3e8, 4e9)  # seconds of 1979 to 2096: what a time without units most often is
# Standard name -> what variables are called that mean it, and what they are not called.
GUESSES = {
    "latitude": (r"^lat(i|itude)?$|(^|[_/ ])lat(itude)?$|^gps_?lat|latitude", r"ac_?lat|aircraft"),
    "longitude": (r"^lon(g|gitude)?$|(^|[_/ ])long?(itude)?$|^gps_?lon|longitude", r"ac_?lon|aircraft"),
    "altitude": (r"gps.*alt|alt.*(msl|gps)|^alt(itude)?$|^hght$|msl.*alt|geometric.*height", r"press|radar|range"),
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
    "humidity_mixing_ratio": (r"^(water.*)?mix.*ratio|^mr$|^mixr$|h2o.*mix", r"$^"),
    "wind_speed": (r"wind.*sp(ee)?d|^wspd|^wsp|^spd$|^speed$|^windspd$|^sknt$", r"vert|ground|true.*air|error"),
    "wind_from_direction": (r"wind.*d(i)?r|^wdir|^dir(ection)?$|^drct$", r"error"),
    "eastward_wind": (r"^u_?(wi?nd|cmp|comp)?$|u.comp.*wind|eastward wind|zonal wind$", r"shear|mean"),
    "northward_wind": (r"^v_?(wi?nd|cmp|comp)?$|v.comp.*wind|northward wind|meridional wind$", r"shear|mean"),
    "upward_air_velocity": (r"^w_?(wi?nd|cmp|comp)?$|vert.*wind", r"speed of"),
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
START = re.compile("start|release|launch|begin", re.IGNORECASE)
# Names in a product that are shorter than the standard one.
SHORT = {"air_pressure": "pressure", "air_temperature": "temperature", "dew_point_temperature": "dew_point"}
ALONE = ("latitude", "longitude", "altitude")  # that a granule has one of
PLATFORMS = {"P3B?": "NASA P-3", "DC-?8": "NASA DC-8", "ER-?2": "NASA ER-2", "GH": "GLOBAL HAWK UAV", "HALO": "HALO"}


def reader_of(path):
    """The name of the reader for a file, by how it begins. Raises ValueError for a format that nobody here knows."""
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if start.startswith((HDF5, CLASSIC)):
        return "aspen" if b"AspenVersion" in start else "netcdf"
    rows = start.splitlines()
    if rows and re.match(rb"\s*\d+\s*,\s*(1001|2110|2310)\b", rows[0]):
        return "icartt"
    if any(row.startswith(b"IWG1,") for row in rows[:2]):
        return "iwg1"
    if any(row.startswith(b"AVAPS-") for row in rows[:3]):
        return "avaps"
    if any(row.startswith(b"-----") for row in rows):
        return "eol"
    raise ValueError(
        f"{path}: no ICARTT, IWG1, AVAPS, EOL, netCDF or HDF5 by how it begins; it needs a reader of its own"
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
        "feature": "trajectory",
    }
    form["granule"], notes = "{granule}", []
    variables, header = _read(path, form, notes)
    table = table_of(variables, notes)
    rows = variables["time"].dims[0]
    place = next((item for item in variables.values() if table.get(item.source, {}).get("name") == "latitude"), None)
    if place is not None and len(place.shape) > 1:
        form["feature"] = "swath"
    elif any(item.dims[:1] == (rows,) and len(item.dims) == 2 for item in variables.values()) and _bins(
        variables, table
    ):
        form["feature"] = "trajectoryProfile"
    if place is None:
        form["position"] = {"latitude": 0, "longitude": 0}
        notes.append(
            "no latitude and longitude were found: give numbers or labels of the header in `position`, or `navigation`"
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
            {"regex": r".+", "bucket": "protected", "type": "ancillary", "sample_file_name": path.name},
        ],
    }  # fmt: skip
    notes.append("look at title, summary, project, platform, instrument, institution and keywords: they are guesses")
    return drafted, notes


def _read(path, form, notes):
    """(variables, header) of a file by a form without a table; how its time is put together goes to the form."""
    tried = {"variables": {}, "groups": _groups(path.name, form)} | form
    read = reading.reader(form["reader"]).read
    try:
        variables, header, *_ = read(path, tried)
        return variables, header
    except ValueError as error:
        if form["reader"] != "netcdf" or "no time" not in str(error):
            raise
    for time in _times(path, tried["groups"]):
        try:
            variables, header, *_ = read(path, tried | {"time": time})
        except ValueError:
            continue
        form["time"] = time
        notes.append(f"time is taken for {time}: see whether that is so")
        return variables, header
    raise ValueError(f"{path}: no time was found; tell `time` in the format by hand (see the tutorial)")


def _groups(name, form):
    return {key: value for key, value in re.fullmatch(form["names"], name).groupdict().items() if value}


def _times(path, groups):
    """How the time of a netCDF or HDF5 file may be put together, the likely ways first."""
    import netCDF4

    def walk(group, above=""):
        for name, item in group.variables.items():
            yield above + name, item
        for name, inner in group.groups.items():
            yield from walk(inner, f"{above}{name}/")

    with netCDF4.Dataset(path) as file:
        likely = {
            name: item for name, item in walk(file) if "time" in name.lower() and item.dtype.kind in "iuf" and item.size
        }
        attributes = [name for name in file.ncattrs() if _is_moment(str(file.getncattr(name)))]
        for name, item in likely.items():
            first = float(np.ravel(item[:1])[0])
            if UNIX[0] < first < UNIX[1]:
                yield {"variable": name, "units": EPOCH}
        for name in sorted(likely, key=lambda name: "offset" not in name.lower()):
            for label in sorted(
                attributes, key=lambda label: not re.search("start|release|launch|begin", label, re.IGNORECASE)
            ):
                yield {"variable": name, "since": label}
            if "date" in groups:
                unit = str(getattr(likely[name], "units", "seconds")) or "seconds"
                yield {"variable": name, "units": f"{unit} since {{date}}"}
        if "date" in groups:  # of a sounding without times of its levels
            yield {"since": "{date}T{time}" if "time" in groups else "{date}"}


def _is_moment(text):
    try:
        moment(text.strip())
    except ValueError:
        return False
    return True


def _bins(variables, table):
    return any(
        table.get(item.source, {}).get("name") == "altitude" and len(item.shape) == 1 for item in variables.values()
    )


def table_of(variables, notes):
    """The table of variables: those whose quantity is known or guessed, by their names in the source."""
    table, taken, unmapped = {}, {"time"}, []
    for name, item in variables.items():
        if name in ("time", "pixel_time") or not item.source:
            continue
        standard_name = item.attrs.get("standard_name") or guess(item)
        if not standard_name or item.is_text or "source_units" in item.attrs:  # units that UDUNITS does not know
            unmapped.append(item.source)
            continue
        short = SHORT.get(standard_name, standard_name)
        if short in taken:
            if standard_name in ALONE:
                unmapped.append(item.source)
                continue
            short = name if name not in taken else f"{short}_2"
        taken.add(short)
        entry = {"name": short, "standard_name": standard_name, "long_name": item.attrs.get("long_name", item.source)}
        entry |= _units(item, standard_name)
        if standard_name == "altitude":
            entry["positive"] = "up"
        table[item.source] = entry
    table = dict(sorted(table.items(), key=lambda pair: pair[1]["name"] not in ALONE))
    if unmapped:
        notes.append(f"without a place in the table, kept under their own names: {', '.join(unmapped)}")
    return table


def _units(item, standard_name):
    """The units of an entry: those of the source, in the spelling of UDUNITS."""
    if standard_name in ("latitude", "longitude"):
        return {"units": "degrees_north" if standard_name == "latitude" else "degrees_east"}
    found = item.attrs.get("units") or collection.standard_names().get(standard_name, "1")
    return {"units": "degree" if found in ("degrees", "deg") else "percent" if found == "%" else found}


def guess(item):
    """The standard name that a variable most likely has, by its name and units, or ""."""
    words = [item.source.rpartition("/")[2].lower(), str(item.attrs.get("long_name", "")).lower()]
    its_units = item.attrs.get("units", "")
    for text in words:
        for standard_name, (called, not_called) in GUESSES.items():
            named = re.search(called, text) and not any(re.search(not_called, word) for word in words)
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
    parts, seen = [], set()
    for part in re.split(r"(\d+)", stem):
        group = {8: "date", 6: "time", 4: "time"}.get(len(part)) if part.isdigit() else None
        if group == "time" and "date" not in seen:
            group = None
        if group == "date" and not _is_moment(part):
            group = None
        if group and group not in seen:
            seen.add(group)
            parts.append(rf"(?P<{group}>\d{{{len(part)}}})")
        else:
            parts.append(r"\d+" if part.isdigit() else re.escape(part))
    ends = re.escape(dot + ending)
    return f"(?P<granule>{''.join(parts)}){ends}"


def platform(name, header):
    """The aircraft, by what the file and its header call it."""
    text = " ".join((name, *map(str, header.values())))[:4000]
    found = next(
        (known for called, known in PLATFORMS.items() if re.search(rf"(^|[^A-Za-z0-9]){called}([^A-Za-z0-9]|$)", text)),
        None,
    )
    return found or str(header.get("PlatformType") or "unknown")


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
        lines.append("    variables:")
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
    yield f"{granule.id}: {granule.collection['short_name']}, {granule.feature or 'swath'}, {len(granule.times)} rows"
    sides = ", ".join(f"{side:g}" for side in extent.box)
    yield f"  from {time_text(extent.begin)} to {time_text(extent.end)}; west, south, east, north: {sides}"
    known = {source for form in granule.collection["formats"] for source in form["variables"]}
    yield "  kept:"
    for name, item in granule.variables.items():
        if name.endswith("_status"):
            continue
        how = "" if item.source in known or not item.source or name == "time" else "  (not in the table)"
        yield f"    {item.source or '-'} -> {name}: {figures(item)}{how}"
    left = sorted(known - {item.source for item in granule.variables.values()})
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
