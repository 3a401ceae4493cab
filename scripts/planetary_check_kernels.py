"""Look up what SPICE kernels cover, and what they lack for the images of a campaign."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary import ephemeris, images
from darkroom.planetary.engines import native
from darkroom.planetary.geometry import kernels

MOST = 10  # images whose missing kernels are told


def planetary_check_kernels(kernels_found: Path, inventories: list, places: list, asked: list):
    """Look up what kernels cover, and see that all images have what they need, before any of them is made.

    kernels_found -- JSON to write: what each kernel covers, for steps that choose among them
    inventories -- what `fetch_input` has found, for each image
    places -- metakernels, folders and kernels of all images
    asked -- for each image: dataset, recipe, names of its files, part, options of its ingest, and its kernels

    Raises ValueError naming what each image lacks, by body, frame and time.
    """
    indexes, lacking = kernels.index(places), []
    for inventory, image in zip(inventories, asked, strict=True):
        try:
            groups = native.groups_of(images.image_file(inventory, image), image)
        except (ValueError, OSError):
            continue  # its import will say what is wrong with it
        try:
            kernels.chosen(image["kernels"], ephemeris.need(groups), indexes)
        except ValueError as error:
            lacking.append(f"{image['dataset']}: {error}")
    if lacking:
        more = f"; and {len(lacking) - MOST} images more" if len(lacking) > MOST else ""
        raise ValueError("; ".join(lacking[:MOST]) + more)
    kernels.write(kernels_found, indexes)


if __name__ == "__main__":
    entrypoint.run(planetary_check_kernels, globals().get("snakemake"))
