"""Times as CF has them: numbers with units such as `seconds since 2012-09-07 12:41:16`, in UTC.

Format: CF conventions 4.4, and the grammar of UDUNITS for the moment that numbers count from.
"""

import re
from dataclasses import dataclass

import numpy as np

MISSING = np.datetime64("NaT", "ns")
NANOSECONDS = {
    "weeks": 7 * 86_400 * 10**9,
    "days": 86_400 * 10**9,
    "hours": 3_600 * 10**9,
    "minutes": 60 * 10**9,
    "seconds": 10**9,
    "milliseconds": 10**6,
    "microseconds": 10**3,
    "nanoseconds": 1,
}
SPELLINGS = {
    "weeks": ("week",),
    "days": ("day", "d"),
    "hours": ("hour", "hr", "hrs", "h"),
    "minutes": ("minute", "min", "mins"),
    "seconds": ("second", "sec", "secs", "s"),
    "milliseconds": ("millisecond", "millisec", "millisecs", "msec", "msecs", "ms"),
    "microseconds": ("microsecond", "microsec", "microsecs", "µs", "us"),
    "nanoseconds": ("nanosecond", "nanosec", "nanosecs", "ns"),
}
UNITS = {word: unit for unit, words in SPELLINGS.items() for word in (unit, *words)}
# Since October 1582 these are one calendar; `standard` is what CF calls it.
CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
MOMENT = re.compile(
    r"(?P<year>\d{4})(?:(?P<dash>[-/.])(?P<month>\d{1,2})(?P=dash)(?P<day>\d{1,2})|(?P<packed>\d{4})"
    r"|[-.]?(?P<day_of_year>\d{3}))"
    r"(?:[ T,]+(?P<hour>\d{1,2})(?::?(?P<minute>\d{2}|(?<=:)\d)(?::?(?P<second>(?:\d{2}|(?<=:)\d)(?:[.,]\d*)?))?)?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[-+]\d{1,2}(?::?\d{2})?|(?<=\s)\d{1,2}:\d{2})?",
    re.IGNORECASE,
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Dates with the month as a word, and a time of day before the date.
WORDS = (
    re.compile(r"(?P<day>\d{1,2})[- ](?P<month>[A-Za-z]{3})[A-Za-z]*\.?[- ,]+(?P<year>\d{4})"),
    re.compile(r"(?P<month>[A-Za-z]{3})[A-Za-z]*\.? (?P<day>\d{1,2}),? (?P<year>\d{4})"),
)
CLOCK_FIRST = re.compile(r"(\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?) (\d{4}-\d\d-\d\d)(.*)")
# No flight with instruments of today was before, and none is known of after.
EARLIEST = np.datetime64("1700-01-01", "ns")  # that times may count from
FIRST, LAST = np.datetime64("1900-01-01", "ns"), np.datetime64("2100-01-01", "ns")

PART_LIMITS = {
    "year": (1900, 2099), "month": (1, 12), "day": (1, 32), "day_of_year": (1, 367), "hour": (0, 48), "minute": (0, 60),
    "second": (0, 172_800), "millisecond": (0, 1000), "microsecond": (0, 1e6),
}  # fmt: skip


@dataclass(frozen=True)
class Units:
    """What numbers of time count: a unit of NANOSECONDS, and a moment in UTC (datetime64[ns])."""

    unit: str
    since: np.datetime64

    def __str__(self):
        """The units as CF has them: `seconds since 2012-09-07 12:41:16`."""
        text = str(self.since).replace("T", " ")
        return f"{self.unit} since {text.rstrip('0').rstrip('.') if '.' in text else text}"

    def moments(self, values):
        """Numbers as datetime64[ns], NaN as NaT; floats are good to the microsecond, integers are exact.

        Raises ValueError for moments that datetime64[ns] cannot tell.
        """
        values, step = np.asarray(values), NANOSECONDS[self.unit]
        values = values.astype(np.float64) if values.dtype.kind == "f" else values
        counted = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
        values = np.where(counted, values, 0)
        far = np.abs(values.astype(np.float64)) * step > 2.0**63 - abs(int(self.since.astype(np.int64))) - 1
        if far.any():
            raise ValueError(f"time {values[far].flat[0]:g} {self} is beyond every calendar of a flight")
        whole = np.floor(values) if values.dtype.kind == "f" else values
        rest = values - whole
        # To the microsecond, which is what decimal days of double precision resolve.
        fine = np.round(rest * (step / 1000)).astype(np.int64) * 1000 if step >= 1000 else 0
        return np.where(counted, self.since + (whole.astype(np.int64) * step + fine).astype("timedelta64[ns]"), MISSING)


def units(text, calendar="standard"):
    """The `Units` of CF units and calendar.

    Raises ValueError for what tells no unit and moment, months and years (which are no fixed times), a year of two
    digits, a date that is none, and a calendar that is not ours.
    """
    if str(calendar or "standard").lower() not in CALENDARS:
        raise ValueError(f"calendar {str(calendar)!r}: right is {' or '.join(CALENDARS)}, as measurements have it")
    word, since, start = " ".join(str(text).split()).partition(" since ")
    name = UNITS.get(word, UNITS.get(word.lower()))
    if not since or name is None:
        raise ValueError(f"time units are {str(text)!r}; right is 'seconds since 2012-09-07 12:41:16' or alike")
    return Units(name, moment(start, EARLIEST))


def moment(text, first=FIRST):
    """A date not before `first`, with a time and a zone where they are told, as datetime64[ns] in UTC.

    Years have four digits: `2012-09-07`, `2012/9/7 12:41`, `20120907T124116Z`, `2012-09-07 12:41:16.5 -05:00`,
    `07-Sep-2012 12:41:16`, `12:41:16 7 Sep 2012 GMT`, and with the day of the year `2012-251`, `2012251T1241`; a zone
    without a sign is ahead, as UDUNITS has it.
    Raises ValueError for what is no date.
    """
    match = MOMENT.fullmatch(_in_order(" ".join(str(text).split())))
    wrong = f"{str(text).strip()!r} is no date; right is such as 2012-09-07 12:41:16, with a year of four digits"
    if not match:
        raise ValueError(wrong)
    hour, minute, second = (
        int(match["hour"] or 0),
        int(match["minute"] or 0),
        (match["second"] or "0").replace(",", "."),
    )
    whole, _, fraction = second.partition(".")
    try:
        date = _day(match)
    except ValueError:
        raise ValueError(wrong) from None
    if (
        hour > 24
        or minute > 59
        or int(whole) > 60
        or not first.astype("datetime64[D]") <= date < LAST.astype("datetime64[D]")
    ):
        raise ValueError(wrong)
    nanoseconds = ((hour * 60 + minute) * 60 + int(whole)) * 10**9 + int(f"{fraction[:9]:0<9}")
    return date.astype("datetime64[ns]") + np.timedelta64(nanoseconds, "ns") - _zone(match["zone"] or "Z")


def _day(match):
    """The day that a match of MOMENT tells. Raises ValueError for one that its year or month lacks."""
    year, packed = match["year"], match["packed"]
    if number := match["day_of_year"]:
        date = np.datetime64(f"{year}-01-01", "D") + int(number) - 1
        if date.astype("datetime64[Y]") != np.datetime64(year, "Y"):
            raise ValueError(f"{year} has no day {number}")
        return date
    month, day = (packed[:2], packed[2:]) if packed else (match["month"], match["day"])
    return np.datetime64(f"{year}-{int(month):02}-{int(day):02}", "D")


def _in_order(text):
    """A moment with its date first, and the month as a number."""
    for form in WORDS:
        if (date := form.search(text)) and date["month"].lower() in MONTHS:
            number = MONTHS.index(date["month"].lower()) + 1
            text = text.replace(date[0], f"{date['year']}-{number:02}-{int(date['day']):02}")
    return CLOCK_FIRST.sub(r"\2 \1\3", text)


def _zone(text):
    """How much a time zone is ahead of UTC."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return np.timedelta64(0, "ns")
    digits = text.lstrip("+-").replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    return np.timedelta64((int(hours) * 60 + int(minutes)) * (-1 if text[0] == "-" else 1), "m").astype(
        "timedelta64[ns]"
    )


def of_parts(parts):
    """Moments of arrays of parts: `year`, `month`, `day` or `day_of_year`, and `hour`, `minute`, `second`,
    `millisecond`, `microsecond` where there are some.

    Hours, minutes and seconds may have decimals. Raises ValueError for a part that is out of its range.
    """
    parts = {name: np.asarray(values, np.float64) for name, values in parts.items()}
    for name, values in parts.items():
        low, high = PART_LIMITS[name]
        if (wrong := ~((values >= low) & (values <= high))).any():
            raise ValueError(f"{name} {values[wrong].flat[0]:g} of a time is not between {low} and {high}")
    year = (parts["year"].astype(np.int64) - 1970).astype("datetime64[Y]")
    if "day_of_year" in parts:
        days = year.astype("datetime64[D]").astype("datetime64[ns]")
        rest = (parts["day_of_year"] - 1) * 86_400e9
    else:
        months = year.astype("datetime64[M]") + (parts["month"].astype(np.int64) - 1)
        date = months.astype("datetime64[D]") + (parts["day"].astype(np.int64) - 1)
        if (wrong := date.astype("datetime64[M]") != months).any():
            raise ValueError(f"day {parts['day'][wrong].flat[0]:g} of a month that has fewer")
        days, rest = date.astype("datetime64[ns]"), (parts["day"] % 1) * 86_400e9
    scales = {"hour": 3600e9, "minute": 60e9, "second": 1e9, "millisecond": 1e6, "microsecond": 1e3}
    rest = rest + sum(parts[name] * scale for name, scale in scales.items() if name in parts)
    return days + (np.round(rest / 1000).astype(np.int64) * 1000).astype("timedelta64[ns]")


def since_midnight(moments):
    """(seconds as float64, units) of moments, since the midnight that the first of them is after."""
    first = np.nanmin(moments).astype("datetime64[D]").astype("datetime64[ns]")
    seconds = (moments - first).astype("timedelta64[us]").astype(np.int64) / 1e6
    return np.where(np.isnat(moments), np.nan, seconds), str(Units("seconds", first))
