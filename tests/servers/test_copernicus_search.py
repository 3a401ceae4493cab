"""Searches of a real catalogue of OData on loopback: the same products as its parser, and as eodag, make of a question."""

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import shapely

import copernicus_catalogue as entries
from darkroom.copernicus import areas, asking, query, search
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.settings import Limits, Settings
from servers import cap as cap_server
from servers import odata, venvs

EODAG = Path(__file__).with_name("eodag.lock")
COUNT, PAGE = 500, 200
LIMITS = Limits(page=PAGE, skip=2 * PAGE)
MANY = [(-3 + 0.005 * at, 40 + 2 * (at % 2)) for at in range(1000)]  # a zigzag that no URL has room for
ZIGZAG = shapely.Polygon([*MANY, (3, 35), (-4, 35)])


@pytest.fixture(scope="module")
def rows():
    return list(entries.sentinel2(COUNT))


@pytest.fixture
def catalogue(tmp_path, rows):
    """Start a catalogue of the rows, or of others: gives its server, and what asks it."""
    started = []

    def start(given=None):
        server = odata.OData(tmp_path / f"odata{len(started)}", rows if given is None else given, PAGE, 2 * PAGE)
        started.append(server)
        settings = Settings("test", "odata", search=server.url, download=server.url, limits=LIMITS)
        return server, open_catalogue(settings, asking.Client(settings))

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, rows):
    """One catalogue for the tests that do not spoil it."""
    server = odata.OData(tmp_path_factory.mktemp("odata"), rows, PAGE, 2 * PAGE)
    settings = Settings("test", "odata", search=server.url, download=server.url, limits=LIMITS)
    yield server, open_catalogue(settings, asking.Client(settings))
    server.stop()


def found(catalogue, **asked):
    return search.search(query.resolve({"limit": 20_000} | asked), catalogue)[0]


def told(row, name):
    return next(one["Value"] for one in row["Attributes"] if one["Name"] == name)


def ground(row):
    return shapely.from_wkt(row["Footprint"].removeprefix("geography'SRID=4326;").removesuffix("'"))


