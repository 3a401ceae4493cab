"""How a column or an array of a source becomes a variable of the model, by the table of its collection."""

import numpy as np

from darkroom.airborne import collection, granule

RANGES = {"valid_range", "valid_min", "valid_max"}


def put(variables, flags, table, source, values, dims=("time",), told=None, fills=(), codes=None, long_name=""):
    """Add what a source has under a name to the variables, and what was done to it to the flags.

    values -- an array, or a `granule.Variable` without a name and attributes yet
    told -- attributes that the source has of it, among them scale_factor, add_offset and valid_range of stored values
    fills -- values that mean missing in the source; the first one stays that in the netCDF
    codes -- other values that are no measurement, by what they mean

    Returns its netCDF name, which is not free for another one, and the variable. Raises ValueError as
    `collection.described`.
    """
    told = told or {}
    described = collection.described(table, source, told, long_name)
    attrs = pack(described.attrs, told.get("scale_factor", 1), told.get("add_offset", 0))
    fills = [*fills, *described.fills]
    if not RANGES & set(described.attrs) and not (fills and _is_in(told, fills[0])):
        attrs |= {key: told[key] for key in ("valid_range", "valid_min", "valid_max") if key in told}
    codes = dict.fromkeys(fills[1:], "other_missing_code") | (codes or {})
    codes.pop(fills[0] if fills else None, None)
    if isinstance(values, np.ndarray) and values.dtype.kind == "f" and (endless := np.isinf(values)).any():
        values = np.where(endless, values.dtype.type(fills[0] if fills else np.nan), values)
        note = f"{source} is infinite in {np.count_nonzero(endless)} places, which are taken as missing"
        flags.append({"flag": "infinite", "note": note})
    variable = values if isinstance(values, granule.Variable) else granule.Variable.of(values, dims)
    variable.attrs, variable.codes, variable.source = attrs, codes, source
    if fills:
        variable.fill = variable.dtype.type(fills[0])
    flags += described.flags
    granule.add(variables, described.name, variable)
    return described.name, variable


def _is_in(told, fill):
    """Whether a range that a source tells as valid has its own missing value inside: such a one tells nothing."""
    low, high = told.get("valid_range", (-np.inf, np.inf))
    return told.get("valid_min", low) <= fill <= told.get("valid_max", high)


def pack(attrs, scale, offset):
    """Attributes of values that the source has packed: its own packing, and what they are converted by after that."""
    factor, shift = attrs.get("scale_factor", 1), attrs.get("add_offset", 0)
    scale, shift = factor * scale, factor * offset + shift
    packed = {key: value for key, value in attrs.items() if key not in ("scale_factor", "add_offset")}
    return packed | ({"scale_factor": scale} if scale != 1 else {}) | ({"add_offset": shift} if shift != 0 else {})
