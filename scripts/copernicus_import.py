"""Look at products and say what they become: which times and layers, on which grid, scaled and masked how."""

import dataclasses
import logging
from pathlib import Path

from darkroom import entrypoint, record
from darkroom import inventory as inventories
from darkroom.copernicus import variants
from darkroom.copernicus.products import read_products
from darkroom.copernicus.recipes.registry import method
from darkroom.files import versions

logger = logging.getLogger(__name__)


def copernicus_import(
    inventory: Path,
    products: Path,
    scenes: Path,
    *,
    recipe: str,
    options: dict | None = None,
    recipes: str = "",
    check: Path | None = None,
    given: list | None = None,
):
    """Write scenes.json: the grid of the map, its times and layers, the files of each, and notes.

    inventory -- of the products; products -- products.geojson of the search: those that were chosen among them
    recipe -- a name of config/copernicus.yaml, or of the user's own file `recipes`
    options -- those of the row that the recipe's method reads
    check, given -- unused: products_check.json, without which nothing is read, and files that the row names

    Raises ValueError for products that the recipe does not take, that lack something or lie outside the area.
    """
    variant = variants.known(recipes)[recipe]
    listed = inventories.read(inventory)
    chosen = _chosen(listed, read_products(products))
    times = method(variant.method).describe(chosen, variant, options or {})
    size = f"{times.grid.width} x {times.grid.height} pixels in {times.grid.crs}"
    logger.info("%d times of %s on %s", len(times.begins), ", ".join(layer.name for layer in times.layers), size)
    told = dataclasses.asdict(times)
    notes = told.pop("notes")
    record.write(scenes, record.Record(notes=notes, software=versions("rasterio", "numpy")), told)


def _chosen(listed, products):
    """The files of those products that the search has chosen. Raises ValueError where there is none."""
    names = {name for product in products for name in (product.name, product.stem)}
    kept = [file for file in listed.files if names & set(Path(file.name).parts)]
    if not kept:
        raise ValueError(f"{listed.root}: the search has chosen no product of it, see search.json; ask for others")
    return inventories.Inventory(listed.root, kept)


if __name__ == "__main__":
    entrypoint.run(copernicus_import, globals().get("snakemake"))
