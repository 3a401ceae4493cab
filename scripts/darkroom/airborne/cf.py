"""netCDF-4 files after the CF conventions and ACDD-1.3, of granules in memory or read block by block.

One sonde or flight track is a CF trajectory; a lidar curtain a trajectoryProfile of one trajectory with dimensions
(trajectory, profile, altitude), the last one under another name where each profile has altitudes of its own; a flight
of sondes a trajectoryProfile in the contiguous ragged form (CF appendix H.6.3); a swath has no feature type. Stored
values are those of the source.
"""

import itertools
import math
import os
import re

import netCDF4
import numpy as np

from darkroom import files
from darkroom.airborne.extent import time_text
from darkroom.airborne.granule import Granule, Variable
from darkroom.version import RELEASED

FLIGHT_GAP = np.timedelta64(12, "h")  # between two soundings that are not of one flight
CHUNK_BYTES = 1 << 20
PRINTED_ROWS, PRINTED_DECIMALS = 100, 6
CACHE_BYTES = 2 * CHUNK_BYTES  # of each variable; blocks are whole chunks, so that none is needed twice
COORDINATES = {
    "time": {"axis": "T", "standard_name": "time", "calendar": "standard"},
    "latitude": {"axis": "Y", "standard_name": "latitude", "units": "degrees_north"},
    "longitude": {"axis": "X", "standard_name": "longitude", "units": "degrees_east"},
    "altitude": {"axis": "Z", "standard_name": "altitude", "positive": "up"},
}
# CF-1.8 has no unsigned and no 64 bit integers; the types here hold their values.
TYPES = {"u1": "i2", "u2": "i4", "u4": "f8", "i8": "f8", "u8": "f8", "f2": "f4", "b1": "i1"}
# Attributes of the type of the stored values.
OF_THE_TYPE = ("valid_range", "valid_min", "valid_max", "flag_values", "flag_masks")
UPWARD = (
    "altitude",
    "height",
    "geopotential_height",
    "height_above_reference_ellipsoid",
)  # of which CF wants `positive`
AUXILIARY = {"coverage_content_type": "coordinate"}
# Methods of CF, appendix E.
METHODS = (
    "point", "sum", "maximum", "maximum_absolute_value", "median", "mid_range", "minimum", "minimum_absolute_value",
    "mean", "mean_absolute_value", "mean_of_upper_decile", "mode", "range", "root_mean_square", "standard_deviation",
    "sum_of_squares", "variance",
)  # fmt: skip
ON_SCALE = ("degC", "K")


def write(granule, path, *, conventions="CF-1.8", production_time="", deflate=None, durable=True):
    """Write a granule as netCDF; a file that is there is replaced when the new one is whole.

    conventions -- `CF-1.8` or `CF-1.11`
    production_time -- ISO 8601 date and time for date_created and history; by default that of SOURCE_DATE_EPOCH, or
        the first at which the file could be there (see `made_at`), so that the bytes are the same on every run
    deflate -- level from 0 (not compressed) to 9; by default 1, and 0 for curtains (see `default_deflate`)
    durable -- see `files.replacing`

    Raises ValueError for other conventions, and for a time that is none.
    """
    require(conventions, production_time)
    level = default_deflate(granule) if deflate is None else deflate
    with files.replacing(path, durable) as partial, netCDF4.Dataset(partial, "w", format="NETCDF4") as file:
        file.setncatts(global_attributes(granule, conventions, made_at(granule, production_time)))
        _define_dimensions(file, granule)
        ids = list(_define_ids(file, granule)) if granule.feature else []
        targets = {name: _define(file, granule, name, conventions, level) for name in granule.variables}
        for target, values in ids:  # values come last, as the library brings a file in order before it takes some
            target[:] = values
        for name, variable in granule.variables.items():
            for first, last, block in variable.blocks(_rows_of_chunk(variable)):
                targets[name][_at(granule, name, first, last)] = _characters(block) if variable.is_text else block
            if math.prod(variable.shape) * variable.dtype.itemsize > CHUNK_BYTES:
                targets[name].set_var_chunk_cache(0)  # which lets go of what it held


