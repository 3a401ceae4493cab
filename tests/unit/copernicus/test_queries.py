"""Queries: every key, what is wrong with one, dates that are relative, and what CLEOPE's buttons have saved."""

import json
from datetime import UTC, datetime

import pytest
import yaml

from darkroom.copernicus import asked, query

NOW = datetime(2024, 3, 15, 12, 30, tzinfo=UTC)


def understood(value, folder=None):
    given, beside = asked.load(value)
    return query.resolve(given, folder or beside, now=NOW)


def test_a_whole_query_from_a_file(tmp_path):
    (tmp_path / "area.wkt").write_text("POLYGON ((10 45, 11 45, 11 46, 10 46, 10 45))")
    (tmp_path / "query.yaml").write_text(
        "{type: S2MSI2A, area: area.wkt, start: 2020-08-08, end: 2020-08-16, cloud_cover: [5, 40], orbit: [22, descending], "
        "tile: T32TMR, baseline: '>=05.00', online: true, keep: {one a: week}, versions: all, limit: 50}"
    )
    query = understood(tmp_path / "query.yaml")
    assert (query.catalogue, query.mission, query.type) == ("cdse", "Sentinel-2", "S2MSI2A")
    assert (query.start, query.end) == ("2020-08-08T00:00:00.000Z", "2020-08-17T00:00:00.000Z")
    assert (query.cloud_cover, query.orbits, query.direction, query.tiles) == ((5, 40), (22,), "DESCENDING", ("32TMR",))
    assert (query.baseline, query.online, query.keep, query.versions, query.limit) == (
        (">=05.00",),
        True,
        {"one a": "week"},
        "all",
        50,
    )
    assert query.area.bounds == (10, 45, 11, 46)


@pytest.mark.parametrize(
    ("text", "last", "time"),
    [
        ("2020", False, "2020-01-01T00:00:00.000Z"),
        ("2020", True, "2021-01-01T00:00:00.000Z"),
        ("2020-02", True, "2020-03-01T00:00:00.000Z"),
        ("2020-12", True, "2021-01-01T00:00:00.000Z"),
        ("2020-12-31", True, "2021-01-01T00:00:00.000Z"),
        ("2020-08-08T10:00:00+02:00", False, "2020-08-08T08:00:00.000Z"),
        ("2020-08-08T10:00:00.123Z", True, "2020-08-08T10:00:00.123Z"),
        ("-30d", False, "2024-02-14T12:30:00.000Z"),
        ("-6h", True, "2024-03-15T06:30:00.000Z"),
        ("-2w", False, "2024-03-01T12:30:00.000Z"),
        ("now", True, "2024-03-15T12:30:00.000Z"),
        ("today", True, "2024-03-16T00:00:00.000Z"),
        (2020, False, "2020-01-01T00:00:00.000Z"),
    ],
)
def test_times(text, last, time):
    assert asked.moment(text, NOW, last) == time


