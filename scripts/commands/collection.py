"""Draft a collection from a file of a new instrument, or say what a collection makes of a file."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.airborne import collection as collections
from darkroom.airborne import draft, granules, reading


def collection(file: Path, *, out: Path | None = None, known: list | None = None):
    """Write a draft of a collection for files like FILE, and print what it would make of it; nothing else is written.

    file -- a granule: ICARTT, NASA Ames, IWG1, AVAPS, EOL, TEMP DROP, netCDF, HDF5, or a table of text
    out -- the draft, by default SHORT_NAME.yaml in this folder; a file that is there is not overwritten
    known -- collections (files or folders) instead of a draft: print what they make of FILE: what they keep, lose, flag

    Raises ValueError where the file cannot be read, and says what would help.
    """
    if known:
        by_name = collections.load(known)
        match = granules.claimed(file.name, by_name, file.parent)
        if match is None:
            raise ValueError(f"{file.name}: none of {', '.join(by_name)} knows this name")
        say(draft.told(reading.read(match, file)))
        return
    drafted, notes = draft.draft(file)
    path = out or Path(f"{drafted['short_name']}.yaml")
    if path.exists():
        raise ValueError(f"{path} is there already; give another one with --out")
    files.write_bytes(path, draft.written(drafted, notes).encode())
    print(f"{path} is a draft; look at:")
    say(f"- {note}" for note in notes)
    by_name = collections.load([path])
    try:
        say(draft.told(reading.read(collections.match(file.name, by_name), file)))
    except ValueError as error:
        print(f"it does not read the file yet: {error}")


def say(lines):
    for line in lines:
        print(line)


if __name__ == "__main__":
    entrypoint.run(collection, globals().get("snakemake"))
