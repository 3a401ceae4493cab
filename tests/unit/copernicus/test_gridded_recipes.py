"""Fields on latitude and longitude: axes of CAMS old and new, flags of Copernicus Land, sea temperatures, areas, frames."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray
from PIL import Image

import copernicus_safe
from campaign import SCRIPTS
from copernicus_plot_frames import copernicus_plot_frames
from copernicus_recipe import project
from darkroom.copernicus import merging, stack, variants
from darkroom.copernicus.recipes.registry import method
from darkroom.inventory import Inventory

OPTIONS = {"layers": [], "map": {}, "step": None, "every": None, "hours": [], "dekads": [], "nearest": None}
DAYS = ("2020-07-08", "2020-07-09", "2020-07-10")


def run(folder, target, recipe, **options):
    """Describe and project the files in a folder; gives the times and the stack."""
    return project("gridded", folder, target, recipe, **OPTIONS | options)


def layer(shown, at=0):
    with shown.reading() as get:
        return get(shown.layers[0].name, at)


def field(path, name, values, latitudes, longitudes, axes=(), dtype="f4", **attributes):
    """Write a variable on a grid. axes -- (name, values, attributes) of those before the map, or a time of no axis."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fill = attributes.pop("_FillValue", None)
    with netCDF4.Dataset(path, "w") as dataset:
        for axis, entries, told in (*axes, ("latitude", latitudes, {}), ("longitude", longitudes, {})):
            entries = np.atleast_1d(np.asarray(entries, float))
            dataset.createDimension(axis, len(entries))
            variable = dataset.createVariable(axis, "f8", (axis,))
            variable.setncatts(told)
            variable[:] = entries
        names = (*(axis for axis, *_ in axes), "latitude", "longitude")
        variable = dataset.createVariable(name, dtype, names, fill_value=fill)
        variable.set_auto_maskandscale(False)
        variable.setncatts(attributes)
        variable[:] = np.asarray(values).reshape([dataset.dimensions[one].size for one in names])
    return path


def seconds(day):
    return (np.datetime64(day) - np.datetime64("1970-01-01")).astype("timedelta64[s]").astype(float)


TESTS = SCRIPTS.parent / "tests"
TIME = {"units": "seconds since 1970-01-01", "calendar": "standard"}


def world(step=30.0):
    """Values of 0 to 360 east, from north to south, as CAMS has them."""
    latitudes, longitudes = np.arange(90 - step / 2, -90, -step), np.arange(0, 360, step)
    return np.add.outer(latitudes, longitudes / 1000) + 200, latitudes, longitudes


def test_old_and_new_axes_of_cams_are_one_answer(tmp_path):
    values, *place = world()
    old = tmp_path / "old/z_cams_c_ecmf_20200708000000_prod_fc_sfc_000_tc_ch4.nc"
    field(old, "tc_ch4", values, *place, [("time", seconds(DAYS[0]), TIME)], units="kg m-2")
    new = tmp_path / "new/cams_tc_ch4_20200708_0123456789ab.nc"
    axes = [("forecast_period", [0, 3], {"units": "hours"}), ("forecast_reference_time", seconds(DAYS[0]), TIME)]
    field(new, "tc_ch4", np.stack([values, values + 5]), *place, axes, units="kg m-2")
    with netCDF4.Dataset(new, "a") as dataset:
        valid = dataset.createVariable("valid_time", "f8", ("forecast_reference_time", "forecast_period"))
        valid.setncatts(TIME)
        valid[:] = [[seconds(DAYS[0]), seconds(DAYS[0]) + 3 * 3600]]
    (one, first), (two, second) = (
        run(tmp_path / name, tmp_path / f"{name}.nc", "cams_columns", layers="tc_ch4") for name in ("old", "new")
    )
    assert one.begins == two.begins == ["2020-07-08T00:00:00Z"] and one.grid == two.grid
    assert np.array_equal(layer(first), layer(second))
    later, third = run(tmp_path / "new", tmp_path / "later.nc", "cams_columns", layers="tc_ch4", step=3)
    assert later.begins == ["2020-07-08T03:00:00Z"] and layer(third) == pytest.approx(layer(first) + 5)
    with pytest.raises(ValueError, match=r"has the forecast hours \[0.0, 3.0\], and not 6"):
        run(tmp_path / "new", tmp_path / "none.nc", "cams_columns", layers="tc_ch4", step=6)


