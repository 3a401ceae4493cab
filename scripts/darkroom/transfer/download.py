"""Downloads that resume, retry and check what arrived."""

import base64
import binascii
import contextlib
import errno
import hashlib
import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import requests

from darkroom import files
from darkroom.inventory import File
from darkroom.retry import PASSING, PassingError, persistently, retry_after
from darkroom.transfer import checksums, remote
from darkroom.urls import identity, public_url

BLOCK = 1 << 18  # what a broken connection may lose
AHEAD = 1 << 24  # bytes after which the disk is given what came
STEP = 1 << 15  # bytes that are progress
PATIENCE = 60  # seconds that a step may take
UNSIZED = 10_000_000_000  # bytes of a file whose size neither the server nor a listing tells
MOST = 64  # connections to all hosts together
JOURNAL = ".fetched.jsonl"
FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


def download(items, folder, connections=8, attempts=6, progress=None, arrived=None, failed=None):
    """Download files to `folder/name`, at most `connections` at a time from each host, and say what each one is.

    Gives the `File` of each, in the order given (its `url` as `public_url` shows it). Bytes are stored as the server
    has them: an object with `Content-Encoding: gzip` stays compressed. A file appears under its name when it is whole
    and agrees with its digest and with every size and MD5 that the listing or the server tells.
    What a killed run or a broken connection left is continued if the file is still the same one. A file of an earlier
    run is kept when its content is what the journal says and its digest, the listing's MD5, or else the server when
    asked, says it did not change. Failures that may pass are tried again, `attempts` times without progress.

    `progress(stored, expected, sized, done)` is called, by one thread at a time, with what is new: bytes stored or
    found (fewer than none when a file starts over), bytes of files whose size is known, their number, files done.
    `arrived(item, entry)` is called, in the thread of that file, when it is whole. `failed(item, error)` takes the
    error of one file, whose result is None then, and the others go on, unless it raises one itself.

    Raises ValueError for names that collide and URLs that cannot be fetched; OSError when there is no room, or for the
    first file that cannot be had. Files in flight are then finished, and no more are begun.
    """
    items, folder = list(items), Path(folder)
    _check_names(items)
    folder.mkdir(parents=True, exist_ok=True)
    files.require_room(folder, sum(_missing(item, folder) for item in items), f"{len(items)} files to fetch")
    run = _Run(folder, attempts, progress)
    results, errors, hosts = [None] * len(items), [], {}
    for index, item in enumerate(items):
        hosts.setdefault(urlsplit(item.url).netloc.rpartition("@")[2], []).append(index)
    waiting = {host: iter(indices) for host, indices in hosts.items()}

    def work(host):
        with remote.Session() as session:
            while not errors and not run.stopped.is_set():
                with run.lock:
                    index = next(waiting[host], None)
                if index is None:
                    return
                try:
                    results[index] = _fetch(items[index], session, run)
                    run.report(done=1)
                    if arrived:
                        arrived(items[index], results[index])
                except Exception as error:
                    try:
                        if failed is None:
                            raise
                        failed(items[index], error)
                    except Exception as last:
                        errors.append(last)

    # Hosts take turns, so that all of them are at work where there are more workers than connections.
    connections = max(1, connections)
    workers = [host for turn in range(connections) for host, indices in hosts.items() if turn < len(indices)]
    with ThreadPoolExecutor(min(max(1, len(workers)), MOST)) as pool:
        try:
            for thread in [pool.submit(work, host) for host in workers]:
                thread.result()
        except BaseException:
            run.stopped.set()
            raise
    if errors:
        raise errors[0]
    return [
        entry and File(entry["name"], entry["bytes"], entry["url"], sha256=entry.get("sha256")) for entry in results
    ]


