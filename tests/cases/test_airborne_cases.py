"""Granules that once failed, or went through with wrong values, times and names: what is right of each."""

import json
import os
import shutil
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import airborne_files
from campaign import ROOT
from commands import process as process_command

CASES = Path(os.environ.get("CASES", ROOT / "../shared/cases")) / "airborne"
SAMPLES = Path(os.environ.get("SAMPLES", ROOT / "../shared/samples")) / "airborne"
ICT = "IMPACTS_AVAPS_P3B_202202081429_R0"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no failing cases in {CASES} (set CASES)")


class Made:
    """What the handler makes of a folder of files, or of a payload."""

    def __init__(self, source, output, **settings):
        self.folder = output
        collections = os.pathsep.join([str(CASES / "collections"), str(ROOT / "config/collections")])
        given = {"COLLECTIONS": collections, "THREADS": "1"} | settings
        self.failed = process_command.process(source, output, given)

    def errors(self):
        granules = json.loads((self.folder / "granules.json").read_text())["granules"]
        return {granule["id"]: granule["error"] for granule in granules if granule["error"]}

    def flags(self, name):
        return {flag["flag"] for flag in json.loads((self.folder / f"quality/{name}.json").read_text())["flags"]}

    def open(self, name):
        return netCDF4.Dataset(self.folder / f"netcdf/{name}.nc")

    def umm_g(self, name):
        return json.loads((self.folder / f"metadata/{name}.umm_g.json").read_text())

    def archive(self):
        return {path.relative_to(self.folder / "archive").as_posix() for path in self.folder.glob("archive/**/*.*")}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """All cases in one folder: none takes another down."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "in").mkdir()
    for number in ("01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "12", "13", "14"):
        (case,) = CASES.glob(f"{number}_*")
        for path in case.iterdir():
            shutil.copy(path, folder / "in")
    for path in CASES.parent.glob("faults/iwg1_inf/*"):
        shutil.copy(path, folder / "in")
    return Made(folder / "in", folder / "out")


def test_a_bad_granule_is_named_and_takes_none_down(made):
    assert set(made.errors()) == {"icx_date_iso", "icx_date2", "ncx_cal"}
    assert made.failed == 3
    assert "line 7" in made.errors()["icx_date_iso"]
    assert "as in 2022, 02, 08" in made.errors()["icx_date2"]
    assert "calendar 'noleap'" in made.errors()["ncx_cal"]
    check = json.loads((made.folder / "airborne_check.json").read_text())
    assert not check["checks"]["airborne_check"]["passed"]
    assert check["notes"][0].startswith("3 of ")


def test_strict_cf(made, tmp_path):
    for path in sorted(made.folder.glob("netcdf/*.nc")):
        passed, text = airborne_files.compliance(path, "cf:1.8", tmp_path)
        assert passed, f"{path.name}: {text}"


def test_every_value_is_that_of_the_source(made):
    for path in made.folder.glob("quality/*.json"):
        assert json.loads(path.read_text())["round_trip"]["differences"] == [], path.name


def test_the_version_of_icartt_is_kept(made):
    with made.open("icx_v2") as file:
        assert "V02_2016" in file.source_header


def test_codes_of_detection_limits_are_missing_and_their_status_says_which(made):
    with made.open("icx_lod") as file:
        assert np.flatnonzero(np.ma.getmaskarray(file["wind_speed"][:])).tolist() == [3, 4]
        words = dict(
            zip(file["wind_speed_status"].flag_values, file["wind_speed_status"].flag_meanings.split(), strict=True)
        )
        status = [words[value] for value in file["wind_speed_status"][3:5]]
        assert status == ["below_detection_limit", "above_detection_limit"]
    for name in ("icx_lod", "icx_lodalt"):
        (domain,) = made.umm_g(name)["SpatialExtent"]["VerticalSpatialDomains"]
        assert float(domain["MinimumValue"]) == 3000
        with made.open(name) as file:
            assert file.geospatial_vertical_min == 3000


def test_a_name_that_the_product_takes_itself(made):
    with made.open("icx_trajname") as file:
        assert file["trajectory"].cf_role == "trajectory_id"
        assert file["trajectory_2"][:].tolist() == [1] * 20


@pytest.mark.parametrize(
    ("name", "end"), [("ncx_units05", "2020-01-01T00:00:00.009Z"), ("ncx_units09", "2020-01-01T05:00:09Z")]
)
def test_units_of_time(made, name, end):
    assert made.umm_g(name)["TemporalExtent"]["RangeDateTime"]["EndingDateTime"] == end
    with made.open(name) as file:
        last = netCDF4.num2date(file["time"][-1], file["time"].units)
        assert last.isoformat(timespec="milliseconds").startswith(end.removesuffix("Z")[:23])


def test_equal_times_have_another_dimension(made):
    with made.open("D20120907_124114_1.QC") as file:
        assert file["time"].dimensions == ("obs",)
        assert "time" not in file.dimensions


def test_nothing_is_dropped(made):
    with made.open("ncx_strings") as file:
        assert set(file["station"][:].tolist()) == {"abc"}
        assert set(file["note"][:].tolist()) == {"x"}
    with made.open("ncx_fillmiss") as file:
        assert np.ma.getmaskarray(file["both"][:4]).tolist() == [False, True, True, False]
    with made.open("ncx_attrs") as file:
        assert file["so2"].standard_name == "mole_fraction_of_sulfur_dioxide_in_air"
        assert (file["so2"].units, file["so2"].cell_methods) == ("1e-9", "time: mean")
        assert file["so2"].ancillary_variables == "qc_flag"
        assert file["so2"].valid_range.tolist() == [0, 10]
        assert file["qc_flag"].flag_meanings == "good bad"


def test_a_position_without_a_fix_stretches_nothing(made):
    with made.open("icx_latmiss0") as file:
        assert (file.geospatial_lat_min, file.geospatial_lon_max) == (40.0, -74.981)
    assert "zero_position" in made.flags("icx_latmiss0")
    geometry = json.dumps(made.umm_g("icx_latmiss0")["SpatialExtent"])
    assert '"Latitude": 0.0' not in geometry


def test_feet_become_metres(made):
    with made.open("icx_units2") as file:
        assert file["altitude"].units == "m"
        assert file["altitude"][0] == pytest.approx(3000 * 0.3048)
    assert "units_converted" in made.flags("icx_units2")


def test_names_that_cf_allows(made):
    with made.open("icx_names") as file:
        assert file["v_1_butene"].original_name == "1-Butene"


def test_formats_that_were_refused(made):
    for name, rows in (("icx_ffi2110", 20), ("eox_composite", 3), ("GH_Nav_EPOCH_N872NA_IWG1_2017:08:18", 39)):
        with made.open(name) as file:
            assert file["time"].shape == (rows,)
    with made.open("eox_composite") as file:
        assert netCDF4.num2date(file["time"][0], file["time"].units).isoformat() == "2010-02-28T23:03:54"
        assert np.ma.getmaskarray(file["temperature"][:]).tolist() == [False, False, True]


def test_an_infinite_course_is_missing_and_flagged(made):
    with made.open("HS3_NAV_IWG1_20240818") as file:
        assert np.ma.getmaskarray(file["platform_course"][:])[0]
    assert "infinite" in made.flags("HS3_NAV_IWG1_20240818")


# Others of the same kinds: how a case is changed, and what is right then


def track(path, units, values, calendar=None, **attributes):
    """A netCDF track of the collection ncx whose time is as given."""
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", len(values))
        time = file.createVariable("time", values.dtype, ("time",))
        time.setncatts({"units": units} | ({"calendar": calendar} if calendar else {}) | attributes)
        time[:] = values
        for name, unit, first in (("lat", "degrees_north", 40), ("lon", "degrees_east", -75), ("alt", "m", 3000)):
            file.createVariable(name, "f8", ("time",)).units = unit
            file[name][:] = first + np.arange(len(values)) / 100


TEN = np.arange(10.0)
CODES = {
    "longer": [("-7777", "-77777.0"), ("-8888", "-88888")],
    "decimals": [("-7777", "-777.77"), ("-8888", "-888.88")],
    "without_labels": [("LLOD_FLAG: -8888", "LLOD_FLAG: N/A"), ("ULOD_FLAG: -7777", "ULOD_FLAG: N/A")],
    "own_code": [("-8888", "-6666")],
    "other_sign": [("LLOD_FLAG: ", "LLOD_FLAG = ")],
    "windows": [("\n", "\r\n")],
}
TIMES = {
    "microseconds since 2020-01-01": TEN * 1e6,
    "hours since 2020-01-01T00:00:00Z": TEN / 3600,
    "days since 1899-12-30": 43_831 + TEN / 86_400,
    "seconds since 2020-01-01 05:30:00 +05:30": TEN,
    "seconds since 2020-1-1 0:0:0": TEN,
    "minutes since 1 Jan 2020 00:00:00 UTC": TEN / 60,
    "nanoseconds since 2020-01-01": (TEN * 1e9).astype("i8"),
}
NO_TIMES = {
    "months since 2020-01-01": "time units are 'months since 2020-01-01'",
    "seconds since 20-01-01": "'20-01-01' is no date",
    "seconds since 2020-02-30": "'2020-02-30' is no date",
    "days since 0001-01-01": "'0001-01-01' is no date",
    "seconds since 1858-11-17": "times are from 1858-11-17 to 1858-11-17; no flight",
    "seconds since 2020-01-01 00:00:00 EST": "is no date",
}
DATES = ("22, 02, 08", "2022, 13, 08", "1822, 02, 08", "2022-02-08", "2022, 02")


@pytest.fixture(scope="module")
def siblings(tmp_path_factory):
    """All of them in one folder."""
    folder = tmp_path_factory.mktemp("siblings")
    source = folder / "in"
    source.mkdir()
    codes, base = (
        (CASES / name).read_text() for name in ("02_lod_codes/icx_lod.ict", "03_one_bad_granule_kills_all/icx_base.ict")
    )
    for name, changes in CODES.items():
        text = codes
        for old, new in changes:
            text = text.replace(old, new)
        (source / f"icx_{name}.ict").write_bytes(text.encode())
    lines = base.splitlines()
    for number, date in enumerate(DATES):
        (source / f"icx_date{number}.ict").write_text("\n".join([*lines[:6], f"{date}, 2022, 03, 01", *lines[7:], ""]))
    for number, (units, values) in enumerate(TIMES.items()):
        track(source / f"ncx_right{number}.nc", units, values)
    for number, units in enumerate(NO_TIMES):
        track(source / f"ncx_wrong{number}.nc", units, TEN)
    for calendar in ("360_day", "julian", "365_day", "none", "Gregorian", "proleptic_gregorian"):
        track(source / f"ncx_of_{calendar}.nc", "seconds since 2020-01-01", TEN, calendar)
    return Made(source, folder / "out")


@pytest.mark.parametrize("name", CODES)
def test_codes_of_detection_limits_of_any_form(siblings, name):
    with siblings.open(f"icx_{name}") as file:
        assert np.flatnonzero(np.ma.getmaskarray(file["wind_speed"][:])).tolist() == [3, 4]
        assert set(file["wind_speed_status"].flag_meanings.split()) >= {
            "below_detection_limit",
            "above_detection_limit",
        }
        assert file.geospatial_vertical_min == 3000


@pytest.mark.parametrize("number", range(len(TIMES)), ids=list(TIMES))
def test_times_of_any_units(siblings, number):
    assert siblings.umm_g(f"ncx_right{number}")["TemporalExtent"]["RangeDateTime"] == {
        "BeginningDateTime": "2020-01-01T00:00:00Z",
        "EndingDateTime": "2020-01-01T00:00:09Z",
    }


@pytest.mark.parametrize("number", range(len(NO_TIMES)), ids=list(NO_TIMES))
def test_times_that_are_none(siblings, number):
    assert list(NO_TIMES.values())[number] in siblings.errors()[f"ncx_wrong{number}"]


def test_calendars(siblings):
    refused = {name.removeprefix("ncx_of_") for name in siblings.errors() if name.startswith("ncx_of_")}
    assert refused == {"360_day", "julian", "365_day", "none"}


@pytest.mark.parametrize("number", range(len(DATES)), ids=DATES)
def test_dates_that_are_none(siblings, number):
    assert "line 7" in siblings.errors()[f"icx_date{number}"]


@pytest.fixture
def payload(tmp_path):
    """`payload(name)`: what is made of a payload beside the real sounding that it names."""
    if not SAMPLES.is_dir():
        pytest.skip(f"no real samples in {SAMPLES} (set SAMPLES)")
    shutil.copy(SAMPLES / f"{ICT}.ict", tmp_path)

    def followed(name):
        (case,) = CASES.glob(f"11_*/{name}.json")
        return Made(Path(shutil.copy(case, tmp_path)), tmp_path.parent / f"{tmp_path.name}_out")

    return followed


def test_a_wrong_size_is_refused(payload):
    with pytest.raises(ValueError, match="112001 bytes, but the payload says 5"):
        payload("p_badsum")


@pytest.mark.parametrize(
    ("name", "folder"),
    [("p_new", "avapsimpacts/20220208"), ("p_old", "avapsimpacts/20220208"), ("p_urlpath", "avapsimpacts___1/IMP")],
)
def test_a_payload_is_followed(payload, name, folder):
    made = payload(name)
    assert made.failed == 0
    assert made.archive() == {
        f"protected/{folder}/{ICT}.ict", f"protected/{folder}/{ICT}.nc",
        f"public/{folder}/{ICT}.cmr.json", f"public/{folder}/{ICT}.cmr.xml",
    }  # fmt: skip
    (granule,) = json.loads((made.folder / "payload.json").read_text())["granules"]
    assert {file["bucket"] for file in granule["files"]} == {"p-bucket", "pub"}
    assert all(file["key"] == f"{folder}/{file['fileName']}" for file in granule["files"])


def test_a_flight_is_not_of_years(tmp_path):
    (case,) = CASES.glob("15_*")
    made = Made(case, tmp_path, FEATURE="flight")
    assert {path.name for path in made.folder.glob("netcdf/*")} == {"hs3avaps_20120907.nc", "hs3avaps_20150907.nc"}


def test_an_empty_companion_is_flagged(tmp_path):
    if not SAMPLES.is_dir():
        pytest.skip(f"no real samples in {SAMPLES} (set SAMPLES)")
    (tmp_path / "in").mkdir()
    (case,) = CASES.glob("16_*/*")
    shutil.copy(case, tmp_path / "in")
    shutil.copy(SAMPLES / "D20240818_143151.2", tmp_path / "in" / case.name.replace("A", "D"))
    made = Made(tmp_path / "in", tmp_path / "out")
    assert made.failed == 0
    assert {"companion_unread", "date_of_name"} <= made.flags(case.name.replace("A", "D"))
