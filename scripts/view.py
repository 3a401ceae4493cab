"""Serve a folder to Neuroglancer in a browser on this machine."""

import http.server
import logging
import re
from functools import partial
from pathlib import Path

import _entrypoint

logger = logging.getLogger(__name__)


def view(folder: Path, *, port: int = 8000):
    """Serve a folder of results on loopback, until Ctrl-C: with CORS, byte ranges and gzipped chunks.

    folder -- what to serve
    port -- where; 0 takes a free one
    """
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder))) as server:
        for page in sorted(folder.glob("*/index.html")):
            print(f"http://127.0.0.1:{server.server_port}/{page.relative_to(folder)}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files as Neuroglancer wants them: readable from any page, in parts, and `x` from `x.gz` if need be."""

    protocol_version = "HTTP/1.1"

    def send_head(self):
        path = Path(self.translate_path(self.path))
        packed = path.with_name(path.name + ".gz")
        self.packed = not path.exists() and packed.is_file()
        if self.packed:
            self.path = self.path.partition("?")[0] + ".gz"
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not span or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        first, last = int(span[1]), min(int(span[2] or size - 1), size - 1)
        if first > last:
            self.send_error(416)
            return None
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        file = path.open("rb")
        file.seek(first)
        self.left = last - first + 1
        return file

    def copyfile(self, source, outputfile):
        left = self.__dict__.pop("left", None)
        while block := source.read(1 << 16 if left is None else min(left, 1 << 16)):
            outputfile.write(block)
            left = left and left - len(block)

    def end_headers(self):
        if self.__dict__.pop("packed", False):
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, format, *args):
        logger.debug(format, *args)


if __name__ == "__main__":
    _entrypoint.run(view)
