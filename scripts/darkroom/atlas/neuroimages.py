"""Volumes of neuroimaging that nibabel reads: NIfTI, Analyze, MGH, MINC."""

import math

import nibabel
import numpy as np
from nibabel.openers import ImageOpener

from darkroom import damage, whole_files
from darkroom.atlas import arrays, demands
from darkroom.atlas.lengths import NM

PACKED = ("", ".gz", ".bz2")
NIFTI = tuple(f".nii{packed}" for packed in PACKED)
PAIRS = tuple(f"{part}{packed}" for part in (".hdr", ".img") for packed in PACKED)
SUFFIXES = (*NIFTI, *PAIRS, ".mgh", ".mgz", ".mnc")
UNITS = {1: "m", 2: "mm", 3: "um"}  # NIfTI-1, xyzt_units
ALPHA = "the alpha channel is dropped; colours are kept as they are stored"


def describe(path, kind="image", ignore_scaling=False, time=None):
    """Source description of a volume, with its `affine` (4x4, nm, of voxel centres).

    Columns, rows and slices are the first, second and third axis (of MINC, whose last axis runs fastest, the third,
    second and first); one more axis is taken as channels, or as time where one is chosen.
    """
    if path.name.lower().endswith(".mnc"):
        whole_files.require(path)
    with damage.named(path, f"{_format(path)} file"):
        image = nibabel.load(path)
        if isinstance(image, nibabel.Cifti2Image):
            raise ValueError(
                "it is CIFTI, whose values lie on surfaces; a volume of `wb_command -cifti-separate` can be read"
            )
        affine = image.affine
    if not np.isfinite(affine).all():
        raise ValueError(f"{path}: the affine has entries that are no numbers (NaN); repair its sform or qform")
    sizes = nibabel.affines.voxel_sizes(affine)
    if not sizes.all() or abs(np.linalg.det(affine[:3, :3] / sizes)) < 1e-6:
        raise ValueError(f"{path}: the affine is singular, it flattens the volume; repair its sform or qform")
    if path.name.lower().endswith(".mnc"):
        return _minc(path, image, ignore_scaling, time)
    return _nifti(path, image, kind, ignore_scaling, time)


def _format(path):
    name = path.name.lower()
    return "MGH" if name.endswith((".mgh", ".mgz")) else "MINC" if name.endswith(".mnc") else "NIfTI"


def _nifti(path, image, kind, ignore_scaling, time):
    header, proxy, notes = image.header, image.dataobj, []
    unit = _unit(path, header, notes)
    notes += _said_of_place(path, image)
    if "intent_code" in header and header.get_intent()[0] == "label" and kind == "image":
        notes.append(
            "the NIfTI header says that the values are labels; `type: segmentation` keeps them in coarser scales"
        )
    shape, stored = [*proxy.shape, 1, 1][: max(3, proxy.ndim)], proxy.dtype
    if min(shape) < 1:
        raise ValueError(f"{path}: its header has the sizes {tuple(shape)}; right are numbers from 1")
    more = "c" if time is None else "t"
    axes = "xyz" + "".join(more if size > 1 else "-" for size in shape[3:])
    if axes == "xyz" + 2 * more and "sform_code" in header:
        axes = "xyztc"  # by the format the fourth is time, the fifth has the parts of vectors
    file = image.file_map["image"].filename
    _require_whole(path, file, proxy, shape, exact=not isinstance(image, nibabel.MGHImage))
    scaling = _scaling(path, image, ignore_scaling)
    if stored.names:  # a colour is a record of bytes, red first
        notes += [ALPHA] if len(stored.names) > 3 else []
        axes, shape, stored, scaling = "c" + axes, [len(stored.names), *shape], np.dtype("u1"), None
    if axes.count(more) > 1:
        raise ValueError(f"{path}: shape {tuple(shape)} has more than one axis beside x, y, z; it may have one")
    if "xyzc" in axes and "pixdim" in header and int(header["xyzt_units"]) & 56:
        notes.append("the fourth axis, which has a unit of time, is taken as channels; `time` takes one of them")
    affine = (np.diag([NM[unit]] * 3 + [1]) @ image.affine).tolist()
    source = arrays.describe(
        "nifti",
        file,
        axes,
        shape,
        "f8" if scaling else stored,
        time,
        stored_shape=[int(size) for size in shape],
        stored_dtype=stored.str,
        offset=int(proxy.offset),
        scaling=scaling,
        affine=affine,
        anatomical=True,
        notes=notes,
    )
    source["shape"][3] = min(source["shape"][3], 3) if axes[0] == "c" else source["shape"][3]
    return source


