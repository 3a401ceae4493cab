"""What a power cut left of a campaign's files: those that have lost their end are named, and removed to be made again.

Files are on the disk before they have their names, and know how long they were (`files.place`); a cut of another kind,
such as that of a disk without a battery that promised too much, is seen by that.
"""

import os
import time
from pathlib import Path

from darkroom import files

SETTLED = 86_400  # seconds after which a dataset that is whole has long been on the disk
INDEXES = ("info", "zarr.json")  # of a folder of chunks
CUT = "{}: has lost its end, as after a power cut; it is made again"


def cut_files(folder: Path) -> list[Path]:
    """Files below a folder that are shorter than they were, in order."""
    paths = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if not path.is_symlink() and path.is_file() and files.is_cut(path))


def what_speaks_of(path: Path, folder: Path) -> set[Path]:
    """Files that say that what is below a folder is whole, and do so wrongly once the file at `path` is gone.

    That is the index of the innermost folder that has one, or else the JSON files of `folder` itself: its records,
    its inventory.
    """
    for place in path.relative_to(folder).parents[:-1]:
        if indexes := {folder / place / name for name in INDEXES if (folder / place / name).is_file()}:
            return indexes
    return set(folder.glob("*.json")) if path.parent != folder else set()


def mend_campaign(campaign: Path, dry: bool = False) -> list[str]:
    """The same for the files that lie beside the datasets: the page and the catalog."""
    cut = sorted(path for path in campaign.glob("*.*") if path.is_file() and files.is_cut(path))
    for path in cut:
        if not dry:
            path.unlink()
    return [CUT.format(path) for path in cut]


def mend(dataset: Path, source: Path, dry: bool = False) -> list[str]:
    """Remove what is cut of a dataset and of its source, and what speaks of it; give a line for each cut file.

    dataset, source -- folders of its products and of what was fetched for it
    dry -- only tell
    """
    manifest, doomed, lines = dataset / "manifest.json", set(), []
    if manifest.is_file() and not files.is_cut(manifest) and time.time() - manifest.stat().st_mtime > SETTLED:
        return []
    for folder in (dataset, source):
        for path in cut_files(folder):
            lines.append(CUT.format(path))
            doomed |= {path, manifest, *what_speaks_of(path, folder)}
    if not dry:
        for path in doomed:
            path.unlink(missing_ok=True)
    return lines
