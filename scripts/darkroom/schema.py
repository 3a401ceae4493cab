"""What is wrong with what a user wrote, by a schema of config/schemas: where, what is there, what would be right.

Config, sheet, options, collections, recipes, definitions and payloads are all told of by `problems`, all at once.
"""

import copy
import difflib
import functools
import json
import math
from datetime import date
from pathlib import Path

import jsonschema

from darkroom import yaml_files
from darkroom.files import CONFIG

FORMATS = jsonschema.FormatChecker(["regex"])
TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER
# Infinity and "not a number", which YAML can say, are no numbers: no bound of a schema holds them.
FINITE = TYPES.redefine("number", lambda _, value: TYPES.is_type(value, "number") and math.isfinite(value))
Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=FINITE)
WORDS = {dict: "a map", list: "a list"}
LONGEST = 60  # characters of a value that are shown


@FORMATS.checks("path")
def exists(path):
    """Whether an option names a file or folder that is there, relative to the working directory; "" names none.

    Rules read what options name as their input, in which Snakemake takes braces for wildcards.
    """
    return not isinstance(path, str) or path == "" or (Path(path).exists() and "{" not in path)


@functools.cache
def load(name):
    """The schema of this name."""
    return yaml_files.read(CONFIG / f"schemas/{name}.schema.yaml")


@functools.cache
def validator(name, section=None):
    """What checks values by a schema, or by the part of it that describes one of its keys."""
    rules = load(name)
    if section:
        rules = rules["properties"].get(section, {}) | {"$defs": rules.get("$defs", {})}
    return checker(rules)


def checker(rules):
    """What checks values by rules that are a schema; regular expressions must be such, and paths be there."""
    return Validator(rules, format_checker=FORMATS)


def problems(value, rules, where):
    """What a validator finds wrong with a value, a sentence each: its place, what is there, what would be right.

    where -- what the value is called: a file, a line of the sheet
    """
    for error in rules.iter_errors(value):
        yield from _sentences(error, where)


def _sentences(error, where, right=""):
    at = f"{where} {'.'.join(map(str, error.absolute_path))}".strip()
    right = error.schema.get("description", right)
    if error.validator == "additionalProperties" and error.validator_value is False:
        properties = error.schema.get("properties", {})
        yield from (
            f"{at}: {key!r} is unknown{nearest(key, properties)}" for key in error.instance if key not in properties
        )
        return
    if (inner := _meant(error)) is not None:
        yield from _sentences(inner, where, right)
        return
    if error.validator == "enum":
        yield f"{at}: {shown(error.instance)} is unknown{nearest(error.instance, error.validator_value)}"
        return
    if error.validator == "required":
        lacking = next(key for key in error.validator_value if key not in error.instance)
        right = error.schema.get("properties", {}).get(lacking, {}).get("description", right)
        wrong = f"{lacking!r} is missing"
    elif error.validator == "format" and error.validator_value == "path":
        braces = ": Snakemake takes braces in a path for wildcards; rename it"
        wrong = f"{error.instance!r}" + (braces if "{" in error.instance else " is not there")
    elif error.validator == "format" and error.validator_value == "regex":
        wrong = f"{brief(error.instance)} is no regular expression"
    elif error.validator == "type":
        wrong = f"is {shown(error.instance)}, not {_a(error.validator_value)}"
    elif error.validator in ("minLength", "minItems") and not error.instance:
        wrong = "is empty"
    else:
        wrong = error.message.replace(repr(error.instance), brief(error.instance), 1)
    yield f"{at}: {wrong}; right is: {right}" if right else f"{at}: {wrong}"


def _meant(error):
    """What is wrong by the one alternative whose type the value has; None where that is none or several of them."""
    if error.validator not in ("oneOf", "anyOf"):
        return None
    by_branch = {}
    for inner in error.context:
        by_branch.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [errors for errors in by_branch.values() if all(one.validator != "type" or one.path for one in errors)]
    return fitting[0][0] if len(fitting) == 1 else None


def _a(kind):
    """A type of JSON schema in words: `a map`, `text or a list`."""
    words = {
        "object": "a map",
        "array": "a list",
        "string": "text",
        "boolean": "true or false",
        "null": "empty",
        "integer": "an integer",
        "number": "a number",
    }
    kinds = [kind] if isinstance(kind, str) else kind
    return " or ".join(words[one] for one in kinds)


def refuse(problems, error=ValueError):
    """Raise an error with all that was found wrong, a line each, where anything was."""
    if problems := list(problems):
        raise error("\n".join(problems))


def nearest(word, names):
    """A hint at the known name that was probably meant, or at all of them."""
    names = [str(name) for name in names]
    close = difflib.get_close_matches(str(word), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(names))}"


def shown(value):
    """A value of JSON or YAML as far as a line has room for it; of a map or a list also that it is one."""
    if value is None or value in ({}, [], ""):
        return "empty"
    return f"{WORDS[type(value)]}, {brief(value)}" if isinstance(value, (dict, list)) else brief(value)


def brief(value):
    """A value of JSON or YAML as far as a line has room for it."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def completed(value, rules):
    """A map with the defaults of its schema in the place of every key that is not there, nested ones too."""
    made = copy.deepcopy(value)
    for key, rule in rules.get("properties", {}).items():
        if "default" in rule:
            made.setdefault(key, copy.deepcopy(rule["default"]))
        if isinstance(made.get(key), dict):
            made[key] = completed(made[key], rule)
    return made


def worded(value, rules):
    """A value whose dates are text (ISO 8601) where the schema has text: YAML takes such text for dates and moments."""
    if isinstance(value, date) and rules.get("type") == "string":
        return value.isoformat()
    if isinstance(value, dict):
        return {key: worded(one, rules.get("properties", {}).get(key, {})) for key, one in value.items()}
    return value


def overlaid(value, over):
    """A map with the keys of another one on top; maps in both are laid over each other in the same way."""
    made = dict(value)
    for key, new in over.items():
        both = isinstance(made.get(key), dict) and isinstance(new, dict)
        made[key] = overlaid(made[key], new) if both else new
    return made
