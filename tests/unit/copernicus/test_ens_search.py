"""What a catalogue of ONDA's kind is asked: expressions of its text search, as CLEOPE wrote them."""

from darkroom.copernicus import query
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.settings import load


def expression(**asked):
    understood = query.resolve({"catalogue": "onda"} | asked)
    return open_catalogue(load("onda")).expression(understood, understood.area)


def test_expressions():
    assert expression() == "*"
    assert expression(mission="Sentinel-2") == "( platformName:Sentinel-2 )"
    assert expression(type="GRD") == "( platformName:Sentinel-1 AND productType:*GRD* )"
    assert expression(type="L2__NO2___") == "( platformName:Sentinel-5 Precursor AND productType:L2__NO2___ )"
    assert expression(
        type="SY_2_SYN___", start="2020-07-20", end="2020-07-20", area=[0, 40, 10, 50], cloud_cover=50
    ) == (
        "( platformName:Sentinel-3 AND productType:SY_2_SYN___ )"
        " AND ( beginPosition:[* TO 2020-07-21T00:00:00.000Z] AND endPosition:[2020-07-20T00:00:00.000Z TO *] )"
        " AND cloudCoverPercentage:[0 TO 50]"
        ' AND footprint:"Intersects(POLYGON ((10 40, 10 50, 0 50, 0 40, 10 40)))"'
    )
