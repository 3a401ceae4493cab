"""Text with a table in any layout: columns of numbers and words, with or without their names above them.

The rows are the lines with as many fields as most lines have; what stands above them are labels, as `label: value`,
`label=value` or `label, value`. What cannot be seen of a file, its collection tells (`table`, `time`).
"""

import collections
import contextlib
import itertools
import re
from dataclasses import dataclass, field

import numpy as np

from darkroom.airborne.readers import text
from darkroom.airborne.readers.clock import Clock
from darkroom.airborne.readers.columns import put

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "blank": None}
LEAST = 3  # columns of a table that is looked for
AT_ONCE = 10_000  # rows whose fields are words at a time
LOOKED_AT = 2000  # lines by which the form of a table is found
EMPTY = -9999.0  # what an empty field becomes
FEW = 3  # different words in a column of numbers
NOTHING = {
    "",
    "nan",
    "na",
    "n/a",
    "null",
    "none",
    "m",
    "-",
    "--",
    "---",
    "/",
    "//",
    "///",
    "////",
    "/////",
    "*",
    "****",
}
TIME = re.compile(
    r"[\d/.-]*\d[\dT:/.-]*\d:\d{2}[\d:.]*Z?|\d{4}[-/]\d\d?[-/]\d\d?|\d\d?[-/]([A-Za-z]{3}|\d\d?)[-/]\d{4}.*"
)
NUMBER = r"\d+(?:\.\d*)?"
ANGLE = re.compile(
    rf"(?P<sign>[-+]?)(?P<degrees>{NUMBER})[°d ]?((?P<minutes>{NUMBER})['\u2032])?((?P<seconds>{NUMBER})[\"\u2033])?"
    r"(?P<side>[NSEW])"
)
WORDS = re.compile(r"\S+(?: [AP]M\b)?")
UNIT = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]\s*")
SIDES = {"N": "degrees_north", "S": "degrees_south", "E": "degrees_east", "W": "degrees_west"}  # as units of a place
COMMENT = re.compile(r"^\s*[#%!]+\s*")  # before a line of names
PAIR = re.compile(r"([A-Za-z]\w*)\s*=\s*([^,;\s]+)")
LABEL = re.compile(r"[\s%#]*(?P<label>[A-Za-z][^:,\t]*?)\s*[:,\t]\s*(?P<value>\S.*?)\s*")


@dataclass
class Column:
    """A column as a variable of a netCDF file would be: what `Clock` and `put` ask of one."""

    name: str
    values: np.ndarray
    told: dict = field(default_factory=dict)
    dimensions = ("row",)
    ndim = 1

    @property
    def dtype(self):
        return str if self.values.dtype.kind == "U" else self.values.dtype

    @property
    def shape(self):
        return self.values.shape

    def __getitem__(self, index):
        return self.values[index]

    def __getattr__(self, name):
        if name in ("told", "values") or name not in self.told:
            raise AttributeError(name)
        return self.told[name]

    def ncattrs(self):
        return list(self.told)

    def getncattr(self, name):
        return self.told[name]


def read(path, form):
    """(variables, header, flags, lines) of one file: rows in the order of the file, and the line of each.

    A field without a number becomes -9999; a column of none is left out, one with words is text, and degrees such as
    `73°48'52.1"W` become numbers. Raises ValueError naming the line of what is no row within the table.
    """
    columns, header, flags, lines = columns_of(path, form.get("table", {}))
    try:
        time, _, used = Clock(columns, header, form).time()
        time.dims = ("time",)
        variables = {"time": time}
        for name, column in columns.items():
            if name not in used:
                is_text = column.dtype is str
                values = np.char.encode(column.values, "utf-8") if is_text else column.values
                fills = [EMPTY] if not is_text and (values == EMPTY).any() else []
                put(variables, flags, form["variables"], name, values, told=column.told, fills=fills)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return variables, header, flags, lines


def columns_of(path, told):
    """(columns by name, header, flags, lines) of a file; `told` is what its collection says of the table."""
    rows = [text.text(row) for row in text.lines(path)]
    block = Block.told(rows, told) if "first" in told else Block.found(rows, told)
    if block is None:
        raise ValueError(f"{path}: no table of {LEAST} columns or more; `table` in the collection may tell where it is")
    cells = cells_of(block.fields(rows, path))
    names, units, top = block.names(rows, told, path)
    header, flags = labels(rows[:top]), text.unfinished(path)
    if below := [row for row in rows[block.last + 1 :] if row.strip()]:
        header = labels(below) | header
        note = f"{len(below)} lines below the table, from {below[0].strip()[:40]!r} on, are no rows of it"
        flags.append({"flag": "lines_below", "note": note})
    columns = {}
    for name, unit, column in zip(names, units, cells, strict=True):
        values, words = parsed(column)
        if words:
            count = int(np.isin(column, [word.encode() for word in words]).sum())
            note = f"{name} has no number but {', '.join(words)} in {count} rows, which are taken for missing"
            flags.append({"flag": "words_for_numbers", "note": note})
        if values is not None:
            columns[name] = Column(name, values, {"units": unit} if unit else {})
    return columns, header, flags, np.array(block.lines) + 1