def require(conventions, production_time=""):
    """Raise ValueError for conventions or a production time that `write` cannot follow."""
    if conventions not in ("CF-1.8", "CF-1.11"):
        raise ValueError(f"conventions {conventions!r}: right is CF-1.8 or CF-1.11")
    given_time(production_time)


def default_deflate(granule):
    """Deflate level that a granule is written with: 1 (with shuffle), and 0 for a curtain.

    Backscatter is mostly noise: of a synthetic granule of 205 MB level 1 saves 40 %, and writes 85 instead of 500 MB
    for each second of CPU time.
    """
    return 0 if granule.rows == "profile" and "row_size" not in granule.variables else 1


def round_trip(granule, made):
    """Differences between a granule, read anew from its source, and its netCDF; [] when every value is the same.

    made -- the product, as `product.opened` gives it

    Each is {"variable", "difference"} with, where values differ, `count`, and `index`, `source`, `netcdf` of the first.
    Missing values must be where they are in the source.
    """
    differences = []
    for name, variable in granule.variables.items():
        target = made.variables.get(name)
        if target is None:
            differences.append({"variable": name, "difference": "is not in the netCDF"})
        elif target.shape != variable.shape:
            differences.append({"variable": name, "difference": f"shape {target.shape} for {variable.shape} values"})
        else:
            if not variable.is_text and not _same(_fill(variable), target.fill):
                differences.append({"variable": name, "difference": "another value means missing"})
            differences += _value_differences(name, variable, target)
    return differences


def _same(one, other):
    """Whether two values that mean missing are one: None, NaN or a number."""
    return one == other or (one is not None and other is not None and one != one and other != other)


def _value_differences(name, variable, target):
    count, example = 0, None
    for first, last, block in variable.blocks(_rows_of_chunk(variable)):
        got, block = np.asarray(target.read(first, last)), np.asarray(block)
        same = got == block
        if block.dtype.kind == "f":
            same |= (got != got) & (block != block)
        if not np.all(same):
            count += int(np.count_nonzero(~same))
            if example is None:
                at = tuple(np.argwhere(~same)[0]) if same.shape else ()
                index = [int(at[0]) + first, *map(int, at[1:])] if at else []
                example = {"index": index, "source": _plain(block[at]), "netcdf": _plain(got[at])}
    return [{"variable": name, "difference": "other values", "count": count, **example}] if count else []


