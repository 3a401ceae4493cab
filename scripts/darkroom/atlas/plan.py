"""What the datasets of the atlas pipeline end in, and what its steps have to know of a row."""

import functools
from pathlib import Path

from darkroom.atlas.surfaces import table as surface_table
from darkroom.campaign.inputs import local_bytes, record
from darkroom.campaign.sheet import Row
from darkroom.memory import asked

JOB = 25 * 10**9  # bytes of a source for each job, where a row does not say how many
JOBS = 200  # at most, then
MESH_FILES, POINTS = 8, 22  # MB in memory for each of mesh files, and of a table of points
# An image of another pipeline that is to be looked at: one section whose rows run south, of 1 m per pixel.
BESIDE = (
    "ome_zarr", "jobs", "labels", "points", "placement", "atlas_resolution", "surfaces", "surface_transform",
)  # fmt: skip
PICTURE = "{orientation: RPS, resolution: 1e9 nm, encoding: jpeg, chunk_size: [512, 512, 1]}"


def products(row: Row) -> list[str]:
    """The files that a dataset ends in."""
    zarr = ["volume.ome.zarr/zarr.json"] if row.options["ome_zarr"] else []
    regions = ["regions.csv"] if has_regions(row) else []
    points = ["annotations/info"] if row.options.get("points") else []
    sections = ["sections/info"] if row.options.get("placement") else []
    return ["precomputed/info", *zarr, *regions, *points, *sections, "preview.png", "neuroglancer.json"]


def records(row: Row) -> list[str]:
    """What its steps have written down."""
    zarr = ["zarr_check.json"] if row.options["ome_zarr"] else []
    asked = {
        "labels": has_regions(row),
        "points": row.options.get("points"),
        "meshes": row.options["meshes"] or row.options.get("surfaces"),
        "sections": row.options.get("placement"),
    }
    more = [f"{what}_check.json" for what, option in asked.items() if option]
    return ["volume.json", "precomputed_check.json", *zarr, *more]


def problems(row: Row):
    """What is wrong with a row beyond its options: a table of mesh files that cannot be read."""
    try:
        missing = [path for path in surfaces(row) if not Path(path).is_file()]
    except (ValueError, OSError) as error:
        yield f"options surfaces: {error}"
    else:
        yield from (f"options surfaces: {path} is not there" for path in missing)


def in_both_formats(row: Row) -> bool:
    """Whether a volume is made as OME-Zarr, too, from the same read of its source."""
    return row.pipeline == "atlas" and row.options["ome_zarr"]


def in_one_format(row: Row) -> bool:
    return not in_both_formats(row)


def labels(row: Row) -> str | list:
    """The table of labels of a segmentation, or of channels of an image; no file where it has none."""
    return (row.pipeline == "atlas" and row.options.get("labels")) or []


def has_regions(row: Row) -> bool:
    """Whether a dataset is a segmentation with a table of its labels."""
    return bool(row.options.get("labels")) and row.options["type"] == "segmentation"


def annotations(row: Row) -> str | list:
    """The layer of points of a dataset; no file where it has none."""
    return "<dataset>/annotations/info" if row.pipeline == "atlas" and row.options.get("points") else []


def inventory(row: Row) -> str:
    """The inventory that a volume is made of: of the source, or of what another pipeline has made to be looked at."""
    return "<source>/inventory.json" if row.pipeline == "atlas" else "<dataset>/tiles.json"


def volume_options(row: Row, options_of) -> dict:
    """The options that the plan of a volume goes by: all but those of what is made beside it, and how many jobs there
    are, so that these make nothing else again.

    options_of -- a function of pipeline and text: the options that a row with such a text has
    """
    options = row.options if row.pipeline == "atlas" else options_of("atlas", PICTURE)
    kept = {key: value for key, value in options.items() if key not in BESIDE}
    return kept | {"meshes": options["meshes"] or "surfaces" in options}


def surfaces(row: Row) -> list[str]:
    """The table of mesh files of a dataset, and these; none where it has no table."""
    if not (path := row.options.get("surfaces")):
        return []
    return [path, *(str(file) for file, _, _ in surface_table(path))]


def section_options(row: Row) -> dict:
    """The options that the volumes of placed sections go by."""
    return volume_options(row, None) | {k: v for k, v in row.options.items() if k == "atlas_resolution"}


def jobs(row: Row) -> int:
    """How many jobs share the regions of a volume. It depends on the row and its source here alone, so that it is the
    same in every plan: of what comes from afar, nobody knows the size before."""
    asked = row.options["jobs"]
    return min(JOBS, 1 + local_bytes(row.source) // JOB) if asked == "auto" else asked


def memory(wildcards, input, attempt: int) -> int:
    """MB that a job asks for which goes through a volume. FileNotFoundError as long as its plan is not there."""
    return attempt * asked(_estimate(input.volume)["memory_mb"])


def mesh_memory(wildcards, input, attempt: int) -> int:
    """MB that a job asks for which makes meshes: by the plan of the volume, and for the mesh files that it reads."""
    return attempt * asked(_estimate(input.volume)["memory_mb_of_meshes"] + MESH_FILES * input.size_mb)


def point_memory(wildcards, input, attempt: int) -> int:
    """MB that a job asks for which writes points."""
    return attempt * asked(80 + POINTS * input.size_mb)


def _estimate(volume: str) -> dict:
    return _estimate_of(volume, Path(volume).stat().st_mtime_ns)


@functools.lru_cache(16)
def _estimate_of(volume: str, _made: int) -> dict:
    """Read once for all jobs that share a volume, as its plan may list thousands of sections."""
    return record(volume)["estimate"]


def parts(row: Row, product: str) -> list[str]:
    """What the jobs that share a product leave behind; none where one job makes it."""
    count = jobs(row) if row.pipeline == "atlas" else 1
    return [f"<dataset>/parts/{product}-{part}of{count}.json" for part in range(count)] if count > 1 else []


def beside(part: str, product: str) -> str:
    """The path of a product, from that of what a job leaves behind of its share."""
    return str(Path(part).parents[1] / product)
