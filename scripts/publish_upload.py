"""Copy a finished dataset to a folder or to OpenStack Swift, and read it back as others will."""

import contextlib
import functools
import itertools
import json
import logging
import os
import random
import re
import shutil
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from darkroom import entrypoint, files
from darkroom.transfer import remote
from darkroom.transfer.checksums import ESCAPES, GNU, LENGTHS
from darkroom.transfer.store import LONGEST_NAME, Content, Found, Item, contents, each
from darkroom.transfer.store import store as open_store
from darkroom.urls import REMOTE, public_url

INDEXES = {"info", "zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata", "index.html"}
TYPES = {
    **dict.fromkeys((*INDEXES - {"index.html"}, ".json", ".geojson"), "application/json"),
    ".html": "text/html",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".sha256": "text/plain",
    ".xml": "application/xml",
    ".png": "image/png",
    **dict.fromkeys((".jpg", ".jpeg"), "image/jpeg"),
    **dict.fromkeys((".tif", ".tiff"), "image/tiff"),
    ".nc": "application/x-netcdf",
}
ENCODED = {"jpeg": "image/jpeg", "png": "image/png"}
GZIPPED = ("raw", "compressed_segmentation")
CHUNK = re.compile(r"-?\d+--?\d+(_-?\d+--?\d+){2}(\.gz)?")
SAMPLE = 100  # objects that are read back whole, besides indexes, manifest and large objects
SETTLING = 6  # listings of a store until it agrees: that of a busy Swift is late
FIRST = 10  # names in a report
REPORT = 30  # seconds between lines of progress
BATCH = 100  # rows that are read at once
DATA, INDEX, CHECKSUMS, MANIFEST = range(4)  # the order of publication, see `Catalogue`
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

log = logging.getLogger(__name__)


def publish_upload(
    manifest: Path,
    checksums: Path,
    published: Path,
    *,
    target: str,
    campaign: str,
    dataset: str,
    public: bool = False,
    mirror: bool = False,
    settings: str = "",
    cloud: str = "",
    connections: int = 32,
    segment_bytes: int = 1_000_000_000,
    temp_url_days: int = 0,
    cleanup: str = "",
):
    """Copy the files of a dataset to `target`/campaign/dataset, verify the copy, and say what it is.

    manifest, checksums -- files of a finished dataset; those named in `checksums` lie below the folder of both
    published -- JSON, written last: where the copy is, and the URL, size, MD5 and type of each object in the order of
        their names; names beside the dataset's in `stale`. It holds no time: the same copy gives the same bytes
    target -- `file:///folder` or `swift://container/prefix`
    public -- anyone may read and list the container, from any web page; else it must be private
    mirror -- delete what lies in the dataset's place and is no part of it; otherwise it is only reported
    settings, cloud -- how to log in; see `credentials`
    connections -- uploads at the same time
    segment_bytes -- larger files are cut into parts of this size (a static large object)
    temp_url_days -- for a private container: `temp_urls.json` beside `published` gets a query that opens every object
        of the dataset for so many days. Whoever has it can read the data, so that file is for its owner alone (mode
        0600), and nothing of it is in `published` or a log
    cleanup -- the folder of the dataset's downloads, to remove once the copy has been read back and found right

    Only files that are missing or different are sent. The listing tells which; for encodings, which it does not
    have, the objects are asked. Data goes first, then the indexes of folders, then `checksums` and `manifest`;
    before the first change of a published dataset its manifest is taken away, so that it never vouches for a
    mixture. Gzipped Neuroglancer chunks `NAME.gz` become objects `NAME` with `Content-Encoding: gzip`.

    Raises ValueError for a bad target, file name or login, for a target that overlaps with the dataset's source or
    downloads, and for a file that changed since it was listed;
    PermissionError where the login may not, where a settings file is open to others or a private dataset would be
    public; OSError for a server that gives up and for a copy that is not, in the end, what is here.
    """
    folder, urls = manifest.parent, published.with_name("temp_urls.json")
    for old in (published, urls):
        old.unlink(missing_ok=True)
    _require_elsewhere(target, folder, campaign, dataset)
    store = open_store(target, f"{campaign}/{dataset}", public, settings, cloud)
    with contextlib.closing(store), contextlib.closing(Catalogue(folder)) as catalogue:
        _require_apart(store, files.read_json(manifest), cleanup)
        plan(catalogue, checksums, manifest, store.encodes, segment_bytes if store.cuts else None)
        stale = Upload(store, catalogue, connections, segment_bytes).run(mirror)
        _verify(store, catalogue, connections)
        content = {"target": target, "url": store.url(), "public": public, "bytes": catalogue.total()}
        content |= {"objects": [], "stale": stale}
        if temp_url_days and store.encodes and not public:
            _write_temp_urls(urls, store, temp_url_days, catalogue)
            content["temp_urls"] = urls.name
        _write_published(published, content, (described(store, entry) for entry in catalogue.entries()))
    if cleanup:
        shutil.rmtree(cleanup, ignore_errors=True)
        log.info("%s is removed", cleanup)


