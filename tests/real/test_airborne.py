"""Real granules: two formats of one drop agree, raw data agree with quality-controlled ones, and archives' own figures."""

import netCDF4
import numpy as np
import pytest

import airborne_files
from darkroom.airborne import cf, collection, granules, product
from darkroom.airborne.reading import read as read_granule

COLLECTIONS = collection.load()
ICT = "IMPACTS_AVAPS_P3B_202202081429_R0.ict"
ASPEN = "IMPACTS_AVAPS_PQC_20220208_142943.nc"
RAW = "D20240818_143151.2"
QC = "D20240818_143151QC.nc"
NEAR = np.timedelta64(5, "ms")
HAMSR = "CPEX_HAMSR_L2_realtime_20170602T1500_20170602T1600.nc"


@pytest.fixture
def granule(samples):
    def read(name, companion=None):
        folder = samples / "airborne"
        match = granules.claimed(name, COLLECTIONS, folder)
        return read_granule(match, folder / name, folder / companion if companion else None)

    return read


@pytest.mark.parametrize("name", [ICT, ASPEN, RAW, QC, HAMSR])
def test_products_pass_the_judges_and_keep_every_value(granule, tmp_path, name):
    path = tmp_path / "made.nc"
    cf.write(granule(name), path)
    with product.opened(path) as made:
        assert cf.round_trip(granule(name), made) == []
    passed, text = airborne_files.compliance(path, "cf:1.8", tmp_path)
    assert passed, text
    cf.write(granule(name), path, conventions="CF-1.11")
    passed, text = airborne_files.compliance(path, "cf:1.11", tmp_path)
    assert passed, text


def test_the_source_itself_does_not_pass(samples, tmp_path):
    """ASPEN's own netCDF, which claims CF-1.6."""
    assert not airborne_files.compliance(samples / "airborne" / ASPEN, "cf:1.6", tmp_path)[0]


def test_icartt_and_aspen_of_one_drop_agree(granule, tmp_path):
    """Both made to netCDF: 1127 rows and 553 pressures in each, equal to the rounding of the ICARTT file."""
    for name in (ICT, ASPEN):
        cf.write(granule(name), tmp_path / f"{name}.nc")
    with netCDF4.Dataset(tmp_path / f"{ICT}.nc") as text, netCDF4.Dataset(tmp_path / f"{ASPEN}.nc") as binary:
        assert len(text["time"]) == len(binary["time"]) == 1127
        since_midnight = binary["time"][:] + 14 * 3600 + 29 * 60 + 42
        # the last row is the splash, whose time ICARTT gives on its grid of 0.25 s
        np.testing.assert_allclose(since_midnight[:-1], text["time"][:-1], atol=0.005)
        assert text["pressure"][:].count() == binary["pressure"][:].count() == 553
        for name in (
            "pressure", "temperature", "relative_humidity", "wind_speed", "wind_direction", "latitude", "longitude",
            "altitude", "dew_point", "eastward_wind", "northward_wind", "upward_air_velocity",
        ):  # fmt: skip
            ours, theirs = text[name][:], binary[name][:]
            np.testing.assert_array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(theirs), err_msg=name)
            assert np.abs(ours - theirs.astype(float)).max() <= 0.00501, name  # float32 of theirs


def test_raw_and_quality_controlled_agree(granule):
    """Position for position, and pressure to what ASPEN's smoothing and its correction of the lag change.

    The QC file counts from 14:31:51, but its zero is the launch that was detected at 14:31:51.22.
    """
    raw, checked = granule(RAW, "A20240818_143151.2.txt"), granule(QC)
    fallen = raw.variables["record_kind"].array() == 1
    times = checked.times + np.timedelta64(220, "ms")
    nearest = np.clip(np.searchsorted(raw.times[fallen], times - NEAR), 0, fallen.sum() - 1)
    pairs = np.abs(raw.times[fallen][nearest] - times) < NEAR
    assert (len(pairs), pairs.sum()) == (3795, 3794)  # all but the splash
    for name, tolerance, compared in (("latitude", 1e-6, 1645), ("longitude", 1e-6, 1645), ("pressure", 0.4, 1715)):
        ours = raw.variables[name].values()[fallen][nearest][pairs]
        theirs = checked.variables[name].values()[pairs]
        both = np.isfinite(ours) & np.isfinite(theirs)
        assert both.sum() == compared, name
        assert np.abs(ours - theirs)[both].max() < tolerance, name


def test_raw_records_are_all_there(granule):
    raw = granule(RAW, "A20240818_143151.2.txt")
    kinds, counts = np.unique(raw.variables["record_kind"].array(), return_counts=True)
    # counted by `grep -c 'AVAPS-D02 P'` and so on
    assert dict(zip(kinds.tolist(), counts.tolist(), strict=True)) == {0: 805, 1: 3857, 2: 1}
    assert raw.globals["LAUNCH DETECT Time"].startswith("2024-08-18 14:31:51.229")
    assert raw.globals["Sonde ID"] == "231221532"
    assert [flag["flag"] for flag in raw.flags] == ["records_moved"]


@pytest.mark.parametrize(
    ("name", "north", "south", "east", "west", "digits"),
    [(ICT, 42.8, 42.78, -65.88, -65.9, 2), (ASPEN, 42.799, 42.781, -65.879, -65.896, 3)],
)
def test_extent_that_the_archive_publishes(granule, name, north, south, east, west, digits):
    """Of the metadata that GHRC's own extractor makes; its end is that of the last position, to the second."""
    times, latitude, longitude = granule(name).positions()
    assert str(times.min())[:19] == "2022-02-08T14:29:42"
    assert str(times[np.isfinite(latitude)].max())[:19] == "2022-02-08T14:34:22"
    sides = [np.nanmax(latitude), np.nanmin(latitude), np.nanmax(longitude), np.nanmin(longitude)]
    assert [round(value, digits) for value in sides] == [north, south, east, west]


def test_hamsr_time_is_that_of_its_name(granule):
    made = granule(HAMSR)
    assert str(made.start)[:13] == "2017-06-02T15"
    assert made.variables["brightness_temperature"].array().dtype == np.int32
