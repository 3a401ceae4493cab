"""Archives unpacked whole or not at all, and nothing of them outside their folder."""

import bz2
import errno
import gzip
import hashlib
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from darkroom.files import described, free_bytes, human, note_size, read_json, settle, write_json
from darkroom.files import digest as file_digest
from darkroom.inventory import File, files_of
from darkroom.transfer import remote

BLOCK = 1 << 20
TARS = {
    ".tar": open,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
}
ZIPS = (".zip", ".ozx")  # the other is that of a zipped OME-Zarr
ENDINGS = (*ZIPS, *TARS)
RATIO = 100  # bytes unpacked for each byte of the archive
SMALL = 100_000_000  # bytes that any archive may hold
MEMBERS = 1_000_000
LARGEST_HEAD = 1 << 20  # bytes of what goes before a member: long names, attributes
HEADS = (b"x", b"g", b"X", b"L", b"K")  # types of such
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    OverflowError,
    RecursionError,  # heads of heads
    struct.error,
    UnicodeDecodeError,
)


def stem(name):
    """The name of an archive without its ending, in whose folder it is unpacked; "" for what is no archive."""
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")
    kept = name[: -len(ending)] if ending else ""
    return "" if kept.endswith("/") else kept


def unpack(archive, folder, pattern="", digest="", ratio=RATIO, members=MEMBERS):
    """Unpack a zip or tar file to `folder`, and give its files, with their SHA-256, in the order of their names.

    `pattern` is a regular expression that the names of files must match at their start. `digest` is the archive's
    SHA-256, if it is known. Only files and folders are unpacked, to a folder beside that is renamed when it is whole.
    What an earlier run has unpacked of the same archive is kept where it is still so.

    Raises ValueError, naming the member, for an archive that is damaged or encrypted, holds a path out of the folder, a
    link, a device or a name twice, has more than `members` members or unpacks to more than `ratio` times its size and
    100 MB; or when nothing matches. FileExistsError when the folder is not ours; OSError when there is no room.
    """
    archive, folder = Path(archive), Path(folder)
    expression = remote.compiled(pattern)
    made_of = {"archive": digest or file_digest(archive), "filter": pattern}
    note = folder.with_name(f".{folder.name}.unpacked.json")
    had = read_json(note) if note.exists() else None
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder}: a file, where {archive.name} is to be unpacked; move it away")
    if folder.exists():
        names = {file.name for file in files_of(had)} if had else set()
        there = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
        if stranger := next((name for name in there if name not in names), None):
            raise FileExistsError(f"{folder}: holds {stranger!r}, which is not of {archive.name}; move it away")
        if had and made_of.items() <= had.items() and all(_is_there(folder, file) for file in files_of(had)):
            return files_of(had)
    partial = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        files = _write(archive, partial, expression, _Budget(archive, folder, ratio, members))
        settle(partial)
        # The note goes first: a folder without one is somebody else's.
        shutil.rmtree(folder, ignore_errors=True)
        write_json(note, made_of | {"files": described(files)})
        partial.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(f"no room left in {folder.parent} to unpack {archive}; nothing of it is kept") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return files


def _is_there(folder, file):
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.bytes and file_digest(path) == file.sha256


class _Budget:
    """How much an archive may come to. What it says of itself is not believed."""

    def __init__(self, archive, folder, ratio, members):
        size = archive.stat().st_size
        self.allowed, self.members = max(ratio * size, SMALL), members
        self.free, self.archive, self.folder = free_bytes(folder), archive, folder
        self.limits = f"{human(self.allowed)}, the limit for its {human(size)} (unpack_ratio)"
        self.bytes, self.count = 0, 0

    def member(self):
        self.count += 1
        if self.count > self.members:
            raise ValueError(f"{self.archive}: more than {self.members} members")

    def require(self, size, name):
        """Raise where `size` bytes in all are too many."""
        if size > self.allowed:
            raise ValueError(f"{self.archive}: with {name!r} it unpacks to more than {self.limits}")
        if size > self.free:
            room = f"{human(self.free)} free at {self.folder.parent}"
            raise OSError(f"not enough room to unpack {self.archive}: {human(size)} needed so far, {room}")

    def add(self, size, name):
        self.bytes += size
        self.require(self.bytes, name)


