"""Granules of a folder to netCDF files beside each other: which there are, and making what is not there yet."""

import functools
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from darkroom.airborne import cf, granules
from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
from darkroom.airborne.parallel import in_processes
from darkroom.airborne.told import told
from darkroom.files import SCRIPTS, described, read_json, settle
from darkroom.files import digest as file_digest
from darkroom.inventory import read as read_inventory

NETCDF = "netcdf"


@dataclass
class Folder:
    """What is in the source of a dataset: jobs to do, records of granules that are bad at once, names nobody knows."""

    root: Path
    jobs: list
    bad: list
    unknown: list


def look(inventory, collections=None, feature="sonde"):
    """The `Folder` of an inventory. Raises ValueError for an unknown feature, and where there is no granule."""
    if feature not in ("sonde", "flight"):
        raise ValueError(f"feature {feature!r}: right is sonde or flight")
    stock = read_inventory(inventory)
    root = Path(stock.root)
    jobs, bad, unknown = granules.find(described(stock.files), load_collections(collections or [COLLECTIONS]), root)
    if feature == "flight":
        jobs = granules.flights(jobs, root)
    if not jobs and not bad:
        some = f", such as {unknown[0]}" if unknown else ""
        raise ValueError(f"{root}: no granule among {len(stock.files)} files{some}; no collection knows their names")
    return Folder(root, jobs, bad, unknown)


def remembered(paths):
    """What files of `make` say was made, those that are there, the last one first: id -> key, state and records."""
    return {name: one for path in paths if path.exists() for name, one in read_json(path).items()}


def make(jobs, root, folder, before, options, processes=1):
    """Make netcdf/<id>.nc below a folder for each job, and bring all to the disk.

    before -- what was made earlier, as this returns it; what is there as it would be made is kept
    options -- of `cf.write`
    Returns id -> {"records"}, of good ones with "key" and "state", by which they are known again.
    """
    folder.joinpath(NETCDF).mkdir(parents=True, exist_ok=True)
    tasks = [(job, root, folder / NETCDF, before.get(job.id, {}), options) for job in jobs]
    made = {job.id: one for job, one in zip(jobs, in_processes(_make, tasks, processes), strict=True)}
    settle(folder / NETCDF)
    return made


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
            bad.append(granules.bad_record(member.match.granule, job.collection, member.entries, error))
    entries = [entry for member in good for entry in member.entries]
    try:
        if not read:
            return {"records": bad}
        granule = job.joined(read)
        cf.write(granule, path, **options, durable=False)
        tells = told(granule, cf.made_at(granule, options["production_time"]))
    except Exception as error:  # such as of a disk that is full
        return {"records": [granules.bad_record(job.id, job.collection, entries, error), *bad]}
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
