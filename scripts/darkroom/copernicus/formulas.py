"""Spectral indices by their names: formulas, constants and wavelengths of Awesome Spectral Indices, in spyndex.

Of the package its tables alone are read: to import it would load pandas and dask.
"""

import ast
import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkroom import schema

NOMINAL = "Sentinel-2A"
UNITS = {NOMINAL: "sentinel2a", "Sentinel-2B": "sentinel2b"}
OPERATIONS = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, ast.Constant,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub,
)  # fmt: skip


@dataclass(frozen=True)
class Index:
    """A spectral index: its title, formula, the bands in it by their letters, the values of its constants."""

    name: str
    title: str
    formula: str
    letters: tuple[str, ...]
    constants: dict

    def __call__(self, **bands):
        """The index (float32) of reflectances by letter, NaN where it is no number."""
        with np.errstate(all="ignore"):
            made = eval(_compiled(self.formula), {"__builtins__": {}}, self.constants | bands)
        return np.where(np.isfinite(made), made, np.float32(np.nan)).astype(np.float32, copy=False)


@functools.cache
def _tables():
    folder = Path(importlib.util.find_spec("spyndex").submodule_search_locations[0]) / "data"
    read = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("bands", "constants")}
    return read | json.loads((folder / "spectral-indices-dict.json").read_text())


def known():
    """Names of all indices."""
    return sorted(_tables()["SpectralIndices"])


@functools.cache
def _compiled(formula):
    tree = ast.parse(formula, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(node, OPERATIONS):
            raise ValueError(f"the formula {formula!r} has more than arithmetic in it")
    return compile(tree, "formula", "eval")


def index(name, wavelength=None):
    """An index by its name.

    wavelength -- wavelength(letter) gives nanometres of the middle of a band; by default those of Sentinel-2A

    Raises ValueError for a name that is unknown, with the nearest one, and for an index that needs what Sentinel-2 does
    not have.
    """
    table = _tables()["SpectralIndices"]
    if name not in table:
        raise ValueError(f"index {name!r} is unknown{schema.nearest(name, table)}")
    wavelength = wavelength or (lambda letter: nominal(band_of(letter)))
    entry, letters, constants, lacking = table[name], [], {}, []
    for word in entry["bands"]:
        if band_of(word):
            letters.append(word)
        elif word.startswith("lambda") and (length := wavelength(word.removeprefix("lambda"))):
            constants[word] = length
        elif (value := _tables()["constants"].get(word, {}).get("default")) is not None:
            constants[word] = float(value)
        else:
            lacking.append(word)
    if lacking or not letters:
        raise ValueError(f"index {name!r} needs {', '.join(lacking) or 'no band'}, which Sentinel-2 does not have")
    return Index(name, entry["long_name"], entry["formula"], tuple(letters), constants)


def nominal(band, unit=NOMINAL):
    """Nanometres of the middle of a band of a satellite; None for no band, and for a satellite without a table."""
    platforms = (entry.get("platforms", {}).get(UNITS.get(unit), {}) for entry in _tables()["bands"].values())
    return next((one["wavelength"] for one in platforms if band and _spelled(one.get("band", "")) == band), None)


def band_of(letter):
    """`B08` for `N`; "" for what is no band of Sentinel-2."""
    platforms = _tables()["bands"].get(letter, {}).get("platforms", {})
    return _spelled(platforms.get(UNITS[NOMINAL], {}).get("band", ""))


def _spelled(name):
    """`B08` for `B8`."""
    return f"B{int(name[1:]):02d}" if name[1:].isdecimal() else name
