"""What is wrong with a user's file by a schema of config/schemas: where, what is there, what would be right."""

import functools
import json

import jsonschema
import yaml

from darkroom.files import CONFIG

FOLDER = CONFIG / "schemas"
WORDS = {dict: "a map", list: "a list", str: "text", int: "a number", float: "a number"}
LONGEST = 60  # characters of a value that are shown


@functools.cache
def validator(name):
    """What checks values by a schema; regular expressions must be such."""
    rules = yaml.safe_load((FOLDER / f"{name}.schema.yaml").read_text())
    return jsonschema.Draft202012Validator(rules, format_checker=jsonschema.FormatChecker(["regex"]))


def problem(value, name, whole):
    """The first thing that is wrong with a value by a schema, or "".

    whole -- what the value itself is called; the descriptions of the schema go on with `right is`
    """
    error = next(validator(name).iter_errors(value), None)
    if error is None:
        return ""
    where = ".".join(map(str, error.absolute_path)) or whole
    if error.validator == "required":
        lacking = next(key for key in error.validator_value if key not in error.instance)
        return f"{where} has no {lacking}; right is {error.schema['description']}"
    return f"{where} is {shown(error.instance)}; right is {error.schema['description']}"


def shown(value):
    """A value of JSON or YAML in words, as far as a line has room for it."""
    if value is None or value in ({}, [], ""):
        return "empty"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return text
    return f"{WORDS.get(type(value), 'a value')}, {text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'}"
