"""Readers of airborne formats: what the files print is what the granule has, and bad files are refused in one line."""

import re
import shutil

import h5py
import netCDF4
import numpy as np
import pytest

import airborne_files
from darkroom import entrypoint, whole_files
from darkroom.airborne import collection, granules
from darkroom.airborne.granule import Granule
from darkroom.airborne.readers import icartt, text
from darkroom.airborne.reading import read as read_granule
from darkroom.airborne.screen import STATUS, screen
from darkroom.samples import airborne

COLLECTIONS = collection.load()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("granules")
    for write in airborne.SAMPLES.values():
        write(folder)
    return folder


def read(path, companion=None):
    return read_granule(granules.claimed(path.name, COLLECTIONS, path.parent), path, companion)


def edited(path, folder, old, new, count=1):
    """A copy of a text file with something else in it."""
    copy = folder / path.name
    content = path.read_bytes()
    assert old in content
    copy.write_bytes(content.replace(old, new, count))
    return copy


def column(path, at, ends):
    """A column of an EOL file cut by hand, after its line of dashes."""
    lines = path.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("---"))
    return [float(line[at:ends]) for line in lines[first + 1 :]]


@pytest.fixture
def eol(made):
    return made / "D20120906_224116_1.QC.eol"


@pytest.fixture
def ict(made):
    return made / "IMPACTS_AVAPS_P3B_202202081429_R0.ict"


@pytest.fixture
def cpl(made):
    return made / "HS3_CPL_ATB_12203a_20120906.hdf5"


# What is read


def test_eol_columns_are_what_is_printed(eol):
    granule = read(eol)
    # widths 8 2 2 5 7 7: pressure ends at 8 + 3 + 3 + 6 + 8
    for name, first, last in (("time", 0, 8), ("pressure", 20, 28), ("temperature", 28, 36), ("altitude", 125, 134)):
        np.testing.assert_array_equal(granule.variables[name].array(), column(eol, first, last), err_msg=name)
    assert granule.globals["UTC Launch Time (y,m,d,h,m,s)"] == "2012, 09, 06, 22:41:16"
    assert str(granule.start) == "2012-09-06T22:41:15.000000000"  # the first row is a second before launch
    assert granule.variables["time"].attrs["units"] == "seconds since 2012-09-06 22:41:16"
    assert granule.flags == []


def test_eol_missing_is_missing(eol):
    granule = read(eol)
    wind = granule.variables["wind_speed"]
    assert wind.fill == -999
    assert np.isnan(wind.values()[:5]).all()
    assert np.isfinite(wind.values()[20:]).all()
    _, latitude, _ = granule.positions()
    assert np.nanmin(latitude) > 20


def test_eol_fields_that_touch(eol, tmp_path):
    line = next(line for line in eol.read_bytes().splitlines() if line.startswith(b"    0.50"))
    granule = read(edited(eol, tmp_path, line[:28], line[:20] + b"01066.82"))
    assert [granule.variables[name].array()[2] for name in ("time", "pressure")] == [0.5, 1066.82]


def test_aligned_columns_are_what_float_reads():
    rng = np.random.default_rng(3)
    for width, decimals in [(2, 0), (7, 2), (8, 0), (11, 6), (15, 13)]:
        numbers = rng.uniform(-1, 1, 500) * 10.0 ** rng.integers(-3, width - decimals - (decimals > 0) - 1, 500)
        printed = [f"{number:{width}.{decimals}f}" for number in numbers]
        printed = [f"{0:{width}.{decimals}f}", *(one for one in printed if len(one) == width)]
        values = text.aligned(characters(printed))
        assert np.array_equal(values, np.array([float(one) for one in printed]))
        assert np.array_equal(np.signbit(values), [one.strip().startswith("-") for one in printed])


@pytest.mark.parametrize("odd", ["1 2.00", "  .   ", "-- .00", "- 1.00", "  1.0 ", "  1e00", "11.200", "      "])
def test_fields_that_are_not_aligned_are_left_to_another(odd):
    assert text.aligned(characters(["  1.00", odd, " -2.00"])) is None


def characters(fields):
    return np.array([list(field.encode()) for field in fields], np.uint8).T


