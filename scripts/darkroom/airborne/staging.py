"""The place of each file in an archive, by the file table of its collection: bucket, folder, addresses.

The file table is the one of a Cumulus collection (`files`: regex, bucket, type, url_path). Buckets go by their kind
(protected, public, private, internal); what they are called, and the host that hands the files out, are the archive's.
"""

import os
import re
import shutil
from pathlib import Path

from darkroom import files

OPEN = ("protected", "public")  # buckets that users may read, after a login or without one


def place(name, collection, groups):
    """Where a file goes: a dict of name, bucket, type and path, or None where the table has no place for it.

    groups -- the named groups of the source's file name, which a `url_path` may use in braces

    The first expression that matches the whole name counts. Raises ValueError for a `url_path` that uses another group.
    """
    entry = next((entry for entry in collection["files"] if re.fullmatch(entry["regex"], name)), None)
    if entry is None:
        return None
    template = entry.get("url_path", collection.get("url_path", "{short_name}"))
    known = {"short_name": collection["short_name"], "version": collection["version"], **groups}
    try:
        folder = template.format(**known).strip("/")
    except (KeyError, IndexError) as error:
        told = ", ".join(f"{{{key}}}" for key in known)
        raise ValueError(
            f"collection {collection['short_name']}: url_path {template!r} uses {error}; known are {told}"
        ) from None
    if ".." in folder.split("/"):
        raise ValueError(f"collection {collection['short_name']}: url_path {folder!r} leads out of the archive")
    return {"name": name, "bucket": entry["bucket"], "type": entry["type"], "path": f"{folder}/{name}".lstrip("/")}


def addresses(placed, endpoint="", buckets=None):
    """URLs of a file in the archive: at `endpoint` where users may read it, and in its bucket where that has a name.

    endpoint -- http(s) address below which files are at BUCKET/PATH
    buckets -- name of the bucket of each kind, for s3 addresses
    """
    bucket = (buckets or {}).get(placed["bucket"], placed["bucket"])
    found = []
    if endpoint and placed["bucket"] in OPEN:
        found.append(f"{endpoint.rstrip('/')}/{bucket}/{placed['path']}")
    if placed["bucket"] in (buckets or {}):
        found.append(f"s3://{bucket}/{placed['path']}")
    return found


def stage(archive, placed, folder, root):
    """Put the files of a granule into a tree BUCKET/PATH.

    archive -- the folder of the tree
    placed -- places with their `file` and whether it is a `source`
    folder, root -- where products and where sources are

    Products are linked where the disk allows; a source is copied, so that nobody changes it through the archive.
    """
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
