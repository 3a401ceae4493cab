"""Tables of labels: every format, what is wrong with them, and what becomes of names and colours."""

import csv
import json

import numpy as np
import pytest
from ome_zarr_models.v05.image_label import ImageLabel

from atlas_check_labels import atlas_check_labels
from atlas_check_zarr import atlas_check_zarr
from atlas_chunk import atlas_chunk
from atlas_convert_zarr import atlas_convert_zarr
from atlas_import import atlas_import
from atlas_plot import atlas_plot
from darkroom.atlas import definition, label_tables
from unit.conftest import inventory

CORTEX, LAYER = {"id": 5, "name": "Isocortex", "colour": "70FF71"}, {"id": 7, "name": "Layer 1", "colour": "0080FF"}
BOTH = [CORTEX, LAYER]
TABLES = {
    "bids.tsv": ("index\tname\tcolor\n5\tIsocortex\t#70ff71\n7\tLayer 1\t#0080FF\n", BOTH),
    "own.csv": ('id,label,r,g,b\n5,Isocortex,112,255,113\n7,"Layer 1",0,128,255\n', BOTH),
    "names.json": (
        '{"5": "Isocortex", "7": {"name": "Layer 1"}}',
        [{"id": 5, "name": "Isocortex"}, {"id": 7, "name": "Layer 1"}],
    ),
    "list.json": ('[{"label": 5, "name": "Isocortex", "color": [112, 255, 113]}]', [CORTEX]),
    "allen.json": (
        '{"msg": [{"id": 5, "acronym": "CTX", "name": "Isocortex", "color_hex_triplet": "70FF71", "parent_structure_id": null,'
        ' "children": [{"id": 7, "acronym": "L 1", "name": "Layer 1", "color_hex_triplet": "0080FF", "children": []}]}]}',
        [CORTEX | {"acronym": "CTX"}, LAYER | {"acronym": "L 1", "parent": 5}],
    ),
    "snap.txt": (
        '################\n# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n    5   112  255  113        1  1  1    "Isocortex"\n'
        '    7     0  128  255      0.5  1  1    "Layer 1"\n',
        BOTH,
    ),
    "FreeSurferColorLUT.txt": (
        "#No. Label Name: R G B A\n5  Isocortex  112 255 113 0\n7  Layer-1  0 128 255 0\n",
        [CORTEX, LAYER | {"name": "Layer-1"}],
    ),
    "maxprob.xml": (
        '<?xml version="1.0" encoding="ISO-8859-1"?><atlas version="1.0"><header><type>Probabalistic</type></header><data>'
        '<label index="4" x="1" y="2" z="3">Isocortex</label></data></atlas>',
        [{"id": 5, "name": "Isocortex"}],
    ),
    "semicolons.csv": ("index;name;red;green;blue\n5;Isocortex;112;255;113\n7;Layer 1;0;128;255\n", BOTH),
    "shares.csv": ("index,name,r,g,b\n5,Isocortex,0.44,1,0.4431\n7,Layer 1,0,0.502,1.0\n", BOTH),
    "triples.csv": ('index,name,color\n5,Isocortex,"112, 255, 113"\n7,Layer 1,"rgb(0,128,255)"\n', BOTH),
    "opaque.csv": ("index,name,color\n5,Isocortex,#70FF71FF\n7,Layer 1,0x0080FF\n", BOTH),
    "lost-zeros.csv": ("id,name,color_hex_triplet\n5,Isocortex,19399\n", [CORTEX | {"colour": "019399"}]),
    "nothing.tsv": (
        "index\tname\tabbreviation\tcolor\n5\tIsocortex\tn/a\tn/a\n7\tLayer 1\tL1\tN/A\n",
        [{"id": 5, "name": "Isocortex"}, {"id": 7, "name": "Layer 1", "acronym": "L1"}],
    ),
    "wide.csv": (
        "id,name,parent\n9007199254740993,a,18446744073709551615\n18446744073709551615.0,b,\n",
        [{"id": 2**53 + 1, "name": "a", "parent": 2**64 - 1}, {"id": 2**64 - 1, "name": "b"}],
    ),
    "wide.json": (
        '[{"id": 9007199254740993.0, "name": "a"}, {"id": "18446744073709551615", "name": "b"}]',
        [{"id": 2**53 + 1, "name": "a"}, {"id": 2**64 - 1, "name": "b"}],
    ),
    "numbers.csv": (
        '5,Isocortex\n7,"Layer, first"\n',
        [{"id": 5, "name": "Isocortex"}, {"id": 7, "name": "Layer, first"}],
    ),
    "numbers.txt": ("5   Isocortex\n7 日本\n", [{"id": 5, "name": "Isocortex"}, {"id": 7, "name": "日本"}]),
    "ROI_MNI_V4.txt": (
        "FAG\tPrecentral_L\t2001\nT1A\tTemporal_Pole_R\t8122\n",
        [
            {"id": 2001, "name": "Precentral_L", "acronym": "FAG"},
            {"id": 8122, "name": "Temporal_Pole_R", "acronym": "T1A"},
        ],
    ),
    "aal.nii.txt": (
        "1 Precentral_L 2001\n2 Vermis_1_2 9100\n",
        [{"id": 1, "name": "Precentral_L"}, {"id": 2, "name": "Vermis_1_2"}],
    ),
    "fsleyes.lut": ("5 0.44 1.0 0.4431 Isocortex\n7 0.0 0.502 1.0 Layer 1\n", BOTH),
    "slicer.csv": (
        "LabelValue,Name,Color_R,Color_G,Color_B,Color_A\n5,Isocortex,112,255,113,255\n7,Layer 1,0,128,255,255\n",
        BOTH,
    ),
    "one-list.json": ('{"name": "v", "regions": [{"labelIndex": 5, "name": "Isocortex", "rgb": "70FF71"}]}', [CORTEX]),
    "properties.json": (
        '{"@type": "neuroglancer_segment_properties", "inline": {"ids": ["5"], "properties": [{"id": "n", "type": '
        '"description", "values": ["Isocortex"]}, {"id": "label", "type": "label", "values": ["CTX"]}]}}',
        [{"id": 5, "name": "Isocortex", "acronym": "CTX"}],
    ),
    "brainglobe.json": (
        '[{"id": 5, "acronym": "CTX", "name": "Isocortex", "structure_id_path": [5], "rgb_triplet": [112, 255, 113]},'
        '{"id": 7, "acronym": "L 1", "name": "Layer 1", "structure_id_path": [5, 7], "rgb_triplet": [0, 128, 255]}]',
        [CORTEX | {"acronym": "CTX"}, LAYER | {"acronym": "L 1", "parent": 5}],
    ),
    "spaces.txt": ("5  Isocortex  112 255 113 0\n7  Layer 1  0 128 255 0\n", BOTH),
    "labels.xml": (
        '<atlas><header><type>Label</type></header><data><label index="5">Isocortex</label></data></atlas>',
        [{"id": 5, "name": "Isocortex"}],
    ),
}


