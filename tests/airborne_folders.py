"""A folder as managers of campaigns have it: granules of several collections, bad ones among them, and other files."""

import functools
import tempfile
from pathlib import Path

from darkroom.samples import airborne

ROWS = 60  # of a short dropsonde

# What a user writes for dropsondes of a campaign of his own; the format is known.
COLLECTION = r"""
short_name: stormsondes
version: "3"
title: Dropsondes of a storm of ours
summary: Made-up soundings in the format of NCAR
doi: 10.1000/stormsondes
project: STORM
platform: {short_name: DC-8, long_name: Douglas DC-8}
instrument: {short_name: AVAPS, long_name: Advanced Vertical Atmospheric Profiling System}
institution: Nobody
keywords: [EARTH SCIENCE > ATMOSPHERE > ATMOSPHERIC TEMPERATURE > UPPER AIR TEMPERATURE]
url_path: storms/{date}
formats:
  - names: 'storm_(?P<granule>(?P<date>\d{8})_drop\d+)\.txt'
    granule: storm_{granule}
    sample_file_name: storm_20120906_drop1.txt
    reader: eol
    feature: trajectory
    variables:
      Time: {name: time, standard_name: time, long_name: time since launch}
      Press: {name: p, standard_name: air_pressure, long_name: pressure, units: hPa, fill: -999, valid_range: [0, 1100]}
      Temp: {name: t, standard_name: air_temperature, long_name: temperature, units: degC, fill: -999}
      Dewpt: {name: td, standard_name: dew_point_temperature, long_name: dew point, units: degC, fill: -999}
      RH: {name: rh, standard_name: relative_humidity, long_name: relative humidity, units: percent, fill: -999}
      Uwind: {name: u, standard_name: eastward_wind, long_name: wind to the east, units: m s-1, fill: -999}
      Vwind: {name: v, standard_name: northward_wind, long_name: wind to the north, units: m s-1, fill: -999}
      Wspd: {name: speed, standard_name: wind_speed, long_name: wind speed, units: m s-1, fill: -999}
      Dir: {name: direction, standard_name: wind_from_direction, long_name: wind direction, units: degree, fill: -999}
      dZ: {name: w, standard_name: platform_heave_rate_up, long_name: rate of ascent, units: m s-1, fill: -999}
      GeoPoAlt: {name: z, standard_name: geopotential_height, long_name: geopotential height, units: m, fill: -999}
      Lon: {name: longitude, standard_name: longitude, long_name: longitude, units: degrees_east, fill: -999}
      Lat: {name: latitude, standard_name: latitude, long_name: latitude, units: degrees_north, fill: -999}
      GPSAlt: {name: altitude, standard_name: altitude, long_name: altitude, units: m, fill: -999, positive: up}
files:
  - {regex: '.+\.nc', bucket: public, type: data, sample_file_name: storm_20120906_drop1.nc}
"""
# The same names as those of a shipped collection.
RIVAL = (
    COLLECTION.replace("stormsondes", "rivalsondes")
    .replace(r"storm_(?P<granule>(?P<date>\d{8})_drop\d+)\.txt", r"(?P<granule>D(?P<date>\d{8})_\d{6}_both\.QC)\.eol")
    .replace("granule: storm_{granule}", "granule: '{granule}'")
    .replace("storm_20120906_drop1.txt", "D20120906_224116_both.QC.eol")
)


@functools.cache
def short_sonde():
    """(header, table) of the first generated dropsonde down to some rows, as lines."""
    with tempfile.TemporaryDirectory() as folder:
        airborne.eol_sonde(Path(folder), "2012-09-06T22:41:16", -61.555444, 31.572562, 1)
        lines = next(Path(folder).iterdir()).read_bytes().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith(b"---")) + 1
    return lines[:first], lines[first : first + ROWS]


def with_(lines, number, old, new):
    """Lines with something else in one of them."""
    assert old in lines[number]
    return [*lines[:number], lines[number].replace(old, new), *lines[number + 1 :]]


def without_position(line):
    """A line of the table whose longitude and latitude are missing."""
    return line[:101] + b" -999.000000 -999.000000" + line[125:]