def test_eol_over_midnight(made):
    granule = read(made / "D20120906_233205_1.QC.eol")
    assert granule.flags == []
    late = read(made / "D20120907_001847_1.QC.eol")
    assert late.start > granule.end


def test_utc_that_disagrees_is_flagged(eol, tmp_path):
    shifted = edited(eol, tmp_path, b"2012, 09, 06, 22:41:16", b"2012, 09, 06, 22:41:26")
    assert [flag["flag"] for flag in read(shifted).flags] == ["utc_disagrees"]


def test_icartt_columns_are_what_is_printed(ict):
    granule = read(ict)
    lines = ict.read_bytes().decode("latin-1").rstrip().split("\n")
    header = int(lines[0].split(",")[0])
    rows = [list(map(float, line.split(","))) for line in lines[header:]]
    names = lines[header - 1].split(",")
    for variable in granule.variables.values():
        np.testing.assert_array_equal(variable.array(), [row[names.index(variable.source)] for row in rows])
    assert str(granule.start) == "2022-02-08T14:29:42.000000000"
    assert "±0.5 hPa" in granule.globals["UNCERTAINTY"]


def test_icartt_cut_within_its_last_number_is_flagged(ict, tmp_path):
    """-9999 cut to -99 still reads as a number; the missing line end tells, and here the valid range."""
    whole = ict.read_bytes().rstrip()
    copy = tmp_path / ict.name
    copy.write_bytes(whole[:-2])
    assert [flag["flag"] for flag in read(copy).flags] == ["last_line_unfinished", "out_of_valid_range"]
    copy.write_bytes(whole + b"\n")
    assert read(copy).flags == []


def test_icartt_scale_and_missing_of_each_column(ict, tmp_path):
    lines = ict.read_bytes().split(b"\n")
    assert lines[10].startswith(b"1, 1, 1")
    lines[10] = lines[10].replace(b"1, 1, 1", b"1, 0.1, 1", 1)
    lines[11] = lines[11].replace(b"-9999, -9999, -9999", b"-9999, -9999, -8888", 1)
    path = tmp_path / ict.name
    path.write_bytes(b"\n".join(lines))
    granule = read(path)
    pressure, temperature = granule.variables["pressure"], granule.variables["temperature"]
    assert pressure.attrs["scale_factor"] == 0.1
    np.testing.assert_allclose(np.nanmax(pressure.values()), np.nanmax(read(ict).variables["pressure"].values()) / 10)
    assert temperature.fill == -8888
    assert np.nanmin(temperature.values()) > -120  # -9999 no longer means missing, but can be no temperature
    lost = np.count_nonzero(granule.variables["temperature_status"].array() == STATUS["out_of_valid_range"])
    assert lost == np.count_nonzero(read(ict).variables["temperature"].array() == -9999) > 0


def test_cpl_time_does_not_wrap_at_midnight(cpl):
    granule = read(cpl)
    assert (np.diff(granule.times) == np.timedelta64(1, "s")).all()
    assert str(granule.start)[:23] == "2012-09-06T23:56:07.000"
    assert str(granule.end)[:23] == "2012-09-07T00:06:06.000"
    with h5py.File(cpl) as file:
        np.testing.assert_array_equal(granule.variables["time"].array(), file["Dec_JDay"][()])


def test_cpl_days_of_single_precision(cpl, tmp_path):
    path = shutil.copy(cpl, tmp_path)
    with h5py.File(path, "a") as file:
        days = file["Dec_JDay"][()].astype("f4")
        del file["Dec_JDay"]
        file["Dec_JDay"] = days
    np.testing.assert_array_equal(read(tmp_path / cpl.name).times, read(cpl).times)


def test_cpl_curtain_is_that_of_the_file(cpl):
    granule = read(cpl)
    with h5py.File(cpl) as file:
        for name in ("ATB_355", "ATB_532", "ATB_1064"):
            np.testing.assert_array_equal(granule.variables[name].read(100, 200), file[name][100:200])
        assert {variable.source.split(",")[0] for variable in granule.variables.values()} | set(granule.globals) == set(
            file
        )
    assert granule.variables["ATB_532"].dims == ("profile", "altitude")
    assert granule.variables["solar_elevation_angle"].values().max() < -17


