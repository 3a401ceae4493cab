"""Zarr arrays and OME-Zarr images as sources. Sources: OME-NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org)."""

import re
from pathlib import Path

import numpy as np
import tensorstore

from darkroom import damage, files
from darkroom.atlas import arrays, gaps
from darkroom.atlas.lengths import NM
from darkroom.atlas.numbering import natural_key, some

DRIVERS = {"zarr.json": "zarr3", ".zarray": "zarr"}
MARKS = (*DRIVERS, ".zgroup")
BEFORE_AXES = "tczyx"  # of NGFF before 0.3


def folder_of(root, names):
    """The folder of the Zarr array or group among the files, or None. Raises ValueError where there are several."""
    tops = {str(Path(name).parent) for name in names if Path(name).name in MARKS}
    if not tops:
        return None
    highest = min(top.count("/") + (top != ".") for top in tops)
    several = sorted(top for top in tops if top.count("/") + (top != ".") == highest)
    if len(several) > 1:
        raise ValueError(f"{root}: there are {len(several)} Zarr folders, {some(several)}; choose one with `filter`")
    return root / several[0]


def describe(folder, root, names, series=None, time=None):
    """Source description of a Zarr array (slice, row, column[, channel]) or the finest scale of an OME-Zarr group.

    `names` are those of all files below the folder `root`. Of a bioformats2raw folder the image `series` (the first
    one) is read. Scale and translation of an OME-Zarr are its
    `affine` (4x4, nm, of voxel centres), of axes that have no anatomical meaning.
    """
    folder, notes = _image(folder, series)
    about = attributes(folder)
    if labels := attributes(folder / "labels").get("labels"):
        notes.append(f"left out of the source: its labels ({some(labels)}), each of which is a source of its own")
    if about.get("image-label"):
        notes.append("left out of the source: the colours and properties of its labels; `labels` takes a table of them")
    axes, place, channels = None, {}, []
    if multiscales := about.get("multiscales"):
        try:
            axes, place, finest = _finest(multiscales[0])
            channels = [channel.get("label") for channel in about.get("omero", {}).get("channels", [])]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{folder}: the `multiscales` of this OME-Zarr group cannot be read: {error!r}") from error
        if len(multiscales) > 1:
            notes.append(f"the first of {len(multiscales)} images of {folder.name} is read")
        folder = folder / finest
    driver = next((driver for name, driver in DRIVERS.items() if (folder / name).is_file()), None)
    if not driver or (driver == "zarr3" and files.read_json(folder / "zarr.json").get("node_type") != "array"):
        if kinds := {"plate", "well"} & set(about):
            raise ValueError(f"{folder} is a {kinds.pop()} of many images; give the folder of one (row/column/field)")
        if about.get("labels"):
            raise ValueError(f"{folder} is a group of labels ({some(about['labels'])}); give the folder of one")
        raise ValueError(f"{folder} is no Zarr array, nor an OME-Zarr group whose metadata leads to one")
    spec = _nested(folder) if driver == "zarr" else {}
    try:
        store = arrays.open_zarr({"driver": driver, "path": str(folder), "spec": spec})
    except ValueError as error:
        raise ValueError(f"{folder} is no Zarr array that can be read: {error}") from error
    if not axes and not multiscales and store.ndim not in (3, 4):
        raise ValueError(f"{folder}: shape {store.shape} is not (slice, row, column) or (slice, row, column, channel)")
    axes = axes or (BEFORE_AXES if multiscales else "zyxc")[: store.ndim]
    if len(axes) != store.ndim:
        raise ValueError(f"{folder}: its {store.ndim} axes are named {axes!r} by the group")
    more = {"driver": driver, "spec": spec, **place, "notes": notes + place.get("notes", [])}
    if store.chunk_layout.read_chunk.shape:
        chunk = dict(zip(axes, store.chunk_layout.read_chunk.shape, strict=True))
        more["tile"] = [chunk.get(axis, 1) for axis in "zyx"]
    source = arrays.describe("zarr", folder, axes, store.shape, store.dtype.numpy_dtype, time, **more)
    source["notes"] += _gaps(folder, store, gaps.below(folder, root, names), source)
    if channels and all(channels) and len(channels) == source["shape"][3]:
        source["channels"] = [str(name) for name in channels]
    return source


