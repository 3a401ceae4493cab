"""Searches of STAC APIs on loopback, by pystac-client: pgstac, and a small one that can be spoiled."""

import json
import random
import subprocess
import sys
import urllib.request
from datetime import timedelta

import pytest
import shapely

import copernicus_catalogue as entries
from darkroom.copernicus import asking, query, search
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.settings import Limits, Settings
from servers import loopback, pgstac, stac_server

COUNT = 250
ASSET = "https://download.example/odata/v1/Products({})/Nodes({})/Nodes({})/$value"


def item(at):
    """An item of Sentinel-2 L2A as CDSE has them, with a manifest, a band and the zip of all."""
    chance = random.Random(at)
    begin = entries.BEGIN + timedelta(hours=6) * at
    west, south, tile = chance.uniform(-170, 160), chance.uniform(-70, 70), f"{at % 60 + 1:02d}TDH"
    name = f"S2A_MSIL2A_{begin:%Y%m%dT%H%M%S}_N0500_R{at % 143 + 1:03d}_T{tile}_20230101T000000"
    assets = {
        key: {
            "href": f"s3://eodata/Sentinel-2/MSI/L2A_N0500/{begin:%Y/%m/%d}/{name}.SAFE/{file}",
            "alternate": {"https": {"href": ASSET.format(at, name, file)}},
            "roles": roles,
            "file:local_path": f"{name}.SAFE/{file}",
            "file:size": 1000 + at,
            "file:checksum": f"d50110{chance.getrandbits(128):032x}",
        }
        for key, file, roles in (("safe_manifest", "manifest.safe", ["metadata"]), ("B04_10m", "B04_10m.jp2", ["data"]))
    }
    whole = {"href": f"https://download.example/odata/v1/Products({at})/$value", "roles": ["data", "archive"]}
    whole |= {"file:local_path": f"{name}.SAFE.zip", "file:size": 10**9, "file:checksum": f"d50110{at:032x}"}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": shapely.geometry.mapping(shapely.box(west, south, west + 1, south + 1)),
        "bbox": [west, south, west + 1, south + 1],
        "properties": {
            "datetime": entries.stamp(begin),
            "eo:cloud_cover": round(chance.uniform(0, 100), 2),
            "sat:relative_orbit": at % 143 + 1,
            "sat:orbit_state": ("ascending", "descending")[at % 2],
            "grid:code": f"MGRS-{tile}",
            "processing:version": "05.00",
        },
        "assets": assets | {"Product": whole},
        "links": [],
    }


ITEMS = [item(at) for at in range(COUNT)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The one that can be spoiled."""
    folder = tmp_path_factory.mktemp("stac")
    (folder / "items.json").write_text(json.dumps(ITEMS))
    port, log = loopback.free_ports(1)[0], folder / "stac.log"
    process = loopback.start([sys.executable, stac_server.__file__, str(port), str(folder / "items.json")], log)
    loopback.wait_for_port(port, process, log)
    yield f"http://127.0.0.1:{port}/v1"
    loopback.stop(process)


@pytest.fixture(scope="module")
def database():
    """pgstac, as CDSE's own catalogue has it."""
    if not pgstac.programs():
        pytest.skip("PostgreSQL with PostGIS is not installed (Debian: apt install postgresql-postgis)")
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}}
    about = {"type": "Collection", "stac_version": "1.1.0", "description": "made-up", "license": "other", "links": []}
    server = pgstac.PgStac([about | {"id": "sentinel-2-l2a", "extent": extent}], ITEMS)
    yield server.url
    server.stop()


def catalogue_of(url):
    limits, collections = Limits(page=100), {"S2MSI2A": ["sentinel-2-l2a"], "S2MSI1C": ["sentinel-2-l1c"]}
    settings = Settings("test", "stac", search=url, limits=limits, collections=collections)
    return open_catalogue(settings, asking.Client(settings))


@pytest.fixture
def catalogue(server):
    return catalogue_of(server)


