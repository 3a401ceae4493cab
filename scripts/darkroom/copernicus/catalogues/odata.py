"""OData as CDSE, CREODIAS and WEkEO speak it: filters with attributes, areas and times, pages in the order of time.

The grammar is that of the OData page of CDSE's documentation: casts to `OData.CSC.*Attribute` within `any`, and
`OData.CSC.Intersects` for areas.
"""

from urllib.parse import quote

import shapely

from darkroom.copernicus import areas, names
from darkroom.copernicus.catalogues.paging import Page, paged, product_of
from darkroom.copernicus.products import File, Product
from darkroom.copernicus.query import Query

ENDINGS = {"Sentinel-1": ".SAFE", "Sentinel-2": ".SAFE", "Sentinel-3": ".SEN3", "Sentinel-5P": ".nc"}
NAMES = 20  # names that are asked for at once
# What is kept of the attributes of a product: of 10,000 products, all of them would fill the memory.
ATTRIBUTES = {
    *("cloudCover", "tileId", "relativeOrbitNumber", "orbitDirection", "timeliness", "processorVersion"),
    *("processingDate", "datasetIdentifier", "productType", "platformShortName", "polarisationChannels"),
}
DIGESTS = ("md5", "blake3", "sha3-256", "sha256")


class OData:
    """A catalogue that speaks OData. `client` asks it, see `asking`."""

    def __init__(self, settings, client):
        self.settings, self.client = settings, client
        self.exact = True  # whether the catalogue itself compared footprints with the whole area

    def search(self, query):
        """Products that the catalogue finds for a query, in the order of time, and how many it counts."""
        if query.names:
            return self.named(query)
        room = self.settings.limits.url - len(self.settings.search) - 400
        area = self._area(query, room)
        return paged(lambda *where: self._page(query, area, *where), self.settings.limits, query.limit)

    def named(self, query):
        """Products of the names that a query has, each asked for by its whole name."""
        products = []
        for at in range(0, len(query.names), NAMES):
            some = query.names[at : at + NAMES]
            ask = [f"Name eq {text(name + ending)}" for name in some for ending in _endings(name)]
            rows = self._rows(f"({' or '.join(ask)})", {"$top": str(self.settings.limits.page)})["value"]
            products += self._products(rows)
        return products, len(products)

    def state(self, product):
        """A product as the catalogue has it now. Raises OSError when it is gone."""
        rows = self._rows(f"Name eq {text(product.name)}", {})["value"]
        if not rows:
            raise OSError(f"{product.name}: the catalogue {self.settings.name} has it no more; search again")
        return self._products(rows[:1])[0]

    def whole(self, product):
        """The zip of a whole product, or its one file."""
        single = product.name.endswith((".nc", ".EOF", ".tif", ".zip"))
        node = f"/Nodes({quote(product.name)})" if single else ""  # as it is: `$value` of a product may be packed
        return File(
            name=f"{product.name}.zip" if product.name.endswith((".SAFE", ".SEN3")) else product.name,
            url=f"{self.settings.download}/Products({quote(product.id)}){node}/$value",
            bytes=product.bytes,
            digests=tuple(f"{algorithm}:{value}" for algorithm, value in sorted(product.checksums.items())),
            archive=not single,
            alternate=s3_url(self.settings, product),
        )

    def files(self, product):
        """The files of a product, folder by folder, as `Nodes` lists them."""
        listed, folders = [], [("", f"{self.settings.download}/Products({quote(product.id)})/Nodes")]
        while folders:
            above, url = folders.pop()
            for node in self.client.json(url).get("result", []):
                name, link = above + node["Name"], node["Nodes"]["uri"].removesuffix("/Nodes")
                if node.get("ChildrenNumber", 0):
                    folders.append((f"{name}/", f"{link}/Nodes"))
                else:
                    listed.append(File(name=name, url=f"{link}/$value", bytes=int(node["ContentLength"])))
        return sorted(listed, key=lambda file: file.name)

    def order_request(self, product):
        """None: this service takes no orders."""
        return None

    def filter(self, query, area=None, since=""):
        """The `$filter` of a query.

        area -- the geometry that stands for the query's own, which may be too long for a URL
        since -- only products that begin then or later
        """
        clauses = [*self._kind(query), *self._times(query), *self._attributes(query)]
        if since:
            clauses.append(f"ContentDate/Start ge {since}")
        if area is not None:
            clauses.append(
                _any(
                    f"OData.CSC.Intersects(area=geography'SRID=4326;{areas.wkt(piece)}')"
                    for piece in areas.pieces(area)
                )
            )
        return " and ".join(clauses)

    def _area(self, query, room):
        """The query's area, or one around it that a URL has room for."""
        if query.area is None:
            return None
        area = query.area
        longest = room = room - len(quote(self.filter(query)))
        while longest > 100 and len(quote(self.filter(Query(), area))) > room:
            area = areas.simplified(query.area, longest)
            longest = longest * 3 // 4
        self.exact = area.equals(query.area)
        return area

    def _kind(self, query):
        """Clauses for mission and type."""
        if not query.mission:
            return
        yield f"Collection/Name eq {text(names.MISSIONS[query.mission][0])}"
        kind, cog = query.type.removesuffix("-COG"), query.type.endswith("-COG")
        if query.mission == "Sentinel-1" and kind in ("RAW", "SLC", "GRD", "OCN"):
            yield f"contains(Name,'_{kind}')"
            if kind == "GRD":
                yield "contains(Name,'_COG')" if cog else "not contains(Name,'_COG')"
        elif query.mission == "CLMS" and kind:
            yield attribute("datasetIdentifier", "eq", query.type)
        elif query.mission.startswith("Landsat") and kind:
            yield f"contains(Name,'_{kind}_')"
        elif kind:
            yield attribute("productType", "eq", query.type)

    def _times(self, query):
        """Clauses for the times of sensing that overlap those of the query."""
        if query.end:
            yield f"ContentDate/Start lt {query.end}"
        if query.start:
            yield f"ContentDate/End ge {query.start}"

    def _attributes(self, query):
        """Clauses for what else a query asks for."""
        if query.cloud_cover:
            low, high = query.cloud_cover
            if low > 0:
                yield attribute("cloudCover", "ge", float(low))
            yield attribute("cloudCover", "le", float(high))
        if query.orbits:
            yield _any(attribute("relativeOrbitNumber", "eq", orbit) for orbit in query.orbits)
        if query.direction:
            yield attribute("orbitDirection", "eq", query.direction)
        if query.tiles and query.mission == "Sentinel-2":
            yield _any(attribute("tileId", "eq", tile) for tile in query.tiles)
        if query.timeliness and query.mission == "Sentinel-3":
            yield _any(attribute("timeliness", "eq", word) for word in query.timeliness)
        if query.timeliness and query.mission == "Sentinel-5P":
            yield _any(f"startswith(Name,'S5P_{word}_')" for word in query.timeliness)
        if query.online:
            yield "Online eq true"

    def _page(self, query, area, since, skip, top, count):
        options = {"$orderby": "ContentDate/Start asc", "$top": str(top)}
        options |= {"$skip": str(skip)} if skip else {}
        options |= {"$count": "true"} if count else {}
        answer = self._rows(self.filter(query, area, since), options)
        total = answer.get("@odata.count") if count else None
        return Page(self._products(answer["value"]), total)

    def _rows(self, expression, options):
        options = ({"$filter": expression} if expression else {}) | {"$expand": "Attributes"} | options
        asked = "&".join(f"{key}={quote(value, safe='/()')}" for key, value in options.items())
        answer = self.client.json(f"{self.settings.search}/Products?{asked}")
        if not isinstance(answer, dict) or not isinstance(answer.get("value"), list):
            raise ValueError(
                f"{self.settings.search}: the answer has no list of products; is this a catalogue of OData?"
            )
        return answer

    def _products(self, rows):
        return [product_of(row, self._product, self.settings.search) for row in rows]

    def _product(self, row):
        """A `Product` of an entry of an answer."""
        told = {one.get("Name"): one.get("Value") for one in row.get("Attributes") or []}
        attributes = {key: told[key] for key in sorted(ATTRIBUTES & told.keys())}
        attributes |= {"published": row["PublicationDate"]} if row.get("PublicationDate") else {}
        times = row.get("ContentDate") or {}
        name = names.parsed(row["Name"])
        begin = times.get("Start") or (name.begin if name else "")
        mission = names.MISSIONS.get(name.mission, ("",))[0] if name else ""
        return Product(
            id=row.get("Id") or "",
            name=row["Name"],
            begin=begin,
            end=times.get("End") or begin,
            footprint=_footprint(row),
            bytes=row.get("ContentLength") or None,
            online=row.get("Online", True) is not False,
            checksums=_checksums(row),
            path=row.get("S3Path") or "",
            version=(name.version if name else "")
            or str(told.get("processorVersion") or told.get("productVersion") or ""),
            catalogue=self.settings.name,
            collection=(row.get("Collection") or {}).get("Name") or mission or row.get("CollectionName") or "",
            type=told.get("productType")
            or told.get("datasetIdentifier")
            or row.get("DatasetIdentifier")
            or (name.type if name else ""),
            attributes=attributes,
        )


