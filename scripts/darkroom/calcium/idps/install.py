"""Install IDPS from the user's own installer into a cache: what is there is whole, checked and not made twice.

<cache>/<SHA-256 of the installer>/ is what the installer has made, in a folder that got this name when it was whole;
installed.json in it, written last, says what was checked. The installer is a shell archive of any version: it is read,
run and never changed; nothing is ever fetched.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from darkroom import files
from darkroom.calcium.idps import child, diagnostics, library, probe

logger = logging.getLogger(__name__)

LIBRARY = "libisxpublicapi.so"
MARKER = "installed.json"
ARGUMENTS = ("--skip-license",)
WANTED = "give the installer of IDPS for Linux (.sh)"
UNPACKED = 3  # times the size of the installer that is free before it runs


@dataclass(frozen=True)
class Installation:
    """An IDPS that was installed.

    folder -- all of it
    library -- the native library
    api -- the folder that `isx` is imported from
    beside -- folders of it with libraries that the loader would not find by itself
    """

    folder: Path
    library: Path
    api: Path
    beside: tuple = ()

    @property
    def marker(self):
        return self.folder / MARKER

    def environment(self, temporary=None):
        """The variables of a child that is to import `isx`."""
        return child.environment(self.api, self.beside, temporary)


def install(installer, cache, algorithms=(), python=None):
    """The IDPS of an installer, installed where it is missing, cut or changed, and checked on this machine.

    installer -- shell archive of IDPS for Linux, any version
    cache -- folder of all installations; jobs may share it
    algorithms -- functions of isx that are going to be called
    python -- the Python that calls them, or None for ours

    Returns the installation and `versions` of it. Raises ValueError when the installer, or what it installs, is of no
    use; ChildProcessError when it fails. Such an error has a note on what was found where (`diagnostics.examine`).
    """
    installer = Path(installer).absolute()
    seal = sealed(installer)
    folder = Path(cache).resolve() / seal["sha256"]
    with _alone(folder.parent):
        installation = standing(folder)
        if installation is None:
            return _install(installer, seal, folder, algorithms, python)
    logger.info("%s is installed in %s", installer.name, folder)
    with diagnostics.explaining(folder):
        return installation, versions(installation, algorithms, python)


def ready(folder, installer, algorithms=(), python=None):
    """The installation of a folder, checked on this machine; installed anew when something of it has gone since.

    Parameters and errors are those of `install`.
    """
    if installation := standing(Path(folder).resolve()):
        with diagnostics.explaining(installation.folder):
            versions(installation, algorithms, python)
        return installation
    return install(installer, Path(folder).parent, algorithms, python)[0]


@contextmanager
def _alone(cache):
    """Keep other jobs from installing for a while; the lock goes when the process does."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sealed(installer):
    """Name, size and SHA-256 of an installer. Raises ValueError when it cannot be one."""
    if not installer.is_file():
        raise ValueError(f"calcium.installer: {installer} is not there; {WANTED}")
    with installer.open("rb") as file:
        first = file.read(2)
    if first != b"#!":
        raise ValueError(f"calcium.installer: {installer} is no shell archive, it begins with {first!r}; {WANTED}")
    return {"name": installer.name, "bytes": installer.stat().st_size, "sha256": files.digest(installer)}


def standing(folder):
    """The installation of a folder, or None when there is none or something of it is missing, cut or changed."""
    try:
        marker = files.read_json(folder / MARKER)
        beside = tuple(folder / name for name in marker["beside"])
        installation = Installation(folder, folder / marker["library"]["path"], folder / marker["api"], beside)
        same = marker == _marker(installation, marker["installer"], marker["versions"])
        if same and marker["installer"]["sha256"] == folder.name:
            return installation
        logger.warning("%s has changed since it was installed", folder)
    except FileNotFoundError:
        logger.info("no installation in %s", folder)
    except (ValueError, LookupError, TypeError, OSError) as error:
        logger.warning("%s is no whole installation: %s", folder, error)
    return None


