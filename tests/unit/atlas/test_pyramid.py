"""Coarser scales: which axes are halved, where coarse voxels lie, unbiased means, modes that invent no label."""

import itertools
import json

import numpy as np
import pytest
import tensorstore
from neuroglancer_scripts.scripts.generate_scales_info import generate_scales_info

from darkroom.atlas import downsample, precomputed

RAW = {"encoding": "raw"}


def resolutions(size, resolution, chunk=64, offset=(0, 0, 0), most=None):
    scales = precomputed.scales(size, resolution, offset, [chunk] * 3, RAW, most)
    return [scale["resolution"] for scale in scales]


def downsampled(volume, factors, method):
    """An array (x, y, z, channel) as tensorstore reduces it, from the origin of its domain."""
    return tensorstore.downsample(tensorstore.array(volume), [*factors, 1], method).read().result()


@pytest.mark.parametrize(
    ("resolution", "size"),
    [
        ([1, 1, 4], [4000, 3000, 500]),
        ([4, 1, 1], [500, 3000, 4000]),
        ([21166.67, 20000, 21166.67], [6572, 5711, 100]),
        ([300, 1200, 300], [1000, 300, 900]),
        ([10, 10, 10], [129, 1000, 700]),
        ([1, 10, 100], [9000, 3000, 400]),
        ([7, 7, 40], [5000, 5000, 600]),
    ],
)
def test_halves_the_axes_that_neuroglancer_scripts_halves(resolution, size, tmp_path):
    scale = {"chunk_sizes": [], "encoding": "raw", "key": "full", "resolution": resolution, "size": size}
    full = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": [scale | {"voxel_offset": [0, 0, 0]}]}
    (tmp_path / "full.json").write_text(json.dumps(full))
    generate_scales_info(str(tmp_path / "full.json"), str(tmp_path), target_chunk_size=64)
    theirs = [scale["resolution"] for scale in json.loads((tmp_path / "info").read_text())["scales"]]
    ours = resolutions(size, resolution)
    both = min(len(ours), len(theirs))  # they stop at another size, and halve axes of one voxel on
    assert both > 2
    assert np.allclose(ours[:both], theirs[:both])


@pytest.mark.parametrize(
    ("size", "resolution", "expected"),
    [
        ([512, 512, 128], [1, 1, 4], [[1, 1, 4], [2, 2, 4], [4, 4, 4], [8, 8, 8]]),
        ([300, 200, 1], [1, 1, 50], [[1, 1, 50], [2, 2, 50], [4, 4, 50], [8, 8, 50]]),
        ([1, 1, 1], [5, 5, 5], [[5, 5, 5]]),
        ([64, 64, 64], [5, 5, 5], [[5, 5, 5]]),
        ([65, 64, 64], [5, 5, 5], [[5, 5, 5], [10, 10, 10]]),
        ([200, 200, 3], [1, 1, 1], [[1, 1, 1], [2, 2, 2], [4, 4, 4]]),
        ([1, 200, 1], [1, 9, 1], [[1, 9, 1], [1, 18, 1], [1, 36, 1]]),
        ([200, 100, 100], [1, 1.5, 1], [[1, 1.5, 1], [2, 1.5, 2], [4, 3, 4]]),
    ],
)
def test_resolutions(size, resolution, expected):
    per_scale = resolutions(size, resolution)
    assert per_scale[: len(expected)] == expected
    assert all(min(b / a for a, b in zip(*pair, strict=True)) >= 1 for pair in itertools.pairwise(per_scale))


@pytest.mark.parametrize("resolution", [[1, 1, 4], [1, 30, 1], [21166.67, 20000, 21166.67], [1, 1.4, 1.5]])
@pytest.mark.parametrize("size", [[3000, 1000, 200], [3001, 999, 7], [5000, 5000, 1]])
def test_ends_in_one_chunk_and_nears_isotropy(size, resolution):
    scales = precomputed.scales(size, resolution, [0, 0, 0], [64, 64, 64], RAW)
    assert max(scales[-1]["size"]) <= 64
    assert len({scale["key"] for scale in scales}) == len(scales)
    spread = [max(scale["resolution"]) / min(scale["resolution"]) for scale in scales]
    if min(size) > 100:
        assert spread[-1] <= 2
        assert all(after <= before * 1.0001 or after <= 2 for before, after in itertools.pairwise(spread))


