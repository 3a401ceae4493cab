"""Campaigns of satellite products from a folder as a catalogue, a source of one's own, and what CLEOPE has left."""

import csv
import json
import os
import subprocess
import sys
import time

import pytest

from campaign import ROOT, Campaign
from darkroom.samples.copernicus import sentinel

BOX = [7.7, 45.1, 7.8, 45.2]
AFTER = "S2A_MSIL2A_20230622T101601_N0510_R065_T32TMR_20240914T031551.SAFE"
BEFORE = "S2A_MSIL2A_20230612T101601_N0509_R065_T32TMR_20230612T160102.SAFE"


def prepare(campaign, most=4):
    """A sheet of four rows, or the first ones: a query in a file, one in the row, CLEOPE's state, and a source that is looked through."""
    folder = campaign.folder
    sentinel(folder / "eodata")
    (folder / "mine.yaml").write_text("mine: {kind: folder, title: an archive of ours, search: eodata}\n")
    (folder / "aoi.wkt").write_text("POLYGON ((7.7 45.1, 7.8 45.1, 7.8 45.2, 7.7 45.2, 7.7 45.1))")
    (folder / "fire.yaml").write_text(
        "{catalogue: mine, type: S2MSI2A, area: aoi.wkt, cloud_cover: 30, start: 2023-06-01}\n"
    )
    (folder / "outputs").mkdir()
    (folder / "outputs/m.log").write_text('["Sentinel-3", "OL_2_WFR___"]')
    (folder / "outputs/sen.log").write_text("null")
    rows = [
        ("fire", "", {"query": "fire.yaml", "catalogues": "mine.yaml"}),
        ("newest", "", {"query": {"catalogue": "mine", "type": "L2A", "keep": {"newest": 1}}, "catalogues": "mine.yaml", "files": ["*_B12_20m.jp2"]}, "products"),
        ("at-hand", "eodata", {"query": {"type": "L2__NO2___", "area": [5, 44, 9, 46]}}),
        ("nothing", "eodata", {"query": {"area": [100, -10, 101, -9]}}),
    ]  # fmt: skip
    return campaign.write(rows[:most], pipeline="copernicus")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    campaign = prepare(Campaign(tmp_path_factory.mktemp("copernicus")))
    campaign.explained = campaign.run("--dry-run")
    campaign.untouched = not campaign.results.exists() and not (campaign.folder / "resources").exists()
    campaign.said = campaign.run()
    return campaign


def names(made, dataset):
    return [row["name"] for row in csv.DictReader((made.results / dataset / "products.csv").open())]


def read(made, dataset, name):
    return json.loads((made.results / dataset / name).read_bytes())


def test_a_dry_run_explains_every_job_and_makes_nothing(made):
    for rule, jobs in {"copernicus_search": 4, "copernicus_order": 2, "copernicus_fetch": 2, "fetch_input": 2}.items():
        assert made.explained.count(f"rule {rule}:") == jobs, rule
    assert made.untouched


def test_what_was_found(made):
    assert names(made, "fire") == [BEFORE, AFTER]
    assert names(made, "newest") == [AFTER]
    assert [name[:15] for name in names(made, "at-hand")] == ["S5P_RPRO_L2__NO"]
    assert names(made, "nothing") == []


def test_products_of_a_folder_lie_where_they_lay(made):
    inventory = json.loads((made.folder / "resources/fire/inventory.json").read_bytes())
    assert os.path.realpath(made.folder / inventory["root"]).startswith(os.path.realpath(made.folder / "eodata"))
    assert not (made.folder / "resources/_products/mine").exists()
    bands = json.loads((made.folder / "resources/newest/inventory.json").read_bytes())["files"]
    assert sorted(file["name"].rpartition("/")[2] for file in bands) == ["MTD_MSIL2A.xml", "MTD_TL.xml", "T32TMR_20230622T101601_B12_20m.jp2", "manifest.safe"]  # fmt: skip


def test_everything_is_checked_and_told(made):
    for dataset, figures in {"fire": (2, 24), "newest": (1, 4), "at-hand": (1, 1), "nothing": (0, 0)}.items():
        manifest = read(made, dataset, "manifest.json")
        check = manifest["checks"]["copernicus_check_products"]
        assert (check["passed"], check["products"]) == (True, figures[0]), dataset
        assert dataset == "at-hand" or check["files"] == figures[1], dataset
        assert manifest["checks"]["copernicus_search"]["products"] == figures[0]
        assert {"products.csv", "preview.png"} <= {product["path"] for product in manifest["products"]}
    assert "2 of 4 products were left out, see left_out of search.json" in read(made, "fire", "manifest.json")["notes"]
    assert read(made, "nothing", "search.json")["notes"] == ["none of 8 products is left, see left_out"]
    assert read(made, "fire", "search.json")["understood"]["start"] == "2023-06-01T00:00:00.000Z"


