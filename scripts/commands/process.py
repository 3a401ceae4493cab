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
import sys
import time
from pathlib import Path

from airborne_check import airborne_check
from airborne_convert import airborne_convert
from airborne_convert_metadata import airborne_convert_metadata
from darkroom import entrypoint
from darkroom.airborne import payload, staging
from darkroom.airborne.checking import failures
from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
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
    "CUMULUS_NAMES": "yes: metadata also as .cmr.json, .cmr.xml, .nc.meta.xml (default: where a file table has them)",
    "BROWSE": "yes: a picture of each granule, browse/<granule>.png, also in the archive (default: no)",
    "THREADS": "granules that are worked on at the same time (default: as many as there are cores)",
    "ALLOW_LOSSES": "yes: the exit status is 0 although granules failed (default: no)",
    "SCHEMAS": "folder of CMR's schemas, to validate the metadata by (default: not validated)",
}


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
    asked = None
    if indir.is_file():
        root, names, collections, settings, asked = follow(indir, outdir, settings)
    else:
        root, names, collections = indir, sorted(below(indir)), chosen(settings, outdir)
    archive = {"endpoint": settings.get("DISTRIBUTION_ENDPOINT", ""), "buckets": buckets(settings)}
    archive["cumulus_names"] = yes(settings, "CUMULUS_NAMES")
    many = {"threads": threads(settings)}
    inventory, granules, metadata = (outdir / f"{name}.json" for name in ("inventory", "granules", "metadata"))
    write_inventory(inventory, local_inventory(root, names))
    options = {"conventions": "CONVENTIONS", "feature": "FEATURE", "production_time": "PRODUCTION_TIME"}
    options = {name: settings[key] for name, key in options.items() if key in settings}
    airborne_convert(inventory, granules, collections=collections, **options, **many)
    made = read_json(granules)
    tell(made)
    failed = {granule["id"]: granule["error"] for granule in made["granules"] if granule["error"]}
    pictures = [outdir / "pictures.json"] if yes(settings, "BROWSE") else []
    for listed in pictures:
        from airborne_plot_granules import airborne_plot_granules  # half of the start, where no pictures are asked for

        airborne_plot_granules(granules, listed, **many)
    airborne_convert_metadata(granules, metadata, collections=collections, pictures=pictures, **archive, **many)
    described = read_json(metadata)
    failed |= {granule["id"]: granule["error"] for granule in described["errors"]}
    try:
        check, schemas = outdir / "airborne_check.json", settings.get("SCHEMAS", "")
        airborne_check(granules, metadata, check, collections=collections, schemas=schemas, **many)
    except ValueError as error:
        logger.error("%s", error)
    failed |= stage(outdir, root, described)
    if asked:
        unused(described, collections)
        staged = {granule["id"] for granule in described["granules"]} - set(failed)
        answer(asked, outdir, described, staged, failed, settings.get("PRODUCTION_TIME"))
    if failed:
        logger.warning("%d of %d granules failed", len(failed), len(made["granules"]))
    return 0 if yes(settings, "ALLOW_LOSSES") else len(failed)


def yes(settings, name):
    """Whether a setting is on."""
    told = settings.get(name, "no").lower()
    if told not in ("yes", "no", "true", "false", "1", "0"):
        raise ValueError(f"{name} is {settings[name]!r}; right is yes or no")
    return told in ("yes", "true", "1")


def threads(settings):
    """How many granules are worked on at the same time."""
    told = settings.get("THREADS") or str(len(os.sched_getaffinity(0)))
    if not told.isdigit() or not int(told):
        raise ValueError(f"THREADS is {told!r}; right is a number such as 4")
    return int(told)


def sources(settings):
    """Files and folders of the collections that are known."""
    return settings["COLLECTIONS"].split(os.pathsep) if "COLLECTIONS" in settings else [str(COLLECTIONS)]


def chosen(settings, outdir):
    """Paths of the collections that granules may be of."""
    if "SHORT_NAME" not in settings:
        return sources(settings)
    return [written(payload.named(load_collections(sources(settings)), settings["SHORT_NAME"], "SHORT_NAME"), outdir)]


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


def tell(made):
    """Say of each granule, and of unknown files, what became of them."""
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


def stage(outdir, root, described):
    """Copy files that the file tables have a place for into the tree of buckets; gives what went wrong by granule.

    A granule whose product or metadata is wrong stays out of the archive.
    """
    failed, taken = {}, {}
    for granule in described["granules"]:
        about = {"collection": granule["collection"], "granule": granule["id"]}
        wrong = list(failures(read_json(outdir / f"quality/{granule['id']}.json")))
        if not wrong:
            try:
                staging.stage(outdir / "archive", granule["archive"], outdir, root, taken)
            except (ValueError, OSError) as error:
                wrong = [entrypoint.message(error)]
        if wrong:
            failed[granule["id"]] = "; ".join(wrong)
            logger.error("not staged: %s", failed[granule["id"]], extra=about)
        else:
            logger.info("%d files staged", len(granule["archive"]), extra=about)
    return failed


def follow(path, outdir, settings):
    """Root, names, collections and settings of a payload (`darkroom.airborne.payload`), and the payload.

    Its collection is written to OUTPUT/collections, where it can be looked at. Settings of the environment come first.
    """
    asked = payload.read(path)
    for file in asked.files:
        if file.path.is_relative_to(outdir):
            raise ValueError(f"{path}: input {file.path} is in the output folder; give an output elsewhere")
        file.require()
    offered = load_collections(sources(settings))
    try:
        collection = payload.collection_of(asked, offered, settings.get("SHORT_NAME", ""))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    endpoint = asked.config.get("distribution_endpoint", "")
    own = {"BUCKETS": json.dumps(asked.buckets), "DISTRIBUTION_ENDPOINT": endpoint}
    return asked.root, asked.names, [written(collection, outdir)], own | settings, asked


def answer(asked, outdir, described, staged, failed, produced):
    """Write OUTPUT/payload.json: what the workflow's next step takes, or the answer to a notice."""
    good = [granule for granule in described["granules"] if granule["id"] in staged]
    told = payload.answer(asked, good, failed, outdir)
    if asked.is_notice:
        now = produced or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        told |= {"receivedTime": now, "processCompleteTime": now}
    write_json(outdir / "payload.json", told)


def unused(described, collections):
    """Say which lines of the file tables matched no file of any granule."""
    used = {entry["name"] for granule in described["granules"] for entry in granule["archive"]}
    for collection in load_collections(collections).values():
        of_it = any(granule["collection"] == collection["short_name"] for granule in described["granules"])
        for entry in collection["files"] if of_it else ():
            if not any(re.fullmatch(entry["regex"], name) for name in used):
                logger.warning("file table of %s: %s matches no file", collection["short_name"], entry["regex"])


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
    logging.getLogger("airborne_convert").setLevel("CRITICAL")  # `tell` says the same with the ids of granules
    try:
        failed = process(given.input, given.output)
    except Exception as error:  # whatever it is, the log is JSON lines
        logger.error("%s", entrypoint.message(error))
        sys.exit(1)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
