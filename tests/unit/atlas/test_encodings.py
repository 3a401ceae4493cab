"""Each encoding of chunks, read by tensorstore and cloud-volume; the same bytes every time."""

import gzip
import hashlib
import itertools

import numpy as np
import pytest
import rasterio
import scipy.ndimage
from neuroglancer_scripts.accessor import get_accessor_for_url
from neuroglancer_scripts.precomputed_io import get_IO_for_existing_dataset

SHAPE = 9, 21, 30  # slices, rows, columns
CHUNKS = {"chunk_size": [16, 8, 5], "resolution": 1000}
IMAGE_TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"]


@pytest.fixture
def saved(tmp_path):
    def save(planes):
        np.save(tmp_path / "volume.npy", planes)
        return tmp_path / "volume.npy"

    return save


def tissue(*shape, seed=0):
    """Smooth grey values with a little noise, as JPEG is made for."""
    random = np.random.default_rng(seed)
    smooth = scipy.ndimage.gaussian_filter(random.normal(size=shape), (2, 3, 3, 0)[: len(shape)])
    return np.clip(128 + 400 * smooth + random.normal(size=shape), 0, 255).astype(np.uint8)


def psnr(expected, voxels):
    return 10 * np.log10(255**2 / np.mean((expected.astype(float) - voxels) ** 2))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", IMAGE_TYPES)
def test_raw(kind, channels, noise, saved, make, block):
    planes = noise(*SHAPE, channels, dtype=kind)
    volume = make(saved(planes), encoding="raw", max_scales=2, **CHUNKS)
    assert volume.info["data_type"] == kind
    assert np.array_equal(volume.voxels(), block(planes))
    if channels == 3 and kind != "int8":  # which cloud-volume refuses to open
        assert np.array_equal(volume.cloud_voxels(), block(planes))
    assert volume.check()["passed"]


@pytest.mark.parametrize("level", [1, 6, 9])
@pytest.mark.parametrize("encoding", ["raw", "compressed_segmentation"])
def test_gzip(level, encoding, noise, saved, make, block):
    planes = noise(*SHAPE, dtype="uint32") % 7
    kind = "segmentation" if encoding == "compressed_segmentation" else "image"
    volume = make(saved(planes), encoding=encoding, compresslevel=level, type=kind, max_scales=2, **CHUNKS)
    assert np.array_equal(volume.cloud_voxels(), block(planes))
    assert volume.check()["passed"]
    plain = make(saved(planes), encoding=encoding, type=kind, max_scales=2, **CHUNKS)
    unpacked = {
        name.removesuffix(".gz"): gzip.decompress(content) if name.endswith(".gz") else content
        for name, content in volume.files().items()
    }
    assert unpacked == plain.files()
    assert sum(name.endswith(".gz") for name in volume.files()) == len(volume.files()) - 1


def test_level_of_gzip_tells(saved, make):
    sizes = []
    for level in (0, 1, 9):
        volume = make(saved(tissue(16, 32, 64)), compresslevel=level, resolution=1000)
        sizes.append(sum(map(len, volume.files().values())))
    assert sizes[0] > sizes[1] > sizes[2]


def test_pictures_are_not_gzipped_again(saved, make, block):
    for encoding in ("png", "jpeg"):
        volume = make(saved(tissue(*SHAPE)), encoding=encoding, compresslevel=9, **CHUNKS)
        assert not [name for name in volume.files() if name.endswith(".gz")]
        assert np.abs(volume.voxels() - block(tissue(*SHAPE)).astype(int)).max() < 16


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_png(kind, channels, noise, saved, make, block):
    planes = noise(*SHAPE, channels, dtype=kind)
    volume = make(saved(planes), encoding="png", max_scales=2, **CHUNKS)
    assert np.array_equal(volume.voxels(), block(planes))
    with rasterio.open(volume.folder / volume.scales[0]["key"] / "0-16_0-8_0-5") as picture:
        chunk = picture.read().transpose(1, 2, 0).reshape(5, 8, 16, channels)
    assert np.array_equal(chunk, planes[:5, :8, :16])
    assert volume.check()["passed"]


def second_opinion(volume, channels):
    """Voxels of JPEG by cloud-volume, or, as that cannot read even its own colours, by neuroglancer-scripts."""
    if channels == 1:
        return volume.cloud_voxels()
    scale = volume.scales[0]
    reader = get_IO_for_existing_dataset(get_accessor_for_url(str(volume.folder)))
    whole = np.zeros((*scale["size"], channels), np.uint8)
    starts = [range(0, extent, side) for extent, side in zip(scale["size"], scale["chunk_sizes"][0], strict=True)]
    for place in itertools.product(*starts):
        box = [
            (low, min(low + side, extent))
            for low, side, extent in zip(place, scale["chunk_sizes"][0], scale["size"], strict=True)
        ]
        chunk = reader.read_chunk(scale["key"], [end for span in box for end in span])
        whole[tuple(slice(*span) for span in box)] = chunk.T
    return whole


