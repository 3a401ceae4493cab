"""Bring a source here, or take stock of it where it lies."""

import functools
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from darkroom import entrypoint
from darkroom.files import clear_partials, human, note_size, settle
from darkroom.files import digest as file_digest
from darkroom.inventory import File, Inventory
from darkroom.inventory import local as local_inventory
from darkroom.inventory import write as write_inventory
from darkroom.transfer import checksums, credentials, download, remote
from darkroom.transfer.archive import RATIO as UNPACK_RATIO
from darkroom.transfer.archive import stem as archive_stem
from darkroom.transfer.archive import unpack as unpack_archive
from darkroom.transfer.progress import Progress
from darkroom.urls import REMOTE, with_variables

logger = logging.getLogger(__name__)


def fetch_input(
    source: str,
    *,
    destination: Path = Path(),
    filter: str = "",
    stacks: bool = False,
    checksum: str = "",
    unpack: bool = True,
    unpack_ratio: int = UNPACK_RATIO,
    settings: str = "",
    cloud: str = "",
    inventory: Path | None = None,
    connections: int = 8,
    attempts: int = 6,
    local: list | None = None,
):
    """Fetch a source, or take stock of a local one, which is never copied or changed.

    source -- a file or folder, sample:NAME, nothing (made of other datasets), or URLs with blanks between them: of
        files (http, https), of public Swift containers or folders in them (http, https, ending in / or with --stacks
        or --filter), or of an object, a folder or a container of one's own Swift account (swift://CONTAINER/PREFIX).
        Blanks in a URL are written %20, and what signs one stands in the environment: https://host/name?${NAME}
    destination -- the folder that downloads, samples and unpacked archives go to; local files stay where they are
    filter -- regular expression that a name must match from its start, relative to the folder, container or archive
    stacks -- the URL is that of a Swift container
    checksum -- sha256:HEX or md5:HEX of the one file, or a list as sha256sum and md5sum write it: a file of this
        machine, a URL, or a name beside the source. Without it, NAME.sha256 or NAME.md5 in a container is used for
        NAME, except with `none`
    unpack -- a source that is a .zip, .ozx, .tar, .tar.gz, .tar.bz2 or .tar.xz stands for the files in it
    unpack_ratio -- most bytes of such files for each byte of their archive; 100 MB are never too many
    settings, cloud -- log in to Swift with this JSON file of settings, or this cloud of clouds.yaml, instead of what
        SWIFT_SETTINGS, OS_CLOUD or the other OS_* variables say. Users and passwords of http and https: in ~/.netrc
    inventory -- JSON file to write, as `darkroom.inventory` has it
    connections, attempts -- downloads at a time from each host; tries of a file in a row without any progress
    local -- unused: the files of a local source, which a rule watches for changes

    Raises ValueError when nothing matches, or a file is not what its checksum says; OSError when a download fails in
    the end or there is no room for it, PermissionError when it is not allowed.
    """
    get = functools.partial(download.download, connections=connections, attempts=attempts)
    account = functools.cache(lambda: credentials.session(settings, cloud))  # nobody logs in who need not
    packed = set()
    checksum = with_variables(checksum) if checksum.startswith(REMOTE) else checksum
    if source.startswith("sample:"):
        root, files = destination, make_sample(source.removeprefix("sample:"), destination, filter)
    elif source.startswith(REMOTE):
        urls = with_variables(source).split()
        archives = {url for url in urls if unpack and archive_stem(unquote(urlsplit(url).path))}
        items = remote.find(urls, filter, stacks, archives, account)
        items = checksums.of_remote(items, checksum, filter, destination, get, account)
        packed = {item.name for item in items if item.source in archives and archive_stem(item.name)}
        require_folders(packed)
        with Progress(len(items)) as progress:
            root, files = destination, get(items, destination, progress=progress)
    elif not source:  # made of other datasets
        root, files = "", []
    else:
        root, files = local_files(Path(source), filter)
        files = checksums.of_local(root, files, checksum, filter, destination, get, account)
        packed = {file.name for file in files if unpack and Path(source).is_file() and archive_stem(file.name)}
    if packed:
        root, files = with_members(root, files, packed, destination, filter, unpack_ratio)
    listing = Inventory(str(root), files)
    logger.info("%d files, %s, in %s", len(files), human(listing.bytes), root)
    if inventory:
        clear_partials(inventory.parent)
        write_inventory(inventory, listing)


def local_files(source, filter=""):
    """The folder of a local source and its files, in the order of their names.

    Raises ValueError when no file matches the filter.
    """
    if not source.is_dir():
        return source.parent, local_inventory(source.parent, [source.name]).files
    names = (os.path.relpath(Path(folder, name), source) for folder, _, names in os.walk(source) for name in names)
    names = remote.matching(sorted(Path(name).as_posix() for name in names), filter, source, "files")
    return source, local_inventory(source, names).files


def require_folders(names):
    """Raise ValueError where two archives would be unpacked to the same folder."""
    folders = {}
    for name in sorted(names):
        other = folders.setdefault(archive_stem(name), name)
        if other != name:
            raise ValueError(f"{other} and {name} would both be unpacked to {archive_stem(name)}/")


def with_members(root, files, packed, destination, filter="", ratio=UNPACK_RATIO):
    """Folder and files once archives are unpacked to `destination`, each to a folder of its name without the ending.

    That folder is the root where the archive is the whole source. A member tells its archive's URL or path.
    """
    alone, unpacked = len(files) == 1, []
    for file in files:
        if file.name not in packed:
            unpacked.append(file)
            continue
        name, archive = archive_stem(file.name), root / file.name
        above = "" if alone else f"{name}/"
        logger.info("unpacking %s", archive)
        members = unpack_archive(archive, destination / name, filter, file.sha256 or "", ratio)
        origin = file.url or str(archive)
        unpacked += [replace(member, name=above + member.name, archive=origin) for member in members]
    return (destination / name if alone else destination), unpacked


def samples():
    """Samples by name: functions that write raw data to a folder. Their modules are loaded by those alone who ask."""
    from darkroom.samples import airborne, atlas, calcium, copernicus, copernicus_radar, planetary

    pipelines = (atlas, planetary, airborne, copernicus, copernicus_radar, calcium)
    return {name: write for pipeline in pipelines for name, write in pipeline.SAMPLES.items()}


def make_sample(name, folder, filter=""):
    """Make a sample in an empty folder; returns those of its files that match, with their digests.

    Raises ValueError for an unknown name, and when no file matches.
    """
    generators = samples()
    if name not in generators:
        raise ValueError(f"sample:{name} is unknown; there are {', '.join(sorted(generators))}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generators[name](folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        note_size(path)
    settle(folder)
    made = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [
        File(file, (folder / file).stat().st_size, sha256=file_digest(folder / file))
        for file in remote.matching(made, filter, f"sample:{name}", "files")
    ]


if __name__ == "__main__":
    entrypoint.run(fetch_input, globals().get("snakemake"))
