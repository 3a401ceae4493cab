"""Find the programs of ISIS and the data that a campaign needs."""

import os
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary.engines import programs


def planetary_check_isis(isis: Path, needs: dict, parameters: dict):
    """Find the programs of ISIS and the data that a campaign needs, before any program runs.

    isis -- JSON to write: the version of ISIS
    needs -- recipe -> title, areas, web_spice; geometry: the ways in which rows ask for it; programs that they run
    parameters -- program -> parameters that the campaign gives it

    Raises OSError with all that is missing, and the commands that install it.
    """
    programs.check(needs, os.environ, parameters)
    files.write_json(isis, {"isis": programs.version(os.environ)})


if __name__ == "__main__":
    entrypoint.run(planetary_check_isis, globals().get("snakemake"))
