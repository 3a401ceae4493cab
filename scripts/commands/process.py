"""Turn a folder of granules into netCDF, metadata and an archive tree: the command of the container.

    darkroom process INPUT OUTPUT

INPUT is a folder, or the JSON file of a Cumulus payload. It is read and never changed. OUTPUT gets what the rules of
the airborne pipeline make (netcdf/, metadata/, quality/) and archive/, the tree of buckets. The log is JSON lines on
standard output, and the exit status is 1 when any granule could not be made.
"""

import argparse
import json
import logging
import os
import re
import string
import sys
import time
from pathlib import Path

from airborne_check import airborne_check, failures
from airborne_convert import airborne_convert
from airborne_convert_metadata import airborne_convert_metadata
from darkroom import entrypoint, schema
from darkroom.airborne import staging
from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
from darkroom.airborne.collection import match as match_collection
from darkroom.files import read_json, write_json
from darkroom.inventory import local as local_inventory
from darkroom.inventory import write as write_inventory

logger = logging.getLogger(__name__)

# What the environment may say; the rest of the world stays out.
SETTINGS = {
    "SHORT_NAME": "the one collection that granules may be of (default: any)",
    "COLLECTIONS": "files or folders of collections, with : between them (default: those of Darkroom)",
    "CONVENTIONS": "CF-1.8 (default) or CF-1.11",
    "FEATURE": "sonde (default), or flight: the soundings of a folder become one granule",
    "PRODUCTION_TIME": "the time that products tell as that of their making (default: that of their data)",
    "DISTRIBUTION_ENDPOINT": "http(s) address of the archive, for the addresses in metadata",
    "BUCKETS": 'names of its buckets by kind, as JSON: {"protected": "our-protected"}',
    "SCHEMAS": "folder of CMR's schemas, to validate the metadata by (default: not validated)",
}
INNER_GROUP = re.compile(r"(?<!\\)\((?!\?)")  # the first plain group of an expression


class JsonLines(logging.Formatter):
    """Log lines as JSON, with the keys that Cumulus has."""

    def format(self, record):
        told = {
            "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "collectionName": getattr(record, "collection", None),
            "granuleId": getattr(record, "granule", None),
            "message": record.getMessage(),
        }
        return json.dumps(told, ensure_ascii=False)


def process(indir, outdir, environment=None):
    """Make everything of the granules in `indir`; returns how many granules failed.

    indir -- a folder, or a payload as a JSON file
    outdir -- a folder; other files in it stay
    environment -- settings by the names of SETTINGS, by default the process's environment

    Raises ValueError or OSError when nothing can be done: no granule at all, wrong settings, a payload that cannot be
    followed.
    """
    indir, outdir = Path(indir).resolve(), Path(outdir).resolve()
    given = os.environ if environment is None else environment
    settings = {name: given[name] for name in SETTINGS if given.get(name)}
    if not indir.exists():
        raise FileNotFoundError(f"{indir}: no such folder or payload")
    if outdir.is_relative_to(indir):
        raise ValueError(f"{outdir} is in the input folder {indir}, which is never changed; give an output elsewhere")
    if indir.is_file():
        root, names, collections, settings = follow(read_json(indir), indir, outdir, settings)
    else:
        root, names, collections = indir, sorted(below(indir)), chosen(settings, outdir)
    archive = {"endpoint": settings.get("DISTRIBUTION_ENDPOINT", ""), "buckets": buckets(settings)}
    inventory, granules, metadata = (outdir / f"{name}.json" for name in ("inventory", "granules", "metadata"))
    write_inventory(inventory, local_inventory(root, names))
    options = {"conventions": "CONVENTIONS", "feature": "FEATURE", "production_time": "PRODUCTION_TIME"}
    options = {name: settings[key] for name, key in options.items() if key in settings}
    airborne_convert(inventory, granules, collections=collections, **options)
    failed = told(read_json(granules))
    airborne_convert_metadata(granules, metadata, collections=collections, **archive)
    failed += len(read_json(metadata)["errors"])
    try:
        check, schemas = outdir / "airborne_check.json", settings.get("SCHEMAS", "")
        airborne_check(granules, metadata, check, collections=collections, schemas=schemas)
    except ValueError as error:
        logger.error("%s", error)
    return failed + stage(outdir, root, read_json(metadata))


def sources(settings):
    """Files and folders of the collections that are known."""
    return settings["COLLECTIONS"].split(os.pathsep) if "COLLECTIONS" in settings else [str(COLLECTIONS)]


def chosen(settings, outdir):
    """Paths of the collections that granules may be of."""
    if "SHORT_NAME" not in settings:
        return sources(settings)
    return [written(named(load_collections(sources(settings)), settings["SHORT_NAME"], "SHORT_NAME"), outdir)]


