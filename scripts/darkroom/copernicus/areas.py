"""Areas of queries and footprints of products: read, repaired, cut at the antimeridian, made small enough for a URL.

All coordinates are longitude and latitude in degrees (WGS 84). Cuts at the antimeridian follow RFC 7946, 3.1.9.
"""

import json
import re
from pathlib import Path

import numpy as np
import shapely
import shapely.affinity
from shapely.geometry import box, mapping, shape
from shapely.ops import unary_union
from shapely.validation import explain_validity

from darkroom.copernicus.asked import WKT

EWKT = re.compile(r"(?:geography')?(?:SRID=4326;)?([^']*)'?", re.IGNORECASE)
DECIMALS = 6  # of coordinates in a request: 0.1 m
WORLD = box(-180, -90, 180, 90)
CRS = ("CRS84", "4326")


def read(value, where="area"):
    """A query's area as a valid geometry within the world, and notes on what was done to it.

    value -- [west, south, east, north], with west beyond east over the antimeridian; WKT; a GeoJSON geometry, Feature,
        FeatureCollection, or a list of these; or the path of a file that holds one of them
    where -- what the area is called in messages

    Raises ValueError for what is none of these, and for an area that is empty, crosses itself or leaves the world.
    """
    notes = []
    parts = [_placed(part, where, notes) for part in _parts(value, where)]
    if not parts:
        raise ValueError(f"{where}: is empty; right is a geometry with coordinates in it")
    if len(parts) > 1:
        notes.append(f"{len(parts)} geometries of the area are taken together")
    area = unary_union(parts)  # of neighbours, whose common borders a catalogue takes for an error of topology
    return area, notes


def _parts(value, where):
    """The geometries that a value of a query stands for."""
    if isinstance(value, (str, Path)):
        return _of_text(str(value), where)
    if isinstance(value, dict):
        return _of_geojson(value, where)
    if isinstance(value, list) and value and all(_number(entry) for entry in value):
        return [_box(value, where)]
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return [part for entry in value for part in _of_geojson(entry, where)]
    raise ValueError(
        f"{where}: {_short(value)} is no area; right is [west, south, east, north], WKT, GeoJSON or a file"
    )


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_text(text, where):
    if WKT.match(text):
        try:
            return [shapely.from_wkt(EWKT.fullmatch(text.strip())[1])]
        except (shapely.errors.GEOSException, TypeError) as error:
            raise ValueError(f"{where}: {_short(text)} is no WKT: {error}") from error
    path = Path(text)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"{where}: there is no file {text!r}, and it is no WKT such as POLYGON ((...))") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{where}: {text} cannot be read as WKT or GeoJSON: {error}") from error
    where = f"{where} {text}"
    if WKT.match(content):
        return _of_text(content, where)
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{where}: neither WKT nor GeoJSON ({error})") from error
    return _parts(parsed, where) if isinstance(parsed, (dict, list)) else _parts([parsed], where)


def _of_geojson(value, where):
    name = str(value.get("crs", {}).get("properties", {}).get("name", "")) if isinstance(value.get("crs"), dict) else ""
    if name and not name.endswith(CRS):
        raise ValueError(f"{where}: is in {name}; right is longitude and latitude (EPSG:4326)")
    kind = value.get("type")
    if kind == "FeatureCollection":
        return [part for feature in value.get("features") or [] for part in _of_geojson(feature, where)]
    if kind == "Feature":
        return _of_geojson(value["geometry"], where) if value.get("geometry") else []
    if kind == "GeometryCollection":
        return [part for entry in value.get("geometries") or [] for part in _of_geojson(entry, where)]
    if kind in ("LineString", "Polygon", "MultiPolygon", "Point", "MultiPoint"):
        try:
            return [shape(value)]
        except (KeyError, TypeError, ValueError, IndexError, shapely.errors.ShapelyError) as error:
            raise ValueError(f"{where}: the coordinates of its {kind} cannot be read: {error}") from error
    raise ValueError(f"{where}: {kind!r} is no area; right is a Polygon, a MultiPolygon, or a Feature with one")


