"""A service of ONDA's kind on loopback: text searches, `Ens.Order` with a password, archived products that come."""

import io
import logging
import random
import re
import threading
import time
import zipfile

import flask
import shapely
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
# A clause of Lucene as ONDA takes it: a range, a footprint, a word or phrase.
CLAUSE = re.compile(r'(\w+):(?:\[(\S+) TO (\S+)\]|"Intersects\((.+)\)"|(.+?))(?= AND | \)|$)')
MOST = 100  # rows of an answer


class Ens:
    """The service, until `stop()`; `url` is what a catalogue's `search` and `download` want.

    products -- name: whether it is archived; its id is `id-NAME`. A product comes `looks` looks after its order.
    told -- name: what else an answer has of it, such as beginPosition, footprint and metadata
    orders -- names in the order they were asked for; `answers` are statuses for the next orders in place of 200
    """

    user, password = "analyst", "ens pa$s"

    def __init__(self, products, looks=1, told=None):
        self.products, self.looks, self.orders, self.answers = dict(products), looks, [], []
        self.told = told or {}
        self.left, self.hang = {}, 0
        app = flask.Flask("ens")

        @app.get("/dias-catalogue/Products")
        def search():
            options = flask.request.args
            names = self._names(options["$search"])
            begins = {name: self.told.get(name, {}).get("beginPosition", "") for name in names}
            if options.get("$orderby") == "beginPosition asc":
                names.sort(key=lambda name: (begins[name], name))
            else:
                random.shuffle(names)
            top, skip = min(int(options.get("$top", 20)), MOST), int(options.get("$skip", 0))
            return {"value": [self._row(name) for name in names[skip : skip + top]]}

        @app.get("/dias-catalogue/Products/$count")
        def count():
            return flask.jsonify(len(self._names(flask.request.args["$search"])))

        def stranger():
            login = flask.request.authorization
            return not login or (login.username, login.password) != (self.user, self.password)

        @app.get("/dias-catalogue/Products(<product>)/$value")
        def value(product):
            if stranger():
                return "", 401
            content = io.BytesIO()
            with zipfile.ZipFile(content, "w") as packed:
                packed.writestr("X.SAFE/manifest.safe", product)
            return content.getvalue()

        @app.post("/dias-catalogue/Products(<product>)/Ens.Order")
        def order(product):
            if stranger():
                return "", 401
            if self.answers:
                status = self.answers.pop(0)
                return "", status, {"Retry-After": "0"} if status == 429 else {}
            name = product.removeprefix("id-")
            self.orders.append(name)
            self.left[name] = self.looks
            time.sleep(self.hang)
            return {"Id": product, "Status": "RUNNING", "EstimatedTime": "2026-11-27T12:00:00.000Z"}

        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dias-catalogue"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _names(self, search):
        """Products that a text search finds: a bare word is the beginning of a name."""
        expression = search[1:-1]
        clauses = CLAUSE.findall(expression)
        if not clauses:
            return [name for name in self.products if expression == "*" or name.startswith(expression)]
        return [name for name in self.products if all(_fits(self._known(name), *clause) for clause in clauses)]

    def _known(self, name):
        told = self.told.get(name, {})
        return told | {one["id"]: one["value"] for one in told.get("metadata", [])} | {"name": name}

    def _row(self, name):
        if name in self.left:
            self.left[name] -= 1
            self.products[name] = self.left[name] >= 0
        row = {"id": f"id-{name}", "name": name, "offline": self.products[name], "size": 7}
        row |= self.told.get(name, {})
        return row | {"pseudopath": "S/2020/01/01, S/01", "created": "2020-08-13T15:47:17.000Z"}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def _fits(row, field, low, high, area, word):
    """Whether a product is as one clause has it."""
    if area:
        return shapely.from_wkt(row["footprint"]).intersects(shapely.from_wkt(area))
    if low:
        value, number = row[field], field.endswith("Percentage")
        ends = [None if end == "*" else float(end) if number else end for end in (low, high)]
        return all((ends[0] is None or value >= ends[0], ends[1] is None or value <= ends[1]))
    pattern = ".*".join(map(re.escape, word.strip().split("*")))
    return re.fullmatch(pattern, str(row[field])) is not None
