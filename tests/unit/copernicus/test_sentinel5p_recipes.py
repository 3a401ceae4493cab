"""Columns of Sentinel-5P: quality as whole percents, units of the file, areas of overlaps, the date line, refusals."""

import re
import shutil
import subprocess

import netCDF4
import numpy as np
import pytest
import shapely
from rasterio.warp import transform

import copernicus_orbit as made
from copernicus_recipe import project
from darkroom.copernicus import overlap, variants
from darkroom.copernicus.readers import s5p
from darkroom.copernicus.recipes import sentinel5p
from darkroom.copernicus.recipes.registry import method

OPTIONS = {"layers": [], "map": {}, "qa": None, "every": None}


def run(folder, target, **options):
    """Describe and project the orbits in a folder; gives the times and the stack."""
    return project("s5p", folder, target, "s5p_columns", **OPTIONS | options)


def layer(shown, name="NO2", at=0):
    with shown.reading() as get:
        return get(name, at).astype(float)


def chances(shape, seed=1):
    return np.random.default_rng(seed).uniform(1e-5, 9e-5, shape)


def exact(values, longitudes, latitudes, west, north, step, shape):
    """The same by shapely: totals and covers of every cell."""
    pixels = shapely.polygons(np.stack([longitudes, latitudes], -1))
    total, cover = np.zeros(shape), np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            cell = shapely.box(
                west + column * step, north - (row + 1) * step, west + (column + 1) * step, north - row * step
            )
            shares = shapely.area(shapely.intersection(pixels, cell)) / step**2
            total[row, column], cover[row, column] = (shares * values).sum(), shares.sum()
    return total, cover


def test_overlaps_are_those_of_shapely_and_nothing_is_lost():
    longitudes, latitudes = (one.reshape(-1, 4) for one in made.swath(12, 15, 9.03, 44.02, 0.13))
    values = chances(len(longitudes))
    given = (values, longitudes, latitudes, 8.9, 46.0, 0.1, (25, 30))
    sums, cover = np.zeros((2, 25, 30))
    overlap.add(*given[:-1], sums, cover)
    mean = overlap.mean(sums, cover)
    total, covered = exact(*given)
    assert cover == pytest.approx(covered, abs=1e-9)
    assert mean[cover > 1e-9] == pytest.approx((total / covered)[cover > 1e-9], rel=1e-7)
    areas = shapely.area(shapely.polygons(np.stack([longitudes, latitudes], -1)))
    assert np.nansum(mean * cover) * 0.1**2 == pytest.approx((values * areas).sum(), rel=1e-9)


@pytest.mark.skipif(not shutil.which("harpmerge"), reason="HARP is not installed (Debian: apt install harp)")
def test_the_grid_is_that_of_harp(tmp_path):
    longitudes, latitudes = made.swath(40, 50, 9.03, 44.02, 0.07)
    values = chances((40, 50)).astype("float32")
    made.orbit(tmp_path / "raw", values, longitudes, latitudes)
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", map={"resolution": 0.1})
    west, south, _, _ = times.grid.bounds
    source = tmp_path / "flat.nc"
    with netCDF4.Dataset(source, "w", format="NETCDF3_CLASSIC") as dataset:
        dataset.Conventions = "HARP-1.0"
        dataset.createDimension("time", values.size)
        dataset.createDimension("independent_4", 4)
        for name, entry, unit in (
            ("tropospheric_NO2_column_number_density", values, "mol/m^2"),
            ("latitude_bounds", latitudes, "degree_north"),
            ("longitude_bounds", longitudes, "degree_east"),
        ):
            corners = entry.ndim == 3
            variable = dataset.createVariable(name, "f8", ("time", "independent_4") if corners else ("time",))
            variable.units = unit
            variable[:] = entry.astype("float32").reshape(-1, 4) if corners else entry.ravel()
    edges = f"{times.grid.height + 1},{south!r},0.1,{times.grid.width + 1},{west!r},0.1"
    subprocess.run(
        ["harpmerge", "-a", f"bin_spatial({edges})", source, tmp_path / "harp.nc"], check=True, capture_output=True
    )
    with netCDF4.Dataset(tmp_path / "harp.nc") as dataset:
        judged = np.ma.filled(dataset["tropospheric_NO2_column_number_density"][0], np.nan)[::-1]
    values = layer(shown)
    assert np.array_equal(np.isnan(judged), np.isnan(values))
    good = ~np.isnan(judged)
    assert good.sum() > 800 and values[good] == pytest.approx(judged[good], rel=1e-6)


