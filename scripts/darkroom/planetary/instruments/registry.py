"""Which cameras our own code knows: each is a file (or folder) beside this one, or of the user's, that has a CAMERA."""

import functools
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from darkroom.planetary import instruments, labels
from darkroom.planetary.recipes import Recipe

# Options that several cameras have. A rule is a JSON schema with a default and a description.
UNLUT = {"type": "boolean", "default": True, "description": "undo the 8-bit companding of the camera"}
FILL_GAPS = {"type": "boolean", "default": True, "description": "make what was lost on the way NULL"}
UNITS = {
    "type": "string",
    "enum": ["iof", "radiance", "dn"],
    "default": "iof",
    "description": "I/F, radiance, or corrected counts. I/F needs the distance of the Sun",
}
SOLAR_DISTANCE = {
    "type": "number",
    "exclusiveMinimum": 0,
    "description": "distance of the Sun in AU; by default from the geometry, else from the label",
}


def file(description):
    """The rule of an option that names a file."""
    return {"type": "string", "format": "path", "default": "", "description": description}


FLAT = file("flat field, a cube. Without one the step is left out, and every product says so")


@dataclass(frozen=True)
class Camera:
    """All there is to say of a camera.

    name -- in a word or two
    label -- what tells its products: keywords of the PDS label and their values (darkroom.planetary.labels). Where
        those of several cameras fit, the one with the most keywords counts
    level -- the same for the level of products that can be read; `wanted` says it in words
    recipes -- name -> Recipe of each kind of its products; what their labels say beyond `label`
    ingest -- function (pds3.Product, part, options) -> cubes.Image
    sensor -- function (cubes.Cube, kernels) -> geometry.sensor.Sensor, which asks SPICE kernels by the module that
        it is given, geometry.spice; None where its geometry cannot be had from them
    parts -- function pds3.Product -> names of the cubes that become of a product; None where it is always one
    calibrate -- function (cubes.Cube, options) -> calibrate.Result; None where our own code cannot
    instrument_ids -- InstrumentId of its cubes, in upper case
    options -- of each section (`ingest`, `calibration`): option -> its rule, a JSON schema
    file -- where it is of the user's own, the path of its file, as `load` puts it there
    """

    name: str
    label: dict
    level: dict
    wanted: str
    recipes: dict[str, Recipe]
    ingest: Callable
    sensor: Callable | None = None
    parts: Callable | None = None
    calibrate: Callable | None = None
    instrument_ids: tuple = ()
    options: dict = field(default_factory=dict)
    file: str = ""

    def settings(self, section, given):
        """Its options of a section: those that are given, defaults for others; None where there is neither.

        Raises ValueError naming an option that it does not have, or cannot have that value.
        """
        rules = self.options.get(section, {})
        if unknown := set(given) - set(rules):
            raise ValueError(f"unknown options {sorted(unknown)}; known are {', '.join(rules) or 'none'}")
        values = {key: given.get(key, rule.get("default")) for key, rule in rules.items()}
        for key, value in values.items():
            if value not in rules[key].get("enum", [value]):
                raise ValueError(f"{key} {value!r}; can be {', '.join(rules[key]['enum'])}")
        return {key: None if value == "" else value for key, value in values.items()}

    def recipe(self, name):
        """One of its recipes, with what our own code makes of it."""
        recipe, native = self.recipes[name], "calibrated" if self.calibrate else "ingested"
        return replace(recipe, label=self.label | recipe.label, native=native, spice="yes" if self.sensor else "no")


@functools.cache
def cameras(files=()):
    """Cameras by the names of their files.

    files -- paths of files of the user's own; one that is named as a file of ours takes its place

    Raises ValueError naming a file that cannot be loaded or has no CAMERA.
    """
    ours = (importlib.import_module(f"{instruments.__name__}.{info.name}") for info in _modules())
    shipped = {module.__name__.rpartition(".")[2]: module.CAMERA for module in ours if hasattr(module, "CAMERA")}
    return shipped | {Path(path).stem: load(path) for path in files}


def _modules():
    return pkgutil.iter_modules(instruments.__path__)


@functools.cache
def load(path):
    """The camera of a file of the user's own."""
    name = f"darkroom_camera_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    try:
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise ValueError(f"{path}: the camera cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(getattr(module, "CAMERA", None), Camera):
        raise ValueError(f"{path}: no CAMERA = Camera(...) of darkroom.planetary.instruments.registry")
    return replace(module.CAMERA, file=str(path))


def of_recipes(files=()):
    """The cameras by the names of their recipes."""
    return {name: camera for camera in cameras(files).values() for name in camera.recipes}


def of_recipe(name, file=""):
    """The camera of a recipe; file -- where it is of the user's own."""
    return load(file) if file else of_recipes()[name]


def of_product(label):
    """The camera that took a product, by its label.

    Raises ValueError listing the known cameras.
    """
    fitting = [camera for camera in cameras().values() if labels.fits(label, camera.label)]
    if not fitting:
        name = labels.text(labels.value_of(label, "INSTRUMENT_ID") or "missing")
        raise ValueError(f"INSTRUMENT_ID = {name} is no known camera; known are {', '.join(sorted(cameras()))}")
    return max(fitting, key=lambda camera: len(camera.label))


def of_cube(groups):
    """The camera that calibrates a cube, by its groups.

    Raises ValueError listing what can be calibrated.
    """
    by_id = _by_id("calibrate")
    if _id(groups).upper() not in by_id:
        raise ValueError(f"no calibration for InstrumentId {_id(groups)!r}; known are {', '.join(by_id)}")
    return by_id[_id(groups).upper()]


def sensor_of(groups):
    """What the camera of a cube asks SPICE kernels, as a function, by the cube's groups.

    Raises ValueError listing the cameras whose geometry can be had from kernels.
    """
    by_id = _by_id("sensor")
    if _id(groups).upper() not in by_id:
        raise ValueError(f"no geometry from kernels for InstrumentId {_id(groups)!r}; known are {', '.join(by_id)}")
    return by_id[_id(groups).upper()].sensor


def calibrates(groups):
    """Whether one of our cameras calibrates a cube, by its groups."""
    return _id(groups).upper() in _by_id("calibrate")


def _id(groups):
    return groups.get("Instrument", {}).get("InstrumentId", "")


def _by_id(ability):
    """InstrumentId -> camera, of those that have this of their functions."""
    return {key: camera for camera in cameras().values() if getattr(camera, ability) for key in camera.instrument_ids}


def options(files=()):
    """The options of all cameras: section -> option -> its rule; its description says whose it is.

    Raises ValueError where two cameras have different rules of one name.
    """
    merged = {}
    for camera in cameras(files).values():
        for section, rules in camera.options.items():
            for key, rule in rules.items():
                others = merged.setdefault(section, {}).setdefault(key, [])
                others.append((camera.name, rule))
    return {
        section: {key: _one_rule(f"{section}.{key}", of_cameras) for key, of_cameras in rules.items()}
        for section, rules in merged.items()
    }


def _one_rule(name, of_cameras):
    """The rule of an option that several cameras have: [(name of a camera, its rule)]."""
    first, rule = of_cameras[0]
    names_of = {}
    for camera, other in of_cameras:
        if other | {"description": ""} != rule | {"description": ""}:
            raise ValueError(f"{camera}: its option {name} is not that of {first}; give it another name")
        names_of.setdefault(other["description"], []).append(camera)
    told = (f"{description} ({', '.join(names)})" for description, names in names_of.items())
    return rule | {"description": "; ".join(told)}