@pytest.mark.parametrize(("factor", "units"), [(1, "km"), (1000, "m")])
def test_cpl_altitude_in_m_or_km(cpl, tmp_path, factor, units):
    path = shutil.copy(cpl, tmp_path)
    with h5py.File(path, "a") as file:
        file["Plane_Alt"][...] = file["Plane_Alt"][()] * factor
    granule = read(tmp_path / cpl.name)
    assert granule.variables["platform_altitude"].attrs["units"] == units
    assert granule.variables["altitude"].attrs["units"] == "km"
    assert granule.flags == []


def test_cpl_frame_top_is_checked(cpl, tmp_path):
    path = shutil.copy(cpl, tmp_path)
    with h5py.File(path, "a") as file:
        file["Frame_Top"][...] = 22.0
    (flag,) = read(tmp_path / cpl.name).flags
    assert flag["note"] == "Frame_Top is 22.000 km, but the highest bin is at 20.000 km"


def test_cpl_level_2(tmp_path):
    granule = read(airborne_files.cpl_level_2(tmp_path))
    assert str(granule.start)[:19] == "2020-01-15T12:00:00"
    np.testing.assert_allclose(granule.positions()[1][:2], [40, 40.01], rtol=1e-7)
    backscatter = granule.variables["particulate_backscatter_532"]
    assert backscatter.shape == (20, 50)
    assert backscatter.read(3, 4)[0, 7] == 7 * 20 + 3  # of the source's (bin, profile)


def test_hamsr_stays_packed(tmp_path):
    path = airborne_files.hamsr(tmp_path)
    granule = read(path)
    assert granule.variables["brightness_temperature"].array().dtype == np.int32
    assert granule.variables["brightness_temperature"].values().max() == pytest.approx(271.379)
    with netCDF4.Dataset(path) as file:
        assert str(granule.start)[:22] == str(np.datetime64("2000-01-01") + np.timedelta64(432_454_409_250, "ms"))[:22]
        np.testing.assert_allclose(granule.positions()[1], file["lat"][:])


def test_shis_over_midnight_and_unknown_variables(tmp_path):
    granule = read(airborne_files.shis(tmp_path))
    assert (np.diff(granule.times) == np.timedelta64(500, "ms")).all()
    assert str(granule.start)[:19] == "2011-09-10T23:59:55"
    extra = granule.variables["instrumenttemp"]
    assert extra.attrs == {"long_name": "temperature of it", "original_name": "instrumentTemp", "units": "Kelvin"}


def test_iwg1(tmp_path):
    granule = read(airborne_files.iwg1(tmp_path))
    assert [str(moment)[5:21] for moment in granule.times] == [
        "08-18T23:59:58.3",
        "08-18T23:59:59.3",
        "08-19T00:00:00.3",
    ]
    np.testing.assert_array_equal(granule.positions()[2], [-31.2878, -31.3, np.nan])
    assert granule.variables["pressure"].array()[0] == 171.85
    assert granule.variables["wind_direction"].array()[0] == 94
    assert "ellipsoid_height" not in granule.variables  # all empty


