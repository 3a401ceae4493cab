"""AVAPS raw dropsonde data, the D-file, with the header of its A-file (sounding attributes) where that is there.

Format: NCAR AVAPS, "NOAA 1.7": `AVAPS-Dnn` lines are data and `AVAPS-Tnn` lines are text, nn being the channel. The
lines `COM` before the data stack the names of the columns above a line of dashes which draws them. A record is of
kind P (in the aircraft), S (the sounding) or A (the aircraft's own sensors at launch), followed by two status digits.
"""

import re

import numpy as np

from darkroom.airborne import granule
from darkroom.airborne.readers import text
from darkroom.airborne.readers.columns import put

DATA = re.compile(rb"AVAPS-D\d\d ")
START = 14  # characters of `AVAPS-D02 P00`, after which the columns begin
LARGEST_STEP = 60  # seconds that records may be out of order
UNIT = re.compile(r"(?P<name>.*?) \((?P<unit>[^)]+)\)")
# What means missing in a column: as many nines as it has room for.
MISSING = {
    "Air Press": 9999.0, "Air Temp": 99.0, "Rel Humid": 999.0, "Wind Dir": 999.0, "Wind Spd": 999.0, "Vert Veloc": 99.0,
    "Longitude": 999.0, "Latitude": 99.0, "Geopoten Altitude": 99999.0, "Sonde RH1": 999.0, "Sonde RH2": 999.0,
    "Wind Error": 99.0, "Altitude": 99999.0,
}  # fmt: skip
KINDS = {"P": 0, "S": 1, "A": 2}
KIND = {
    "long_name": "kind of record",
    "flag_values": np.array(list(KINDS.values()), np.int8),
    "flag_meanings": "before_launch sounding aircraft_at_launch",
    "coverage_content_type": "auxiliaryInformation",
}
STATUS = {
    "standard_name": "status_flag",
    "long_name": "status digits of the record",
    "comment": "The two digits after the kind of record, as one number.",
    "flag_values": np.array([0, 1, 10, 11], np.int8),
    "flag_meanings": "no_digit_set second_digit_set first_digit_set both_digits_set",
    "coverage_content_type": "qualityInformation",
}


def read(path, form):
    """(variables, header, flags, lines) of one D-file: its records in their order, and the line of each.

    Time is in seconds from midnight of the day of the first record. Values keep the missing values of the format, one
    for each column. Raises ValueError naming the line of what is wrong.
    """
    rows = text.lines(path)
    dashes = next((at for at, row in enumerate(rows) if re.match(rb"AVAPS-T\d\d COM -{5}", row)), None)
    if dashes is None:
        raise ValueError(f"{path}: no line of dashes below the names of columns; this is no AVAPS D-file")
    ends, widths = text.dash_ends(rows[dashes], START)
    rows, flags = text.without_cut_line(path, rows, lambda row: not DATA.match(row) or len(row) >= ends[-1])
    lines = np.array([number for number, row in enumerate(rows, 1) if DATA.match(row)])
    if not lines.size:
        raise ValueError(f"{path}: there are no data records (AVAPS-D..); the file is cut")
    sonde, ends, widths = ends[0], ends[1:], widths[1:]  # the first column is text, the sonde's serial number
    header = [row for row in rows[:dashes] if b" COM " in row[:START]]
    names = [stacked(header, end - width, end) for end, width in zip(ends, widths, strict=True)]

    body = [rows[number - 1] for number in lines]
    columns = dict(zip(names, text.fixed(b"\n".join(body), ends, sonde, path, lines, names), strict=True))
    if missing := [name for name in ("Date yymmdd", "Time hhmmss.ss") if name not in columns]:
        raise ValueError(f"{path} line {dashes + 1}: no column {missing[0]!r} among {', '.join(names)}")
    seconds, day = clock(columns.pop("Date yymmdd"), columns.pop("Time hhmmss.ss"), path, lines)

    marks = np.frombuffer(b"".join(row[10:13] for row in body), "S1").reshape(-1, 3).astype(str)
    if (unknown := np.flatnonzero(~np.isin(marks[:, 0], list(KINDS)))).size:
        row = unknown[0]
        raise ValueError(f"{path} line {lines[row]}: kind of record {str(marks[row, 0])!r}; right is P, S or A")
    kinds = np.array([KINDS[mark] for mark in marks[:, 0]], np.int8)
    digits = np.char.add(marks[:, 1], marks[:, 2])
    if (wrong := np.flatnonzero(~np.char.isdigit(digits))).size:
        raise ValueError(f"{path} line {lines[wrong[0]]}: status digits {str(digits[wrong[0]])!r}; right is such as 00")
    status = digits.astype(np.int8)

    steps = np.diff(seconds)
    if (steps < -LARGEST_STEP).any():
        raise ValueError(f"{path}: time goes backwards at line {lines[steps.argmin() + 1]}")
    if (steps < 0).any():
        # The aircraft's clock is not the sonde's, and that is set when its receiver has satellites.
        order = np.argsort(seconds, kind="stable")
        seconds, kinds, status, lines = seconds[order], kinds[order], status[order], lines[order]
        columns = {name: values[order] for name, values in columns.items()}
        note = (
            f"time went backwards by less than a minute in {(steps < 0).sum()} records, which were put in order of time"
        )
        flags.append({"flag": "records_moved", "note": note})

    variables = {}
    time = {"long_name": "time of the record", "units": f"seconds since {day}"}
    variables["time"] = granule.Variable.of(seconds, ("time",), time, None, "Date, Time")
    variables["record_kind"] = granule.Variable.of(kinds, ("time",), KIND)
    variables["record_status"] = granule.Variable.of(status, ("time",), STATUS)
    for name, values in columns.items():
        unit = UNIT.fullmatch(name)
        fills = [MISSING[unit["name"]]] if unit and unit["name"] in MISSING else []
        fills = [] if "fill" in form["variables"].get(name, {}) else fills
        told = {"units": unit["unit"]} if unit else {}
        put(variables, flags, form["variables"], name, values, told=told, fills=fills)

    last = lines.max()
    trailer = [row[START - 1 :] for row in rows[last:] if b" COM " in row[:START]]
    told = {"Sonde ID": text.text(body[0][START:sonde].strip())} | text.labels(trailer)
    if not any(b" END " in row[:START] for row in rows[last:]):
        flags.append({"flag": "no_end_record", "note": "the D-file has no END record; its recording was cut off"})
    return variables, told, flags, lines


