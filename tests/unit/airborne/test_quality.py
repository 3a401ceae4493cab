"""Flags of products that are made to be odd, and metadata that is not valid."""

import json

import netCDF4
import numpy as np
import pytest

import airborne_product
from airborne_check import airborne_check
from airborne_convert import airborne_convert
from airborne_convert_metadata import airborne_convert_metadata
from darkroom.airborne import product, quality
from darkroom.samples import airborne

ROWS = 60
TRACK = {"latitude": np.linspace(30, 29.9, ROWS), "longitude": np.linspace(-60, -60.1, ROWS)}


def changed(values, index, value):
    values = np.array(values, "f8")
    values[index] = value
    return values


def flags(tmp_path, **variables):
    with product.opened(airborne_product.write(tmp_path / "a.nc", **(TRACK | variables))) as granule:
        figures = quality.assess(granule)
    return {flag["flag"]: flag["note"] for flag in figures["flags"]}, figures


def test_a_good_product_has_no_flags(tmp_path):
    notes, figures = flags(tmp_path, air_pressure=np.linspace(100.0, 1000.0, ROWS))
    assert notes == {}
    assert figures["variables"]["air_pressure"] == {"count": ROWS, "missing": 0, "least": 100.0, "greatest": 1000.0}
    assert figures["time"]["begin"].startswith("2012-09-07T12:41:16")


@pytest.mark.parametrize(
    ("variables", "flag", "note"),
    [
        ({"seconds": changed(np.arange(ROWS), 30, 3)}, "time_order", "1 times are before"),
        ({"seconds": changed(np.arange(ROWS), 30, 29)}, "repeated_time", "1 times are the same"),
        ({"seconds": np.arange(ROWS) + 25 * (np.arange(ROWS) > 40)}, "gaps", "1 gaps are longer than 10 times"),
        ({"latitude": changed(TRACK["latitude"], 5, 95)}, "off_the_earth", "1 positions are not on the Earth"),
        ({"latitude": changed(TRACK["latitude"], [5, 6], -999)}, "no_position", "2 of 60 positions are missing"),
        ({"latitude": changed(TRACK["latitude"], 5, -30)}, "jumps", "2 positions cannot be reached"),
        ({name: changed(TRACK[name], 5, 0) for name in TRACK}, "zero_position", "1 positions are exactly 0 N 0 E"),
    ],
)
def test_what_is_odd_is_flagged(tmp_path, variables, flag, note):
    notes, _ = flags(tmp_path, **variables)
    assert note in notes[flag]


def test_gaps_say_where_they_are(tmp_path):
    _, figures = flags(tmp_path, seconds=np.arange(ROWS) + 25 * (np.arange(ROWS) > 40))
    assert figures["time"]["gaps"] == [{"after": "2012-09-07T12:41:56.000000000", "seconds": 26.0}]


def test_ranges_are_of_stored_values_and_missing_ones_do_not_count(tmp_path):
    packed = np.array([*range(ROWS - 2), -999, 30000], "i2")
    attributes = {
        "air_temperature": {"scale_factor": 0.1, "add_offset": 200.0, "valid_range": np.array([0, 1000], "i2")}
    }
    notes, figures = flags(tmp_path, air_temperature=packed, attributes=attributes)
    assert notes == {"range": "1 values of air_temperature are out of its valid range"}
    assert figures["variables"]["air_temperature"] == {
        "count": ROWS,
        "missing": 1,
        "least": 200.0,
        "greatest": pytest.approx(3200.0),
        "out_of_range": 1,
    }


def test_a_swath_has_no_jumps(tmp_path):
    swath = {name: TRACK[name][:, None] + np.array([0, 5.0]) for name in TRACK}
    assert flags(tmp_path, **swath)[0] == {}


RECORD = {
    "TemporalExtent": {
        "RangeDateTime": {"BeginningDateTime": "2012-09-07T12:41:16Z", "EndingDateTime": "2012-09-07T12:42:16.500Z"}
    },
}


