"""Uploads to a real Swift, with a real Keystone, directly and through a proxy that breaks things on the wire."""

import contextlib
import gzip
import hashlib
import http.client
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import swiftclient.client
import tensorstore

import manifests
import publish_upload
from darkroom import retry
from darkroom.transfer import credentials, store
from darkroom.transfer import upload as transfer_upload
from publish_manifest import line
from servers import browser as chromium
from servers import faults
from servers import swift as swift_server

SCRIPT = Path(publish_upload.__file__)
ODD = ["odd/a b.csv", "odd/100%.csv", "odd/%41.csv", "odd/a#b?c=d.csv", "odd/Schnitt-é-切片.csv", "odd/a+b&c.csv"]


class Proxy(faults.FaultyProxy):
    """A faulty proxy for all methods. Faults are for the requests that `when` picks, PUT of objects by default.

    `damaged` bodies of such requests are changed on their way; `before` is called with each of their numbers, from 1.
    """

    def __init__(self, behind, spoilers=(), when=None, damaged=0, before=None, **options):
        super().__init__(behind, spoilers, **options)
        self.when, self.damaged, self.before, self.count = when or is_put, damaged, before, 0
        handler = self.server.RequestHandlerClass
        handler.do_PUT = handler.do_POST = handler.do_DELETE = handler.do_OPTIONS = handler.do_GET

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        fault, method, path = faults.nothing, handler.command, unquote(handler.path)
        headers = {name.title(): value for name, value in handler.headers.items()}
        with self.lock:
            if self.when(method, path):
                self.count += 1
                if self.before:
                    self.before(self.count, headers)
                if self.damaged and body:
                    self.damaged, body = self.damaged - 1, bytes([body[0] ^ 1]) + body[1:]
                if self.faults:
                    fault = self.faults[0] if self.always else self.faults.pop(0)
        try:
            connection = http.client.HTTPConnection(self.behind.hostname, self.behind.port, timeout=120)
            connection.request(method, handler.path, body, headers | {"Connection": "close"})
            response = connection.getresponse()
            self.seen.append((method, path, response.status, headers))
            content = response.read()
            connection.close()
            told = [(name, value) for name, value in response.getheaders() if name.lower() != "connection"]
            fault(handler, response.status, told, content)
        except OSError:
            handler.close_connection = True

    def paths(self, method="PUT"):
        """What was stored or deleted, below the dataset."""
        return [
            path.partition("/case/a/")[2].removesuffix("?multipart-manifest=put")
            for verb, path, status, _ in self.seen
            if verb == method and status in (200, 201, 204) and "/case/a/" in path
        ]


def hang_up(handler, status, headers, body):
    """Break the connection (TCP RST) instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def is_put(method, path):
    return method == "PUT" and "/case/a/" in path


@pytest.fixture
def proxy():
    started = []

    def start(behind, *args, **options):
        started.append(Proxy(behind, *args, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No login of the machine's own, and short pauses."""
    for name in list(os.environ):
        if name.startswith(("OS_", "ST_", "SWIFT_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


@pytest.fixture
def login(monkeypatch, swift):
    """Log in to Swift itself (version 1), with requests going to the URL that is given."""

    def set_environment(through=None):
        for name, value in variables(swift, through).items():
            monkeypatch.setenv(name, value)

    set_environment()
    return set_environment


def variables(swift, through=None):
    login = {"ST_AUTH": swift.auth_url, "ST_USER": swift.user, "ST_KEY": swift.key}
    path = urlsplit(swift.url).path
    return login | ({"OS_STORAGE_URL": through + path} if through else {})


def origin(url):
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


def dataset(root, files=None, **more):
    """A finished dataset of text files, or of those given, with its manifest."""
    folder = root / "results/case/a"
    if files is None:
        files = {f"data/{number:03}.bin": f"content of {number}".encode() for number in range(40)}
        files |= {name: name.encode() for name in ODD} | {"empty.nc": b"", "info": b"{}"}
    files = files | {name.replace("__", "/"): content for name, content in more.items()}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return finish(folder)


def finish(folder):
    """Write the checksums and the manifest of what lies in a folder."""
    ours = ("manifest.json", "checksums.sha256", "published.json", "temp_urls.json")
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name not in ours)
    listed = [line(hashlib.sha256((folder / name).read_bytes()).hexdigest(), name) for name in names]
    (folder / "checksums.sha256").write_bytes(b"".join(listed))
    manifests.write(folder)
    return folder


def upload(folder, container, prefix="", **options):
    """Publish, and give what `published.json` says."""
    files = [folder / name for name in ("manifest.json", "checksums.sha256", "published.json")]
    names = {"campaign": "case", "dataset": "a", "target": f"swift://{container}{prefix}", "connections": 8}
    publish_upload.publish_upload(*files, **names | options)
    return json.loads(files[2].read_text())


def start_upload(folder, container, environment, *options):
    """Publish in a process of its own."""
    files = [folder / name for name in ("manifest.json", "checksums.sha256", "published.json")]
    names = ["--campaign", "case", "--dataset", "a", "--target", f"swift://{container}", *options]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "ST_", "SWIFT_"))}
    return subprocess.Popen(
        [sys.executable, SCRIPT, *files, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=kept | environment,
    )


def stored(swift, container, prefix="case/a/"):
    """What swiftclient itself finds below a prefix: name -> (headers, content)."""
    account = (swift.url, swift.token, container)
    _, listing = swiftclient.client.get_container(*account, prefix=prefix, full_listing=True)
    names = [entry["name"] for entry in listing]
    return {name.removeprefix(prefix): swiftclient.client.get_object(*account, name) for name in names}


def local(folder):
    """What ought to be there."""
    ours = {"published.json", "temp_urls.json"}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ours]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def assert_same(swift, container, folder):
    assert {name: content for name, (_, content) in stored(swift, container).items()} == local(folder)


