"""Text tables, NASA Ames and TEMP DROP in the layouts that campaigns have, by drafted collections and by hand."""

import numpy as np
import pytest

from darkroom.airborne import cf, collection, draft, product, reading
from darkroom.airborne.granule import moments
from darkroom.airborne.readers import icartt, table, tempdrop

# What files of other instruments look like; a sounding of three levels each.
TABLES = {
    "tab_20210830_1301.txt": (
        "Time [sec]\tP [h Pa]\tT [°C]\tWsp [m/s]\tLon [°]\tLat [°]\tAltitude [m]\n"
        "0  \t1011.0\t29.00\t-----\t-64.8317\t17.7624\t0.0\n"
        "1  \t1010.4\t28.87\t1.4  \t-64.8318\t17.7624\t5.1\n"
        "2  \t1009.8\t28.74\t1.5  \t-64.8318\t17.7625\t10.3\n"
    ),
    "fixed_202108301301.txt": (
        "Station name                 \tBrick\n"
        "Balloon release date and time\t2021-08-30T13:01:00\n\n"
        "   n Elapsed time  TimeUTC   Temp  Press Speed      Lat        Lon\n"
        "                s hh:mm:ss     °C    hPa   m/s        °          °\n"
        "   1            0 13:01:00   29.0 1011.0   1.0 17.76240 -64.831700\n"
        "   2            1 13:01:01   28.9 1010.4   1.4 17.76240 -64.831800\n"
        "   3            2 13:01:02   28.7 1009.8   1.5 17.76250 -64.831800\n"
        "\nRemarks: n of the last row is 3\n"
    ),
    "angles_20210830_1301.txt": (
        "       UTC_Date       UTC_Time          Press           Temp          Long/E          Lat/N\n"
        "                      hr:min:s            hPa             °C               °              °\n"
        "-------------------------------------------------------------------------------------------\n"
        "      8/30/2021     1:01:00 PM        1011.00         +29.00   064°49'54.1\"W  17°45'44.6\"N\n"
        "      8/30/2021     1:01:01 PM        1010.40         +28.87   064°49'54.5\"W  17°45'44.6\"N\n"
        "      8/30/2021     1:01:02 PM        1009.80         +28.74   064°49'54.5\"W  17°45'45.0\"N\n"
    ),
    "labels_20210830.csv": (
        "FileFormat,CSV\nYear,2021\nMonth,08\nDay,30\nHour,13\nMinute,01\nSecond,00\n"
        "Fields,Time,Pressure,Temperature,Latitude,Longitude,Altitude\n"
        "Units,sec,mb,deg C,deg,deg,m\n"
        "Data,0.0,1011.0,29.00,17.7624,-64.8317,\n"
        "Data,1.0,1010.4,28.87,17.7624,-64.8318,5.1\n"
        "Data,2.0,1009.8,28.74,17.7625,-64.8318,10.3\n"
    ),
    "frd_20210830_130100.frd": (
        " SID: 084915096\n Date: 210830   Lat: 17.76 N\n Time: 130100   Lon: 64.83 W\n"
        "IX   t (s)  P (mb)  T (C)   RH (%)  Z (m)  WS (m/s)  LAT (N)  LON (E)\n"
        " 1     0.0  1011.0   29.00  -999.0    0.0       1.0  17.7624 -64.8317\n"
        " 2     1.0  1010.4   28.87    63.0    5.0       1.4  17.7624 -64.8318\n"
        " 3     2.0  1009.8   28.74    64.0   10.0       1.5  17.7625 -64.8318\n"
    ),
    "station_20210830.csv": (
        "Site: lat=17.7624, lon=-64.8317\n"
        "ISO8601;air_temperature;pressure\n"
        "2021-08-30 13:01:00;29.00;1011.0\n2021-08-30 13:01:01;28.87;1010.4\n2021-08-30 13:01:02;28.74;1009.8\n"
    ),
    "clock_20210830.csv": (
        "time,temp,pressure (hPa),lat,lon,rh\n"
        "13:01:00,29.00,1011.0,17.7624,-64.8317,\n"
        "13:01:01,28.87,1010.4,17.7624,-64.8318,-999\n"
        "13:01:02,28.74,1009.8,17.7625,-64.8318,60\n"
    ),
    "digits_20210830.csv": (
        "hhmmss,temp,pressure (hPa),lat,lon\n"
        "130100,29.00,1011.0,17.7624,-64.8317\n"
        "130101,28.87,1010.4,17.7624,-64.8318\n"
        "130102,28.74,1009.8,17.7625,-64.8318\n"
    ),
    "logger.csv": (
        "timestamp_ms,temp,pressure (hPa),lat,lon\n"
        "1630328460000,29.00,1011.0,17.7624,-64.8317\n"
        "1630328461000,28.87,1010.4,17.7624,-64.8318\n"
        "1630328462000,28.74,1009.8,17.7625,-64.8318\n"
    ),
    "savetxt_20210830.txt": (
        "# time temp pressure[hPa] lat lon\n"
        "1630328460 29.00 1011.0 17.7624 -64.8317\n"
        "1630328461 28.87 1010.4 17.7624 -64.8318\n"
        "1630328462 28.74 1009.8 17.7625 -64.8318\n"
    ),
    "words_20210830.txt": (
        "Time (UTC) temp press lat lon (degrees)\n"
        "30-Aug-2021T13:01:00.000 29.00 1011.0 17.7624 -64.8317\n"
        "30-Aug-2021T13:01:01.000 28.87 1010.4 17.7624 -64.8318\n"
        "30-Aug-2021T13:01:02.000 28.74 1009.8 17.7625 -64.8318\n"
    ),
}