def test_old_files_of_several_forecast_hours_are_told_apart_by_their_names(tmp_path):
    values, *place = world()
    for hour in (0, 3, 12):
        path = tmp_path / f"raw/z_cams_c_ecmf_20200708000000_prod_fc_sfc_{hour:03d}_tcno2.nc"
        field(path, "tcno2", values + hour, *place, [("time", seconds(DAYS[0]) + hour * 3600, TIME)], units="kg m-2")
    for step, begin in ((None, "2020-07-08T00:00:00Z"), (12, "2020-07-08T12:00:00Z")):
        times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns", step=step)
        assert times.begins == [begin]
        assert np.sort(layer(shown), 1) == pytest.approx(np.sort(values + (step or 0), 1))
    with pytest.raises(ValueError, match=r"has the forecast hours \[0.0, 3.0, 12.0\], and not 6"):
        run(tmp_path / "raw", tmp_path / "none.nc", "cams_columns", step=6)


def hourly(folder, new, moments, values):
    """Analyses of CAMS at some moments, a file each, on the axes of old or of new."""
    for moment, entry in zip(moments, values, strict=True):
        axes = [("time", seconds(moment), TIME)]
        if new:
            axes = [("forecast_period", 0, {"units": "hours"}), ("forecast_reference_time", seconds(moment), TIME)]
        stamp = moment.replace("-", "").replace("T", "").replace(":", "")
        path = folder / (f"cams_tcno2_{stamp}.nc" if new else f"z_cams_c_ecmf_{stamp}_prod_an_sfc_000_tcno2.nc")
        field(path, "tcno2", np.full((6, 12), entry), *world()[1:], axes, units="kg m-2")
        if new:
            with netCDF4.Dataset(path, "a") as dataset:
                valid = dataset.createVariable("valid_time", "f8", ("forecast_reference_time", "forecast_period"))
                valid.setncatts(TIME)
                valid[:] = seconds(moment)


MOMENTS = [
    f"2020-0{month}-{day}T{hour}:00:00" for month, day in ((6, 30), (7, "01"), (7, "06")) for hour in ("00", "12")
]


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize(
    ("options", "begins", "values"),
    [
        ({"every": "day"}, ["2020-06-30", "2020-07-01", "2020-07-06"], [1.5, 3.5, 5.5]),
        ({"every": "week"}, ["2020-06-29", "2020-07-06"], [2.5, 5.5]),
        ({"every": "month"}, ["2020-06-01", "2020-07-01"], [1.5, 4.5]),
        ({"every": "month", "hours": [12]}, ["2020-06-01", "2020-07-01"], [2, 5]),
        ({"hours": [0]}, ["2020-06-30", "2020-07-01", "2020-07-06"], [1, 3, 5]),
    ],
)
def test_a_series_is_of_days_weeks_or_months(tmp_path, new, options, begins, values):
    hourly(tmp_path / "raw", new, MOMENTS, np.arange(1.0, 7))
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns", **options)
    assert [begin[:10] for begin in times.begins] == begins
    assert [float(layer(shown, at).mean()) for at in range(len(begins))] == pytest.approx(values)
    if options.get("every") == "week":
        assert "each week is the mean of its times, 2 to 4 of them" in times.notes
        assert shown.products[0].count(", ") == 3
        judges = [xarray.load_dataset(path) for path in sorted((tmp_path / "raw").iterdir())]
        stamps = [(judge.valid_time if new else judge.time).values.item() for judge in judges]
        means = [float(judge.tcno2.mean()) for judge in judges]
        weekly = xarray.DataArray(means, {"time": np.array(stamps, "M8[ns]")}, ["time"])
        assert weekly.resample(time="W-SUN", label="left").mean().values == pytest.approx(values)


