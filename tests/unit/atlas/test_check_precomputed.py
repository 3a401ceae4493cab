"""The read-back check finds what is wrong, wherever it is."""

import gzip
import itertools
import shutil

import numpy as np
import pytest
import scipy.ndimage

from darkroom.atlas import precomputed, readback

SHAPE = 33, 40, 50  # slices, rows, columns
OPTIONS = {"chunk_size": 16, "resolution": 1000, "orientation": "RIP", "voxel_offset": [3, -5, 0]}
KINDS = {
    "raw": {},
    "gzip": {"compresslevel": 1},
    "float": {"data_type": "float32"},
    "png": {"encoding": "png"},
    "jpeg": {"encoding": "jpeg"},
    "labels": {"type": "segmentation"},
}


@pytest.fixture(params=KINDS)
def volume(request, make, tmp_path):
    random = np.random.default_rng(4)
    smooth = scipy.ndimage.gaussian_filter(random.normal(size=SHAPE), (2, 3, 3))
    planes = np.clip(128 + 700 * smooth + random.normal(size=SHAPE), 0, 255).astype(np.uint8)
    planes[:, :20] = 0  # chunks of nothing at all, too
    np.save(tmp_path / "v.npy", planes)
    return make(tmp_path / "v.npy", **OPTIONS, **KINDS[request.param])


def files(volume, scale):
    """Chunks of a scale, those with most in them first."""
    folder = volume.folder / volume.scales[scale]["key"]
    return sorted(folder.iterdir(), key=lambda path: len(set(content(path))), reverse=True)


