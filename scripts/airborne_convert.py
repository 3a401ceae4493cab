"""Bring the granules of a folder to CF netCDF."""

import json
import logging
from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import cf, making
from darkroom.files import clear_partials, write_bytes, write_json

logger = logging.getLogger(__name__)


def airborne_convert(
    inventory: Path,
    granules: Path,
    *,
    collections: list | None = None,
    parts: list | None = None,
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
    parts -- what `airborne_convert_part` has made of shares of the granules
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
    folder, memory = granules.parent, granules.with_name(making.MEMORY)
    source = making.look(inventory, collections, feature)
    for name in source.unknown:
        logger.warning("%s: no collection knows this name; the file is left alone", name)
    options = {"conventions": conventions, "production_time": production_time, "deflate": deflate}
    clear_partials(folder / making.NETCDF)
    before = making.remembered([memory, *map(Path, parts or [])])
    made = making.make(source.jobs, source.root, folder, before, options, threads)
    records = [record for one in made.values() for record in one["records"]]
    records = sorted(records + source.bad, key=lambda record: record["id"])
    for record in records:
        if record["error"]:
            logger.error("%s: %s", record["id"], record["error"])
        else:
            logger.info("%s: %s", record["netcdf"], "; ".join(flag["note"] for flag in record["flags"]) or "made")
    good = {record["id"] for record in records if not record["error"]}
    for name in set(before) - good:
        (folder / making.NETCDF / f"{name}.nc").unlink(missing_ok=True)
    write_bytes(memory, json.dumps({name: made[name] for name in sorted(good)}).encode())
    if not good:
        first = records[0]["error"]
        raise ValueError(first if len(records) == 1 else f"all {len(records)} granules are bad; the first: {first}")
    logger.info("%d granules, %d bad, %d unknown files", len(good), len(records) - len(good), len(source.unknown))
    write_json(granules, {"root": str(source.root), "granules": records, "unknown": source.unknown})


if __name__ == "__main__":
    entrypoint.run(airborne_convert, globals().get("snakemake"))
