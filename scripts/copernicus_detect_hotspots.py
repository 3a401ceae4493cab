"""List what is hotter than before, inside and outside a perimeter."""

import logging
from pathlib import Path

from darkroom import entrypoint, record
from darkroom.copernicus import areas, grid, merging, rasters, variants
from darkroom.copernicus.hotspots import COLUMNS, listed

logger = logging.getLogger(__name__)


def copernicus_detect_hotspots(
    map: Path,
    hotspots: Path,
    told: Path,
    *,
    recipe: str,
    recipes: str = "",
    perimeter: str = "",
    given: list | None = None,
):
    """Write hotspots.csv, a row of each hot cell, the hottest first, and hotspots.json, the record.

    map -- map.tif of `copernicus_merge`: before, after and how much hotter; recipe, recipes -- as there
    perimeter -- a file with the perimeter of a fire, WKT or GeoJSON; "" for none
    given -- unused: the same file, which is watched
    """
    variant, shown = variants.known(recipes)[recipe], grid.of_image(map)
    ground, notes = areas.read(perimeter, "perimeter") if perimeter else (None, [])
    with rasters.opened(map) as image:
        rows, count, inside = listed(image, shown, variant.hotspots["above"], ground)
    counts = {"hotspots": count, "hottest": rows[0]["hotter"] if rows else None}
    if perimeter:
        counts |= {"inside": inside, "outside": count - inside}
    if count > len(rows):
        notes.append(f"of {count} hot spots the table has the {len(rows)} hottest")
    logger.info("%d hot spots", count)
    merging.write_table(hotspots, rows, COLUMNS)
    record.write(told, record.Record(notes=notes, checks={"copernicus_detect_hotspots": {"passed": True} | counts}))


if __name__ == "__main__":
    entrypoint.run(copernicus_detect_hotspots, globals().get("snakemake"))
