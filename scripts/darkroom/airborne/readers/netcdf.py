"""netCDF and HDF5 of any layout: what is time, rows and place is found, or told by the collection.

Packed integers stay packed. Groups become part of the names; dimensions of HDF5, which have no names, are told apart by
their lengths. What CF's netCDF has no type for is left out, and named.
"""

import functools
import re

import netCDF4
import numpy as np

from darkroom import netcdf_file, whole_files
from darkroom.airborne import granule, units
from darkroom.airborne.readers.clock import Clock
from darkroom.airborne.readers.columns import put

SIDES = ("latitude", "longitude")
LAST = ("time", "altitude", *SIDES)  # dimensions of a grid, in CF's order (2.4)
IN_MEMORY = 4 << 20  # bytes of a variable that is read with the header; larger ones are read in blocks


def read(path, form):
    """(variables, header, flags, None) of one granule.

    The rows are those of its time. Raises ValueError where there is no time, or there are no rows.
    """
    with netcdf_file.opened(path) as file:
        sources = dict(netcdf_file.walk(file))
        header = {name: str(file.getncattr(name)).strip() for name in file.ncattrs()}
        try:
            clock = Clock(sources, header, form)
            moments, dims, used = clock.time()
            layout = Layout(sources, dims, form, len(moments.shape) and moments.shape[0])
            variables, flags = _variables(path, sources, form, moments, layout, used)
            return variables, header, [*clock.coarse(used), *flags], None
        except ValueError as error:
            raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error


def _variables(path, sources, form, time, layout, used):
    """(variables, flags) of the sources; `time` is the variable of the time of each row."""
    if not time.shape or not time.shape[0]:
        raise ValueError("there are no records; the file is cut")
    flags, names, left_out = [], {}, []
    variables = {"time": _per_row(time, layout)}
    if len(time.shape) > 1:
        attrs = {"standard_name": "time", "long_name": "time of the spot", "units": time.attrs["units"]}
        dims = (layout.rows, *layout.others(sources[used[0]])[1:])
        variables["pixel_time"] = granule.Variable.of(
            time.array(), dims, attrs | {"coverage_content_type": "coordinate"}
        )
    for name, source in sources.items():
        if (name in used and len(used) == 1) or (name in used and time.source):
            continue
        if what := _unfit(source):
            left_out.append(f"{name} ({what})")
        elif netcdf_file.is_text(source):
            names[name] = _put_text(variables, flags, form, name, source, layout)
        else:
            names[name] = _put_numbers(variables, flags, form, path, name, source, layout)
    if rest := whole_files.rest_of_block(path):
        note = f"{rest} bytes below the last record, up to the end of a block, are no values; they were left out"
        flags.append({"flag": "rest_of_block", "note": note})
    if left_out:
        note = f"netCDF of CF has no type for {', '.join(left_out)}; left out"
        flags.append({"flag": "left_out", "note": note})
    _name_anew(variables, names)
    return variables, flags


def _per_row(time, layout):
    """The time of each row; of times of spots the first of its row."""
    if len(time.shape) == 1:
        time.dims = (layout.rows,)
        return time
    first = np.nanmin(time.values().reshape(time.shape[0], -1), axis=1)
    attrs = time.attrs | {"long_name": "time of the first spot of the row"}
    return granule.Variable.of(first, (layout.rows,), attrs, None, time.source)


def _name_anew(variables, names):
    """Let attributes that name other variables of the source name those of the product."""
    for variable in variables.values():
        if "ancillary_variables" in variable.attrs:
            group = variable.source.rpartition("/")[0]
            words = str(variable.attrs["ancillary_variables"]).split()
            products = [names.get(f"{group}/{word}".lstrip("/"), names.get(word)) for word in words]
            variable.attrs["ancillary_variables"] = " ".join(name for name in products if name in variables)
            if not variable.attrs["ancillary_variables"]:
                del variable.attrs["ancillary_variables"]


def _unfit(source):
    """What a variable is that netCDF of CF has no type for, or ""."""
    if isinstance(source.datatype, netCDF4.CompoundType):
        return "compound"
    if isinstance(source.datatype, netCDF4.VLType) and source.dtype is not str:
        return "lists of other lengths"
    return "" if source.dtype is str or source.dtype.kind in "iufS" else f"type {source.dtype}"


