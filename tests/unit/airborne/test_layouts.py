"""netCDF and HDF5 as other instruments lay them out: groups, times in parts, places elsewhere; by collections alone."""

import datetime

import h5py
import netCDF4
import numpy as np
import pytest
import yaml

from darkroom.airborne import cf, collection, granules, product, reading
from darkroom.airborne.collection import Match

START = datetime.datetime(2020, 2, 1, 11, 33, 16, tzinfo=datetime.UTC)
PLACES = {"latitude": "degrees_north", "longitude": "degrees_east"}


def form(feature, names, **more):
    table = {
        source: {"name": name, "long_name": name, "units": PLACES.get(name, "1")} for source, name in names.items()
    }
    return {"reader": "netcdf", "feature": feature, "variables": table, "names": "", **more}


def read(path, its_form, groups=None, navigation=None):
    its_collection = yaml.safe_load((collection.FOLDER / "hs3navgh.yaml").read_text()) | {"short_name": "mine"}
    return reading.read(Match(path.stem, its_collection, its_form, "data", groups or {}), path, navigation=navigation)


def hiwrap(folder, rows=20, bins=6):
    """Groups, seconds since 1970 without units, a reflectivity with the rows second, one-entry axes (MATLAB's)."""
    path = folder / "HIWRAP_20200201.h5"
    with h5py.File(path, "w") as file:
        file["Time/Data/TimeUTC"] = START.timestamp() + np.arange(rows)[:, None]
        file["Navigation/Data/Latitude"] = np.linspace(33, 34, rows, dtype="f4")[:, None]
        file["Navigation/Data/Longitude"] = np.linspace(-79, -78, rows, dtype="f4")[:, None]
        file["Products/Ka/dBZe"] = np.arange(bins * rows, dtype="f4").reshape(bins, rows)
    return path


def test_groups_and_seconds_of_unix(tmp_path):
    names = {"Navigation/Data/Latitude": "latitude", "Navigation/Data/Longitude": "longitude"}
    time = {"variable": "Time/Data/TimeUTC", "units": "seconds since 1970-01-01"}
    granule = read(hiwrap(tmp_path), form("trajectory", names, time=time))
    assert str(granule.start)[:19] == "2020-02-01T11:33:16"
    reflectivity = granule.variables["products_ka_dbze"]
    assert reflectivity.shape == (20, 6)
    np.testing.assert_array_equal(reflectivity.array()[3], np.arange(6) * 20 + 3)
    cf.write(granule, tmp_path / "made.nc")
    with product.opened(tmp_path / "made.nc") as made:
        assert cf.round_trip(granule, made) == []


def test_no_time_is_told_with_what_would_be_right(tmp_path):
    with pytest.raises(ValueError, match="no time; right is a variable of 'seconds since"):
        read(hiwrap(tmp_path), form("trajectory", {}))


def test_parts_of_time_of_each_spot(tmp_path):
    path = tmp_path / "cosmir.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("scans", 4)
        file.createDimension("pix", 3)
        parts = {"Year": 2020, "Month": 2, "DayOfMonth": 23, "Hour": 17, "Minute": 1, "Second": 0, "MilliSecond": 0}
        for name, value in parts.items():
            item = file.createVariable(name, "i2", ("scans", "pix"))
            item[:] = np.full((4, 3), value) + (np.arange(12).reshape(4, 3) * 2 if name == "Second" else 0)
        for name, first in (("Latitude", 33), ("Longitude", -78)):
            file.createVariable(name, "f4", ("scans", "pix"))[:] = first + np.arange(12).reshape(4, 3) / 100
    granule = read(path, form("swath", {"Latitude": "latitude", "Longitude": "longitude"}))
    assert [str(moment)[11:19] for moment in granule.times] == ["17:01:00", "17:01:06", "17:01:12", "17:01:18"]
    assert str(granule.extent.end)[11:19] == "17:01:22"  # of the last spot


def sounding(folder, time=None, **attributes):
    path = folder / "sonde_20200118_1600.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts(attributes)
        file.createDimension("level", 5)
        file.createVariable("temp", "f8", ("level",))[:] = [5, 4, 3, 2, 1]
        if time is not None:
            item = file.createVariable("elapsed", "f8", ("level",))
            item[:] = time
    return path