def get(url, **headers):
    """(status, headers, content) that anyone gets."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


# What is there in the end


def test_a_private_dataset_is_there_whole_and_a_second_run_sends_nothing(tmp_path, swift, proxy, login):
    """49 files are three pages of a listing; names are odd; there is a prefix."""
    server = proxy(swift.url)
    login(server.url)
    folder = dataset(tmp_path)
    said = upload(folder, "closet", "/with%20blank/", segment_bytes=3000)
    prefix = "with blank/case/a/"
    assert {name: got for name, (_, got) in stored(swift, "closet", prefix).items()} == local(folder)
    listed = {entry["name"]: (entry["bytes"], entry["md5"]) for entry in said["objects"]}
    assert listed == {name: (len(c), hashlib.md5(c).hexdigest()) for name, c in local(folder).items()}
    assert said["stale"] == {"count": 0, "first": [], "deleted": False} and not said["public"]
    before = (folder / "published.json").read_bytes()
    urls = [entry["url"].replace(server.url, origin(swift.url)) for entry in said["objects"]]
    assert {get(url)[0] for url in [*urls[:3], f"{swift.url}/closet"]} == {401}
    del server.seen[:]
    upload(folder, "closet", "/with%20blank/", segment_bytes=3000)
    verbs = [verb for verb, *_ in server.seen]
    assert not {"PUT", "POST", "DELETE"} & set(verbs) and verbs.count("HEAD") == 2  # of two containers
    assert (folder / "published.json").read_bytes() == before


def test_a_public_dataset_is_for_everyone_in_any_browser(tmp_path, swift, login):
    folder = dataset(
        tmp_path, big__movie=bytes(range(256)) * 1000, **{"page.html": b"<p>", "map.tif": b"II", "a.nii.gz": b"x"}
    )
    said = upload(folder, "public", public=True, segment_bytes=100_000)
    for entry in said["objects"]:
        status, headers, content = get(entry["url"], Origin="http://anywhere.example")
        assert (status, content) == (200, (folder / entry["name"]).read_bytes())
        assert headers["Content-Type"] == entry["content_type"]
        assert headers["Access-Control-Allow-Origin"] == "*" and headers["Content-Encoding"] is None
    types = {Path(entry["name"]).suffix or entry["name"]: entry["content_type"] for entry in said["objects"]}
    assert types | {".sha256": ""} == {
        ".bin": "application/octet-stream",
        ".csv": "text/csv",
        ".gz": "application/octet-stream",
        ".html": "text/html",
        ".json": "application/json",
        ".nc": "application/x-netcdf",
        ".sha256": "",
        ".tif": "image/tiff",
        "big/movie": "application/octet-stream",
        "info": "application/json",
    }
    movie = next(entry for entry in said["objects"] if entry["name"] == "big/movie")
    status, headers, content = get(movie["url"], Range="bytes=99990-100009", Origin="http://anywhere.example")
    assert (status, content) == (206, (folder / "big/movie").read_bytes()[99990:100010])
    assert "content-range" in headers["Access-Control-Expose-Headers"]
    preflight = {"Origin": "http://anywhere.example", "Access-Control-Request-Method": "GET"}
    request = urllib.request.Request(movie["url"], headers=preflight, method="OPTIONS")
    assert urllib.request.urlopen(request, timeout=60).headers["Access-Control-Allow-Origin"] == "*"
    assert len(json.loads(get(f"{swift.url}/public?prefix=case/a/&format=json")[2])) == 20  # one page


def test_large_objects_send_only_the_parts_that_changed(tmp_path, swift, proxy, login):
    server = proxy(swift.url)
    login(server.url)
    content = np.random.default_rng(1).bytes(5_500_000)  # more than is kept in memory
    folder = dataset(tmp_path, {"movie.tif": content, "small.csv": b"1"})
    upload(folder, "movies", segment_bytes=1_000_000)
    parts = [path for path in server.paths() if path.startswith("movie.tif/")]
    assert len(parts) == 6 and stored(swift, "movies")["movie.tif"][1] == content
    assert list(stored(swift, "movies_segments")) == sorted(parts)
    (folder / "movie.tif").write_bytes(content[:3_000_000] + b"x" + content[3_000_001:])
    finish(folder)
    del server.seen[:]
    upload(folder, "movies", segment_bytes=1_000_000)
    (changed,) = [path for path in server.paths() if path.startswith("movie.tif/")]
    assert changed.startswith(f"movie.tif/{3_000_000:016}-")
    assert_same(swift, "movies", folder)
    kept = stored(swift, "movies_segments")
    assert len(kept) == 6 and set(kept) - set(parts) == {path for path in server.paths() if "tif/" in path}
    swiftclient.client.delete_object(swift.url, swift.token, "movies_segments", f"case/a/{min(parts)}")
    del server.seen[:]
    upload(folder, "movies", segment_bytes=1_000_000)  # the listing of the object alone would not tell
    assert set(server.paths()) == {min(parts), "movie.tif", "manifest.json"}
    upload(folder, "movies")  # larger segments: one object, and no parts are left
    assert_same(swift, "movies", folder)
    (folder / "movie.tif").write_bytes(b"short")
    upload(finish(folder), "movies", segment_bytes=1_000_000)
    assert_same(swift, "movies", folder)


def test_data_goes_before_indexes_and_the_manifest_last(tmp_path, swift, proxy, login):
    server = proxy(swift.url)
    login(server.url)
    files = {"precomputed/info": b"{}", "precomputed/x/0": b"x", "z.ome.zarr/zarr.json": b"{}", "z.ome.zarr/a": b"a"}
    folder = dataset(tmp_path, files)
    upload(folder, "order")
    paths = server.paths()
    assert set(paths[:2]) == {"precomputed/x/0", "z.ome.zarr/a"}
    assert set(paths[2:4]) == {"precomputed/info", "z.ome.zarr/zarr.json"}
    assert paths[4:] == ["checksums.sha256", "manifest.json"]
    del server.seen[:]
    (folder / "precomputed/x/0").write_bytes(b"y")
    upload(finish(folder), "order")
    changes = [(verb, path.partition("/case/a/")[2]) for verb, path, *_ in server.seen if verb in ("PUT", "DELETE")]
    assert changes == [
        ("DELETE", "manifest.json"),
        ("PUT", "precomputed/x/0"),
        ("PUT", "checksums.sha256"),
        ("PUT", "manifest.json"),
    ]


def test_what_is_missing_or_different_is_sent_and_nothing_else(tmp_path, swift, proxy, login):
    server = proxy(swift.url)
    login(server.url)
    folder = dataset(tmp_path)
    upload(folder, "differ")
    swiftclient.client.delete_object(swift.url, swift.token, "differ", "case/a/odd/%41.csv")
    swift.put("differ", "case/a/data/001.bin", b"content of X")  # same size
    swift.put("differ", "case/a/data/002.bin", b"content of 2", content_type="text/plain")
    del server.seen[:]
    upload(folder, "differ")
    assert sorted(server.paths()) == ["data/001.bin", "data/002.bin", "manifest.json", "odd/%41.csv"]
    assert_same(swift, "differ", folder)


def test_an_encoding_that_was_lost_is_told_again(tmp_path, swift, proxy, login):
    """A change of an object's metadata drops it, and no listing shows that."""
    files = {"p/info": json.dumps({"scales": [{"key": "1", "encoding": "raw"}]}).encode()}
    files |= {f"p/1/{x}-{x + 1}_0-1_0-1.gz": gzip.compress(bytes([x]), mtime=0) for x in range(200)}
    folder = dataset(tmp_path, files)
    upload(folder, "encodings", public=True)
    name = "p/1/7-8_0-1_0-1"
    swiftclient.client.post_object(swift.url, swift.token, "encodings", f"case/a/{name}", {"X-Object-Meta-By": "me"})
    assert get(f"{swift.url}/encodings/case/a/{name}")[1]["Content-Encoding"] is None
    between = proxy(origin(swift.url))
    login(between.url)
    upload(folder, "encodings", public=True)
    assert between.paths() == [name, "manifest.json"]
    assert get(f"{swift.url}/encodings/case/a/{name}")[1]["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("source", ["swift://mixed", "swift://mixed/case", "swift://mixed/case/a/raw", "{url}/case/a/"])
def test_a_copy_never_mixes_with_its_source(tmp_path, swift, login, source):
    swift.container("mixed")
    swift.put("mixed", "case/a/raw/1.tif", b"irreplaceable")
    folder = dataset(tmp_path, {"a": b"a"})
    manifests.write(folder, source.format(url=f"{swift.url}/mixed"))
    with pytest.raises(ValueError, match="would mix with what the dataset is made of"):
        upload(folder, "mixed", mirror=True, public=True)
    assert [*stored(swift, "mixed")] == ["raw/1.tif"]


def test_stale_objects_are_reported_and_deleted_only_by_a_mirror(tmp_path, swift, login, caplog):
    folder = dataset(tmp_path)
    upload(folder, "stale")
    for name in ("old", "data/000.bin.old", "zarr.json"):
        swift.put("stale", f"case/a/{name}", b"of another time")
    swift.put("stale", "case/ab", b"a neighbour")
    expected = {"count": 3, "first": ["data/000.bin.old", "old", "zarr.json"], "deleted": False}
    assert upload(folder, "stale")["stale"] == expected
    assert "3 objects are no part of the dataset and are left" in caplog.text
    assert len(stored(swift, "stale")) == len(local(folder)) + 3
    assert upload(folder, "stale", mirror=True)["stale"] == expected | {"deleted": True}
    assert_same(swift, "stale", folder)
    assert upload(folder, "stale", mirror=True)["stale"]["count"] == 0
    assert list(stored(swift, "stale", "case/ab")) == [""]


def test_a_stale_large_object_goes_with_its_parts_and_only_by_a_mirror(tmp_path, swift, login):
    """What has no part in it stays: parts of other datasets, and of a large object that is still of use."""
    movie, kept = (np.random.default_rng(seed).bytes(5000) for seed in (3, 4))
    folder = dataset(tmp_path, {"movie.tif": movie, "movie.tif.tif": kept, "small.csv": b"1"})
    for name in ("a", "b", "a b"):
        upload(folder, "stale-large", dataset=name, segment_bytes=2000)
    parts = stored(swift, "stale-large_segments", "case/")
    mine = {name for name in parts if name.startswith("a/")}
    gone = {name for name in mine if name.startswith("a/movie.tif/")}
    assert (len(parts), len(mine), len(gone)) == (18, 6, 3)
    (folder / "movie.tif").unlink()
    finish(folder)
    assert upload(folder, "stale-large", segment_bytes=2000)["stale"]["first"] == ["movie.tif"]
    assert stored(swift, "stale-large_segments", "case/").keys() == parts.keys()
    assert stored(swift, "stale-large")["movie.tif"][1] == movie
    said = upload(folder, "stale-large", segment_bytes=2000, mirror=True)["stale"]
    assert said == {"count": 1, "first": ["movie.tif"], "deleted": True}
    assert_same(swift, "stale-large", folder)
    assert stored(swift, "stale-large_segments", "case/").keys() == parts.keys() - gone
    (folder / "movie.tif.tif").unlink()
    upload(finish(folder), "stale-large", segment_bytes=2000, mirror=True)  # now there is no large object here
    assert_same(swift, "stale-large", folder)
    assert stored(swift, "stale-large_segments", "case/").keys() == parts.keys() - mine
    for name in ("b", "a b"):
        others = stored(swift, "stale-large", f"case/{name}/")
        assert (others["movie.tif"][1], others["movie.tif.tif"][1]) == (movie, kept)


def test_nothing_private_becomes_public_unasked(tmp_path, swift, login, caplog):
    folder = dataset(tmp_path, {"a": b"a"})
    swift.container("opened")
    with pytest.raises(PermissionError, match=r"container opened is public .*publish.public is false"):
        upload(folder, "opened")
    assert stored(swift, "opened") == {} and not (folder / "published.json").exists()
    swift.container("closed", public=False)
    swiftclient.client.post_container(swift.url, swift.token, "closed", {"X-Container-Read": "test:friend"})
    swift.put("closed", "diary", b"dear diary")
    upload(folder, "closed", public=True)
    assert "container closed is made public, with the 1 objects that are in it" in caplog.text
    acl = swiftclient.client.head_container(swift.url, swift.token, "closed")["x-container-read"]
    assert acl == "test:friend,.r:*,.rlistings"


@pytest.mark.parametrize("large", [False, True])
def test_temporary_urls_open_a_private_dataset_and_are_nowhere_else(tmp_path, swift, login, caplog, large):
    """Parts of large objects lie in a container of their own, so that the account's key must sign."""
    folder = dataset(tmp_path, big=b"0123456789" * 500, **{"odd name#.csv": b"1"})
    size, container = (2000, "lent-large") if large else (10_000, "lent")
    said = upload(folder, container, "/a%20b", temp_url_days=2, segment_bytes=size)
    path = folder / said["temp_urls"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lent = json.loads(path.read_text())
    assert get(lent["example"])[2] == (folder / "manifest.json").read_bytes()
    for entry in said["objects"]:
        assert get(entry["url"])[0] == 401
        assert get(f"{entry['url']}?{lent['query']}")[::2] == (200, (folder / entry["name"]).read_bytes())
    swift.put(container, "other", b"private")
    assert get(f"{swift.url}/{container}/other?{lent['query']}")[0] == 401
    signature = lent["query"].split("&")[0].split("=")[1]
    if large:
        key = swiftclient.client.head_account(swift.url, swift.token)["x-account-meta-temp-url-key"]
    else:
        key = swiftclient.client.head_container(swift.url, swift.token, container)["x-container-meta-temp-url-key"]
    written = (folder / "published.json").read_text() + caplog.text
    assert len(key) > 30 and key not in written + path.read_text() and signature not in written
    upload(folder, container, "/a%20b", segment_bytes=size)
    assert not path.exists()


# Faults


def still_published(tmp_path, swift, server, login, container, **options):
    login(server.url)
    folder = dataset(tmp_path)
    upload(folder, container, **options)
    assert_same(swift, container, folder)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (faults.answer(429, Retry_After="1"), "busy"),
        (faults.answer(503, Retry_After="1"), "unavailable"),
        (faults.answer(500), "error"),
        (hang_up, "reset"),
        (faults.rewrite(ETag="0" * 32), "etag"),
    ],
)
def test_passing_faults_of_uploads(tmp_path, swift, proxy, login, fault, name):
    server = proxy(swift.url, [faults.nothing] * 5 + [fault] * 3)
    before = time.monotonic()
    still_published(tmp_path, swift, server, login, f"passing-{name}")
    assert len(server.paths()) == len(set(server.paths())) + 3
    assert time.monotonic() - before > 0.95 or name not in ("busy", "unavailable")