def content(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def fails(volume, *texts):
    with pytest.raises((ValueError, OSError)) as failure:
        volume.check()
    assert all(str(text) in str(failure.value) for text in texts), failure.value


def test_figures(volume):
    result = volume.check()
    assert result["passed"]
    assert volume.check(threads=2) == result
    for scale, figures in zip(volume.scales, result["scales"], strict=True):
        assert figures["key"] == scale["key"]
        assert figures["values"] == np.prod(scale["size"])
        assert figures["chunks"] == np.prod([-(-extent // 16) for extent in scale["size"]])
        assert figures.get("exact", True)


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_flipped_byte(volume, scale):
    path = files(volume, scale)[0]
    data = bytearray(content(path))
    tables = (
        max(0, data.rfind(b"\xff\xda")) if volume.scales[0]["encoding"] == "jpeg" else 0
    )  # some entries are of no use
    data[(tables + len(data)) // 2] ^= 0xFF
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    fails(volume)


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("scale", [0, 1])
def test_missing_chunk(volume, scale, which):
    """The last one is all zero, and a reader gives zeros for a chunk that is missing."""
    path = files(volume, scale)[which]
    path.unlink()
    fails(volume, f"{path.parent}: missing chunks ['{path.name}']")


def test_missing_scale(volume):
    shutil.rmtree(volume.folder / volume.scales[-1]["key"])
    fails(volume, volume.scales[-1]["key"])


@pytest.mark.parametrize("name", ["extra", ".0-16_0-16_0-16.77.part"])
def test_extra_file(volume, name):
    (volume.folder / volume.scales[1]["key"] / name).write_text("x")
    fails(volume, f"files that are no chunks ['{name}']")


def test_swapped_chunks(volume):
    shapes = {}
    for path in files(volume, 0):
        spans = path.name.removesuffix(".gz").replace("--", "-m").split("_")
        shapes.setdefault(tuple(extent(span) for span in spans), []).append(path)
    first, second = next(paths for paths in shapes.values() if len(paths) > 1)[:2]
    one, two = first.read_bytes(), second.read_bytes()
    assert one != two
    first.write_bytes(two)
    second.write_bytes(one)
    fails(volume, first.parent.name)


def extent(span):
    """Of `-5-11`: 16."""
    low, _, high = span[1:].partition("-")
    return int(high.replace("m", "-")) - int(span[0] + low)


def test_one_wrong_chunk_among_many(make, tmp_path):
    """Its share in the error of a large JPEG scale is small."""
    random = np.random.default_rng(4)
    smooth = scipy.ndimage.gaussian_filter(random.normal(size=(32, 512, 512)), (2, 3, 3))
    planes = np.clip(128 + 150 * smooth + random.normal(size=smooth.shape), 0, 255).astype(np.uint8)
    np.save(tmp_path / "v.npy", planes)
    volume = make(tmp_path / "v.npy", encoding="jpeg", chunk_size=32, resolution=1000, max_scales=1)
    assert volume.check()["passed"]
    paths = sorted((volume.folder / volume.scales[0]["key"]).iterdir())
    assert len(paths) == 256
    shutil.copy(paths[7], paths[100])
    fails(volume, paths[100], "is too low for JPEG of quality 95")


def rewritten(volume, scale, change):
    """Write the chunks of a scale again with other voxels (channel, z, y, x)."""
    writer = precomputed.Scale(volume.folder, volume.plan["info"], scale, volume.plan["compresslevel"])
    voxels = change(readback.read(writer, writer.box).T)
    for chunk in list(_chunks(writer)):
        x, y, z = (slice(*span) for span in chunk)
        writer.put(chunk, writer.encode(voxels[:, z, y, x]))


def _chunks(writer):
    spans = [
        [(low, min(low + side, size)) for low in range(0, size, side)]
        for side, size in zip(writer.sides, writer.size, strict=True)
    ]
    return itertools.product(*spans)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_slab_at_the_wrong_place(volume, axis):
    rewritten(volume, 0, lambda voxels: np.roll(voxels, 1, axis))
    fails(volume, volume.scales[0]["key"])


def test_mirrored_volume(volume):
    rewritten(volume, 0, lambda voxels: voxels[..., ::-1])
    fails(volume, volume.scales[0]["key"])


@pytest.mark.parametrize("change", [lambda v: v + (v > 50).astype(v.dtype), lambda v: np.roll(v, 1, 3)])
def test_wrong_coarser_scale(volume, change):
    if volume.scales[0]["encoding"] == "jpeg":
        change = lambda v: np.roll(v, 2, 3)  # noqa: E731
    rewritten(volume, 1, change)
    fails(volume, volume.scales[1]["key"])


def test_coarser_scale_by_striding(volume):
    fine = precomputed.Scale(volume.folder, volume.plan["info"], 0, volume.plan["compresslevel"])
    strided = readback.read(fine, fine.box).T[:, ::2, 1::2, 1::2]
    rewritten(volume, 1, lambda voxels: np.resize(strided, voxels.shape))
    fails(volume, volume.scales[1]["key"])


@pytest.mark.parametrize("volume", ["jpeg"], indirect=True)
def test_jpeg_of_too_low_quality(volume):
    volume.plan["info"]["scales"][0]["jpeg_quality"] = 20
    rewritten(volume, 0, lambda voxels: voxels)
    fails(volume, "PSNR", "is too low for JPEG of quality 95")


@pytest.mark.parametrize("quality", [1, 10, 50, 95, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_no_fault_of_jpeg(quality, channels, noise, make, tmp_path):
    np.save(tmp_path / "v.npy", noise(20, 40, 30, channels))
    volume = make(tmp_path / "v.npy", encoding="jpeg", jpeg_quality=quality, chunk_size=16, resolution=1000)
    assert volume.check()["passed"]


def test_info_that_was_not_planned(volume):
    info = volume.folder / "info"
    info.write_text(info.read_text().replace('"num_channels": 1', '"num_channels": 2'))
    fails(volume, "is not what was planned")


def test_source_that_has_changed(volume):
    source = volume.plan["source"]["path"]
    planes = np.load(source)
    planes[20, 30, 25] ^= 0x80
    np.save(source, planes)
    if volume.scales[0]["encoding"] != "jpeg":
        fails(volume, "differ from what they must be")
    planes[20:24, 30:34, 25:45] ^= 0x80
    np.save(source, planes)
    fails(volume, "differ from what they must be")


@pytest.mark.parametrize("values", [[np.nan, 1, np.inf], [-np.inf, 0, 1e-45], [1e10, 1e-10, -1e10]])
def test_floats_of_every_kind(values, make, tmp_path):
    np.save(tmp_path / "v.npy", np.resize(np.float32(values), (9, 10, 11)))
    volume = make(tmp_path / "v.npy", chunk_size=4, resolution=1000)
    assert volume.check()["passed"]


def test_gzip_file_that_is_cut_short(make, tmp_path, noise):
    np.save(tmp_path / "v.npy", noise(9, 10, 11))
    volume = make(tmp_path / "v.npy", compresslevel=1, resolution=1000)
    path = next(volume.folder.glob("*/*.gz"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises((ValueError, OSError, EOFError)):
        volume.check()
