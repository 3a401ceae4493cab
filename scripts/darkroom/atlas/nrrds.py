"""NRRD volumes. Source: the format's definition (https://teem.sourceforge.net/nrrd/format.html)."""

import re

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
PACKED |= {**dict.fromkeys(("ascii", "text", "txt"), "text"), "hex": "hex"}
PATTERN = re.compile(r"(.*%0?\d?d.*?)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)(?:\s+\d+)?")  # of names of files
# How the axes of a space run against right, anterior, superior. The numbers of others, which have no anatomy, ITK (so
# Slicer and ITK-SNAP, too) takes for left, posterior, superior.
SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1), "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip


def describe(path, time=None):
    """Source description of an NRRD, with its `affine` (4x4, nm, of voxel centres) or `resolution` where it tells.

    The axes of space are columns, rows and slices in their order; one of another kind is channels (or time). Values in
    several files follow each other: all have as many.
    """
    with damage.named(path, "NRRD file"):
        header, names, start = read_header(path)
        sizes = [int(size) for size in header["sizes"]]
        stored = np.dtype(TYPES[header["type"].lower()])
        if (encoding := header["encoding"].lower()) not in PACKED:
            raise ValueError(f"its encoding is {encoding}; right are raw, gzip, bzip2, hex and ascii")
        packed = PACKED[encoding]
        parts = _parts(path, names) or [path]
        lines, skip = (_skip(path, header, what) for what in ("line", "byte"))
    stored = stored.newbyteorder(">" if header.get("endian") == "big" else "<")
    needed = int(np.prod(sizes, dtype=object)) * stored.itemsize
    if needed % len(parts):
        raise ValueError(f"{path}: its {needed} bytes are not shared by {len(parts)} files of one size")
    offset = 0 if names else start
    if not packed:
        for part in parts:
            _require_whole(part, offset, lines, skip, needed // len(parts))
    elif packed not in ("text", "hex") and needed > 40_000 * sum(part.stat().st_size for part in parts):
        raise ValueError(f"{path}: no file of its size holds {needed} bytes; it is damaged")
    notes = []
    with damage.named(path, "NRRD file"):
        axes = _axes(path, header, sizes)
        geometry = _geometry(path, header, axes, notes)
    return arrays.describe(
        "nrrd",
        path if len(parts) > 1 else parts[0],
        axes,
        sizes,
        stored,
        time,
        header=str(path),
        parts=[str(part) for part in parts],
        stored_shape=sizes,
        stored_dtype=stored.str,
        offset=offset,
        lines=lines,
        packed=packed,
        skip=skip,
        notes=notes,
        **geometry,
    )


def read_header(path):
    """The fields of an NRRD as pynrrd has them, the names of the files of its values, and where the header ends.

    There is no name where the values follow the header. A list of files is named in lines of their own, a pattern such
    as `s%03d.raw 0 99 1` stands for the numbers from the first to the last by the step.
    """
    with path.open("rb") as file:
        header = nrrd.read_header(_lines(file))
        told = header.get("data file", header.get("datafile"))
        if told is None:
            return header, (), file.tell()
        if re.match("LIST", told):
            return header, [name for line in file if (name := _text(line).strip())], 0
        if match := PATTERN.fullmatch(told):
            first, last, step = (int(match[number]) for number in (2, 3, 4))
            if not step:
                raise ValueError(f"its data file {told} has a step of 0")
            return header, (match[1] % number for number in range(first, last + (1 if step > 0 else -1), step)), 0
        return header, [told], 0


def _lines(file):
    """Lines of a header as text, to the one that a list of files follows: pynrrd leaves out what is not ASCII, such as
    the first letter of a unit `µm`."""
    for line in iter(file.readline, b""):
        yield _text(line)
        if re.match(rb"data ?file:\s*LIST", line):
            return


def _text(line):
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _parts(path, names):
    parts = []
    for name in names:
        parts.append(path.parent / name)
        if not parts[-1].is_file():
            raise ValueError(f"{path}: its data file {name} is not there")
    return parts


def _skip(path, header, what):
    """The lines or bytes to leave out before the values; of bytes -1 is what is too much."""
    count = int(header.get(f"{what} skip", header.get(f"{what}skip", 0)))
    if count < (-1 if what == "byte" else 0):
        more = ", or -1 for all but the values" if what == "byte" else ""
        raise ValueError(f"{path}: its {what} skip is {count}; right is a number from 0{more}")
    return count


def _require_whole(part, offset, lines, skip, needed):
    """Refuse a file of values as they are in memory that has more or less of them."""
    before = part.stat().st_size - needed if skip == -1 else arrays.after_lines(part, offset, lines) + skip
    demands.require_bytes(part, max(before, 0) + needed, max(before, 0) + needed)


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
    if not np.isfinite(affine).all():
        raise ValueError(f"{path}: its space origin or directions have entries that are no numbers")
    space = str(header.get("space", "")).lower()
    if space not in SPACES:
        notes.append(
            f"the space {space or 'without a name'} of the NRRD is taken as left, posterior, superior, as ITK does"
        )
    affine = np.diag([*SPACES.get(space, SPACES["lps"]), 1]) @ np.diag([*units, 1]) @ affine
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
