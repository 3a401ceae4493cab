"""SAP CAP on loopback, a whole OData v4 service over SQLite, with the adapter of `cap/server.js`; `make cap` installs it."""

import csv
import os
import shutil
from pathlib import Path

import shapely

from servers import loopback

PROJECT = Path(__file__).with_name("cap")
INSTALLED = Path(__file__).parents[2] / ".venv-cap/node_modules"  # by `make cap`
COLUMNS = ("Id", "Name", "Online", "ContentLength", "PublicationDate", "S3Path", "Footprint")


def installed():
    """Whether there is what a service needs."""
    return INSTALLED.exists() and shutil.which("node") is not None


class Cap:
    """A running service with products as CDSE tells of them, in `folder`; `url` is what `search` of a catalogue wants."""

    def __init__(self, folder, products):
        shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
        (folder / "node_modules").symlink_to(INSTALLED)
        _tables(folder / "data", products)
        port, log = loopback.free_ports(1)[0], folder / "cap.log"
        command = ["node", folder / "node_modules/@sap/cds/bin/serve.js", "catalogue.cds"]
        environment = os.environ | {"PORT": str(port), "NODE_ENV": "test"}
        self.process = loopback.start(command, log, environment, folder)
        loopback.wait_for_port(port, self.process, log)
        self.url = f"http://127.0.0.1:{port}/odata/v1"

    def stop(self):
        loopback.stop(self.process)


def _tables(folder, products):
    """Write the products as the tables that CAP fills its database with."""
    folder.mkdir()
    kinds = {"String": "StringValue", "Integer": "IntegerValue", "Double": "DoubleValue"}
    rows, attributes = [], []
    for product in products:
        wkt = product["Footprint"].removeprefix("geography'SRID=4326;").removesuffix("'")
        times = {f"ContentDate_{end}": product["ContentDate"][end] for end in ("Start", "End")}
        sides = dict(zip(("west", "south", "east", "north"), shapely.from_wkt(wkt).bounds, strict=True))
        told = {name: product[name] for name in COLUMNS} | {"Online": str(product["Online"]).lower()}
        rows.append(told | times | sides | {"Collection_Name": "SENTINEL-2"})
        for one in product["Attributes"]:
            entry = {"Id": len(attributes), "product_Id": product["Id"], "Name": one["Name"]}
            entry |= dict.fromkeys(kinds.values(), "") | {"ValueType": one["ValueType"]}
            attributes.append(entry | {kinds[one["ValueType"]]: one["Value"]})
    tables = {"Products": rows, "Attributes": attributes, "Collections": [{"Name": "SENTINEL-2"}]}
    for name, table in tables.items():
        with (folder / f"csc-{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)
