"""Run a campaign: what `snakemake` takes, with its progress and its failures in few lines."""

import argparse
import importlib.util
import os
import sys

from darkroom import yaml_files
from darkroom.campaign.starting import only_looks
from darkroom.files import HOUSE

LOGGER = "rich"  # draws bars of progress; a failed job and its log come last


def command(arguments: list) -> list:
    """The command line of Snakemake: this workflow, and for a run that makes something the logger that is brief.

    A plan is shown as Snakemake shows it, with what would be made and why. The whole log of a run is in
    .snakemake/log in any case.
    """
    line = [sys.executable, "-m", "snakemake"]
    if not {"-s", "--snakefile"} & set(arguments):
        line += ["--snakefile", str(HOUSE / "Snakefile")]
    brief = importlib.util.find_spec(f"snakemake_logger_plugin_{LOGGER}") and "--logger" not in arguments
    if brief and not only_looks(arguments):
        line += ["--logger", LOGGER]
    return [*line, *arguments]


def configfiles(arguments: list) -> list:
    """The files that `--configfile` names: one with `=`, or all up to the next option."""
    named, open_ended = [], False
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if argument.startswith("-"):
            open_ended = option in ("--configfile", "--configfiles") and not equals
            named += [value] if equals and option in ("--configfile", "--configfiles") else []
        elif open_ended:
            named.append(argument)
    return named


def main():
    """The command line: all arguments but --help are Snakemake's."""
    parser = argparse.ArgumentParser(
        prog="darkroom run",
        usage="darkroom run [whatever snakemake takes, such as --configfile config.yaml, -n, --profile slurm]",
        description=__doc__,
        allow_abbrev=False,
    )
    _, arguments = parser.parse_known_args()
    try:
        for path in configfiles(arguments):
            yaml_files.read(path)  # Snakemake would take hours over a few aliases that multiply
    except (OSError, ValueError) as error:
        sys.exit(f"darkroom run: {error}")
    line = command(arguments)
    os.execv(line[0], line)


if __name__ == "__main__":
    main()
