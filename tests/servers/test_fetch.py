"""Downloads against a real nginx and a real Swift, directly and through a proxy that breaks things on the wire."""

import dataclasses
import email.utils
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from darkroom import retry
from darkroom.inventory import File
from darkroom.transfer.download import JOURNAL, download
from darkroom.transfer.remote import Remote, list_container, public_url, remote_files
from servers import faults
from servers.content import ONE_MB, put, sha256

SCRIPTS = Path(__file__).parents[2] / "scripts"


def md5(content):
    return hashlib.md5(content).hexdigest()


def leftovers(folder):
    return sorted(path.name for path in folder.rglob("*") if ".part" in path.name)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Keep the back-off's form but not its length."""
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


# Listing


@pytest.fixture(scope="session")
def stack(swift):
    """A public container: 65 sections of which two lie in another pseudo-folder, and names that need quoting."""
    url = swift.container("stack")
    odd = ["odd/a b.tif", "odd/100%.tif", "odd/%41.tif", "odd/a#b?c=d.tif", "odd/Schnitt-é-切片.tif", "odd/a+b&c.tif"]
    names = [f"a/s{index:03}.tif" for index in range(63)] + ["b/s001.tif", "b/s002.tif"] + odd
    contents = {name: f"content of {name}".encode() for name in names}
    for name, content in contents.items():
        swift.put("stack", name, content)
    swift.put("stack", "a", b"", content_type="application/directory")
    swift.put("stack", "b/", b"")
    return url, contents


def test_all_pages_are_listed(stack, swift, faulty):
    url, contents = stack
    host = swift.auth_url.split("/auth")[0]
    proxy = faulty(host)
    items = list_container(url.replace(host, proxy.url))
    assert len(proxy.seen) == 5  # 20, 20, 20, 13 with the two markers, 0
    assert {item.name: (item.size, item.md5) for item in items} == {
        name: (len(content), md5(content)) for name, content in contents.items()
    }


def test_pattern_and_pseudo_folders(stack, tmp_path):
    url, contents = stack
    assert [item.name for item in list_container(url, r"a/s00\d")] == [f"a/s{index:03}.tif" for index in range(10)]
    assert [item.name for item in list_container(f"{url}/b/", "s")] == ["s001.tif", "s002.tif"]
    assert list_container(f"{url}/b") == list_container(f"{url}/b/")
    both = list_container(url, ".*s00[12]")
    assert [entry.name for entry in download(both, tmp_path)] == [item.name for item in both]
    assert len(both) == 4
    for item in both:
        assert (tmp_path / item.name).read_bytes() == contents[item.name]


def test_names_that_need_quoting(stack, tmp_path):
    url, contents = stack
    got = download(list_container(f"{url}/odd/"), tmp_path)
    odd = {name.removeprefix("odd/"): content for name, content in contents.items() if name.startswith("odd/")}
    assert {entry.name: entry.sha256 for entry in got} == {name: sha256(text) for name, text in odd.items()}
    assert {name: (tmp_path / name).read_bytes() for name in odd} == odd


def test_container_and_prefix_that_need_quoting(swift, tmp_path):
    url = swift.container("my data %20")
    swift.put("my data %20", "first set/é#1.tif", b"here")
    (item,) = list_container(f"{url}/first%20set/")
    assert item.name == "é#1.tif"
    download([item], tmp_path)
    assert (tmp_path / item.name).read_bytes() == b"here"


@pytest.mark.parametrize(
    ("suffix", "pattern", "error", "says"),
    [
        ("", "z", ValueError, r"none of its 71 objects, such as 'a/s000\.tif', .* matches 'z'"),
        ("/nothing/", "", ValueError, "there are no objects in it"),
        ("", "s(", ValueError, r"'s\(' is not a regular expression"),
        ("?limit=3", "", ValueError, "right is https://host/v1/ACCOUNT/CONTAINER"),
        ("-absent", "", PermissionError, r"/stack-absent: not public, or not there \(401\)"),
    ],
)
def test_what_is_wrong_with_a_listing(stack, suffix, pattern, error, says):
    with pytest.raises(error, match=says):
        list_container(stack[0] + suffix, pattern)


