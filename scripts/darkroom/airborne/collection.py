"""Collections as data: which file names are granules of which collection, how they are read, what their variables are.

A collection is one YAML file (see config/schemas/collection.schema.yaml). One of a known format needs no Python.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from darkroom import schema, yaml_files
from darkroom.airborne import times, units
from darkroom.files import CONFIG

FOLDER = CONFIG / "collections"
NOT_ATTRIBUTES = ("name", "source_units", "fill", "column")  # keys of a variable's entry that are for the readers
# Attributes of a source that are kept as they are; what others mean changes with the values, or is the collection's.
KEPT = ("flag_values", "flag_masks", "flag_meanings", "cell_methods", "comment", "positive", "ancillary_variables")


@dataclass(frozen=True)
class Match:
    """A file name that a collection knows.

    granule -- id of the granule that the file belongs to
    collection, form -- the collection, and the one of its formats that the name is of
    role -- `data`, or `companion` for a file that adds to the data of the granule
    groups -- the named groups of the expression
    """

    granule: str
    collection: dict
    form: dict
    role: str
    groups: dict

    @property
    def header(self):
        """Label in the header of a file -> expression of what it tells where the file is of this collection."""
        return self.form.get("header", self.collection.get("header", {}))

    def untold(self, header):
        """Labels of the collection that a header does not have."""
        return [label for label in self.header if not str(header.get(label, "")).strip()]

    def require_header(self, header, path):
        """Raise ValueError, naming both, where the header says that the file is of another collection."""
        for label, expression in self.header.items():
            told = str(header.get(label, "")).strip()
            if told and not re.search(expression, told, re.IGNORECASE):
                raise ValueError(
                    f"{path}: its header says {label}: {told!r}, but the collection {self.collection['short_name']} "
                    f"({self.collection['project']}, {self.collection['platform']['short_name']}) has files of "
                    f"{expression!r}; another collection must claim it"
                )


def rivals(name, collections):
    """Every `Match` of a file name (its last part counts)."""
    name = name.rpartition("/")[2]
    return [match for collection in collections.values() for match in _matches(name, collection)]


def load(paths=(FOLDER,)):
    """Collections by short name, of YAML files and folders of them.

    Raises ValueError naming the file for one that the schema refuses, for a sample file name that does not match its
    own expression or matches another one, and for two of one short name.
    """
    validator = schema.validator("collection")
    loaded, origin = {}, {}
    for path in _files(paths):
        collection = yaml_files.read(path)
        schema.refuse(schema.problems(collection, validator, path))
        name = collection["short_name"]
        if name in loaded:
            raise ValueError(f"{path}: the collection {name} is already described by {origin[name]}")
        loaded[name], origin[name] = collection, path
    if not loaded:
        raise ValueError(f"no collection (*.yaml) in {', '.join(map(str, paths))}")
    for name, collection in loaded.items():
        for form in collection["formats"]:
            form["variables"] = _table(form["variables"], loaded, origin[name])
        _check_samples(collection, origin[name])
    return loaded


def match(name, collections):
    """The `Match` of a file name (its last part counts), or None for one that no collection knows.

    Raises ValueError for a name that two expressions match.
    """
    matches = rivals(name, collections)
    if len(matches) > 1:
        raise ValueError(ambiguous(name, matches))
    return matches[0] if matches else None


def ambiguous(name, matches):
    """What is said of a file that two collections claim."""
    both = " and ".join(f"{match.collection['short_name']} ({_expression(match)})" for match in matches[:2])
    return f"{name.rpartition('/')[2]}: the name matches two collections, {both}; only one may claim it"


@dataclass
class Described:
    """What a variable of a source becomes: its netCDF name, attributes, missing values, and flags of what was done."""

    name: str
    attrs: dict
    fills: list
    flags: list


def described(table, source, told=None, long_name=""):
    """What a variable of the source becomes, by the table of a collection (`Described`).

    told -- attributes that the source has of it: units, standard_name, flag_values, ...
    long_name -- what the source calls it in words

    Values in other units than the table has become the table's, by scale_factor and add_offset; a variable that the
    table lacks keeps its name and what CF understands of its attributes. Raises ValueError for units that cannot become
    those of the table.
    """
    told = {} if told is None else told
    its_units = str(told.get("units", "")).strip()
    kept = {key: told[key] for key in KEPT if key in told and str(told[key]).strip()}
    entry = table.get(source)
    if entry is None:
        return _unmapped(source, told, its_units, kept, long_name)
    attrs = {key: value for key, value in entry.items() if key not in NOT_ATTRIBUTES}
    flags = []
    if "units" not in attrs and (since := _since(its_units, told.get("calendar"))):
        attrs["units"] = since
    elif "units" in attrs and its_units and not {"scale_factor", "add_offset"} & set(entry):
        _convert(source, its_units, entry, attrs, flags)
    fills = entry.get("fill", [])
    named = {"flag_values", "flag_masks", "flag_meanings"} & set(attrs)
    kept = {key: value for key, value in kept.items() if not (named and key.startswith("flag_"))}
    return Described(entry["name"], kept | attrs, fills if isinstance(fills, list) else [fills], flags)


def _unmapped(source, told, its_units, kept, long_name):
    name = netcdf_name(source)
    attrs = {"long_name": str(told.get("long_name") or long_name or source)}
    if name != source:
        attrs["original_name"] = source
    understood = units.canonical(its_units) if its_units else ""
    if since := _since(its_units, told.get("calendar")):
        attrs["units"] = since
    elif understood:  # of a place that is not that of the granule only the unit is told
        attrs["units"] = "degree" if understood.startswith(("degrees_n", "degrees_e")) else understood
    elif its_units:
        attrs["source_units"] = its_units
    standard_name = str(told.get("standard_name", "")).strip()
    if standard_name and standard_name not in ("latitude", "longitude") and _is_standard(standard_name, understood):
        attrs["standard_name"] = standard_name
    elif standard_name:
        attrs["source_standard_name"] = standard_name
    if name == "height" and _convertible(understood, "m"):
        attrs.setdefault("standard_name", "height")  # which a coordinate of this name must have
    return Described(name, attrs | kept, [], [])


def _since(its_units, calendar=None):
    """Units of time in CF's own form, or "" for others."""
    try:
        return str(times.units(its_units, calendar)) if " since " in its_units else ""
    except ValueError:
        return ""


