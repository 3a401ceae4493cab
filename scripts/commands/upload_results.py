"""Copy a folder of results to an object store or a folder, and read the copy back."""

import dataclasses
import json
import logging
import tempfile
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.manifest import read as read_manifest
from darkroom.manifest import write as write_manifest
from publish_manifest import publish_manifest
from publish_upload import publish_upload

logger = logging.getLogger(__name__)

OURS = ("manifest.json", "checksums.sha256", "published.json", "temp_urls.json")
UNFINISHED = ".unfinished"
UNKNOWN = "listed when it was uploaded, not made by a campaign: what it was made of is not known"


def upload_results(
    results: Path,
    container: str,
    *,
    public: bool = False,
    mirror: bool = False,
    settings: str = "",
    cloud: str = "",
    connections: int = 32,
):
    """Copy a folder of results to a container: what is missing or different there, its manifest last.

    results -- the folder of a finished dataset, or any folder, such as what `ingest_ngs` has made; one without a
        manifest gets one, which says that its inputs are not known
    container -- a Swift container, with a prefix if need be (`NAME/prefix`), or a target: swift://NAME/prefix,
        file:///folder. The copy lies at <campaign>/<dataset> in it, of another folder at results/<its name>
    public, mirror, settings, cloud, connections -- as `publish` in the config has them

    Raises ValueError for a folder that holds nothing, is a whole campaign or is not finished, and what the steps
    publish_manifest and publish_upload raise.
    """
    results = results.resolve()
    names = sorted(path.name for path in results.iterdir() if path.name not in OURS) if results.is_dir() else []
    if not names:
        raise ValueError(f"{results}: no folder with results")
    if UNFINISHED in names or (results / "catalog.json").is_file():
        what = "is not finished" if UNFINISHED in names else "is a campaign; name the folder of one of its datasets"
        raise ValueError(f"{results}: {what}")
    manifest, checksums = results / "manifest.json", results / "checksums.sha256"
    if not manifest.is_file():
        describe(results, names, manifest, checksums)
    made = read_manifest(manifest)
    target = container if "://" in container else f"swift://{container}"
    published = results / "published.json"
    place = {"campaign": made.campaign, "dataset": made.dataset}
    login = {"settings": settings, "cloud": cloud}
    asked = {"public": public, "mirror": mirror, "connections": connections}
    publish_upload(manifest, checksums, published, target=target, **place, **asked, **login)
    print(json.loads(published.read_bytes())["url"])


def describe(results, names, manifest, checksums):
    """Write the manifest of a folder that no campaign has made."""
    row = {"options": {}, "source": "", "dataset": results.name, "pipeline": "none"}
    products = [results / name for name in names if (results / name).is_file()]
    folders = [f"{name}/" for name in names if (results / name).is_dir()]
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder, "inventory.json")
        files.write_json(inventory, {"root": str(results), "files": []})
        publish_manifest(inventory, products, [], manifest, checksums, "results", row, folders)
    write_manifest(manifest, dataclasses.replace(read_manifest(manifest), notes=[UNKNOWN]))
    logger.info("%s: %s", manifest, UNKNOWN)


if __name__ == "__main__":
    entrypoint.run(upload_results)
