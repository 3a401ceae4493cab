"""Compare what was made with what was expected, value by value."""

import itertools
import json
import math
from pathlib import Path
from xml.etree import ElementTree

import netCDF4
import numpy as np

from darkroom import entrypoint

SHOWN = 5  # differences of one variable or document that are told one by one
BLOCK = 8 << 20  # values that are compared at a time


def compare(expected: Path, made: Path, *, tolerance: float = 0.0, relative: float = 0.0, ignore: list | None = None):
    """Print every difference between two files or folders: file, place, expected value, made value.

    expected, made -- files, or folders that are compared file by file; folders are searched below, too
    tolerance, relative -- how far numbers may be apart, and how far for each unit of the expected one
    ignore -- names of netCDF attributes, JSON keys or XML elements that may differ, such as history

    netCDF is compared by its dimensions, types, attributes and values (missing equals missing), JSON and XML by what
    they mean, other files byte by byte. Raises ValueError when anything is different, FileNotFoundError when EXPECTED
    or MADE is not there.
    """
    for path in (expected, made):
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there")
    number = 0
    for line in differences(expected, made, Rules(tolerance, relative, frozenset(ignore or []))):
        print(line)
        number += 1
    if number:
        counted = "1 difference" if number == 1 else f"{number} differences"
        raise ValueError(f"{made} is not what was expected: {counted}")


class Rules:
    """What counts as different."""

    def __init__(self, tolerance=0.0, relative=0.0, ignore=frozenset()):
        self.tolerance, self.relative, self.ignore = tolerance, relative, ignore

    def apart(self, expected, made):
        """Which numbers of two arrays of one shape are too far apart; NaN equals NaN, and infinity itself."""
        if expected.dtype.kind not in "fiu" or made.dtype.kind not in "fiu":
            return expected != made
        if not (self.tolerance or self.relative):
            return (expected != made) & ((expected == expected) | (made == made))
        right, given = expected.astype("f8"), made.astype("f8")
        with np.errstate(invalid="ignore"):
            near = np.abs(given - right) <= self.tolerance + self.relative * np.abs(right)
        return ~(near | (right == given) | (np.isnan(right) & np.isnan(given)))


def differences(expected, made, rules):
    """Lines that say how two files or folders differ."""
    if not expected.is_dir():
        yield from of_files(expected, made, rules)
        return
    expected_names, made_names = names(expected), names(made)
    yield from (f"{name}: missing" for name in sorted(expected_names - made_names))
    yield from (f"{name}: not expected" for name in sorted(made_names - expected_names))
    for name in sorted(expected_names & made_names):
        yield from (f"{name}: {line}" for line in of_files(expected / name, made / name, rules))