@pytest.mark.parametrize("quality", [30, 75, 95, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(channels, quality, saved, make, block):
    planes = tissue(32, 64, 64, channels)
    volume = make(saved(planes), encoding="jpeg", jpeg_quality=quality, chunk_size=32, resolution=1000)
    expected = block(planes)
    floor = {30: 30, 75: 34, 95: 38, 100: 48}[quality]
    assert psnr(expected, volume.voxels()) > floor
    assert psnr(expected, second_opinion(volume, channels)) > floor
    figures = volume.check()["scales"]
    assert figures[0]["psnr_db"] == pytest.approx(psnr(expected, volume.voxels()), abs=0.01)
    assert figures[0]["psnr_lowest_chunk_db"] <= figures[0]["psnr_db"]


def test_jpeg_keeps_colours_apart(saved, make, block):
    """Red, green and blue columns of one voxel: chroma must not be subsampled, and channels not be swapped."""
    planes = np.zeros((8, 16, 18, 3), np.uint8)
    for channel in range(3):
        planes[:, :, channel * 6 : channel * 6 + 6, channel] = 255
    planes[:, ::2] //= 2
    volume = make(saved(planes), encoding="jpeg", jpeg_quality=100, chunk_size=64, resolution=1000)
    assert np.abs(volume.voxels().astype(int) - block(planes)).max() < 8
    assert np.abs(second_opinion(volume, 3).astype(int) - block(planes)).max() < 8


@pytest.mark.parametrize("kind", ["uint32", "uint64"])
def test_compressed_segmentation(kind, noise, saved, make, block):
    """Blocks of one label, of few, and of more than 256, with labels that need all their bits."""
    planes = noise(*SHAPE, dtype=kind)
    planes[:4] %= 3
    planes[4:6] = np.iinfo(kind).max
    volume = make(saved(planes), type="segmentation", max_scales=2, **CHUNKS)
    assert volume.scales[0]["encoding"] == "compressed_segmentation"
    assert volume.info["data_type"] == kind
    assert np.array_equal(volume.voxels(), block(planes))
    assert np.array_equal(volume.cloud_voxels(), block(planes))
    assert volume.check()["passed"]


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "uint64"])
def test_raw_labels(kind, noise, saved, make, block):
    planes = noise(*SHAPE, dtype=kind)
    volume = make(saved(planes), type="segmentation", encoding="raw", max_scales=2, **CHUNKS)
    assert volume.info["data_type"] == kind
    assert np.array_equal(volume.voxels(), block(planes))
    assert volume.check()["passed"]


@pytest.mark.parametrize("encoding", ["raw", "raw9", "jpeg", "png", "compressed_segmentation"])
def test_the_same_bytes_whatever_the_threads_and_memory(encoding, saved, make):
    planes = tissue(*SHAPE)
    kind = "segmentation" if encoding == "compressed_segmentation" else "image"
    options = CHUNKS | {"encoding": encoding.strip("9"), "compresslevel": 9 if "9" in encoding else 0, "type": kind}
    made = [make(saved(planes), threads=threads, **options) for threads in (1, 4)]
    digests = [{name: hashlib.md5(content).hexdigest() for name, content in one.files().items()} for one in made]
    assert digests[0] == digests[1]


def test_no_other_files_than_the_readers_need(saved, make):
    volume = make(saved(tissue(*SHAPE)), **CHUNKS)
    keys = {scale["key"] for scale in volume.scales}
    assert {name.split("/")[0] for name in volume.files()} == keys | {"info"}


@pytest.mark.parametrize(
    ("kind", "channels", "options", "text"),
    [
        ("uint16", 1, {"encoding": "jpeg", "data_type": "uint16"}, "jpeg needs an image of uint8 with 1 or 3 channels"),
        ("uint8", 2, {"encoding": "jpeg"}, "an image of uint8 with 2 channels"),
        ("uint8", 1, {"encoding": "jpeg", "type": "segmentation"}, "a segmentation of uint8 with 1 channel"),
        ("uint16", 1, {"encoding": "jpeg"}, "outside the range of uint8, 0 to 255; give input_min and input_max"),
        ("float32", 1, {"encoding": "png"}, "png needs uint8 or uint16"),
        ("uint8", 5, {"encoding": "png"}, "with up to 4 channels"),
        ("uint32", 1, {"encoding": "compressed_segmentation"}, "needs a segmentation of uint32 or uint64"),
        ("uint8", 1, {"encoding": "compressed_segmentation", "type": "segmentation", "data_type": "uint8"}, "of uint8"),
        ("uint8", 3, {"type": "segmentation"}, "one label per voxel, the source has 3 channels"),
        ("uint8", 1, {"encoding": "jpeg", "chunk_size": [8, 512, 256]}, "8 x 131072 (x, and y times z)"),
        ("uint8", 1, {"encoding": "png", "chunk_size": [8, 2048, 2048]}, "the limit is 1000000; use smaller chunks"),
        ("uint64", 1, {"data_type": "uint64"}, "uint64 cannot be shown"),
        ("uint8", 1, {"size": [30, 21, 8]}, "size is [30, 21, 9], the options expect [30, 21, 8]"),
        ("uint8", 1, {"num_channels": 3}, "num_channels is 1, the options expect 3"),
    ],
)
def test_encodings_that_do_not_fit(kind, channels, options, text, noise, saved, refuses):
    refuses(saved(noise(*SHAPE, channels, dtype=kind)), text, "volume.npy" if "outside" in text else "", **options)
