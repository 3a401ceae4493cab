"""Make a Neuroglancer volume of a folder of sections or a volume file, without Snakemake."""

import tempfile
from pathlib import Path

from atlas_chunk import atlas_chunk
from atlas_import import atlas_import
from darkroom import entrypoint
from darkroom.atlas.definition import complete as complete_options
from darkroom.atlas.definition import read as read_definition
from fetch_input import fetch_input


def ingest_ngs(
    source: str,
    *,
    destination: Path,
    definition: dict | None = None,
    definition_file: Path | None = None,
    threads: int = 2,
):
    """Cut a local source into Neuroglancer chunks, as the Human Brain Project's `ingest_ngs` does.

    source -- a folder of section images, or a volume file
    destination -- folder of the volume; it must be empty, new, or what an interrupted run has left
    definition, definition_file -- parameters as JSON: the `info` of the full resolution, or options by their names

    Raises ValueError for a source or a definition that makes no volume.
    """
    options = complete_options(read_definition(definition, definition_file))
    there = {path.name for path in destination.iterdir()} if destination.is_dir() else set()
    if there and ".unfinished" not in there:
        raise ValueError(f"{destination} holds other files, such as {min(there)}; give a new or empty folder")
    with tempfile.TemporaryDirectory() as folder:
        inventory, volume = Path(folder, "inventory.json"), Path(folder, "volume.json")
        fetch_input(source, destination=Path(folder, "files"), filter=options["filter"], inventory=inventory)
        atlas_import(inventory, volume, options)
        atlas_chunk(inventory, volume, destination / "info", threads=threads)


if __name__ == "__main__":
    entrypoint.run(ingest_ngs)