def test_relative_dates_are_resolved_and_told():
    query = understood({"start": "-30d", "end": "now"})
    assert query.notes == ["start -30d was 2024-02-14T12:30:00.000Z", "end now was 2024-03-15T12:30:00.000Z"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"clouds": 40}, "query: 'clouds' is unknown; known are area, baseline, catalogue, cloud_cover"),
        (
            {"cloud_cover": 140},
            "query cloud_cover: 140 is greater than the maximum of 100; right is: the most percent of cloud",
        ),
        ({"cloud_cover": "little"}, "query cloud_cover: 'little' is not valid"),
        ({"start": "yesterday"}, "query: start: 'yesterday' is no time; right is 2020-08-08"),
        ({"start": "2020-13-01"}, "query: start: '2020-13-01' is no time"),
        ({"start": "2020-08-16", "end": "2020-08-08"}, "query: end: 2020-08-08 is before start, 2020-08-16"),
        ({"catalogue": "cdes"}, "query: catalogue: 'cdes' is unknown; did you mean 'cdse'?"),
        ({"mission": "Sentinel2"}, "query: mission: 'Sentinel2' is unknown; did you mean 'Sentinel-2'?"),
        ({"type": "S2MSI2B"}, "query: type: 'S2MSI2B' is of no mission that is known; did you mean 'S2MSI2A'?"),
        ({"mission": "Sentinel-3", "type": "OL_2_WFR__"}, "did you mean 'OL_2_WFR___'?"),
        ({"area": "no/such.geojson"}, "query: area: there is no file 'no/such.geojson'"),
        ({"names": "no/such.txt"}, "query: names: there is no file 'no/such.txt'"),
        ({"keep": {"newest": 0}}, 'query keep: {"newest": 0} is not valid'),
        ({"keep": {"oldest": 1}}, "right is: all, {newest: N}, or {one a: day}"),
        ({"orbit": ["ascending", "descending"]}, 'query orbit: ["ascending", "descending"] is not valid'),
        ({"versions": "newest"}, "query versions: 'newest' is unknown; known are all, latest"),
        ({"limit": 0}, "query limit: 0 is less than the minimum of 1"),
        ({"baseline": "new"}, "query baseline: 'new' does not match"),
        ({"area": "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))"}, "query: area: crosses itself"),
    ],
)
def test_each_wrong_query_gets_one_line(value, said):
    with pytest.raises(ValueError) as raised:
        understood(value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_all_that_is_wrong_is_told_at_once():
    lines = list(asked.problems({"mission": "Sentinel2", "start": "soon", "catalogue": "cdes", "area": "no/such.wkt"}))
    assert len(lines) == 4


@pytest.mark.parametrize(("content", "said"), [("[1, 2]", "is a list"), ("{a", "cannot be read"), ("", "is empty")])
def test_a_file_that_is_no_query(tmp_path, content, said):
    (tmp_path / "query.yaml").write_text(content)
    with pytest.raises(ValueError, match=rf"query\.yaml: .*{said}"):
        asked.load(tmp_path / "query.yaml")


def test_a_query_that_is_not_there():
    with pytest.raises(ValueError, match=r"there is no file .nowhere\.yaml."):
        asked.load("nowhere.yaml")


def test_the_state_that_cleope_saved(tmp_path):
    """polygon.json, m.log and sen.log as its buttons write them."""
    border = [
        [1.825846, 35.424868],
        [1.825846, 44.995883],
        [17.551899, 44.995883],
        [17.551899, 35.424868],
        [1.825846, 35.424868],
    ]
    (tmp_path / "polygon.json").write_text(json.dumps({"type": "Polygon", "coordinates": [border]}))
    (tmp_path / "m.log").write_text('["Sentinel-3","SY_2_SYN___"]')
    times = "[2020-07-20T00:00:00.000Z%20TO%202020-07-20T23:59:59.999Z]"
    (tmp_path / "sen.log").write_text(json.dumps([times, times]))
    query = understood(tmp_path)
    assert (query.mission, query.type) == ("Sentinel-3", "SY_2_SYN___")
    assert (query.start, query.end) == ("2020-07-20T00:00:00.000Z", "2020-07-20T23:59:59.999Z")
    assert query.area.bounds == (1.825846, 35.424868, 17.551899, 44.995883)
    (tmp_path / "m.log").write_text('["Sentinel-5 Precursor", "All S5P"]')
    (tmp_path / "sen.log").write_text("null")
    query = understood(tmp_path)
    assert (query.mission, query.type, query.start, query.end) == ("Sentinel-5P", "", "", "")
    (tmp_path / "sen.log").write_text('["yesterday"]')
    with pytest.raises(ValueError, match=r"sen\.log: .* right is \[\[BEGIN%20TO%20END\]"):
        understood(tmp_path)


def test_a_list_of_products_is_a_query(tmp_path):
    lines = (
        "S2A_MSIL2A_20191213T070301_N0213_R063_T40TEP_20191213T094104.zip",
        "",
        "/mnt/Copernicus/OPTICAL/LEVEL-1/LC08_L1TP_191048_20190829_20190903_01_T1.tar.gz",
    )
    (tmp_path / "product_list.txt").write_text("\r\n".join(lines))
    stems = ("S2A_MSIL2A_20191213T070301_N0213_R063_T40TEP_20191213T094104", "LC08_L1TP_191048_20190829_20190903_01_T1")
    for value in (tmp_path / "product_list.txt", {"names": str(tmp_path / "product_list.txt")}, tmp_path):
        assert understood(value).names == stems


def test_dates_of_yaml_are_text_again():
    value = yaml.safe_load("{start: 2020-08-08, end: 2020-08-08T10:00:00Z, keep: {newest: 2}}")
    assert asked.plain(value) == {"start": "2020-08-08", "end": "2020-08-08T10:00:00.000Z", "keep": {"newest": 2}}


def test_files_of_a_query_are_found_beside_it(tmp_path):
    (tmp_path / "aoi.geojson").write_text("{}")
    assert asked.files({"area": "aoi.geojson", "names": ["S2A"]}, tmp_path) == [str(tmp_path / "aoi.geojson")]
    assert asked.files({"area": "POINT (1 2)"}, tmp_path) == []
