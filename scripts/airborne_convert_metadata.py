"""Write the archive's metadata of each granule: UMM-G, ECHO10, the short file of py-cumulus, and an item of STAC."""

import functools
import hashlib
import json
import logging
import re
from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import granules as granules_of
from darkroom.airborne import product, staging
from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
from darkroom.airborne.collection import match as match_collection
from darkroom.airborne.metadata import echo10, legacy_met, stac, umm_g
from darkroom.airborne.parallel import in_processes
from darkroom.airborne.told import told
from darkroom.files import BLOCK, read_json, settle, write_bytes, write_json
from darkroom.version import VERSION

logger = logging.getLogger(__name__)


def as_json(described):
    """UMM-G as bytes."""
    return (json.dumps(umm_g.umm_g(described), indent=2, ensure_ascii=False) + "\n").encode()


# Ending of a file of metadata -> what writes it. Cumulus posts what ends in .cmr.json or .cmr.xml, and nothing else;
# py-cumulus put its short form beside a netCDF file as NAME.nc.meta.xml. Those are written where the file table of a
# collection has a place for them.
WRITERS = {"umm_g.json": as_json, "echo10.xml": echo10.echo10, "meta.xml": legacy_met.legacy_met}
ON_DEMAND = {"cmr.json": as_json, "cmr.xml": echo10.echo10, "nc.meta.xml": legacy_met.legacy_met}
STAC = "stac.json"  # of the campaign's catalogue, not of the archive
# Ending of a file name -> what CMR calls its format and its media type.
FORMATS = {
    ".nc": ("netCDF-4", "application/x-netcdf"),
    ".hdf5": ("HDF5", "application/x-hdf5"),
    ".h5": ("HDF5", "application/x-hdf5"),
    ".eol": ("ASCII", "text/plain"),
    ".ict": ("ICARTT", "text/plain"),
    ".txt": ("ASCII", "text/plain"),
    ".png": ("PNG", "image/png"),
}
# Kind of a file in the file table -> what CMR calls its address, and what a user does there.
URLS = {
    "data": ("GET DATA", "Download"),
    "ancillary": ("GET DATA", "Download"),
    "metadata": ("EXTENDED METADATA", "Download"),
    "qa": ("EXTENDED METADATA", "Download"),
    "browse": ("GET RELATED VISUALIZATION", "View"),
}
LABEL = re.compile(r"\{([^{}]+)\}")


def airborne_convert_metadata(
    granules: Path,
    metadata: Path,
    *,
    collections: list | None = None,
    pictures: list | None = None,
    endpoint: str = "",
    buckets: dict | None = None,
    cumulus_names: bool = False,
    threads: int = 1,
):
    """Write metadata/<granule>.umm_g.json, .echo10.xml, .meta.xml, .stac.json of each granule, and their list, last.

    granules -- the list that `airborne_convert` made
    metadata -- JSON: of each granule its files with sizes and digests, its extent, its places in the archive
    collections -- files or folders of collections; by default those of config/collections
    pictures -- the list of the granules' pictures, where `airborne_plot_granules` has drawn them
    endpoint -- http(s) address of the archive, for the addresses of files that users may read
    buckets -- names of the archive's buckets by their kind, for s3 addresses
    cumulus_names -- also as .cmr.json and .cmr.xml, which Cumulus posts to CMR, and as .nc.meta.xml, py-cumulus's name;
        by default only where the file table of a collection has a place for them
    threads -- processes that write metadata at the same time

    A granule whose time or place is unknown has an error there and no metadata, and does not stop the others. Raises
    ValueError when that is so for all, and for an endpoint that is no address.
    """
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ValueError(f"endpoint {endpoint!r}: right is such as https://data.example.org")
    made, folder = read_json(granules), granules.parent
    loaded = load_collections(collections or [COLLECTIONS])
    converted = [granule for granule in made["granules"] if granule["netcdf"]]
    drawn = {name: picture for listed in pictures or [] for name, picture in read_json(listed).items()}
    archive = (made["root"], endpoint, buckets, cumulus_names)
    tasks = [(one, folder, loaded[one["collection"]], *archive, drawn.get(one["id"])) for one in converted]
    listed, bad = [], []
    for granule, done in zip(converted, in_processes(write, tasks, threads), strict=True):
        about = {"collection": granule["collection"], "granule": granule["id"]}
        if isinstance(done, str):
            bad.append({"id": granule["id"], "error": done})
            logger.error("%s: no metadata: %s", granule["id"], done, extra=about)
        else:
            listed.append(done)
            logger.info("%s: metadata written", granule["id"], extra=about)
    if not listed:
        raise ValueError(f"no granule has metadata; {bad[0]['id']}: {bad[0]['error']}")
    kept = [Path(name).name for one in listed for name in one["metadata"].values()]
    product.keep_only(folder / "metadata", [*kept, *(f"{one['id']}.{STAC}" for one in listed)])
    settle(folder / "metadata")
    write_json(metadata, {"granules": listed, "errors": bad})


def write(granule, folder, collection, root, endpoint, buckets, cumulus_names=False, picture=None):
    """Write the metadata of a granule; what the list tells of it, or of what went wrong in a sentence."""
    try:
        described = describe(granule, folder, root, collection, endpoint, buckets, picture)
        written = {}
        for ending, writer in writers(granule["id"], collection, cumulus_names).items():
            written[ending] = f"metadata/{granule['id']}.{ending}"
            write_bytes(folder / written[ending], writer(described), durable=False)
        write_json(folder / f"metadata/{granule['id']}.{STAC}", stac.stac(described), durable=False)
        return record(described, written)
    except Exception as error:  # whatever it is, it is that granule's
        return granules_of.say(error, granule["netcdf"])


