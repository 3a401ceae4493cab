"""All 48 orientations, voxel by voxel, through the whole of import and chunk."""

import itertools

import imagecodecs
import numpy as np
import pytest

from darkroom.atlas import orientation

# Where each letter points in RAS+ space.
POINTS = {
    "R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1),
}  # fmt: skip
CODES = ["".join(c) for c in itertools.product("RLAPSI", repeat=3) if np.linalg.det([POINTS[x] for x in c]) != 0]
SHAPE = 7, 10, 13  # slices, rows, columns


def in_world(planes, code):
    """Each voxel (slice, row, column, ...) put where it lies in the world: x, y, z, ... of RAS+."""
    slices, rows, columns = np.indices(planes.shape[:3]).reshape(3, -1)
    places = np.outer(columns, POINTS[code[0]]) + np.outer(rows, POINTS[code[1]]) + np.outer(slices, POINTS[code[2]])
    places -= places.min(axis=0)
    world = np.zeros((*(places.max(axis=0) + 1), *planes.shape[3:]), planes.dtype)
    world[tuple(places.T)] = planes.reshape(-1, *planes.shape[3:])
    return world


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    planes = np.random.default_rng(1).integers(0, 256, SHAPE, np.uint8)
    folder = tmp_path_factory.mktemp("sections")
    for number, plane in enumerate(planes):
        (folder / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    return folder, planes


def test_there_are_48():
    assert len(CODES) == 48


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("code", CODES)
def test_every_voxel_is_in_its_place(code, sections, make):
    folder, planes = sections
    world = in_world(planes, code)[..., None]
    # Chunks that fit the volume nowhere, one row of chunks per band
    small = make(folder, orientation=code, chunk_size=[4, 3, 5], resolution=1000)
    assert np.array_equal(small.voxels(), world)
    if CODES.index(code) % 8 == 0:
        assert np.array_equal(small.cloud_voxels(), world)
    whole = make(folder, orientation=code.lower(), voxel_offset=[-3, 5, 1], resolution=1000)
    assert np.array_equal(whole.voxels(), world)
    assert small.check()["passed"]


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("code", ["RAS", "LPI", "RIA", "RIP", "PIR", "SLP"])
@pytest.mark.parametrize("side", [1, 2, 5, 6, 7, 13, 14])
def test_slab_borders(code, side, sections, make):
    folder, planes = sections
    volume = make(folder, orientation=code, chunk_size=side, max_scales=1, resolution=1000)
    assert np.array_equal(volume.voxels(), in_world(planes, code)[..., None])


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("code", ["RAS", "AIL", "IPR"])
def test_arrays_and_colours_are_turned_alike(code, noise, make, tmp_path):
    planes = noise(*SHAPE, 3)
    np.save(tmp_path / "v.npy", planes)
    volume = make(tmp_path / "v.npy", orientation=code, chunk_size=4, resolution=1000)
    assert np.array_equal(volume.voxels(), in_world(planes, code))
    assert np.array_equal(volume.cloud_voxels(), in_world(planes, code))


def test_resolution_belongs_to_the_axes_of_space(sections, make):
    folder, _ = sections
    volume = make(folder, orientation="PIR", resolution=["1 um", "2 um", 3000])
    assert volume.scales[0]["size"] == [7, 13, 10]
    assert volume.scales[0]["resolution"] == [1000, 2000, 3000]


@pytest.mark.parametrize("code", ["RRS", "RAX", "RA", "RASS", "RLS", ""])
def test_no_orientation(code):
    with pytest.raises(ValueError, match=r"orientation .* such as RIA"):
        orientation.parse(code)
