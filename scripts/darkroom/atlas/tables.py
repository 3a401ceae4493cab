"""Text of tables, whichever program wrote them; by the standard library alone, as some are read before any job."""

import csv
from pathlib import Path

UTF16 = b"\xff\xfe", b"\xfe\xff"  # marks at the start of a text


def text(path, content=None):
    """The text of a file in UTF-8 or, with its mark, UTF-16. Raises ValueError naming the file and the line."""
    content = Path(path).read_bytes() if content is None else content
    try:
        decoded = content.decode("utf-16" if content.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line} is not UTF-8 text; save the table as UTF-8") from error
    if "\0" in decoded:
        raise ValueError(f"{path} is no text (of a spreadsheet?); save the table as CSV in UTF-8")
    return decoded


def delimiter(line):
    """The mark between columns: of comma, tab and semicolon the one that makes most columns of the first line."""
    return max(",\t;", key=lambda mark: len(next(csv.reader([line], delimiter=mark), ())))