@pytest.mark.parametrize("url", ["https://host/v1/ACCOUNT", "https://host/files/a", "ftp://host/v1/A/C", "stack"])
def test_urls_of_another_layout(url):
    with pytest.raises(ValueError, match="right is https://host/v1/ACCOUNT/CONTAINER"):
        list_container(url)


def test_private_container(swift):
    with pytest.raises(PermissionError, match=r"not public, or not there \(401\): it needs credentials"):
        list_container(swift.container("private", public=False))


@pytest.mark.parametrize(("status", "error"), [(404, FileNotFoundError), (400, OSError)])
def test_listing_that_is_refused(stack, swift, faulty, status, error):
    host = swift.auth_url.split("/auth")[0]
    proxy = faulty(host, [faults.answer(status)])
    with pytest.raises(error, match=rf"/stack: .*{status}"):
        list_container(stack[0].replace(host, proxy.url))
    assert len(proxy.seen) == 1


def test_listing_of_a_busy_server(stack, swift, faulty):
    host = swift.auth_url.split("/auth")[0]
    proxy = faulty(host, [faults.nothing, faults.answer(503, Retry_After="0"), faults.reset(10), faults.truncate(10)])
    assert len(list_container(stack[0].replace(host, proxy.url))) == 71
    assert len(proxy.seen) == 8  # five pages, three of them twice


def test_static_large_object(swift, tmp_path):
    url = swift.container("large")
    etags = [swift.put("large", f"parts/{index}", ONE_MB[index::2]) for index in range(2)]
    manifest = [{"path": f"large/parts/{index}", "etag": etag} for index, etag in enumerate(etags)]
    swift.put("large", "whole.bin", json.dumps(manifest), query_string="multipart-manifest=put")
    (item,) = list_container(url, "whole")
    assert (item.size, item.md5) == (1_000_000, None)
    (entry,) = download([item], tmp_path)
    assert entry.sha256 == sha256(ONE_MB[0::2] + ONE_MB[1::2])


def test_dynamic_large_object_whose_listing_says_it_is_empty(swift, tmp_path):
    url = swift.container("dynamic")
    for index in range(2):
        swift.put("dynamic", f"parts/{index}", ONE_MB[index::2])
    swift.put("dynamic", "whole.bin", b"", headers={"X-Object-Manifest": "dynamic/parts/"})
    (item,) = list_container(url, "whole")
    assert item.size == 0
    for _ in range(2):
        (entry,) = download([item], tmp_path)
        assert entry.sha256 == sha256(ONE_MB[0::2] + ONE_MB[1::2])


def test_resume_from_swift_which_ignores_if_range(swift, faulty, tmp_path):
    url = swift.container("resumed")
    host = swift.auth_url.split("/auth")[0]
    swift.put("resumed", "big", ONE_MB)
    with pytest.raises(OSError, match="1 attempts"):
        proxy = faulty(host, [faults.reset(400_000)])
        download([Remote("big", f"{url}/big".replace(host, proxy.url))], tmp_path, attempts=1)
    assert leftovers(tmp_path) == [".big.part", ".big.part.json"]
    # The same URL again: once with the object as it was, once after it changed.
    note = json.loads((tmp_path / ".big.part.json").read_text())
    for content, statuses in ((ONE_MB, [206]), (ONE_MB[::-1], [206, 200])):
        half = tmp_path / f"half{len(statuses)}"
        half.mkdir()
        (half / ".big.part").write_bytes(ONE_MB[:400_000])
        again = faulty(host)
        (half / ".big.part.json").write_text(json.dumps(note | {"url": f"{url}/big".replace(host, again.url)}))
        swift.put("resumed", "big", content)
        download([Remote("big", f"{url}/big".replace(host, again.url))], half)
        assert (half / "big").read_bytes() == content
        assert [status for _, _, status, _ in again.seen] == statuses


# Downloads that break off


def start_slow_download(server, folder):
    """A Python process of its own that downloads `big`."""
    code = (
        "import signal, sys; from darkroom.transfer.download import *; from darkroom.transfer.remote import Remote; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "download([Remote('big', sys.argv[1])], sys.argv[2])"
    )
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    return subprocess.Popen([sys.executable, "-c", code, f"{server.url}/big", str(folder)], env=environment)


