"""List what a dataset consists of: the marker that it is whole."""

import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from darkroom import entrypoint
from darkroom.files import clear_partials, write_bytes
from darkroom.files import digest as file_digest
from darkroom.inventory import File
from darkroom.inventory import read as read_inventory
from darkroom.manifest import Entry, Inputs, Manifest
from darkroom.manifest import write as write_manifest
from darkroom.record import read as read_record
from darkroom.version import VERSION

logger = logging.getLogger(__name__)


def publish_manifest(
    inventory: Path,
    products: list,
    records: list,
    manifest: Path,
    checksums: Path,
    campaign: str,
    row: dict,
    folders: list = (),
):
    """Write the manifest of a dataset, and the SHA-256 of every file in the form that `sha256sum -c` reads.

    inventory -- what `fetch_input` has found
    products, records -- files below the folder of the manifest; one in a subfolder stands for that whole folder
    manifest -- JSON, as `darkroom.manifest` has it; it holds no time, so that the same input and options give the same
        bytes
    checksums -- one line per file
    campaign, row -- whose dataset it is; the row of the sheet with all options
    folders -- products that are folders without an index of their own

    Raises ValueError when an input has changed since it was read.
    """
    folder = manifest.parent
    clear_partials(folder)
    source = read_inventory(inventory)
    stages = [read_record(path) for path in records]
    with ThreadPoolExecutor(2) as pool:
        inputs = list(pool.map(lambda file: digested(source.root, file), source.files))
        names = [tops(folder, paths) for paths in ([*(folder / name for name in folders), *products], records)]
        listed = [[entry(folder, name, pool) for name in kind] for kind in names]
    write_bytes(checksums, b"".join(lines for kind in listed for _, lines in kind))
    content = Manifest(
        darkroom=VERSION,
        campaign=campaign,
        **{"recipe": None, **row},
        engine=next((stage.engine for stage in stages if stage.engine), "native"),
        inputs=Inputs(source.root, source.bytes, inputs),
        products=[described for described, _ in listed[0]],
        records=[described for described, _ in listed[1]],
        notes=[note for stage in stages for note in stage.notes or []],
        skipped=[step for stage in stages for step in stage.skipped or []],
        checks={name: check for stage in stages for name, check in (stage.checks or {}).items()},
        software={name: version for stage in stages for name, version in (stage.software or {}).items()},
    )
    write_manifest(manifest, content)


def digested(root, file):
    """An input with its SHA-256. A local file that is not what the inventory saw is a ValueError."""
    if file.sha256:
        return file
    path = Path(root, file.name)
    digest = file_digest(path)
    state = path.stat()  # after the digest, so that this is of the same bytes
    if (state.st_size, state.st_mtime_ns) != (file.bytes, file.mtime_ns):
        raise ValueError(f"{path} has changed while it was processed; run again")
    return File(file.name, file.bytes, sha256=digest)


def tops(folder, paths):
    """The entries of `folder` that the paths lie in, each once."""
    return list(dict.fromkeys(Path(path).relative_to(folder).parts[0] for path in paths))


def entry(folder, name, pool):
    """A file or folder of the dataset: its description, and its lines of checksums.

    The digest of a folder is the SHA-256 of its lines, which are in the order of their paths.
    """
    top = folder / name
    if not top.is_dir():
        digest = file_digest(top)
        return Entry(name, None, top.stat().st_size, digest), line(digest, name)
    files = sorted(path for path in top.rglob("*") if path.is_file())
    digests = pool.map(file_digest, files)
    lines = b"".join(
        line(digest, path.relative_to(folder).as_posix()) for path, digest in zip(files, digests, strict=True)
    )
    size = sum(path.stat().st_size for path in files)
    return Entry(f"{name}/", len(files), size, hashlib.sha256(lines).hexdigest()), lines


def line(digest, name):
    """A line of checksums; one whose name has line ends or backslashes begins with a backslash and escapes them."""
    escaped = name.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r")
    return os.fsencode(("\\" if escaped != name else "") + f"{digest}  {escaped}\n")


if __name__ == "__main__":
    entrypoint.run(publish_manifest, globals().get("snakemake"))
