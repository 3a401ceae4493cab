"""Sentinel-3 OLCI and SLSTR in SEN3: a variable, where its pixels are, and the flags that say what they are.

Format: S3IPF.PDS.004 (OLCI level 2), .005 (SLSTR). Variables are packed by scale and offset; of OLCI, chlorophyll and
suspended matter are log10 of what they are called. Of SLSTR the nadir view (`in`) is read, and no channel adjustment is
made: products of collection 005 have it in them. Orphan pixels, which lie apart, are left out.
"""

from pathlib import Path

import netCDF4
import numpy as np
from cf_units import Unit

from darkroom.copernicus import names


def scenes(inventory, field):
    """The products in an inventory that have a field, in the order of time: product, type, begin, folder.

    field -- types, and files of the variable, see config/schemas/variants.schema.yaml

    Raises ValueError for products of other types, and for those that lack a file.
    """
    present, folders = set(inventory.names), {}
    for name in inventory.names:
        parts = name.split("/")
        at = next((number for number, part in enumerate(parts[:-1]) if part.endswith(".SEN3")), None)
        if at is not None:
            folders["/".join(parts[: at + 1])] = parts[at]
    listed = []
    for folder, product in folders.items():
        told = names.parsed(product)
        if told is None or told.type not in field["type"]:
            kind = told.type if told else "of no type that is known"
            raise ValueError(f"{product}: is {kind}, and the field is in {' or '.join(field['type'])}")
        for kinds in (field["file"], field["places"][:1], field.get("flags", {}).get("file", [])):
            if kinds and not any(f"{folder}/{kind}" in present for kind in kinds):
                raise ValueError(f"{product}: has no {' or '.join(kinds)}")
        path = str(Path(inventory.root, folder))
        listed.append({"product": product, "type": told.type, "begin": told.begin, "folder": path})
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


def places(scene, field):
    """Longitudes and latitudes (float64) of the middles of all pixels, NaN where none are told."""
    file, longitude, latitude = field["places"]
    with _opened(Path(scene["folder"], file)) as dataset:
        return tuple(
            np.ma.filled(_variable(dataset, [name])[:].astype(float), np.nan) for name in (longitude, latitude)
        )


def values(scene, field):
    """Values (float64) of all pixels in the unit of the field, NaN for what is missing or has one of its flags."""
    path = _file(scene, field["file"])
    with _opened(path) as dataset:
        variable = _variable(dataset, field["variable"])
        made = np.ma.filled(variable[:].astype(float), np.nan)
        unit = str(getattr(variable, "units", "1"))
    if field.get("log10"):
        made = 10.0**made
    elif field.get("unit") and Unit(unit) != Unit(field["unit"]):
        made = Unit(unit).convert(made, Unit(field["unit"]))
    if flags := field.get("flags"):
        made[_flagged(_file(scene, flags["file"]), flags)] = np.nan
    return made


def _flagged(path, flags):
    """Where one of the named flags is set. Masks are those of the file, as wide as they are there: up to 64 bits."""
    with _opened(path) as dataset:
        variable = _variable(dataset, flags["variable"])
        variable.set_auto_maskandscale(False)
        words = dict(zip(str(variable.flag_meanings).split(), np.atleast_1d(variable.flag_masks), strict=True))
        stored = variable[:]
    lacking = [name for name in flags["set"] if name not in words]
    if lacking:
        raise ValueError(f"{path}: has no flag {', '.join(lacking)}; its flags are {', '.join(words)}")
    mask = np.bitwise_or.reduce(np.array([words[name] for name in flags["set"]], stored.dtype))
    return (stored & mask) != 0


def corners(middles):
    """Of each pixel (row, column) the four corners, half way to its neighbours, in their order around it."""
    edge = np.pad(middles, 1, mode="reflect", reflect_type="odd")
    grid = (edge[:-1, :-1] + edge[1:, :-1] + edge[:-1, 1:] + edge[1:, 1:]) / 4
    return np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], -1)


def _file(scene, kinds):
    return next(path for path in (Path(scene["folder"], kind) for kind in kinds) if path.exists())


def _opened(path):
    try:
        return netCDF4.Dataset(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read, it is damaged or no netCDF: {error}") from error


def _variable(dataset, kinds):
    variable = next((dataset[kind] for kind in kinds if kind in dataset.variables), None)
    if variable is None:
        there = ", ".join(dataset.variables) or "nothing"
        raise ValueError(f"{dataset.filepath()}: has no {' or '.join(kinds)}, but {there}")
    return variable
