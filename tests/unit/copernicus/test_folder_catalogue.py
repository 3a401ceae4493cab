"""A folder of products as a catalogue: a made-up archive, searched, described, chosen from and drawn."""

import csv
import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rasterio
import shapely
from PIL import Image

from copernicus_plot_products import copernicus_plot_products
from copernicus_search import copernicus_search
from darkroom.copernicus import asked, search
from darkroom.copernicus.catalogues.folder import Folder, described
from darkroom.copernicus.products import read_products
from darkroom.copernicus.settings import Settings
from darkroom.samples.copernicus import sentinel


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eodata")
    sentinel(folder)
    return folder


def found(query, archive, folder):
    products = search.run(query, folder, root=archive, now=datetime(2023, 7, 1, tzinfo=UTC))
    return [product.name[:29] for product in products], json.loads((folder / "search.json").read_bytes())


def test_the_archive_is_the_same_bytes_each_time(archive, tmp_path):
    sentinel(tmp_path)
    first, again = (
        {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (archive, tmp_path)
    )
    assert first == again
    assert sum(map(len, first.values())) < 3_000_000


def test_bands_lie_where_the_metadata_say(archive):
    """The reader of JPEG 2000 is GDAL; the tile's own metadata have the same corner."""
    path = next(archive.rglob("*_B08_10m.jp2"))
    with rasterio.open(path) as image:
        assert image.crs.to_epsg() == 32632 and image.transform[2] == 399960 and image.transform[5] == 5000040
        assert 1000 < image.read(1).mean() < 8000
    shape = shapely.from_wkt(described(path.parents[4])["footprint"])
    assert shape.is_valid and shape.area == pytest.approx(0.024 * 0.017, rel=0.1)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (
            {"type": "S2MSI2A"},
            ["S2A_MSIL2A_20230612T101601_N0", "S2B_MSIL2A_20230617T101559_N0", "S2A_MSIL2A_20230622T101601_N0"],
        ),
        ({"type": "L2A", "cloud_cover": 30}, ["S2A_MSIL2A_20230612T101601_N0", "S2A_MSIL2A_20230622T101601_N0"]),
        ({"type": "L2A", "start": "2023-06-17", "end": "2023-06-17"}, ["S2B_MSIL2A_20230617T101559_N0"]),
        ({"type": "L2A", "start": "-12d"}, ["S2A_MSIL2A_20230622T101601_N0"]),
        ({"type": "L2A", "keep": {"newest": 1}}, ["S2A_MSIL2A_20230622T101601_N0"]),
        ({"type": "L2A", "keep": {"one a": "month"}}, ["S2A_MSIL2A_20230612T101601_N0"]),
        (
            {"type": "L2A", "tile": "32TMR", "orbit": [65, "descending"]},
            ["S2A_MSIL2A_20230612T101601_N0", "S2B_MSIL2A_20230617T101559_N0", "S2A_MSIL2A_20230622T101601_N0"],
        ),
        ({"type": "L2A", "orbit": 66}, []),
        ({"type": "L2A", "area": [7.74, 45.135, 7.745, 45.14], "baseline": "N0510"}, ["S2A_MSIL2A_20230622T101601_N0"]),
        ({"area": [8, 44.5, 8.2, 44.6]}, ["S5P_RPRO_L2__NO2____20230622T"]),
        ({"area": [100, -10, 101, -9]}, []),
        ({"mission": "Sentinel-3"}, ["S3A_OL_2_WFR____20230622T0950"]),
        ({"mission": "Sentinel-3", "timeliness": "NRT"}, ["S3A_OL_2_WFR____20230622T0950"]),
        ({"mission": "Sentinel-1"}, []),
        (
            {"names": ["S2A_MSIL2A_20230622T101601_N0509_R065_T32TMR_20230622T160204.SAFE"]},
            ["S2A_MSIL2A_20230622T101601_N0"],
        ),
    ],
)
def test_what_is_found(query, names, archive, tmp_path):
    got, record = found(query, archive, tmp_path)
    assert got == names
    listed = list(csv.DictReader((tmp_path / "products.csv").open()))
    assert [row["name"][:29] for row in listed] == names
    assert record["counts"]["products"] == len(names)
    assert record["counts"]["catalogue"] == len(names) + len(record["left_out"])
    assert (tmp_path / "product_list.txt").read_text().split() == [row["name"] for row in listed]
    assert (tmp_path / "product_list_remote.txt").read_text().split() == [row["path"] for row in listed]


def test_what_is_left_out_is_told_with_the_reason(archive, tmp_path):
    _, record = found({"type": "L2A", "cloud_cover": 30}, archive, tmp_path)
    reasons = {one["name"][:26]: one["why"] for one in record["left_out"]}
    assert reasons["S2B_MSIL2A_20230617T101559"].startswith("cloud cover 89.9")
    assert (
        reasons["S2A_MSIL2A_20230622T101601"]
        == "an older processing of S2A_MSIL2A_20230622T101601_N0510_R065_T32TMR_20240914T031551.SAFE"
    )


