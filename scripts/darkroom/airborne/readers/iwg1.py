"""IWG1 navigation packets of an aircraft, one line each.

Format: Interagency Working Group for Airborne Data and Telemetry Systems (IWGADTS), "IWG1 ASCII packet definition":
`IWG1,<ISO 8601 time>,` and 31 numbers in a fixed order, each of which may be empty. Some loggers put the names of the
columns above.
"""

import numpy as np

from darkroom.airborne import granule, times
from darkroom.airborne.readers import text
from darkroom.airborne.readers.columns import put

# fmt: off
NAMES = [
    "Lat", "Lon", "GPS_MSL_Alt", "WGS_84_Alt", "Press_Alt", "Radar_Alt", "Grnd_Spd", "True_Airspeed",
    "Indicated_Airspeed", "Mach_Number", "Vert_Velocity", "True_Hdg", "Track", "Drift", "Pitch", "Roll", "Side_slip",
    "Angle_of_Attack", "Ambient_Temp", "Dew_Point", "Total_Temp", "Static_Press", "Dynamic_Press", "Cabin_Pressure",
    "Wind_Speed", "Wind_Dir", "Vert_Wind_Spd", "Solar_Zenith", "Sun_Elev_AC", "Sun_Az_Grd", "Sun_Az_AC",
]
# fmt: on
EMPTY = -9999.0


def read(path, form):
    """(variables, header, flags, lines) of one file. An empty field becomes -9999; a column of these is left out.

    Time is in seconds from midnight of the first day; a last line that is cut is left out. Raises ValueError naming the
    line of what is wrong.
    """
    rows = text.lines(path)
    rows, end_flags = text.without_cut_line(path, rows, lambda row: row.count(b",") == rows[-2].count(b","))
    above = next((at for at, row in enumerate(rows) if row.startswith(b"IWG1")), 0)
    header = [field.strip() for field in text.text(rows[0]).split(",")][2:] if above == 1 else []
    if above > 1:
        raise ValueError(f"{path} line {above}: {above} lines above the first packet; right is one with names, or none")
    if header and [name[:3].lower() for name in header[:2]] != ["lat", "lon"]:
        raise ValueError(f"{path} line 1: the columns are {', '.join(header[:2])}, ..; right is the order of IWG1")
    rows = rows[above:]
    lines = np.arange(1, len(rows) + 1) + above
    parts = [row.split(b",", 2) for row in rows]
    if (wrong := next((at for at, part in enumerate(parts) if len(part) < 3 or part[0] != b"IWG1"), None)) is not None:
        shown = text.text(rows[wrong][:40])
        raise ValueError(f"{path} line {lines[wrong]}: {shown!r}; an IWG1 packet begins with 'IWG1,' and a time")
    moments = _moments(path, [part[1].strip() for part in parts], lines)
    seconds, since = times.since_midnight(moments)

    body = [part[2] for part in parts]
    names = NAMES
    if extra := body[0].count(b",") + 1 - len(NAMES):
        # Loggers add a comma at the end, or fields of their own, or leave the last ones out.
        more = header[len(NAMES) :] if len(header) == len(NAMES) + extra else []
        more = [name or f"Extra_{number}" for number, name in enumerate(more or [""] * extra, 1)]
        names = NAMES[:extra] if extra < 0 else [*NAMES, *more]
    columns = text.delimited(body, names, path, lines, empty=str(EMPTY).encode())
    flags = []
    if header and len(header) not in (len(names), len(NAMES)):
        note = f"the line of names has {len(header)} columns, the packets {len(names)}; they are named by their order"
        flags.append({"flag": "names_of_columns", "note": note})
    time = {"long_name": "time of the packet", "units": since}
    variables = {"time": granule.Variable.of(seconds, ("time",), time, None, "Date/Time")}
    for name, values in zip(names, columns, strict=True):
        if not np.all(values == EMPTY):
            put(variables, flags, form["variables"], name, values, fills=[EMPTY])
    return variables, {}, flags + end_flags, lines


def _moments(path, texts, lines):
    """Times of packets as datetime64[ns]: all at once where they are plain, one by one where there are zones."""
    try:
        plain = np.array([one.removesuffix(b"Z").replace(b" ", b"T") for one in texts]).astype("U29")
        moments = plain.astype("datetime64[ns]")
        if not times.FIRST <= moments.min() <= moments.max() < times.LAST:
            raise ValueError(f"{texts[int(moments.argmin())].decode()} is no time of a flight")
        return moments
    except ValueError:
        pass
    moments = np.empty(len(texts), "datetime64[ns]")
    for at, one in enumerate(texts):
        try:
            moments[at] = times.moment(text.text(one))
        except ValueError as error:
            message = f"{path} line {lines[at]}: the time of a packet: {error}"
            raise ValueError(message) from error
    return moments
