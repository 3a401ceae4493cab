"""From a source and its options to a volume: where it lies, what its values become, which scales it gets."""

import math
import re

import nibabel
import numpy as np

from darkroom.atlas import arrays, precomputed, regions, shards
from darkroom.atlas.orientation import parse as parse_orientation
from darkroom.atlas.orientation import ras_size

LENGTH = re.compile(r"\s*(\d+\.?\d*(?:e[+-]?\d+)?)\s*([a-zµμå]*)\s*", re.IGNORECASE)
PICTURE = {"jpeg": 65500, "png": 1_000_000}  # pixels along a side that libjpeg and libpng take
# Bytes on disk against bytes in memory, as measured on histology and label volumes; for the estimate of room.
SHRINKAGE = {"raw": 1.0, "png": 0.8, "jpeg": 0.5, "compressed_segmentation": 0.4}


def nanometres(length):
    """A length in nm from a number (nm) or a text with a unit, such as `20 um`. Raises ValueError."""
    match = LENGTH.fullmatch(str(length))
    unit = match and (match[2].lower() or "nm")
    if unit not in arrays.NM or float(match[1]) <= 0:
        raise ValueError(f"resolution {length!r} is no length; give a number of nm, or one with a unit such as '20 um'")
    return float(match[1]) * arrays.NM[unit]


def plan(source, options):
    """The volume that `options` (the atlas section of the config) make of a described source.

    Returns a JSON-able dict: `source`, `orientation`, `values` (see `converter`), `info` (what Neuroglancer reads),
    `transform` (4x4, nm to nm, or None), `compresslevel`, `estimated_bytes`, `notes`. Raises ValueError for options
    that do not fit the source or each other.
    """
    notes = list(source["notes"])
    orientation, resolution, affine = placement(source, options, notes)
    axes = parse_orientation(orientation)
    slices, rows, columns, channels = source["shape"]
    size = ras_size((slices, rows, columns), axes)
    for name, found in (("size", size), ("num_channels", channels)):
        if options.get(name, found) != found:
            raise ValueError(f"{name} is {found}, the options expect {options[name]}")
    values = value_rule(source, options, notes)
    encoding = encoding_of(values["data_type"], channels, options)
    _require_picture(encoding["encoding"], chunk_size(options))
    # What gzip shrinks is gzipped: chunk by chunk in files of their own if asked for, always within shards.
    shrinks = encoding["encoding"] in ("raw", "compressed_segmentation")
    info = {
        "@type": "neuroglancer_multiscale_volume",
        "type": options["type"],
        "data_type": values["data_type"],
        "num_channels": channels,
        "scales": precomputed.scales(
            size,
            resolution,
            options["voxel_offset"],
            chunk_size(options),
            encoding,
            options.get("max_scales"),
        ),
    }
    if options["sharding"]:
        for scale in info["scales"]:
            scale["sharding"] = shards.spec(scale["size"], scale["chunk_sizes"][0], shrinks)
    voxels = sum(np.prod(scale["size"], dtype=float) for scale in info["scales"]) * channels
    return {
        "source": {name: value for name, value in source.items() if name != "notes"},
        "orientation": orientation,
        "values": values,
        "info": info,
        "transform": transform(affine, size, axes, resolution, options["voxel_offset"]),
        "compresslevel": max(options["compresslevel"], options["sharding"]) if shrinks else 0,
        "estimated_bytes": int(voxels * np.dtype(values["data_type"]).itemsize * SHRINKAGE[encoding["encoding"]]),
        "cut": regions.cut(info, source, axes, options["regions"]),
        "notes": notes,
    }


