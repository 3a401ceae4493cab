"""OME-Zarr: a planned volume as a group of Zarr v3 arrays, one for each scale.

Sources: OME-NGFF 0.5 (https://ngff.openmicroscopy.org/0.5), the Zarr v3 core specification and its `sharding_indexed`
codec (https://zarr-specs.readthedocs.io). Arrays are (z, y, x), or (c, z, y, x) where there are channels.

NGFF 0.5 leaves open whether index 0 is the corner of the first voxel or its centre. It is the centre here, as 0.6 says
("The pixel/voxel center is the origin of the continuous coordinate system") and as Neuroglancer reads 0.5 (its
src/datasource/zarr/ome.ts). A precomputed volume counts from the corner, so what its scales have at `voxel_offset` has
its centre half a voxel later, and each scale its own translation.
"""

import math
import re

import imagecodecs
import numpy as np
import tensorstore

from darkroom import files
from darkroom.atlas import precomputed, shards, view
from darkroom.atlas.estimate import SHRINKAGE
from darkroom.atlas.label_tables import image_label

NAME = re.compile(r"c/((?:\d+/){2,3}\d+)")
LEVEL = 3  # of zstd, its default; 1 and 5 gave as many bytes within a tenth (grey values, 16 bits, labels, floats)
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
CODECS = [LITTLE, {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}}]
INDEX_CODECS = [LITTLE, {"name": "crc32c"}]
COLOURS = {1: {"grey": "FFFFFF"}, 3: {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}}
DOWNSCALED = {
    False: ("mean", "mean of up to 2 x 2 x 2 voxels of the scale before, rounded half to even for integers"),
    True: ("mode", "most frequent label of up to 2 x 2 x 2 voxels of the scale before, the smallest one of a tie"),
}


def estimated_bytes(planned):
    """Room on the disk that a planned volume takes, with some to spare."""
    info = planned["info"]
    values = sum(math.prod(scale["size"]) for scale in info["scales"]) * info["num_channels"]
    shrinkage = SHRINKAGE["compressed_segmentation" if planned["values"]["labels"] else "raw"]
    return int(values * np.dtype(info["data_type"]).itemsize * shrinkage)


def opened(folder, planned):
    """Every `Scale` of a planned volume, finest first."""
    return [Scale(folder, planned["info"], number) for number in range(len(planned["info"]["scales"]))]


