"""Raw `.gpio` files of an acquisition box (nVista 3 and later): lines and LEDs that changed while a movie was taken.

Little-endian. Header: start (u64 numerator, u64 denominator, seconds), i32 UTC offset (s), u32 place of the stream, u64
count; then u64 format and u64 place of the session's JSON. Stream: packets of u32 sync word, u32 type, u32 sequence,
u32 payload in 32-bit words, payload. Written down from generated files that isx 2.1.0 reads (tests).
"""

import json
import struct
from collections import Counter
from fractions import Fraction
from pathlib import Path

from darkroom import damage
from darkroom.calcium.readers.inscopix import wrong
from darkroom.calcium.signals import Signals, of_changes

HEADER = struct.Struct("<QQiIQ")
SESSION = struct.Struct("<QQ")
PACKET = struct.Struct("<IIII")
SYNC = 0x0000AA55
EVERYTHING, FRAME_COUNT = 0x4001, 0x400B
WORDS = {EVERYTHING: 9, FRAME_COUNT: 3} | dict.fromkeys((*range(0x4003, 0x400B), 0x400C, 0x400D), 4)
CLOSED_LOOP = 240  # format of a file whose upper inputs are triggers of the software
CLOCK = 1000  # samples per second where the session does not say
ANALOG_STEP = 16  # analog values are known to so many units
LED = "mW"


def read_gpio(path):
    """`Signals` of a `.gpio` file: every channel's changes, and its last value at the last time.

    A gap in the sequence numbers is a lost packet: every channel but the frame count is NaN from then on, until it is
    told again. Bytes that are no packet, and packets of a wrong size or unknown type, are left out and counted in
    the notes, which also tell of a session that cannot be read. Raises ValueError naming the file when it has no such
    header or no packet.
    """
    path = Path(path)
    content = path.read_bytes()
    if len(content) < HEADER.size + 4:
        raise ValueError(f"{path}: is no .gpio file: {len(content)} bytes are less than its header")
    numerator, denominator, utc_offset, begin, _ = HEADER.unpack_from(content)
    if not denominator or not HEADER.size <= begin <= len(content):
        raise ValueError(f"{path}: is no .gpio file, or its header is damaged")
    file_format, session, end, notes = 0, {}, len(content), []
    if struct.unpack_from("<I", content, HEADER.size)[0] != SYNC and len(content) >= HEADER.size + SESSION.size:
        file_format, end = SESSION.unpack_from(content, HEADER.size)
        session = _session(content[end:])
        end = min(end, len(content))
    if told := wrong(session, "gpio", "session"):
        notes.append(f"{path.name}: {told}; its LEDs have the names of one colour, its clock is {CLOCK} Hz")
        session = {}
    channels = names(session, file_format)
    left_out, changes, last, sequence = Counter(), {}, {}, None
    first = time = None
    for kind, number, payload in _packets(content, begin, end, left_out):
        lost = sequence is not None and number != (sequence + 1) & 0xFFFFFFFF
        sequence = number
        if len(payload) != WORDS.get(kind, -1):
            left_out["packets of unknown type or wrong size"] += 1
            continue
        high, low = payload[:2]
        now = (high << 32 | low) - (first if first is not None else high << 32 | low)
        first = first if first is not None else high << 32 | low
        if lost and last:
            left_out["gaps of lost packets"] += 1
            for name in last.keys() - {"Frame Count"}:
                _told(changes, last, name, time + 1, float("nan"))
        time = now
        for name, value in values(kind, payload, channels):
            _told(changes, last, name, now, value)
    if first is None:
        raise ValueError(f"{path}: holds no packet of signals")
    for name, value in last.items():
        if changes[name][-1][0] != time:
            changes[name].append((time, value))
    mode = session.get(session.get("adMode"))
    clock = Fraction(mode.get("clock", CLOCK) if isinstance(mode, dict) else CLOCK)
    with damage.named(path, "gpio file"):
        signals = of_changes(changes)
    return Signals(
        signals,
        Fraction(numerator, denominator),
        utc_offset,
        Fraction(time, 1_000_000),
        dict.fromkeys(changes, 1 / clock),
        "gpio",
        {name: LED for name in changes if "LED" in name},
        (*notes, *(f"{count} {what} of {path.name}" for what, count in left_out.items())),
    )


def _session(content):
    """The session's JSON at the end of a file, or None where there is none."""
    try:
        return json.loads(content.split(b"\0")[0])
    except ValueError:
        return None


def _packets(content, at, end, left_out):
    """(type, sequence, payload as u32) of every packet; words that begin none are skipped one by one."""
    while at + PACKET.size <= end:
        sync, kind, sequence, words = PACKET.unpack_from(content, at)
        if sync != SYNC or at + PACKET.size + 4 * words > end:
            left_out["words that are no packet"] += 1
            at += 4
            continue
        payload = struct.unpack_from(f"<{words}I", content, at + PACKET.size)
        at += PACKET.size + 4 * words
        yield kind, sequence, payload


def _told(changes, last, name, time, value):
    """A channel's value is kept where it differs from the last one; NaN does not differ from NaN."""
    before = last.get(name)
    if before is None or not (before == value or (before != before and value != value)):
        changes.setdefault(name, []).append((time, value))
        last[name] = value


def names(session, file_format):
    """What a session calls its LEDs and digital lines: (excitation, second LED, inputs, outputs)."""
    dual = ((session.get("microscope") or {}).get("dualColor") or {}).get("enabled", False)
    inputs = [f"Digital GPI {line}" for line in range(8)]
    outputs = [f"Digital GPO {line}" for line in range(8)]
    if file_format == CLOSED_LOOP:
        inputs[4:] = [f"SoftTrig-{line}" for line in range(1, 5)]
        outputs = outputs[:4]
    return ("EX-LED1", "EX-LED2", inputs, outputs) if dual else ("EX-LED", "OG-LED", inputs, outputs)


def values(kind, payload, channels):
    """(channel, value) of all that a packet tells."""
    excitation, second, inputs, outputs = channels
    word = payload[3] if len(payload) > 3 else 0
    if kind == FRAME_COUNT:
        return [("Frame Count", float(payload[2]))]
    if kind == EVERYTHING:
        lights = (payload[6] & 0xFFFF, payload[6] >> 16, payload[7] & 0xFFFF)
        analog = (payload[4] & 0xFFFF, payload[4] >> 16, payload[5] & 0xFFFF, payload[5] >> 16)
        return [
            *_lines(word, inputs),
            *_lines(word >> 16, outputs),
            *((f"GPIO-{at}", _analog(value)) for at, value in enumerate(analog, 1)),
            *zip((excitation, second, "DI-LED"), (light / 10 for light in lights), strict=True),
            ("e-focus", float(payload[7] >> 16)),
            ("BNC Sync Output", float(payload[8] & 1)),
            ("BNC Trigger Input", float(payload[8] >> 1 & 1)),
        ]
    if kind <= 0x4006:
        return [(f"GPIO-{kind - 0x4002}", _analog(word))]
    if kind == 0x4007:
        return _lines(word, inputs)
    if kind <= 0x400A:
        return [((excitation, second, "DI-LED")[kind - 0x4008], word / 10)]
    return [("BNC Trigger Input" if kind == 0x400C else "BNC Sync Output", float(word & 1))]


def _lines(word, names):
    """A digital line for every bit of a word."""
    return [(name, float(word >> at & 1)) for at, name in enumerate(names)]


def _analog(value):
    return float(value // ANALOG_STEP * ANALOG_STEP)
