"""What a draft finds in netCDF of other instruments: times without units, codes, places; and what it must refuse."""

import codecs
import re

import h5py
import matplotlib.figure
import netCDF4
import numpy as np
import pytest

import airborne_files
from darkroom.airborne import cf, collection, draft, pictures, places, product, reading, times
from darkroom.airborne.told import told

START = np.datetime64("2020-02-01T11:33:16")
ROWS = 6


def file_of(folder, name, attributes=None, **variables):
    """A netCDF file: name -> (dimensions, values, attributes)."""
    path = folder / name
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts(attributes or {})
        for called, (dims, values, attrs) in variables.items():
            values = np.asarray(values)
            for dim, length in zip(dims, values.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, length)
            file.createVariable(called, values.dtype, dims).setncatts(attrs)
            file[called].set_auto_maskandscale(False)
            file[called][...] = values
    return path


def drafted(path, folder):
    made, notes = draft.draft(path)
    its = folder / "draft.yaml"
    its.write_text(draft.written(made, notes))
    return reading.read(collection.match(path.name, collection.load([its])), path), notes


def track(lat=33.0, lon=-79.0):
    rows = np.arange(ROWS)
    return {
        "lat": (("t",), lat + rows / 100, {"units": "degrees_north"}),
        "lon": (("t",), lon + rows / 100, {"units": "degrees_east"}),
    }


@pytest.mark.parametrize("epoch", ["1970-01-01", "1980-01-06", "1993-01-01", "2000-01-01"])
def test_the_epoch_is_that_of_the_date_in_the_name(tmp_path, epoch):
    seconds = (START - np.datetime64(epoch)).astype(np.int64) + np.arange(ROWS, dtype=np.float64)
    path = file_of(tmp_path, "radar_20200201_113316.nc", scantime=(("t",), seconds, {}), **track())
    granule, notes = drafted(path, tmp_path)
    assert granule.start == START
    assert any("leap seconds" in note for note in notes) == (epoch in ("1980-01-06", "1993-01-01"))


def test_a_time_of_another_day_than_the_name_tells_is_doubted(tmp_path):
    seconds = (START - np.datetime64("1970-01-01")).astype(np.int64) + np.arange(ROWS, dtype=np.float64)
    path = file_of(tmp_path, "radar_20200303.nc", scantime=(("t",), seconds, {}), **track())
    _, notes = drafted(path, tmp_path)
    assert any("not the day that the file name tells" in note for note in notes)


def test_codes_and_units_that_the_file_does_not_tell(tmp_path):
    time = (("t",), np.arange(ROWS, dtype=np.float64), {"units": "seconds since 2020-02-01 11:33:16"})
    celsius = (("t",), np.array([5.0, 4.8, -9999.0, 4.5, 4.4, 4.2]), {})
    relative = (("t",), np.array([50, 51, 52, -32768, 54, 55], np.int16), {"units": "%"})
    path = file_of(tmp_path, "met_20200201.nc", time=time, air_temp=celsius, rel_hum=relative, **track())
    granule, notes = drafted(path, tmp_path)
    temperature = granule.by_standard_name("air_temperature")
    assert temperature.attrs["units"] == "degC"
    assert np.isnan(temperature.values()).tolist() == [False, False, True, False, False, False]
    assert (
        np.isnan(granule.by_standard_name("relative_humidity").values()).tolist() == [False] * 3 + [True] + [False] * 2
    )
    assert any("air_temp (degC)" in note for note in notes)


def test_rows_without_time_and_place_are_padding(tmp_path):
    time = np.array([1.5e9, 1.5e9 + 1, 1.5e9 + 2, -9999, -9999, -9999])
    filled = {name: (dims, np.where(time < 0, -9999, values), attrs) for name, (dims, values, attrs) in track().items()}
    path = file_of(tmp_path, "swath.nc", time=(("t",), time, {}), **filled)
    granule, _ = drafted(path, tmp_path)
    assert granule.times.size == 3
    assert "padding_left_out" in [flag["flag"] for flag in granule.flags]