def _check_names(items):
    """Raise ValueError where two items, or an item and what we keep beside another, need the same path."""
    taken = {JOURNAL: "the journal of this folder"}
    for item in items:
        folder, slash, name = item.name.rpartition("/")
        for path in (item.name, f"{folder}{slash}.{name}.part", f"{folder}{slash}.{name}.part.json"):
            if path in taken:
                raise ValueError(f"two files would have the name {path!r}: {taken[path]} and {public_url(item.url)}")
            taken[path] = public_url(item.url)
    for item in items:
        parents = item.name.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            path = "/".join(parents[:depth])
            if path in taken:
                raise ValueError(f"{path!r} would be a file and a folder: {taken[path]} and {public_url(item.url)}")


def _missing(item, folder):
    """Bytes still to come, as far as is known before asking."""
    target = folder / item.name
    present = _size(target)
    return max(0, (item.size or 0) - (present if present == item.size else _size(_beside(target, ".part"))))


class _Run:
    """What the threads of one download share."""

    def __init__(self, folder, attempts, progress):
        self.folder, self.attempts, self.progress = folder, attempts, progress
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.journal = folder / JOURNAL
        lines = self.journal.read_bytes() if self.journal.exists() else b""
        self.torn = lines and not lines.endswith(b"\n")
        self.entries = {entry["name"]: entry for entry in map(_entry, lines.splitlines()) if entry}

    def entry(self, item):
        """The journal's entry of a file that is whole on the disk, came from the same URL and is what was promised."""
        entry, path = self.entries.get(item.name), self.folder / item.name
        if not entry or entry.get("asked", entry["url"]) != identity(item.url):
            return None
        if not path.is_file() or _size(path) != entry["bytes"]:
            return None
        entry = {name: files.digest(path, name) for name in _algorithms(item) - entry.keys()} | entry
        if files.digest(path) != entry["sha256"] or (item.digest and not _kept(item.digest, entry)):
            return None
        return entry

    def record(self, entry):
        with self.lock, self.journal.open("a", encoding="utf-8") as file:
            file.write(("\n" if self.torn else "") + json.dumps(entry) + "\n")
            self.torn = False

    def report(self, stored=0, expected=0, sized=0, done=0):
        if self.progress and (stored or expected or sized or done):
            with self.lock:
                self.progress(stored, expected, sized, done)


def _entry(line):
    """A line of the journal, or None for the torn line of a killed run."""
    try:
        entry = json.loads(line)
        return entry if {"name", "url", "bytes", "sha256", "etag", "modified"} <= entry.keys() else None
    except (ValueError, AttributeError):
        return None


