"""What of a granule's values is no measurement, and why: codes, infinity, what cannot be.

Such values become missing ones, and a status variable beside them (CF 3.5) says of each which it was.
"""

import math
import re
from dataclasses import replace

import netCDF4
import numpy as np

from darkroom.airborne import units
from darkroom.airborne.granule import add

VALID, MISSING = 0, 1
AT_ONCE = 1 << 20  # values of a variable whose status is kept in memory
# Status of a value -> what a flag of the granule says of such ones.
REASONS = {
    "other_missing_code": "have another code that means missing",
    "below_detection_limit": "are below the limit of detection",
    "above_detection_limit": "are above the limit of detection",
    "infinite": "are infinite",
    "out_of_valid_range": "are out of the valid range",
    "impossible": "are physically impossible",
}
STATUS = {word: number for number, word in enumerate(REASONS, 2)}
# Least and greatest value of what CF calls a quantity that there can be near the Earth, in these units.
LIMITS = {
    "air_temperature": (100, 400, "K"),
    "dew_point_temperature": (100, 400, "K"),
    "frost_point_temperature": (100, 400, "K"),
    "virtual_temperature": (100, 420, "K"),
    "wet_bulb_temperature": (100, 400, "K"),
    "air_potential_temperature": (100, 4000, "K"),
    "air_equivalent_potential_temperature": (100, 4000, "K"),
    "brightness_temperature": (0, 1500, "K"),
    "surface_temperature": (150, 1500, "K"),
    "sea_surface_temperature": (260, 320, "K"),
    "relative_humidity": (0, 200, "percent"),
    "humidity_mixing_ratio": (0, 0.2, "1"),
    "specific_humidity": (0, 0.2, "1"),
    "mass_concentration_of_water_vapor_in_air": (0, 0.2, "kg m-3"),
    "lwe_thickness_of_atmosphere_mass_content_of_water_vapor": (0, 0.2, "m"),
    "air_pressure": (0, 1200, "hPa"),
    "surface_air_pressure": (300, 1200, "hPa"),
    "air_pressure_at_mean_sea_level": (300, 1200, "hPa"),
    "wind_speed": (0, 500, "m s-1"),
    "eastward_wind": (-500, 500, "m s-1"),
    "northward_wind": (-500, 500, "m s-1"),
    "upward_air_velocity": (-150, 150, "m s-1"),
    "platform_speed_wrt_ground": (0, 1000, "m s-1"),
    "platform_speed_wrt_air": (0, 1000, "m s-1"),
    "wind_from_direction": (-360, 360, "degree"),
    "wind_to_direction": (-360, 360, "degree"),
    "platform_orientation": (-360, 360, "degree"),
    "platform_course": (-360, 360, "degree"),
    "platform_pitch": (-180, 180, "degree"),
    "platform_roll": (-360, 360, "degree"),
    "solar_zenith_angle": (0, 180, "degree"),
    "solar_elevation_angle": (-90, 90, "degree"),
    "solar_azimuth_angle": (-360, 360, "degree"),
    "angle_of_incidence": (-180, 180, "degree"),
    "latitude": (-90, 90, "degree"),
    "longitude": (-360, 360, "degree"),
    "altitude": (-12_000, 100_000, "m"),
    "geopotential_height": (-2000, 100_000, "m"),
    "height_above_reference_ellipsoid": (-2000, 100_000, "m"),
    "barometric_altitude": (-2000, 100_000, "m"),
}


# Words of what is told of a quantity and is not the quantity: it may have values that the quantity cannot have.
ABOUT = re.compile(
    r"(^|[_ ])(qc|qa|flags?|std|stdev|stddev|sdev|sigma|err|error|uncertainty|variance|precision|bias)($|[_ ])"
    r"|deviation|cosine|anomaly|difference|quality (check|flag|code|indicator|of)|data quality"
)


def is_about(variable):
    """Whether a variable tells something of a quantity, such as its deviation or quality, by its name or its words."""
    words = (variable.source.rpartition("/")[2], str(variable.attrs.get("long_name", "")))
    return any(ABOUT.search(word.lower()) for word in words)


def screen(granule):
    """Make missing what is no measurement, add status variables, and flag what was found.

    Time, and coordinates such as wavenumbers of channels, are left as they are: CF lets them have no missing values.
    """
    for name, variable in list(granule.variables.items()):
        if variable.dims == (name,):
            attrs = {key: value for key, value in variable.attrs.items() if not key.startswith("valid_")}
            granule.variables[name] = replace(variable, attrs=attrs)
        elif name != "time" and variable.dtype.kind in "iuf":
            _screen_variable(granule, name, variable)


