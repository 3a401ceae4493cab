"""Copy a finished dataset to a folder or to OpenStack Swift, and read it back as others will."""

import contextlib
import json
import logging
import os
import re
import shutil
import time
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from darkroom import entrypoint, files
from darkroom.atlas import chunks
from darkroom.manifest import read as read_manifest
from darkroom.transfer.catalogue import CHECKSUMS, DATA, INDEX, INDEXES, MANIFEST, Catalogue
from darkroom.transfer.checksums import ESCAPES, GNU, LENGTHS
from darkroom.transfer.store import LONGEST_NAME, Item
from darkroom.transfer.store import store as open_store
from darkroom.transfer.upload import Upload, verify
from darkroom.urls import REMOTE, public_url

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
        _require_apart(store, read_manifest(manifest), cleanup)
        plan(catalogue, checksums, manifest, store.encodes, segment_bytes if store.cuts else None)
        stale = Upload(store, catalogue, connections, segment_bytes).run(mirror)
        verify(store, catalogue, connections)
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


def _require_apart(store, manifest, cleanup):
    """Raise ValueError where the copy would lie in the dataset's source or downloads, or these in the copy."""
    source, root = manifest.source, manifest.inputs.root
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

    Raises ValueError for a line of another form, and for an empty list.
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
    kind, encoding = chunks.served(path.name, scale) if scale else (None, None)
    if kind is None or (encoding and not encodes):
        return Item(name, file, content_type(path.name))
    return Item(name.removesuffix(chunks.PACKED) if encoding else name, file, kind, encoding)


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


def described(store, entry):
    """What `published.json` says of an object."""
    item, content = entry.item, entry.content
    about = {"name": item.name, "url": store.url(item.name), "bytes": content.bytes, "md5": content.md5}
    about["content_type"] = item.content_type
    return about | ({"content_encoding": item.content_encoding} if item.content_encoding else {})


def _write_published(path, content, objects):
    """Write what `files.write_json` would of `content`, with an iterable of objects where it has an empty list."""

    def text(value):
        return json.dumps(value, indent=2, ensure_ascii=False)

    head, key, tail = text(content).partition('"objects": [')  # within a text, quotes would be escaped
    # Bytes of names that are no UTF-8 stay \udcXX, which is what JSON itself would escape them to.
    with files.replacing(path) as partial, partial.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(head + key)
        for number, entry in enumerate(objects):
            file.write((",\n    " if number else "\n    ") + text(entry).replace("\n", "\n    "))
        file.write("\n  " + tail + "\n")


def _write_temp_urls(path, store, days, catalogue):
    """Write what opens a private dataset, for its owner's eyes, once a stranger has read the dataset with it.

    It reads the manifest, which was sent last, and one of the objects that are cut into parts.
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