def _plain(value):
    """A value as JSON has it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else float(value)


def flight(name, granules):
    """A flight of sondes as one granule: profiles in the order of their launch, their samples one after the other.

    Time and place of a profile are those of its first sample with a position; its samples keep their own as
    sample_time, sample_latitude and sample_longitude. A variable that one sonde lacks is missing there.
    Raises ValueError when sondes of one flight are of several types or units, and when they are of several flights.
    """
    granules = sorted(granules, key=lambda granule: (granule.start, granule.id))
    for before, after in itertools.pairwise(granules):
        if after.start - before.end > FLIGHT_GAP:
            told = f"{before.id} ends at {time_text(before.end)}, {after.id} begins at {time_text(after.start)}"
            raise ValueError(f"soundings of two flights: {told}")
    epoch = granules[0].start.astype("datetime64[D]")
    sizes = [len(granule.times) for granule in granules]
    firsts = [_first_position(granule) for granule in granules]
    of = Variable.of
    variables = {
        "time": of(
            [_seconds(granule.times[at], epoch) for granule, at in zip(granules, firsts, strict=True)],
            ("profile",),
            {"long_name": "time of the first sample with a position", "units": f"seconds since {epoch} 00:00:00"},
        )
    }
    for name_ in ("latitude", "longitude"):
        places = [granule.variables[name_].values()[at] for granule, at in zip(granules, firsts, strict=True)]
        variables[name_] = of(places, ("profile",), {"long_name": f"{name_} of the first sample with a position"})
    size = {"long_name": "number of samples of the profile", "sample_dimension": "obs"}
    variables["row_size"] = of(np.array(sizes, np.int32), ("profile",), size)
    index = {"long_name": "trajectory that the profile is of", "instance_dimension": "trajectory"}
    variables["trajectory_index"] = of(np.zeros(len(granules), np.int32), ("profile",), index)
    times = np.concatenate([_seconds(granule.times, epoch) for granule in granules])
    attrs = {"long_name": "time of the sample", "units": f"seconds since {epoch} 00:00:00"} | AUXILIARY
    variables["sample_time"] = of(times, ("obs",), attrs)
    for key in dict.fromkeys(key for granule in granules for key in granule.variables):
        if key.endswith("_status") and key.removesuffix("_status") in granules[0].variables:
            variables[key] = _joined_status(key, granules, sizes)
        elif key != "time":
            joined = _joined(key, granules, sizes)
            if joined is not None:
                variables[f"sample_{key}" if key in ("latitude", "longitude") else key] = joined
    made = Granule(
        name,
        granules[0].collection,
        [file for granule in granules for file in granule.files],
        "trajectoryProfile",
        variables,
    )
    made.globals = {"Soundings": ", ".join(granule.id for granule in granules)}
    made.flags = [flag | {"granule": granule.id} for granule in granules for flag in granule.flags]
    return made


def _joined(key, granules, sizes):
    """The samples of one variable of all sondes, or None where it has none."""
    there = [granule.variables.get(key) for granule in granules]
    first = next(variable for variable in there if variable)
    if not first.dims or first.is_text:
        return None
    for granule, variable in zip(granules, there, strict=True):
        if variable and (variable.dtype, variable.attrs.get("units")) != (first.dtype, first.attrs.get("units")):
            raise ValueError(f"{granule.id}: {key} has another type or other units than in {granules[0].id}")
    fill = next((variable.fill for variable in there if variable and variable.fill is not None), None)
    if fill is None and None in there:
        fill = first.dtype.type(-9999 if first.dtype.kind == "f" else np.iinfo(first.dtype).min)
    parts = []
    for variable, size in zip(there, sizes, strict=True):
        values = np.full(size, fill, first.dtype) if variable is None else variable.array()
        if variable is not None and variable.fill not in (None, fill):
            values = np.where(values == variable.fill, fill, values)
        parts.append(values)
    attrs = dict(first.attrs)
    if key in ("latitude", "longitude"):
        kept = {name: value for name, value in attrs.items() if name == "valid_range"}
        attrs = {"long_name": f"{key} of the sample", "units": COORDINATES[key]["units"]} | kept | AUXILIARY
    return Variable.of(np.concatenate(parts), ("obs",), attrs, fill, first.source)


def _joined_status(key, granules, sizes):
    """The status of the samples of one variable; a sonde without a status has valid and missing samples alone."""
    parts = []
    for granule, size in zip(granules, sizes, strict=True):
        measured = granule.variables.get(key.removesuffix("_status"))
        if key in granule.variables:
            parts.append(granule.variables[key].array())
        else:
            gone = measured.missing(measured.array()) if measured else np.ones(size, bool)
            parts.append(gone.astype(np.int8))
    there = [granule.variables[key].attrs for granule in granules if key in granule.variables]
    words = {
        value: word
        for attrs in there
        for value, word in zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True)
    }
    words |= {0: "valid", 1: "missing"}
    attrs = there[0] | {
        "flag_values": sorted(words),
        "flag_meanings": " ".join(words[value] for value in sorted(words)),
    }
    return Variable.of(np.concatenate(parts), ("obs",), attrs)


def _first_position(granule):
    _, latitude, longitude = granule.positions()
    return int(np.flatnonzero(np.isfinite(latitude) & np.isfinite(longitude))[0])


def _seconds(times, epoch):
    return (times - epoch).astype("timedelta64[us]").astype(np.int64) / 1e6


# What is in the file


def made_at(granule, production_time=""):
    """ISO 8601 moment that a product counts as made at: as given, or of SOURCE_DATE_EPOCH.

    Where neither is, the first one at which it could be there: after its data, and after this version of Darkroom.
    """
    given = given_time(production_time)
    first = max(granule.end, np.datetime64(RELEASED, "ns"))
    return time_text(first if given is None else given)


def given_time(production_time=""):
    """The moment that the user, or else SOURCE_DATE_EPOCH, gives as that of production; None where neither does.

    Raises ValueError for what is no time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        if production_time:
            return np.datetime64(production_time.removesuffix("Z"))
        return np.datetime64(int(epoch), "s") if epoch else None
    except ValueError:
        if production_time:
            raise ValueError(f"production time {production_time!r}: right is such as 2026-01-31T12:00:00Z") from None
        raise ValueError(f"SOURCE_DATE_EPOCH {epoch!r}: right is a number of seconds since 1970") from None


