"""Put Darkroom's profiles where Snakemake looks for them, so that `snakemake --profile slurm` works anywhere."""

import logging
import os
from pathlib import Path

from darkroom import entrypoint
from darkroom.files import HOUSE

logger = logging.getLogger(__name__)

FOLDER = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "snakemake"


def profiles(*, folder: Path = FOLDER):
    """Link every profile but the default one, which Snakemake finds beside the workflow, into a folder.

    folder -- where Snakemake looks for profiles

    A link follows this checkout as it is updated. Whatever else has the name of a profile there is left alone, and
    ends the command with a ValueError that names it, after all others are linked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    for profile in sorted((HOUSE / "profiles").iterdir()):
        link = folder / profile.name
        if profile.name == "default" or link.resolve() == profile:
            continue
        if link.is_symlink() and not link.exists():  # of a checkout that is gone
            link.unlink()
        if link.is_symlink() or link.exists():
            taken.append(str(link))
            continue
        link.symlink_to(profile)
        logger.info("%s: snakemake --profile %s", link, profile.name)
    if taken:
        raise ValueError(f"{', '.join(taken)}: is there already, and no link to this checkout; rename or remove it")


if __name__ == "__main__":
    entrypoint.run(profiles)
