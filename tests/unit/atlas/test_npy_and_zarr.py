"""NumPy files and Zarr folders as volumes."""

import json
import os

import numpy as np
import pytest
import tensorstore

SHAPE = 9, 12, 17  # slices, rows, columns
OME = "zyx", "czyx", "tczyx"


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", ">f4", ">i4", "?"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_npy(order, kind, channels, noise, make, block, tmp_path):
    array = (noise(*SHAPE, *channels) % 5 if kind != "?" else noise(*SHAPE, *channels) > 99).astype(kind)
    np.save(tmp_path / "v.npy", np.asarray(array, order=order))
    volume = make(tmp_path / "v.npy", chunk_size=5, resolution=1000)
    assert np.array_equal(volume.voxels(), block(array).astype(volume.info["data_type"]))
    assert volume.check()["passed"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (np.zeros((4, 5)), "shape (4, 5) is not (slice, row, column)"),
        (np.zeros((2, 2, 2, 2, 2)), "is not (slice, row, column) or (slice, row, column, channel)"),
        (np.zeros((4, 5, 6), complex), "values of complex128 are no image or labels"),
        (np.zeros((4, 0, 6)), "the volume is empty, its shape is [4, 0, 6, 1]"),
        (np.array([[["a"]]]), "no image or labels; needs integers or floats"),
        (np.array([[[None]]]), "v.npy is no NumPy array that can be mapped"),
    ],
)
def test_npy_that_is_no_volume(content, text, refuses, tmp_path):
    np.save(tmp_path / "v.npy", content, allow_pickle=True)
    refuses(tmp_path / "v.npy", text)


@pytest.mark.parametrize("left", [0, 5, 60, 200, -1])
def test_npy_cut_short(left, noise, refuses, tmp_path):
    np.save(tmp_path / "v.npy", noise(*SHAPE))
    (tmp_path / "v.npy").write_bytes((tmp_path / "v.npy").read_bytes()[:left])
    refuses(tmp_path / "v.npy", "v.npy is no NumPy array that can be mapped")


def test_npy_that_shrinks_after_import(noise, plan, tmp_path):
    np.save(tmp_path / "v.npy", noise(*SHAPE))
    volume = plan(tmp_path / "v.npy", resolution=1000)
    (tmp_path / "v.npy").write_bytes((tmp_path / "v.npy").read_bytes()[:900])
    with pytest.raises(ValueError, match=r"v\.npy: the volume is no longer there as it was planned"):
        volume.chunk()


def test_no_room(tmp_path, refuses):
    """A sparse file of 13 TB, which takes no room itself, and whose chunks would."""
    shape = 2**16, 2**14, 12_000
    array = np.lib.format.open_memmap(tmp_path / "v.npy", "w+", "u1", shape)
    assert (tmp_path / "v.npy").stat().st_size > 12e12
    del array
    message = refuses(tmp_path / "v.npy", "not enough room for the chunks of all scales: about 14.7 TB needed")
    assert "free at" in message


def zarr(path, array, version, chunks=4):
    """An array as tensorstore writes it."""
    spec = {"driver": "zarr3" if version == 3 else "zarr", "kvstore": f"file://{path}/"}
    store = tensorstore.open(
        spec,
        create=True,
        dtype=array.dtype,
        shape=array.shape,
        chunk_layout=tensorstore.ChunkLayout(chunk_shape=[chunks] * array.ndim),
    ).result()
    store[...] = array


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3)])
@pytest.mark.parametrize("kind", ["uint8", "int16", "float32", "float64", "uint64"])
def test_plain_zarr(version, shape, kind, noise, make, block, tmp_path):
    array = noise(*shape, dtype=kind)
    if kind == "uint64":
        array >>= np.uint64(33)
    zarr(tmp_path, array, version)
    volume = make(tmp_path, chunk_size=5, resolution=1000)
    assert np.array_equal(volume.voxels(), block(array).astype(volume.info["data_type"]))


@pytest.mark.parametrize("version", [2, 3])
def test_a_path_with_dots(version, noise, make, block, tmp_path):
    """As users give it who stand beside their data: `../v.zarr`, which tensorstore would refuse."""
    array = noise(*SHAPE)
    zarr(tmp_path / "v.zarr", array, version)
    (tmp_path / "here").mkdir()
    volume = make(tmp_path / "here/../v.zarr", resolution=1000, sharding=True)
    assert np.array_equal(volume.voxels(), block(array))
    again = make(tmp_path / "here/.." / os.path.relpath(volume.folder, tmp_path))
    assert np.array_equal(again.voxels(), volume.voxels())