def killed_download(server, folder, at_least=200_000):
    """Kill a download (SIGKILL) when it has some of the file, and give how much it left."""
    process, part = start_slow_download(server, folder), folder / ".big.part"
    deadline = time.monotonic() + 300
    while not part.exists() or part.stat().st_size < at_least:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (folder / "big").exists()
    return part.stat().st_size


def test_killed_download_goes_on_where_it_was(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB)
    server, folder = nginx(tmp_path / "root", limit_rate="700k"), tmp_path / "got"
    had = killed_download(server, folder)
    assert 0 < had < len(ONE_MB)
    stored = []
    (entry,) = download([Remote("big", f"{server.url}/big")], folder, progress=lambda more, *_: stored.append(more))
    last = server.requests()[-1]
    assert (last["status"], last["range"], last["bytes"]) == (206, f"bytes={had}-", len(ONE_MB) - had)
    assert (folder / "big").read_bytes() == ONE_MB
    assert entry == File("big", len(ONE_MB), f"{server.url}/big", sha256=sha256(ONE_MB))
    assert sum(stored) == len(ONE_MB) and leftovers(folder) == []


def test_file_that_changed_while_killed(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB)
    server, folder = nginx(tmp_path / "root", limit_rate="700k"), tmp_path / "got"
    killed_download(server, folder)
    put(tmp_path / "root", big=ONE_MB[::-1])
    os.utime(tmp_path / "root/big", (1, 1))  # nginx's ETag is of time and size
    download([Remote("big", f"{server.url}/big")], folder)
    last = server.requests()[-1]
    assert last["range"] and (last["status"], last["bytes"]) == (200, len(ONE_MB))
    assert (folder / "big").read_bytes() == ONE_MB[::-1]


def test_killed_between_last_byte_and_rename(tmp_path, served):
    folder, url = tmp_path / "got", f"{served.url}/big"
    download([Remote("big", url)], folder)
    entry = json.loads((folder / JOURNAL).read_text())
    (folder / "big").rename(folder / ".big.part")
    (folder / ".big.part.json").write_text(json.dumps(entry | {"large": False}))
    download([Remote("big", url)], folder)
    assert (folder / "big").read_bytes() == ONE_MB
    assert served.requests()[-1]["bytes"] == 1


@pytest.mark.parametrize(
    "note", ["", "null", '{"url": "http://other/big", "etag": "\\"1\\"", "modified": "", "bytes": 1000000}']
)
def test_part_without_a_good_note_is_not_used(tmp_path, served, note):
    folder = tmp_path / "got"
    put(folder, **{".big.part": b"of something else"})
    (folder / ".big.part.json").write_text(note)
    download([Remote("big", f"{served.url}/big")], folder)
    assert (folder / "big").read_bytes() == ONE_MB
    assert served.requests()[-1]["range"] == ""


@pytest.mark.parametrize("fault", [faults.reset(300_000), faults.truncate(300_000)])
def test_broken_connection_is_continued(tmp_path, served, faulty, fault):
    proxy = faulty(served.url, [fault])
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")
    first, second = served.requests()
    assert (first["status"], second["status"]) == (200, 206)
    assert second["bytes"] == 700_000
    assert (tmp_path / "got/big").read_bytes() == ONE_MB


def test_progress_gives_new_attempts(tmp_path, served, faulty):
    proxy = faulty(served.url, [faults.reset(150_000)] * 5)
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got", attempts=2)
    assert len(proxy.seen) > 5 and (tmp_path / "got/big").read_bytes() == ONE_MB


def test_no_progress_is_given_up(tmp_path, served, faulty):
    proxy = faulty(served.url, [faults.truncate(0)], always=True)
    with pytest.raises(OSError, match=r"/big: .* \(3 attempts\)"):
        download([Remote("big", f"{proxy.url}/big")], tmp_path / "got", attempts=3)
    assert len(proxy.seen) == 3 and not (tmp_path / "got/big").exists()


@pytest.mark.parametrize("kept", [(), ("Last-Modified",)])
def test_server_without_validators_starts_over_and_ends(tmp_path, served, faulty, kept):
    """A body that always breaks at the same byte is no progress, though bytes come in each time."""

    def bare(handler, status, headers, body):
        headers = dict(headers)
        headers["Date"] = headers["Last-Modified"]  # a time as young as the answer vouches for nothing
        headers = [(name, value) for name, value in headers.items() if name not in {"ETag", "Last-Modified"} - {*kept}]
        faults.truncate(300_000)(handler, status, headers, body)

    proxy = faulty(served.url, [bare], always=True)
    with pytest.raises(OSError, match=r"\(3 attempts\)"):
        download([Remote("big", f"{proxy.url}/big")], tmp_path / "got", attempts=3)
    assert len(proxy.seen) == 3
    assert not any("Range" in headers for *_, headers in proxy.seen)


