"""Order what is archived of the products that were found, and wait until it is there."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.copernicus import login, orders, settings
from darkroom.copernicus.asking import Client
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.products import read_products


def copernicus_order(products: Path, order: Path, *, store: Path, catalogues: str = "", wait: float = 1440):
    """Write order.json: for each product whether it is online, was ordered, or is archived and cannot be had.

    products -- products.geojson of a search
    store -- folder of the products of all datasets, which holds what was ordered: nothing is ordered twice
    catalogues -- a file of one's own catalogues
    wait -- minutes to wait for what was ordered; a rerun goes on waiting

    Raises TimeoutError when something that was ordered is not there in the end, PermissionError for a login that is
    refused, ValueError where there is none.
    """
    listed, entries, name = read_products(products), [], ""
    if listed:
        name = listed[0].catalogue
        service = settings.load(name, catalogues)
        catalogue = open_catalogue(service, Client(service))
        entries = orders.order(listed, catalogue, service, store / name, lambda: login.account(service), wait)
    orders.write(order, entries, name)


if __name__ == "__main__":
    entrypoint.run(copernicus_order, globals().get("snakemake"))
