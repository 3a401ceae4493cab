"""EOL sounding format 1.1, the ASCII table of a quality-controlled dropsonde, and the older sounding composite format.

Format: NCAR/EOL, "EOL Sounding Data File Format" and "EOL Sounding Composite (ESC) Format": a header of `label: value`
lines with a line `/`, names, units, and a line of dashes which draws the fixed columns of the table below it.
"""

import re

import numpy as np

from darkroom.airborne import times
from darkroom.airborne.readers import text
from darkroom.airborne.readers.columns import put

LAUNCH = re.compile(r"(\d{4}), *(\d{1,2}), *(\d{1,2}), *(\d{1,2}):(\d{2}):(\d{2})")
LABELS = ("UTC Launch Time", "UTC Release Time", "GMT Launch Time")
MISSING = -999.0
# What means missing in the columns of the composite format; quality codes are 99.0 where nothing was checked.
COMPOSITE = {
    "Press": 9999.0, "Temp": 999.0, "Dewpt": 999.0, "RH": 999.0, "Ucmp": 9999.0, "Vcmp": 9999.0, "spd": 999.0,
    "dir": 999.0, "Wcmp": 999.0, "Lon": 9999.0, "Lat": 999.0, "Ele": 999.0, "Rng": 999.0, "Azi": 999.0, "Alt": 99999.0,
}  # fmt: skip
UTC = ("hh", "mm", "ss")  # the three columns below `-- UTC --`, as their units call them


def read(path, form):
    """(variables, header, flags, lines) of one sounding: rows in the order of the file, and the line of each.

    Time is in seconds since launch, to the digits of the file. Raises ValueError naming the line of what is wrong.
    """
    whole = text.content(path)
    head, dashes, rest = whole.partition(b"\n---")
    under, _, body = rest.partition(b"\n")
    rows = [*text.stripped(head), (b"---" + under).rstrip()]
    at = len(rows) - 1
    if not dashes or at < 3:
        raise ValueError(f"{path}: no line of dashes below a header; this is no EOL sounding file")
    header = text.labels(rows[: at - 2])
    ends, _ = text.dash_ends(rows[at])
    names, units = (text.text(row).split() for row in rows[at - 2 : at])
    for what, words, line in (("names", names, at - 1), ("units", units, at)):
        if len(words) != len(ends):
            raise ValueError(f"{path} line {line}: {len(words)} {what} above {len(ends)} columns of dashes")
    if b"\nData Type" in body:
        rows = text.stripped(whole)
        several = [line for line, row in enumerate(rows, 1) if row.startswith((b"Data Type:", b"Data Type/"))]
        begin = " and ".join(f"line {line}" for line in several[:2])
        raise ValueError(f"{path}: {len(several)} soundings, which begin at {begin}; a granule is one: split the file")
    names = [unit if unit in UTC else name for name, unit in zip(names, units, strict=True)]
    launch = launch_time(path, header)
    if not body:
        raise ValueError(f"{path}: there is no data below the header; the file is cut")
    lines = np.arange(at + 2, at + 2 + body.count(b"\n") + 1)
    columns = dict(zip(names, text.fixed(body, ends, 0, path, lines, names), strict=True))

    variables, flags = {}, utc_flags(columns, launch)
    composite = any(label.startswith("UTC Release Time") for label in header)
    for name, unit in zip(names, units, strict=True):
        if name in UTC:
            continue
        told = {} if unit == "code" else {"units": unit}
        missing = COMPOSITE.get(name) if composite else MISSING
        entry = form["variables"].get(name, {})
        fills = [] if missing is None or "fill" in entry else [missing]
        try:
            key, variable = put(variables, flags, form["variables"], name, columns[name], told=told, fills=fills)
        except ValueError as error:
            raise ValueError(f"{path} line {at}: {error}") from error
        if key == "time":
            variable.fill = None if "fill" not in entry else variable.fill
            variable.attrs["units"] = f"seconds since {launch}"
    return variables, header, flags, lines


def launch_time(path, header):
    """`YYYY-MM-DD hh:mm:ss` of the launch, as the header has it."""
    label = next((label for label in header if label.startswith(LABELS)), None)
    match = LAUNCH.fullmatch(header[label]) if label else None
    if not match:
        shown = header.get(label, "missing")
        raise ValueError(f"{path}: {LABELS[0]} is {shown!r}; right is '2012, 09, 07, 12:41:16'")
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        moment = times.moment(f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    except ValueError as error:
        raise ValueError(f"{path}: {LABELS[0]}: {error}") from error
    return str(moment)[:19].replace("T", " ")


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
