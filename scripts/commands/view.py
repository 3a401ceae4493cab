"""Serve a folder to Neuroglancer in a browser on this machine."""

import contextlib
import http.server
import logging
import os
import re
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from darkroom import entrypoint

OWN_NAMES = ("127.0.0.1", "localhost", "::1")
NOT_THERE = "/dev/null/nothing"

logger = logging.getLogger(__name__)


def view(folder: Path, *, port: int = 8000):
    """Serve a folder of results on loopback, until Ctrl-C: with CORS, byte ranges and gzipped chunks.

    folder -- what to serve
    port -- where; 0 takes a free one

    Whatever web page is open in a browser on this machine can read the folder meanwhile, as Neuroglancer does, and so
    can whoever else is logged in to it: on a login node, those are many. Links that lead out of it are not followed.
    Raises ValueError when there is no such folder, OSError when the port is taken.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; a campaign makes it (make demo)")
    address, handler = ("127.0.0.1", port), partial(Handler, directory=str(folder))
    with contextlib.suppress(KeyboardInterrupt), http.server.ThreadingHTTPServer(address, handler) as server:
        for page in sorted(folder.glob("*/index.html")) or [folder]:
            place = quote(page.relative_to(folder).as_posix().removeprefix("."))
            print(f"http://127.0.0.1:{server.server_port}/{place}", flush=True)
        print(f"Until Ctrl-C, every user of this machine can read {folder} there.", flush=True)
        server.serve_forever()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files as Neuroglancer wants them: readable from any page, in parts, and `x` from `x.gz` if need be."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small body would wait 40 ms for the headers to be acknowledged
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".sha256": "text/plain"}

    def handle(self):
        with contextlib.suppress(ConnectionError):  # Neuroglancer drops requests for chunks that went out of sight
            super().handle()

    def handle_one_request(self):
        self.packed, self.left = False, None  # is the answer gzip? how many bytes of the file are the answer?
        super().handle_one_request()

    def parse_request(self):
        """Whether a request is one for us: a page of another site may have its own name lead to this address."""
        if not super().parse_request():
            return False
        host = urlsplit(f"//{self.headers.get('Host', 'localhost')}").hostname
        if host not in OWN_NAMES:
            self.send_error(421, explain="this server is asked for by 127.0.0.1 or localhost alone")
            return False
        return True

    def translate_path(self, path):
        """The file of a path. One outside of the folder once links are followed, or without a name, is not there."""
        name, root = super().translate_path(path), Path(self.directory).resolve()
        try:
            places = [Path(name, index).resolve() for index in ("", "index.html", "index.htm")]
            os.lstat(name)
        except FileNotFoundError:
            pass
        except (OSError, ValueError):  # too long, or with a NUL
            return NOT_THERE
        return name if all(place.is_relative_to(root) for place in places) else NOT_THERE

    def do_OPTIONS(self):
        """What a browser asks before a page of another site may ask for a range, or for this machine at all."""
        self.send_response(204)
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        self.send_header("Access-Control-Allow-Headers", "*")
        self.send_header("Access-Control-Allow-Private-Network", "true")
        self.end_headers()

    def send_head(self):
        path = Path(self.translate_path(self.path))
        packed = Path(f"{path}.gz")
        self.packed = not path.exists() and packed.is_file()
        if self.packed:
            self.path = self.path.partition("?")[0] + ".gz"
        # A server may answer with the whole file instead, and does so where ranges have a catch.
        if self.command == "GET" and "If-Range" not in self.headers and path.is_file():
            size = path.stat().st_size
            if part := span(self.headers.get("Range", ""), size):
                return self.send_part(path, *part, size)
        return super().send_head()

    def send_part(self, path, start, end, size):
        """Begin the answer to a range: the file at its place, or None where the range has no byte of it."""
        self.left = max(0, end - start)
        self.send_response(206 if self.left else 416)
        self.send_header("Content-Range", f"bytes {f'{start}-{end - 1}' if self.left else '*'}/{size}")
        self.send_header("Content-Length", str(self.left))
        self.send_header("Content-Type", self.guess_type(path))
        self.end_headers()
        if not self.left:
            return None
        file = path.open("rb")
        file.seek(start)
        return file

    def copyfile(self, source, outputfile):
        while block := source.read(1 << 16 if self.left is None else min(self.left, 1 << 16)):
            outputfile.write(block)
            self.left = self.left and self.left - len(block)

    def guess_type(self, path):
        # Some browsers leave a gzipped answer packed when its type is that of a .gz file.
        return "application/octet-stream" if self.packed else super().guess_type(path)

    def end_headers(self):
        if self.packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Expose-Headers", "*")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-cache")  # a campaign that ran again is seen at once
        super().end_headers()

    def log_message(self, format, *args):
        logger.debug(format, *args)


def span(asked, size):
    """Where the bytes of a `Range` header start and end in a file of this size; None for what is no single range."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
    if match is None:
        return None
    first, last = (int(number) if number else None for number in match.groups())
    if first is None:
        return None if last is None else (max(0, size - last), size)
    if last is not None and last < first:
        return None
    return first, size if last is None else min(last + 1, size)


if __name__ == "__main__":
    entrypoint.run(view)
