"""Campaigns of recipes: from a catalogue and from a source of one's own to maps; what a changed option makes again."""

import csv
import json

import netCDF4
import numpy as np
import pytest
import rasterio

from campaign import Campaign
from darkroom.samples.copernicus import sentinel


def prepare(campaign, mask=None):
    rows = [
        ("fire", "", {"query": {"catalogue": "mine", "type": "S2MSI2A", "cloud_cover": 30}, "catalogues": "mine.yaml", "map": {"area": "part.wkt"}, **({} if mask is None else {"mask": mask})}, "s2_fires"),
        ("sea", "sst", {"map": {"area": [0.2, 40, 3.8, 42]}}, "cmems_sst_mask"),
    ]  # fmt: skip
    return campaign.write(rows, pipeline="copernicus")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    campaign = Campaign(tmp_path_factory.mktemp("recipes"))
    folder = campaign.folder
    sentinel(folder / "eodata")
    (folder / "mine.yaml").write_text("mine: {kind: folder, title: an archive of ours, search: eodata}\n")
    (folder / "part.wkt").write_text("POLYGON ((7.735 45.14, 7.75 45.14, 7.75 45.15, 7.735 45.15, 7.735 45.14))")
    (folder / "sst").mkdir()
    for day in range(3):
        with netCDF4.Dataset(folder / f"sst/day{day}.nc", "w") as dataset:
            for axis, values in (("time", [86400.0 * day]), ("lat", np.arange(39.5, 43)), ("lon", np.arange(-0.5, 5))):
                dataset.createDimension(axis, len(values))
                dataset.createVariable(axis, "f8", (axis,))[:] = values
            dataset["time"].units = "seconds since 2020-07-08"
            variable = dataset.createVariable("analysed_sst", "f4", ("time", "lat", "lon"))
            variable.units = "kelvin"
            variable[:] = 290 + day
    prepare(campaign).run()
    return campaign


def test_a_map_of_a_catalogues_products(made):
    folder = made.results / "fire"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {entry["path"] for entry in manifest["products"]} == {
        "products.csv",
        "map.tif",
        "stack.nc",
        "classes.tif",
        "classes.csv",
        "statistics.csv",
        "item.json",
        "preview.png",
    }
    assert manifest["checks"]["copernicus_check"]["passed"]
    assert "offsets [-1000.0], baselines 05.09, 05.10" in " ".join(manifest["notes"])
    with rasterio.open(folder / "map.tif") as image:
        assert image.shape[1] < 96 and image.crs.to_epsg() == 32632 and image.res == (20, 20)
    severe = list(csv.DictReader((folder / "classes.csv").open()))[-1]
    assert severe["label"] == "high severity" and float(severe["hectares"]) > 10
    inventory = json.loads((made.folder / "resources/fire/inventory.json").read_text())
    assert {entry["name"][-11:-4] for entry in inventory["files"] if entry["name"].endswith(".jp2")} == {
        "B8A_20m",
        "B12_20m",
        "SCL_20m",
    }


def test_a_series_of_a_source(made):
    rows = list(csv.DictReader((made.results / "sea/statistics.csv").open()))
    assert [float(row["mean"]) for row in rows] == pytest.approx([16.85, 17.85, 18.85], abs=1e-4)
    assert (made.results / "sea/animation.gif").read_bytes()[:3] == b"GIF"


def test_a_changed_option_makes_the_map_again_and_nothing_is_searched(made):
    assert "Nothing to be done" in made.run("--dry-run")
    said = prepare(made, mask=[]).run("--dry-run")
    for rule in ("copernicus_import", "copernicus_project", "copernicus_merge"):
        assert said.count(f"rule {rule}:") == 1, rule
    assert "copernicus_search" not in said and "copernicus_fetch" not in said
    prepare(made)
    (made.folder / "part.wkt").write_text((made.folder / "part.wkt").read_text() + "\n")
    assert "rule copernicus_import:" in made.run("--dry-run")


def test_all_that_is_wrong_is_told_before_a_job_starts(campaign):
    query = {"query": {"type": "S2MSI2A", "start": "2020-08-16", "end": "2020-08-18"}}
    wrong = [
        ("recipe", "", query, "s2_fire"),
        ("index", "", query | {"layers": "NDWX"}, "s2_index"),
        ("quality", "", query | {"qa": 50}, "s2_index"),
        ("area", "", query | {"map": {"area": [1, 2, 3]}}, "s2_index"),
        ("land", "", query | {"land": "nowhere.wkt"}, "s1_ships"),
        ("own", "", query | {"recipes": "mine.yaml"}, "mine"),
        ("products", "", query | {"layers": ["NDVI"]}, "products"),
    ]
    (campaign.folder / "mine.yaml").write_text("mine: {method: s2, title: Mine, layers: [NDVI], merge: top}\n")
    said = campaign.write(wrong, pipeline="copernicus").run("--dry-run", fails=True)
    for told in (
        "recipe: 's2_fire' is unknown; did you mean 's2_fires'?",
        "options layers: index 'NDWX' is unknown; did you mean 'NDWI'?",
        "options qa: has no meaning for recipe s2_index; leave it out",
        "options map area: [1, 2, 3] has 3 numbers; right is [west, south, east, north]",
        "options land: 'nowhere.wkt' is not there",
        "options recipes: mine.yaml mine.merge: 'top' is unknown",
        "options layers: has no meaning for recipe products; leave it out",
    ):
        assert told in said, told