@pytest.mark.parametrize(("qa", "least"), [(None, 75), (50, 50), (0, 0)])
def test_quality_is_compared_as_whole_percents(tmp_path, qa, least):
    longitudes, latitudes = made.swath(1, 101, 5, 44, 0.1, lean=0)
    quality = np.arange(101, dtype="u1")[None]
    made.orbit(tmp_path / "raw", np.full((1, 101), 1e-5), longitudes, latitudes, quality)
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", map={"resolution": 0.1}, qa=qa)
    column = variants.known()["s5p_columns"].columns["NO2"]
    assert sum(some.good.sum() for some in s5p.pixels(times.scenes[0][0], column, least, 1.0)) == 100 - least
    assert np.nanmax(layer(shown)) == pytest.approx(1e-5)
    assert times.notes[0].startswith(f"pixels with a quality (qa_value) above {least} percent")


@pytest.mark.parametrize(
    ("kind", "name", "factor", "unit"),
    [
        ("L2__NO2___", "NO2", 1, "mol m-2"),
        ("L2__NO2___", "NO2_molecules", 6.022141e19, "cm-2"),
        ("L2__SO2___", "SO2", 2241.15, "DU"),
        ("L2__CO____", "CO", 1, "mol m-2"),
        ("L2__CH4___", "CH4", 1, "1e-9"),
    ],
)
def test_units_are_those_of_the_file(tmp_path, kind, name, factor, unit):
    longitudes, latitudes = made.swath(2, 2, 5, 44, 1.0, lean=0)
    made.orbit(tmp_path / "raw", np.full((2, 2), 2e-5), longitudes, latitudes, kind=kind)
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", layers=name, map={"resolution": 1})
    assert layer(shown, name) == pytest.approx(np.full((2, 2), 2e-5 * factor), rel=1e-6)
    assert times.layers[0].unit == unit and ("bias" in times.notes[-1]) == (name == "CH4")


def test_pixels_over_the_date_line_stay_as_narrow_as_they_are(tmp_path):
    longitudes, latitudes = made.swath(4, 10, 177.5, 60, 0.5, lean=0)
    made.orbit(tmp_path / "raw", np.full((4, 10), 3e-5), longitudes, latitudes)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", map={"resolution": 0.5})
    there = (~np.isnan(layer(shown))).any(0)
    assert shown.grid.bounds == (177.5, 60, 182.5, 62) and there.all()
    _, pole = overlap.turned(np.array([[-170.0, -60.0, 60.0, 170.0], [179.0, -179.0, -179.0, 179.0]]))
    assert pole.tolist() == [True, False]


def test_pixels_on_the_date_line_and_around_the_pole_stay_where_they_are(tmp_path):
    """A scanline that ends on 180 degrees, one that begins there, and an orbit over the pole: nothing is smeared."""
    for name, west in (("ends", 170.0), ("begins", 180.0)):
        longitudes, latitudes = made.swath(2, 10, west, 70, 1.0, lean=0)
        made.orbit(tmp_path / name, np.full((2, 10), 3e-5), longitudes, latitudes)
        _, shown = run(tmp_path / name, tmp_path / f"{name}.nc", map={"resolution": 1})
        there = (~np.isnan(layer(shown))).any(0)
        centres = shown.grid.centres()[0][there]
        assert there.sum() == 10 and (centres.min(), centres.max()) == (
            (170.5, 179.5) if west == 170 else (-179.5, -170.5)
        )
    line, pixel = np.indices((41, 41)) * 20e3 - 390e3
    places = transform("EPSG:3995", "EPSG:4326", pixel.ravel(), -line.ravel())
    east, north = (np.reshape(one, line.shape) for one in places)
    longitudes, latitudes = (
        np.stack([one[:-1, :-1], one[:-1, 1:], one[1:, 1:], one[1:, :-1]], -1) for one in (east, north)
    )
    made.orbit(tmp_path / "pole", (90 - latitudes.mean(-1)) * 1e-5, longitudes, latitudes)
    _, shown = run(tmp_path / "pole", tmp_path / "pole.nc", map={"resolution": 0.5})
    values, rows = layer(shown), shown.grid.centres()[1]
    around = (rows < 89.4) & (rows > 87)
    assert not np.isnan(values[around]).any() and np.isnan(values[rows < 84.5]).all()
    assert values[around] == pytest.approx(((90 - rows[around]) * 1e-5)[:, None].repeat(720, 1), abs=3e-6)