def _write(archive, folder, expression, budget):
    """Write the members that match; check all of them."""
    files, names, folders, members = [], set(), set(), []
    try:
        for name, kind, size, content in _members(archive, budget):
            budget.member()
            path = _safe(archive, name, kind)
            parents = [parent.as_posix() for parent in path.parents][:-1]
            path = path.as_posix()
            if path in names or (kind == "file" and path in folders) or not names.isdisjoint(parents):
                raise ValueError(f"{archive}: member {name!r} has the name of another one")
            folders.update(parents)
            if kind == "folder":
                folders.add(path)
                continue
            names.add(path)
            members.append(path)
            if expression.match(path):
                budget.require(budget.bytes + size, name)
                files.append(_copy(content(), folder / path, path, budget))
    except DAMAGED as error:
        raise ValueError(f"{archive}: damaged, or not what its name says ({type(error).__name__}: {error})") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ValueError(f"{archive}: member {path[:40]!r}... has a longer name than a file can have") from None
        if error.errno != errno.EINVAL:
            raise
        raise ValueError(f"{archive}: damaged; a member would begin before the file") from None
    except NotImplementedError as error:
        raise ValueError(f"{archive}: packed in a way that is not known here ({error}); unpack it yourself") from None
    if not files:
        remote.matching(members, expression.pattern, archive, "files")
    return sorted(files, key=lambda file: file.name)


def _safe(archive, name, kind):
    """The path of a member inside the folder."""
    path = PurePosixPath(name)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{archive}: member {name!r} has a name that is not UTF-8; unpack it yourself") from None
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{archive}: member {name!r} would be outside of the folder; nothing is unpacked")
    if kind not in ("file", "folder"):
        raise ValueError(f"{archive}: member {name!r} is {kind}; only files and folders are unpacked")
    if kind == "file" and not path.parts:
        raise ValueError(f"{archive}: member {name!r} has no name that a file can have")
    return path


def _copy(source, path, name, budget):
    """Write one file, and say what it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source, path.open("xb") as file:
        while block := source.read(BLOCK):
            budget.add(len(block), name)
            file.write(block)
            digest.update(block)
            size += len(block)
    note_size(path)
    return File(name, size, sha256=digest.hexdigest())


def _members(archive, budget):
    """The name of each member, whether it is a file, a folder or what else, its size, and what opens it."""
    if archive.name.lower().endswith(ZIPS):
        return _zip_members(archive)
    ending = next(ending for ending in TARS if archive.name.lower().endswith(ending))
    return _tar_members(archive, TARS[ending], budget)


def _zip_members(archive):
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            if info.flag_bits & 1:
                raise ValueError(f"{archive}: member {info.filename!r} is encrypted; unpack it yourself")
            if packed.getinfo(info.filename) is not info:
                continue  # it was written again, as zarr-python does with metadata: the last one counts
            mode, name = stat.S_IFMT(info.external_attr >> 16), info.filename.replace("\\", "/")  # as Windows has them
            kind = "folder" if name.endswith("/") else "file"
            if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if mode == stat.S_IFLNK else "no plain file"
            yield name, kind, info.file_size, lambda info=info: packed.open(info)


def _kind(info):
    if info.issym() or info.islnk():
        return "a link"
    if info.isreg():
        return "file"
    return "folder" if info.isdir() else "no plain file"


def _tar_members(archive, opened, budget):
    """Read in one go, to the end: there is the checksum of the compression."""
    with opened(archive, "rb") as file:
        stream = _Stream(file, budget)
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as packed:
            for info in packed:
                yield info.name, _kind(info), info.size, lambda info=info: packed.extractfile(info)
        while stream.read(BLOCK):
            pass


class _Member(tarfile.TarInfo):
    """A member whose damaged head is an error, which tarfile itself takes for the end, and an endless one, too."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        try:
            member = super().frombuf(buf, encoding, errors)
            if member.type in HEADS and not 0 <= member.size <= LARGEST_HEAD:  # tarfile would read all of it
                raise EOFError(f"the head of a member has {human(member.size)}")
            return member
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise
            raise EOFError(f"a member's head is missing or damaged: {error}") from None


class _Stream:
    """A decompressed tar, which is not read further than its files and heads may go."""

    def __init__(self, file, budget):
        self.file, self.budget, self.read_so_far = file, budget, 0

    def read(self, size):
        try:
            block = self.file.read(size)
        except OSError as error:
            raise error if error.errno else EOFError(str(error)) from None  # bz2 has no error of its own
        self.read_so_far += len(block)
        # Heads and padding come to about 2 kB of each member; members that are left out count as well.
        if self.read_so_far > self.budget.allowed + SMALL:
            raise ValueError(f"{self.budget.archive}: unpacks to more than {self.budget.limits}")
        return block
