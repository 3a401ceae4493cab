"""Read the scales of a volume with tensorstore, which shares nothing with what wrote them."""

import functools
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
    store = _opened_once(scale.folder, (scale.folder / "zarr.json").stat().st_mtime_ns, driver="zarr3")
    store = store if store.rank == 4 else store[tensorstore.newaxis]
    return store.T[tensorstore.d[:].translate_to[*scale.info["voxel_offset"], 0]]


def precomputed(scale, box):
    """The tensorstore of a precomputed scale.

    It knows no gzipped chunks in plain files; those that the box touches are unpacked into a store in memory.
    """
    driver, folder = "neuroglancer_precomputed", scale.folder.parent
    if not scale.gzipped:
        return _opened_once(folder, (folder / "info").stat().st_mtime_ns, driver=driver, key=scale.info["key"])
    context = tensorstore.Context()
    memory = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
    memory["info"] = (folder / "info").read_bytes()
    for chunk in blocks.chunks(scale.around(box), scale.sides):
        path = scale.path(chunk)
        memory[f"{scale.info['key']}/{path.stem}"] = gzip.decompress(path.read_bytes())
    spec = {"driver": driver, "scale_metadata": {"key": scale.info["key"]}, "kvstore": {"driver": "memory"}}
    return tensorstore.open(spec, context=context).result()


@functools.lru_cache(64)
def _opened_once(folder, _written, driver, key=None):
    """The tensorstore in a folder, as long as its metadata are those that were written then."""
    spec = {"driver": driver, "kvstore": files.kvstore(folder)} | ({"scale_metadata": {"key": key}} if key else {})
    return tensorstore.open(spec).result()
