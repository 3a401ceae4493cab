"""Shards: the chunks of a scale packed into few large files, which readers take apart by byte ranges.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/sharded.md). The files are
written by tensorstore.
"""

import itertools

import tensorstore

from darkroom import files

# 64 chunks share an index, 8 such indexes a file: of 64 x 64 x 64 uint8 chunks that is 134 MB before compression.
PRESHIFT_BITS, MINISHARD_BITS = 6, 3


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


def extent(scale):
    """How many chunks along x, y, z a shard of a scale holds: the first bits of a Morton code are those within it."""
    sharding, extents = scale.info["sharding"], grid(scale.size, scale.sides)
    last = place((1 << sharding["preshift_bits"] + sharding["minishard_bits"]) - 1, extents)
    return [min(number + 1, extent) for number, extent in zip(last, extents, strict=True)]


def path(scale, chunk):
    """File of the shard that holds a chunk."""
    position = [low // side for (low, _), side in zip(chunk, scale.sides, strict=True)]
    sharding = scale.info["sharding"]
    number = morton(position, grid(scale.size, scale.sides)) >> sharding["preshift_bits"] + sharding["minishard_bits"]
    return scale.folder / f"{number:0{-(-sharding['shard_bits'] // 4)}x}.shard"


def coded_chunks(scale):
    """Every chunk of a scale as (code, chunk), in the order of codes, which is that of shards."""
    extents = grid(scale.size, scale.sides)
    for code in range(1 << sum((extent - 1).bit_length() for extent in extents)):
        position = place(code, extents)
        if all(number < extent for number, extent in zip(position, extents, strict=True)):
            spans = zip(position, scale.sides, scale.size, strict=True)
            yield code, tuple((number * side, min((number + 1) * side, size)) for number, side, size in spans)


def pack(scale):
    """Pack the chunk files of a scale into its shards, one at a time, and remove them; what is packed is left alone.

    A shard appears when it is whole, and its chunk files go after that, so a killed run loses nothing.
    """
    for shard, members in itertools.groupby(coded_chunks(scale), key=lambda item: scale.file(item[1])):
        members = list(members)
        if not shard.exists():
            store = tensorstore.KvStore.open(scale.shard_store(shard)).result()
            with tensorstore.Transaction() as transaction:
                contents = store.with_transaction(transaction)
                for code, chunk in members:
                    contents[scale.shard_key(code, chunk)] = scale.path(chunk).read_bytes()
            files.note_size(shard)
        for _, chunk in members:
            scale.path(chunk).unlink(missing_ok=True)
