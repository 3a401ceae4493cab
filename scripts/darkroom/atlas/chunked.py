"""A Neuroglancer precomputed volume as a source, whoever wrote it: flat or deep names, gzip, Brotli, shards.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/volume.md). Chunks in
files of their own, and JPEG XL, are decoded by imagecodecs, other shards by tensorstore.
"""

import math
import re
from pathlib import Path

import compressed_segmentation
import imagecodecs
import numpy as np
import tensorstore

from darkroom import damage, files
from darkroom.atlas import blocks, gaps, shards
from darkroom.atlas.chunks import name as chunk_name

UNPACK = {"": bytes, ".gz": imagecodecs.gzip_decode, ".br": imagecodecs.brotli_decode}
PICTURES = {"jpeg": imagecodecs.jpeg8_decode, "png": imagecodecs.png_decode, "jxl": imagecodecs.jpegxl_decode}
ENCODINGS = ("raw", "jpeg", "png", "jxl", "compressed_segmentation")
GZIP = b"\x1f\x8b\x08"  # what it begins with
NAME = re.compile(r"(-?\d+)--?\d+[_/](-?\d+)--?\d+[_/](-?\d+)--?\d+(\.gz|\.br)?")  # of a chunk


def folder_of(root, names):
    """The folder of a precomputed volume among the files, the one nearest to the root, or None."""
    for name in sorted((name for name in names if Path(name).name == "info"), key=lambda name: name.count("/")):
        if "scales" in _info(root / name):
            return (root / name).parent
    return None


def _info(path):
    try:
        info = files.read_json(path)
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}


def describe(folder, root, names, kind):
    """Source description of the finest scale, with its `affine` (4x4, nm, of voxel centres) and `voxel_offset`.

    Raises ValueError for an `info` that does not describe a volume of this `kind`.
    """
    info = _info(folder / "info")
    try:
        scale = info["scales"][0]
        offset = [int(start) for start in scale.get("voxel_offset", [0, 0, 0])]
        size, resolution = [int(extent) for extent in scale["size"]], [float(step) for step in scale["resolution"]]
        channels, sides, key = int(info.get("num_channels", 1)), scale["chunk_sizes"][0], scale["key"]
        encoding, dtype = scale["encoding"], np.dtype(info["data_type"])
        if min(*size, *sides, channels) < 1 or offset != scale.get("voxel_offset", offset):
            raise ValueError("size, chunk_sizes and num_channels are whole numbers from 1, voxel_offset whole numbers")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / 'info'} does not describe a precomputed volume: {error!r}") from error
    if info.get("type", kind) != kind:
        raise ValueError(f"{folder / 'info'} describes a volume of type {info['type']}; say `type: {info['type']}`")
    if encoding not in ENCODINGS:
        raise ValueError(
            f"{folder}: chunks of encoding {encoding!r} cannot be read; known are {', '.join(ENCODINGS)}: "
            "`igneous image xfer --encoding raw` makes such a volume"
        )
    notes = [
        f"left out of the source: its {what} ({info[name]})"
        for name, what in (("mesh", "meshes"), ("skeletons", "skeletons"), ("segment_properties", "segment properties"))
        if info.get(name)
    ]
    chunk_names = gaps.below(folder / key, root, names)
    with damage.named(folder / key, "scale of a precomputed volume"):
        places = _in_shards(folder / key, scale) if "sharding" in scale else [_named(chunk_names, offset, sides)]
        there = gaps.grid(places, size, sides)
        if not there.any():
            raise ValueError(f"{folder}: no chunk of its first scale, {key}, is there")
        notes += gaps.note(there, sides, "xyz", fill=0)
    affine = np.diag([*resolution, 1.0])
    affine[:3, 3] = (np.array(offset) + 0.5) * resolution
    if (folder / "transform.json").is_file():
        try:
            affine = np.array(files.read_json(folder / "transform.json"), float).reshape(4, 4) @ affine
        except (TypeError, ValueError) as error:
            raise ValueError(f"{folder / 'transform.json'} is no matrix of 4 x 4 numbers") from error
    return {
        "reader": "precomputed",
        "path": str(folder),
        "axes": "xyzc",
        "shape": [*reversed(size), channels],
        "dtype": dtype.name,
        "affine": affine.tolist(),
        "anatomical": False,
        "voxel_offset": offset,
        "resolution": resolution,
        "tile": list(reversed(sides)),
        "notes": notes,
    }


