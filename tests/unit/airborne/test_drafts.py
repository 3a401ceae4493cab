"""What a draft finds in netCDF of other instruments: times without units, codes, places; and what it must refuse."""

import netCDF4
import numpy as np
import pytest

from darkroom.airborne import collection, draft, places, reading, times

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


def test_a_grid_is_no_track(tmp_path):
    time = (("time",), np.arange(1), {"units": "seconds since 2020-02-28 00:00:00"})
    grid = {name: ((name,), np.linspace(0, 9, size), {}) for name, size in (("lat", 4), ("lon", 5))}
    path = file_of(tmp_path, "grid.nc", time=time, **grid)
    with pytest.raises(ValueError, match=r"lat is of shape \(4,\), lon of \(5,\); right is a position for each time"):
        drafted(path, tmp_path)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1970-01-01 00:00:00 0:00", "1970-01-01T00:00:00"),
        ("1904-01-01 00:00:00.000 02:00", "1903-12-31T22:00:00"),
        ("00:00:00 1 Jan 1970 GMT", "1970-01-01T00:00:00"),
        ("23-Feb-2020T16:48:51.100", "2020-02-23T16:48:51.100"),
        ("Jan 3, 1970", "1970-01-03T00:00:00"),
        ("2012-09-07 12:41", "2012-09-07T12:41:00"),
    ],
)
def test_moments_as_files_write_them(text, right):
    assert times.moment(text) == np.datetime64(right)


@pytest.mark.parametrize("text", ["12-Sep-12", "22-02-08", "3 Foo 2012", "2012-09-07 25:00"])
def test_no_moments(text):
    with pytest.raises(ValueError, match="is no date"):
        times.moment(text)


def test_a_label_without_a_number_is_no_place():
    with pytest.raises(ValueError, match="Site is 'a truck'; right is a number"):
        places.told({"Site": "a truck"}, "Site", "latitude", "a.nc")
