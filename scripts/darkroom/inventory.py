"""What a source consists of: its folder, and each of its files. Every pipeline begins with it.

As a file it is JSON by config/schemas/inventory.schema.yaml.
"""

from dataclasses import dataclass
from pathlib import Path

from darkroom import files


@dataclass(frozen=True, slots=True)
class File:
    """A file of a source.

    name -- below the folder of the source, with /
    url -- where it was fetched from
    mtime_ns -- when it was changed, of a file that lies where the user has it
    sha256 -- of one that we fetched, unpacked or made
    archive -- the path or URL of the archive that it was unpacked from
    """

    name: str
    bytes: int
    url: str | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The folder of a source, and its files in the order of their names."""

    root: str
    files: list[File]

    @property
    def names(self):
        return [file.name for file in self.files]

    @property
    def bytes(self):
        return sum(file.bytes for file in self.files)


def local(folder, names):
    """The inventory of files that lie in a folder."""
    states = [(name, Path(folder, name).stat()) for name in names]
    return Inventory(str(folder), [File(name, s.st_size, mtime_ns=s.st_mtime_ns) for name, s in states])


def read(path):
    """The inventory in a file. Raises ValueError naming the file when it is damaged."""
    return files.read_as(lambda content: Inventory(content["root"], files_of(content)), path)


def files_of(content):
    """The files of an inventory or a manifest that was read as JSON."""
    return [File(**file) for file in content["files"]]


def write(path, inventory):
    """Write an inventory, whole or not at all."""
    files.write_json(path, {"root": inventory.root, "files": [files.described(file) for file in inventory.files]})
