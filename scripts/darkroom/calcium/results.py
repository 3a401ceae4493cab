"""What was found in a movie, on disk between the steps: cells, events, pictures. HDF5, whole or absent."""

import json
from dataclasses import fields

import h5py
import numpy as np
from scipy import sparse

from darkroom.calcium.cells import Cells
from darkroom.calcium.cnmfe import Patch, Shapes
from darkroom.calcium.registration import Motion
from darkroom.calcium.store import new_file

SPARSE = ("data", "indices", "indptr", "shape")
OF_SHAPES = tuple(field.name for field in fields(Shapes) if field.name != "patch")
ARRAYS = ("traces", "raw", "noise", "baseline", "components")


def save_cells(path, cells):
    """Write `Cells`: footprints as the sparse matrix that they are."""
    with new_file(path) as file:
        footprints = file.create_group("footprints")
        for name in ("data", "indices", "indptr"):
            footprints[name] = getattr(cells.footprints, name)
        for name in ARRAYS:
            file[name] = getattr(cells, name)
        file.attrs["shape"], file.attrs["unit"] = cells.shape, cells.unit
        file.attrs["notes"] = json.dumps(cells.notes, ensure_ascii=False)


def load_cells(path):
    """The `Cells` of a file."""
    with h5py.File(path) as file:
        parts = tuple(file["footprints"][name][:] for name in ("data", "indices", "indptr"))
        shape = tuple(int(size) for size in file.attrs["shape"])
        footprints = sparse.csr_array(parts, shape=(len(parts[2]) - 1, shape[0] * shape[1]))
        return Cells(
            footprints,
            shape,
            **{name: file[name][:] for name in ARRAYS},
            unit=file.attrs["unit"],
            notes=tuple(json.loads(file.attrs["notes"])),
        )


def save_motion(path, motion, common=None):
    """Write `Motion`, and the common rectangle (top, left, bottom, right) where it is known."""
    arrays = {name: getattr(motion, name) for name in ("shifts", "quality", "clamped", "reference")}
    save_arrays(path, arrays | ({} if common is None else {"common": np.array(common)}), notes=motion.notes)


def load_motion(path):
    """The `Motion` of a file."""
    arrays, said = load_arrays(path)
    arrays.pop("common", None)
    return Motion(**arrays, notes=tuple(said["notes"]))


def save_shapes(path, shapes):
    """Write the `Shapes` of patches: every field but the patch is an array, some of them sparse."""
    with new_file(path) as file:
        for number, one in enumerate(shapes):
            group = file.create_group(f"{number:06}")
            group["core"], group["window"] = one.patch.core, one.patch.window
            for name in OF_SHAPES:
                value = getattr(one, name)
                if sparse.issparse(value):
                    for part in SPARSE:
                        group[f"{name}/{part}"] = getattr(value, part)
                else:
                    group[name] = value


def load_shapes(path):
    """The `Shapes` of a file."""
    of_patches = []
    with h5py.File(path) as file:
        for group in file.values():
            patch = Patch(*(tuple(group[name][:].tolist()) for name in ("core", "window")))
            of_patches.append(Shapes(patch, **{name: _array(group[name]) for name in OF_SHAPES}))
    return of_patches


def _array(item):
    """An array of a file, sparse where it lies in parts."""
    if isinstance(item, h5py.Dataset):
        return item[:]
    *parts, shape = (item[name][:] for name in SPARSE)
    return sparse.csr_array(tuple(parts), shape=tuple(shape.tolist()))


def save_arrays(path, arrays, **said):
    """Write arrays by name, and JSON-able values that are said of them."""
    with new_file(path) as file:
        for name, array in arrays.items():
            file[name] = array
        for name, value in said.items():
            file.attrs[name] = json.dumps(value, ensure_ascii=False)


def load_arrays(path):
    """Arrays by name, and the values that are said of them."""
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}, {name: json.loads(value) for name, value in file.attrs.items()}


def save_events(path, events, **arrays):
    """Write (times in s, amplitudes) of every cell, and other arrays by name."""
    counts = np.array([len(times) for times, _ in events], np.int64)
    times, amplitudes = (np.concatenate([pair[at] for pair in events]) if events else np.empty(0) for at in (0, 1))
    save_arrays(path, {"counts": counts, "times": times, "amplitudes": amplitudes.astype(np.float32)} | arrays)


def load_events(path):
    """(times in s, amplitudes) of every cell."""
    arrays, _ = load_arrays(path)
    bounds = np.cumsum(arrays["counts"])[:-1]
    if not len(arrays["counts"]):
        return []
    return list(zip(np.split(arrays["times"], bounds), np.split(arrays["amplitudes"], bounds), strict=True))
