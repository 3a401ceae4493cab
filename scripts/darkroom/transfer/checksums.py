"""Digests that somebody promised: given as such, or in a list that `sha256sum` or `md5sum` has written."""

import dataclasses
import re
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from darkroom.files import digest as file_digest
from darkroom.transfer import remote
from darkroom.urls import REMOTE

NONE = "none"  # not even sidecars
FOLDER = ".checksums"  # lists and sidecars that were fetched
LENGTHS = {"md5": 32, "sha256": 64}  # hexadecimal digits
LABELS = {"md5": "MD5", "sha256": "SHA-256"}
LARGEST = 1 << 28  # bytes of a list
# `HEX  name`, `HEX *name`, a backslash before HEX where the name has escapes, `SHA256 (name) = HEX`, or HEX alone. The
# `md5 -r` of a Mac puts one blank between, others a tab.
GNU = re.compile(r"(?P<escaped>\\?)(?P<hex>[0-9a-fA-F]{32,128})(?:\s*|(?: [ *]|[ \t])(?P<name>.+))")
BSD = re.compile(r"(?P<escaped>\\?)[\w-]+ ?\((?P<name>.+)\) ?= ?(?P<hex>[0-9a-fA-F]{32,128})")
ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


def of_remote(items, checksum, pattern, destination, get, account):
    """The items with the digests that `checksum` or else their sidecars promise; without the list itself.

    `checksum` is `sha256:HEX` or `md5:HEX` of the one item, or a list: a file of this machine, a URL, or a name beside
    the items; or `none`. `get` is `download.download`, and `account()` logs in to Swift.

    Raises ValueError for a list of another form or one that lacks an item, and what `get` does.
    """
    if checksum == NONE:
        return items
    if checksum:
        near = _list_at(checksum, account)
        if not near:
            base = items[0].url.removesuffix(quote(items[0].name))
            # With ./ no name leads to another host, which is not to see the account's token.
            url = urljoin(base, "./" + quote(checksum))
            near = remote.Remote(Path(checksum).name, url, account=items[0].account)
        items = _without_list(items, lambda item: item.url == near.url, lambda item: item.name, pattern)
        digests = _digests([item.name for item in items], checksum, near, destination, get)
    else:
        having = [item for item in items if item.sidecar]
        sidecars = [
            remote.Remote(item.name + item.sidecar, item.url + quote(item.sidecar), account=item.account)
            for item in having
        ]
        files = get(sidecars, destination / FOLDER) if sidecars else []
        lists = (read_list(destination / FOLDER / file.name, file.url) for file in files)
        named = zip(having, files, lists, strict=True)
        digests = {item.name: beside(listed, item.name, file.url) for item, file, listed in named}
    return [dataclasses.replace(item, digest=digests.get(item.name, "")) for item in items]


def of_local(root, files, checksum, pattern, destination, get, account):
    """The files without the list of their checksums, when each is what was promised.

    Raises ValueError for one that is not, and what `of_remote` does.
    """
    if checksum in ("", NONE):
        return files
    near = _list_at(checksum, account) or root / checksum
    files = _without_list(files, lambda file: root / file.name == near, lambda file: file.name, pattern)
    digests = _digests([file.name for file in files], checksum, near, destination, get)
    for file in files:
        verify(root / file.name, digests[file.name])
    return files


def _list_at(checksum, account):
    """The list that a URL is of, or None where the checksum is no URL."""
    if not checksum.startswith(REMOTE):
        return None
    mine = account() if checksum.startswith("swift://") else None
    url = remote.locate(checksum, mine)
    return remote.Remote(unquote(urlsplit(url).path).rpartition("/")[2], url, account=mine)


def _without_list(files, is_list, name, pattern):
    """The files without the list of their checksums, unless the filter matches its whole name."""
    kept = [file for file in files if not is_list(file) or (pattern and re.fullmatch(pattern, name(file)))]
    if not kept:
        raise ValueError("there is nothing but a list of checksums")
    return kept


def _digests(names, checksum, near, destination, get):
    """The digest of each name, as `checksum` promises it; `near` is the list, if it is none of this machine's files."""
    if digest := literal(checksum):
        if len(names) != 1:
            raise ValueError(f"checksum {checksum!r} is that of one file, but there are {len(names)}; name a list")
        return {names[0]: digest}
    if Path(checksum).is_file():
        near = Path(checksum)
    if isinstance(near, Path):
        if not near.is_file():
            raise ValueError(f"checksum {checksum!r}: no such file, neither here nor in {near.parent}")
        listed, shown = read_list(near, near), near
    else:
        (file,) = get([near], destination / FOLDER)
        listed, shown = read_list(destination / FOLDER / file.name, file.url), file.url
    return {name: promised(listed, name, shown) for name in names}


def literal(text):
    """`sha256:HEX` or `md5:HEX` in lower case, or "" where the text is something else, such as a file's name.

    Raises ValueError for another algorithm and for a wrong number of digits.
    """
    match = re.fullmatch(r"([A-Za-z0-9-]+):([0-9a-fA-F]*)", text.strip())
    if not match:
        return ""
    algorithm, value = match[1].lower(), match[2].lower()
    if len(value) != LENGTHS.get(algorithm):
        raise ValueError(f"checksum {text!r}: right is sha256: and 64 hexadecimal digits, or md5: and 32")
    return f"{algorithm}:{value}"


def read_list(path, shown):
    """Digests of a list by the names in it ("" for a digest that stands alone). `shown` is what a message calls it.

    Raises ValueError for a list of another form.
    """
    if Path(path).stat().st_size > LARGEST:
        raise ValueError(f"{shown}: too large for a list of checksums")
    listed = {}
    for number, line in enumerate(Path(path).read_text("utf-8-sig", errors="surrogateescape").split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.startswith("#"):
            continue
        match = GNU.fullmatch(line) or BSD.fullmatch(line)
        algorithm = match and next((name for name, length in LENGTHS.items() if length == len(match["hex"])), None)
        if not algorithm:
            raise ValueError(f"{shown} line {number}: not a line of sha256sum or md5sum")
        name = match["name"] or ""
        if match["escaped"]:
            name = re.sub(r"\\[\\nr]", lambda escape: ESCAPES[escape[0]], name)
        listed[name.removeprefix("./")] = f"{algorithm}:{match['hex'].lower()}"
    if not listed:
        raise ValueError(f"{shown}: an empty list of checksums")
    return listed


def promised(listed, name, shown):
    """The digest of a file in a list: under its name, or under its last part where only one entry ends in that.

    Raises ValueError when there is none.
    """
    if name in listed:
        return listed[name]
    last = name.rpartition("/")[2]
    ends = [digest for entry, digest in listed.items() if entry.rpartition("/")[2] == last]
    if len(ends) == 1:
        return ends[0]
    some = ", ".join(map(repr, list(listed)[:3]))
    raise ValueError(f"{shown}: {len(ends) or 'no'} checksums of {name!r} among {len(listed)}, such as {some}")


def beside(listed, name, shown):
    """The digest in a sidecar, which may hold nothing else, or the name that the file once had."""
    return next(iter(listed.values())) if len(listed) == 1 else promised(listed, name, shown)


def verify(path, digest):
    """Raise ValueError when a file is not what was promised."""
    algorithm, _, expected = digest.partition(":")
    if (got := file_digest(path, algorithm)) != expected:
        raise ValueError(f"{path}: {LABELS[algorithm]} {expected} expected, {got} got")