def test_server_that_ignores_if_range(tmp_path, served, faulty):
    """Its partial answer is of a newer file: the two halves must not become one."""

    def change(handler, status, headers, body):
        put(served.root, big=ONE_MB[::-1])
        os.utime(served.root / "big", (1, 1))
        faults.reset(300_000)(handler, status, headers, body)

    proxy = faulty(served.url, [change], dropped=("If-Range",))
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")
    assert (tmp_path / "got/big").read_bytes() == ONE_MB[::-1]
    assert [status for _, _, status, _ in proxy.seen] == [200, 206, 200]


def test_server_that_sends_less_than_the_range(tmp_path, served, faulty):
    def short(handler, status, headers, body):
        headers = dict(headers) | {"Content-Range": "bytes 300000-499999/1000000", "Content-Length": "200000"}
        faults.nothing(handler, status, headers.items(), body[:200_000])

    proxy = faulty(served.url, [faults.reset(300_000), short])
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")
    assert (tmp_path / "got/big").read_bytes() == ONE_MB
    assert [headers.get("Range") for *_, headers in proxy.seen] == [None, "bytes=300000-", "bytes=500000-"]


def test_server_that_is_wrong_about_ranges(tmp_path, served, faulty):
    wrong = faults.rewrite(Content_Range="bytes 5-9/1000000")
    proxy = faulty(served.url, [faults.reset(300_000), wrong, faults.nothing])
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")
    assert (tmp_path / "got/big").read_bytes() == ONE_MB
    assert [("Range" in headers) for *_, headers in proxy.seen] == [False, True, False]


def test_range_that_cannot_be_satisfied(tmp_path, served, faulty):
    proxy = faulty(served.url, [faults.reset(300_000), faults.answer(416)])
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")
    assert (tmp_path / "got/big").read_bytes() == ONE_MB


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(tmp_path, served, faulty, status, as_date):
    wait = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    proxy = faulty(served.url, [faults.answer(status, Retry_After=wait)])
    before = time.monotonic()
    download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")
    assert time.monotonic() - before >= 0.9
    assert (tmp_path / "got/big").read_bytes() == ONE_MB


def test_retry_after_too_long_is_said(tmp_path, served, faulty):
    proxy = faulty(served.url, [faults.answer(503, Retry_After="7200")])
    with pytest.raises(OSError, match=r"503 .*asks to wait 7200 s"):
        download([Remote("big", f"{proxy.url}/big")], tmp_path / "got")


def test_real_rate_limit(tmp_path, nginx):
    put(tmp_path / "root", **{f"f{index}": b"x" for index in range(4)})
    server = nginx(tmp_path / "root", requests_per_second=4)
    items = [Remote(f"f{index}", f"{server.url}/f{index}") for index in range(4)]
    download(items, tmp_path / "got")
    statuses = [request["status"] for request in server.requests()]
    assert statuses.count(200) == 4 and 429 in statuses


# What arrives is what was sent


def test_corrupt_byte_is_fetched_again(tmp_path, served, faulty):
    proxy = faulty(served.url, [faults.corrupt(500_000)])
    stored = []
    item = Remote("big", f"{proxy.url}/big", len(ONE_MB), md5(ONE_MB))
    (entry,) = download([item], tmp_path / "got", progress=lambda more, *_: stored.append(more))
    assert entry.sha256 == sha256(ONE_MB) == sha256((tmp_path / "got/big").read_bytes())
    assert len(proxy.seen) == 2 and sum(stored) == len(ONE_MB)


def test_corrupt_byte_of_a_swift_object(swift, faulty, tmp_path):
    """With no listing, Swift's ETag alone tells."""
    url, host = swift.container("plain"), swift.auth_url.split("/auth")[0]
    swift.put("plain", "big", ONE_MB)
    proxy = faulty(host, [faults.corrupt(1)])
    download([Remote("big", f"{url}/big".replace(host, proxy.url))], tmp_path)
    assert len(proxy.seen) == 2 and (tmp_path / "big").read_bytes() == ONE_MB


