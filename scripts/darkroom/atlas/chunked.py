"""A Neuroglancer precomputed volume as a source, whoever wrote it: flat or deep names, gzip, Brotli, shards.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/volume.md). Chunks in
files of their own are decoded by imagecodecs, shards by tensorstore.
"""

import math
from pathlib import Path

import compressed_segmentation
import imagecodecs
import numpy as np
import tensorstore

from darkroom import files
from darkroom.atlas import blocks

UNPACK = {"": bytes, ".gz": imagecodecs.gzip_decode, ".br": imagecodecs.brotli_decode}
ENCODINGS = ("raw", "jpeg", "png", "compressed_segmentation")


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
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / 'info'} does not describe a precomputed volume: {error!r}") from error
    if info.get("type", kind) != kind:
        raise ValueError(f"{folder / 'info'} describes a volume of type {info['type']}; say `type: {info['type']}`")
    if encoding not in ENCODINGS:
        raise ValueError(f"{folder}: chunks of encoding {encoding!r} cannot be read; known are {', '.join(ENCODINGS)}")
    notes = [
        f"left out of the source: its {what} ({info[name]})"
        for name, what in (("mesh", "meshes"), ("skeletons", "skeletons"), ("segment_properties", "segment properties"))
        if info.get(name)
    ]
    prefix = f"{(folder / key).relative_to(root)}/"
    expected = math.prod(-(-extent // side) for extent, side in zip(size, sides, strict=True))
    there = sum(name.startswith(prefix) for name in names)
    if not there:
        raise ValueError(f"{folder}: no chunk of its first scale, {key}, is there")
    if "sharding" not in scale and there < expected:
        notes.append(f"{expected - there} of {expected} chunks of the source are missing: their voxels are 0")
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


def opened(source):
    """The finest scale, indexed along x, y, z, channel from 0."""
    info = files.read_json(Path(source["path"], "info"))
    if "sharding" in info["scales"][0]:
        return stored(source["path"])
    return Chunks(source["path"], info)


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
        starts = self.scale.get("voxel_offset", [0, 0, 0])
        spans = [f"{low + start}-{high + start}" for (low, high), start in zip(chunk, starts, strict=True)]
        for name in ("_".join(spans), "/".join(spans)):
            for end, unpack in UNPACK.items():
                path = self.folder / f"{name}{end}"
                if path.is_file():
                    try:
                        return unpack(path.read_bytes())
                    except Exception as error:
                        raise ValueError(f"{path} is damaged or cut short ({error})") from error
        return None

    def _decoded(self, content, chunk):
        """Voxels (channel, z, y, x) of a chunk."""
        shape = (self.channels, *(high - low for low, high in reversed(chunk)))
        encoding = self.scale["encoding"]
        if encoding == "raw":
            return np.frombuffer(content, self.dtype.newbyteorder("<")).reshape(shape)
        if encoding == "compressed_segmentation":
            sides = tuple(self.scale["compressed_segmentation_block_size"])
            options = {"dtype": self.dtype, "block_size": sides, "order": "F"}
            return compressed_segmentation.decompress(content, shape[::-1], **options).reshape(shape[::-1], order="F").T
        picture = imagecodecs.jpeg8_decode(content) if encoding == "jpeg" else imagecodecs.png_decode(content)
        return picture.reshape(*shape[1:], shape[0]).transpose(3, 0, 1, 2)