QUESTIONS = {
    "clouds": ({"cloud_cover": 40}, lambda row: told(row, "cloudCover") <= 40),
    "clouds from": ({"cloud_cover": [20, 40]}, lambda row: 20 <= told(row, "cloudCover") <= 40),
    "orbit": ({"orbit": [7, 8]}, lambda row: told(row, "relativeOrbitNumber") in (7, 8)),
    "direction": ({"orbit": "descending"}, lambda row: told(row, "orbitDirection") == "DESCENDING"),
    "tile": ({"tile": ["T07TDH", "09TDH"]}, lambda row: told(row, "tileId") in ("07TDH", "09TDH")),
    "days": ({"start": "2020-01-10", "end": "2020-01-12"}, lambda row: "2020-01-10" <= row["ContentDate"]["Start"] < "2020-01-13"),
    "area": ({"area": [-20, -20, 40, 60]}, lambda row: ground(row).intersects(shapely.box(-20, -20, 40, 60))),
    "antimeridian": ({"area": [150, -60, -160, 60]}, lambda row: ground(row).intersects(shapely.box(150, -60, 180, 60).union(shapely.box(-180, -60, -160, 60)))),
    "point": ({"area": "POINT (10 45)"}, lambda row: ground(row).intersects(shapely.Point(10, 45))),
    "long border": ({"area": ZIGZAG.wkt}, lambda row: ground(row).intersects(ZIGZAG)),
    "all of it": ({"area": [-20, -20, 40, 60], "start": "2020-01-05", "cloud_cover": 70, "orbit": "ascending"}, lambda row: ground(row).intersects(shapely.box(-20, -20, 40, 60)) and row["ContentDate"]["Start"] >= "2020-01-05" and told(row, "cloudCover") <= 70 and told(row, "orbitDirection") == "ASCENDING"),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_products_as_the_parser_finds(shared, rows, question):
    asked, fits = QUESTIONS[question]
    got = found(shared[1], type="S2MSI1C", **asked)
    assert {product.name for product in got} == {row["Name"] for row in rows if fits(row)}
    assert question == "point" or got


@pytest.fixture(scope="module")
def cap(tmp_path_factory, rows):
    """The same catalogue in SAP CAP."""
    if not cap_server.installed():
        pytest.skip("SAP CAP is not installed (make cap)")
    server = cap_server.Cap(tmp_path_factory.mktemp("cap"), rows)
    settings = Settings("test", "odata", search=server.url, download=server.url, limits=LIMITS)
    yield open_catalogue(settings, asking.Client(settings))
    server.stop()


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_products_as_cap_finds(cap, rows, question):
    asked, fits = QUESTIONS[question]
    got = found(cap, type="S2MSI1C", **asked)
    assert {product.name for product in got} == {row["Name"] for row in rows if fits(row)}


def test_every_filter_is_parsed_by_odata_query(shared):
    catalogue, filters = shared[1], []
    kinds = ({"type": kind} for kind in ("GRD", "GRD-COG", "SLC", "AUX_POEORB", "S2MSI2A", "L1TP", "L2__NO2___"))
    others = (
        {"type": "OL_2_WFR___", "timeliness": ["NT", "NR"], "online": True},
        {"type": "L2__CO____", "timeliness": "OFFL"},
        {"mission": "CLMS", "type": "ndvi_global_300m_10daily_v2", "start": "-30d", "end": "now"},
        {
            "area": {
                "type": "MultiPolygon",
                "coordinates": [[[[at, 0], [at + 1, 0], [at, 1], [at, 0]]] for at in range(0, 20, 2)],
            }
        },
    )
    for asked in (*kinds, *others, *(asked | {"mission": "Sentinel-2"} for asked, _ in QUESTIONS.values())):
        understood = query.resolve(asked)
        filters.append(catalogue.filter(understood, understood.area, since="2020-01-01T00:00:00.000000Z"))
    assert len(set(filters)) == len(filters) > 20
    odata.require_filters(filters)


def test_the_whole_answer_in_pages(shared, rows):
    got = found(shared[1], type="S2MSI1C")
    assert [product.name for product in got] == [row["Name"] for row in rows]
    first, given = got[0], rows[0]
    assert (first.id, first.bytes, first.path) == (given["Id"], given["ContentLength"], given["S3Path"])
    assert first.checksums == {"md5": given["Checksum"][0]["Value"]}
    assert ground(given).equals(shapely.from_wkt(first.footprint))
    assert first.attributes["cloudCover"] == told(given, "cloudCover")


def test_beyond_what_may_be_skipped(catalogue, rows):
    """The service refuses to skip more than two pages; what was found before is no reason to stop."""
    _, asked = catalogue(list(entries.sentinel2(1450, step=timedelta(seconds=10))))
    got = found(asked, type="S2MSI1C", versions="all")
    assert len({product.id for product in got}) == len(got) == 1450
    assert [product.begin for product in got] == sorted(product.begin for product in got)
    skips = [request["url"].partition("skip=")[2] for request in asked.client.requests]
    assert skips.count("400") == 2 and max(skips) == "400"


def test_names_are_asked_for_whole(shared, rows):
    names = [row["Name"] for row in rows[::10]]
    got = found(shared[1], names=[name.replace(".SAFE", ".zip") for name in names])
    assert sorted(product.name for product in got) == sorted(names)
    assert found(shared[1], names=[names[0][:-9]]) == []


def test_a_page_that_fails_once_is_asked_for_again(catalogue, rows):
    server, asked = catalogue()
    server.control(fail=[503, 429], after=1)
    assert len(found(asked, type="S2MSI1C")) == COUNT
    assert sum(request["attempts"] for request in asked.client.requests) == 3 + 2


def test_products_that_come_and_go_between_pages(catalogue, rows):
    server, asked = catalogue(rows[5:])
    server.control(insert=rows[:5], after=1)
    assert {product.name for product in found(asked, type="S2MSI1C")} >= {row["Name"] for row in rows[5:]}
    server.control(delete=3, after=1)
    assert len(found(asked, type="S2MSI1C")) == COUNT - 3


def test_what_is_no_catalogue(catalogue):
    server, asked = catalogue([])
    server.control(fail=["html"])
    with pytest.raises(
        ValueError, match=r"/Products.*: the answer is text/html, not JSON; is this the address of a catalogue"
    ):
        found(asked, type="S2MSI1C")
    server.control(fail=[404])
    with pytest.raises(OSError, match="404 Not Found"):
        found(asked, type="S2MSI1C")
    server.control(fail=[422])
    with pytest.raises(ValueError, match=r"catalogue test does not take the query \(422: spoiled\)"):
        found(asked, type="S2MSI1C")
    server.control(fail=[401])
    with pytest.raises(PermissionError, match=r"catalogue test wants a login \(401"):
        found(asked, type="S2MSI1C")
    assert found(asked, type="S2MSI1C") == []


def test_a_catalogue_that_is_not_there():
    settings = Settings("test", "odata", search="http://127.0.0.1:9/odata/v1")
    with pytest.raises(OSError, match="refused"):
        found(open_catalogue(settings, asking.Client(settings, attempts=1)))


def test_more_than_the_limit_is_refused_before_it_comes(shared):
    with pytest.raises(ValueError, match=f"the catalogue has {COUNT} products for this query, and its limit is 100"):
        found(shared[1], limit=100)


ASK = """
import json, sys
from eodag import EODataAccessGateway

url, asked = sys.argv[1], json.loads(sys.argv[2])
gateway = EODataAccessGateway()
ends = {"search": {"api_endpoint": f"{url}/Products"}, "auth": {"oidc_config_url": f"{url}/openid"}}
gateway.update_providers_config(dict_conf={"cop_dataspace": ends})
found = gateway.search_all(provider="cop_dataspace", raise_errors=True, collection="S2_MSI_L1C", **asked)
print(json.dumps([one.properties["id"] for one in found]))
"""


def test_eodag_selects_the_same_products(tmp_path, rows):
    """eodag asks the same server in a grammar of its own."""
    try:
        python = venvs.python(EODAG)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"eodag cannot be installed here: {error}")
    asked = {"start": "2020-01-05T00:15:00Z", "end": "2020-02-01T00:15:00Z"}
    west, south, east, north = area = [-60, -60, 100, 60]
    theirs = asked | {"eo:cloud_cover": 60, "geom": {"lonmin": west, "latmin": south, "lonmax": east, "latmax": north}}
    server = odata.OData(tmp_path, rows)
    try:
        line = [python, "-c", ASK, server.url, json.dumps(theirs)]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(line, capture_output=True, text=True, timeout=900, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        settings = Settings("test", "odata", search=server.url, download=server.url)
        ours = found(
            open_catalogue(settings, asking.Client(settings)), type="S2MSI1C", cloud_cover=60, area=area, **asked
        )
    finally:
        server.stop()
    assert {product.stem for product in ours} == set(json.loads(done.stdout.splitlines()[-1]))
    assert len(ours) > 50


def test_an_area_that_was_made_simple_is_told(shared, rows, tmp_path):
    server = shared[0]
    (tmp_path / "mine.yaml").write_text(
        json.dumps({"mine": {"kind": "odata", "search": server.url, "limits": {"page": PAGE, "skip": 2 * PAGE}}})
    )
    asked = {"catalogue": "mine", "type": "S2MSI1C", "area": ZIGZAG.wkt, "limit": 5000}
    got = search.run(asked, tmp_path, str(tmp_path / "mine.yaml"))
    record = json.loads((tmp_path / "search.json").read_bytes())
    assert record["counts"]["catalogue"] == len(got) + len(record["left_out"])
    assert {one["why"] for one in record["left_out"]} <= {"outside the area"}
    assert len(record["requests"][0]["url"]) < 6000 < len(areas.wkt(ZIGZAG))
    assert any("simplified" in note for note in record["notes"])
