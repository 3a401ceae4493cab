"""Collections as data: which file names are granules of which collection, how they are read, what their variables are.

A collection is one YAML file (see config/schemas/collection.schema.yaml). One of a known format needs no Python.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from darkroom import schema, yaml_files
from darkroom.files import CONFIG

FOLDER = CONFIG / "collections"
NOT_ATTRIBUTES = ("name", "source_units", "fill", "column")  # keys of a variable's entry that are for the readers


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


def load(paths=(FOLDER,)):
    """Collections by short name, of YAML files and folders of them.

    Raises ValueError naming the file for one that the schema refuses, for a sample file name that does not match its
    own expression or matches another one, and for two of one short name.
    """
    validator = schema.validator("collection")
    found, origin = {}, {}
    for path in _files(paths):
        collection = yaml_files.read(path)
        schema.refuse(schema.problems(collection, validator, path))
        name = collection["short_name"]
        if name in found:
            raise ValueError(f"{path}: the collection {name} is already described by {origin[name]}")
        found[name], origin[name] = collection, path
    if not found:
        raise ValueError(f"no collection (*.yaml) in {', '.join(map(str, paths))}")
    for name, collection in found.items():
        for form in collection["formats"]:
            form["variables"] = _table(form["variables"], found, origin[name])
        _check_samples(collection, origin[name])
    return found


def match(name, collections):
    """The `Match` of a file name (its last part counts), or None for one that no collection knows.

    Raises ValueError for a name that two expressions match.
    """
    name = name.rpartition("/")[2]
    matches = [found for collection in collections.values() for found in _matches(name, collection)]
    if len(matches) > 1:
        both = " and ".join(f"{found.collection['short_name']} ({_expression(found)})" for found in matches[:2])
        raise ValueError(f"{name}: the name matches two collections, {both}; only one may claim it")
    return matches[0] if matches else None


def described(table, source, source_units=""):
    """(netCDF name, attributes, missing value or None) of a variable of the source.

    A variable that the table lacks keeps its name and units as text, so that nothing of a file is lost.
    Raises ValueError when the source has other units than the table expects.
    """
    entry = table.get(source)
    if entry is None:
        attrs = {"long_name": source} | ({"source_units": source_units} if source_units else {})
        return re.sub(r"\W+", "_", source).strip("_").lower() or "unnamed", attrs, None
    expected = entry.get("source_units", [])
    if source_units and expected and source_units not in expected:
        raise ValueError(f"units of {source} are {source_units!r}, but the collection expects {' or '.join(expected)}")
    attrs = {key: value for key, value in entry.items() if key not in NOT_ATTRIBUTES}
    return entry["name"], attrs, entry.get("fill")


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
            if expression and (found := re.fullmatch(expression, name)):
                groups = {key: value for key, value in found.groupdict().items() if value is not None}
                granule = form.get("granule", "{granule}").format(**groups)
                yield Match(granule, collection, form, role, groups)


def _expression(found):
    return found.form["names" if found.role == "data" else "companions"]


def _check_samples(collection, path):
    """Raise ValueError where an expression does not match its own sample."""
    for form in collection["formats"]:
        sample = form["sample_file_name"]
        try:
            found = match(sample, {"": collection})
        except KeyError as error:
            raise ValueError(
                f"{path}: names: {form['names']!r} has no group {error}, of which the id is made"
            ) from error
        except (ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"{path}: names, granule: {error}") from error
        if found is None or found.form is not form or found.role != "data":
            raise ValueError(f"{path}: sample_file_name {sample!r} does not match its own names {form['names']!r}")
    for file in collection["files"]:
        if not re.fullmatch(file["regex"], file["sample_file_name"]):
            raise ValueError(
                f"{path}: sample_file_name {file['sample_file_name']!r} does not match its own regex {file['regex']!r}"
            )
