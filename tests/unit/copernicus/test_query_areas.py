"""Areas of queries: all the forms they come in, what is wrong with them, and what becomes of them in a URL."""

import json

import pytest
import shapely
from shapely.geometry import MultiPolygon, box, mapping

from darkroom.copernicus import areas, grid

SQUARE = box(10, 45, 11, 46)


@pytest.mark.parametrize(
    "value",
    [
        [10, 45, 11, 46],
        "POLYGON ((10 45, 11 45, 11 46, 10 46, 10 45))",
        "geography'SRID=4326;POLYGON ((10 45, 11 45, 11 46, 10 46, 10 45))'",
        mapping(SQUARE),
        {"type": "Feature", "properties": {}, "geometry": mapping(SQUARE)},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": mapping(SQUARE)}]},
        {"type": "LineString", "coordinates": [[10, 45], [11, 45], [11, 46], [10, 46], [10, 45]]},
        {"type": "Polygon", "coordinates": [[[10, 45], [11, 45], [11, 46], [10, 46]]]},
        {"type": "Polygon", "coordinates": [[[10, 45, 7], [11, 45, 7], [11, 46, 7], [10, 46, 7], [10, 45, 7]]]},
        [mapping(SQUARE)],
    ],
)
def test_every_form_of_an_area(value, tmp_path):
    area, _ = areas.read(value)
    assert area.equals(SQUARE)
    if isinstance(value, dict):
        (tmp_path / "area.geojson").write_text(json.dumps(value))
        assert areas.read(str(tmp_path / "area.geojson"))[0].equals(SQUARE)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([10, 45, 11], r"has 3 numbers; right is \[west, south, east, north\]"),
        ([10, 46, 11, 45], "south beyond its north"),
        ("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", "crosses itself or is broken"),
        ("POLYGON EMPTY", "is empty"),
        ("POLYGON ((0 0, 1 1))", "is no WKT"),
        ({"type": "FeatureCollection", "features": []}, "is empty"),
        ({"type": "Polygon", "coordinates": []}, "is empty"),
        ({"type": "Polygon", "coordinates": [[[0, "north"]]]}, "cannot be read"),
        (
            {"type": "Polygon", "coordinates": [[[45, 100], [46, 100], [46, 101], [45, 100]]]},
            "are latitude and longitude swapped",
        ),
        (
            {"type": "Polygon", "coordinates": [[[200, 95], [201, 95], [201, 96], [200, 95]]]},
            "has latitudes from 95 to 96",
        ),
        ({"type": "LineString", "coordinates": [[0, 0], [1, 0], [1, 1]]}, "is an open line"),
        ({"type": "Circle"}, "'Circle' is no area"),
        (
            {"type": "Polygon", "crs": {"properties": {"name": "EPSG:32632"}}, "coordinates": [[[0, 0]]]},
            "is in EPSG:32632",
        ),
        ("no/such.geojson", "there is no file 'no/such.geojson'"),
        ([1e9, 0, 2e9, 1], "has longitudes"),
        (7, "'7' is no area"),
    ],
)
def test_what_is_no_area(value, said):
    with pytest.raises(ValueError, match=said):
        areas.read(value)


def test_a_file_that_is_neither_is_named(tmp_path):
    (tmp_path / "area.json").write_text("{")
    with pytest.raises(ValueError, match=r"area .*area\.json: neither WKT nor GeoJSON"):
        areas.read(str(tmp_path / "area.json"))


@pytest.mark.parametrize(
    "value",
    [
        [170, -10, -170, 10],
        {"type": "Polygon", "coordinates": [[[170, -10], [190, -10], [190, 10], [170, 10], [170, -10]]]},
    ],
)
def test_an_area_over_the_antimeridian_is_cut_there(value):
    area, notes = areas.read(value)
    assert area.equals(box(170, -10, 180, 10).union(box(-180, -10, -170, 10)))
    assert notes == ["the area crosses the antimeridian, and is cut there"]