def test_passing_faults_of_listings_and_of_reading_back(tmp_path, swift, proxy, login):
    cases = [faults.reset(10), faults.answer(503), faults.truncate(100), faults.answer(408)]
    server = proxy(
        swift.url, cases, when=lambda method, path: method == "GET" and "?format=json" in path and "limit" not in path
    )
    still_published(tmp_path, swift, server, login, "listings", public=True)
    server = proxy(
        swift.url,
        [faults.nothing, faults.truncate(3), faults.corrupt(1), faults.reset(1)],
        when=lambda method, path: method == "GET" and path.endswith(".bin"),
    )
    login(server.url)
    with pytest.raises(OSError, match=r"1 objects are not as they were sent.*MD5 \w+ of 1\d bytes expected"):
        upload(tmp_path / "results/case/a", "listings", public=True, connections=1)
    assert "manifest.json" not in stored(swift, "listings")  # it is never right to vouch for what cannot be read
    upload(tmp_path / "results/case/a", "listings", public=True)


def test_bodies_damaged_on_the_way_are_refused_and_sent_again(tmp_path, swift, proxy, login):
    server = proxy(swift.url, damaged=2)
    still_published(tmp_path, swift, server, login, "damaged")
    assert [status for *_, status, _ in server.seen].count(422) == 2