def placement(source, options, notes):
    """Orientation code, resolution (nm along x, y, z of RAS+) and affine (4x4, nm, or None) of a source.

    What the options say goes before what the file says; an affine that is overruled is not used, and noted.
    """
    orientation, resolution = options.get("orientation"), options.get("resolution")
    affine = np.array(source["affine"]) if "affine" in source else None
    if affine is not None and (orientation or resolution):
        notes.append("the affine of the file is not used, because orientation or resolution was given")
    if affine is not None:
        orientation = orientation or "".join(nibabel.aff2axcodes(affine))
    orientation = str(orientation or "RAS").upper()
    axes = [axis for axis, _ in parse_orientation(orientation)]
    if resolution is not None:
        if not isinstance(resolution, list):
            resolution = [resolution] * 3
        return orientation, [nanometres(length) for length in resolution], None
    if affine is not None:
        # Headers hold float32; the transform makes up for what rounding takes.
        along = [float(f"{length:.6g}") for length in nibabel.affines.voxel_sizes(affine)]
    elif "resolution" in source:
        along = source["resolution"]
    else:
        raise ValueError(
            "resolution is missing, and the source does not tell it; give the voxel size along x (right), y (front) "
            "and z (up) in nm, such as resolution: [20000, 20000, 20000], or with units: [20 um, 20 um, 20 um]"
        )
    resolution = [0.0, 0.0, 0.0]
    for axis, length in zip(axes, along, strict=True):
        resolution[axis] = float(length)
    return orientation, resolution, None if options.get("orientation") else affine


def transform(affine, size, axes, resolution, voxel_offset):
    """Matrix (4x4) from nm in the precomputed volume to nm in the space of the affine, or None without an affine.

    The affine places the centres of voxels, while a precomputed volume counts from the corner of a voxel, which is
    half a voxel before its centre: the centre of the first voxel is at (voxel_offset + 1/2) * resolution.
    """
    if affine is None:
        return None
    to_source = np.zeros((4, 4))
    to_source[3, 3] = 1
    for number, (axis, sign) in enumerate(axes):
        to_source[number, axis] = sign / resolution[axis]
        first = 0 if sign > 0 else size[axis] - 1
        to_source[number, 3] = first - sign * (voxel_offset[axis] + 0.5)
    return (np.array(affine) @ to_source).tolist()


def chunk_size(options):
    """Chunk sides x, y, z."""
    side = options["chunk_size"]
    return side if isinstance(side, list) else [side] * 3


def value_rule(source, options, notes):
    """How values of the source become those of the volume: `data_type`, `window` (input_min, input_max), `labels`."""
    labels = options["type"] == "segmentation"
    stored = np.dtype(source["dtype"])
    channels = source["shape"][3]
    if labels and channels > 1:
        raise ValueError(f"a segmentation has one label per voxel, the source has {channels} channels")
    limits = options.get("input_min"), options.get("input_max")
    if any(limit is not None for limit in limits):
        if labels:
            raise ValueError("input_min and input_max scale an image; labels are never scaled")
        if None in limits or not limits[0] < limits[1]:
            raise ValueError(
                f"input_min {limits[0]} and input_max {limits[1]} must both be given, the smaller one first"
            )
    window = None if None in limits else [float(limit) for limit in limits]
    wanted = options.get("data_type")
    if not wanted and options["encoding"] == "jpeg":
        wanted = "uint8"
    elif not wanted:
        wanted = label_type(stored, options) if labels else image_type(stored)
    if np.dtype(wanted) != stored:
        notes.append(f"{stored.name} values are stored as {wanted}")
    if labels and wanted == "float32":
        raise ValueError("labels are whole numbers; data_type float32 cannot hold them")
    if not labels and wanted == "uint64":
        raise ValueError("an image of uint64 cannot be shown; give another data_type")
    return {"data_type": wanted, "window": window, "labels": labels}


def image_type(stored):
    """Data type for the values of an image: its own, or the nearest one that the format has."""
    if stored.kind == "f":
        return "float32"
    return {"bool": "uint8", "int64": "int32", "uint64": "uint32"}.get(stored.name, stored.name)


