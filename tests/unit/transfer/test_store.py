"""Copies in a local folder, what becomes of each kind of file, and logins that are refused before any server is asked."""

import contextlib
import hashlib
import json
import logging
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import manifests
import publish_upload
from darkroom import retry
from darkroom.transfer import credentials
from darkroom.transfer import upload as transfer_upload
from darkroom.transfer.store import Content, Folder, Item, contents, store
from publish_manifest import line


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No login of the machine's own."""
    for name in list(os.environ):
        if name.startswith(("OS_", "ST_", "SWIFT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transfer_upload, "SETTLING", 1)


NAMES = ("manifest.json", "checksums.sha256", "published.json")


def dataset(folder, files):
    """A finished dataset with its checksums and its manifest."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    listed = b"".join(line(hashlib.sha256(content).hexdigest(), name) for name, content in sorted(files.items()))
    (folder / "checksums.sha256").write_bytes(listed)
    manifests.write(folder)
    return folder


def upload(folder, target, **options):
    files = [folder / name for name in NAMES]
    publish_upload.publish_upload(*files, target=target, campaign="case", dataset="a", **options)
    return json.loads(files[2].read_text())


def tree(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "published.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


FILES = {"a b/%41#.csv": b"1,2", "precomputed/info": b"{}", "precomputed/x/0": b"x", "a\nb": b"", "Schnitt-é": b"e"}


@pytest.fixture
def finished(tmp_path):
    return dataset(tmp_path / "results/case/a", FILES)


@pytest.fixture
def target(tmp_path):
    return (tmp_path / "out put").as_uri()


# A folder


def test_a_copy_in_a_folder_is_whole_and_a_second_one_writes_nothing(finished, target, tmp_path):
    said = upload(finished, target, public=True, temp_url_days=3)
    copy = tmp_path / "out put/case/a"
    assert tree(copy) == tree(finished)
    assert said["url"] == f"{copy.as_uri()}/" and "temp_urls" not in said
    listed = {entry["name"]: (entry["bytes"], entry["md5"], entry["url"]) for entry in said["objects"]}
    assert listed == {
        name: (len(content), hashlib.md5(content).hexdigest(), (copy / name).as_uri())
        for name, content in tree(finished).items()
    }
    before, times = (
        (finished / "published.json").read_bytes(),
        {path: path.stat().st_mtime_ns for path in copy.rglob("*")},
    )
    upload(finished, target, public=True)
    assert (finished / "published.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == times


def test_only_what_differs_is_copied_and_stale_files_are_reported(finished, target, tmp_path):
    upload(finished, target)
    copy = tmp_path / "out put/case/a"
    (copy / "precomputed/x/0").write_bytes(b"y")
    (copy / "old/older").mkdir(parents=True)
    (copy / "old/older/file").write_bytes(b"z")
    kept = (copy / "precomputed/info").stat().st_ino
    assert upload(finished, target)["stale"] == {"count": 1, "first": ["old/older/file"], "deleted": False}
    assert (copy / "precomputed/info").stat().st_ino == kept
    assert upload(finished, target, mirror=True)["stale"]["deleted"]
    assert tree(copy) == tree(finished) and not (copy / "old").exists()


def test_the_manifest_goes_first_and_comes_last(finished, target, tmp_path, monkeypatch):
    upload(finished, target)
    dataset(finished, FILES | {"precomputed/x/0": b"new", "z": b"1"})
    done = []
    for name in ("put", "delete"):
        real = getattr(Folder, name)

        def noted(self, item, *args, name=name, real=real):
            done.append((name, getattr(item, "name", item)))
            real(self, item, *args)

        monkeypatch.setattr(Folder, name, noted)
    upload(finished, target, connections=1)
    assert done == [
        ("delete", "manifest.json"),
        ("put", "precomputed/x/0"),
        ("put", "z"),
        ("put", "checksums.sha256"),
        ("put", "manifest.json"),
    ]


def test_a_copy_that_cannot_be_read_back_is_not_published(finished, target, tmp_path, monkeypatch):
    upload(finished, target)
    real = Folder.fresh

    def spoil(self):
        (self.folder / "precomputed/x/0").write_bytes(b"?")
        return real(self)

    monkeypatch.setattr(Folder, "fresh", spoil)
    with pytest.raises(OSError, match=r"1 objects are not as they were sent.*precomputed/x/0: listed otherwise"):
        upload(finished, target)
    assert not (finished / "published.json").exists() and not (tmp_path / "out put/case/a/manifest.json").exists()


def test_a_file_that_changed_is_not_published(finished, target):
    (finished / "precomputed/x/0").write_bytes(b"y")
    with pytest.raises(ValueError, match="precomputed/x/0 has changed since its dataset was finished"):
        upload(finished, target)
    (finished / "precomputed/x/0").unlink()
    with pytest.raises(FileNotFoundError):
        upload(finished, target)


@pytest.mark.parametrize("place", ["results", "results/case", "results/case/a", "results/new", ""])
def test_a_target_in_the_results_is_refused(finished, tmp_path, place):
    if place:
        with pytest.raises(ValueError, match="lies in the results folder"):
            upload(finished, (tmp_path / place).as_uri())
    else:
        upload(finished, (tmp_path / "beside").as_uri())


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("source", ["raw/case/a", "raw/case/a/brain.tif", "raw/case/a/more", "raw", "link"])
def test_a_copy_never_mixes_with_its_source(finished, tmp_path, source, mirror):
    raw = tmp_path / "raw/case/a"
    (raw / "more").mkdir(parents=True)
    for name in ("brain.tif", "manifest.json", "more/brain.tif"):
        (raw / name).write_bytes(b"irreplaceable")
    (tmp_path / "link").symlink_to(raw)
    source, before = tmp_path / source, tree(raw)
    root = source.parent if source.is_file() else source
    manifests.write(finished, source, root)
    with pytest.raises(ValueError, match="would mix with what the dataset is made of"):
        upload(finished, (tmp_path / "raw").as_uri(), mirror=mirror)
    assert tree(raw) == before
    upload(finished, (tmp_path / "copies").as_uri(), mirror=mirror)


def test_a_copy_beside_its_source_is_fine(finished, tmp_path):
    (tmp_path / "raw.tif").write_bytes(b"one")
    manifests.write(finished, tmp_path / "raw.tif", tmp_path)
    upload(finished, (tmp_path / "copies").as_uri())


def test_a_copy_is_not_cleaned_up(finished, tmp_path):
    with pytest.raises(ValueError, match="would mix"):
        upload(finished, (tmp_path / "resources").as_uri(), cleanup=str(tmp_path / "resources/case"))


@pytest.mark.parametrize(
    "target", ["out", "file:out", "file://host/out", "swift:///x", "s3://a/b", "swift://a/b?c", "swift://u:pass@a"]
)
def test_targets_that_are_none(target):
    with pytest.raises(ValueError, match="target") as told:
        store(target, "case/a")
    assert "pass@" not in str(told.value)


def test_what_is_published_reads_like_other_json_and_names_may_be_any(finished, target, tmp_path):
    dataset(finished, FILES | {'"objects": [': b"", "line\u2028end": b"", "back\\slash": b"1"})
    upload(finished, target)
    (tmp_path / "out put/case/a" / os.fsdecode(b"latin \xfc")).write_bytes(b"stale")
    said = upload(finished, target)
    names = [entry["name"] for entry in said["objects"]]
    assert set(names) == tree(finished).keys() and names == sorted(names, key=str.encode)
    assert said["bytes"] == sum(map(len, tree(finished).values()))
    assert said["stale"] == {"count": 1, "first": ["latin \udcfc"], "deleted": False}
    written = json.dumps(said, indent=2, ensure_ascii=False).encode(errors="backslashreplace")
    assert (finished / "published.json").read_bytes() == written + b"\n"
    assert upload(finished, target, mirror=True)["stale"] == said["stale"] | {"deleted": True}
    assert tree(tmp_path / "out put/case/a") == tree(finished)


def test_memory_does_not_grow_with_the_number_of_objects(tmp_path, monkeypatch):
    """Counted are Python's blocks of memory, at every file that is written, compared, read back or described."""
    seen = []

    def counted(real):
        def count(*args):
            seen.append(sys.getallocatedblocks())
            return real(*args)

        return count

    def growth(count):
        files = {f"data/{number % 50}/{number}": b"%d" % number for number in range(count)}
        dataset(tmp_path / f"results/{count}/case/a", files)
        paths = [tmp_path / f"results/{count}/case/a" / name for name in NAMES]
        where = {"target": (tmp_path / f"out/{count}").as_uri(), "campaign": "case", "dataset": "a"}
        del files, seen[:]
        publish_upload.publish_upload(*paths, **where, connections=2)
        return max(now - number for number, now in enumerate(seen)) - seen[0]  # without these numbers themselves

    monkeypatch.setattr(Folder, "problem", counted(Folder.problem))
    monkeypatch.setattr(publish_upload, "described", counted(publish_upload.described))
    growth(300)  # what is imported and compiled once
    few, many = growth(500), growth(2500)
    assert many - few < 2000  # one an object, of which even its name would be one


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "an empty list"), ("abc\n", "line 1: not a line of sha256sum"), ("0" * 32 + "  a\n", "line 1: not a line")],
)
def test_checksums_that_are_none(finished, target, text, says):
    (finished / "checksums.sha256").write_text(text)
    with pytest.raises(ValueError, match=says):
        upload(finished, target)


