"""Check every granule: its netCDF against its source, its values, its metadata; write what was found."""

import logging
import math
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.airborne import cf, collection, product, quality
from darkroom.airborne import granules as granules_of
from darkroom.airborne.parallel import in_processes
from darkroom.record import Record
from darkroom.record import write as write_record

logger = logging.getLogger(__name__)


def airborne_check(
    granules: Path,
    metadata: Path,
    check: Path,
    *,
    collections: list | None = None,
    schemas: str = "",
    threads: int = 1,
):
    """Write quality/<granule>.json of each granule, and the figures of all, last.

    granules, metadata -- the lists that `airborne_convert` and `airborne_convert_metadata` made
    check -- JSON: notes, what was skipped, the figures of all granules
    collections -- files or folders of collections; by default those of config/collections
    schemas -- folder of CMR's schemas (umm-g-json-schema-v1.6.6.json, Granule.xsd, MetadataCommon.xsd)

    threads -- processes that check granules at the same time

    What is odd in the source (gaps, ranges, order) is flagged and let pass. A granule that could not be converted or
    described, a product that differs from its source, and metadata that is not valid, are told in the notes, and the
    check has not passed. Raises ValueError where that is so of all granules.
    """
    for name in quality.SCHEMAS.values() if schemas else ():
        if not Path(schemas, name).is_file():
            raise FileNotFoundError(f"{Path(schemas, name)}: no such schema of CMR")
    made, folder = files.read_json(granules), granules.parent
    known = collection.load(collections or [collection.FOLDER])
    listed = files.read_json(metadata)
    described = {granule["id"]: granule for granule in listed["granules"]}
    converted = [granule for granule in made["granules"] if granule["netcdf"]]
    tasks = [
        (granule, described.get(granule["id"]), folder, Path(made["root"]), known, schemas) for granule in converted
    ]
    reports = in_processes(report_of, tasks, threads)
    losses = {granule["id"]: f"not converted: {granule['error']}" for granule in made["granules"] if granule["error"]}
    losses |= {granule["id"]: f"no metadata: {granule['error']}" for granule in listed["errors"]}
    for report in reports:
        wrong = list(failures(report))
        if wrong:
            losses[report["granule"]] = "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if wrong[3:] else "")
        about = {"collection": report["collection"], "granule": report["granule"]}
        logger.info("%s: checked, %d flags", report["granule"], len(report["flags"]), extra=about)
    product.keep_only(folder / "quality", [f"{report['granule']}.json" for report in reports])
    files.settle(folder / "quality")
    total = len(made["granules"])
    if len(losses) == total:
        told = "; ".join(f"{name}: {wrong}" for name, wrong in losses.items())
        raise ValueError(told if total == 1 else f"all {total} granules failed: {told}")
    write_record(check, summary(made, losses, reports, schemas))


def report_of(granule, described, folder, root, collections, schemas=""):
    """Write quality/<granule>.json; the report in it."""
    try:
        report = examine(granule, described, folder, root, collections, schemas)
    except Exception as error:  # whatever it is, it is that granule's
        report = {key: granule[key] for key in ("collection", "netcdf", "flags")} | {"granule": granule["id"]}
        report |= {"source": granule["files"], "error": granules_of.say(error, granule["netcdf"])}
    files.write_json(folder / f"quality/{granule['id']}.json", report, durable=False)
    return report


def examine(granule, described, folder, root, collections, schemas=""):
    """What is found of one granule: round trip, figures and flags of the product, problems of its metadata."""
    with product.opened(folder / granule["netcdf"]) as made:
        compared = round_trip(granule, made, root, collections)
        found = quality.assess(made)
    problems = {}
    for kind, name in (described or {}).get("metadata", {}).items():
        problems[kind] = list(quality.invalid(folder / name, kind, schemas))
    return {
        "granule": granule["id"],
        "collection": granule["collection"],
        "netcdf": granule["netcdf"],
        "source": granule["files"],
        "round_trip": compared,
        **found,
        "flags": granule["flags"] + found["flags"],
        "metadata": {"schemas": bool(schemas), "problems": problems},
    }


def round_trip(granule, made, root, collections):
    """How many values of the source were compared with the netCDF, and where they differ; the source is read anew."""
    source = granules_of.load(granule["files"], granule["id"], collections, root)
    values = sum(math.prod(variable.shape) for variable in source.variables.values())
    return {"values": values, "differences": cf.round_trip(source, made)}


def failures(report):
    """What must not be: values that are not those of the source, metadata that is not valid, no check at all."""
    if "error" in report:
        yield f"not checked: {report['error']}"
        return
    for found in report["round_trip"]["differences"]:
        yield f"{report['netcdf']} is not its source: {found['variable']}: {found['difference']}"
    for kind, lines in report["metadata"]["problems"].items():
        yield from (f"{kind}: {line}" for line in lines)


def summary(made, losses, reports, schemas):
    """The record of the check for the manifest; `losses` are what is wrong by the granule."""
    flagged = {}
    for report in reports:
        for flag in report["flags"]:
            flagged.setdefault(flag["flag"], []).append(report["granule"])
    notes = [f"{len(losses)} of {len(made['granules'])} granules failed"] if losses else []
    notes += [f"{name}: {told}" for name, told in losses.items()]
    notes += [f"{flag}: {counted(names)}; see quality/" for flag, names in flagged.items()]
    notes += [f"{name}: no granule of a known collection; left alone" for name in made["unknown"]]
    skipped = [] if schemas else ["validation of metadata by CMR's schemas: no folder of them was given"]
    checked = [report for report in reports if "error" not in report]
    figures = {
        "passed": not losses,
        "granules": len(reports),
        **({"failed": len(losses)} if losses else {}),
        "values": sum(report["round_trip"]["values"] for report in checked),
        "metadata_files": sum(len(report["metadata"]["problems"]) for report in checked),
        "flags": {flag: len(set(names)) for flag, names in flagged.items()},
    }
    software = files.versions("netCDF4", "numpy", "jsonschema", "lxml")
    return Record(notes=notes, skipped=skipped, checks={"airborne_check": figures}, software=software)


def counted(names):
    """The first names of a list and how many there are."""
    names = list(dict.fromkeys(names))
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


if __name__ == "__main__":
    entrypoint.run(airborne_check, globals().get("snakemake"))
