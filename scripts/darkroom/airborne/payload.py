"""Messages of archives: what a Cumulus payload, a Cumulus message or a CNM notice asks for, and what is answered.

Format: Cumulus task inputs ({"config", "input"}) and messages ({"meta", "payload"}) before and after version 10, and
PO.DAAC's cloud notification mechanism (CNM) 1.6.
"""

import hashlib
import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from darkroom import files, schema
from darkroom.airborne import staging
from darkroom.airborne.collection import match as match_collection

INNER_GROUP = re.compile(r"(?<!\\)\((?!\?)")  # the first plain group of an expression
LEAST_DIGEST = 8  # characters of a digest that was cut for show
ALGORITHMS = {"": "md5", "sha2": "sha256"}  # names of messages -> those of hashlib; CNM without a name means md5
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
ALL_ONES = 0xFFFFFFFF
OF_NOTICES = ("data", "metadata", "browse", "ancillary")  # kinds of files that a notice may name
OF_FILES = ("name", "uri", "size", "checksumType", "checksum")  # what a notice tells of a file


@dataclass(frozen=True)
class File:
    """A file that a message names: its path here, and what is said of its size and digest."""

    path: Path
    size: int | None = None
    algorithm: str = ""
    digest: str = ""

    def require(self):
        """Raise ValueError where the file is of another size, or has another digest."""
        size = self.path.stat().st_size
        if self.size is not None and self.size != size:
            raise ValueError(
                f"{self.path}: {size} bytes, but the payload says {self.size}; it was not transferred whole"
            )
        if not self.digest:
            return
        algorithm = self.algorithm.lower().replace("-", "").removesuffix("sum")
        algorithm = ALGORITHMS.get(algorithm, algorithm)
        if algorithm != "ck" and (algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake")):
            raise ValueError(
                f"{self.path}: its checksum is told as {self.algorithm}; right is md5, cksum, or one of SHA-1 and SHA-2"
            )
        digest = cksum(self.path) if algorithm == "ck" else files.digest(self.path, algorithm)
        told = self.digest.lower()
        if digest != told and not (LEAST_DIGEST <= len(told) < len(digest) and digest.startswith(told)):
            raise ValueError(f"{self.path}: its {self.algorithm} is {digest}, but the payload says {self.digest}")


def cksum(path):
    """What the program `cksum` prints of a file (POSIX): a CRC-32 of its bits from the highest on, and of its length.

    zlib's is of the bits from the lowest on, so that of mirrored bytes is its mirror image.
    """
    crc, size = ALL_ONES, path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(files.BLOCK):
            crc = zlib.crc32(block.translate(MIRRORED), crc)
    length = size.to_bytes((size.bit_length() + 7) // 8, "little")
    crc = zlib.crc32(length.translate(MIRRORED), crc) ^ ALL_ONES
    return str(int(f"{crc:032b}"[::-1], 2) ^ ALL_ONES)


@dataclass(frozen=True)
class Payload:
    """What a message asks for.

    config -- collection, buckets, addresses, as Cumulus has them
    files -- files on this machine
    message -- the message itself
    """

    config: dict
    files: list
    message: dict

    @property
    def root(self):
        return Path(os.path.commonpath([file.path.parent for file in self.files]))

    @property
    def names(self):
        return [str(file.path.relative_to(self.root)) for file in self.files]

    @property
    def is_notice(self):
        return "product" in self.message

    @property
    def buckets(self):
        """Names of buckets by kind."""
        kinds = self.config.get("buckets", {}).items()
        return {kind: entry["name"] if isinstance(entry, dict) else entry for kind, entry in kinds}


def read(path):
    """The payload in a file of JSON. Raises ValueError naming the file and the key of what is wrong."""
    message = unwrapped(without_nothing(files.read_json(path)))
    told = plain(message)
    schema.refuse(schema.problems(told, schema.validator("payload"), path))
    entries = inputs(told["input"])
    if not entries:
        raise ValueError(f'{path}: input.granules has no file; right is such as [{{"files": ["D20120906_1.QC.eol"]}}]')
    return Payload(told["config"], list(dict.fromkeys(located(entry, path) for entry in entries)), message)


def plain(message):
    """A message of any kind as {"config", "input"}; what is none is left as it is."""
    if not isinstance(message, dict):
        return message
    if "product" in message and "config" not in message:
        collection = message.get("collection", {})
        stated = collection if isinstance(collection, dict) else {"name": collection}
        named_as = {key: stated[key] for key in ("name", "version") if key in stated}
        return {"config": {"collection": named_as}, "input": files_of_notice(message["product"])}
    if "meta" in message and "payload" in message:
        kept_keys = ("collection", "buckets", "distribution_endpoint")
        config = {key: message["meta"][key] for key in kept_keys if key in message["meta"]}
        return {"config": config, "input": message["payload"]}
    return message


def files_of_notice(product):
    """The files of a notice and of its groups, with what a payload has of each; what is no list is left as it is."""
    if not isinstance(product, dict):
        return product
    groups = product.get("filegroups", [])
    if not isinstance(groups, list):
        return groups
    entries = []
    for group in (product, *groups):
        listed = group.get("files", []) if isinstance(group, dict) else group
        if not isinstance(listed, list):
            return listed
        entries += listed
    return [
        {key: entry[key] for key in OF_FILES if key in entry} if isinstance(entry, dict) else entry for entry in entries
    ]


def unwrapped(message):
    """A message without what the Cumulus message adapter has around it: {"cma": {"event": message}}."""
    around = message.get("cma") if isinstance(message, dict) else None
    return around.get("event", message) if isinstance(around, dict) else message


def without_nothing(value):
    """JSON without the keys that are null: a workflow writes these where it has nothing to say."""
    if isinstance(value, dict):
        return {key: without_nothing(one) for key, one in value.items() if one is not None}
    return [without_nothing(one) for one in value] if isinstance(value, list) else value


def inputs(given):
    """The files of a payload's input: a list of them, or granules that have some."""
    if isinstance(given, dict):
        return [file for granule in given["granules"] for file in granule.get("files", [])]
    return given


def located(entry, path):
    """The `File` of an entry: its path, its key in a bucket, or its name, below the folder of the payload."""
    if isinstance(entry, str):
        entry = {"name": entry}
    told = [entry.get(key, "") for key in ("filename", "uri", "key", "fileName", "name")]
    told = [name.removeprefix("file://") for name in told if name]
    local = [name for name in told if "://" not in name]
    places = [Path(path.parent, name) for name in (*local, *(name.rpartition("/")[2] for name in told))]
    try:
        local_path = next((place.resolve() for place in places if place.is_file()), None)
    except (ValueError, OSError) as error:  # of a zero byte, of a name that is too long
        raise ValueError(f"{path}: input {places[0].name[:100]!r} is no name of a file: {error.args[-1]}") from error
    if local_path is None and len(local) < len(told):
        remote = next(name for name in told if "://" in name)
        raise ValueError(f"{path}: {remote} is not on this machine; fetch it first and name the local path")
    if local_path is None:
        raise FileNotFoundError(f"{path}: input {places[0].absolute()} is not there")
    return File(local_path, entry.get("size"), entry.get("checksumType", ""), str(entry.get("checksum", "")))


# The collection that a payload means


def collection_of(payload, collections, short_name=""):
    """The collection that is named, or else that of the first input, changed by what a payload's config says of it."""
    config = payload.config
    stated = config.get("collection", {})
    places = {key: f"config.collection.{key}" for key in stated} | {key: f"config.{key}" for key in config}
    names = {
        "SHORT_NAME": short_name,
        "config.collection.name": stated.get("name"),
        "config.name": config.get("name"),
    }
    where = next((where for where, name in names.items() if name), None)
    paths = [file.path for file in payload.files]
    ours = named(collections, names[where], where) if where else of_first(paths, collections)
    return adapted(ours, stated | config, places)


def named(collections, name, where):
    """The collection of this name; `where` is what a message calls the place that the name is from."""
    if name not in collections:
        raise ValueError(f"{where}: collection {name!r} is unknown; known are {', '.join(collections)}")
    return collections[name]


def of_first(paths, collections):
    """The collection of the first input that is of a known one."""
    matched = next((match for match in (match_collection(path.name, collections) for path in paths) if match), None)
    if matched is None:
        raise ValueError(f"{paths[0].name} is of no known collection; give its name in config.collection.name")
    return matched.collection


def adapted(collection, config, places):
    """A collection with what a payload's config says: version, url_path, granuleIdExtraction, files.

    Raises ValueError naming the key, by its place in the payload, that does not fit the collection.
    """
    collection = json.loads(json.dumps(collection))
    collection["version"] = str(config.get("version", collection["version"]))
    if extraction := config.get("granuleIdExtraction"):
        collection["formats"] = extracted(collection, extraction, places["granuleIdExtraction"])
    groups = [group for form in collection["formats"] for group in re.compile(form["names"]).groupindex]
    if "url_path" in config:
        collection["url_path"] = folder(config["url_path"], groups, places["url_path"])
    if key := next((key for key in ("files", "files_config") if config.get(key)), None):
        entries = enumerate(config[key])
        collection["files"] = [table_entry(entry, groups, f"{places[key]}.{number}") for number, entry in entries]
    return collection


def extracted(collection, extraction, where):
    """The formats of a collection whose names an expression matches, with ids as its first group has them."""
    forms = [form for form in collection["formats"] if re.fullmatch(extraction, form["sample_file_name"])]
    if not forms or not INNER_GROUP.search(extraction):
        samples = ", ".join(form["sample_file_name"] for form in collection["formats"])
        raise ValueError(
            f"{where} {extraction!r} must match a file of {collection['short_name']}, such as {samples}, and have the "
            "id as its first group"
        )
    for form in forms:  # both expressions must match: ours for the date and the like, theirs for the id
        ours = form["names"].replace("(?P<granule>", "(?:")
        form["names"] = f"(?={ours}$)" + INNER_GROUP.sub("(?P<granule>", extraction, count=1)
        form["granule"] = "{granule}"
        try:
            re.compile(form["names"])
        except re.error as error:
            raise ValueError(
                f"{where} {extraction!r} does not go together with {ours!r} ({error}); right is one without flags and "
                "named groups"
            ) from error
    return forms


def folder(url_path, groups, where):
    """A `url_path` whose fields are known; raises ValueError for another one."""
    fields = ["short_name", "version", *dict.fromkeys(groups)]
    if url_path.count("{") != url_path.count("}"):
        raise ValueError(f"{where} {url_path!r}: a brace has no other one")
    for field in staging.FIELD.findall(url_path):
        called = staging.CALL.fullmatch(field.strip())
        if called and called[1] not in staging.FUNCTIONS:
            raise ValueError(f"{where} {url_path!r} uses {called[1]}(); known are {', '.join(staging.FUNCTIONS)}")
        first = (called[2] if called else field).split(",")[0].strip()
        if first not in fields and first.partition(".")[0] not in ("cmrMetadata", "file", "granule"):
            told = ", ".join(f"{{{name}}}" for name in (*fields, "cmrMetadata...", "file...", "granule..."))
            raise ValueError(f"{where} {url_path!r} uses {{{field}}}; known are {told}")
    return url_path


def table_entry(entry, groups, where):
    """A line of a Cumulus file table as one of ours."""
    regex, sample = entry["regex"], entry["sampleFileName"]
    if not re.fullmatch(regex, sample):
        raise ValueError(f"{where}.sampleFileName {sample!r} does not match its own regex {regex!r} as a whole")
    kind = entry.get("type") or ("metadata" if re.search(r"\.(cmr|umm_g|echo10|meta)\.", sample) else "data")
    ours = {"regex": regex, "bucket": entry["bucket"], "type": kind, "sample_file_name": sample}
    return ours | ({"url_path": folder(entry["url_path"], groups, f"{where}.url_path")} if "url_path" in entry else {})


# What is answered


def answer(payload, described, failed, folder):
    """What Cumulus's next task takes: granules with their files in the archive, by Cumulus's schema of files.

    described -- granules, as the list of metadata has them, that were staged
    failed -- id -> what went wrong
    folder -- where the products are
    """
    buckets = payload.buckets
    granules = []
    for granule in described:
        digests = {file["name"]: file for file in granule["files"]}
        listed = [archived(entry, digests.get(entry["name"]), buckets, folder) for entry in granule["archive"]]
        about = {"granuleId": granule["id"], "dataType": granule["collection"], "version": granule["version"]}
        granules.append(about | {"files": listed})
    output = {"granules": granules}
    if payload.is_notice:
        return notice(payload.message, granules, failed)
    if "meta" in payload.message and "payload" in payload.message:
        exception = {"Error": "ProcessingError", "Cause": "; ".join(failed.values())} if failed else "None"
        return payload.message | {"payload": output, "exception": exception}
    return output


def archived(entry, digest, buckets, folder):
    """A file of the archive as Cumulus has it; `digest` is what the list of metadata tells of it, or None."""
    digest = digest or {
        "bytes": (folder / entry["file"]).stat().st_size,
        "sha256": files.digest(folder / entry["file"]),
    }
    return {
        "bucket": buckets.get(entry["bucket"], entry["bucket"]),
        "key": entry["path"],
        "fileName": entry["name"],
        "type": entry["type"],
        "size": digest["bytes"],
        "checksumType": "sha256",
        "checksum": digest["sha256"],
    }


def notice(message, granules, failed):
    """The answer to a CNM notice: what was archived, or why it could not be."""
    kept_keys = ("version", "identifier", "submissionTime", "provider", "trace")
    kept = {key: message[key] for key in kept_keys if key in message}
    listed = [
        {
            "type": file["type"] if file["type"] in OF_NOTICES else "ancillary",
            "uri": f"s3://{file['bucket']}/{file['key']}",
            "name": file["fileName"],
            "size": file["size"],
            "checksumType": "SHA256",
            "checksum": file["checksum"],
        }
        for granule in granules
        for file in granule["files"]
    ]
    response = {"status": "SUCCESS"}
    if failed or not granules:
        told = "; ".join(failed.values()) or "no granule was made"
        response = {"status": "FAILURE", "errorCode": "PROCESSING_ERROR", "errorMessage": told}
    product = {key: message["product"][key] for key in ("name", "dataVersion") if key in message["product"]}
    product["name"] = product.get("name") or (granules[0]["granuleId"] if granules else "")
    return kept | {"collection": message["collection"], "product": product | {"files": listed}, "response": response}
