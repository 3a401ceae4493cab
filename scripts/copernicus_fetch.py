"""Bring the products that were found here, or take stock of them where they lie."""

import logging
from pathlib import Path

from darkroom import entrypoint, files
from darkroom import inventory as inventories
from darkroom.copernicus import downloads, orders, settings
from darkroom.copernicus.asking import Client
from darkroom.copernicus.catalogues.made import MadeToOrder
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.products import read_products
from darkroom.transfer.progress import Progress

logger = logging.getLogger(__name__)


def copernicus_fetch(
    products: Path,
    order: Path,
    inventory: Path,
    *,
    store: Path,
    catalogues: str = "",
    patterns: list | None = None,
    connections: int = 4,
    attempts: int = downloads.ATTEMPTS,
):
    """Write the inventory of a search's products: `root`, and `files` with name, bytes, SHA-256 and where from.

    products -- products.geojson of a search
    order -- order.json: what is archived and cannot be had is left out
    store -- folder of the products of all datasets: what two of them want is fetched once, and of a folder's catalogue
        nothing is copied but what archives hold
    catalogues -- a file of one's own catalogues
    patterns -- of each product fetch only the files that match one of these (`*_B04_10m.jp2`), and its metadata
    connections -- downloads at a time; a service that bears fewer, of all jobs together, gets no more
    attempts -- tries of a file in a row without any progress

    Raises OSError when products cannot be had, once all the others are here; PermissionError for a login that is
    refused; ValueError where there is none, or no file of a product matches.
    """
    listed = read_products(products)
    unavailable = orders.left_out(order)
    asked = [product for product in listed if product.name not in unavailable]
    made = inventories.Inventory(str(store), [])
    if asked:
        service = settings.load(asked[0].catalogue, catalogues)
        client = Client(service)
        catalogue, place = open_catalogue(service, client), store / service.name
        if service.kind == "folder":
            made = downloads.in_place(asked, catalogue, place, patterns or ())
        elif isinstance(catalogue, MadeToOrder):
            made = downloads.made_for(asked, catalogue, place)
        else:
            places = downloads.Places(service)
            wants = [downloads.choose(product, catalogue, patterns or (), places) for product in asked]
            bears = min(connections, service.limits.connections)
            with Progress(sum(len(want.items) for want in wants)) as shown:
                fetched = downloads.fetch(wants, place, places, attempts, bears, shown)
            made = inventories.Inventory(str(place), [file for files_of_one in fetched for file in files_of_one])
    logger.info("%d files, %s, in %s", len(made.files), files.human(made.bytes), made.root)
    inventories.write(inventory, made)


if __name__ == "__main__":
    entrypoint.run(copernicus_fetch, globals().get("snakemake"))
