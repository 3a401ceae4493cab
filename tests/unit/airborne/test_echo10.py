"""ECHO10 and the short file of py-cumulus; validation by CMR's XSD is in tests/real."""

from xml.etree import ElementTree

import pytest

from darkroom.airborne.metadata import echo10, legacy_met


@pytest.fixture
def granule():
    file = {"name": "a.nc", "bytes": 1_500_000, "sha256": "ab", "format": "netCDF-4", "mime_type": "x"}
    return {
        "id": "A & B",
        "collection": {"short_name": "hs3cpl", "version": "1"},
        "produced": "2026-01-02T03:04:05Z",
        "software": "0.1.0",
        "source_files": ["a.hdf5"],
        "files": [file, file | {"name": "a.hdf5"}],
        "begin": "2012-09-06T00:57:07Z",
        "end": "2012-09-06T04:00:00.500Z",
        "geometry": {"Lines": [[(1.0, 2.0), (3.0, 4.0)]]},
        "altitude": ["0.0", "20000.0"],
        "day_night": "Both",
        "platform": "Global Hawk UAV",
        "instrument": "CPL",
        "project": "HS3",
        "additional_attributes": {"Note": "5 \u00b1 1\x00"},
        "urls": [{"url": "https://x/a.nc?a=1&b=2", "type": "GET DATA", "description": "d", "mime_type": "m"}],
    }


def texts(content, path):
    return [element.text for element in ElementTree.fromstring(content).findall(path)]


def test_what_the_document_says(granule):
    content = echo10.echo10(granule)
    assert texts(content, "GranuleUR") == ["A & B"]
    assert texts(content, "DataGranule/SizeMBDataGranule") == ["1.5"]
    assert texts(content, "DataGranule/DayNightFlag") == ["BOTH"]
    assert texts(content, "DataGranule/AdditionalFile/Name") == ["a.hdf5"]
    assert texts(content, "Temporal/RangeDateTime/EndingDateTime") == ["2012-09-06T04:00:00.500Z"]
    assert texts(content, "Spatial/HorizontalSpatialDomain/Geometry/Line/Point/PointLongitude") == ["1.0", "3.0"]
    assert texts(content, "Platforms/Platform/Instruments/Instrument/ShortName") == ["CPL"]
    assert texts(content, "AdditionalAttributes/AdditionalAttribute/Values/Value") == ["5 \u00b1 1"]
    assert texts(content, "OnlineAccessURLs/OnlineAccessURL/URL") == ["https://x/a.nc?a=1&b=2"]


def test_rings_are_open_and_clockwise(granule):
    ring = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0), (0.0, 0.0)]
    content = echo10.echo10(granule | {"geometry": {"GPolygons": [ring]}})
    path = "Spatial/HorizontalSpatialDomain/Geometry/GPolygon/Boundary/Point/"
    places = list(zip(texts(content, path + "PointLongitude"), texts(content, path + "PointLatitude"), strict=True))
    x, y = zip(*[(float(x), float(y)) for x, y in places], strict=True)
    assert len(places) == 4
    assert sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(4)) < 0


def test_what_is_unknown_is_left_out(granule):
    content = echo10.echo10(granule | {"altitude": None, "additional_attributes": {}, "urls": []})
    tags = {element.tag for element in ElementTree.fromstring(content).iter()}
    assert not tags & {"VerticalSpatialDomains", "AdditionalAttributes", "OnlineAccessURLs", "OnlineResources"}


def test_the_short_file_has_the_elements_of_py_cumulus_and_can_be_parsed(granule):
    """Its own writer, of cumulus-process 1.4.0 on Python 3, writes `b'<?xml ...'`."""
    root = ElementTree.fromstring(legacy_met.legacy_met(granule))
    assert [child.tag for child in root] == [
        "GranuleUR",
        "InsertTime",
        "LastUpdate",
        "Collection",
        "OnlineAccessURLs",
        "Orderable",
    ]
    assert root.findtext("Collection/VersionId") == "1"
    assert root.findtext("OnlineAccessURLs/OnlineAccessURL/URL") == "https://x/a.nc?a=1&b=2"
    assert ElementTree.fromstring(legacy_met.legacy_met(granule | {"urls": []})).findtext("Orderable") == "false"
