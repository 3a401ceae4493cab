"""The server for Neuroglancer, asked by a plain HTTP client over one connection, as a browser does."""

import gzip
import http.client
import http.server
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from campaign import ROOT
from commands import view as view_command

CONTENT = bytes(range(256)) * 1000  # longer than one block of a copy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    parent = tmp_path_factory.mktemp("view")
    (parent / "secret").write_text("not served")
    (parent / "results-of-others").mkdir()
    (parent / "results-of-others/secret").write_text("not served")
    root = parent / "results"
    (root / "demo campaign").mkdir(parents=True)
    (root / "demo campaign/index.html").write_text("<!doctype html>")
    (root / "shard").write_bytes(CONTENT)
    (root / "empty").write_bytes(b"")
    (root / "info").write_text('{"scales": []}')
    (root / "0-64_0-64_0-64.gz").write_bytes(gzip.compress(CONTENT, mtime=0))
    (root / "both").write_text("plain")
    (root / "both.gz").write_bytes(gzip.compress(b"packed"))
    (root / "listed").mkdir()
    for name in ("a b.txt", "50% <b>&.txt", "größe.txt", "new\nline.txt"):
        (root / "listed" / name).write_text(name)
    return root


@pytest.fixture(scope="module")
def server(folder):
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(view_command.Handler, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """Function that asks for a path over one connection; gives the answer with its `body`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=300)

    def ask(path, method="GET", **headers):
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        sockets.add(connection.sock)
        answer = connection.getresponse()
        answer.body = answer.read()
        return answer

    sockets = ask.sockets = set()
    yield ask
    connection.close()


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=1000-70999", 1000, 70_999),
        ("bytes=255999-255999", 255_999, 255_999),
        ("bytes=255000-", 255_000, 255_999),
        ("bytes=255000-999999999", 255_000, 255_999),
        ("bytes=-1", 255_999, 255_999),
        ("bytes=-100", 255_900, 255_999),
        ("bytes=-999999999", 0, 255_999),
    ],
)
def test_range(ask, span, first, last):
    answer = ask("/shard", Range=span)
    assert answer.status == 206
    assert answer.body == CONTENT[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/256000"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "span", "size"),
    [
        ("/shard", "bytes=256000-", 256_000),
        ("/shard", "bytes=300000-300010", 256_000),
        ("/shard", "bytes=-0", 256_000),
        ("/empty", "bytes=0-", 0),
        ("/empty", "bytes=-5", 0),
    ],
)
def test_range_beyond_the_end(ask, path, span, size):
    answer = ask(path, Range=span)
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert ask("/info").status == 200


@pytest.mark.parametrize("span", ["bytes=-", "bytes=9-5", "bytes=0-1,5-6", "items=0-5", "bytes=a-b", "0-5"])
def test_what_is_no_single_range_is_answered_whole(ask, span):
    answer = ask("/shard", Range=span)
    assert (answer.status, answer.body) == (200, CONTENT)


def test_range_that_depends_on_an_older_version_is_answered_whole(ask):
    assert ask("/shard", Range="bytes=0-5", If_Range='"version"').body == CONTENT


def test_head_says_what_get_would_send(ask):
    for path in ("/shard", "/empty", "/info", "/0-64_0-64_0-64", "/listed/", "/nothing"):
        head, get = ask(path, "HEAD"), ask(path)
        assert head.body == b""
        assert (head.status, head.headers["Content-Length"]) == (get.status, get.headers["Content-Length"])
        assert head.headers["Content-Encoding"] == get.headers["Content-Encoding"]
    assert ask("/shard", "HEAD", Range="bytes=0-5").status == 200
    assert ask("/shard").body == CONTENT


def test_preflight_of_a_page_elsewhere(ask):
    answer = ask(
        "/shard",
        "OPTIONS",
        Origin="https://example.org",
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="range",
        Access_Control_Request_Private_Network="true",
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] in ("*", "Range")
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
    assert answer.headers["Content-Length"] is None


def test_gzipped_chunk_stands_for_the_plain_one(ask, folder):
    for options in ({}, {"Range": "bytes=0-5"}):
        answer = ask("/0-64_0-64_0-64", **options)
        assert answer.status == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Length"] == str((folder / "0-64_0-64_0-64.gz").stat().st_size)
        assert gzip.decompress(answer.body) == CONTENT
    assert ask("/0-64_0-64_0-64?version=2").headers["Content-Encoding"] == "gzip"


def test_a_file_is_sent_as_it_is(ask):
    assert ask("/both").body == b"plain"
    for path in ("/both", "/both.gz", "/info", "/nothing"):
        assert ask(path).headers["Content-Encoding"] is None
    assert gzip.decompress(ask("/both.gz").body) == b"packed"


def test_many_requests_over_one_connection(ask, folder):
    quickest = math.inf
    for _ in range(50):
        started = time.monotonic()
        assert ask("/shard", Range="bytes=5-9").body == CONTENT[5:10]
        quickest = min(quickest, time.monotonic() - started)
        assert ask("/0-64_0-64_0-64").headers["Content-Encoding"] == "gzip"
        assert ask("/info").body == b'{"scales": []}'
        assert ask("/shard", Range="bytes=999999999-").status == 416
        assert ask("/listed").status == 301
        assert ask("/empty").body == b""
        assert ask("/info", "OPTIONS").body == b""
        seen = ask("/info", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT")
        assert (seen.status, seen.body) == (304, b"")
    assert len(ask.sockets) == 1
    assert quickest < 0.04  # each takes that if answers wait for acknowledgements


def test_what_changed_is_read_again(ask):
    assert ask("/info").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/listed/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/listed/%2e%2e/%2e%2e/secret",
        "/..\\secret",
        "//../secret",
        "/../results-of-others/secret",
        "/....//secret",
    ],
)
def test_nothing_outside_is_served(server, path):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=300) as one:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(partial(one.recv, 1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"not served" not in answer


def test_listing_of_a_folder(ask):
    listing = ask("/listed/")
    assert listing.status == 200
    assert "größe.txt" in listing.body.decode()
    assert b"<b>" not in listing.body
    for name in ("a%20b.txt", "50%25%20%3Cb%3E%26.txt", "gr%C3%B6%C3%9Fe.txt", "new%0Aline.txt"):
        assert name.encode() in listing.body
        assert ask(f"/listed/{name}").status == 200


def test_a_browser_that_goes_away_is_no_error(server, capfd):
    for _ in range(5):
        one = socket.create_connection(("127.0.0.1", server.server_port), timeout=300)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closing resets
        one.sendall(b"GET /shard HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        one.close()
    time.sleep(0.3)
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def command(folder):
    """view.py as a user starts it: the process and the lines it has printed."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "darkroom", "view", folder, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells take it from what runs behind
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_command_prints_the_page_and_serves_this_machine_alone(command, folder):
    _, url = command
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/demo%20campaign/index.html")
    port = int(url.split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", "/demo%20campaign/index.html")
    assert connection.getresponse().read() == b"<!doctype html>"
    connection.close()
    tables = [path.read_text() for path in Path("/proc/net").glob("tcp*")]
    if not tables:
        pytest.skip("this system has no list of its open ports in /proc/net")
    rows = [line.split() for table in tables for line in table.splitlines()]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    assert listening == {f"0100007F:{port:04X}"}


def test_command_ends_quietly_at_ctrl_c(command):
    process, _ = command
    process.send_signal(2)
    assert process.wait(10) == 0
    assert process.stderr.read() == ""


def test_command_says_what_is_wrong(command, tmp_path):
    _, url = command
    port = url.split(":")[2].split("/")[0]
    for arguments, said in (([tmp_path / "none"], "is no folder"), ([tmp_path, "--port", port], "in use")):
        ended = subprocess.run(
            [sys.executable, ROOT / "darkroom", "view", *arguments], capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == 1
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("link", ["link", "links/secret", "links/", "inner/", "indexed/", "packed"])
def test_links_lead_nowhere_outside(folder, ask, link):
    outside = folder.parent / "secret"
    for name, target in {"link": outside, "links": folder.parent / "results-of-others", "packed.gz": outside}.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    (folder / "indexed").mkdir(exist_ok=True)
    (folder / "indexed/index.html").unlink(missing_ok=True)
    (folder / "indexed/index.html").symlink_to(outside)
    (folder / "inner").unlink(missing_ok=True)
    (folder / "inner").symlink_to(folder / "listed")
    answer = ask(f"/{link}")
    assert answer.status == (200 if link == "inner/" else 404)
    assert b"not served" not in answer.body


@pytest.mark.parametrize("path", ["/info%00", "/%00", "/info%00.gz", "/" + "x" * 5000, "/a%0ab"])
def test_names_that_no_file_has(ask, path):
    assert ask(path).status == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8000", 200), ("localhost", 200), ("LOCALHOST:1", 200), ("[::1]:8000", 200), ("evil.example", 421),
     ("127.0.0.1.evil.example:8000", 421), ("", 421), ("localhost@evil.example", 421)],
)  # fmt: skip
def test_a_foreign_host_is_not_answered(ask, host, status):
    """A page whose name leads to this address would else be of the same origin as the folder."""
    answer = ask("/info", Host=host)
    assert answer.status == status
    assert (b"scales" in answer.body) == (status == 200)
