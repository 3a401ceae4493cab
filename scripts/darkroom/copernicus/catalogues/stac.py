"""STAC 1.1 with CQL2, as CDSE's new catalogue speaks it; by pystac-client."""

import contextlib
import logging
import warnings
from pathlib import Path
from urllib.parse import urlsplit

import pystac_client
import requests
import shapely
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from darkroom.copernicus import names
from darkroom.copernicus.catalogues.paging import product_of
from darkroom.copernicus.manifests import multihash
from darkroom.copernicus.products import Asset, File, Product
from darkroom.retry import PASSING, PassingError, persistently
from darkroom.transfer import remote
from darkroom.urls import public_url

PROPERTIES = {  # of STAC, as OData calls them
    "eo:cloud_cover": "cloudCover",
    "sat:relative_orbit": "relativeOrbitNumber",
    "sat:orbit_state": "orbitDirection",
    "product:timeliness_category": "timeliness",
    "processing:version": "processorVersion",
    "processing:datetime": "processingDate",
    "product:type": "productType",
    "published": "published",
}
PICTURES = {"thumbnail", "overview", "visual"}  # roles
logging.getLogger("pystac_client").setLevel(logging.WARNING)


class Stac:
    """A catalogue that speaks STAC. `client` holds the list of requests, see `asking`."""

    def __init__(self, settings, client):
        self.settings, self.client = settings, client
        self.exact = True

    def search(self, query):
        """Items that the catalogue finds for a query, in the order of time, and how many it counts or, where it does
        not count, how many came.

        Raises ValueError for a type without a collection and for more than the query's limit; OSError for a catalogue
        that gives up, and where fewer or more came than it counts.
        """
        items, total = {}, None
        with _told(self.settings):
            for page in self._catalog().search(**self.request(query)).pages_as_dicts():
                total = page.get("numberMatched", total)
                products = [product_of(item, self._product, self.settings.search) for item in page["features"]]
                items |= {product.id: product for product in products}
                if (total or len(items)) > query.limit:
                    many = total or "more"
                    raise ValueError(
                        f"the catalogue has {many} products for this query, and its limit is {query.limit}; narrow it "
                        "by area, start, end, tile or orbit, or raise limit"
                    )
        if total is not None and total != len(items):
            raise OSError(f"{self.settings.search}: {total} products are counted, {len(items)} came; try again")
        return sorted(items.values(), key=lambda one: (one.begin, one.name)), len(items)

    def request(self, query):
        """What a search is asked: collections, time, area, ids, and a filter in CQL2."""
        asked = {"limit": self.settings.limits.page, "collections": self._collections(query)}
        if query.names:
            return {"limit": self.settings.limits.page, "ids": list(query.names)}
        if query.start or query.end:
            asked["datetime"] = f"{query.start or '..'}/{query.end or '..'}"
        if query.area is not None:
            asked["intersects"] = shapely.geometry.mapping(query.area)
        if clauses := list(self._clauses(query)):
            asked |= {
                "filter": {"op": "and", "args": clauses} if len(clauses) > 1 else clauses[0],
                "filter_lang": "cql2-json",
            }
        return {key: value for key, value in asked.items() if value}

    def state(self, product):
        """A product as the catalogue has it now. Raises OSError when it is gone."""
        with _told(self.settings):
            for item in self._catalog().search(ids=[product.id]).items_as_dicts():
                return product_of(item, self._product, self.settings.search)
        raise OSError(f"{product.name}: the catalogue {self.settings.name} has it no more; search again")

    def whole(self, product):
        """The zip of a whole product, or its one file where nothing is packed.

        Raises ValueError for an item that has neither.
        """
        packed = next((asset for asset in product.assets if "archive" in asset.roles), None)
        if packed:
            return _file(packed, archive=True)
        if len(product.assets) == 1:
            return _file(product.assets[0])
        raise ValueError(f"{product.name}: {self.settings.name} has no zip of it, but its files: give `files`")

    def files(self, product):
        """The files of a product."""
        return [_file(asset) for asset in product.assets if "archive" not in asset.roles]

    def order_request(self, product):
        """None: this service takes no orders."""
        return None

    def _catalog(self):
        with _told(self.settings), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about links that a catalogue lacks
            catalog = pystac_client.Client.open(self.settings.search, stac_io=_Io(self.client))
            catalog.add_conforms_to("ITEM_SEARCH")
            catalog.add_conforms_to("FILTER")
            return catalog

    def _collections(self, query):
        """The collections of a type, or those of a mission's types. Raises ValueError for a type that has none."""
        of_types = self.settings.collections
        if query.type:
            if query.type not in of_types:
                types = ", ".join(sorted(of_types)) or "none"
                raise ValueError(
                    f"type: {self.settings.name} has no collection for {query.type!r}; known are {types}; others are "
                    "named in `collections` of a catalogue of your own"
                )
            collections = of_types[query.type]
        elif query.mission:
            collections = [one for kind in names.MISSIONS[query.mission][1] for one in of_types.get(kind, [])]
        else:
            collections = []
        endings = tuple(
            {"NT": "-ntc", "ST": "-stc", "NR": "-nrt"}.get(word, f"-{word.lower()}") for word in query.timeliness
        )
        return list(dict.fromkeys(one for one in collections if not endings or one.endswith(endings)))

    def _clauses(self, query):
        """Conditions of CQL2-JSON."""
        if query.cloud_cover:
            low, high = query.cloud_cover
            if low > 0:
                yield _compare(">=", "eo:cloud_cover", low)
            yield _compare("<=", "eo:cloud_cover", high)
        if query.orbits:
            yield {"op": "in", "args": [{"property": "sat:relative_orbit"}, list(query.orbits)]}
        if query.direction:
            yield _compare("=", "sat:orbit_state", query.direction.lower())
        if query.tiles and query.mission == "Sentinel-2":
            yield {"op": "in", "args": [{"property": "grid:code"}, [f"MGRS-{tile}" for tile in query.tiles]]}

    def _product(self, item):
        """A `Product` of an item."""
        told, copied = item["properties"], _copied(item)
        assets = tuple(_copies(item, copied) if copied else _assets(item))
        local = next((asset.name for asset in assets if asset.name and "archive" not in asset.roles), "")
        whole = next((asset for asset in assets if "archive" in asset.roles), None)
        only = assets[0] if len(assets) == 1 else whole
        name = local.partition("/")[0] if local else item["id"]
        parsed = names.parsed(name)
        begin = told.get("start_datetime") or told.get("datetime") or (parsed.begin if parsed else "")
        attributes = {name: told[key] for key, name in PROPERTIES.items() if told.get(key) is not None}
        if grid := told.get("grid:code"):
            attributes["tileId"] = str(grid).removeprefix("MGRS-")
        return Product(
            id=item["id"],
            name=name,
            begin=begin,
            end=told.get("end_datetime") or begin,
            footprint=shapely.to_wkt(shapely.geometry.shape(item["geometry"]), rounding_precision=-1)
            if item.get("geometry")
            else "",
            bytes=only.bytes if only else None,
            online=told.get("order:status", "succeeded") in ("succeeded", "shipped"),
            checksums=_checksums(only),
            path=_archive_path(assets, name),
            version=(parsed.version if parsed else "") or told.get("processing:version", ""),
            catalogue=self.settings.name,
            collection=item.get("collection") or "",
            type=(parsed.type if parsed else "") or told.get("product:type", ""),
            attributes=attributes,
            assets=assets,
        )


