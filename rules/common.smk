"""The checked config, the sheet of datasets, and the table of what each pipeline ends in."""

import collections
import copy
import difflib
import functools
import glob
import os
import re

import jsonschema
import pandas
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config, validate

from darkroom import urls

# Pipeline -> files below the results folder of each of its datasets, or a function of the dataset; rule files fill it.
# products: what a user came for; of a folder, its index (`info`, `zarr.json`), or `name/` where the records speak of it.
# records: JSON with notes and checks. problems: a function that tells what is wrong with a row. sourceless: whether a row
# may have no source.
ENDS = {}
DATASET = r"[A-Za-z0-9][A-Za-z0-9._-]*"


def schema(name):
    """A schema of config/schemas."""
    with open(workflow.source_path(f"../config/schemas/{name}.schema.yaml")) as file:
        return yaml.safe_load(file)


@functools.cache
def validator(name, section=None):
    """What checks values by a schema, or by one of its sections; a sheet has many rows for each."""
    rules = schema(name)
    if section:
        rules = rules["properties"].get(section, {}) | {"$defs": rules["$defs"]}
    return jsonschema.Draft202012Validator(rules, format_checker=jsonschema.FormatChecker(["regex"]))


def nearest(word, known):
    """A hint at the known name that was probably meant, or at all of them."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def problems(value, rules, where):
    """What a validator finds wrong with a value, each with its place and what would be right."""
    for error in rules.iter_errors(value):
        at = f"{where} {'.'.join(map(str, error.absolute_path))}".strip()
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            yield from (f"{at}: {key!r} is unknown{nearest(key, known)}" for key in error.instance if key not in known)
        elif error.validator == "enum":
            yield f"{at}: {error.instance!r} is unknown{nearest(error.instance, error.validator_value)}"
        else:
            yield f"{at}: {error.message}. {error.schema.get('description', '')}".strip()


def refuse(found):
    """Stop before any job starts, with all problems at once."""
    if found := list(found):
        raise WorkflowError("\n".join(["this campaign cannot start:", *found]))


def read_sheet(path):
    """Rows of the sheet by dataset, and what is wrong with them; blank lines and lines that begin with # are left out."""
    layout = {"sep": "\t", "header": None, "skip_blank_lines": False, "encoding": "utf-8-sig"}
    as_text = {"dtype": str, "keep_default_na": False}  # a dataset may be called NA
    try:
        header, *lines = pandas.read_csv(path, **layout, **as_text).fillna("").values.tolist()
    except (OSError, ValueError) as error:
        refuse([f"{path}: the sheet cannot be read: {' '.join(str(error).split())}"])
    rules, rows, found = validator("datasets"), {}, []
    if missing := [column for column in rules.schema["required"] if column not in header]:
        refuse([f"{path} line 1: no column {', '.join(missing)} in {header}; columns are separated by tabs"])
    for line, cells in enumerate((dict(zip(header, line)) for line in lines), 2):
        row = {column: cell.strip() for column, cell in cells.items() if cell.strip()}
        if not row or row.get("dataset", "").startswith("#"):
            continue
        row, where = {"source": ""} | row, f"{path} line {line}"
        if wrong := list(problems(row, rules, where)):
            found += wrong
        elif row["dataset"] in rows:
            found += [f"{where} dataset: {row['dataset']!r} is in {rows[row['dataset']]['where']} already"]
        elif flow_map(row.get("options", "{}")) is None:
            text = row["options"]
            found += [f"{where} options: {text!r} is no YAML flow map, such as {{type: image, orientation: RIA}}"]
        else:
            rows[row["dataset"]] = {"where": where, "line": line, "options": "{}"} | row
    return rows, found


@functools.cache  # of the rows of a long sheet, many say the same
def flow_map(text):
    """A YAML map as a dict; None when it is none."""
    try:
        value = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # in C, where it is there
    except yaml.YAMLError:
        value = None
    return value if isinstance(value, dict) else None


@functools.cache
def checked_options(pipeline, text):
    """The options of all rows that write this, on top of their pipeline's section of the config, and what is wrong."""
    options = copy.deepcopy(config.get(pipeline, {}))
    update_config(options, flow_map(text))
    return options, list(problems(options, validator("config", pipeline), "options"))


@functools.cache
def row_problems(dataset):
    """All that is wrong with the pipeline, the source and the options of a row."""
    return list(_row_problems(DATASETS[dataset]))


def _row_problems(row):
    where, pipeline, source = row["where"], row["pipeline"], row["source"]
    if wrong := urls.problem(f"{source} {row['options'].get('checksum', '')}"):
        yield f"{where}: {wrong}"
    if is_local(source) and not os.path.exists(source):
        yield f"{where} source: {source!r} is not there; give a file, a folder, a URL, swift://CONTAINER/PREFIX or sample:NAME"
    if pipeline not in ENDS:
        yield f"{where} pipeline: {pipeline!r} is unknown{nearest(pipeline, ENDS)}"
        return
    if not source and not ENDS[pipeline].get("sourceless"):
        yield f"{where} source: is empty; give a file, a folder, a URL, swift://CONTAINER/PREFIX or sample:NAME"
    found = [f"{where} {text}" for text in row["wrong"]]
    yield from found or ENDS[pipeline].get("problems", lambda row: [])(row)


def campaign_page():
    """What the campaign ends in, and what needs every dataset; before that, every row is checked against the pipelines
    that are there."""
    known = {*CONFIG_SCHEMA["properties"], *ENDS}
    found = [f"{CONFIG_FILE}: {key!r} is unknown{nearest(key, known)}" for key in config if key not in known]
    refuse([*found, *SHEET_PROBLEMS, *(text for dataset in DATASETS for text in row_problems(dataset))])
    return "<results>/<campaign>/index.html"


CONFIG_SCHEMA = schema("config")
CONFIG_FILE = ", ".join(map(str, workflow.configfiles)) or "config"
refuse(problems(config, validator("config"), CONFIG_FILE))
validate(config, "../config/schemas/config.schema.yaml")  # fills in the defaults
PUBLISHES = bool(config["publish"]["target"])
DATASETS, SHEET_PROBLEMS = read_sheet(config["datasets"])
for row in DATASETS.values():
    row["options"], row["wrong"] = checked_options(row["pipeline"], row["options"])
