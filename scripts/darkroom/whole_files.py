"""Files whose headers tell how long they are, netCDF of the classic formats and HDF5, held against their length.

Their libraries believe the headers: they read zeros where a file is cut, give memory to what is not there, and may come
to no end where something stands twice.
"""

import math
import struct
from pathlib import Path

# Of the classic formats, by their first bytes: counts and offsets in the header, as letters of `struct`.
CLASSIC = {b"CDF\1": ("I", "I"), b"CDF\2": ("I", "Q"), b"CDF\5": ("Q", "Q")}
PADDING = 4  # of the last variable, which need not be there
BLOCK = 1024  # of what old libraries wrote at once: what the buffer had before may stand below the last record
SIZES = (0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8)  # bytes of a value by the number of its type
HDF5 = b"\x89HDF\r\n\x1a\n"
PACKED, SLACK = 1100, 1 << 26  # deflate packs 1032 bytes into one at most; small arrays may be of fill values alone


def require(path):
    """Refuse a file that is empty, or not as long as its header says; others than those formats are let through.

    Raises ValueError naming the file, with both lengths.
    """
    size = Path(path).stat().st_size
    if not size:
        raise ValueError(f"{path}: the file is empty")
    try:
        whole, padding = classic_size(path), PADDING
        if not whole:
            whole, padding = hdf5_size(path), 1
    except (struct.error, IndexError, OverflowError, OSError) as error:
        raise ValueError(f"{path}: the header of the file is damaged: it names what is not there") from error
    if size < whole:
        raise ValueError(f"{path}: the file is cut: {size} bytes; by its header it has {whole}")
    if whole and size >= whole + padding and not rest_of_block(path):
        raise ValueError(
            f"{path}: {size} bytes; by its header it has {whole}: what is too much may stand anywhere, or the header "
            "was not updated"
        )


def rest_of_block(path):
    """Bytes below the last record of a file of a classic format that fill the last block; most often none."""
    size, whole = Path(path).stat().st_size, classic_size(path)
    return size - whole if whole and whole + PADDING <= size == -(-whole // BLOCK) * BLOCK else 0


def require_likely(path, sizes):
    """Refuse arrays, as (name, bytes), that are larger than what a file of its size could have packed.

    HDF5 gives memory to what its header says, and fills what is not stored.
    """
    size = Path(path).stat().st_size
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


def hdf5_size(path):
    """Bytes of an HDF5 file by its superblock, wherever it begins; 0 for another file.

    Format: HDF5 File Format Specification 3.0, II.A: base address and end of file, which move with what is put before.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        begin = 0
        while file.read(len(HDF5)) != HDF5:
            begin = max(512, 2 * begin)  # a block of the user's may be before it
            if begin >= size:
                return 0
            file.seek(begin)
        version, *head = file.read(8)
        if version < 2:
            width = head[4]
            file.seek(begin + 24 + 4 * version)
        else:
            width = head[0]
            file.seek(begin + 12)
        base, _, end = (int.from_bytes(file.read(width), "little") for _ in range(3))
        return begin - base + end