def _assets(item):
    """The files of an item: quick-looks and links to other services, which have no place in a product, are left out."""
    for key, asset in item["assets"].items():
        local = asset.get("file:local_path", "")
        if not local:
            continue
        alternate = asset.get("alternate", {}).get("https", {}).get("href", "")
        yield Asset(
            key=key,
            name=local,
            url=alternate or asset["href"],
            alternate=asset["href"] if alternate else "",
            bytes=asset.get("file:size"),
            checksum=asset.get("file:checksum", ""),
            roles=tuple(asset.get("roles", ())),
        )


def _copied(item):
    """The name of the product that an item has copies of, each file wherever it may be; "" for files of the product."""
    if any("file:local_path" in asset for asset in item["assets"].values()):
        return ""
    return names.stem(item["properties"].get("s2:product_uri", ""))


def _copies(item, product):
    """The item, which tells what its numbers are, and the files that it has for everybody, in a folder of the product.

    Pictures of it, and what other services have for those who pay for it, are left out.
    """
    told = next((link["href"] for link in item.get("links", ()) if link["rel"] == "self"), "")
    if told:
        yield Asset("item", f"{product}/{product}.json", told, roles=("metadata",))
    listed = set()
    for key, asset in item["assets"].items():
        name = Path(urlsplit(asset["href"]).path).name
        if urlsplit(asset["href"]).scheme not in ("http", "https") or name in listed:
            continue
        if PICTURES & set(asset.get("roles", ())):
            continue
        listed.add(name)
        yield Asset(
            key, f"{product}/{name}", asset["href"], "", asset.get("file:size"), asset.get("file:checksum", ""),
            tuple(asset.get("roles", ())),
        )  # fmt: skip