def test_an_answer_is_pinned_until_the_question_changes(made):
    assert "Nothing to be done" in made.run("--dry-run")
    path = made.folder / "fire.yaml"
    text = path.read_text()
    path.write_text(text)  # newer, and the same
    assert "copernicus_search" not in made.run("--dry-run")
    path.write_text(text.replace("30", "95"))
    said = made.run("--dry-run")
    assert said.count("rule copernicus_search:") == 1
    made.run()
    assert len(names(made, "fire")) == 3
    assert "rule copernicus_search:" in made.run("--dry-run", "--forcerun", "copernicus_search")


def test_all_that_is_wrong_is_told_before_a_job_starts(campaign):
    wrong = [
        ("empty", "", {}),
        ("kind", "", {"query": {"type": "S2MSI2B"}}),
        ("mission", "", {"query": {"mission": "Sentinel2"}}),
        ("dates", "", {"query": {"type": "GRD", "start": "2020-08-16", "end": "2020-08-08"}}),
        ("area", "", {"query": {"area": "no/such.geojson"}}),
        ("catalogue", "", {"query": {"catalogue": "cdes"}}),
        ("key", "", {"query": {"clouds": 10}}),
        ("file", "", {"query": "nowhere.yaml"}),
        ("option", "", {"quary": {}}),
        ("recipe", "", {"query": {"type": "GRD"}}, "prodcuts"),
    ]
    said = campaign.write(wrong, pipeline="copernicus").run("--dry-run", fails=True)
    for line, told in enumerate(
        (
            "options query: is empty, and so is the source; give a query",
            "options query: type: 'S2MSI2B' is of no mission that is known; did you mean 'S2MSI2A'?",
            "options query: mission: 'Sentinel2' is unknown; did you mean 'Sentinel-2'?",
            "options query: end: 2020-08-08 is before start, 2020-08-16; right is a later end",
            "options query: area: there is no file 'no/such.geojson', and it is no WKT such as POLYGON ((...))",
            "options query: catalogue: 'cdes' is unknown; did you mean 'cdse'?",
            "options query: 'clouds' is unknown; known are area, baseline, catalogue",
            "options query: there is no file 'nowhere.yaml'; right is a YAML file, a map, or CLEOPE's outputs/",
            "options: 'quary' is unknown; did you mean 'query'?",
            "recipe: 'prodcuts' is unknown; did you mean 'products'?",
        ),
        2,
    ):
        assert f"datasets.tsv line {line} {told}" in said, said
    assert not (campaign.folder / "results").exists()


def test_a_query_becomes_a_sheet(campaign):
    prepare(campaign)
    door = [sys.executable, ROOT / "darkroom", "copernicus_sheet", "fire.yaml", "--catalogues", "mine.yaml", "--sheet"]
    days, products = ["2023-06-12", "2023-06-22"], [BEFORE.removesuffix(".SAFE"), AFTER.removesuffix(".SAFE")]
    for by, rows in {"product": products, "date": days, "tile": ["32TMR"]}.items():
        subprocess.run([*door, f"{by}.tsv", "--by", by], cwd=campaign.folder, check=True, capture_output=True)
        lines = (campaign.folder / f"{by}.tsv").read_text().splitlines()
        assert [line.split("\t")[0] for line in lines[1:]] == rows
    (campaign.folder / "product.tsv").replace(campaign.folder / "datasets.tsv")
    assert campaign.run("--dry-run").count("rule copernicus_fetch:") == 2
    again = subprocess.run([*door, "datasets.tsv"], cwd=campaign.folder, capture_output=True, text=True)
    assert again.returncode == 1 and "datasets.tsv: is there already" in again.stderr


def test_killed_again_and_again(campaign):
    prepare(campaign, most=2)
    (campaign.folder / "reference").mkdir()
    reference = prepare(Campaign(campaign.folder / "reference"), most=2)
    started = time.monotonic()
    reference.run()
    duration = time.monotonic() - started
    for _ in campaign.killed(seed=3, times=3, duration=duration, share=(0.3, 0.8)):
        for path in campaign.folder.glob("re*/**/*.json"):
            if ".snakemake" not in path.parts and not path.name.startswith("."):
                json.loads(path.read_bytes())
    campaign.run("--nolock")
    assert campaign.tree() == reference.tree()
