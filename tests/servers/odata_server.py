"""A catalogue of OData v4 on loopback, for the Python that has odata-query: `odata_server.py PORT products.json TOP SKIP`.

odata-query parses every `$filter` and makes SQL of it; shapely decides what intersects. What CDSE has beside OData is
the adapter below: casts of attributes, `ContentDate/Start`, `OData.CSC.Intersects`, at most TOP rows of an answer (there
1,000), no `$skip` beyond SKIP (there 10,000; 422), `@odata.nextLink`. Without `$orderby`, rows come in another order each time.

`POST /control` with {"fail": [503, "html"], "insert": [product ...], "delete": N, "after": M} spoils what follows the
next M pages: answers that fail, products that come and go.
"""

import json
import random
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import shapely
from odata_query import ast
from odata_query import exceptions as refusals
from odata_query.grammar import ODataLexer, ODataParser
from odata_query.sqlalchemy.orm import AstToSqlAlchemyOrmVisitor
from sqlalchemy import Engine, ForeignKey, create_engine, delete, event, func, insert, literal, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import StaticPool

OPENID = ("authorization_endpoint", "token_endpoint", "jwks_uri", "issuer")
ROWS, LINE = 20, 8000  # of an answer that nobody asks more of; characters of a request


class Base(DeclarativeBase):
    pass


class Attribute(Base):
    __tablename__ = "attributes"
    key: Mapped[int] = mapped_column(primary_key=True)
    product: Mapped[str] = mapped_column(ForeignKey("products.Id"), index=True)
    Name: Mapped[str]  # no index: SQLite would take that of names for each product, and not that of products
    kind: Mapped[str]
    word: Mapped[str | None]
    number: Mapped[float | None]


class Product(Base):
    __tablename__ = "products"
    Id: Mapped[str] = mapped_column(primary_key=True)
    Name: Mapped[str] = mapped_column(index=True)
    Online: Mapped[bool]
    PublicationDate: Mapped[str]
    collection: Mapped[str]
    begin: Mapped[str] = mapped_column(index=True)
    end: Mapped[str]
    area: Mapped[int] = mapped_column(index=True)
    row: Mapped[str]
    Attributes: Mapped[list[Attribute]] = relationship()


PATHS = {
    ("Collection", "Name"): Product.collection,
    ("ContentDate", "Start"): Product.begin,
    ("ContentDate", "End"): Product.end,
}
CAST = re.compile(r"(String|Integer|Double|DateTimeOffset|Boolean)Attribute")


class Visitor(AstToSqlAlchemyOrmVisitor):
    """odata-query's own translation to SQL, with what CDSE writes in another way."""

    footprints: shapely.STRtree  # in the order of Product.area

    def visit_Attribute(self, node):  # noqa: N802
        owner = node.owner
        if isinstance(owner, ast.Identifier) and (owner.name, node.attr) in PATHS:
            return PATHS[owner.name, node.attr]
        if isinstance(owner, ast.Identifier) and owner.name == "Attributes" and CAST.fullmatch(node.attr):
            return Product.Attributes
        if isinstance(owner, ast.Identifier) and CAST.fullmatch(owner.name) and node.attr == "Value":
            return Attribute.number if owner.name.startswith(("Integer", "Double")) else Attribute.word
        return super().visit_Attribute(node)

    def visit_DateTime(self, node):  # noqa: N802
        return literal(microseconds(node.val))

    def visit_Call(self, node):  # noqa: N802
        if node.func.namespace != ("OData", "CSC"):
            return super().visit_Call(node)
        if node.func.name != "Intersects" or not isinstance(node.args[0].param, ast.Geography):
            raise refusals.UnsupportedFunctionException(node.func.name)
        area = shapely.from_wkt(node.args[0].param.val.partition(";")[2])
        if not area.is_valid:
            raise ValueError("TopologyException: side location conflict")
        hits = Visitor.footprints.query(area, predicate="intersects").tolist()
        return Product.area.in_(select(text("value")).select_from(func.json_each(json.dumps(hits))))


def microseconds(value):
    whole, _, fraction = value.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z"


