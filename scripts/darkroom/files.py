"""Files that are whole or absent: atomic writes that outlast a power cut, digests, room on the disk."""

import contextlib
import ctypes
import dataclasses
import errno
import gzip
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import zlib
from contextlib import contextmanager
from pathlib import Path

BLOCK = 1 << 20
HOUSE = Path(__file__).parents[2]  # a rule's own script cannot tell: of a workflow on a Git host it is a URL
CONFIG = HOUSE / "config"
SCRIPTS = HOUSE / "scripts"
# What parsing a file raises that is no JSON, no text, has brackets without end, or is compressed and damaged.
NO_JSON = (ValueError, RecursionError, gzip.BadGzipFile, EOFError, zlib.error)
SIZE = "user.darkroom.bytes"  # the attribute of a file with the size that it had when it got its name


@contextmanager
def replacing(path, durable=True):
    """Give a temporary path in the folder of `path`, and rename it to `path` when the block ends without an error.

    durable -- whether the file is on the disk before it has its name, so that a power cut leaves the old one or the new
        one; for the many files of a folder `settle` sees to that in one go
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        place(partial, path, durable)
    except OSError as error:
        # A full disk is told without the file that had no room: by Python, numpy and HDF5 alike.
        if type(error) is not OSError or error.filename is not None:
            raise
        text = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno or errno.EIO, text, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def place(partial, path, durable=True):
    """Give a file that is whole its name; see `replacing`. Its size goes with it, for `is_cut` to compare."""
    if durable:
        _flush(partial)
    note_size(partial)
    partial.replace(path)
    if durable:
        _flush(path.parent)


def note_size(path):
    """Keep the size of a whole file with it, where the file system has a place for that."""
    with contextlib.suppress(OSError, AttributeError):
        os.setxattr(path, SIZE, str(path.stat().st_size).encode())


def _flush(path):
    """Bring the content of a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def begin_writing(file, start, end):
    """Have the system begin to bring these bytes of an open file to the disk: less is left for the flush at its end."""
    if hasattr(os, "posix_fadvise"):  # on Linux this writes what is new, and drops only what is written already
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def settle(folder):
    """Bring all that was written below a folder to the disk: one call for its file system, instead of one a file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    except AttributeError:  # Linux alone has it
        os.sync()
    finally:
        os.close(descriptor)


def is_cut(path):
    """Whether a file has lost its end since it got its name, as a power cut or a full disk may leave it.

    Where the file system keeps no size with it, that is seen of JSON alone.
    """
    path = Path(path)
    size = path.stat().st_size
    try:
        return size < int(os.getxattr(path, SIZE))
    except (OSError, AttributeError, ValueError):
        return path.suffix == ".json" and not _is_json(path)


def _is_json(path):
    try:
        read_json(path)
    except ValueError:
        return False
    return True


def clear_partials(folder):
    """Remove what killed writers have left in a folder (not below it); nobody else may be writing there."""
    for partial in Path(folder).glob(".*.part"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_bytes(path, content, durable=True):
    """Write a whole file or nothing; see `replacing`."""
    with replacing(path, durable) as partial:
        partial.write_bytes(content)


def write_json(path, value, durable=True):
    """Write JSON that a person can read and that is the same bytes for the same value; see `replacing`."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), durable)


def read_json(path):
    """Parse a JSON file, compressed or not. Raises ValueError naming the file when it is no JSON."""
    path = Path(path)
    try:
        return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    except NO_JSON as error:
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


def kvstore(path):
    """tensorstore's spec of a file, or of a folder and what lies below it; it refuses `..` in a path itself."""
    path = Path(path).resolve()
    return {"driver": "file", "path": f"{path}/" if path.is_dir() else str(path)}


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
