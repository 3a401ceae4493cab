"""Show a campaign on one self-contained page."""

import base64
import csv
import json
import logging
import math
from pathlib import Path

import imagecodecs
import jinja2
import numpy as np

from darkroom import entrypoint, files
from darkroom.manifest import read as read_manifest

logger = logging.getLogger(__name__)

EMBEDDED = 200  # datasets whose previews are put into the page; beyond that they are linked, or no browser opens it
WIDTH = 900  # pixels of an embedded preview
SAMPLED = 10  # MB; a peak of memory below that is of a step that ended before it was measured
ITEMS = ("item.json", "metadata/*.stac.json")  # of a dataset and of its granules, as STAC
TABLES = {  # products that are shown on the page, too
    "hotspots.csv": "Hot spots",
    "plume.csv": "Plumes",
    "classes.csv": "Areas of the classes",
    "statistics.csv": "Values of each time",
}
ROWS = 20  # of a table that are shown
TITLES = {"key": "voxel", "psnr_db": "PSNR (dB)", "psnr_floor_db": "required (dB)"}  # of the columns of a check


def publish_page(
    manifests: list,
    page: Path,
    campaign: str,
    benchmarks: str = "",
    published: list | None = None,
    catalog: Path | None = None,
    footprints: list = (),
):
    """Write the page of a campaign: each dataset with its preview, sizes, checks, times and links.

    manifests -- the manifest of every dataset
    published -- the `published.json` of every dataset, where there is a published copy
    page -- the HTML file, beside the folders of the datasets
    campaign -- name of the campaign
    benchmarks -- folder of Snakemake's benchmark files: a folder per dataset, and files of jobs that took many of them
    footprints -- unused: those of the campaign, which are there before its page
    catalog -- a STAC catalog to write beside the page, of the datasets that have a STAC item
    """
    copies = {Path(path).parent: files.read_json(path) for path in published or []}
    datasets = [dataset(Path(path), benchmarks, len(manifests) <= EMBEDDED, copies) for path in manifests]
    jobs = times(Path(benchmarks)) if benchmarks else []
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(files.SCRIPTS), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {"human": files.human, "duration": duration, "figure": figure, "json": plain}
    content = templates.get_template("publish_page.html").render(campaign=campaign, datasets=datasets, jobs=jobs)
    files.clear_partials(page.parent)
    files.write_bytes(page, content.encode())
    if catalog:
        folders = [Path(path).parent for path in manifests]
        items = [item for folder in folders for pattern in ITEMS for item in sorted(folder.glob(pattern))]
        files.write_json(catalog, stac_catalog(campaign, [item.relative_to(catalog.parent) for item in items]))


def stac_catalog(campaign, items):
    """A STAC catalog with a link to each item, a path below it. Specification: STAC 1.1.0, Catalog."""
    links = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    links += [{"rel": "item", "href": f"./{item}", "type": "application/geo+json"} for item in items]
    described = {"id": campaign, "description": f"Datasets of the campaign {campaign} that have a place or a time."}
    return {"type": "Catalog", "stac_version": "1.1.0", **described, "links": links}


def dataset(manifest, benchmarks, embed, copies):
    """What the page shows of one dataset: its manifest, and what is made for people from it and from its folder."""
    folder, content = manifest.parent, files.described(read_manifest(manifest))
    preview, view = folder / "preview.png", folder / "neuroglancer.json"
    steps = times(Path(benchmarks, folder.name)) if benchmarks else []
    return content | {
        "folder": folder.name,
        "published": copies.get(folder),
        "bytes": sum(product["bytes"] for product in content["products"]),
        "preview": preview.is_file() and (embedded(preview) if embed else f"{folder.name}/preview.png"),
        "view": viewed(files.read_json(view), content["dataset"]) if view.is_file() else None,
        "checks": [check_table(name, check) for name, check in content["checks"].items()],
        "tables": [table(folder / name, title) for name, title in TABLES.items() if (folder / name).is_file()],
        "remarks": [*content["notes"], *(f"skipped: {step}" for step in content["skipped"])],
        "steps": steps,
        "seconds": sum(step["seconds"] for step in steps),
    }


def table(path, title):
    """A table of a dataset for people: `file`, `title`, `titles`, those `rows` that are shown, and how many `more`."""
    with path.open(newline="") as file:
        titles, *rows = csv.reader(file)
    shown = rows[:ROWS]
    return {"file": path.name, "title": title, "titles": titles, "rows": shown, "more": len(rows) - len(shown)}


