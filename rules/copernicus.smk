"""A question to a catalogue of satellite products -> the products on disk, checked, and what a recipe makes of them.

query -> products.csv, products.geojson, search.json -> order.json -> resources/<dataset>/inventory.json ->
products_check.json (copernicus/products.smk) -> scenes.json -> stack.nc -> map.tif, statistics.csv, classes.tif
(copernicus/recipes.smk); preview.png. A row with a source of its own is looked through in place, and nothing is ordered or
fetched. One job fetches all products of a row; `./darkroom copernicus_sheet` makes a row of each product, tile or date.
"""

from darkroom.campaign.campaign import one_of
from darkroom.campaign.inputs import watchable
from darkroom.copernicus import plan

CAMPAIGN.add(
    "copernicus",
    Pipeline(products=plan.products, records=plan.records, problems=plan.problems, needs_source=False),
)
COPERNICUS = CAMPAIGN.good("copernicus")
SEARCHED = one_of([row.dataset for row in COPERNICUS if not plan.is_mapped(row)])
MAPPED = one_of([row.dataset for row in COPERNICUS if plan.is_mapped(row)])


def recipe_of(wildcards):
    """The recipe of the dataset of a job."""
    return plan.recipe(row(wildcards))


def recipe_options(wildcards):
    """Those options of the dataset of a job that its recipe reads."""
    return plan.recipe_options(row(wildcards))


def if_made(product):
    """A product of the datasets whose recipe makes it, as an input of others."""
    return lambda wildcards: f"<dataset>/{product}" if product in plan.products(row(wildcards)) else []


def perimeter_of(wildcards):
    """The file with the perimeter that the row of a job names."""
    return watchable([row(wildcards).options["perimeter"]] if row(wildcards).options["perimeter"] else [])


include: "copernicus/products.smk"
include: "copernicus/recipes.smk"