# What files become


def planned(folder, encodes):
    """Objects that become of a dataset's files, without its checksums and its manifest."""
    paths = folder / "checksums.sha256", folder / "manifest.json"
    with contextlib.closing(publish_upload.Catalogue(folder)) as catalogue:
        publish_upload.plan(catalogue, *paths, encodes, None)
        return [entry.item for entry in catalogue.entries() if entry.item.path not in paths]


def info(encoding, **more):
    return json.dumps({"scales": [{"key": "1_1", "encoding": encoding} | more]}).encode()


def test_chunks_by_their_scale(tmp_path):
    chunk = "0-64_0-64_-8-8"
    files = {
        "raw/info": info("raw"),
        f"raw/1_1/{chunk}.gz": b"",
        "raw/1_1/notes.gz": b"",
        f"raw/2_2/{chunk}.gz": b"",
        "labels/info": info("compressed_segmentation"),
        f"labels/1_1/{chunk}": b"",
        "jpeg/info": info("jpeg"),
        f"jpeg/1_1/{chunk}": b"",
        f"jpeg/1_1/{chunk}.gz": b"",
        "shards/info": info("raw", sharding={}),
        "shards/1_1/0.shard": b"",
        f"{chunk}.gz": b"",
        "volume.nii.gz": b"",
        "z.ome.zarr/zarr.json": b"",
        "z.ome.zarr/c/0/0": b"",
    }
    dataset(tmp_path, files)
    items = planned(tmp_path, encodes=True)
    octets, encoded = "application/octet-stream", [item.name for item in items if item.content_encoding]
    assert encoded == [f"raw/1_1/{chunk}"]
    types = {item.name: item.content_type for item in items}
    assert types.pop(f"jpeg/1_1/{chunk}") == "image/jpeg"
    assert {name for name, kind in types.items() if kind != octets} == {
        "raw/info",
        "labels/info",
        "jpeg/info",
        "shards/info",
        "z.ome.zarr/zarr.json",
    }
    assert {item.name for item in planned(tmp_path, encodes=False)} == set(files)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a/0-1_0-1_0-1", "a/0-1_0-1_0-1.gz", "info"], "another file would have the same name, 'a/0-1_0-1_0-1'"),
        (["manifest.json"], "another file would have the same name"),
        (["../a"], "no name of a file"),
        (["/etc/passwd"], "no name of a file"),
        (["a\udcff"], "not UTF-8"),
        (["a" * 600], "too long"),
    ],
)
def test_names_that_cannot_be(tmp_path, names, says):
    dataset(tmp_path, {"info": info("raw").replace(b"1_1", b"a")})
    (tmp_path / "checksums.sha256").write_bytes(b"".join(line("0" * 64, name) for name in names))
    with pytest.raises(ValueError, match=says):
        planned(tmp_path, encodes=True)


