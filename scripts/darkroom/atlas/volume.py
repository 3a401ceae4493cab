"""From a source and its options to a volume: what its values become, which scales it gets."""

import math

import numpy as np

from darkroom.atlas import placement, precomputed, regions, shards
from darkroom.atlas.estimate import estimate, is_crowded

PICTURE = {"jpeg": 65500, "png": 1_000_000}  # pixels along a side that libjpeg and libpng take


def plan(source, options, named=()):
    """The volume that `options` (the atlas section of the config) make of a described source.

    `named` are the rows of a table of labels (`label_tables.read`), or of channels. Returns a JSON-able dict: `source`,
    `orientation`, `values` (see `converter`), `info` (what Neuroglancer reads), `transform` (4x4, nm to nm, or None),
    names of `channels`, named `regions`, `compresslevel`, `cut` (`regions.cut`), `estimate`, `notes`. Raises ValueError
    for options that do not fit the source or each other.
    """
    notes = list(source["notes"])
    there = placement.placed(source, options, notes)
    size, channels = there.size, source["shape"][3]
    for name, actual in (("size", size), ("num_channels", channels)):
        if options.get(name, actual) != actual:
            raise ValueError(f"{name} is {actual}, the options expect {options[name]}")
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
            there.resolution,
            there.voxel_offset,
            chunk_size(options),
            encoding,
            options.get("max_scales"),
        ),
    }
    names = source.get("channels", [])
    if named and not values["labels"]:
        names, named = _channel_names(named, channels), ()
    if named:
        info["segment_properties"] = precomputed.PROPERTIES
    if options["meshes"]:
        if not values["labels"]:
            raise ValueError("meshes are of the labels of a segmentation; say `type: segmentation`")
        info["mesh"] = precomputed.MESHES
    sharded = options["sharding"] is True or (options["sharding"] == "auto" and is_crowded(info["scales"][0]))
    if sharded:
        for scale in info["scales"]:
            scale["sharding"] = shards.spec(scale["size"], scale["chunk_sizes"][0], shrinks)
    cut = regions.cut(info, source, there.axes, options["pieces"])
    compresslevel = max(options["compresslevel"], sharded) if shrinks else 0
    return {
        "source": {name: value for name, value in source.items() if name not in ("notes", "channels")},
        "orientation": there.orientation,
        "values": values,
        "info": info,
        "transform": there.transform,
        "channels": names,
        "regions": list(named),
        "compresslevel": compresslevel,
        "cut": cut,
        "estimate": estimate(info, cut, np.dtype(source["dtype"]).itemsize, compresslevel > 0),
        "notes": notes,
    }


