"""The table that says which mesh file is which label's; read before any job, so by the standard library alone."""

import csv
from pathlib import Path

from darkroom.atlas import tables
from darkroom.atlas.lengths import NM

FORMATS = (".stl", ".obj", ".ply", ".gii", ".gii.gz")


def table(path):
    """Rows of a table with the columns file, label and, for another unit than mm, unit: (path, label, nm of a unit).

    Files are named relative to the table. Raises ValueError naming the table, and the line that is wrong.
    """
    lines = tables.text(path).splitlines() or [""]
    lines[0] = lines[0].lower()
    rows = csv.DictReader(lines, delimiter=tables.delimiter(lines[0]))
    if not {"file", "label"} <= set(rows.fieldnames or ()):
        raise ValueError(f"{path}: its columns are {', '.join(rows.fieldnames or ())}; right are file, label")
    meshes = []
    for row in rows:
        where, unit = f"{path}: line {rows.line_num}", (row.get("unit") or "mm").lower()
        if not (row["label"] or "").isdigit() or not 0 < int(row["label"]) < 1 << 64:
            raise ValueError(f"{where}: label {row['label']!r} is no whole number from 1 to 2^64 - 1")
        if unit not in NM:
            raise ValueError(f"{where}: unit {unit!r} is no length; right are such as mm, um")
        if not row["file"].lower().endswith(FORMATS):
            raise ValueError(f"{where}: {row['file']!r} is no mesh that can be read; right are {', '.join(FORMATS)}")
        meshes.append((Path(path).parent / row["file"], int(row["label"]), NM[unit]))
    labels = [label for _, label, _ in meshes]
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise ValueError(f"{path}: label {min(twice)} has more than one mesh")
    return meshes
