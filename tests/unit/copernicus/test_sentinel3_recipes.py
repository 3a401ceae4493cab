"""Fields of Sentinel-3: packing, log10, flags as wide as 64 bits, views, places in 2-D, anomalies, and what is refused."""

import re

import netCDF4
import numpy as np
import pytest
import rasterio
import shapely
from rasterio import warp

import copernicus_safe
from copernicus_detect import copernicus_detect
from copernicus_merge import copernicus_merge
from copernicus_recipe import project
from copernicus_sen3 import lst, olci, product, swath, ties
from darkroom.copernicus import swath as swaths
from darkroom.copernicus import variants
from darkroom.copernicus.readers import sen3
from darkroom.copernicus.recipes.registry import method
from darkroom.samples import copernicus as samples

OPTIONS = {"layers": [], "map": {}, "every": None}


def run(folder, target, recipe, **options):
    """Describe and project the products in a folder; gives the times and the stack."""
    return project("s3", folder, target, recipe, **OPTIONS | options)


def layer(shown, at=0):
    with shown.reading() as get:
        return get(shown.layers[0].name, at)


def test_the_logarithm_of_chlorophyll_is_undone_and_flags_are_those_of_the_file(tmp_path):
    longitudes, latitudes = swath()
    stored = np.full(longitudes.shape, 130, "u1")
    stored[0, 0] = 255
    flags = np.full(longitudes.shape, 1 << 51, "u8")  # WATER, of flags that begin at bit 50
    flags[4, 4] |= np.uint64(1 << 53)  # CLOUD
    flags[5, 5] |= np.uint64(1 << 54)  # TURBID_ATM, which masks nothing
    product(tmp_path / "raw", "OL_2_WFR___", olci(stored, flags, samples.WATER_FLAGS[:14], 50), longitudes, latitudes)
    (scene,) = sen3.scenes(
        copernicus_safe.inventory(tmp_path / "raw"),
        field := variants.known()["s3_olci"].fields["CHL_NN"]
        | {"flags": {"file": ["wqsf.nc"], "variable": ["WQSF"], "set": ["CLOUD", "LAND"]}},
    )
    values = sen3.values(scene, field)
    assert np.isnan(values[0, 0]) and np.isnan(values[4, 4]) and np.isnan(values).sum() == 2
    assert values[5, 5] == pytest.approx(10**0.3)


def test_a_field_is_on_the_map_by_the_overlaps_of_its_pixels(tmp_path):
    longitudes, latitudes = swath(12, 15)
    stored = np.random.default_rng(3).integers(10, 200, longitudes.shape).astype("u1")
    product(tmp_path / "raw", "OL_2_WFR___", olci(stored, np.full(longitudes.shape, 2, "u8")), longitudes, latitudes)
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_olci", map={"resolution": 0.02})
    corners = swaths.corners(*(np.round(one, 6) for one in (longitudes, latitudes)))
    pixels = shapely.polygons(np.stack(corners, -1).reshape(-1, 4, 2))
    values = (10 ** (stored * 0.01 - 1)).ravel()
    west, _, _, north = shown.grid.bounds
    row, column = shown.grid.height // 2, shown.grid.width // 2
    cell = shapely.box(west + column * 0.02, north - (row + 1) * 0.02, west + (column + 1) * 0.02, north - row * 0.02)
    shares = shapely.area(shapely.intersection(pixels, cell))
    assert layer(shown)[row, column] == pytest.approx((shares * values).sum() / shares.sum(), rel=1e-5)
    assert times.layers[0].unit == "mg m-3" and "what is stored as log10 is given in mg m-3" in times.notes


