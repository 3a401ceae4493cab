"""Real answers of catalogues and real products: all of them parse, and say what their files say."""

import json
import re

import pytest
import shapely

from darkroom.copernicus import areas, names, search, versions
from darkroom.copernicus.catalogues.folder import described, is_product
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.products import read_products, write_products
from darkroom.copernicus.settings import load

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture(scope="module")
def copernicus(samples):
    return samples / "copernicus"


def rows(path):
    answer = json.loads(path.read_bytes())
    return answer.get("value", [answer])


@pytest.fixture(scope="module")
def odata(copernicus):
    """A product of each entry of the real pages of OData, and of the descriptions of land products."""
    catalogue = open_catalogue(load("cdse"))
    paths = [
        *copernicus.glob("catalogue/odata_page_*.json"),
        *copernicus.glob("catalogue/cop_*.json"),
        *copernicus.glob("catalogue/clms/*.json"),
    ]
    return [catalogue._product(row) for path in sorted(paths) for row in rows(path)]


@pytest.fixture(scope="module")
def stac(copernicus):
    catalogue = open_catalogue(load("cdse-stac"))
    return [catalogue._product(json.loads(path.read_bytes())) for path in sorted(copernicus.glob("stac/*.json"))]


def test_pages_of_odata(odata):
    assert len(odata) == 47 + 2 + 6
    for product in odata:
        assert UTC.fullmatch(product.begin) and UTC.fullmatch(product.end), product.name
        assert product.collection in ("SENTINEL-1", "SENTINEL-2", "CLMS")
        assert bool(product.footprint) == ("AUX" not in product.name), "auxiliary products have none"
    auxiliary = [product for product in odata if "AUX" in product.name]
    assert all(
        set(product.checksums) == {"md5", "blake3"} and product.path.startswith("/eodata/") for product in auxiliary
    )
    assert all(product.bytes for product in auxiliary)


def test_land_products(odata):
    land = [product for product in odata if product.collection == "CLMS"]
    assert {product.type for product in land} >= {"ndvi_global_1km_10daily_v3", "ndvi_global_300m_10daily_v2"}
    assert all(
        product.online and product.version and areas.repaired(product.footprint).area > 10_000 for product in land
    )


def test_auxiliary_products_of_one_moment_are_versions_of_each_other(odata):
    instruments = [product for product in odata if "AUX_INS_V20140406T133000" in product.name]
    kept, left = versions.latest(instruments)
    assert [product.name for product in kept] == ["S1A_AUX_INS_V20140406T133000_G20251015T074233.SAFE"]
    assert len(left) == len(instruments) - 1 > 3


def test_items_of_stac(stac, copernicus):
    for product in stac:
        parsed = names.parsed(product.name)
        assert parsed and UTC.fullmatch(product.begin) and product.path.endswith("/" + product.name)
        assert product.path.startswith("/eodata/") and product.bytes and product.version
        assert all(asset.name.startswith(product.name) for asset in product.assets)
        assert areas.repaired(product.footprint) is not None
    optical = next(product for product in stac if "S2A_MSIL2A" in product.name)
    assert optical.path == f"/eodata/Sentinel-2/MSI/L2A_N0500/2022/02/17/{optical.name}"
    assert optical.checksums == {"md5": "3ae2f90d5e19911094dafdc192fe86ad"} and optical.bytes == 981355618
    assert (
        optical.attributes["cloudCover"],
        optical.attributes["tileId"],
        optical.attributes["relativeOrbitNumber"],
    ) == (41.21, "13VEK", 27)
    one = next(asset for asset in optical.assets if asset.name.endswith("B04_10m.jp2"))
    assert one.url.startswith("https://zipper.dataspace.copernicus.eu/") and one.alternate.startswith("s3://eodata/")


def test_paths_that_are_guessed_hold_those_that_are_told(stac):
    for product in stac:
        assert product.path.removeprefix("/eodata/") in names.candidates(product.name), product.path
    likeliest = [names.candidates(product.name)[0] == product.path.removeprefix("/eodata/") for product in stac]
    assert sum(likeliest) >= len(stac) - 1