def test_raw_sonde_in_order_of_time(tmp_path):
    path = airborne_files.avaps(tmp_path)
    granule = read(path, tmp_path / "A20240818_143151.2.txt")
    assert granule.variables["record_kind"].array().tolist() == [0, 1, 2, 1, 1]
    assert granule.variables["record_status"].array().tolist() == [10, 0, 0, 11, 0]
    assert [str(moment)[8:22] for moment in granule.times[[1, 2, 4]]] == [
        "18T14:31:51.25",
        "18T14:31:51.30",
        "19T00:00:00.25",
    ]
    np.testing.assert_array_equal(granule.variables["temperature"].values(), [np.nan, -39.92, -57.6, np.nan, -47.61])
    np.testing.assert_array_equal(granule.positions()[1], [np.nan, 2.178818, 2.175435, np.nan, 2.179637])
    assert granule.globals["Aircraft Type/ID"] == "HALO, D ADLR"
    assert (granule.globals["Sonde ID"], granule.globals["Sounding Name"]) == ("231221532", "cs02")
    assert granule.files == [path.name, "A20240818_143151.2.txt"]
    assert [flag["flag"] for flag in granule.flags] == ["records_moved"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"S00 231221532 240819 000000.25  162.60", b"S00 231221532 240819 000000.25   162.6", None),
        (
            b"S00 231221532 240819 000000.25",
            b"X00 231221532 240819 000000.25",
            "line 10: kind of record 'X'; right is P, S or A",
        ),
        (b"240819 000000.25", b"240819 250000.25", "line 10: 250000.25 is no time of day"),
        (b"240819 000000.25", b"240818 000000.25", "time goes backwards at line 10"),
        (b"13883.40", b"13883", "line 10: 149 characters, but the columns end at 152; the line is cut"),
        (b"COM ----", b"COM     ", "no line of dashes|no column 'Date yymmdd'|columns"),
        (b" S11 ", b" S9x ", "line 9: status digits '9x'"),
    ],
)
def test_bad_raw_sonde(tmp_path, old, new, text):
    path = airborne_files.avaps(tmp_path)
    path.write_bytes(path.read_bytes().replace(old, new))
    if text is None:
        assert read(path).variables["pressure"].array()[-1] == 162.6
    else:
        refused(path, text)


def test_raw_sonde_whose_recording_was_cut_off(tmp_path):
    path = airborne_files.avaps(tmp_path)
    path.write_bytes(path.read_bytes().partition(b"AVAPS-T02 COM Sounding Name")[0])
    assert "no_end_record" in [flag["flag"] for flag in read(path).flags]


def test_aspen_is_turned_round(tmp_path):
    granule = read(airborne_files.aspen(tmp_path))
    assert granule.variables["time"].array().tolist() == [0.25 * row for row in range(8)]
    assert granule.variables["pressure"].array()[[0, -1]].tolist() == [982.5, 1000]
    assert granule.variables["latitude"].attrs["units"] == "degrees_north"
    assert granule.variables["reference_pressure"].array() == 640.5
    assert [flag["flag"] for flag in granule.flags] == ["time_reversed"]


# What is refused


def bad_line(number, change):
    def edit(content):
        lines = content.split(b"\n")
        lines[number] = change(lines[number])
        return b"\n".join(lines)

    return edit


EOL_CASES = {
    "empty": (lambda content: b"", "the file is empty"),
    "cut in a line": (lambda content: content[:-40], r"line \d+: \d+ characters, but the columns end at 134"),
    "cut after the header": (lambda content: content[: content.index(b"   -1.00")], "no data below the header"),
    "a column less": (bad_line(100, lambda line: line[:-9]), r"line 101: 125 characters"),
    "no number": (
        bad_line(100, lambda line: line[:23] + b"12..4" + line[28:]),
        r"line 101: '12..4' in the column Press is no number",
    ),
    "a name less": (
        lambda content: content.replace(b"  Dewpt", b"       "),
        r"line 12: 16 names above 17 columns of dashes",
    ),
    "a dash column less": (
        lambda content: content.replace(b"------- -------", b"---------------", 1),
        r"line 12: 17 names above 16 columns",
    ),
    "no dashes": (lambda content: content.replace(b"--------", b"        "), "no line of dashes"),
    "other units": (
        lambda content: content.replace(b"     mb ", b"    hhm "),
        r"line 13: Press: units are 'hhm'; the collection has mb or hPa",
    ),
    "no launch time": (lambda content: content.replace(b"UTC Launch", b"XXX Launch"), "UTC Launch Time is 'missing'"),
    "zero bytes": (lambda content: content[:2000] + bytes(500) + content[2500:], r"line \d+: zero bytes"),
}


@pytest.mark.parametrize("case", EOL_CASES)
def test_bad_eol(eol, tmp_path, case):
    change, text = EOL_CASES[case]
    path = tmp_path / eol.name
    path.write_bytes(change(eol.read_bytes()))
    refused(path, text)


