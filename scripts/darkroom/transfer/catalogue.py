"""What an upload consists of: the objects that are to be, those found in the store, and those present in the end."""

import json
import sqlite3
import threading
from dataclasses import dataclass

from darkroom.transfer.store import Content, Found, Item

INDEXES = {"info", "zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata", "index.html"}
DATA, INDEX, CHECKSUMS, MANIFEST = range(4)  # turns, in the order of publication
BATCH = 100  # rows that are read at once
TABLES = """
CREATE TABLE planned (
    name BLOB PRIMARY KEY, source BLOB, content_type TEXT, content_encoding TEXT, sha256 TEXT, turn INT, cut INT
) WITHOUT ROWID;
CREATE TABLE present (name BLOB PRIMARY KEY, bytes INT, md5 TEXT, parts TEXT) WITHOUT ROWID;
CREATE TABLE found (name BLOB PRIMARY KEY, bytes INT, etag TEXT, content_type TEXT, large INT) WITHOUT ROWID;
"""
ENTRIES = """
SELECT name, source, planned.content_type, content_encoding, sha256, present.bytes, md5, parts,
    found.bytes, etag, found.content_type, large
FROM planned LEFT JOIN present USING (name) LEFT JOIN found USING (name) WHERE {} ORDER BY name
"""
STALE = "FROM found WHERE name NOT IN (SELECT name FROM planned)"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a `Catalogue` knows of an object: `content` once it is right or sent, `found` when a listing has it."""

    item: Item
    sha256: str | None
    content: Content | None
    found: Found | None


class Catalogue:
    """The objects of an upload, those found in the store, and those present in the end.

    They are in a temporary file of SQLite's (below TMPDIR or in /var/tmp), so that memory stays as it is however many
    there are. An object has its turn: data, indexes, checksums, manifest. Names come in the order of their bytes, as in
    a listing of Swift; those in a folder may be no UTF-8. Several threads may share a catalogue.
    """

    def __init__(self, folder):
        self.folder, self.lock = folder, threading.Lock()
        self.database = sqlite3.connect("", check_same_thread=False)  # one transaction, which is never committed
        self.database.executescript(TABLES)

    def close(self):
        self.database.close()

    def plan(self, item, sha256, turn, cut):
        """Add an object. Raises ValueError where two files would have its name."""
        source = item.path.relative_to(self.folder).as_posix()
        row = (_bytes(item.name), _bytes(source), item.content_type, item.content_encoding, sha256, turn, cut)
        try:
            self.database.execute("INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise ValueError(f"{item.path}: another file would have the same name, {item.name!r}") from None

    def find(self, listing):
        """Replace what was found by (name, `Found`) of a listing."""
        rows = (
            (_bytes(name), stored.bytes, stored.etag, stored.content_type, stored.large) for name, stored in listing
        )
        with self.lock:
            self.database.execute("DELETE FROM found")
            self.database.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)", rows)

    def keep(self, item, content):
        """An object is present, with this content."""
        row = (_bytes(item.name), content.bytes, content.md5, json.dumps(content.parts) if content.parts else None)
        with self.lock:
            self.database.execute("INSERT INTO present VALUES (?, ?, ?, ?)", row)

    def entries(self, where="TRUE", *values):
        """Every `Entry` for which the SQL condition holds, in the order of their names."""
        for row in self._rows(ENTRIES.format(where), *values):
            name, source, kind, encoding, sha256, size, md5, parts, stored_size, etag, stored_kind, large = row
            item = Item(_text(name), self.folder / _text(source), kind, encoding)
            content = None if md5 is None else Content(size, md5, tuple(map(tuple, json.loads(parts or "[]"))))
            stored = None if etag is None else Found(stored_size, etag, stored_kind, bool(large))
            yield Entry(item, sha256, content, stored)

    def stale(self, where="TRUE", *values):
        """Names that are found but not planned, in their order."""
        for (name,) in self._rows(f"SELECT name {STALE} AND {where} ORDER BY name", *values):
            yield _text(name)

    def is_stale(self, name):
        return next(self.stale("name = ?", _bytes(name)), None) is not None

    def count(self, where="TRUE", *values):
        """The number of `entries`."""
        return self._value(f"SELECT COUNT(*) FROM ({ENTRIES.format(where)})", *values)

    def count_stale(self):
        return self._value(f"SELECT COUNT(*) {STALE}")

    def total(self):
        """The bytes of all that is present."""
        return self._value("SELECT SUM(bytes) FROM present")

    def any_large(self):
        """Whether there were parts, or may have been."""
        large = "SELECT 1 FROM found WHERE large UNION ALL SELECT 1 FROM planned WHERE cut"
        return bool(self._value(f"SELECT EXISTS ({large})"))

    def _value(self, query, *values):
        return next(self._rows(query, *values))[0]

    def _rows(self, query, *values):
        with self.lock:
            cursor = self.database.execute(query, values)
        while True:
            with self.lock:
                rows = cursor.fetchmany(BATCH)
            if not rows:
                return
            yield from rows


def _bytes(name):
    return name.encode(errors="surrogateescape")


def _text(name):
    return name.decode(errors="surrogateescape")
