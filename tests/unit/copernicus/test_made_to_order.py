"""Services that make what is asked for: what a search of them tells, and what is missing to ask them."""

import pytest

from darkroom.copernicus import downloads, query, search
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.settings import load


def found(name, **asked):
    return search.search(query.resolve({"catalogue": name} | asked), open_catalogue(load(name)))[0]


def test_a_day_of_cams_each():
    days = found("ads", mission="CAMS", type="tcno2", start="2020-07-08", end="2020-07-10", area=[100, -50, 160, -3])
    assert [product.begin for product in days] == [f"2020-07-{day:02d}T00:00:00Z" for day in (8, 9, 10)]
    first = days[0].attributes
    assert first["request"]["variable"] == ["total_column_nitrogen_dioxide"] and first["request"]["area"] == [
        -3,
        100,
        -50,
        160,
    ]
    assert first["request"]["date"] == ["2020-07-08/2020-07-08"]
    assert first["request"]["dataset"] == "cams-global-atmospheric-composition-forecasts"
    long = found(
        "ads",
        mission="CAMS",
        type="total_column_nitrogen_dioxide",
        start="2020-07-08",
        end="2020-07-10",
        area=[100, -50, 160, -3],
    )
    assert [product.name for product in long] == [product.name for product in days]
    other = found("ads", mission="CAMS", type="tcno2", start="2020-07-08", end="2020-07-08")
    assert other[0].name != days[0].name, "another area is another file"


def test_a_cut_out_of_the_sea():
    only = found(
        "cmems",
        mission="CMEMS",
        type="METOFFICE-GLO-SST-L4-NRT-OBS-SST-V2",
        start="2020-07-08",
        end="2020-07-10",
        area=[0, 30, 10, 40],
    )
    assert [product.attributes["request"]["minimum_latitude"] for product in only] == [30]
    assert only[0].name.startswith("METOFFICE-GLO-SST-L4-NRT-OBS-SST-V2_20200708_20200711_")


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("ads", {"mission": "CAMS", "type": "tcno2"}, "needs start, end and a variable"),
        ("cmems", {"mission": "CMEMS", "start": "2020", "end": "2020"}, "needs start, end and the id of a dataset"),
    ],
)
def test_a_query_that_lacks_something(name, asked, said):
    with pytest.raises(ValueError, match=said):
        found(name, **asked)


@pytest.mark.parametrize(("name", "package"), [("ads", "cdsapi"), ("cmems", "copernicusmarine")])
def test_their_packages_are_needed_when_they_are_asked(name, package, tmp_path):
    try:
        __import__(package)
        pytest.skip(f"{package} is installed here")
    except ModuleNotFoundError:
        products = found(
            name, mission=name.replace("ads", "cams").upper(), type="tcno2", start="2020-07-08", end="2020-07-08"
        )
    with pytest.raises(
        ModuleNotFoundError, match=f"{package} is not installed, which this catalogue needs: pip install {package}"
    ):
        downloads.made_for(products, open_catalogue(load(name)), tmp_path)
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / products[0].name).write_bytes(b"CDF")
    there = downloads.made_for(products, open_catalogue(load(name)), tmp_path)
    assert [(file.name, file.bytes) for file in there.files] == [(f"whole/{products[0].name}", 3)]