def _require_elsewhere(target, folder, campaign, dataset):
    """Raise ValueError for a local target in the results themselves."""
    parts = urlsplit(target)
    if parts.scheme != "file":
        return
    folder, place = folder.resolve(), Path(unquote(parts.path)).resolve()
    results = folder.parents[1] if folder.parts[-2:] == (campaign, dataset) else folder
    if place.is_relative_to(results) or (place / campaign / dataset).is_relative_to(folder):
        raise ValueError(f"{target} lies in the results folder {results}; name one outside of it")


def _require_apart(store, content, cleanup):
    """Raise ValueError where the copy would lie in the dataset's source or downloads, or these in the copy.

    content -- the manifest, which tells of the source
    """
    source, root = content.get("source", ""), content.get("inputs", {}).get("root", "")
    urls = [url for url in source.split() if url.startswith(REMOTE)]
    local = source if not urls and Path(source).exists() else ""
    beside = local and Path(root) == Path(local).parent  # of a single file, the folder has others that are not ours
    paths = [local, cleanup, "" if beside else root]
    places = [store.where(url) for url in urls] + [Path(path).resolve().as_uri() for path in paths if path]
    copy = unquote(store.where()).rstrip("/") + "/"
    for place in (unquote(public_url(url)).rstrip("/") + "/" for url in places):
        if copy.startswith(place) or place.startswith(copy):
            raise ValueError(
                f"the copy in {copy} would mix with what the dataset is made of, {place}: name another target"
            )


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
        rows = ((_bytes(name), found.bytes, found.etag, found.content_type, found.large) for name, found in listing)
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
            name, source, kind, encoding, sha256, size, md5, parts, found_size, etag, found_kind, large = row
            item = Item(_text(name), self.folder / _text(source), kind, encoding)
            content = None if md5 is None else Content(size, md5, tuple(map(tuple, json.loads(parts or "[]"))))
            found = None if etag is None else Found(found_size, etag, found_kind, bool(large))
            yield Entry(item, sha256, content, found)

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


def plan(catalogue, checksums, manifest, encodes, segment_bytes):
    """Put into a catalogue the objects that files become: those in the checksums, these, and the manifest.

    encodes -- whether the store can say that an object is gzipped
    segment_bytes -- larger files are cut into parts; None where the store has no parts

    Raises ValueError for names that cannot be objects' names or that two files would have.
    """
    scales = _scales(catalogue.folder, (name for name, _ in _listed(checksums)))

    def add(item, sha256, turn):
        catalogue.plan(item, sha256, turn, segment_bytes is not None and item.path.stat().st_size > segment_bytes)

    for path, turn in ((checksums, CHECKSUMS), (manifest, MANIFEST)):
        add(Item(path.name, path, content_type(path.name)), None, turn)
    for name, sha256 in _listed(checksums):
        item = _item(catalogue.folder, name, scales, encodes)
        add(item, sha256, INDEX if item.path.name in INDEXES else DATA)


def _listed(checksums):
    """(name, SHA-256) of every line that `publish_manifest` has written.

    Raises ValueError for a line of another form, and for a list of nothing.
    """
    number = 0
    with checksums.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            match = GNU.fullmatch(line.removesuffix("\n"))
            if not match or not match["name"] or len(match["hex"]) != LENGTHS["sha256"]:
                raise ValueError(f"{checksums} line {number}: not a line of sha256sum")
            name = match["name"]
            if match["escaped"]:
                name = re.sub(r"\\[\\nr]", lambda escape: ESCAPES[escape[0]], name)
            yield name, match["hex"].lower()
    if not number:
        raise ValueError(f"{checksums}: an empty list of checksums")