def viewed(state, name):
    """A Neuroglancer state whose layer bears the name of the dataset; of several layers each keeps its own, too."""
    layers = state["layers"]
    named = [layer | {"name": name if len(layers) == 1 else f"{name} {layer['name']}"} for layer in layers]
    return state | {"layers": named}


def embedded(preview):
    """A preview as a data URL: as it is, or made smaller by whole steps as JPEG, whichever takes less room."""
    content = preview.read_bytes()
    picture = imagecodecs.png_decode(content)
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    step = max(1, picture.shape[1] // WIDTH)
    picture = picture[::step, ::step]
    if picture.ndim == 3:
        picture = picture[..., : 3 if picture.shape[2] > 2 else 1].squeeze()
    smaller = imagecodecs.jpeg8_encode(np.ascontiguousarray(picture), level=85)
    kind, content = ("jpeg", smaller) if len(smaller) < len(content) else ("png", content)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def check_table(name, check):
    """A check for people: `name`, `passed`, what was `counted`, the `result`, and `titles` and `rows` of a table."""
    passed, scales = check.get("passed", False), check.get("scales", [])
    rows = scales or [{key: value for key, value in check.items() if key != "passed"}]
    titles = list(dict.fromkeys(title for row in rows for title in row))
    result = "passed" if passed else "not passed"
    if scales and passed:
        result = agreement(scales)
    return {
        "name": words(name),
        "passed": passed,
        "counted": counted(scales),
        "result": result,
        "titles": [TITLES.get(title, words(title)) for title in titles],
        "rows": [[cell(title, row.get(title)) for title in titles] for row in rows],
    }


def counted(scales):
    """How much of a volume was compared: `215 chunks, 29,224,800 values`."""
    kinds = [kind for kind in ("chunks", "values") if all(kind in scale for scale in scales)]
    return ", ".join(f"{figure(sum(scale[kind] for scale in scales))} {kind}" for kind in kinds if scales)


def agreement(scales):
    """How well the worst scale of a volume agrees with what it must be."""
    ratios = [scale["psnr_db"] for scale in scales if scale.get("psnr_db") is not None]
    if ratios:
        return f"PSNR {math.floor(min(ratios) * 10) / 10:.1f} dB or better"
    largest = max(scale.get("largest_difference", 0) for scale in scales)
    return f"within {figure(largest)}" if largest else "exact"


def cell(title, value):
    """A figure of a check for people. The key of a scale is its voxel in nm; the PSNR of equal voxels is null."""
    if title == "key":
        return voxel(value)
    if value is None:
        return "exact" if title == "psnr_db" else "\N{EN DASH}"
    return figure(value)


def voxel(key):
    """The sides of a voxel, such as `20 × 20 × 40 µm`, from the key of a scale: nm along x, y and z."""
    try:
        sides = [float(side) for side in key.split("_")]
    except ValueError:
        return key
    size, unit = next((pair for pair in ((1e6, "mm"), (1e3, "µm")) if min(sides) >= pair[0]), (1, "nm"))
    return " \N{MULTIPLICATION SIGN} ".join(f"{side / size:.6g}" for side in sides) + f" {unit}"


def words(name):
    """A name of the manifest as words: `largest_difference` as `largest difference`."""
    return name.replace("_", " ")


def figure(value):
    """A value for people: `29,224,800`, `43.5`, `yes`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else plain(value)


def plain(value):
    """A text as it is, anything else as JSON on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def duration(seconds):
    """A time for people: `1.2 s`, `2 min 5 s`, `3 h 20 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def times(folder):
    """Rule, seconds and peak memory in bytes (None where it was not measured) of the steps of a dataset, in order."""
    steps = []
    for path in sorted(folder.glob("*.tsv"), key=lambda path: path.stat().st_mtime_ns):
        with path.open() as file:
            row = next(csv.DictReader(file, delimiter="\t"), None)
        if row:
            memory = number(row["max_rss"])
            size = memory * 1e6 if memory >= SAMPLED else None
            steps.append({"rule": path.stem, "seconds": number(row["s"]), "bytes": size})
    return steps


def number(text):
    """A figure of a benchmark file; `-` and `NA` count as 0."""
    try:
        return float(text)
    except ValueError:
        return 0.0


if __name__ == "__main__":
    entrypoint.run(publish_page, globals().get("snakemake"))