@pytest.mark.parametrize(("size", "segment", "parts"), [(0, 10, 0), (10, 10, 0), (11, 10, 2), (30, 10, 3)])
def test_content_in_parts(tmp_path, size, segment, parts):
    data = bytes(range(size))
    (tmp_path / "file").write_bytes(data)
    content, sha256, _ = contents(tmp_path / "file", segment)
    assert (content.bytes, content.md5) == (size, hashlib.md5(data).hexdigest())
    assert sha256 == hashlib.sha256(data).hexdigest() and len(content.parts) == parts
    for offset, length, md5 in content.parts:
        assert hashlib.md5(data[offset : offset + length]).hexdigest() == md5
    assert sum(part[1] for part in content.parts) == (size if parts else 0)


def test_a_file_of_too_many_parts(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 1001)
    with pytest.raises(ValueError, match="more than 1000 segments of 1 bytes"):
        contents(tmp_path / "file", 1)


# Logins


def settings(tmp_path, mode=0o600, **values):
    path = tmp_path / "swift.json"
    path.write_text(json.dumps(values))
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o610])
def test_settings_that_others_can_read_are_refused(tmp_path, finished, monkeypatch, mode):
    path = settings(tmp_path, mode, os_password="secret")
    says = rf"^{path} can be read by others; type: chmod 600 {path}$"
    with pytest.raises(PermissionError, match=says):
        upload(finished, "swift://a", settings=str(path))
    monkeypatch.setenv("SWIFT_SETTINGS", str(path))
    with pytest.raises(PermissionError, match=says):
        credentials.session()


