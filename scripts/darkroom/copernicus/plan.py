"""What a row of the sheet asks of this pipeline: its recipe, its query, the files that they watch."""

from collections.abc import Iterator

from darkroom import schema
from darkroom.campaign.sheet import Row
from darkroom.copernicus import asked, settings

TABLES = ["products.csv", "products.geojson", "product_list.txt", "product_list_remote.txt"]
# What each recipe ends in.
RECIPES = {"products": [*TABLES, "preview.png"]}
DEFAULT = "products"


def recipe(row: Row) -> str:
    """The recipe of a row."""
    return row.recipe or DEFAULT


def products(row: Row) -> list[str]:
    """The files that a row ends in."""
    return RECIPES[recipe(row)]


def records(row: Row) -> list[str]:
    """The records of a row: what is there already need not be ordered."""
    return ["search.json", *([] if row.source else ["order.json"]), "products_check.json"]


def problems(row: Row) -> Iterator[str]:
    """What is wrong with a row beyond its options, a sentence each."""
    if row.recipe and row.recipe not in RECIPES:
        yield f"recipe: {row.recipe!r} is unknown{schema.nearest(row.recipe, RECIPES)}"
    query, catalogues = row.options["query"], row.options["catalogues"]
    if not query and not row.source:
        yield "options query: is empty, and so is the source; give a query, such as {type: S2MSI2A, area: aoi.geojson}"
    try:
        settings.known(catalogues)
        given, folder = asked.load(query)
    except ValueError as error:
        yield f"options {error}"
        return
    if row.source and "catalogue" in given:
        yield "options query.catalogue: has no place beside a source, which is looked through itself; leave out either"
    yield from asked.problems(given, folder, "options query" if isinstance(query, dict) else str(query), catalogues)


def question(row: Row) -> dict | str:
    """The query of a row as a rule hands it on: its map, or the path of its file."""
    return asked.plain(row.options["query"])


def watched(row: Row) -> list[str]:
    """Files whose change asks the question anew."""
    query, catalogues = row.options["query"], row.options["catalogues"]
    try:
        given, folder = asked.load(query)
    except ValueError:  # `problems` tells of it
        return []
    own = [query] if isinstance(query, str) else []
    return [*own, *asked.files(given, folder), *([catalogues] if catalogues else [])]
