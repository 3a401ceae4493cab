"""Bring the granules of a folder to CF netCDF."""

import functools
import hashlib
import json
import logging
import os
from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import cf
from darkroom.airborne import granules as granules_of
from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
from darkroom.airborne.parallel import in_processes
from darkroom.airborne.told import told
from darkroom.files import SCRIPTS, clear_partials, described, read_json, settle, write_json
from darkroom.files import digest as file_digest
from darkroom.inventory import read as read_inventory

logger = logging.getLogger(__name__)

NETCDF = "netcdf"
MADE = ".granules.json"  # beside the list: what each netCDF file was made of, for a rerun


def airborne_convert(
    inventory: Path,
    granules: Path,
    *,
    collections: list | None = None,
    conventions: str = "CF-1.8",
    feature: str = "sonde",
    production_time: str = "",
    deflate: int | None = None,
    threads: int = 1,
):
    """Write netcdf/<granule>.nc beside `granules` for each granule of a dataset, and then the list of them.

    inventory -- what `fetch_input` has found: the folder and the names of the files
    granules -- JSON: {"root", "granules": [{"id", "collection", "files", "netcdf", "flags", "error"}], "unknown"}
    collections -- YAML files, or folders of them, that describe the collections; by default those of Darkroom
    conventions -- CF-1.8 or CF-1.11
    feature -- `sonde` for a file per dropsonde, or `flight` for one of all the dropsondes of a flight
    production_time -- ISO 8601 time that products count as made at; see `cf.write`
    deflate -- level from 0 to 9; see `cf.write`
    threads -- processes that convert granules at the same time

    A bad granule has its `error` and no netCDF, and does not stop the others; unknown files are named and left alone.
    A netCDF file that was made of the same files with the same options is kept. Raises ValueError when there is no
    granule or all are bad.
    """
    cf.require(conventions, production_time)  # before what is there is made again
    if feature not in ("sonde", "flight"):
        raise ValueError(f"feature {feature!r}: right is sonde or flight")
    found = read_inventory(inventory)
    root, folder = Path(found.root), granules.parent / NETCDF
    known = load_collections(collections or [COLLECTIONS])
    jobs, bad, unknown = granules_of.find(described(found.files), known, root)
    if feature == "flight":
        jobs = granules_of.flights(jobs, root)
    for name in unknown:
        logger.warning("%s: no collection knows this name; the file is left alone", name)
    if not jobs and not bad:
        some = f", such as {unknown[0]}" if unknown else ""
        raise ValueError(f"{root}: no granule among {len(found.files)} files{some}; no collection knows their names")

    options = {"conventions": conventions, "production_time": production_time, "deflate": deflate}
    folder.mkdir(parents=True, exist_ok=True)
    clear_partials(folder)
    memory = granules.with_name(MADE)
    before = read_json(memory) if memory.exists() else {}
    tasks = [(job, root, folder, before.get(job.id, {}), options) for job in jobs]
    made = {job.id: done for job, done in zip(jobs, in_processes(_make, tasks, threads), strict=True)}
    records = [record for done in made.values() for record in done["records"]]
    records = sorted(records + bad, key=lambda record: record["id"])
    for record in records:
        if record["error"]:
            logger.error("%s: %s", record["id"], record["error"])
        else:
            logger.info("%s: %s", record["netcdf"], "; ".join(flag["note"] for flag in record["flags"]) or "made")
    good = {record["id"] for record in records if not record["error"]}
    for name in set(before) - good:
        (folder / f"{name}.nc").unlink(missing_ok=True)
    settle(folder)
    write_json(memory, {name: made[name] for name in sorted(good)})
    if not good:
        first = records[0]["error"]
        raise ValueError(first if len(records) == 1 else f"all {len(records)} granules are bad; the first: {first}")
    logger.info("%d granules, %d bad, %d unknown files", len(good), len(records) - len(good), len(unknown))
    write_json(granules, {"root": str(root), "granules": records, "unknown": unknown})


def _make(job, root, folder, before, options):
    """Make the netCDF of a job where it is not there as it would be made: what it was made of, and its records.

    One record, and one more for each bad sonde of a flight.
    """
    key = _key([member.entries for member in job.members], job.form, job.collection, options)
    path = folder / f"{job.id}.nc"
    if before.get("key") == key and path.exists() and before["state"] == _state(path):
        return before
    path.unlink(missing_ok=True)
    good, read, bad = [], [], []
    for member in job.members:
        try:
            read.append(member.read(root))
            good.append(member)
        except Exception as error:  # whatever it is, it is that granule's
            bad.append(granules_of.bad_record(member.match.granule, job.collection, member.entries, error))
    entries = [entry for member in good for entry in member.entries]
    try:
        if not read:
            return {"records": bad}
        granule = job.joined(read)
        cf.write(granule, path, **options, durable=False)
        tells = told(granule, cf.made_at(granule, options["production_time"]))
    except Exception as error:  # such as of a disk that is full
        return {"records": [granules_of.bad_record(job.id, job.collection, entries, error), *bad]}
    record = {
        "id": job.id,
        "collection": job.collection["short_name"],
        "files": [entry["name"] for entry in entries],
        "netcdf": f"{NETCDF}/{path.name}",
        "flags": granule.flags,
        "error": "",
        "told": tells,
    }
    return {"key": key, "state": _state(path), "records": [record, *bad]}


def _key(*parts):
    """Digest of what a netCDF file is made of: its sources, options, and the programs that read and write it."""
    parts = [*parts, os.environ.get("SOURCE_DATE_EPOCH"), _programs()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@functools.cache
def _programs():
    room = SCRIPTS / "darkroom/airborne"
    return [file_digest(path) for path in sorted([*room.glob("*.py"), *room.glob("readers/*.py")])]


def _state(path):
    return [path.stat().st_size, path.stat().st_mtime_ns]


if __name__ == "__main__":
    entrypoint.run(airborne_convert, globals().get("snakemake"))
