"""Install IDPS from the user's own installer and check that it can be used here."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.calcium.idps import diagnostics
from darkroom.calcium.idps.install import install


def calcium_install(installer: Path, versions: Path, *, cache: Path, algorithms: list = (), python: str = ""):
    """Install IDPS from the user's own installer, where it is not installed yet, and check that it can be used here.

    installer -- shell archive of IDPS for Linux, any version; it is read and run, never changed
    versions -- JSON to write: the installer, where it is installed, versions of all that takes part. When this fails,
        diagnostics.txt beside it says what was found where
    cache -- folder of installations, each in a folder named by the SHA-256 of its installer
    algorithms -- functions of isx that the campaign needs
    python -- the Python that is to import isx, empty for this one

    Raises ValueError when the installer or its library is of no use here, ChildProcessError when the installer fails.
    """
    with diagnostics.kept(versions.with_name("diagnostics.txt")):
        installation, said = install(installer, cache, algorithms, python)
        marker = files.read_json(installation.marker)
        place = {"installation": str(cache / installation.folder.name)}
        files.write_json(versions, {key: marker[key] for key in ("installer", "library")} | place | {"versions": said})


if __name__ == "__main__":
    entrypoint.run(calcium_install, globals().get("snakemake"))
