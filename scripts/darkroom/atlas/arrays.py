"""Volumes that are one array: NIfTI, NumPy, Zarr, multi-page TIFF. They are sliced where they lie."""

import contextlib
import math
import struct
import tokenize
import zlib
from pathlib import Path

import nibabel
import numpy as np
import tensorstore
import tifffile
from nibabel.arrayproxy import ArrayProxy
from nibabel.openers import ImageOpener

from darkroom import files
from darkroom.atlas import sections

NIFTI = (".nii", ".nii.gz")
ZARR = {"zarr.json": "zarr3", ".zarray": "zarr"}
NM = {
    "angstrom": 0.1, "å": 0.1, "nm": 1.0, "nanometer": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3,
    "micrometer": 1e3, "mm": 1e6, "millimeter": 1e6, "cm": 1e7, "centimeter": 1e7, "m": 1e9, "meter": 1e9,
}  # fmt: skip
UNITS = {1: "m", 2: "mm", 3: "um"}  # NIfTI-1, xyzt_units
PACKED = 1100  # deflate packs 1032 bytes into one at most
# What readers of damaged files raise beside their own errors.
DAMAGE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    struct.error, zlib.error, tokenize.TokenError, SyntaxError, MemoryError,
)  # fmt: skip
ALPHA = "the alpha channel is dropped; colours are kept as they are stored"


class Array(contextlib.AbstractContextManager):
    """Reader of an array with named axes: x, y, z, c and others of length 1."""

    def __init__(self, source, threads=1):
        self._source = source
        self.shape = source["shape"]
        self.dtype = np.dtype(source["dtype"])
        try:
            self._array = OPENERS[source["reader"]](source)
        except (OSError, ValueError) as error:
            raise ValueError(f"{source['path']}: the volume is no longer there as it was planned ({error})") from error

    def read(self, first, last, top, bottom, left=0, right=None):
        """Rows [top, bottom), columns [left, right) of slices [first, last): array (slice, row, column, channel)."""
        axes = self._source["axes"]
        window = {"z": slice(first, last), "y": slice(top, bottom), "x": slice(left, right), "c": slice(self.shape[3])}
        try:
            planes = self._array[tuple(window.get(axis, 0) for axis in axes)[: self._array.ndim]]
            planes = np.asarray(planes.read().result() if isinstance(planes, tensorstore.TensorStore) else planes)
        except DAMAGE as error:
            said = " ".join(str(error).split())  # nibabel's has two lines
            raise ValueError(f"{self._source['path']}: the volume is damaged or cut short ({said})") from error
        kept = [axis for axis in axes if axis in window]
        planes = planes.transpose([kept.index(axis) for axis in "zyxc" if axis in kept])
        planes = planes[tuple(slice(None) if axis in kept else None for axis in "zyxc")]
        if scaling := self._source.get("scaling"):
            return planes * np.float64(scaling[0]) + scaling[1]
        return planes.astype(self._source["dtype"], copy=False)

    def __exit__(self, *_):
        """Nothing stays open between reads."""


def _open_nifti(source):
    spec = tuple(source["stored_shape"]), np.dtype(source["stored_dtype"]), source["offset"]
    return ArrayProxy(source["path"], spec, order="F")


def _open_zarr(source):
    kvstore = {"driver": "file", "path": source["path"]}
    return tensorstore.open({"driver": source["driver"], "kvstore": kvstore}, read=True).result()


OPENERS = {
    "nifti": _open_nifti,
    "npy": lambda source: np.load(source["path"], mmap_mode="r"),
    "tiff": lambda source: tifffile.memmap(source["path"], mode="r", series=0),
    "zarr": _open_zarr,
}