def writers(granule, collection, cumulus_names=False):
    """Ending -> writer of a granule's metadata."""
    there = {
        ending: writer
        for ending, writer in ON_DEMAND.items()
        if cumulus_names or _has_place(f"{granule}.{ending}", ending, collection)
    }
    return WRITERS | there


def _has_place(name, ending, collection):
    """Whether the file table means this name: by an expression that speaks of its ending, not by one for any file."""
    word = ending.partition(".")[0]
    return any(re.fullmatch(entry["regex"], name) and word in entry["regex"] for entry in collection["files"])


def describe(granule, folder, root, collection, endpoint="", buckets=None, picture=None):
    """What the metadata of a granule tells, as a dict for the writers.

    granule -- its entry in the list of `airborne_convert`; folder, root -- where its products and its sources are
    picture -- name of its picture below the folder, or None
    """
    path, sources = folder / granule["netcdf"], granule["files"]
    groups = match_collection(sources[0], {"": collection}).groups | {"granule": granule["id"]}
    described = {
        "id": granule["id"],
        "collection": collection,
        "netcdf": granule["netcdf"],
        "software": VERSION,
        "source_files": [Path(name).name for name in sources],
        **(granule.get("told") or read_anew(path)),
        "platform": collection["platform"]["short_name"],
        "instrument": collection["instrument"]["short_name"],
        "project": collection["project"],
        "additional_attributes": additional_attributes(collection, path, groups),
        "files": [],
        "urls": [],
    }
    facts = {"Granule": echo10.tree(described)} | umm_g.umm_g(described)
    place = functools.partial(staging.place, collection=collection, groups=groups, facts=facts)
    name = staging.product_name(path.name, described["source_files"])
    archived = [one for one in sources if place(Path(one).name)]
    files = [file(path, place, name), *(file(Path(root, one), place) for one in archived)]
    files += [file(folder / picture, place)] if picture and place(Path(picture).name) else []
    return described | {
        "place": place,
        "archived": archived,
        "picture": picture,
        "files": files,
        "urls": urls(files, collection, endpoint, buckets),
    }


def read_anew(path):
    """What is told of a product, where the list of granules does not say."""
    with product.opened(path) as made:
        return told(made, made.globals["date_created"])


def additional_attributes(collection, path, groups):
    """Additional attributes of the granule: {labels} stand for what the file's name and header tell.

    One that names a label that is not told is left out.
    """
    templates = collection.get("additional_attributes", {})
    labels = groups
    if any("{" in text for text in templates.values()):
        with product.opened(path) as made:
            lines = made.globals.get("source_header", "").splitlines()
        labels = dict(line.partition(": ")[::2] for line in lines) | groups
    attributes = {}
    for name, text in templates.items():
        if all(label in labels for label in LABEL.findall(text)):
            attributes[name] = LABEL.sub(lambda match: str(labels[match[1]]), text)
    return attributes


def file(path, place, name=""):
    """A file with its size, digests and format, and its place in the archive, where it may have another name."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            sha256.update(block)
            md5.update(block)
    form, mime_type = FORMATS.get(path.suffix.lower(), ("Not provided", "Not provided"))
    return {
        "name": name or path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256.hexdigest(),
        "md5": md5.hexdigest(),
        "format": form,
        "mime_type": mime_type,
        "place": place(name or path.name),
    }


def urls(files, collection, endpoint, buckets):
    """Addresses of the granule's files in the archive, and of the page of its collection."""
    listed = []
    for entry in files:
        for url in staging.addresses(entry["place"], endpoint, buckets) if entry["place"] else ():
            kind, verb = URLS.get(entry["place"]["type"], URLS["data"])
            about = {"type": kind, "description": f"{verb} {entry['name']}", "mime_type": entry["mime_type"]}
            listed.append({"url": url, **about})
    if "doi" in collection:
        page = {"type": "VIEW RELATED INFORMATION", "description": "Page of the collection", "mime_type": "text/html"}
        listed.append({"url": f"https://doi.org/{collection['doi']}", **page})
    return listed


def record(described, written):
    """What the list of metadata tells of a granule; `archive` has the place of each file that the table has one for."""
    kept = ("id", "begin", "end", "box", "deviation_m", "day_night", "files", "urls")
    products = [described["netcdf"], *written.values(), f"quality/{described['id']}.json"]
    products += [described["picture"]] if described["picture"] else []
    return {
        **{key: described[key] for key in kept},
        "collection": described["collection"]["short_name"],
        "version": described["collection"]["version"],
        "geometry": list(described["geometry"]),
        "metadata": written,
        "archive": list(archive(products, described, False)) + list(archive(described["archived"], described, True)),
    }


def archive(names, described, is_source):
    """The places of files: of products below the dataset's folder, or of sources."""
    for name in names:
        archived = Path(name).name
        if name == described["netcdf"]:
            archived = described["files"][0]["name"]
        if placed := described["place"](archived):
            yield {"file": name, "source": is_source, **placed}


if __name__ == "__main__":
    entrypoint.run(airborne_convert_metadata, globals().get("snakemake"))
