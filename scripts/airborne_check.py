"""Check every granule: its netCDF against its source, its values, its metadata; write what was found."""

import logging
import math
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.airborne import cf, collection, product, quality
from darkroom.airborne import granules as granules_of
from darkroom.record import Record
from darkroom.record import write as write_record

logger = logging.getLogger(__name__)


def airborne_check(granules: Path, metadata: Path, check: Path, *, collections: list | None = None, schemas: str = ""):
    """Write quality/<granule>.json of each granule, and the figures of all, last.

    granules, metadata -- the lists that `airborne_convert` and `airborne_convert_metadata` made
    check -- JSON: notes, what was skipped, the figures of all granules
    collections -- files or folders of collections; by default those of config/collections
    schemas -- folder of CMR's schemas (umm-g-json-schema-v1.6.6.json, Granule.xsd, MetadataCommon.xsd)

    What is odd in the source (gaps, ranges, order) is flagged and let pass. Raises ValueError, once every granule has
    been looked at, for a product that differs from its source and for metadata that is not valid.
    """
    made, folder = files.read_json(granules), granules.parent
    known = collection.load(collections or [collection.FOLDER])
    listed = files.read_json(metadata)
    described, undescribed = {granule["id"]: granule for granule in listed["granules"]}, listed["errors"]
    wrong, reports = [], []
    for granule in (granule for granule in made["granules"] if granule["netcdf"]):
        report = examine(granule, described.get(granule["id"]), folder, Path(made["root"]), known, schemas)
        files.write_json(folder / f"quality/{granule['id']}.json", report)
        reports.append(report)
        wrong += [f"granule {granule['id']}: {line}" for line in failures(report)]
        about = {"collection": granule["collection"], "granule": granule["id"]}
        logger.info("%s: checked, %d flags", granule["id"], len(report["flags"]), extra=about)
    product.keep_only(folder / "quality", [f"{report['granule']}.json" for report in reports])
    if wrong:
        raise ValueError("; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""))
    write_record(check, summary(made, undescribed, reports, schemas))


def examine(granule, described, folder, root, collections, schemas=""):
    """What is found of one granule: round trip, figures and flags of the product, problems of its metadata."""
    path = folder / granule["netcdf"]
    found = quality.assess(path)
    problems = {}
    for kind, name in (described or {}).get("metadata", {}).items():
        problems[kind] = list(quality.invalid(folder / name, kind, schemas))
    return {
        "granule": granule["id"],
        "collection": granule["collection"],
        "netcdf": granule["netcdf"],
        "source": granule["files"],
        "round_trip": round_trip(granule, path, root, collections),
        **found,
        "flags": granule["flags"] + found["flags"],
        "metadata": {"schemas": bool(schemas), "problems": problems},
    }


def round_trip(granule, path, root, collections):
    """How many values of the source were compared with the netCDF, and where they differ; the source is read anew."""
    source = granules_of.load(granule["files"], granule["id"], collections, root)
    values = sum(math.prod(variable.shape) for variable in source.variables.values())
    return {"values": values, "differences": cf.round_trip(source, path)}


def failures(report):
    """What must not be: values that are not those of the source, metadata that is not valid."""
    for found in report["round_trip"]["differences"]:
        yield f"{report['netcdf']} is not its source: {found['variable']}: {found['difference']}"
    for kind, lines in report["metadata"]["problems"].items():
        yield from (f"{kind}: {line}" for line in lines)


def summary(made, undescribed, reports, schemas):
    """The record of the check for the manifest."""
    flagged = {}
    for report in reports:
        for flag in report["flags"]:
            flagged.setdefault(flag["flag"], []).append(report["granule"])
    notes = [f"{flag}: {counted(names)}; see quality/" for flag, names in flagged.items()]
    notes += [f"{granule['id']}: not converted: {granule['error']}" for granule in made["granules"] if granule["error"]]
    notes += [f"{granule['id']}: no metadata: {granule['error']}" for granule in undescribed]
    notes += [f"{name}: no granule of a known collection; left alone" for name in made["unknown"]]
    skipped = [] if schemas else ["validation of metadata by CMR's schemas: no folder of them was given"]
    figures = {
        "passed": True,
        "granules": len(reports),
        "values": sum(report["round_trip"]["values"] for report in reports),
        "metadata_files": sum(len(report["metadata"]["problems"]) for report in reports),
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
