"""Footprints of a campaign: GeoJSON and GeoPackage tell the same, as SQLite and shapely read them."""

import json
import sqlite3

import shapely
from rasterio.crs import CRS

from darkroom.planetary.formats import footprints

SQUARE = {"type": "Polygon", "coordinates": [[[10.0, -5.0], [12.0, -5.0], [12.0, -4.0], [10.0, -4.0], [10.0, -5.0]]]}
ACROSS = {
    "type": "MultiPolygon",
    "coordinates": [
        [[[179.0, 0.0], [180.0, 0.0], [180.0, 1.0], [179.0, 0.0]]],
        [[[-180.0, 0.0], [-179.0, 0.0], [-180.0, 1.0], [-180.0, 0.0]]],
    ],
}


def item(name, shape, target="Mars", **properties):
    properties |= {"start_datetime": "2009-06-06T20:26:02Z", "end_datetime": "2009-06-06T20:26:05Z"}
    targets = {"ssys:targets": [target]} if target else {}
    return {"id": name, "geometry": shape, "bbox": [0, 0, 1, 1], "properties": targets | properties}


ITEMS = [
    item("square", SQUARE, instruments=["ctx"], gsd=5.0),
    item("raw", None),
    item("across", ACROSS),
    item("other", SQUARE, "Mercury"),
]


def rows(path, statement):
    database = sqlite3.connect(path)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def shapes(path, layer):
    """Geometries of a layer: behind the head of a GeoPackage geometry stands well-known binary."""
    read = {}
    for name, blob in rows(path, f"SELECT dataset, geom FROM {layer}"):
        assert blob[:4] == b"GP\x00\x03"  # version, envelope of four numbers, little-endian
        read[name] = shapely.from_wkb(blob[40:])
    return read


def test_a_geopackage_has_a_layer_for_each_body(tmp_path):
    path = tmp_path / "a.gpkg"
    footprints.write_geopackage(path, footprints.features(ITEMS))
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA application_id") == [(int.from_bytes(b"GPKG"),)]
    layers = rows(path, "SELECT table_name, srs_id, min_x, max_x, min_y, max_y FROM gpkg_contents")
    assert layers == [
        ("footprints_mars", 49900, -180.0, 180.0, -5.0, 1.0),
        ("footprints_mercury", 19900, 10.0, 12.0, -5.0, -4.0),
    ]
    assert rows(path, "SELECT dataset, instrument, gsd, start FROM footprints_mars") == [
        ("square", "ctx", 5.0, "2009-06-06T20:26:02Z"),
        ("across", "", None, "2009-06-06T20:26:02Z"),
    ]
    read = shapes(path, "footprints_mars")
    assert read["square"].equals(shapely.geometry.shape(SQUARE))
    assert read["across"].equals(shapely.geometry.shape(ACROSS))
    (definition,) = rows(path, "SELECT definition FROM gpkg_spatial_ref_sys WHERE srs_id = 49900")[0]
    assert CRS.from_wkt(definition).to_dict()["R"] == 3396190
    assert CRS.from_wkt(definition).to_authority() == ("IAU_2015", "49900")  # which QGIS looks for in PROJ's database
    systems = {number for (number,) in rows(path, "SELECT srs_id FROM gpkg_spatial_ref_sys")}
    assert systems == {-1, 0, 4326, 49900, 19900}


def test_the_same_footprints_give_the_same_bytes(tmp_path):
    paths = [tmp_path / name for name in ("a.gpkg", "b.gpkg")]
    for path in paths:
        footprints.write_geopackage(path, footprints.features(ITEMS))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_body_without_a_code_has_a_layer_too(tmp_path):
    features = footprints.features([item("a", SQUARE, "Nix"), item("b", SQUARE, "")])
    footprints.write_geopackage(tmp_path / "a.gpkg", features)
    assert rows(tmp_path / "a.gpkg", "SELECT table_name, srs_id FROM gpkg_contents") == [
        ("footprints", 0),
        ("footprints_nix", 0),
    ]


def test_geojson_of_one_body_tells_its_crs(tmp_path):
    path = tmp_path / "a.geojson"
    footprints.write_geojson(path, footprints.features(ITEMS[:3]))
    told = json.loads(path.read_text())
    assert told["crs"]["properties"]["name"] == "urn:ogc:def:crs:IAU:2015:49900"
    assert [feature["id"] for feature in told["features"]] == ["square", "across"]
    assert shapely.geometry.shape(told["features"][0]["geometry"]).area == 2
    footprints.write_geojson(path, footprints.features(ITEMS))
    assert "crs" not in json.loads(path.read_text())


def test_no_footprint_at_all(tmp_path):
    footprints.write_geojson(tmp_path / "a.geojson", [])
    footprints.write_geopackage(tmp_path / "a.gpkg", [])
    assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []
    assert rows(tmp_path / "a.gpkg", "SELECT * FROM gpkg_contents") == []
