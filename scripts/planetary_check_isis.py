"""Find the programs of ISIS and the data that a campaign needs."""

import os
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary.engines import programs


def planetary_check_isis(found: Path, recipes: dict, geometry: dict, parameters: dict):
    """Find the programs of ISIS and the data that a campaign needs, before any program runs.

    found -- JSON to write: the version of ISIS
    recipes -- the recipes of the sheet by name
    geometry -- recipe -> the ways in which its rows ask for geometry
    parameters -- program -> parameters that the campaign gives it

    Raises OSError with all that is missing, and the commands that install it.
    """
    programs.check(recipes, os.environ, geometry, parameters=parameters)
    files.write_json(found, {"isis": programs.version(os.environ)})


if __name__ == "__main__":
    entrypoint.run(planetary_check_isis, globals().get("snakemake"))