def _gaps(folder, store, names, source):
    """What is told of chunks that are not there, at the time that is read. Raises ValueError where none is."""
    sizes, sides, axes = store.shape, store.chunk_layout.write_chunk.shape, source["axes"]
    key = re.compile("(?:c[./])?(" + r"[./]".join([r"\d+"] * len(sizes)) + ")")
    keys = [match for match in map(key.fullmatch, names) if match]
    numbers = (int(number) for match in keys for number in re.split("[./]", match[1]))
    places = np.fromiter(numbers, int).reshape(-1, len(sizes))
    if not len(places):
        raise ValueError(f"{folder}: no chunk of it is there")
    codec = files.read_json(folder / "zarr.json")["codecs"][0] if source["driver"] == "zarr3" else {}
    with damage.named(folder, "Zarr array"):
        if codec.get("name") == "sharding_indexed":
            inner = codec["configuration"]["chunk_shape"]
            shape = np.array(sides) // inner
            paths = (folder / match.string for match in keys)
            within = (_in_shard(path, shape, codec["configuration"]) for path in paths)
            there = gaps.grid((at * shape + chunks for at, chunks in zip(places, within, strict=True)), sizes, inner)
            sides = inner
        else:
            there = gaps.grid([places], sizes, sides)
    if (time := source["picked"].get("t")) is not None:
        axis = axes.index("t")
        there = there.take([time // sides[axis]], axis)
    return gaps.note(there, sides, axes, fill=0 if store.fill_value is None else store.fill_value.item())


def _in_shard(path, shape, codec):
    """Places of the chunks that are in a shard of this shape, in chunks. Its keys have four bytes for each axis."""
    spec = {"driver": "zarr3_sharding_indexed", "base": files.kvstore(path), "grid_shape": shape.tolist()}
    spec |= {key: codec[key] for key in ("index_codecs", "index_location") if key in codec}
    keys = tensorstore.KvStore.open(spec).result().list().result()
    return np.frombuffer(b"".join(keys), ">u4").astype(int).reshape(-1, len(shape))


def attributes(folder):
    """OME attributes of a Zarr node: in `zarr.json` for version 3, in `.zattrs` for version 2."""
    if (folder / "zarr.json").is_file():
        about = files.read_json(folder / "zarr.json").get("attributes", {})
        return about.get("ome", about)
    return files.read_json(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}


def _image(folder, series):
    """The image that is read of a folder, and notes: of a bioformats2raw layout one of its series."""
    if "bioformats2raw.layout" not in attributes(folder):
        if series:
            raise ValueError(f"{folder} has no series {series}; it is one image")
        return folder, []
    listed = attributes(folder / "OME").get("series")
    numbered = sorted((place.name for place in folder.iterdir() if place.name.isdigit()), key=natural_key)
    images = [str(name) for name in listed or numbered]
    if not images or (series or 0) >= len(images):
        raise ValueError(f"{folder}: there is no series {series or 0}, it has {some(images) or 'none'}")
    chosen = images[series or 0]
    others = [name for name in images if name != chosen]
    notes = [f"series {chosen} of {folder.name} is read; others are {some(others)}"] if others else []
    return folder / chosen, notes


def _finest(image):
    """Axes as letters, place (`affine`, or `resolution` as far as it is told) and path of the finest scale."""
    finest = min(image["datasets"], key=_voxel)
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", [])]
    scale, shift = np.ones(len(axes)), np.zeros(len(axes))
    steps = [*finest.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]
    for step in steps:
        if step["type"] == "scale":
            scale, shift = scale * step["scale"], shift * step["scale"]
        elif step["type"] == "translation":
            shift = shift + step["translation"]
        elif step["type"] != "identity":
            raise ValueError(f"a coordinate transformation of type {step['type']!r}; scale and translation are known")
    names = [axis["name"] for axis in axes]
    units = [NM.get(str(axis.get("unit")).lower(), 0) for axis in axes]
    told = {name: (a * unit, b * unit) for name, a, b, unit in zip(names, scale, shift, units, strict=True) if steps}
    sizes, starts = (list(part) for part in zip(*(told.get(axis, (0, 0)) for axis in "xyz"), strict=True))
    letters = "".join(name[0].lower() for name in names)
    if min(sizes) <= 0:
        partly = [float(size) or None for size in sizes]
        lost = [f"its translation {shift.tolist()} has no unit, and is not used"] if shift.any() else []
        return letters, {"notes": lost, **({"resolution": partly} if any(partly) else {})}, finest["path"]
    affine = np.diag([*sizes, 1.0])
    affine[:3, 3] = starts
    return letters, {"affine": affine.tolist(), "anatomical": False}, finest["path"]


def _voxel(dataset):
    """How large a voxel of a dataset of an image is, among the others."""
    steps = dataset.get("coordinateTransformations", [])
    return np.prod([step["scale"] for step in steps if step["type"] == "scale"])


def _nested(folder):
    """What has to be told of a Zarr 2 whose chunks lie in folders without its metadata saying so (NGFF 0.2)."""
    said = files.read_json(folder / ".zarray")
    nested = "dimension_separator" not in said and len(said.get("shape", [])) > 1 and (folder / "0").is_dir()
    return {"metadata": {"dimension_separator": "/"}} if nested else {}