def test_the_mean_of_a_day_is_of_what_is_there_and_none_of_nothing(tmp_path):
    hourly(tmp_path / "raw", False, MOMENTS[:2], np.array([np.full((6, 12), 4.0), np.full((6, 12), 8.0)]))
    with netCDF4.Dataset(next((tmp_path / "raw").glob("*063012*")), "a") as dataset:
        dataset["tcno2"][0, 0, :2] = np.nan
    with netCDF4.Dataset(next((tmp_path / "raw").glob("*063000*")), "a") as dataset:
        dataset["tcno2"][0, 0, 0] = np.nan
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns", every="day")
    west = int(np.argmin(np.abs(shown.grid.centres()[0])))
    assert layer(shown)[0, west : west + 3] == pytest.approx([np.nan, 4, 6], nan_ok=True)
    with pytest.raises(ValueError, match=r"there are times of the hours \[0, 12\] UTC, and none of \[6\]"):
        run(tmp_path / "raw", tmp_path / "none.nc", "cams_columns", hours=[6])


LATITUDES, LONGITUDES = 50 - np.arange(4.0), np.arange(5.0)
NDVI = {"scale_factor": 0.004, "add_offset": -0.08, "_FillValue": 255}


@pytest.fixture
def dekads(tmp_path):
    """A folder with NDVI of the dekads of two months, of which each is one value."""
    days = ["2020-06-10", "2020-06-20", "2020-06-30", "2020-07-10", "2020-07-20", "2020-07-31"]
    for number, day in enumerate(days):
        path = tmp_path / f"raw/c_gls_NDVI_{day.replace('-', '')}0000_GLOBE_PROBAV_V3.0.1.nc"
        field(
            path,
            "NDVI",
            np.full((1, 4, 5), 50 + number),
            LATITUDES,
            LONGITUDES,
            [("time", seconds(day), TIME)],
            "u1",
            **NDVI,
        )
    return tmp_path / "raw"


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"dekads": [1]}, [50, 53]),
        ({"dekads": [2, 3]}, [51, 52, 54, 55]),
        ({"nearest": {"date": "2020-07-13", "within": 3}}, [53]),
        ({"nearest": {"date": "2020-06-25", "within": 5}}, [51]),  # two are as near
        ({"nearest": {"date": "2020-06-25", "within": 10}, "dekads": [1]}, None),
        ({"nearest": {"date": "2020-09-01", "within": 31}}, None),
    ],
)
def test_dekads_and_the_time_nearest_to_a_date(dekads, tmp_path, options, stored):
    def made():
        return run(dekads, tmp_path / "stack.nc", "cgls_vegetation", **options)[1]

    if stored is None:
        with pytest.raises(
            ValueError, match=r"raw: the time nearest to .* days from it; `nearest.within` is (10|31) days"
        ):
            made()
    else:
        shown = made()
        values = [float(layer(shown, at).mean()) for at in range(len(shown.begins))]
        assert values == pytest.approx([0.004 * one - 0.08 for one in stored], abs=1e-6)