@pytest.fixture(params=["server", "database"])
def either(request):
    return catalogue_of(request.getfixturevalue(request.param))


def found(catalogue, **asked):
    return search.search(query.resolve({"type": "S2MSI2A"} | asked), catalogue)[0]


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, lambda told, ground: True),
        ({"cloud_cover": [10, 40]}, lambda told, ground: 10 <= told["eo:cloud_cover"] <= 40),
        ({"orbit": [7, "ascending"]}, lambda told, ground: told["sat:relative_orbit"] == 7 and told["sat:orbit_state"] == "ascending"),
        ({"tile": ["T07TDH", "08TDH"]}, lambda told, ground: told["grid:code"] in ("MGRS-07TDH", "MGRS-08TDH")),
        ({"start": "2020-01-10", "end": "2020-01-12"}, lambda told, ground: "2020-01-10" <= told["datetime"] < "2020-01-13"),
        ({"area": [150, -60, -160, 60]}, lambda told, ground: ground.intersects(shapely.box(150, -60, 180, 60)) or ground.intersects(shapely.box(-180, -60, -160, 60))),
    ],
)  # fmt: skip
def test_the_same_items_as_a_look_at_each_finds(either, asked, fits):
    got = found(either, **asked)
    fitting = {one["id"] for one in ITEMS if fits(one["properties"], shapely.geometry.shape(one["geometry"]))}
    assert {product.id for product in got} == fitting and fitting
    assert [product.begin for product in got] == sorted(product.begin for product in got)


def test_the_api_conforms(database):
    """What our client is tested with is a STAC API by its own validator."""
    square = {"type": "Polygon", "coordinates": [[[-90, -60], [90, -60], [90, 60], [-90, 60], [-90, -60]]]}
    classes = ("--conformance", "core", "--conformance", "item-search")
    command = [pgstac.program("stac-api-validator"), "--root-url", database, *classes]
    command += ["--collection", "sentinel-2-l2a", "--geometry", json.dumps(square)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "Errors: none" in done.stdout, done.stdout


def test_pages_are_noted_and_products_are_whole(catalogue):
    got = found(catalogue)
    assert [request.get("status") for request in catalogue.client.requests] == [200] * 4  # the root, and three pages
    first = got[0]
    assert first.name == f"{ITEMS[0]['id']}.SAFE" and first.bytes == 10**9 and first.checksums == {"md5": "0" * 32}
    assert first.path == f"/eodata/Sentinel-2/MSI/L2A_N0500/2020/01/01/{first.name}"
    band = catalogue.files(first)[1]
    assert band.url.startswith("https://download.example/") and band.alternate.startswith("s3://eodata/")
    assert band.name == f"{first.name}/B04_10m.jp2"


def test_names(either):
    got = found(either, names=[ITEMS[3]["id"] + ".SAFE", ITEMS[9]["id"] + ".zip"])
    assert [product.id for product in got] == [ITEMS[3]["id"], ITEMS[9]["id"]]


def test_what_goes_wrong_is_one_line(catalogue, server):
    def spoil(*statuses):
        body = json.dumps({"fail": statuses}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{server.removesuffix('/v1')}/control", body), timeout=10).read()

    with pytest.raises(ValueError, match="has no collection for 'L2__NO2___'; known are S2MSI1C, S2MSI2A"):
        found(catalogue, type="L2__NO2___")
    with pytest.raises(ValueError, match="has 250 products for this query, and its limit is 100"):
        found(catalogue, limit=100)
    spoil(503)
    assert len(found(catalogue)) == COUNT
    spoil(422)
    with pytest.raises(ValueError, match=r"does not take the query \(422\)"):
        found(catalogue)
    assert found(catalogue, type="S2MSI1C") == []


def test_a_catalogue_that_is_not_there():
    settings = Settings("test", "stac", search="http://127.0.0.1:9/v1", collections={"S2MSI2A": ["a"]})
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:9/v1: no answer"):
        found(open_catalogue(settings, asking.Client(settings, attempts=2)))
