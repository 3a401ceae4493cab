"""Where a volume lies: its axes, voxel size and first voxel, and what is left to a transform."""

from typing import NamedTuple

import nibabel
import numpy as np

from darkroom.atlas.lengths import nanometres, signed_nanometres
from darkroom.atlas.orientation import parse as parse_orientation
from darkroom.atlas.orientation import ras_size


class Placed(NamedTuple):
    """The place of a volume; x, y, z are those of RAS+."""

    orientation: str
    axes: tuple  # see `orientation.parse`
    size: list  # voxels along x, y, z
    resolution: list  # nm along x, y, z
    voxel_offset: list
    transform: list | None  # 4x4, from nm in the volume to nm in the space of the source or the atlas


def placed(source, options, notes):
    """The place of a described source by the options. Raises ValueError for options that do not fit it.

    The option `transform` (3 or 4 rows of 4, from positions of the source to those of an atlas) turns axes to the
    nearest ones of the atlas, without interpolation; what is left of it is the transform of the volume.
    """
    orientation, resolution, affine = _told(source, options, notes)
    anatomical = source.get("anatomical")
    if matrix := options.get("transform"):
        axes = parse_orientation(orientation)
        size = ras_size(source["shape"][:3], axes)
        if affine is None:
            affine = _corner_affine(size, axes, resolution, options.get("voxel_offset") or [0, 0, 0])
        affine, anatomical = affine_of(matrix) @ affine, False
        orientation, along = "".join(nibabel.aff2axcodes(affine)), nibabel.affines.voxel_sizes(affine)
        resolution = [0.0, 0.0, 0.0]
        for (axis, _), length in zip(parse_orientation(orientation), along, strict=True):
            resolution[axis] = float(f"{length:.12g}")
    axes = parse_orientation(orientation)
    size = ras_size(source["shape"][:3], axes)
    own = None if options.get("transform") or options.get("orientation") else source.get("voxel_offset")
    offset = None if options.get("transform") else options.get("voxel_offset")
    offset = offset or own
    if affine is None or anatomical:
        offset = offset or [0, 0, 0]
        return Placed(orientation, axes, size, resolution, offset, transform(affine, size, axes, resolution, offset))
    # A source that lies somewhere in a space of its own has its place in `voxel_offset`, as far as whole voxels go.
    offset = offset or _nearest_offset(np.array(transform(affine, size, axes, resolution, [0, 0, 0])), resolution)
    matrix = np.round(transform(affine, size, axes, resolution, offset), 9)
    left = None if np.allclose(matrix, np.eye(4), rtol=0, atol=1e-6) else matrix.tolist()
    return Placed(orientation, axes, size, resolution, offset, left)


def _nearest_offset(matrix, resolution):
    """The first voxel of what a transform moves; 0 where it turns, too."""
    if not np.allclose(matrix[:3, :3], np.eye(3), rtol=0, atol=1e-9):
        return [0, 0, 0]
    # The first voxel of most files has its centre, not its corner, at a multiple of its size.
    return np.floor(np.round(matrix[:3, 3] / resolution, 6) + 0.5).astype(int).tolist()


def affine_of(rows):
    """The option `transform` as a matrix (4x4, nm). Raises ValueError where it is singular or no affine."""
    matrix = np.eye(4)
    for number, row in enumerate(rows):
        matrix[number] = [*map(float, row[:3]), signed_nanometres(row[3]) if number < 3 else float(row[3])]
    if matrix[3].tolist() != [0, 0, 0, 1]:
        raise ValueError(f"transform: the last row is {rows[3]}; right is [0, 0, 0, 1], or none")
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    if not sizes.all() or abs(np.linalg.det(matrix[:3, :3] / sizes)) < 1e-6:
        raise ValueError("transform is singular, it flattens the volume; its three columns must point to three sides")
    return matrix


def _corner_affine(size, axes, resolution, voxel_offset):
    """From columns, rows, slices to nm of voxel centres, of a volume that begins at a voxel of RAS+."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for number, (axis, sign) in enumerate(axes):
        first = 0 if sign > 0 else size[axis] - 1
        affine[axis, number] = sign * resolution[axis]
        affine[axis, 3] = (voxel_offset[axis] + first + 0.5) * resolution[axis]
    return affine


def _told(source, options, notes):
    """Orientation code, resolution (nm along x, y, z of RAS+) and affine (4x4, nm, or None) of a source.

    What the options say goes before what the file says; an affine that is overruled is not used, and noted. One whose
    axes have no anatomical meaning is turned as the orientation says.
    """
    orientation, resolution = options.get("orientation"), options.get("resolution")
    affine = np.array(source["affine"]) if "affine" in source else None
    anatomical = source.get("anatomical")
    if affine is not None and (resolution or (orientation and anatomical)):
        notes.append("the affine of the file is not used, because orientation or resolution was given")
    if affine is not None and anatomical:
        orientation = orientation or "".join(nibabel.aff2axcodes(affine))
    orientation = str(orientation or "RAS").upper()
    axes = parse_orientation(orientation)
    if resolution is not None:
        if not isinstance(resolution, list):
            resolution = [resolution] * 3
        return orientation, [nanometres(length) for length in resolution], None
    along = source.get("resolution")
    if affine is not None and not along:
        # Headers of anatomical files hold float32; the transform makes up for what rounding takes.
        digits = 6 if anatomical else 12
        along = [float(f"{length:.{digits}g}") for length in nibabel.affines.voxel_sizes(affine)]
    _require_resolution(along)
    resolution = [0.0, 0.0, 0.0]
    for (axis, _), length in zip(axes, along, strict=True):
        resolution[axis] = float(length)
    if affine is None or (anatomical and options.get("orientation")):
        return orientation, resolution, None
    if not anatomical:
        turn = np.zeros((4, 4))
        turn[3, 3] = 1
        for number, (axis, sign) in enumerate(axes):
            turn[axis, number] = sign
        affine = turn @ affine
    return orientation, resolution, affine


def _require_resolution(along):
    """Refuse a source that does not tell its voxel size, all of it."""
    example = "such as resolution: [20000, 20000, 20000], or with units: [20 um, 20 um, 20 um]"
    if not along:
        raise ValueError(
            "resolution is missing, and the source does not tell it; give the voxel size along x (right), y (front) "
            f"and z (up) in nm, {example}"
        )
    if not all(along):
        sizes = zip(("columns", "rows", "slices"), along, strict=True)
        told = ", ".join(f"{name} {f'{size:g} nm' if size else 'not told'}" for name, size in sizes)
        raise ValueError(
            f"resolution is missing: of the voxel size the source tells a part ({told}); give it, {example}"
        )


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