def label_type(stored, options):
    """Data type for labels: unsigned, and 32 or 64 bits wide where compressed_segmentation asks for it."""
    bits = 64 if stored.itemsize == 8 and stored.kind in "iu" else 32
    if options["encoding"] in ("auto", "compressed_segmentation") or stored.kind == "f":
        return f"uint{bits}"
    return f"uint{8 * stored.itemsize}"


def encoding_of(data_type, channels, options):
    """The keys of a scale that say how chunks are encoded. Raises ValueError where the encoding cannot hold them."""
    encoding = options["encoding"]
    if encoding == "auto":
        labels = options["type"] == "segmentation" and data_type in ("uint32", "uint64")
        encoding = "compressed_segmentation" if labels else "raw"
    fit = {
        "raw": True,
        "jpeg": data_type == "uint8" and channels in (1, 3) and options["type"] == "image",
        "png": data_type in ("uint8", "uint16") and channels <= 4,
        "compressed_segmentation": data_type in ("uint32", "uint64") and options["type"] == "segmentation",
    }
    if not fit[encoding]:
        needs = {
            "jpeg": "an image of uint8 with 1 or 3 channels (use data_type: uint8 with input_min and input_max)",
            "png": "uint8 or uint16 with up to 4 channels",
            "compressed_segmentation": "a segmentation of uint32 or uint64",
        }
        raise ValueError(
            f"encoding {encoding} needs {needs[encoding]}; this is {'an' if options['type'] == 'image' else 'a'} "
            f"{options['type']} of {data_type} with {channels} channel{'s' if channels > 1 else ''}"
        )
    more = {
        "jpeg": {"jpeg_quality": options["jpeg_quality"]},
        "compressed_segmentation": {"compressed_segmentation_block_size": list(precomputed.CSEG_BLOCK)},
    }
    return {"encoding": encoding, **more.get(encoding, {})}


def _require_picture(encoding, sides):
    """Refuse chunks that make too large a picture for their encoding: x across, y times z down."""
    width, height = sides[0], sides[1] * sides[2]
    if max(width, height) > PICTURE.get(encoding, math.inf):
        raise ValueError(
            f"chunk_size {sides} makes {encoding} pictures of {width} x {height} (x, and y times z), the limit is "
            f"{PICTURE[encoding]}; use smaller chunks"
        )


def converter(values):
    """Function that turns an array of source values into one of the volume's data type.

    With a window, input_min..input_max is mapped to 0..the largest value of an integer type (0..1 for float32),
    rounded half to even, and what lies outside is clipped. Without one, values are kept, floats are rounded for
    integer types, and a value that the type cannot hold is a ValueError. NaN becomes 0 in integer images.
    """
    kind = np.dtype(values["data_type"])
    top = 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)
    window, labels = values["window"], values["labels"]

    def convert(block):
        if window:
            low, high = window
            block = np.clip((block.astype("f8") - low) * top / (high - low), 0, top)
        elif block.dtype == kind or (kind.kind == "f" and not labels):
            return block.astype(kind, copy=False)
        if block.dtype.kind == "f" and kind.kind != "f":
            whole = np.rint(np.nan_to_num(block, posinf=np.inf, neginf=-np.inf) if not labels else block)
            if labels and not np.array_equal(whole, block):
                raise ValueError("labels must be whole numbers; use type: image for a map of probabilities")
            block = whole
        if not window:
            _require_fit(block, kind, labels)
        return block.astype(kind)

    return convert


def _require_fit(block, kind, labels):
    """Refuse values that an integer type cannot hold."""
    limits = np.iinfo(kind)
    # As Python's numbers, which compare exactly: as float32, 2**31 is not above the largest int32.
    low, high = block.min().item(), block.max().item()
    if low < limits.min or high > limits.max:
        worst = high if high > limits.max else low
        advice = "give a wider data_type" if labels else "give input_min and input_max, or a wider data_type"
        what = "label" if labels else "value"
        raise ValueError(f"{what} {worst} is outside the range of {kind.name}, {limits.min} to {limits.max}; {advice}")
