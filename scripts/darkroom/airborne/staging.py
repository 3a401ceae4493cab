"""The place of each file in an archive, by the file table of its collection: bucket, folder, addresses.

The file table is the one of a Cumulus collection (`files`: regex, bucket, type, url_path). Buckets go by their kind
(protected, public, private, internal); what they are called, and the host that hands the files out, are the archive's.
"""

import datetime
import os
import re
import shutil
from pathlib import Path

from darkroom import files

OPEN = ("protected", "public")  # buckets that users may read, after a login or without one


def product_name(name, sources):
    """The name of a product in the archive: its own, or NAME.cf.nc where an original file has that with other bytes."""
    return name if name not in sources else f"{Path(name).stem}.cf{Path(name).suffix}"


def place(name, collection, groups, facts=None):
    """Where a file goes: a dict of name, bucket, type and path, or None where the table has no place for it.

    groups -- the named groups of the source's file name, which a `url_path` may use in braces
    facts -- what the granule's metadata say, which a `url_path` of Cumulus may use as {cmrMetadata...}

    The first expression that matches the whole name counts. Raises ValueError for a `url_path` that uses another group.
    """
    entry = next((entry for entry in collection["files"] if re.fullmatch(entry["regex"], name)), None)
    if entry is None:
        return None
    template = entry.get("url_path", collection.get("url_path", "{short_name}"))
    fields = {"short_name": collection["short_name"], "version": collection["version"], **groups}
    file = {"fileName": name, "name": name, "bucket": entry["bucket"], "type": entry["type"]}
    granule = {"granuleId": groups.get("granule", ""), "dataType": fields["short_name"], "version": fields["version"]}
    try:
        folder = filled(template, fields | {"cmrMetadata": facts or {}, "file": file, "granule": granule}).strip("/")
    except ValueError as error:
        raise ValueError(f"collection {collection['short_name']}: url_path {template!r}: {error}") from None
    if ".." in folder.split("/"):
        raise ValueError(f"collection {collection['short_name']}: url_path {folder!r} leads out of the archive")
    return {"name": name, "bucket": entry["bucket"], "type": entry["type"], "path": f"{folder}/{name}".lstrip("/")}


FIELD = re.compile(r"\{([^{}]*)\}")
CALL = re.compile(r"(\w+)\((.*)\)")
PARTS = {"extractYear": (0, 4), "extractMonth": (5, 7), "extractDate": (8, 10), "extractHour": (11, 13)}  # of ISO 8601
FUNCTIONS = ("substring", "dateFormat", *PARTS)
# Letters of a format of dates (as moment.js has them) -> those of strftime.
LETTERS = {"YYYY": "%Y", "MM": "%m", "DDDD": "%j", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def filled(template, fields):
    """A template of a path with its fields filled in: `{date}`, `{cmrMetadata.Granule.GranuleUR}`, and functions of
    such: `{substring(file.fileName, 0, 3)}`, `{extractYear(...)}`, `{dateFormat(..., YYYY-MM-DD)}`.

    Format: the `url_path` of Cumulus. Raises ValueError for a field or a function that is not known.
    """
    return FIELD.sub(lambda match: _field(match[1].strip(), fields), template)


def _field(text, fields):
    called = CALL.fullmatch(text)
    if not called:
        return str(_looked_up(text, fields))
    name, arguments = called[1], [argument.strip() for argument in called[2].split(",")]
    if name not in FUNCTIONS:
        raise ValueError(f"{name}() is unknown; known are {', '.join(FUNCTIONS)}")
    value = str(_looked_up(arguments[0], fields))
    if name == "substring":
        first, last = (int(argument) for argument in (*arguments[1:], str(len(value)))[:2])
        return value[first:last]
    if name in PARTS:
        return value[slice(*PARTS[name])]
    form = re.sub("|".join(LETTERS), lambda match: LETTERS[match[0]], arguments[1].strip("\"'"))
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).strftime(form)


def _looked_up(path, fields):
    """What a dotted path leads to; numbers count the entries of a list."""
    value = fields
    for key in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(key) if isinstance(value, list) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            told = ", ".join(f"{{{name}}}" for name in fields)
            raise ValueError(f"uses {path!r}, which is not there; known are {told}") from None
    return value


def addresses(placed, endpoint="", buckets=None):
    """URLs of a file in the archive: at `endpoint` where users may read it, and in its bucket where that has a name.

    endpoint -- http(s) address below which files are at BUCKET/PATH
    buckets -- name of the bucket of each kind, for s3 addresses
    """
    bucket = (buckets or {}).get(placed["bucket"], placed["bucket"])
    urls = []
    if endpoint and placed["bucket"] in OPEN:
        urls.append(f"{endpoint.rstrip('/')}/{bucket}/{placed['path']}")
    if placed["bucket"] in (buckets or {}):
        urls.append(f"s3://{bucket}/{placed['path']}")
    return urls


def stage(archive, placed, folder, root, taken):
    """Put the files of a granule into a tree BUCKET/PATH.

    archive -- the folder of the tree
    placed -- places with their `file` and whether it is a `source`
    folder, root -- where products and where sources are
    taken -- place -> file that has it, of this run; learns of these

    Products are linked where the disk allows; a source is copied, so that nobody changes it through the archive.
    Raises ValueError where another file has a place already.
    """
    for entry in placed:
        where, path = f"{entry['bucket']}/{entry['path']}", Path(root if entry["source"] else folder, entry["file"])
        if taken.setdefault(where, path) != path:
            raise ValueError(f"{path} and {taken[where]} have one place in the archive, {where}")
    for entry in placed:
        path = Path(root if entry["source"] else folder, entry["file"])
        with files.replacing(archive / entry["bucket"] / entry["path"]) as partial:
            if entry["source"]:
                shutil.copyfile(path, partial)
                continue
            try:
                os.link(path, partial)
            except OSError:
                shutil.copyfile(path, partial)
