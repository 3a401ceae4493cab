"""What a row of the sheet asks of this pipeline: its recipe, its query, the files that they watch."""

import math
from collections.abc import Iterator
from pathlib import Path

from darkroom import schema
from darkroom.campaign.inputs import record
from darkroom.campaign.sheet import Row
from darkroom.copernicus import asked, settings, variants
from darkroom.memory import asked as asked_memory

TABLES = ["products.csv", "products.geojson", "product_list.txt", "product_list_remote.txt"]
DEFAULT = "products"
PROJECTING = 430  # MB of blocks that are worked on
# Those that methods of recipes read.
RECIPE_OPTIONS = (
    "map", "layers", "backscatter", "mask", "detectors", "qa", "step", "every", "hours", "dekads", "nearest", "land",
    "plume", "perimeter", "context",
)  # fmt: skip
SOUGHT = {  # what a recipe may look for on its maps: the products of that, and the options that it reads
    "targets": (["targets.geojson"], {"land"}),
    "plume": (["plume.geojson", "plume.csv"], {"plume", "context"}),
    "hotspots": (["hotspots.csv"], {"perimeter"}),
}


def recipe(row: Row) -> str:
    """The recipe of a row."""
    return row.recipe or DEFAULT


def is_mapped(row: Row) -> bool:
    """Whether a row ends in a map, and not in the products themselves."""
    return recipe(row) != DEFAULT


def variant(row: Row) -> variants.Variant:
    """What the recipe of a row computes."""
    return variants.known(row.options["recipes"])[recipe(row)]


def looked_for(row: Row) -> list[str]:
    """What the recipe of a row looks for on its maps."""
    return [kind for kind in SOUGHT if is_mapped(row) and getattr(variant(row), kind)]


def _method(row):
    """How the recipe of a row is made. Loaded here, as it brings rasterio along: other rows start sooner without."""
    from darkroom.copernicus.recipes.registry import method

    return method(variant(row).method)


def products(row: Row) -> list[str]:
    """The files that a row ends in."""
    if not is_mapped(row):
        return [*TABLES, "preview.png"]
    classes = ["classes.tif", "classes.csv"] if variant(row).classes else []
    sought = [name for kind in looked_for(row) for name in SOUGHT[kind][0]]
    frames = ["animation.gif"] if variant(row).frames else []
    drawn = [*frames, "preview.png"]
    return ["products.csv", "map.tif", "stack.nc", *classes, *sought, "statistics.csv", "item.json", *drawn]


def records(row: Row) -> list[str]:
    """The records of a row: what is there already need not be ordered."""
    ordered = [] if row.source else ["order.json"]
    mapped = ["scenes.json", "copernicus.json"] if is_mapped(row) else []
    mapped += [f"{kind}.json" for kind in looked_for(row)]
    return ["search.json", *ordered, "products_check.json", *mapped]


def megabytes(products: str) -> int:
    """What the products of a search, products.geojson, take on the disk, as far as their catalogue tells."""
    features = record(products)["features"]
    return math.ceil(sum(feature["properties"].get("bytes") or 0 for feature in features) / 1e6)


def memory(wildcards, input, attempt: int) -> int:
    """MB that bringing products to a grid asks for; tests/bench/memory_of_rules.py measures what is used.

    Raises FileNotFoundError as long as it is not known how large they are.
    """
    return attempt * asked_memory(PROJECTING + record(input.scenes).get("held", 0) / 1e6)


def recipe_options(row: Row) -> dict:
    """The options of a row that its recipe reads."""
    return {key: asked.plain(row.options[key]) for key in sorted(_method(row).options)}


def patterns(row: Row) -> list[str]:
    """Which files of a product are fetched: as the row says, else what its recipe reads; all where there is none."""
    if row.options["whole"]:
        return []
    if row.options["files"] or not is_mapped(row):
        return list(row.options["files"])
    return _method(row).patterns(variant(row), recipe_options(row))


def read_by_recipe(row: Row) -> list[str]:
    """Files of the user's that a recipe reads, whose change makes the map anew."""
    area = row.options["map"].get("area")
    return [*([row.options["recipes"]] if row.options["recipes"] else []), *([area] if asked.is_path(area) else [])]


def problems(row: Row) -> Iterator[str]:
    """What is wrong with a row beyond its options, a sentence each."""
    yield from _recipe_problems(row)
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


def _recipe_problems(row):
    """What is wrong with the recipe of a row, and with the options that are for recipes."""
    try:
        recipes = [DEFAULT, *variants.known(row.options["recipes"])]
    except ValueError as error:
        yield f"options recipes: {error}"
        return
    if recipe(row) not in recipes:
        yield f"recipe: {row.recipe!r} is unknown{schema.nearest(row.recipe, recipes)}"
        return
    takes = _method(row).options if is_mapped(row) else frozenset()
    takes |= set().union(*(SOUGHT[kind][1] for kind in looked_for(row)))
    for key in RECIPE_OPTIONS:
        if row.options[key] not in ({}, [], "", None) and key not in takes:
            yield f"options {key}: has no meaning for recipe {recipe(row)}; leave it out"
    if is_mapped(row):
        yield from (f"options {line}" for line in _method(row).problems(variant(row), recipe_options(row)))
        yield from (f"options {line}" for line in _file_problems(row))


def _file_problems(row):
    """What is wrong with the files that a row names beside its map. A map of another row may be there only later."""
    if row.options["perimeter"]:
        from darkroom.copernicus import areas

        try:
            areas.read(row.options["perimeter"], "perimeter")
        except ValueError as error:
            yield str(error)
    for path in row.options["context"]:
        if not Path(path).is_file() and Path(path).name != "map.tif":
            yield f"context: there is no file {path!r}; right is an image with a place, such as the map.tif of a row"


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