def test_corrupt_byte_of_a_large_object(swift, faulty, tmp_path, caplog):
    """Its ETag is that of its segments' MD5s, which Swift tells to whoever may read it."""
    url, host = swift.container("segmented"), swift.auth_url.split("/auth")[0]
    parts = [{"path": f"segmented/{n}", "etag": swift.put("segmented", str(n), ONE_MB[n::2])} for n in range(2)]
    swift.put("segmented", "whole", json.dumps(parts), query_string="multipart-manifest=put")
    proxy = faulty(host, [faults.corrupt(700_000)])
    (item,) = list_container(f"{url}/whole")
    (entry,) = download([dataclasses.replace(item, url=item.url.replace(host, proxy.url))], tmp_path)
    assert entry.sha256 == sha256(ONE_MB[0::2] + ONE_MB[1::2])
    assert [path.partition("?")[2] for _, path, *_ in proxy.seen] == ["", "multipart-manifest=get"] * 2
    assert "of /segmented/1 expected" in caplog.text


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"md5": "0" * 32}, f"MD5 {'0' * 32} expected, {md5(ONE_MB)} got"),
        ({"size": 999}, "999 bytes expected, 1000000 got"),
    ],
)
def test_wrong_content_is_an_error_and_no_file(tmp_path, served, facts, says):
    with pytest.raises(OSError, match=rf"{served.url}/big: {says} \(2 attempts\)"):
        download([Remote("big", f"{served.url}/big", **facts)], tmp_path / "got", attempts=2)
    assert [path.name for path in (tmp_path / "got").iterdir()] == []
    assert len(served.requests()) == 2


def test_wrong_size_of_a_body_without_length(tmp_path, served, faulty):
    proxy = faulty(served.url, [faults.rewrite(Content_Length=None)], always=True)
    with pytest.raises(OSError, match="more than the 999 B that it may have"):
        download([Remote("big", f"{proxy.url}/big", 999)], tmp_path / "got", attempts=1)
    (entry,) = download([Remote("big", f"{proxy.url}/big", 1_000_000)], tmp_path / "got", attempts=1)
    assert entry.sha256 == sha256(ONE_MB)


def test_content_md5(tmp_path, served, faulty):
    wrong = faults.rewrite(Content_MD5="AAAAAAAAAAAAAAAAAAAAAA==")
    proxy = faulty(served.url, [wrong], always=True)
    with pytest.raises(OSError, match=f"MD5 {'0' * 32} expected"):
        download([Remote("big", f"{proxy.url}/big")], tmp_path / "got", attempts=2)


def test_compressed_object_is_stored_as_it_is(tmp_path, nginx):
    put(tmp_path / "root", **{"a.gz": b"\x1f\x8b not really gzip"})
    server = nginx(tmp_path / "root", gzip_static="always")
    download([Remote("a", f"{server.url}/a")], tmp_path / "got")
    assert (tmp_path / "got/a").read_bytes() == b"\x1f\x8b not really gzip"
    assert server.requests()[-1]["encoding"] == "identity"


def test_empty_file(tmp_path, nginx):
    put(tmp_path / "root", empty=b"")
    server = nginx(tmp_path / "root")
    (entry,) = download([Remote("empty", f"{server.url}/empty", 0)], tmp_path / "got")
    assert (entry.bytes, (tmp_path / "got/empty").read_bytes()) == (0, b"")


# Many files


def test_never_more_connections_than_asked_for(tmp_path, nginx):
    put(tmp_path / "root", **{f"f{index}": ONE_MB[:50_000] for index in range(12)})
    server = nginx(tmp_path / "root", connections=3, limit_rate="200k")  # a fourth would be answered 503
    items = [Remote(f"f{index}", f"{server.url}/f{index}") for index in range(12)]
    got = download(items, tmp_path / "got", connections=3)
    requests = server.requests()
    assert [request["status"] for request in requests] == [200] * 12
    assert [entry.name for entry in got] == [item.name for item in items]
    spans = [(request["end"] - request["seconds"], request["end"]) for request in requests]
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == 3


