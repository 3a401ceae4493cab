"""EOL sounding format 1.1, the ASCII table of a quality-controlled dropsonde.

Format: NCAR/EOL, "EOL Sounding Data File Format": a header of `label: value` lines up to a line `/`, names, units,
and a line of dashes which draws the fixed columns of the table below it.
"""

import re

import numpy as np

from darkroom.airborne import collection, granule
from darkroom.airborne.readers import text

LAUNCH = re.compile(r"(\d{4}), *(\d{1,2}), *(\d{1,2}), *(\d{1,2}):(\d{2}):(\d{2})")
UTC = ("hh", "mm", "ss")  # the three columns below `-- UTC --`, as their units call them


def read(path, form):
    """(variables, header, flags, lines) of one sounding: rows in the order of the file, and the line of each.

    Time is in seconds since launch, to the digits of the file. Raises ValueError naming the line of what is wrong.
    """
    rows = text.lines(path)
    at = next((number for number, row in enumerate(rows) if row.startswith(b"---")), None)
    if at is None or at < 3:
        raise ValueError(f"{path}: no line of dashes below a header; this is no EOL sounding file")
    header = text.labels(rows[: at - 2])
    ends, _ = text.dash_ends(rows[at])
    names, units = (text.text(row).split() for row in rows[at - 2 : at])
    for what, found, line in (("names", names, at - 1), ("units", units, at)):
        if len(found) != len(ends):
            raise ValueError(f"{path} line {line}: {len(found)} {what} above {len(ends)} columns of dashes")
    names = [unit if unit in UTC else name for name, unit in zip(names, units, strict=True)]
    launch = launch_time(path, header)
    body = rows[at + 1 :]
    if not body:
        raise ValueError(f"{path}: there is no data below the header; the file is cut")
    lines = np.arange(at + 2, at + 2 + len(body))
    columns = dict(zip(names, text.fixed(body, ends, 0, path, lines, names), strict=True))

    variables = {}
    for name, unit in zip(names, units, strict=True):
        if name in UTC:
            continue
        try:
            key, attrs, fill = collection.described(form["variables"], name, unit)
        except ValueError as error:
            raise ValueError(f"{path} line {at}: {error}") from error
        if key == "time":
            attrs["units"] = f"seconds since {launch}"
        granule.add(variables, key, granule.Variable.of(columns[name], ("time",), attrs, fill, name))
    return variables, header, utc_flags(columns, launch), lines


def launch_time(path, header):
    """`YYYY-MM-DD hh:mm:ss` of the launch, as the header has it."""
    label = next((label for label in header if label.startswith("UTC Launch Time")), None)
    found = LAUNCH.fullmatch(header[label]) if label else None
    if not found:
        shown = header.get(label, "missing")
        raise ValueError(f"{path}: UTC Launch Time is {shown!r}; right is '2012, 09, 07, 12:41:16'")
    year, month, day, hour, minute, second = map(int, found.groups())
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"


def utc_flags(columns, launch):
    """A flag where the UTC columns do not tell the time that launch and `Time` do, to a second."""
    if not all(name in columns for name in (*UTC, "Time")):
        return []
    clock = columns["hh"] * 3600 + columns["mm"] * 60 + columns["ss"]
    hour, minute, second = map(int, launch[11:].split(":"))
    apart = (clock - (hour * 3600 + minute * 60 + second + columns["Time"]) + 43_200) % 86_400 - 43_200
    off = int(np.count_nonzero((np.abs(apart) > 1) & (columns["hh"] >= 0)))
    return (
        [{"flag": "utc_disagrees", "note": f"UTC differs from launch + Time by over 1 s in {off} rows"}] if off else []
    )