def _describe(reader, path, axes, shape, dtype, **more):
    """Source description of an array whose axes are named by letters; only x, y, z, c may be longer than 1."""
    extent = dict(zip(axes, map(int, shape), strict=True))
    if extra := [f"{axis} ({size})" for axis, size in extent.items() if axis not in "xyzc" and size != 1]:
        raise ValueError(f"{path}: the axis {', '.join(extra)} is neither space nor channel; give one entry of it")
    if np.dtype(dtype).kind not in "buif":
        raise ValueError(f"{path}: values of {dtype} are no image or labels; needs integers or floats")
    shape = [extent.get(axis, 1) for axis in "zyxc"]
    dtype = np.dtype(dtype).newbyteorder("=").name
    return {"reader": reader, "path": str(path), "axes": axes, "shape": shape, "dtype": dtype, "notes": [], **more}


def _require_bytes(path, needed, most=math.inf):
    """Refuse a file that is too small for what its header promises, or larger than `most`."""
    size = path.stat().st_size
    if size < needed:
        raise ValueError(f"{path}: the volume is cut short, the file is smaller than its header says")
    if size > most:
        raise ValueError(
            f"{path}: {size} bytes; by its header it has {most}: what is too much may stand anywhere, so the volume "
            "may be shifted"
        )


def unreadable(path, kind, error):
    """The error of a file that is no `kind`, from what its reader says; a KeyError says no more than a key."""
    said = str(error) if isinstance(error, (ValueError, OSError)) else repr(error)
    return ValueError(f"{path} is no {kind} that can be read: {said}")


def describe_npy(path):
    """Source description of a NumPy file of (slice, row, column[, channel])."""
    try:
        array = np.load(path, mmap_mode="r")
    except DAMAGE as error:
        raise ValueError(f"{path} is no NumPy array that can be mapped: {' '.join(str(error).split())}") from error
    _require_bytes(path, 0, array.offset + array.nbytes)
    if array.ndim not in (3, 4):
        raise ValueError(f"{path}: shape {array.shape} is not (slice, row, column) or (slice, row, column, channel)")
    return _describe("npy", path, "zyxc"[: array.ndim], array.shape, array.dtype)


def describe_nifti(path, ignore_scaling=False):
    """Source description of a NIfTI-1 or NIfTI-2 volume, with its `affine` (4x4, nm, of voxel centres).

    x, y, z are columns, rows and slices; one more axis is taken as channels. Where the header has neither sform nor
    qform, nibabel's base affine (x to the left, origin in the middle) is used, and noted.
    """
    try:
        image = nibabel.load(path)
        affine = image.affine
        with ImageOpener(path) as file:  # nibabel forgets the slope that it reads
            slope = float(type(image.header).from_fileobj(file, check=False)["scl_slope"])
    except (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError, *DAMAGE) as error:
        raise ValueError(f"{path} is no NIfTI file that can be read: {error}") from error
    if not np.isfinite(affine).all():
        raise ValueError(f"{path}: the affine has entries that are no numbers (NaN); repair its sform or qform")
    sizes = nibabel.affines.voxel_sizes(affine)
    if not sizes.all() or abs(np.linalg.det(affine[:3, :3] / sizes)) < 1e-6:
        raise ValueError(f"{path}: the affine is singular, it flattens the volume; repair its sform or qform")
    header, proxy, notes = image.header, image.dataobj, []
    if np.isinf(slope) and not ignore_scaling:
        raise ValueError(
            f"{path}: scl_slope is {slope}; right is a finite number, or 0 for none; `ignore_scaling: true` takes the "
            "stored values"
        )
    unit = UNITS.get(code := int(header["xyzt_units"]) & 7, "")
    if code and not unit:
        notes.append(
            f"{path.name}: no reader knows the length unit {code} of its NIfTI header; millimetres are assumed"
        )
    elif not unit:
        notes.append("the NIfTI header names no length unit; millimetres are assumed")
    if not header["sform_code"] and not header["qform_code"]:
        notes.append("the NIfTI header has neither sform nor qform: x to the left, origin in the middle is assumed")
    shape, stored = [*proxy.shape, 1, 1][: max(3, proxy.ndim)], proxy.dtype
    axes = "xyz" + "".join("c" if size > 1 else "-" for size in shape[3:])
    if not path.name.lower().endswith(".gz"):
        whole = proxy.offset + math.prod(shape) * stored.itemsize
        _require_bytes(path, whole, whole)
    elif math.prod(shape) * stored.itemsize > PACKED * path.stat().st_size:
        raise ValueError(f"{path}: no gzip file of its size holds {tuple(shape)} values of {stored}; it is damaged")
    scaling = [float(proxy.slope), float(proxy.inter)]
    if ignore_scaling or scaling == [1, 0]:
        scaling = None
    if stored.names:  # a colour is a record of bytes, red first
        notes += [ALPHA] if len(stored.names) > 3 else []
        axes, shape, stored, scaling = "c" + axes, [len(stored.names), *shape], np.dtype("u1"), None
    if axes.count("c") > 1:
        raise ValueError(f"{path}: shape {tuple(shape)} has more than one axis beside x, y, z; it may have one")
    found = _describe("nifti", path, axes, shape, "f8" if scaling else stored)
    found["shape"][3] = min(found["shape"][3], 3) if axes[0] == "c" else found["shape"][3]
    return found | {
        "stored_shape": [int(size) for size in shape],
        "stored_dtype": stored.str,
        "offset": int(proxy.offset),
        "scaling": scaling,
        "affine": (np.diag([NM.get(unit, NM["mm"])] * 3 + [1]) @ affine).tolist(),
        "notes": notes,
    }


