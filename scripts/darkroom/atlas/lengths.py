"""Units of length."""

import re

# As NGFF, OME-XML, ImageJ, NRRD and people write them, in lower case.
NM = {
    "picometer": 1e-3, "pm": 1e-3, "angstrom": 0.1, "å": 0.1, "nm": 1.0, "nanometer": 1.0, "nanometers": 1.0,
    "um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3, "micrometers": 1e3,
    "mm": 1e6, "millimeter": 1e6, "millimeters": 1e6, "cm": 1e7, "centimeter": 1e7, "m": 1e9, "meter": 1e9,
    "in": 25.4e6, "inch": 25.4e6, "inches": 25.4e6,
}  # fmt: skip
LENGTH = re.compile(r"\s*(\d+\.?\d*(?:e[+-]?\d+)?)\s*([a-zµμå]*)\s*", re.IGNORECASE)


def signed_nanometres(length):
    """A distance in nm, either way or 0, from a number (nm) or a text with a unit. Raises ValueError."""
    if isinstance(length, str):
        sign, text = (-1, length.strip()[1:]) if length.strip().startswith("-") else (1, length)
        return sign * nanometres(text)
    return float(length)


def nanometres(length):
    """A length in nm from a number (nm) or a text with a unit, such as `20 um`. Raises ValueError."""
    match = LENGTH.fullmatch(str(length))
    unit = match and (match[2].lower() or "nm")
    if unit not in NM or float(match[1]) <= 0:
        raise ValueError(f"resolution {length!r} is no length; give a number of nm, or one with a unit such as '20 um'")
    return float(match[1]) * NM[unit]