ICT_CASES = {
    "empty": (lambda content: b"\n\n", "the file is empty"),
    "another format": (
        lambda content: content.replace(b"1001", b"3010", 1),
        "line 1: .* begins with its number of header lines and 1001, 2110, 2310",
    ),
    "header lines": (lambda content: b"4" + content[1:], r"line 1 says 4\d header lines, but the "),
    "cut in the header": (lambda content: content[:500], "but the file has"),
    "wrong column count": (bad_line(60, lambda line: line + b",1"), r"line 61: 16 columns, but the header has 15"),
    "a field of blanks": (
        bad_line(60, lambda line: line.rpartition(b",")[0] + b",  "),
        "line 61: '' in the column .* is no number",
    ),
    "an underscore": (bad_line(60, lambda line: line + b"_0"), r"line 61: '.*_0' in the column .* is no number"),
    "names": (
        lambda content: content.replace(b"Time_Start,TimeFLStart,", b"Time_Start,Time_XXStart,"),
        "the columns are .* but the header above describes",
    ),
    "missing values": (
        lambda content: content.replace(b"-9999, -9999", b"-9999", 1),
        r"line 12: 13 values of the missing values for 14 variables",
    ),
}


@pytest.mark.parametrize("case", ICT_CASES)
def test_bad_icartt(ict, tmp_path, case):
    change, text = ICT_CASES[case]
    path = tmp_path / ict.name
    path.write_bytes(change(ict.read_bytes()))
    refused(path, text)


def test_time_that_goes_backwards(eol, tmp_path):
    path = tmp_path / eol.name
    path.write_bytes(bad_line(200, lambda line: b"    1.00" + line[8:])(eol.read_bytes()))
    refused(path, "time goes backwards at line 201")


def test_all_positions_missing(eol, tmp_path):
    lines = eol.read_bytes().split(b"\n")
    at = next(number for number, line in enumerate(lines) if line.startswith(b"---"))
    lines[at + 1 : -1] = [line[:101] + b" -999.000000 -999.000000" + line[125:] for line in lines[at + 1 : -1]]
    path = tmp_path / eol.name
    path.write_bytes(b"\n".join(lines))
    refused(path, "all positions are missing")


@pytest.mark.parametrize(("keep", "text"), [(0, "the file is empty"), (100_000, "the file is cut: 100000 bytes")])
def test_bad_cpl(cpl, tmp_path, keep, text):
    path = tmp_path / cpl.name
    path.write_bytes(cpl.read_bytes()[:keep])
    refused(path, text)


def test_damaged_hdf5(tmp_path):
    path = airborne_files.cpl_level_2(tmp_path)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + b"\xe9\xe9\xe9" + content[half:])
    refused(path, f"{len(content) + 3} bytes; by its header it has {len(content)}")
    path.write_bytes(content[:800] + b"\xe9" * 200 + content[1000:])
    refused(path, "is no HDF5 file that can be read")


def rewritten(path, form):
    """The file again, in another form of netCDF."""
    source = path.rename(path.with_suffix(".old"))
    with netCDF4.Dataset(source) as old, netCDF4.Dataset(path, "w", format=form) as new:
        old.set_auto_maskandscale(False)
        new.setncatts({name: old.getncattr(name) for name in old.ncattrs()})
        for name, dimension in old.dimensions.items():
            new.createDimension(name, None if name == "time" else len(dimension))  # records
        for name, variable in old.variables.items():
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            made = new.createVariable(
                name, variable.dtype, variable.dimensions, fill_value=attributes.pop("_FillValue", None)
            )
            made.set_auto_maskandscale(False)
            made.setncatts(attributes)
            made[...] = variable[...]
    return path


