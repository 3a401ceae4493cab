"""Bring the granules of a folder to CF netCDF."""

import functools
import hashlib
import json
import logging
import os
from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import cf
from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
from darkroom.airborne.collection import match as match_collection
from darkroom.airborne.granule import read as read_granule
from darkroom.files import SCRIPTS, clear_partials, read_json, write_json
from darkroom.files import digest as file_digest

logger = logging.getLogger(__name__)

NETCDF = "netcdf"
MADE = ".granules.json"  # beside the list: what each netCDF file was made of, for a rerun
SONDES = ("eol", "icartt", "avaps", "aspen")
BAD = (ValueError, OSError, KeyError)  # what a granule that cannot be read or written raises


def airborne_convert(
    inventory: Path,
    granules: Path,
    *,
    collections: list | None = None,
    conventions: str = "CF-1.8",
    feature: str = "sonde",
    production_time: str = "",
    deflate: int | None = None,
):
    """Write netcdf/<granule>.nc beside `granules` for each granule of a dataset, and then the list of them.

    inventory -- what `fetch_input` has found: the folder and the names of the files
    granules -- JSON: {"root", "granules": [{"id", "collection", "files", "netcdf", "flags", "error"}], "unknown"}
    collections -- YAML files, or folders of them, that describe the collections; by default those of Darkroom
    conventions -- CF-1.8 or CF-1.11
    feature -- `sonde` for a file per dropsonde, or `flight` for one of all the dropsondes of a flight
    production_time -- ISO 8601 time that products count as made at; see `cf.write`
    deflate -- level from 0 to 9; see `cf.write`

    A bad granule has its `error` and no netCDF, and does not stop the others; unknown files are named and left alone.
    A netCDF file that was made of the same files with the same options is kept. Raises ValueError when there is no
    granule or all are bad.
    """
    cf.require(conventions, production_time)  # before what is there is made again
    found = read_json(inventory)
    root, folder = Path(found["root"]), granules.parent / NETCDF
    known = load_collections(collections or [COLLECTIONS])
    jobs, bad, unknown = find(found["files"], known)
    if feature == "flight":
        jobs = flights(jobs)
    elif feature != "sonde":
        raise ValueError(f"feature {feature!r}: right is sonde or flight")
    for name in unknown:
        logger.warning("%s: no collection knows this name; the file is left alone", name)
    if not jobs and not bad:
        some = f", such as {unknown[0]}" if unknown else ""
        raise ValueError(f"{root}: no granule among {len(found['files'])} files{some}; no collection knows their names")

    options = {"conventions": conventions, "production_time": production_time, "deflate": deflate}
    folder.mkdir(parents=True, exist_ok=True)
    clear_partials(folder)
    memory = granules.with_name(MADE)
    made = read_json(memory) if memory.exists() else {}
    records = [record for job in jobs for record in _records(job, root, folder, made, options)]
    records = sorted(records + bad, key=lambda record: record["id"])
    good = {record["id"] for record in records if not record["error"]}
    for name in set(made) - good:
        (folder / f"{name}.nc").unlink(missing_ok=True)
    write_json(memory, {name: made[name] for name in sorted(good)})
    if not good:
        first = records[0]["error"]
        raise ValueError(first if len(records) == 1 else f"all {len(records)} granules are bad; the first: {first}")
    logger.info("%d granules, %d bad, %d unknown files", len(good), len(records) - len(good), len(unknown))
    write_json(granules, {"root": str(root), "granules": records, "unknown": unknown})


def find(files, collections):
    """(jobs, bad, unknown): a job {"id", "members"} per granule, records of bad ones, and names nobody knows.

    A member is (match, entry of the data file, entry of the companion or None).
    """
    data, companions, bad, unknown = {}, {}, [], []
    for entry in files:
        try:
            match = match_collection(entry["name"], collections)
        except ValueError as error:
            bad.append(_bad(Path(entry["name"]).name, None, [entry], error))
            continue
        if match is None:
            unknown.append(entry["name"])
        else:
            (data if match.role == "data" else companions).setdefault(match.granule, []).append((match, entry))
    unknown += [entry["name"] for name, given in companions.items() if name not in data for _, entry in given]
    jobs = []
    for name, given in data.items():
        if len(given) > 1 or len(companions.get(name, [])) > 1:
            entries = [entry for _, entry in given + companions.get(name, [])]
            names = " and ".join(entry["name"] for entry in entries)
            bad.append(_bad(name, given[0][0].collection, entries, f"two granules have the id {name}: {names}"))
            continue
        (match, entry), (_, companion) = given[0], companions.get(name, [(None, None)])[0]
        jobs.append({"id": name, "members": [(match, entry, companion)]})
    return jobs, bad, sorted(unknown)


