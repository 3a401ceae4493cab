"""Copy a finished dataset to a folder or to OpenStack Swift, and read it back as others will."""

import functools
import json
import logging
import os
import random
import re
import shutil
import threading
import time
from collections import Counter
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import _checksums
import _entrypoint
import _files
import _remote
import _store
from _store import Item

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
    settings, cloud -- how to log in; see `_credentials`
    connections -- uploads at the same time
    segment_bytes -- larger files are cut into parts of this size (a static large object)
    temp_url_days -- for a private container: `temp_urls.json` beside `published` gets a query that opens every object
        of the dataset for so many days. Whoever has it can read the data, so that file is for its owner alone (mode
        0600), and nothing of it is in `published` or a log
    cleanup -- the folder of the dataset's downloads, to remove once the copy has been read back and found right

    Only files that are missing or different are sent. Data goes first, then the indexes of folders, then `checksums`
    and `manifest`; before the first change of a published dataset its manifest is taken away, so that it never vouches
    for a mixture. Gzipped Neuroglancer chunks `NAME.gz` become objects `NAME` with `Content-Encoding: gzip`.

    Raises ValueError for a bad target, file name or login, and for a file that changed since it was listed;
    PermissionError where the login may not, where a settings file is open to others or a private dataset would be
    public; OSError for a server that gives up and for a copy that is not, in the end, what is here.
    """
    folder, urls = manifest.parent, published.with_name("temp_urls.json")
    for old in (published, urls):
        old.unlink(missing_ok=True)
    _require_elsewhere(target, folder, campaign, dataset)
    digests = _checksums.read_list(checksums, checksums)
    store = _store.store(target, f"{campaign}/{dataset}", public, settings, cloud)
    items = plan(folder, digests, store.encodes)
    last = [Item(path.name, str(path), content_type(path.name)) for path in (checksums, manifest)]
    upload = Upload(store, folder, digests, connections, segment_bytes, [*items, *last])
    try:
        stale = upload.run(items, last, mirror)
        _verify(store, upload.contents, manifest.name, connections)
        content = described(store, upload.contents, target, public, stale, mirror)
        if temp_url_days and store.encodes and not public:
            _write_temp_urls(urls, store, temp_url_days, upload.contents)
            content["temp_urls"] = urls.name
    finally:
        store.close()
    _files.write_json(published, content)
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


def plan(folder, names, encodes):
    """The objects that files become, in the order of their names.

    names -- of files below `folder`, as the checksums have them
    encodes -- whether the store can say that an object is gzipped

    Raises ValueError for names that cannot be objects' names or that two files would have.
    """
    scales = _scales(folder, names)
    items = [_item(folder, name, scales, encodes) for name in sorted(names)]
    counts = Counter(item.name for item in items)
    for item in items:
        if counts[item.name] > 1 or item.name in ("manifest.json", "checksums.sha256"):
            raise ValueError(f"{item.path}: another file would have the same name, {item.name!r}")
    return items


def _item(folder, name, scales, encodes):
    """What a file is in the store."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or str(path) != name:
        raise ValueError(f"{name!r} is no name of a file of the dataset")
    try:
        if len(name.encode()) > _store.LONGEST_NAME // 2:  # campaign, prefix and part come before and after it
            raise ValueError(f"{name!r} is too long a name for an object")
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} is not UTF-8, as names of objects are") from None
    file, scale = str(folder / name), scales.get(str(path.parent))
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
            for scale in _files.read_json(folder / name).get("scales", []):
                scales[os.path.normpath(path.parent / scale["key"])] = scale
    return scales


def content_type(name):
    """Content type by a file's name."""
    return TYPES.get(name) or TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


class Upload:
    """One upload to a store. `contents` becomes item -> `Content` of all that was found right or sent."""

    def __init__(self, store, folder, digests, connections, segment_bytes, items):
        self.store, self.folder, self.digests, self.connections = store, folder, digests, connections
        self.segment_bytes, self.items, self.contents = segment_bytes, items, {}
        self.found, self.withdrawn, self.sent = {}, False, 0
        self.lock, self.reported = threading.Lock(), time.monotonic()

    def run(self, items, last, mirror):
        """Send what is missing, in an order that never shows an index before its data. Gives the stale names."""
        store = self.store
        large = any(item.path.stat().st_size > self.segment_bytes for item in self.items) if store.cuts else False
        store.prepare(large)
        self.found = store.listing()
        names = {item.name for item in self.items}
        stale = sorted(self.found.keys() - names)
        data = [item for item in items if PurePosixPath(item.name).name not in INDEXES]
        indexes = [item for item in items if PurePosixPath(item.name).name in INDEXES]
        for group in (data, indexes):
            self._send_all(group)
        if stale:
            some = ", ".join(map(repr, stale[:FIRST]))
            deleted = "are deleted" if mirror else "are left (publish.mirror: true deletes them)"
            log.warning("%d objects are no part of the dataset and %s: %s", len(stale), deleted, some)
        if mirror:
            # Indexes first: none may speak of data that is gone.
            stale_indexes = [name for name in stale if PurePosixPath(name).name in INDEXES]
            for group in (stale_indexes, [name for name in stale if name not in stale_indexes]):
                _store.each(group, store.delete, self.connections, store.stopped)
        for item in last:
            self._send_all([item])
        if large or any(found.large for found in self.found.values()):
            store.tidy(self.contents.items(), () if mirror else stale)
        self.found = {}
        log.info("%d of %d files were sent", self.sent, len(self.items))
        return stale

    def _send_all(self, items):
        cut = [item for item in items if self.store.cuts and item.path.stat().st_size > self.segment_bytes]
        whole = [item for item in items if item not in set(cut)]
        _store.each(whole, self._send, self.connections, self.store.stopped)
        for item in cut:  # one after the other, with all connections for the parts of each
            self._send(item)

    def _send(self, item):
        """Send one file unless the store has it."""
        content, data = _store.contents(item.path, self.segment_bytes if self.store.cuts else item.path.stat().st_size)
        expected = self.digests.get(item.path.relative_to(self.folder).as_posix())
        if expected and expected != f"sha256:{content.sha256}":
            raise ValueError(f"{item.path} has changed since its dataset was finished; run again")
        found = self.found.get(item.name)
        if not (found and self.store.holds(found, item, content)) or (self.withdrawn and item is self.items[-1]):
            self._withdraw()
            if content.parts:
                self.store.put_parts(item, content, self.connections)
            else:
                self.store.put(item, content, data)
            self.sent += 1
        with self.lock:
            self.contents[item] = content
            if time.monotonic() - self.reported > REPORT:
                self.reported = time.monotonic()
                log.info("%d of %d files are there", len(self.contents), len(self.items))

    def _withdraw(self):
        """Before the first change: take the manifest away, also one that came after our listing."""
        with self.lock:
            if not self.withdrawn:
                self.store.delete(self.items[-1].name)
            self.withdrawn = True


