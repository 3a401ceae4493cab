"""Ask a catalogue, or look through a source, and write down what was found and why the rest was left out."""

import logging
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.copernicus.search import run

logger = logging.getLogger(__name__)


def copernicus_search(
    query: str,
    *,
    products: Path = Path("products.geojson"),
    search: Path = Path("search.json"),
    table: Path | None = None,
    names: Path | None = None,
    paths: Path | None = None,
    catalogues: str = "",
    inventory: Path | None = None,
    given: list | None = None,
):
    """Search for products.

    query -- a YAML file, CLEOPE's outputs/ or product list, or, in a rule, the map itself: see config/README.md
    products -- GeoJSON with all that is known of each product; search.json, products.csv, product_list.txt and
        product_list_remote.txt are written beside it
    catalogues -- a file of catalogues of one's own
    inventory -- JSON of a source whose products are looked through in place of a catalogue
    search, table, names, paths, given -- unused: the other files, and those that the query names

    Raises ValueError for what is wrong with the query, OSError for a catalogue that does not answer.
    """
    root = Path(files.read_json(inventory)["root"]) if inventory else None
    listed = run(query, products.parent, catalogues, root)
    size = files.human(sum(product.bytes or 0 for product in listed))
    archived = sum(not product.online for product in listed)
    logger.info("%d products, %s, %d of them archived; see %s", len(listed), size, archived, search)


if __name__ == "__main__":
    entrypoint.run(copernicus_search, globals().get("snakemake"))
