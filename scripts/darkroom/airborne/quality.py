"""What can be said of a granule's product without its source: ranges, gaps, order, positions; is its metadata valid."""

import functools
import json
from pathlib import Path

import jsonschema
import numpy as np
from lxml import etree

from darkroom import files
from darkroom.airborne import extent

GAP = 10  # times the median step in time that a gap is longer than
FASTEST = 350.0  # m/s over ground that no aircraft or sonde of the collections goes beyond
SLACK = 1000.0  # m that positions may be off by their rounding
SCHEMAS = {"json": "umm-g-json-schema-v1.6.6.json", "xml": "Granule.xsd"}


def assess(granule):
    """Figures and flags of a product (see `product.opened`), as a dict: `time`, `positions`, `variables`, `flags`."""
    times, latitude, longitude = granule.positions()
    apart = granule.is_flight_of_sondes
    figures = {
        "time": of_time(times, apart),
        "positions": of_positions(times, latitude, longitude, apart),
        "variables": {name: of_values(one) for name, one in granule.variables.items() if not one.is_text},
    }
    return figures | {"flags": list(flags(figures))}


def of_time(times, apart=False):
    """Begin and end, how often time stands or goes back, and gaps longer than `GAP` median steps.

    times -- datetime64[ns], NaT where missing; those of `apart` soundings have no gaps
    """
    moments = times[~np.isnat(times)]
    steps = np.diff(moments) / np.timedelta64(1, "s")
    forward = steps[steps > 0]
    median = float(np.median(forward)) if forward.size else 0.0
    limit = np.inf if apart or forward.size < 3 else GAP * median
    gaps = np.flatnonzero(steps > limit)
    return {
        "rows": times.size,
        "missing": int(times.size - moments.size),
        "begin": str(moments.min()) if moments.size else None,
        "end": str(moments.max()) if moments.size else None,
        "backward": int((steps < 0).sum()),
        "repeated": int((steps == 0).sum()),
        "median_step_s": round(median, 6),
        "gaps": [{"after": str(moments[index]), "seconds": round(float(steps[index]), 3)} for index in gaps],
    }


def of_positions(times, latitude, longitude, apart=False):
    """How many positions are missing, off the Earth, at 0 N 0 E, or too far from the one before to be reached.

    latitude, longitude -- degrees (row,) or (row, spot), NaN where missing
    """
    missing = np.isnan(latitude) | np.isnan(longitude)
    good, at_zero = extent.good(latitude, longitude), (latitude == 0) & (longitude == 0)
    figures = {
        "count": int(latitude.size),
        "missing": int(missing.sum()),
        "off_the_earth": int((~missing & ~good & ~at_zero).sum()),
        "at_zero": int(at_zero.sum()),
        "jumps": 0,
    }
    if latitude.ndim == 1 and not apart:
        placed = good & ~np.isnat(times)
        places = extent.on_sphere(longitude[placed], latitude[placed])
        seconds = np.abs(np.diff(times[placed]) / np.timedelta64(1, "s"))
        far = extent.EARTH * extent.angle(places[1:], places[:-1]) > FASTEST * seconds + SLACK
        figures["jumps"] = int(far.sum())
    return figures


def of_values(variable):
    """How many values of a variable there are, are missing, and are outside of `valid_range`; least and greatest.

    Ranges are those of stored values, as CF has it (2.5.1); least and greatest are in the variable's units.
    """
    count = missing = outside = 0
    ends = []
    low, high = valid_range(variable)
    for _, _, stored in variable.blocks():
        gone = variable.missing(stored)
        measured = stored[~gone]
        count, missing = count + stored.size, missing + int(gone.sum())
        outside += int(((measured < low) | (measured > high)).sum())
        if measured.size:
            ends += [measured.min(), measured.max()]
    least, greatest = map(float, variable.physical([min(ends), max(ends)])) if ends else (None, None)
    figures = {"count": count, "missing": missing, "least": least, "greatest": greatest}
    return figures | ({"out_of_range": outside} if np.isfinite([low, high]).any() else {})


