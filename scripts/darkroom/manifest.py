"""The list of what a dataset consists of: written last, it says that the dataset is whole.

As a file it is JSON by config/schemas/manifest.schema.yaml, and others build on it.
"""

from dataclasses import dataclass

from darkroom import files
from darkroom.inventory import File, files_of


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the dataset, or a folder: then `path` ends in /, and `sha256` is that of its lines of checksums."""

    path: str
    files: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the dataset was made from: a folder and its files, with their sizes and digests."""

    root: str
    bytes: int
    files: list[File]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A dataset: whose it is and how it was asked for, what it was made of and became, what is to be known of it.

    darkroom -- the version that made it
    campaign, options, source, dataset, pipeline, recipe -- the campaign, and the row of its sheet with all options
    products, records -- what a user came for, and what the stages said of their work
    notes, skipped, checks, software -- those of all records
    """

    darkroom: str
    campaign: str
    options: dict
    source: str
    dataset: str
    pipeline: str
    recipe: str | None
    engine: str
    inputs: Inputs
    products: list[Entry]
    records: list[Entry]
    notes: list[str]
    skipped: list[str]
    checks: dict[str, dict]
    software: dict[str, str]


def read(path):
    """The manifest in a file. Raises ValueError naming the file when it is damaged."""
    return files.read_as(_manifest, path)


def _manifest(content):
    inputs = content["inputs"]
    nested = {
        "inputs": Inputs(inputs["root"], inputs["bytes"], files_of(inputs)),
        **{kind: [Entry(**{"files": None, **entry}) for entry in content[kind]] for kind in ("products", "records")},
    }
    return Manifest(**{"recipe": None, **content, **nested})


def write(path, manifest):
    """Write a manifest, whole or not at all."""
    files.write_json(path, files.described(manifest))