def test_the_gifapar_of_older_products_is_their_ogvi(tmp_path):
    longitudes, latitudes = swath()
    field = variants.known()["s3_olci"].fields["GIFAPAR"]
    for begin, file, name in (("20160622T095000", "ogvi.nc", "OGVI"), ("20240622T095000", "gifapar.nc", "GIFAPAR")):
        stored = np.full(longitudes.shape, 100, "u1")
        flags = {
            "flag_masks": np.array([1, 2, 4, 8, 16], "u4"),
            "flag_meanings": "INVALID CLOUD CLOUD_AMBIGUOUS CLOUD_MARGIN SNOW_ICE",
        }
        files = {
            file: (name, stored, {"scale_factor": 0.004, "_FillValue": 255}),
            "lqsf.nc": ("LQSF", np.zeros(longitudes.shape, "u4"), flags),
        }
        product(tmp_path / "raw", "OL_2_LFR___", files, longitudes, latitudes, begin)
    for scene in sen3.scenes(copernicus_safe.inventory(tmp_path / "raw"), field):
        assert sen3.values(scene, field) == pytest.approx(np.full(longitudes.shape, 0.4))


def test_land_is_in_degrees_celsius_once_and_without_clouds(tmp_path):
    longitudes, latitudes = swath()
    cloud = np.zeros(longitudes.shape, int)
    cloud[:, 5:] = 1
    product(tmp_path / "raw", "SL_2_LST___", lst(np.full(longitudes.shape, 300.0), cloud), longitudes, latitudes)
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")
    values = layer(shown)
    assert times.layers[0].unit == "degree_Celsius" and values[~np.isnan(values)] == pytest.approx(26.85, abs=1e-4)
    assert 40 < (~np.isnan(values)).sum() < 90 and np.isnan(values[:, -4:]).all()


def test_products_of_a_day_are_one_time_with_their_mean(tmp_path):
    """The second product of the day lies beside the first one, and over a part of it."""
    days = (("22T095000", 300.0, 0), ("22T113000", 310.0, 5), ("23T095000", 280.0, 0))
    for begin, kelvin, shift in days:
        longitudes, latitudes = swath(west=7 + 0.01 * shift)
        fields = lst(np.full(longitudes.shape, kelvin), np.zeros(longitudes.shape, int))
        product(tmp_path / "raw", "SL_2_LST___", fields, longitudes, latitudes, f"202006{begin}")
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst", every="day")
    assert times.begins == ["2020-06-22T00:00:00Z", "2020-06-23T00:00:00Z"]
    assert "each day is the mean of its times, 1 to 2 of them" in times.notes
    first, second = ({round(one, 2) for one in layer(shown, at)[~np.isnan(layer(shown, at))].tolist()} for at in (0, 1))
    assert first == {26.85, 31.85, 36.85} and second == {6.85}


def test_a_fire_is_what_is_hotter_than_the_median_before(tmp_path):
    longitudes, latitudes = swath()
    for day, add in ((6, 14.0), (1, 0.0), (2, 1.0), (3, 30.0)):  # one hot day before, which a median bears
        kelvin = np.full(longitudes.shape, 280.0)
        kelvin[4, 4] += add
        cloud = np.zeros(kelvin.shape, int)
        cloud[4, 4], cloud[2, 6:8] = day == 6, day in (1, 2)  # smoke of the fire, and clouds before, which were cold
        kelvin[cloud == 1] -= 40 * (day != 6)
        packed = {"scale_factor": 0.01, "add_offset": 283.73, "_FillValue": -32768, "units": "K"}
        fields = {"S9_BT_in.nc": ("S9_BT_in", np.round(kelvin * 100 - 28373).astype("i2"), packed)}
        fields["flags_in.nc"] = lst(kelvin, cloud)["flags_in.nc"]
        product(tmp_path / "raw", "SL_1_RBT___", fields, longitudes, latitudes, f"2020040{day}T095000")
    times, _ = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_slstr_fires")
    assert times.begins == sorted(times.begins)
    assert "pixels with one of the flags summary_cloud are masked, but on the last date" in times.notes
    copernicus_merge(tmp_path / "stack.nc", tmp_path / "map.tif", tmp_path / "statistics.csv", recipe="s3_slstr_fires")
    copernicus_detect(tmp_path / "map.tif", tmp_path / "classes.tif", tmp_path / "classes.csv", recipe="s3_slstr_fires")
    with rasterio.open(tmp_path / "map.tif") as image:
        heat = image.read(3)
        assert image.descriptions[2] == "S9_anomaly"
    assert 5 < np.nanmax(heat) < 13.1 and np.nanmin(heat) == pytest.approx(0, abs=1e-3)
    hotter = [int(line.split(",")[2]) for line in (tmp_path / "classes.csv").read_text().splitlines()[1:]]
    assert hotter[0] > 60 and 1 <= hotter[1] + hotter[2] <= 4