@pytest.mark.parametrize("open_one", ["clouds.yaml", "secure.yaml"])
def test_clouds_that_others_can_read_are_refused(tmp_path, monkeypatch, open_one):
    for name in ("clouds.yaml", "secure.yaml"):
        path = tmp_path / name
        path.write_text(json.dumps({"clouds": {"here": {"auth": {"auth_url": "http://127.0.0.1:9", "password": "p"}}}}))
        path.chmod(0o644 if name == open_one else 0o600)
        monkeypatch.setenv(f"OS_CLIENT_{'CONFIG' if name == 'clouds.yaml' else 'SECURE'}_FILE", str(path))
    with pytest.raises(PermissionError, match=f"{open_one} can be read by others; type: chmod 600"):
        credentials.session(cloud="here")


def test_a_login_that_is_missing_or_unusable_says_which_ways_there_are(tmp_path, monkeypatch):
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(json.dumps({"clouds": {"here": {}}}))
    clouds.chmod(0o600)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    cases = [
        ({}, "", "the environment: no login"),
        ({"os_auth_url": "http://127.0.0.1:9"}, "", "swift.json: no user with a password"),
        ({"auth_version": "1", "auth": "http://127.0.0.1:9", "user": "a"}, "", "version 1 needs auth, user and key"),
        ({"auth_version": "2.0"}, "", "auth_version 2 is unknown"),
        ({}, "nowhere", "cloud 'nowhere' is not in"),
    ]
    for values, cloud, says in cases:
        path = str(settings(tmp_path, **values)) if values else ""
        with pytest.raises(ValueError, match=says) as told:
            credentials.session(path, cloud)
        assert "OS_APPLICATION_CREDENTIAL_ID" in str(told.value) or "auth_version" in says
    with pytest.raises(FileNotFoundError, match=r"absent.json: no such settings file; give one of"):
        credentials.session("absent.json")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "right is a map `clouds`"),
        (b"clouds:\n", "right is a map `clouds`"),
        (b"clouds: [here]\n", "right is a map `clouds`"),
        (b"clouds: {here: secret}\n", "right is a map `clouds`"),
        (b"clouds: {here: {auth: [secret]}}\n", "clouds.here.auth is no map"),
        (b"clouds:\n  here: {auth: {password: secret", r"not YAML in UTF-8 \(line 2\)"),
        (b"clouds: {here: {auth: {password: secr\xe9t}}}", "not YAML in UTF-8"),
        ("clouds: {here: {}}".encode("utf-16"), "not YAML in UTF-8"),
    ],
)
def test_clouds_that_are_none_are_named_and_not_quoted(tmp_path, monkeypatch, content, says):
    path = tmp_path / "clouds.yaml"
    path.write_bytes(content)
    path.chmod(0o600)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    with pytest.raises(ValueError, match=rf"clouds\.yaml: {says}") as told:
        credentials.session(cloud="here")
    assert "secr" not in str(told.value)


