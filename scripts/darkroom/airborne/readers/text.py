"""Tables of printed numbers: split to columns and parsed by NumPy, with the file and the line of what is wrong."""

import codecs
import contextlib
import os
import re
import warnings
from pathlib import Path

import numpy as np

BLOCK = 1 << 20  # bytes of text that are parsed at a time
END_MARK = re.compile(rb"(?<=\n)[\0\x1a]\r?\n?\Z")  # a last line of one zero or Ctrl-Z, as programs of old end a file
MOST_DIGITS = 15  # and a point, that a double holds whatever they are
LONGEST_MARK = 4  # bytes of such a line, with the line end before it


def content(path):
    """Content of a text file as bytes, without a byte order mark, and without blanks and a mark at its end.

    Raises ValueError for an empty file, for UTF-16, and for one that holds zero bytes.
    """
    whole = without_end_mark(Path(path).read_bytes())
    require_text(path, whole)
    return whole.removeprefix(codecs.BOM_UTF8).rstrip()


def lines(path):
    """Lines of a text file as bytes, without line ends and without blank lines at the end. Raises as `content`."""
    return stripped(content(path))


def stripped(whole):
    """Lines of some content, without line ends and other blanks before these."""
    return [line.rstrip() for line in whole.split(b"\n")]


def without_end_mark(content):
    """The content of a text file without a mark that ends it."""
    mark = END_MARK.search(content[-LONGEST_MARK:])
    return content[: mark.start() - min(LONGEST_MARK, len(content))] if mark else content


def require_text(path, content, line=1):
    """Raise ValueError where the content of a file, which begins in a line, is empty, UTF-16, or has zero bytes."""
    if not content.strip(codecs.BOM_UTF8 + b" \t\r\n\f\v"):
        raise ValueError(f"{path}: the file is empty")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path}: the text is written in UTF-16; right is ASCII or UTF-8")
    if b"\0" in content:
        line += content[: content.index(b"\0")].count(b"\n")
        raise ValueError(f"{path} line {line}: zero bytes in a text file; it was not transferred whole")


def head(path, number):
    """The first lines of a text file, as bytes without line ends; fewer where it has no more. Raises as `lines`."""
    with Path(path).open("rb") as file:
        rows = [file.readline() for _ in range(number)]
    require_text(path, b"".join(rows))
    rows[0] = rows[0].removeprefix(codecs.BOM_UTF8)
    return [line.rstrip() for line in rows if line]


def unfinished(path):
    """Flags of how a text file ends: without a line end, so that a number may have lost digits; with a mark."""
    with Path(path).open("rb") as file:
        file.seek(max(-LONGEST_MARK, -Path(path).stat().st_size), os.SEEK_END)
        end = file.read()
    if END_MARK.search(end):
        return [
            {"flag": "end_mark", "note": "a zero or Ctrl-Z byte on a line of its own ends the file; it was left out"}
        ]
    if end.endswith(b"\n"):
        return []
    return [{"flag": "last_line_unfinished", "note": "the last line has no line end; its last value may be cut"}]


def without_cut_line(path, rows, is_whole):
    """(rows, flags) of a record that may have gone on when it was copied; the flags are those of `unfinished`.

    A last line that has no line end, and is not whole by what `is_whole(line)` says, is left out.
    """
    flags = unfinished(path)
    if not any(flag["flag"] == "last_line_unfinished" for flag in flags) or len(rows) == 1 or is_whole(rows[-1]):
        return rows, flags
    note = f"line {len(rows)}, the last one, is cut after {text(rows[-1])[-20:]!r}; it was left out"
    return rows[:-1], [{"flag": "last_line_cut", "note": note}]


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


def fixed(body, ends, start, path, numbers, names):
    """Numbers of lines in fixed columns, one float64 array for each column.

    body -- the lines, joined by line ends; numbers -- their line numbers in the file
    ends -- end of each column; a column begins where the one before ends, so that fields may touch
    Raises ValueError naming the line for one of another length, and line and column for what is no number.
    """
    grid = _grid(body, int(ends[-1]), path, numbers)
    across, columns = np.ascontiguousarray(grid.T), []
    for name, first, last in zip(names, [start, *ends[:-1]], ends, strict=True):
        values = aligned(across[first:last])
        if values is None:
            cells = np.ascontiguousarray(grid[:, first:last]).view(f"S{last - first}")[:, 0]
            values = parsed(cells, name, path, numbers)
        columns.append(values)
    return columns


def _grid(body, width, path, numbers):
    """Characters of lines of one width, uint8 (line, place). Raises ValueError naming the line for another width."""
    ended = body + b"\n"
    if len(ended) == len(numbers) * (width + 1):
        grid = np.frombuffer(ended, np.uint8).reshape(-1, width + 1)
        if (grid[:, width] == ord("\n")).all():
            return grid[:, :width]
    rows = stripped(body)
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    if (wrong := np.flatnonzero(lengths != width)).size:
        row = wrong[0]
        raise ValueError(
            f"{path} line {numbers[row]}: {lengths[row]} characters, but the columns end at {width}; "
            "the line is cut or has other columns"
        )
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width)