def stacked(header, first, last):
    """Name of a column: the words above its dashes, from top to bottom, without the line of sources above them.

    Words are centred over columns and may be wider than those; each belongs to the column that holds its middle.
    """
    words = []
    for row in header:
        for word in re.finditer(rb"\S+", row[START:]):
            if first - 1 <= START + (word.start() + word.end() - 1) / 2 < last:
                words.append(text.text(word[0]))
    return " ".join(word for word in words if word not in ("UTC", "GPS") or len(words) == 1)


def clock(dates, times, path, lines):
    """Seconds from midnight of the first record's day, and that day, from numbers `yymmdd` and `hhmmss.ss`.

    Two digits of a year from 70 on are of the last century.
    """
    hundredths = np.round(times * 100).astype(np.int64)
    hour, minute, rest = hundredths // 1_000_000, hundredths // 10_000 % 100, hundredths % 10_000
    if (wrong := np.flatnonzero((hour > 23) | (minute > 59) | (rest > 6000))).size:
        raise ValueError(f"{path} line {lines[wrong[0]]}: {times[wrong[0]]} is no time of day hhmmss.ss")
    codes, each = np.unique(dates.astype(np.int64), return_inverse=True)
    try:
        days = np.array([_day(code) for code in codes], "datetime64[D]")[each]
    except ValueError as error:
        raise ValueError(f"{path}: the date of a record: {error}") from error
    since = (days - days[0]).astype(np.int64) * 86_400
    return since + (hour * 360_000 + minute * 6_000 + rest) / 100, f"{days[0]} 00:00:00"


def _day(code):
    year = code // 10_000
    return np.datetime64(f"{1900 + year if year >= 70 else 2000 + year}-{code // 100 % 100:02}-{code % 100:02}", "D")


def attributes(path):
    """What an A-file tells of the sounding: its header, and the times of launch and end."""
    sections = re.split(rb"(?m)^\*\*\* ", b"\n".join(text.lines(path)))
    kept = [section.split(b"\n") for section in sections if section.startswith((b"Sounding Header", b"UTC Sounding"))]
    if not kept:
        raise ValueError(f"{path}: no section 'Sounding Header'; this is no AVAPS A-file")
    return text.labels([row for section in kept for row in section[1:]])