def test_tropospheric_ozone_is_a_grid(tmp_path):
    path = tmp_path / "raw/S5P_OFFL_L2__O3_TCL_20230622T110302_20230628T235959_29480_03_020500_20230706T040012.nc"
    path.parent.mkdir()
    latitudes, longitudes = np.arange(-1.75, 2, 0.5), np.arange(-179.5, 180)
    column = chances((8, 360), 4)
    quality = np.full(column.shape, 100, "u1")
    quality[2, 10] = 50
    with netCDF4.Dataset(path, "w") as dataset:
        group = dataset.createGroup("PRODUCT")
        for axis, values in (("time", [0]), ("latitude_ccd", latitudes), ("longitude_ccd", longitudes)):
            group.createDimension(axis, len(values))
            group.createVariable(axis, "f4", (axis,))[:] = values
        axes = ("time", "latitude_ccd", "longitude_ccd")
        variable = group.createVariable("ozone_tropospheric_vertical_column", "f4", axes, fill_value=made.FILL)
        variable.units, variable[0] = "mol m-2", column
        variable = group.createVariable("qa_value", "u1", axes, fill_value=255)
        variable.set_auto_scale(False)
        variable[0] = quality
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", layers="O3_TCL", map={"resolution": 0.5})
    values = layer(shown, "O3_TCL")
    expected = np.where(quality > 50, column, np.nan)[::-1].repeat(2, 1)
    assert values == pytest.approx(expected, rel=1e-6, nan_ok=True) and shown.grid.bounds == (-180, -2, 180, 2)
    assert times.begins == ["2023-06-22T11:03:02Z"] and "grid of the tropics" in times.notes[-1]


def test_orbits_out_of_order_are_times_in_order_and_none_is_mixed(tmp_path):
    for number, (day, value) in enumerate((("20230623", 4e-5), ("20230621", 2e-5))):
        longitudes, latitudes = made.swath(3, 3, 5 + number, 44, 1.0, lean=0)
        made.orbit(
            tmp_path / "raw",
            np.full((3, 3), value),
            longitudes,
            latitudes,
            begin=f"{day}T110302",
            number=29480 + number,
        )
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", map={"resolution": 1})
    assert times.begins == sorted(times.begins) and shown.grid.width == 4
    assert np.nanmean(layer(shown, at=0)) == pytest.approx(2e-5) and np.nanmean(layer(shown, at=1)) == pytest.approx(
        4e-5
    )
    made.orbit(tmp_path / "raw", np.ones((3, 3)), longitudes, latitudes, kind="L2__CO____")
    with pytest.raises(ValueError, match="NO2 is in L2__NO2___, and there are L2__CO____; ask for one type"):
        run(tmp_path / "raw", tmp_path / "stack.nc")


def test_orbits_of_a_month_are_one_time_with_their_mean(tmp_path):
    orbits = (("20230621", 2e-5, 5), ("20230623", 4e-5, 6), ("20230702", 7e-5, 5))
    for number, (day, value, west) in enumerate(orbits):
        places = made.swath(3, 3, west, 44, 1.0, lean=0)
        begin = f"{day}T110302"
        made.orbit(tmp_path / "raw", np.full((3, 3), value), *places, begin=begin, number=29480 + number)
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", map={"resolution": 1}, every="month")
    assert times.begins == ["2023-06-01T00:00:00Z", "2023-07-01T00:00:00Z"]
    assert [len(products.split(", ")) for products in times.products] == [2, 1]
    june, july = layer(shown, at=0), layer(shown, at=1)
    assert june[0] == pytest.approx([2e-5, 3e-5, 3e-5, 4e-5], rel=1e-5)
    assert july[0] == pytest.approx([7e-5, 7e-5, 7e-5, np.nan], rel=1e-5, nan_ok=True)