def test_a_server_that_never_recovers_is_given_up(tmp_path, swift, proxy, login, monkeypatch):
    monkeypatch.setattr(store, "ATTEMPTS", 3)
    folder = dataset(tmp_path)
    for fault, says in [
        (faults.answer(503), r"never/case/a/\S+.*: 503 Service Unavailable \(3 attempts\)"),
        (faults.answer(429, Retry_After="7200"), "429 .*asks to wait 7200 s"),
        (faults.answer(507), "507 "),
        (faults.answer(413), "413 Request Entity Too Large$"),
        (faults.answer(403), r"never/\S+.*: the environment is refused \(403 Forbidden\)"),
        (faults.rewrite(ETag="0" * 32), f"the server has {'0' * 32}"),
    ]:
        server = proxy(swift.url, [fault], always=True)
        login(server.url)
        before = threading.active_count()
        with pytest.raises(OSError, match=says):
            upload(folder, "never")
        assert threading.active_count() <= before + 8  # handlers of the proxy
        assert not (folder / "published.json").exists()
        assert "manifest.json" not in stored(swift, "never")
        with contextlib.suppress(Exception):
            swiftclient.client.delete_object(swift.url, swift.token, "never", "case/a/data/000.bin")


def test_a_server_killed_in_the_middle_and_started_again(tmp_path, swift, proxy, login, monkeypatch):
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 30)

    crashed = threading.Event()

    def crash(count, _):
        if count == 15:
            swift.kill("proxy")
            crashed.set()

    server = proxy(swift.url, before=crash)
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(still_published, tmp_path, swift, server, login, "crash")
        assert crashed.wait(300)
        time.sleep(0.5)
        swift.start("proxy")
        swift.wait_for_proxy()
        published.result(300)


