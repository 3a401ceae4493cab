"""Compare what a recipe has made with what it was made of, and say how much of it there is."""

import csv
from pathlib import Path

import numpy as np

from darkroom import entrypoint, record
from darkroom.copernicus import merging, rasters, variants
from darkroom.copernicus.stack import Stack


def copernicus_check(
    stack: Path,
    map: Path,
    statistics: Path,
    check: Path,
    *,
    classes: Path | None = None,
    recipe: str,
    recipes: str = "",
):
    """Write copernicus.json.

    stack, map, statistics, classes -- what `copernicus_project` and `copernicus_merge` have written

    Raises ValueError for a map that is not what its stack makes, or not cloud-optimized.
    """
    variant, made = variants.known(recipes)[recipe], Stack(stack)
    valid = _compare(variant, made, map)
    if classes:
        _compare_classes(variant, made, map, classes)
    with statistics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    pixels = made.grid.width * made.grid.height
    figures = {"passed": True, "times": len(made.begins), "pixels": pixels, "valid": valid}
    notes = [
        f"{row['begin']}: no pixel of {row['layer']} is valid: all is masked or without data"
        for row in rows
        if row["valid"] == "0"
    ]
    shares = {f"{row['layer']} {row['begin']}": round(int(row["valid"]) / pixels, 4) for row in rows}
    checks = {"copernicus_check": figures | {"valid_share": shares}}
    record.write(check, record.Record(notes=notes, checks=checks))


def _compare(variant, made, path):
    """Valid pixels of each band of the map, once it is known to be what the stack makes."""
    with rasters.opened(path) as image, made.reading() as get:
        if image.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
            raise ValueError(f"{path}: is not cloud-optimized; remove it and run again")
        if image.shape != (made.grid.height, made.grid.width) or image.crs != made.grid.crs:
            raise ValueError(f"{path}: is not on the grid of {made.path.name}; remove it and run again")
        valid = np.zeros(image.count, int)
        for window in merging.windows(variant, made):
            values = image.read(window=window)
            if not np.array_equal(values, merging.merged(variant, made, get, window), equal_nan=True):
                raise ValueError(f"{path}: is not what {made.path.name} makes; remove it and run again")
            valid += (~np.isnan(values)).sum((1, 2))
        return dict(zip(image.descriptions, valid.tolist(), strict=True))


def _compare_classes(variant, made, map_path, path):
    """Raise ValueError where the classes are not those of the result in the map."""
    with rasters.opened(map_path) as result, rasters.opened(path) as image:
        band = merging.result(variant, result.count)
        for window in merging.windows(variant, made):
            if not np.array_equal(
                image.read(1, window=window), merging.classified(variant, result.read(band, window=window))
            ):
                raise ValueError(f"{path}: is not what {map_path.name} makes; remove it and run again")


if __name__ == "__main__":
    entrypoint.run(copernicus_check, globals().get("snakemake"))
