"""IWG1 navigation packets of an aircraft, one line each.

Format: Interagency Working Group for Airborne Data and Telemetry Systems (IWGADTS), "IWG1 ASCII packet definition":
`IWG1,<ISO 8601 time>,` and 31 numbers in a fixed order, each of which may be empty.
"""

import numpy as np

from darkroom.airborne import collection, granule
from darkroom.airborne.readers import text

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

    Time is in seconds from midnight of the first day. Raises ValueError naming the line of what is wrong.
    """
    rows = text.lines(path)
    lines = np.arange(1, len(rows) + 1)
    parts = [row.split(b",", 2) for row in rows]
    if (wrong := next((at for at, part in enumerate(parts) if len(part) < 3 or part[0] != b"IWG1"), None)) is not None:
        shown = text.text(rows[wrong][:40])
        raise ValueError(f"{path} line {lines[wrong]}: {shown!r}; an IWG1 packet begins with 'IWG1,' and a time")
    try:
        times = np.array([part[1].strip().rstrip(b"Z").replace(b" ", b"T") for part in parts]).astype("U29")
        times = times.astype("datetime64[us]")
    except ValueError as error:
        raise ValueError(f"{path}: the time of a packet: {error}; right is 2013-09-15T06:13:29.000") from error
    day = times[0].astype("datetime64[D]")
    seconds = (times - day).astype(np.int64) / 1e6

    body = [part[2] for part in parts]
    names = NAMES
    if extra := body[0].count(b",") + 1 - len(NAMES):
        # Loggers add a comma at the end, or fields of their own, or leave the last ones out.
        names = NAMES[:extra] if extra < 0 else [*NAMES, *(f"Extra_{number}" for number in range(1, extra + 1))]
    columns = text.delimited(body, names, path, lines, empty=str(EMPTY).encode())
    time = {"long_name": "time of the packet", "units": f"seconds since {day} 00:00:00"}
    variables = {"time": granule.Variable.of(seconds, ("time",), time, None, "Date/Time")}
    for name, values in zip(names, columns, strict=True):
        if np.all(values == EMPTY):
            continue
        key, attrs, _ = collection.described(form["variables"], name)
        granule.add(variables, key, granule.Variable.of(values, ("time",), attrs, EMPTY, name))
    return variables, {}, text.unfinished(path), lines
