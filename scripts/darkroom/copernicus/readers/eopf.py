"""Arrays and attributes of EOPF Zarr, the successor of SAFE, in Zarr 2 and 3."""

import json
from pathlib import Path

import numpy as np
import tensorstore

from darkroom import files


def numbers(path, window):
    """Stored numbers of a window. Raises ValueError naming an array that is damaged."""
    rows, columns = window.toslices()
    return _read(path, _array(path)[rows, columns])


def whole(path):
    """All of an array. Raises ValueError naming one that is not there or damaged."""
    return _read(path, _array(path))


def shape(path):
    """The shape of an array. Raises ValueError naming one that is not there."""
    return tuple(_array(path).shape)


def attributes(path):
    """Attributes of an array; of some products they stand in `_eopf_attrs`."""
    told = stored(path)
    return told.get("_eopf_attrs", {}) | told


def stored(path):
    """Attributes of an array or group as they are stored, {} for none. Raises ValueError for damage."""
    newer, older = Path(path, "zarr.json"), Path(path, ".zattrs")
    try:
        if newer.exists():
            return json.loads(newer.read_text()).get("attributes", {})
        return json.loads(older.read_text()) if older.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path}: its attributes are damaged: {error}") from error


def _array(path):
    driver = "zarr3" if (Path(path) / "zarr.json").exists() else "zarr"
    try:
        return tensorstore.open({"driver": driver, "kvstore": files.kvstore(path)}, open=True).result()
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: is no array of Zarr that can be opened: {str(error)[:200]}") from error


def _read(path, part):
    try:
        return np.asarray(part.read().result())
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: cannot be read, it is damaged or cut off: {str(error)[:200]}") from error
