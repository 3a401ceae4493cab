"""Radiometric calibration of ingested cubes: what the cameras' files share.

Formulas are those of the instruments' teams and of the programs of USGS ISIS, whose pixels they equal to the last bit
of a float32 where not said otherwise.
"""

import logging
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import registry
from darkroom.planetary.notes import noted
from darkroom.planetary.recipes import CUBE

logger = logging.getLogger(__name__)

CALIBRATED = ("RadiometricCalibration", "Radiometry")  # groups that a calibration leaves behind
ROWS = 32  # lines of a block, so that it stays in the processor's cache
NEGLIGIBLE = 1e-12  # of a pixel
AU = 1.49597870691e8  # km, as in ISIS
J2000 = np.datetime64("2000-01-01T12:00:00", "us")
# Days on which TAI - UTC grew by a second, to 30 s on the first of them (IERS Bulletin C).
LEAP_SECONDS = np.array(
    ["1996-01-01", "1997-07-01", "1999-01-01", "2006-01-01", "2009-01-01", "2012-07-01", "2015-07-01", "2017-01-01"],
    "M8[us]",
)


class Result(NamedTuple):
    """A calibrated image, and plain sentences on what was done and what was left out."""

    image: cubes.Image
    done: list
    skipped: list


@dataclass
class Notes:
    """What a calibration tells of itself: sentences, keywords of its group, names of the tables that it used."""

    done: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    keywords: dict = field(default_factory=dict)
    sources: list = field(default_factory=list)


def image(cube, options, camera=None):
    """Calibrate a cube; pixels are computed as the blocks of the image are read, but MDIS's.

    options -- those of the section `calibration` that the camera has; a step whose file is not given is left out, and
        the notes say so
    camera -- by default the one of ours that made the cube

    Raises ValueError when no camera of ours knows the instrument, and when the cube has been calibrated before.
    """
    if done := [name for name in CALIBRATED if name in cube.groups]:
        raise ValueError(f"{cube.path}: is calibrated already, it has a group {done[0]}; give the ingested cube")
    try:
        camera = camera or registry.of_cube(cube.groups)
        settings = camera.settings("calibration", options)
        return camera.calibrate(cube, settings)
    except KeyError as error:
        raise ValueError(f"{cube.path}: the calibration of {camera.name} misses something: {error.args[0]}") from error


def write(path, calibrated, asked):
    """Calibrate a cube of a file; what was done and what was left out goes into the label of the new one.

    asked -- recipe, the option `calibration`, and `camera`: the file of one of the user's own
    """
    cube = cubes.Cube(path)
    if is_calibrated(cube):
        made = passed_on(cube, ["calibrated before, as its label tells"])
    elif "Mapping" in cube.groups:
        made = passed_on(cube, skipped=["calibration: the source is a map"])
    elif asked["recipe"] == CUBE and not registry.calibrates(cube.groups):
        made = passed_on(cube, skipped=["calibration: our own code has none of this instrument"])
    else:
        camera = None if asked["recipe"] == CUBE else registry.of_recipe(asked["recipe"], asked.get("camera", ""))
        made = image(cube, asked["calibration"], camera)
    for step in made.skipped:
        logger.warning("skipped: %s", step)
    made.image.groups = noted(made.image.groups, made.done, made.skipped)
    cubes.write(calibrated, made.image)


def is_calibrated(cube):
    """Whether a cube, or the one that a map was made of, has been calibrated."""
    return any(name in cube.groups for name in CALIBRATED)


def passed_on(cube, done=(), skipped=()):
    """A cube that is not calibrated here, as it is."""
    return Result(cube.image(blocks=cube.stored()), list(done), list(skipped))


def radiance(cube, options, units):
    """Take a cube's numbers as the radiance they are, in the archive's units; I/F cannot be had."""
    notes = Notes(done=["radiance: calibrated and scaled by the archive's product"], keywords={"Units": units})
    if options["units"] == "iof":
        notes.skipped.append("I/F: there is no public factor, the units are radiance")
    return result(cube, cube.blocks(ROWS), notes, "RadiometricCalibration")


def result(cube, blocks, notes, group="Radiometry", **groups):
    """A cube with other pixels, in float32: some groups replaced, and one that tells of the calibration."""
    groups = cube.groups | groups | {group: pvl.Block(notes.keywords, "Group", group)}
    made = cube.image(blocks=blocks, dtype="f4", base=0.0, multiplier=1.0, groups=groups)
    return Result(made, notes.done, notes.skipped)


