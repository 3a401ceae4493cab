"""Tables of printed numbers: split to columns and parsed by NumPy, with the file and the line of what is wrong."""

import codecs
import os
from pathlib import Path

import numpy as np


def lines(path):
    """Lines of a text file as bytes, without line ends and without blank lines at the end.

    Raises ValueError for an empty file, for UTF-16, and for one that holds zero bytes.
    """
    content = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        raise ValueError(f"{path}: the file is empty")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path}: the text is written in UTF-16; right is ASCII or UTF-8")
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"{path} line {line}: zero bytes in a text file; it was not transferred whole")
    found = [line.rstrip() for line in content.split(b"\n")]
    while not found[-1]:
        found.pop()
    return found


def unfinished(path):
    """Flags of a text file whose last line has no end: where columns have no width, a number may have lost digits."""
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return []
    return [{"flag": "last_line_unfinished", "note": "the last line has no line end; its last value may be cut"}]


def text(line):
    """A line as text; what is no UTF-8 is Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def dash_ends(line, start=0):
    """Ends of the columns that a line of dashes draws, and their widths, from the character `start` on."""
    marks = np.frombuffer(b" " + line[start:] + b" ", np.uint8) == ord("-")
    edges = np.diff(marks.astype(np.int8))
    first, last = np.flatnonzero(edges > 0) + start, np.flatnonzero(edges < 0) + start
    return last, last - first


def fixed(rows, ends, start, path, numbers, names):
    """Numbers of lines in fixed columns, one float64 array for each column.

    rows -- the lines as bytes; numbers -- their line numbers in the file
    ends -- end of each column; a column begins where the one before ends, so that fields may touch
    Raises ValueError naming the line for one of another length, and line and column for what is no number.
    """
    width = int(ends[-1])
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    if (wrong := np.flatnonzero(lengths != width)).size:
        row = wrong[0]
        raise ValueError(
            f"{path} line {numbers[row]}: {lengths[row]} characters, but the columns end at {width}; "
            "the line is cut or has other columns"
        )
    grid = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width)
    columns = []
    for name, first, last in zip(names, [start, *ends[:-1]], ends, strict=True):
        cells = np.ascontiguousarray(grid[:, first:last]).view(f"S{last - first}")[:, 0]
        columns.append(parsed(cells, name, path, numbers))
    return columns


def delimited(rows, names, path, numbers, empty=None):
    """Numbers of comma-separated lines, one float64 array for each name. An empty field is `empty`, or an error.

    Raises ValueError naming the line for another number of columns, and line and column for what is no number.
    """
    commas = np.fromiter((row.count(b",") for row in rows), np.int64, len(rows))
    if (wrong := np.flatnonzero(commas != len(names) - 1)).size:
        row = wrong[0]
        raise ValueError(f"{path} line {numbers[row]}: {commas[row] + 1} columns, but the header has {len(names)}")
    cells = b",".join(rows).split(b",")
    if empty is not None:
        cells = [cell or empty for cell in cells]
    grid = np.array(cells).reshape(len(rows), len(names))
    return [parsed(np.ascontiguousarray(grid[:, at]), name, path, numbers) for at, name in enumerate(names)]


def parsed(cells, name, path, numbers):
    """Fields of one column as float64. Raises ValueError naming line and column for what is no number."""
    try:
        return cells.astype(np.float64)
    except ValueError:
        row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
        shown = text(cells[row].strip())
        raise ValueError(f"{path} line {numbers[row]}: {shown!r} in the column {name} is no number") from None


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def labels(rows):
    """What lines of the form `label: value` tell; the first of equal labels counts."""
    pairs = (text(row).partition(":") for row in rows)
    found = {}
    for label, _, value in pairs:
        if value.strip():
            found.setdefault(label.strip(), value.strip())
    return found
