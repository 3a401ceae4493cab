"""ICARTT files with one independent variable (FFI 1001), such as the dropsondes of IMPACTS.

Format: NASA ESDS-RFC-029 "ICARTT File Format Standards V2.0": the first line gives the number of header lines; the
independent variable is seconds from midnight of the date on line 7; each dependent variable has its own scale factor
and its own missing value.
"""

import numpy as np

from darkroom.airborne import collection, granule
from darkroom.airborne.readers import text


def read(path, form):
    """(variables, header, flags, lines) of one file: rows in the order of the file, and the line of each.

    Values are stored as printed; a scale factor other than 1 becomes the attribute. Raises ValueError naming the line.
    """
    rows = text.lines(path)
    start, _, kind = rows[0].partition(b",")
    if kind.strip() != b"1001" or not start.strip().isdigit():
        shown = text.text(rows[0][:40])
        raise ValueError(f"{path} line 1: {shown!r}; an ICARTT file begins with its number of header lines and 1001")
    length = int(start)
    if len(rows) < length:
        raise ValueError(f"{path}: line 1 says {length} header lines, but the file has {len(rows)} lines; it is cut")
    head = Header(path, rows[:length])

    date = [field.strip() for field in head.take("the date").split(",")[:3]]
    head.take("the data interval")
    independent = [field.strip() for field in head.take("the independent variable").split(",")]
    count = head.count("the number of variables")
    scales = head.numbers("the scale factors", count)
    missing = head.numbers("the missing values", count)
    names = [[field.strip() for field in head.take("a variable").split(",")] for _ in range(count)]
    special = [head.take("a special comment") for _ in range(head.count("the number of special comments"))]
    normal = [head.take("a normal comment") for _ in range(head.count("the number of normal comments"))]
    if head.at != length:
        raise ValueError(f"{path}: line 1 says {length} header lines, but the header ends at line {head.at}")

    columns = [independent, *names]
    short = [column[0] for column in columns]
    last = [name.strip() for name in text.text(rows[length - 1]).split(",")]
    if last != short:
        raise ValueError(f"{path} line {length}: the columns are {last}, but the header above describes {short}")
    body = rows[length:]
    if not body:
        raise ValueError(f"{path}: there is no data below the header; the file is cut")
    lines = np.arange(length + 1, length + 1 + len(body))
    values = text.delimited(body, short, path, lines)

    midnight = "{:0>4}-{:0>2}-{:0>2} 00:00:00".format(*date)
    variables = {}
    for column, printed, scale, blank in zip(columns, values, [1.0, *scales], [None, *missing], strict=True):
        try:
            key, attrs, _ = collection.described(form["variables"], column[0], column[1] if len(column) > 1 else "")
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if key == "time":
            attrs["units"] = f"seconds since {midnight}"
        if scale != 1:
            attrs["scale_factor"] = scale
        granule.add(variables, key, granule.Variable.of(printed, ("time",), attrs, blank, column[0]))
    comments = text.labels([line.encode() for line in special + normal])
    return variables, head.first | comments, text.unfinished(path), lines


class Header:
    """The lines of a header, taken one after the other."""

    def __init__(self, path, rows):
        self.path, self.rows, self.at = path, [text.text(row) for row in rows], 0
        self.at = 1
        self.first = {}
        for label in ("PI", "Organization", "Data source", "Mission"):
            self.first[label] = self.take(label)
        self.take("the file volume")

    def take(self, what):
        """The next line. Raises ValueError when the header ends before it."""
        if self.at == len(self.rows):
            raise ValueError(f"{self.path} line {self.at + 1}: the header ends where {what} should be")
        self.at += 1
        return self.rows[self.at - 1].strip()

    def count(self, what):
        """The next line as a number of things."""
        line = self.take(what)
        if not line.isdigit():
            raise ValueError(f"{self.path} line {self.at}: {line!r} should be {what}")
        return int(line)

    def numbers(self, what, count):
        """The next line as `count` numbers."""
        fields = self.take(what).split(",")
        try:
            found = [float(field) for field in fields]
        except ValueError:
            raise ValueError(f"{self.path} line {self.at}: {what} should be numbers, not {fields}") from None
        if len(found) != count:
            raise ValueError(f"{self.path} line {self.at}: {len(found)} values of {what} for {count} variables")
        return found