def _archive_path(assets, name):
    """Where the object store has the product, as a path: /eodata/..."""
    for asset in assets:
        for url in (asset.alternate, asset.url):
            if url.startswith("s3://") and f"/{name}" in url:
                return f"/{url.removeprefix('s3://').partition(f'/{name}')[0]}/{name}"
    return ""


def _checksums(asset):
    """The digest of an asset by its algorithm, where its multihash is one of a single algorithm."""
    algorithm, _, value = (multihash(asset.checksum) if asset else "").partition(":")
    return {algorithm: value} if value and "/" not in algorithm else {}


def _file(asset, archive=False):
    """An asset as a file to fetch."""
    digest = multihash(asset.checksum)
    return File(asset.name, asset.url, asset.bytes, (digest,) if digest else (), archive, asset.alternate)


def _compare(operator, name, value):
    return {"op": operator, "args": [{"property": name}, value]}


class _Io(StacApiIO):
    """Requests of pystac-client, noted, with timeouts, and asked again when the catalogue is busy."""

    def __init__(self, client):
        super().__init__(max_retries=None, timeout=remote.TIMEOUT)
        self.client = client

    def request(self, href, method=None, headers=None, parameters=None):
        """The text of an answer. Raises APIError for one that no other attempt will mend, OSError when it gives up."""
        entry = {"url": public_url(href)} | ({"body": parameters} if method == "POST" and parameters else {})
        entry["attempts"] = 0
        self.client.requests.append(entry)
        ask = super().request

        def once():
            entry["attempts"] += 1
            try:
                text = ask(href, method, headers, parameters)
            except APIError as error:
                status = getattr(error, "status_code", None)  # which is there when there was an answer
                if status is None or status in PASSING:
                    raise PassingError(f"status {status}" if status else "no answer") from None
                raise
            entry["status"] = 200
            return text

        return persistently(once, entry["url"], self.client.attempts)


@contextlib.contextmanager
def _told(settings):
    """What pystac-client raises, in one line that names the catalogue."""
    try:
        yield
    except APIError as error:
        said = " ".join(str(error).split())[:300]
        kind = ValueError if error.status_code in (400, 422) else OSError
        taken = "does not take the query" if kind is ValueError else "cannot be searched"
        raise kind(f"{settings.search}: {taken} ({error.status_code}): {said}") from None
    except (requests.RequestException, KeyError, TypeError) as error:
        raise ValueError(
            f"{settings.search}: the answer is not one of STAC ({type(error).__name__}: {error})"
        ) from error
