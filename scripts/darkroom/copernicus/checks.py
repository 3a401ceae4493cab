"""Products on the disk against everything that is promised of them: names, sizes, checksums, manifests."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from darkroom.copernicus import downloads, manifests
from darkroom.copernicus.products import stem


@dataclass
class Group:
    """The `File`s of one product in an inventory, by their names within its folder (or the one file that it is)."""

    name: str
    files: dict = field(default_factory=dict)
    manifest: str = ""


def grouped(listed):
    """The products that an inventory holds: folders with a manifest or a name of one, and files that are products."""
    folders, groups = {}, {}
    for entry in listed:
        path = PurePosixPath(entry.name)
        if path.name in manifests.NAMES:
            folders[path.parent.as_posix()] = path.name
        elif path.name == f"{path.parent.name}.json":  # a STAC item
            folders.setdefault(path.parent.as_posix(), "")
        for parent in path.parents:
            if parent.name.endswith((".SAFE", ".SEN3", ".zarr")):
                folders.setdefault(parent.as_posix(), "")
    for entry in listed:
        path = PurePosixPath(entry.name)
        folder = next((one.as_posix() for one in path.parents if one.as_posix() in folders), None)
        if folder is None:
            groups[entry.name] = Group(path.name, {path.name: entry})
            continue
        group = groups.setdefault(folder, Group(PurePosixPath(folder).name, manifest=folders[folder]))
        group.files[path.relative_to(folder).as_posix()] = entry
    return list(groups.values())


def promised(group, root, product, record):
    """What is promised of a product's files: `{name: [(digest, who says so)]}`, sizes, and files that are not here.

    product -- the `Product` of the search, or None; record -- that of the store, or None
    """
    digests, sizes, absent = {name: [] for name in group.files}, {}, []
    if group.manifest:
        for listed in manifests.read(root / group.files[group.manifest].name):
            if listed.name not in group.files:
                absent.append(listed.name)
                continue
            sizes[listed.name] = listed.bytes
            if listed.digest:
                digests[listed.name].append((listed.digest, "manifest"))
    for asset in product.assets if product else ():
        name = asset.name.removeprefix(f"{group.name}/")
        if name in digests:
            sizes.setdefault(name, asset.bytes)
            if digest := manifests.multihash(asset.checksum):
                digests[name].append((digest, "catalogue"))
    if product and list(group.files) == [product.name] and product.bytes in (None, group.files[product.name].bytes):
        digests[product.name] += [(f"{key}:{value}", "catalogue") for key, value in sorted(product.checksums.items())]
    at_download = {entry["name"]: ", ".join(entry["checked"]) for entry in (record or {}).get("files", ())}
    for name, entry in group.files.items():
        if not digests[name] and entry.sha256:
            how = at_download.get(entry.name) or ("zip CRC" if entry.archive else "")
            digests[name].append((f"sha256:{entry.sha256}", f"{how} at the download" if how else ""))
    return digests, sizes, absent


def check(group, root, product=None, record=None):
    """The report of a product: what was compared with whom, what could not be, what is wrong.

    A file that is in the manifest and not here is wrong where the whole product was fetched, and left out where some of
    its files were, or where it is read in place.
    """
    report = {"name": group.name, "files": len(group.files), "bytes": 0, "verified": {}, "unverified": [], "wrong": []}
    try:
        digests, sizes, absent = promised(group, root, product, record)
    except ValueError as error:
        return report | {"wrong": [str(error)]}
    for name, entry in group.files.items():
        wrong, by = _checked(root / entry.name, entry.bytes, sizes.get(name), digests[name])
        report["bytes"] += entry.bytes
        if wrong:
            report["wrong"].append(f"{name}: {wrong}")
        elif by:
            report["verified"][by] = report["verified"].get(by, 0) + 1
        else:
            report["unverified"].append(name)
    if packed := (record or {}).get("archive"):
        report["archive"] = {key: value for key, value in packed.items() if key != "url"}
    if record and record["complete"]:
        report["wrong"] += [f"{name}: in the manifest and not here" for name in absent]
    elif absent:
        report["left_out"] = absent
    return report


def _checked(path, size, listed, digests):
    """What is wrong with a file, or "", and how it was compared: `md5 of the manifest`."""
    if not path.is_file():
        return "not there any more; fetch it again", ""
    there = path.stat().st_size
    if there != size or listed not in (None, there):
        return f"{there} bytes, {size if there != size else listed} expected", ""
    got = manifests.hashes(path, manifests.algorithms(digest for digest, _ in digests)) if digests else {}
    if wrong := next(filter(None, (manifests.wrong(digest, got) for digest, _ in digests)), ""):
        return wrong, ""
    told = [(digest.partition(":"), who) for digest, who in digests if who]
    if not told:
        return "", ""
    (names, _, expected), who = told[0]
    algorithm = next(name for name in names.split("/") if got[name] == expected)
    return "", who if who.endswith("at the download") else f"{algorithm} of the {who}"


def report(inventory, products=None, left_out=(), threads=2):
    """Reports of products of an inventory, in the order of their names, and what of the search is not there.

    products -- those of the search, which a source may have more than; without them, all there are
    left_out -- names that could not be had
    """
    root, groups = Path(inventory.root), grouped(inventory.files)
    by_stem = {product.stem: product for product in products or ()}
    if products is not None:
        groups = [group for group in groups if stem(group.name) in by_stem]

    def one(group):
        product = by_stem.get(stem(group.name))
        kind = next(iter(group.files.values())).name.partition("/")[0]
        return check(group, root, product, downloads.read_record(root, kind, product.name) if product else None)

    with ThreadPoolExecutor(threads) as pool:
        reports = sorted(pool.map(one, groups), key=lambda checked: checked["name"])
    here = {stem(group.name) for group in groups}
    missing = [product.name for product in products or () if product.stem not in here and product.name not in left_out]
    return reports, missing