def _box(value, where):
    if len(value) != 4:
        raise ValueError(f"{where}: {value} has {len(value)} numbers; right is [west, south, east, north]")
    west, south, east, north = value
    if south > north:
        raise ValueError(f"{where}: {value} has its south beyond its north; right is [west, south, east, north]")
    return box(west, south, east + 360 if east < west else east, north)


def _placed(geometry, where, notes):
    """A geometry that is valid and within the world; raises ValueError, or notes what was done."""
    geometry = shapely.force_2d(geometry)
    if geometry.is_empty:
        raise ValueError(f"{where}: is empty; right is a geometry with coordinates in it")
    if geometry.geom_type == "LineString":  # what CLEOPE's drawing saved
        if len(geometry.coords) < 4 or not geometry.is_ring:
            raise ValueError(f"{where}: is an open line; right is a ring whose last point is its first")
        geometry = shapely.Polygon(geometry.coords)
        notes.append("the closed line of the area is taken for its border")
    west, south, east, north = geometry.bounds
    if not all(map(_finite, (west, south, east, north))):
        raise ValueError(f"{where}: has coordinates that are no numbers")
    if south < -90 or north > 90:
        swapped = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180
        hint = "; are latitude and longitude swapped? Longitude comes first" if swapped else ""
        raise ValueError(f"{where}: has latitudes from {south:g} to {north:g}, which end at -90 and 90{hint}")
    if west < -360 or east > 540 or east - west > 360:
        raise ValueError(f"{where}: has longitudes from {west:g} to {east:g}; right is -180 to 180")
    if not geometry.is_valid:
        raise ValueError(f"{where}: crosses itself or is broken ({explain_validity(geometry)}); right is a simple ring")
    if geometry.geom_type.endswith("Polygon") and geometry.area == 0:
        raise ValueError(f"{where}: has no extent; right is a ring around some ground")
    if west < -180 or east > 180:
        notes.append("the area crosses the antimeridian, and is cut there")
    return _within_world(geometry)


def _finite(value):
    return value == value and abs(value) != float("inf")


def require_places(path, longitudes, latitudes):
    """Refuse a file whose longitudes and latitudes, of any shape and NaN for none, are no places on the Earth."""
    for name, degrees, most in (("longitudes", longitudes, 360), ("latitudes", latitudes, 90)):
        beyond = np.abs(degrees) > most + 1e-3
        if beyond.any():
            where = f"{np.count_nonzero(beyond)} of its {degrees.size} {name} lie beyond {most} degrees"
            raise ValueError(f"{path}: {where}, such as {degrees[beyond][0]:g}; the file is damaged")


def _within_world(geometry):
    """A geometry with longitudes beyond 180 degrees cut there, and its pieces brought back."""
    west, _, east, _ = geometry.bounds
    if west >= -180 and east <= 180:
        return geometry
    pieces = []
    for turn in (-360, 0, 360):
        piece = shapely.transform(geometry, lambda points, turn=turn: points + np.array([turn, 0])).intersection(WORLD)
        if not piece.is_empty and (piece.area or not geometry.area):
            pieces.append(piece)
    return unary_union(pieces)


def around(geometry):
    """A geometry of the world, and the same once more on both sides of it: where maps over the antimeridian show it."""
    return unary_union([shapely.affinity.translate(geometry, turn) for turn in (-360, 0, 360)])


def footprint(wkt):
    """A catalogue's footprint as a geometry, as it was given. Raises ValueError for what is no WKT."""
    try:
        return shapely.force_2d(shapely.from_wkt(EWKT.fullmatch(wkt.strip())[1]))
    except (shapely.errors.GEOSException, TypeError) as error:
        raise ValueError(f"{_short(wkt)} is no footprint in WKT: {error}") from error