def drafted(path, folder):
    """(granule, notes) of a file by the collection that is drafted of it, through its YAML."""
    made, notes = draft.draft(path)
    its = folder / f"{path.name}.yaml"
    its.write_text(draft.written(made, notes))
    return reading.read(collection.match(path.name, collection.load([its])), path), notes


@pytest.mark.parametrize("name", TABLES)
def test_a_sounding_is_the_same_in_every_layout(tmp_path, name):
    path = tmp_path / name
    path.write_text(TABLES[name])
    granule, _ = drafted(path, tmp_path)
    assert str(granule.start)[:19] == "2021-08-30T13:01:00"
    assert str(granule.end)[:19] == "2021-08-30T13:01:02"
    pressure, temperature = granule.by_standard_name("air_pressure"), granule.by_standard_name("air_temperature")
    assert pressure.attrs["units"] in ("hPa", "mb", "h Pa")
    np.testing.assert_allclose(pressure.values(), [1011.0, 1010.4, 1009.8])
    np.testing.assert_allclose(temperature.values(), [29.0, 28.87, 28.74], atol=0.05)
    np.testing.assert_allclose(granule.variables["latitude"].values(), [17.7624] * 3, atol=2e-4)
    np.testing.assert_allclose(granule.variables["longitude"].values(), [-64.8317] * 3, atol=2e-4)
    cf.write(granule, tmp_path / "made.nc")
    with product.opened(tmp_path / "made.nc") as made:
        assert cf.round_trip(granule, made) == []


def test_digits_of_the_clock_over_midnight_and_such_that_are_none(tmp_path):
    path = tmp_path / "digits_20210830.csv"
    path.write_text(TABLES[path.name].replace("130102", "000005.5").replace("1301", "2359"))
    granule, _ = drafted(path, tmp_path)
    assert [str(moment)[8:21] for moment in granule.times] == ["30T23:59:00.0", "30T23:59:01.0", "31T00:00:05.5"]
    path.write_text(TABLES[path.name].replace("130102", "136102"))
    with pytest.raises(ValueError, match=r"digits_20210830.csv: hhmmss is 136102, which is no time hhmmss"):
        reading.read(collection.match(path.name, collection.load([tmp_path / f"{path.name}.yaml"])), path)


def test_one_moment_for_all_rows_is_said(tmp_path):
    path = tmp_path / "digits_20210830.csv"
    path.write_text(TABLES[path.name].replace("hhmmss", "count"))
    assert any("the same moment for every row" in note for note in draft.draft(path)[1])


