"""Any source of a volume as a stack of planes (slice, row, column, channel), read a few slices and rows at a time.

`describe` looks at headers alone and returns a JSON description of the source; `open_stack` opens one.
"""

import re
from pathlib import Path

from darkroom.atlas import arrays, chunked, neuroimages, nrrds, sections, tiffs, zarrs
from darkroom.atlas.numbering import some

DETACHED = ".nhdr"
CLUTTER = re.compile(r"(^|/)(\._|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX/)", re.IGNORECASE)


def describe(
    root,
    names,
    kind="image",
    slices=None,
    missing="error",
    blank_value=0,
    ignore_scaling=False,
    channels=None,
    series=None,
    time=None,
):
    """Description of the source in the files `names` below the folder `root`.

    `kind` is `image` or `segmentation` (a palette image has colours in the one and labels in the other). `slices`
    lists section files in their order, with None for one that is missing; without it they are put in natural order
    and gaps in their numbers are looked for; `missing` says what becomes of a gap. `channels` is a pattern of what
    tells the channel in the names of section files, `series` and `time` choose one of a source that has several.

    Returns a JSON-able dict with at least `reader`, `shape` (slices, rows, columns, channels), `dtype` and `notes`
    for the record; where the source tells, `affine` (4x4, nm, of voxel centres; from columns, rows, slices to right,
    anterior, superior if `anatomical`, else to axes of the same names) or `resolution` (nm along columns, rows, slices,
    None for one that is not told), and `channels`, their names; where it matters, `tile` (slices, rows, columns), what
    is decoded at once, and `in_order`, whether all before it is decoded, too. Raises ValueError naming the file for a
    source that is no volume.
    """
    root = Path(root)
    clutter = [name for name in names if CLUTTER.search(name)]
    names = [name for name in names if not CLUTTER.search(name)]
    only = None if slices else _only(root, names)
    suffixes = only.name.lower() if only else ""
    chosen = {"series": series, "time": time}
    if zarr := zarrs.folder_of(root, names):
        source = zarrs.describe(zarr, root, names, **chosen)
    elif precomputed := chunked.folder_of(root, names):
        source = chunked.describe(precomputed, root, names, kind)
    elif suffixes.endswith(neuroimages.SUFFIXES):
        source = neuroimages.describe(only, kind, ignore_scaling, time)
    elif suffixes.endswith(nrrds.SUFFIXES):
        source = nrrds.describe(only, time)
        clutter += [name for name in names if str(root / name) not in (source["header"], *source["parts"])]
    elif suffixes.endswith(".npy"):
        source = arrays.describe_npy(only, time)
    elif only and tiffs.is_tiff(only) and (layout := tiffs.look(only, **chosen)).mapped:
        source = arrays.describe_tiff(only, layout, time)
    else:
        source = sections.describe(root, names, kind, slices, missing, blank_value, channels, **chosen)
    if min(source["shape"]) < 1:
        raise ValueError(f"{root}: the volume is empty, its shape is {source['shape']}")
    if clutter:
        source["notes"].append(f"left alone: {some(clutter)}")
    return source


def _only(root, names):
    """The file of a volume that is the only one, or the one with the header of several; else None."""
    if len(names) == 1:
        return root / names[0]
    headers = [name for name in names if name.lower().endswith((DETACHED, *neuroimages.PAIRS[:3]))]
    # NRRD alone names the files of its values, which may be many.
    fits = headers and (headers[0].lower().endswith(DETACHED) or len({name.split(".")[0] for name in names}) == 1)
    return root / headers[0] if fits and len(headers) == 1 else None


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