def _put_text(variables, flags, form, name, source, layout):
    told = {key: value for key, value in netcdf_file.attributes(source).items() if key == "long_name"}
    values = netcdf_file.texts(source)
    dims, order = layout.of(source, source.dtype is not str)
    alone = tuple(at for at in range(values.ndim) if layout.squeezed(source, at))
    values = values.squeeze(alone).transpose(order)
    if values.dtype.itemsize == 0:
        values = values.astype("S1")
    return put(variables, flags, form["variables"], name, values, dims, told)[0]


def _put_numbers(variables, flags, form, path, name, source, layout):
    """Add a variable of numbers with the packing and the missing values of the source."""
    told = netcdf_file.attributes(source)
    unsigned = str(told.get("_Unsigned", "")).lower() == "true" and source.dtype.kind == "i"
    dtype = np.dtype(source.dtype.str.replace("i", "u") if unsigned else source.dtype).newbyteorder("=")
    for key in ("scale_factor", "add_offset"):
        told[key] = netcdf_file.number(told.get(key), 1.0 if key == "scale_factor" else 0.0)
    _stored_ranges(told, dtype)
    flags += _flags_of_cf(name, told)
    fills = [
        value
        for key in ("_FillValue", "missing_value")
        for value in netcdf_file.numbers(told.get(key), dtype, unsigned)
    ]
    if isinstance(source.datatype, netCDF4.EnumType):
        codes = source.datatype.enum_dict
        told |= {
            "flag_values": list(codes.values()),
            "flag_meanings": " ".join(word.replace(" ", "_") for word in codes),
        }
    dims, order = layout.of(source)
    alone = [at for at in range(source.ndim) if layout.squeezed(source, at)]
    lengths = [length for at, length in enumerate(source.shape) if at not in alone]
    shape = [lengths[at] for at in order]
    column = form["variables"].get(name, {}).get("column") if len(shape) == 2 else None
    if column is not None:
        dims, shape = dims[:1], shape[:1]
    load = functools.partial(_values, order=order, alone=alone, dtype=dtype, column=column)
    if source.size * dtype.itemsize <= IN_MEMORY:
        variable = granule.Variable.of(load(source, 0, shape[0] if shape else 1), dims)
    else:
        variable = granule.Variable(dims, tuple(shape), dtype, {}, None, _from_file(path, name, load))
    return put(variables, flags, form["variables"], name, variable, told=told, fills=list(dict.fromkeys(fills)))[0]


def _values(source, first, last, order, alone, dtype, column):
    """Stored values of some entries of the first axis in the product, without axes of one entry."""
    kept = [at for at in range(source.ndim) if at not in alone]
    index = [0 if at in alone else slice(None) for at in range(source.ndim)]
    if kept:
        index[kept[order[0]]] = slice(first, last)
    values = np.asarray(source[tuple(index)] if index else source[...])
    if dtype.kind == "u" and values.dtype.kind == "i":
        values = values.astype(values.dtype.newbyteorder("="), copy=False).view(dtype)
    values = values.transpose(order)
    values = values[:, column] if column is not None else values
    return values.astype(dtype, copy=False)


def _from_file(path, name, load):
    """`read(first, last)` of a variable, which opens the file for as long as it reads."""

    def rows(first, last):
        with netcdf_file.opened(path) as file:
            return load(file[name], first, last)

    return rows


def _flags_of_cf(name, told):
    """Bring what codes of a variable mean to CF's types, and yield a flag where that cannot be.

    Numbers may be told as text such as `0b, 1b`, and meanings as a list of texts.
    """
    if "flag_meanings" in told and not isinstance(told["flag_meanings"], str):
        told["flag_meanings"] = " ".join(
            str(word).strip().replace(" ", "_") for word in np.ravel(told["flag_meanings"])
        )
    if "flag_meanings" in told:
        told["flag_meanings"] = re.sub(r"[^\w\s.+@-]", "_", told["flag_meanings"], flags=re.ASCII)
    for key in ("flag_values", "flag_masks"):
        words = told.get(key, [])
        words = re.split(r"[,\s]+", words.strip()) if isinstance(words, str) else np.ravel(words).tolist()
        numbers = [re.fullmatch(r"([-+]?\d+)[bsuBSUlL]*", str(word).strip()) for word in words]
        if all(numbers) and key in told:
            told[key] = [int(number[1]) for number in numbers]
        elif key in told:
            del told[key]
            told.pop("flag_meanings", None)
            yield {"flag": "codes_left_out", "note": f"{key} of {name} are {', '.join(map(str, words))}, no numbers"}