def aligned(characters):
    """Numbers whose decimal points stand below each other, as float64; None where a field is anything else.

    characters -- uint8 (place, row): the fields of one column

    The digits of a field are an integer below 2**53, and a double has each power of ten here: their quotient is the
    double that is nearest to what is printed, as `float` gives it.
    """
    whole = characters[:, 0].tobytes().find(b".")
    whole = len(characters) if whole < 0 else whole
    digits = characters - ord("0")
    is_digit = digits < 10
    before, is_other = characters[:whole], ~is_digit[:whole]
    is_blank, is_minus = before == ord(" "), before == ord("-")
    if (
        not 0 < whole <= len(characters) <= MOST_DIGITS
        or (characters[whole : whole + 1] != ord(".")).any()
        or not is_digit[whole - 1].all()
        or not is_digit[whole + 1 :].all()
        or (is_other > (is_blank | is_minus)).any()
        or (is_other[1:] > is_blank[:-1]).any()
    ):
        return None
    digits[~is_digit] = 0
    decimals = max(0, len(characters) - whole - 1)
    powers = 10.0 ** np.arange(whole + decimals - 1, -1, -1)
    values = (powers[:whole] @ digits[:whole] + powers[whole:] @ digits[whole + 1 :]) / 10.0**decimals
    return np.where(is_minus.any(axis=0), -values, values)


def table(path, skip, names, blanks=False):
    """Numbers of the comma-separated lines after the first ones, float64 (line, column), a few megabytes at a time.

    blanks -- whether blanks stand for the commas

    Blank lines at the end do not count. Raises ValueError naming the line for another number of columns, and line and
    column for what is no number.
    """
    with Path(path).open("rb") as file:
        for _ in range(skip):
            file.readline()
        start, size, count, last = file.tell(), Path(path).stat().st_size, 0, b"\n"
        while block := file.read(BLOCK):
            count, last = count + block.count(b"\n"), block
        values = np.empty((count + (not last.endswith(b"\n")), len(names)))
        file.seek(start)
        at = 0
        while block := file.read(BLOCK):
            block += file.readline()
            block = without_end_mark(block) if file.tell() == size else block
            require_text(path, block if block.strip() else b"x", skip + at + 1)
            if blanks:
                block = b"\n".join(b",".join(row.split()) for row in block.split(b"\n"))
            numbers = _numbers(block, names, path, skip + at + 1)
            values[at : at + len(numbers)] = numbers
            at += len(numbers)
    return values[:at]


def _numbers(block, names, path, line):
    """Numbers of whole lines, the first of which has a number in the file."""
    block = block.rstrip()
    if not block:
        return np.empty((0, len(names)))
    count, joined = block.count(b"\n") + 1, block.replace(b"\n", b",")
    if _columns_are(block, count, len(names)) and not _has_empty_field(joined):
        with warnings.catch_warnings(), contextlib.suppress(ValueError):  # of what is no number: it is looked for below
            warnings.simplefilter("ignore", DeprecationWarning)
            numbers = np.fromstring(joined, np.float64, sep=",")
            if numbers.size == count * len(names):
                return numbers.reshape(count, len(names))
    rows = [row.strip() for row in block.split(b"\n")]
    return np.stack(delimited(rows, names, path, np.arange(line, line + len(rows))), axis=1)


def _columns_are(block, lines, columns):
    """Whether each of the lines of a block has so many columns."""
    if block.count(b",") != lines * (columns - 1):
        return False
    if columns == 1:
        return True
    marks = np.frombuffer(block, np.uint8)
    ends = np.append(np.flatnonzero(marks == ord("\n")), marks.size)
    commas = np.flatnonzero(marks == ord(",")).reshape(lines, columns - 1)
    return bool((commas[:, -1] < ends).all() and (commas[1:, 0] > ends[:-1]).all())


def _has_empty_field(joined):
    """Whether there is nothing, or nothing but blanks, before or after a comma: NumPy takes the latter for -1."""
    given = joined.translate(None, b" \t\r\f\v")
    return b",," in given or given.startswith(b",") or given.endswith(b",")


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
        cells = [cell.strip() or empty for cell in cells]
    grid = np.array(cells).reshape(len(rows), len(names))
    return [parsed(np.ascontiguousarray(grid[:, at]), name, path, numbers) for at, name in enumerate(names)]


def parsed(cells, name, path, numbers):
    """Fields of one column as float64. Raises ValueError naming line and column for what is no number."""
    try:
        if b"_" in cells.tobytes():
            raise ValueError("Python alone has an underscore in numbers")
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
    return b"_" not in cell


def labels(rows):
    """What lines of the form `label: value` tell; the first of equal labels counts."""
    pairs = (text(row).partition(":") for row in rows)
    told = {}
    for label, _, value in pairs:
        if value.strip():
            told.setdefault(label.strip(), value.strip())
    return told
