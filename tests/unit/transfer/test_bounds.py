"""Servers without end: each is left soon, with one line. They are real ones, on loopback."""

import contextlib
import io
import json
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom import retry
from darkroom.transfer import download as downloading
from darkroom.transfer import remote
from darkroom.transfer.archive import unpack
from darkroom.transfer.download import download
from darkroom.transfer.remote import Remote, list_container


@pytest.fixture
def server(monkeypatch):
    """`server(answer)`: the URL of a server whose answers `answer(handler, query)` writes, and the list of its requests."""
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.01)
    started = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                with contextlib.suppress(OSError):  # the client leaves first
                    answer(self, {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()})

            def log_message(self, *_):
                pass

        requests = []
        one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        one.daemon_threads = True
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(one)
        return f"http://127.0.0.1:{one.server_port}", requests

    yield start
    for one in started:
        one.shutdown()
        one.server_close()


def say(handler, content, status=200, kind="application/json"):
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def page(*names):
    return json.dumps([{"name": name, "bytes": 1, "hash": "0" * 32} for name in names]).encode()


@pytest.mark.parametrize("pages", [[("a", "b")], [("a", "b"), ("c", "d")], [("b", "a")], [("é",), ("d",)]])
def test_a_listing_that_brings_no_new_name(server, pages):
    url, requests = server(lambda handler, _: say(handler, page(*pages[(len(requests) - 1) % len(pages)])))
    with pytest.raises(OSError, match=r"/v1/A/c/: its listing has no end: after '.' comes '.' again"):
        list_container(f"{url}/v1/A/c/")
    assert len(requests) <= len(pages) + 1


def test_a_listing_that_is_html_for_a_while(server):
    def answer(handler, query):
        if len(requests) <= 2:
            return say(handler, b"\n<html>Log in to the network</html>", kind="text/html")
        return say(handler, page() if query.get("marker") else page("a"))

    url, requests = server(answer)
    assert [item.name for item in list_container(f"{url}/v1/A/c/")] == ["a"]
    url, requests = server(lambda handler, _: say(handler, b"<html>", kind="text/html"))
    with pytest.raises(OSError, match=r"an HTML page came in place of a listing \(6 attempts\)"):
        list_container(f"{url}/v1/A/c/")


@pytest.mark.parametrize("content", [b"{}", b'"text"', b"[1]", b'[{"name": "a"}]', b"[" * 100_000])
def test_json_that_is_no_listing(server, content):
    url, _ = server(lambda handler, _: say(handler, content))
    with pytest.raises(OSError, match=r"something else came in place of a listing"):
        list_container(f"{url}/v1/A/c/")


def endless(block, pause=0.0):
    def answer(handler, _):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(block)
            time.sleep(pause)

    return answer


def test_a_page_without_end(server, monkeypatch):
    monkeypatch.setattr(remote, "LARGEST_PAGE", 1_000_000)
    url, requests = server(endless(b" " * 10_000))
    with pytest.raises(OSError, match=r"the answer is longer than 1.0 MB \(2 attempts\)"):
        list_container(f"{url}/v1/A/c/")
    assert len(requests) == 2


def test_a_page_a_byte_at_a_time(server, monkeypatch):
    monkeypatch.setattr(remote, "LONGEST_PAGE", 0.3)
    url, _ = server(endless(b" ", pause=0.05))
    with pytest.raises(OSError, match=r"the answer is not there after 0.3 s"):
        list_container(f"{url}/v1/A/c/")


def test_a_file_without_end(server, monkeypatch, tmp_path):
    monkeypatch.setattr(downloading, "UNSIZED", 5_000_000)
    url, requests = server(endless(b"x" * 50_000))
    with pytest.raises(OSError, match=r"/file: more than the 5.0 MB that it may have \(2 attempts\)"):
        download([Remote("file", f"{url}/file")], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [] and len(requests) == 2


def test_a_file_that_is_longer_than_its_listing_says(server, tmp_path):
    url, _ = server(endless(b"x" * 50_000))
    with pytest.raises(OSError, match=r"/file: more than the 100.0 kB that it may have"):
        download([Remote("file", f"{url}/file", size=100_000)], tmp_path)


@pytest.mark.parametrize("ranges", [False, True])
def test_a_file_a_byte_at_a_time(server, monkeypatch, tmp_path, ranges):
    """Where it goes on each time, single bytes are no progress."""
    monkeypatch.setattr(downloading, "PATIENCE", 0.2)

    def answer(handler, _):
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1]) if ranges else 0
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-999999/1000000")
        handler.send_header("ETag", '"1"')
        handler.send_header("Content-Length", str(1_000_000 - start))
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)

    url, requests = server(answer)
    with pytest.raises(OSError, match=r"/file: too slow: \d+ bytes in 0 s \(3 attempts\)"):
        download([Remote("file", f"{url}/file")], tmp_path, attempts=3)
    assert len(requests) == 3


# Archives


def pax(stated, content=b"", **headers):
    """A tar file whose member has extended headers, and says that it has this size."""
    info = tarfile.TarInfo("a.tif")
    info.size, info.pax_headers = stated, headers
    return info.tobuf(tarfile.PAX_FORMAT) + content


@pytest.mark.parametrize(
    "content",
    [
        pax(10**18),
        pax(2**70),
        pax(3, b"abc", comment="x" * 3_000_000),
        pax(3, b"abc", **{"GNU.sparse.realsize": str(10**17), "GNU.sparse.map": "0,1"}),
        pax(3, b"abc", size="-5"),
        pax(3, b"abc", size="1" * 5000),
        pax(3, b"abc", size="nan"),
        pax(3, b"abc", path="x" * 5000),
        b"".join([tarfile.TarInfo("././@LongLink").tobuf(tarfile.GNU_FORMAT)[:124], b"77777777777\0", b"\0" * 400]),
    ],
    ids=["exabyte", "huge", "comment", "sparse", "negative", "digits", "nan", "path", "longlink"],
)
def test_heads_of_absurd_size(tmp_path, content):
    (tmp_path / "scan.tar").write_bytes(content + b"\0" * 10240)
    began = time.monotonic()
    with pytest.raises((ValueError, OSError), match=r"scan\.tar") as told:
        unpack(tmp_path / "scan.tar", tmp_path / "out/scan")
    assert "\n" not in str(told.value) and len(str(told.value)) < 500
    assert time.monotonic() - began < 600
    assert not list((tmp_path / "out").glob("*"))


def test_many_small_heads_before_a_member_are_read(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for number in range(50):
            info = tarfile.TarInfo(f"{'long/' * 30}{number}.tif")
            info.size, info.pax_headers = 3, {"comment": "µ" * 1000}
            packed.addfile(info, io.BytesIO(b"abc"))
    (tmp_path / "scan.tar").write_bytes(buffer.getvalue())
    assert len(unpack(tmp_path / "scan.tar", tmp_path / "scan")) == 50