def test_settings_of_another_form(tmp_path):
    path = settings(tmp_path, os_auth_url="http://127.0.0.1:9", os_username="u", os_password=["secret"])
    with pytest.raises(ValueError, match=r"swift\.json: os_password is no text$"):
        credentials.session(str(path))
    with pytest.raises(IsADirectoryError, match="a folder, no settings file; give one of"):
        credentials.session(str(tmp_path))


def test_settings_that_are_no_json_are_not_quoted(tmp_path):
    path = settings(tmp_path)
    for text in ('{"os_password": secret}', '["secret"]'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"swift.json: not (JSON|a JSON)") as told:
            credentials.session(str(path))
        assert "secret" not in str(told.value)


def test_settings_in_place_of_their_path_are_not_quoted(monkeypatch):
    monkeypatch.setenv("SWIFT_SETTINGS", '{"os_username": "me", "os_password": "secret"}')
    with pytest.raises(ValueError, match="are the path of a file, not what is in it; give one of") as told:
        credentials.session()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("version", [1, 3])
def test_a_login_is_for_the_server_that_was_named(answering, monkeypatch, version, status):
    other = answering((401, {}))
    named = answering((status, {"Location": f"{other.url}/v3/auth/tokens?sig=se-cret"}))
    log_in(monkeypatch, version, named)
    with pytest.raises(OSError, match=rf"sends on to {other.url}/v3/auth/tokens\?sig=\*\*\*; give that URL"):
        credentials.session()
    assert (len(named.seen), len(other.seen)) == (1, 0)


@pytest.mark.parametrize("version", [1, 3])
def test_a_busy_login_is_asked_again(answering, monkeypatch, version):
    busy = answering((503, {"Retry-After": "1"}), (429, {}), (401, {}))
    log_in(monkeypatch, version, busy)
    started = time.monotonic()
    with pytest.raises(PermissionError, match=r"the login is refused \(401\)"):
        credentials.session()
    assert time.monotonic() - started >= 1 and len(busy.seen) == 3


def log_in(monkeypatch, version, server):
    variables = {"ST_AUTH": "/auth/v1.0", "ST_USER": "me", "ST_KEY": "se-cret"}
    if version == 3:
        variables = {"OS_AUTH_URL": "/v3", "OS_USERNAME": "me", "OS_PASSWORD": "se-cret", "OS_PROJECT_NAME": "p"}
    for name, value in variables.items():
        monkeypatch.setenv(name, server.url + value if value.startswith("/") else value)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def answering():
    """`answering((status, headers), ...)`: a server that gives these answers; `seen` are the paths it was asked for."""
    servers = []

    def start(*answers):
        waiting = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.server.seen.append(self.path)
                status, headers = waiting.pop(0)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.seen, server.url = [], f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_token_with_its_storage_url_is_a_login_and_nothing_shows_it(tmp_path, caplog):
    path = settings(tmp_path, os_token="se-cret\n", os_storage_url="http://127.0.0.1:9/v1/AUTH_a/")
    account = credentials.session(str(path))
    assert (account.url, account.token) == ("http://127.0.0.1:9/v1/AUTH_a", "se-cret")
    assert "se-cret" not in repr(account)
    with pytest.raises(PermissionError, match="cannot be renewed"):
        account.renew("se-cret")
    assert account.renew("an older one") == "se-cret"
    logging.getLogger("keystoneauth.session").debug("curl -H X-Auth-Token: se-cret")
    assert "se-cret" not in caplog.text


def test_proxies_of_the_environment_are_used_and_passwords_of_netrc_are_not(tmp_path, monkeypatch):
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers["X-Auth-Token"], self.headers["Authorization"]))
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    (tmp_path / "netrc").write_text("default login a password secret")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    path = settings(tmp_path, os_token="token", os_storage_url="http://swift.invalid/v1/AUTH_a")
    try:
        with contextlib.closing(store("swift://closet", "case/a", settings=str(path))) as closet:
            for _ in range(2):
                assert closet.problem(Item("b", None, ""), Content(0, "")) == "it is not there"
    finally:
        server.shutdown()
        server.server_close()
    assert seen == [("http://swift.invalid/v1/AUTH_a/closet/case/a/b", "token", None)] * 2