GRIB = """
import sys
import eccodes
import numpy as np

told = {"Ni": 12, "Nj": 6, "latitudeOfFirstGridPointInDegrees": 75, "latitudeOfLastGridPointInDegrees": -75}
told |= {"longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 330, "dataTime": 0}
told |= {"iDirectionIncrementInDegrees": 30, "jDirectionIncrementInDegrees": 30, "bitsPerValue": 24, "paramId": 210125}
with open(sys.argv[1], "wb") as file:
    for day, hour in ((8, 0), (8, 3), (9, 0), (9, 3)):
        message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
        for key, value in (told | {"dataDate": 20200700 + day, "stepRange": str(hour)}).items():
            eccodes.codes_set(message, key, value)
        eccodes.codes_set_values(message, (np.load(sys.argv[2]) + day + hour).ravel())
        eccodes.codes_write(message, file)
        eccodes.codes_release(message)
"""
PROJECTED = """
import json, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from copernicus_recipe import project
options = {"layers": [], "map": {}, "every": None, "hours": [], "dekads": [], "nearest": None, "step": int(sys.argv[4])}
project("gridded", Path(sys.argv[2]), Path(sys.argv[3]), "cams_columns", **options)
"""


@pytest.mark.skipif(not importlib.util.find_spec("cfgrib"), reason="cfgrib is not installed (pip install cfgrib)")
def test_grib_is_as_netcdf_where_cfgrib_is(tmp_path):
    """In processes of their own: ecCodes' wheel and pyproj's, which judges bring along, bear no common end of one."""

    def projected(target, step=0):
        paths = json.dumps([str(SCRIPTS), str(TESTS)])
        line = [sys.executable, "-c", PROJECTED, paths, tmp_path / "grib", target, str(step)]
        return subprocess.run(line, capture_output=True, text=True, timeout=300)

    values, *place = world()
    (tmp_path / "grib").mkdir()
    path = tmp_path / "grib/cams.grib"
    np.save(tmp_path / "values.npy", values)
    subprocess.run([sys.executable, "-c", GRIB, path, tmp_path / "values.npy"], check=True, timeout=300)
    for day in (8, 9):
        one = tmp_path / f"netcdf/a_{day}.nc"
        field(one, "tcno2", values + day, *place, [("time", seconds(f"2020-07-0{day}"), TIME)], units="kg m**-2")
    times, second = run(tmp_path / "netcdf", tmp_path / "netcdf.nc", "cams_columns")
    ended = projected(tmp_path / "grib.nc")
    assert ended.returncode == 0, ended.stderr
    first = stack.Stack(tmp_path / "grib.nc")
    assert first.begins == times.begins and first.grid == times.grid and first.layers == second.layers
    for at in range(2):
        assert layer(first, at) == pytest.approx(layer(second, at), abs=1e-4)
    projected(tmp_path / "later.nc", 3)
    assert stack.Stack(tmp_path / "later.nc").begins == ["2020-07-08T03:00:00Z", "2020-07-09T03:00:00Z"]
    assert [one.name for one in (tmp_path / "grib").iterdir()] == ["cams.grib"], "nothing is written beside a source"
    whole = path.read_bytes()
    for broken in (b"no GRIB at all", whole[: len(whole) // 2 + 30]):
        path.write_bytes(broken)
        assert "ValueError" in (said := projected(tmp_path / "none.nc").stderr) and "cams.grib: cannot be read" in said


def test_grib_without_cfgrib_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cfgrib", None)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/cams.grib").write_bytes(b"GRIB")
    with pytest.raises(ValueError, match=r"cams\.grib: is GRIB, which needs cfgrib \(pip install cfgrib\)"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns")


def test_longitudes_of_0_to_360_and_rows_of_both_directions_are_one_map(tmp_path):
    values, latitudes, longitudes = world()
    for name, turn in (("down", 1), ("up", -1)):
        field(
            tmp_path / name / "a.nc",
            "tcno2",
            values[::turn],
            latitudes[::turn],
            longitudes,
            [("time", 0, TIME)],
            units="kg m-2",
        )
    shown = [run(tmp_path / name, tmp_path / f"{name}.nc", "cams_columns")[1] for name in ("down", "up")]
    assert np.array_equal(layer(shown[0]), layer(shown[1]))
    west, south, east, north = shown[0].grid.bounds
    assert (west, east) == (-195, 165) and (south, north) == (-90, 90)
    with xarray.open_dataset(tmp_path / "down/a.nc") as judge:
        for column, longitude in enumerate(shown[0].grid.centres()[0]):
            assert layer(shown[0])[:, column] == pytest.approx(judge.tcno2.sel(longitude=longitude % 360).values[0])


def test_a_cut_out_over_the_date_line(tmp_path):
    field(tmp_path / "raw/a.nc", "tcno2", np.ones((2, 4)), [0, 1], [178, 179, 180, 181], [("time", 0, TIME)], units="1")
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns")
    assert shown.grid.width == 4 and times.grid.bounds[0] == 177.5


@pytest.mark.parametrize(
    ("longitudes", "west"),
    [
        ([178, 179, -180, -179], 177.5),
        ([358, 359, 0, 1], -2.5),
        ([181, 182, 183, 184], -179.5),
        ([178, 179, 180, 181], 177.5),
    ],
)
def test_a_cut_out_lies_where_it_is_however_its_longitudes_are_counted(tmp_path, longitudes, west):
    values = np.arange(8.0).reshape(2, 4)
    field(tmp_path / "raw/a.nc", "tcno2", values, [1, 0], longitudes, [("time", 0, TIME)], units="1")
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns")
    assert shown.grid.bounds[0] == west and np.array_equal(layer(shown), values)


@pytest.mark.parametrize(
    ("area", "columns"),
    [([178, 0, -178, 3], [2, 3, 4, 5]), ([-180, 0, -178, 3], [4, 5]), ([176, 0, 178, 3], [0, 1])],
)
def test_an_area_on_either_side_of_the_date_line_is_that_of_a_cut_out_over_it(tmp_path, area, columns):
    values = np.arange(24.0).reshape(3, 8)
    axes = [("time", 0, TIME)]
    field(tmp_path / "raw/a.nc", "analysed_sst", values, [2.5, 1.5, 0.5], np.arange(176.5, 184), axes, units="celsius")
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cmems_sst_mask", map={"area": area})
    assert np.array_equal(layer(shown), values[:, columns])


@pytest.mark.parametrize(
    ("dtype", "stored", "told"),
    [
        ("f4", -9999.9, {"missing_value": np.float64(-9999.9)}),
        ("f4", netCDF4.default_fillvals["f4"], {}),
        ("f8", np.inf, {}),
        ("i2", 900, {"valid_min": np.int16(0), "valid_max": np.int16(210)}),
        ("i2", -1, {"valid_range": np.array([0, 210], "i2")}),
        ("i2", 900, {"valid_range": np.array([0.0, 21.0]), "scale_factor": 0.1}),
        ("i2", 900, {"missing_value": "900"}),
        ("u1", 132, {"flag_values": "132, 133"}),
        ("i1", -5, {"_Unsigned": "true", "_FillValue": np.int8(-1)}),
        ("i1", -1, {"_Unsigned": "true", "_FillValue": np.int8(-1)}),
    ],
)
def test_what_is_no_measurement_however_the_file_says_so(tmp_path, dtype, stored, told):
    values = np.full((2, 3), 100.0)
    values[0, 0] = stored
    told = {"scale_factor": 1.0} | told
    field(tmp_path / "raw/a.nc", "LAI", values, [1, 0], [0, 1, 2], [("time", 0, TIME)], dtype, **told)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cgls_vegetation", layers="LAI")
    assert np.isnan(layer(shown)).tolist() == [[True, False, False], [False] * 3]
    assert np.nanmax(layer(shown)) == pytest.approx(100 * told["scale_factor"])


def test_an_unsigned_byte_is_more_than_127(tmp_path):
    path = tmp_path / "raw/a.nc"
    axes = [("time", 0, TIME)]
    told = {"_Unsigned": "true", "scale_factor": 0.004, "add_offset": -0.08}
    field(path, "NDVI", np.full((2, 2), -56), [1, 0], [0, 1], axes, "i1", **told)
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cgls_vegetation")
    assert layer(shown) == pytest.approx(xarray.load_dataset(path).NDVI.values[0])
    assert layer(shown) == pytest.approx(np.full((2, 2), 0.72))


def test_pieces_of_one_time_are_one_and_their_mean_where_they_overlap(tmp_path):
    for name, west, value in (("a", 0, 1.0), ("b", 2, 3.0)):
        longitudes = np.arange(west, west + 4)
        field(tmp_path / f"raw/{name}.nc", "LAI", np.full((2, 4), value), [1, 0], longitudes, [("time", 0, TIME)])
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cgls_vegetation", layers="LAI")
    assert times.begins == ["1970-01-01T00:00:00Z"] and times.products == ["a.nc, b.nc"]
    assert layer(shown)[0].tolist() == [1, 1, 2, 2, 3, 3]
    assert any(note.startswith("a.nc, b.nc are of one time") for note in times.notes)


@pytest.mark.parametrize(
    ("recipe", "name", "scale", "offset"),
    [
        ("cgls_vegetation", "NDVI", 0.004, -0.08),
        ("cgls_vegetation", "FAPAR", 0.004, 0),
        ("cgls_vegetation", "LAI", 1 / 30, 0),
    ],
)
def test_flags_of_land_are_never_values(tmp_path, recipe, name, scale, offset):
    stored = np.array([[0, 100, 250, 251, 252, 253, 254, 255]], "u1").repeat(2, 0)
    path = tmp_path / f"raw/c_gls_{name}_202006210000_GLOBE_PROBAV_V2.2.1.nc"
    field(
        path,
        name,
        stored,
        [45, 44],
        np.arange(8.0),
        [("time", seconds("2020-06-21"), TIME)],
        "u1",
        _FillValue=255,
        scale_factor=scale,
        add_offset=offset,
        flag_values=np.array([254], "u1"),
    )
    _, shown = run(tmp_path / "raw", tmp_path / "stack.nc", recipe, layers=name)
    assert layer(shown)[0, :3] == pytest.approx(np.array([0, 100, 250]) * scale + offset, abs=1e-6)
    assert np.isnan(layer(shown)[:, 3:]).all()


def test_dry_matter_has_its_scale(tmp_path):
    stored = np.array([[0, 5000, -1, -2], [1, 2, 3, 32767]], "i2")
    path = tmp_path / "raw/c_gls_DMP_202006100000_GLOBE_OLCI_V1.1.1.nc"
    field(
        path, "DMP", stored, [45, 44], np.arange(4.0), [("time", 0, TIME)], "i2", scale_factor=0.01, units="kg/ha/day"
    )
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", "cgls_dmp")
    assert layer(shown) == pytest.approx(np.array([[0, 50, np.nan, np.nan], [0.01, 0.02, 0.03, np.nan]]), nan_ok=True)
    assert times.layers[0].unit == "kg/ha/day"


@pytest.fixture
def sea(tmp_path):
    """Three days of sea, out of order in their names: Kelvin as 16-bit, land is missing."""
    latitudes, longitudes = np.arange(30.5, 46), np.arange(0.5, 36)
    stored = np.add.outer(np.arange(16) * 50, np.arange(36) * 10).astype("i2")
    stored[:4, :4] = -32768
    for number, day in ((0, DAYS[2]), (1, DAYS[0]), (2, DAYS[1])):
        field(
            tmp_path / f"raw/sst_{number}.nc",
            "analysed_sst",
            stored + number * 100 * (stored != -32768),
            latitudes,
            longitudes,
            [("time", seconds(day), TIME)],
            "i2",
            _FillValue=-32768,
            scale_factor=0.01,
            add_offset=273.15,
            units="kelvin",
        )
    return tmp_path


def test_temperatures_are_converted_once_and_weighted_by_area(sea):
    times, shown = run(sea / "raw", sea / "stack.nc", "cmems_sst")
    assert times.begins == [f"{day}T00:00:00Z" for day in DAYS] and times.layers[0].unit == "degree_Celsius"
    with xarray.open_dataset(sea / "raw/sst_1.nc") as judge:
        celsius = judge.analysed_sst[0] - 273.15
        assert layer(shown) == pytest.approx(celsius.values[::-1], abs=1e-4, nan_ok=True)
        mean = float(celsius.weighted(np.cos(np.deg2rad(judge.latitude))).mean())
    rows = list(merging.statistics(shown))
    assert [row["begin"][:10] for row in rows] == list(DAYS)
    assert rows[0]["mean"] == pytest.approx(mean, rel=1e-4) and rows[0]["valid"] == 16 * 36 - 16
    assert rows[0]["mean"] != pytest.approx(float(celsius.mean()), rel=1e-3)


def test_an_area_takes_the_cells_that_its_border_cuts(sea):
    _, shown = run(sea / "raw", sea / "stack.nc", "cmems_sst", map={"area": [10.2, 35.0, 12.0, 37.9]})
    assert shown.grid.bounds == pytest.approx((10, 35, 12, 38))
    whole = run(sea / "raw", sea / "all.nc", "cmems_sst")[1]
    assert np.array_equal(layer(shown), layer(whole)[8:11, 10:12])


def test_only_the_inside_of_an_area_is_shown_and_drawn_day_by_day(sea):
    area = "POLYGON ((5 32, 20 32, 20 44, 5 32))"
    times, shown = run(sea / "raw", sea / "stack.nc", "cmems_sst_mask", map={"area": area})
    there = ~np.isnan(layer(shown))
    assert 60 < there.sum() < 110 and not there[0, 0] and there[-1, -1]
    assert "left out, by the middles of its cells" in times.notes[-1]
    copernicus_plot_frames(sea / "stack.nc", sea / "animation.gif", recipe="cmems_sst_mask")
    with Image.open(sea / "animation.gif") as movie:
        assert movie.n_frames == 3 and movie.info["duration"] == 1000
    before = (sea / "animation.gif").read_bytes()
    copernicus_plot_frames(sea / "stack.nc", sea / "animation.gif", recipe="cmems_sst_mask")
    assert (sea / "animation.gif").read_bytes() == before


@pytest.mark.parametrize(
    ("axes", "told", "says"),
    [
        ([("time", 0, TIME), ("depth", [0, 10], {"units": "m"})], {}, "is of 2 values of depth, and a map is of one"),
        ([("time", 0, TIME | {"calendar": "noleap"})], {}, "time is of the calendar noleap; right is one of standard"),
        ([("time", 0, {"units": "dekads after"})], {}, "time is 0 dekads after, which is no time"),
        ([("time", np.nan, TIME)], {}, "time is nan, which is no time"),
        ([("time", 0, TIME)], {"units": "m"}, "analysed_sst is in 'm'; right is degree_Celsius"),
        ([("time", 0, TIME)], {"units": "deg of K"}, "analysed_sst is in 'deg of K'; right is degree_Celsius"),
        ([("time", 0, TIME)], {}, "analysed_sst is in '1'; right is degree_Celsius"),
        ([("forecast_period", 6, {"units": "hours"}), ("time", 0, TIME)], {}, r"the forecast hours \[6.0\], and not 0"),
    ],
)
def test_what_a_file_says_and_cannot_be_taken_is_one_line(tmp_path, axes, told, says):
    values = np.full(4 * np.prod([np.size(entries) for _, entries, _ in axes]), 280.0)
    field(tmp_path / "raw/a.nc", "analysed_sst", values, [1, 0], [0, 1], axes, **told)
    with pytest.raises(ValueError, match=f"raw.*{says}"):
        run(tmp_path / "raw", tmp_path / "none.nc", "cmems_sst")


def test_what_cannot_be_made_is_one_line(sea):
    with pytest.raises(ValueError, match="there are files with analysed_sst, and without tcno2"):
        run(sea / "raw", sea / "stack.nc", "cams_columns")
    with pytest.raises(
        ValueError, match=r"the area \[100.000, .* does not meet the images, which cover \[0.000, 30.000, 36.000"
    ):
        run(sea / "raw", sea / "stack.nc", "cmems_sst", map={"area": [100, 0, 110, 10]})
    field(sea / "bent/a.nc", "tcno2", np.ones((2, 3)), [0, 1], [0, 1, 4], [("time", 0, TIME)])
    with pytest.raises(ValueError, match=r"a\.nc: longitude is not regular"):
        run(sea / "bent", sea / "stack.nc", "cams_columns")
    field(sea / "timeless/a.nc", "tcno2", np.ones((2, 3)), [0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match=r"a\.nc: does not tell its time"):
        run(sea / "timeless", sea / "stack.nc", "cams_columns")
    path = sea / "raw/sst_0.nc"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"sst_0\.nc: the file is cut: 2000 bytes"):
        run(sea / "raw", sea / "stack.nc", "cmems_sst")
    (sea / "none").mkdir()
    with pytest.raises(ValueError, match=r"there is no netCDF file \(\.nc\) with tcno2"):
        run(sea / "none", sea / "stack.nc", "cams_columns")


@pytest.mark.parametrize(
    ("recipe", "options", "says"),
    [
        ("cams_columns", {"layers": "tcno3"}, "'tcno3' is unknown; did you mean"),
        ("cams_columns", {"layers": ["tcno2", "tcco"]}, "a map has one"),
        ("cmems_sst_mask", {}, "map.area: is missing"),
        ("cmems_sst", {"map": {"crs": "EPSG:32632"}}, "longitude and latitude"),
    ],
)
def test_options_are_looked_at_before_anything_runs(recipe, options, says):
    assert says in "; ".join(method("gridded").problems(variants.known()[recipe], OPTIONS | options))


def test_other_fields_of_one_archive_are_left_out_and_said(tmp_path):
    """As the Atmosphere Data Store packs what was asked for: a file of each kind of level. Beside it, it is an error."""
    values, *place = world()
    for file, name in (("data_sfc.nc", "tcno2"), ("data_plev.nc", "t")):
        field(tmp_path / "raw" / file, name, values, *place, [("time", seconds(DAYS[0]), TIME)], units="kg m-2")
    with pytest.raises(ValueError, match="there are files with t, and without tcno2"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "cams_columns")
    listed = copernicus_safe.inventory(tmp_path / "raw")
    packed = Inventory(listed.root, [dataclasses.replace(file, archive="cams.zip") for file in listed.files])
    times = method("gridded").describe(packed, variants.known()["cams_columns"], OPTIONS)
    assert times.products == ["data_sfc.nc"]
    assert "data_plev.nc has no tcno2, and another file of its archive has" in times.notes


def test_whole_numbers_with_flags_need_their_scale(tmp_path):
    """Of a copy that has lost it, 0 to 250 would be vegetation indices."""
    path = tmp_path / "raw/c_gls_NDVI_202007010000_GLOBE_PROBAV_V3.0.1.nc"
    field(path, "NDVI", np.full((4, 4), 120), [3, 2, 1, 0], [0, 1, 2, 3], dtype="u1", _FillValue=255)
    with pytest.raises(ValueError, match=f"{path.name}: NDVI has no scale_factor"):
        run(tmp_path / "raw", tmp_path / "stack.nc", "cgls_vegetation")
    field(path, "NDVI", np.full((4, 4), 0.4), [3, 2, 1, 0], [0, 1, 2, 3])  # as a copy has it that was scaled
    assert layer(run(tmp_path / "raw", tmp_path / "stack.nc", "cgls_vegetation")[1]) == pytest.approx(
        np.full((4, 4), 0.4)
    )
