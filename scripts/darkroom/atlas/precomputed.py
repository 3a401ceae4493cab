"""The Neuroglancer precomputed volume format: its `info`, its scales, the encoding of its chunks.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/volume.md). Blocks of
voxels are (channel, z, y, x), whose C order is the byte order of the raw encoding.
"""

import math
import os
from pathlib import Path

import compressed_segmentation
import imagecodecs
import numpy as np

from darkroom import files
from darkroom.atlas import chunks, shards
from darkroom.atlas.label_tables import segment_properties

DATA_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32")
CSEG_BLOCK = (8, 8, 8)
PROPERTIES, MESHES = "segment_properties", "mesh"  # folders of what belongs to labels, beside the scales


def scales(size, resolution, voxel_offset, chunk_size, encoding, max_scales=None):
    """Scales of `info`, finest first, until the volume fits in one chunk.

    `size`, `resolution` (nm), `voxel_offset` and `chunk_size` are x, y, z. Only the finer axes are halved until
    voxels are as isotropic as halving makes them, and no axis below one voxel. Coarse voxels lie on the grid of the
    fine ones, so offset and end are rounded outwards.
    """
    pyramid = []
    low, high, resolution = list(voxel_offset), [a + b for a, b in zip(voxel_offset, size, strict=True)], resolution
    while True:
        size = [end - start for start, end in zip(low, high, strict=True)]
        pyramid.append(
            {
                "key": "_".join(f"{length:.10g}" for length in resolution),
                "size": size,
                "resolution": [round(length, 9) for length in resolution],
                "voxel_offset": list(low),
                "chunk_sizes": [list(chunk_size)],
                **encoding,
            }
        )
        axes = halved_axes(size, resolution)
        fits = all(extent <= chunk for extent, chunk in zip(size, chunk_size, strict=True))
        if fits or not axes or len(pyramid) == max_scales:
            return pyramid
        low = [start // 2 if axis in axes else start for axis, start in enumerate(low)]
        high = [-(-end // 2) if axis in axes else end for axis, end in enumerate(high)]
        resolution = [length * 2 if axis in axes else length for axis, length in enumerate(resolution)]


def halved_axes(size, resolution):
    """Axes (0, 1, 2) to halve next: those longer than one voxel whose voxels are finest, within a factor of sqrt 2."""
    open_axes = [axis for axis in range(3) if size[axis] > 1]
    finest = min((resolution[axis] for axis in open_axes), default=0)
    return [axis for axis in open_axes if resolution[axis] < finest * math.sqrt(2)]


def factors(fine, coarse):
    """How many voxels (1 or 2 along x, y, z) of scale `fine` make one of scale `coarse`."""
    return [round(b / a) for a, b in zip(fine["resolution"], coarse["resolution"], strict=True)]


def opened(folder, planned):
    """Every `Scale` of a planned volume, finest first."""
    numbers = range(len(planned["info"]["scales"]))
    return [Scale(folder, planned["info"], number, planned["compresslevel"]) for number in numbers]


def write_index(info, planned):
    """Say that a planned volume is all there: what belongs to it, then `info`, in the folder of that file."""
    if planned["transform"]:
        files.write_json(info.with_name("transform.json"), planned["transform"])
    if planned["regions"]:
        files.write_json(info.parent / PROPERTIES / "info", segment_properties(planned["regions"]))
    files.write_json(info, planned["info"])


class Scale:
    """The chunks of one scale in a folder of files.

    `number` counts from the finest scale. Boxes and chunks are `((x0, x1), (y0, y1), (z0, z1))` in voxels from the
    start of the volume; `voxel_offset` comes in only where a file is named.
    """

    indexes = ()  # files in the folder that are no chunks, in formats that have any

    def __init__(self, folder, info, number, compresslevel=0):
        self.info = info["scales"][number]
        self.folder = Path(folder, self.info["key"])
        self.size, self.sides = self.info["size"], self.info["chunk_sizes"][0]
        self.channels, self.dtype = info["num_channels"], np.dtype(info["data_type"])
        self.sharded = "sharding" in self.info
        self.compresslevel = compresslevel
        self.gzipped = compresslevel > 0 and not self.sharded  # as files

        self.grid = shards.grid(self.size, self.sides)

    @property
    def box(self):
        """The whole scale."""
        return tuple((0, extent) for extent in self.size)

    @property
    def count(self):
        """How many files there are, of chunks or of shards."""
        per_file = shards.extent(self.info) if self.sharded else [1, 1, 1]
        return math.prod(shards.grid(self.grid, per_file)) + len(self.indexes)

    def names(self):
        """Every file that is there, by its name below the folder."""
        for place, _, entries in os.walk(self.folder):
            below = os.path.relpath(place, self.folder)
            yield from entries if below == "." else (f"{below}/{name}" for name in entries)

    def holds(self, name):
        """Whether a file of this name belongs to the scale."""
        place = self._place(name)
        if place is None:
            return self.folder / name in self.indexes
        inside = all(0 <= number < extent for number, extent in zip(place, self.grid, strict=True))
        return inside and self.file(self.chunk(place)) == self.folder / name

    def _place(self, name):
        """The place in the grid of the first chunk of a file of such a name, or None."""
        if self.sharded:
            return shards.first(self.info, name)
        lows = chunks.lows(name)
        return lows and [
            (low - start) // side for low, start, side in zip(lows, self.info["voxel_offset"], self.sides, strict=True)
        ]

    def chunk(self, place):
        """The chunk at a place in the grid."""
        spans = zip(place, self.sides, self.size, strict=True)
        return tuple((number * side, min((number + 1) * side, extent)) for number, side, extent in spans)

    def path(self, chunk):
        """File of a chunk. Gzipped ones end in `.gz`, which a server takes off again (nginx: `gzip_static on`)."""
        return self.folder / chunks.name(chunk, self.info["voxel_offset"], self.gzipped)

    def file(self, chunk):
        """File that a chunk is in: its own, or the shard that it is packed into."""
        return self.folder / shards.name(self.info, chunk) if self.sharded else self.path(chunk)

    def shard_key(self, chunk):
        """What a chunk is called in its shard."""
        return shards.code(self.info, chunk)

    def write_shard(self, path, places, read):
        """Write a shard of chunks in the order of their keys; see `shards.write`."""
        shards.write(path, self.info["sharding"], places, read)

    def put(self, chunk, content):
        """Write the file of a chunk. It is whole once its region is, which `pyramid` sees to."""
        path = self.path(chunk)
        try:
            path.write_bytes(content)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        files.note_size(path)

    def encode(self, block):
        """Content of the file of a chunk with these voxels (channel, z, y, x)."""
        content = ENCODERS[self.info["encoding"]](block, self.info)
        return imagecodecs.gzip_encode(content, level=self.compresslevel) if self.compresslevel else content

    def around(self, box):
        """The box of whole chunks that `box` touches."""
        spans = zip(box, self.sides, self.size, strict=True)
        return tuple((low - low % side, min(high + -high % side, extent)) for (low, high), side, extent in spans)


def _plane(block):
    """A block as one picture, x across and (z, y) down, as JPEG and PNG chunks are laid out."""
    channels, depth, height, width = block.shape
    plane = block.reshape(channels, depth * height, width)
    return np.ascontiguousarray(plane[0] if channels == 1 else plane.transpose(1, 2, 0))


def _encode_jpeg(block, scale):
    return imagecodecs.jpeg8_encode(_plane(block), level=scale["jpeg_quality"], subsampling="444")


def _encode_png(block, scale):
    return imagecodecs.png_encode(_plane(block), level=6)


def _encode_raw(block, scale):
    return np.ascontiguousarray(block, block.dtype.newbyteorder("<")).tobytes()


def _encode_labels(block, scale):
    volume = np.require(block.T, requirements=["F", "W"])  # it takes no read-only array, such as a mapped file
    return compressed_segmentation.compress(volume, block_size=CSEG_BLOCK, order="F")


ENCODERS = {
    "raw": _encode_raw,
    "jpeg": _encode_jpeg,
    "png": _encode_png,
    "compressed_segmentation": _encode_labels,
}
