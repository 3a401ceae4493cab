"""Read the scales of a volume with tensorstore, which shares nothing with what wrote them."""

import gzip

import tensorstore

from darkroom import files
from darkroom.atlas import blocks, ome_zarr


def read(scale, box):
    """Voxels (x, y, z, channel) of a box, decoded by tensorstore; x runs fastest, as it does in chunks."""
    return opened(scale, box)[index(scale, box)].read(order="F").result()


def index(scale, box):
    """Index of a box in a tensorstore, whose coordinates begin at the voxel offset."""
    return tuple(
        slice(low + start, high + start) for (low, high), start in zip(box, scale.info["voxel_offset"], strict=True)
    )


def opened(scale, box):
    """The tensorstore (x, y, z, channel) of a scale, good for reading `box`."""
    return zarr(scale) if isinstance(scale, ome_zarr.Scale) else precomputed(scale, box)


def zarr(scale):
    """The tensorstore of an array of OME-Zarr, with its axes and coordinates as those of a precomputed volume."""
    store = tensorstore.open({"driver": "zarr3", "kvstore": files.kvstore(scale.folder)}).result()
    store = store if store.rank == 4 else store[tensorstore.newaxis]
    return store.T[tensorstore.d[:].translate_to[*scale.info["voxel_offset"], 0]]


def precomputed(scale, box):
    """The tensorstore of a precomputed scale.

    It knows no gzipped chunks in plain files; those that the box touches are unpacked into a store in memory.
    """
    spec = {"driver": "neuroglancer_precomputed", "scale_metadata": {"key": scale.info["key"]}}
    if not scale.gzipped:
        return tensorstore.open(spec | {"kvstore": files.kvstore(scale.folder.parent)}).result()
    context = tensorstore.Context()
    memory = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
    memory["info"] = (scale.folder.parent / "info").read_bytes()
    for chunk in blocks.chunks(scale.around(box), scale.sides):
        path = scale.path(chunk)
        memory[f"{scale.info['key']}/{path.stem}"] = gzip.decompress(path.read_bytes())
    return tensorstore.open(spec | {"kvstore": {"driver": "memory"}}, context=context).result()
