"""Points as a layer of annotations, as cloud-volume and a reader of our own specification read them."""

import json
import struct

import numpy as np
import pytest
import tensorstore

from atlas_convert_points import atlas_convert_points
from darkroom.atlas import annotations

TABLE = "x_um,y_um,z_um,id,type,size,score\n1,2,3,7,neuron,300,0.5\n-4,5.5,6,9,glia,2,\n0.5,0,0,8,neuron,9,1\n"


def layer(folder):
    """A layer by its specification: positions, ids and properties of every point of the spatial index, and by id."""
    info = json.loads((folder / "info").read_text())
    sizes = {
        "uint32": "<u4",
        "int32": "<i4",
        "float32": "<f4",
        "uint16": "<u2",
        "int16": "<i2",
        "uint8": "u1",
        "int8": "i1",
    }
    fields = [("place", "<f4", 3), *((about["id"], sizes[about["type"]]) for about in info["properties"])]
    kind = np.dtype(fields)
    size = -(-kind.itemsize // 4) * 4
    kind = np.dtype([*fields, ("pad", f"V{size - kind.itemsize}")]) if size > kind.itemsize else kind
    by_id = {}
    for level in info["spatial"]:
        for path in (folder / level["key"]).iterdir():
            content = path.read_bytes()
            (count,) = struct.unpack("<Q", content[:8])
            assert 0 < count <= level["limit"]
            points = np.frombuffer(content[8 : 8 + count * size], kind)
            ids = np.frombuffer(content[8 + count * size :], "<u8")
            assert len(ids) == count
            cell = np.array([int(place) for place in path.name.split("_")])
            low = np.array(info["lower_bound"]) + cell * level["chunk_size"]
            assert (points["place"] >= low - 1e-3 * np.abs(low) - 1).all()
            assert (points["place"] <= low + level["chunk_size"] + 1e-3 * np.abs(low) + 1).all()
            assert not set(ids.tolist()) & set(by_id)
            by_id |= dict(zip(ids.tolist(), points, strict=True))
    store = tensorstore.KvStore.open(
        {
            "driver": "neuroglancer_uint64_sharded",
            "base": f"file://{folder}/{info['by_id']['key']}/",
            "metadata": info["by_id"]["sharding"],
        }
    ).result()
    for number, point in by_id.items():
        assert store[number.to_bytes(8, "big")] == point.tobytes()
    return info, by_id


def write(folder, text):
    (folder / "cells.csv").write_text(text)
    plan = {
        "info": {"scales": [{"size": [10, 10, 10], "resolution": [1000] * 3, "voxel_offset": [0, 0, 0]}]},
        "transform": None,
    }
    (folder / "volume.json").write_text(json.dumps(plan))
    atlas_convert_points(
        folder / "volume.json", folder / "cells.csv", folder / "annotations/info", folder / "check.json"
    )
    return json.loads((folder / "check.json").read_text())


def test_points_and_their_properties(tmp_path):
    record = write(tmp_path, TABLE)
    info, points = layer(tmp_path / "annotations")
    assert {number: point["place"].tolist() for number, point in points.items()} == {
        7: [1000, 2000, 3000],
        9: [-4000, 5500, 6000],
        8: [500, 0, 0],
    }
    about = {one["id"]: one for one in info["properties"]}
    kinds = about["type"]["enum_labels"]
    assert [kinds[points[number]["type"]] for number in (7, 9, 8)] == ["neuron", "glia", "neuron"]
    assert [int(points[number]["size"]) for number in (7, 9, 8)] == [300, 2, 9]
    assert [float(points[number]["score"]) for number in (7, 8)] == [0.5, 1] and np.isnan(points[9]["score"])
    assert record["notes"] == ["1 of 3 points lie outside of the volume"]
    assert info["lower_bound"] == [-4000, 0, 0]


def test_many_points(tmp_path):
    """All are there once, no cell of the index has too many, coarse levels are a sample of all."""
    random = np.random.default_rng(1)
    places = random.normal(5e6, 1e6, (60_000, 3)).round(1)
    annotations.write(
        tmp_path, places, np.arange(60_000, dtype="u8"), [], places.min(axis=0) - 1, places.max(axis=0) + 1
    )
    info, points = layer(tmp_path)
    assert sorted(points) == list(range(60_000))
    assert np.allclose([points[number]["place"] for number in range(60_000)], places, rtol=1e-6)
    assert len(info["spatial"]) > 2
    assert all(level["limit"] <= 1.1 * annotations.LIMIT for level in info["spatial"])
    content = (tmp_path / "spatial0/0_0_0").read_bytes()
    first = np.frombuffer(content[8 : 8 + 12 * struct.unpack("<Q", content[:8])[0]], "<f4").reshape(-1, 3)
    assert np.allclose(first.mean(axis=0), places.mean(axis=0), atol=1e5)


def test_what_programs_make_of_tables(tmp_path):
    expected = [[1000, 2000, 3000], [4000, 5000, 6000]]
    for text, encoding in (
        ("x_um;y_um;z_um;group\n1;2;3;a\n4;5;6;b\n", "utf-8-sig"),
        ("X [um]\tY [um]\tZ [um]\tgroup\r\n1\t2\t3\ta\r\n4\t5\t6\tb\r\n", "utf-16"),
    ):
        (tmp_path / "cells.csv").write_bytes(text.encode(encoding))
        positions, _, ((about, values),) = annotations.read(tmp_path / "cells.csv")
        assert positions.tolist() == expected and about["enum_labels"] == ["a", "b"] and values.tolist() == [0, 1]
    # Places in voxels beside those with a unit.
    (tmp_path / "cells.csv").write_text("x,y,z,x_um,y_um,z_um\n1,2,3,1,2,3\n2,3,4,4,5,6\n")
    positions, _, properties = annotations.read(tmp_path / "cells.csv")
    assert positions.tolist() == expected and [about["id"] for about, _ in properties] == ["x", "y", "z"]


def test_labels_of_64_bits_and_names_that_become_the_same(tmp_path):
    (tmp_path / "cells.csv").write_text(
        f"x,y,z,label,a b,a-b\n1,2,3,{2**53 + 1},1,2\n1,2,3,,1,2\n1,2,3,{2**64 - 1},1,2\n"
    )
    _, _, ((about, values), (first, _), (second, _)) = annotations.read(tmp_path / "cells.csv")
    assert [about["enum_labels"][value] for value in values] == [str(2**53 + 1), "", str(2**64 - 1)]
    assert (first["id"], second["id"]) == ("a_b", "a_b_2")


def test_the_same_table_gives_the_same_bytes(tmp_path):
    trees = []
    for name in "ab":
        (tmp_path / name).mkdir()
        write(tmp_path / name, TABLE)
        root = tmp_path / name / "annotations"
        trees.append({str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()})
    assert trees[0] == trees[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no point in it"),
        ("x,y,z\n", "there is no point in it"),
        ("x,y\n1,2\n", "its columns are x, y; there must be z (nm), or z_um, z_mm"),
        ("x,y,z\n1,2\n", "line 2 has not as many fields as the first one, which has 3"),
        ("x,y,z\n1,2,3\n1,two,3\n", "line 3: y is 'two', no place"),
        ("x,y,z\n1,2,nan\n", "line 2: z is 'nan', no place"),
        ("x_mm,y,z\n1,2,3\n1e33,2,3\n", "line 3: x_mm is '1e33', no place"),
        ("x,y,z,a,a\n1,2,3,4,5\n", "two columns are named 'a'"),
        ("x,y,z,id\n1,2,3,1\n1,2,3,1\n", "two points have one id"),
        ("x,y,z,id\n1,2,3,-1\n", "line 2: id '-1' is no whole number from 0"),
    ],
)
def test_tables_that_are_refused(text, told, tmp_path):
    with pytest.raises(ValueError) as failure:
        write(tmp_path, text)
    assert str(tmp_path / "cells.csv") in str(failure.value) and told in str(failure.value)
    assert not (tmp_path / "annotations/info").exists()