def named(known, name, where):
    """The collection of this name; `where` is what a message calls the place that the name is from."""
    if name not in known:
        raise ValueError(f"{where}: collection {name!r} is unknown; known are {', '.join(known)}")
    return known[name]


def written(collection, outdir):
    """The path of OUTPUT/collections/<short name>.yaml, which has this one collection (JSON is YAML)."""
    path = outdir / f"collections/{collection['short_name']}.yaml"
    write_json(path, collection)
    return str(path)


def below(folder):
    """Names of the files below a folder, relative to it."""
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return [os.path.relpath(path, folder) for path in paths if path.is_file()]


def buckets(settings):
    """Bucket names by kind."""
    text = settings.get("BUCKETS", "{}")
    try:
        names = json.loads(text)
    except json.JSONDecodeError:
        names = None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(
            f'BUCKETS is {settings["BUCKETS"]}; right is a JSON object such as {{"protected": "a-bucket"}}'
        )
    return names


def told(made):
    """Say of each granule, and of unknown files, what became of them; returns how many granules failed."""
    for granule in made["granules"]:
        about = {"collection": granule["collection"], "granule": granule["id"]}
        if granule["error"]:
            logger.error("%s", granule["error"], extra=about)
        else:
            logger.info("%s made of %s", granule["netcdf"], ", ".join(granule["files"]), extra=about)
        for flag in granule["flags"]:
            logger.warning("%s: %s", flag["flag"], flag["note"], extra=about)
    for name in made["unknown"]:
        logger.warning("%s: no collection knows this name; the file is left alone", name)
    return sum(bool(granule["error"]) for granule in made["granules"])


def stage(outdir, root, described):
    """Put what the file tables have a place for into the tree of buckets; returns how many granules may not go there.

    A granule whose product or metadata is wrong stays out of the archive.
    """
    number = 0
    for granule in described["granules"]:
        about = {"collection": granule["collection"], "granule": granule["id"]}
        if wrong := list(failures(read_json(outdir / f"quality/{granule['id']}.json"))):
            number += 1
            logger.error("not staged: %s", "; ".join(wrong), extra=about)
            continue
        staging.stage(outdir / "archive", granule["archive"], outdir, root)
        logger.info("%d files staged", len(granule["archive"]), extra=about)
    return number


# Cumulus payloads


