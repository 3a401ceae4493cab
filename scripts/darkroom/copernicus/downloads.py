"""Products of a search, brought here once for all rows that want them.

They lie in a store of their catalogue: in `whole/NAME/` what a product's zip held (or the product itself, where it is
one file), in `files/NAME.SAFE/` those files of it that somebody asked for. The record beside them, `.NAME.json`, is
written last: it tells what they are and how they were checked.
"""

import contextlib
import fcntl
import fnmatch
import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from darkroom import files, inventory
from darkroom.copernicus import login, manifests, volume
from darkroom.copernicus.products import File
from darkroom.transfer import archive, download
from darkroom.transfer.remote import Remote
from darkroom.urls import public_url

ATTEMPTS = 20  # of a file without any progress: a service whose connections are all in use bears no more for a while
# What tells of a product's pixels, and goes along with every choice of its files.
METADATA = (
    "*manifest.safe", "*xfdumanifest.xml", "*/MTD_*.xml", "*/annotation/*.xml",
    "*.zarr/.zgroup", "*.zarr/.zattrs", "*.zarr/zarr.json", "*/S2*_MSI*.json",
)  # fmt: skip
PAGES = (".html", ".htm", ".xhtml")

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Want:
    """What is to be had of a product: its zip, or files of it. `problem` says why it could not be had."""

    product: object
    files: list[File]
    complete: bool = True  # whether it is all of the product
    items: dict = field(default_factory=dict)  # File by the name in the store that it comes to
    entries: dict = field(default_factory=dict)  # what arrived, by that name
    checked: dict = field(default_factory=dict)  # how each was checked
    problem: str = ""

    def __post_init__(self):
        name = self.product.name
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise ValueError(f"{name!r} is not the name of a product; look at the answer of the catalogue")
        self.items = {f"{self.kind}/{file.name}": file for file in self.files}

    @property
    def packed(self):
        return self.files[0].archive

    @property
    def kind(self):
        """The part of the store that it belongs to: whole products, or some of their files."""
        return "whole" if self.packed or [file.name for file in self.files] == [self.product.name] else "files"

    @property
    def key(self):
        return f"{self.kind}/{self.product.name}"

    def record(self, store):
        return store / self.kind / f".{self.product.name}.json"


def choose(product, catalogue, patterns=(), places=None):
    """What to fetch of a product: all of it, or its metadata and those files that match one of `patterns` (fnmatch).

    places -- tells what a service without `https` login lists; all of a product is its zip elsewhere

    Raises ValueError when no file matches, and what the catalogue does.
    """
    if not patterns:
        return Want(product, (places and places.listed(product)) or [catalogue.whole(product)])
    listed = catalogue.files(product)
    if len(listed) == 1 and listed[0].archive:  # of this service it is all or nothing
        return Want(product, listed)
    matching = [file for file in listed if any(fnmatch.fnmatch(file.name, pattern) for pattern in patterns)]
    if not matching:
        some = ", ".join(repr(file.name) for file in listed[:3])
        raise ValueError(f"{product.name}: none of its {len(listed)} files, such as {some}, matches {list(patterns)}")
    more = [
        file for file in listed if file not in matching and any(fnmatch.fnmatch(file.name, one) for one in METADATA)
    ]
    return Want(product, matching + more, complete=len(matching + more) == len(listed))


