"""Someone outside the repository adds a pipeline with no edit at all: `extra_rules`."""

import json
import shutil
from pathlib import Path


def test_a_pipeline_from_outside(campaign):
    shutil.copy(Path(__file__).parent / "extra_rules/thermal.smk", campaign.folder)
    (campaign.folder / "frame.txt").write_text("3\n1\n3\n")
    campaign.write(
        ["frame\tthermal\tframe.txt\t{bins: 4}", "plain\tthermal\tframe.txt\t"],
        extra_rules=["thermal.smk"],
        thermal={"bins": 7},
    )
    campaign.run()
    assert (campaign.results / "frame/histogram.tsv").read_text().split() == ["bins", "4", "1", "1", "2", "3"]
    assert (campaign.results / "plain/histogram.tsv").read_text().startswith("bins\t7\n")
    manifest = json.loads((campaign.results / "frame/manifest.json").read_text())
    assert manifest["products"][0]["path"] == "histogram.tsv"
    assert "frame" in (campaign.results / "index.html").read_text()


def test_the_demo_does_not_know_it(campaign):
    campaign.write(["frame\tthermal\tsample:labels\t"])
    assert "pipeline: 'thermal' is unknown; known are airborne, atlas, calcium, copernicus, planetary" in campaign.run(
        "--dry-run", fails=True
    )