def _install(installer, seal, folder, algorithms, python):
    """Run the installer in a temporary folder, named when all is there, marked when it is of use."""
    for left in folder.parent.glob(".*.part"):
        shutil.rmtree(left, ignore_errors=True)
    files.require_room(folder, UNPACKED * seal["bytes"], f"the installation of {installer.name}")
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    made = staging / "made"
    made.mkdir(parents=True)
    try:
        with diagnostics.explaining(made):
            _run(installer, made, staging)
            find(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    installation = find(folder)
    try:
        with diagnostics.explaining(folder):
            said = versions(installation, algorithms, python)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    files.write_json(installation.marker, _marker(installation, seal, said))
    logger.info("%s is now installed in %s", installer.name, folder)
    return installation, said


def _marker(installation, seal, said):
    """What is remembered of an installation: enough to see that something of it is missing, cut or changed."""
    return {
        "installer": seal,
        "library": {
            "path": str(installation.library.relative_to(installation.folder)),
            "bytes": installation.library.stat().st_size,
            "sha256": files.digest(installation.library),
        },
        "api": str(installation.api.relative_to(installation.folder)),
        "beside": [str(folder.relative_to(installation.folder)) for folder in installation.beside],
        "files": _sizes(installation.folder),
        "versions": said,
    }


def _sizes(folder):
    """Number of files and one digest of all their names and sizes, without those that Python and we have added."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    lines = sorted(f"{path.stat().st_size} {path.relative_to(folder)}" for path in paths if path != folder / MARKER)
    return {"number": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def _run(installer, folder, staging):
    """Run the installer in a folder, with a home and a place for temporary files that go away."""
    home = staging / "home"
    home.mkdir()
    variables = child.environment(temporary=home) | {"HOME": str(home)}
    logger.info("running %s", installer)
    ended = child.run(["bash", installer, *ARGUMENTS], variables, folder)
    if ended.how:
        words = " / ".join(ended.lines[-3:]) or "none"
        raise ChildProcessError(f"{installer}: the installer {ended.how}; its last words: {words}")


def find(folder):
    """The native library and the package `isx` of an installation, at any depth. Raises ValueError unless there is
    exactly one of each."""
    folder = folder.resolve()
    libraries = sorted({path.resolve() for path in folder.rglob(LIBRARY) if path.is_file()})
    if len(libraries) != 1:
        there = ", ".join(str(path.relative_to(folder)) for path in libraries) or _listing(folder)
        made = f"{len(libraries)} libraries {LIBRARY}" if libraries else f"no {LIBRARY}"
        raise ValueError(f"{folder}: the installer has made {made}, one is needed; there: {there}")
    inside = [parent for parent in libraries[0].parents if parent.is_relative_to(folder)]
    api = next((parent for parent in inside if (parent / "isx/__init__.py").is_file()), None)
    if api is None:
        raise ValueError(f"{libraries[0]}: no Python package isx in its folder or above")
    return _with_neighbours(Installation(folder, libraries[0], api))


def _with_neighbours(installation):
    """The installation with the folders of those libraries that it has, and that the loader does not find by itself."""
    library.shipped(installation.library)
    while absent := library.missing(installation.library, installation.environment()):
        homes = {path.parent for name in absent for path in installation.folder.rglob(name)} - set(installation.beside)
        if not homes:
            break
        installation = replace(installation, beside=(*installation.beside, *sorted(homes)))
    return installation


def _listing(folder):
    return ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"


def versions(installation, algorithms=(), python=None):
    """Versions of all that takes part, after the library has been checked and then loaded in a child process.

    Raises ValueError when it cannot be loaded here, or when it has not the algorithms.
    """
    seen = look(installation, python)
    isx = seen["isx"]
    absent = sorted(set(algorithms) - set(isx["functions"]))
    if isx["reads_and_writes_only"] or absent:
        what = (
            "reads and writes files only, as that of wheels does" if isx["reads_and_writes_only"] else "is another one"
        )
        lacks = ", ".join(absent) or "every algorithm"
        raise ValueError(
            f"{installation.api}: isx {isx['version']} {what}; it lacks {lacks}; take an installer of IDPS that has it"
        )
    return {
        "glibc": library.running_glibc(),
        "python": seen["python"],
        "isx": isx["version"],
        **seen["packages"],
    }


def look(installation, python=None):
    """What a child process, which may die of it, sees of an installation (probe.py).

    Raises ValueError when the library cannot be loaded here, or `isx` not imported.
    """
    with tempfile.TemporaryDirectory() as folder:
        variables = installation.environment(folder)
        library.check(installation.library, variables, installation.beside)
        report = Path(folder, "report.json")
        command = [python or sys.executable, probe.__file__, report, installation.api, installation.library]
        ended = child.run(command, variables, folder)
        if ended.how or not report.exists():
            raise ValueError(f"{installation.library}: the process that loads it {ended.how or 'leaves no report'}")
        seen = files.read_json(report)
    if "traceback" in seen:
        logger.error("%s", seen["traceback"])
        raise ValueError(f"{installation.api}: isx cannot be imported: {seen['traceback'].strip().splitlines()[-1]}")
    return seen
