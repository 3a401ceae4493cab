"""A service of ONDA's kind on loopback: names by `$search`, `Ens.Order` with a password, archived products that come."""

import io
import logging
import threading
import time
import zipfile

import flask
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)


class Ens:
    """The service, until `stop()`; `url` is what a catalogue's `search` and `download` want.

    products -- name: whether it is archived; its id is `id-NAME`. A product comes `looks` looks after its order.
    orders -- names in the order they were asked for; `answers` are statuses for the next orders in place of 200
    """

    user, password = "analyst", "ens pa$s"

    def __init__(self, products, looks=1):
        self.products, self.looks, self.orders, self.answers = dict(products), looks, [], []
        self.left, self.hang = {}, 0
        app = flask.Flask("ens")

        @app.get("/dias-catalogue/Products")
        def search():
            wanted = flask.request.args["$search"].strip('"')
            return {"value": [self._row(name) for name in self.products if name.startswith(wanted)]}

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

    def _row(self, name):
        if name in self.left:
            self.left[name] -= 1
            self.products[name] = self.left[name] >= 0
        known = {"id": f"id-{name}", "name": name, "offline": self.products[name], "size": 7}
        return known | {"pseudopath": "S/2020/01/01, S/01", "created": "2020-08-13T15:47:17.000Z"}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
