"""Maps and tables as they are on the disk: overviews and means of decibels are those of power, and nothing is left over."""

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from darkroom.copernicus import merging, rasters, stack
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.stack import Layer, Stack

GRID = Grid("EPSG:32633", (10.0, 0.0, 400_000.0, 0.0, -10.0, 5_000_000.0), 1301, 1047)
LAYERS = [Layer("VV", "sigma0 of VV", "dB"), Layer("NDVI", "index"), Layer("VV_change", "last less first date", "dB")]
VALUES = np.random.default_rng(3).normal(-12, 6, (3, GRID.height, GRID.width)).astype(np.float32)
VALUES[:, 100:777, 300:1111] = np.nan
VALUES[:, ::5, ::3] = np.nan


def written(path):
    with rasters.writing(path, GRID, LAYERS, "float32", np.nan, {}, powers=merging.powers(LAYERS)) as put:
        for window in GRID.windows():
            rows, columns = window.toslices()
            put(window, VALUES[:, rows, columns])
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return written(tmp_path_factory.mktemp("map") / "map.tif")


def coarser(values):
    """The means of two by two pixels, NaN apart."""
    height, width = values.shape
    whole = np.full((height + height % 2, width + width % 2), np.nan)
    whole[:height, :width] = values
    return np.nanmean(whole.reshape(whole.shape[0] // 2, 2, whole.shape[1] // 2, 2), axis=(1, 3))


@pytest.mark.filterwarnings("ignore:Mean of empty")
def test_overviews_are_means_and_those_of_power_are_in_power(image):
    power, others = 10 ** (VALUES[0].astype(float) / 10), VALUES[1:].astype(float)
    for level, shape in enumerate([(524, 651), (262, 326)]):
        power, others = coarser(power), [coarser(one) for one in others]
        with rasterio.open(image, overview_level=level) as overview:
            shown = overview.read()
        assert shown.shape == (3, *shape)
        assert shown[0] == pytest.approx(10 * np.log10(power), abs=1e-4, nan_ok=True)
        assert shown[1:] == pytest.approx(np.stack(others), abs=1e-4, nan_ok=True)


def test_the_values_are_as_given_and_the_file_is_cloud_optimized(image):
    with rasterio.open(image) as shown:
        assert np.array_equal(shown.read(), VALUES, equal_nan=True)
        assert shown.overviews(1) == [2, 4] and shown.units == ("dB", "1", "dB")
    valid, errors, warnings = cog_validate(image, strict=True)
    assert valid, (errors, warnings)


def test_the_same_values_give_the_same_bytes_and_nothing_else_is_left(image, tmp_path):
    assert written(tmp_path / "map.tif").read_bytes() == image.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]


def test_the_mean_of_decibels_is_that_of_their_powers(tmp_path):
    path = tmp_path / "stack.nc"
    with stack.writing(path, GRID, ["2023-06-22T10:16:01Z"], ["x"], LAYERS[:2], {}) as put:
        for window in GRID.windows():
            for layer, values in zip(LAYERS, VALUES[:2], strict=False):
                put(layer.name, 0, window, values[window.toslices()])
    power, index = merging.statistics(Stack(path))
    shown = VALUES[0][~np.isnan(VALUES[0])].astype(float)
    assert power["valid"] == len(shown) and power["mean"] == pytest.approx(10 * np.log10(np.mean(10 ** (shown / 10))))
    assert power["std"] == pytest.approx(shown.std()) and (power["min"], power["max"]) == pytest.approx(
        (shown.min(), shown.max())
    )
    assert index["mean"] == pytest.approx(np.nanmean(VALUES[1].astype(float)))
    assert (index["q02"], index["q98"]) == pytest.approx(np.nanquantile(VALUES[1], [0.02, 0.98]), rel=1e-3)
