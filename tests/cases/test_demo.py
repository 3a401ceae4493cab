"""The demo campaign: dry run, real run, a second run that does nothing, reprocessing, the report."""

import json
import re
import subprocess

import nibabel
import numpy as np
import pytest
import tensorstore

from campaign import ROOT
from darkroom import schema

SHEET = [line.split("\t") for line in (ROOT / "config/datasets.tsv").read_text().splitlines()]
PIPELINES = {dataset: pipeline for dataset, pipeline, *_ in SHEET[1:]}
CHECKS = {
    "planetary": "planetary_check",
    "atlas": "precomputed_check",
    "airborne": "airborne_check",
    "copernicus": "copernicus_check_products",
    "calcium": "calcium_check",
}


def volume(folder, scale=0):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/precomputed/", "scale_index": scale}
    return tensorstore.open(spec).result().read().result()


def test_dry_run_explains_every_job_and_makes_nothing(campaign):
    (campaign.folder / "config").symlink_to(ROOT / "config")
    said = campaign.run("--dry-run")
    for pipeline, rules in {
        "atlas": ("atlas_import", "atlas_plot"),
        "planetary": ("planetary_plot",),
        "airborne": ("airborne_convert", "airborne_convert_metadata", "airborne_check", "airborne_plot"),
        "copernicus": ("copernicus_search", "copernicus_check_products"),
        "calcium": ("calcium_import", "calcium_detect_motion", "calcium_detect_cells", "calcium_check", "calcium_plot"),
        "": ("fetch_input", "publish_manifest"),
    }.items():
        expected = sum(pipeline in ("", own) for own in PIPELINES.values())
        for rule in rules:
            assert len(re.findall(rf"^(?:local)?rule {rule}:", said, re.MULTILINE)) == expected, rule
    mapped = sum(row[1] == "copernicus" and row[2] != "products" for row in SHEET[1:])
    zarr = sum("ome_zarr: true" in row[-1] for row in SHEET[1:])
    for rule, expected in {
        "atlas_chunk": list(PIPELINES.values()).count("atlas") - zarr,
        "atlas_check_precomputed": list(PIPELINES.values()).count("atlas") - zarr,
        "atlas_convert_zarr": zarr,
        "atlas_check_zarr": zarr,
        "copernicus_plot_products": 1,
        "copernicus_import": mapped,
        "copernicus_plot": mapped,
    }.items():
        assert len(re.findall(rf"^rule {rule}:", said, re.MULTILINE)) == expected, rule
    assert not (campaign.folder / "results").exists()
    assert not (campaign.folder / "resources").exists()


@pytest.mark.parametrize("dataset", PIPELINES)
def test_every_dataset_is_whole(demo, dataset):
    manifest = json.loads((demo.results / dataset / "manifest.json").read_text())
    assert manifest["checks"][CHECKS[PIPELINES[dataset]]]["passed"]
    assert "preview.png" in {product["path"] for product in manifest["products"]}
    assert bool(manifest["inputs"]["files"]) == bool(manifest["source"])
    said = subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=demo.results / dataset)
    assert said.returncode == 0


@pytest.mark.parametrize("dataset", PIPELINES)
def test_manifest_records_and_inventory_are_as_their_schemas_say(demo, dataset):
    manifest = json.loads((demo.results / dataset / "manifest.json").read_text())
    inventory = json.loads((demo.folder / f"resources/{dataset}/inventory.json").read_text())
    assert not list(schema.problems(manifest, schema.validator("manifest"), dataset))
    assert not list(schema.problems(inventory, schema.validator("inventory"), dataset))
    for record in manifest["records"]:
        content = json.loads((demo.results / dataset / record["path"]).read_text())
        assert not list(schema.problems(content, schema.validator("record"), record["path"]))


@pytest.mark.parametrize("dataset", [dataset for dataset, pipeline in PIPELINES.items() if pipeline == "atlas"])
def test_every_scale_is_checked(demo, dataset):
    check = json.loads((demo.results / dataset / "manifest.json").read_text())["checks"]["precomputed_check"]
    info = json.loads((demo.results / dataset / "precomputed/info").read_text())
    assert len(check["scales"]) == len(info["scales"])


def test_the_gap_is_recorded(demo):
    manifest = json.loads((demo.results / "sections-rgb/manifest.json").read_text())
    assert any("113" in note and "nearest" in note for note in manifest["notes"])


def test_labels_are_those_of_the_source(demo):
    image = nibabel.as_closest_canonical(nibabel.load(demo.folder / "resources/labels/files/labels.nii.gz"))
    assert np.array_equal(volume(demo.results / "labels")[..., 0], np.asarray(image.dataobj))


def test_second_run_does_nothing(demo):
    assert "Nothing to be done" in demo.run("--dry-run")


def test_the_same_campaign_gives_the_same_bytes(demo, campaign):
    """A dataset of each kind that no test of kills makes again, elsewhere."""
    again = {"labels", "lidar", "burn", "ships", "no2"}
    rows = ["\t".join(row) for row in SHEET if row[0] in {"dataset", *again}]
    campaign.write([], campaign="demo")
    (campaign.folder / "datasets.tsv").write_text("\n".join(rows) + "\n")
    campaign.results = campaign.folder / "results/demo"
    campaign.run()
    made = {path: content for path, content in campaign.tree().items() if "/" in path}
    assert made == {path: content for path, content in demo.tree().items() if path.split("/")[0] in again}


def test_report_holds_previews_and_captions(demo):
    demo.run("--report", "report.html")
    report = (demo.folder / "report.html").read_text()
    assert "preview.png" in report
    assert "in true proportions" in report


def test_list_reads_like_a_table_of_contents(demo):
    said = demo.run("--list")
    for line in ("fetch_input (Bring the source", "atlas_chunk (Cut a volume", "publish_manifest (List the products"):
        assert line in said


@pytest.mark.parametrize("rule", ["atlas_chunk", "atlas_check_precomputed"])
def test_one_stage_can_be_made_again(demo, rule):
    said = demo.run("--dry-run", "--forcerun", rule)
    assert f"rule {rule}:" in said
    assert "rule fetch_input:" not in said
    assert "rule atlas_import:" not in said