def _named(names, offset, sides):
    """Places in the grid of the chunks that files are named after, of others a place outside of it."""
    matches = filter(None, map(NAME.fullmatch, names))
    lows = np.fromiter((int(match[axis]) for match in matches for axis in (1, 2, 3)), int).reshape(-1, 3) - offset
    return np.where((lows % sides).any(axis=1, keepdims=True), -1, lows // sides)


def _in_shards(folder, scale):
    """Places in the grid of the chunks that shards hold, shard by shard."""
    extents = shards.grid(scale["size"], scale["chunk_sizes"][0])
    for path in sorted(folder.glob(f"*{shards.SUFFIX}")):
        codes = shards.codes(path, scale["sharding"])
        place = shards.place(codes.copy(), extents)
        yield np.stack([np.broadcast_to(along, codes.shape) for along in place], axis=-1)


def _shards(folder, scale):
    """The chunks of a scale in shards, by their Morton codes as 8 bytes."""
    base = files.kvstore(Path(folder, scale["key"]))
    spec = {"driver": "neuroglancer_uint64_sharded", "metadata": scale["sharding"], "base": base}
    return tensorstore.KvStore.open(spec).result()


def opened(source):
    """The finest scale, indexed along x, y, z, channel from 0."""
    info = files.read_json(Path(source["path"], "info"))
    scale = info["scales"][0]
    if "sharding" not in scale:
        return Chunks(source["path"], info)
    return Sharded(source["path"], info) if scale["encoding"] == "jxl" else stored(source["path"])


def stored(folder, kvstore=None, context=None):
    """The finest scale as tensorstore reads it, indexed from 0."""
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": kvstore or files.kvstore(folder),
        "scale_index": 0,
    }
    store = tensorstore.open(spec, read=True, context=context).result()
    return store[tensorstore.d[:].translate_to[0, 0, 0, 0]]


class Chunks:
    """Chunks of the finest scale in files of their own, indexed along x, y, z, channel."""

    ndim = 4

    def __init__(self, folder, info):
        self.scale = info["scales"][0]
        self.folder = Path(folder, self.scale["key"])
        self.dtype = np.dtype(info["data_type"])
        self.channels = int(info.get("num_channels", 1))
        self.size, self.sides = self.scale["size"], self.scale["chunk_sizes"][0]

    def __getitem__(self, index):
        spans = [part.indices(extent)[:2] for part, extent in zip(index, self.size, strict=False)]
        block = np.zeros([self.channels, *(high - low for low, high in reversed(spans))], self.dtype)
        whole = self.around(spans)
        for chunk in blocks.chunks(whole, self.sides):
            chunk = blocks.common(chunk, [(0, extent) for extent in self.size])
            part = blocks.common(chunk, spans)
            content = self.content(chunk)
            if content is not None:
                block[blocks.window(part, spans)] = self._decoded(content, chunk)[blocks.window(part, chunk)]
        return block.T

    def around(self, spans):
        """The box of whole chunks that a box touches."""
        return [
            (low - low % side, min(high + -high % side, extent))
            for (low, high), side, extent in zip(spans, self.sides, self.size, strict=True)
        ]

    def content(self, chunk):
        """What a chunk holds, unpacked; None where there is no file of it. Raises ValueError naming a damaged file."""
        name = self.name(chunk)
        for stem in (name, name.replace("_", "/")):
            for end, unpack in UNPACK.items():
                path = self.folder / f"{stem}{end}"
                if path.is_file():
                    try:
                        content = unpack(path.read_bytes())
                        return imagecodecs.gzip_decode(content) if self._is_gzip(content, chunk) else content
                    except Exception as error:
                        raise ValueError(f"{path} is damaged or cut short ({error})") from error
        return None

    def name(self, chunk):
        """What a chunk is called, without an ending."""
        return chunk_name(chunk, self.scale.get("voxel_offset", [0, 0, 0]))

    def _shape(self, chunk):
        return (self.channels, *(high - low for low, high in reversed(chunk)))

    def _is_gzip(self, content, chunk):
        """Whether a chunk is packed in a file that does not say so, as it is when it was copied from a bucket."""
        size = math.prod(self._shape(chunk)) * self.dtype.itemsize
        return content[:3] == GZIP and not (self.scale["encoding"] == "raw" and len(content) == size)

    def _decoded(self, content, chunk):
        """Voxels (channel, z, y, x) of a chunk. Raises ValueError naming it where it is damaged."""
        try:
            return self._voxels(content, self._shape(chunk))
        except Exception as error:
            raise ValueError(f"chunk {self.name(chunk)} is damaged ({error})") from error

    def _voxels(self, content, shape):
        encoding = self.scale["encoding"]
        if encoding == "raw":
            return np.frombuffer(content, self.dtype.newbyteorder("<")).reshape(shape)
        if encoding == "compressed_segmentation":
            sides = tuple(self.scale["compressed_segmentation_block_size"])
            options = {"dtype": self.dtype, "block_size": sides, "order": "F"}
            return compressed_segmentation.decompress(content, shape[::-1], **options).reshape(shape[::-1], order="F").T
        picture = PICTURES[encoding](content)
        if encoding == "jxl" and len(picture) == self.channels > 1:  # cloud-volume has a frame for each channel
            return picture.reshape(shape)
        return picture.reshape(*shape[1:], shape[0]).transpose(3, 0, 1, 2)


class Sharded(Chunks):
    """Chunks of the finest scale in shards."""

    def __init__(self, folder, info):
        super().__init__(folder, info)
        self.shards = _shards(folder, self.scale)

    def content(self, chunk):
        """What a chunk holds; None where no shard has it."""
        answer = self.shards.read(shards.code(self.scale, chunk).to_bytes(8, "big")).result()
        return bytes(answer.value) if answer.state == "value" else None
