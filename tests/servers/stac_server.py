"""A STAC API on loopback: `stac_server.py PORT items.json`; search by POST with collections, time, area and CQL2-JSON.

What intersects is decided by shapely. Pages follow one another by a token, as those of pgstac do, in the order of time,
newest first. `POST /control` with {"fail": [503], "html": true} spoils what follows.
"""

import json
import operator
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import shapely

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
]
COMPARE = {"<=": operator.le, ">=": operator.ge, "=": operator.eq, "<": operator.lt, ">": operator.gt}


def fits(item, clause):
    """Whether an item is of a filter in CQL2-JSON."""
    name, arguments = clause["op"], clause["args"]
    if name == "and":
        return all(fits(item, one) for one in arguments)
    value = item["properties"].get(arguments[0]["property"])
    if name == "in":
        return value in arguments[1]
    return value is not None and COMPARE[name](value, arguments[1])


def asked_for(item, body):
    """Whether an item is what a search asks for."""
    begin = item["properties"].get("start_datetime") or item["properties"]["datetime"]
    end = item["properties"].get("end_datetime") or begin
    first, _, last = body.get("datetime", "../..").partition("/")
    area = body.get("intersects")
    return (
        item["collection"] in body.get("collections", [item["collection"]])
        and item["id"] in body.get("ids", [item["id"]])
        and (first in ("..", "") or end >= first.replace(".000Z", "Z").rstrip("Z"))
        and (last in ("..", "") or begin <= last)
        and (not area or shapely.geometry.shape(item["geometry"]).intersects(shapely.geometry.shape(area)))
        and ("filter" not in body or fits(item, body["filter"]))
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    items: list
    spoiled: list

    def do_GET(self):
        base = f"http://{self.headers['Host']}"
        if urlsplit(self.path).path.rstrip("/") not in ("", "/v1"):
            return self.reply(404, {"code": "NotFound", "description": "no such path"})
        links = [("self", "GET", f"{base}/v1"), ("root", "GET", f"{base}/v1")]
        links += [("search", method, f"{base}/v1/search") for method in ("GET", "POST")]
        listed = [
            {"rel": rel, "method": method, "href": href, "type": "application/geo+json"} for rel, method, href in links
        ]
        root = {"type": "Catalog", "stac_version": "1.1.0", "id": "test", "description": "made-up items"}
        return self.reply(200, root | {"conformsTo": CONFORMS, "links": listed})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/control":
            type(self).spoiled = body["fail"]
            return self.reply(200, {})
        if self.spoiled:
            return self.reply(self.spoiled.pop(0), {"code": "Spoiled", "description": "spoiled"})
        matches = [item for item in self.items if asked_for(item, body)]
        first, limit = int(body.get("token", 0)), body.get("limit", 10)
        page = {
            "type": "FeatureCollection",
            "features": matches[first : first + limit],
            "numberMatched": len(matches),
            "links": [],
        }
        if first + limit < len(matches):
            following = {"rel": "next", "method": "POST", "href": f"http://{self.headers['Host']}/v1/search"}
            page["links"].append(following | {"body": body | {"token": str(first + limit)}, "merge": False})
        return self.reply(200, page)

    def reply(self, status, value):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/geo+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def main():
    Handler.items = json.loads(Path(sys.argv[2]).read_text())
    Handler.items.sort(key=lambda item: (item["properties"]["datetime"], item["id"]), reverse=True)
    Handler.spoiled = []
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
