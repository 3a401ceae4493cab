"""What is kept of a failure: the traceback, and what was found where."""

import platform
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

from darkroom import files
from darkroom.calcium.idps import child, library

LISTED = 200  # files of an installation that are named


@contextmanager
def explaining(folder):
    """Add to an error what is found in the folder of an installation, before it is cleared away."""
    try:
        yield
    except Exception as error:
        if not getattr(error, "__notes__", None):
            error.add_note(examine(folder))
        raise


@contextmanager
def kept(path):
    """Write the traceback of an error, with its notes, to a file that stays."""
    path = Path(path)
    path.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        files.write_bytes(path, traceback.format_exc().encode())
        raise


def examine(folder):
    """What is found in the folder of an installation, as text: files, marker, libraries, how `isx` imports.

    A library is loaded in a child process only, and only when it is whole.
    """
    folder = Path(folder)
    parts = {
        "system": lambda: f"glibc {library.running_glibc()}, Python {platform.python_version()} ({sys.executable})",
        "search path": lambda: "\n".join(sys.path),
        "variables of children": lambda: "\n".join(f"{name}={value}" for name, value in child.environment().items()),
        "marker": lambda: _text(folder / "installed.json"),
        "files": lambda: _listing(folder),
    }
    for number, path in enumerate(sorted(folder.rglob("libisxpublicapi.so")), 1):
        parts[f"library {number}"] = lambda path=path: _library(path)
    for number, path in enumerate(sorted(folder.rglob("isx/__init__.py")), 1):
        parts[f"import of isx {number}"] = lambda path=path: _import(path.parent.parent)
    return "\n".join(f"[{name}]\n{_answer(part)}\n" for name, part in parts.items())


def _answer(part):
    """What a part finds, or what it fails with: a diagnosis does not fail."""
    try:
        return part()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _text(path):
    return path.read_text(errors="replace").strip() if path.exists() else f"{path} is not there"


def _listing(folder):
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    lines = [f"{path.stat().st_size:>12} {path.relative_to(folder)}" for path in paths[:LISTED]]
    more = [f"... and {len(paths) - LISTED} more"] if len(paths) > LISTED else []
    return "\n".join([str(folder), *lines, *more])


def _library(path):
    """What a library is and needs, and what the loader finds of it."""
    said = [str(path)]
    for part in library.shipped(path):
        glibc = ".".join(map(str, part.glibc)) or "any"
        said.append(f"{part.path}: whole; glibc {glibc}; needs {', '.join(part.needed) or 'nothing'}")
    return "\n".join([*said, library.trace(path, child.environment(path.parent)).rstrip()])


def _import(api):
    """How `isx` imports in a child process, with the search path that it sees."""
    for path in api.rglob("libisxpublicapi.so"):
        library.shipped(path)
    program = "import sys\nprint(*sys.path, sep='\\n')\nimport isx\nprint(isx.__file__)"
    ended = child.run([sys.executable, "-c", program], child.environment(api), "/")
    return "\n".join([*ended.lines, ended.how or "ended well"])