def _item(folder, name, scales, encodes):
    """What a file is in the store."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or str(path) != name:
        raise ValueError(f"{name!r} is no name of a file of the dataset")
    try:
        if len(name.encode()) > LONGEST_NAME // 2:  # campaign, prefix and part come before and after it
            raise ValueError(f"{name!r} is too long a name for an object")
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} is not UTF-8, as names of objects are") from None
    file, scale = folder / name, scales.get(str(path.parent))
    if scale and "sharding" not in scale and CHUNK.fullmatch(path.name):
        kind = ENCODED.get(scale["encoding"], "application/octet-stream")
        if encodes and path.suffix == ".gz" and scale["encoding"] in GZIPPED:
            return Item(name.removesuffix(".gz"), file, kind, "gzip")
        if path.suffix != ".gz":
            return Item(name, file, kind)
    return Item(name, file, content_type(path.name))


def _scales(folder, names):
    """Folder of chunks -> its scale, of every Neuroglancer volume among the files."""
    scales = {}
    for name in names:
        path = PurePosixPath(name)
        if path.name == "info":
            for scale in files.read_json(folder / name).get("scales", []):
                scales[os.path.normpath(path.parent / scale["key"])] = scale
    return scales


def content_type(name):
    """Content type by a file's name."""
    return TYPES.get(name) or TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


class Upload:
    """One upload of a catalogue to a store. All that was found right or sent is then present in the catalogue."""

    def __init__(self, store, catalogue, connections, segment_bytes):
        self.store, self.catalogue, self.connections, self.segment_bytes = store, catalogue, connections, segment_bytes
        self.manifest = next(catalogue.entries("turn = ?", MANIFEST)).item.name
        self.withdrawn, self.files, self.present, self.sent = False, catalogue.count(), 0, 0
        self.lock, self.reported = threading.Lock(), time.monotonic()

    def run(self, mirror):
        """Send what is missing, in an order that never shows an index before its data.

        Gives what is to be said of stale objects.
        """
        store, catalogue = self.store, self.catalogue
        store.prepare(catalogue.count("cut") > 0)
        catalogue.find(store.listing())
        for turn in (DATA, INDEX):
            self._send_all(turn)
        count, first = catalogue.count_stale(), list(itertools.islice(catalogue.stale(), FIRST))
        if count:
            some = ", ".join(map(repr, first))
            deleted = "are deleted" if mirror else "are left (publish.mirror: true deletes them)"
            log.warning("%d objects are no part of the dataset and %s: %s", count, deleted, some)
        if mirror:
            # Indexes first: none may speak of data that is gone.
            for indexes in (True, False):
                names = (name for name in catalogue.stale() if (PurePosixPath(name).name in INDEXES) is indexes)
                each(names, store.delete, self.connections, store.stopped)
        for turn in (CHECKSUMS, MANIFEST):
            self._send_all(turn)
        if catalogue.any_large():
            large = ((entry.item, entry.content) for entry in catalogue.entries("parts IS NOT NULL"))
            store.tidy(large, (lambda name: False) if mirror else catalogue.is_stale)
        log.info("%d of %d files were sent", self.sent, self.files)
        return {"count": count, "first": first, "deleted": mirror}

    def _send_all(self, turn):
        whole = self.catalogue.entries("turn = ? AND NOT cut", turn)
        each(whole, self._send, self.connections, self.store.stopped)
        for entry in self.catalogue.entries("turn = ? AND cut", turn):
            self._send(entry)  # one after the other, with all connections for the parts of each

    def _send(self, entry):
        """Send one file unless the store has it."""
        item, found = entry.item, entry.found
        segment_bytes = self.segment_bytes if self.store.cuts else item.path.stat().st_size
        content, sha256, data = contents(item.path, segment_bytes)
        if entry.sha256 not in (None, sha256):
            raise ValueError(f"{item.path} has changed since its dataset was finished; run again")
        again = self.withdrawn and item.name == self.manifest
        if again or not (found and self.store.holds(found, item, content) and self.store.told(item)):
            self._withdraw()
            if content.parts:
                self.store.put_parts(item, content, self.connections)
            else:
                self.store.put(item, content, data)
            with self.lock:
                self.sent += 1
        self.catalogue.keep(item, content)
        with self.lock:
            self.present += 1
            if time.monotonic() - self.reported > REPORT:
                self.reported = time.monotonic()
                log.info("%d of %d files are there", self.present, self.files)

    def _withdraw(self):
        """Before the first change: take the manifest away, also one that came after our listing."""
        with self.lock:
            if not self.withdrawn:
                self.store.delete(self.manifest)
            self.withdrawn = True


