"""A campaign of what an atlas is beside its voxels: names, volumes, surfaces, points, channels; and what is refused."""

import csv
import json

import imagecodecs
import numpy as np
import pytest
import tensorstore
import trimesh

from campaign import Campaign

RESOLUTION = {"resolution": 1000, "chunk_size": 16}
SEGMENTATION = RESOLUTION | {"type": "segmentation"}
# Dataset -> source, options, and where it is refused with which words; none of these where it is made.
ROWS = {
    "regions": ("v.npy", SEGMENTATION | {"labels": "t.tsv", "meshes": True, "points": "cells.csv", "ome_zarr": True, "surfaces": "meshes.csv"}, None, None),
    "channels": ("stack", RESOLUTION, None, None),
    "placed": ("placed", RESOLUTION | {"placement": "placed.json", "channels": "none"}, None, None),
    "empty": ("empty.npy", SEGMENTATION | {"meshes": True}, None, None),
    "latin": ("v.npy", SEGMENTATION | {"labels": "latin.tsv"}, "atlas_import", "latin.tsv: line 2 is not UTF-8 text"),
    "flat": ("v.npy", RESOLUTION | {"transform": [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]}, "atlas_import", "transform is singular, it flattens the volume"),
    "placeless": ("v.npy", RESOLUTION | {"points": "t.tsv"}, "atlas_convert_points", "t.tsv: its columns are index, name; there must be x"),
    "gap": ("gap", RESOLUTION, "atlas_import", "channel ch1 has no slice that goes with ch2/s2.png"),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The campaign, run to its end; what it said."""
    campaign = Campaign(tmp_path_factory.mktemp("products"))
    here = campaign.folder
    values = np.zeros((20, 24, 28), "u2")
    values[2:7, 3:9, 4:12] = 7
    np.save(here / "v.npy", values)
    np.save(here / "empty.npy", np.zeros((4, 5, 6), "u1"))
    (here / "t.tsv").write_text("index\tname\n7\tLayer 1\n8\tLayer 2\n")
    (here / "latin.tsv").write_bytes("index\tname\n7\tgéant\n".encode("latin-1"))
    (here / "cells.csv").write_text("x_um,y_um,z_um,kind\n1,2,3,neuron\n4,5,6,glia\n")
    for folder, names in {
        "stack": ("ch1/s1", "ch1/s2", "ch2/s1", "ch2/s2"),
        "gap": ("ch1/s1", "ch2/s1", "ch2/s2"),
    }.items():
        for number, name in enumerate(names, 1):
            path = here / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(imagecodecs.png_encode(np.full((20, 30), number, "u1")))
    trimesh.creation.box(bounds=[[0.001] * 3, [0.004] * 3]).export(here / "box.stl")
    (here / "meshes.csv").write_text("file,label\nbox.stl,8\n")
    anchoring = [400, 350, 300, -350, 0, 0, 0, 0, -250]
    slices = [{"filename": f"p_s00{number}.png", "nr": number, "anchoring": anchoring} for number in (1, 2)]
    (here / "placed.json").write_text(json.dumps({"target": "ABA_Mouse_CCFv3_2017_25um.cutlas", "slices": slices}))
    (here / "placed").mkdir()
    for number in (1, 2):
        (here / f"placed/p_s00{number}.png").write_bytes(imagecodecs.png_encode(np.full((20, 30), number, "u1")))
    campaign.write([(dataset, source, options) for dataset, (source, options, *_) in ROWS.items()])
    campaign.said = campaign.run("--keep-going", fails=True)
    return campaign


@pytest.mark.parametrize("dataset", [dataset for dataset, row in ROWS.items() if row[2]])
def test_one_line_each(made, dataset):
    _, _, rule, text = ROWS[dataset]
    lines = {line for line in made.said.splitlines() if line.startswith(f"{rule}: ") and text in line}
    assert len(lines) == 1
    assert not (made.results / dataset / "manifest.json").exists()


def test_regions(made):
    manifest = json.loads((made.results / "regions/manifest.json").read_text())
    paths = {product["path"] for product in manifest["products"]}
    assert paths == {
        "precomputed/",
        "volume.ome.zarr/",
        "regions.csv",
        "annotations/",
        "preview.png",
        "neuroglancer.json",
    }
    checks = ("precomputed_check", "zarr_check", "labels_check", "points_check", "meshes_check")
    assert all(manifest["checks"][check]["passed"] for check in checks)
    assert "rows of the table without voxels: 8" in manifest["notes"]
    rows = list(csv.DictReader((made.results / "regions/regions.csv").open()))
    assert [(row["id"], row["voxels"]) for row in rows] == [("7", "240"), ("8", "0")]
    info = json.loads((made.results / "regions/precomputed/info").read_text())
    for name in ("mesh", "segment_properties"):
        assert (made.results / "regions/precomputed" / info[name] / "info").is_file()
    assert manifest["checks"]["meshes_check"]["labels"] == 2
    layers = json.loads((made.results / "regions/neuroglancer.json").read_text())["layers"]
    assert [layer["type"] for layer in layers] == ["segmentation", "annotation"]


def test_a_table_of_meshes_is_read_before_work(made, campaign):
    (campaign.folder / "meshes.csv").write_text("file,label\nlost.stl,8\n")
    campaign.write([("lost", made.folder / "v.npy", SEGMENTATION | {"surfaces": "meshes.csv"})])
    assert "line 2 options surfaces: lost.stl is not there" in campaign.run("--dry-run", fails=True)


def test_channels(made):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{made.results}/channels/precomputed/"}
    voxels = tensorstore.open(spec).result().read().result()
    assert voxels.shape == (30, 20, 2, 2)
    assert voxels[0, 0].tolist() == [[1, 3], [2, 4]]
    layers = json.loads((made.results / "channels/neuroglancer.json").read_text())["layers"]
    assert [layer["name"] for layer in layers] == ["ch1", "ch2"]


def test_placed_sections(made):
    manifest = json.loads((made.results / "placed/manifest.json").read_text())
    assert "sections/" in {product["path"] for product in manifest["products"]}
    assert manifest["checks"]["sections_check"]["passed"]
    layers = json.loads((made.results / "placed/sections/neuroglancer.json").read_text())["layers"]
    assert [layer["name"] for layer in layers] == ["p_s001.png", "p_s002.png"]


def test_labels_without_any(made):
    manifest = json.loads((made.results / "empty/manifest.json").read_text())
    assert "there is no label, so no mesh" in manifest["notes"]


def test_a_changed_table_makes_again_what_depends_on_it(made):
    (made.folder / "t.tsv").write_text("index\tname\n7\tLayer I\n")
    said = made.run("--dry-run", "--keep-going", "results/case/regions/manifest.json")
    assert "rule atlas_import:" in said and "rule atlas_check_labels:" in said
