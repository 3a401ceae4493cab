"""Raw `.imu` files: acceleration, orientation and magnetic field at the head of the animal.

Little-endian. Header of 112 bytes: start (u64 numerator, u64 denominator, seconds), i32 UTC offset (s), u16 format,
u16; {u64 count, offset, size} of accelerometer, magnetometer, orientation; u64 offset and size of the session's JSON.
Records of 16 bytes: u64 ms, 3 i16, i16. Written down from generated files that isx 2.1.0 reads (tests).
"""

import json
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np

from darkroom.calcium.readers.inscopix import fraction, require
from darkroom.calcium.signals import Signals

HEADER = struct.Struct("<QQiHH9QQQ")
RECORD = np.dtype([("ms", "<u8"), ("value", "<i2", 3), ("spare", "<i2")])
# channel names, what a raw value is divided by, unit, and the timing of the session they go by
GROUPS = (
    (("Acc x", "Acc y", "Acc z"), 16384, "g", "accelerometer"),
    (("Mag x", "Mag y", "Mag z"), 1, "raw", "magnetometer"),
    (("Ori yaw", "Ori pitch", "Ori roll"), 2048, "rad", "accelerometer"),
)


def read_imu(path):
    """`Signals` of an `.imu` file; a sample that was dropped is NaN at its time.

    Raises ValueError naming the file when its header, session or records are damaged.
    """
    path = Path(path)
    content = path.read_bytes()
    if len(content) < HEADER.size:
        raise ValueError(f"{path}: is no .imu file: {len(content)} bytes are less than its header")
    numerator, denominator, utc_offset, _, _, *places = HEADER.unpack_from(content)
    offset, size = places[9:]
    try:
        session = json.loads(content[offset : offset + size].rstrip(b"\0"))
        start = Fraction(numerator, denominator)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(
            f"{path}: is no .imu file, or was not written to its end: its session cannot be read"
        ) from error
    require(path, session, "imu", "session")
    timing = session["timingInfo"]
    channels, steps, units, notes = {}, {}, {}, []
    last = 0
    for (names, divisor, unit, clock), place in zip(GROUPS, (places[:3], places[3:6], places[6:9]), strict=True):
        count, begin = place[:2]
        if begin + count * RECORD.itemsize > len(content):
            raise ValueError(f"{path}: {count} records of {names[0]} do not lie in the file; it was cut off")
        stored = np.frombuffer(content, RECORD, count, begin)["value"] / np.float32(divisor)
        said = timing[clock]
        period, total = fraction(said["periodMs"]) / 1000, int(said["numTimes"])
        samples = np.full((total, 3), np.nan, np.float32)
        there = np.setdiff1d(np.arange(total), said.get("dropped") or [])
        if len(there) != count:
            raise ValueError(f"{path}: {names[0]} has {count} records, its session tells of {len(there)}")
        samples[there] = stored
        if len(there) < len(samples):
            notes.append(f"{len(samples) - len(there)} samples of {names[0][:3]} were dropped by the instrument: NaN")
        offsets = np.arange(len(samples)) * int(period * 1_000_000)
        for at, name in enumerate(names):
            channels[name], steps[name], units[name] = (offsets, samples[:, at]), period, unit
        last = max(last, int(offsets[-1]) if len(offsets) else 0)
    return Signals(channels, start, utc_offset, Fraction(last, 1_000_000), steps, "imu", units, tuple(notes))
