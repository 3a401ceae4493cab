"""Volumes that are one array with named axes, sliced where they lie; a NumPy file is one as it is.

What a format says is told by a module of its own: `neuroimages`, `nrrds`, `tiffs`, `zarrs`, `chunked`.
"""

import bz2
import contextlib
import gzip
import io
import math
import mmap
import os
import shutil
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import tensorstore
import tifffile
from nibabel.arrayproxy import ArrayProxy

from darkroom import files
from darkroom.atlas import chunked, demands

PACKING = {".gz": gzip.open, ".mgz": gzip.open, ".bz2": bz2.open}  # by the end of a name
PACKED = 1100  # deflate packs 1032 bytes into one at most


class Array(contextlib.AbstractContextManager):
    """Reader of an array with named axes: x, y, z, c, and others of which one entry is read."""

    def __init__(self, source, threads=1):
        self._source = source
        self.shape = source["shape"]
        self.dtype = np.dtype(source["dtype"])
        try:
            self._array = self.opened(source)
        except Exception as error:
            raise ValueError(f"{source['path']}: the volume is no longer there as it was planned ({error})") from error

    def opened(self, source):
        """What is indexed along all axes of the source."""
        return OPENERS[source["reader"]](source)

    def read(self, first, last, top, bottom, left=0, right=None):
        """Rows [top, bottom), columns [left, right) of slices [first, last): array (slice, row, column, channel)."""
        axes = self._source["axes"]
        window = {"z": slice(first, last), "y": slice(top, bottom), "x": slice(left, right), "c": slice(self.shape[3])}
        window |= self._source.get("picked", {})
        try:
            planes = self._array[tuple(window.get(axis, 0) for axis in axes)[: self._array.ndim]]
            planes = np.asarray(planes.read().result() if isinstance(planes, tensorstore.TensorStore) else planes)
            if isinstance(self._array, np.memmap):
                planes = np.array(planes)
                # What was read of a mapped file would count as memory of this process, in the end all of it.
                self._array._mmap.madvise(mmap.MADV_DONTNEED)
            kept = [axis for axis in axes if axis in "zyxc"]
            planes = planes.transpose([kept.index(axis) for axis in "zyxc" if axis in kept])
        except Exception as error:
            said = " ".join(str(error).split())  # nibabel's has two lines
            raise ValueError(f"{self._source['path']}: the volume is damaged or cut short ({said})") from error
        planes = planes[tuple(slice(None) if axis in kept else None for axis in "zyxc")]
        if scaling := self._source.get("scaling"):
            return planes * np.float64(scaling[0]) + scaling[1]
        return planes.astype(self._source["dtype"], copy=False)

    def __exit__(self, *_):
        """Nothing stays open between reads."""


def describe(reader, path, axes, shape, dtype, time=None, **more):
    """Source description of an array whose axes are named by letters: x, y, z, c, of t the one of `time`, and others
    of length 1."""
    extent = dict(zip(axes, map(int, shape), strict=True))
    picked, notes = {}, []
    if "t" in extent:
        picked["t"] = demands.chosen_time(path, extent["t"], time)
        if extent["t"] > 1:
            notes.append(f"time {picked['t']} of 0 to {extent['t'] - 1} is read")
    elif time is not None:
        raise ValueError(f"{path} has no axis of time; leave out `time`")
    if extra := [f"{axis} ({size})" for axis, size in extent.items() if axis not in "xyzct" and size != 1]:
        raise ValueError(f"{path}: the axis {', '.join(extra)} is neither space nor channel; give one entry of it")
    if np.dtype(dtype).kind not in "buif":
        raise ValueError(f"{path}: values of {dtype} are no image or labels; needs integers or floats")
    source = {
        "reader": reader,
        "path": str(path),
        "axes": axes,
        "shape": [extent.get(axis, 1) for axis in "zyxc"],
        "dtype": np.dtype(dtype).newbyteorder("=").name,
        "picked": picked,
    }
    return source | more | {"notes": notes + more.get("notes", [])}


def describe_npy(path, time=None):
    """Source description of a NumPy file of (slice, row, column[, channel])."""
    try:
        array = np.load(path, mmap_mode="r")
    except Exception as error:
        raise ValueError(f"{path} is no NumPy array that can be mapped: {' '.join(str(error).split())}") from error
    demands.require_bytes(path, 0, array.offset + array.nbytes)
    if array.ndim not in (3, 4):
        raise ValueError(f"{path}: shape {array.shape} is not (slice, row, column) or (slice, row, column, channel)")
    return describe("npy", path, "zyxc"[: array.ndim], array.shape, array.dtype, time)