def test_first_error_ends_the_rest(tmp_path, served):
    put(served.root, **{f"f{index}": b"x" for index in range(50)})
    urls = [f"{served.url}/absent", *(f"{served.url}/f{index}" for index in range(50))]
    threads = threading.active_count()
    with pytest.raises(OSError, match=r"/absent: 404 Not Found$"):
        download(remote_files(urls), tmp_path / "got", connections=2)
    paths = [request["path"] for request in served.requests()]
    assert paths.count("/absent") == 1 and len(paths) < 20
    assert threading.active_count() == threads


def test_interrupt_ends_a_slow_download(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB)
    server, folder = nginx(tmp_path / "root", limit_rate="100k"), tmp_path / "got"
    process = start_slow_download(server, folder)
    while not (folder / ".big.part").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    assert not (folder / "big").exists()


def test_no_room(tmp_path, served):
    with pytest.raises(OSError, match="not enough room for 1 files to fetch"):
        download([Remote("big", f"{served.url}/big", 10**18)], tmp_path / "got")
    assert served.requests() == []


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a", ".a.part"), (".fetched.jsonl",)])
def test_names_that_collide(tmp_path, names):
    with pytest.raises(ValueError, match="would"):
        download([Remote(name, f"http://host/{index}") for index, name in enumerate(names)], tmp_path)


# A second run


def test_second_run_asks_once_and_transfers_nothing(tmp_path, served):
    item = Remote("big", f"{served.url}/big")
    first = download([item], tmp_path / "got")
    assert download([item], tmp_path / "got") == first
    assert [(request["status"], request["bytes"]) for request in served.requests()] == [(200, 1_000_000), (304, 0)]


def test_second_run_with_a_listing_asks_nothing(tmp_path, served):
    item = Remote("big", f"{served.url}/big", len(ONE_MB), md5(ONE_MB))
    first = download([item], tmp_path / "got")
    assert download([item], tmp_path / "got") == first
    assert len(served.requests()) == 1


def test_second_run_on_a_server_that_knows_no_conditions(tmp_path, served, faulty):
    def forgetful(handler, status, headers, body):
        handler.head(200, [("ETag", '"1"'), ("Content-Length", "1000")])
        handler.wfile.write(ONE_MB[:1000])

    proxy = faulty(served.url, [forgetful], always=True)
    item = Remote("big", f"{proxy.url}/big")
    first = download([item], tmp_path / "got")
    os.utime(tmp_path / "got/big", (1, 1))
    assert download([item], tmp_path / "got") == first
    assert (tmp_path / "got/big").stat().st_mtime == 1  # the same file, not a new one


def test_changed_remote_is_fetched_again(tmp_path, served):
    item = Remote("big", f"{served.url}/big")
    download([item], tmp_path / "got")
    put(served.root, big=ONE_MB[::-1])
    os.utime(served.root / "big", (1, 1))
    (entry,) = download([item], tmp_path / "got")
    assert entry.sha256 == sha256(ONE_MB[::-1]) == sha256((tmp_path / "got/big").read_bytes())


def test_outdated_file_does_not_stay_when_the_new_one_fails(tmp_path, served, faulty):
    proxy = faulty(served.url)
    item = Remote("big", f"{proxy.url}/big")
    download([item], tmp_path / "got")
    put(served.root, big=ONE_MB[::-1])
    os.utime(served.root / "big", (1, 1))
    proxy.faults = [faults.truncate(1000), faults.answer(404)]
    with pytest.raises(OSError, match="404"):
        download([item], tmp_path / "got")
    assert leftovers(tmp_path) == [".big.part", ".big.part.json"] and not (tmp_path / "got/big").exists()
    download([item], tmp_path / "got")
    assert (tmp_path / "got/big").read_bytes() == ONE_MB[::-1]
    assert proxy.seen[-1][2] == 206


def test_changed_listing_is_fetched_again(swift, tmp_path):
    url = swift.container("changing")
    for content in (b"first", b"other"):
        swift.put("changing", "a", content)
        download(list_container(url), tmp_path)
        assert (tmp_path / "a").read_bytes() == content


