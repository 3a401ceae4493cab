"""Campaigns with OME-Zarr: made, checked and published for the rows that ask for it, and for no others."""

import json
import re

import imagecodecs
import numpy as np
import pytest

from campaign import Campaign

ROWS = {"with": {"resolution": 1000, "encoding": "jpeg", "chunk_size": 16, "ome_zarr": True}}
ROWS["without"] = ROWS["with"] | {"ome_zarr": False}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A campaign of two datasets, made once and published; one has an OME-Zarr."""
    made = Campaign(tmp_path_factory.mktemp("zarr"))
    (made.folder / "raw").mkdir()
    for number in range(3):
        plane = np.full((20, 30), 10 * number, "u1")
        (made.folder / f"raw/s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    return write(made, ROWS).run() and made


def write(campaign, rows):
    target = f"file://{campaign.folder}/published"
    return campaign.write([(name, "raw", options) for name, options in rows.items()], publish={"target": target})


def planned(campaign):
    """The jobs of a dry run as (rule, dataset)."""
    said = campaign.run("--dry-run")
    return set(re.findall(r"^(?:local)?rule (\w+):.*?wildcards: dataset=(\w+)$", said, re.MULTILINE | re.DOTALL))


def test_only_the_row_that_asks_has_it(two):
    manifests = {name: json.loads((two.results / name / "manifest.json").read_text()) for name in ROWS}
    files = [path for path in (two.results / "with/volume.ome.zarr").rglob("*") if path.is_file()]
    (product,) = [entry for entry in manifests["with"]["products"] if entry["path"] == "volume.ome.zarr/"]
    assert product["files"] == len(files)
    assert manifests["with"]["checks"]["zarr_check"]["passed"]
    assert "zarr" not in json.dumps(manifests["without"]["products"] + manifests["without"]["records"])
    assert set(manifests["without"]["checks"]) == {"precomputed_check"}
    group = json.loads((two.results / "with/volume.ome.zarr/zarr.json").read_text())
    assert group["attributes"]["ome"]["multiscales"][0]["name"] == "with"


def test_it_is_published_as_what_it_is(two):
    published = json.loads((two.results / "with/published.json").read_text())
    kinds = {entry["name"]: entry["content_type"] for entry in published["objects"]}
    parts = {name: kind for name, kind in kinds.items() if name.startswith("volume.ome.zarr/")}
    indexes = {path for path in parts if path.endswith("zarr.json")}
    assert len(indexes) == 1 + len(json.loads((two.results / "with/volume.json").read_text())["info"]["scales"])
    assert {parts[path] for path in indexes} == {"application/json"}
    assert {parts[path] for path in parts.keys() - indexes} == {"application/octet-stream"}
    for name in parts:
        assert (two.folder / "published/case/with" / name).read_bytes() == (two.results / "with" / name).read_bytes()


def test_a_second_run_does_nothing(two):
    assert "Nothing to be done" in two.run("--dry-run")


def test_asking_for_it_later_makes_both_formats_from_one_read(two):
    write(two, ROWS | {"without": ROWS["with"]})
    after = {"atlas_convert_zarr", "atlas_check_zarr", "atlas_plot", "publish_manifest", "publish_upload"}
    assert planned(two) == {(rule, "without") for rule in after}
