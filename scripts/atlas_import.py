"""Read the headers of a source and plan the volume that is made of it."""

import logging
from pathlib import Path

import rasterio

from darkroom import entrypoint, files
from darkroom.atlas import label_tables, stack
from darkroom.atlas.volume import plan as plan_volume
from darkroom.inventory import read as read_inventory
from darkroom.record import Record
from darkroom.record import write as write_record

logger = logging.getLogger(__name__)


def atlas_import(inventory: Path, volume: Path, options: dict, labels: Path | None = None):
    """Plan a volume from the headers of its source: extent, place in RAS+ space, value type, scales.

    inventory -- what `fetch_input` has found: the folder and the names of the files
    volume -- the plan, as JSON (see `volume.plan`)
    options -- the atlas section of the config with the options of the row
    labels -- the table of labels of a segmentation

    Raises ValueError when the source is no volume or the options do not fit it, OSError when the estimated output
    does not fit on the disk.
    """
    planned = plan(read_inventory(inventory), options, label_tables.read(labels) if labels else [])
    estimate = planned["estimate"]
    needed = estimate["bytes"]
    files.require_room(volume.parent, needed, "the chunks of all scales")
    finest = planned["info"]["scales"][0]
    logger.info("%s voxels in %d scales, about %s", finest["size"], len(planned["info"]["scales"]), files.human(needed))
    logger.info("estimate: %s", ", ".join(f"{name} {value}" for name, value in estimate.items()))
    for note in planned["notes"]:
        logger.info("note: %s", note)
    write_record(volume, Record(notes=planned["notes"], software=software()), planned)


def plan(inventory, options, regions=()):
    """The plan of a volume from an `Inventory`, complete options and the rows of a table of labels."""
    source = stack.describe(
        inventory.root,
        inventory.names,
        options["type"],
        slices_of(options),
        options["missing"],
        options["blank_value"],
        options["ignore_scaling"],
        options.get("channels"),
        options.get("series"),
        options.get("time"),
    )
    try:
        return plan_volume(source, options, regions)
    except ValueError as error:
        raise ValueError(f"{inventory.root}: {error}") from error


def slices_of(options):
    """The explicit list of sections, given as such or as a text file of one name per line."""
    slices = options.get("slices")
    return Path(slices).read_text("utf-8-sig").splitlines() if isinstance(slices, str) else slices


def software():
    """Versions of what reads, encodes and judges voxels, for the manifest."""
    packages = files.versions("numpy", "rasterio", "imagecodecs", "tifffile", "nibabel", "pynrrd", "tensorstore")
    return {**packages, "gdal": rasterio.__gdal_version__}


if __name__ == "__main__":
    entrypoint.run(atlas_import, globals().get("snakemake"))
