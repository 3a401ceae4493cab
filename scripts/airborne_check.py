"""Check every granule: its netCDF against its source, its values, its metadata; write what was found."""

import logging
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.airborne import checking, collection, product
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
    parts: list | None = None,
    schemas: str = "",
    threads: int = 1,
):
    """Write quality/<granule>.json of each granule, and the figures of all, last.

    granules, metadata -- the lists that `airborne_convert` and `airborne_convert_metadata` made
    check -- JSON: notes, what was skipped, the figures of all granules
    collections -- files or folders of collections; by default those of config/collections
    parts -- the reports that `airborne_check_part` has made of shares of the granules
    schemas -- folder of CMR's schemas (umm-g-json-schema-v1.6.6.json, Granule.xsd, MetadataCommon.xsd)
    threads -- processes that check granules at the same time

    What is odd in the source (gaps, ranges, order) is flagged and let pass. A granule that could not be converted or
    described, a product that differs from its source, and metadata that is not valid, are told in the notes, and the
    check has not passed. Raises ValueError where that is so of all granules.
    """
    checking.require_schemas(schemas)
    made, listed, folder = files.read_json(granules), files.read_json(metadata), granules.parent
    if parts:
        reports = sorted((one for part in parts for one in files.read_json(part)), key=lambda report: report["granule"])
    else:
        loaded = collection.load(collections or [collection.FOLDER])
        reports = in_processes(checking.report_of, checking.tasks(made, listed, folder, loaded, schemas), threads)
    losses = {granule["id"]: f"not converted: {granule['error']}" for granule in made["granules"] if granule["error"]}
    losses |= {granule["id"]: f"no metadata: {granule['error']}" for granule in listed["errors"]}
    for report in reports:
        wrong = list(checking.failures(report))
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
