"""Write a sheet with a row for each product, tile or date of a query, which spreads a campaign over a cluster."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import yaml

from darkroom import entrypoint, files
from darkroom.copernicus import asked, asking, names, search, settings
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.query import resolve

logger = logging.getLogger(__name__)
HEADER = ("dataset", "pipeline", "recipe", "source", "options")


def copernicus_sheet(
    query: str,
    *,
    by: str = "product",
    sheet: Path = Path("datasets.tsv"),
    recipe: str = "products",
    catalogues: str = "",
):
    """Ask once, and write what was found as rows of the copernicus pipeline.

    query -- a YAML file, or CLEOPE's outputs/ or product list, as a row's option `query` has it
    by -- product, tile or date: what a row is of
    sheet -- the sheet to write, which must not be there yet
    recipe -- the recipe of the rows
    catalogues -- a file of catalogues of one's own

    Dates relative to now are those of now in all rows. Raises ValueError for a wrong query, for a sheet that is there
    already, for products without a tile, and when nothing is found; OSError for a catalogue that does not answer.
    """
    if by not in GROUPS:
        raise ValueError(f"by: {by!r} is unknown; right is {', '.join(GROUPS)}")
    if sheet.exists():
        raise ValueError(f"{sheet}: is there already; move it away, or name another one by --sheet")
    given, folder = asked.load(query)
    understood = resolve(given, folder, str(query), catalogues, datetime.now(UTC))
    service = settings.load(understood.catalogue, catalogues)
    catalogue = open_catalogue(service, asking.Client(service))
    products, _, left = search.search(understood, catalogue, strict=service.kind == "folder")
    if not products:
        raise ValueError(f"{query}: nothing was found, {len(left)} products were left out; no sheet is written")
    rows = GROUPS[by](products, fixed(given, folder, understood))
    own = {"catalogues": catalogues} if catalogues else {}
    lines = [
        HEADER,
        *((dataset, "copernicus", recipe, "", flow({"query": asks} | own)) for dataset, asks in rows.items()),
    ]
    files.write_bytes(sheet, "".join("\t".join(line) + "\n" for line in lines).encode())
    logger.info("%s: %d rows of %d products", sheet, len(rows), len(products))


def fixed(given, folder, understood):
    """A query whose files are named as from here, and whose dates are no longer relative."""
    paths = {key: str(asked.beside(given[key], folder)) for key in ("area", "names") if asked.is_path(given.get(key))}
    times = {key: getattr(understood, key) for key in ("start", "end") if key in given}
    return given | paths | times


def by_product(products, query):
    """A row of each product, which is asked for by its name."""
    own = {"catalogue": query["catalogue"]} if "catalogue" in query else {}
    return {product.stem: own | {"names": [product.stem]} for product in products}


def by_tile(products, query):
    """A row of each tile."""
    tiles = {}
    for product in products:
        name = names.parsed(product.name)
        if not (name and name.tile):
            raise ValueError(f"{product.name}: is of no tile; write a sheet by product or date")
        tiles[name.tile] = query | {"tile": name.tile}
    return dict(sorted(tiles.items()))


def by_date(products, query):
    """A row of each day that something was taken on."""
    return {day: query | {"start": day, "end": day} for day in sorted({product.begin[:10] for product in products})}


GROUPS = {"product": by_product, "tile": by_tile, "date": by_date}


def flow(options):
    """Options as a YAML flow map in one line."""
    return yaml.safe_dump(options, default_flow_style=True, width=10**9, sort_keys=False).strip()


if __name__ == "__main__":
    entrypoint.run(copernicus_sheet)