def test_units_are_supposed_without_codes(tmp_path):
    path = tmp_path / "clock_20210830.csv"
    path.write_text(TABLES[path.name].replace("28.87", "-999").replace("28.74", ""))
    granule, _ = drafted(path, tmp_path)
    np.testing.assert_array_equal(granule.variables["temperature"].values(), [29, np.nan, np.nan])


def test_what_is_no_number_is_missing_and_said(tmp_path):
    path = tmp_path / "tab_20210830_1301.txt"
    path.write_text(TABLES[path.name])
    granule, _ = drafted(path, tmp_path)
    assert np.isnan(granule.variables["wind_speed"].values()).tolist() == [True, False, False]
    (flag,) = (flag for flag in granule.flags if flag["flag"] == "words_for_numbers")
    assert "-----" in flag["note"]


def test_a_code_for_missing_is_found(tmp_path):
    path = tmp_path / "frd_20210830_130100.frd"
    path.write_text(TABLES[path.name] + " 4     3.0  1009.2   28.60    65.0   15.0       1.6  17.7625 -64.8318\n")
    granule, notes = drafted(path, tmp_path)
    assert np.isnan(granule.variables["relative_humidity"].values()).tolist() == [True, False, False, False]
    assert any("look like codes" in note and "RH (-999)" in note for note in notes)


def test_a_broken_line_within_the_table_is_named(tmp_path):
    path = tmp_path / "labels_20210830.csv"
    path.write_text(TABLES[path.name].replace("1010.4,28.87,", "1010.4,28"))
    with pytest.raises(ValueError, match="line 11: 6 columns, but the table has 7"):
        table.columns_of(path, {})


def test_lines_below_the_table_are_said(tmp_path):
    path = tmp_path / "fixed_202108301301.txt"
    path.write_text(TABLES[path.name])
    _, header, flags, lines = table.columns_of(path, {})
    assert lines.tolist() == [6, 7, 8]
    assert header["Remarks"] == "n of the last row is 3"
    assert [flag["flag"] for flag in flags] == ["lines_below"]


def test_columns_without_names(tmp_path):
    path = tmp_path / "rain_2020.txt"
    path.write_text(
        " 2020   16    5   13   17.  1.5\n 2020   16   23   59   11.  1.2\n 2020   17    0    0   20.  1.6\n"
    )
    columns, *_ = table.columns_of(path, {})
    assert list(columns) == [f"column {number}" for number in range(1, 7)]
    parts = {"year": "Year", "day_of_year": "Day", "hour": "Hour", "minute": "Minute"}
    form = {
        "variables": {},
        "table": {"names": ["Year", "Day", "Hour", "Minute", "Count", "Rain"], "delimiter": "blank"},
        "time": {"parts": parts},
    }
    variables, *_ = table.read(path, form)
    assert variables["time"].attrs["units"] == "seconds since 2020-01-16 00:00:00"
    assert variables["time"].values().tolist() == [18_780, 86_340, 86_400]
    np.testing.assert_array_equal(variables["rain"].values(), [1.5, 1.2, 1.6])


def test_times_of_day_go_over_midnight(tmp_path):
    path = tmp_path / "night_20200116.txt"
    path.write_text("t,a,b\n23:59:58,1,2\n23:59:59,1,2\n00:00:00,1,2\n00:00:01,1,2\n")
    form = {"variables": {}, "time": {"variable": "t", "since": "{date}"}, "groups": {"date": "20200116"}}
    variables, *_ = table.read(path, form)
    assert variables["time"].values().tolist() == [86_398, 86_399, 86_400, 86_401]


def test_decimal_commas(tmp_path):
    path = tmp_path / "rain_20101103.txt"
    path.write_text("YYYY-MM-DD\thh:mm:ss\tDmax [mm]\n2010-11-03\t00:00:00\t0,9130\n2010-11-03\t00:01:00\t1,1160\n")
    form = {"variables": {}, "time": {"variable": ["YYYY-MM-DD", "hh:mm:ss"]}}
    variables, *_ = table.read(path, form)
    assert variables["dmax"].values().tolist() == [0.913, 1.116]


