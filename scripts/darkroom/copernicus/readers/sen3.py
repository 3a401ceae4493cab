"""Sentinel-3 OLCI and SLSTR in SEN3: a variable, where its pixels are, and the flags that say what they are.

Format: S3IPF.PDS.004 (OLCI level 2), .005 (SLSTR). Variables are packed by scale and offset; of OLCI, chlorophyll and
suspended matter are log10 of what they are called, which their unit tells. Of SLSTR the nadir view (`in`) is read, and
no channel adjustment is made: products of collection 005 have it in them. Its orphans are pixels that found no place in
the image, and are kept beside it by the rows that they are of. Angles are told on a tie grid, 16 pixels apart across
the track.
"""

import contextlib
from pathlib import Path

import numpy as np
from cf_units import Unit
from scipy.interpolate import RegularGridInterpolator

from darkroom import netcdf_file
from darkroom.copernicus import areas, names, swath

PLAIN = ("", "-", "dl")  # how files write that a number has no unit


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
        for kinds in files(field):
            if not any(f"{folder}/{kind}" in present for kind in kinds):
                raise ValueError(f"{product}: has no {' or '.join(kinds)}")
        path = str(Path(inventory.root, folder))
        listed.append({"product": product, "type": told.type, "begin": told.begin, "folder": path})
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


def files(field):
    """The files of a product that a field is read from, of each the names that it has had."""
    tie = field.get("tie", {})
    grids = [tie[end][:1] for end in ("from", "to") if tie]
    return [field["file"], field["places"][:1], *grids, *([field["flags"]["file"]] if "flags" in field else [])]


def places(scene, field):
    """The `swath.Places` of all pixels.

    Raises ValueError for a file whose numbers are no places, or that tells the place of no pixel.
    """
    file, *axes = field["places"]
    path = Path(scene["folder"], file)
    with _opened(path) as dataset:
        longitudes, latitudes = (_variable(dataset, [axis]) for axis in axes)
        if longitudes.shape != latitudes.shape:
            raise ValueError(f"{path}: has {longitudes.shape} longitudes and {latitudes.shape} latitudes")
        made = swath.Places(longitudes.shape)
        for rows in made.bands():
            degrees = _read(longitudes, rows), _read(latitudes, rows)
            areas.require_places(path, *degrees)
            made.put(rows, *degrees)
    if np.isnan(made.bounds).any():
        raise ValueError(f"{scene['folder']}: {file} tells the place of no pixel")
    return made


def values(scene, field):
    """Values (float32) of all pixels in the unit of the field, NaN for what is missing or has one of its flags."""
    path = _file(scene, field["file"])
    if tie := field.get("tie"):
        return _angles_of_pixels(scene, path, field["variable"], tie).astype(np.float32)
    with _opened(path) as dataset, _flagged(scene, field.get("flags")) as flagged:
        variable = _variable(dataset, field["variable"])
        made = np.empty(variable.shape, np.float32)
        for first in range(0, len(made), swath.BAND):
            rows = slice(first, first + swath.BAND)
            made[rows] = _physical(field, variable, flagged, rows)
    return made


def orphans(scene, field):
    """Values, longitudes and latitudes of the orphans, and the row of the image that each is of, (n) each.

    Values are as those of `values`; there are no orphans where the product tells of none.
    """
    kinds = [_orphan(kind) for kind in field["variable"]]
    with _opened(_file(scene, field["file"])) as dataset:
        if not any(kind in dataset.variables for kind in kinds):
            return *np.zeros((3, 0)), np.zeros(0, int)
        flags = field.get("flags")
        apart = flags and flags | {"variable": [_orphan(kind) for kind in flags["variable"]]}
        with _flagged(scene, apart) as flagged:
            made = _physical(field, _variable(dataset, kinds), flagged)
    file, *axes = field["places"]
    longitudes, latitudes = _floats(scene, file, *map(_orphan, axes))
    rows, columns = np.nonzero(~np.isnan(made) & ~np.isnan(longitudes) & ~np.isnan(latitudes))
    return made[rows, columns], longitudes[rows, columns], latitudes[rows, columns], rows


def _orphan(name):
    """`S9_BT_orphan_in` for `S9_BT_in`."""
    return f"{name.removesuffix('_in')}_orphan_in"


def _floats(scene, file, *names):
    """Variables of a file as float64, NaN for what is missing."""
    with _opened(Path(scene["folder"], file)) as dataset:
        return tuple(_read(_variable(dataset, [name])) for name in names)


def _read(variable, rows=slice(None)):
    """A variable, or some rows of it, as float64, NaN for what is missing."""
    return np.ma.filled(variable[rows].astype(float), np.nan)