class _Part:
    """The bytes of one file so far, their digests, and a note beside them that says which version they are of."""

    def __init__(self, target, url, item, report):
        self.target, self.url, self.report, self.expected = target, public_url(url), report, None
        self.asked = identity(url)  # what tells it from others
        # Without a validator of the server's own, only a file that is checked when whole may be continued.
        self.checked = bool(item.digest or item.check)
        self.makers = dict.fromkeys(_algorithms(item), _md5) | (item.hashes or {"sha256": hashlib.sha256})
        self.expect(item.size)
        self.path, self.note_path = _beside(target, ".part"), _beside(target, ".part.json")
        self._forget()
        try:
            note = json.loads(self.note_path.read_bytes())
            present, total = self.path.stat().st_size, note["bytes"]
            versioned = note["etag"] or note["modified"] or self.checked
            if note["url"] != self.asked or not versioned or (total is not None and present > total):
                return
        except (OSError, ValueError, TypeError, KeyError):
            return
        self._forget(note)
        with self.path.open("rb+") as file:
            # A whole part asks for its last byte again: an empty range would not show that the file changed.
            file.truncate(max(0, present - (present == total)))
            while block := file.read(BLOCK):
                self._count(block)

    @property
    def resumable(self):
        """Whether there are bytes of a version that a server can be asked to go on with."""
        return bool(self.size and (self.version or self.checked))

    @property
    def version(self):
        """What the server calls the version of the bytes so far, or None."""
        return self.note["etag"] or self.note["modified"]

    def have(self, entry):
        """Count a file that is there already; gives its entry."""
        self.expect(entry["bytes"])
        self.report(entry["bytes"])
        return entry

    def entry(self, name):
        """What the journal says of the part, once it is the file."""
        digests = {algorithm: one.hexdigest() for algorithm, one in self.hashes.items()}
        asked = {"asked": self.asked} if self.asked != self.url else {}
        entry = {"name": name, "url": self.url, **asked, "bytes": self.size} | digests
        return entry | {key: self.note[key] for key in ("etag", "modified", "large")}

    def start(self, note=None):
        """Forget the bytes so far. The note is written before any byte that it is about."""
        self.report(-self.size)
        self._forget(note)
        self.path.unlink(missing_ok=True)
        self.note_path.unlink(missing_ok=True)
        if note:
            self.expect(note["bytes"])
            files.write_json(self.note_path, note)

    def reject(self, reason, wait=None, twice=False):
        """Start over: these bytes are not the file."""
        self.start()
        raise PassingError(reason, wait, twice)

    def expect(self, size):
        """Tell of the size of the whole file, as it becomes known."""
        if size is not None:
            self.report(expected=size - (self.expected or 0), sized=self.expected is None)
            self.expected = size

    def append(self, blocks):
        with self.path.open("ab") as file:
            begun = self.size
            for block in blocks:
                file.write(block)
                self._count(block)
                if self.size - begun >= AHEAD:
                    files.begin_writing(file, begun, self.size)
                    begun = self.size

    def finish(self):
        files.place(self.path, self.target)
        self.note_path.unlink(missing_ok=True)

    def _forget(self, note=None):
        self.note, self.size = note, 0
        promised = {"md5": _md5} if note and note.get("md5") else {}
        self.hashes = {name: make() for name, make in (promised | self.makers).items()}

    def _count(self, block):
        self.size += len(block)
        for one in self.hashes.values():
            one.update(block)
        self.report(len(block))