def names(folder):
    """Paths of the files below a folder, hidden ones left out."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts)}


def of_files(expected, made, rules):
    """Lines that say how two files differ, by the kind of the expected one."""
    kind = expected.suffix.lower()
    compare_kind = {".nc": of_netcdf, ".nc4": of_netcdf, ".json": of_json, ".xml": of_xml}.get(kind, of_bytes)
    try:
        yield from compare_kind(expected, made, rules)
    except (OSError, ValueError, SyntaxError) as error:
        yield f"cannot be compared: {entrypoint.message(error)}"


def of_bytes(expected, made, rules):
    """Lines of any other file: the first byte that differs."""
    expected_bytes, made_bytes = expected.read_bytes(), made.read_bytes()
    if expected_bytes != made_bytes:
        pairs = itertools.zip_longest(expected_bytes, made_bytes)
        place = next(index for index, (one, other) in enumerate(pairs) if one != other)
        yield f"byte {place} differs ({len(expected_bytes)} bytes expected, {len(made_bytes)} made)"


def of_json(expected, made, rules):
    """Lines of a JSON document; the order of keys does not count."""
    expected_document, made_document = (json.loads(path.read_bytes()) for path in (expected, made))
    yield from of_values(expected_document, made_document, rules, "")


def of_values(expected, made, rules, place):
    """Lines of two JSON values, each with the path of keys to it."""
    if isinstance(expected, dict) and isinstance(made, dict):
        for key in dict.fromkeys([*expected, *made]):
            if key in rules.ignore:
                continue
            at = f"{place}.{key}".lstrip(".")
            if key not in made or key not in expected:
                yield f"{at}: {'missing' if key in expected else 'not expected'}"
            else:
                yield from of_values(expected[key], made[key], rules, at)
    elif isinstance(expected, list) and isinstance(made, list):
        if len(expected) != len(made):
            yield f"{place}: expected {len(expected)} entries, made {len(made)}"
        for index, (one, other) in enumerate(zip(expected, made, strict=False)):
            yield from of_values(one, other, rules, f"{place}[{index}]")
    elif not same(expected, made, rules):
        yield f"{place}: expected {json.dumps(expected)}, made {json.dumps(made)}"


def same(expected, made, rules):
    """Whether two plain values are the same: numbers within the tolerance, anything else exactly."""
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (expected, made)]
    if all(numbers):
        return not rules.apart(np.array(expected, "f8"), np.array(made, "f8")).any()
    return type(expected) is type(made) and expected == made


def of_xml(expected, made, rules):
    """Lines of an XML document; white space between elements does not count, their order does."""
    expected_root, made_root = (ElementTree.parse(path).getroot() for path in (expected, made))
    yield from of_elements(expected_root, made_root, rules, expected_root.tag)


def of_elements(expected, made, rules, place):
    """Lines of two elements, each with the path of tags to it."""
    if expected.tag != made.tag:
        yield f"{place}: expected <{expected.tag}>, made <{made.tag}>"
        return
    if expected.tag in rules.ignore:
        return
    for what in ("text", "attrib"):
        one, other = (plain(getattr(element, what)) for element in (expected, made))
        if not same(one, other, rules):
            yield f"{place}: expected {one!r}, made {other!r}"
    if len(expected) != len(made):
        yield f"{place}: expected {len(expected)} elements, made {len(made)}"
    for number, (one, other) in enumerate(zip(expected, made, strict=False), 1):
        yield from of_elements(one, other, rules, f"{place}/{one.tag}[{number}]")


def plain(content):
    """An element's text without outer white space, as a number where it is one; or its attributes."""
    if isinstance(content, dict):
        return dict(content)
    text = (content or "").strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def of_netcdf(expected, made, rules):
    """Lines of a netCDF file."""
    with netCDF4.Dataset(expected) as expected_group, netCDF4.Dataset(made) as made_group:
        yield from of_groups(expected_group, made_group, rules, "")


def of_groups(expected, made, rules, place):
    """Lines of two groups of a netCDF file and of the groups in them."""
    sizes = [{name: len(dimension) for name, dimension in group.dimensions.items()} for group in (expected, made)]
    yield from of_values(*sizes, Rules(), f"{place}dimensions")
    yield from of_attributes(expected, made, rules, place)
    for kind, compare_kind in (("variables", of_variables), ("groups", of_groups)):
        ours, theirs = getattr(expected, kind), getattr(made, kind)
        for name in dict.fromkeys([*ours, *theirs]):
            at = f"{place}{name}"
            if name not in theirs or name not in ours:
                yield f"{at}: {'missing' if name in ours else 'not expected'}"
            else:
                yield from compare_kind(ours[name], theirs[name], rules, f"{at}/" if kind == "groups" else at)


def of_attributes(expected, made, rules, place):
    """Lines of the attributes of two variables or groups."""
    ours, theirs = ({name: listed(item.getncattr(name)) for name in item.ncattrs()} for item in (expected, made))
    yield from of_values(ours, theirs, rules, place.rstrip("/"))


def listed(value):
    """An attribute as a JSON value."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def of_variables(expected, made, rules, place):
    """Lines of two variables: dimensions, type, attributes, and the first few stored values that differ."""
    yield from of_attributes(expected, made, rules, place)
    for what in ("dimensions", "shape", "dtype"):
        one, other = getattr(expected, what), getattr(made, what)
        if one != other:
            yield f"{place}: expected {what} {one}, made {other}"
            if what == "shape":
                return
    for variable in (expected, made):
        variable.set_auto_maskandscale(False)
    number = 0
    for first, last in blocks(expected.shape):
        part = slice(first, last) if expected.shape else ...
        one, other = np.asarray(expected[part]), np.asarray(made[part])
        for index in np.argwhere(rules.apart(one, other)):
            number += 1
            if number <= SHOWN:
                at = tuple(index.tolist())
                whole = [at[0] + first, *at[1:]] if at else []
                yield f"{place}{whole or ''}: expected {one[at]}, made {other[at]}"
    if number > SHOWN:
        yield f"{place}: {number - SHOWN} more values differ, of {math.prod(expected.shape)}"


def blocks(shape):
    """Spans of the first dimension of an array that are of a bounded size."""
    if not shape:
        yield 0, 1
        return
    step = max(1, BLOCK // max(1, math.prod(shape[1:])))
    yield from ((first, min(first + step, shape[0])) for first in range(0, shape[0], step))


if __name__ == "__main__":
    entrypoint.run(compare, globals().get("snakemake"))
