"""What the chunks of a precomputed volume are called, and how a server has to tell a reader to take them.

Source: Neuroglancer's src/datasource/precomputed/volume.md; a chunk is asked for by its name without `.gz`.
"""

import re

PACKED = ".gz"
NAME = re.compile(r"(-?\d+)--?\d+_(-?\d+)--?\d+_(-?\d+)--?\d+(\.gz)?")
TYPES = {"jpeg": "image/jpeg", "png": "image/png"}  # by encoding; others are octets
GZIPPED = ("raw", "compressed_segmentation")  # encodings of chunks that may be gzipped besides


def name(chunk, voxel_offset, gzipped=False):
    """The file of a chunk `((x0, x1), (y0, y1), (z0, z1))`, in voxels from the start of the volume."""
    spans = (f"{low + start}-{high + start}" for (low, high), start in zip(chunk, voxel_offset, strict=True))
    return "_".join(spans) + (PACKED if gzipped else "")


def lows(name):
    """The first voxel (x, y, z) that the name of a chunk tells, or None where it is no such name."""
    match = NAME.fullmatch(name)
    return [int(match[number]) for number in (1, 2, 3)] if match else None


def served(name, scale):
    """Content type and encoding of a file in the folder of a scale of `info`; (None, None) where it is no chunk."""
    packed = name.endswith(PACKED)
    if "sharding" in scale or not NAME.fullmatch(name) or (packed and scale["encoding"] not in GZIPPED):
        return None, None
    return TYPES.get(scale["encoding"], "application/octet-stream"), "gzip" if packed else None
