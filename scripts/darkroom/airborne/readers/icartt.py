"""ICARTT files: one time and its variables (FFI 1001), and such with an array at each time (FFI 2110 and 2310).

Files of its ancestor, the NASA Ames format, are alike with blanks for commas, names in brackets of their units, and
short names in the comments.

Format: NASA ESDS-RFC-029 "ICARTT File Format Standards V2.0", Gaines and Hipskind (1998) for 2310: the first line gives
the number of header lines; time is seconds from midnight of the date on line 7, in NASA Ames also hours or days; each
variable has its own scale factor and missing value, and comments give codes for what is beyond the limits of detection.
"""

import itertools
import re

import numpy as np

from darkroom.airborne import times
from darkroom.airborne.readers import text
from darkroom.airborne.readers.columns import put

KINDS = ("1001", "2110", "2310")
LONGEST = 10  # digits of a code such as -7777
DECIMALS = 4
AMES = re.compile(r"(?P<name>[^\[]+?)\s*\[(?P<unit>[^\]]*)\]\s*;?\s*(?P<more>.*)")
# Label in the comments -> what its code means; the codes that everybody uses, of any length, count without a label.
LIMITS = {"ULOD_FLAG": ("above_detection_limit", "7"), "LLOD_FLAG": ("below_detection_limit", "8")}


def read(path, form):
    """(variables, header, flags, lines) of one file: rows in the order of the file, and the line of each.

    Values are stored as printed; a scale factor other than 1 becomes the attribute. Raises ValueError naming the line.
    """
    (first,) = text.head(path, 1)
    fields = [field.strip() for field in re.split(r",|(?<=\d)\s+(?=\d)", text.text(first).strip())]
    if len(fields) < 2 or fields[1] not in KINDS or not fields[0].isdigit():
        shown = text.text(first[:40])
        raise ValueError(
            f"{path} line 1: {shown!r}; an ICARTT file begins with its number of header lines and {', '.join(KINDS)}"
        )
    length = int(fields[0])
    rows = text.head(path, length)
    if len(rows) < length:
        raise ValueError(f"{path}: line 1 says {length} header lines, but the file has {len(rows)} lines; it is cut")
    head = Header(path, rows, fields[1], is_ames="," not in text.text(first))
    short = [column.name for column in head.columns]
    last = [name.strip() for name in head.rows[-1].split(",")]
    is_named = head.kind == "1001" and not head.is_ames
    if is_named and [name.casefold() for name in last] != [name.casefold() for name in short]:
        raise ValueError(f"{path} line {length}: the columns are {last}, but the header above describes {short}")
    told = {"Format": f"ICARTT {', '.join(fields[1:])}"} | head.first | head.comments
    flags, variables = list(head.flags), {}
    if is_named and last != short:
        others = ", ".join(f"{one} ({other})" for one, other in zip(short, last, strict=True) if one != other)
        flags.append(
            {"flag": "names_in_other_letters", "note": f"above the columns names have other capitals: {others}"}
        )
    try:
        lines = _tables(path, head, length, form, variables, flags)
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error
    return variables, told, flags + text.unfinished(path), lines


def _tables(path, head, length, form, variables, flags):
    """Put the columns of the body to the variables; returns the line of each row."""
    codes = head.codes()
    midnight = f"{counted(head.independent)} since {head.date} 00:00:00"
    if head.kind == "1001":
        values = text.table(path, length, [column.name for column in head.columns], blanks=head.is_ames)
        if not len(values):
            raise ValueError(f"{path}: there is no data below the header; the file is cut")
        for number, column in enumerate(head.columns):
            _put(variables, flags, form, column, values[:, number], ("time",), codes, "" if number else midnight)
        return np.arange(length + 1, length + 1 + len(values))
    rows, arrays, lines = _blocks(path, head, length)
    for number, column in enumerate([head.independent, *head.auxiliary]):
        _put(variables, flags, form, column, rows[:, number], ("time",), codes, "" if number else midnight)
    for number, column in enumerate([head.bounded, *head.dependent]):
        _put(variables, flags, form, column, arrays[:, :, number], ("time", "level"), codes)
    return lines


