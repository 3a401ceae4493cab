"""What a TIFF file says of its pages: plain ones, ImageJ hyperstacks, OME-TIFF, slides with pyramids."""

import math
import os
import re
from typing import NamedTuple

import numpy as np
import tifffile

from darkroom import damage
from darkroom.atlas import demands
from darkroom.atlas.lengths import NM
from darkroom.atlas.numbering import some

ORIENTATION = 274  # a tag
JOINED = ("generic", "uniform", "shaped")  # kinds of series whose pages, written one by one, are one stack


class Layout(NamedTuple):
    """A series of a TIFF as slices; axes are tifffile's letters, before a time was chosen."""

    axes: str
    shape: tuple
    dtype: np.dtype
    slices: list  # of lists of pages, one for each channel, named as GDAL names datasets
    files: set  # that these lie in
    names: list  # of channels
    resolution: list | None  # nm along columns, rows, slices; None where it is not told
    mapped: bool  # whether all values lie in one run of bytes
    series: int
    notes: list


def look(path, series=None, time=None):
    """The `Layout` of a TIFF file: of one of its series, at one time where it has more.

    Raises ValueError for a file that is no TIFF, pages that make no stack, and a time that is not chosen.
    """
    with damage.named(path, "TIFF"), tifffile.TiffFile(path) as tiff:
        return _layout(path, tiff, series, time)


def _layout(path, tiff, number, time):
    every = [one for one in tiff.series if not one.keyframe.is_reduced]
    if not every:
        raise tifffile.TiffFileError("it has no image")
    if number is not None and number >= len(every):
        raise ValueError(f"{path}: there is no series {number}, it has 0 to {len(every) - 1}")
    joined = number is None and every[0].kind in JOINED
    chosen = every if joined else [every[number or 0]]
    shape, dtype, axes, pages = _pages(path, chosen)
    others = [f"{at} ({one.name or 'no name'})" for at, one in enumerate(every) if one not in chosen]
    notes = [f"series {number or 0} of {path.name} is read; others are {', '.join(others)}"] if others else []
    # Axes of one entry may stand anywhere.
    long = "".join(axis for axis, size in zip(axes, shape, strict=True) if size > 1 or axis in "YX")
    leading = long[:-3] if long.endswith("SYX") else long.rstrip("YXS")
    sizes = {axis: shape[axes.index(axis)] for axis in leading}
    several = [axis for axis in sizes if axis not in "CT"]
    if len(several) > 1:
        raise ValueError(
            f"{path}: pages run along {' and '.join(several)}; only one axis of slices (and C) can be read"
        )
    times = sizes.get("T", 1)
    at = demands.chosen_time(path, times, time)
    if times > 1:
        notes.append(f"time {at} of 0 to {times - 1} is read")
    planes = math.prod(sizes.values())
    key, start = chosen[0].keyframe, chosen[0].dataoffset
    require_flat(path, key)
    there = [page for page in pages if page is not None]
    # Palettes, alpha and pictures that are to be turned are for `sections` to sort out.
    upright = ORIENTATION not in key.tags or key.tags[ORIENTATION].value == 1
    plain = key.photometric in (1, 2) and not key.extrasamples and not {"C", "S"} <= set(axes) and upright
    mapped = start is not None and shape == chosen[0].shape and (plain or len(there) == 1) and planes > 1
    if mapped:
        demands.require_bytes(path, start + math.prod(shape) * dtype.itemsize)
    elif not len(there) == len(pages) == planes:
        lost = [number for number, page in enumerate(pages) if page is None]
        which = f" (counted from 0 along {leading}, {some(lost)} are missing)" if lost else ""
        raise ValueError(
            f"{path}: {len(there)} of {planes} pages are there{which}; right is a file of them all, or one of each, "
            "whose gaps `missing` fills"
        )
    files = {_file_of(page, path) for page in there}
    paged = len(there) == planes  # ImageJ has one page for all planes of a large file
    slices = _slices(path, sizes, pages, at, alone=len(tiff.pages) == 1) if paged else []
    if tiff.is_ome and _has_positions(_ome_pixels(tiff, number or 0)):
        notes.append("positions of planes in the OME metadata are not used; `voxel_offset` says where a volume begins")
    name = _channel_names(tiff, number or 0) if "C" in leading else []
    resolution = _resolution(tiff, number or 0)
    return Layout(axes, shape, dtype, slices, files, name, resolution, mapped, every.index(chosen[0]), notes)


