"""Copies of Sentinel-2 from a catalogue of a mirror: searched, fetched with their item, and brought to one index."""

import json
import sys

import numpy as np
import pytest

from copernicus_check_products import copernicus_check_products
from copernicus_copies import PRODUCT, copy
from copernicus_fetch import copernicus_fetch
from copernicus_import import copernicus_import
from copernicus_project import copernicus_project
from copernicus_search import copernicus_search
from darkroom import files, inventory
from darkroom.copernicus import variants
from darkroom.copernicus.recipes.registry import method
from darkroom.copernicus.stack import Stack
from servers import loopback, stac_server

OPTIONS = {"layers": [], "map": {}, "mask": None, "detectors": None}
OFFSET = {"raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 1e-4, "offset": -0.1}]}


def served(folder, start):
    """A server of the files of a folder; gives its URL."""
    port, log = loopback.free_ports(1)[0], folder.with_suffix(".log")
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), str(port)]
    start(command, port, log)
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def start():
    """Starts a server that ends with the test."""
    running = []

    def one(command, port, log):
        running.append(loopback.start(command, log))
        loopback.wait_for_port(port, running[-1], log)

    yield one
    for process in running:
        loopback.stop(process)


def mirror(folder, start, shift, applied):
    """A mirror with one item and its images, and pictures and files of another service beside them."""
    bands = {name: np.full((32, 32), value + shift) for name, value in (("B04_10m", 300), ("B08_10m", 2700))}
    about = {"s2:product_uri": f"{PRODUCT}.SAFE", "s2:processing_baseline": "05.09", "grid:code": "MGRS-32TMR"}
    item = copy(folder / "files", bands | {"SCL_20m": np.full((16, 16), 4)}, OFFSET, applied, **about)
    url = served(folder / "files", start)
    for key, asset in item["assets"].items():
        asset["href"] = f"{url}/{PRODUCT}/{key.upper()}.tif"
        asset["roles"] = ["data", "reflectance"]
    item["assets"] |= {
        "thumbnail": {"href": f"{url}/{PRODUCT}/none.jpg", "roles": ["thumbnail"]},
        "red-jp2": {"href": "s3://sentinel-s2-l2a/tiles/32/T/MR/2023/6/22/0/R10m/B04.jp2", "roles": ["data"]},
    }
    ground = {"type": "Polygon", "coordinates": [[[7, 45], [8, 45], [8, 46], [7, 46], [7, 45]]]}
    item |= {"id": "S2A_T32TMR_20230622T102559_L2A", "collection": "sentinel-2-c1-l2a", "geometry": ground}
    item |= {"bbox": [7, 45, 8, 46], "links": [{"rel": "self", "href": f"{url}/{PRODUCT}/{PRODUCT}.json"}]}
    files.write_json(folder / f"files/{PRODUCT}/{PRODUCT}.json", item)
    (folder / "items.json").write_text(json.dumps([item]))
    port = loopback.free_ports(1)[0]
    start([sys.executable, stac_server.__file__, str(port), str(folder / "items.json")], port, folder / "stac.log")
    return f"http://127.0.0.1:{port}/v1"


@pytest.mark.parametrize(("shift", "applied"), [(1000, False), (0, True)])
def test_either_kind_of_copy_comes_with_what_tells_its_offset(tmp_path, start, monkeypatch, shift, applied):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url, own = mirror(tmp_path, start, shift, applied), tmp_path / "own.yaml"
    collections = {"S2MSI2A": ["sentinel-2-c1-l2a"]}
    own.write_text(json.dumps({"own": {"kind": "stac", "search": url, "collections": collections}}))
    query = {"catalogue": "own", "type": "S2MSI2A", "tile": "32TMR"}
    copernicus_search(query, products=tmp_path / "products.geojson", catalogues=str(own))
    patterns = method("s2").patterns(variants.known()["s2_index"], OPTIONS)
    files.write_json(tmp_path / "order.json", {"products": []})
    copernicus_fetch(
        tmp_path / "products.geojson", tmp_path / "order.json", tmp_path / "inventory.json",
        store=tmp_path / "store", catalogues=str(own), patterns=patterns,
    )  # fmt: skip
    names = {file.name.rpartition("/")[2] for file in inventory.read(tmp_path / "inventory.json").files}
    assert names == {"B04.tif", "B08.tif", "SCL.tif", f"{PRODUCT}.json"}
    copernicus_check_products(tmp_path / "inventory.json", tmp_path / "products.geojson", tmp_path / "check.json")
    given = {"recipe": "s2_index", "options": OPTIONS}
    scenes, stack = tmp_path / "scenes.json", tmp_path / "stack.nc"
    copernicus_import(tmp_path / "inventory.json", tmp_path / "products.geojson", scenes, **given)
    copernicus_project(scenes, stack, **given)
    with Stack(stack).reading() as get:
        assert get("NDVI", 0) == pytest.approx(np.full((32, 32), 0.8), abs=1e-6)
