"""Searches of a service of ONDA's kind on loopback: the same products as its rows have, page by page."""

import random
from datetime import timedelta

import pytest
import shapely

import copernicus_catalogue as entries
from darkroom.copernicus import asking, query, search
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.settings import Limits, Settings
from servers import ens as ens_server

COUNT = 330
MANY = [(-3 + 0.005 * at, 40 + 2 * (at % 2)) for at in range(1000)]  # a zigzag that no URL has room for
ZIGZAG = shapely.Polygon([*MANY, (3, 35), (-4, 35)])


def rows():
    """Products of Sentinel-2, and of every third time one of Sentinel-1, as ONDA told of them."""
    chance = random.Random(5)
    for at in range(COUNT):
        begin = entries.BEGIN + timedelta(hours=at)
        west, south = chance.uniform(-170, 160), chance.uniform(-70, 70)
        stamp = f"{begin:%Y%m%dT%H%M%S}"
        if at % 3:
            name = f"S2A_MSIL1C_{stamp}_N0209_R{at % 143 + 1:03d}_T31TDH_{stamp}.zip"
            kind = {"platformName": "Sentinel-2", "productType": "S2MSI1C"}
        else:
            name = f"S1A_IW_GRDH_1SDV_{stamp}_{stamp}_{at:06d}_{at:06X}_ABCD.zip"
            kind = {"platformName": "Sentinel-1", "productType": "IW_GRDH_1S"}
        metadata = [{"id": "cloudCoverPercentage", "value": round(chance.uniform(0, 100), 2)}]
        metadata += [{"id": key, "value": value} for key, value in kind.items()]
        times = dict.fromkeys(("beginPosition", "endPosition"), f"{begin:%Y-%m-%dT%H:%M:%S}.000Z")
        yield name, times | {"footprint": entries.square(west, south), "metadata": metadata}


@pytest.fixture(scope="module")
def service():
    told = dict(rows())
    server = ens_server.Ens(dict.fromkeys(told, False), told=told)
    yield server
    server.stop()


def names_of(service, **asked):
    limits = Limits(page=100)
    settings = Settings("onda", "ens", search=service.url, download=service.url, limits=limits)
    catalogue = open_catalogue(settings, asking.Client(settings))
    kept, total, _ = search.search(query.resolve({"catalogue": "onda"} | asked), catalogue)
    assert len({product.id for product in kept}) == len(kept)
    return {product.name for product in kept}, total


def cloud(row):
    return row["metadata"][0]["value"]


def over(row, area):
    return shapely.from_wkt(row["footprint"]).intersects(area)


QUESTIONS = {
    "all, of four pages": ({}, lambda name, row: True),
    "mission": ({"mission": "Sentinel-1"}, lambda name, row: name.startswith("S1")),
    "family of types": ({"type": "GRD"}, lambda name, row: name.startswith("S1")),
    "type": ({"type": "S2MSI1C"}, lambda name, row: name.startswith("S2")),
    "days": (
        {"start": "2020-01-03", "end": "2020-01-04"},
        lambda name, row: "2020-01-03" <= row["beginPosition"] < "2020-01-05",
    ),
    "clouds": ({"type": "S2MSI1C", "cloud_cover": 40}, lambda name, row: name.startswith("S2") and cloud(row) <= 40),
    "area": ({"area": [-60, -40, 60, 60]}, lambda name, row: over(row, shapely.box(-60, -40, 60, 60))),
    "long border": ({"area": ZIGZAG.wkt}, lambda name, row: over(row, ZIGZAG)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_products_as_the_rows_have(service, question):
    asked, fits = QUESTIONS[question]
    got, total = names_of(service, **asked)
    assert got == {name for name, row in rows() if fits(name, row)}
    assert total >= len(got)


def test_names_are_found_whole(service):
    names = sorted(service.products)[:3]
    got, _ = names_of(service, names=[*names, names[0][:40]])
    assert got == set(names)


def test_more_than_the_limit_is_refused(service):
    with pytest.raises(ValueError, match="330 products for this query, and its limit is 100"):
        names_of(service, limit=100)