def describe_tiff(path, layout, time=None):
    """Source description of a TIFF whose values lie in one run of bytes (`tiffs.Layout`)."""
    letters = {"C": "c", "S": "c", "Y": "y", "X": "x", "T": "t"}
    sizes = zip(layout.axes, layout.shape, strict=True)
    # The one axis of slices has many a name; others have one entry.
    names = [letters.get(axis, "z" if size > 1 else "-") for axis, size in sizes]
    source = describe("tiff", path, "".join(names), layout.shape, layout.dtype, time if "t" in names else None)
    more = {"resolution": layout.resolution} if layout.resolution else {}
    if len(layout.names) == source["shape"][3]:
        more["channels"] = layout.names
    return source | more | {"series": layout.series, "notes": layout.notes}


def packing(path):
    """How a file is packed: a function that opens it, or None."""
    return PACKING.get(Path(path).suffix.lower())


def unpacked(path, opens):
    """A temporary file of what is packed in a file; it goes when the last map of it does."""
    content = tempfile.TemporaryFile()  # noqa: SIM115
    with opens(path) as file:
        shutil.copyfileobj(file, content, 1 << 20)
    content.flush()
    return content


def _open_nifti(source):
    path, opens = source["path"], packing(source["path"])
    spec = tuple(source["stored_shape"]), np.dtype(source["stored_dtype"]), source["offset"]
    # nibabel keeps an index of `.gz` alone; in others, each read would begin at the start.
    seeks = not opens or path.lower().endswith(".gz")
    return ArrayProxy(path if seeks else unpacked(path, opens), spec, order="F")


def _open_nrrd(source):
    parts, offset, skip, lines = (source[key] for key in ("parts", "offset", "skip", "lines"))
    shape, kind = tuple(source["stored_shape"]), np.dtype(source["stored_dtype"])
    size = math.prod(shape) * kind.itemsize // len(parts)
    if len(parts) == 1 and not source["packed"]:
        start = Path(parts[0]).stat().st_size - size if skip == -1 else after_lines(parts[0], offset, lines) + skip
        return np.memmap(parts[0], kind, "r", start, shape, order="F")
    opens = {
        "gzip": gzip.open,
        "bzip2": bz2.open,
        "hex": lambda file: io.BytesIO(bytes.fromhex(file.read().decode("ascii"))),
        "text": lambda file: io.BytesIO(np.array(file.read().split()).astype(kind).tobytes()),
    }.get(source["packed"], contextlib.nullcontext)
    joined = tempfile.TemporaryFile()  # noqa: SIM115
    for number, part in enumerate(parts, 1):
        with Path(part).open("rb") as file:
            file.seek(after_lines(part, offset, lines))
            with opens(file) as values:
                values.seek(-size if skip == -1 else skip, os.SEEK_END if skip == -1 else os.SEEK_CUR)
                shutil.copyfileobj(values, joined, 1 << 20)
        if joined.tell() != number * size:
            raise ValueError(f"{part} has {joined.tell() - (number - 1) * size} bytes of values; by the header {size}")
    joined.flush()
    return np.memmap(joined, kind, "r", 0, shape, order="F")


def after_lines(path, offset, lines):
    """Where so many lines from an offset end in a file."""
    with Path(path).open("rb") as file:
        file.seek(offset)
        for _ in range(lines):
            file.readline()
        return file.tell()


def open_zarr(source):
    """The tensorstore of a Zarr array, of all its axes."""
    spec = {"driver": source["driver"], "kvstore": files.kvstore(source["path"]), **source["spec"]}
    return tensorstore.open(spec, read=True).result()


OPENERS = {
    "nifti": _open_nifti,
    "minc": lambda source: nibabel.load(source["path"]).dataobj,
    "nrrd": _open_nrrd,
    "npy": lambda source: np.load(source["path"], mmap_mode="r"),
    "tiff": lambda source: tifffile.memmap(source["path"], mode="r", series=source["series"]),
    "zarr": open_zarr,
    "precomputed": chunked.opened,
}