def test_what_is_fetched_of_an_item(stac):
    catalogue = open_catalogue(load("cdse-stac"))
    optical = next(product for product in stac if "S2A_MSIL2A" in product.name)
    whole = catalogue.whole(optical)
    assert whole.archive and whole.name == f"{optical.name}.zip" and whole.bytes == 981355618
    bands = {file.name.rpartition("/")[2]: file for file in catalogue.files(optical)}
    assert bands["T13VEK_20220217T183431_B12_20m.jp2"].bytes < whole.bytes / 20
    assert "manifest.safe" in bands and not any(file.archive for file in bands.values())
    air = next(product for product in stac if product.name.startswith("S5P_OFFL_L2__NO2"))
    assert catalogue.whole(air).name == air.name and not catalogue.whole(air).archive


def test_answers_of_onda(copernicus):
    catalogue = open_catalogue(load("onda"))
    products = [catalogue._product(row) for row in rows(copernicus / "catalogue/onda_search.json")]
    assert products and all(
        UTC.fullmatch(product.begin) and product.bytes and product.footprint for product in products
    )
    assert not products[0].online
    assert products[0].path == f"/mnt/Copernicus/OPTICAL/LEVEL-1C/2020/08/13/{products[0].name}"
    assert catalogue.order_request(products[0])[1].endswith(f"/Products({products[0].id})/Ens.Order")


def test_lists_that_cleope_made(copernicus, tmp_path):
    listed = (copernicus / "product_list_trial.txt").read_text().split()
    assert sum(names.parsed(name) is not None for name in listed) == 7
    border, _ = areas.read(str(copernicus / "polygon.json"))
    assert border.area == pytest.approx(15.726053 * 9.571015)


@pytest.mark.parametrize("name", ["medsea.json", "EMSR435_AOI01_FEP_PRODUCT_observedEventA_r1_v2.json"])
def test_borders_of_emergencies_and_seas(copernicus, name):
    area, _ = areas.read(str(copernicus / name))
    assert area.is_valid
    short = areas.simplified(area, 2000)
    assert short.covers(area) and len(areas.wkt(short)) <= 2000


def test_a_search_through_real_products(copernicus, tmp_path):
    products = search.run({"mission": "Sentinel-1"}, tmp_path, root=copernicus)
    assert any("6D00" in product.name for product in products) and not any(
        "FEC3" in product.name for product in products
    )
    left = json.loads((tmp_path / "search.json").read_bytes())["left_out"]
    assert [one["why"].partition(" of ")[0] for one in left] == ["an older processing"]
    assert read_products(tmp_path / "products.geojson") == products


def test_twins_over_the_antimeridian(copernicus, tmp_path):
    products = search.run({"type": "S2MSI2A", "area": [178, 65, -179, 67]}, tmp_path, root=copernicus)
    assert [product.name for product in products] == [
        "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022158.SAFE"
    ]
    assert not areas.footprint(products[0].footprint).is_valid, "the table has it as it is given"
    shape = shapely.geometry.shape(json.loads((tmp_path / "products.geojson").read_bytes())["features"][0]["geometry"])
    assert shape.is_valid and shape.geom_type == "MultiPolygon"


def test_every_real_product_describes_itself(copernicus):
    products = [
        path for path in copernicus.rglob("S[1-3]?_*") if is_product(path)
    ]  # not their files, S1_radiance_an.nc
    assert len(products) >= 12
    for path in products:
        told = described(path)
        assert abs(names.days_between(told["begin"], names.parsed(path.name).begin)) * 86400 <= 1, path
        assert areas.repaired(told["footprint"]).area > 0


def test_tables_of_real_products_are_read_back(odata, stac, tmp_path):
    write_products(tmp_path, odata + stac)
    assert read_products(tmp_path / "products.geojson") == odata + stac
    assert len((tmp_path / "products.csv").read_text().splitlines()) == len(odata + stac) + 1