def with_geometry(**geometry):
    return RECORD | {"SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": geometry}}}


def points(*places):
    return {"Points": [{"Longitude": x, "Latitude": y} for x, y in places]}


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (with_geometry(Lines=[points((0, 0), (1, 1))]), None),
        (with_geometry(Lines=[points((0, 0), (1, 1), (0, 0))]), "line 0 has a point twice"),
        (with_geometry(GPolygons=[{"Boundary": points((0, 0), (1, 0), (1, 1), (0, 0))}]), None),
        (with_geometry(GPolygons=[{"Boundary": points((0, 0), (1, 0), (1, 1))}]), "ring 0 is not closed"),
        (with_geometry(GPolygons=[{"Boundary": points((0, 0), (1, 1), (1, 0), (0, 0))}]), "not counter-clockwise"),
        (
            with_geometry(Points=[])
            | {
                "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": "2013-01-01", "EndingDateTime": "2012-01-01"}}
            },
            "before it begins",
        ),
    ],
)
def test_what_cmr_refuses_beyond_its_schema(tmp_path, record, problem):
    path = tmp_path / "a.umm_g.json"
    path.write_text(json.dumps(record))
    lines = list(quality.invalid(path, "umm_g.json"))
    assert (problem in lines[0]) if problem else lines == []


def test_xml_that_cannot_be_parsed_is_a_problem(tmp_path):
    """What cumulus-process 1.4.0 writes on Python 3."""
    path = tmp_path / "a.meta.xml"
    path.write_text("b'<?xml version=\"1.0\"?><Granule/>'")
    assert "no XML" in next(quality.invalid(path, "meta.xml"))


@pytest.fixture
def made(tmp_path):
    """The lists of a dropsonde's product and of its metadata."""
    source = tmp_path / "in"
    source.mkdir()
    airborne.SAMPLES["dropsondes"](source)
    names = sorted(path.name for path in source.iterdir())[:1]
    files = [{"name": name, "bytes": 0, "mtime_ns": 0} for name in names]
    inventory, granules, metadata = (tmp_path / f"out/{name}.json" for name in ("inventory", "granules", "metadata"))
    inventory.parent.mkdir()
    inventory.write_text(json.dumps({"root": str(source), "files": files}))
    airborne_convert(inventory, granules)
    airborne_convert_metadata(granules, metadata)
    return granules, metadata


def test_a_product_that_is_its_source_passes(made, tmp_path):
    check = tmp_path / "out/check.json"
    airborne_check(*made, check)
    record = json.loads(check.read_text())
    assert record["checks"]["airborne_check"]["passed"]
    assert record["checks"]["airborne_check"]["values"] > 10_000
    assert "no folder of them was given" in record["skipped"][0]


@pytest.mark.parametrize("value", [1.25, np.nan])
def test_one_changed_value_does_not_pass(made, tmp_path, value):
    (product,) = (tmp_path / "out/netcdf").glob("*.nc")
    with netCDF4.Dataset(product, "a") as file:
        file["pressure"][100] = value
    with pytest.raises(ValueError, match=r"netcdf/.*\.nc is not its source: pressure: "):
        airborne_check(*made, tmp_path / "out/check.json")
    assert not (tmp_path / "out/check.json").exists()
    (report,) = (tmp_path / "out/quality").glob("*.json")
    (difference,) = json.loads(report.read_text())["round_trip"]["differences"]
    assert (difference["count"], difference["index"]) == (1, [100])


def test_metadata_that_was_cut_does_not_pass(made, tmp_path):
    (path,) = (tmp_path / "out/metadata").glob("*.echo10.xml")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"echo10\.xml: no XML"):
        airborne_check(*made, tmp_path / "out/check.json")


def test_what_earlier_granules_left_is_cleared_away(made, tmp_path):
    for name in ("quality/gone.json", "metadata/gone.umm_g.json"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("{}")
    airborne_convert_metadata(*made)
    airborne_check(*made, tmp_path / "out/check.json")
    assert not list((tmp_path / "out").rglob("gone*"))
