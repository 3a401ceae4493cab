"""The demo campaign: dry run, real run, a second run that does nothing, reprocessing, the report."""

import json
import re
import subprocess

import nibabel
import numpy as np
import pytest
import tensorstore

from campaign import ROOT

DATASETS = ("sections-grey", "sections-rgb", "labels")


def volume(folder, scale=0):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/precomputed/", "scale_index": scale}
    return tensorstore.open(spec).result().read().result()


def test_dry_run_explains_every_job_and_makes_nothing(campaign):
    (campaign.folder / "config").symlink_to(ROOT / "config")
    said = campaign.run("--dry-run")
    for rule in ("fetch_input", "atlas_import", "atlas_chunk", "atlas_check_precomputed", "publish_manifest"):
        assert len(re.findall(rf"^(?:local)?rule {rule}:", said, re.MULTILINE)) == 3
    assert not (campaign.folder / "results").exists()
    assert not (campaign.folder / "resources").exists()


def test_every_dataset_is_whole(demo):
    for dataset in DATASETS:
        manifest = json.loads((demo.results / dataset / "manifest.json").read_text())
        check = manifest["checks"]["precomputed_check"]
        assert check["passed"]
        assert len(check["scales"]) == len(
            json.loads((demo.results / dataset / "precomputed/info").read_text())["scales"]
        )
        assert manifest["inputs"]["files"]
        assert {product["path"] for product in manifest["products"]} >= {"precomputed/", "preview.png"}
        said = subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=demo.results / dataset)
        assert said.returncode == 0


def test_the_gap_is_recorded(demo):
    manifest = json.loads((demo.results / "sections-rgb/manifest.json").read_text())
    assert any("113" in note and "nearest" in note for note in manifest["notes"])


def test_labels_are_those_of_the_source(demo):
    image = nibabel.as_closest_canonical(nibabel.load(demo.folder / "resources/labels/files/labels.nii.gz"))
    assert np.array_equal(volume(demo.results / "labels")[..., 0], np.asarray(image.dataobj))


def test_second_run_does_nothing(demo):
    assert "Nothing to be done" in demo.run("--dry-run")


def test_the_same_campaign_gives_the_same_bytes(demo, tmp_path):
    again = type(demo)(tmp_path)
    (tmp_path / "config").symlink_to(ROOT / "config")
    again.results = tmp_path / "results/demo"
    again.run()
    assert again.tree() == demo.tree()


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
