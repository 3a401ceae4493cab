"""A proxy that spoils answers of the real server behind it, on the wire, as networks and busy servers do."""

import contextlib
import fcntl
import http.client
import os
import socket
import struct
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def reset(after):
    """Break the connection (TCP RST) after this many bytes of the body."""

    def spoil(handler, status, headers, body):
        handler.head(status, headers)
        handler.wfile.write(body[:after])
        deadline = time.monotonic() + 5
        while unsent(handler.connection) and time.monotonic() < deadline:  # a reset would take it along
            time.sleep(0.002)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(handler.connection.detach())

    return spoil


def unsent(connection):
    """Bytes that the other side has not acknowledged (Linux)."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))[0]


def truncate(after):
    """End the body early, in an orderly way."""

    def spoil(handler, status, headers, body):
        handler.head(status, headers)
        handler.wfile.write(body[:after])

    return spoil


def corrupt(at):
    """Turn one bit of the body."""

    def spoil(handler, status, headers, body):
        handler.head(status, headers)
        handler.wfile.write(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])

    return spoil


def answer(code, **more):
    """Another status, with headers such as Retry_After, and no body."""

    def spoil(handler, status, headers, body):
        more_headers = [(name.replace("_", "-"), value) for name, value in more.items()]
        handler.head(code, [*more_headers, ("Content-Length", "0")])

    return spoil


def rewrite(**changed):
    """The same body under other headers; None takes one away."""

    def spoil(handler, status, headers, body):
        changes = {name.replace("_", "-").lower(): value for name, value in changed.items()}
        kept = [(name, value) for name, value in headers if name.lower() not in changes]
        handler.head(status, kept + [(name, value) for name, value in changes.items() if value is not None])
        handler.wfile.write(body)

    return spoil


def nothing(handler, status, headers, body):
    """Pass the answer on as it is."""
    handler.head(status, headers)
    handler.wfile.write(body)


class FaultyProxy:
    """Serves `behind` at `url`; each request takes the next of `faults`, or the last for ever when `always`.

    Request headers in `dropped` do not reach the server, as if it did not know them.
    `seen` lists (method, path, status, request headers) of every request; `most` is how many were open at a time.
    """

    def __init__(self, behind, faults=(), always=False, dropped=()):
        self.behind, self.faults, self.always, self.dropped = urlsplit(behind), list(faults), always, dropped
        self.seen, self.open, self.most, self.lock = [], 0, 0, threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                proxy.serve(self)

            do_HEAD = do_GET  # noqa: N815

            def head(self, status, headers):
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def serve(self, handler):
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
            fault = nothing
            if self.faults:
                fault = self.faults[0] if self.always and len(self.faults) == 1 else self.faults.pop(0)
        try:
            connection = http.client.HTTPConnection(self.behind.hostname, self.behind.port, timeout=120)
            sent = {name: value for name, value in handler.headers.items() if name not in self.dropped}
            connection.request(handler.command, handler.path, headers=sent | {"Connection": "close"})
            response = connection.getresponse()
            self.seen.append((handler.command, handler.path, response.status, dict(handler.headers)))
            headers = [(name, value) for name, value in response.getheaders() if name.lower() != "connection"]
            body = response.read()
            connection.close()
            with contextlib.suppress(ConnectionError):  # the client may leave first
                fault(handler, response.status, headers, body)
        finally:
            with self.lock:
                self.open -= 1

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
