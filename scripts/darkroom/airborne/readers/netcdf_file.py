"""Opening netCDF sources: stored values and attributes as they are."""

import contextlib
import math
import struct
from pathlib import Path

import netCDF4
import numpy as np

# Of the classic formats, by their first bytes: counts and offsets in the header, as letters of `struct`.
CLASSIC = {b"CDF\1": ("I", "I"), b"CDF\2": ("I", "Q"), b"CDF\5": ("Q", "Q")}
PACKED, SLACK = 1100, 1 << 26  # deflate packs 1032 bytes into one at most; small arrays may be of fill values alone
PADDING = 4  # of the last variable, which need not be there
BLOCK = 1024  # of what old libraries wrote at once: what the buffer had before may stand below the last record
SIZES = (0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8)  # bytes of a value by the number of its type


@contextlib.contextmanager
def opened(path):
    """A netCDF dataset whose values come as they are stored.

    Raises ValueError for a file that is none, is cut, or is damaged where it is read.
    """
    size = Path(path).stat().st_size
    if not size:
        raise ValueError(f"{path}: the file is empty")
    _require_classic_size(path, size)
    try:
        file = netCDF4.Dataset(path)
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: no netCDF file, or one that is cut ({reason})") from error
    try:
        require_likely(path, _sizes(file), size)
        file.set_auto_maskandscale(False)
        file.set_auto_chartostring(False)
        yield file
    except (RuntimeError, UnicodeDecodeError, struct.error) as error:
        raise ValueError(f"{path}: the netCDF file is damaged ({error})") from error
    finally:
        file.close()


def _require_classic_size(path, size):
    """Refuse a file of a classic format that is not as long as its header says, before the library believes that."""
    try:
        whole = classic_size(path)
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"{path}: the header of the netCDF file is damaged: it names what is not there") from error
    if size < whole:
        raise ValueError(f"{path}: the file is cut: {size} bytes; by its header it has {whole}")
    if whole and size >= whole + PADDING and not _fills_block(size, whole):
        raise ValueError(
            f"{path}: {size} bytes; by its header it has {whole}: what is too much may stand anywhere, or the number "
            "of records was not updated"
        )


def rest_of_block(path):
    """Bytes below the last record of a file of a classic format that fill the last block; most often none."""
    size, whole = Path(path).stat().st_size, classic_size(path)
    return size - whole if whole and size >= whole + PADDING and _fills_block(size, whole) else 0


def _fills_block(size, whole):
    return size == -(-whole // BLOCK) * BLOCK


def _sizes(group):
    """(name, bytes) of the numbers of a dataset and its groups."""
    for name, variable in group.variables.items():
        if variable.dtype is not str and isinstance(variable.dtype, np.dtype):
            yield name, math.prod(variable.shape) * variable.dtype.itemsize
    for inner in group.groups.values():
        yield from _sizes(inner)


def require_likely(path, sizes, size):
    """Refuse arrays, as (name, bytes), that are larger than what a file of `size` bytes could have packed.

    HDF5 gives memory to what its header says, and fills what is not stored.
    """
    for name, needed in sizes:
        if needed > SLACK + PACKED * size:
            raise ValueError(f"{path}: {name} has {needed} bytes by its header, the file {size}; the header is damaged")


def classic_size(path):
    """Bytes that a netCDF file of a classic format has at least, by its header; 0 for another file, such as HDF5.

    The library reads zeros where such a file is cut. Format: NetCDF Users Guide, "File Format Specifications".
    """
    with Path(path).open("rb") as file:
        count, offset = CLASSIC.get(file.read(4), ("", ""))
        if not count:
            return 0
        records, _, lengths = _number(file, count), _number(file, "I"), []
        # A count that lies ends the walk at the end of the file, where there is no number.
        for _ in range(_number(file, count)):
            _skip(file, _number(file, count))
            lengths.append(_number(file, count))
        _skip_attributes(file, count)
        _number(file, "I")  # tag of the list of variables
        fixed, growing = [(0, 0)], []  # (first byte, bytes), of those with records in each record
        for _ in range(_number(file, count)):
            _skip(file, _number(file, count))
            shape = [lengths[_number(file, count)] for _ in range(_number(file, count))]
            _skip_attributes(file, count)
            grows = shape[:1] == [0]  # the dimension of records has no length
            size = SIZES[_number(file, "I")] * math.prod(shape[grows:])
            _number(file, count)  # bytes again, which large variables do not tell
            (growing if grows else fixed).append((_number(file, offset), size))
    step = growing[0][1] if len(growing) == 1 else sum(_padded(size) for _, size in growing)
    if records and records != 2 ** (8 * struct.calcsize(count)) - 1:  # written as a stream: their number is not known
        fixed += [(begin + (records - 1) * step, size) for begin, size in growing]
    return max(begin + size for begin, size in fixed)


def _number(file, form):
    return struct.unpack(f">{form}", file.read(struct.calcsize(form)))[0]


def _padded(size):
    return -(-size // 4) * 4


def _skip(file, size):
    end = file.seek(0, 1) + _padded(size)
    if end > file.seek(0, 2):
        raise IndexError("behind the end of the file")
    file.seek(end)


def _skip_attributes(file, count):
    _number(file, "I")  # tag of the list
    for _ in range(_number(file, count)):
        _skip(file, _number(file, count))
        size = SIZES[_number(file, "I")]
        _skip(file, size * _number(file, count))


def stored(variable, first=None, last=None):
    """Stored values of a variable, or some rows of it, in this machine's byte order."""
    values = np.asarray(variable[first:last] if variable.dimensions else variable[...])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def walk(group, above=""):
    """(path, variable) of a dataset and its groups."""
    yield from ((above + name, variable) for name, variable in group.variables.items())
    for name, inner in group.groups.items():
        yield from walk(inner, f"{above}{name}/")


def attributes(variable):
    """Attributes of a variable as a dict."""
    return {name: variable.getncattr(name) for name in variable.ncattrs()}


def is_text(source):
    return source.dtype is str or source.dtype.kind == "S"


def texts(source):
    """Text of a variable of strings or of characters, as bytes of UTF-8: an array without the axis of characters."""
    values = np.asarray(source[...])
    if source.dtype is str:
        return np.array([str(one).encode() for one in values.ravel()], dtype=np.bytes_).reshape(values.shape)
    values = values.astype("S1")
    if not values.ndim:
        return values
    return np.ascontiguousarray(values).view(f"S{values.shape[-1]}")[..., 0] if values.shape[-1] else values.sum(-1)


def number(value, default):
    try:
        return float(np.ravel(value)[0])
    except (TypeError, ValueError, IndexError):
        return default


def numbers(value, dtype, unsigned=False):
    """Values of an attribute that a variable of this type can have."""
    if value is None:
        return
    for one in np.ravel(value):
        try:
            number = float(one)
        except ValueError:
            continue
        if unsigned and number < 0:
            number += 2.0 ** (8 * dtype.itemsize)
        with np.errstate(all="ignore"):
            if dtype.kind == "f" or np.array(number).astype(dtype) == number:
                yield dtype.type(number)
