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
MANIFEST, PAGE = "manifest.json", "index.html"  # what says that a dataset and a campaign are whole


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


def mend(campaign: Path, sources: dict[str, Path], dry: bool = False) -> list[str]:
    """Remove what is cut of a campaign, and what speaks of it; give a line for each cut file.

    campaign -- the folder of its results
    sources -- dataset -> folder of what was fetched for it
    dry -- only tell
    """
    cut = sorted(path for path in campaign.glob("*.*") if path.is_file() and files.is_cut(path))
    doomed = set(cut)
    for dataset, source in sources.items():
        manifest = campaign / dataset / MANIFEST
        if _is_settled(manifest):
            continue
        for folder in (campaign / dataset, source):
            for path in cut_files(folder):
                cut.append(path)
                # The page goes too: while it is there, Snakemake misses neither the manifest nor what that is made of.
                doomed |= {path, manifest, campaign / PAGE, *what_speaks_of(path, folder)}
    if not dry:
        for path in doomed:
            path.unlink(missing_ok=True)
    return [f"{path}: has lost its end, as after a power cut; it is made again" for path in cut]


def _is_settled(manifest):
    """Whether a dataset was whole so long ago that it is on the disk."""
    return manifest.is_file() and not files.is_cut(manifest) and time.time() - manifest.stat().st_mtime > SETTLED