def describe_tiff(path, kind):
    """Source description of a TIFF of any number of pages, in the order that tifffile finds (OME, ImageJ, plain).

    Returns None for a file of one plane, which is a section. Voxel sizes are read from OME metadata.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            series = [one for one in tiff.series if not one.keyframe.is_reduced]
            if not series:
                raise tifffile.TiffFileError("it has no image")
            shape, dtype, axes, pages = _pages(path, series[:1] if tiff.is_ome else series)
            resolution, key = _ome_resolution(tiff), series[0].keyframe
            offsets = [page.offset for page in pages if page is not None and page.parent is tiff]
            # Palettes and alpha are for GDAL to sort out. ImageJ has one directory for all planes of a large file.
            plain = key.photometric in (1, 2) and not key.extrasamples and not {"C", "S"} <= set(axes)
            start, whole = series[0].dataoffset, shape == series[0].shape
            mapped = start is not None and whole and (plain or len(offsets) == 1)
    except DAMAGE as error:
        raise error if str(path) in str(error) else unreadable(path, "TIFF", error) from error
    leading = axes[:-3] if axes.endswith("SYX") else axes.rstrip("YXS")
    stack = [axis for axis, size in zip(leading, shape, strict=False) if axis != "C" and size > 1]
    if not stack and len(pages) == 1:
        return None
    if len(stack) > 1:
        raise ValueError(f"{path}: pages run along {' and '.join(stack)}; only one axis of slices (and C) can be read")
    if mapped:
        names = dict.fromkeys(stack, "z") | {"C": "c", "S": "c", "Y": "y", "X": "x"}
        found = _describe("tiff", path, "".join(names.get(axis, "-") for axis in axes), shape, dtype)
        _require_bytes(path, start + math.prod(shape) * dtype.itemsize)
    else:
        planes = math.prod(shape[: len(leading)])
        if not len(offsets) == len(pages) == planes:
            raise ValueError(f"{path}: {len(offsets)} of {planes} pages are there")
        order = np.arange(planes).reshape(shape[: len(leading)])
        order = order.transpose(sorted(range(order.ndim), key=lambda axis: leading[axis] == "C"))
        channels = shape[leading.index("C")] if "C" in leading else 1
        slices = [[f"GTIFF_DIR:off:{offsets[page]}:{path}" for page in group] for group in order.reshape(-1, channels)]
        found = sections.describe_pages(slices, kind)
    return found | ({"resolution": resolution} if resolution else {})


def _pages(path, series):
    """Shape, type, axes and pages of all series; those written one by one are a series each, and are put together."""
    first = series[0]
    if len(series) == 1:
        return first.shape, first.dtype, first.axes, first.pages
    kinds = {(one.shape, one.dtype, len(one.pages)) for one in series}
    if kinds != {(first.shape, first.dtype, 1)}:
        raise ValueError(f"{path}: its pages are of {len(kinds)} sizes or types; a stack needs pages that agree")
    return (len(series), *first.shape), first.dtype, "Z" + first.axes, [one.pages[0] for one in series]


def _ome_resolution(tiff):
    """Voxel size (x, y, z) in nm of an OME-TIFF, or None. Source: OME model, Pixels/@PhysicalSizeX and ...Unit."""
    if not tiff.ome_metadata:
        return None
    image = tifffile.xml2dict(tiff.ome_metadata)["OME"].get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    sizes = [(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XYZ"]
    return [size * NM[unit] for size, unit in sizes] if all(size and unit in NM for size, unit in sizes) else None


def zarr_folder(root, names):
    """The folder of the Zarr array or group among the files, or None."""
    tops = [name for name in names if Path(name).name in (*ZARR, ".zgroup")]
    return root / min(tops, key=lambda name: name.count("/")).rpartition("/")[0] if tops else None


def describe_zarr(folder):
    """Source description of a Zarr array (slice, row, column[, channel]) or the finest scale of an OME-Zarr group."""
    resolution, axes = None, None
    if multiscales := _zarr_attributes(folder).get("multiscales"):
        try:
            axes, resolution, finest = _finest(multiscales[0])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{folder}: the `multiscales` of this OME-Zarr group cannot be read: {error!r}") from error
        folder = folder / finest
    driver = next((driver for name, driver in ZARR.items() if (folder / name).is_file()), None)
    if not driver or (driver == "zarr3" and files.read_json(folder / "zarr.json").get("node_type") != "array"):
        raise ValueError(f"{folder} is no Zarr array, nor an OME-Zarr group whose metadata leads to one")
    try:
        store = _open_zarr({"driver": driver, "path": str(folder)})
    except ValueError as error:
        raise ValueError(f"{folder} is no Zarr array that can be read: {error}") from error
    if not axes and store.ndim not in (3, 4):
        raise ValueError(f"{folder}: shape {store.shape} is not (slice, row, column) or (slice, row, column, channel)")
    axes = axes or "zyxc"[: store.ndim]
    found = _describe("zarr", folder, axes, store.shape, store.dtype.numpy_dtype, driver=driver)
    sides = dict(zip(axes, store.chunk_layout.read_chunk.shape, strict=True))
    found["tile"] = [sides.get(axis, 1) for axis in "zyx"]
    return found | ({"resolution": resolution} if resolution and all(resolution) else {})


def _finest(image):
    """Axes as letters, voxel size (x, y, z) in nm (0 where it is not told) and path of the finest scale of an image."""
    finest = image["datasets"][0]
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
    scale = np.ones(len(axes))
    for step in [*finest.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]:
        scale *= step.get("scale", 1)
    sizes = {axis["name"]: size * NM.get(axis.get("unit"), 0) for axis, size in zip(axes, scale, strict=True)}
    return "".join(axis["name"][0] for axis in axes), [float(sizes.get(axis, 0)) for axis in "xyz"], finest["path"]


def _zarr_attributes(folder):
    """OME attributes of a Zarr node: in `zarr.json` for version 3, in `.zattrs` for version 2."""
    if (folder / "zarr.json").is_file():
        attributes = files.read_json(folder / "zarr.json").get("attributes", {})
        return attributes.get("ome", attributes)
    return files.read_json(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