def _screen_variable(granule, name, variable):
    rules = Rules(variable)
    counts = sum(rules.counts(stored) for _, _, stored in variable.blocks())
    if not counts[2:].any():
        return
    fill = default_fill(variable.dtype) if variable.fill is None else variable.fill
    total = int(np.prod(variable.shape, dtype=np.int64))
    for word, number in STATUS.items():
        if counts[number]:
            note = f"{counts[number]} of {total} values of {name} {REASONS[word]}; they are missing, see {name}_status"
            granule.flags.append({"flag": word, "note": note})
    there = [number for number in range(len(counts)) if counts[number]]
    words = dict(zip(STATUS.values(), STATUS, strict=True)) | {VALID: "valid", MISSING: "missing"}
    standard_name = variable.attrs.get("standard_name", "")
    attrs = {
        "standard_name": f"{standard_name} status_flag"
        if standard_name and " " not in standard_name
        else "status_flag",
        "long_name": f"status of {name}",
        "flag_values": np.array(there, np.int8),
        "flag_meanings": " ".join(words[number] for number in there),
        "coverage_content_type": "qualityInformation",
    }
    fill = variable.dtype.type(fill)

    def status(first, last):
        return rules.status(variable.read(first, last))

    def kept(first, last):
        stored = variable.read(first, last)
        return np.where(rules.status(stored) > MISSING, fill, stored)

    if total <= AT_ONCE:
        status, kept = (held(read(0, variable.shape[0] if variable.dims else 1)) for read in (status, kept))
    its_status = replace(variable, dtype=np.dtype("i1"), attrs=attrs, fill=None, codes={}, source="", read=status)
    add(granule.variables, f"{name}_status", its_status)
    beside = f"{variable.attrs.get('ancillary_variables', '')} {name}_status".strip()
    attrs = variable.attrs | {"ancillary_variables": beside}
    granule.variables[name] = replace(variable, fill=fill, attrs=attrs, codes={}, read=kept)


def held(values):
    """`read` of values in memory."""
    return lambda first, last: values[first:last] if values.ndim else values


class Rules:
    """By what values of one variable are judged; all in stored values."""

    def __init__(self, variable):
        self.variable = variable
        self.codes = {variable.dtype.type(code): word for code, word in variable.codes.items() if _fits(code, variable)}
        self.least_code = max(self.codes, default=None)
        self.valid = stored_range(variable)
        self.possible = possible_range(variable)

    def status(self, stored):
        """Status of each stored value, int8."""
        stored = np.asarray(stored)
        status = np.zeros(stored.shape, np.int8)
        with np.errstate(invalid="ignore"):
            if self.possible:
                status[(stored < self.possible[0]) | (stored > self.possible[1])] = STATUS["impossible"]
            if self.valid:
                status[(stored < self.valid[0]) | (stored > self.valid[1])] = STATUS["out_of_valid_range"]
        if stored.dtype.kind == "f":
            status[np.isinf(stored)] = STATUS["infinite"]
        if self.codes and (coded := stored <= self.least_code).any():
            few = stored[coded]
            status[coded] = np.select(
                [few == code for code in self.codes], [STATUS[word] for word in self.codes.values()], status[coded]
            )
        status[self.variable.missing(stored)] = MISSING
        return status

    def counts(self, stored):
        """How many stored values are of each status."""
        stored = np.asarray(stored)
        if self._all_good(stored):
            return np.bincount([VALID], minlength=len(STATUS) + 2) * stored.size
        return np.bincount(self.status(stored).ravel(), minlength=len(STATUS) + 2)

    def _all_good(self, stored):
        """Whether the extremes alone tell that every value is valid or missing, as they most often do."""
        measured = stored[~self.variable.missing(stored)]
        if not measured.size:
            return True
        low, high = measured.min(), measured.max()
        if self.codes and low <= self.least_code:
            return False
        ranges = [ends for ends in (self.valid, self.possible) if ends]
        return math.isfinite(low) and math.isfinite(high) and all(ends[0] <= low and high <= ends[1] for ends in ranges)


def _fits(code, variable):
    """Whether a code can be a value of the type of a variable."""
    if variable.dtype.kind == "f":
        return True
    limits = np.iinfo(variable.dtype)
    return float(code).is_integer() and limits.min <= code <= limits.max


def stored_range(variable):
    """(least, greatest) valid stored value by the attributes of a variable, or None."""
    low, high = variable.attrs.get("valid_range", (-np.inf, np.inf))
    low, high = variable.attrs.get("valid_min", low), variable.attrs.get("valid_max", high)
    return (low, high) if math.isfinite(low) or math.isfinite(high) else None


def possible_range(variable):
    """(least, greatest) stored value that is physically possible, or None where nothing is known of that."""
    attrs = variable.attrs
    limits = LIMITS.get(attrs.get("standard_name"))
    if limits is None and str(attrs.get("standard_name", "")).endswith("_temperature"):
        limits = (0, np.inf, "K")
    if limits is None or "units" not in attrs or is_about(variable):
        return None
    low, high, unit = limits
    try:
        conversion = units.conversion(unit, attrs["units"])
    except ValueError:
        return None
    if conversion is None:
        return None
    factor, offset = conversion
    scale, shift = attrs.get("scale_factor", 1), attrs.get("add_offset", 0)
    ends = sorted((factor * end + offset - shift) / scale for end in (low, high))
    slack = 1e-6 * max(1.0, *(abs(end) for end in ends if math.isfinite(end)))  # what single precision makes of an end
    return ends[0] - slack, ends[1] + slack


def default_fill(dtype):
    """A value that means missing where the source has none: that of the netCDF library."""
    return netCDF4.default_fillvals[dtype.str[1:]]