def test_a_moment_of_an_attribute_and_a_fixed_place(tmp_path):
    path = sounding(
        tmp_path, np.arange(5.0), release="2020/01/18     16:00:00", site_lat="42.10 degrees north", site_lon="-76.39"
    )
    told = {
        "time": {"variable": "elapsed", "since": "release"},
        "position": {"latitude": "site_lat", "longitude": "site_lon"},
    }
    granule = read(path, form("trajectory", {"temp": "temperature"}, **told))
    assert str(granule.end)[:19] == "2020-01-18T16:00:04"
    assert granule.extent.box == (-76.39, 42.1, -76.39, 42.1)
    assert "fixed_position" in [flag["flag"] for flag in granule.flags]


def test_a_moment_of_the_file_name(tmp_path):
    told = {"time": {"since": "{date}T{time}"}, "position": {"latitude": 42.1, "longitude": -76.4}}
    granule = read(
        sounding(tmp_path), form("trajectory", {"temp": "temperature"}, **told), {"date": "20200118", "time": "1600"}
    )
    assert granule.rows == "obs"  # five rows of one time
    assert str(granule.start)[:16] == "2020-01-18T16:00"


def test_positions_of_the_navigation(tmp_path):
    lines = [f"IWG1,2020-01-18T16:00:0{second},{40 + second},179.{second},1000{',' * 28}\n" for second in (0, 4)]
    (tmp_path / "nav_20200118.txt").write_text("".join(lines))
    table = {
        "Lat": ("latitude", "degrees_north"),
        "Lon": ("longitude", "degrees_east"),
        "GPS_MSL_Alt": ("altitude", "m"),
    }
    table = {key: {"name": name, "long_name": name, "units": unit} for key, (name, unit) in table.items()}
    one = {"short_name": "nav", "project": "P", "platform": {"short_name": "X"}}
    navigation = {
        "names": r"(?P<granule>nav_(?P<date>\d{8}))\.txt",
        "reader": "iwg1",
        "feature": "trajectory",
        "variables": table,
    }
    mine = form(
        "trajectory", {"temp": "temperature"}, time={"variable": "elapsed", "since": "release"}, navigation="nav.0"
    )
    mine["names"] = r"(?P<granule>sonde_(?P<date>\d{8})_\d{4})\.nc"
    collections = {"nav": one | {"formats": [navigation]}, "mine": one | {"short_name": "mine", "formats": [mine]}}
    path = sounding(tmp_path, np.arange(5.0), release="2020-01-18 16:00:00")
    jobs, bad, unknown = granules.find([{"name": path.name}, {"name": "nav_20200118.txt"}], collections, tmp_path)
    assert (bad, unknown) == ([], [])
    (job,) = (job for job in jobs if job.id == path.stem)
    granule = job.read(tmp_path)
    np.testing.assert_allclose(granule.variables["latitude"].values(), [40, 41, 42, 43, 44])
    assert "positions_looked_up" in [flag["flag"] for flag in granule.flags]


def test_what_netcdf_has_no_type_for_is_named(tmp_path):
    path = sounding(tmp_path, np.arange(5.0), release="2020-01-18 16:00:00")
    with netCDF4.Dataset(path, "a") as file:
        pair = file.createCompoundType(np.dtype([("a", "i4"), ("b", "f4")]), "pair")
        file.createVariable("pairs", pair, ("level",))
        flag = file.createEnumType("i1", "kind", {"ice": 1, "water": 2})
        file.createVariable("phase", flag, ("level",))[:] = [1, 2, 1, 2, 1]
        unsigned = file.createVariable("counts", "i1", ("level",), fill_value=-1)
        unsigned.setncattr("_Unsigned", "true")
        unsigned.set_auto_maskandscale(False)
        unsigned[:] = [-56, 0, 1, 2, -1]
    told = {"time": {"variable": "elapsed", "since": "release"}, "position": {"latitude": 1, "longitude": 2}}
    granule = read(path, form("trajectory", {"temp": "temperature"}, **told))
    assert any(flag["flag"] == "left_out" and "pairs (compound)" in flag["note"] for flag in granule.flags)
    assert granule.variables["phase"].attrs["flag_meanings"] == "ice water"
    np.testing.assert_array_equal(granule.variables["counts"].values(), [200, 0, 1, 2, np.nan])
