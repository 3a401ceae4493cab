"""What a fetch does with accounts, passwords, checksums, archives, servers that die and disks that are full."""

import base64
import contextlib
import dataclasses
import hashlib
import io
import json
import logging
import os
import pty
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import swiftclient.client as swiftclient

from darkroom import retry
from darkroom.transfer import credentials, remote
from darkroom.transfer import download as download_module
from darkroom.transfer.download import download
from darkroom.transfer.remote import Remote, list_container, remote_files
from fetch_input import fetch_input
from servers import faults, loopback
from servers.content import ONE_MB, put, sha256

SCRIPTS = Path(__file__).parents[2] / "scripts"
SECRET = "hunter2-" + "x" * 20
OBJECTS = {"a/s1.tif": b"one", "a/s2.tif": b"two", "a/é #1%.tif": b"odd", "b/big": ONE_MB}


def fetched(folder):
    """The files of a folder that are no notes of ours."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: content for name, content in names.items() if not name.startswith(".")}


def written(folder):
    """All that is written below a folder, in one string of bytes."""
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Keep the back-off's form but not its length."""
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """No login of whoever runs the tests."""
    for name in os.environ:
        if name.startswith(("OS_", "ST_", "SWIFT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def address(url):
    """Scheme, host and port."""
    return "/".join(url.split("/")[:3])


# One's own account


def settings(path, values):
    path.write_text(json.dumps(values))
    path.chmod(0o600)
    return str(path)


@pytest.fixture(params=["keystone", "version 1"])
def private(request, tmp_path, swift, faulty):
    """A private container behind a proxy that sees what is asked for; `settings` log in, `expire()` ends tokens."""

    class Private:
        container = f"mine {request.param}"
        objects = OBJECTS

    here = Private()
    if request.param == "keystone":
        keystone = request.getfixturevalue("keystone")
        storage, owner = keystone.storage_url, keystone.token()
        here.secret = keystone.password
        who = {"os_auth_url": keystone.auth_url, "os_username": keystone.user, "os_password": keystone.password}
        who |= {"auth_version": "3", "os_project_name": keystone.project}

        def expire(token):
            keystone.revoke(token)
            time.sleep(1.1)

    else:
        _, owner = swiftclient.get_auth(swift.auth_url, swift.user, swift.key)
        storage, here.secret = swift.url, swift.key
        who = {"auth_version": "1", "st_auth": swift.auth_url, "st_user": swift.user, "st_key": swift.key}

        def expire(token):
            with socket.create_connection(("127.0.0.1", swift.ports["memcached"])) as memory:
                memory.sendall(b"flush_all\r\n")
                assert memory.recv(100) == b"OK\r\n"
            _, swift.token = swiftclient.get_auth(swift.auth_url, swift.user, swift.key)

    here.expire, here.storage = expire, storage
    base = f"{storage}/{quote(here.container)}"
    for name in ("", *here.objects):
        url = f"{base}/{quote(name)}" if name else base
        requests.put(url, here.objects.get(name), headers={"X-Auth-Token": owner}, timeout=60).raise_for_status()
    here.proxy = faulty(address(storage))
    who["os_storage_url"] = storage.replace(address(storage), here.proxy.url)
    here.settings = settings(tmp_path / "settings.json", who)
    here.url = "swift://" + quote(here.container)
    return here


def test_own_container(private, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    inventory, out = tmp_path / "inventory.json", tmp_path / "out"
    with pytest.raises(PermissionError, match="not public, or not there"):
        list_container(f"{private.proxy.url}{private.storage.removeprefix(address(private.storage))}/x")
    for _ in range(2):
        fetch_input(f"{private.url}/a", destination=out, settings=private.settings, inventory=inventory)
        assert fetched(out) == {name[2:]: content for name, content in private.objects.items() if name[0] == "a"}
    # The second run lists, and asks for no object.
    assert sum("/a/" in path for _, path, *_ in private.proxy.seen) == 3
    files = json.loads(inventory.read_text())["files"]
    assert all(file["url"].startswith(private.proxy.url) and len(file["sha256"]) == 64 for file in files)
    fetch_input(f"{private.url}/b/big", destination=out, settings=private.settings)
    assert (out / "big").read_bytes() == ONE_MB
    with pytest.raises(ValueError, match=r"none of its 4 objects, such as .*, matches 'z'"):
        fetch_input(private.url, filter="z", destination=out, settings=private.settings)
    with pytest.raises(ValueError, match=r"right is swift://CONTAINER/prefix"):
        fetch_input(f"{private.url}/a?x=1", destination=out, settings=private.settings)
    with pytest.raises(FileNotFoundError, match=r"swift://absent: no such container"):
        fetch_input("swift://absent", destination=out, settings=private.settings)
    tokens = {headers["X-Auth-Token"] for *_, headers in private.proxy.seen if "X-Auth-Token" in headers}
    assert tokens
    (tmp_path / "settings.json").unlink()
    told = written(tmp_path) + caplog.text.encode() + "".join(capfd.readouterr()).encode()
    assert not any(secret.encode() in told for secret in (private.secret, *tokens) if secret != "testing")


def test_token_that_expires_in_the_middle(private, tmp_path):
    account = credentials.session(private.settings)
    first, ended = account.token, []

    def end_it(stored, expected, sized, done):
        if done and not ended:
            ended.append(private.expire(first))

    items = list_container(private.url, account=account)
    download(items, tmp_path / "out", connections=1, progress=end_it)
    assert fetched(tmp_path / "out") == private.objects
    statuses = [status for *_, status, _ in private.proxy.seen]
    assert statuses.count(401) == 1 and account.token != first
    private.expire(account.token)
    assert len(list_container(private.url, account=account)) == 4


def test_token_that_many_threads_find_expired(private, tmp_path):
    account = credentials.session(private.settings)
    items = list_container(private.url, account=account)
    logins, enter = [], account._enter
    account._enter = lambda refused: logins.append(refused) or enter(refused)
    private.expire(account.token)
    download(items, tmp_path / "out", connections=4)
    assert fetched(tmp_path / "out") == private.objects
    assert len(logins) == 1


def test_token_that_cannot_be_renewed(swift, tmp_path):
    swift.container("locked", public=False)
    swift.put("locked", "a", b"x")
    path = settings(tmp_path / "settings.json", {"os_storage_url": swift.url, "os_auth_token": SECRET})
    with pytest.raises(PermissionError, match="the token is refused") as raised:
        fetch_input("swift://locked/a", settings=path, destination=tmp_path / "out")
    assert SECRET not in str(raised.value)
    with pytest.raises(PermissionError, match=r"/locked/a: 401 Unauthorized; not public, or not there; .* swift://"):
        fetch_input(f"{swift.url}/locked/a", destination=tmp_path / "out")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("what", ["object", "listing"])
def test_a_token_stays_with_its_host(swift, served, faulty, tmp_path, host, what):
    """A redirect to another port, and to another name, of this machine; both are other hosts."""
    name = f"moved-{host.partition('.')[0]}-{what}"
    swift.container(name, public=False)
    swift.put(name, "big", ONE_MB)
    if what == "listing":
        entry = {"name": "big", "bytes": len(ONE_MB), "hash": hashlib.md5(ONE_MB).hexdigest()}
        put(served.root, **{"page": json.dumps([entry]).encode()})
    other = faulty(served.url)
    elsewhere = f"http://{host}:{other.server.server_port}"
    moved = faults.answer(302, Location=f"{elsewhere}/{'page' if what == 'listing' else 'big'}")
    faults_there = [moved] if what == "listing" else [faults.nothing, faults.nothing, moved]
    proxy = faulty(address(swift.url), faults_there)
    values = {"os_storage_url": swift.url.replace(address(swift.url), proxy.url), "os_auth_token": swift.token}
    fetch_input(f"swift://{name}/", settings=settings(tmp_path / "s.json", values), destination=tmp_path / "out")
    assert (tmp_path / "out/big").read_bytes() == ONE_MB
    assert len(other.seen) == 1
    for *_, headers in other.seen:
        assert not {"X-Auth-Token", "Authorization"} & headers.keys()
        assert swift.token not in str(headers)
    assert all(headers["X-Auth-Token"] == swift.token for *_, headers in proxy.seen)


def test_a_token_does_not_follow_a_list_of_checksums(swift, served, faulty, tmp_path):
    swift.container("checked", public=False)
    swift.put("checked", "big", ONE_MB)
    other = faulty(served.url)
    path = settings(tmp_path / "s.json", {"os_storage_url": swift.url, "os_auth_token": swift.token})
    for checksum in (f"//{other.url.removeprefix('http://')}/big", f"{other.url}/big"):
        with pytest.raises((OSError, ValueError)):
            fetch_input("swift://checked/big", checksum=checksum, settings=path, destination=tmp_path / "out")
    ((*_, headers),) = other.seen  # of the URL that was given as one
    assert "X-Auth-Token" not in headers


def test_a_token_goes_along_on_its_host(swift, faulty, tmp_path):
    swift.container("renamed", public=False)
    swift.put("renamed", "new", b"here")
    proxy = faulty(address(swift.url))
    storage = swift.url.replace(address(swift.url), proxy.url)
    proxy.faults = [faults.answer(301, Location=f"{storage}/renamed/new")]
    values = {"os_storage_url": storage, "os_auth_token": swift.token}
    account = credentials.session(settings(tmp_path / "s.json", values))
    download([Remote("old", f"{storage}/renamed/old", account=account)], tmp_path / "out")
    assert (tmp_path / "out/old").read_bytes() == b"here"


# Users and passwords of http


def netrc(*machines, mode=0o600):
    path = Path(os.environ["NETRC"])
    path.write_text("".join(f"machine {host} login me password {SECRET}\n" for host in machines))
    path.chmod(mode)


BASIC = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()


def asks_who(handler, status, headers, body):
    """Answers only those who say who they are."""
    fault = faults.answer(401, WWW_Authenticate="Basic")
    if handler.headers.get("Authorization") == BASIC:
        fault = faults.nothing
    fault(handler, status, headers, body)


def test_password_of_netrc(served, faulty, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    proxy = faulty(served.url, [asks_who], always=True)
    with pytest.raises(PermissionError, match=r"401 .*; a user and password for 127\.0\.0\.1 belong in ~/\.netrc"):
        fetch_input(f"{proxy.url}/big", destination=tmp_path / "out")
    netrc("127.0.0.1", "elsewhere")
    fetch_input(f"{proxy.url}/big", destination=tmp_path / "out", inventory=tmp_path / "out/inventory.json")
    assert (tmp_path / "out/big").read_bytes() == ONE_MB
    assert SECRET not in caplog.text and SECRET.encode() not in written(tmp_path / "out")


@pytest.mark.parametrize("given", ["netrc", "url"])
def test_a_password_stays_with_its_host(served, faulty, tmp_path, given):
    other = faulty(served.url)
    there = f"http://localhost:{other.server.server_port}/big"

    def moved(handler, status, headers, body):
        status_of_login = 302 if handler.headers.get("Authorization") == BASIC else 401
        faults.answer(status_of_login, Location=there)(handler, status, headers, body)

    url = f"{faulty(served.url, [moved]).url}/big"
    if given == "netrc":
        netrc("127.0.0.1")
        fetch_input(url, destination=tmp_path / "out")
    else:
        url = url.replace("http://", f"http://me:{SECRET}@")
        with pytest.raises(
            ValueError, match=r"/big: has what may be a password, a signature.* belongs in ~/\.netrc"
        ) as refused:
            fetch_input(url, destination=tmp_path / "out")
        assert SECRET not in str(refused.value)
        download(remote.remote_files([url]), tmp_path / "out")
    assert (tmp_path / "out/big").read_bytes() == ONE_MB
    ((*_, headers),) = other.seen
    assert "Authorization" not in headers and SECRET not in str(headers)


def test_a_login_host_that_redirects_back(served, faulty, tmp_path):
    """As NASA's Earthdata does: the archive sends to a login, which asks for the password and sends back."""
    login, archive = faulty(served.url), faulty(served.url)

    def at_login(handler, status, headers, body):
        answer = faults.answer(401)
        if handler.headers.get("Authorization") == BASIC:
            answer = faults.answer(302, Location=f"{archive.url}/big?code=abc")
        answer(handler, status, headers, body)

    def at_archive(handler, status, headers, body):
        if "session=1" in handler.headers.get("Cookie", ""):
            return faults.nothing(handler, status, headers, body)
        if "code=" in handler.path:
            there = {"Location": f"{archive.url}/big", "Set_Cookie": "session=1; Path=/"}
            return faults.answer(302, **there)(handler, status, headers, body)
        there = f"http://localhost:{login.server.server_port}/big"
        return faults.answer(302, Location=there)(handler, status, headers, body)

    login.faults, login.always = [at_login], True
    archive.faults, archive.always = [at_archive], True
    netrc("localhost")
    fetch_input(f"{archive.url}/big", destination=tmp_path / "out")
    assert (tmp_path / "out/big").read_bytes() == ONE_MB
    assert [headers.get("Authorization") for *_, headers in login.seen] == [BASIC]
    assert not any("Authorization" in headers for *_, headers in archive.seen)


def test_password_file_that_others_may_read(served, faulty, tmp_path):
    netrc("127.0.0.1", mode=0o640)
    with pytest.raises(PermissionError, match=r"netrc can be read by others; type: chmod 600 .*netrc"):
        fetch_input(f"{served.url}/big", destination=tmp_path / "out")
    netrc("localhost", mode=0o644)  # of another host: none of this one's business, until it redirects there
    fetch_input(f"{served.url}/big", destination=tmp_path / "out")
    proxy = faulty(served.url, [faults.answer(302, Location=f"http://localhost:{served.port}/big")])
    with pytest.raises(PermissionError, match="chmod 600"):
        fetch_input(f"{proxy.url}/big", destination=tmp_path / "out2")
    Path(os.environ["NETRC"]).write_text(f"machine 127.0.0.1 login me pass {SECRET}\n")
    with pytest.raises(ValueError, match=r"netrc line 1 is not as a \.netrc file should be") as raised:
        fetch_input(f"{served.url}/big", destination=tmp_path / "out3")
    assert SECRET not in str(raised.value)


# Checksums


def test_checksum_of_one_file(served, tmp_path):
    url, out = f"{served.url}/big", tmp_path / "out"
    for checksum in (f"sha256:{sha256(ONE_MB)}", f"MD5:{hashlib.md5(ONE_MB).hexdigest().upper()}"):
        fetch_input(url, checksum=checksum, destination=out)
    assert len(served.requests()) == 1  # what was promised is there
    with pytest.raises(OSError, match=rf"/big: SHA-256 {'0' * 64} expected, {sha256(ONE_MB)} got \(2 attempts\)"):
        fetch_input(url, checksum=f"sha256:{'0' * 64}", destination=out)
    assert [(one["status"], one["range"]) for one in served.requests()] == [(200, "")] * 3
    assert fetched(out) == {}
    with pytest.raises(ValueError, match="that of one file, but there are 2"):
        fetch_input(f"{url} {served.url}/other", checksum=f"sha256:{'0' * 64}", destination=out)


def test_checksum_of_a_byte_that_was_turned(served, faulty, tmp_path):
    proxy = faulty(served.url, [faults.corrupt(10)])
    fetch_input(f"{proxy.url}/big", checksum=f"sha256:{sha256(ONE_MB)}", destination=tmp_path / "out")
    assert (tmp_path / "out/big").read_bytes() == ONE_MB and len(proxy.seen) == 2


@pytest.mark.parametrize("where", ["name", "url", "path"])
def test_list_of_checksums(served, tmp_path, where):
    put(served.root, other=b"other")
    text = f"{sha256(ONE_MB)}  ./big\n{hashlib.md5(b'other').hexdigest()} *other\n{'0' * 64}  absent\n"
    (served.root / "SHA256SUMS").write_text(text)
    (tmp_path / "local.sums").write_text(text)
    checksum = {"name": "SHA256SUMS", "url": f"{served.url}/SHA256SUMS", "path": str(tmp_path / "local.sums")}[where]
    source, out = f"{served.url}/big {served.url}/other", tmp_path / "out"
    fetch_input(source, checksum=checksum, destination=out)
    assert fetched(out) == {"big": ONE_MB, "other": b"other"}
    put(served.root, other=b"OTHER")
    os.utime(served.root / "other", (1, 1))
    (out / "other").unlink()
    with pytest.raises(OSError, match=r"/other: MD5 .* expected, .* got"):
        fetch_input(source, checksum=checksum, destination=out)
    put(served.root, third=b"third")
    with pytest.raises(ValueError, match="no checksums of 'third' among 3, such as 'big', 'other', 'absent'"):
        fetch_input(f"{source} {served.url}/third", checksum=checksum, destination=out)


def test_sidecars_of_a_container(swift, tmp_path):
    url = swift.container("sums")
    swift.put("sums", "set/a.tif", b"a")
    swift.put("sums", "set/a.tif.sha256", f"{sha256(b'a')}  /home/me/a.tif\n")
    swift.put("sums", "set/b 1%.tif", b"b")
    swift.put("sums", "set/b 1%.tif.md5", hashlib.md5(b"b").hexdigest())
    swift.put("sums", "set/c.tif", b"c")
    swift.put("sums", "set/alone.md5", b"data of its own")
    out = tmp_path / "out"
    fetch_input(f"{url}/set/", destination=out)
    assert fetched(out) == {"a.tif": b"a", "b 1%.tif": b"b", "c.tif": b"c", "alone.md5": b"data of its own"}
    fetch_input(f"{url}/set/", filter=r".*\.tif", destination=tmp_path / "tifs")  # no $, and still no sidecar
    assert set(fetched(tmp_path / "tifs")) == {"a.tif", "b 1%.tif", "c.tif"}
    fetch_input(f"{url}/set/", filter=r"a\.tif.*", destination=tmp_path / "all")
    assert set(fetched(tmp_path / "all")) == {"a.tif", "a.tif.sha256"}
    swift.put("sums", "set/a.tif", b"A")
    fetch_input(f"{url}/set/", checksum="none", destination=tmp_path / "unchecked")
    assert fetched(tmp_path / "unchecked")["a.tif"] == b"A"
    for source in (f"{url}/set/", f"{url}/set/a.tif"):
        with pytest.raises(OSError, match=f"/a.tif: SHA-256 {sha256(b'a')} expected, {sha256(b'A')} got"):
            fetch_input(source, stacks=True, destination=out)
    assert "a.tif" not in fetched(out)


def test_list_in_a_container(swift, tmp_path):
    url = swift.container("listed sums")
    swift.put("listed sums", "x/a", b"a")
    swift.put("listed sums", "x/MD5 SUMS", f"{hashlib.md5(b'a').hexdigest()}  x/a\n")
    fetch_input(f"{url}/x/", checksum="MD5 SUMS", destination=tmp_path / "out")
    assert fetched(tmp_path / "out") == {"a": b"a"}
    fetch_input(f"{url}/x/", checksum=f"{url}/x/MD5%20SUMS", destination=tmp_path / "again")
    assert fetched(tmp_path / "again") == {"a": b"a"}
    with pytest.raises(ValueError, match="nothing but a list of checksums"):
        fetch_input(f"{url}/x/", checksum="MD5 SUMS", filter="MD5", destination=tmp_path / "none")


# Archives


def test_archive_of_a_url(served, tmp_path):
    put(served.root, **{"scan.zip": zipped(**{"s1.tif": b"1", "s2.tif": b"2", "notes.txt": b"n"})})
    url, out, inventory = f"{served.url}/scan.zip", tmp_path / "out", tmp_path / "inventory.json"
    for _ in range(2):
        fetch_input(url, filter=r"s\d\.tif", destination=out, inventory=inventory)
        told = json.loads(inventory.read_text())
        assert (told["root"], [file["name"] for file in told["files"]]) == (str(out / "scan"), ["s1.tif", "s2.tif"])
        assert {file["archive"] for file in told["files"]} == {url}
        assert told["files"][0]["sha256"] == sha256(b"1")
    assert [one["status"] for one in served.requests()] == [200, 304]
    fetch_input(url, unpack=False, destination=tmp_path / "kept", inventory=inventory)
    assert [file["name"] for file in json.loads(inventory.read_text())["files"]] == ["scan.zip"]
    fetch_input(f"{url} {served.url}/big", destination=tmp_path / "both", inventory=inventory)
    told = json.loads(inventory.read_text())
    assert [file["name"] for file in told["files"]] == ["scan/notes.txt", "scan/s1.tif", "scan/s2.tif", "big"]
    assert all(Path(told["root"], file["name"]).is_file() for file in told["files"])
    with pytest.raises(ValueError, match=r"scan\.tar and scan\.zip would both be unpacked to scan/"):
        fetch_input(f"{url} {served.url}/scan.tar", destination=tmp_path / "clash")


def test_archive_of_ones_own_account(swift, tmp_path):
    swift.container("packed", public=False)
    content = zipped(**{"s1.tif": b"1", "n.txt": b"n"})
    swift.put("packed", "in/scan.zip", content)
    swift.put("packed", "in/scan.zip.sha256", sha256(content))
    path = settings(tmp_path / "s.json", {"os_storage_url": swift.url, "os_auth_token": swift.token})
    fetch_input("swift://packed/in/scan.zip", filter="s1", settings=path, destination=tmp_path / "out")
    assert fetched(tmp_path / "out") == {"scan.zip": content, "scan/s1.tif": b"1"}
    fetch_input(
        "swift://packed/in", settings=path, destination=tmp_path / "folder"
    )  # a container's are left as they are
    assert fetched(tmp_path / "folder") == {"scan.zip": content}


# Several hosts


def test_connections_are_counted_per_host(tmp_path, nginx):
    put(tmp_path / "root", **{f"f{index}": ONE_MB[:60_000] for index in range(8)})
    servers = [nginx(tmp_path / "root", connections=2, limit_rate="200k") for _ in range(2)]  # a third is answered 503
    urls = [f"{server.url}/f{index}" for server in servers for index in range(8)]
    download(remote_files(urls), tmp_path / "out", connections=2)
    requests = [[one for one in server.requests() if one["status"] == 200] for server in servers]
    assert [len(server.requests()) for server in servers] == [8, 8]
    # nginx itself sees to two for each host. It tells times in whole ms, and the last of a request is of its log.
    spans = [(one["end"] - one["seconds"] + 0.01, one["end"] - 0.01) for ours in requests for one in ours]
    assert 3 <= max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) <= 4


def test_connections_in_all_are_bounded(tmp_path, nginx, monkeypatch):
    monkeypatch.setattr(download_module, "MOST", 3)
    put(tmp_path / "root", **{f"f{index}": ONE_MB[:60_000] for index in range(4)})
    servers = [nginx(tmp_path / "root", limit_rate="300k") for _ in range(2)]
    urls = [f"{server.url}/f{index}" for server in servers for index in range(4)]
    assert len(download(remote_files(urls), tmp_path / "out", connections=4)) == 8
    # nginx rounds either time to a millisecond
    spans = [(one["end"] - one["seconds"] + 0.002, one["end"]) for server in servers for one in server.requests()]
    assert len(spans) == 8
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == 3


# Servers that die


def wait_for_bytes(path, least):
    deadline = time.monotonic() + 300
    while not path.exists() or path.stat().st_size < least:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_server_that_is_stopped_and_started_again(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB, other=ONE_MB)
    server, out, stored = nginx(tmp_path / "root", limit_rate="500k"), tmp_path / "out", []
    items = remote_files([f"{server.url}/big", f"{server.url}/other"])
    options = {"attempts": 10_000, "progress": lambda more, *_: stored.append(more)}
    thread = threading.Thread(target=download, args=(items, out), kwargs=options)
    thread.start()
    wait_for_bytes(out / ".big.part", 200_000)
    server.stop()
    time.sleep(0.3)
    assert not (out / "big").exists()
    server.process = loopback.start(server.process.args, server.state / "again.log")
    thread.join(30)
    assert fetched(out) == {"big": ONE_MB, "other": ONE_MB}
    # What it was at when it was stopped, it has not logged.
    assert [one["status"] for one in server.requests()] == [206, 206] and sum(stored) == 2_000_000


def test_swift_that_is_killed_and_started_again(swift, tmp_path):
    url = swift.container("mortal")
    contents = {f"f{index:02}": ONE_MB[index : index + 400_000] for index in range(30)}
    for name, content in contents.items():
        swift.put("mortal", name, content)
    done = threading.Semaphore(0)

    def progress(stored, expected, sized, more):
        for _ in range(more):
            done.release()

    options = {"connections": 2, "attempts": 10_000, "progress": progress}
    thread = threading.Thread(target=lambda: download(list_container(url), tmp_path, **options))
    thread.start()
    done.acquire()
    try:
        swift.kill("proxy")
        time.sleep(0.2)
        there = fetched(tmp_path)
        assert there and len(there) < 30
        assert all(contents[name] == content for name, content in there.items())
    finally:
        swift.start("proxy")
        swift.wait_for_proxy()
    thread.join(30)
    assert fetched(tmp_path) == contents


def test_server_that_does_not_come_back(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB)
    server, out = nginx(tmp_path / "root", limit_rate="500k"), tmp_path / "out"
    errors = []

    def run():
        with pytest.raises(OSError, match=r"/big: .* \(3 attempts\)") as raised:
            download([Remote("big", f"{server.url}/big")], out, attempts=3)
        errors.append(raised.value)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for_bytes(out / ".big.part", 100_000)
    server.stop()
    thread.join(20)
    assert errors and sorted(path.name for path in out.iterdir()) == [".big.part", ".big.part.json"]


# A disk that is full


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1.5 MB, unmounted in any case."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", disk], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_full_disk(served, faulty, small_disk):
    """One that says how long it is, one that does not, and two of which each alone would have room."""
    out = small_disk / "out"
    filler = small_disk / "filler"
    filler.write_bytes(bytes(900_000))
    with pytest.raises(OSError, match=rf"not enough room for {served.url}/big: about 1\.0 MB needed"):
        download([Remote("big", f"{served.url}/big")], out)
    assert fetched(out) == {}
    proxy = faulty(served.url, [faults.rewrite(Content_Length=None)])
    with pytest.raises(
        OSError, match=rf"^{proxy.url}/big: no room left in .*; \d+\.\d kB are kept, and a rerun goes on"
    ):
        download([Remote("big", f"{proxy.url}/big")], out)
    assert fetched(out) == {}
    had = (out / ".big.part").stat().st_size
    assert had > 200_000
    filler.unlink()
    download([Remote("big", f"{proxy.url}/big")], out)
    assert fetched(out) == {"big": ONE_MB}
    assert proxy.seen[-1][2] == 206 and proxy.seen[-1][3]["Range"] == f"bytes={had}-"


def test_full_disk_of_two(tmp_path, nginx, small_disk):
    put(tmp_path / "root", a=ONE_MB, b=ONE_MB)
    server = nginx(tmp_path / "root", limit_rate="900k")
    with pytest.raises(OSError, match="no room left in"):
        download(remote_files([f"{server.url}/{name}" for name in "ab"]), small_disk / "out")
    assert all(content == ONE_MB for content in fetched(small_disk / "out").values())
    with pytest.raises(OSError, match="not enough room for 2 files to fetch"):
        download([Remote(name, f"{server.url}/{name}", 10**6) for name in "ab"], small_disk / "out2")


def test_full_disk_while_unpacking(served, small_disk):
    put(served.root, **{"scan.zip": zipped(**{"s1.tif": ONE_MB})})
    (small_disk / "filler").write_bytes(bytes(300_000))
    with pytest.raises(OSError, match=r"not enough room to unpack .*scan\.zip"):
        fetch_input(f"{served.url}/scan.zip", destination=small_disk / "out")
    assert set(fetched(small_disk / "out")) == {"scan.zip"}


# Progress


CODE = """
import logging, sys, fetch_input
from darkroom import entrypoint
from darkroom.transfer import progress
progress.LOGGED = 0.3
if sys.argv.pop() == "quiet":
    logging.disable(logging.INFO)
entrypoint.run(fetch_input.fetch_input)
"""


def fetch_in_a_process(url, folder, stderr, how="loud"):
    command = [sys.executable, "-c", CODE, url, "--destination", folder, how]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, env=os.environ | {"PYTHONPATH": str(SCRIPTS)}
    )


def test_progress_on_a_terminal(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB)
    server = nginx(tmp_path / "root", limit_rate="600k")
    ours, theirs = pty.openpty()
    process = fetch_in_a_process(f"{server.url}/big", tmp_path / "out", theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # that is how a terminal ends
        while block := os.read(ours, 4096):
            shown += block
    os.close(ours)
    assert process.wait(300) == 0 and process.stdout.read() == b""
    *drawn, last = shown.decode().split("\r\x1b[K")
    assert len(drawn) > 3
    assert any(
        "0/1 files, " in line and "kB of 1.0 MB, " in line and "kB/s, " in line and line.endswith(" s left")
        for line in drawn
    )
    assert "\n" not in "".join(drawn) and max(map(len, drawn)) < 80
    assert "1 files, 1.0 MB, in " in last and last.count("\n") == 1  # the line is gone, what is logged stays


def test_progress_in_a_log(tmp_path, nginx):
    put(tmp_path / "root", big=ONE_MB)
    server = nginx(tmp_path / "root", limit_rate="600k")
    for how in ("loud", "quiet"):
        process = fetch_in_a_process(f"{server.url}/big", tmp_path / how, subprocess.PIPE, how)
        _, told = process.communicate(timeout=900)
        lines = told.decode().splitlines()
        assert process.returncode == 0
        if how == "quiet":
            assert lines == []
        else:
            assert 2 <= sum(" INFO 0/1 files, " in line for line in lines) <= 40
            assert "\x1b" not in told.decode() and "\r" not in told.decode()


# Checks of one's own, and files that cannot be had


def test_a_check_of_ones_own(tmp_path, served):
    asked = []

    def check(path, entry):
        asked.append((path.read_bytes() == ONE_MB, entry["bytes"], entry["sha1"]))
        return "not what was ordered" if len(asked) < 2 else ""

    item = Remote("big", f"{served.url}/big", check=check, hashes={"sha1": hashlib.sha1})
    download([item], tmp_path / "got")
    assert asked == [(True, len(ONE_MB), hashlib.sha1(ONE_MB).hexdigest())] * 2
    asked.clear()
    with pytest.raises(OSError, match=r"not what was ordered \(2 attempts\)"):
        download([dataclasses.replace(item, name="other", check=lambda *_: "not what was ordered")], tmp_path / "got")
    assert not (tmp_path / "got/other").exists()


def test_what_cannot_be_had_may_be_left_out(tmp_path, served):
    items, failed, arrived = remote_files(f"{served.url}/{name}" for name in ("absent", "big")), [], []
    got = download(
        items,
        tmp_path / "got",
        arrived=lambda item, entry: arrived.append(entry["name"]),
        failed=lambda *one: failed.append(one),
    )
    assert (got[0], got[1].name, arrived) == (None, "big", ["big"])
    ((item, error),) = failed
    assert item is items[0] and isinstance(error, FileNotFoundError)

    def stop(item, error):
        raise PermissionError("enough")

    with pytest.raises(PermissionError, match="enough"):
        download(items, tmp_path / "none", failed=stop)