def global_attributes(granule, conventions, made):
    """CF and ACDD-1.3 attributes of the file, in a fixed order."""
    collection = granule.collection
    platform, instrument = collection["platform"], collection["instrument"]
    notes = [flag["note"] for flag in granule.flags] or ["Stored values are those of the source."]
    attributes = {
        "Conventions": f"{conventions}, ACDD-1.3",
        "featureType": granule.feature,
        "title": f"{collection['title']}, {granule.id}",
        "summary": collection["summary"],
        "keywords": ", ".join(collection["keywords"]),
        "keywords_vocabulary": "GCMD Science Keywords",
        "id": granule.id,
        "project": collection["project"],
        "platform": f"{platform['short_name']}: {platform['long_name']}",
        "platform_vocabulary": "GCMD Platforms",
        "instrument": f"{instrument['short_name']}: {instrument['long_name']}",
        "instrument_vocabulary": "GCMD Instruments",
        "source": f"{instrument['long_name']} on {platform['long_name']}",
        "source_files": ", ".join(granule.files),
        "institution": collection["institution"],
        "creator_name": collection.get("creator", collection["institution"]),
        "creator_email": collection.get("creator_email", ""),
        "creator_url": collection.get("creator_url", ""),
        **{f"publisher_{key}": value for key, value in collection.get("publisher", {}).items()},
        "naming_authority": collection.get("naming_authority", ""),
        "acknowledgement": collection.get("acknowledgement", ""),
        "references": f"https://doi.org/{collection['doi']}" if "doi" in collection else collection["title"],
        "license": collection.get("license", ""),
        "processing_level": collection.get("processing_level", ""),
        "product_version": collection["version"],
        "standard_name_vocabulary": "CF Standard Name Table",
        "comment": " ".join(f"{note[0].upper()}{note[1:].rstrip('.')}." for note in notes),
        "date_created": made,
        "history": f"{made} brought to {conventions} by Darkroom",
        "source_header": "\n".join(f"{label}: {value}" for label, value in granule.globals.items()),
    }
    attributes |= _coverage(granule)
    return {name: value for name, value in attributes.items() if value != ""}


def _coverage(granule):
    """ACDD attributes of the extent. West is greater than east where the track crosses the date line."""
    extent = granule.extent
    west, south, east, north = extent.box
    seconds = (extent.end - extent.begin).astype("timedelta64[ms]").astype(np.int64) / 1000
    attributes = {
        "geospatial_lat_min": south,
        "geospatial_lat_max": north,
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": west,
        "geospatial_lon_max": east,
        "geospatial_lon_units": "degrees_east",
        "time_coverage_start": time_text(extent.begin),
        "time_coverage_end": time_text(extent.end),
        "time_coverage_duration": f"PT{seconds:g}S" if seconds < 1e5 else f"PT{seconds:.0f}S",
    }
    bounds = _bounds(west, south, east, north)
    attributes |= {"geospatial_bounds": bounds, "geospatial_bounds_crs": "EPSG:4326"} if bounds else {}
    if granule.altitude_range:
        attributes |= {
            "geospatial_vertical_min": granule.altitude_range[0],
            "geospatial_vertical_max": granule.altitude_range[1],
            "geospatial_vertical_units": granule.variables["altitude"].attrs.get("units", "m"),
            "geospatial_vertical_positive": "up",
        }
    return attributes


def _bounds(west, south, east, north):
    """The box as well-known text, latitude first as in EPSG:4326; "" where longitude 180 cuts it, and of a point."""
    if west >= east or south >= north:
        return ""
    corners = ((south, west), (south, east), (north, east), (north, west), (south, west))
    return f"POLYGON (({', '.join(f'{latitude:.5f} {longitude:.5f}' for latitude, longitude in corners)}))"


