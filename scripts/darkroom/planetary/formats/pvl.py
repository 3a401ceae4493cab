"""PVL and ODL labels, as PDS3 products and ISIS cubes carry them.

A scalar stays the text that stands in the label, so that identifiers and times can be copied from one label to another
unchanged; who wants a number calls float() or int(). Format: CCSDS 641.0-B-2; PDS Standards Reference 3.8, chapter 12.
"""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|\#[^\n]*)
      | "(?P<double>[^"]*)" | '(?P<single>[^']*)'
      | <(?P<unit>[^>]*)>
      | (?P<mark>[=(){},;])
      | (?P<word>[^\s=(){},;<"']+)""",
    re.VERBOSE | re.DOTALL,
)
# A word may go on in the next line, which is indented and no statement of its own.
CONTINUED = re.compile(r"(?<=\S)-\r?\n[ \t]+(?=\S)(?![^\n=]*\S[ \t]*=)")
# Alone on its line, or with what is no text right behind it: the first pixel.
END = re.compile(rb"(?:^|[\n\r\0])[ \t]*END(?=[ \t]*(?:[\r\n\0]|$)|[^\t -~])", re.IGNORECASE)
# With pixels right behind it that begin as text: no statement, and no text goes on to the end of its line.
END_AND_PIXELS = re.compile(rb"[\n\r][ \t]*END(?!_?(?:OBJECT|GROUP)\b|[\w:]*\s*=)[!-~][^\n\r]*?[^\t\n\r -~]")
OPENS = {"OBJECT": "Object", "BEGIN_OBJECT": "Object", "GROUP": "Group", "BEGIN_GROUP": "Group"}
CLOSES = {"END_OBJECT", "END_GROUP", "ENDOBJECT", "ENDGROUP"}
SFDU = (b"CCSD", b"NJPL", b"PDS_", b"FILE_TYPE")  # what labels of records begin with
LONGEST_RECORD = 4096  # bytes
LONGEST = 16 << 20  # bytes of a label; what is longer is no label
WIDTH = 80


class Quantity(NamedTuple):
    """A value with its unit."""

    value: str
    unit: str

    def __float__(self):
        return float(self.value)

    def __int__(self):
        return int(self.value)


class Block:
    """The statements of a label, an object or a group, in their order; names are found in any case."""

    def __init__(self, entries=(), kind="", name=""):
        self.kind, self.name = kind, name
        self._entries, self._first = [], {}
        for key, value in entries.items() if hasattr(entries, "items") else entries:
            self.append(key, value)

    def append(self, key, value):
        """Add a statement at the end; a name may stand more than once."""
        self._first.setdefault(key.upper(), len(self._entries))
        self._entries.append((key, value))

    def __getitem__(self, key):
        if key not in self:
            raise KeyError(f"no {key} in {self.kind or 'label'} {self.name}".strip())
        return self._entries[self._first[key.upper()]][1]

    def __setitem__(self, key, value):
        """Change the first statement of that name, or add one."""
        if key in self:
            index = self._first[key.upper()]
            self._entries[index] = (self._entries[index][0], value)
        else:
            self.append(key, value)

    def __contains__(self, key):
        return key.upper() in self._first

    def __iter__(self):
        return (key for key, _ in self._entries)

    def __len__(self):
        return len(self._entries)

    def __eq__(self, other):
        return isinstance(other, Block) and self._entries == other._entries

    def __repr__(self):
        return f"Block({self._entries!r}, {self.kind!r}, {self.name!r})"

    def get(self, key, default=None):
        """The first value of that name, or the default."""
        return self[key] if key in self else default  # noqa: SIM401

    def all(self, key):
        """Every value of that name."""
        return [value for name, value in self._entries if name.upper() == key.upper()]

    def items(self):
        """Pairs of name, as written, and value."""
        return list(self._entries)


def load(path, offset=0):
    """The label that begins at a byte of a file and ends with END, or with the file.

    Raises ValueError when there is none, OSError when the file cannot be read.
    """
    head = read_head(path, offset).removeprefix(codecs.BOM_UTF8)
    head = _of_records(head) or head
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path}: the label is written in UTF-16; right is ASCII or UTF-8")
    if head.lstrip().startswith(b"<"):
        raise ValueError(f"{path}: PDS4, not read; right is a product of PDS3")
    if not re.match(rb"\s*(/\*|\#|\^?\w[\w:]*\s*=)", head):
        raise ValueError(f"{path}: no PDS3 or ISIS label at byte {offset + 1}; it would begin with KEYWORD = VALUE")
    try:
        return loads(_decoded(head))
    except ValueError as error:
        raise ValueError(f"{path}: the label cannot be read: {error}") from error


def _of_records(head):
    """The lines of a label whose records have their lengths in front (VMS, as Viking's and Voyager's), else b"".

    A length is two bytes, the least significant first; a record is padded to an even number of bytes.
    """
    lines, at = [], 0
    while at + 2 <= len(head):
        size = int.from_bytes(head[at : at + 2], "little")
        line = head[at + 2 : at + 2 + size]
        if not 0 < size <= LONGEST_RECORD or not line.isascii() or (not lines and not line.startswith(SFDU)):
            break
        lines.append(line.rstrip())
        if lines[-1].upper() == b"END":
            break
        at += 2 + size + size % 2
    return b"\n".join(lines)


