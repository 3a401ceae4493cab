"""What is promised of a product's files: in the manifest of a SAFE or SEN3 folder, in a STAC item, by a catalogue."""

import functools
import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath

from darkroom.copernicus import trees

NAMES = ("manifest.safe", "xfdumanifest.xml")
BLOCK = 1 << 20
CODES = {"d501": "md5", "11": "sha1", "12": "sha256", "13": "sha512", "16": "sha3-256", "1e": "blake3"}  # of multihash
BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha3-256": 32, "blake3": 32, "sha512": 64}
CHEAPEST = ("blake3", "sha256", "sha1", "md5")  # by the time that a byte takes; the others take longer
PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|error|head|body)", re.IGNORECASE)


@dataclass(frozen=True)
class Listed:
    """A file of a manifest: its name within the product's folder, its size, and its digest, such as `md5:HEX`."""

    name: str
    bytes: int | None
    digest: str


def read(path):
    """The files that a manifest lists (XFDU, CCSDS 661.0-B-1, as SAFE and SEN3 have it).

    `digest` is empty where the manifest has none or by an algorithm that is not known here.

    Raises ValueError for a manifest that is damaged, and for a name that would leave the product's folder.
    """
    root = trees.parsed(path).getroot()
    entries = []
    for stream in root.iter("{*}byteStream"):
        place, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
        href = None if place is None else place.get("href")
        if not href:
            raise ValueError(f"{path} line {stream.sourceline}: a file without a fileLocation href; fetch it again")
        name = PurePosixPath(href.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{path} line {stream.sourceline}: {href!r} is not a name inside the product")
        size = stream.get("size", "")
        entries.append(Listed(name.as_posix(), int(size) if size.isdecimal() else None, _digest(checksum)))
    if not entries:
        raise ValueError(f"{path}: lists no files; is it the manifest of a product?")
    return entries


def _digest(checksum):
    """`algorithm:HEX` of a checksum element. Sentinel-2 has SHA3-256 since 2021, the others MD5."""
    if checksum is None or not (checksum.text or "").strip():
        return ""
    algorithm, value = (checksum.get("checksumName") or "MD5").strip().lower(), checksum.text.strip().lower()
    algorithm = {"sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}.get(algorithm, algorithm)
    right = algorithm in BYTES and re.fullmatch(rf"[0-9a-f]{{{2 * BYTES[algorithm]}}}", value)
    return f"{algorithm}:{value}" if right else ""


def multihash(text):
    """The digest that a `file:checksum` of STAC stands for, or "".

    The prefixes of real items are partly wrong (`1610` before 16 bytes of an MD5, `d50120` before 32 bytes): where the
    length is not that of the algorithm, it says which: MD5 of 16 bytes, of 32 either `sha3-256/sha256:HEX`.
    """
    match = re.fullmatch(r"(d501|1[1236e])([0-9a-f]{2})((?:[0-9a-f]{2})+)", text.strip().lower())
    if not match or int(match[2], 16) != len(match[3]) // 2:
        return ""
    algorithm, length = CODES[match[1]], int(match[2], 16)
    if BYTES[algorithm] == length:
        return f"{algorithm}:{match[3]}"
    guess = {16: "md5", 32: "sha3-256/sha256"}.get(length)
    return f"{guess}:{match[3]}" if guess else ""


def algorithms(digests):
    """The algorithms that must be computed to look at digests."""
    return {name for digest in digests for name in digest.partition(":")[0].split("/")}


def hashes(path, algorithms):
    """Digests of a file by several algorithms, read once."""
    made = {name: maker(name)() for name in sorted(algorithms)}
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            for one in made.values():
                one.update(block)
    return {name: one.hexdigest() for name, one in made.items()}


def maker(name):
    """What makes a hash of an algorithm, as those of `hashlib` are."""
    if name == "blake3":
        import blake3  # for those alone who meet one

        return blake3.blake3
    return functools.partial(hashlib.new, name.replace("sha3-", "sha3_"), usedforsecurity=False)


def cheapest(digests):
    """The one of several digests of the same bytes that is compared, or "": one tells as much as all of them."""
    order = {name: place for place, name in enumerate(CHEAPEST)}
    return min(digests, key=lambda digest: order.get(digest.partition(":")[0], len(order)), default="")


def wrong(digest, got):
    """What is wrong with a file whose digests are `got`, or "": `digest` is `algorithm:HEX` or `one/other:HEX`."""
    names, _, expected = digest.partition(":")
    if any(got[name] == expected for name in names.split("/")):
        return ""
    first = names.split("/")[0]
    return f"{names.upper()} {expected} expected, {got[first]} got"


def damaged(path):
    """What is wrong with a zip, whose members are read to compare their CRC, or ""."""
    if page := page_instead(path):
        return page
    try:
        with zipfile.ZipFile(path) as packed:
            bad = packed.testzip()
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"not a whole zip ({' '.join(str(error).split())})"
    except Exception as error:  # zlib.error, lzma.LZMAError and others of damaged members
        return f"a damaged zip ({type(error).__name__})"
    return f"a damaged zip: the CRC of {bad!r} is another one" if bad else ""


def is_zip(path):
    """Whether a file begins as a zip does."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\3\4"


def page_instead(path):
    """Whether what was sent is a page or a message in place of a product: what to say of it, or ""."""
    with path.open("rb") as file:
        head = file.read(512)
    if PAGE.match(head):
        return "a page in HTML or XML in place of the product; is the address right, and the login?"
    return ""
