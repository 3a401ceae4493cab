"""Show a campaign on one self-contained page."""

import base64
import csv
import json
import logging
from pathlib import Path

import _entrypoint
import _files
import imagecodecs
import jinja2
import numpy as np

logger = logging.getLogger(__name__)

EMBEDDED = 200  # datasets whose previews are put into the page; beyond that they are linked, or no browser opens it
WIDTH = 900  # pixels of an embedded preview


def publish_page(manifests: list, page: Path, campaign: str, benchmarks: str = ""):
    """Write the page of a campaign: each dataset with its preview, sizes, checks, times and links.

    manifests -- the manifest of every dataset
    page -- the HTML file, beside the folders of the datasets
    campaign -- name of the campaign
    benchmarks -- folder of Snakemake's benchmark files, one folder per dataset
    """
    datasets = [dataset(Path(path), Path(benchmarks), len(manifests) <= EMBEDDED) for path in manifests]
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    templates.filters["human"] = _files.human
    content = templates.get_template("publish_page.html").render(campaign=campaign, datasets=datasets)
    _files.write_bytes(page, content.encode())


def dataset(manifest, benchmarks, embed):
    """What the page shows of one dataset."""
    folder, content = manifest.parent, _files.read_json(manifest)
    preview, view = folder / "preview.png", folder / "neuroglancer.json"
    return content | {
        "folder": folder.name,
        "preview": preview.is_file() and (embedded(preview) if embed else f"{folder.name}/preview.png"),
        "view": json.loads(view.read_text()) if view.is_file() else None,
        "times": times(benchmarks / folder.name),
    }


def embedded(preview):
    """A preview as a data URL, made smaller by whole steps and compressed as JPEG."""
    picture = imagecodecs.png_decode(preview.read_bytes())
    step = max(1, picture.shape[1] // WIDTH)
    content = imagecodecs.jpeg8_encode(np.ascontiguousarray(picture[::step, ::step, :3]), level=85)
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def times(folder):
    """Rule, seconds and peak memory (MB) of the steps of a dataset, from Snakemake's benchmark files."""
    found = []
    for path in sorted(folder.glob("*.tsv"), key=lambda path: path.stat().st_mtime):
        with path.open() as file:
            row = next(csv.DictReader(file, delimiter="\t"), None)
        if row:
            found.append({"rule": path.stem, "seconds": row["s"], "memory": row["max_rss"]})
    return found


if __name__ == "__main__":
    _entrypoint.run(publish_page, globals().get("snakemake"))
