"""Bring a source here, or take stock of it where it lies."""

import logging
import os
import re
import shutil
from pathlib import Path

import _entrypoint
import _files
import _remote
import _sample_atlas

logger = logging.getLogger(__name__)

SAMPLES = {**_sample_atlas.SAMPLES}


def fetch_input(
    source: str,
    *,
    destination: Path = Path(),
    filter: str = "",
    stacks: bool = False,
    inventory: Path | None = None,
    connections: int = 8,
    attempts: int = 6,
    local: list | None = None,
):
    """Fetch a source, or take stock of a local one, which is never copied or changed.

    source -- a file or folder, http(s) URLs with blanks between them, the URL of a public Swift container (ending
        in / or with --stacks or --filter), or sample:NAME
    destination -- the folder that downloads and samples go to; local files stay where they are
    filter -- regular expression that a name must match from its start, relative to the folder or container
    stacks -- the URL is that of a Swift container
    inventory -- JSON file to write: `root` and `files` with name, bytes and, of downloads, URL and SHA-256
    connections, attempts -- downloads at a time; tries of a file in a row without any progress
    local -- unused: the files of a local source, which a rule watches for changes

    Raises ValueError when nothing matches, OSError when a download fails in the end or there is no room for it.
    """
    if source.startswith("sample:"):
        root, files = destination, make_sample(source.removeprefix("sample:"), destination)
    elif source.startswith(("http://", "https://")):
        urls = source.split()
        if stacks or filter or urls[0].endswith("/"):
            remote = [file for url in urls for file in _remote.list_container(url, filter)]
        else:
            remote = _remote.remote_files(urls)
        root, files = destination, _remote.download(remote, destination, connections, attempts)
    else:
        root, files = local_files(Path(source), filter)
    logger.info("%d files, %s, in %s", len(files), _files.human(sum(file["bytes"] for file in files)), root)
    if inventory:
        _files.write_json(inventory, {"root": str(root), "files": files})


def local_files(source, filter=""):
    """The folder of a local source and its files (name, bytes, time of change in ns), in the order of their names.

    Raises ValueError when no file matches the filter.
    """
    if not source.is_dir():
        return source.parent, [_entry(source, source.name)]
    names = (os.path.relpath(Path(folder, name), source) for folder, _, names in os.walk(source) for name in names)
    names = sorted(Path(name).as_posix() for name in names)
    try:
        matching = [name for name in names if re.match(filter, name)]
    except re.error as error:
        raise ValueError(f"filter {filter!r} is not a regular expression: {error}") from error
    if not matching:
        some = ", ".join(map(repr, names[:3]))
        raise ValueError(f"{source}: none of its {len(names)} files, such as {some}, matches {filter!r}")
    return source, [_entry(source / name, name) for name in matching]


def _entry(path, name):
    state = path.stat()
    return {"name": name, "bytes": state.st_size, "mtime_ns": state.st_mtime_ns}


def make_sample(name, folder):
    """Make a sample in an empty folder; returns its files with their digests. Raises ValueError for an unknown name."""
    if name not in SAMPLES:
        raise ValueError(f"sample:{name} is unknown; there are {', '.join(sorted(SAMPLES))}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    SAMPLES[name](folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": _files.digest(path)}
        for path in files
    ]


if __name__ == "__main__":
    _entrypoint.run(fetch_input, globals().get("snakemake"))