@pytest.mark.parametrize("offset", [[0, 0, 0], [-1, 3, 1001], [-7, -8, 5], [1, 1, 1]])
def test_coarse_voxels_lie_on_the_grid_of_fine_ones(offset):
    scales = precomputed.scales([131, 67, 45], [1, 1, 2], offset, [16, 16, 16], RAW)
    for fine, coarse in itertools.pairwise(scales):
        for axis, factor in enumerate(precomputed.factors(fine, coarse)):
            low, high = fine["voxel_offset"][axis], fine["voxel_offset"][axis] + fine["size"][axis]
            covered = {place // factor for place in range(low, high)}
            span = range(coarse["voxel_offset"][axis], coarse["voxel_offset"][axis] + coarse["size"][axis])
            assert covered == set(span)


def test_number_of_scales():
    assert len(resolutions([4000, 4000, 4000], [1, 1, 1], most=3)) == 3
    assert len(resolutions([4000, 4000, 4000], [1, 1, 1], most=1)) == 1
    assert len(resolutions([4000, 4000, 4000], [1, 1, 1], most=99)) == 7


@pytest.mark.parametrize("axes", [a for n in (1, 2, 3) for a in itertools.combinations((1, 2, 3), n)])
@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"])
def test_means_are_those_of_tensorstore(kind, axes, noise):
    values = noise(2, 7, 8, 9, dtype=kind)
    if values.dtype.kind != "f":
        values[:, :4] //= np.iinfo(kind).max // 3 or 1  # small values, where halves are frequent
    factors = [2 if axis in axes else 1 for axis in (3, 2, 1)]
    store = values.T.astype("f8") if kind == "float32" else values.T
    expected = downsampled(store, factors, "mean").astype(kind)
    assert np.array_equal(downsample.halve(values, axes).T, expected)


@pytest.mark.parametrize("axes", [a for n in (1, 2, 3) for a in itertools.combinations((1, 2, 3), n)])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "uint64"])
def test_modes_are_those_of_tensorstore(kind, axes, noise):
    values = noise(1, 9, 8, 7, dtype=kind)
    values = np.where(noise(1, 9, 8, 7) < 200, values % 3, values)
    factors = [2 if axis in axes else 1 for axis in (3, 2, 1)]
    halved = downsample.halve(values, axes, labels=True)
    assert halved.dtype == values.dtype
    assert np.array_equal(halved.T, downsampled(values.T, factors, "mode"))


def test_no_bias_over_repeated_halving(noise):
    """Truncation would lose almost half a grey level at each scale."""
    values = noise(1, 128, 128, 128)
    mean = values.mean()
    for _ in range(4):
        values = downsample.halve(values, (1, 2, 3))
        assert values.mean() == pytest.approx(mean, abs=0.05)


def test_extremes_stay(noise):
    for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32"):
        for value in (np.iinfo(kind).min, np.iinfo(kind).max):
            block = np.full((1, 4, 4, 4), value, kind)
            assert (downsample.halve(block, (1, 2, 3)) == value).all()


def test_nothing_to_halve(noise):
    block = noise(1, 3, 3, 3)
    assert np.array_equal(downsample.halve(block, ()), block)