def stored(path):
    """Bytes of all values of a netCDF file."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return {name: np.asarray(variable[...]).tobytes() for name, variable in file.variables.items()}


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
@pytest.mark.parametrize("make", ["aspen", "hamsr", "shis"])
def test_classic_netcdf_that_is_cut(tmp_path, make, form):
    """The library gives zeros for what is not there."""
    path = rewritten(getattr(airborne_files, make)(tmp_path), form)
    content, whole, before = path.read_bytes(), whole_files.classic_size(path), stored(path)
    path.write_bytes(content[:whole])
    assert read(path).times.size
    assert stored(path) == before
    path.write_bytes(content[: whole - 1] + bytes([content[whole - 1] ^ 1]))
    assert stored(path) != before  # that byte is one of the values
    path.write_bytes(content[: whole - 1])
    refused(path, f"the file is cut: {whole - 1} bytes; by its header it has {whole}")


@pytest.mark.parametrize("make", ["aspen", "hamsr", "shis"])
def test_classic_netcdf_whose_header_is_cut(tmp_path, make):
    path = getattr(airborne_files, make)(tmp_path)
    path.write_bytes(path.read_bytes()[:10])
    refused(path, "header of the file is damaged|is no netCDF file that can be read")


def test_names_in_netcdf_that_are_no_text(tmp_path):
    path = airborne_files.hamsr(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"e", b"\xe9", 3))
    refused(path, "header of the file is damaged|is no netCDF file that can be read")


def test_aspen_without_time_units(tmp_path):
    path = airborne_files.aspen(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        file["time"].delncattr("units")
    refused(path, "time units are ''; right is 'seconds since")


def test_shis_with_a_date_that_is_none(tmp_path):
    path = airborne_files.shis(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        file["date"][0] = 119931
    refused(path, "date: .* right are numbers yymmdd")


def test_a_byte_order_mark_is_no_data(tmp_path):
    path = airborne_files.iwg1(tmp_path)
    before = read(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    after = read(path)
    assert after.variables.keys() == before.variables.keys()
    np.testing.assert_array_equal(after.times, before.times)


@pytest.mark.parametrize("make", ["iwg1", "avaps"])
def test_text_in_utf_16(tmp_path, make):
    path = getattr(airborne_files, make)(tmp_path)
    path.write_bytes(path.read_text().encode("utf-16"))
    refused(path, "the text is written in UTF-16; right is ASCII or UTF-8")


def test_iwg1_cut_within_its_last_number_is_flagged(tmp_path):
    path = airborne_files.iwg1(tmp_path)
    assert not read(path).flags
    path.write_bytes(path.read_bytes().rstrip())
    assert [flag["flag"] for flag in read(path).flags] == ["last_line_unfinished"]


@pytest.mark.parametrize(("make", "name"), [("iwg1", "hs3navgh"), ("avaps", "avapsraw")])
def test_the_last_line_of_a_live_record_may_be_cut(tmp_path, make, name):
    path = getattr(airborne_files, make)(tmp_path)
    match = granules.claimed(path.name, {name: COLLECTIONS[name]}, tmp_path)
    rows = len(read_granule(match, path).times)
    records = re.findall(rb"(?m)^(?:IWG1|AVAPS-D).*$", path.read_bytes())
    whole = path.read_bytes().partition(records[-1])[0] + records[-1].rstrip()
    path.write_bytes(whole[:-30] + b"\n")
    with pytest.raises(ValueError, match=r"line \d+: \d+ (columns|characters)"):
        read_granule(match, path)
    path.write_bytes(whole[:-30])
    granule = read_granule(match, path)
    assert len(granule.times) == rows - 1
    assert "last_line_cut" in [flag["flag"] for flag in granule.flags]


def test_cpl_without_a_date(cpl, tmp_path):
    path = shutil.copy(cpl, tmp_path)
    with h5py.File(path, "a") as file:
        file["Date"][...] = b"2012-9"
    refused(tmp_path / cpl.name, "Date is '2012-9'; right is such as 06Sep12")


def test_bad_iwg1(tmp_path):
    path = airborne_files.iwg1(tmp_path)
    path.write_text(path.read_text() + "IWG2,1,2\n")
    refused(path, "line 4: 'IWG2,1,2'; an IWG1 packet begins with")


def refused(path, text):
    with pytest.raises((ValueError, OSError)) as failure:
        read(path)
    message = entrypoint.message(failure.value)
    assert path.name in message
    assert re.search(text, message), message


def test_arrays_at_each_time_with_a_step(tmp_path):
    """FFI 2310: the auxiliary variables tell how many entries there are, the first one's altitude, and the step."""
    path = tmp_path / "lidar_20220208.ict"
    header = [
        "27, 2310", "Doe, Jane", "Somewhere", "Lidar", "MISSION", "1, 1", "2022, 02, 08, 2022, 03, 01", "0",
        "Altitude, m, altitude of the entry", "Time_Start, seconds, from midnight UTC",
        "1", "1", "-9999", "Backscatter, 1/km/sr",
        "5", "1, 1, 0.1, 0.001, 0.001", "-99, -99, -99, -99999, -99999",
        "Entries, none", "First_Altitude, m", "Step, m", "Latitude, deg", "Longitude, deg",
        "0", "3", "REVISION: R0", "R0: test", "Time_Start, Entries, First_Altitude, Step, Latitude, Longitude",
    ]  # fmt: skip
    rows = ["43200, 3, 100, 150, 40000, -75000", "0.1, 0.2, -9999", "43201, 2, 115, 150, 40001, -75001", "0.4, 0.5"]
    path.write_text("\n".join([*header, *rows, ""]))
    variables, _, _, lines = icartt.read(path, {"variables": {}})
    assert lines.tolist() == [28, 30]
    assert variables["time"].values().tolist() == [43_200, 43_201]
    np.testing.assert_array_equal(variables["altitude"].values(), [[100, 115, 130], [115, 130, np.nan]])
    np.testing.assert_array_equal(variables["backscatter"].values(), [[0.1, 0.2, np.nan], [0.4, 0.5, np.nan]])
    np.testing.assert_allclose(variables["latitude"].values(), [40, 40.001])
    path.write_text("\n".join([*header, *rows[:3], ""]))
    with pytest.raises(ValueError, match="line 30 has 1 lines below it, but the file ends; it is cut"):
        icartt.read(path, {"variables": {}})
    for count in ("-99", "2.5", "nan"):
        path.write_text("\n".join([*header, *rows, ""]).replace("43201, 2,", f"43201, {count},"))
        with pytest.raises(ValueError, match=f"line 30: Entries is {count}; right is a number of entries below it"):
            icartt.read(path, {"variables": {}})
    path.write_text("\n".join([*header, *rows, ""]).replace("2, 115", "2, -99"))
    assert np.isnan(icartt.read(path, {"variables": {}})[0]["altitude"].values()[1]).all()