def follow(payload, path, outdir, settings):
    """Root, names, collections and settings of a Cumulus payload: {"config": {...}, "input": [...]}.

    Its collection is one of ours, changed by what the payload says of names, files, buckets and addresses, and is
    written to OUTPUT/collections, where it can be looked at. Settings of the environment come first. Raises ValueError
    naming the payload and the key of what is wrong (config/schemas/payload.schema.yaml).
    """
    payload = without_nothing(payload)
    schema.refuse(schema.problems(payload, schema.validator("payload"), path))
    config, files = payload["config"], inputs(payload["input"])
    if not files:
        raise ValueError(f'{path}: input.granules has no file; right is such as [{{"files": ["D20120906_1.QC.eol"]}}]')
    remote = [name for name in files if "://" in name]
    if remote:
        raise ValueError(f"{path}: {remote[0]} is not on this machine; fetch it first and name the local path")
    paths = [Path(path.parent, name).resolve() for name in files]
    if missing := [str(one) for one in paths if not one.is_file()]:
        raise FileNotFoundError(f"{path}: input {missing[0]} is not there")
    if inside := [str(one) for one in paths if one.is_relative_to(outdir)]:
        raise ValueError(f"{path}: input {inside[0]} is in the output folder; give an output elsewhere")
    root = Path(os.path.commonpath([one.parent for one in paths]))
    known = load_collections(sources(settings))
    try:
        collection = collection_of(config, paths, known, settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    kinds = config.get("buckets", {}).items()
    names = {kind: entry["name"] if isinstance(entry, dict) else entry for kind, entry in kinds}
    own = {"BUCKETS": json.dumps(names), "DISTRIBUTION_ENDPOINT": config.get("distribution_endpoint", "")}
    return root, [str(one.relative_to(root)) for one in paths], [written(collection, outdir)], own | settings


def without_nothing(value):
    """JSON without the keys that are null: a workflow writes these where it has nothing to say."""
    if isinstance(value, dict):
        return {key: without_nothing(one) for key, one in value.items() if one is not None}
    return [without_nothing(one) for one in value] if isinstance(value, list) else value


def inputs(given):
    """The files of a payload's input: a list of them, or granules that have some."""
    if isinstance(given, dict):
        given = [file for granule in given["granules"] for file in granule.get("files", [])]
    return [file.get("filename") or file["name"] if isinstance(file, dict) else file for file in given]


def collection_of(config, paths, known, settings):
    """The collection that is named, or else that of the first input, changed by what a payload's config says of it."""
    stated = config.get("collection", {})
    places = {key: f"config.collection.{key}" for key in stated} | {key: f"config.{key}" for key in config}
    names = {
        "SHORT_NAME": settings.get("SHORT_NAME"),
        "config.collection.name": stated.get("name"),
        "config.name": config.get("name"),
    }
    where = next((where for where, name in names.items() if name), None)
    ours = named(known, names[where], where) if where else of_first(paths, known)
    return adapted(ours, stated | config, places)


def of_first(paths, known):
    """The collection of the first input that is of a known one."""
    found = next((match for match in (match_collection(path.name, known) for path in paths) if match), None)
    if found is None:
        raise ValueError(f"{paths[0].name} is of no known collection; give its name in config.collection.name")
    return found.collection


def adapted(collection, config, places):
    """A collection with what a payload's config says: version, url_path, granuleIdExtraction, files.

    Raises ValueError naming the key, by its place in the payload, that does not fit the collection.
    """
    collection = json.loads(json.dumps(collection))
    collection["version"] = str(config.get("version", collection["version"]))
    if extraction := config.get("granuleIdExtraction"):
        collection["formats"] = extracted(collection, extraction, places["granuleIdExtraction"])
    groups = [group for form in collection["formats"] for group in re.compile(form["names"]).groupindex]
    if "url_path" in config:
        collection["url_path"] = folder(config["url_path"], groups, places["url_path"])
    if key := next((key for key in ("files", "files_config") if config.get(key)), None):
        entries = enumerate(config[key])
        collection["files"] = [table_entry(entry, groups, f"{places[key]}.{number}") for number, entry in entries]
    return collection


def extracted(collection, extraction, where):
    """The formats of a collection whose names an expression matches, with ids as its first group has them."""
    forms = [form for form in collection["formats"] if re.fullmatch(extraction, form["sample_file_name"])]
    if not forms or not INNER_GROUP.search(extraction):
        samples = ", ".join(form["sample_file_name"] for form in collection["formats"])
        raise ValueError(
            f"{where} {extraction!r} must match a file of {collection['short_name']}, such as {samples}, and have the "
            "id as its first group"
        )
    for form in forms:  # both expressions must match: ours for the date and the like, theirs for the id
        ours = form["names"].replace("(?P<granule>", "(?:")
        form["names"] = f"(?={ours}$)" + INNER_GROUP.sub("(?P<granule>", extraction, count=1)
        form["granule"] = "{granule}"
        try:
            re.compile(form["names"])
        except re.error as error:
            raise ValueError(
                f"{where} {extraction!r} does not go together with {ours!r} ({error}); right is one without flags and "
                "named groups"
            ) from error
    return forms


def folder(url_path, groups, where):
    """A `url_path` whose fields are known; raises ValueError for another one."""
    known = ["short_name", "version", *dict.fromkeys(groups)]
    try:
        unknown = [field for _, field, _, _ in string.Formatter().parse(url_path) if field is not None]
        unknown = [field for field in unknown if field not in known]
    except ValueError as error:
        raise ValueError(f"{where} {url_path!r}: {error}") from error
    if unknown:
        told = ", ".join(f"{{{name}}}" for name in known)
        raise ValueError(f"{where} {url_path!r} uses {{{unknown[0]}}}; known are {told}")
    return url_path


def table_entry(entry, groups, where):
    """A line of a Cumulus file table as one of ours."""
    regex, sample = entry["regex"], entry["sampleFileName"]
    if not re.fullmatch(regex, sample):
        raise ValueError(f"{where}.sampleFileName {sample!r} does not match its own regex {regex!r} as a whole")
    ours = {"regex": regex, "bucket": entry["bucket"], "type": entry.get("type", "data"), "sample_file_name": sample}
    return ours | ({"url_path": folder(entry["url_path"], groups, f"{where}.url_path")} if "url_path" in entry else {})


def main():
    """The command line: two arguments, JSON lines on standard output, an exit status."""
    settings = "\n".join(f"    {name:22} {about}" for name, about in SETTINGS.items())
    line = argparse.ArgumentParser(
        prog="darkroom process",
        usage="darkroom process INPUT OUTPUT",
        description=f"{__doc__}\nThe environment may say:\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    line.add_argument("input", help=argparse.SUPPRESS)
    line.add_argument("output", help=argparse.SUPPRESS)
    given = line.parse_args()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level="INFO")
    logging.captureWarnings(True)
    logging.getLogger("airborne_convert").setLevel("CRITICAL")  # `told` says the same with the ids of granules
    try:
        failed = process(given.input, given.output)
    except Exception as error:  # whatever it is, the log is JSON lines
        logger.error("%s", entrypoint.message(error))
        sys.exit(1)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