def test_a_server_lost_for_good_and_exactly_the_rest_goes_later(tmp_path, swift, proxy, login, monkeypatch):
    monkeypatch.setattr(store, "ATTEMPTS", 3)
    server = proxy(swift.url, before=lambda count, _: swift.kill("proxy") if count == 15 else None)
    login(server.url)
    folder = dataset(tmp_path)
    try:
        with pytest.raises(OSError, match=r"lost/case/a/\S.*: the connection failed \(\w+\) \(3 attempts\)"):
            upload(folder, "lost")
    finally:
        swift.start("proxy")
        swift.wait_for_proxy()
    assert not (folder / "published.json").exists()
    there = set(stored(swift, "lost"))
    assert 15 - 8 <= len(there) <= 14  # one more may be on its way on each connection
    del server.seen[:]
    upload(folder, "lost")
    assert sorted(server.paths()) == sorted(local(folder).keys() - there)


def test_an_upload_killed_and_resumed_sends_exactly_what_is_missing(tmp_path, swift, proxy, login):
    process = None

    def kill(count, _):
        if count == 25:
            process.kill()

    server = proxy(swift.url, before=kill)
    folder = dataset(tmp_path, movie=np.random.default_rng(2).bytes(90_000))
    process = start_upload(
        folder, "killed", variables(swift, server.url), "--segment-bytes", "30000", "--connections", "4"
    )
    process.communicate(timeout=900)
    assert process.returncode == -signal.SIGKILL and not (folder / "published.json").exists()
    time.sleep(0.3)
    there = set(stored(swift, "killed")) | set(stored(swift, "killed_segments"))
    del server.seen[:]
    login(server.url)
    upload(folder, "killed", segment_bytes=30_000)
    sent = server.paths()
    assert len(there) > 15 and len(sent) == len(set(sent)) and not there & set(sent)
    everything = set(stored(swift, "killed")) | set(stored(swift, "killed_segments"))
    assert set(sent) == everything - there
    assert_same(swift, "killed", folder)


def test_two_runs_at_once_with_the_same_content(tmp_path, swift):
    folders = [dataset(tmp_path / name) for name in "ab"]
    runs = [start_upload(folder, "twice", variables(swift)) for folder in folders]
    said = [run.communicate(timeout=900)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert_same(swift, "twice", folders[0])
    assert (folders[0] / "published.json").read_bytes() == (folders[1] / "published.json").read_bytes()


@pytest.mark.parametrize("back", [True, False])
def test_a_manifest_that_another_run_takes_away_is_there_in_the_end(tmp_path, swift, proxy, login, monkeypatch, back):
    """The other run goes by a listing of before; it is slower than ours, or ends before its own end."""
    monkeypatch.setattr(transfer_upload, "SETTLING", 3)
    folder, container, name, done = dataset(tmp_path), f"taken{back}", "case/a/manifest.json", []

    def other_run(method, path):
        if method == "GET" and "format=json" in path and "marker" not in path:
            if not done and server.paths().count("manifest.json"):
                done.append("taken")
                swiftclient.client.delete_object(swift.url, swift.token, container, name)
            elif done == ["taken"] and back:
                done.append("back")
                content = (folder / "manifest.json").read_bytes()
                swift.put(container, name, content, content_type="application/json")
        return False

    server = proxy(swift.url, when=other_run)
    login(server.url)
    upload(folder, container)
    assert done == (["taken", "back"] if back else ["taken"])
    assert server.paths().count("manifest.json") == (1 if back else 2)
    assert_same(swift, container, folder)


def test_two_runs_of_which_one_sleeps_with_the_manifest_taken_away(tmp_path, swift, proxy, login):
    first = dataset(tmp_path / "a")
    login()
    upload(first, "asleep")
    swiftclient.client.delete_object(swift.url, swift.token, "asleep", "case/a/data/000.bin")
    process, deleted = None, threading.Event()

    def sleep(method, path):
        if method == "PUT" and not deleted.is_set():  # after its DELETE of the manifest
            os.kill(process.pid, signal.SIGSTOP)
            deleted.set()
        return False

    server = proxy(swift.url, when=sleep)
    second = dataset(tmp_path / "b")
    process = start_upload(second, "asleep", variables(swift, server.url))
    try:
        assert deleted.wait(300)
        upload(first, "asleep")
    finally:
        os.kill(process.pid, signal.SIGCONT)
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0, said
    assert_same(swift, "asleep", first)


def test_swifts_own_rate_limit_is_waited_for(tmp_path, swift, login, proxy, monkeypatch):
    """It says 498 where others say 429."""
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 5)
    options = "container_ratelimit_0 = 8\nmax_sleep_time_seconds = 0.5\nrate_buffer_seconds = 0\n"
    swift.container("limited", public=False)
    swift.put("limited", "other", b"an empty container has no limit")
    filters = f"{swift_server.PROXY_AUTH}\n[filter:ratelimit]\nuse = egg:swift#ratelimit\n{options}"
    swift.add_proxy("limited", "ratelimit tempauth", filters)
    server = proxy(swift.wait_for_proxy("limited"))
    login(server.url)
    folder = dataset(tmp_path)
    upload(folder, "limited")
    assert 498 in [status for *_, status, _ in server.seen]
    assert_same(swift, "limited", folder)


