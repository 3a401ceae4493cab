"""Times, units, and what of a source's values is no measurement: by rules that others can look up."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from compliance_checker.util import __file__ as checker  # where the judge has its table of standard names
from lxml import etree

from darkroom.airborne import collection, screen, times, units
from darkroom.airborne.granule import Granule, Variable

MOMENTS = {
    "milliseconds since 2020-01-01 00:00:00": "2020-01-01T00:00:00.0015",
    "seconds since 2020-01-01 00:00:00 -5:00": "2020-01-01T05:00:01.5",
    "seconds since 2020-01-01T00:00:00+01:30": "2019-12-31T22:30:01.5",
    "days since 2020-1-1": "2020-01-02T12",
    "hours since 20200101": "2020-01-01T01:30",
    "us since 2020-01-01 00:00:00.25 UTC": "2020-01-01T00:00:00.250001",
    "min since 2020/01/01 12:00": "2020-01-01T12:01:30",
}


@pytest.mark.parametrize("text", MOMENTS)
def test_units_of_time(text):
    (moment,) = times.units(text).moments(np.array([1.5]))
    assert moment == np.datetime64(MOMENTS[text], "ns")


@pytest.mark.parametrize("text", [*list(MOMENTS)[:1], *list(MOMENTS)[2:4]])
def test_units_of_time_are_those_of_the_library(text):
    date = netCDF4.num2date(1.5, text, only_use_cftime_datetimes=False, only_use_python_datetimes=True)
    assert np.datetime64(date.replace(tzinfo=None), "us") == times.units(text).moments([1.5])[0].astype("M8[us]")


@pytest.mark.parametrize(
    "text",
    ["seconds", "months since 2020-01-01", "seconds since 22-02-08", "seconds since 2020-02-30", "s since 0001-01-01"],
)
def test_units_that_are_no_time(text):
    with pytest.raises(ValueError, match="right is"):
        times.units(text)


def test_a_calendar_of_models_is_refused():
    with pytest.raises(ValueError, match="calendar 'noleap'"):
        times.units("days since 2020-01-01", "noleap")


def test_times_of_parts():
    parts = {
        "year": [2020, 2020],
        "month": [2, 12],
        "day": [29, 31],
        "hour": [23, 0],
        "minute": [59, 30],
        "second": [59.5, 0],
    }
    assert [str(one)[:21] for one in times.of_parts(parts)] == ["2020-02-29T23:59:59.5", "2020-12-31T00:30:00.0"]
    assert str(times.of_parts({"year": [2020], "day_of_year": [60.5], "hour": [0]})[0])[:16] == "2020-02-29T12:00"
    with pytest.raises(ValueError, match="day 30 of a month that has fewer"):
        times.of_parts({"year": [2021], "month": [2], "day": [30], "hour": [1]})


@pytest.mark.parametrize(
    ("source", "target", "value"),
    [("ft", "m", 304.8), ("C", "K", 1273.15), ("F", "degC", 537.7778), ("°F", "K", 810.9278),
     ("meters above Mean Sea Level", "km", 1), ("mb", "hPa", 1000), ("knots", "m s-1", 514.4444), ("degrees Celcius", "degC", 1000),
     ("deg 0-360 cw from +y", "degree", 1000), ("%", "1", 10), ("#/cc", "cm-3", 1000)],
)  # fmt: skip
def test_units_are_converted(source, target, value):
    factor, offset = units.conversion(source, target)
    assert 1000 * factor + offset == pytest.approx(value)


def test_units_of_another_kind_are_refused_and_unknown_ones_told():
    with pytest.raises(ValueError, match="'m', which cannot become 'K'"):
        units.conversion("m", "K")
    assert units.conversion("furlong per fortnight of sorts", "m") is None


def test_the_table_of_standard_names_is_that_of_cf():
    table = etree.parse(Path(checker).parent / "data/cf-standard-name-table.xml").getroot()
    theirs = {entry.get("id"): (entry.findtext("canonical_units") or "").strip() for entry in table.findall("entry")}
    assert collection.standard_names() == theirs
    assert set(screen.LIMITS) <= set(theirs) | {"frost_point_temperature"}


def screened(values, fill=None, codes=None, dtype="f8", **attrs):
    """(values in their units, words of their status, flags) of a variable after the screen."""
    variable = Variable.of(np.array(values, dtype), ("time",), {"long_name": "x"} | attrs, fill, "x", codes)
    granule = Granule(
        "g", {}, [], "trajectory", {"time": Variable.of(np.arange(len(values)), ("time",)), "x": variable}
    )
    screen.screen(granule)
    status = granule.variables.get("x_status")
    words = None
    if status:
        meanings = dict(zip(map(int, status.attrs["flag_values"]), status.attrs["flag_meanings"].split(), strict=True))
        words = [meanings[int(value)] for value in status.array()]
    return granule.variables["x"].values(), words, [flag["flag"] for flag in granule.flags]


def test_what_is_all_right_has_no_status():
    values, words, flags = screened([280.0, -999.0], -999.0, standard_name="air_temperature", units="K")
    assert (values.tolist()[0], words, flags) == (280.0, None, [])


@pytest.mark.parametrize(
    ("wrong", "options", "word"),
    [
        (-3003.7, {"standard_name": "air_temperature", "units": "K"}, "impossible"),
        (-327.0, {"standard_name": "relative_humidity", "units": "percent"}, "impossible"),
        (-300.0, {"standard_name": "air_temperature", "units": "degC"}, "impossible"),
        (200_000.0, {"standard_name": "air_pressure", "units": "Pa"}, "impossible"),
        (np.inf, {}, "infinite"),
        (12.0, {"valid_range": [0, 10]}, "out_of_valid_range"),
        (-8888.0, {"codes": {-8888.0: "below_detection_limit"}}, "below_detection_limit"),
    ],
)
def test_what_is_no_measurement_is_missing_and_says_why(wrong, options, word):
    good = 95_000.0 if options.get("units") == "Pa" else 5.0 if "standard_name" not in options else 20.0
    good = 250.0 if options.get("units") == "K" else good
    values, words, flags = screened([good, wrong, -999.0], -999.0, **options)
    assert values[0] == good
    assert np.isnan(values[1:]).all()
    assert words == ["valid", word, "missing"]
    assert flags == [word]


def test_packed_values_are_judged_in_their_units():
    values, words, _ = screened(
        [2800, -30037], dtype="i2", standard_name="air_temperature", units="K", scale_factor=0.1
    )
    assert values[0] == pytest.approx(280)
    assert words == ["valid", "impossible"]
