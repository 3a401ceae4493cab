"""Previews: limits of the stretch, greys, reduction of large images."""

import imagecodecs
import numpy as np
import pytest

from darkroom.planetary import stretch
from darkroom.planetary.formats import cubes


@pytest.fixture
def cube(tmp_path):
    """`cube(values)`: an array (lines, samples) as a cube; NaN is NULL."""

    def made(values):
        path = tmp_path / "x.cub"
        cubes.write(path, cubes.Image(1, *values.shape, "f4", {}, [(values[None], None)]))
        return cubes.Cube(path)

    return made


def test_limits_are_centres_of_bins_where_the_percentage_is_reached(cube):
    """Every value from 0 to 65535, each once, is the centre of a bin of its own."""
    values = np.arange(65536.0).reshape(256, 256)
    assert stretch.limits(cube(values)) == (327.0, 65208.0)  # 0.5 % are 327.68 values


def test_few_odd_pixels_do_not_matter(cube):
    values = np.random.default_rng(0).normal(100, 1, (300, 300))
    values[0, :50] = 1e4
    values[1] = np.nan
    low, high = stretch.limits(cube(values))
    assert 97 < low < 98
    assert 102 < high < 103


@pytest.mark.parametrize(("value", "limits"), [(7.0, (7.0, 7.0)), (np.nan, (np.nan, np.nan))])
def test_images_without_contrast(value, limits, cube, tmp_path):
    made = cube(np.full((20, 30), value))
    np.testing.assert_array_equal(stretch.limits(made), limits)
    stretch.preview(made, tmp_path / "p.png")
    assert imagecodecs.imread(tmp_path / "p.png").shape == (20, 30)


def test_greys():
    """isis2std: 1 + 254 f rounded down, 0 for what is no number, the ends for what lies outside."""
    values = np.array([[np.nan, -5, 0, 1, 5, 9.9999, 10, 11]])
    assert stretch.to_bytes(values, 0.0, 10.0).tolist() == [[0, 1, 1, 26, 128, 254, 255, 255]]


@pytest.mark.parametrize("shape", [(3001, 500), (700, 2500), (2500, 2601)])
def test_large_images_are_reduced_by_averaging(shape, cube, tmp_path):
    values = np.random.default_rng(1).normal(size=shape)
    values[5:9, 100:200] = np.nan
    reduced = stretch.reduced(cube(values), side=1000)
    step = -(-max(shape) // 1000)
    assert max(reduced.shape) <= 1000
    assert reduced.shape == tuple(-(-size // step) for size in shape)
    for row, column in ((0, 0), (1, 30), (reduced.shape[0] - 1, reduced.shape[1] - 1), (2, 60)):
        square = values[row * step : (row + 1) * step, column * step : (column + 1) * step].astype("f4").astype("f8")
        mean = np.nan if np.isnan(square).all() else np.nanmean(square)
        np.testing.assert_allclose(reduced[row, column], mean, rtol=1e-12)


def test_preview_is_the_same_every_time(cube, tmp_path):
    made = cube(np.random.default_rng(2).normal(size=(90, 120)))
    for name in ("a.png", "b.png"):
        stretch.preview(made, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
