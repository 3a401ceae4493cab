"""A download service as the Copernicus Data Space has it: nginx that asks an OAuth2 server about every token.

One host sends on to another, four connections are borne, and files lie at the paths of OData:
`odata/v1/Products(ID)/$value` and `odata/v1/Products(ID)/Nodes(NAME)/Nodes(FILE)/$value`.
"""

import hashlib
import json
import urllib.request
import zipfile
from pathlib import Path

from servers import loopback
from servers import nginx as nginx_server

CONFIG = """\
    default_type application/octet-stream;
    log_format requests escape=json '{{"method":"$request_method","port":$server_port,"path":"$uri","query":"$args",'
        '"status":$status,"bytes":$body_bytes_sent,"range":"$http_range","authorization":"$http_authorization"}}';
    access_log {state}/access.log requests;
    limit_conn_zone $server_name zone=sessions:1m;
    limit_conn_status 429;
    server {{
        listen 127.0.0.1:{first};
        location / {{ return 302 http://localhost:{second}$request_uri; }}
        location /elsewhere/ {{ return 302 http://127.0.0.1:{foreign}$request_uri; }}
        location = /-/answered {{ access_log off; return 204; }}
    }}
    server {{
        listen 127.0.0.1:{second};
        server_name localhost;
        root "{root}";
        location /odata/ {{
            auth_request /-/check;
            limit_conn sessions {connections};
            error_page 429 = @busy;
            {options}
        }}
        location /plain/ {{ {options} alias "{root}/"; }}
        location ~ /Nodes$ {{ default_type application/json; }}
        location = /-/check {{
            internal;
            access_log off;
            proxy_pass {check_url};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        location @busy {{
            default_type application/json;
            return 429 '{{"trace-id": "1", "code": "DAT-ZIP-100", "message": "Max session number 4 exceeded."}}';
        }}
    }}
    server {{
        listen 127.0.0.1:{foreign};
        root "{root}";
    }}
}}
"""
PLAIN = 'etag off; add_header Last-Modified "";'  # no validator, as where a zip is made while it is sent
WHOLE = "max_ranges 0;"  # answers 200 to a Range


class Products:
    """The service, until `stop()`. `url` is the first host's base of OData, `direct` the second's, `foreign` a stranger.

    check_url -- of the OAuth2 server; options -- of nginx for the files, such as `limit_rate 1m;`
    """

    def __init__(self, root, state, check_url, connections=4, options=""):
        self.root, self.state = Path(root), Path(state)
        ports = dict(zip(("first", "second", "foreign"), loopback.free_ports(3), strict=True))
        self.ports = ports
        self.url, self.direct = (f"http://{host}/odata/v1" for host in (f"127.0.0.1:{ports['first']}", self.second))
        self.foreign = f"127.0.0.1:{ports['foreign']}"
        values = {"root": self.root.absolute(), "check_url": check_url, "connections": connections, "options": options}
        self.process = nginx_server.started(self.state, CONFIG, ports["second"], **values, **ports)

    @property
    def second(self):
        """The host that the first one sends on to."""
        return f"localhost:{self.ports['second']}"

    def requests(self):
        """The access log so far, one dict per request, oldest first."""
        urllib.request.urlopen(f"http://127.0.0.1:{self.ports['first']}/-/answered", timeout=5).close()
        return [json.loads(line) for line in (self.state / "access.log").read_text().splitlines()]

    def sent(self):
        """Bytes of files that were sent."""
        return sum(entry["bytes"] for entry in self.requests() if entry["status"] in (200, 206))

    def stop(self):
        loopback.stop(self.process)


def value(root, product, content, *nodes):
    """Put a product, or a file of it at its nodes, where OData has it."""
    folder = Path(root) / "odata/v1" / f"Products({product})"
    for node in nodes:
        folder /= f"Nodes({node})"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "$value").write_bytes(content)


def nodes(root, url, product, tree, *above):
    """Put the listings of a product's files, a dict of dicts and contents, where OData has them; they need no login."""
    folder = Path(root, "odata/v1", f"Products({product})", *(f"Nodes({node})" for node in above))
    base, listing = f"{url}/Products({product})" + "".join(f"/Nodes({node})" for node in above), []
    for name, content in tree.items():
        inside = isinstance(content, dict)
        if inside:
            nodes(root, url, product, content, *above, name)
        count = {"ChildrenNumber": len(content), "ContentLength": 0} if inside else {"ContentLength": len(content)}
        listing.append(
            {"Id": name, "Name": name, "ChildrenNumber": 0} | count | {"Nodes": {"uri": f"{base}/Nodes({name})/Nodes"}}
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Nodes").write_text(json.dumps({"result": listing}))


def safe(files, algorithm="MD5", listed=()):
    """A manifest.safe of files by their names, in the layout of Sentinel-2, and of files that are listed but not there."""
    entries = []
    for name, content in [*files.items(), *listed]:
        digest = hashlib.new(algorithm.lower().replace("-", "_"), content).hexdigest()
        entries.append(
            f'<dataObject ID="{Path(name).stem}"><byteStream mimeType="application/octet-stream" size="{len(content)}">'
            f'<fileLocation locatorType="URL" href="./{name}"/>'
            f'<checksum checksumName="{algorithm}">{digest.upper()}</checksum></byteStream></dataObject>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1">'
        f"<dataObjectSection>{''.join(entries)}</dataObjectSection></xfdu:XFDU>"
    ).encode()


def zipped(path, name, files):
    """A zip of a product's folder, members stored as they are (a JP2 packs no smaller)."""
    with zipfile.ZipFile(path, "w") as packed:
        for member, content in files.items():
            packed.writestr(f"{name}/{member}", content)
    return Path(path).read_bytes()