def _decoded(head):
    """A label as text; bytes that are no UTF-8 are read as Latin-1, and can be written again."""
    try:
        return head.decode()
    except UnicodeDecodeError:
        return head.decode("latin-1")


def read_head(path, offset=0):
    """The bytes of a label, without its END."""
    head = b""
    with Path(path).open("rb") as file:
        file.seek(offset)
        while block := file.read(1 << 16):
            since = max(len(head) - 8, 0)  # END may be cut by the block
            head += block
            if end := END.search(head, since):
                return head[: end.start() + 1]
            if len(head) > LONGEST:
                break
    end = END_AND_PIXELS.search(head)
    return head[: end.start() + 1] if end else head


def loads(text):
    """Parse a label. Raises ValueError with the line of a statement that is none."""
    text = CONTINUED.sub("", text)
    tokens = _Tokens(text)
    top = Block()
    stack = [top]
    while (key := tokens.word()) is not None:
        name = key.upper()
        if name == "END":
            break
        if name in CLOSES:
            if tokens.next_is("="):
                tokens.scalar()
            if len(stack) == 1:
                raise ValueError(f"line {tokens.line()}: {key} closes nothing")
            stack.pop()
            continue
        if not tokens.next_is("="):
            raise ValueError(f"line {tokens.line()}: no = after {key!r}")
        if name in OPENS:
            block = Block(kind=OPENS[name], name=tokens.scalar())
            stack[-1].append(block.name, block)
            stack.append(block)
        else:
            stack[-1].append(key, tokens.value())
    return top


class _Tokens:
    """The tokens of a label, one ahead."""

    def __init__(self, text):
        self.text, self.token = text, None
        self.matches = TOKEN.finditer(text)
        self.advance()

    def advance(self):
        self.token = next((token for token in self.matches if token.lastgroup != "skip"), None)

    def line(self):
        return self.text.count("\n", 0, self.token.start() if self.token else len(self.text)) + 1

    def next_is(self, mark):
        """Whether the next token is this mark, which is then taken."""
        here = self.token is not None and self.token["mark"] == mark
        if here:
            self.advance()
        return here

    def word(self):
        """The name of the next statement; None at the end of the label."""
        while self.next_is(";"):
            pass
        if self.token is None or self.token["word"] is None or self.token["word"].startswith("\0"):
            if self.token is None or "\0" in self.token[0]:
                return None
            raise ValueError(f"line {self.line()}: {self.token[0][:40]!r} is no keyword")
        word = self.token["word"]
        self.advance()
        return word

    def scalar(self):
        """A text, as it stands without its quotes; lines of it are joined."""
        token = self.token
        if token is None or token.lastgroup not in ("double", "single", "word"):
            raise ValueError(f"line {self.line()}: a value is missing")
        self.advance()
        text = token[token.lastgroup]
        return text if token.lastgroup == "word" else re.sub(r"\s*\n\s*", " ", re.sub(r"-\r?\n\s*", "", text)).strip()

    def value(self):
        """A scalar, or a tuple of values, with its unit."""
        closing = {"(": ")", "{": "}"}.get(self.token["mark"]) if self.token else None
        if closing is None:
            value = self.scalar()
        else:
            self.advance()
            items = []
            while not self.next_is(closing):
                items.append(self.value())
                self.next_is(",")
            value = tuple(items)
        if self.token is None or self.token["unit"] is None:
            return value
        unit = self.token["unit"].strip()
        self.advance()
        return tuple(Quantity(item, unit) for item in value) if closing else Quantity(value, unit)


def dumps(block):
    """A label as ISIS writes it, from a Block or a dict; a dict in it becomes a group. END is not written."""
    return "\n".join(_lines(block, "")) + "\n"


def _lines(block, indent):
    lines = []
    names = [key for key, value in block.items() if not isinstance(value, (Block, dict))]
    width = max(map(len, names), default=0)
    for key, value in block.items():
        if not isinstance(value, (Block, dict)):
            start = f"{indent}{key:<{width}} = "
            lines += _wrapped(start, _written(value))
            continue
        kind = getattr(value, "kind", "") or "Group"
        lines += [""] if lines else []
        lines += [f"{indent}{kind} = {key}", *_lines(value, indent + "  "), f"{indent}End_{kind}"]
    return lines


def _wrapped(start, text):
    """A statement in lines of at most WIDTH columns, broken behind the commas of a sequence."""
    if len(start) + len(text) <= WIDTH or not text.startswith("("):
        return [start + text]
    lines, line = [], start
    for number, item in enumerate(re.findall(r'(?:[^,"]|"[^"]*")+,?', text)):
        item = item if number == 0 else item.strip()
        room = WIDTH - len(line) - (line[-1] == ",")
        if number and len(item) > room:
            lines.append(line)
            line = " " * (len(start) + 1) + item
        else:
            line += (" " if line[-1] == "," else "") + item
    return [*lines, line]


def _written(value):
    if isinstance(value, Quantity):
        return f"{_written(value.value)} <{value.unit}>"
    if isinstance(value, (tuple, list)):
        units = {item.unit if isinstance(item, Quantity) else None for item in value}
        if len(units) == 1 and None not in units:  # a unit that all share stands behind them
            return f"{_written([item.value for item in value])} <{units.pop()}>"
        return f"({', '.join(map(_written, value))})"
    text = str(value)
    if text and not re.search(r"[\s=(){},;<>\"'#&]", text):
        return text
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}"
