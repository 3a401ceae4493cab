"""STAC items of planetary images: what, when, by which instrument, and where on which body.

Format: STAC 1.1; extensions Projection 2.0 and Solar System (ssys) 1.1. Coordinates are planetocentric latitudes and
longitudes to the east, from -180 to 180, of the item's target.
"""

import re

import numpy as np
import pystac
from scipy.spatial import ConvexHull, QhullError

from darkroom.planetary.formats import cog
from darkroom.planetary.formats.cubes import NULL, STORED, at_once, decode
from darkroom.planetary.geometry import projection

SSYS = "https://stac-extensions.github.io/ssys/v1.1.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
TYPES = {  # of a file: media type and roles
    ".tif": ("image/tiff; application=geotiff; profile=cloud-optimized", ["data"]),
    ".cub": ("application/octet-stream", ["data"]),
    ".img": ("application/octet-stream", ["data"]),
    ".xml": ("application/xml", ["metadata"]),
    ".png": ("image/png", ["thumbnail", "overview"]),
}
POINTS = 64  # of a footprint, about
DIGITS = 7  # of degrees: some millimetres


def item(dataset, cubes, assets, members=()):
    """A STAC item as a dict, the same for the same files; links and times of making are left out.

    dataset -- identifier of the item
    cubes -- `cubes.Cube`s of the dataset; the last map that shows anything gives the footprint, which is null without
        one
    assets -- paths of its files, which lie beside the item
    members -- cubes of the images that it is made of, where its own do not tell times and instruments

    Raises ValueError when no cube has a StartTime.
    """
    tags = [cog.tags(cube) for cube in (*cubes, *members)]
    maps = [cube for cube in cubes if "Mapping" in cube.groups]
    geometry = next(filter(None, map(footprint, reversed(maps))), None)
    made = pystac.Item(dataset, geometry, bbox(geometry), None, properties(dataset, tags, maps), stac_extensions=[SSYS])
    by_stem = {cube.path.stem: cube for cube in cubes}
    for path in assets:
        media_type, roles = TYPES[path.suffix]
        extra = image_fields(by_stem[path.stem]) if path.suffix in (".tif", ".cub") and path.stem in by_stem else {}
        made.add_asset(
            path.name, pystac.Asset(f"./{path.name}", media_type=media_type, roles=roles, extra_fields=extra)
        )
    if maps:
        made.stac_extensions.append(PROJECTION)
    return made.to_dict(include_self_link=False)


def properties(dataset, tags, maps):
    """Times, origin, target and resolution, from the tags of all cubes."""

    def all_of(name):
        return sorted({tag[name] for tag in tags if name in tag})

    starts, stops = all_of("START_TIME"), all_of("STOP_TIME") or all_of("START_TIME")
    if not starts:
        raise ValueError(f"{dataset}: no cube has a StartTime in its group Instrument; an item must tell its time")
    fields = {"start_datetime": _utc(starts[0]), "end_datetime": _utc(stops[-1])}
    if instruments := all_of("INSTRUMENT"):
        fields["instruments"] = [name.lower() for name in instruments]
    if spacecraft := all_of("SPACECRAFT"):
        fields["platform"] = fields["mission"] = spacecraft[0].lower()
    if targets := sorted({tag["TARGET"].title() for tag in tags if "TARGET" in tag}):
        fields["ssys:targets"] = targets
        kind = cog.body_class(targets[0])
        fields |= {"ssys:target_class": kind} if kind else {}
    if maps:
        fields["gsd"] = projection.Mapping.of_cube(maps[-1]).resolution
    return fields


def _utc(time):
    """A time of a label, which is UTC, with a date or a day of the year, as RFC 3339."""
    date, _, clock = time.removesuffix("Z").partition("T")
    if re.fullmatch(r"\d{4}-\d{3}", date):
        date = np.datetime64(date[:4]) + np.timedelta64(int(date[5:]) - 1, "D")
    return f"{date}T{clock}Z"


def image_fields(cube):
    """Fields of an asset that is the image of a cube: bands, pixel type, and its map."""
    pairs = zip(cog.band_names(cube), cog.band_units(cube), strict=True)
    bands = [{"name": name or str(number), "unit": unit} for number, (name, unit) in enumerate(pairs, 1)]
    null = STORED[cube.dtype][NULL - 1].item()
    fields = {"bands": bands, "data_type": np.dtype(cube.dtype).name, "nodata": null}
    if place := cog.georeference(cube):
        crs = place["crs"]
        authority = crs.to_authority()
        fields["proj:code"] = ":".join(authority) if authority else None
        fields["proj:wkt2"] = crs.to_wkt(version="WKT2_2019")
        fields["proj:shape"] = [cube.lines, cube.samples]
        fields["proj:transform"] = list(place["transform"])[:6]
    return fields