def test_nasa_ames_with_blanks(tmp_path):
    path = tmp_path / "probe.1Hz"
    path.write_text(
        "18 1001\nDoe, Jane\nSomewhere\nA plane\nMISSION\n1 1\n2020 02 05 2020 09 28\n 1.0000\n"
        "Time [seconds]; UT seconds from midnight\n2\n 1.0000 1.0000\n 999999.9999 999.99\n"
        "Probe channel 1 concentration [#/(cm^3)] (2 um to 3 um)\nLiquid water content [g/m^3]\n0\n2\n"
        "Time    CH1   LWC\nseconds #/cm^3 g/m^3\n65640.4 1.5 0.2\n65641.4 999999.9999 0.3\n"
    )
    variables, header, _, lines = icartt.read(path, {"variables": {}})
    assert variables["time"].attrs["units"] == "seconds since 2020-02-05 00:00:00"
    assert np.isnan(variables["ch1"].values()).tolist() == [False, True]
    assert variables["lwc"].attrs["long_name"] == "Liquid water content"
    assert header["Mission"] == "MISSION"
    assert lines.tolist() == [19, 20]


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("days from file reference point", 86_400),
        ("Time_UTC [hours]; decimal hours of the day", 3600),
        ("Elapsed time (seconds) after 0 hours UT on the day of the date", 1),
        ("UTC", 1),
    ],
)
def test_nasa_ames_counts_in_the_unit_that_it_names(tmp_path, line, seconds):
    path = tmp_path / "station.nas"
    path.write_text(
        f"16 1001\nDoe, Jane\nSomewhere\nA station\nMISSION\n1 1\n2020 01 01 2020 09 28\n0.04\n{line}\n1\n1\n9999.9\n"
        "pressure, hPa\n0\n1\ntime p\n0.5 680.1\n1.5 680.2\n"
    )
    variables, *_ = icartt.read(path, {"variables": {}})
    assert moments(variables["time"])[1] == np.datetime64("2020-01-01") + np.timedelta64(seconds * 1500, "ms")


def icartt_file(names, end=""):
    return (
        "18, 1001\nDoe, Jane\nSomewhere\nMetNav\nMISSION\n1, 1\n2024, 03, 05, 2024, 06, 01\n1\n"
        "Time_Start, seconds\n2\n1, 1\n-9999, -9999\nLATITUDE, deg\nLONGITUDE, deg\n0\n2\nLOCATION: above\n"
        f"{names}\n43200, 40.0, -75.0\n43201, 40.1, -75.1\n{end}"
    )


def test_icartt_names_in_other_capitals_are_the_same(tmp_path):
    path = tmp_path / "flags.ict"
    path.write_text(icartt_file("Time_Start, Latitude, Longitude"))
    variables, _, flags, _ = icartt.read(path, {"variables": {}})
    assert variables["latitude"].values().tolist() == [40.0, 40.1]
    assert flags[0]["note"].endswith("LATITUDE (Latitude), LONGITUDE (Longitude)")
    path.write_text(icartt_file("Time_Start, Longitude, Latitude"))
    with pytest.raises(ValueError, match="line 18: the columns are"):
        icartt.read(path, {"variables": {}})


@pytest.mark.parametrize("mark", ["\0\n", "\x1a", "\0"])
def test_a_mark_that_ends_a_text_is_no_data(tmp_path, mark):
    path = tmp_path / "flags.ict"
    path.write_text(icartt_file("Time_Start, LATITUDE, LONGITUDE", mark))
    variables, _, flags, _ = icartt.read(path, {"variables": {}})
    assert variables["time"].shape == (2,)
    assert [flag["flag"] for flag in flags] == ["end_mark"]
    path.write_text(icartt_file("Time_Start, LATITUDE, LONGITUDE", "\0\0\0\n"))
    with pytest.raises(ValueError, match="line 21: zero bytes in a text file"):
        icartt.read(path, {"variables": {}})


