"""Footprints of the images of a campaign as GeoJSON and as GeoPackage, for GIS programs.

Formats: RFC 7946, with the member `crs` of its forerunner, as these coordinates are of other bodies; OGC GeoPackage 1.3
(OGC 12-128r18), geometries in well-known binary (OGC 06-103r4). Coordinates are those of STAC items.
"""

import sqlite3
import struct

from rasterio.crs import CRS

from darkroom import files
from darkroom.planetary.bodies import BODIES

FIELDS = {"dataset": "TEXT", "target": "TEXT", "instrument": "TEXT", "start": "TEXT", "stop": "TEXT", "gsd": "REAL"}
APPLICATION, VERSION = 0x47504B47, 10300  # "GPKG" 1.3
SYSTEMS = "gpkg_spatial_ref_sys"
TABLES = f"""
CREATE TABLE {SYSTEMS} (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
    description TEXT DEFAULT '', last_change DATETIME NOT NULL, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
    srs_id INTEGER REFERENCES {SYSTEMS}(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL UNIQUE REFERENCES gpkg_contents(table_name),
    column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL REFERENCES {SYSTEMS}(srs_id),
    z TINYINT NOT NULL, m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
"""
UNDEFINED = [
    ("Undefined Cartesian", -1, "NONE", -1, "undefined", ""),
    ("Undefined geographic", 0, "NONE", 0, "undefined", ""),
]


def features(items):
    """GeoJSON features of the STAC items that have a place, in their order."""
    return [
        {
            "type": "Feature",
            "id": item["id"],
            "geometry": item["geometry"],
            "bbox": item["bbox"],
            "properties": {
                "dataset": item["id"],
                "target": item["properties"].get("ssys:targets", [""])[0],
                "instrument": ", ".join(item["properties"].get("instruments", [])),
                "start": item["properties"]["start_datetime"],
                "stop": item["properties"]["end_datetime"],
                "gsd": item["properties"].get("gsd"),
            },
        }
        for item in items
        if item["geometry"]
    ]


def write_geojson(path, features):
    """Write features as a collection; with a CRS where all are of one body that has one."""
    targets = {feature["properties"]["target"] for feature in features}
    code = geographic(*targets) if len(targets) == 1 else None
    named = {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:IAU:2015:{code}"}}} if code else {}
    files.write_json(path, {"type": "FeatureCollection", **named, "features": features})


def write_geopackage(path, features):
    """Write features as a layer for each body, `footprints_<body>`; the same features give the same bytes."""
    latest = max((feature["properties"]["stop"] for feature in features), default="1970-01-01T00:00:00Z")
    with files.replacing(path) as partial:
        database = sqlite3.connect(partial)
        try:
            with database:
                database.execute(f"PRAGMA application_id = {APPLICATION}")
                database.execute(f"PRAGMA user_version = {VERSION}")
                database.executescript(TABLES)
                wgs84 = ("WGS 84", 4326, "EPSG", 4326, CRS.from_epsg(4326).to_wkt(), "")
                database.executemany(f"INSERT INTO {SYSTEMS} VALUES (?, ?, ?, ?, ?, ?)", [*UNDEFINED, wgs84])
                for target in sorted({feature["properties"]["target"] for feature in features}):
                    own = [feature for feature in features if feature["properties"]["target"] == target]
                    _write_layer(database, target, own, latest)
        finally:
            database.close()


def _write_layer(database, target, features, latest):
    name = f"footprints_{target.lower()}" if target.isalnum() else "footprints"
    code = geographic(target) or 0
    if code:
        # GDAL writes IAU, under which PROJ, and so QGIS, does not find the code.
        definition = CRS.from_user_input(f"IAU_2015:{code}").to_wkt().replace('["IAU"', '["IAU_2015"')
        system = (f"{target} (2015)", code, "IAU_2015", code, definition, "")
        database.execute(f"INSERT INTO {SYSTEMS} VALUES (?, ?, ?, ?, ?, ?)", system)
    columns = ", ".join(f"{field} {kind}" for field, kind in FIELDS.items())
    database.execute(
        f"CREATE TABLE {name} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom MULTIPOLYGON, {columns})"
    )
    marks = ", ".join("?" * (1 + len(FIELDS)))
    for feature in features:
        values = [feature["properties"][field] for field in FIELDS]
        database.execute(
            f"INSERT INTO {name} (geom, {', '.join(FIELDS)}) VALUES ({marks})",
            [geometry(feature["geometry"], code), *values],
        )
    bounds = _bounds([point for feature in features for ring in _rings(feature["geometry"]) for point in ring])
    low_x, high_x, low_y, high_y = bounds
    content = (name, "features", name, "", latest, low_x, low_y, high_x, high_y, code)
    database.execute(f"INSERT INTO gpkg_contents VALUES ({', '.join('?' * 10)})", content)
    database.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?, ?, ?, ?, 0, 0)", (name, "geom", "MULTIPOLYGON", code)
    )


def geographic(target):
    """The IAU_2015 code of a body's planetocentric coordinates; None where it has none."""
    number = BODIES.get(target.lower())
    return number and 100 * number


def _rings(shape):
    polygons = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
    return [ring for polygon in polygons for ring in polygon]


def _bounds(points):
    x, y = zip(*points, strict=True)
    return min(x), max(x), min(y), max(y)


def geometry(shape, code):
    """A GeoPackage geometry: its head with the extent, then a multipolygon in well-known binary, little-endian."""
    rings = _rings(shape)
    head = struct.pack("<2sBBi4d", b"GP", 0, 0b11, code, *_bounds([point for ring in rings for point in ring]))
    body = struct.pack("<BII", 1, 6, len(rings))
    for ring in rings:  # a footprint has no holes: each ring is a polygon
        body += struct.pack("<BIII", 1, 3, 1, len(ring))
        body += b"".join(struct.pack("<2d", *point) for point in ring)
    return head + body
