"""The checked config, the sheet of datasets, and the table of what each pipeline ends in."""

import difflib
import os

import jsonschema
import pandas
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# Pipeline -> files below the results folder of each of its datasets; rule files fill it.
# products: what a user came for (for a folder, its index: `info`, `zarr.json`); records: JSON with notes and checks.
ENDS = {}


wildcard_constraints:
    dataset=r"[A-Za-z0-9][A-Za-z0-9._-]*",


def schema(name):
    """A schema of config/schemas."""
    with open(workflow.source_path(f"../config/schemas/{name}.schema.yaml")) as file:
        return yaml.safe_load(file)


def nearest(word, known):
    """A hint at the known name that was probably meant, or at all of them."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def problems(value, schema, where):
    """What is wrong with a value, each with its place and what would be right."""
    checker = jsonschema.FormatChecker(["regex"])
    for error in jsonschema.Draft202012Validator(schema, format_checker=checker).iter_errors(value):
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
    rules, rows, found = schema("datasets"), {}, []
    if missing := [column for column in rules["required"] if column not in header]:
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
        else:
            rows[row["dataset"]] = {"where": where, "options": "{}"} | row
    return rows, found


def row_problems(row):
    """What is wrong with the pipeline, the source and the options of a row; its options become a dict of all of them."""
    where, pipeline, source, text = row["where"], row["pipeline"], row["source"], row["options"]
    if pipeline not in ENDS:
        yield f"{where} pipeline: {pipeline!r} is unknown{nearest(pipeline, ENDS)}"
    if is_local(source) and not os.path.exists(source):
        yield f"{where} source: {source!r} is not there; give a file, a folder, a URL, swift://CONTAINER/PREFIX or sample:NAME"
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict):
        yield f"{where} options: {text!r} is no YAML flow map, such as {{type: image, orientation: RIA}}"
    elif pipeline in ENDS:
        section = CONFIG_SCHEMA["properties"].get(pipeline, {})
        yield from problems(given, section | {"$defs": CONFIG_SCHEMA["$defs"]}, f"{where} options")
        row["options"] = config.get(pipeline, {}) | given


def is_local(source):
    """Whether a source is a path on this machine."""
    return bool(source) and not source.startswith(("http://", "https://", "swift://", "sample:"))


def local_source(wildcards):
    """A source on this machine: the file, or the folder with the file in it that was changed last."""
    source = DATASETS[wildcards.dataset]["source"]
    if not is_local(source):
        return []
    files = (os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
    return [source, *sorted(files, key=os.path.getmtime)[-1:]]


def downloads(wildcards):
    """The folder of what was fetched for a dataset; empty for a source on this machine, which is never touched."""
    source = DATASETS[wildcards.dataset]["source"]
    return "" if is_local(source) else workflow.pathvars.apply(f"<resources>/{wildcards.dataset}")


def ends(wildcards, kind):
    """The products or the records of a dataset, as its pipeline names them."""
    return [f"<dataset>/{name}" for name in ENDS[DATASETS[wildcards.dataset]["pipeline"]][kind]]


def campaign_targets():
    """What the campaign ends in; before that, every row is checked against the pipelines that are there."""
    known = {*CONFIG_SCHEMA["properties"], *ENDS}
    found = [f"{CONFIG_FILE}: {key!r} is unknown{nearest(key, known)}" for key in config if key not in known]
    refuse([*found, *SHEET_PROBLEMS, *(text for row in DATASETS.values() for text in row_problems(row))])
    return [
        *(f"<results>/<campaign>/{dataset}/manifest.json" for dataset in DATASETS),
        "<results>/<campaign>/index.html",
    ]


CONFIG_SCHEMA = schema("config")
CONFIG_FILE = ", ".join(map(str, workflow.configfiles)) or "config"
refuse(problems(config, CONFIG_SCHEMA, CONFIG_FILE))
validate(config, "../config/schemas/config.schema.yaml")  # fills in the defaults
PUBLISHES = bool(config["publish"]["target"])
DATASETS, SHEET_PROBLEMS = read_sheet(config["datasets"])