def in_place(products, catalogue, store, patterns=()):
    """The inventory of products on this machine; what is packed is unpacked to the store.

    Raises FileNotFoundError for one that is there no more, ValueError where no file matches a pattern.
    """
    entries = {}
    for product in products:
        path = Path(product.path).absolute()
        if not path.exists():
            raise FileNotFoundError(f"{path}: the product is there no more; search again")
        if path.is_file() and archive.stem(path.name):
            folder = store.absolute() / "whole" / product.stem
            for member in archive.unpack(path, folder):
                entries[folder / member.name] = {"bytes": member.bytes, "sha256": member.sha256, "archive": str(path)}
            continue
        for file in catalogue.files(product) if not patterns else choose(product, catalogue, patterns).files:
            state = Path(file.url).stat()
            entries[Path(file.url).absolute()] = {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    tops = [Path(product.path).absolute().parent for product in products]  # a product's own folder is part of the names
    unpacked = any("archive" in entry for entry in entries.values())
    root = Path(os.path.commonpath([*tops, store.absolute()] if unpacked else tops))
    listed = [inventory.File(path.relative_to(root).as_posix(), **entry) for path, entry in sorted(entries.items())]
    absolute = not products or Path(products[0].path).is_absolute()
    return inventory.Inventory(str(root if absolute else os.path.relpath(root)), listed)


def made_for(products, catalogue, store):
    """The inventory of products that a service makes when it is asked; what is there is not asked for again.

    Raises what the catalogue's `fetch` does.
    """
    listed = []
    for product in products:
        target = store / "whole" / product.name
        if not target.exists():
            catalogue.fetch(product, target)
        listed.append(inventory.File(f"whole/{product.name}", target.stat().st_size, sha256=files.digest(target)))
    return inventory.Inventory(str(store), listed)


class Places:
    """Where files are fetched from, and as whom: by S3 with keys for it, else by https. Nobody logs in who need not."""

    def __init__(self, settings):
        self.settings, self._accounts = settings, {}

    def account(self, kind):
        if kind not in self._accounts:
            self._accounts[kind] = getattr(login, kind)(self.settings)
        return self._accounts[kind]

    def __call__(self, file):
        """The URL of a file and the account that opens it."""
        urls = [url for url in (file.url, file.alternate) if url]
        web = next((url for url in urls if not url.startswith("s3://")), "")
        archived = next((url for url in urls if url.startswith("s3://")), "")
        if archived and not file.archive and (keys := self.account("keys")):
            return f"{keys.endpoint}/{quote(archived.removeprefix('s3://'))}", keys
        if not web:
            raise ValueError(f"{file.name} is at {archived} alone; {login.ways(self.settings, login.S3)}")
        return web, self.account("account")

    def listed(self, product):
        """The files of a product in the archive, for a user who has the keys of S3 and no other login; else None."""
        keys = self.account("keys")
        if not keys or not product.path:
            return None
        with contextlib.suppress(ValueError):
            self.account("account")
            return None
        key = product.path.strip("/").removeprefix(f"{self.settings.s3['bucket']}/")
        return keys.listed(self.settings.s3["bucket"], key, product.name)


def fetch(wants, store, places, attempts=ATTEMPTS, connections=4, progress=None):
    """Bring products to a store, or find them there; give the `File`s of each.

    Jobs that want the same product fetch it once. Every file is held against what is promised of it, a zip is unpacked
    and removed. What cannot be had does not keep the others from coming.

    Raises OSError, when all the others are here, for products that cannot be had; PermissionError at once for a login
    that is refused; OSError before anything is fetched when there is no room.
    """
    store.mkdir(parents=True, exist_ok=True)
    brought, waiting = {}, {want.key: want for want in wants}
    with _Turns(store) as turns:
        while waiting:
            mine = [want for want in waiting.values() if turns.take(want.key)]
            if not mine:  # others are at all of them
                mine = [next(iter(waiting.values()))]
                turns.wait(mine[0].key)
            try:
                lacking = [want for want in mine if not _had(want, store)]
                if lacking:
                    _bring(lacking, store, places, attempts, connections, progress)
            finally:
                for want in mine:
                    turns.give(want.key)
            for want in mine:
                brought[want.key] = [] if want.problem else _had(want, store)
                del waiting[want.key]
    if wrong := [want for want in wants if want.problem]:
        some = "; ".join(f"{want.product.name}: {want.problem}" for want in wrong[:3])
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise OSError(f"{len(wrong)} of {len(wants)} products could not be fetched: {some}{more}")
    return [brought[want.key] for want in wants]


class _Turns:
    """Locks of the products of a store, for jobs that run beside each other: a byte of one file for each product."""

    def __init__(self, store):
        self.path = store / ".turns"

    def __enter__(self):
        self.file = self.path.open("ab")
        return self

    def __exit__(self, *_):
        self.file.close()

    def take(self, key):
        """Whether it is our turn now."""
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))
        except OSError:
            return False
        return True

    def wait(self, key):
        log.info("%s is being fetched by another job; waiting for it", key)
        fcntl.lockf(self.file, fcntl.LOCK_EX, 1, _place(key))

    def give(self, key):
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, _place(key))


def _place(key):
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) >> 1


def read_record(store, kind, name):
    """The record of a product in a store, or None."""
    path = store / kind / f".{name}.json"
    return files.read_json(path) if path.exists() else None