def test_a_stranger_who_is_refused_for_a_while_asks_again(tmp_path, swift, proxy, login):
    """For a minute, proxies may remember that a container was private."""
    refused = iter([401, 409, 403])

    def stranger(handler, status, headers, body):
        code = None if handler.headers["X-Auth-Token"] else next(refused, None)
        fault = faults.answer(code) if code else faults.nothing
        fault(handler, status, headers, body)

    server = proxy(swift.url, [stranger], when=lambda method, path: method == "GET", always=True)
    login(server.url)
    folder = dataset(tmp_path)
    upload(folder, "settling", public=True)
    assert next(refused, None) is None
    assert_same(swift, "settling", folder)


def test_a_page_of_html_in_place_of_a_listing(tmp_path, swift, proxy, login):
    def page(handler, status, headers, body):
        handler.head(200, [("Content-Type", "text/html"), ("Content-Length", "21")])
        handler.wfile.write(b"<html>Log in</html>\r\n")

    def listing(method, path):
        return method == "GET" and "format=json" in path

    folder = dataset(tmp_path)
    server = proxy(swift.url, [page, page, *[faults.nothing] * 1000], when=listing)
    login(server.url)
    upload(folder, "portal")
    assert_same(swift, "portal", folder)


def test_somebody_else_publishing_other_content_is_noticed(tmp_path, swift, proxy, login):
    """Another run overwrites data once ours has sent all but the manifest."""
    other = dataset(tmp_path / "other", data__000=b"of another run")

    def meddle(method, path):
        if method == "PUT" and path.endswith("manifest.json"):
            swift.put("meddled", "case/a/data/001.bin", b"of another run")
        return False

    login(proxy(swift.url, when=meddle).url)
    folder = dataset(tmp_path)
    with pytest.raises(OSError, match=r"1 objects are not as they were sent, or somebody else .*data/001.bin: listed"):
        upload(folder, "meddled")
    assert not (folder / "published.json").exists() and "manifest.json" not in stored(swift, "meddled")
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(upload, one, "meddled") for one in (folder, other)]
    for run in runs:
        assert run.exception() is None or "somebody else has changed them" in str(run.exception())
    there = {name: content for name, (_, content) in stored(swift, "meddled").items()}
    if "manifest.json" in there:  # it speaks the truth
        assert there in [local(one) for one in (folder, other)]
    else:
        assert all(run.exception() for run in runs)


def test_a_file_that_changed_since_its_digest_is_not_published(tmp_path, swift, login):
    folder = dataset(tmp_path)
    (folder / "data/003.bin").write_bytes(b"content of 4")
    with pytest.raises(ValueError, match=r"data/003.bin has changed since its dataset was finished"):
        upload(folder, "changed")
    assert "manifest.json" not in stored(swift, "changed") and not (folder / "published.json").exists()


# Logging in


SECRET_WAYS = ("settings", "application credential", "clouds.yaml", "token", "version 1")


@pytest.fixture
def ways(keystone, swift, tmp_path):
    """How to log in in each way: way -> (environment, secrets)."""
    home = tmp_path / "home"
    home.mkdir()

    def private(name, content):
        (home / name).write_text(content)
        (home / name).chmod(0o600)
        return str(home / name)

    def log_in(way):
        place = {"OS_AUTH_URL": keystone.auth_url}
        who = {"OS_USERNAME": keystone.user, "OS_PASSWORD": keystone.password}
        if way == "settings":
            seed = {"auth_version": "3", "os_project_id": keystone.project_id, "os_storage_url": keystone.storage_url}
            values = seed | {key.lower(): value for key, value in (place | who).items()}
            return {"SWIFT_SETTINGS": private("swift.json", json.dumps(values))}, [keystone.password]
        if way == "password":
            names = {"OS_PROJECT_NAME": keystone.project, "OS_USER_DOMAIN_NAME": "Default"}
            return place | who | names | {"OS_PROJECT_DOMAIN_NAME": "Default"}, [keystone.password]
        if way == "application credential":
            credential, secret = keystone.application_credential(tmp_path.name)
            keys = {"OS_APPLICATION_CREDENTIAL_ID": credential, "OS_APPLICATION_CREDENTIAL_SECRET": secret}
            return place | keys | {"OS_AUTH_TYPE": "v3applicationcredential"}, [secret, credential]
        if way == "clouds.yaml":
            credential, secret = keystone.application_credential(tmp_path.name)
            about = {"auth_type": "v3applicationcredential", "auth": {"auth_url": keystone.auth_url}}
            clouds = private("clouds.yaml", json.dumps({"clouds": {"loop": about}}))
            keys = {"application_credential_id": credential, "application_credential_secret": secret}
            secure = private("secure.yaml", json.dumps({"clouds": {"loop": {"auth": keys}}}))
            files = {"OS_CLIENT_CONFIG_FILE": clouds, "OS_CLIENT_SECURE_FILE": secure, "HOME": str(home)}
            return files | {"OS_CLOUD": "loop"}, [secret, credential]
        if way == "token":
            token = keystone.token()
            return place | {"OS_TOKEN": token, "OS_PROJECT_ID": keystone.project_id}, [token]
        return variables(swift), [swift.key]

    return log_in