@dataclass
class Block:
    """Where the rows of a table are: their delimiter, number of fields, and lines, counted from 0."""

    delimiter: str | None
    width: int
    lines: list
    is_open: bool = False  # whether a delimiter ends each row

    @property
    def first(self):
        return self.lines[0]

    @property
    def last(self):
        return self.lines[-1]

    @classmethod
    def found(cls, rows, told):
        """The table with most fields of numbers, by the delimiter that is told or by each; None where there is none."""
        asked = [told["delimiter"]] if "delimiter" in told else DELIMITERS
        blocks = [block for name in asked if (block := cls._of(rows, DELIMITERS[name], told))]
        return max(blocks, key=lambda block: len(block.lines) * block.width, default=None)

    @classmethod
    def _of(cls, rows, delimiter, told):
        first, counts = {}, collections.Counter()
        for at, row in enumerate(rows[:LOOKED_AT]):
            fields = split(row, delimiter)
            if len(fields) >= LEAST and is_row(fields):
                first.setdefault(len(fields), at)
                counts[len(fields)] += 1
        width = len(told.get("names", ())) or max(counts, key=lambda width: (counts[width] * width, width), default=0)
        if width not in first:
            return None
        last = next(at for at in reversed(range(len(rows))) if cls._is_of(split(rows[at], delimiter), width))
        return cls._between(rows, delimiter, width, first[width], last)

    @staticmethod
    def _is_of(fields, width):
        return len(fields) == width and is_row(fields)

    @classmethod
    def told(cls, rows, told):
        """The table that begins on the line that is told."""
        at = told["first"] - 1
        asked = [told["delimiter"]] if "delimiter" in told else DELIMITERS
        counts = {DELIMITERS[name]: len(split(rows[at], DELIMITERS[name])) for name in asked} if at < len(rows) else {}
        delimiter = max(counts, key=counts.get, default=None)
        if counts.get(delimiter, 0) < 2:
            return None
        width = counts[delimiter]
        last = next(end for end in reversed(range(len(rows))) if len(split(rows[end], delimiter)) == width)
        return cls._between(rows, delimiter, width, at, last)

    @classmethod
    def _between(cls, rows, delimiter, width, first, last):
        lines = [at for at in range(first, last + 1) if rows[at].strip()]
        is_open = delimiter is not None and all(rows[at].rstrip().endswith(delimiter) for at in lines)
        return cls(delimiter, width, lines, is_open)

    def fields(self, rows, path):
        """The fields of each row. Raises ValueError naming the line for another number of them."""
        for at in self.lines:
            fields = split(rows[at], self.delimiter)
            if len(fields) != self.width:
                raise ValueError(f"{path} line {at + 1}: {len(fields)} columns, but the table has {self.width}")
            yield fields

    def names(self, rows, told, path):
        """(names, units, line of the names): as told, of the lines next above the table, or numbers."""
        above, top = [], self.first
        for at in reversed(range(max(0, self.first - 6), self.first)):
            tokens = self._tokens(COMMENT.sub("", rows[at])) or self._below(rows[at], rows[self.first])
            if PAIR.search(rows[at]):
                break
            if tokens:
                above.insert(0, tokens)
                top = at
            elif len(rows[at].split()) > 1:
                break
        names = told.get("names") or (above[0] if above else [])
        if names and len(names) != self.width:
            raise ValueError(f"{path}: table.names has {len(names)} names, but the rows have {self.width} columns")
        units = above[1] if len(above) > 1 and not told.get("names") else [""] * self.width
        names = names or [f"column {number}" for number in range(1, self.width + 1)]
        matches = [UNIT.fullmatch(name) for name in names]
        units = [match["unit"].strip() if match else unit for match, unit in zip(matches, units, strict=True)]
        names = [
            (match["name"] if match and match["name"] else name).strip()
            for match, name in zip(matches, names, strict=True)
        ]
        units = [
            SIDES.get(unit, unit) if name.lower()[:3] in ("lat", "lon") else unit
            for name, unit in zip(names, units, strict=True)
        ]
        return unique(names), units, top

    def _tokens(self, row):
        """The words of a line of names as many as columns, or None; blanks may stand before a unit in brackets."""
        ways = [split(row, delimiter) for delimiter in dict.fromkeys([self.delimiter, ",", "\t", None])]
        ways += [re.findall(r"\S+(?: [\[(][^\])]*[\])])?", row), re.split(r"\s{2,}", row.strip())]
        ways += [[*way, ""] for way in ways if self.is_open]
        return next((way for way in ways if len(way) == self.width and not is_row(way)), None)

    def _below(self, row, first):
        """The words of a line of names by the ends of the columns below them, or None where an end cuts a word."""
        ends = [match.end() for match in WORDS.finditer(first)] if self.delimiter is None else []
        cells = [row[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        is_cut = any(
            row[end - 1 : end + 1].strip() == row[end - 1 : end + 1] != "" for end in ends[:-1] if end < len(row)
        )
        filled = sum(bool(cell.strip()) for cell in cells)
        return [cell.strip() for cell in cells] if cells and not is_cut and 2 * filled > self.width else None


def split(row, delimiter):
    """The fields of a line, without quotes and blanks."""
    row = row.strip(" \r\n") if delimiter == "\t" else row.strip()
    fields = WORDS.findall(row) if delimiter is None else row.split(delimiter)
    return [one.strip(' "\t') for one in fields]


def is_row(fields):
    """Whether most fields are numbers, times or angles, and one at least a number."""
    kinds = collections.Counter(kind(one) for one in fields)
    return kinds["number"] > 0 and 2 * kinds["word"] <= len(fields)


def kind(word):
    """`number`, `other` for times, angles and what says that there is nothing, or `word`."""
    try:
        plain(word.replace(",", ".", 1))
        return "nothing" if word.lower() in NOTHING else "number"
    except ValueError:
        return "other" if word.lower() in NOTHING or TIME.fullmatch(word) or ANGLE.fullmatch(word) else "word"


def cells_of(rows):
    """The fields of rows as columns of bytes (UTF-8), some thousand rows at a time so that few are words in memory."""
    parts = []
    while some := list(itertools.islice(rows, AT_ONCE)):
        parts.append([np.array([cell.encode() for cell in cells]) for cells in zip(*some, strict=True)])
    return [np.concatenate(cells) for cells in zip(*parts, strict=True)]


def parsed(cells):
    """(values, words) of a column of bytes: float64, and the few words that are taken for missing numbers in it.

    Text where there are other words, and None where all fields are empty.
    """
    if b"_" not in cells.tobytes():  # which Python has in numbers
        with contextlib.suppress(ValueError):
            values = cells.astype(np.float64)
            return (None if np.isnan(values).all() else np.where(np.isnan(values), EMPTY, values)), ()
    cells = [cell.decode() for cell in cells.tolist()]
    given = [cell for cell in cells if cell.lower() not in NOTHING]
    if not given:
        return None, ()
    for number in (plain, with_comma, degrees):
        words = {cell for cell in given if not is_read(number, cell)}
        few = len(words) <= FEW and sum(cell in words for cell in cells) < len(given) / 2
        if not words or (few and len(given) > 2):
            gone = NOTHING | {word.lower() for word in words}
            return np.array([EMPTY if cell.lower() in gone else number(cell) for cell in cells]), sorted(words)
    return np.array(cells, dtype="U"), ()


def is_read(number, cell):
    """Whether a function makes a number of a field."""
    try:
        number(cell)
    except ValueError:
        return False
    return True


def plain(cell):
    """A number with a decimal point."""
    if "_" in cell:
        raise ValueError(f"{cell!r} is no number")
    return float(cell)


def with_comma(cell):
    """A number with a decimal comma."""
    if not re.fullmatch(r"[-+]?\d+(,\d+)?", cell):
        raise ValueError(f"{cell!r} is no number with a decimal comma")
    return float(cell.replace(",", "."))


def degrees(cell):
    """Degrees north or east of a field such as `73°48'52.1"W`."""
    match = ANGLE.fullmatch(cell)
    if not match:
        raise ValueError(f"{cell!r} is no angle")
    parts = (match["degrees"], match["minutes"] or 0, match["seconds"] or 0)
    total = sum(float(part) / scale for part, scale in zip(parts, (1, 60, 3600), strict=True))
    return -total if (match["sign"] == "-") != (match["side"] in "SW") else total


def labels(rows):
    """What the lines around a table tell; the first of equal labels counts."""
    header = {}
    for row in rows:
        pairs = PAIR.findall(row) if "=" in row else []
        if not pairs and (match := LABEL.fullmatch(row)):
            pairs = [(match["label"], match["value"].strip('"'))]
        for label, value in pairs:
            header.setdefault(label, value)
    return header


def unique(names):
    """Names of which none is twice: a later one has its number, and one without a name that of its column."""
    given = []
    for number, name in enumerate(names, 1):
        name = name or f"column {number}"
        given.append(name if name not in given else f"{name} {number}")
    return given
