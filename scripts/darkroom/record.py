"""What a stage says of its work: a file of each dataset that its manifest and the page of its campaign repeat.

As a file it is JSON by config/schemas/record.schema.yaml.
"""

from dataclasses import dataclass

from darkroom import files


@dataclass(frozen=True, slots=True)
class Record:
    """What a stage tells; a field that is None is left out.

    engine -- what did the work, where there is a choice
    notes -- what a user has to know of the products: dropped, masked, assumed, converted, flagged
    skipped -- steps that were left out, and why
    checks -- name -> figures of a check, with `passed`
    software -- name -> version of what was at work
    """

    engine: str | None = None
    notes: list[str] | None = None
    skipped: list[str] | None = None
    checks: dict[str, dict] | None = None
    software: dict[str, str] | None = None


def read(path):
    """The record in a file, which may hold more. Raises ValueError naming the file when it is damaged."""
    fields = Record.__dataclass_fields__
    return files.read_as(lambda held: Record(**{name: held[name] for name in held.keys() & fields.keys()}), path)


def write(path, record, others=None):
    """Write a record, whole or not at all; `others` is what the file holds besides, such as the plan of a volume."""
    files.write_json(path, (others or {}) | files.described(record))
