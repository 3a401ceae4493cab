"""Bring a share of the granules of a large folder to CF netCDF, which is a job of its own."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import cf, making
from darkroom.files import write_json


def airborne_convert_part(
    inventory: Path,
    made: Path,
    part: int,
    parts: int,
    *,
    collections: list | None = None,
    conventions: str = "CF-1.8",
    feature: str = "sonde",
    production_time: str = "",
    threads: int = 1,
):
    """Write netcdf/<granule>.nc of every `parts`-th granule, from granule `part` on, beside the folder of `made`.

    made -- parts/*.json for `airborne_convert`: what was made of which sources, and what went wrong, by granule
    The options are those of `airborne_convert`.
    """
    cf.require(conventions, production_time)
    source = making.look(inventory, collections, feature)
    options = {"conventions": conventions, "production_time": production_time, "deflate": None}
    share = source.jobs[int(part) :: int(parts)]
    folder = made.parent.parent
    write_json(made, making.make(share, source.root, folder, making.remembered([made]), options, threads))


if __name__ == "__main__":
    entrypoint.run(airborne_convert_part, globals().get("snakemake"))