def repaired(wkt):
    """A footprint made valid and cut at the antimeridian; None for one that says nothing.

    A ring whose neighbours are more than half the world apart goes over the antimeridian, except along the whole of it.
    """
    try:
        geometry = footprint(wkt)
    except ValueError:
        return None
    if geometry.is_empty:
        return None
    return valid(geometry)


def valid(geometry):
    """A geometry of a product made valid and cut at the antimeridian, see `repaired`."""
    west, _, east, _ = geometry.bounds
    if east - west <= 180 and geometry.is_valid:
        return _within_world(geometry)
    if geometry.geom_type.endswith("Polygon"):
        polygons = getattr(geometry, "geoms", [geometry])
        geometry = unary_union([shapely.make_valid(_unwrapped(polygon)) for polygon in polygons])
    return _within_world(geometry)


def bbox(geometry):
    """West, south, east, north of a geometry; of one that is cut at the antimeridian west is beyond east (RFC 7946)."""
    west, south, east, north = geometry.bounds
    parts = [part.bounds for part in shapely.get_parts(geometry)]
    begins = [one[0] for one in parts if one[0] > 0]
    ends = [one[2] for one in parts if one[0] <= 0]
    if (west, east) == (-180, 180) and begins and ends and min(begins) > max(ends):
        west, east = min(begins), max(ends)
    return [west, south, east, north]


def _unwrapped(polygon):
    """A polygon that goes on beyond 180 degrees where its ring jumped to the other side of the world."""
    rings = [_unwrapped_ring(ring.coords) for ring in (polygon.exterior, *polygon.interiors)]
    return shapely.Polygon(rings[0], rings[1:])


def _unwrapped_ring(points):
    shifted, turn, last = [], 0, None
    for lon, lat in points:
        if last is not None and 180 < abs(lon - last) < 359.9:
            turn += 360 if lon < last else -360
        shifted.append((lon + turn, lat))
        last = lon
    # A ring around a pole does not come back to where it began: it is closed along the pole.
    if turn:
        pole = 90 if sum(lat for _, lat in shifted) > 0 else -90
        shifted += [(shifted[-1][0], pole), (shifted[0][0], pole), shifted[0]]
    return shifted


def geojson(geometry):
    """A geometry as GeoJSON with its rings counter-clockwise (RFC 7946, 3.1.6)."""
    return mapping(shapely.orient_polygons(geometry) if geometry.geom_type.endswith("Polygon") else geometry)


def wkt(geometry):
    """WKT as short as `DECIMALS` allows."""
    return shapely.to_wkt(geometry, rounding_precision=DECIMALS, trim=True)


def pieces(geometry):
    """The simple geometries that a geometry is made of; what has no area is left out of one that has."""
    parts = list(getattr(geometry, "geoms", [geometry]))
    flat = [piece for part in parts for piece in (pieces(part) if hasattr(part, "geoms") else [part])]
    return [piece for piece in flat if piece.area] if geometry.area else flat


def simplified(geometry, longest):
    """The geometry, or one around it whose WKT has at most `longest` characters.

    Vertices are left out and the border moved outward, so that all of the geometry stays inside; pieces that are too
    many, or holes that are too small, go. In the end it is the rectangle around it.
    """
    if len(wkt(geometry)) <= longest:
        return geometry
    west, south, east, north = geometry.bounds
    tolerance = max(east - west, north - south) / 10_000
    while tolerance < max(east - west, north - south) / 4:
        grown = (
            geometry.simplify(tolerance)
            .buffer(2 * tolerance, join_style="mitre", mitre_limit=2)
            .simplify(tolerance / 2)
        )
        outside = shapely.set_precision(grown.intersection(WORLD), 10.0**-DECIMALS)
        if outside.is_valid and len(wkt(outside)) <= longest and outside.covers(geometry):
            return outside
        tolerance *= 1.25
    return box(*geometry.bounds)


def _short(value):
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
