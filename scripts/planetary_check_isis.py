"""Find the programs of ISIS and the data that a campaign needs."""

import os
from pathlib import Path

import _entrypoint
import _files
import _isis


def planetary_check_isis(found: Path, recipes: dict, geometry: dict, parameters: dict):
    """Find the programs of ISIS and the data that a campaign needs, before any program runs.

    found -- JSON to write: the version of ISIS
    recipes -- the recipes of the sheet by name
    geometry -- recipe -> the ways in which its rows ask for geometry
    parameters -- program -> parameters that the campaign gives it

    Raises OSError with all that is missing, and the commands that install it.
    """
    _isis.check(recipes, os.environ, geometry, parameters=parameters)
    _files.write_json(found, {"isis": _isis.version(os.environ)})


if __name__ == "__main__":
    _entrypoint.run(planetary_check_isis, globals().get("snakemake"))