class Catalogue:
    def __init__(self, products, top, skip):
        self.top, self.skip = top, skip
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        Base.metadata.create_all(self.engine)
        self.lock, self.shapes, self.plan = threading.Lock(), [], {"fail": [], "after": 0}
        self.add(products)

    def add(self, products):
        rows, attributes = [], []
        for row in products:
            given = (row.get("Footprint") or "").removeprefix("geography'SRID=4326;").removesuffix("'")
            self.shapes.append(shapely.make_valid(shapely.from_wkt(given)) if given else shapely.Point())
            rows.append(
                {
                    "Id": row["Id"],
                    "Name": row["Name"],
                    "Online": row.get("Online", True),
                    "PublicationDate": row.get("PublicationDate", ""),
                    "collection": _collection(row["Name"]),
                    "begin": microseconds(row["ContentDate"]["Start"]),
                    "end": microseconds(row["ContentDate"]["End"]),
                    "area": len(self.shapes) - 1,
                    "row": json.dumps(row),
                }
            )
            attributes += [_attribute(row["Id"], one) for one in row.get("Attributes", [])]
        with self.lock, Session(self.engine) as session:
            for table, values in ((Product, rows), (Attribute, attributes)):
                if values:
                    session.execute(insert(table), values)
            session.commit()
        Visitor.footprints = shapely.STRtree(self.shapes)

    def remove(self, count):
        with Session(self.engine) as session:
            first = select(Product.Id).order_by(Product.begin, Product.Id).limit(count)
            session.execute(delete(Product).where(Product.Id.in_(first)))
            session.commit()

    def answer(self, options, base):
        """Status and JSON for the options of a request for products."""
        top, skip = int(options.get("$top", ROWS)), int(options.get("$skip", 0))
        for name, value, most in (("$top", top, self.top), ("$skip", skip, self.skip)):
            if value > most:
                wrong = f"Input should be less than or equal to {most}"
                return 422, {
                    "detail": [
                        {
                            "type": "less_than_equal",
                            "loc": ["query", name],
                            "msg": wrong,
                            "input": str(value),
                            "ctx": {"le": most},
                        }
                    ]
                }
        condition = literal(True)
        if "$filter" in options:
            try:
                tree = ODataParser().parse(ODataLexer().tokenize(options["$filter"]))
                condition = Visitor(Product).visit(tree)
            except (refusals.ODataException, ValueError, shapely.errors.ShapelyError) as error:
                return 400, {"detail": f"Invalid filter: {error}"}
        with self.lock, Session(self.engine) as session:
            query = select(Product.row).where(condition)
            counted = options.get("$count", "").lower() in ("true", "1")
            total = session.scalar(select(func.count()).select_from(Product).where(condition)) if counted else None
            if order := options.get("$orderby"):
                path, _, direction = order.partition(" ")
                column = PATHS[tuple(path.split("/"))] if "/" in path else getattr(Product, path)
                query = query.order_by(column.desc() if direction == "desc" else column, Product.Id)
            else:
                query = query.order_by(func.random())
            *rows, more = [*session.scalars(query.offset(skip).limit(top + 1)), None][: top + 1]
        parts = [f'"value": [{", ".join(rows)}]']
        if counted:
            parts.insert(0, f'"@odata.count": {total}')
        if more and skip + top <= self.skip:
            following = urlencode(options | {"$skip": str(skip + top)})
            parts.append(f'"@odata.nextLink": "{base}?{following}"')
        return 200, "{" + ", ".join(parts) + "}"


def _collection(name):
    return {"S1": "SENTINEL-1", "S2": "SENTINEL-2", "S3": "SENTINEL-3", "S5": "SENTINEL-5P"}.get(name[:2], "CLMS")


def _attribute(product, one):
    kind, value = one["ValueType"], one["Value"]
    number = float(value) if kind in ("Integer", "Double") else None
    return {"product": product, "Name": one["Name"], "kind": kind, "word": str(value), "number": number}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    catalogue: Catalogue
    wbufsize = 1 << 16

    def do_GET(self):
        if len(self.path) > LINE:
            return self.reply(414, {"detail": "URI Too Long"})
        parts = urlsplit(self.path)
        if parts.path == "/odata/v1/openid":  # where eodag looks for a way to log in as soon as it has found products
            places = dict.fromkeys(OPENID, f"http://{self.headers['Host']}/none")
            return self.reply(200, places | {"id_token_signing_alg_values_supported": ["RS256"]})
        if parts.path != "/odata/v1/Products":
            return self.reply(404, {"detail": "Not Found"})
        spoiled = self.spoiled()
        if spoiled == "html":
            return self.reply(200, "<html>maintenance</html>", "text/html")
        if spoiled:
            return self.reply(spoiled, {"detail": "spoiled"}, headers={"Retry-After": "0"})
        base = f"http://{self.headers['Host']}{parts.path}"
        return self.reply(*self.catalogue.answer(dict(parse_qsl(parts.query)), base))

    def do_POST(self):
        plan = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.catalogue.plan = {"fail": [], "after": 0} | plan
        return self.reply(200, {})

    def spoiled(self):
        plan = self.catalogue.plan
        if plan["after"]:
            plan["after"] -= 1
            return None
        if plan.get("insert"):
            self.catalogue.add(plan.pop("insert"))
        if plan.get("delete"):
            self.catalogue.remove(plan.pop("delete"))
        return plan["fail"].pop(0) if plan["fail"] else None

    def reply(self, status, value, kind="application/json", headers=None):
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        for name, content in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@event.listens_for(Engine, "connect")
def _exact(connection, record):
    connection.execute("PRAGMA case_sensitive_like = ON")


def main():
    path, (port, top, skip) = sys.argv[2], map(int, (sys.argv[1], *sys.argv[3:]))
    random.seed(0)
    Handler.catalogue = Catalogue(json.loads(Path(path).read_text()), top, skip)
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
