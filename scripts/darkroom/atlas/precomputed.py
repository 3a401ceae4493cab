"""The Neuroglancer precomputed volume format: its `info`, its scales, the encoding of its chunks.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/volume.md). Blocks of
voxels are (channel, z, y, x), whose C order is the byte order of the raw encoding.
"""

import math
from pathlib import Path

import compressed_segmentation
import imagecodecs
import numpy as np

from darkroom import files
from darkroom.atlas import blocks, chunks, shards

DATA_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32")
CSEG_BLOCK = (8, 8, 8)


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
        self.compresslevel = compresslevel
        self.sharded = "sharding" in self.info

    @property
    def box(self):
        """The whole scale."""
        return tuple((0, extent) for extent in self.size)

    def path(self, chunk):
        """File of a chunk. Gzipped ones end in `.gz`, which a server takes off again (nginx: `gzip_static on`)."""
        return self.folder / chunks.name(chunk, self.info["voxel_offset"], gzipped=self.compresslevel > 0)

    def file(self, chunk):
        """File that a chunk is in at the end: its own, or the shard that it is packed into."""
        return shards.path(self, chunk) if self.sharded else self.path(chunk)

    def done(self, chunk):
        """Whether a chunk is there, in a file of its own or packed into its shard."""
        return _is_whole(self.path(chunk)) or (self.sharded and _is_whole(self.file(chunk)))

    def shard_store(self, shard):
        """Spec of tensorstore's key-value store that writes a shard."""
        base = {"driver": "file", "path": f"{self.folder}/"}
        return {"driver": "neuroglancer_uint64_sharded", "base": base, "metadata": self.info["sharding"]}

    def shard_key(self, code, chunk):
        """Key of a chunk in that store; `code` is its compressed Morton code."""
        return code.to_bytes(8, "big")

    def write(self, chunk, block):
        """Write the voxels (channel, z, y, x) of a chunk; the file appears when it is whole."""
        files.write_bytes(self.path(chunk), self.encode(block), durable=False)  # `pyramid.write` settles all of them

    def encode(self, block):
        """Content of the file of a chunk with these voxels (channel, z, y, x)."""
        content = ENCODERS[self.info["encoding"]](block, self.info)
        return imagecodecs.gzip_encode(content, level=self.compresslevel) if self.compresslevel else content

    def decode(self, content, chunk):
        """Voxels (channel, z, y, x) of a chunk whose file has this content."""
        if self.compresslevel:
            content = imagecodecs.gzip_decode(content)
        shape = (self.channels, *(high - low for low, high in reversed(chunk)))
        return DECODERS[self.info["encoding"]](content, shape, self.dtype)

    def around(self, box):
        """The box of whole chunks that `box` touches."""
        spans = zip(box, self.sides, self.size, strict=True)
        return tuple((low - low % side, min(high + -high % side, extent)) for (low, high), side, extent in spans)

    def read(self, box):
        """Voxels (channel, z, y, x) of a box, put together from the chunks it touches. Raises ValueError, OSError."""
        block = np.empty((self.channels, *(high - low for low, high in reversed(box))), self.dtype)
        for chunk in blocks.chunks(self.around(box), self.sides):
            part = blocks.common(chunk, box)
            voxels = self.decode(self.path(chunk).read_bytes(), chunk)
            block[blocks.window(part, box)] = voxels[blocks.window(part, chunk)]
        return block


def _is_whole(path):
    return path.exists() and not files.is_cut(path)


def _plane(block):
    """A block as one picture, x across and (z, y) down, as JPEG and PNG chunks are laid out."""
    channels, depth, height, width = block.shape
    plane = block.reshape(channels, depth * height, width)
    return np.ascontiguousarray(plane[0] if channels == 1 else plane.transpose(1, 2, 0))


def _unplane(picture, shape):
    return picture.reshape(*shape[1:], shape[0]).transpose(3, 0, 1, 2)


def _encode_jpeg(block, scale):
    return imagecodecs.jpeg8_encode(_plane(block), level=scale["jpeg_quality"], subsampling="444", optimize=True)


def _decode_jpeg(content, shape, dtype):
    return _unplane(imagecodecs.jpeg8_decode(content), shape)


def _encode_png(block, scale):
    return imagecodecs.png_encode(_plane(block), level=6)


def _decode_png(content, shape, dtype):
    return _unplane(imagecodecs.png_decode(content), shape)


def _encode_raw(block, scale):
    return np.ascontiguousarray(block, block.dtype.newbyteorder("<")).tobytes()


def _decode_raw(content, shape, dtype):
    return np.frombuffer(content, dtype.newbyteorder("<")).reshape(shape).astype(dtype, copy=False)


def _encode_labels(block, scale):
    volume = np.require(block.T, requirements=["F", "W"])  # it takes no read-only array, such as a mapped file
    return compressed_segmentation.compress(volume, block_size=CSEG_BLOCK, order="F")


def _decode_labels(content, shape, dtype):
    volume = compressed_segmentation.decompress(content, shape[::-1], dtype=dtype, block_size=CSEG_BLOCK, order="F")
    return volume.T


ENCODERS = {
    "raw": _encode_raw,
    "jpeg": _encode_jpeg,
    "png": _encode_png,
    "compressed_segmentation": _encode_labels,
}
DECODERS = {
    "raw": _decode_raw,
    "jpeg": _decode_jpeg,
    "png": _decode_png,
    "compressed_segmentation": _decode_labels,
}
