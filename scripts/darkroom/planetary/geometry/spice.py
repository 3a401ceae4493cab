"""Where a camera stood and looked, by SPICE kernels: camera descriptions as ALE writes them, which `isd` reads.

Formulas: NAIF's required reading (SPK, CK, frames, SCLK); what is asked of it, and in which order, is as in ISIS's
classes Spice, SpicePosition and SpiceRotation, and in the drivers of ALE. Which kernels are loaded: `kernels`.

Units are those of ISIS: km, km/s, seconds of ephemeris time past J2000.
"""

import contextlib
import itertools
import math
import operator

import numpy as np
import spiceypy
from spiceypy.utils.exceptions import SpiceyError

from darkroom.planetary.geometry.isd import LINE_SCAN
from darkroom.planetary.geometry.sensor import spacecraft

J2000 = 1  # NAIF's code of the frame
EPOCH = np.datetime64("2000-01-01T12:00:00")  # of ephemeris time
BY_POINTING, FIXED = 3, 4  # classes of frames: of CK kernels, and those that do not turn against another
SHORT = 1000  # lines from which a scan is long: of so many one has a position and pointing of its own, or more often
LINES, RATE = 10, 10
LIGHT = 299792.458  # km/s
TEXT = (".tls", ".tsc", ".tf", ".ti", ".tpc")  # kernels that are read into a pool of keywords
MOST_KEYWORDS = 10000

_loaded: list[str] = []  # kernels that SPICE holds, in their order


class KernelError(ValueError):
    """What an image needs is not in the kernels."""


def furnish(paths):
    """Load these kernels, in their order, and no others; what was loaded before stays where both lists begin alike.

    Raises KernelError naming a kernel that cannot be read.
    """
    paths = [str(path) for path in paths]
    same = sum(itertools.takewhile(bool, map(operator.eq, _loaded, paths)))
    if any(path.lower().endswith(TEXT) for path in _loaded[same:]):
        forget()
        same = 0
    while len(_loaded) > same:
        spiceypy.unload(_loaded.pop())
    for path in paths[same:]:
        with saying(f"{path}: SPICE cannot load it"):
            spiceypy.furnsh(path)
        _loaded.append(path)


def forget():
    """Unload all kernels."""
    spiceypy.kclear()
    _loaded.clear()


@contextlib.contextmanager
def saying(text):
    """Say in a line what could not be had, instead of SPICE's page."""
    try:
        yield
    except SpiceyError as error:
        raise KernelError(f"{text} ({error.short})") from error


# What cameras ask


def clock(code, count):
    """Ephemeris time of a count of the spacecraft clock; code -- of the spacecraft or of one of its clocks."""
    with saying(f"no SCLK kernel of {code} tells the time of {count}"):
        return spiceypy.scs2e(code, str(count))


def ticks(code, count):
    """Ephemeris time of a number of ticks of a spacecraft clock."""
    with saying(f"no SCLK kernel of {code} tells the time of {count} ticks"):
        return spiceypy.sct2e(code, float(count))


def utc(time):
    """Ephemeris time of a UTC."""
    with saying(f"no LSK kernel tells the time of {time}"):
        return spiceypy.str2et(str(time).rstrip("Zz"))


def numbers(code, name, default=None):
    """Numbers of an instrument's keyword. Raises KernelError where there are none, and no default."""
    return _pool(f"INS{code}_{name}", default, "in the IK of NAIF or the addendum (iak) of ISIS")


def number(code, name, default=None):
    """The first number of an instrument's keyword."""
    return numbers(code, name, None if default is None else [default])[0]


def has_frame(code):
    """Whether a kernel defines a frame."""
    return bool(spiceypy.frmnam(code))


# The description


