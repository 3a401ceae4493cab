"""What rules take from a row of the sheet."""

import errno
import functools
import os
from pathlib import Path

from darkroom import files
from darkroom.campaign.sheet import Row

LONGEST = 1440  # minutes of a job, whatever its source


def local_source(row: Row) -> list[str]:
    """A source on this machine, so that a change of it is seen: the file, or the folder with the file in it that was
    changed last."""
    if not row.is_local:
        return []
    paths = (Path(folder, name) for folder, _, names in os.walk(row.source) for name in names)
    newest = sorted(filter(Path.exists, paths), key=lambda path: path.stat().st_mtime)[-1:]
    return watchable([row.source, *map(str, newest)])


def watchable(paths: list[str]) -> list[str]:
    """Those of a user's paths that Snakemake can look at for changes.

    `{x}` is a wildcard to it wherever a path comes from, and there is no way to write one that is none. Steps read such
    files all the same; that a change of them is not seen is told by `unwatched`.
    """
    return [path for path in paths if "{" not in path]


def unwatched(rows: list[Row]) -> list[str]:
    """A line for each row whose source cannot be looked at for changes."""
    return [
        f"{row.dataset}: Snakemake takes braces in a path for wildcards, and sees no change of {row.source}; "
        f"after one, add --forcerun fetch_input"
        for row in rows
        if row.is_local and "{" in row.source
    ]


@functools.cache
def local_bytes(source: str) -> int:
    """Size of a file, or of all files in a folder, on this machine; 0 of a source elsewhere."""
    folders = os.walk(source) if Path(source).is_dir() else [("", [], [source] if source else [])]
    paths = (Path(folder, name) for folder, _, names in folders for name in names)
    return sum(path.stat().st_size for path in paths if path.is_file())


def record(path: str) -> dict:
    """What an earlier step has written down, for what a later one asks for.

    Raises FileNotFoundError as long as it is not there, which Snakemake waits for, and when it has lost its end: then
    it will be made again.
    """
    try:
        return files.read_json(Path(path))
    except ValueError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None


def minutes(size: int, attempt: int) -> int:
    """Minutes for a step that reads all of a source of so many bytes: an hour, and one for each 10 GB, times the
    attempt, at most a day."""
    return min(LONGEST, attempt * (60 + 60 * (size // 10**10)))


def files_of(paths: list[str], suffix: str) -> list[str]:
    """Files that an option names, those of folders one by one, so that a change of any is seen."""
    lists = [sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path] for path in map(Path, paths)]
    return watchable([str(file) for files in lists for file in files])
