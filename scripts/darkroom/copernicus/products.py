"""A product of a catalogue, and the tables that a search writes: CSV for people, GeoJSON with all that is known."""

import csv
import io
import json
from dataclasses import dataclass, field, fields

from darkroom import files
from darkroom.copernicus import areas
from darkroom.copernicus.names import stem

COLUMNS = ("id", "name", "begin", "end", "footprint", "bytes", "online", "checksums", "path", "version")
MORE = ("catalogue", "collection", "type")  # columns behind them


@dataclass(frozen=True)
class Asset:
    """One file of a product: `name` with the product's own folder, `checksum` the multihash in hexadecimal as given."""

    key: str
    name: str
    url: str
    alternate: str = ""
    bytes: int | None = None
    checksum: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class File:
    """Something to fetch for a product: the zip of all of it (`archive`), or one of its files.

    digests -- what is promised of the bytes that are served, such as `md5:HEX`
    alternate -- the same file elsewhere, such as s3://eodata/...
    """

    name: str
    url: str
    bytes: int | None = None
    digests: tuple[str, ...] = ()
    archive: bool = False
    alternate: str = ""


@dataclass(frozen=True)
class Product:
    """A product as its catalogue tells of it.

    begin, end -- sensing, ISO 8601 in UTC
    footprint -- WKT in longitude and latitude as given, which may be invalid; "" of auxiliary data
    bytes -- size of the stored object, which need not be that of the zip that is served; None where it is not told
    checksums -- hexadecimal digests of the stored object by algorithm: md5, blake3
    path -- where the archive has it: /eodata/..., a path of ENS, or a path of this machine
    version -- what tells it from another processing of the same acquisition, see `versions`
    """

    id: str
    name: str
    begin: str
    end: str
    footprint: str = ""
    bytes: int | None = None
    online: bool = True
    checksums: dict = field(default_factory=dict)
    path: str = ""
    version: str = ""
    catalogue: str = ""
    collection: str = ""
    type: str = ""
    attributes: dict = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()

    @property
    def stem(self):
        """The name without what tells how it is packed."""
        return stem(self.name)


def write_products(folder, products):
    """Write products.csv, products.geojson and CLEOPE's two lists of names and paths to a folder.

    In the GeoJSON, geometries are repaired and cut at the antimeridian (RFC 7946); the table has footprints as given.
    """
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow([*COLUMNS, *MORE])
    rows.writerows(_row(product) for product in products)
    files.write_bytes(folder / "products.csv", table.getvalue().encode())
    files.write_bytes(folder / "product_list.txt", "".join(f"{product.name}\n" for product in products).encode())
    paths = "".join(f"{product.path}\n" for product in products if product.path)
    files.write_bytes(folder / "product_list_remote.txt", paths.encode())
    with files.replacing(folder / "products.geojson") as partial, partial.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, product in enumerate(products):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(_feature(product), ensure_ascii=False))
        file.write("\n]}\n")


def _row(product):
    checksums = " ".join(f"{algorithm}:{digest}" for algorithm, digest in sorted(product.checksums.items()))
    cells = vars(product) | {"checksums": checksums, "online": str(product.online).lower()}
    return ["" if cells[column] is None else cells[column] for column in (*COLUMNS, *MORE)]


def _feature(product):
    properties = vars(product) | {"assets": [vars(asset) for asset in product.assets]}
    geometry = areas.repaired(product.footprint) if product.footprint else None
    return {
        "type": "Feature",
        "id": product.id or product.name,
        "geometry": areas.geojson(geometry) if geometry is not None else None,
        "properties": properties,
    }


def read_products(path):
    """The products of a products.geojson, with all that the search knew of them.

    Raises ValueError when the file is not one that a search has written.
    """
    columns = {entry.name for entry in fields(Product)}
    try:
        entries = [feature["properties"] for feature in files.read_json(path)["features"]]
        return [
            Product(**{key: value for key, value in entry.items() if key in columns} | {"assets": _assets(entry)})
            for entry in entries
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the products.geojson of a search ({error}); search again") from error


def _assets(entry):
    return tuple(Asset(**asset | {"roles": tuple(asset["roles"])}) for asset in entry["assets"])
