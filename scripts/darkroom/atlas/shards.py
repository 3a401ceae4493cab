"""Shards: the chunks of a scale packed into few large files, which readers take apart by byte ranges.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/sharded.md).
"""

import functools
import re
import threading

import imagecodecs
import numpy as np

from darkroom import files

# 64 chunks share an index, 8 such indexes a file: of 64 x 64 x 64 uint8 chunks that is 134 MB before compression.
PRESHIFT_BITS, MINISHARD_BITS = 6, 3
SUFFIX = ".shard"


def spec(size, sides, compressed):
    """The `sharding` key of a scale of this size (x, y, z) in chunks of these sides; `compressed` gzips each chunk."""
    bits = sum((extent - 1).bit_length() for extent in grid(size, sides))
    preshift = min(bits, PRESHIFT_BITS)
    minishard = min(bits - preshift, MINISHARD_BITS)
    return {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "identity",
        "preshift_bits": preshift,
        "minishard_bits": minishard,
        "shard_bits": bits - preshift - minishard,
        "minishard_index_encoding": "gzip",
        "data_encoding": "gzip" if compressed else "raw",
    }


def grid(size, sides):
    """Number of chunks along x, y, z."""
    return [-(-extent // side) for extent, side in zip(size, sides, strict=True)]


def morton(position, extents):
    """Compressed Morton code of a place in a grid: bits of x, y and z in turn, as far as each extent has them."""
    code = shift = 0
    for bit in range(max(extents).bit_length()):
        for place, extent in zip(position, extents, strict=True):
            if (extent - 1) >> bit:
                code |= ((place >> bit) & 1) << shift
                shift += 1
    return code


def place(code, extents):
    """The place of a compressed Morton code: the inverse of `morton`. It may lie outside the grid."""
    position = [0, 0, 0]
    for bit in range(max(extents).bit_length()):
        for axis, extent in enumerate(extents):
            if (extent - 1) >> bit:
                position[axis] |= (code & 1) << bit
                code >>= 1
    return position


def extent(info):
    """How many chunks along x, y, z a shard of a scale holds: the first bits of a Morton code are within it."""
    sharding, extents = info["sharding"], grid(info["size"], info["chunk_sizes"][0])
    last = place((1 << sharding["preshift_bits"] + sharding["minishard_bits"]) - 1, extents)
    return [min(number + 1, extent) for number, extent in zip(last, extents, strict=True)]


def code(info, chunk):
    """The compressed Morton code of a chunk of a scale of `info`."""
    sides = info["chunk_sizes"][0]
    position = [low // side for (low, _), side in zip(chunk, sides, strict=True)]
    return morton(position, grid(info["size"], sides))


def name(info, chunk):
    """The file of the shard that holds a chunk of a scale of `info`."""
    sharding = info["sharding"]
    number = code(info, chunk) >> sharding["preshift_bits"] + sharding["minishard_bits"]
    return f"{number:0{-(-sharding['shard_bits'] // 4)}x}{SUFFIX}"


def first(info, name):
    """The place in the grid of the first chunk of a shard with this name, or None where it is no such name."""
    stem, dot, suffix = name.partition(".")
    if (dot + suffix) != SUFFIX or not re.fullmatch("[0-9a-f]*", stem):
        return None
    sharding = info["sharding"]
    bits = sharding["preshift_bits"] + sharding["minishard_bits"]
    return place(int(stem or "0", 16) << bits, grid(info["size"], info["chunk_sizes"][0]))


def codes(path, sharding):
    """The compressed Morton codes of the chunks that a shard holds. Raises ValueError naming one that is cut."""
    size, listed = 16 << sharding["minishard_bits"], [np.zeros(0, int)]
    with path.open("rb") as file:
        table = np.frombuffer(_all_of(path, file, size), "<u8").reshape(-1, 2)
        for start, end in table[table[:, 0] < table[:, 1]].tolist():
            file.seek(size + start)
            index = _all_of(path, file, end - start)
            index = imagecodecs.gzip_decode(index) if sharding.get("minishard_index_encoding") == "gzip" else index
            listed.append(np.cumsum(np.frombuffer(index, "<u8").reshape(3, -1)[0]).astype(int))
    return np.concatenate(listed)


def _all_of(path, file, size):
    content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{path} is cut short, its indexes are not all there")
    return content


class Spool:
    """Chunks of a scale on their way into shards: one file for each shard, in any order, until all are there."""

    def __init__(self, scale, folder):
        self.scale, self.folder = scale, folder
        self.shards = {}  # shard -> its number, and (key, start, length) of each of its chunks
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, chunk, content):
        """Keep a chunk; threads may do so at the same time."""
        shard, key = self.scale.file(chunk), self.scale.shard_key(chunk)
        with self.lock:
            number, places = self.shards.setdefault(shard, (len(self.shards), []))
            with (self.folder / str(number)).open("ab" if places else "wb") as file:
                places.append((key, file.tell(), file.write(content)))

    def pack(self):
        """Write every shard, with its chunks in the order of their keys, so that it does not tell how they came."""
        for shard, (number, places) in self.shards.items():
            path = self.folder / str(number)
            with path.open("rb") as file:
                self.scale.write_shard(shard, sorted(places), functools.partial(part, file))
            path.unlink()
        self.folder.rmdir()


def part(file, start, length):
    """So many bytes of a file."""
    file.seek(start)
    return file.read(length)


def write(path, sharding, places, read):
    """Write a shard of these chunks, (code, start, length) in the order of codes; `read(start, length)` is its content.

    Each group of chunks (minishard) is followed by its index; where these are stands at the start of the file.
    """
    groups = {}
    for place in places:
        groups.setdefault(place[0] >> sharding["preshift_bits"] & (1 << sharding["minishard_bits"]) - 1, []).append(
            place
        )
    table = np.zeros((1 << sharding["minishard_bits"], 2), "<u8")
    with files.replacing(path, durable=False) as partial, partial.open("wb") as file:
        file.write(table.tobytes())
        for number, chunks in groups.items():
            begin = file.tell() - table.nbytes
            for _, start, length in chunks:
                file.write(read(start, length))
            index = np.zeros((3, len(chunks)), "<u8")
            index[0] = np.diff([code for code, _, _ in chunks], prepend=0)
            index[1, 0] = begin  # the others follow right after the one before
            index[2] = [length for _, _, length in chunks]
            table[number, 0] = file.tell() - table.nbytes
            file.write(imagecodecs.gzip_encode(index.tobytes(), level=9))
            table[number, 1] = file.tell() - table.nbytes
        file.seek(0)
        file.write(table.tobytes())