def test_the_sample_is_a_product(tmp_path):
    samples.sentinel(tmp_path / "raw")
    folder = next((tmp_path / "raw").rglob("OL_2_WFR___"))
    times, shown = run(folder, tmp_path / "stack.nc", "s3_olci", layers="TSM_NN")
    assert len(times.begins) == 1 and 1 < np.nanmean(layer(shown)) < 10


def test_a_swath_over_the_date_line(tmp_path):
    longitudes, latitudes = swath(8, 10, 179.95)
    longitudes = (longitudes + 180) % 360 - 180
    product(
        tmp_path / "raw",
        "SL_2_LST___",
        lst(np.full(longitudes.shape, 300.0), np.zeros(longitudes.shape, int)),
        longitudes,
        latitudes,
    )
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst", map={"resolution": 0.05})
    west, _, east, _ = shown.grid.bounds
    assert 179 < west < 180 < east < 181 and (~np.isnan(layer(shown))).any(0).all()


def test_a_small_scene_over_the_date_line_is_not_taken_for_damaged(tmp_path):
    """Of all longitudes its map would have many more cells than pixels; it is as narrow as the swath."""
    longitudes, latitudes = swath(60, 80, 179.6, -10)
    longitudes = (longitudes + 180) % 360 - 180
    clear = np.zeros(longitudes.shape, int)
    product(tmp_path / "raw", "SL_2_LST___", lst(clear + 300.0, clear), longitudes, latitudes)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")
    assert shown.grid.width < 100
    assert (~np.isnan(layer(shown))).sum() == pytest.approx(clear.size, rel=0.05)


def polar(rows=60, columns=80, side=2500.0, east=-60e3, north=40e3):
    """Middles of pixels around the north pole: longitudes, latitudes, in rows of a stereographic plane."""
    row, column = np.indices((rows, columns)).astype(float)
    plane = east + (column + 0.5) * side, north - (row + 0.5) * side
    return tuple(
        np.reshape(one, (rows, columns)) for one in warp.transform("EPSG:3995", "EPSG:4326", *map(np.ravel, plane))
    )


def test_pixels_around_a_pole_stay_as_small_as_they_are(tmp_path):
    longitudes, latitudes = polar()
    kelvin = 270 + 10 * (90 - latitudes)
    product(tmp_path / "raw", "SL_2_LST___", lst(kelvin, np.zeros(kelvin.shape, int)), longitudes, latitudes)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst", map={"resolution": 0.05})
    values, (_, rows) = layer(shown), shown.grid.centres()
    around = (rows > 89.75) & (rows < 89.92)  # wholly within the swath, and without the pixels that hold the pole
    assert shown.grid.width == 7200 and not np.isnan(values[around]).any()
    assert values[around] == pytest.approx((10 * (90 - rows[around]) - 3.15)[:, None].repeat(7200, 1), abs=0.25)
    assert np.isnan(values[rows < 88.3]).all()


def test_orphans_count_where_they_lie(tmp_path):
    longitudes, latitudes = swath(8, 12)
    cloud = np.zeros(longitudes.shape, int)
    cloud[:, 3:9] = 1
    fields = lst(np.full(longitudes.shape, 280.0), cloud)
    places = {axis: np.full((8, 3), -(2**31), "i4") for axis in ("longitude", "latitude")}
    for row, column in ((2, 1), (5, 0)):  # the second is clouded
        places["longitude"][row, column] = round(longitudes[row, 6] * 1e6)
        places["latitude"][row, column] = round(latitudes[row, 6] * 1e6)
    apart = lst(np.full((8, 3), 300.0), np.arange(8)[:, None].repeat(3, 1) == 5)
    for file, name in (("LST_in.nc", "LST_orphan_in"), ("flags_in.nc", "confidence_orphan_in")):
        fields[file] = [fields[file], (name, *apart[file][1:])]
    told = {"scale_factor": 1e-6, "_FillValue": -(2**31)}
    fields["geodetic_in.nc"] = [(f"{axis}_orphan_in", stored, told) for axis, stored in places.items()]
    product(tmp_path / "raw", "SL_2_LST___", fields, longitudes, latitudes)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")
    values, (columns, rows) = layer(shown), shown.grid.centres()
    for row, expected in ((2, 26.85), (5, np.nan)):
        at = np.abs(rows - latitudes[row, 6]).argmin(), np.abs(columns - longitudes[row, 6]).argmin()
        assert values[at] == pytest.approx(expected, abs=1e-3, nan_ok=True)
    assert 2 <= (np.abs(values - 26.85) < 1e-2).sum() <= 9, "an orphan is as large as the pixel of its row"


