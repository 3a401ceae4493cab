"""The UMM-G record and the description that it is made of; validation by CMR's schema is in tests/real."""

import hashlib
import json

import numpy as np
import pytest

import airborne_product
from airborne_convert_metadata import airborne_convert_metadata

SONDE = {"latitude": np.linspace(31.5, 31.4, 20), "longitude": np.linspace(-61.5, -61.6, 20)}
FLIGHT = {"latitude": np.linspace(-31, -41, 20), "longitude": np.linspace(175, 185, 20)}


@pytest.fixture
def describe(tmp_path):
    """`describe(variables, **options)`: the UMM-G record, and what the list tells of the granule."""
    source = tmp_path / "in/D20120907_124116.eol"
    source.parent.mkdir()
    source.write_text("sounding")

    def described(variables, **options):
        granules, collection = airborne_product.listed(tmp_path / "out", source, **variables)
        metadata = tmp_path / "out/metadata.json"
        airborne_convert_metadata(granules, metadata, collections=[collection], **options)
        record = json.loads((tmp_path / "out/metadata/D20120907_124116.umm_g.json").read_text())
        return record, json.loads(metadata.read_text())["granules"][0]

    return described


def test_what_the_record_says(describe, tmp_path):
    record, _ = describe(
        SONDE | {"altitude": np.linspace(19000.0, 12.5, 20), "attributes": {"altitude": {"units": "m"}}}
    )
    product = tmp_path / "out/netcdf/D20120907_124116.nc"
    assert record["GranuleUR"] == "D20120907_124116"
    assert record["CollectionReference"] == {"ShortName": "demosondes", "Version": "2"}
    assert record["TemporalExtent"]["RangeDateTime"] == {
        "BeginningDateTime": "2012-09-07T12:41:16Z",
        "EndingDateTime": "2012-09-07T12:41:35Z",
    }
    described = record["DataGranule"]
    assert described["ProductionDateTime"] == "2026-01-02T03:04:05Z"
    assert described["DayNightFlag"] == "Day"
    (file,) = described["ArchiveAndDistributionInformation"]
    assert file["SizeInBytes"] == product.stat().st_size
    assert file["Checksum"] == {"Value": hashlib.sha256(product.read_bytes()).hexdigest(), "Algorithm": "SHA-256"}
    assert record["SpatialExtent"]["VerticalSpatialDomains"][0]["MaximumValue"] == "19000.0"
    (box,) = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["BoundingRectangles"]
    assert list(box.values()) == [-61.6, 31.4, -61.5, 31.5]
    assert record["Platforms"] == [{"ShortName": "NASA ER-2", "Instruments": [{"ShortName": "AVAPS"}]}]
    assert record["AdditionalAttributes"] == [{"Name": "Direction", "Values": ["Descending"]}]
    assert record["InputGranules"] == ["D20120907_124116.eol"]


def test_a_flight_is_a_line_in_the_south_across_longitude_180(describe):
    record, listed = describe(FLIGHT)
    lines = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["Lines"]
    ends = [(line["Points"][0]["Longitude"], line["Points"][-1]["Longitude"]) for line in lines]
    assert ends == [(175, 180), (-180, -175)]
    assert listed["box"] == [175, -41, -175, -31]
    assert listed["deviation_m"] <= 1000


def test_addresses_are_those_of_the_file_table(describe):
    record, listed = describe(SONDE, endpoint="https://data.example.org/", buckets={"protected": "prod-protected"})
    place = "prod-protected/demosondes/20120907/D20120907_124116.nc"
    assert {url["URL"]: url["Type"] for url in record["RelatedUrls"]} == {
        f"https://data.example.org/{place}": "GET DATA",
        f"s3://{place}": "GET DATA VIA DIRECT ACCESS",
        "https://doi.org/10.5067/DEMO/DATA1": "VIEW RELATED INFORMATION",
    }
    assert {(entry["bucket"], entry["path"]) for entry in listed["archive"]} == {
        ("protected", "demosondes/20120907/D20120907_124116.nc"),
        *(
            ("private", f"demosondes/20120907/D20120907_124116.{ending}")
            for ending in ("umm_g.json", "echo10.xml", "meta.xml", "json")
        ),
    }


def test_without_an_archive_no_address_is_made_up(describe):
    record, _ = describe(SONDE)
    assert [url["Type"] for url in record["RelatedUrls"]] == ["VIEW RELATED INFORMATION"]


def test_night_is_told_from_the_sun_or_from_the_lidar(describe):
    far_away = {"latitude": np.full(20, 31.5), "longitude": np.full(20, 118.4)}
    assert describe(far_away)[0]["DataGranule"]["DayNightFlag"] == "Night"
    measured = SONDE | {"solar_elevation_angle": np.linspace(-5.0, 5.0, 20)}
    assert describe(measured)[0]["DataGranule"]["DayNightFlag"] == "Both"


def test_the_same_product_gives_the_same_bytes(describe, tmp_path):
    describe(FLIGHT)
    folder = tmp_path / "out/metadata"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    describe(FLIGHT)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 4


def test_a_granule_without_positions_is_named(describe):
    with pytest.raises(ValueError, match=r"D20120907_124116\.nc: no position is known"):
        describe({"latitude": np.full(20, -999.0), "longitude": np.full(20, -999.0)})


def test_a_url_path_with_an_unknown_group_is_named(describe, monkeypatch):
    monkeypatch.setitem(airborne_product.COLLECTION, "url_path", "{flight}/{date}")
    with pytest.raises(
        ValueError,
        match=r"collection demosondes: url_path '\{flight\}/\{date\}': uses 'flight', which is not there; known are .*\{granule\}",
    ):
        describe(SONDE)
