"""Scenes of which nothing is left: a map that is all masked, and says so, and a table without figures."""

import csv
import warnings

import numpy as np
import pytest
import rasterio
from PIL import Image

import copernicus_orbit
import copernicus_safe
import copernicus_sen3
from copernicus_check import copernicus_check
from copernicus_merge import copernicus_merge
from copernicus_plot import copernicus_plot
from copernicus_recipe import project
from darkroom import files

BAD = 20  # percents of quality


def sentinel2(folder):
    bands = {f"{band}_10m": np.full((32, 32), 2000) for band in ("B04", "B08")}
    copernicus_safe.safe(folder, bands | {"SCL_20m": np.full((16, 16), 9)})


def sentinel3(folder):
    places = copernicus_sen3.swath()
    clouds = np.ones(places[0].shape, int)
    copernicus_sen3.product(folder, "SL_2_LST___", copernicus_sen3.lst(300.0 * clouds, clouds), *places)


def sentinel5p(folder, quality=BAD):
    corners = copernicus_orbit.swath(6, 8, 10, 45, 0.5)
    copernicus_orbit.orbit(folder, np.full((6, 8), 3e-5), *corners, np.full((6, 8), quality, "u1"))


@pytest.mark.parametrize(
    ("make", "name", "recipe", "options"),
    [
        (sentinel2, "s2", "s2_index", {"mask": None, "detectors": None}),
        (sentinel3, "s3", "s3_lst", {"every": None}),
        (sentinel5p, "s5p", "s5p_columns", {"every": None, "qa": None}),
        (sentinel5p, "s5p", "s5p_columns", {"every": None, "qa": None, "map": {"area": [11, 46, 12, 47]}}),
    ],
    ids=["s2_index", "s3_lst", "s5p_columns", "s5p_columns of an area"],
)
def test_a_scene_that_is_all_cloudy_is_a_map_that_is_all_masked(tmp_path, make, name, recipe, options):
    make(tmp_path / "raw")
    shown = [tmp_path / file for file in ("stack.nc", "map.tif", "statistics.csv")]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        times, stack = project(name, tmp_path / "raw", shown[0], recipe, **{"layers": [], "map": {}} | options)
        copernicus_merge(*shown, recipe=recipe)
        copernicus_check(*shown, tmp_path / "copernicus.json", recipe=recipe)
        copernicus_plot(*shown, tmp_path / "preview.png", tmp_path / "item.json", recipe=recipe)
    with rasterio.open(shown[1]) as image:
        assert image.shape == (stack.grid.height, stack.grid.width) and np.isnan(image.read()).all()
    told = files.read_json(tmp_path / "copernicus.json")
    layer = times.layers[0].name
    assert told["notes"] == [f"{stack.begins[0]}: no pixel of {layer} is valid: all is masked or without data"]
    assert told["checks"]["copernicus_check"]["valid"] == {layer: 0}
    with shown[2].open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["valid"] == "0" and {row[key] for key in ("mean", "std", "min", "q02", "median", "q98", "max")} == {""}
    picture = np.asarray(Image.open(tmp_path / "preview.png").convert("L"))
    assert picture.min() < 50  # the words on it, at least


def test_an_orbit_without_a_good_pixel_is_an_empty_time_beside_others(tmp_path):
    sentinel5p(tmp_path / "raw")
    corners = copernicus_orbit.swath(6, 8, 10, 45, 0.5)
    copernicus_orbit.orbit(tmp_path / "raw", np.full((6, 8), 3e-5), *corners, begin="20230623T110302", number=29494)
    _, stack = project(
        "s5p", tmp_path / "raw", tmp_path / "stack.nc", "s5p_columns", layers=[], map={}, qa=None, every=None
    )
    with stack.reading() as get:
        assert np.isnan(get("NO2", 0)).all() and np.nanmean(get("NO2", 1)) == pytest.approx(3e-5)