def valid_range(variable):
    """Least and greatest stored value that a variable says can be right; infinite where it says nothing."""
    low, high = variable.attrs.get("valid_range", (-np.inf, np.inf))
    return variable.attrs.get("valid_min", low), variable.attrs.get("valid_max", high)


def flags(assessed):
    """What is odd, as dicts of a word and a sentence."""
    time, places = assessed["time"], assessed["positions"]
    notes = {
        "no_time": (time["missing"], "rows have no time"),
        "time_order": (time["backward"], "times are before the one that they follow"),
        "repeated_time": (time["repeated"], "times are the same as the one before"),
        "gaps": (len(time["gaps"]), f"gaps are longer than {GAP} times the median step of {time['median_step_s']:g} s"),
        "off_the_earth": (places["off_the_earth"], "positions are not on the Earth"),
        "zero_position": (places["at_zero"], "positions are exactly 0 N 0 E"),
        "jumps": (places["jumps"], f"positions cannot be reached from the one before at {FASTEST:g} m/s"),
    }
    yield from ({"flag": flag, "note": f"{number} {text}"} for flag, (number, text) in notes.items() if number)
    if places["missing"]:
        yield {"flag": "no_position", "note": f"{places['missing']} of {places['count']} positions are missing"}
    for name, figures in assessed["variables"].items():
        if figures.get("out_of_range"):
            yield {"flag": "range", "note": f"{figures['out_of_range']} values of {name} are out of its valid range"}


def invalid(path, kind, schemas=""):
    """What is wrong with a metadata file, as lines; none when it is valid.

    kind -- its ending, such as `umm_g.json` or `echo10.xml`
    schemas -- folder of CMR's schemas; without it only the structure is checked
    """
    content = Path(path).read_bytes()
    kind = kind.rpartition(".")[2]
    if kind == "json":
        record = json.loads(content)
        yield from structure(record)
        if schemas:
            errors = json_validator(Path(schemas, SCHEMAS[kind])).iter_errors(record)
            yield from (f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors)
    else:
        try:
            document = etree.fromstring(content)
        except etree.XMLSyntaxError as error:
            yield f"no XML: {error}"
            return
        if schemas:
            schema = xml_schema(Path(schemas, SCHEMAS[kind]))
            schema.validate(document)
            yield from (f"line {error.line}: {error.message}" for error in schema.error_log)


@functools.cache
def json_validator(path):
    return jsonschema.Draft7Validator(files.read_json(path), format_checker=jsonschema.FormatChecker())


@functools.cache
def xml_schema(path):
    return etree.XMLSchema(etree.parse(path))


def structure(record):
    """What CMR refuses although its schema does not: times that go back, lines and rings that it cannot draw."""
    times = record["TemporalExtent"]["RangeDateTime"]
    begin, end = (np.datetime64(times[key].removesuffix("Z")) for key in ("BeginningDateTime", "EndingDateTime"))
    if end < begin:
        yield f"the granule ends at {end}, before it begins at {begin}"
    geometry = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]
    for number, line in enumerate(geometry.get("Lines", [])):
        if repeats(line["Points"]):
            yield f"line {number} has a point twice"
    for number, polygon in enumerate(geometry.get("GPolygons", [])):
        ring = polygon["Boundary"]["Points"]
        if ring[0] != ring[-1] or repeats(ring[1:]):
            yield f"ring {number} is not closed or has a point twice"
        elif area(ring) <= 0:
            yield f"ring {number} is not counter-clockwise"


def repeats(points):
    places = [(point["Longitude"], point["Latitude"]) for point in points]
    return len(set(places)) < len(places)


def area(ring):
    """Signed area of a ring in the plane of longitude and latitude; positive is counter-clockwise."""
    x, y = (np.array([point[key] for point in ring]) for key in ("Longitude", "Latitude"))
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