def test_neighbours_are_taken_together():
    cells = [{"type": "Feature", "geometry": mapping(box(west, 45, west + 1, 46))} for west in range(6)]
    area, notes = areas.read({"type": "FeatureCollection", "features": cells})
    assert area.equals(box(0, 45, 6, 46)) and area.geom_type == "Polygon"
    assert notes == ["6 geometries of the area are taken together"]


def test_holes_stay():
    ring = box(0, 0, 10, 10).difference(box(4, 4, 6, 6))
    assert areas.read(mapping(ring))[0].equals(ring)


@pytest.mark.parametrize("longest", [3000, 800, 300, 120])
def test_a_long_area_is_made_short_from_outside(longest):
    coast = shapely.Point(12, 44).buffer(3, 400).union(shapely.Point(20, 40).buffer(1, 200))
    assert len(areas.wkt(coast)) > 10_000
    short = areas.simplified(coast, longest)
    assert len(areas.wkt(short)) <= longest
    assert short.is_valid and short.covers(coast)
    if longest >= 800:
        assert short.area < 1.1 * coast.area
    assert areas.simplified(short, 3000) is short


def test_a_footprint_over_the_antimeridian_is_repaired():
    """The ring of S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP, as its manifest has it."""
    given = (
        "POLYGON ((180 65.6997, 178.6465 65.6716, 178.4741 66.6538, 180 66.6856, -179.0443 66.7056, -178.9662 65.7211, "
        "180 65.6997))"
    )
    assert not areas.footprint(given).is_valid
    footprint = areas.repaired(given)
    assert footprint.is_valid and footprint.geom_type == "MultiPolygon"
    assert footprint.bounds == (-180, 65.6716, 180, 66.7056)
    assert footprint.area == pytest.approx(2.4, abs=0.05)
    assert footprint.intersects(shapely.Point(179, 66)) and footprint.intersects(shapely.Point(-179.5, 66))
    assert not footprint.intersects(shapely.Point(0, 66))


def test_a_footprint_around_a_pole_holds_the_pole():
    ring = ", ".join(f"{(lon + 180) % 360 - 180} 80" for lon in range(0, 361, 20))
    footprint = areas.repaired(f"POLYGON (({ring}))")
    assert (
        footprint.is_valid
        and footprint.covers(shapely.Point(77, 89))
        and not footprint.intersects(shapely.Point(77, 70))
    )


def test_a_footprint_around_the_world_is_no_sliver():
    footprint = areas.repaired("POLYGON ((-180.0044 -60, -180.0044 80, 179.9955 80, 179.9955 -60, -180.0044 -60))")
    assert footprint.area == pytest.approx(360 * 140, rel=0.001)


@pytest.mark.parametrize("given", ["", "POLYGON EMPTY", "POLYGON((", "nonsense"])
def test_a_footprint_that_says_nothing(given):
    assert areas.repaired(given) is None


def test_rings_of_geojson_run_counter_clockwise():
    clockwise = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    assert shapely.geometry.shape(areas.geojson(clockwise)).exterior.is_ccw


@pytest.mark.parametrize(
    ("parts", "sides"),
    [
        ([box(175, -20, 180, -14), box(-180, -20, -176, -14)], [175, -20, -176, -14]),
        ([box(175, -20, 180, -14), box(-180, -20, -176, -14), box(170, 0, 171, 1)], [170, -20, -176, 1]),
        ([box(-180, 60, 180, 90)], [-180, 60, 180, 90]),
        ([box(-10, 40, -5, 41), box(5, 40, 7, 42)], [-10, 40, 7, 42]),
        ([box(10, 40, 180, 41), box(-180, 40, 20, 42)], [-180, 40, 180, 42]),
    ],
)
def test_sides_of_what_is_cut_at_the_antimeridian_begin_in_the_west(parts, sides):
    assert areas.bbox(MultiPolygon(parts)) == sides


def test_boxes_are_turned_until_they_are_together():
    assert grid.together([170, -180, 175], [180, -170, 185], [0, 1, 2], [3, 4, 5]) == (170, 190, 0, 5)
    assert grid.together([-10, 5], [-5, 8], [0, 0], [1, 1]) == (-10, 8, 0, 1)
    assert grid.together([350], [358], [0], [1]) == (-10, -2, 0, 1)