@pytest.mark.parametrize(
    "attributes",
    [
        {"site_latitude": 41.867, "site_longitude": "-84.079", "site_elevation": 796.0},
        {"Latitude": "41.867 N", "Longitude": "84.079 W", "Altitude": "796 m"},
        {"location": "41.8670 degrees north, 84.0790 degrees west", "start_alt_amsl": "796 meters"},
    ],
)
def test_a_place_of_the_header(tmp_path, attributes):
    time = (("t",), np.arange(ROWS, dtype=np.float64), {"units": "seconds since 2020-02-01"})
    path = file_of(tmp_path, "station.nc", attributes, time=time, tmpc=(("t",), np.ones(ROWS), {"units": "degC"}))
    granule, _ = drafted(path, tmp_path)
    assert granule.extent.box == (-84.079, 41.867, -84.079, 41.867)
    assert "fixed_position" in [flag["flag"] for flag in granule.flags]


def test_one_position_counts_for_all_rows_and_west_is_negative(tmp_path):
    time = (("time",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    latitude = (("latitude",), np.array([42.6857]), {"units": "deg North"})
    longitude = (("longitude",), np.array([73.8319]), {"units": "deg West"})
    path = file_of(tmp_path, "parsivel.nc", time=time, latitude=latitude, longitude=longitude)
    granule, _ = drafted(path, tmp_path)
    assert granule.extent.box == (-73.8319, 42.6857, -73.8319, 42.6857)
    assert granule.variables["latitude"].shape == (ROWS,)


def grid(longitude, **time):
    """Rain of two times on a grid, longitudes before latitudes as IMERG has them, packed, and with bounds."""
    longitude = np.asarray(longitude, "f4")
    latitude = np.array([9, 8, 7, 6], "f4")
    rain = np.arange(2 * longitude.size * 4, dtype=np.int16).reshape(2, longitude.size, 4)
    rain[0, 0, 0] = -9990
    return time | {
        "lon": (("lon",), longitude, {"units": "degrees_east"}),
        "lat": (("lat",), latitude, {"units": "degrees_north"}),
        "lat_bnds": (("lat", "bnds"), np.stack([latitude - 0.5, latitude + 0.5], 1), {}),
        "rain": (("time", "lon", "lat"), rain, {"units": "mm/h", "scale_factor": 0.1}),
    }


TIMES = {"time": (("time",), np.arange(2.0), {"units": "hours since 2020-02-28 00:00:00"})}


@pytest.mark.parametrize(
    ("longitude", "box"),
    [
        ([260, 261, 262], (-100, 6, -98, 9)),
        ([179, 180, 181], (179, 6, -179, 9)),
        (np.arange(0, 360, 10), (-180, 6, 180, 9)),
    ],
)
def test_a_grid_has_its_sides_and_its_box(tmp_path, longitude, box):
    path = file_of(tmp_path, "grid.nc", **grid(longitude, **TIMES))
    granule, _ = drafted(path, tmp_path)
    assert granule.extent.box == box
    cf.write(granule, tmp_path / "made.nc")
    passed, text = airborne_files.compliance(tmp_path / "made.nc", "cf:1.8", tmp_path)
    assert passed, text
    with netCDF4.Dataset(path) as source, netCDF4.Dataset(tmp_path / "made.nc") as made:
        assert made["rain"].dimensions == ("time", "latitude", "longitude")
        right = np.ma.masked_equal(source["rain"][:], -999).transpose(0, 2, 1)
        np.testing.assert_allclose(made["rain"][:].filled(np.nan), right.filled(np.nan), rtol=1e-6)
        np.testing.assert_array_equal(made["longitude"][:], source["lon"][:])


def test_a_grid_of_one_moment_of_its_name(tmp_path):
    fields = {name: field for name, field in grid([1, 2, 3]).items() if name != "rain"}
    fields["rain"] = (("lat", "lon"), np.ones((4, 3), "f4"), {"units": "mm/h"})
    granule, _ = drafted(file_of(tmp_path, "rain_20200228_S150000.nc", **fields), tmp_path)
    assert granule.times.tolist() == [np.datetime64("2020-02-28T15:00:00", "ns").astype(int)]
    assert granule.variables["rain"].dims == ("latitude", "longitude")


def test_a_grid_whose_sides_turn_is_none(tmp_path):
    path = file_of(tmp_path, "grid.nc", **grid([1, 3, 2], **TIMES))
    with pytest.raises(ValueError, match="lon is no side of a grid; right are two values or more that go up or down"):
        drafted(path, tmp_path)


def test_a_grid_is_no_track(tmp_path):
    """A collection that calls it one is told what it is."""
    path = file_of(tmp_path, "grid.nc", **grid([1, 2, 3], **TIMES))
    its, _ = draft.draft(path)
    its["formats"][0]["feature"] = "trajectory"
    (tmp_path / "track.yaml").write_text(draft.written(its, []))
    match = collection.match(path.name, collection.load([tmp_path / "track.yaml"]))
    with pytest.raises(ValueError, match=r"lat is of shape \(4,\), lon of \(3,\); .* the feature is `grid`"):
        reading.read(match, path)


def test_an_anomaly_may_be_what_the_quantity_cannot(tmp_path):
    time = (("t",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    attributes = {"units": "m s-1", "standard_name": "wind_speed"}
    winds = {name: (("t",), np.full(ROWS, -2.0), attributes) for name in ("wind_anomaly", "wind")}
    granule, _ = drafted(file_of(tmp_path, "winds.nc", time=time, **winds, **track()), tmp_path)
    missing = {
        item.source: bool(np.isnan(item.values()).all()) for item in granule.variables.values() if not item.is_text
    }
    assert (missing["wind_anomaly"], missing["wind"]) == (False, True)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1970-01-01 00:00:00 0:00", "1970-01-01T00:00:00"),
        ("1904-01-01 00:00:00.000 02:00", "1903-12-31T22:00:00"),
        ("00:00:00 1 Jan 1970 GMT", "1970-01-01T00:00:00"),
        ("23-Feb-2020T16:48:51.100", "2020-02-23T16:48:51.100"),
        ("Jan 3, 1970", "1970-01-03T00:00:00"),
        ("2012-09-07 12:41", "2012-09-07T12:41:00"),
        ("2012251T1241", "2012-09-07T12:41:00"),
        ("2012-251", "2012-09-07T00:00:00"),
        ("2012.366", "2012-12-31T00:00:00"),
    ],
)
def test_moments_as_files_write_them(text, right):
    assert times.moment(text) == np.datetime64(right)


@pytest.mark.parametrize("text", ["12-Sep-12", "22-02-08", "3 Foo 2012", "2012-09-07 25:00", "2013-366", "2012.000"])
def test_no_moments(text):
    with pytest.raises(ValueError, match="is no date"):
        times.moment(text)


def test_a_label_without_a_number_is_no_place():
    with pytest.raises(ValueError, match="Site is 'a truck'; right is a number"):
        places.told({"Site": "a truck"}, "Site", "latitude", "a.nc")


@pytest.mark.parametrize(
    ("name", "date", "time"),
    [
        ("sonde_20200220_1649_X.nc", "20200220", "1649"),
        ("D20240818_143151.2", "20240818", "143151"),
        ("wrfout_d01_2020011812_30.nc", "20200118", "12"),
        ("amsua15_2020.205_15437_1048_1231_WI.nc", "2020.205", "1048"),
        ("MYD06_L2_A2017196_0445_006_2017196161536.nc", "2017196", "0445"),
        ("OR_GLM-L4-GLMF-M6_G16_s202210100580000_e202210100590000_c20221010059530.nc", "2022101", "005800"),
    ],
)
def test_dates_of_file_names(name, date, time):
    match = re.fullmatch(draft.names_of(name), name)
    assert (match["date"], match["time"]) == (date, time)


def test_a_day_of_the_year_in_the_name_tells_the_epoch(tmp_path):
    seconds = (START - np.datetime64("1993-01-01")).astype(np.int64) + np.arange(ROWS, dtype=np.float64)
    path = file_of(tmp_path, "amsu_2020.032_11.nc", time=(("t",), seconds, {}), **track())
    granule, _ = drafted(path, tmp_path)
    assert granule.start == START


def test_parts_of_time_with_a_beginning_in_common(tmp_path):
    parts = {"year": 2020, "month": 2, "dom": 1, "doy": 32, "hour": 11, "minute": 33, "second": 16}
    scans = {f"Scan_{part}": (("t",), np.full(ROWS, value, np.int16), {}) for part, value in parts.items()}
    granule, _ = drafted(file_of(tmp_path, "mirs.nc", **scans, **track()), tmp_path)
    assert granule.start == START


def test_the_moment_of_the_header_where_rows_have_no_time(tmp_path):
    attributes = {"time_coverage_start": str(START), "date_created": "2021-01-01"}
    granule, notes = drafted(file_of(tmp_path, "field.nc", attributes, **track()), tmp_path)
    assert granule.start == granule.end == START
    assert any("{'since': 'time_coverage_start'}" in note for note in notes)


def test_a_draft_without_any_time_says_what_to_type(tmp_path):
    path = file_of(tmp_path, "field.nc", **track())
    made, notes = draft.draft(path)
    assert made["formats"][0]["time"] == {"since": draft.UNKNOWN}
    assert any(f"put the moment of the file for {draft.UNKNOWN}" in note for note in notes)
    with pytest.raises(ValueError, match="'yyyy-mm-ddThh:mm:ss' is no date"):
        drafted(path, tmp_path)


def test_the_place_of_a_draft_is_none(tmp_path):
    time = (("t",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    with pytest.raises(ValueError, match="`position` is 0 N 0 E, where no instrument is; right are its degrees"):
        drafted(file_of(tmp_path, "station.nc", time=time), tmp_path)


def test_time_that_goes_back_makes_no_trajectory(tmp_path):
    time = (("t",), np.array([0, 1, 2, 1.5, 3, 4]), {"units": "seconds since 2020-02-28 00:00:00"})
    granule, notes = drafted(file_of(tmp_path, "truck.nc", time=time, **track()), tmp_path)
    assert granule.feature == ""
    assert "time_backwards" in [flag["flag"] for flag in granule.flags]
    assert any("time goes backwards" in note for note in notes)


def test_what_is_told_of_a_quantity_is_not_the_quantity(tmp_path):
    """Codes and deviations of a humidity may be beyond what a humidity can be."""
    time = (("t",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    humidity = (("t",), np.full(ROWS, 50.0), {"units": "%", "long_name": "relative humidity"})
    beside = {
        "qc_rh": (
            ("t",),
            np.full(ROWS, 512.0),
            {"units": "1", "long_name": "Quality check results: relative humidity"},
        ),
        "cosine_solar_zenith_angle": (("t",), np.full(ROWS, -0.5), {"units": "1"}),
        "rh_std": (("t",), np.full(ROWS, -1.0), {"units": "%", "long_name": "relative humidity, standard deviation"}),
        "qc_down_long": (("t",), np.full(ROWS, 999.0), {"units": "1"}),
    }
    granule, _ = drafted(file_of(tmp_path, "met.nc", time=time, rh=humidity, **beside, **track()), tmp_path)
    assert granule.by_standard_name("relative_humidity").source == "rh"
    for name, (_, values, _) in beside.items():
        np.testing.assert_array_equal(granule.variables[name].values(), values)
    assert granule.extent.box == (-79.0, 33.0, -78.95, 33.05)


def profiler(folder):
    """A radiometer on the ground: heights above it, depths below, codes told as text; a dimension without a variable."""
    time = (("time",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    codes = {"flag_values": "0b, 1b", "flag_meanings": "good value_is_<_0_W/m^2"}
    return file_of(
        folder,
        "profiler.nc",
        {"latitude": 42.1, "longitude": -76.4},
        time=time,
        height=(("height",), np.arange(1, 4, dtype="f4"), {"units": "km", "standard_name": "height above ground"}),
        profile_k=(("height", "time"), np.full((3, ROWS), 250, "f4"), {"units": "K"}),
        depth=(("depth",), np.arange(1, 3, dtype="f4"), {"units": "cm"}),
        soil=(("time", "depth"), np.full((ROWS, 2), 8, "f4"), {"units": "K"}),
        spectrum=(("time", "pressure"), np.ones((ROWS, 2), "f4"), {}),
        state=(("time",), np.zeros(ROWS, np.int8), codes),
    )


def test_dimensions_and_codes_are_as_cf_has_them(tmp_path):
    granule, notes = drafted(profiler(tmp_path), tmp_path)
    assert any("heights of bins" in note for note in notes)
    cf.write(granule, tmp_path / "made.nc")
    passed, text = airborne_files.compliance(tmp_path / "made.nc", "cf:1.8", tmp_path)
    assert passed, text
    with netCDF4.Dataset(tmp_path / "made.nc") as made:
        assert made["state"].flag_values.tolist() == [0, 1]
        assert made["state"].flag_meanings == "good value_is___0_W_m_2"
        np.testing.assert_array_equal(made["height"][:], [1, 2, 3])


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("time: mean", True),
        ("time: mean (interval: 1 s) area: point", True),
        ("time: trend", False),
        ("levels: mean", False),
        ("mean", False),
    ],
)
def test_cell_methods_that_cf_does_not_know_are_those_of_the_source(tmp_path, told, kept):
    time = (("t",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    state = (("t",), np.zeros(ROWS), {"cell_methods": told})
    granule, _ = drafted(file_of(tmp_path, "state.nc", time=time, state=state, **track()), tmp_path)
    attributes = cf.variable_attributes(granule, "state", "CF-1.8")
    assert attributes["cell_methods" if kept else "source_cell_methods"] == told


def test_codes_that_are_no_numbers_are_left_out_and_said(tmp_path):
    time = (("t",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    state = (("t",), np.zeros(ROWS, np.int8), {"flag_values": "a, b", "flag_meanings": "good bad"})
    granule, _ = drafted(file_of(tmp_path, "state.nc", time=time, state=state, **track()), tmp_path)
    assert not {"flag_values", "flag_meanings"} & set(granule.variables["state"].attrs)
    assert "flag_values of state are a, b, no numbers" in [flag["note"] for flag in granule.flags]


def test_the_rest_of_a_block_of_an_old_file_is_no_data(tmp_path):
    """Old libraries wrote whole blocks; what stands below the last record is what their buffer had before."""
    time = (("t",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    source = file_of(tmp_path, "new.nc", time=time, **track())
    path = tmp_path / "old.nc"
    with netCDF4.Dataset(source) as new, netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as old:
        old.createDimension("t", None)
        for name, item in new.variables.items():
            old.createVariable(name, "f8", ("t",)).setncatts({key: item.getncattr(key) for key in item.ncattrs()})
            old[name][:] = item[:]
    content = path.read_bytes()
    path.write_bytes(content + b"\x42" * (-len(content) % 1024))
    granule, _ = drafted(path, tmp_path)
    np.testing.assert_allclose(granule.variables["latitude"].values(), track()["lat"][1])
    assert "rest_of_block" in [flag["flag"] for flag in granule.flags]
    path.write_bytes(content + b"\x42" * 100)
    with pytest.raises(ValueError, match="what is too much may stand anywhere"):
        drafted(path, tmp_path)


def test_a_place_of_zeros_is_none_and_the_collection_may_tell_it(tmp_path):
    time = (("time",), np.arange(ROWS), {"units": "seconds since 2020-02-28 00:00:00"})
    zeros = {name: ((), np.array(0.0), {"units": "degree"}) for name in ("latitude", "longitude")}
    path = file_of(tmp_path, "ceilometer.nc", {"Site_latitude": 40.9, "Site_longitude": -73.1}, time=time, **zeros)
    granule, _ = drafted(path, tmp_path)
    assert granule.extent.box == (-73.1, 40.9, -73.1, 40.9)
    assert "position_left_out" in [flag["flag"] for flag in granule.flags]
    match = collection.match(path.name, collection.load([tmp_path / "draft.yaml"]))
    del match.form["position"]
    with pytest.raises(ValueError, match="all positions are missing or 0 N 0 E; `position` of the format"):
        reading.read(match, path)


def test_hours_without_a_unit_are_no_seconds(tmp_path):
    hours = (("t",), 9.5 + np.arange(ROWS) / 3600, {})
    granule, _ = drafted(file_of(tmp_path, "lidar_20160920.nc", gps_time=hours, **track()), tmp_path)
    assert [str(granule.start)[:19], str(granule.end)[:19]] == ["2016-09-20T09:30:00", "2016-09-20T09:30:05"]


def test_samples_within_a_second_are_no_curtain(tmp_path):
    """As aircraft have them at 25 Hz; positions are known by their standard names."""
    time = (("Time",), np.arange(ROWS), {"units": "seconds since 2018-01-15 00:00:00 +0000"})
    places_of = {
        name: (("Time",), start + np.arange(ROWS) / 100, {"units": its, "standard_name": quantity})
        for name, quantity, its, start in (
            ("GGLT", "latitude", "degree_N", 10),
            ("GGLN", "longitude", "degree_E", 20),
            ("GGALT", "altitude", "m", 1000),
        )
    }
    gust = (("Time", "sps25"), np.zeros((ROWS, 25)), {"units": "m/s", "standard_name": "upward_air_velocity"})
    granule, _ = drafted(file_of(tmp_path, "rf01h.nc", Time=time, WIC=gust, **places_of), tmp_path)
    assert granule.feature == "trajectory"
    assert granule.extent.box == (20, 10, 20.05, 10.05)


def test_a_grid_is_described_by_its_box_and_drawn_as_a_map(tmp_path):
    granule, _ = drafted(file_of(tmp_path, "grid.nc", **grid([260, 261, 262], **TIMES)), tmp_path)
    tells = told(granule, "2026-01-01T00:00:00Z")
    assert tells["geometry"] == {"BoundingRectangles": [(-100.0, 6.0, -98.0, 9.0)]}
    assert (tells["begin"], tells["end"]) == ("2020-02-28T00:00:00Z", "2020-02-28T01:00:00Z")
    assert tells["day_night"] == "Both"  # the sun sets there then
    path = tmp_path / "made.nc"
    cf.write(granule, path)
    axes = matplotlib.figure.Figure().subplots()
    pictures.draw_panel(path, axes)
    assert not axes.texts
    drawn = axes.collections[0].get_array()
    np.testing.assert_allclose(drawn.filled(np.nan)[:, 1:], [[0.4, 0.8], [0.5, 0.9], [0.6, 1.0], [0.7, 1.1]])
    longitude, latitude = pictures.read_track(path)
    assert (longitude.tolist(), latitude.tolist()) == ([260, 262, 262, 260, 260], [9, 9, 6, 6, 9])


def test_hdf4_is_named(tmp_path):
    path = tmp_path / "lis.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + bytes(100))
    with pytest.raises(ValueError, match="an HDF4 file; right is netCDF or HDF5"):
        draft.draft(path)


def test_hdf5_with_axes_of_one_entry_and_hours_of_the_day(tmp_path):
    """As lidars of NASA Langley have it: the time in a group, text of shape (1, 1), a variable without any value."""
    path = tmp_path / "HSRL2_P3_20170901_R2.h5"
    with h5py.File(path, "w") as file:
        for name, values, unit in (
            ("Nav_Data/gps_time", 12 + np.arange(ROWS) / 360, "Hours UTC"),
            ("Nav_Data/gps_lat", -10 + np.arange(ROWS) / 100, "degrees"),
            ("Nav_Data/gps_lon", 5 + np.arange(ROWS) / 100, "degrees"),
            ("DataProducts/Cloud_Top", np.full(ROWS, -9999.0), "m"),
        ):
            file[name] = values[:, None]
            file[name].attrs["units"] = unit
        file["header/date"] = np.array([[b"2017-09-01"]])
    granule, _ = drafted(path, tmp_path)
    assert str(granule.times[1]) == "2017-09-01T12:00:10.000000000"
    assert np.isnan(granule.variables["dataproducts_cloud_top"].values()).all()
    assert granule.variables["header_date"].array().tolist() == b"2017-09-01"


def test_the_time_of_a_group_and_of_capitals(tmp_path):
    for name in ("Navigation/time", "TIME"):
        path = tmp_path / "radar_20200201.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("t", ROWS)
            file.createVariable(name, "f8", ("t",))[:] = np.arange(ROWS) + 41_596.0
            file[name].units = "seconds since 2020-02-01"
            for called, start in (("lat", 33.0), ("lon", -79.0)):
                file.createVariable(called, "f8", ("t",))[:] = start + np.arange(ROWS) / 100
        assert drafted(path, tmp_path)[0].start == START


def test_times_of_single_precision_are_flagged_and_leap_seconds_asked_for(tmp_path):
    seconds = (START - np.datetime64("1980-01-06")).astype(np.int64) + np.arange(ROWS)
    time = (("t",), seconds.astype(np.float32), {"units": "seconds since 1980-01-06"})
    granule, notes = drafted(file_of(tmp_path, "radar_20200201.nc", time=time, **track()), tmp_path)
    (flag,) = (flag for flag in granule.flags if flag["flag"] == "coarse_times")
    assert "steps of 128 s" in flag["note"]
    assert any("leap seconds" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "attrs", "right"),
    [
        ("WVMR", {"units": "1", "long_name": "Water Vapor volume Mixing Ratio"}, ""),
        ("WIC", {"units": "m/s", "long_name": "GPS-Corrected Wind Vector, Vertical Gust Component"}, "upward_air_velocity"),
        ("IRS_ALT", {"units": "m", "long_name": "WGS84 Datum/Elliptical Height"}, "height_above_reference_ellipsoid"),
        ("alt", {"units": "m", "long_name": "meters above Mean Sea Level"}, "altitude"),
        ("T_FLAG", {"units": "1", "standard_name": "status_flag"}, ""),
    ],
)  # fmt: skip
def test_standard_names_of_aircraft(tmp_path, name, attrs, right):
    path = file_of(tmp_path, "radar_20200201.nc", {}, **{name: (("t",), np.arange(ROWS) / 10, attrs)}, **track())
    table = draft.draft(path)[0]["formats"][0]["variables"]
    assert table.get(name, {}).get("standard_name", "") == right


def test_a_file_with_a_byte_order_mark_is_known(tmp_path):
    path = tmp_path / "nav.txt"
    path.write_bytes(codecs.BOM_UTF8 + airborne_files.iwg1(tmp_path).read_bytes())
    assert draft.reader_of(path) == "iwg1"


def test_attributes_of_hdf_eos(tmp_path):
    path = tmp_path / "OMI_20200201.he5"
    with h5py.File(path, "w") as file:
        seconds = (START - np.datetime64("1993-01-01")).astype(np.int64) + np.arange(ROWS, dtype=np.float64)
        for name, values, attrs in (
            ("Time", seconds, {"Title": "Time at Start of Scan (TAI93)", "Units": "s"}),
            ("Latitude", 33 + np.arange(ROWS) / 100, {"Units": "deg"}),
            ("Longitude", -79 + np.arange(ROWS) / 100, {"Units": "deg"}),
            ("CloudFraction", np.array([-32767, *[300] * (ROWS - 1)], np.int16),
             {"Units": "NoUnits", "ScaleFactor": 0.001, "Offset": 0.1, "MissingValue": np.int16(-32767)}),
        ):  # fmt: skip
            file[f"HDFEOS/{name}"] = values
            file[f"HDFEOS/{name}"].attrs.update({key: np.bytes_(one) if isinstance(one, str) else one for key, one in attrs.items()})  # fmt: skip
    granule, _ = drafted(path, tmp_path)
    assert granule.start == START
    np.testing.assert_allclose(granule.variables["hdfeos_cloudfraction"].values(), [np.nan, *[0.4] * (ROWS - 1)])


def test_every_code_at_the_ends_is_found(tmp_path):
    values = np.array([20.0, 21, 22, -8888, -9999, 99999])
    path = file_of(tmp_path, "radar_20200201_113316.nc", tair=(("t",), values, {"units": "degC"}), **track())
    granule, _ = drafted(path, tmp_path)
    np.testing.assert_array_equal(granule.variables["tair"].values(), [20, 21, 22, *[np.nan] * 3])


def test_hours_of_utc_by_their_name_and_grids_by_theirs(tmp_path):
    hours = (("t",), 23.9 + np.arange(ROWS) / 10, {"units": "hours"})
    granule, _ = drafted(file_of(tmp_path, "DIAL_20200201.nc", UTC_decimal=hours, **track()), tmp_path)
    assert [str(granule.start)[:16], str(granule.end)[:16]] == ["2020-02-01T23:54", "2020-02-02T00:24"]
    assert "swath" not in next(draft.told(granule))


def test_altitudes_of_each_profile_make_a_curtain(tmp_path):
    """As of a lidar that looks down: CF has no trajectory with such, and no dimension called as its altitudes."""
    time = (("t",), np.arange(ROWS) + 41_596.0, {"units": "seconds since 2020-02-01"})
    heights = 10_000 - 15.0 * np.arange(4) + np.arange(ROWS)[:, None]
    ratio = np.arange(ROWS * 4.0).reshape(ROWS, 4) + 1
    path = file_of(tmp_path, "WALES_20200201.nc", time=time, **track(),
                   altitude=(("t", "range"), heights, {"units": "meters"}), ratio=(("t", "range"), ratio, {"units": "1"}))  # fmt: skip
    granule, _ = drafted(path, tmp_path)
    assert (granule.feature, granule.rows, granule.variables["ratio"].dims) == (
        "trajectoryProfile",
        "profile",
        ("profile", granule.bins),
    )
    cf.write(granule, tmp_path / "made.nc")
    with product.opened(tmp_path / "made.nc") as made:
        assert cf.round_trip(granule, made) == []
    passed, text = airborne_files.compliance(tmp_path / "made.nc", "cf:1.8", tmp_path)
    assert passed, text
    assert granule.altitude_range_m == (heights.min(), heights.max())
    axes = matplotlib.figure.Figure().subplots()
    pictures.draw_curtain(granule, axes)
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 1], heights.ravel() / 1000)


def test_levels_of_a_grid_stand_between_time_and_latitude(tmp_path):
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float64).reshape(3, 2, 4, 5)
    path = file_of(
        tmp_path, "MERRA_20200201.nc",
        time=(("time",), np.arange(2.0), {"units": "hours since 2020-02-01"}),
        lev=(("lev",), np.array([1000.0, 850, 500]), {"units": "hPa"}),
        lat=(("lat",), np.arange(4.0), {"units": "degrees_north"}),
        lon=(("lon",), np.arange(5.0), {"units": "degrees_east"}),
        U=(("lev", "time", "lat", "lon"), values, {"units": "m/s"}),
    )  # fmt: skip
    wind = drafted(path, tmp_path)[0].variables["eastward_wind"]
    assert wind.dims == ("time", "lev", "latitude", "longitude")
    np.testing.assert_array_equal(wind.array(), values.transpose(1, 0, 2, 3))