def variable_attributes(granule, name, conventions):
    """Attributes of a variable: of the collection, with what its place in the file adds."""
    variable = granule.variables[name]
    attrs = dict(variable.attrs)
    is_coordinate = name in COORDINATES
    if is_coordinate:
        attrs |= {key: value for key, value in COORDINATES[name].items() if key != "axis" or _has_axis(granule, name)}
        attrs["coverage_content_type"] = "coordinate"
    elif " since " in attrs.get("units", ""):
        attrs["calendar"] = "standard"
    attrs.setdefault("coverage_content_type", "physicalMeasurement")
    if attrs.get("standard_name") in UPWARD:
        attrs.setdefault("positive", "up")
    if beside := _coordinates_of(granule, name):
        attrs["coordinates"] = " ".join(beside)
    if not _are_cell_methods(attrs.get("cell_methods", ""), {*_target_dims(granule, name), *beside, "area"}):
        attrs["source_cell_methods"] = attrs.pop("cell_methods")
    if conventions == "CF-1.11":
        if (
            attrs.get("units") in ON_SCALE
            and "temperature" in f"{attrs.get('standard_name')} {attrs['long_name']}".lower()
        ):
            attrs["units_metadata"] = "temperature: on_scale"
        elif "calendar" in attrs:
            attrs["units_metadata"] = "leap_seconds: utc"
    kind = _dtype(variable)
    for key in OF_THE_TYPE:
        if key in attrs:
            limits = np.iinfo(kind) if kind.kind in "iu" else None
            values = np.clip(attrs[key], limits.min, limits.max) if limits else attrs[key]
            attrs[key] = np.asarray(values, kind)
    if kind.kind == "f":
        attrs |= {key: kind.type(attrs[key]) for key in ("scale_factor", "add_offset") if key in attrs}
    return attrs


def _are_cell_methods(text, names):
    """Whether a text says, as CF has it (7.3), by what methods values are of cells of dimensions or coordinates."""
    words = re.sub(r"\([^)]*\)", "", str(text)).split()
    known = (word.removesuffix(":") in (names if word.endswith(":") else METHODS) for word in words)
    return all(known) and (not words or (words[0].endswith(":") and not words[-1].endswith(":")))


def _coordinates_of(granule, name):
    """Names of the coordinates of a variable with rows: time and place, and what its collection calls a coordinate."""
    dims = _target_dims(granule, name)
    if (
        granule.is_grid
        or name in COORDINATES
        or _is_auxiliary(granule.variables[name])
        or not {granule.rows, "obs"} & set(dims)
    ):
        return []
    with_dims = {key: set(_target_dims(granule, key)) for key in granule.variables}
    there = [key for key, its in with_dims.items() if its and its <= set(dims)]
    extra = [key for key in there if key not in COORDINATES and _is_auxiliary(granule.variables[key])]
    return [key for key in COORDINATES if key in there] + extra


def _is_auxiliary(variable):
    return AUXILIARY.items() <= variable.attrs.items()


def _has_axis(granule, name):
    """Whether a coordinate may be called an axis: in a swath latitude and longitude are fields of two dimensions."""
    return bool(granule.feature) or name == "time" or granule.is_grid


def _dtype(variable):
    return np.dtype(TYPES.get(variable.dtype.str[1:], variable.dtype))


def _fill(variable):
    return None if variable.fill is None or variable.is_text else _dtype(variable).type(variable.fill)


# Where values are in the file


def _is_curtain(granule):
    return granule.feature == "trajectoryProfile" and "row_size" not in granule.variables


def _has_trajectory(granule, name):
    """Whether a variable has the dimension trajectory: in a curtain its coordinates, and what has bins."""
    dims = granule.variables[name].dims
    return _is_curtain(granule) and (dims == ("profile", granule.bins) or (name in COORDINATES and "profile" in dims))


def _target_dims(granule, name):
    dims = granule.variables[name].dims
    return ("trajectory", *dims) if _has_trajectory(granule, name) else dims