def ome_zarr(root, array, axes, version, unit="micrometer", whole_scale=None):
    """An OME-Zarr image of two scales; the coarser one is of other values, so that a mix-up shows."""
    zarr(root / "0", array, 3 if version == "0.5" else 2)
    zarr(root / "1", np.zeros_like(array)[..., ::2], 3 if version == "0.5" else 2)
    kinds = {"t": {"type": "time"}, "c": {"type": "channel"}}
    sizes = {"z": 2.0, "y": 0.5, "x": 0.25}
    scale = [{"type": "scale", "scale": [sizes.get(axis, 1.0) for axis in axes]}]
    image = {
        "axes": [{"name": axis, **kinds.get(axis, {"type": "space", "unit": unit})} for axis in axes],
        "datasets": [{"path": str(number), "coordinateTransformations": scale} for number in range(2)],
    }
    if whole_scale:
        image["coordinateTransformations"] = [{"type": "scale", "scale": [whole_scale] * len(axes)}]
    if version == "0.5":
        attributes = {"ome": {"version": version, "multiscales": [image]}}
        group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (root / "zarr.json").write_text(json.dumps(group))
    else:
        (root / ".zgroup").write_text('{"zarr_format": 2}')
        (root / ".zattrs").write_text(json.dumps({"multiscales": [image | {"version": version}]}))


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", OME)
def test_ome_zarr(version, axes, noise, make, block, tmp_path):
    array = noise(*{"zyx": SHAPE, "czyx": (3, *SHAPE), "tczyx": (1, 2, *SHAPE)}[axes], dtype="uint16")
    ome_zarr(tmp_path / "v.ome.zarr", array, axes, version)
    volume = make(tmp_path / "v.ome.zarr", chunk_size=5)
    channels = array.reshape(-1, *SHAPE).transpose(1, 2, 3, 0)
    assert np.array_equal(volume.voxels(), block(channels))
    assert volume.scales[0]["resolution"] == [250, 500, 2000]
    assert np.array_equal(make(tmp_path, orientation="RAS").voxels(), block(channels))  # one folder above, too


@pytest.mark.parametrize(("unit", "nanometres"), [("nanometer", 1), ("millimeter", 1e6), ("angstrom", 0.1)])
def test_units_of_ome_zarr(unit, nanometres, noise, make, tmp_path):
    ome_zarr(tmp_path, noise(*SHAPE), "zyx", "0.5", unit, whole_scale=3)
    expected = [0.75 * nanometres, 1.5 * nanometres, 6 * nanometres]
    assert make(tmp_path).scales[0]["resolution"] == pytest.approx(expected)


def test_ome_zarr_without_units(noise, make, tmp_path):
    ome_zarr(tmp_path, noise(*SHAPE), "zyx", "0.4", unit=None)
    with pytest.raises(ValueError, match="resolution is missing"):
        make(tmp_path)


def test_time_of_ome_zarr(noise, refuses, tmp_path):
    ome_zarr(tmp_path, noise(2, *SHAPE), "tzyx", "0.5")
    refuses(tmp_path, "the axis t (2) is time, neither space nor channel; choose one with `time`, from 0 to 1")


def test_damaged_zarr(noise, refuses, tmp_path):
    zarr(tmp_path, noise(*SHAPE), 3)
    (tmp_path / "c/1/1/1").write_bytes(b"short")
    refuses(tmp_path, str(tmp_path), "the volume is damaged or cut short")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("zarr.json", "{", "zarr.json: not JSON"),
        ("zarr.json", "{}", "is no Zarr array, nor an OME-Zarr group whose metadata leads to one"),
        (".zgroup", '{"zarr_format": 2}', "is no Zarr array, nor an OME-Zarr group"),
        (".zarray", '{"zarr_format": 2}', "is no Zarr array that can be read"),
        (".zattrs", '{"multiscales": [{"datasets": []}]}', "no volume or section image"),
    ],
)
def test_no_zarr(name, content, text, refuses, tmp_path):
    (tmp_path / name).write_text(content)
    refuses(tmp_path, text)


@pytest.mark.parametrize("multiscales", [[], [{}], [{"datasets": [], "axes": []}], [{"datasets": [{"path": "0"}]}]])
def test_ome_metadata_that_lead_nowhere(multiscales, refuses, tmp_path):
    attributes = {"ome": {"multiscales": multiscales}}
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (tmp_path / "zarr.json").write_text(json.dumps(group))
    refuses(tmp_path, "Zarr")
