"""A real nginx on loopback that serves one folder, and says what it was asked for."""

import getpass
import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

from servers import loopback

HEAD = """\
daemon off;
{user}
pid {state}/nginx.pid;
error_log {state}/error.log warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
"""
CONFIG = """\
    types {{ application/json json; image/tiff tif tiff; text/html html; text/javascript js; }}
    default_type application/octet-stream;
    log_format requests escape=json '{{"method":"$request_method","path":"$uri","status":$status,'
        '"bytes":$body_bytes_sent,"range":"$http_range","encoding":"$http_accept_encoding",'
        '"end":$msec,"seconds":$request_time}}';
    limit_conn_zone $server_name zone=connections:1m;
    limit_req_zone $server_name zone=requests:1m rate={requests_per_second}r/s;
    limit_conn_status 503;
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{port};
        server_name loopback;
        root "{root}";
        access_log {state}/access.log requests;
        location / {{
            add_header Access-Control-Allow-Origin * always;
            add_header Access-Control-Allow-Headers Range always;
            add_header Access-Control-Expose-Headers "Content-Length, Content-Range, ETag" always;
            {options}
        }}
        location = /-/answered {{ access_log off; return 204; }}
    }}
}}
"""


class Nginx:
    """nginx serving the folder `root` at `url` with CORS and byte ranges, until `stop()`.

    limit_rate: bytes per second of each connection, such as "200k". connections: more than these at once are answered
    503. requests_per_second: more are answered 429 with Retry-After: 1. gzip_static: a file `x.gz` is what is sent for
    `x`, with `Content-Encoding: gzip`, to a client that takes gzip ("on") or to any ("always").
    """

    def __init__(self, root, state, limit_rate=None, connections=None, requests_per_second=None, gzip_static=None):
        self.state, (self.port,) = Path(state), loopback.free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        options = [
            limit_rate and f"limit_rate {limit_rate};",
            connections and f"limit_conn connections {connections};",
            requests_per_second and "limit_req zone=requests; add_header Retry-After 1 always;",
            gzip_static and f"gzip_static {gzip_static};",
        ]
        self.process = started(
            self.state,
            CONFIG,
            self.port,
            root=Path(root).absolute(),
            requests_per_second=requests_per_second or 1000,
            options=" ".join(filter(None, options)),
        )

    def requests(self):
        """The access log so far, one dict per request, oldest first."""
        # The one worker has logged whatever it answered before this.
        urllib.request.urlopen(f"{self.url}/-/answered", timeout=5).close()
        return [json.loads(line) for line in (self.state / "access.log").read_text().splitlines()]

    def stop(self):
        loopback.stop(self.process)


def started(state, http, port, **values):
    """An nginx with what `http` says behind HEAD, once it listens on `port`; `values` are those of its placeholders."""
    state.mkdir(parents=True, exist_ok=True)
    config, log = state / "nginx.conf", state / "start.log"
    # Started by root, workers would otherwise be someone who cannot read the tests' folders.
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    config.write_text((HEAD + http).format(user=user, state=state, port=port, **values))
    process = loopback.start([program(), "-e", str(log), "-p", str(state), "-c", str(config)], log)
    loopback.wait_for_port(port, process, log)
    return process


def program():
    """Path of nginx, which Debian keeps outside a user's PATH, or None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def modules():
    """How this nginx was built: its configure arguments."""
    return subprocess.run([program(), "-V"], capture_output=True, text=True, check=True).stderr