def _stored_ranges(told, dtype):
    """Bring valid ranges of packed values to stored ones where they are told in unpacked ones (NUG, appendix A)."""
    for key, count in (("valid_range", 2), ("valid_min", 1), ("valid_max", 1)):
        if key not in told:
            continue
        try:
            ends = np.ravel(told[key]).astype(np.float64)
        except ValueError:
            ends = np.zeros(0)
        if ends.size != count or np.isnan(ends).any():
            del told[key]
            continue
        if (
            dtype.kind in "iu"
            and np.asarray(told[key]).dtype.kind == "f"
            and (told["scale_factor"], told["add_offset"]) != (1, 0)
        ):
            ends = (ends - told["add_offset"]) / told["scale_factor"]
        told[key] = [float(end) for end in sorted(ends)] if count == 2 else float(ends[0])


def _is_level(source):
    """Whether a coordinate is vertical by CF (4.3): it says which way is up, or is a pressure."""
    told = netcdf_file.attributes(source)
    return "positive" in told or told.get("axis") == "Z" or units.is_pressure(str(told.get("units", "")))


class Layout:
    """Names of the dimensions in the product.

    Rows are called `time` in a track and a grid, `profile` in a curtain, and as in the source in a swath; bins are
    `altitude`, and sides of a grid `latitude` and `longitude`.
    """

    def __init__(self, sources, row_dims, form, length):
        self.feature, self.length = form["feature"], length
        self.row_dims = set(row_dims[:1])
        named = {entry["name"]: sources[name] for name, entry in form["variables"].items() if name in sources}
        places = {name: named[name] for name in SIDES if name in named}
        self.sides = {}
        if self.feature == "grid":
            self.sides = {source.dimensions[0]: name for name, source in places.items() if source.ndim == 1}
        else:
            self.row_dims |= {place.dimensions[0] for place in places.values() if place.shape[:1] == (length,)}
        its_own = str(row_dims[0]) if row_dims else "sample"
        its_own = "sample" if its_own == "time" or its_own.startswith("phony_dim") else its_own
        self.rows = {"trajectory": "time", "trajectoryProfile": "profile", "grid": "time"}.get(self.feature, its_own)
        self.bins = set()
        if self.feature in ("trajectoryProfile", "grid") and "altitude" in named:
            self.bins = set(self._plain(named["altitude"])) - self.row_dims - set(self.sides)
        self.levels = {name for name, source in sources.items() if source.dimensions == (name,) and _is_level(source)}
        self.lengths = {}

    def squeezed(self, source, at):
        """Whether an axis has one entry and is none of rows."""
        alone = source.shape[at] == 1 and source.ndim > 1 and not self._is_rows(source, at)
        return alone and source.dimensions[at].startswith("phony_dim")

    def _is_rows(self, source, at):
        name = source.dimensions[at]
        return name in self.row_dims or (name.startswith("phony_dim") and source.shape[at] == self.length)

    def _plain(self, source):
        return [name for at, name in enumerate(source.dimensions) if not self.squeezed(source, at)]

    def of(self, source, characters=False):
        """(names, order) of the dimensions of a variable in the product, without those of one entry.

        order -- of these, their axes in the source: rows come first; in a grid time, levels, latitude, longitude last
        """
        axes = [at for at in range(source.ndim - characters) if not self.squeezed(source, at)]
        rows = next((number for number, at in enumerate(axes) if self._is_rows(source, at)), 0)
        names = []
        for number, at in enumerate(axes):
            is_rows = number == rows and self._is_rows(source, at)
            names.append(self.rows if is_rows else self._other(source, at))
        order = sorted(range(len(axes)), key=lambda number: number != rows)
        if self.feature == "grid":
            places = ["altitude" if name in self.levels else name for name in names]
            order = sorted(order, key=lambda number: LAST.index(places[number]) if places[number] in LAST else -1)
        names = [names[at] for at in order]
        for number, name in enumerate(names):
            if name in names[:number]:
                names[number] = f"{name}_{number + 1}"
        return tuple(names), tuple(order)

    def others(self, source):
        return self.of(source)[0]

    def _other(self, source, at):
        name, length = source.dimensions[at], source.shape[at]
        if name in self.sides:
            return self.sides[name]
        if name in self.bins or (
            name.startswith("phony_dim") and any(length == self.lengths.get(bin) for bin in self.bins)
        ):
            self.lengths[name] = length
            return "altitude"
        name = f"entry_{length}" if name.startswith("phony_dim") else name.replace(" ", "_")
        if name in (self.rows, "trajectory", "time", "profile", "altitude", "obs"):
            name = f"{name}_{length}"
        if self.lengths.setdefault(f"={name}", length) != length:
            name = f"{name}_{length}"
        return name
