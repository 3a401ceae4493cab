"""Check a share of the granules of a large folder, which is a job of its own."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.airborne import checking, collection
from darkroom.airborne.parallel import in_processes


def airborne_check_part(
    granules: Path,
    metadata: Path,
    reports: Path,
    part: int,
    parts: int,
    *,
    collections: list | None = None,
    schemas: str = "",
    threads: int = 1,
):
    """Write quality/<granule>.json of every `parts`-th granule, from granule `part` on, and the reports in one file.

    reports -- JSON for `airborne_check`; the options are those of it
    """
    checking.require_schemas(schemas)
    made, listed, folder = files.read_json(granules), files.read_json(metadata), granules.parent
    loaded = collection.load(collections or [collection.FOLDER])
    share = checking.tasks(made, listed, folder, loaded, schemas)[int(part) :: int(parts)]
    files.write_json(reports, in_processes(checking.report_of, share, threads))


if __name__ == "__main__":
    entrypoint.run(airborne_check_part, globals().get("snakemake"))