@pytest.mark.parametrize("way", [*SECRET_WAYS, "password"])
def test_every_way_to_log_in_leaves_no_secret_anywhere(tmp_path, ways, way):
    """What a run says and writes, and its command line as others see it; also when the login is refused."""
    environment, secrets = ways(way)
    folder = dataset(tmp_path)
    lines = []
    spoilt = {key: value + "x" if value in secrets else value for key, value in environment.items()}
    for attempt, expected in ((environment, 0), (spoilt, 1)):
        if attempt == environment and expected:
            continue  # the secret is in a file
        process = start_upload(folder, f"way-{way}".replace(" ", "-"), attempt, "--temp-url-days", "1")
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{process.pid}/cmdline").read_text())
        said, _ = process.communicate(timeout=900)
        assert process.returncode == expected, said
        if expected:
            assert "is refused (40" in said
        else:
            lent = json.loads((folder / "temp_urls.json").read_text())["query"].split("&")[0].partition("=")[2]
            (folder / "temp_urls.json").unlink()
        lines.append(said)
    written = "".join(path.read_text(errors="replace") for path in folder.parents[1].rglob("*") if path.is_file())
    for secret in [*secrets, lent]:
        assert secret not in written + "".join(lines)


def test_a_campaign_publishes_and_leaves_no_secret_anywhere(campaign, ways, swift, monkeypatch):
    """The whole workflow: its logs, reports, benchmarks and what Snakemake keeps and says."""
    environment, secrets = ways("settings")
    settings = {"target": "swift://campaign/p", "settings": environment["SWIFT_SETTINGS"], "temp_url_days": 1}
    campaign.write([("labels", "sample:labels", {"type": "segmentation"})], publish=settings)
    process, lines = campaign.start("--printshellcmds", "--show-failed-logs", "--verbose"), set()
    reader = threading.Thread(target=lambda: lines.add(process.stdout.read()))
    reader.start()
    while process.poll() is None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                lines.add(path.read_text(errors="replace"))
        time.sleep(0.2)
    reader.join()
    assert process.returncode == 0, "".join(lines)[-3000:]
    published = next(campaign.results.rglob("published.json"))
    lent = published.with_name("temp_urls.json")
    query = json.loads(lent.read_text())["query"].split("&")[0].partition("=")[2]
    lent.unlink()
    (Path(environment["SWIFT_SETTINGS"])).unlink()
    lines |= {path.read_text(errors="replace") for path in campaign.folder.rglob("*") if path.is_file()}
    said = "".join(lines)
    assert "swift://campaign/p" in said
    for secret in [*secrets, query]:
        assert secret not in said


def test_a_token_that_expires_is_renewed_once_and_the_upload_goes_on(tmp_path, keystone, ways, proxy, monkeypatch):
    environment, _ = ways("password")

    def revoke(count, headers):
        if count == 15:
            keystone.revoke(headers["X-Auth-Token"])
            time.sleep(1.2)

    server = proxy(keystone.storage_url, before=revoke)
    environment["OS_STORAGE_URL"] = server.url + urlsplit(keystone.storage_url).path
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    folder = dataset(tmp_path)
    said = upload(folder, "expiry")
    tokens = {headers.get("X-Auth-Token") for verb, *_, headers in server.seen if verb == "PUT"}
    assert len(said["objects"]) == len(local(folder)) and len(tokens) == 2
    refused = [path for verb, path, status, _ in server.seen if status == 401]
    assert 1 <= len(refused) <= 8 and len(server.paths()) == len(set(server.paths()))


def test_a_token_that_cannot_be_renewed_is_said(tmp_path, keystone, monkeypatch):
    token = keystone.token()
    monkeypatch.setenv("OS_TOKEN", token)
    monkeypatch.setenv("OS_STORAGE_URL", keystone.storage_url)
    folder = dataset(tmp_path, {"a": b"a"})
    upload(folder, "given-token")
    keystone.revoke(token)
    time.sleep(1.2)
    with pytest.raises(
        PermissionError, match=r"the environment: the token is refused \(401\) and cannot be renewed"
    ) as told:
        upload(folder, "given-token")
    assert token not in str(told.value)