def _verify(store, catalogue, connections):
    """Read the copy as a new client does: every name, size and digest listed, and a good part of it whole.

    Raises OSError when anything is not as it is here; a manifest of ours is then taken away.
    """
    own = next(catalogue.entries("turn = ?", MANIFEST))
    fresh = store.fresh()
    try:
        wrong, read = _unlisted(fresh, catalogue), 0
        if not wrong:
            found = {}
            check = functools.partial(_read_back, fresh, found)
            each(_chosen(catalogue, own.content.md5), check, connections, fresh.stopped)
            wrong, read = [f"{name}: {found[name]}" for name in sorted(found) if found[name]], len(found)
    finally:
        fresh.close()
    if wrong:
        if not store.problem(own.item, own.content):
            store.delete(own.item.name)
        some = "; ".join(wrong[:3]) + (" ..." if len(wrong) > 3 else "")
        raise OSError(f"{len(wrong)} objects are not as they were sent, or somebody else has changed them: {some}")
    log.info("%d objects listed and %d of them read back from %s", catalogue.count(), read, store.url())


def _unlisted(fresh, catalogue):
    """What the listing says is wrong, once it had some time to become right."""
    for attempt in range(1, SETTLING + 1):
        catalogue.find(fresh.listing())
        wrong = [
            f"{entry.item.name}: {'listed otherwise' if entry.found else 'not listed'}"
            for entry in catalogue.entries()
            if not entry.found or not fresh.listed(entry.found, entry.item, entry.content)
        ]
        if not wrong:
            break
        if attempt < SETTLING:
            fresh.stopped.wait(remote.pause(attempt))
    return wrong


def _chosen(catalogue, seed):
    """Entries that are read back whole: indexes, the manifest, large objects, and a sample that the seed decides."""
    always = f"(parts IS NOT NULL OR turn IN ({INDEX}, {MANIFEST}))"
    count = catalogue.count(f"NOT {always}")
    sample = set(random.Random(seed).sample(range(count), min(SAMPLE, count)))
    others = enumerate(catalogue.entries(f"NOT {always}"))
    return itertools.chain(catalogue.entries(always), (entry for number, entry in others if number in sample))


def _read_back(fresh, found, entry):
    found[entry.item.name] = fresh.problem(entry.item, entry.content)


def described(store, entry):
    """What `published.json` says of an object."""
    item, content = entry.item, entry.content
    known = {"name": item.name, "url": store.url(item.name), "bytes": content.bytes, "md5": content.md5}
    known["content_type"] = item.content_type
    return known | ({"content_encoding": item.content_encoding} if item.content_encoding else {})


def _write_published(path, content, objects):
    """Write what `files.write_json` would of `content`, with an iterable of objects where it has an empty list."""

    def text(value):
        return json.dumps(value, indent=2, ensure_ascii=False)

    head, key, tail = text(content).partition('"objects": [')  # within a text, quotes would be escaped
    # Of names that are no UTF-8, \udcXX remains, which is what JSON itself would escape them to.
    with files.replacing(path) as partial, partial.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(head + key)
        for number, known in enumerate(objects):
            file.write((",\n    " if number else "\n    ") + text(known).replace("\n", "\n    "))
        file.write("\n  " + tail + "\n")


def _write_temp_urls(path, store, days, catalogue):
    """Write what opens a private dataset, for its owner's eyes, once a stranger has read the dataset with it.

    Read are the manifest, which was sent last, and one of the objects that are cut into parts.
    """
    large = next(catalogue.entries("parts IS NOT NULL"), None)
    query, ends = store.temp_url(days * 86400, large is not None)
    manifest = next(catalogue.entries("turn = ?", MANIFEST))
    for entry in filter(None, (manifest, large)):
        if problem := store.opened(query, entry.item, entry.content):
            raise OSError(f"the temporary URL does not open {entry.item.name}: {problem}")
    content = {
        "about": "Append the query to the URL of any object of this dataset. Whoever has it can read the data.",
        "ends": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)),
        "url": store.url(),
        "query": query,
        "example": f"{store.url(manifest.item.name)}?{query}",
    }
    with files.replacing(path) as partial:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        partial.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    entrypoint.run(publish_upload, globals().get("snakemake"))