def footprint(cube):
    """GeoJSON geometry of the valid pixels of a map: their convex hull on the map; None when there are none.

    Cut at the longitude of 180 degrees; a pole that lies within is part of it.
    """
    corners = _corners(cube)
    if not len(corners):
        return None
    try:
        corners = corners[ConvexHull(corners).vertices]
    except QhullError:  # points in one line have no hull
        return None
    mapping = projection.Mapping.of_cube(cube)
    sample, line = _dense(np.append(corners, corners[:1], axis=0)).T
    latitude, longitude = mapping.ground(sample, line)
    seen = np.isfinite(latitude) & np.isfinite(longitude)
    ring = np.stack([np.unwrap(longitude[seen], period=360), latitude[seen]], axis=1)
    turn = ring[-1, 0] - ring[0, 0]
    if abs(turn) > 180:
        pole = 90.0 if latitude[seen].mean() > 0 else -90.0
        ring = np.concatenate([ring, [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]])
    if _area(ring) < 0:
        ring = ring[::-1]
    first = np.floor((ring[:, 0].min() + 180) / 360)
    last = np.ceil((ring[:, 0].max() + 180) / 360)
    parts = []
    for world in np.arange(first, last):
        part = _cut(_cut(ring, 360 * world - 180, 1), 360 * world + 180, -1)
        if len(part) > 2:
            part = np.round(part - [360 * world, 0], DIGITS)
            parts.append([np.append(part, part[:1], axis=0).tolist()])
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def _corners(cube):
    """Corners (n, 2), sample and line, of the first and the last valid pixel of each line."""
    corners = []
    rows = at_once(cube.samples)
    for first in range(0, cube.lines, rows):
        raw = cube.raw(first, rows)
        codes = decode(raw, cube.dtype)
        valid = np.ones(raw.shape, bool) if codes is None else codes == 0
        lines = np.flatnonzero(valid.any(axis=1))
        left, right = valid[lines].argmax(axis=1), cube.samples - valid[lines, ::-1].argmax(axis=1)
        corners += [np.stack([side, first + lines + down], axis=1) for side in (left, right) for down in (0, 1)]
    return np.concatenate(corners) + 0.5


def _dense(ring):
    """A closed ring with points added between those that are far from each other."""
    length = np.hypot(*np.diff(ring, axis=0).T)
    pieces = np.ceil(POINTS * length / length.sum()).astype(int)
    starts = [
        begin + (end - begin) * np.arange(count)[:, None] / count
        for begin, end, count in zip(ring[:-1], ring[1:], pieces, strict=True)
    ]
    return np.concatenate([*starts, ring[-1:]])


def _area(ring):
    """Area of a ring, positive when it runs counterclockwise."""
    x, y = ring.T
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2


def _cut(ring, limit, side):
    """The part of a ring whose x is above (side 1) or below (-1) a limit (Sutherland and Hodgman 1974)."""
    kept = []
    for here, there in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        inside, next_inside = (side * (point[0] - limit) >= 0 for point in (here, there))
        if inside:
            kept.append(here)
        if inside != next_inside:
            kept.append(here + (there - here) * (limit - here[0]) / (there[0] - here[0]))
    return np.array(kept).reshape(-1, 2)


def bbox(geometry):
    """West, south, east, north; west is above east where the geometry crosses 180 degrees. None without a geometry."""
    if geometry is None:
        return None
    many = geometry["type"] == "MultiPolygon"
    rings = [np.array(part[0]) for part in (geometry["coordinates"] if many else [geometry["coordinates"]])]
    low, high = np.array([ring.min(axis=0) for ring in rings]), np.array([ring.max(axis=0) for ring in rings])
    (west, south), (east, north) = low.min(axis=0), high.max(axis=0)
    if many:
        across = low[high[:, 0] == 180, 0].min(), high[low[:, 0] == -180, 0].max()
        west, east = across if across[0] > across[1] else (west, east)
    return [float(number) for number in (west, south, east, north)]