def flights(jobs):
    """The jobs with dropsondes of one flight (of one collection and format, where names tell no flight) as one job."""
    joined, others = {}, []
    for job in jobs:
        match = job["members"][0][0]
        if match.form["reader"] not in SONDES:
            others.append(job)
            continue
        key = match.collection["short_name"], match.form["names"], match.groups.get("flight", "")
        joined.setdefault(key, []).extend(job["members"])
    for (short_name, _, flight), members in joined.items():
        members.sort(key=lambda member: member[0].granule)
        name = f"{short_name}_{flight or members[0][0].groups.get('date', 'flight')}"
        while any(name == other["id"] for other in others):
            name += "_2"
        others.append({"id": name, "members": members})
    return others


def load(job, root):
    """The granule of a job, read from its files; a flight is joined of its sondes."""
    return _joined(job, [_read(member, root) for member in job["members"]])


def _read(member, root):
    match, entry, companion = member
    return read_granule(match, root / entry["name"], root / companion["name"] if companion else None)


def _joined(job, granules):
    return granules[0] if job["id"] == granules[0].id else cf.flight(job["id"], granules)


def _records(job, root, folder, made, options):
    """Make the netCDF of a job where it is not there, and say what came of it; `made` learns of it.

    One record, and one more for each bad sonde of a flight.
    """
    collection = job["members"][0][0].collection
    key = _key([member[1:] for member in job["members"]], job["members"][0][0].form, collection, options)
    path = folder / f"{job['id']}.nc"
    before = made.pop(job["id"], {})
    if before.get("key") == key and path.exists() and before["state"] == _state(path):
        logger.info("%s is as it was", path.name)
        made[job["id"]] = before
        return before["records"]
    path.unlink(missing_ok=True)
    good, granules, bad = [], [], []
    for member in job["members"]:
        try:
            granules.append(_read(member, root))
            good.append(member)
        except BAD as error:
            bad.append(_bad(member[0].granule, collection, _entries([member]), error))
    if not granules:
        return bad
    try:
        granule = _joined(job, granules)
        cf.write(granule, path, **options)
    except BAD as error:
        return [_bad(job["id"], collection, _entries(good), error), *bad]
    record = {
        "id": job["id"],
        "collection": collection["short_name"],
        "files": [entry["name"] for entry in _entries(good)],
        "netcdf": f"{NETCDF}/{path.name}",
        "flags": granule.flags,
        "error": "",
    }
    made[job["id"]] = {"key": key, "state": _state(path), "records": [record, *bad]}
    logger.info("%s: %s", path.name, "; ".join(flag["note"] for flag in granule.flags) or "made")
    return [record, *bad]


def _entries(members):
    return [entry for member in members for entry in member[1:] if entry]


def _bad(name, collection, entries, error):
    message = error if isinstance(error, str) else entrypoint.message(error)
    logger.error("%s: %s", name, message)
    return {
        "id": name,
        "collection": collection["short_name"] if collection else None,
        "files": [entry["name"] for entry in entries],
        "netcdf": None,
        "flags": [],
        "error": message,
    }


def _key(*parts):
    """Digest of what a netCDF file is made of: its sources, options, and the programs that read and write it."""
    parts = [*parts, os.environ.get("SOURCE_DATE_EPOCH"), _programs()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@functools.cache
def _programs():
    room = SCRIPTS / "darkroom/airborne"
    return [file_digest(path) for path in (room / "cf.py", room / "granule.py", *sorted(room.glob("readers/*.py")))]


def _state(path):
    return [path.stat().st_size, path.stat().st_mtime_ns]


if __name__ == "__main__":
    entrypoint.run(airborne_convert, globals().get("snakemake"))
