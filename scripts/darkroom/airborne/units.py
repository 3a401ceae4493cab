"""Units of sources, as campaigns spell them, and what they become: UDUNITS by cf-units."""

import functools
import re

# Spellings that UDUNITS does not know, or takes for something else (C is a coulomb, F a farad, mb a millibarn).
SPELLINGS = {
    "C": "degC", "deg C": "degC", "deg_C": "degC", "degrees C": "degC", "degrees celsius": "degC", "°C": "degC",
    "degK": "K", "deg K": "K", "mb": "hPa", "mB": "hPa", "mbar": "hPa", "millibars": "hPa", "mbars": "hPa",
    "deg": "degree", "degs": "degree", "deg.": "degree", "°": "degree", "degN": "degrees_north",
    "degE": "degrees_east", "degreesN": "degrees_north", "degreesE": "degrees_east", "deg_N": "degrees_north",
    "deg_E": "degrees_east", "deg N": "degrees_north", "deg E": "degrees_east", "deg CW": "degree",
    "deg_true": "degree",
    "degrees true": "degree", "degrees clockwise from north": "degree", "dBz": "dBZ", "dbz": "dBZ",
    "meters per second": "m s-1", "meters MSL": "m", "m MSL": "m", "m AGL": "m", "feet MSL": "ft", "ft MSL": "ft",
    "kft": "1000 ft", "#/cm3": "cm-3", "#/cc": "cm-3", "#/L": "L-1", "/": "1", "none": "1", "None": "1",
    "unitless": "1", "dimensionless": "1", "n/a": "1", "N/A": "1", "counts": "1", "h Pa": "hPa", "oC": "degC",
    "knots": "knot", "kts": "knot", "kt": "knot", "Volts": "V", "count": "1", "number": "1",
    "#": "1", "1": "1", "": "1",
    "mW/(m2.sr.cm-1)": "mW m-2 sr-1 (cm-1)-1",
}  # fmt: skip
# Forms of spellings, and what they mean.
FORMS = (
    (re.compile(r"(deg(ree)?s?\.?)?[ _]*c(el[sc]ius)?", re.IGNORECASE), "degC"),
    (re.compile(r"(deg(ree)?s?\.?|°)?[ _]*f(ahrenheit)?", re.IGNORECASE), "degF"),
    (re.compile(r"deg(ree)?s?\.?[ _]*(k(elvin)?)", re.IGNORECASE), "K"),
    (re.compile(r"deg(ree)?s?\.?[ _]*n(orth)?", re.IGNORECASE), "degrees_north"),
    (re.compile(r"deg(ree)?s?\.?[ _]*e(ast)?", re.IGNORECASE), "degrees_east"),
    (re.compile(r"deg(ree)?s?[ ._]+s(outh)?", re.IGNORECASE), "-1 degrees_north"),
    (re.compile(r"deg(ree)?s?[ ._]+w(est)?", re.IGNORECASE), "-1 degrees_east"),
    (
        re.compile(
            r"m(et(er|re)s?)?[ _,(]+(above[ _]+)?(a?msl|agl|(mean[ _]+)?sea[ _]+level|ground( level)?)\)?",
            re.IGNORECASE,
        ),
        "m",
    ),
    (re.compile(r"deg(ree)?s?\.?[ _,(]+(0|\+|-|true|cw|clockwise|from|mag).*", re.IGNORECASE), "degree"),
)


@functools.cache
def parsed(text):
    """The unit that a text means (cf_units.Unit), or None for what UDUNITS does not know."""
    import cf_units  # here, as most granules come without a unit that must be looked at, and it takes a second to load

    text = " ".join(text.split())
    meant = SPELLINGS.get(text, SPELLINGS.get(text.strip("()[]")))
    meant = meant or next((unit for form, unit in FORMS if form.fullmatch(text)), text)
    try:
        unit = cf_units.Unit(meant)
    except ValueError:
        return None
    return None if unit.is_unknown() or unit.is_no_unit() or unit.is_time_reference() else unit


def canonical(text):
    """A text for units that every reader of CF knows, or "" where it has no meaning to UDUNITS."""
    unit = parsed(text)
    return "" if unit is None else str(unit)


def same(one, other):
    """Whether two texts are the same unit, by their letters or by what they mean."""
    if one == other or SPELLINGS.get(one, one) == SPELLINGS.get(other, other):
        return True
    first, second = parsed(one), parsed(other)
    return first is not None and first == second


def is_pressure(text):
    """Whether a text is a unit of pressure."""
    try:
        return bool(text) and conversion(text, "Pa") is not None
    except ValueError:
        return False


@functools.cache
def conversion(source, target):
    """(factor, offset) that bring values of one unit to another: target = factor x source + offset.

    None where UDUNITS does not know one of them. Raises ValueError where they are of different kinds.
    """
    if same(source, target):
        return 1.0, 0.0
    first, second = parsed(source), parsed(target)
    if first is None or second is None:
        return None
    if not first.is_convertible(second):
        raise ValueError(f"units are {source!r}, which cannot become {target!r}")
    zero, one = (float(first.convert(value, second)) for value in (0.0, 1.0))
    if abs(float(first.convert(2.0, second)) - (2 * one - zero)) > 1e-9 * max(1.0, abs(one)):
        raise ValueError(f"units are {source!r}, which are no multiple of {target!r}")
    return round_off(one - zero), round_off(zero)


def round_off(value):
    """A number without the noise of its last digits, as 0.30479999999999996 for 0.3048."""
    return float(f"{value:.13g}")