def test_logins_that_cannot_be(keystone, ways, monkeypatch):
    environment, _ = ways("password")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for changes, kind, says in [
        ({"OS_PASSWORD": "wrong-word"}, PermissionError, r"^the environment: the login is refused \(401\)$"),
        ({"OS_PROJECT_NAME": "nobody's"}, PermissionError, r"the login is refused"),
        ({"OS_REGION_NAME": "Elsewhere"}, ValueError, "the catalogue has no object store"),
        ({"OS_AUTH_URL": "http://127.0.0.1:9/v3"}, OSError, "cannot be reached"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(credentials, "ATTEMPTS", 1)
            for name, value in changes.items():
                patch.setenv(name, value)
            with pytest.raises(kind, match=says) as told:
                credentials.session()
            assert "word" not in str(told.value)


# What others make of it


VOLUMES = {
    "gzip": ("raw", False),
    "labels": ("compressed_segmentation", False),
    "jpeg": ("jpeg", False),
    "sharded": ("raw", True),
}


def write_volume(folder, voxels, encoding, sharded):
    """A volume as tensorstore writes it; chunks of raw values and labels are gzipped by us, as the pipeline does."""
    sharding = {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 1, "shard_bits": 1}
    sharding |= {"hash": "identity", "data_encoding": "gzip", "minishard_index_encoding": "gzip"}
    scale = {
        "size": list(voxels.shape),
        "resolution": [1000, 1000, 1000],
        "chunk_size": [16, 16, 16],
        "encoding": encoding,
    }
    kind = {"data_type": str(voxels.dtype), "num_channels": 1, "type": "image"}
    if encoding == "compressed_segmentation":
        scale["compressed_segmentation_block_size"], kind["type"] = [8, 8, 8], "segmentation"
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/", "multiscale_metadata": kind}
    spec["scale_metadata"] = scale | ({"sharding": sharding} if sharded else {})
    tensorstore.open(spec, create=True).result()[..., 0].write(voxels).result()
    for path in [] if sharded or encoding == "jpeg" else list(folder.rglob("*-*_*-*_*-*")):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


@pytest.fixture(scope="module")
def volumes(swift, tmp_path_factory):
    """One public dataset with a volume of each kind: (base URL, voxels of each, published.json)."""
    x, y, z = np.indices((40, 30, 20))
    grey = (40 + 3 * x + 2 * y + z).astype("u1")
    labels = (1 + (x >= 20) + 2 * (y >= 15)).astype("u4")
    folder, voxels = tmp_path_factory.mktemp("volumes") / "results/case/a", {}
    for name, (encoding, sharded) in VOLUMES.items():
        voxels[name] = labels if name == "labels" else grey
        write_volume(folder / name / "precomputed", voxels[name], encoding, sharded)
    finish(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(swift).items():
            patch.setenv(name, value)
        said = upload(folder, "volumes", public=True)
    return said["url"], voxels, {entry["name"]: entry for entry in said["objects"]}


def test_chunks_say_how_they_are_encoded(volumes):
    _, _, objects = volumes
    seen = set()
    for name, entry in objects.items():
        kind = name.partition("/")[0]
        chunk = "_" in Path(name).name
        suffix = Path(name).suffix
        seen.add(
            (kind if chunk or suffix == ".shard" else "", suffix, entry["content_type"], entry.get("content_encoding"))
        )
        assert get(entry["url"])[1]["Content-Encoding"] == entry.get("content_encoding")
    octets = "application/octet-stream"
    assert seen == {
        ("gzip", "", octets, "gzip"),
        ("labels", "", octets, "gzip"),
        ("jpeg", "", "image/jpeg", None),
        ("sharded", ".shard", octets, None),
        ("", "", "application/json", None),
        ("", ".json", "application/json", None),
        ("", ".sha256", "text/plain", None),
    }


@pytest.mark.parametrize("name", VOLUMES)
def test_a_published_volume_is_read_straight_from_the_store(volumes, name):
    import cloudvolume

    url, voxels, _ = volumes
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"{url}{name}/precomputed/"}
    read = tensorstore.open(spec).result().read().result()[..., 0]
    seen = np.asarray(cloudvolume.CloudVolume(f"precomputed://{url}{name}/precomputed", progress=False, cache=False)[:])
    for values in (read, seen[..., 0]):
        assert np.abs(values.astype(int) - voxels[name]).max() <= (4 if name == "jpeg" else 0)


def test_a_published_volume_is_drawn_by_neuroglancer(volumes):
    if not chromium.CHROMIUM:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    url, voxels, _ = volumes
    shader = "#uicontrol invlerp normalized(range=[0, 255])\nvoid main() { emitGrayscale(normalized()); }"
    colours = {str(number): f"#{number * 60:02x}{250 - number * 50:02x}{number * 30:02x}" for number in range(1, 5)}
    with chromium.Browser() as browser:
        for name in VOLUMES:
            layer = {
                "name": name,
                "type": "image",
                "source": f"precomputed://{url}{name}/precomputed",
                "shader": shader,
            }
            if name == "labels":
                layer |= {
                    "type": "segmentation",
                    "segmentColors": colours,
                    "selectedAlpha": 1,
                    "segments": list(colours),
                }
            state = chromium.viewer_state([layer], (20e-6, 15e-6, 10.5e-6), layout="xy", cross_section_scale=0.2e-6)
            picture = browser.screenshot_state(state, size=(200, 150), plain=True).astype(int)
            for x, y in ((3, 3), (25, 20), (36, 27)):
                shown, value = picture[5 * y + 2, 5 * x + 2], int(voxels[name][x, y, 10])
                expected = (
                    [int(colours[str(value)][i : i + 2], 16) for i in (1, 3, 5)] if name == "labels" else [value] * 3
                )
                assert np.abs(shown - expected).max() <= (8 if name == "jpeg" else 3), (name, x, y)
