"""What a planned volume will take: files, room, memory, hours; told before work starts."""

import math

import numpy as np

from darkroom.atlas import regions, shards

# Bytes on disk against bytes in memory, as measured on histology and label volumes.
SHRINKAGE = {"raw": 1.0, "png": 0.8, "jpeg": 0.5, "compressed_segmentation": 0.4}
# Million bytes of source values that a core converts in a second, and checks, without the start of Python
# (tests/bench/atlas.py: sections of PNG).
CONVERTED = {"raw": 64, "png": 20, "jpeg": 49, "compressed_segmentation": 69}
CHECKED = {"raw": 59, "png": 35, "jpeg": 39, "compressed_segmentation": 80}
GZIPPED = 1.75, 1.6  # times as long where chunks are gzipped at level 1; higher levels take longer
# Memory in MB (tests/bench/memory_of_rules.py): of a process before it has read anything; for each MB of a block up to
# the usual one, with what it is read from and made into, and of a larger one, with the next one in memory and without.
PROCESS = 165
USUAL, AHEAD, ALONE = 7, 2.5, 1.25
MESHED = 1 << 26  # voxels of the finest scale that surfaces are made of
MESHING = 45e-6  # MB for each of them
FOLDER = 100_000  # files that a folder should not have more of


def estimate(info, cut, itemsize, gzipped):
    """What a volume with this `info`, cut in this way, will take; of a source whose values have `itemsize` bytes.

    Returns chunks, files (of all scales) and the most of them in one folder, bytes on the disk, memory in MB of each
    job that goes through it and of the one that makes meshes, and hours of one core to convert and to check it, by the
    rates that were measured.
    """
    scales, encoding = info["scales"], info["scales"][0]["encoding"]
    voxels = [math.prod(scale["size"]) * info["num_channels"] for scale in scales]
    chunks = [math.prod(shards.grid(scale["size"], scale["chunk_sizes"][0])) for scale in scales]
    files = [_files(scale, count) for scale, count in zip(scales, chunks, strict=True)]
    stored = np.dtype(info["data_type"]).itemsize
    block = max(math.prod(stage.sides) for stage in regions.Cut(**cut).stages) * info["num_channels"]
    block *= max(stored, itemsize) / 1e6
    megabytes = voxels[0] * itemsize / 1e6
    slower = GZIPPED if gzipped else (1, 1)
    return {
        "chunks": sum(chunks),
        "files": sum(files),
        "files_in_a_folder": max(files),
        "bytes": int(sum(voxels) * stored * SHRINKAGE[encoding]),
        "memory_mb": memory(block),
        "memory_mb_of_meshes": round(PROCESS + MESHING * min(MESHED, voxels[0])),
        "core_hours": round(megabytes / CONVERTED[encoding] * slower[0] / 3600, 3),
        "core_hours_to_check": round(megabytes / CHECKED[encoding] * slower[1] / 3600, 3),
    }


def memory(block):
    """MB that a job uses whose largest block is of so many MB."""
    usual = min(block, regions.BLOCK / 1e6)
    return round(PROCESS + USUAL * usual + (AHEAD if block <= regions.AHEAD / 1e6 else ALONE) * (block - usual))


def _files(scale, chunks):
    """How many files the chunks of a scale are in."""
    if "sharding" not in scale:
        return chunks
    return math.prod(shards.grid(shards.grid(scale["size"], scale["chunk_sizes"][0]), shards.extent(scale)))


def is_crowded(scale):
    """Whether the chunks of a scale, as files of their own, would crowd a folder."""
    return math.prod(shards.grid(scale["size"], scale["chunk_sizes"][0])) > FOLDER