def _fetch(item, session, run):
    """The journal's entry of one file, which takes as many attempts as it needs while bytes come in."""
    target, url = run.folder / item.name, public_url(item.url)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target, item.url, item, run.report)
    kept = None if part.size else run.entry(item)
    if kept and not _as_listed(kept, item):
        # A listing may know neither size nor MD5 of a large object.
        kept = kept if kept.get("large") else None
    elif kept and (item.md5 or item.digest):
        return part.have(kept)

    def attempt():
        try:
            return _attempt(item, session, run, part, kept if target.exists() else None)
        except remote.BROKEN as error:
            if isinstance(error, (ValueError, requests.TooManyRedirects)):
                raise ValueError(f"{url}: cannot be requested ({type(error).__name__})") from None
            raise PassingError(remote.reason(error)) from None
        except OSError as error:
            if error.errno not in FULL:
                raise
            had = f"{files.human(part.size)} are kept, and a rerun goes on from there"
            raise OSError(f"{url}: no room left in {run.folder}; {had}") from None

    # Only bytes beyond those ever had are progress: a server that never lets a file end is given up.
    return persistently(attempt, url, run.attempts, stopped=run.stopped, progress=lambda: part.size // STEP)


def _as_listed(entry, item):
    """Whether a file of the journal has the size and the MD5 that a listing tells, where it tells them."""
    return item.md5 in (None, entry.get("md5")) and item.size in (None, entry["bytes"])


def _attempt(item, session, run, part, kept):
    """One request: the entry of the file, now whole, or of the `kept` one that is still right."""
    if not part.resumable:
        part.start()
    turn = item.account.connection(run.stopped) if item.account else contextlib.nullcontext()
    with turn, session.fetch(item.url, _conditions(part, kept), item.account) as response:
        note = _note(response, part.asked)
        if kept and _is_same(response.status_code, note, kept):
            return part.have(kept)
        _begin(response, note, part, item)
        size = part.note["bytes"]
        listed = None if part.note["large"] else item.size
        if None not in (size, listed) and size != listed:
            part.reject(f"{listed} bytes expected, {size} got", twice=True)
        files.require_room(run.folder, (size or 0) - part.size, part.url)
        part.append(_blocks(response, run, part, size or listed or UNSIZED))
    if size is not None and part.size < size:
        raise PassingError(f"{size} bytes expected, {part.size} got")
    if listed not in (None, part.size):
        part.reject(f"{listed} bytes expected, {part.size} got", twice=True)
    entry = part.entry(item.name)
    _check(entry, item, part)
    if part.note.get("slo"):
        _check_segments(item, session, part)
    part.finish()
    run.record(entry)
    return entry


def _conditions(part, kept):
    """Headers of a request: for the rest of a part, or for a file that is not the `kept` one."""
    # Without this a server may compress on the fly, and lengths and digests were not those of the file.
    headers = {"Accept-Encoding": "identity"}
    if part.resumable:
        headers["Range"] = f"bytes={part.size}-"
        headers |= {"If-Range": part.version} if part.version else {}
    elif kept and kept["etag"]:
        headers["If-None-Match"] = kept["etag"]
    elif kept and kept["modified"]:
        headers["If-Modified-Since"] = kept["modified"]
    return headers


def _is_same(status, note, kept):
    """Whether an answer says that the file is the one that is kept.

    A server may ignore the condition and send what we have: its length and validators still tell.
    """
    return status == 304 or (status == 200 and note["bytes"] == kept["bytes"] and _same_version(note, kept))


def _begin(response, note, part, item):
    """Make the part ready for the body of an answer; raise for an answer that has none of the file."""
    status = response.status_code
    told = f"{status} {response.reason}"
    if status == 200:
        part.start(note)
        part.target.unlink(missing_ok=True)  # it is of another version, and must not pass for this one
    elif status in (206, 416) and not (status == 206 and _continues(response, note, part)):
        part.reject(f"the answer does not continue the file ({status})", wait=0)
    elif status in PASSING:
        raise PassingError(told, retry_after(response.headers))
    elif status == 401 or (status == 403 and item.account):
        raise PermissionError(f"{part.url}: {told}; {_advice(item, response)}")
    elif status in (404, 410):
        raise FileNotFoundError(f"{part.url}: {told}")
    elif status != 206:
        raise OSError(f"{part.url}: {told}")


def _check(entry, item, part):
    """Reject a part that is not what the listing, the server or the user promised, or what its own check wants."""
    listed = None if part.note["large"] else item.md5
    told = [f"md5:{md5}" for md5 in (listed, part.note.get("md5")) if md5]
    promised = told + ([item.digest] if item.digest else [])
    for digest in promised:
        if not _kept(digest, entry):
            algorithm, _, expected = digest.partition(":")
            got = f"{checksums.LABELS[algorithm]} {expected} expected, {entry[algorithm]} got"
            part.reject(got, twice=True)
    if wrong := item.check(part.path, entry) if item.check else "":
        part.reject(wrong, twice=True)


def _check_segments(item, session, part):
    """Compare a static large object of Swift with the MD5s of its segments, whose own MD5 is the object's ETag.

    Who may read the object may read the list of them; an object that is made of other large ones is not looked into.
    """
    listing = f"{item.url}{'&' if urlsplit(item.url).query else '?'}multipart-manifest=get"
    with session.fetch(listing, account=item.account) as response:
        try:
            segments = json.loads(remote.body(response)) if response.status_code == 200 else []
        except ValueError:
            segments = []
    etags = "".join(segment.get("hash") or "" for segment in segments)
    if not segments or any("hash" not in one or "range" in one or one.get("sub_slo") for one in segments):
        log.warning("%s: a large object whose size alone could be checked", part.url)
        return
    if hashlib.md5(etags.encode(), usedforsecurity=False).hexdigest() != part.note["slo"]:
        part.reject("the list of its segments is that of another version", twice=True)
    with part.path.open("rb") as file:
        for segment in segments:
            md5, left = _md5(), segment["bytes"]
            while left and (block := file.read(min(BLOCK, left))):
                md5.update(block)
                left -= len(block)
            if left or md5.hexdigest() != segment["hash"]:
                part.reject(f"MD5 {segment['hash']} of {segment['name']} expected, {md5.hexdigest()} got", twice=True)


def _algorithms(item):
    """What is computed besides SHA-256 for the promises that go along with an item."""
    return {"md5"} if item.md5 or item.digest.startswith("md5:") else set()


def _md5():
    return hashlib.md5(usedforsecurity=False)


def _kept(digest, entry):
    """Whether a file of the journal is what was promised."""
    algorithm, _, expected = digest.partition(":")
    return entry[algorithm] == expected


def _advice(item, response):
    """What helps where a server wants to know who asks."""
    if item.account:
        return "this account may not read it"
    if "X-Trans-Id" in response.headers:
        return "not public, or not there; what one's own account holds is read as swift://CONTAINER/..."
    return f"a user and password for {urlsplit(response.url).hostname} belong in ~/.netrc (chmod 600)"


def _blocks(response, run, part, most):
    """The body as it is sent, undecoded, as it comes in: a break or an interrupt then loses nothing.

    Raises PassingError where it comes too slowly, or the part becomes longer than `most` bytes.
    """
    since, before = time.monotonic(), part.size
    while block := response.raw.read1(BLOCK, decode_content=False):
        if run.stopped.is_set():
            raise InterruptedError(f"{part.url}: stopped")
        if part.size + len(block) > most:
            part.reject(f"more than the {files.human(most)} that it may have", twice=True)
        yield block
        if (seconds := time.monotonic() - since) > PATIENCE:
            if part.size - before < STEP:
                raise PassingError(f"too slow: {part.size - before} bytes in {seconds:.0f} s")
            since, before = time.monotonic(), part.size


def _note(response, url):
    """Which version of the file a response is of, and for a whole one what it must come to."""
    headers = response.headers
    etag, modified, length = headers.get("ETag"), headers.get("Last-Modified"), headers.get("Content-Length", "")
    large = "X-Static-Large-Object" in headers or "X-Object-Manifest" in headers
    md5 = None
    if "Content-MD5" in headers:
        with contextlib.suppress(binascii.Error):
            md5 = base64.b64decode(headers["Content-MD5"]).hex()
    elif "X-Trans-Id" in headers and not large and re.fullmatch('"?[0-9a-f]{32}"?', etag or ""):
        md5 = etag.strip('"')  # Swift's own promise, except for large objects
    return {
        "url": url,
        "etag": None if etag and etag.startswith("W/") else etag,
        # A file that changed in the second of the answer may change again unseen (RFC 9110, 8.8.2.2).
        "modified": None if modified == headers.get("Date") else modified,
        "bytes": int(length) if length.isdecimal() else None,
        "md5": md5,
        "large": large,
        "slo": etag.strip('"') if etag and "X-Static-Large-Object" in headers else None,
    }


def _same_version(one, other):
    """Whether the best validator that both have agrees; None when they have none in common."""
    return next((one[key] == other[key] for key in ("etag", "modified") if one[key] and other[key]), None)


def _continues(response, note, part):
    """Whether a partial response begins where the part ends, in the same version. Swift itself ignores If-Range."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not part.size or not match or int(match[1]) != part.size:
        return False
    total = part.note["bytes"] if match[2] == "*" else int(match[2])
    return part.note["bytes"] in (None, total) and _same_version(note, part.note) is not False


def _beside(target, suffix):
    return target.with_name(f".{target.name}{suffix}")


def _size(path):
    return path.stat().st_size if path.exists() else 0