@pytest.mark.parametrize(("name", "case"), TABLES.items(), ids=TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables(name, case, encoding, tmp_path):
    content, expected = case
    (tmp_path / name).write_bytes(content.encode(encoding))
    assert label_tables.read(tmp_path / name) == expected


def test_the_encoding_that_an_xml_names(tmp_path):
    content = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><atlas><header/><data><label index="5">géant</label></data></atlas>'
    )
    (tmp_path / "t.xml").write_bytes(content.encode("latin-1"))
    assert label_tables.read(tmp_path / "t.xml") == [{"id": 5, "name": "géant"}]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("index,name\n5,Hippocampe g\xe9ant\n".encode("latin-1"), "line 2 is not UTF-8 text; save the table as UTF-8"),
        (b"", "there is no label in it"),
        (b"index,name\n", "there is no label in it"),
        (b"colour,name\n1,a\n", "its columns are colour, name; one must be the label"),
        (b"index,name\n1,a\n1,b\n", "label 1 is there twice"),
        (b"index,name\n-1,a\n", "label -1 is outside 0 to 18446744073709551615"),
        (b"index,name\nleft,a\n", "'left' is no label; labels are whole numbers"),
        (b"index,name,color\n1,a,blue\n", "'blue' is no colour of label 1; right are six hexadecimal digits"),
        (b"index,name,r,g,b\n1,a,300,0,0\n", "the colour 300, 0, 0 of label 1 is outside 0 to 255"),
        (b"index,name,r,g,b\n1,a,-2,0,0\n", "the colour -2, 0, 0 of label 1 is outside 0 to 255"),
        (b"index,name\n1,Cortex, left\n", "the row 1, Cortex, left has more fields than there are columns"),
        (b'index,name\n1,"a\n2,b\n', "is no table of labels that can be read"),
        (b"1,a\n2,b,c\n", "the line '2,b,c' is not like the others"),
        (b"index,name\n1.5,a\n", "'1.5' is no label; labels are whole numbers"),
        (b'[{"id": NaN, "name": "a"}]', "nan is no label; labels are whole numbers"),
        (b"index,name,parent\n1,a,2\n2,b,1\n", "label 1 is its own ancestor"),
        (b"{", "is no table of labels that can be read"),
        (b"[1, 2]", "1 in it is no object with the label and the name of a region"),
        (b"PK\3\4" + bytes(9), "t.csv is no text (of a spreadsheet?); save the table as CSV in UTF-8"),
        (b"<html></html>", "its root is <html>, not the <atlas> of FSL"),
    ],
)
def test_tables_that_are_refused(content, text, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError) as failure:
        label_tables.read(tmp_path / "t.csv")
    assert str(tmp_path / "t.csv") in str(failure.value) and text in str(failure.value)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A segmentation with a table of which a row has no voxels and a label no row: its folder, its values."""
    folder = tmp_path_factory.mktemp("labelled")
    values = np.zeros((20, 24, 28), "u2")
    values[2:7, 3:9, 4:12] = 7
    values[10:, 12:, 14:] = 9
    np.save(folder / "v.npy", values)
    (folder / "inventory.json").write_text(json.dumps(inventory(folder / "v.npy")))
    (folder / "t.json").write_text(TABLES["allen.json"][0])
    options = {"type": "segmentation", "resolution": [1000, 2000, 3000], "voxel_offset": [10, 0, 0], "chunk_size": 8}
    plan, info = folder / "volume.json", folder / "precomputed/info"
    atlas_import(folder / "inventory.json", plan, definition.complete(options), folder / "t.json")
    atlas_chunk(folder / "inventory.json", plan, info)
    atlas_check_labels(plan, info, folder / "regions.csv", folder / "labels_check.json")
    atlas_plot(plan, info, folder / "p.png", folder / "view.json")
    index = folder / "volume.ome.zarr/zarr.json"
    atlas_convert_zarr(folder / "inventory.json", plan, info, index, "v")
    atlas_check_zarr(plan, info, index, folder / "precomputed_check.json", folder / "zarr_check.json", "v")
    return folder, values


def test_volumes_and_centres(labelled):
    folder, values = labelled
    rows = {int(row["id"]): row for row in csv.DictReader((folder / "regions.csv").open())}
    assert list(rows) == [5, 7, 9]
    for label in (7, 9):
        z, y, x = (np.mean(places) for places in np.nonzero(values == label))
        count = (values == label).sum()
        assert int(rows[label]["voxels"]) == count
        assert float(rows[label]["volume_mm3"]) == pytest.approx(count * 6e-9)
        centre = [(x + 10.5) * 1e-3, (y + 0.5) * 2e-3, (z + 0.5) * 3e-3]
        assert [float(rows[label][f"{axis}_mm"]) for axis in "xyz"] == pytest.approx(centre, abs=1e-6)
    assert (rows[5]["voxels"], rows[5]["x_mm"], rows[9]["name"], rows[7]["acronym"]) == ("0", "", "", "L 1")
    record = json.loads((folder / "labels_check.json").read_text())
    assert record["notes"] == ["labels without a row in the table: 9", "rows of the table without voxels: 5"]


def test_names_reach_the_volume(labelled):
    folder, _ = labelled
    info = json.loads((folder / "precomputed/info").read_text())
    properties = json.loads((folder / "precomputed" / info["segment_properties"] / "info").read_text())
    assert properties["@type"] == "neuroglancer_segment_properties"
    assert properties["inline"]["ids"] == ["5", "7"]
    kinds = {about["type"]: about for about in properties["inline"]["properties"]}
    assert kinds["label"]["values"] == ["CTX", "L 1"]
    assert kinds["description"]["values"] == ["Isocortex", "Layer 1"]
    assert (kinds["tags"]["tags"], kinds["tags"]["values"]) == (["CTX"], [[], [0]])
    (layer,) = json.loads((folder / "view.json").read_text())["layers"]
    assert layer["segmentColors"] == {"5": "#70FF71", "7": "#0080FF"}


def test_names_reach_the_ome_zarr(labelled):
    folder, _ = labelled
    attributes = json.loads((folder / "volume.ome.zarr/zarr.json").read_text())["attributes"]["ome"]
    about = attributes["image-label"]
    assert about["colors"][1] == {"label-value": 7, "rgba": [0, 128, 255, 255]}
    assert about["properties"][1] == {"label-value": 7, "name": "Layer 1", "acronym": "L 1", "parent": 5}
    import zarr

    ImageLabel.from_zarr(zarr.open_group(folder / "volume.ome.zarr", mode="r"))


@pytest.mark.parametrize("first", [0, 1])
def test_a_table_names_the_channels_of_an_image(first, noise, tmp_path):
    (tmp_path / "t.csv").write_text(f"index,name\n{first},left\n{first + 1},right\n")
    np.save(tmp_path / "v.npy", noise(5, 6, 7, 2))
    (tmp_path / "i.json").write_text(json.dumps(inventory(tmp_path / "v.npy")))
    atlas_import(
        tmp_path / "i.json", tmp_path / "p.json", definition.complete({"resolution": 1000}), tmp_path / "t.csv"
    )
    planned = json.loads((tmp_path / "p.json").read_text())
    assert planned["channels"] == ["left", "right"] and not planned["regions"]
    (tmp_path / "t.csv").write_text("index,name\n5,left\n6,right\n")
    with pytest.raises(ValueError, match="labels has 2 rows, 5 to 6; those of an image name its 2 channels"):
        atlas_import(
            tmp_path / "i.json", tmp_path / "p.json", definition.complete({"resolution": 1000}), tmp_path / "t.csv"
        )


def test_a_table_is_of_labels(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((3, 4, 5), "u1"))
    (tmp_path / "inventory.json").write_text(json.dumps(inventory(tmp_path / "v.npy")))
    (tmp_path / "t.csv").write_text("index,name\n1,a\n")
    with pytest.raises(ValueError, match="say `type: segmentation`"):
        atlas_import(
            tmp_path / "inventory.json", tmp_path / "p.json", definition.complete({"resolution": 1}), tmp_path / "t.csv"
        )
