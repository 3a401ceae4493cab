"""What a row of the sheet asks of its recipe: products, records, and what is refused before anything runs."""

import json
import re
from types import SimpleNamespace

import pytest

from darkroom.campaign import Campaign, CampaignError, Pipeline
from darkroom.copernicus import plan
from darkroom.copernicus.products import Product, write_products

QUERY = "query: {type: L2__SO2___, start: 2020-04-12}"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """`start(recipe, options)`: the row with these, in a folder of its own that is the working directory."""
    monkeypatch.chdir(tmp_path)

    def started(recipe, options):
        header, line = (
            "dataset\tpipeline\trecipe\tsource\toptions",
            f"a\tcopernicus\t{recipe}\t\t{{{QUERY}, {options}}}",
        )
        (tmp_path / "datasets.tsv").write_text(f"{header}\n{line}\n")
        places = {"<resources>": "resources", "<results>": "results", "<campaign>": "case"}
        apply = lambda path: re.sub("<[a-z]+>", lambda name: places[name[0]], path)  # noqa: E731
        campaign = Campaign({"campaign": "case", "datasets": "datasets.tsv"}, "config.yaml", apply)
        campaign.add("copernicus", Pipeline(plan.products, plan.records, problems=plan.problems, needs_source=False))
        campaign.check()
        return campaign["a"]

    return started


def test_a_plume_has_outlines_a_table_and_a_record(start):
    row = start("s5p_so2_plume", "plume: {threshold: 2}, context: [results/case/sea/map.tif]")
    assert {"plume.geojson", "plume.csv", "animation.gif", "map.tif"} <= set(plan.products(row))
    assert "plume.json" in plan.records(row) and plan.looked_for(row) == ["plume"]
    assert "plume" not in plan.recipe_options(row), "a changed threshold brings no product to the grid anew"


def test_hot_spots_are_listed(start, tmp_path):
    (tmp_path / "fire.wkt").write_text("POLYGON ((30 51, 31 51, 31 52, 30 51))")
    row = start("s3_slstr_fires", "perimeter: fire.wkt")
    assert "hotspots.csv" in plan.products(row) and "hotspots.json" in plan.records(row)
    assert "plume.geojson" not in plan.products(row)


@pytest.mark.parametrize(
    ("recipe", "options", "says"),
    [
        ("s5p_columns", "plume: {threshold: 2}", "options plume: has no meaning for recipe s5p_columns"),
        ("s5p_so2_plume", "perimeter: datasets.tsv", "options perimeter: has no meaning for recipe s5p_so2_plume"),
        ("s5p_so2_plume", "plume: {threshold: 0}", "plume.threshold: 0 is less than or equal to the minimum of 0"),
        ("s5p_so2_plume", "context: [sea.tif]", "options context: there is no file 'sea.tif'"),
        ("s3_slstr_fires", "perimeter: gone.geojson", "perimeter: 'gone.geojson' is not there"),
        ("s3_slstr_fires", "perimeter: datasets.tsv", "options perimeter datasets.tsv: neither WKT nor GeoJSON"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(start, recipe, options, says):
    with pytest.raises(CampaignError, match=re.escape(says)):
        start(recipe, options)


def test_the_room_that_products_take_is_what_their_catalogue_tells(tmp_path):
    sizes = (1_500_000, 700_000, None)
    write_products(tmp_path, [Product(str(at), f"p{at}", "", "", bytes=size) for at, size in enumerate(sizes)])
    assert plan.megabytes(tmp_path / "products.geojson") == 3
    with pytest.raises(FileNotFoundError):  # Snakemake asks again once it is there
        plan.megabytes(tmp_path / "gone.geojson")


def test_memory_follows_what_of_a_product_is_held(tmp_path):
    asked = []
    for held in (0, 240_000_000):  # read block by block; a whole image of OLCI
        (tmp_path / "scenes.json").write_text(json.dumps({"held": held}))
        given = SimpleNamespace(scenes=tmp_path / "scenes.json")
        asked.append([plan.memory(None, given, attempt) for attempt in (1, 2)])
    assert asked == [[859, 1718], [1171, 2342]]
    with pytest.raises(FileNotFoundError):
        plan.memory(None, SimpleNamespace(scenes=tmp_path / "gone.json"), 1)
