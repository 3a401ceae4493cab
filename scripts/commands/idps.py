"""Say which IDPS is installed, and whether it can be used on this machine."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium.idps.install import MARKER, standing, versions


def idps(cache: Path, *, python: str = ""):
    """Print the versions of every IDPS that is installed and can be used on this machine; nothing is installed.

    cache -- folder of installations: resources/idps
    python -- the Python that is to import isx, empty for this one

    Raises ValueError when none is installed, or one of them is damaged or cannot be loaded here.
    """
    folders = sorted(path.parent.resolve() for path in cache.glob(f"*/{MARKER}"))
    if not folders:
        raise ValueError(f"{cache}: no IDPS is installed; a campaign with engine idps does it")
    for folder in folders:
        installation = standing(folder)
        if installation is None:
            raise ValueError(f"{folder}: has changed since it was installed; the next campaign installs it anew")
        print(folder)
        print(
            *(f"  {name} {version or 'is not there'}" for name, version in versions(installation, (), python).items()),
            sep="\n",
        )


if __name__ == "__main__":
    entrypoint.run(idps)
