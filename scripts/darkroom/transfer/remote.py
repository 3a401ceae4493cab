"""What public servers and our own Swift account hold, and requests that keep secrets to the host they are for."""

import functools
import itertools
import json
import os
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from netrc import NetrcParseError
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

import requests
from requests.utils import NETRC_FILES, get_netrc_auth
from urllib3.exceptions import HTTPError

from darkroom import retry
from darkroom.files import human
from darkroom.retry import PASSING, PassingError, retry_after
from darkroom.urls import public_url

TIMEOUT = (15, 60)  # seconds to connect, and without a byte
ATTEMPTS = 6  # of a page of a listing
LARGEST_PAGE = 1 << 26  # bytes; ten thousand of the longest names are less
LONGEST_PAGE = 300  # seconds
BROKEN = (requests.RequestException, HTTPError)  # what a connection may raise
SIDECARS = (".sha256", ".md5")  # the first that is there counts
CONTAINER = re.compile(r"(?P<storage>/(?:.+?/)??v1(?:\.0)?/[^/]+)/(?P<container>[^/]+)(?:/(?P<prefix>.*))?")


@dataclass(frozen=True)
class Remote:
    """A file to fetch: its name in the folder, where it is, and its size and MD5 where a listing tells them.

    `digest` is what somebody promised, `sha256:HEX` or `md5:HEX`; `sidecar` the ending of the file beside it that
    holds such a promise; `source` the URL that led to it; `account` (of `credentials`) the one whose token opens it.
    `check(path, entry)` says what is wrong with the whole file, whose bytes and digests are in `entry`, or "", and
    `hashes` make the digests that it wants there, by their names, in place of SHA-256.

    Raises ValueError for a name that would leave the folder or is no file's name.
    """

    name: str
    url: str
    size: int | None = None
    md5: str | None = None
    digest: str = ""
    sidecar: str = ""
    source: str = field(default="", repr=False, compare=False)
    account: object = field(default=None, repr=False, compare=False)
    check: object = field(default=None, repr=False, compare=False)
    hashes: dict = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self):
        if "\0" in self.name or any(part in ("", ".", "..") for part in self.name.split("/")):
            raise ValueError(f"{public_url(self.url)}: {self.name!r} is not a name that is safe inside a folder")


class Session(requests.Session):
    """A session whose tokens and passwords stay with the host they are for, wherever that redirects to."""

    account = None  # of the request under way, which redirects belong to

    def fetch(self, url, headers=None, account=None):
        """GET, as a stream; with an account's token, and once more with a new one when that has expired.

        Raises PermissionError for a password file that others may read, and what the account does.
        """
        headers, self.account = headers or {}, account
        if account is None:
            private_netrc(url)
            return self.get(url, headers=headers, stream=True, timeout=TIMEOUT)
        token = account.token
        for last in (False, True):
            response = self.get(
                url,
                headers=headers,
                auth=functools.partial(account.sign, token=token),  # keeps ~/.netrc out of it
                verify=account.cacert,
                stream=True,
                timeout=TIMEOUT,
            )
            if response.status_code != 401 or last:
                return response
            response.close()
            token = account.renew(token)

    def rebuild_auth(self, prepared_request, response):
        """Take the token out of a redirect to another host; requests itself takes only `Authorization`."""
        if self.should_strip_auth(response.request.url, prepared_request.url):
            prepared_request.headers.pop("X-Auth-Token", None)
        if self.account is not None and self.account.follows:
            self.account.sign(prepared_request, self.account.token)
            return
        private_netrc(prepared_request.url)
        super().rebuild_auth(prepared_request, response)


def private_netrc(url):
    """The file that requests would take a password for this URL from, or None.

    Raises PermissionError where others may read it: Python's own netrc looks at the mode only of the file that it finds
    itself; requests names the file to it. Raises ValueError for a file that is none.
    """
    try:
        if not get_netrc_auth(url, raise_errors=True):
            return None
    except NetrcParseError as error:  # its text may quote a password
        raise ValueError(f"{error.filename} line {error.lineno} is not as a .netrc file should be") from None
    named = [os.environ["NETRC"]] if "NETRC" in os.environ else [f"~/{name}" for name in NETRC_FILES]
    path = next(path for path in (Path(name).expanduser() for name in named) if path.exists())
    require_private(path)
    return path


def require_private(path):
    """Raise PermissionError when a file with secrets can be read by anyone but its owner."""
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others; type: chmod 600 {path}")