def test_a_server_that_says_nothing_changed_does_not_outweigh_the_listing(swift, tmp_path):
    """A replica or a cache that is late: its file is not what the listing tells of."""
    url = swift.container("late")
    swift.put("late", "a", b"first")
    (item,) = list_container(url)
    download([item], tmp_path)
    other = dataclasses.replace(item, size=6, md5=md5(b"second"))
    with pytest.raises(OSError, match="6 bytes expected, 5 got"):
        download([other], tmp_path, attempts=2)
    assert not (tmp_path / "a").exists()


def test_urls_that_differ_in_what_they_ask_for_are_different_files(served, faulty, tmp_path):
    """`design` holds `sig` and is no secret; the server says that nothing changed."""
    proxy = faulty(served.url, [faults.nothing, faults.nothing])
    for number in (1, 2):
        download([Remote("big", f"{proxy.url}/big?design={number}")], tmp_path)
    assert [status for *_, status, _ in proxy.seen] == [200, 200]
    download([Remote("big", f"{proxy.url}/big?design=2")], tmp_path)
    assert [status for *_, status, _ in proxy.seen] == [200, 200, 304]


def test_file_spoilt_on_the_disk_is_fetched_again(tmp_path, served):
    item = Remote("big", f"{served.url}/big", len(ONE_MB), md5(ONE_MB))
    download([item], tmp_path / "got")
    (tmp_path / "got/big").write_bytes(b"x" + ONE_MB[1:])
    download([item], tmp_path / "got")
    assert (tmp_path / "got/big").read_bytes() == ONE_MB


def test_torn_journal(tmp_path, served):
    put(served.root, other=b"other")
    items = [Remote(name, f"{served.url}/{name}") for name in ("big", "other")]
    download(items, tmp_path / "got", connections=1)
    journal = tmp_path / "got" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    for _ in range(2):
        download(items, tmp_path / "got", connections=1)
    seen = [(request["path"], request["status"]) for request in served.requests()]
    assert seen == [("/big", 200), ("/other", 200), ("/big", 304), ("/other", 200), ("/big", 304), ("/other", 304)]


# URLs


def test_no_secret_in_errors_or_journal(tmp_path, served, caplog):
    secret = "hunter2"
    host = served.url.removeprefix("http://")
    signed = f"?temp_url_sig={secret}&X-Amz-Signature={secret}&part=1"
    (entry,) = download([Remote("big", f"http://me:{secret}@{host}/big{signed}")], tmp_path / "got")
    assert entry.url == f"http://{host}/big?temp_url_sig=***&X-Amz-Signature=***&part=1"
    assert secret not in (tmp_path / "got" / JOURNAL).read_text()
    served.stop()
    for url in (f"http://me:{secret}@{host}/absent{signed}", f"http://me:{secret}@host:x/{signed}"):
        with pytest.raises((OSError, ValueError)) as raised:
            download([Remote("absent", url)], tmp_path / "got", attempts=2)
        assert secret not in str(raised.value) + caplog.text
        assert raised.value.__cause__ is None


def test_public_url_keeps_what_is_public():
    assert public_url("https://u:p@h:1/a%20b?id=3&token=x#y") == "https://h:1/a%20b?id=3&token=***"
    for query in ("page=1&variable=a;month=2", "name=sig", "sig="):
        assert public_url(f"https://h/a?{query}") == f"https://h/a?{query}"
    for key in (
        "temp_url_sig",
        "X-Amz-Credential",
        "apiKey",
        "access_token",
        "Key-Pair-Id",
        "jwt",
        "pwd",
        "AWSAccessKeyId",
    ):
        assert public_url(f"https://h/a?v=1;{key}=se=cret&raw") == f"https://h/a?v=1;{key}=***&raw"


def test_names_of_plain_urls():
    urls = ["http://a:1/x/same.tif", "http://b/same.tif", "http://b/other%20one.tif?v=2"]
    assert [item.name for item in remote_files(urls)] == ["a_1/x/same.tif", "b/same.tif", "other one.tif"]
    for url in ("http://host", "http://host/folder/", "host/a", "http://host/..%2Fa", "http://host/.."):
        with pytest.raises(ValueError, match="host"):
            remote_files([url])


@pytest.mark.parametrize("name", ["", "/a", "a/", "../a", "a/../b", "a//b", ".", "a\0"])
def test_unsafe_names(name):
    with pytest.raises(ValueError, match="not a name that is safe"):
        Remote(name, "http://host/a")
