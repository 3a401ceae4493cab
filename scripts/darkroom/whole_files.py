"""Files whose headers tell how long they are or their parts: netCDF of the classic formats, HDF5, boxes of JPEG 2000.

Their libraries believe the headers: they read zeros where a file is cut, give memory to what is not there, and come to
no end over what has no length.
"""

import contextlib
import functools
import math
import mmap
import struct
from pathlib import Path

# Of the classic formats, by their first bytes: counts and offsets in the header, as letters of `struct`.
CLASSIC = {b"CDF\1": ("I", "I"), b"CDF\2": ("I", "Q"), b"CDF\5": ("Q", "Q")}
PADDING = 4  # of the last variable, which need not be there
BLOCK = 1024  # of what old libraries wrote at once: what the buffer had before may stand below the last record
SIZES = (0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8)  # bytes of a value by the number of its type
HDF5 = b"\x89HDF\r\n\x1a\n"
JP2, SUPERBOXES = b"\0\0\0\x0cjP  \r\n\x87\n", (b"jp2h", b"asoc", b"res ", b"uinf")
HEAP, OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")  # heads of a global heap and of an object in it
SEARCHED = 1 << 26  # bytes at each end of a file in which heaps are looked for
PACKED, SLACK = 1100, 1 << 26  # deflate packs 1032 bytes into one at most; small arrays may be of fill values alone


def require(path):
    """Refuse a netCDF or HDF5 file that is empty, or not as long as its header says; other formats are let through.

    Raises ValueError naming the file, with both lengths.
    """
    about = Path(path).stat()
    _require(path, about.st_size, about.st_ino, about.st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _require(path, size, *version):
    """See `require`; once for a file that stays as it is, as those who read in blocks open it for each."""
    if not size:
        raise ValueError(f"{path}: the file is empty")
    try:
        whole, padding = classic_size(path), PADDING
        if not whole and (whole := hdf5_size(path)):
            padding = 1
            _require_heaps(path)
    except (struct.error, IndexError, OverflowError, OSError) as error:
        raise ValueError(f"{path}: the header of the file is damaged: it names what is not there") from error
    if size < whole:
        raise ValueError(f"{path}: the file is cut: {size} bytes; by its header it has {whole}")
    if whole and size >= whole + padding and not rest_of_block(path):
        raise ValueError(
            f"{path}: {size} bytes; by its header it has {whole}: what is too much may stand anywhere, or the header "
            "was not updated"
        )


def _require_heaps(path):
    """Refuse an HDF5 file with a global heap of free space without length, over which HDF5 itself goes round for ever.

    Format: HDF5 File Format Specification 3.0, III.E.
    """
    with Path(path).open("rb") as file, contextlib.closing(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)) as content:
        for begin, end in ((0, SEARCHED), (max(SEARCHED, len(content) - SEARCHED), len(content))):
            at = content.find(b"GCOL", begin, end)
            while at >= 0:
                if not _is_heap_walked(content, at):
                    raise ValueError(f"{path}: the file is damaged: the heap of texts and references at byte {at}")
                at = content.find(b"GCOL", at + 4, end)


def _is_heap_walked(content, begin):
    """Whether the objects of a heap come to its end; true of what only begins like one."""
    if begin + HEAP.size > len(content):
        return True
    _, version, size = HEAP.unpack_from(content, begin)
    at, end = begin + HEAP.size, begin + size
    if version != 1 or end > len(content):
        return True
    while at + OBJECT.size <= end:
        index, _, length = OBJECT.unpack_from(content, at)
        if not index and not length:
            return False
        at += OBJECT.size + -(-length // 8) * 8 if index else length
    return True


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
        head = file.read(8)
        if head[0] < 2:
            width = head[5]
            file.seek(begin + 24 + 4 * head[0])
        else:
            width = head[1]
            file.seek(begin + 12)
        base, _, end = (int.from_bytes(file.read(width), "little") for _ in range(3))
        return begin - base + end


def require_boxes(path):
    """Refuse a JPEG 2000 file with a box in another one that tells no length, over which GDAL goes round for ever.

    Format: ISO/IEC 15444-1, annex I. Raises ValueError naming the file.
    """
    with Path(path).open("rb") as file:
        if file.read(len(JP2)) == JP2:
            _walk(path, file, 0, Path(path).stat().st_size)


def _walk(path, file, begin, end, is_inner=False):
    at = begin
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        head = 16 if length == 1 else 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        if not length and not is_inner:  # the last box, up to the end
            return
        if length < head or (is_inner and at + length > end):
            raise ValueError(f"{path}: the file is damaged: a box at byte {at} has {length} bytes")
        if kind in SUPERBOXES:
            _walk(path, file, at + head, min(at + length, end), is_inner=True)
        at += length