def by_hand(fine, start, factors, method):
    """Scale after `fine` (x, y, z), voxel by voxel, on the grid of the world: `start` is the offset of `fine`."""
    size = [-(-(low + extent) // n) - low // n for low, extent, n in zip(start, fine.shape, factors, strict=True)]
    coarse = np.zeros(size, fine.dtype)
    for place in np.ndindex(*size):
        spans = []
        for at, low, extent, n in zip(place, start, fine.shape, factors, strict=True):
            first = (low // n + at) * n - low
            spans.append(slice(max(first, 0), min(first + n, extent)))
        coarse[place] = method(fine[tuple(spans)])
    return coarse


def mean(window):
    return np.rint(window.astype("f8").mean()).astype(window.dtype)


def mode(window):
    labels, counts = np.unique(window, return_counts=True)
    return labels[counts.argmax()]


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("offset", [[0, 0, 0], [1, -1, 3], [-5, 4, -7]])
@pytest.mark.parametrize("kind", ["image", "segmentation"])
def test_scales_on_disk(kind, offset, noise, make, tmp_path):
    """Every scale of a whole volume with odd sizes, offsets and voxels, against a loop over voxels."""
    planes = noise(11, 23, 35, dtype="uint32" if kind == "segmentation" else "uint8")
    planes = np.where(noise(11, 23, 35, seed=1) < 180, planes % 4, planes)
    np.save(tmp_path / "v.npy", planes)
    volume = make(tmp_path / "v.npy", type=kind, voxel_offset=offset, resolution=[1, 1, 2], chunk_size=[8, 5, 4])
    assert len(volume.scales) > 3
    for number, (fine, coarse) in enumerate(itertools.pairwise(volume.scales)):
        factors = [round(b / a) for a, b in zip(fine["resolution"], coarse["resolution"], strict=True)]
        expected = by_hand(
            volume.voxels(number)[..., 0], fine["voxel_offset"], factors, mode if kind == "segmentation" else mean
        )
        assert np.array_equal(volume.voxels(number + 1)[..., 0], expected)
        assert np.array_equal(volume.cloud_voxels(number + 1)[..., 0], expected)
    assert set(np.unique(volume.voxels(3))) <= set(np.unique(planes)) or kind == "image"
    assert volume.check()["passed"]


def test_float_means(noise, make, tmp_path):
    """The mean of the values that are numbers: one that is none does not spread."""
    planes = noise(9, 21, 33, dtype="float32")
    planes[0, :3] = np.nan
    planes[5, 7, 3] = np.nan
    np.save(tmp_path / "v.npy", planes)
    volume = make(tmp_path / "v.npy", resolution=1000, chunk_size=8)

    def mean(window):
        return window.astype("f8")[~np.isnan(window)].mean() if not np.isnan(window).all() else np.nan

    expected = by_hand(planes.T, [0, 0, 0], [2, 2, 2], mean)
    assert np.array_equal(volume.voxels(1)[..., 0], expected, equal_nan=True)
    assert not np.isnan(volume.voxels(1)).any()
    assert np.isnan(volume.voxels(0)).sum() == 3 * 33 + 1
    assert volume.check()["scales"][1]["exact"]


@pytest.mark.parametrize("shape", [(1, 300, 200), (2, 130, 1), (1, 1, 1), (3, 5, 70)])
def test_thin_volumes(shape, noise, make, block, tmp_path):
    planes = noise(*shape)
    np.save(tmp_path / "v.npy", planes)
    volume = make(tmp_path / "v.npy", resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes))
    assert max(volume.scales[-1]["size"]) <= 64
    assert volume.check()["passed"]


@pytest.mark.parametrize("offset", [0, 1])
def test_a_mean_is_of_the_voxels_that_are_numbers(offset, noise, make, tmp_path):
    """Three in a hundred voxels are NaN, and one corner is without any number: it alone is NaN in coarser scales."""
    values = noise(20, 20, 20, dtype="float32")
    values[np.random.default_rng(1).random(values.shape) < 0.03] = np.nan
    values[:4, :4, :4] = np.nan
    values[10, 10, 10] = np.inf
    np.save(tmp_path / "v.npy", values)
    volume = make(tmp_path / "v.npy", resolution=1000, chunk_size=8, voxel_offset=[offset] * 3)
    padded = np.pad(values, [(offset, -(len(values) + offset) % 4)] * 3, constant_values=np.nan).astype("f8")
    for scale, side in ((1, 2), (2, 4)):
        fine = padded if side == 2 else volume.voxels(1)[..., 0].T
        fine = np.pad(fine, [(0, len(fine) % 2)] * 3, constant_values=np.nan)
        cut = fine.reshape(*(number for size in fine.shape for number in (size // 2, 2))).astype("f8")
        total, count = np.nansum(cut, axis=(1, 3, 5)), (~np.isnan(cut)).sum(axis=(1, 3, 5))
        with np.errstate(invalid="ignore"):
            expected = total / count
        voxels = volume.voxels(scale)[..., 0].T
        assert np.allclose(voxels, expected[tuple(slice(size) for size in voxels.shape)], rtol=1e-6, equal_nan=True)
    assert np.isnan(volume.voxels(1)).sum() in (8, 1)
    assert volume.check()["passed"]