def _channel_names(named, count):
    """Names of the channels of an image from the rows of a table: those of an atlas of probabilities are regions."""
    if count == 1:
        raise ValueError("labels is the table of a segmentation; say `type: segmentation`")
    names = {region["id"]: region["name"] for region in named}
    if sorted(names) not in (list(range(count)), list(range(1, count + 1))):
        raise ValueError(
            f"labels has {len(names)} rows, {min(names)} to {max(names)}; those of an image name its {count} channels, "
            "counted from 0 or from 1"
        )
    return [names[number] for number in sorted(names)]


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
    scaling = source.get("scaling") or [1, 0]
    if labels and any(number != round(number) for number in scaling):
        raise ValueError(
            "labels must be whole numbers; slope {:g} and intercept {:g} of the header make others of them: "
            "`ignore_scaling: true` takes the stored numbers".format(*scaling)
        )
    background = options.get("background", [])
    background = background if isinstance(background, list) else [background]
    if background and not labels:
        raise ValueError("background is of labels; an image keeps all its values")
    limits = options.get("input_min"), options.get("input_max")
    if any(limit is not None for limit in limits):
        if labels:
            raise ValueError("input_min and input_max scale an image; labels are never scaled")
        if None in limits or not limits[0] < limits[1]:
            raise ValueError(
                f"input_min {limits[0]} and input_max {limits[1]} must both be given, the smaller one first"
            )
    window = None if None in limits else [float(limit) for limit in limits]
    data_type = options.get("data_type")
    if not data_type and options["encoding"] == "jpeg":
        data_type = "uint8"
    elif not data_type:
        data_type = label_type(stored, options) if labels else image_type(stored)
    if np.dtype(data_type) != stored:
        rounded = ", rounded to its 24 bits" if data_type == "float32" and not window and stored.itemsize > 4 else ""
        notes.append(f"{stored.name} values are stored as {data_type}{rounded}")
    if background:
        notes.append(f"background: labels of {', '.join(map(str, background))} are stored as 0")
    if labels and data_type == "float32":
        raise ValueError("labels are whole numbers; data_type float32 cannot hold them")
    if not labels and data_type == "uint64":
        raise ValueError("an image of uint64 cannot be shown; give another data_type")
    return {"data_type": data_type, "window": window, "labels": labels, "background": background}


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
    integer types, and a value that the type cannot hold is a ValueError. NaN becomes 0 in integer images, and labels of
    the background become 0.
    """
    kind = np.dtype(values["data_type"])
    top = 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)
    window, labels, background = values["window"], values["labels"], values.get("background", [])

    def convert(block):
        if background:
            block = np.where(is_background(block, background), block.dtype.type(0), block)
        if window:
            low, high = window
            block = np.clip((block.astype("f8") - low) * top / (high - low), 0, top)
        elif block.dtype == kind:
            return block
        elif kind.kind == "f":
            return _as_float(block, kind)
        if block.dtype.kind == "f" and kind.kind != "f":
            whole = np.rint(np.nan_to_num(block, posinf=np.inf, neginf=-np.inf) if not labels else block)
            if labels and not np.array_equal(whole, block):
                _refuse_parts(block[whole != block][0])
            block = whole
        if not window and not np.can_cast(block.dtype, kind):
            _require_fit(block, kind, labels)
        return block.astype(kind)

    return convert


def is_cast(values, stored):
    """Whether a type of source values is all that becomes another in the volume."""
    return not values["window"] and not values.get("background") and np.can_cast(stored, values["data_type"])


def is_background(block, background):
    """Where values are among those of the background, of which `nan` is one."""
    numbers = [number for number in background if number != "nan"]
    mask = np.isin(block, numbers)
    return mask | np.isnan(block) if "nan" in background and block.dtype.kind == "f" else mask


def _as_float(block, kind):
    """Values as floats. Refuses what lies outside their range, and whole numbers that would become others."""
    with np.errstate(over="ignore"):
        stored = block.astype(kind)
    if block.dtype.itemsize <= 2 or block.dtype == kind:
        return stored
    finite = block[np.isfinite(block)]
    if not np.isfinite(stored[np.isfinite(block)]).all():
        worst = finite[np.abs(finite).argmax()]
        raise ValueError(f"value {worst:g} is outside the range of {kind.name}; give input_min and input_max")
    lost = stored.astype(np.longdouble) != block  # so wide that all 64 bits of an integer count
    if (lost & np.isfinite(block)).any() and (finite == np.rint(finite)).all():
        value = block[lost & np.isfinite(block)][0].item()
        raise ValueError(
            f"value {value:.17g} is no {kind.name} number, the nearest is {float(kind.type(value)):.17g}; give a "
            "data_type of integers, or input_min and input_max"
        )
    return stored


def _refuse_parts(label):
    advice = "`background: nan` makes it 0" if np.isnan(label) else "use type: image for a map of probabilities"
    raise ValueError(f"labels must be whole numbers; {label:g} is among them: {advice}")


def _require_fit(block, kind, labels):
    """Refuse values that an integer type cannot hold."""
    limits = np.iinfo(kind)
    # As Python's numbers, which compare exactly: as float32, 2**31 is not above the largest int32.
    low, high = block.min().item(), block.max().item()
    if labels and low < 0:
        raise ValueError(f"label {low:g} is below 0, and labels are not negative: `background: {low:g}` makes it 0")
    if low < limits.min or high > limits.max:
        worst = high if high > limits.max else low
        advice = "give a wider data_type" if labels else "give input_min and input_max, or a wider data_type"
        what = "label" if labels else "value"
        raise ValueError(f"{what} {worst} is outside the range of {kind.name}, {limits.min} to {limits.max}; {advice}")
