"""NRRD volumes. Source: the format's definition (https://teem.sourceforge.net/nrrd/format.html)."""

import re
from pathlib import Path

import nrrd
import numpy as np

from darkroom import damage
from darkroom.atlas import arrays, demands
from darkroom.atlas.lengths import NM

SUFFIXES = (".nrrd", ".nhdr")
TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
PACKED = {"raw": None, "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
PACKED |= dict.fromkeys(("ascii", "text", "txt"), "text")
# How the axes of a space run against right, anterior, superior.
SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1), "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip


def describe(path, time=None):
    """Source description of an NRRD, with its `affine` (4x4, nm, of voxel centres) or `resolution` where it tells.

    The axes of space are columns, rows and slices in their order; one of another kind is channels (or time).
    """
    with damage.named(path, "NRRD file"):
        with path.open("rb") as file:
            header = nrrd.read_header(_lines(file))
            start = file.tell()
        sizes = [int(size) for size in header["sizes"]]
        stored = np.dtype(TYPES[header["type"].lower()])
        if (encoding := header["encoding"].lower()) not in PACKED:
            raise ValueError(f"its encoding is {encoding}; right are raw, gzip, bzip2 and ascii")
        packed = PACKED[encoding]
        file, offset, skip = _place(path, header, start)
    stored = stored.newbyteorder(">" if header.get("endian") == "big" else "<")
    needed = int(np.prod(sizes, dtype=object)) * stored.itemsize
    if not packed:
        offset = file.stat().st_size - needed if skip == -1 else offset + skip
        demands.require_bytes(file, max(offset, 0) + needed, max(offset, 0) + needed)
    elif packed != "text" and needed > 40_000 * file.stat().st_size:
        raise ValueError(f"{path}: no file of its size holds {needed} bytes; it is damaged")
    notes = []
    with damage.named(path, "NRRD file"):
        axes = _axes(path, header, sizes)
        geometry = _geometry(path, header, axes, notes)
    return arrays.describe(
        "nrrd",
        file,
        axes,
        sizes,
        stored,
        time,
        header=str(path),
        stored_shape=sizes,
        stored_dtype=stored.str,
        offset=offset,
        packed=packed,
        skip=skip,
        notes=notes,
        **geometry,
    )


def _lines(file):
    """Lines of a header as text: pynrrd leaves out what is not ASCII, such as the first letter of a unit `µm`."""
    for line in iter(file.readline, b""):
        if re.match(rb"data ?file:\s*LIST", line):
            raise ValueError("its values are in several files; only one `data file` can be read")
        try:
            yield line.decode()
        except UnicodeDecodeError:
            yield line.decode("latin-1")


def _place(path, header, start):
    """The file with the values, where they begin in it, and the bytes to leave out there (-1: what is too much)."""
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    lines = int(header.get("line skip", header.get("lineskip", 0)))
    if skip < -1:
        raise ValueError(f"{path}: its byte skip is {skip}; right is a number from 0, or -1 for all but the values")
    name = header.get("data file", header.get("datafile"))
    if name is None:
        file, offset = path, start
    else:
        if "%" in str(name):
            raise ValueError(f"{path}: its values are in several files; only one `data file` can be read")
        file, offset = path.parent / name, 0
        if not file.is_file():
            raise ValueError(f"{path}: its data file {name} is not there")
    if lines:
        with Path(file).open("rb") as stream:
            stream.seek(offset)
            for _ in range(lines):
                stream.readline()
            offset = stream.tell()
    return file, offset, skip


def _axes(path, header, sizes):
    """Letters of the axes: x, y, z of space, and c or t for another one."""
    kinds = [str(kind).lower() for kind in header.get("kinds", ["domain"] * len(sizes))]
    directions = header.get("space directions")
    space = [kind in ("domain", "space") for kind in kinds]
    if directions is not None:
        space = [row is not None and np.isfinite(np.asarray(row, float)).all() for row in directions]
    elif sum(space) == 4:
        space = [False, True, True, True] if sizes[0] <= 4 else [True, True, True, False]
    letters = iter("xyz")
    if sum(space) != 3 or len(sizes) > 4:
        raise ValueError(f"{path}: sizes {sizes} with {sum(space)} axes of space; a volume has 3, and one more at most")
    return "".join(
        next(letters) if own else "t" if kind == "time" else "c" for own, kind in zip(space, kinds, strict=True)
    )


def _geometry(path, header, axes, notes):
    """`affine` and `anatomical`, or `resolution`, or nothing."""
    units = _units(path, header, axes, notes)
    if header.get("axis mins") is not None:
        notes.append("the axis mins of the NRRD are not used; `voxel_offset` says where a volume begins")
    if header.get("space directions") is None:
        sizes = header.get("spacings")
        if sizes is None:
            return {}
        along = [float(sizes[axes.index(axis)]) * unit for axis, unit in zip("xyz", units, strict=True)]
        return {"resolution": along} if np.isfinite(along).all() else {}
    steps = np.array([header["space directions"][axes.index(axis)] for axis in "xyz"], float).T
    if steps.shape != (3, 3) or abs(np.linalg.det(steps)) <= 1e-12 * np.abs(steps).max() ** 3:
        raise ValueError(f"{path}: its space directions are singular, they flatten the volume")
    affine = np.eye(4)
    affine[:3, :3] = steps
    affine[:3, 3] = header.get("space origin", [0, 0, 0])
    space = str(header.get("space", "")).lower()
    if space not in SPACES:
        notes.append(f"the space {space or 'without a name'} of the NRRD is taken as right, anterior, superior")
    affine = np.diag([*SPACES.get(space, (1, 1, 1)), 1]) @ np.diag([*units, 1]) @ affine
    return {"affine": affine.tolist(), "anatomical": True}


def _units(path, header, axes, notes):
    """Nm of the unit along each axis of space."""
    units = header.get("space units")
    if units is None and "units" in header:
        units = [header["units"][axes.index(axis)] for axis in "xyz"]
    units = [str(unit).lower().strip('" ') for unit in units or []]
    if not any(units):
        notes.append("the NRRD header names no length unit; millimetres are assumed")
        return [NM["mm"]] * 3
    if len(units) != 3 or not set(units) <= set(NM):
        raise ValueError(f"{path}: its units {', '.join(units)} are not three lengths, such as mm or um")
    return [NM[unit] for unit in units]