def _physical(field, variable, flagged, rows=slice(None)):
    """Some rows of a variable in the unit of a field, NaN for what is missing or flagged, see `_flagged`."""
    made, path = _read(variable, rows), variable.group().filepath()
    unit = str(getattr(variable, "units", "")).strip()
    unit = "1" if unit in PLAIN else unit
    if field.get("log10") and not _is_linear(unit, field["unit"]):
        made = 10.0**made
    elif field.get("unit"):
        try:
            made = Unit(unit).convert(made, Unit(field["unit"]))
        except ValueError:
            right = f"right is {field['unit']}, or what becomes that"
            raise ValueError(f"{path}: {variable.name} is in {unit!r}; {right}") from None
    if flagged:
        bad = flagged(rows)
        if bad.shape != made.shape:
            raise ValueError(f"{path}: has {made.shape} pixels, and flags are told of {bad.shape}")
        made[bad] = np.nan
    return made


def _is_linear(unit, asked):
    """Whether values are what is asked for, and not their logarithm, as `lg(re mg.m-3)` is."""
    try:
        return unit != "1" and Unit(unit).is_convertible(Unit(asked))
    except ValueError:
        return False


def _angles_of_pixels(scene, path, kinds, tie):
    """An angle from the zenith (degrees) at the pixels of the image, from a tie grid.

    Between ties the direction is interpolated, as a vector with its azimuth: degrees jump at 360 and have no slope at
    the zenith. Ties and pixels are placed by their metres along and across the track (`x`, `y`; S3IPF.PDS.005), which
    know of no pole and no date line.
    """
    with _opened(path) as dataset:
        zenith, azimuth = (np.radians(_read(_variable(dataset, names))) for names in (kinds, tie["azimuth"]))
    across, along = _floats(scene, *tie["from"])
    columns, rows = np.nanmedian(across, 0), np.nanmedian(along, 1)
    if not (_is_one_way(columns) and _is_one_way(rows)):
        raise ValueError(f"{Path(scene['folder'], tie['from'][0])}: the tie grid is not regular")
    direction = np.stack([np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)], -1)
    x, y = _floats(scene, *tie["to"])
    axes = rows * np.sign(rows[-1] - rows[0]), columns * np.sign(columns[-1] - columns[0])
    at = y * np.sign(rows[-1] - rows[0]), x * np.sign(columns[-1] - columns[0])
    east, north, up = np.moveaxis(RegularGridInterpolator(axes, direction, bounds_error=False)(at), -1, 0)
    return np.degrees(np.arctan2(np.hypot(east, north), up))


def _is_one_way(values):
    """Whether values only grow, or only fall."""
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())


@contextlib.contextmanager
def _flagged(scene, flags):
    """Tells in which pixels of some rows one of the named flags is set; None where there are no flags.

    Masks are those of the file, as wide as they are there: up to 64 bits.
    """
    if not flags:
        yield None
        return
    path = _file(scene, flags["file"])
    with _opened(path) as dataset:
        variable = _variable(dataset, flags["variable"])
        variable.set_auto_maskandscale(False)
        meanings, masks = str(getattr(variable, "flag_meanings", "")).split(), getattr(variable, "flag_masks", [])
        if len(meanings) != np.size(masks):
            counts = f"{np.size(masks)} flag_masks and {len(meanings)} flag_meanings"
            raise ValueError(f"{path}: {variable.name} has {counts}")
        words = dict(zip(meanings, np.atleast_1d(masks), strict=True))
        if lacking := [name for name in flags["set"] if name not in words]:
            raise ValueError(f"{path}: has no flag {', '.join(lacking)}; its flags are {', '.join(words)}")
        mask = np.bitwise_or.reduce(np.array([words[name] for name in flags["set"]], variable.dtype))
        yield lambda rows: (variable[rows] & mask) != 0


def _file(scene, kinds):
    return next(path for path in (Path(scene["folder"], kind) for kind in kinds) if path.exists())


@contextlib.contextmanager
def _opened(path):
    """A netCDF file whose values come in their units, masked."""
    with netcdf_file.opened(path) as dataset:
        dataset.set_auto_maskandscale(True)
        yield dataset


def _variable(dataset, kinds):
    variable = next((dataset[kind] for kind in kinds if kind in dataset.variables), None)
    if variable is None:
        there = ", ".join(dataset.variables) or "nothing"
        raise ValueError(f"{dataset.filepath()}: has no {' or '.join(kinds)}, but {there}")
    for packing in ("scale_factor", "add_offset"):  # without which netCDF4 gives numbers as they are stored
        told = np.atleast_1d(getattr(variable, packing, 1.0))
        if told.dtype.kind not in "iuf" or len(told) != 1 or not np.isfinite(told).all():
            said = ", ".join(map(str, told))
            raise ValueError(f"{dataset.filepath()}: {variable.name} has the {packing} {said!r}, which is no number")
    return variable