def _convert(source, its_units, entry, attrs, flags):
    """Bring values in the units of the source to those of the collection; flag what is done or supposed."""
    expected = entry.get("source_units", [])
    try:
        factors = units.conversion(its_units, attrs["units"])
    except ValueError as error:
        if its_units in expected:
            return  # the collection knows better what these letters mean
        beside = f"; the collection has {' or '.join(expected)}" if expected else ""
        raise ValueError(f"{source}: {error}{beside}") from error
    if factors == (1.0, 0.0) or (factors is None and its_units in expected):
        return
    if factors is None and expected:
        raise ValueError(f"{source}: units are {its_units!r}; the collection has {' or '.join(expected)}")
    if factors is None:
        note = f"units {its_units!r} of {source} are not those of UDUNITS; they are taken for {attrs['units']}"
        flags.append({"flag": "units_supposed", "note": note})
        return
    attrs["scale_factor"], attrs["add_offset"] = factors
    attrs["source_units"] = its_units
    flags.append(
        {"flag": "units_converted", "note": f"{source} is in {its_units!r}; it is brought to {attrs['units']}"}
    )


def netcdf_name(source):
    """A name that CF allows (2.3): letters, digits and underscores of ASCII, a letter first."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", source).strip("_").lower()
    return name if name[:1].isalpha() else f"v_{name}" if name else "unnamed"


@functools.cache
def standard_names():
    """Standard name of CF -> its canonical units (CF standard name table, version 93)."""
    lines = (CONFIG / "standard_names.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def _is_standard(name, its_units):
    """Whether CF has a standard name, and units are such as it may have."""
    first, *modifier = name.split()
    if first not in standard_names() or modifier not in (
        [],
        ["status_flag"],
        ["standard_error"],
        ["detection_minimum"],
    ):
        return False
    canonical = standard_names()[first]
    if modifier or canonical in ("", "1"):
        return bool(modifier) or not its_units or units.same(its_units, "1") or _convertible(its_units, "1")
    return _convertible(its_units, canonical)


def _convertible(one, other):
    try:
        return bool(one) and units.conversion(one, other) is not None
    except ValueError:
        return False


def _files(paths):
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder of collections")
        yield from sorted(path.glob("*.yaml")) if path.is_dir() else [path]


def _table(variables, collections, path, before=()):
    """The variable table of a format, which may be that of another format: `<short name>.<number from 0>`."""
    if isinstance(variables, dict):
        return variables
    if variables in before:
        raise ValueError(f"{path}: variables: {' -> '.join((*before, variables))} leads round in a circle, to no table")
    short_name, _, number = variables.partition(".")
    try:
        table = collections[short_name]["formats"][int(number or 0)]["variables"]
    except (KeyError, IndexError, ValueError):
        raise ValueError(f"{path}: variables: there is no format {variables!r}") from None
    return _table(table, collections, path, (*before, variables))


def _matches(name, collection):
    for form in collection["formats"]:
        for role, expression in (("data", form["names"]), ("companion", form.get("companions"))):
            if expression and (match := re.fullmatch(expression, name)):
                groups = {key: value for key, value in match.groupdict().items() if value is not None}
                granule = form.get("granule", "{granule}").format(**groups)
                yield Match(granule, collection, form, role, groups)


def _expression(match):
    return match.form["names" if match.role == "data" else "companions"]


def _check_samples(collection, path):
    """Raise ValueError where an expression does not match its own sample."""
    for form in collection["formats"]:
        sample = form["sample_file_name"]
        try:
            matched = match(sample, {"": collection})
        except KeyError as error:
            raise ValueError(
                f"{path}: names: {form['names']!r} has no group {error}, of which the id is made"
            ) from error
        except (ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"{path}: names, granule: {error}") from error
        if matched is None or matched.form is not form or matched.role != "data":
            raise ValueError(f"{path}: sample_file_name {sample!r} does not match its own names {form['names']!r}")
    for file in collection["files"]:
        if not re.fullmatch(file["regex"], file["sample_file_name"]):
            raise ValueError(
                f"{path}: sample_file_name {file['sample_file_name']!r} does not match its own regex {file['regex']!r}"
            )