def _said_of_place(path, image):
    """Notes on a header that does not tell the place of its voxels, or tells two."""
    header = image.header
    if "sform_code" not in header:
        analyze = isinstance(image, nibabel.analyze.AnalyzeImage)
        told = isinstance(image, nibabel.Spm99AnalyzeImage) and path.with_suffix(".mat").is_file()
        return ["an Analyze header has no orientation: x to the left is assumed"] if analyze and not told else []
    if not header["sform_code"] and not header["qform_code"]:
        return ["the NIfTI header has neither sform nor qform: x to the left, origin in the middle is assumed"]
    if header["sform_code"] and header["qform_code"]:
        try:
            sform, qform = header.get_sform(), header.get_qform()
        except nibabel.spatialimages.HeaderDataError as error:
            return [f"the sform of the NIfTI header is used; its qform is damaged ({error})"]
        corners = np.array([[x, y, z, 1] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        corners[:, :3] *= np.array([*image.shape, 1, 1][:3]) - 1
        apart = np.linalg.norm(corners @ (sform - qform).T, axis=1).max() / nibabel.affines.voxel_sizes(sform).min()
        if apart > 0.1:
            return [
                f"the sform of the NIfTI header is used; its qform says other places, up to {apart:.3g} voxels away"
            ]
    return []


def _unit(path, header, notes):
    if "xyzt_units" not in header:
        return "mm"
    unit = UNITS.get(code := int(header["xyzt_units"]) & 7, "")
    if code and not unit:
        notes.append(
            f"{path.name}: no reader knows the length unit {code} of its NIfTI header; millimetres are assumed"
        )
    elif not unit:
        notes.append("the NIfTI header names no length unit; millimetres are assumed")
    return unit or "mm"


def _scaling(path, image, ignore_scaling):
    """Slope and intercept, or None."""
    proxy, header = image.dataobj, image.header
    if "scl_slope" in header:
        with ImageOpener(image.file_map.get("header", image.file_map["image"]).filename) as file:
            slope = float(type(header).from_fileobj(file, check=False)["scl_slope"])  # nibabel forgets what it reads
        if np.isinf(slope) and not ignore_scaling:
            raise ValueError(
                f"{path}: scl_slope is {slope}; right is a finite number, or 0 for none; `ignore_scaling: true` takes "
                "the stored values"
            )
    scaling = [float(proxy.slope), float(proxy.inter)]
    return None if ignore_scaling or scaling == [1, 0] else scaling


def _require_whole(path, file, proxy, shape, exact):
    file = path.with_name(file.rpartition("/")[2])
    if not file.is_file():
        raise ValueError(f"{path}: its values, {file.name}, are not there")
    needed = math.prod(shape) * proxy.dtype.itemsize
    if not arrays.packing(file):
        whole = proxy.offset + needed
        demands.require_bytes(file, whole, whole if exact else math.inf)  # MGH has tags behind its values
    elif needed > arrays.PACKED * file.stat().st_size and not file.name.endswith(".bz2"):
        raise ValueError(
            f"{path}: no gzip file of its size holds {tuple(shape)} values of {proxy.dtype}; it is damaged"
        )


def _minc(path, image, ignore_scaling, time):
    notes = ["MINC has its own scaling of each slice, which `ignore_scaling` does not touch"] if ignore_scaling else []
    stored = image.header.get_data_dtype()
    shape = image.dataobj.shape
    if len(shape) not in (3, 4):
        raise ValueError(f"{path}: shape {shape} is not (z, y, x) or (time, z, y, x)")
    space = np.eye(4)[:, [2, 1, 0, 3]]  # nibabel's affine is for (z, y, x)
    affine = np.diag([NM["mm"]] * 3 + [1]) @ image.affine @ space
    return arrays.describe(
        "minc",
        path,
        "tzyx"[-len(shape) :],
        shape,
        stored if stored.kind == "f" else "f8",
        time,
        affine=affine.tolist(),
        anatomical=True,
        notes=notes,
    )
