"""ONDA's catalogue and services of its kind: OData with a text search, products in an Elastic Node Server (ENS).

`$search` takes the expressions of Lucene over `platformName`, `productType`, `beginPosition` and `footprint`; archived
products are ordered by `Ens.Order`. ONDA itself closed in February 2025.
"""

from urllib.parse import quote

from darkroom.copernicus import areas, names
from darkroom.copernicus.catalogues.paging import Page, paged, product_of
from darkroom.copernicus.products import File, Product

MOUNT = "/mnt/Copernicus"  # where machines of the service have its ENS
PLATFORMS = {"Sentinel-5P": "Sentinel-5 Precursor"}
FAMILIES = ("RAW", "SLC", "GRD", "OCN")  # types of Sentinel-1 as it names them


class Ens:
    """A catalogue of ONDA's kind. `client` asks it, see `asking`."""

    def __init__(self, settings, client):
        self.settings, self.client = settings, client
        self.exact = True

    def search(self, query):
        """Products that the catalogue finds for a query, in the order of time, and how many it counts."""
        if query.names:
            return self.named(query)
        room = self.settings.limits.url - len(self.settings.search) - len(quote(self.expression(query))) - 300
        area = query.area
        if area is not None:
            area, longest = areas.simplified(area, room), room
            while longest > 100 and len(quote(areas.wkt(area))) > room:
                longest = longest * 3 // 4
                area = areas.simplified(query.area, longest)
            self.exact = area.equals(query.area)
        return paged(lambda *where: self._page(query, area, *where), self.settings.limits, query.limit)

    def named(self, query):
        """Products of the names that a query has. The service finds the beginnings of names: the whole one counts."""
        products = []
        for name in query.names:
            rows = self._rows(f"name:{name}*", {"$top": "10"})
            products += [product for product in self._products(rows) if product.stem == name][:1]
        return products, len(products)

    def state(self, product):
        """A product as the catalogue has it now. Raises OSError when it is gone."""
        for there in self._products(self._rows(product.name, {"$top": "10"})):
            if there.name == product.name:
                return there
        raise OSError(f"{product.name}: the catalogue {self.settings.name} has it no more; search again")

    def whole(self, product):
        """The archive of a product."""
        url = f"{self.settings.download}/Products({quote(product.id)})/$value"
        return File(product.name, url, bytes=product.bytes, archive=product.name.endswith((".zip", ".tar.gz")))

    def files(self, product):
        """None of them can be had alone here: the whole product."""
        return [self.whole(product)]

    def order_request(self, product):
        """What asks for an archived product: method, URL and body."""
        return "POST", f"{self.settings.search}/Products({quote(product.id)})/Ens.Order", {}

    def expression(self, query, area=None, since=""):
        """The text search of a query; CLEOPE's, but that what a query overlaps is found, too."""
        clauses = []
        if query.mission:
            platform = f"platformName:{PLATFORMS.get(query.mission, query.mission)}"
            kind = f"*{query.type}*" if query.type in FAMILIES else query.type
            clauses.append(f"( {platform} AND productType:{kind} )" if kind else f"( {platform} )")
        if query.end or query.start or since:
            clauses.append(
                f"( beginPosition:[{since or '*'} TO {query.end or '*'}] AND endPosition:[{query.start or '*'} TO *] )"
            )
        if query.cloud_cover:
            clauses.append("cloudCoverPercentage:[{:g} TO {:g}]".format(*query.cloud_cover))
        if area is not None:
            clauses.append(f'footprint:"Intersects({areas.wkt(area)})"')
        return " AND ".join(clauses) or "*"

    def _page(self, query, area, since, skip, top, count):
        expression = self.expression(query, area, since)
        total = None
        if count:
            asked = quote(f'"{expression}"', safe="")
            total = int(self.client.json(f"{self.settings.search}/Products/$count?$search={asked}"))
        rows = self._rows(expression, {"$orderby": "beginPosition asc", "$top": str(top), "$skip": str(skip)})
        return Page(self._products(rows), total)

    def _rows(self, expression, options):
        options = {"$search": f'"{expression}"', "$format": "json", "$expand": "Metadata"} | options
        asked = "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items())
        answer = self.client.json(f"{self.settings.search}/Products?{asked}")
        if not isinstance(answer, dict) or not isinstance(answer.get("value"), list):
            raise ValueError(
                f"{self.settings.search}: the answer has no list of products; is this a catalogue of ONDA's kind?"
            )
        return answer["value"]

    def _products(self, rows):
        return [product_of(row, self._product, self.settings.search) for row in rows]

    def _product(self, row):
        """A `Product` of an entry of an answer. Of the several paths of a product the first one is taken."""
        name = names.parsed(row["name"])
        folder = (row.get("pseudopath") or "").partition(",")[0].strip()
        begin = row.get("beginPosition") or (name.begin if name else "")
        told = {one.get("id"): one.get("value") for one in row.get("metadata") or []}
        cloud = told.get("cloudCoverPercentage")
        return Product(
            id=row.get("id") or "",
            name=row["name"],
            begin=begin,
            end=row.get("endPosition") or told.get("endPosition") or (name.end if name else begin),
            footprint=row.get("footprint") or "",
            bytes=int(row.get("size") or 0) or None,
            online=not row.get("offline", False),
            path=f"{MOUNT}/{folder}/{row['name']}" if folder else "",
            version=name.version if name else "",
            catalogue=self.settings.name,
            collection=name.mission if name else "",
            type=name.type if name else "",
            attributes=({"published": row["created"]} if row.get("created") else {})
            | ({} if cloud is None else {"cloudCover": float(cloud)}),
        )