SONDE = "D20120906_224116_{}.QC.eol"
# The revision in the name of a dropsonde -> its content made of a good (header, table), and what is said of it.
BAD_SONDES = {
    "empty": (lambda header, table: [], ": the file is empty"),
    "cut": (
        lambda header, table: [*header, *table, table[0][:94]],
        " line 75: 94 characters, but the columns end at 134",
    ),
    "headless": (lambda header, table: header[:8], ": no line of dashes below a header"),
    "bodyless": (lambda header, table: header, ": there is no data below the header; the file is cut"),
    "wide": (
        lambda header, table: header + with_(table, 20, b"\n", b" 1.00\n"),
        " line 35: 139 characters, but the columns end at 134",
    ),
    "dashes": (
        lambda header, table: with_(header, -1, b" --------\n", b"\n") + table,
        " line 12: 17 names above 16 columns of dashes",
    ),
    "backwards": (
        lambda header, table: [*header, *table[:30], table[31], table[30], *table[32:]],
        ": time goes backwards at line 46",
    ),
    "nowhere": (lambda header, table: [*header, *map(without_position, table)], ": all positions are missing"),
    "degree": (
        lambda header, table: header + with_(table, 20, b" 70.81", b" 70.8\xb0"),
        " line 35: '70.8°' in the column Press is no number",
    ),
    "zeros": (lambda header, table: [*header, *table, bytes(400)], " line 75: zero bytes in a text file"),
    "web": (lambda header, table: [b"<html>504 Gateway Time-out</html>\n"], ": no line of dashes below a header"),
    "launch": (
        lambda header, table: with_(header, 5, b"2012, 09, 06", b"Thursday") + table,
        ": UTC Launch Time is 'Thursday, 22:41:16'; right is",
    ),
}
ICARTT = "IMPACTS_AVAPS_P3B_202202081429_{}.ict"
BAD_ICARTT = {
    "R1": (lambda lines: with_(lines, 50, b"\n", b",1\n"), " line 51: 16 columns, but the header has 15"),
    "R2": (
        lambda lines: with_(lines, 0, b"38", b"40"),
        ": line 1 says 40 header lines, but the header ends at line 38",
    ),
    "R3": (lambda lines: with_(lines, 37, b",RH,", b",HR,"), " line 38: the columns are"),
    "R4": (lambda lines: lines[:30], ": line 1 says 38 header lines, but the file has 30 lines; it is cut"),
    "R5": (lambda lines: [*lines[:-2], lines[-2][:40]], " line 1156: 7 columns, but the header has 15"),
}
LIDAR = "HS3_CPL_ATB_{}_20120906.hdf5"
BAD_LIDAR = {
    "12204a": (lambda content: content[: len(content) // 2], ": the file is cut: 62320 bytes"),
    "12205a": (lambda content: b"", ": the file is empty"),
}
TWIN = "D20120906_224116_twin.QC"
BOTH = "D20120906_224116_both.QC.eol"
# File name -> the line that is said of it, or a part of that.
BAD = {
    f"{TWIN}.eol": f"two granules have the id {TWIN}: day 1/{TWIN}.eol and day 2/{TWIN}.eol",
    BOTH: f"{BOTH}: the name matches two collections, hs3avaps (",
} | {
    name.format(word): name.format(word) + told
    for name, several in ((SONDE, BAD_SONDES), (ICARTT, BAD_ICARTT), (LIDAR, BAD_LIDAR))
    for word, (_, told) in several.items()
}
GOOD = {
    "D20120906_224116_1.QC",
    "D20120906_224116_2.QC",  # the same with the line ends of Windows
    "D20120906_224116_latin1.QC",
    ICARTT.format("R0").removesuffix(".ict"),
    LIDAR.format("12203a").removesuffix(".hdf5"),
    "storm_20120906_drop1",
}
UNKNOWN = {"README.md", "D20120906_224116_1.QC.eol.md5", "day 1/.D20120906_224116_1.QC.eol.part", "day 2/D2012.QC.eol"}


def write(folder):
    """Write the folder of GOOD, BAD and UNKNOWN files, two folders deep."""
    header, table = short_sonde()
    content = {
        "day 1/D20120906_224116_1.QC.eol": header + table,
        "day 1/D20120906_224116_latin1.QC.eol": with_(header, 8, b"nobody", "José, 20 °C".encode("latin-1")) + table,
        "day 1/D20120906_224116_2.QC.eol": [line.replace(b"\n", b"\r\n") for line in header + table],
        "day 1/storm_20120906_drop1.txt": header + table,
        BOTH: header + table,
        **{f"day {day}/{TWIN}.eol": header + table[: 20 * day] for day in (1, 2)},
        **{SONDE.format(word): spoil(header, table) for word, (spoil, _) in BAD_SONDES.items()},
        **{name: [b"what no collection knows\n"] for name in UNKNOWN},
    }
    folder.mkdir()
    airborne.icartt_sonde(folder)
    airborne.lidar(folder, 90, 60)
    lines = (folder / ICARTT.format("R0")).read_bytes().splitlines(keepends=True)
    content |= {ICARTT.format(word): spoil(lines) for word, (spoil, _) in BAD_ICARTT.items()}
    whole = (folder / LIDAR.format("12203a")).read_bytes()
    content |= {LIDAR.format(word): [spoil(whole)] for word, (spoil, _) in BAD_LIDAR.items()}
    for name, lines in content.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(lines))


def state(folder):
    """Everything of a folder: path -> (time of change, bytes of a file)."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in [folder, *folder.rglob("*")]
    }
