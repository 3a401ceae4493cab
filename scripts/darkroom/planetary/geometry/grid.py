"""The one grid of a map: what was asked for, in the conventions of the map, and that it is worth its images."""

import math

from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry import projection

LATITUDES = {"planetocentric": "Planetocentric", "planetographic": "Planetographic"}


def given(options):
    """Keywords of a template that the options of a map give: those of its template, or of its other options; `basemap`
    has those of the CRS that the maps of a campaign share (see `basemap.keywords`).

    A range of longitudes tells its domain: where it goes below 0 that is 180, else 360 where that holds it.

    Raises ValueError for a range that is none, or that runs across the seams of both domains.
    """
    if options["template"]:
        return in_its_domain(projection.read_template(options["template"]))
    keywords = {
        "ProjectionName": projection.name_of(options["projection"]),
        "LatitudeType": LATITUDES[options["latitude_type"]],
    }
    shared = options.get("basemap", {})
    options = options | ({"domain": int(shared["LongitudeDomain"])} if "LongitudeDomain" in shared else {})
    if "domain" in options:
        keywords["LongitudeDomain"] = str(options["domain"])
    if "latitude" in options:
        low, high = options["latitude"]
        if not -90 <= low < high <= 90:
            raise ValueError(f"map.latitude [{low:g}, {high:g}]: the first must be below the second, from -90 to 90")
        keywords |= {"MinimumLatitude": low, "MaximumLatitude": high, "CenterLatitude": (low + high) / 2}
    if "longitude" in options:
        low, high, domain = in_domain(*options["longitude"], options.get("domain"))
        keywords |= {"MinimumLongitude": low, "MaximumLongitude": high, "CenterLongitude": (low + high) / 2}
        keywords["LongitudeDomain"] = str(domain)
    for axis in ("latitude", "longitude"):
        if f"center_{axis}" in options:
            keywords[f"Center{axis.capitalize()}"] = options[f"center_{axis}"]
    if "pole" in options:
        keywords |= dict(zip(projection.POLE, options["pole"], strict=True))
    if "resolution" in options:
        keywords["PixelResolution"] = pvl.Quantity(options["resolution"], "meters/pixel")
    return keywords | shared


def require_body(given, target):
    """Raise ValueError when a map is of another body than its image."""
    body = given.get("TargetName", target)
    if target and str(body).lower() != str(target).lower():
        raise ValueError(f"the map is of {body}, by its map.crs or template; the image shows {target}")


def in_its_domain(template):
    """A template whose longitudes are those of its domain; one that says none has the domain of its range."""
    if not {"MinimumLongitude", "MaximumLongitude"} <= template.keys():
        return template
    low, high = (float(template[f"{end}Longitude"]) for end in ("Minimum", "Maximum"))
    if "LongitudeDomain" in template:
        first = 0 if str(template["LongitudeDomain"]) == "360" else -180
        beside = low < high and (high <= first or low >= first + 360)
        turn = 360 * math.floor((low - first) / 360) if beside else 0
        return template | {"MinimumLongitude": low - turn, "MaximumLongitude": high - turn}
    low, high, domain = in_domain(low, high)
    return template | {"MinimumLongitude": low, "MaximumLongitude": high, "LongitudeDomain": str(domain)}


def in_domain(low, high, domain=None):
    """A range of longitudes within a domain, and that domain: by default the one it is written in, else one that fits.

    Raises ValueError when it is empty, longer than a circle, or across the seam.
    """
    if not low < high <= low + 360:
        raise ValueError(f"map.longitude [{low:g}, {high:g}]: the first must be below the second, by at most 360")
    firsts = {360: 0, 180: -180}
    domains = [180, 360] if low < 0 else [360, 180]
    if domain:
        domains = [domain]
    for each in domains:
        first = firsts[each]
        turned = low if first <= low and high <= first + 360 else (low - first) % 360 + first
        if turned + (high - low) <= first + 360:
            return turned, turned + (high - low), each
    across = f"the seam of map.domain {domain}" if domain else "0 and 180 degrees, where maps begin"
    raise ValueError(f"map.longitude [{low:g}, {high:g}]: runs across {across}; give a part of it, or all 360 degrees")


def group(template, keywords):
    """The group Mapping of a map: what was found of its images, with what was asked for on top."""
    if {"PixelResolution", "Scale"} & keywords.keys():
        template = {key: value for key, value in template.items() if key not in ("PixelResolution", "Scale")}
    flat = template["ProjectionName"] not in projection.WITH_LATITUDE
    return template | {key: value for key, value in keywords.items() if not (flat and key == "CenterLatitude")}


def require_worth(mapping, pixels, largest):
    """Raise ValueError when a map has more pixels than so many for each of its images'.

    pixels -- of all images together, one band
    """
    if mapping.lines * mapping.samples <= largest * pixels:
        return
    south, north, west, east = mapping.bounds
    raise ValueError(
        f"a map of {mapping.samples:,} x {mapping.lines:,} pixels (latitudes {south:.6g} to {north:.6g}, longitudes "
        f"{west:.6g} to {east:.6g}, {mapping.resolution:.6g} m per pixel) of images with {pixels:,} pixels: that is "
        f"{mapping.lines * mapping.samples / pixels:,.0f} for each of theirs, more than {largest:g}; give it a range "
        "(map.latitude, map.longitude), a coarser map.resolution, or allow it by map.largest"
    )
