"""Sections that QuickNII or DeepSlice has placed: each a volume, every pixel at its place in the atlas."""

import json

import imagecodecs
import numpy as np
import pytest
import tensorstore

from atlas_convert_sections import atlas_convert_sections
from atlas_import import atlas_import
from darkroom.atlas import definition, quicknii
from unit.conftest import inventory

# Upper left corner, along the upper edge, along the left edge, in voxels of 25 um: the first a coronal plane, the
# second one that is tilted.
ANCHORINGS = [[400, 350, 300, -350, 0, 0, 0, 0, -250], [410, 300, 310, -340, 20, 5, 10, 30, -240]]


@pytest.fixture
def placed(noise, tmp_path):
    def run(slices, target="ABA_Mouse_CCFv3_2017_25um.cutlas", **options):
        planes = noise(3, 20, 30)
        (tmp_path / "raw").mkdir(exist_ok=True)
        for number, plane in enumerate(planes, 1):
            (tmp_path / f"raw/brain_s{number:03}.png").write_bytes(imagecodecs.png_encode(plane))
        (tmp_path / "inventory.json").write_text(json.dumps(inventory(tmp_path / "raw")))
        (tmp_path / "p.json").write_text(json.dumps({"name": "x", "target": target, "slices": slices}))
        options = definition.complete({"resolution": 1000, "chunk_size": 4} | options)
        atlas_import(tmp_path / "inventory.json", tmp_path / "volume.json", options)
        atlas_convert_sections(
            tmp_path / "inventory.json",
            tmp_path / "volume.json",
            tmp_path / "p.json",
            tmp_path / "sections/info",
            tmp_path / "check.json",
            options,
        )
        return planes

    return run


def test_every_pixel_is_at_its_place(placed, tmp_path):
    slices = [
        {"filename": f"brain_s{number:03}.jpg", "nr": number, "width": 300, "height": 200, "anchoring": anchoring}
        for number, anchoring in zip((1, 3), ANCHORINGS, strict=True)
    ]
    planes = placed(slices)
    index = json.loads((tmp_path / "sections/info").read_text())
    assert [section["name"] for section in index["sections"]] == ["brain_s001.jpg", "brain_s003.jpg"]
    for section, number, anchoring in zip(index["sections"], (0, 2), ANCHORINGS, strict=True):
        folder = tmp_path / "sections" / section["folder"]
        info = json.loads((folder / "info").read_text())
        spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/"}
        assert np.array_equal(tensorstore.open(spec).result().read().result()[..., 0, 0].T, planes[number])
        assert json.loads((folder / "transform.json").read_text()) == section["transform"]
        corner, along, down = np.array(anchoring, float).reshape(3, 3) * 25_000
        for row, column in ((0, 0), (19, 29), (7, 11)):
            expected = corner + along * (column + 0.5) / 30 + down * (row + 0.5) / 20
            place = np.array(section["transform"]) @ [
                *np.array([column + 0.5, row + 0.5, 0.5]) * info["scales"][0]["resolution"],
                1,
            ]
            assert np.allclose(place[:3], expected, atol=1e-3)
    layers = json.loads((tmp_path / "sections/neuroglancer.json").read_text())["layers"]
    assert [(layer["name"], layer["source"]["url"]) for layer in layers] == [
        ("brain_s001.jpg", "00000"),
        ("brain_s003.jpg", "00002"),
    ]
    record = json.loads((tmp_path / "check.json").read_text())
    assert record["notes"] == ["1 of 3 sections are not placed"]
    assert all(figures[0]["exact"] for figures in record["checks"]["sections_check"]["sections"].values())


def test_what_is_told_of_placements(placed, tmp_path):
    """Marks of VisuAlign, and a picture that was cut; WebAlign has other names for the same, and no number."""
    slices = [SLICE | {"width": 300, "height": 210, "markers": [[1, 2, 3, 4]]}]
    placed(slices)
    told = json.loads((tmp_path / "check.json").read_text())["notes"]
    assert "non-linear marks of 1 sections are not applied: brain_s001.png" in told
    assert "1 sections were placed by pictures of another shape, which were cut or turned: brain_s001.png" in told
    web = {"atlas": "WHS_SD_Rat_v4_39um", "sections": [{"filename": "a_s012.dzip", "ouv": ANCHORINGS[1]}]}
    (tmp_path / "p.waln").write_text(json.dumps(web))
    (section,), size = quicknii.read(tmp_path / "p.waln")
    assert (section.number, size) == (12, 39_000)
    assert section.anchoring.ravel().tolist() == ANCHORINGS[1]


SLICE = {"filename": "brain_s001.png", "nr": 1, "anchoring": ANCHORINGS[0]}


@pytest.mark.parametrize(
    ("slices", "target", "text"),
    [
        ([], "x_25um", "no section of it is placed"),
        ([SLICE | {"anchoring": [1, 2]}], "x_25um", "brain_s001.png has no `anchoring` of nine numbers"),
        ([SLICE | {"anchoring": [0, 0, 0, 1, 0, 0, 2, 0, 0]}], "x_25um", "the anchoring of brain_s001.png is singular"),
        ([SLICE | {"anchoring": ["a"] * 9}], "x_25um", "is no JSON of QuickNII or DeepSlice"),
        ([SLICE | {"nr": "first"}], "x_25um", "is no JSON of QuickNII or DeepSlice"),
        ([SLICE | {"filename": "other.png", "nr": 9}], "x_25um", "0 sections go with other.png; there are brain_s001"),
        ([SLICE], "x", "does not tell the voxel size of its atlas; give `atlas_resolution: 25 um`"),
        ({"a": 1}, "x_25um", "is no JSON of QuickNII or DeepSlice"),
    ],
)
def test_placements_that_are_refused(slices, target, text, placed, tmp_path):
    with pytest.raises(ValueError) as failure:
        placed(slices, target)
    assert text in str(failure.value) and str(tmp_path / "p.json") in str(failure.value)
    assert not (tmp_path / "sections/info").exists()


def test_the_voxel_size_that_a_name_tells(tmp_path):
    for target, size in (("ABA_25um.cutlas", 25_000), ("x_4.5 um", 4500), ("WHS", None)):
        (tmp_path / "p.json").write_text(json.dumps({"target": target, "slices": [SLICE]}), "utf-16")
        assert quicknii.read(tmp_path / "p.json")[1] == size


def test_the_voxel_size_of_the_atlas(placed, tmp_path):
    placed([SLICE], "x", atlas_resolution="50 um")
    (section,) = json.loads((tmp_path / "sections/info").read_text())["sections"]
    assert np.array(section["transform"])[0, 3] == 400 * 50_000