def _put(variables, flags, form, column, values, dims, codes, time_units=""):
    if time_units:
        name, time = put(variables, flags, form["variables"], column.name, values, dims, long_name=column.long_name)
        if name != "time":  # the independent variable is the time, whatever its name
            variables["time"] = variables.pop(name)
        time.attrs["units"] = time_units
        return
    told = {"units": column.units} | ({"scale_factor": column.scale} if column.scale != 1 else {})
    put(variables, flags, form["variables"], column.name, values, dims, told, [column.missing], codes, column.long_name)


def counted(independent):
    """What the independent variable counts from midnight: the unit that its line names first, or seconds."""
    if independent.units in times.UNITS:
        return times.UNITS[independent.units]
    words = re.findall("[a-z]+", f"{independent.name} {independent.units} {independent.long_name}".lower())
    return next((word for word in words if word in times.NANOSECONDS), "seconds")


class Column:
    """A variable as its line in the header describes it: name, units, name in words."""

    def __init__(self, line, scale=1.0, missing=None):
        if "," not in line and (ames := AMES.fullmatch(line)):
            line = f"{ames['name']}, {ames['unit']}, {ames['name']} {ames['more']}".strip()
        fields = [field.strip() for field in line.split(",")]
        self.name = fields[0]
        self.units = fields[1] if len(fields) > 1 else ""
        self.long_name = ", ".join(field for field in fields[2:] if field) or self.name
        self.scale, self.missing = scale, missing


class Header:
    """The header: its columns, date, comments; lines are taken one after the other.

    A file that says 2110, but describes no second independent variable, is one of 1001.
    """

    def __init__(self, path, rows, kind, is_ames=False):
        self.path, self.rows, self.at, self.kind = path, [text.text(row) for row in rows], 1, kind
        self.is_ames = is_ames
        self.first, self.flags = {}, []
        for label in ("PI", "Organization", "Data source", "Mission"):
            self.first[label] = self.take(label)
        self._volume()
        self._date()
        self.take("the data interval")
        lines = [self.take("the independent variable")]
        while not re.fullmatch(r"\d+\s*,?", self.rows[self.at] if self.at < len(self.rows) else "0"):
            lines.append(self.take("the independent variable"))
        if len(lines) == 1:
            self.kind = "1001"
        *bounded, independent = lines
        self.bounded, self.independent = Column(bounded[0]) if bounded else None, Column(independent)
        self.dependent = self._variables()
        self.auxiliary = self._variables() if self.kind != "1001" else []
        self.columns = [self.independent, *self.dependent]
        special = [self.take("a special comment") for _ in range(self.count("the number of special comments"))]
        normal = [self.take("a normal comment") for _ in range(self.count("the number of normal comments"))]
        if self.at != len(rows):
            raise ValueError(f"{path}: line 1 says {len(rows)} header lines, but the header ends at line {self.at}")
        self.comments = text.labels([line.encode() for line in special + normal])
        if is_ames:
            self._name_short(special + normal)

    def _fields(self, line):
        """Fields of a line of the header."""
        return line.split() if self.is_ames else [field.strip() for field in line.rstrip(", ").split(",")]

    def _name_short(self, comments):
        """Name the columns as the comment does that has as many words as there are columns."""
        words = [line.split() for line in comments]
        names = next((names for names in words if len(names) == len(self.columns)), [])
        for column, name in zip(self.columns, names, strict=False):
            column.name = name

    def _volume(self):
        volume = self.take("the file volume")
        match = re.fullmatch(r"(\d+)\s*,\s*(\d+)\s*,?", volume)
        if match and match[2] not in ("0", "1"):
            self.first["File volume"] = f"{match[1]} of {match[2]}"
            self.flags.append(
                {"flag": "volume", "note": f"this is file {match[1]} of {match[2]} of one granule of its maker"}
            )

    def _date(self):
        line = self.take("the date")
        fields = self._fields(line)[:3]
        try:
            year, month, day = fields
            self.date = str(times.moment(f"{year}-{month}-{day}"))[:10]
        except ValueError:
            raise ValueError(
                f"{self.path} line {self.at}: {line!r}; right is the date that the data begin on, as in 2022, 02, 08"
            ) from None

    def _variables(self):
        count = self.count("the number of variables")
        scales, missing = self.numbers("the scale factors", count), self.numbers("the missing values", count)
        return [Column(self.take("a variable"), *pair) for pair in zip(scales, missing, strict=True)]

    def codes(self):
        """Values that tell what is beyond the limits of detection, by what they mean."""
        codes = {}
        for label, (word, digit) in LIMITS.items():
            for whole, decimals in itertools.product(range(4, LONGEST + 1), range(DECIMALS + 1)):
                codes[-float(f"{digit * whole}.{digit * decimals}")] = word
            try:
                codes[float(self.comments.get(label, "").rstrip(";, "))] = word
            except ValueError:  # none, or N/A
                continue
        return codes

    def take(self, what):
        """The next line. Raises ValueError when the header ends before it."""
        if self.at == len(self.rows):
            raise ValueError(f"{self.path} line {self.at + 1}: the header ends where {what} should be")
        self.at += 1
        return self.rows[self.at - 1].strip()

    def count(self, what):
        """The next line as a number of things."""
        line = self.take(what).rstrip(", ")
        if not line.isdigit():
            raise ValueError(f"{self.path} line {self.at}: {line!r} should be {what}")
        return int(line)

    def numbers(self, what, count):
        """The next line as `count` numbers; without any there may be no line."""
        fields = self._fields(self.take(what)) if count else []
        while self.is_ames and len(fields) < count and self.at < len(self.rows):
            fields += self._fields(self.take(what))
        try:
            values = [float(field) for field in fields]
        except ValueError:
            raise ValueError(f"{self.path} line {self.at}: {what} should be numbers, not {fields}") from None
        if len(values) != count:
            raise ValueError(f"{self.path} line {self.at}: {len(values)} values of {what} for {count} variables")
        return values