def _had(want, store):
    """The files of a product that are here as its record says, or None where some are not."""
    record = read_record(store, want.kind, want.product.name)
    names = want.items.keys()
    if not record and want.kind == "files":  # another row may have all of it
        record = read_record(store, "whole", want.product.name)
        names = {f"whole/{want.product.stem}/{file.name}" for file in want.files}
    if not record or record["id"] != want.product.id:
        return None
    entries = {entry["name"]: entry for entry in record["files"]}
    if record["archive"] and want.kind == "whole":
        names = entries.keys()
    if not names <= entries.keys() or not all(_is_there(store, entries[name]) for name in names):
        return None
    told = ("name", "bytes", "sha256", "url", "archive")
    return [inventory.File(**{key: entries[name].get(key) for key in told}) for name in sorted(names)]


def _is_there(store, entry):
    path = store / entry["name"]
    return path.is_file() and (path.stat().st_size, path.stat().st_mtime_ns) == (entry["bytes"], entry["mtime_ns"])


def _bring(wants, store, places, attempts, connections, progress):
    """Fetch what is lacking, unpack zips as they arrive, and write the records."""
    for want in wants:
        _clear_other(want, store)
    with _Arrivals(wants, store) as arrivals, contextlib.ExitStack() as kept:
        items = [_item(name, want, places) for name, want in arrivals.lacking()]
        _require(wants, store, connections)
        for line in _volumes(items, arrivals.owners, places.settings.limits.volume):
            log.info("%s", line)
        for account in {id(item.account): item.account for item in items}.values():
            kept.enter_context(account.kept())
        download.download(items, store, connections, attempts, progress, arrivals.take, arrivals.miss)
        arrivals.finish()


def _clear_other(want, store):
    """Remove what is here of another product, whose name this one has now."""
    record = read_record(store, want.kind, want.product.name)
    if record and record["id"] != want.product.id:
        for entry in record["files"]:
            (store / entry["name"]).unlink(missing_ok=True)
        want.record(store).unlink()