MESSAGE = """UZNT13 KNHC 062312
XXAA  56232 99312 70615 08112 99014 27818 09012 00125 27019 09515
92807 22611 10520 85540 18257 11018 70168 09080 12015 50589 05757
13512 40762 15959 14008 30971 31156 15010 25097 415// 16012 20245
535// 17020 88999 77999
31313 09608 82241
61616 NA872 0812A NADINE OB 04
62626 REL 3134N06133W 224116 SPG 3126N06132W 225233 =
XXBB  56238 99312 70615 08112 00014 27818 11850 18257 22700 09080
33500 05757 44195 549//
21212 00014 09012 11850 11018 22700 12015 33195 17522
31313 09608 82241
"""


@pytest.fixture
def message(tmp_path):
    path = tmp_path / "drop_20120906.txt"
    path.write_text(MESSAGE)
    return path


def test_temp_drop(message, tmp_path):
    """The levels as a forecaster reads them: 1014 hPa at the sea, 27.8 degC, dew point 1.8 K below, 90 degrees 12 knots."""
    granule, _ = drafted(message, tmp_path)
    assert str(granule.start)[:19] == "2012-09-06T22:41:16"
    assert granule.extent.box == (-61.33, 31.34, -61.33, 31.34)
    at = {name: variable.values() for name, variable in granule.variables.items()}
    kinds = dict(zip(granule.variables["level_kind"].attrs["flag_meanings"].split(), range(6), strict=True))
    surface = at["level_kind"] == kinds["surface"]
    assert at["pressure"][surface] == 1014
    assert at["temperature"][surface] == 27.8
    assert at["wind_speed"][surface] == 12
    assert granule.variables["wind_speed"].attrs["units"] == "knot"
    standard = at["level_kind"] == kinds["standard"]
    heights = dict(zip(at["pressure"][standard], at["geopotential_height"][standard], strict=True))
    assert heights == {
        1000: 125, 925: 807, 850: 1540, 700: 3168, 500: 5890, 400: 7620, 300: 9710, 250: 10_970, 200: 12_450,
    }  # fmt: skip
    top = np.flatnonzero(at["pressure"] == 195)
    assert np.nanmin(at["temperature"][top]) == -54.9
    assert np.nanmax(at["wind_from_direction"][top]) == 175


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("XXBB", "XXAA", "two parts XXAA; a granule is one sounding"),
        ("56232", "61232", "day 11 of a month, which is not near 2012-09-06"),
        ("99312 70615", "99312 20615", "no position"),
        ("92807", "91807", "'91807' begins no level of part XXAA"),
        ("22611", "2A611", "is no number of a TEMP DROP"),
        ("11850 18257", "12850 18257", "'12850' begins no significant level of part XXBB"),
    ],
)
def test_bad_temp_drop(message, old, new, text):
    message.write_text(MESSAGE.replace(old, new, 1))
    with pytest.raises(ValueError, match=text):
        tempdrop.read(message, {"variables": {}, "groups": {"date": "20120906"}})


def test_temp_drop_without_a_date(message):
    with pytest.raises(ValueError, match="the message tells day 6 alone"):
        tempdrop.read(message, {"variables": {}})


def test_levels_above_the_highest_wind_have_no_group_of_it(message):
    """The last digit of the first group: here winds up to 850 hPa, and two groups for each level above."""
    text = MESSAGE.replace("XXAA  56232", "XXAA  56238")
    for wind in (" 12015", "\n13512", " 14008", " 15010", " 16012", "\n17020"):
        text = text.replace(wind, "", 1) if wind in text else text.replace(wind.replace("\n", " "), "", 1)
    message.write_text(text)
    variables, *_ = tempdrop.read(message, {"variables": {}, "groups": {"date": "20120906"}})
    at = {name: variable.values() for name, variable in variables.items()}
    standard = at["level_kind"] == 1
    np.testing.assert_array_equal(at["pressure"][standard], [200, 250, 300, 400, 500, 700, 850, 925, 1000])
    assert np.isnan(at["wind_speed"][standard]).tolist() == [True] * 6 + [False] * 3
    np.testing.assert_array_equal(at["temperature"][standard][:4], [-53.5, -41.5, -31.1, -15.9])