def _at(granule, name, first, last):
    """Index, in the file, of entries of the first dimension of a variable of the granule."""
    rows = (slice(first, last),) if granule.variables[name].dims else (...,)
    return (0, *rows) if _has_trajectory(granule, name) else rows


def _define_dimensions(file, granule):
    if granule.feature == "trajectoryProfile":
        file.createDimension("trajectory", 1)
    for variable in granule.variables.values():
        for name, length in zip(variable.dims, variable.shape, strict=True):
            if name not in file.dimensions:
                file.createDimension(name, length)


def _define_ids(file, granule):
    """Variables with cf_role, and their values: the id of the trajectory, and of each profile of a flight of sondes."""
    if granule.feature == "trajectory":
        attrs = {"long_name": "name of the sounding", "cf_role": "trajectory_id"}
        yield _define_text(file, "trajectory", (), [granule.id], attrs)
        return
    attrs = {"long_name": "name of the flight", "cf_role": "trajectory_id"}
    yield _define_text(file, "trajectory", ("trajectory",), [granule.id], attrs)
    if _is_curtain(granule):
        return
    target = file.createVariable("profile", "i4", ("profile",), fill_value=False)
    target.setncatts({"long_name": "number of the profile", "cf_role": "profile_id"})
    yield target, np.arange(len(file.dimensions["profile"]), dtype=np.int32)


def _define_text(file, name, dims, texts, attrs):
    values = np.array([text.encode() for text in texts])
    file.createDimension(f"{name}_strlen", values.dtype.itemsize)
    target = file.createVariable(name, "S1", (*dims, f"{name}_strlen"))
    target.setncatts(attrs | {"coverage_content_type": "referenceInformation"})
    return target, _characters(values if dims else values[0])


def _characters(texts):
    """Texts of one length as an array of characters with one more axis."""
    texts = np.ascontiguousarray(texts)
    return texts.reshape(*texts.shape, 1).view("S1") if texts.shape else np.array([texts[()]], texts.dtype).view("S1")


def _define(file, granule, name, conventions, level):
    variable = granule.variables[name]
    dims = _target_dims(granule, name)
    shape = tuple(len(file.dimensions[dim]) for dim in dims)
    if variable.is_text:
        file.createDimension(f"{name}_strlen", variable.dtype.itemsize)
        target = file.createVariable(name, "S1", (*dims, f"{name}_strlen"))
        target.set_auto_chartostring(False)
        target.setncatts(variable_attributes(granule, name, conventions) | {"_Encoding": "utf-8"})
        return target
    options = {}
    if shape and math.prod(shape):
        rows = _rows_of_chunk(variable)
        along = granule.rows if granule.rows in dims else dims[0]
        chunks = [min(rows, length) if dim == along else length for dim, length in zip(dims, shape, strict=True)]
        shuffle = name == "time" or not _is_printed(variable)
        options = {"compression": "zlib" if level else None, "complevel": level, "shuffle": shuffle}
        options["chunksizes"] = chunks
    fill = _fill(variable)
    target = file.createVariable(name, _dtype(variable), dims, fill_value=False if fill is None else fill, **options)
    target.set_auto_maskandscale(False)
    _limit_cache(target)
    target.setncatts(variable_attributes(granule, name, conventions))
    return target


def _is_printed(variable):
    """Whether numbers were printed with few decimals, by the first of them.

    The same ones come again in them, which deflate finds while their bytes stand together: such files are a third
    smaller without the shuffle filter that others want, and written faster. Times that go up evenly are not.
    """
    if variable.dtype != np.float64:
        return False
    first = variable.read(0, PRINTED_ROWS)
    with np.errstate(over="ignore"):
        return bool(((first == first.round(PRINTED_DECIMALS)) | np.isnan(first)).all())


def _limit_cache(target):
    if target.chunking() not in (None, "contiguous"):
        target.set_var_chunk_cache(CACHE_BYTES)


def _rows_of_chunk(variable):
    """Entries of the first dimension in a chunk of about a megabyte."""
    entry = max(1, _dtype(variable).itemsize * math.prod(variable.shape[1:]))
    return max(1, CHUNK_BYTES // entry)