class _Arrivals:
    """What is wanted and what has come of it. Zips are unpacked by a thread of their own, beside the downloads."""

    def __init__(self, wants, store):
        self.wants, self.store, self.unpacked = wants, store, {}
        self.owners = {name: want for want in wants for name in want.items}
        self.pool = ThreadPoolExecutor(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown(cancel_futures=True)

    def lacking(self):
        """Names in the store and wants of what is not here yet."""
        for name, want in self.owners.items():
            if not _arrived(want, name, self.store):
                yield name, want
            elif want.packed:
                self._unpack(want)

    def take(self, item, entry):
        """Take a file that has come; `entry` is that of the journal of `download`."""
        want = self.owners[item.name]
        want.entries[item.name] = entry
        volume.add(item.account.service, entry["bytes"])
        if want.packed:
            self._unpack(want)

    def miss(self, item, error):
        """Take the error of a file. Raises it where the others need not be tried either."""
        if isinstance(error, (login.RefusedError, InterruptedError)) or not isinstance(error, (OSError, ValueError)):
            raise error
        gone = isinstance(error, FileNotFoundError)
        want = self.owners[item.name]
        want.problem = f"no longer there ({error}); search again" if gone else str(error)
        log.error("%s: %s", want.product.name, want.problem)

    def finish(self):
        """Write the records of all that came."""
        for want in self.wants:
            try:
                if want.key in self.unpacked:
                    self.unpacked[want.key].result()
                elif not want.problem:
                    _record(want, self.store, [_kept(want, name, self.store) for name in want.items])
            except (OSError, ValueError) as error:
                want.problem = str(error)

    def _unpack(self, want):
        self.unpacked[want.key] = self.pool.submit(_unpack, want, self.store)


def _item(name, want, places):
    file = want.items[name]
    url, account = places(file)

    def check(path, entry):
        wrong, want.checked[name] = _judged(file, path, entry)
        return wrong

    # Of a zip, the size is that of the object in the archive; what is sent may be packed anew.
    size = None if file.archive else file.bytes
    hashes = {name: manifests.maker(name) for name in sorted(_wanted(file))}
    return Remote(name, url, size, account=account, check=check, hashes=hashes)


def _promise(file):
    """The digest that a file is held against, in a list, where any is promised."""
    return [manifests.cheapest(file.digests)] if file.digests else []


def _wanted(file):
    """The digests of a file that are computed as it comes: SHA-256 of a zip is of no use, where another is promised."""
    promised = manifests.algorithms(_promise(file))
    return promised if promised and file.archive else promised | {"sha256"}


def _judged(file, path, entry):
    """What is wrong with a file that came, or "", and how it was checked. `entry` has its bytes and digests."""
    if not file.name.lower().endswith(PAGES) and (page := manifests.page_instead(path)):
        return page, []
    if file.bytes not in (None, entry["bytes"]) and not file.archive:
        return f"{file.bytes} bytes expected, {entry['bytes']} got", []
    for digest in _promise(file) if not file.archive or file.bytes == entry["bytes"] else ():
        names, _, expected = digest.partition(":")
        kept = next((name for name in names.split("/") if entry[name] == expected), None)
        return ("", [kept]) if kept else (manifests.wrong(digest, entry), [])
    if file.archive and (file.name.endswith(".zip") or manifests.is_zip(path)):
        return manifests.damaged(path), ["zip CRC"]
    return "", ["size"] if file.bytes is not None else []


def _arrived(want, name, store):
    """Take what came whole before a job was killed; whether it was there. What is not as promised is removed."""
    path, file = store / name, want.items[name]
    if not path.exists():
        return False
    digests = manifests.hashes(path, _wanted(file))
    entry = {"url": public_url(file.url), "bytes": path.stat().st_size} | digests
    wrong, want.checked[name] = _judged(file, path, entry)
    recorded = (read_record(store, want.kind, want.product.name) or {"files": []})["files"]
    if any(before["name"] == name and before["sha256"] != entry.get("sha256") for before in recorded):
        wrong = "it was changed since it came"
    if wrong:
        log.warning("%s: %s; it is fetched again", path, wrong)
        path.unlink()
        return False
    want.entries[name] = entry
    return True


def _unpack(want, store):
    """Unpack the zip of a product, write its record, and remove it; a product that came as it is stays so."""
    (name,) = want.items
    path, entry = store / name, want.entries[name]
    if not archive.stem(path.name):
        if not manifests.is_zip(path):
            return _record(want, store, [_kept(want, name, store)])
        path = path.rename(path.with_name(f"{path.name}.zip"))
    folder = store / want.kind / want.product.stem
    digests = {name: entry[name] for name in sorted(_wanted(want.files[0]))}
    members = archive.unpack(path, folder, digest=next(iter(digests.values())))
    entries = [
        _entry(store, {"name": f"{want.kind}/{want.product.stem}/{member.name}", "sha256": member.sha256})
        | {"archive": entry["url"], "checked": ["zip CRC"]}
        for member in members
    ]
    packed = {"url": entry["url"], "bytes": entry["bytes"], **digests, "checked": want.checked[name]}
    _record(want, store, entries, packed)
    path.unlink()


def _kept(want, name, store):
    entry = want.entries[name]
    sha256 = entry.get("sha256") or files.digest(store / name)
    return _entry(store, {"name": name, "sha256": sha256}) | {"url": entry["url"], "checked": want.checked[name]}


def _entry(store, about):
    state = (store / about["name"]).stat()
    return about | {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns}


def _record(want, store, entries, packed=None):
    """Write what is had of a product; files that another row asked for stay in it."""
    product = want.product
    before = read_record(store, want.kind, product.name) or {"id": product.id, "files": []}
    names = {entry["name"] for entry in entries}
    others = [entry for entry in before["files"] if entry["name"] not in names and _is_there(store, entry)]
    if packed or before["id"] != product.id:
        others = []
    complete = want.complete or (bool(others) and before.get("complete", False))
    about = {"product": product.name, "id": product.id, "catalogue": product.catalogue, "complete": complete}
    about |= {"archive": packed}
    listed = sorted(others + entries, key=lambda entry: entry["name"])
    files.write_json(want.record(store), about | {"files": listed})


def _require(wants, store, connections):
    """Raise OSError where there is no room for what will lie here, and for the zips that lie beside it meanwhile."""
    sizes = sorted((file.bytes or 0 for want in wants for file in want.files), reverse=True)
    packed = sorted((want.files[0].bytes or 0 for want in wants if want.packed), reverse=True)
    files.require_room(store, sum(sizes) + sum(packed[:connections]), f"{len(wants)} products")


def _volumes(items, owners, limit):
    """What is to be said of the volume of 30 days, for each service."""
    sizes = {}
    for item in items:
        service = item.account.service
        sizes[service] = sizes.get(service, 0) + (owners[item.name].items[item.name].bytes or 0)
    return [line for service, size in sizes.items() if (line := volume.said(service, size, limit))]