class Scale(precomputed.Scale):
    """The chunks of one scale of a precomputed volume as those of a Zarr array, without loss whatever its encoding.

    A chunk has all channels. Those at the end of the array are as large as any other, filled up with 0, so a chunk is
    never larger than the array. A shard holds the chunks that a shard of the precomputed volume holds.
    """

    def __init__(self, folder, info, number):
        super().__init__(folder, info, number)
        self.info = self.info | {"encoding": "zstd"}
        self.folder = folder / str(number)
        self.indexes = (self.folder / "zarr.json",)
        self.sides = [min(pair) for pair in zip(self.sides, self.size, strict=True)]
        self.per_shard = shards.extent(self.info) if self.sharded else [1, 1, 1]  # chunks along x, y, z
        self.shard_sides = [side * count for side, count in zip(self.sides, self.per_shard, strict=True)]
        self.grid = shards.grid(self.size, self.sides)

    def _place(self, name):
        match = NAME.fullmatch(name)
        if not match:
            return None
        numbers = [int(number) for number in reversed(match[1].split("/"))][:3]
        return [number * count for number, count in zip(numbers, self.per_shard, strict=True)]

    def path(self, chunk):
        return self.folder.joinpath("c", *map(str, self._numbers(chunk, self.sides)))

    def file(self, chunk):
        return self.folder.joinpath("c", *map(str, self._numbers(chunk, self.shard_sides)))

    def shard_key(self, chunk):
        numbers = np.array(self._numbers(chunk, self.sides)) % self._ordered(self.per_shard, 1)
        return numbers.astype(">u4").tobytes()

    def write_shard(self, path, places, read):
        """As `precomputed.Scale` has it, by tensorstore."""
        grid = self._ordered(self.per_shard, 1)
        base, codecs = files.kvstore(path), INDEX_CODECS
        spec = {"driver": "zarr3_sharding_indexed", "base": base, "grid_shape": grid, "index_codecs": codecs}
        path.unlink(missing_ok=True)
        store = tensorstore.KvStore.open(spec).result()
        with tensorstore.Transaction() as transaction:
            contents = store.with_transaction(transaction)
            for key, start, length in places:
                contents[key] = read(start, length)
        files.note_size(path)

    def encode(self, block):
        shape = (self.channels, *reversed(self.sides))
        ends = [(0, side - extent) for side, extent in zip(shape, block.shape, strict=True)]
        full = np.ascontiguousarray(np.pad(block, ends), self.dtype.newbyteorder("<"))
        return imagecodecs.zstd_encode(full, level=LEVEL)

    def _numbers(self, chunk, sides):
        """Place of a chunk in a grid of these sides, in the order of the array."""
        return self._ordered([low // side for (low, _), side in zip(chunk, sides, strict=True)], 0)

    def _ordered(self, numbers, channels):
        """Numbers for x, y, z in the order of the array, with one for channels where it has them."""
        first = [channels] if self.channels > 1 else []
        return [*first, *reversed(numbers)]

    @property
    def metadata(self):
        """What `zarr.json` of the array holds. Source: Zarr v3 core specification, array metadata."""
        codecs = CODECS
        if self.sharded:
            inner = {"chunk_shape": self._ordered(self.sides, self.channels), "codecs": CODECS}
            index = {"index_codecs": INDEX_CODECS, "index_location": "end"}
            codecs = [{"name": "sharding_indexed", "configuration": inner | index}]
        shape = self._ordered(self.shard_sides, self.channels)
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": self._ordered(self.size, self.channels),
            "data_type": self.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": codecs,
            "attributes": {},
            "dimension_names": [axis["name"] for axis in axes(self.channels)],
        }


def write_index(index, planned, scales, name):
    """Say that the OME-Zarr of a planned volume is all there: `zarr.json` of each scale, then that of the group."""
    for scale in scales:
        files.write_json(scale.indexes[0], scale.metadata)
    files.write_json(index, group(planned, name))


def axes(channels):
    """Axes of the arrays, in their order. Lengths are in nm, as in `info`."""
    space = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    return [{"name": "c", "type": "channel"}, *space] if channels > 1 else space


def shift(planned):
    """What the transform of a volume adds to x, y, z, in nm; None where it turns or stretches, too."""
    matrix = np.array(planned["transform"] or np.eye(4))
    return matrix[:3, 3].tolist() if np.allclose(matrix[:3, :3], np.eye(3), rtol=0, atol=1e-9) else None


def place(scale, channels, moved=(0, 0, 0)):
    """From indices of a scale of `info` to nm: its voxel size, and the centre of its first voxel."""
    size = list(reversed(scale["resolution"]))
    parts = zip(reversed(scale["voxel_offset"]), size, reversed(moved), strict=True)
    first = [round((start + 0.5) * length + extra, 6) for start, length, extra in parts]
    extra = channels > 1
    return [
        {"type": "scale", "scale": [*[1.0] * extra, *size]},
        {"type": "translation", "translation": [*[0.0] * extra, *first]},
    ]


def group(planned, name):
    """What `zarr.json` of the group holds: NGFF's metadata of a planned volume, with what was assumed of the source.

    Coordinates are those of the source where its affine only moves and stretches, else those of the precomputed volume,
    in nm. `attributes.darkroom` has the notes of the plan and, as NGFF 0.5 knows no rotations, the `transform` that is
    left: the matrix (4x4) from these nm to those of the affine of the source.
    """
    info = planned["info"]
    moved = shift(planned)
    method, described = DOWNSCALED[planned["values"]["labels"]]
    image = {
        "name": name,
        "axes": axes(info["num_channels"]),
        "datasets": [
            {"path": str(number), "coordinateTransformations": place(scale, info["num_channels"], moved or (0, 0, 0))}
            for number, scale in enumerate(info["scales"])
        ],
        "type": method,
        "metadata": {"description": described},
    }
    ome = {"version": "0.5", "multiscales": [image]}
    if planned["values"]["labels"]:
        ome["image-label"] = image_label(planned.get("regions", []))
    elif channels := shown(planned):
        ome["omero"] = {"channels": channels}
    own = {"notes": planned["notes"], **({} if moved else {"transform": planned["transform"]})}
    return {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome, "darkroom": own}}


def shown(planned):
    """The `channels` of `omero`: names of channels, or how to draw values whose range is known; else viewers choose.

    A window is asked of each by NGFF: where the range of values is not known, it is that of their type.
    """
    info, kind = planned["info"], np.dtype(planned["info"]["data_type"])
    count, names = info["num_channels"], planned.get("channels", [])
    has_range = kind == np.uint8 or planned["values"]["window"]
    if not names and (not has_range or count not in COLOURS):
        return []
    colours = dict(zip(view.channel_names(planned), view.hues(count), strict=True)) if names else COLOURS[count]
    top = 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)
    window = {"min": 0.0, "max": top, "start": 0.0, "end": top}
    return [{"label": name, "color": colour, "active": True, "window": window} for name, colour in colours.items()]