def _verify(store, contents, manifest, connections):
    """Read the copy as a new client does: every name, size and digest listed, and a good part of it whole.

    Raises OSError when anything is not as it is here; a manifest of ours is then taken away.
    """
    fresh = store.fresh()
    try:
        wrong = _unlisted(fresh, contents)
        if not wrong:
            chosen = _chosen(contents, manifest)
            found = {}
            check = functools.partial(_read_back, fresh, contents, found)
            _store.each(chosen, check, connections, fresh.stopped)
            wrong = [f"{name}: {found[name]}" for name in sorted(found)]
    finally:
        fresh.close()
    if wrong:
        own = next(item for item in contents if item.name == manifest)
        if not store.problem(own, contents[own]):
            store.delete(manifest)
        some = "; ".join(wrong[:3]) + (" ..." if len(wrong) > 3 else "")
        raise OSError(f"{len(wrong)} objects are not as they were sent, or somebody else has changed them: {some}")
    log.info("%d objects listed and %d of them read back from %s", len(contents), len(chosen), store.url())


def _unlisted(fresh, contents):
    """What the listing says is wrong, once it had some time to become right."""
    for attempt in range(1, SETTLING + 1):
        listing = fresh.listing()
        wrong = [
            f"{item.name}: {'listed otherwise' if item.name in listing else 'not listed'}"
            for item, content in contents.items()
            if item.name not in listing or not fresh.listed(listing[item.name], item, content)
        ]
        if not wrong:
            break
        if attempt < SETTLING:
            fresh.stopped.wait(_remote.pause(attempt))
    return sorted(wrong)


def _chosen(contents, manifest):
    """Items that are read back whole: indexes, the manifest, large objects, and a sample that the content decides."""
    special = {*INDEXES, manifest}
    always = [item for item, content in contents.items() if content.parts or item.path.name in special]
    others = sorted(contents.keys() - set(always), key=lambda item: item.name)
    seed = next(content.md5 for item, content in contents.items() if item.name == manifest)
    return always + random.Random(seed).sample(others, min(SAMPLE, len(others)))


def _read_back(fresh, contents, found, item):
    if problem := fresh.problem(item, contents[item]):
        found[item.name] = problem


def described(store, contents, target, public, stale, mirror):
    """What `published.json` says of a copy."""
    objects = []
    for item in sorted(contents, key=lambda item: item.name):
        known = {"name": item.name, "url": store.url(item.name)}
        known |= {"bytes": contents[item].bytes, "md5": contents[item].md5, "content_type": item.content_type}
        objects.append(known | ({"content_encoding": item.content_encoding} if item.content_encoding else {}))
    return {
        "target": target,
        "url": store.url(),
        "public": public,
        "bytes": sum(content.bytes for content in contents.values()),
        "objects": objects,
        "stale": {"count": len(stale), "first": stale[:FIRST], "deleted": mirror},
    }


def _write_temp_urls(path, store, days, contents):
    """Write what opens a private dataset, for its owner's eyes, once a stranger has read the dataset with it.

    Read are the manifest, which was sent last, and one of the objects that are cut into parts.
    """
    large = [item for item, content in contents.items() if content.parts]
    query, ends = store.temp_url(days * 86400, bool(large))
    manifest = list(contents)[-1]
    for item in [manifest, *large[:1]]:
        if problem := store.opened(query, item, contents[item]):
            raise OSError(f"the temporary URL does not open {item.name}: {problem}")
    content = {
        "about": "Append the query to the URL of any object of this dataset. Whoever has it can read the data.",
        "ends": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)),
        "url": store.url(),
        "query": query,
        "example": f"{store.url(manifest.name)}?{query}",
    }
    with _files.replacing(path) as partial:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        partial.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    _entrypoint.run(publish_upload, globals().get("snakemake"))