def text(value):
    """A string of OData."""
    return "'" + str(value).replace("'", "''") + "'"


def attribute(name, operator, value):
    """A clause about an attribute of a product, by the type of the value."""
    kind = {str: "String", int: "Integer", float: "Double"}[type(value)]
    right = text(value) if kind == "String" else f"{value:.2f}" if kind == "Double" else str(value)
    cast = f"OData.CSC.{kind}Attribute"
    return f"Attributes/{cast}/any(att:att/Name eq '{name}' and att/{cast}/Value {operator} {right})"


def s3_url(settings, product):
    """Where the object store has a product, or ""."""
    if not settings.s3 or not product.path:
        return ""
    bucket = settings.s3["bucket"]
    return f"s3://{bucket}/" + product.path.lstrip("/").removeprefix(f"{bucket}/")


def _any(clauses):
    clauses = list(clauses)
    return clauses[0] if len(clauses) == 1 else f"({' or '.join(clauses)})"


def _endings(name):
    """What may follow the stem of a product in its name."""
    parsed = names.parsed(name)
    if parsed is None or parsed.mission not in ENDINGS:
        return ("", ".SAFE", ".nc")
    return ("", ".SAFE", ".EOF") if parsed.type.startswith("AUX") else (ENDINGS[parsed.mission],)


def _footprint(row):
    """The footprint as WKT: the catalogue's own, else of its GeoJSON; "" of auxiliary data."""
    if given := row.get("Footprint"):
        return areas.EWKT.fullmatch(given.strip())[1]
    if shape := row.get("GeoFootprint"):
        return shapely.to_wkt(shapely.geometry.shape(shape), rounding_precision=-1)
    return ""


def _checksums(row):
    """Digests by algorithm. The list may be empty, or hold empty entries."""
    listed = {str(one.get("Algorithm", "")).lower(): one.get("Value") for one in row.get("Checksum") or [] if one}
    return {
        algorithm: str(value).lower() for algorithm, value in sorted(listed.items()) if algorithm in DIGESTS and value
    }
