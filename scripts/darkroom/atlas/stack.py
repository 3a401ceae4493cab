"""Any source of a volume as a stack of planes (slice, row, column, channel), read a few slices and rows at a time.

`describe` looks at headers alone and returns a JSON description of the source; `open_stack` opens one.
"""

import re
from pathlib import Path

from darkroom.atlas import arrays, sections

CLUTTER = re.compile(r"(^|/)(\._|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX/)", re.IGNORECASE)


def describe(root, names, kind="image", slices=None, missing="error", blank_value=0, ignore_scaling=False):
    """Description of the source in the files `names` below the folder `root`.

    `kind` is `image` or `segmentation` (a palette image has colours in the one and labels in the other). `slices`
    lists section files in their order, with None for one that is missing; without it they are put in natural order
    and gaps in their numbers are looked for; `missing` says what becomes of a gap.

    Returns a JSON-able dict with at least `reader`, `shape` (slices, rows, columns, channels), `dtype` and `notes`
    for the record; `affine` (4x4, nm) or `resolution` (nm along x, y, z) where the source tells; where it matters,
    `tile` (slices, rows, columns), what is decoded at once, and `in_order`, whether all before it is decoded, too.
    Raises ValueError naming the file for a source that is no volume.
    """
    root = Path(root)
    clutter = [name for name in names if CLUTTER.search(name)]
    names = [name for name in names if not CLUTTER.search(name)]
    only = root / names[0] if len(names) == 1 and not slices else None
    source = None
    if zarr := arrays.zarr_folder(root, names):
        source = arrays.describe_zarr(zarr)
    elif only and only.name.lower().endswith(arrays.NIFTI):
        source = arrays.describe_nifti(only, ignore_scaling)
    elif only and only.suffix == ".npy":
        source = arrays.describe_npy(only)
    elif only and only.suffix.lower() in sections.TIFFS:
        source = arrays.describe_tiff(only, kind)
    source = source or sections.describe(root, names, kind, slices, missing, blank_value)
    if min(source["shape"]) < 1:
        raise ValueError(f"{root}: the volume is empty, its shape is {source['shape']}")
    if clutter:
        source["notes"].append(f"left alone: {sections.some(clutter)}")
    return source


def open_stack(source, threads=1):
    """Reader of a described source: `read(first, last, top, bottom, left, right)`; a context manager.

    `read` returns rows [top, bottom) and columns [left, right) of slices [first, last) as (slice, row, column, channel)
    in the described dtype and raises ValueError naming a damaged file. Rows that follow those of the last call are not
    decoded twice.
    """
    return (sections.Sections if source["reader"] == "sections" else arrays.Array)(source, threads)


def name(source):
    """What a message calls a described source: its file, or its first section."""
    return source.get("path") or next(pages[0] for pages in source["pages"] if pages)
