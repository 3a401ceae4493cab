"""Small SPICE kernels with a known answer: constants are written from facts, states and pointing are given."""

import numpy as np
import spiceypy

# UTC at which TAI - UTC became so many seconds (IERS Bulletin C).
LEAPS = [
    "1972-JAN-1",
    "1972-JUL-1",
    "1973-JAN-1",
    "1974-JAN-1",
    "1975-JAN-1",
    "1976-JAN-1",
    "1977-JAN-1",
    "1978-JAN-1",
    "1979-JAN-1",
    "1980-JAN-1",
    "1981-JUL-1",
    "1982-JUL-1",
    "1983-JUL-1",
    "1985-JUL-1",
    "1988-JAN-1",
    "1990-JAN-1",
    "1991-JAN-1",
    "1992-JUL-1",
    "1993-JUL-1",
    "1994-JUL-1",
    "1996-JAN-1",
    "1997-JUL-1",
    "1999-JAN-1",
    "2006-JAN-1",
    "2009-JAN-1",
    "2012-JUL-1",
    "2015-JUL-1",
    "2017-JAN-1",
]
TICKS = 1e6  # of a clock in a second


def text(path, kind, keywords):
    """Write a text kernel."""
    rows = [f"{name} = {_value(value)}" for name, value in keywords.items()]
    path.write_text("\n".join([f"KPL/{kind}", r"\begindata", *rows, r"\begintext", ""]))
    return path


def _value(value):
    if isinstance(value, str):
        return value if value.startswith(("@", "(")) else f"'{value}'"
    return "( " + "\n  ".join(repr(float(one)) for one in np.atleast_1d(value)) + " )"


def leap_seconds(folder):
    """LSK: TDB - UTC as the IAU has it."""
    steps = "( " + "\n  ".join(f"{10 + number} @{day}" for number, day in enumerate(LEAPS)) + " )"  # lines are short
    constants = {"DELTET/DELTA_T_A": 32.184, "DELTET/K": 1.657e-3, "DELTET/EB": 1.671e-2}
    motion = {"DELTET/M": [6.239996, 1.99096871e-7], "DELTET/DELTA_AT": steps}
    return text(folder / "naif0012.tls", "LSK", constants | motion)


def clock(folder, spacecraft, offset, partitions=1, name="clock.tsc"):
    """SCLK of seconds and millionths; offset -- ephemeris time at which its last partition is 0."""
    own, length = -spacecraft, 1e9 * TICKS
    starts, ends = np.zeros(partitions), np.full(partitions, length)
    fields = {
        f"SCLK_DATA_TYPE_{own}": 1,
        f"SCLK01_TIME_SYSTEM_{own}": 1,
        f"SCLK01_N_FIELDS_{own}": 2,
        f"SCLK01_MODULI_{own}": [1e9, TICKS],
        f"SCLK01_OFFSETS_{own}": [0, 0],
        f"SCLK01_OUTPUT_DELIM_{own}": 2,
        f"SCLK_PARTITION_START_{own}": starts,
        f"SCLK_PARTITION_END_{own}": ends,
        f"SCLK01_COEFFICIENTS_{own}": [0, offset - (partitions - 1) * 1e9, 1],
    }
    return text(folder / name, "SCLK", {"SCLK_KERNEL_ID": "@2026-01-01"} | fields)


def body(folder, code, radii, pole, spin):
    """PCK: pole and spin are polynomials of centuries and of days, in degrees."""
    name = f"BODY{code}"
    rotation = {f"{name}_POLE_RA": pole[0], f"{name}_POLE_DEC": pole[1], f"{name}_PM": spin}
    return text(folder / "pck00010.tpc", "PCK", {f"{name}_RADII": radii} | rotation)


def frames(folder, spacecraft, fixed, name="spacecraft.tf"):
    """FK: the bus of a spacecraft, which CK kernels turn, and frames on it: (code, name, matrix that turns into it)."""
    bus = spacecraft * 1000
    rows = _frame(bus, f"BUS{-spacecraft}", 3) | {f"CK_{bus}_{key}": spacecraft for key in ("SCLK", "SPK")}
    for code, label, matrix in fixed:
        rows |= _frame(code, label, 4)
        # The matrix of a fixed frame turns vectors of it into the other; its columns follow each other.
        own = {"RELATIVE": f"BUS{-spacecraft}", "SPEC": "MATRIX", "MATRIX": np.asarray(matrix).ravel()}
        rows |= {f"TKFRAME_{code}_{key}": value for key, value in own.items()}
    return text(folder / name, "FK", rows)


def _frame(code, name, kind):
    own = {"NAME": name, "CLASS": kind, "CLASS_ID": code, "CENTER": -(abs(code) // 1000)}
    rows = {f"FRAME_{name}": code} | {f"FRAME_{code}_{key}": value for key, value in own.items()}
    return rows


def instrument(folder, code, name="camera.ti", **keywords):
    """IK: keywords of an instrument."""
    return text(folder / name, "IK", {f"INS{code}_{key}": value for key, value in keywords.items()})


def positions(path, targets):
    """SPK of type 13: targets -- (body, centre, times (n,), states (n, 6) in km and km/s of J2000)."""
    handle = spiceypy.spkopn(str(path), "made", 0)
    for target, centre, times, states in targets:
        name = f"{target} from {centre}"
        times, states = np.asarray(times, float), np.asarray(states, float)
        spiceypy.spkw13(handle, target, centre, "J2000", times[0], times[-1], name, 3, len(times), states, times)
    spiceypy.spkcls(handle)
    return path


def pointing(path, bus, loaded, times, quaternions, rates):
    """CK of type 3: quaternions (n, 4) from J2000 and angular velocities (n, 3) at times (n,).

    loaded -- the LSK, SCLK of the spacecraft
    """
    for kernel in loaded:
        spiceypy.furnsh(str(kernel))
    ticks = np.array([spiceypy.sce2c(bus // 1000, time) for time in times])
    handle = spiceypy.ckopn(str(path), "made", 0)
    starts = ticks[:1]
    args = len(ticks), ticks, np.asarray(quaternions, float), np.asarray(rates, float), len(starts), starts
    spiceypy.ckw03(handle, ticks[0], ticks[-1], bus, "J2000", True, "made", *args)
    spiceypy.ckcls(handle)
    spiceypy.kclear()
    return path