def _blocks(path, head, length):
    """(rows, arrays, lines) of a file with an array at each time.

    rows -- time and auxiliary variables, float64 (time, column); the first of these is the number of entries
    arrays -- the bounded variable and the dependent ones, float64 (time, level, column), padded with missing values

    In 2110 an entry is a line; in 2310 a line has all entries of one variable, and the auxiliary variables give the
    first value and the step of the bounded one.
    """
    least = 3 if head.kind == "2310" else 1
    if len(head.auxiliary) < least:
        told = f"{len(head.auxiliary)} auxiliary variables, the first of which is the number of entries"
        raise ValueError(f"{path}: the header describes {told}; right are {least} or more in {head.kind}")
    lines = text.lines(path)[length:]
    rows, arrays, numbers, at = [], [], [], 0
    names = [head.independent.name, *(column.name for column in head.auxiliary)]
    across = [head.bounded.name, *(column.name for column in head.dependent)]
    while at < len(lines):
        number = length + at + 1
        row = [values[0] for values in text.delimited(lines[at : at + 1], names, path, [number])]
        entries = row[1]
        if not (entries >= 0 and float(entries).is_integer()):
            raise ValueError(f"{path} line {number}: {names[1]} is {entries:g}; right is a number of entries below it")
        entries = int(entries)
        taken = entries if head.kind == "2110" else len(head.dependent)
        body = lines[at + 1 : at + 1 + taken]
        if len(body) < taken:
            raise ValueError(f"{path}: line {number} has {taken} lines below it, but the file ends; it is cut")
        if head.kind == "2110":
            columns = text.delimited(body, across, path, np.arange(number + 1, number + 1 + taken)) if body else []
            block = np.stack(columns, 1) if body else np.empty((0, len(across)))
        else:
            each = [str(entry) for entry in range(entries)]
            values = [text.delimited([line], each, path, [number + 1 + place]) for place, line in enumerate(body)]
            start, step = (
                value * column.scale if value != column.missing else np.nan
                for value, column in zip(row[2:4], head.auxiliary[1:3], strict=True)
            )
            block = np.column_stack([start + step * np.arange(entries), *(np.ravel(value) for value in values)])
        rows.append(row)
        arrays.append(block)
        numbers.append(number)
        at += 1 + taken
    if not rows:
        raise ValueError(f"{path}: there is no data below the header; the file is cut")
    blank = [-9999.0 if column.missing is None else column.missing for column in (head.bounded, *head.dependent)]
    head.bounded.missing = blank[0]
    padded = np.tile(np.array(blank), (len(rows), max(map(len, arrays)), 1))
    for target, block in zip(padded, arrays, strict=True):
        target[: len(block)] = block
    return np.array(rows), padded, np.array(numbers)