def test_an_empty_answer_is_an_answer(archive, tmp_path):
    _, record = found({"area": [100, -10, 101, -9]}, archive, tmp_path)
    assert record["notes"] == ["none of 8 products is left, see left_out"]
    assert read_products(tmp_path / "products.geojson") == []
    assert (
        (tmp_path / "products.csv")
        .read_text()
        .startswith("id,name,begin,end,footprint,bytes,online,checksums,path,version")
    )
    copernicus_plot_products(tmp_path / "products.geojson", tmp_path / "search.json", tmp_path / "preview.png")
    assert Image.open(tmp_path / "preview.png").size == (1200, 720)


def test_names_that_are_not_there_are_told(archive, tmp_path):
    names = [
        "S2A_MSIL2A_20230612T101601_N0509_R065_T32TMR_20230612T160102",
        "S2A_MSIL2A_20200101T101601_N0509_R065_T32TMR_20200101T160102",
    ]
    got, record = found({"names": names}, archive, tmp_path)
    assert len(got) == 1
    assert record["left_out"] == [{"name": names[1], "why": "the catalogue has no such product"}]


def test_folders_of_other_days_and_missions_are_not_opened(archive, tmp_path):
    folder = Folder(Settings("folder", "folder", search=str(archive)))
    query = search.resolve(
        {"type": "L2A", "start": "2023-06-17", "end": "2023-06-17"}, now=datetime(2023, 7, 1, tzinfo=UTC)
    )
    assert [path.name[:26] for path in folder._products(query)] == ["S2B_MSIL2A_20230617T101559"]


def test_a_zipped_product_and_its_folder_are_one(archive, tmp_path):
    safe = next(archive.rglob("S2B_MSIL2A*.SAFE"))
    shutil.copytree(safe, tmp_path / "in" / safe.name)
    with zipfile.ZipFile(tmp_path / "in" / f"{safe.name}.zip", "w") as file:
        for path in safe.rglob("*"):
            file.write(path, path.relative_to(safe.parent))
    got, record = found({}, tmp_path / "in", tmp_path)
    assert len(got) == 1 and "the same product as" in record["left_out"][0]["why"]
    assert described(tmp_path / "in" / f"{safe.name}.zip") == described(safe)


def test_more_products_than_the_limit_are_refused(archive, tmp_path):
    with pytest.raises(ValueError, match="has more products for this query than its limit, 3; narrow it"):
        found({"limit": 3}, archive, tmp_path)
    with pytest.raises(FileNotFoundError, match="is a folder, and it is not there"):
        found({}, archive / "nowhere", tmp_path)


def test_a_product_whose_manifest_is_broken_is_found_by_its_name(archive, tmp_path):
    safe = tmp_path / "in" / next(archive.rglob("S2B_MSIL2A*.SAFE")).name
    safe.mkdir(parents=True)
    (safe / "manifest.safe").write_text("<xfdu:XFDU")
    got, record = found({"type": "L2A"}, tmp_path / "in", tmp_path)
    assert len(got) == 1
    got, record = found({"type": "L2A", "area": [7, 45, 8, 46]}, tmp_path / "in", tmp_path)
    assert got == [] and record["left_out"][0]["why"] == "its footprint is not told"


def test_a_netcdf_whose_own_lengths_are_at_odds_is_found_by_its_name(archive, tmp_path):
    (tmp_path / "in").mkdir()
    product = Path(shutil.copy(next(archive.rglob("S5P_*.nc")), tmp_path / "in"))
    assert described(product)["footprint"]
    product.write_bytes(product.read_bytes()[:-1])
    assert described(product) == {}
    got, record = found({"mission": "Sentinel-5P", "area": [7, 45, 8, 46]}, tmp_path / "in", tmp_path)
    assert got == [] and record["left_out"][0]["why"] == "its footprint is not told"


def test_the_rule_searches_a_source_and_its_picture_is_the_same_bytes(archive, tmp_path):
    (tmp_path / "inventory.json").write_text(json.dumps({"root": str(archive), "files": []}))
    query = {"type": "S2MSI2A", "area": [7.7, 45.1, 7.8, 45.2], "start": asked.plain(datetime(2023, 6, 1, tzinfo=UTC))}
    pictures = []
    for run in ("one", "two"):
        folder = tmp_path / run
        copernicus_search(query, products=folder / "products.geojson", inventory=tmp_path / "inventory.json")
        copernicus_plot_products(folder / "products.geojson", folder / "search.json", folder / "preview.png")
        pictures.append((folder / "preview.png").read_bytes())
    assert pictures[0] == pictures[1]
    image = Image.open(tmp_path / "one/preview.png").convert("RGB")
    colours = {colour for _, colour in image.getcolors(1 << 24)}
    assert (214, 39, 40) in colours, "the area that was asked for"
