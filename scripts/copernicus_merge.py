"""Make one map of all times, and a table of each time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from darkroom import entrypoint
from darkroom.copernicus import merging, rasters, variants
from darkroom.copernicus.stack import Stack


def copernicus_merge(
    stack: Path,
    map: Path,
    statistics: Path,
    *,
    recipe: str,
    recipes: str = "",
):
    """Write map.tif, a Cloud-Optimized GeoTIFF, and statistics.csv: what each layer of each time comes to.

    stack -- stack.nc of `copernicus_project`; recipe, recipes -- as there
    """
    variant, made = variants.known(recipes)[recipe], Stack(stack)
    layers = merging.bands(variant, made.layers)
    tags = {
        "TITLE": variant.title,
        "RECIPE": recipe,
        "SOURCE": "; ".join(made.products),
        "NOTES": made.about["comment"],
    }
    writing = rasters.writing(map, made.grid, layers, "float32", np.nan, tags, powers=merging.powers(layers))
    with ThreadPoolExecutor(1) as beside:
        table = beside.submit(merging.write_table, statistics, merging.statistics(made), merging.COLUMNS)
        with made.reading() as get, writing as put:
            for window in merging.windows(variant, made):
                put(window, merging.merged(variant, made, get, window))
        table.result()


if __name__ == "__main__":
    entrypoint.run(copernicus_merge, globals().get("snakemake"))