def _pages(path, series):
    """Shape, type, axes and pages of all series; those written one by one are a series each, and are put together."""
    first = series[0]
    if len(series) == 1:
        return first.shape, first.dtype, first.axes, first.pages
    kinds = {(one.shape, one.dtype, len(one.pages)) for one in series}
    if kinds != {(first.shape, first.dtype, 1)}:
        raise ValueError(
            f"{path}: its pages are of {len(kinds)} sizes or types; a stack needs pages that agree, or a `series` that "
            "is chosen"
        )
    return (len(series), *first.shape), first.dtype, "Z" + first.axes, [one.pages[0] for one in series]


def is_tiff(path):
    """Whether a file begins as a TIFF does, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) in (b"II", b"MM")


def _slices(path, sizes, pages, time, alone):
    """Pages of each slice, one for each channel; a file that has no other page is named by its path alone."""
    leading = "".join(sizes)
    order = np.arange(len(pages)).reshape(list(sizes.values()))
    if "T" in leading:
        order = order.take([time], axis=leading.index("T"))
    order = order.transpose(sorted(range(order.ndim), key=lambda axis: leading[axis] == "C"))
    named = [str(path) if alone else f"GTIFF_DIR:off:{page.offset}:{_file_of(page, path)}" for page in pages]
    return [[named[page] for page in group] for group in order.reshape(-1, sizes.get("C", 1))]


def _file_of(page, path):
    """The file that a page lies in, as `path` names it: what is planned is the same on every machine.

    tifffile follows links: what lies beside the file itself is looked for beside a link to it.
    """
    own, other = path.resolve(), page.parent.filehandle.path
    return str(path if other == str(own) else path.parent / os.path.relpath(other, own.parent))


def _resolution(tiff, number):
    """Voxel size in nm along columns, rows and slices, None for one that is not told; None where none is.

    Sources: OME model, Pixels/@PhysicalSizeX and ...Unit; ImageJ's `unit` and `spacing` in the description, with pixels
    per unit in tags 282 and 283; MPP in Aperio's description.
    """
    if tiff.is_ome:
        sizes = _ome_sizes(_ome_pixels(tiff, number))
    elif tiff.is_imagej:
        sizes = _imagej_sizes(tiff)
    elif match := re.search(r"\|\s*MPP = ([\d.]+)", tiff.pages.first.description):
        sizes = [float(match[1]) * NM["um"]] * 2 + [None]
    else:
        return None
    return sizes if any(sizes) else None


def _ome_pixels(tiff, number):
    images = tifffile.xml2dict(tiff.ome_metadata)["OME"].get("Image", {})
    return (images[number] if isinstance(images, list) else images).get("Pixels", {})


def _ome_sizes(pixels):
    sizes = [(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XYZ"]
    # Of OME's units only those in small letters are meant (Mm is no mm), and the one that is named after a person.
    units = [unit.replace("Å", "å") for _, unit in sizes]
    return [size * NM[unit] if size and unit in NM else None for (size, _), unit in zip(sizes, units, strict=True)]


def require_flat(path, page):
    """Raise ValueError for a page of a TIFF that is a volume itself."""
    if page.imagedepth > 1:
        raise ValueError(f"{path}: its pages hold {page.imagedepth} slices each (ImageDepth); write each as a page")


def _has_positions(pixels):
    planes = pixels.get("Plane", [])
    planes = planes if isinstance(planes, list) else [planes]
    return any(plane.get(f"Position{axis}") for plane in planes for axis in "XYZ")


def _imagej_sizes(tiff):
    about, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    unit = str(about.get("unit", "")).replace("\\u00B5", "µ").lower()
    if unit not in NM:
        return [None] * 3
    along = [tags[code].value if code in tags else (0, 1) for code in (282, 283)]
    sizes = [below / above * NM[unit] if above and below else None for above, below in along]
    return [*sizes, abs(about["spacing"]) * NM[unit] if about.get("spacing") else None]


def _channel_names(tiff, number):
    """Names of channels in the metadata of an OME-TIFF; none where one has no name."""
    if not tiff.is_ome:
        return []
    channels = _ome_pixels(tiff, number).get("Channel", [])
    names = [channel.get("Name") for channel in (channels if isinstance(channels, list) else [channels])]
    return [str(name) for name in names] if all(names) else []