def test_angles_of_the_tie_grid_are_directions_at_the_pixels(tmp_path):
    row, column = np.indices((9, 13)).astype(float)
    x, y = (6 - column) * 1000.0, row * 1000.0  # metres across, which fall, and along the track
    direction = np.stack([x / 40e3, (y - 4000) / 40e3, np.ones(x.shape)])  # whose ground is plane: the mean is exact
    zenith = np.degrees(np.arctan2(np.hypot(*direction[:2]), direction[2]))
    azimuth = np.degrees(np.arctan2(direction[1], direction[0])) % 360
    longitudes, latitudes = swath(9, 13, 179.95, 85)
    longitudes = (longitudes + 180) % 360 - 180
    product(tmp_path / "raw", "SL_1_RBT___", ties(longitudes, zenith, azimuth, x, y), longitudes, latitudes)
    field = variants.known()["s3_slstr"].fields["solar_zenith"]
    (scene,) = sen3.scenes(copernicus_safe.inventory(tmp_path / "raw"), field)
    assert sen3.values(scene, field) == pytest.approx(zenith, abs=0.02)  # directions have unit length, planes have not
    assert "cartesian_tx.nc" in "".join(
        method("s3").patterns(variants.known()["s3_slstr"], OPTIONS | {"layers": "solar_zenith"})
    )
    times, shown = run(
        tmp_path / "raw", tmp_path / "stack.nc", "s3_slstr", layers="solar_zenith", map={"resolution": 0.1}
    )
    assert np.nanmin(layer(shown)) >= 0 and np.nanmax(layer(shown)) <= zenith.max() + 1e-3
    assert any("as directions" in note for note in times.notes)