def description(sensor, target, lines, samples):
    """A camera description (ISD) of an image, from the kernels that are loaded.

    target -- the body that it shows, by name

    Raises KernelError naming the body, frame or keyword, and the time, of what no kernel has.
    """
    code, name = body(target)
    frame = body_frame(code, name)
    times = [(sensor.start + sensor.stop) / 2] if sensor.is_frame else spread(sensor, lines)
    ends = times if sensor.is_frame else [times[0], times[-1]]
    keywords = pool(f"BODY{code}_*") | pool(*(f"INS{one}_*" for one in (sensor.code, *sensor.also)))
    return {
        "image_lines": lines,
        "image_samples": samples,
        "center_ephemeris_time": (sensor.start + sensor.stop) / 2,
        **sensor.entries,
        "naif_keywords": {"BODY_CODE": code, "BODY_FRAME_CODE": frame, **keywords},
        "radii": _radii(code, name),
        "body_rotation": rotation(frame, ends),
        "instrument_pointing": _pointing(sensor, times),
        "instrument_position": position(sensor, code, times),
        "sun_position": _listed(ends, [state("SUN", time, code, "LT+S") for time in ends]),
    }


def spread(sensor, lines):
    """Times of positions and pointing: at every line, but in long scans at every tenth, or ten times a second."""
    count = lines
    if sensor.entries["name_model"] == LINE_SCAN and lines >= SHORT:
        count = min(lines, max(lines // LINES, math.ceil((sensor.stop - sensor.start) * RATE)))
    return np.linspace(sensor.start, sensor.stop, count + 1)


def body(target):
    """NAIF's code and name of a body. Raises KernelError where SPICE knows none of the name."""
    try:
        return spiceypy.bods2c(str(target)), str(target)
    except SpiceyError as error:
        raise KernelError(f"TargetName = {target} is no body that SPICE knows") from error


def body_frame(code, name):
    """NAIF's code of the frame that turns with a body."""
    try:
        return spiceypy.cidfrm(code)[0]
    except SpiceyError as error:
        raise KernelError(f"no FK or PCK kernel defines a frame of {name} ({code})") from error


def state(target, time, observer, correction):
    """State (6,) of a body seen from another, in J2000, and the time of the light on its way in seconds."""
    with saying(f"no SPK kernel has the position of {label(target)} from {label(observer)} at {told(time)}"):
        return spiceypy.spkezr(str(target), time, "J2000", correction, str(observer))


def position(sensor, target, times):
    """Entry instrument_position: the spacecraft seen from the body, by the way of light that the camera's keywords say.

    Those keywords are ISIS's: LIGHTTIME_CORRECTION, SWAP_OBSERVER_TARGET (the body is seen from the spacecraft, turned
    round) and LT_SURFACE_CORRECT (light comes from the surface, not from the centre).
    """
    correction = _word(sensor.code, "LIGHTTIME_CORRECTION", sensor.correction)
    swapped = _word(sensor.code, "SWAP_OBSERVER_TARGET", "FALSE") == "TRUE"
    from_surface = _word(sensor.code, "LT_SURFACE_CORRECT", "FALSE") == "TRUE" and correction == "LT+S"
    seen, observer = (target, spacecraft(sensor.code)) if swapped else (spacecraft(sensor.code), target)
    states = [state(seen, time, observer, correction) for time in times]
    if from_surface:
        radii = _pool(f"BODY{target}_RADII", None, "in a PCK kernel")
        nearer = (radii[0] + radii[2]) / 2 / LIGHT
        states = [
            (_from_sun(seen, time - light + nearer) - _from_sun(observer, time), light)
            for time, (_, light) in zip(times, states, strict=True)
        ]
    return _listed(times, [(-np.array(one) if swapped else one, light) for one, light in states])


def _from_sun(target, time):
    return np.array(state(target, time, "SSB", "NONE")[0])


def _listed(times, states):
    """An entry of positions at times; states -- [(state (6,), time of the light)]."""
    states = np.array([one for one, _ in states])
    return {
        "ephemeris_times": np.array(times),
        "positions": states[:, :3],
        "velocities": states[:, 3:],
        "unit": "km",
        "reference_frame": J2000,
    }


def _pointing(sensor, times):
    """Entry instrument_pointing, in whose chain a frame of ISIS's own may be the last."""
    entry = rotation(sensor.frame, [time + sensor.bias for time in times])
    entry["ephemeris_times"] = np.array(times)
    if sensor.turned is not None:
        entry["constant_frames"] = (sensor.own, *entry["constant_frames"])
        entry["constant_rotation"] = sensor.turned @ np.reshape(entry["constant_rotation"], (3, 3))
    return entry


def rotation(frame, times):
    """Entry of a frame that turns: quaternions and angular velocities at times, and what does not turn in its chain."""
    fixed, turning = chain(frame, times[0])
    quaternions, velocities = [], []
    name = spiceypy.frmnam(turning[0])
    for time in times:
        with saying(f"no CK or PCK kernel has the pointing of frame {name} ({turning[0]}) at {told(time)}"):
            matrix, velocity = _turned(name, time)
        quaternions.append(spiceypy.m2q(matrix))
        velocities.append(velocity)
    entry = {
        "time_dependent_frames": turning,
        "constant_frames": fixed,
        "ephemeris_times": np.array(times),
        "quaternions": np.array(quaternions),
        "constant_rotation": spiceypy.pxform(name, spiceypy.frmnam(frame), times[0]),
    }
    if all(velocity is not None for velocity in velocities):
        entry["angular_velocities"] = np.array(velocities)
    return entry


def _turned(name, time):
    """The matrix from J2000 to a frame, and its angular velocity, None where a CK kernel has none."""
    try:
        return spiceypy.xf2rav(spiceypy.sxform("J2000", name, time))
    except SpiceyError:
        return spiceypy.pxform("J2000", name, time), None


def chain(frame, time):
    """Codes of the frames from one to J2000: those that do not turn against it, and from the last of them on."""
    fixed, at = [frame], frame
    while (step := _step(at, time))[0] == FIXED:
        at = step[1]
        fixed.append(at)
    turning = [at]
    while at != J2000:
        at = _step(at, time)[1]
        turning.append(at)
    return tuple(fixed), tuple(turning)


def _step(frame, time):
    """Class of a frame and the code of that which it is defined against."""
    try:
        _, kind, identity = spiceypy.frinfo(frame)
    except SpiceyError as error:
        raise KernelError(f"no FK kernel defines the frame {frame}") from error
    name = f"{spiceypy.frmnam(frame)} ({frame})"
    if kind == FIXED:
        with saying(f"the definition of frame {name} in an FK kernel is not whole"):
            return kind, spiceypy.tkfram(identity)[1]
    if kind == BY_POINTING:
        with saying(f"no SCLK kernel tells the time of the pointing of frame {name}"):
            try:
                return kind, spiceypy.ckfrot(identity, time)[1]
            except spiceypy.NotFoundError as error:
                raise KernelError(f"no CK kernel has the pointing of frame {name} at {told(time)}") from error
    return kind, J2000


def _radii(code, name):
    radii = _pool(f"BODY{code}_RADII", None, f"in a PCK kernel, for {name}")
    return {"semimajor": radii[0], "semiminor": radii[2], "unit": "km"}


# The pool of keywords


def pool(*patterns):
    """Keywords of the pool and their values: a number, a text, or several of them."""
    names = {name for pattern in patterns for name in _names(pattern)}
    return {name: _value(name) for name in sorted(names)}


def _names(pattern):
    try:
        return spiceypy.gnpool(pattern, 0, MOST_KEYWORDS, 80)
    except (spiceypy.NotFoundError, SpiceyError):
        return []


def _value(name):
    count, kind = spiceypy.dtpool(name)
    values = spiceypy.gdpool(name, 0, count).tolist() if kind == "N" else list(spiceypy.gcpool(name, 0, count, 80))
    return values[0] if count == 1 else values


def _pool(name, default, place):
    try:
        count, _ = spiceypy.dtpool(name)
        return spiceypy.gdpool(name, 0, count).tolist()
    except (spiceypy.NotFoundError, SpiceyError) as error:
        if default is None:
            raise KernelError(f"no {name} in the kernels; right is one {place}") from error
        return default


def _word(code, name, default):
    """A text of an instrument's keyword, in upper case."""
    try:
        return spiceypy.gcpool(f"INS{code}_{name}", 0, 1, 80)[0].strip().upper()
    except (spiceypy.NotFoundError, SpiceyError):
        return default


# Words


def label(code):
    """A body in words."""
    try:
        return f"{spiceypy.bodc2n(int(code))} ({code})"
    except (SpiceyError, spiceypy.NotFoundError, ValueError):
        return str(code)


def told(time):
    """An ephemeris time in words."""
    return f"{EPOCH + np.timedelta64(round(time * 1000), 'ms')} TDB"