def one_line(path, samples, first=0):
    """Values (samples,) of the first line of a cube, from a sample on; NaN where special.

    Raises ValueError when the cube is too narrow.
    """
    values, _ = cubes.Cube(path).read(0, 1)
    if values.shape[1] < first + samples:
        raise ValueError(f"{path}: {values.shape[1]} samples; the image needs {first + samples}")
    return values[0, first : first + samples]


def empty_where_nan(values, codes):
    """Codes of an image in which steps have left pixels without a number: these become NULL."""
    nan = np.isnan(values)
    if not nan.any():
        return codes
    return np.where(nan, cubes.NULL if codes is None else np.where(codes == 0, cubes.NULL, codes), 0).astype("u1")


def recursion(values, factors, lag):
    """Solve y[i] = x[i] + f[i] y[i - lag] along the first axis, in place of x; f[i] is nothing for i < lag.

    By doubling: y[i - lag] is put in, which leaves an equation of the same form over twice the lag, until its factors
    are all negligible. factors (n, 1) or (n, m) for values (n, m) are used up.
    """
    factors[:lag] = 0
    while lag < len(values) and np.abs(factors).max() > NEGLIGIBLE:
        values[lag:] += factors[lag:] * values[:-lag]
        factors[lag:] = factors[lag:] * factors[:-lag]
        factors[:lag] = 0
        lag *= 2


def solar_distance(cube, options, delay=0.0):
    """Kilometres from the Sun to the target at the start of the image plus a delay (s), and where that is from.

    It is the option, else the length of SunPosition in the cube's tables as ISIS takes it, else what the product's own
    label says; (None, "") when none has it.
    """
    if options.get("solar_distance"):
        return float(options["solar_distance"]) * AU, "the option solar_distance"
    if "SunPosition" in cube.tables:
        time = ephemeris_time(cube.groups["Instrument"]["StartTime"]) + delay
        return float(np.linalg.norm(position(cube.table("SunPosition"), time))), "the cube's SunPosition"
    stated = original(cube).get("SOLAR_DISTANCE")
    if isinstance(stated, pvl.Quantity) and stated.unit.upper() == "KM":
        return float(stated), "the product's label (SOLAR_DISTANCE)"
    return None, ""


def original(cube):
    """The label of the product that a cube was made from."""
    return pvl.loads(cube.original.decode("utf-8", "surrogateescape"))


def position(table, time):
    """Where a body was (3,), between the records of a table of positions (ISIS's class SpicePosition).

    The table says by CacheType whether velocities are used (Hermite's cubic) or the way is straight.
    """
    records = table.records
    places = np.stack([records[f"J2000{axis}"] for axis in "XYZ"], axis=1)
    if len(records) == 1:
        return places[0]
    times = records["ET"]
    before = int(np.clip(np.searchsorted(times, time, "right") - 1, 0, len(times) - 2))
    step = times[before + 1] - times[before]
    part = (time - times[before]) / step
    near, far = places[before], places[before + 1]
    straight = near + part * (far - near)
    if table.keywords.get("CacheType") != "HermiteSpline":
        return straight
    start, end = (np.array([records[f"J2000{axis}V"][before + more] for axis in "XYZ"]) * step for more in (0, 1))
    bend = (1 - part) * (start - (far - near)) - part * (end - (far - near))
    return straight + part * (1 - part) * bend


def ephemeris_time(utc):
    """Seconds of barycentric dynamical time past J2000 for a UTC, to 2 ms (its yearly swing is left out)."""
    time = np.datetime64(utc.rstrip("Z"), "us")
    return (time - J2000) / np.timedelta64(1, "s") + float(29 + (time >= LEAP_SECONDS).sum()) + 32.184


def number(value):
    """A number as ISIS writes it into labels, with some 15 digits (toString of IString)."""
    if value == 0:
        return "0.0"
    size = math.log10(abs(value))
    if not -3 <= size <= 13:
        mantissa, exponent = f"{value:.14e}".split("e")
        return f"{_short(mantissa)}e{exponent}"
    before = int(size) + (abs(value) >= 1)
    return _short(f"{value:.{14 - before}f}")


def _short(text):
    if "." not in text:
        return text
    text = text.rstrip("0")
    return f"{text}0" if text.endswith(".") else text