def test_a_merge_with_codes_of_every_instrument(tmp_path):
    """Columns of many files on one time base, each with its own code for missing, and codes of limits of any length."""
    path = tmp_path / "mrg60_dc8_20220208.ict"
    names = ["Time_Start", "Time_Stop", "Latitude", "Longitude", "O3_CL", "NO2_LIF", "BC_SP2"]
    units = ["seconds", "seconds", "deg", "deg", "ppbv", "pptv", "ng/m3"]
    few, described = len(names) - 1, [f"{name}, {unit}" for name, unit in zip(names, units, strict=True)]
    header = [
        "Doe, Jane", "Somewhere", "merge of 5 files", "MISSION", "1, 1", "2022, 02, 08, 2022, 03, 01", "60", described[0],
        str(few), ", ".join(["1"] * few), "-9999999, -9999999, -9999999, -99999, -9999.99, -999999", *described[1:],
        "0", "4", "ULOD_FLAG: -7777777", "LLOD_FLAG: -8888888", "REVISION: R0", ",".join(names),
    ]  # fmt: skip
    rows = [
        "43200,43260,40.0,-75.0,41.2,-8888888,12.1",
        "43260,43320,40.1,-75.1,-99999,-8888.88,-7777777",
        "43320,43380,40.2,-75.2,40.9,-9999.99,-999999",
    ]
    path.write_text("\n".join([f"{len(header) + 1}, 1001", *header, *rows, ""]))
    variables, *_ = icartt.read(path, {"variables": {}})
    granule = Granule("mrg", {}, [], "trajectory", variables)
    screen(granule)
    gone = {name: np.isnan(granule.variables[name].values()).tolist() for name in ("o3_cl", "no2_lif", "bc_sp2")}
    assert gone == {"o3_cl": [False, True, False], "no2_lif": [True] * 3, "bc_sp2": [False, True, True]}
    status = granule.variables["no2_lif_status"]
    words = dict(zip(status.attrs["flag_values"].tolist(), status.attrs["flag_meanings"].split(), strict=True))
    assert [words[int(value)] for value in status.array()] == [
        "below_detection_limit",
        "below_detection_limit",
        "missing",
    ]