def compiled(pattern):
    """The compiled regular expression of a filter. Raises ValueError for a bad one."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"filter {pattern!r} is not a regular expression: {error}") from None


def matching(names, pattern, where, kind="names"):
    """Those of the names that a regular expression matches from their start (`re.match`), in their order.

    Raises ValueError for a bad pattern, and when there is none: then it says what names there are.
    """
    names, expression = list(names), compiled(pattern)
    if not names:
        raise ValueError(f"{where}: there are no {kind} in it; give a source that has some")
    if not (matches := [name for name in names if expression.match(name)]):
        such = ", ".join(map(repr, names[:3]))
        raise ValueError(f"{where}: none of its {len(names)} {kind}, such as {such}, matches {pattern!r}")
    return matches


def find(urls, pattern="", stacks=False, archives=(), account=None):
    """Files that URLs lead to: plain ones, Swift containers and what is in them, `swift://` of one's own account.

    A URL that ends in / is a container or folder, and with a pattern or `stacks` every URL is, except `archives`, to
    whose members the pattern applies. `account()` logs in. Raises what `remote_files` and `list_container` do.
    """

    def listed(url):
        return url.startswith("swift://") or url.endswith("/") or (bool(pattern or stacks) and url not in archives)

    plain, files = iter(remote_files(url for url in urls if not listed(url))), []
    for url in urls:
        if listed(url):
            mine = account() if url.startswith("swift://") else None
            files += list_container(url, "" if url in archives else pattern, mine)
        else:
            files.append(next(plain))
    return files


def remote_files(urls):
    """Plain http(s) URLs as files named by their last path segment, or by host and path where several share it.

    Raises ValueError for a URL that is not http(s) or whose path ends in no name.
    """
    urls, paths = list(urls), []
    for url in urls:
        parts = urlsplit(url)
        path = [unquote(segment) for segment in parts.path.split("/") if segment]
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{public_url(url)}: not an http:// or https:// URL (a blank in one is written %20)")
        if not path or parts.path.endswith("/"):
            raise ValueError(f"{public_url(url)}: the URL ends in no file name")
        paths.append([parts.netloc.rpartition("@")[2].replace(":", "_"), *path])
    shared = Counter(path[-1] for path in paths)
    names = (path[-1] if shared[path[-1]] == 1 else "/".join(path) for path in paths)
    return [Remote(name, url, source=url) for name, url in zip(names, urls, strict=True)]


def list_container(url, pattern="", account=None):
    """Files of a Swift container whose names match a pattern; or the one object that the URL names.

    `url` is `https://host/v1/ACCOUNT/CONTAINER[/prefix/]` of a public container, or `swift://CONTAINER[/prefix]` of an
    account of `credentials`. Names are relative to the prefix; `pattern` is a regular expression that must match at
    their start. Pseudo-directory markers are skipped. So are sidecars, `NAME.sha256` and `NAME.md5` beside NAME, unless
    the pattern matches their whole name. The listing's hash of a static large object is not its MD5 and is left out.

    Raises ValueError for a URL of another layout, a bad pattern, or when nothing matches; PermissionError for a private
    container (or one that is not there, which Swift does not tell strangers); OSError for a server that gives up.
    """
    storage, container, prefix = _place(url, account)
    expression, shown = compiled(pattern), public_url(url)
    folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    objects = {name.removeprefix(folder): facts for name, facts in _objects(storage, container, folder, shown, account)}
    beside = {name for name in objects if name.endswith(SIDECARS) and name.rpartition(".")[0] in objects}
    data = [name for name in objects if name not in beside or (pattern and expression.fullmatch(name))]
    if not objects and folder and not prefix.endswith("/"):
        # Names come in order: the object's own first, those of its sidecars not far behind.
        folder, _, last = prefix.rpartition("/")
        folder += "/" if folder else ""
        first = itertools.islice(_objects(storage, container, prefix, shown, account), 1000)
        objects = {name.removeprefix(folder): facts for name, facts in first}
        beside = {last + end for end in SIDECARS} & objects.keys()
        data = [last] if last in objects else []
    base = f"{storage}/{quote(container, safe='')}/"
    return [
        Remote(
            name,
            base + quote(folder + name),
            *objects[name],
            sidecar=next((end for end in SIDECARS if name + end in beside), ""),
            source=url,
            account=account,
        )
        for name in matching(data, pattern, shown, "objects")
    ]


def locate(url, account):
    """The http(s) URL of a file or folder given by any URL."""
    return account.url + url.removeprefix("swift:/") if url.startswith("swift://") else url


def _place(url, account):
    """Storage URL, container and prefix."""
    parts = urlsplit(url)
    if parts.scheme == "swift":
        if not parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"{public_url(url)}: right is swift://CONTAINER/prefix, with # and ? as %23 and %3F")
        return account.url, unquote(parts.netloc), unquote(parts.path).lstrip("/")
    layout = CONTAINER.fullmatch(parts.path)
    if parts.scheme not in ("http", "https") or not layout or parts.query or parts.fragment:
        raise ValueError(
            f"{public_url(url)}: not a Swift container; right is https://host/v1/ACCOUNT/CONTAINER[/prefix/]"
        )
    storage = urlunsplit((parts.scheme, parts.netloc, layout["storage"], "", ""))
    return storage, unquote(layout["container"]), unquote(layout["prefix"] or "").lstrip("/")


def _objects(storage, container, prefix, shown, account):
    """Names of objects, with their size and MD5; without markers of pseudo-directories."""
    for entry in _entries(f"{storage}/{quote(container, safe='')}", prefix, shown, account):
        name, kind = entry["name"], entry.get("content_type", "")
        if entry["bytes"] or not (name.endswith("/") or kind.startswith("application/directory")):
            yield name, (entry["bytes"], None if entry.get("slo_etag") else entry["hash"])


def _entries(container, prefix, shown, account):
    """Every entry of a listing. Servers choose the page size, so only an empty page is the end.

    Raises OSError for a server that has the same names come again.
    """
    marker, what = "", f"{shown}: cannot be listed"
    with Session() as session:
        while True:
            ask = functools.partial(_page, session, container, prefix, marker, shown, account)
            if not (page := retry.persistently(ask, what, ATTEMPTS)):
                return
            yield from page
            last = page[-1]["name"]
            require_new(last, marker, shown)
            marker = last


def require_new(last, marker, shown):
    """Raise OSError where a page of a listing ends in a name that does not come after the marker it was to follow.

    Swift's names come in the order of their bytes; else a listing would have no end.
    """
    if last.encode(errors="surrogatepass") <= marker.encode(errors="surrogatepass"):
        raise OSError(f"{shown}: its listing has no end: after {marker!r} comes {last!r} again")


def _page(session, container, prefix, marker, shown, account):
    """One request for the entries that come after a name."""
    query = urlencode({"format": "json", "prefix": prefix, "marker": marker}, quote_via=quote)
    try:
        with session.fetch(f"{container}?{query}", account=account) as response:
            status, wait = response.status_code, retry_after(response.headers)
            if status == 204:
                return []
            if status == 200:
                return listed(body(response))
    except BROKEN as error:
        if isinstance(error, ValueError):  # its text may quote the token
            raise ValueError(f"{shown}: cannot be requested ({type(error).__name__})") from None
        raise PassingError(reason(error)) from None
    if status in (401, 403):
        needed = "this account may not read it"
        if not account:
            needed = "it needs credentials (swift://), or the read ACL .r:*,.rlistings"
        raise PermissionError(f"{shown}: not public, or not there ({status}): {needed}")
    if status == 404:
        raise FileNotFoundError(f"{shown}: no such container (404)")
    if status not in PASSING:
        raise OSError(f"{shown}: cannot be listed: status {status}")
    raise PassingError(f"status {status}", wait)


def body(response):
    """The whole body of an answer. Raises PassingError for one that is too long or takes too long."""
    content, began = bytearray(), time.monotonic()
    while block := response.raw.read1(1 << 16, decode_content=True):
        content += block
        if len(content) > LARGEST_PAGE:
            raise PassingError(f"the answer is longer than {human(LARGEST_PAGE)}", twice=True)
        if time.monotonic() - began > LONGEST_PAGE:
            raise PassingError(f"the answer is not there after {LONGEST_PAGE} s", twice=True)
    return bytes(content)


def listed(content):
    """The entries that the body of a listing holds. Raises PassingError for what is no listing, as proxies send it."""
    try:
        entries = json.loads(content or "[]")
    except (ValueError, RecursionError):
        page = "an HTML page" if content.lstrip()[:1] == b"<" else "something else"
        raise PassingError(f"{page} came in place of a listing") from None
    keys = {"name", "bytes", "hash"}
    if not isinstance(entries, list) or not all(isinstance(one, dict) and one.keys() >= keys for one in entries):
        raise PassingError("something else came in place of a listing")
    return entries


def reason(error):
    """The innermost cause of a failed request: the outer ones quote the URL, with whatever secret it holds."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return f"{type(error).__name__}: {error}"
