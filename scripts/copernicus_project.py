"""Bring what the recipe computes of each product to one grid."""

from pathlib import Path

import rasterio

from darkroom import entrypoint, files
from darkroom.copernicus import rasters, variants
from darkroom.copernicus import stack as stacks
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.recipes.registry import Times, method
from darkroom.copernicus.stack import Layer


def copernicus_project(scenes: Path, stack: Path, *, recipe: str, options: dict | None = None, recipes: str = ""):
    """Write stack.nc: every layer of every time, as CF netCDF.

    scenes -- scenes.json of `copernicus_import`; recipe, options, recipes -- as there

    Raises ValueError for a file that is damaged.
    """
    variant, told = variants.known(recipes)[recipe], files.read_json(scenes)
    times = Times(
        Grid(**told["grid"]),
        told["begins"],
        told["products"],
        [Layer(**layer) for layer in told["layers"]],
        told["scenes"],
        told["notes"],
    )
    about = {"title": variant.title, "source": "; ".join(times.products), "comment": "; ".join(times.notes)}
    about |= {"history": f"recipe {recipe} of Darkroom", "institution": "made of Copernicus products"}
    about |= {"references": "modified Copernicus Sentinel data"}
    writing = stacks.writing(stack, times.grid, times.begins, times.products, times.layers, about)
    # Of an image in strips as wide as itself a window reads its own pixels alone, past GDAL's cache.
    with rasterio.Env(GDAL_CACHEMAX=rasters.CACHE, GTIFF_DIRECT_IO=True), writing as put:
        method(variant.method).fill(times, variant, options or {}, put)


if __name__ == "__main__":
    entrypoint.run(copernicus_project, globals().get("snakemake"))
