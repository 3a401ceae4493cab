"""Where the camera of an image was, from SPICE kernels: what its label needs, what is missing, and its description."""

import re

import numpy as np

from darkroom.planetary.geometry import kernels, spice
from darkroom.planetary.instruments import registry
from darkroom.planetary.instruments.calibrate import ephemeris_time
from darkroom.planetary.instruments.ingest import plain


def need(groups):
    """What an image needs kernels of, by the groups of its cube.

    Raises ValueError where they tell no time, no code of NAIF, or no body that SPICE knows.
    """
    instrument, codes = groups["Instrument"], groups["Kernels"]
    code = codes.get("NaifIkCode") or codes.get("NaifFrameCode")
    if code is None or "StartTime" not in instrument:
        raise ValueError("the label tells no NaifIkCode or no StartTime, by which kernels are chosen")
    start = _time(instrument["StartTime"])
    stop = _time(instrument["StopTime"]) if instrument.get("StopTime") else start
    body, _ = spice.body(instrument["TargetName"])
    return kernels.Need(int(code), body, start, max(start, stop), groups)


def _time(value):
    """Ephemeris time of a UTC of a label, whose day may be one of the year."""
    text = str(plain(value))
    if by_day := re.match(r"(\d{4})-(\d{3})(T.*)", text):
        year, day, clock = by_day.groups()
        text = f"{np.datetime64(year, 'D') + (int(day) - 1)}{clock}"
    return ephemeris_time(text)


def described(cube, places, kernels_found=None):
    """The camera description of an image, and the paths of the kernels that it is made of.

    cube -- with groups, lines, samples and tables; places -- metakernels, folders or kernels
    kernels_found -- the file of what they cover, where that has been looked up (kernels.write)

    Raises ValueError naming the camera, or what the kernels have not by body, frame and time.
    """
    sensor = registry.sensor_of(cube.groups)
    indexes = kernels.read(str(kernels_found)) if kernels_found else None
    paths = kernels.chosen(places, need(cube.groups), indexes)
    spice.furnish(paths)
    target = cube.groups["Instrument"]["TargetName"]
    return spice.description(sensor(cube, spice), target, cube.lines, cube.samples), paths