def test_an_orbit_is_read_once_for_several_blocks_of_a_large_map(tmp_path, monkeypatch):
    longitudes, latitudes = made.swath(2, 6, 5, 44, 1.0, lean=0)
    for day, value in ((22, 2e-5), (23, 4e-5)):
        values = np.full((2, 6), value)
        made.orbit(tmp_path / "raw", values, longitudes, latitudes, begin=f"202306{day}T110302", number=29400 + day)
    taken = []
    pixels = sentinel5p._pixels
    monkeypatch.setattr(sentinel5p, "_pixels", lambda *given: taken.append(given[0]["product"]) or pixels(*given))
    area = [5, 44, 11, 44.1]
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", every="month", map={"resolution": 0.001, "area": area})
    assert shown.grid.width == 6000 and len(list(shown.grid.windows())) == 6
    assert layer(shown) == pytest.approx(np.full((100, 6000), 3e-5), rel=1e-6)
    assert len(taken) == 2 * 2  # for the first four blocks and for the last two


def test_quality_as_a_share_and_corners_that_are_missing(tmp_path):
    """As files that were written anew may have them: qa_value as a float, a packed column, fill in the corners."""
    longitudes, latitudes = made.swath(4, 4, 5, 44, 1.0, lean=0)
    values, share = np.arange(16.0).reshape(4, 4), np.full((4, 4), 0.75, "f4")
    share[:, 2:] = 0.76
    path = made.orbit(tmp_path / "raw", values - 3, longitudes, latitudes)
    with netCDF4.Dataset(path, "a") as dataset:
        product = dataset["PRODUCT"]
        product["nitrogendioxide_tropospheric_column"].setncatts({"scale_factor": 0.5, "add_offset": 1.5})
        product.renameVariable("qa_value", "percents")
        product.createVariable("qa_value", "f4", ("time", "scanline", "ground_pixel"))[0] = share
        product["SUPPORT_DATA/GEOLOCATIONS/latitude_bounds"][0, 1, 3] = made.FILL
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", map={"resolution": 1})
    assert f"{path.name}: 1 pixels of good quality have no corners on the ground, and are left out" in times.notes
    assert times.held == 7 * sentinel5p.HELD
    assert layer(shown)[::-1].tolist() == pytest.approx(
        np.array([[2, 3], [6, np.nan], [10, 11], [14, 15]]) / 2, nan_ok=True
    )


def test_what_cannot_be_made_is_one_line(tmp_path):
    longitudes, latitudes = made.swath(3, 3, 5, 44, 1.0)
    path = made.orbit(tmp_path / "raw", np.full((3, 3), 1e-5), longitudes, latitudes)
    with pytest.raises(ValueError, match=r"the area \[100.000, .*\] does not meet the images, which cover \[5.000"):
        run(tmp_path / "raw", tmp_path / "stack.nc", qa=0, map={"area": [100, 0, 110, 10]})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"{path.name}: the file is cut"):
        run(tmp_path / "raw", tmp_path / "stack.nc")
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createGroup("PRODUCT")
    with pytest.raises(ValueError, match="has no nitrogendioxide_tropospheric_column in its group PRODUCT"):
        run(tmp_path / "raw", tmp_path / "stack.nc")
    path.unlink()
    with pytest.raises(ValueError, match="there is no product of Sentinel-5P"):
        run(tmp_path / "raw", tmp_path / "stack.nc")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layers": ["NO2", "CO"]}, "a product has one"),
        ({"layers": "NO3"}, "'NO3' is unknown; did you mean"),
        ({"map": {"crs": "EPSG:32632"}}, "longitude and latitude"),
        ({"map": {"area": [1, 2, 3]}}, "map area: .* has 3 numbers"),
    ],
)
def test_options_are_looked_at_before_anything_runs(options, says):
    problems = "; ".join(method("s5p").problems(variants.known()["s5p_columns"], OPTIONS | options))
    assert re.search(says, problems)