def test_what_cannot_be_made_is_one_line(tmp_path):
    longitudes, latitudes = swath()
    files = lst(np.full(longitudes.shape, 300.0), np.zeros(longitudes.shape, int))
    name = product(tmp_path / "raw", "SL_2_LST___", files, longitudes, latitudes)
    with pytest.raises(ValueError, match="is SL_2_LST___, and the field is in OL_2_WFR___ or OL_2_WRR___"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_olci")
    with pytest.raises(ValueError, match=r"the area .* does not meet the images"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst", map={"area": [100, 0, 101, 1]})
    path = tmp_path / "raw" / name / "LST_in.nc"
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    with pytest.raises(ValueError, match=r"LST_in\.nc: the file is cut: 500 bytes"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")
    path.unlink()
    with pytest.raises(ValueError, match=r"has no LST_in\.nc"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")
    nowhere = np.full(longitudes.shape, -(2**31) * 1e-6)  # fill, as it is stored
    product(tmp_path / "nowhere", "SL_2_LST___", files, nowhere, nowhere)
    with pytest.raises(ValueError, match=r"geodetic_in\.nc tells the place of no pixel"):
        run(tmp_path / "nowhere", tmp_path / "stack.nc", "s3_lst")
    only = tmp_path / "one"
    stored = np.zeros(longitudes.shape, "i2")
    heat = {"S9_BT_in.nc": ("S9_BT_in", stored, {"units": "K"}), "flags_in.nc": files["flags_in.nc"]}
    product(only, "SL_1_RBT___", heat, longitudes, latitudes)
    with pytest.raises(ValueError, match="s3_slstr_fires compares dates, and there is one"):
        run(only, tmp_path / "stack.nc", "s3_slstr_fires")


@pytest.mark.parametrize(
    ("file", "variable", "told", "says"),
    [
        ("LST_in.nc", "LST", {"units": "m"}, "LST is in 'm'; right is degree_Celsius"),
        ("LST_in.nc", "LST", {"units": "kelvins of land"}, "LST is in 'kelvins of land'; right is degree_Celsius"),
        ("flags_in.nc", "confidence_in", {"flag_meanings": "cloud"}, "has 2 flag_masks and 1 flag_meanings"),
        ("flags_in.nc", "confidence_in", {"flag_meanings": "a b"}, "has no flag summary_cloud; its flags are a, b"),
    ],
)
def test_what_a_file_says_and_cannot_be_taken_is_one_line(tmp_path, file, variable, told, says):
    longitudes, latitudes = swath()
    files = lst(np.full(longitudes.shape, 300.0), np.zeros(longitudes.shape, int))
    name = product(tmp_path / "raw", "SL_2_LST___", files, longitudes, latitudes)
    with netCDF4.Dataset(tmp_path / "raw" / name / file, "a") as dataset:
        dataset[variable].setncatts(told)
    with pytest.raises(ValueError, match=rf"{file}: .*{says}"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")


def test_flags_of_another_image_are_refused(tmp_path):
    longitudes, latitudes = swath()
    files = lst(np.full(longitudes.shape, 300.0), np.zeros(longitudes.shape, int))
    name = product(tmp_path / "raw", "SL_2_LST___", {"LST_in.nc": files["LST_in.nc"]}, longitudes, latitudes)
    short = lst(np.full((4, 10), 300.0), np.zeros((4, 10), int))
    other = product(tmp_path / "other", "SL_2_LST___", {"flags_in.nc": short["flags_in.nc"]}, *swath(4, 10))
    (tmp_path / "other" / other / "flags_in.nc").rename(tmp_path / "raw" / name / "flags_in.nc")
    with pytest.raises(ValueError, match=r"has \(8, 10\) pixels, and flags are told of \(4, 10\)"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_lst")


def test_only_the_files_of_a_field_are_fetched():
    every = variants.known()
    assert method("s3").patterns(every["s3_lst"], OPTIONS) == ["*/LST_in.nc", "*/geodetic_in.nc", "*/flags_in.nc"]
    assert "*/ogvi.nc" in method("s3").patterns(every["s3_olci"], OPTIONS | {"layers": "GIFAPAR"})


def test_flags_and_units_of_another_processing(tmp_path):
    """The file that lacks a flag is named; chlorophyll that is no logarithm is taken as it is."""
    longitudes, latitudes = swath()
    stored, clear = np.full(longitudes.shape, 150, "u1"), np.full(longitudes.shape, 2, "u8")
    fields = olci(stored, clear)
    fields["chl_nn.nc"][2]["units"] = "mg.m-3"
    name = product(tmp_path / "raw", "OL_2_WFR___", fields, longitudes, latitudes)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "s3_olci")
    assert np.nanmax(layer(shown)) == pytest.approx(0.5)
    with netCDF4.Dataset(tmp_path / "raw" / name / "wqsf.nc", "a") as dataset:
        dataset["WQSF"].flag_meanings = dataset["WQSF"].flag_meanings.replace("CLOUD_MARGIN", "RIM")
    with pytest.raises(
        ValueError, match=rf"^{re.escape(str(tmp_path))}/raw/{name}/wqsf.nc: has no flag CLOUD_MARGIN; its"
    ):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_olci")
    with netCDF4.Dataset(tmp_path / "raw" / name / "wqsf.nc", "a") as dataset:
        dataset["WQSF"].flag_meanings = dataset["WQSF"].flag_meanings.replace("RIM", "CLOUD_MARGIN")
    with netCDF4.Dataset(tmp_path / "raw" / name / "chl_nn.nc", "a") as dataset:
        dataset["CHL_NN"].scale_factor = "small"
    with pytest.raises(ValueError, match=r"chl_nn\.nc: CHL_NN has the scale_factor 'small', which is no number"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "s3_olci")
