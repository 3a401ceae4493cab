"""Files that are whole or absent: atomic writes, digests, room on the disk."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
from contextlib import contextmanager
from pathlib import Path

BLOCK = 1 << 20
HOUSE = Path(__file__).parents[2]  # a rule's own script cannot tell: of a workflow on a Git host it is a URL
CONFIG = HOUSE / "config"
SCRIPTS = HOUSE / "scripts"


@contextmanager
def replacing(path):
    """Give a temporary path in the folder of `path`, and rename it to `path` when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def clear_partials(folder):
    """Remove what killed writers have left in a folder (not below it); nobody else may be writing there."""
    for partial in Path(folder).glob(".*.part"):
        partial.unlink(missing_ok=True)


def write_bytes(path, content):
    """Write a whole file or nothing."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path, value):
    """Write JSON that a person can read and that is the same bytes for the same value."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path):
    """Parse a JSON file. Raises ValueError naming the file when it is no JSON."""
    try:
        return json.loads(Path(path).read_bytes())
    except ValueError as error:  # no JSON, or no text
        raise ValueError(f"{path}: not JSON ({error})") from error


def read_as(make, path):
    """What a function makes of the content of a JSON file of ours.

    Raises ValueError naming the file, and what mends it, when the file is damaged or of another kind.
    """
    try:
        return make(read_json(path))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = error if isinstance(error, ValueError) else f"{path}: not what it should be ({error})"
        raise ValueError(f"{reason}; remove it and run again, which makes it anew") from error


def described(value):
    """A dataclass, and those in it, as JSON has them: without fields that are None."""
    if isinstance(value, list):
        return [described(one) for one in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {name: described(one) for name, one in fields if one is not None}


def digest(path, algorithm="sha256"):
    """Hexadecimal digest of a file, read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def free_bytes(path):
    """Bytes free on the file system that `path` is or will be on."""
    path = Path(path).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def human(size):
    """A byte count for people: `1.5 GB` (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} PB"


def require_room(path, needed, what):
    """Raise OSError, before work starts, when `needed` bytes will not fit beside `path`."""
    free = free_bytes(path)
    if needed > free:
        raise OSError(f"not enough room for {what}: about {human(needed)} needed, {human(free)} free at {path}")


def versions(*packages):
    """Versions of Python and of installed packages, for the record of a stage."""
    installed = {package: importlib.metadata.version(package) for package in packages}
    return {"python": platform.python_version(), **installed}
