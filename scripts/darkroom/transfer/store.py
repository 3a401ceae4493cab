"""Where a finished dataset goes: a folder of this machine or a container of OpenStack Swift, by one interface.

A store holds the objects of one dataset by their names below it. `where` is its place, or that of a source, as a URL to
compare; `prepare` makes it ready, `listing` gives the names in it, one after the other, with what they are; `listed`
says whether that is a content, `holds` whether all of it is there, `told` whether readers hear how to take it;
`put`, `put_if_absent` and `delete` change it, `tidy` removes what an earlier content left, `problem` reads an object
back, `fresh` gives a new client that only reads, and `stopped` ends all waiting.
"""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import swiftclient.client as swiftclient
from swiftclient.utils import generate_temp_url

from darkroom import files
from darkroom.retry import PASSING, PassingError, persistently, retry_after
from darkroom.transfer import credentials, remote

BLOCK = 1 << 18
SMALL = 4_000_000  # bytes of a file that is kept in memory from its digest to its upload
PAGE = 2000  # names of a listing that are in memory at once
MOST_PARTS = 1000  # Swift's own limit for a large object
LONGEST_NAME = 1024  # bytes
ATTEMPTS = 10  # of one request; about two minutes of back-off
DAMAGED = 422  # Swift's answer to a body that is not that of the ETag
GONE = "it is not there"
UNSETTLED = (401, 403, 409)  # to strangers, for as long as a proxy remembers what a container's rights were (a minute)
PUBLIC_READ = (".r:*", ".rlistings")
CORS = {
    "X-Container-Meta-Access-Control-Allow-Origin": "*",
    "X-Container-Meta-Access-Control-Expose-Headers": "Content-Encoding Content-Length Content-Range ETag",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """A file to publish: its name in the store, and how a reader is told to take it."""

    name: str
    path: Path
    content_type: str
    content_encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. `parts` are the (offset, bytes, MD5) that it is cut into, when it is cut."""

    bytes: int
    md5: str
    parts: tuple = ()

    @property
    def etag(self):
        """What Swift calls it: for a large object the MD5 of its parts' MD5s."""
        return _md5("".join(md5 for *_, md5 in self.parts).encode()) if self.parts else self.md5


@dataclass(frozen=True, slots=True)
class Found:
    """An object that a listing tells of; `etag` is empty where only reading tells."""

    bytes: int
    etag: str = ""
    content_type: str = ""
    large: bool = False


def contents(path, segment_bytes):
    """The `Content` of a file cut into segments, its SHA-256, and its bytes when it is small. Each byte is read once.

    Raises ValueError for a file of more segments than an object can have.
    """
    size = path.stat().st_size
    if size <= min(SMALL, segment_bytes):
        data = path.read_bytes()
        return Content(len(data), _md5(data)), hashlib.sha256(data).hexdigest(), data
    if size > MOST_PARTS * segment_bytes:
        raise ValueError(f"{path}: more than {MOST_PARTS} segments of {segment_bytes} bytes; make them larger")
    md5, sha256, parts, offset = _new_md5(), hashlib.sha256(), [], 0
    with path.open("rb") as file:
        while True:
            part, start = _new_md5(), offset
            while block := file.read(min(BLOCK, start + segment_bytes - offset)):
                offset += len(block)
                for each_digest in (md5, sha256, part):
                    each_digest.update(block)
            if offset == start:
                break
            parts.append((start, offset - start, part.hexdigest()))
    return Content(offset, md5.hexdigest(), tuple(parts) if len(parts) > 1 else ()), sha256.hexdigest(), None


def each(items, work, connections, stopped):
    """`work(item)` for every item, a few at a time; the first error stops the rest and is raised.

    Items are taken as they are worked on, so there may be any number of them.
    """
    waiting, lock, errors = iter(items), threading.Lock(), []

    def worker():
        while not stopped.is_set():
            with lock:
                item = next(waiting, stopped)
            if item is stopped:
                return
            try:
                work(item)
            except BaseException as error:
                errors.append(error)
                stopped.set()

    with ThreadPoolExecutor(connections) as pool:
        try:
            for thread in [pool.submit(worker) for _ in range(connections)]:
                thread.result()
        except BaseException:
            stopped.set()
            raise
    if errors:
        raise errors[0]


def store(target, below, public=False, settings="", cloud=""):
    """The store of a dataset whose objects lie at `target`/`below`.

    target -- `file:///folder` or `swift://container/prefix`, both quoted as URLs are (`%20` is a blank)

    Raises ValueError for another target, and what `credentials.session` does.
    """
    parts = urlsplit(target)
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("the target has a query, a fragment or a user; a name with ? or # has %3F or %23 there")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return Folder(Path(unquote(parts.path), below))
    container, prefix = unquote(parts.netloc), unquote(parts.path).strip("/")
    if parts.scheme == "swift" and container and "/" not in container:
        account = credentials.session(settings, cloud)
        below = f"{prefix}/{below}/" if prefix else f"{below}/"
        return Swift(account, container, below, public, lambda: credentials.session(settings, cloud))
    raise ValueError(f"{target!r} is no target; right is file:///folder or swift://container/prefix")


class Folder:
    """A folder of this machine. Files keep their own names, as there is nobody to tell a reader of an encoding."""

    encodes = cuts = False

    def __init__(self, folder):
        self.folder, self.stopped = folder, threading.Event()

    def url(self, name=""):
        return (self.folder / name).as_uri() + ("" if name else "/")

    def where(self, source=None):
        return source or self.folder.resolve().as_uri()

    def prepare(self, large):
        self.folder.mkdir(parents=True, exist_ok=True)

    def listing(self):
        for folder, _, names in os.walk(self.folder):
            for path in (Path(folder, name) for name in names):
                if path.is_file():
                    yield path.relative_to(self.folder).as_posix(), Found(path.stat().st_size)

    def listed(self, stored, item, content):
        return stored.bytes == content.bytes and not self.problem(item, content)

    holds = listed

    def told(self, item):
        """A folder tells readers nothing, so nothing can be told wrongly."""
        return True

    def put(self, item, content, data=None):
        with files.replacing(self.folder / item.name) as partial:
            shutil.copyfile(item.path, partial)
        if problem := self.problem(item, content):
            raise OSError(f"{self.url(item.name)}: {problem}")

    def put_if_absent(self, item, content):
        if not (self.folder / item.name).exists():
            self.put(item, content)

    def delete(self, name):
        path = self.folder / name
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            for folder in path.parents:
                if folder == self.folder:
                    break
                folder.rmdir()

    def tidy(self, contents, kept):
        """A folder has no parts to remove."""

    def problem(self, item, content):
        path = self.folder / item.name
        if not path.is_file():
            return GONE
        md5 = files.digest(path, "md5")
        return "" if md5 == content.md5 else f"MD5 {content.md5} expected, {md5} found"

    def fresh(self):
        return Folder(self.folder)

    def close(self):
        """A folder holds no connection."""


class Stranger:
    """A reader without an account, for whom there is what is public."""

    source, token, cacert, anonymous = "an anonymous reader", "", None, True

    def __init__(self, url):
        self.url = url


class Swift:
    """A container of OpenStack Swift; `prefix` ends in `/`. Parts of large objects lie in `<container>_segments`.

    Requests that fail for a passing reason are tried again, ATTEMPTS times, after as long as the server asks for. A
    token that is refused is renewed.

    Every method raises PermissionError where the account may not, FileNotFoundError where something is not there,
    and OSError for a server that gives up.
    """

    encodes = cuts = True

    def __init__(self, account, container, prefix, public, log_in):
        self.account, self.container, self.prefix, self.public, self.log_in = account, container, prefix, public, log_in
        self.parts_container = f"{container}_segments"
        self.parts = {}
        self.stopped = threading.Event()
        self._idle, self._page = deque(), PAGE

    def url(self, name=""):
        return f"{self.account.url}/{quote(self.container, safe='')}/{quote(self.prefix + name)}"

    def where(self, source=None):
        return remote.locate(source, self.account) if source else self.url()

    # What is there

    def prepare(self, large):
        """Make the container, and that of parts for `large` objects, with the reading rights that are asked for.

        Raises PermissionError when a container is public and should not be.
        """
        for container in (self.container, self.parts_container) if large else (self.container,):
            headers = self._container_headers(container)
            if headers is not None:
                self._ask(swiftclient.put_container, container, headers=headers)
        self.parts = dict(self._list(self.parts_container)) if large else {}

    def _container_headers(self, container):
        """Headers to make a container with or to add to one, or None when it is as it should be."""
        headers = {"X-Container-Read": ",".join(PUBLIC_READ), **CORS} if self.public else {}
        try:
            current = self._ask(swiftclient.head_container, container)
        except FileNotFoundError:
            log.info("container %s is made, %s", container, "public" if self.public else "private")
            return headers
        acl = [element.strip() for element in current.get("x-container-read", "").split(",") if element.strip()]
        open_to = [element for element in acl if element.startswith((".r:", ".ref", ".rlistings"))]
        if open_to and not self.public:
            raise PermissionError(
                f"container {container} is public ({','.join(open_to)}) and publish.public is false; "
                "name another container, or set publish.public: true"
            )
        if self.public and (missing := [element for element in PUBLIC_READ if element not in acl]):
            count = current.get("x-container-object-count", "0")
            log.warning("container %s is made public, with the %s objects that are in it", container, count)
            headers["X-Container-Read"] = ",".join(acl + missing)
        else:
            headers.pop("X-Container-Read", None)
        present = {key for key, value in CORS.items() if current.get(key.lower()) == value}
        return {key: value for key, value in headers.items() if key not in present} or None

    def listing(self):
        return self._list(self.container)

    def _list(self, container):
        """Every object below the prefix. Servers choose the size of a page, so only an empty one is the end."""
        marker = ""
        while page := self._ask(self._list_page, container, marker=marker, prefix=self.prefix):
            remote.require_new(page[-1]["name"], marker, container)
            marker = page[-1]["name"]
            for entry in page:
                etag = entry.get("slo_etag", entry["hash"]).strip('"')
                about = Found(entry["bytes"], etag, entry["content_type"], "slo_etag" in entry)
                yield entry["name"].removeprefix(self.prefix), about
            del page, entry  # not to hold two pages

    def _list_page(self, *args, **options):
        """A page of a listing: of PAGE names or, where the server allows fewer (412), of as many as it likes."""
        try:
            return swiftclient.get_container(*args, **options, limit=self._page)[1]
        except swiftclient.ClientException as error:
            if error.http_status != 412 or self._page is None:
                raise
            self._page = None
            return self._list_page(*args, **options)
        except (ValueError, RecursionError):
            raise PassingError("an HTML page or something else came in place of a listing") from None

    def listed(self, stored, item, content):
        return stored == Found(content.bytes, content.etag, item.content_type, bool(content.parts))

    def holds(self, stored, item, content):
        return self.listed(stored, item, content) and all(self._has_part(item, part) for part in content.parts)

    def told(self, item):
        """Whether readers are told of an item's encoding, which no listing has; a change of other metadata drops it."""
        if not item.content_encoding:
            return True
        try:
            headers = self._ask(swiftclient.head_object, self.container, self.prefix + item.name)
        except FileNotFoundError:
            return False
        return headers.get("content-encoding") == item.content_encoding

    def _part_name(self, item, part):
        """Where a part lies: the same content has the same name, so that it is sent once."""
        offset, size, md5 = part
        return f"{item.name}/{offset:016}-{size}-{md5}"

    def _has_part(self, item, part):
        stored = self.parts.get(self._part_name(item, part))
        return stored is not None and (stored.bytes, stored.etag) == part[1:]

    # Changes

    def put(self, item, content, data=None):
        """Send a file that is not cut into parts."""
        headers = {"Content-Encoding": item.content_encoding} if item.content_encoding else {}
        self._send(
            self.container, item.name, item.path, (0, content.bytes, content.md5), data, item.content_type, headers
        )

    def put_if_absent(self, item, content):
        """Send a file unless there is an object of its name."""
        whole, headers = (0, content.bytes, content.md5), {"If-None-Match": "*"}
        with contextlib.suppress(FileExistsError):
            self._send(self.container, item.name, item.path, whole, None, item.content_type, headers)

    def put_parts(self, item, content, connections):
        """Send the parts that are missing, then the list of them that makes them one object."""
        missing = [part for part in content.parts if not self._has_part(item, part)]
        octets = "application/octet-stream"

        def send(part):
            self._send(self.parts_container, self._part_name(item, part), item.path, part, None, octets, {})

        each(missing, send, connections, self.stopped)
        below = f"/{self.parts_container}/{self.prefix}"
        listed = [
            {"path": below + self._part_name(item, part), "size_bytes": part[1], "etag": part[2]}
            for part in content.parts
        ]
        options = {"content_type": item.content_type, "query_string": "multipart-manifest=put"}
        self._put(self.container, item.name, json.dumps(listed).encode(), content.etag, **options)

    def _send(self, container, name, path, part, data, content_type, headers):
        """Put a part of a file, from memory or from the disk, as often as it takes."""
        offset, size, md5 = part
        options = {"content_type": content_type, "headers": headers}
        if data is not None:
            return self._put(container, name, data, md5, **options)
        with path.open("rb") as file:
            return self._put(container, name, file, md5, offset=offset, content_length=size, **options)

    def _put(self, container, name, body, etag, offset=0, **options):
        def call(url, token, container, name, http_conn):
            if hasattr(body, "seek"):
                body.seek(offset)
            got = swiftclient.put_object(url, token, container, name, body, etag=etag, http_conn=http_conn, **options)
            if got != etag:
                raise PassingError(f"the server has {got or 'something'}, {etag} was sent")

        self._ask(call, container, self.prefix + name)

    def delete(self, name):
        """Delete an object; the parts of a large one stay until `tidy`."""
        with contextlib.suppress(FileNotFoundError):
            self._ask(swiftclient.delete_object, self.container, self.prefix + name)

    def tidy(self, contents, kept):
        """Delete parts below the prefix that no object uses.

        contents -- (`Item`, `Content`) of the large objects
        kept -- whether there is another object of that name, whose parts are not ours to judge
        """
        used = {self._part_name(item, part) for item, content in contents for part in content.parts}
        with contextlib.suppress(FileNotFoundError):
            for name, _ in self._list(self.parts_container):
                folders = (name[:end] for end, character in enumerate(name) if character == "/")
                if name not in used and not any(map(kept, folders)):
                    with contextlib.suppress(FileNotFoundError):
                        self._ask(swiftclient.delete_object, self.parts_container, self.prefix + name)

    # Reading back

    def problem(self, item, content, query=None):
        """What is wrong with an object when it is read, or an empty text."""
        try:
            size, md5, headers = self._ask(self._read, self.container, self.prefix + item.name, query=query)
        except FileNotFoundError:
            return GONE
        told = headers.get("content-type"), headers.get("content-encoding")
        if (size, md5) != (content.bytes, content.md5):
            return f"MD5 {content.md5} of {content.bytes} bytes expected, {md5} of {size} found"
        if told != (item.content_type, item.content_encoding):
            return f"{item.content_type}, encoding {item.content_encoding} expected, {told[0]}, {told[1]} found"
        return ""

    @staticmethod
    def _read(url, token, container, name, http_conn, query=None):
        options = {"resp_chunk_size": BLOCK, "query_string": query}
        headers, blocks = swiftclient.get_object(url, token, container, name, http_conn, **options)
        md5, size = _new_md5(), 0
        for block in blocks:
            md5.update(block)
            size += len(block)
        return size, md5.hexdigest(), headers

    def fresh(self):
        """A new client that knows nothing of this one: a stranger when the dataset is public, else newly logged in."""
        who = Stranger(self.account.url) if self.public else self.log_in()
        return Swift(who, self.container, self.prefix, self.public, self.log_in)

    def temp_url(self, seconds, large):
        """(query, time it ends) that lets anyone read the objects below the prefix for a while."""
        ends = int(time.time()) + seconds
        path = f"{unquote(urlsplit(self.account.url).path)}/{self.container}/{self.prefix}"
        signed = generate_temp_url(path, ends, self._key(large), "GET", absolute=True, prefix=True, digest="sha256")
        signature = signed.partition("?temp_url_sig=")[2].partition("&")[0]
        return f"temp_url_sig={signature}&temp_url_expires={ends}&temp_url_prefix={quote(self.prefix)}", ends

    def _key(self, large):
        """A key that signs: the container's or else the account's; one is made where there is none.

        The parts of `large` objects lie in another container, for which the account's alone is good.
        """
        ours, everywhere = "x-container-meta-temp-url-key", "x-account-meta-temp-url-key"
        key = None if large else self._ask(swiftclient.head_container, self.container).get(ours)
        key = key or self._ask(swiftclient.head_account).get(everywhere)
        if not key:
            key = secrets.token_urlsafe(32)
            if large:
                self._ask(swiftclient.post_account, headers={everywhere: key})
            else:
                self._ask(swiftclient.post_container, self.container, headers={ours: key})
        return key

    def opened(self, query, item, content):
        """What is wrong with an object when a stranger reads it with a query of `temp_url`, or an empty text."""
        stranger = Swift(Stranger(self.account.url), self.container, self.prefix, False, None)
        try:
            return stranger.problem(item, content, query)
        finally:
            stranger.close()

    # Requests

    def _ask(self, call, *args, **options):
        """`call` of swiftclient with the account, on a connection that is kept for the next."""
        shown = "/".join(map(str, args[:2])) or "the account"
        return persistently(lambda: self._once(call, shown, args, options), shown, ATTEMPTS, stopped=self.stopped)

    def _once(self, call, shown, args, options):
        """One request, and again with a new token where the old one is refused; that may happen twice."""
        for renewals in (2, 1, 0):
            token = self.account.token
            try:
                with self._connection() as connection:
                    return call(self.account.url, token, *args, http_conn=connection, **options)
            except swiftclient.ClientException as error:
                if error.http_status != 401 or not renewals or self.account.anonymous:
                    raise self._failure(error, shown) from None
            except remote.BROKEN as error:  # their texts quote URLs
                raise PassingError(f"the connection failed ({type(error).__name__})") from None
            self.account.renew(token)

    def _failure(self, error, shown):
        """What is to be raised for an answer: `PassingError` where another attempt may do."""
        status = error.http_status
        reason = f"{status} {error.http_reason}" if status else "the answer cannot be understood"
        refused = f"{self.account.source} is refused ({reason})"
        if self.account.anonymous and status in UNSETTLED:
            return PassingError(refused)
        if status in (401, 403):
            return PermissionError(f"{shown}: {refused}")
        if status == 404:
            return FileNotFoundError(f"{shown}: not there ({reason})")
        if status == 412:
            return FileExistsError(f"{shown}: there already ({reason})")
        if status and status != DAMAGED and status not in PASSING:
            return OSError(f"{shown}: {reason}")
        return PassingError(reason, retry_after(error.http_response_headers or {}))

    @contextlib.contextmanager
    def _connection(self):
        """A connection of this thread's own; one that failed is not used again."""
        try:
            pair = self._idle.pop()
        except IndexError:
            pair = self._connect()
        try:
            yield pair
        except BaseException:
            pair[1].close()
            raise
        self._idle.append(pair)

    def _connect(self):
        """A connection that asks the environment for proxies and certificates once, not at every request.

        That costs a quarter of what the sender of a small object has to do. Passwords of ~/.netrc are not looked for.
        """
        pair = swiftclient.http_connection(self.account.url, timeout=remote.TIMEOUT, cacert=self.account.cacert)
        session, options = pair[1].request_session, pair[1].requests_args
        environment = session.merge_environment_settings(self.account.url, {}, None, options["verify"], None)
        session.proxies, options["verify"], session.trust_env = environment["proxies"], environment["verify"], False
        options["allow_redirects"] = False  # the token is for this server alone
        return pair

    def close(self):
        while self._idle:
            self._idle.pop()[1].close()


def _new_md5():
    return hashlib.md5(usedforsecurity=False)


def _md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
