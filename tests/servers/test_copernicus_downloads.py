"""Downloads of products from a real nginx that asks a real OAuth2 server about every token."""

import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import blake3
import pytest

from darkroom import retry
from darkroom.copernicus import downloads, login, volume
from darkroom.copernicus.products import File, Product
from darkroom.copernicus.settings import Limits, Settings
from darkroom.transfer import archive
from servers import faults
from servers import nginx as nginx_server
from servers import oauth2 as oauth2_server
from servers import products as products_server

SCRIPTS = Path(login.__file__).parents[2]
BAND = random.Random(2).randbytes(700_000)
NAME = "S2A_MSIL2A_20240101T100401_N0510_R122_T32TQM_20240101T123456"
FILES = {"MTD_MSIL2A.xml": b"<?xml version='1.0'?><a/>", "GRANULE/L2A/IMG_DATA/R10m/T32TQM_B04_10m.jp2": BAND}


def md5(content):
    return hashlib.md5(content).hexdigest()


def product(number, **more):
    values = {"begin": "2024-01-01T10:04:01Z", "end": "2024-01-01T10:04:01Z", "catalogue": "cdse"}
    return Product(f"id-{number}", f"{NAME}{number:02}.SAFE", **values | more)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Products 0 to 9 as zips and as files."""
    root = tmp_path_factory.mktemp("root")
    for number in range(10):
        name = product(number).name
        files = {"manifest.safe": products_server.safe(FILES), **FILES}
        products_server.value(root, f"id-{number}", products_server.zipped(root / "x.zip", name, files))
        for path, content in files.items():
            products_server.value(root, f"id-{number}", content, name, *path.split("/"))
    return root


@pytest.fixture(scope="module")
def services(root, oauth2, tmp_path_factory):
    """Start the service with other options of nginx: `services(options)`; one of each is enough."""
    if not nginx_server.program():
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    started = {}

    def start(options="", connections=4):
        if (options, connections) not in started:
            state = tmp_path_factory.mktemp("products")
            server = products_server.Products(root, state, oauth2.check_url, connections, options)
            started[options, connections] = server
        return started[options, connections]

    yield start
    for server in started.values():
        server.stop()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, oauth2):
    """A user's own home, cache and environment."""
    oauth2.forget()
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)
    for name in ("NETRC", login.LOGINS, "CDSE_TOTP", "CDSE_S3_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CDSE_USERNAME", oauth2.user)
    monkeypatch.setenv("CDSE_PASSWORD", oauth2.password)
    return tmp_path


def settings(service, oauth2, **more):
    values = {"login": "oidc", "token": oauth2.url, "client": oauth2_server.CLIENT, "download": service.url}
    values |= {"hosts": (service.second,), "limits": Limits(volume=1e9)}
    return Settings("cdse", "odata", **values | more)


def zip_of(service, number, **more):
    """The want of a whole product, as OData tells of it."""
    content = (service.root / f"odata/v1/Products(id-{number})/$value").read_bytes()
    told = {"bytes": len(content), "digests": (f"md5:{md5(content)}",), **more}
    item = product(number)
    return downloads.Want(
        item, [File(f"{item.name}.zip", f"{service.url}/Products(id-{number})/$value", archive=True, **told)]
    )


def band_of(service, number, digest=None, **more):
    """The want of one band."""
    path = next(path for path in FILES if path.endswith("jp2"))
    item = product(number)
    nodes = "".join(f"/Nodes({part})" for part in (item.name, *path.split("/")))
    told = {"bytes": len(BAND), "digests": (digest or f"md5:{md5(BAND)}",), **more}
    return downloads.Want(
        item, [File(f"{item.name}/{path}", f"{service.url}/Products(id-{number}){nodes}/$value", **told)]
    )


def fetch(wants, store, service, oauth2, attempts=6, **more):
    return downloads.fetch(wants, store, downloads.Places(settings(service, oauth2, **more)), attempts)


def statuses(service, port="second"):
    return [entry["status"] for entry in service.requests() if entry["port"] == service.ports[port]]


def test_whole_products_come_through_two_hosts(services, oauth2, tmp_path):
    service, store = services(), tmp_path / "store"
    wants = [zip_of(service, number) for number in range(6)]
    before = len(service.requests())
    fetched = fetch(wants, store, service, oauth2)
    for want, entries in zip(wants, fetched, strict=True):
        names = {entry.name for entry in entries}
        folder = f"whole/{want.product.stem}/{want.product.name}"
        assert names == {f"{folder}/{name}" for name in ("manifest.safe", *FILES)}
        for entry in entries:
            assert hashlib.sha256((store / entry.name).read_bytes()).hexdigest() == entry.sha256
        record = downloads.read_record(store, "whole", want.product.name)
        assert record["archive"]["checked"] == ["md5"]
        assert not (store / "whole" / f"{want.product.name}.zip").exists()
    seen = service.requests()[before:]
    assert {entry["status"] for entry in seen} == {302, 200}
    assert all(entry["authorization"].startswith("Bearer ") and not entry["query"] for entry in seen)
    assert (oauth2.logins, oauth2.refreshes) == (1, 0)
    assert volume.had(login.account(settings(service, oauth2)).service) == sum(want.files[0].bytes for want in wants)
    # A rerun asks nobody, and needs no login.
    oauth2.end_sessions()
    assert fetch([zip_of(service, number) for number in range(6)], store, service, oauth2) == fetched
    assert len(service.requests()) == before + len(seen)


def test_two_rows_want_the_same_product(services, oauth2, tmp_path, root):
    service = services("limit_rate 1m;")
    code = (
        "import json, sys; from pathlib import Path; from darkroom.copernicus import downloads; from darkroom.copernicus.products import *;"
        "from darkroom.copernicus.settings import *; given = json.load(sys.stdin);"
        "settings = Settings(**given['settings'] | {'limits': Limits(), 'hosts': tuple(given['settings']['hosts'])});"
        "wants = [downloads.Want(Product(**p), [File(**f | {'digests': tuple(f['digests'])})]) for p, f in given['wants']];"
        "print(json.dumps([[one.name for one in found] for found in downloads.fetch(wants, Path(given['store']), downloads.Places(settings))]))"
    )
    made = settings(service, oauth2)
    plain = {key: getattr(made, key) for key in ("name", "kind", "login", "token", "client", "download", "hosts")}
    before, processes = len(service.requests()), []
    for numbers in ((0, 1, 2), (1, 2, 3)):
        wants = [
            (vars(want.product) | {"assets": []}, vars(want.files[0]))
            for want in (zip_of(service, number) for number in numbers)
        ]
        given = json.dumps({"settings": plain, "store": str(tmp_path / "store"), "wants": wants})
        line = [sys.executable, "-c", code]
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        )
        process.stdin.write(given)
        process.stdin.close()
        processes.append(process)
    results = [json.loads(process.stdout.read()) for process in processes]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert results[0][1:] == results[1][:2]
    paths = [entry["path"] for entry in service.requests()[before:] if entry["status"] == 200]
    assert sorted(paths) == [f"/odata/v1/Products(id-{number})/$value" for number in range(4)]
    assert oauth2.logins == 1


def test_files_alone_move_their_own_bytes(services, oauth2, tmp_path):
    service = services()
    before = service.sent()
    ((entry,),) = fetch([band_of(service, 1)], tmp_path / "store", service, oauth2)
    assert (tmp_path / "store" / entry.name).read_bytes() == BAND
    assert entry.name.startswith(f"files/{product(1).name}/GRANULE/")
    assert service.sent() - before < len(BAND) + 1000  # and the pages of redirects
    # Another row asks for another file: the record knows both.
    other = band_of(service, 1)
    other.items = {
        f"files/{product(1).name}/MTD_MSIL2A.xml": File(
            f"{product(1).name}/MTD_MSIL2A.xml",
            other.files[0].url.replace("GRANULE", "MTD_MSIL2A.xml").split("/Nodes(L2A)")[0] + "/$value",
        )
    }
    fetch([other], tmp_path / "store", service, oauth2)
    assert len(downloads.read_record(tmp_path / "store", "files", product(1).name)["files"]) == 2


@pytest.mark.parametrize("algorithm", ["sha3-256", "sha256", "sha3-256/sha256", "blake3"])
def test_digests_of_many_kinds(services, oauth2, tmp_path, algorithm):
    service = services()
    name = algorithm.split("/")[0]
    digest = (
        blake3.blake3(BAND).hexdigest()
        if name == "blake3"
        else hashlib.new(name.replace("-", "_") if "3-" in name else name, BAND).hexdigest()
    )
    fetch([band_of(service, 2, f"{algorithm}:{digest}")], tmp_path / "right", service, oauth2)
    assert downloads.read_record(tmp_path / "right", "files", product(2).name)["files"][0]["checked"] == [name]
    with pytest.raises(OSError, match=rf"{algorithm.upper()} {'0' * 64} expected"):
        fetch([band_of(service, 2, f"{algorithm}:{'0' * 64}")], tmp_path / "wrong", service, oauth2)
    assert not list((tmp_path / "wrong").rglob("*.jp2"))


@pytest.mark.parametrize("packed", [True, False])
def test_a_product_whose_name_does_not_tell_whether_it_is_packed(services, oauth2, tmp_path, root, packed):
    service, content = services(), b"CDF\1 a netCDF"
    if packed:
        content = products_server.zipped(root / "x.zip", "c_gls_NDVI300_nc", {"c_gls_NDVI300.nc": content})
    products_server.value(root, "id-93", content)
    named = Product("id-93", "c_gls_NDVI300_nc", "", "", catalogue="cdse")
    file = File(named.name, f"{service.url}/Products(id-93)/$value", 77, ("md5:" + "0" * 32,), archive=True)
    ((entry,),) = fetch([downloads.Want(named, [file])], tmp_path / "store", service, oauth2)
    inside = f"/{named.name}/c_gls_NDVI300.nc" if packed else ""
    assert entry.name == f"whole/{named.name}{inside}"
    path = tmp_path / "store" / entry.name
    assert path.read_bytes() == b"CDF\1 a netCDF" and hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    assert fetch([downloads.Want(named, [file])], tmp_path / "store", service, oauth2) == [[entry]]


def test_checksums_of_another_object_are_not_held_against_a_zip(services, oauth2, tmp_path):
    service = services()
    for size in (None, 12345):
        store = tmp_path / f"store{size}"
        fetch([zip_of(service, 3, bytes=size, digests=("md5:" + "0" * 32,))], store, service, oauth2)
        assert downloads.read_record(store, "whole", product(3).name)["archive"]["checked"] == ["zip CRC"]


@pytest.mark.parametrize(
    "options", [products_server.WHOLE, products_server.PLAIN, products_server.PLAIN + products_server.WHOLE, ""]
)
def test_cut_connections(services, oauth2, tmp_path, faulty, options):
    """Range, no Range, no validators: in every case the file is whole, and where it can it goes on."""
    service = services(options)
    proxy = faulty(f"http://{service.second}", [faults.reset(after=300_000), faults.truncate(after=200_000)])
    want = zip_of(service, 4)
    want.items = {
        name: File(file.name, f"{proxy.url}/odata/v1/Products(id-4)/$value", file.bytes, file.digests, True)
        for name, file in want.items.items()
    }
    host = proxy.url.removeprefix("http://")
    fetch([want], tmp_path / "store", service, oauth2, hosts=(host,))
    asked = [headers.get("Range") for *_, headers in proxy.seen]
    assert [status for _, _, status, _ in proxy.seen] == (
        [200, 200, 200] if products_server.WHOLE in options else [200, 206, 206]
    )
    assert asked[0] is None and asked[1] == "bytes=300000-"


def test_resume_that_appends_another_thing(services, oauth2, tmp_path, faulty):
    """A server that answers a Range with an error page as 206 must not get it into the file."""
    service = services(products_server.PLAIN)
    proxy = faulty(f"http://{service.second}", [faults.reset(after=300_000), faults.corrupt(at=5)])
    want = band_of(service, 4)
    ((name, file),) = want.items.items()
    want.items = {
        name: File(file.name, file.url.replace(service.url, f"{proxy.url}/odata/v1"), file.bytes, file.digests)
    }
    ((entry,),) = fetch([want], tmp_path / "store", service, oauth2, hosts=(proxy.url.removeprefix("http://"),))
    assert (tmp_path / "store" / entry.name).read_bytes() == BAND
    assert [status for _, _, status, _ in proxy.seen] == [200, 206, 200]


def test_a_token_dies_in_mid_download(services, oauth2, tmp_path, faulty):
    service = services()
    expire = faults.reset(after=300_000)

    def spoil(handler, status, headers, body):
        oauth2.expire()
        expire(handler, status, headers, body)

    proxy = faulty(f"http://{service.second}", [spoil])
    want = band_of(service, 5)
    ((name, file),) = want.items.items()
    want.items = {
        name: File(file.name, file.url.replace(service.url, f"{proxy.url}/odata/v1"), file.bytes, file.digests)
    }
    fetch([want], tmp_path / "store", service, oauth2, hosts=(proxy.url.removeprefix("http://"),))
    assert [status for _, _, status, _ in proxy.seen] == [200, 401, 206]
    assert (oauth2.logins, oauth2.refreshes) == (1, 1)


def test_no_more_connections_than_the_service_bears(services, oauth2, tmp_path):
    """Two jobs of eight downloads each: the service answers 429 to a fifth connection, and never has to."""
    service = services("limit_rate 1m;", connections=4)
    before = len(service.requests())
    jobs = [
        threading.Thread(
            target=fetch,
            args=([zip_of(service, number) for number in numbers], tmp_path / f"store{numbers[0]}", service, oauth2),
        )
        for numbers in (range(4), range(4, 8))
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert {entry["status"] for entry in service.requests()[before:]} == {302, 200}
    assert len(list(tmp_path.rglob("whole/.*.SAFE.json"))) == 8


def test_a_service_that_is_in_use_is_waited_for(services, oauth2, tmp_path):
    service = services("limit_rate 1m;", connections=2)  # others of the user's programs have the other two
    before = len(service.requests())
    fetch([zip_of(service, number) for number in range(6)], tmp_path / "store", service, oauth2, attempts=200)
    answers = [entry["status"] for entry in service.requests()[before:]]
    assert answers.count(200) == 6 and 429 in answers


def test_a_redirect_to_a_stranger_gets_no_token(services, oauth2, tmp_path):
    service = services()
    want = zip_of(service, 6)
    ((name, file),) = want.items.items()
    for url, hosts in (
        (service.url.replace("/odata/v1", "/elsewhere/x"), (service.second,)),  # led there
        (f"http://{service.foreign}/x", (service.second,)),  # sent there by an answer of the catalogue
        (file.url, ()),  # the second host, where nobody has allowed it
    ):
        want.items, want.problem = {name: File(file.name, url, archive=True)}, ""
        with pytest.raises(OSError, match=r"is on none of its hosts .* gets no token"):
            fetch([want], tmp_path / "store", service, oauth2, hosts=hosts)
    assert statuses(service, "foreign") == []


def test_what_cannot_be_had_does_not_keep_the_others(services, oauth2, tmp_path, root):
    service = services()
    wants = [zip_of(service, number) for number in (0, 1, 2)]
    ((name, file),) = wants[1].items.items()
    wants[1].items = {name: File(file.name, f"{service.url}/Products(renamed)/$value", archive=True)}
    with pytest.raises(
        OSError,
        match=rf"1 of 3 products could not be fetched: {wants[1].product.name}: no longer there .*404.*search again",
    ):
        fetch(wants, tmp_path / "store", service, oauth2)
    assert {path.name for path in (tmp_path / "store/whole").glob("*")} == {
        f".{wants[0].product.name}.json",
        wants[0].product.stem,
        f".{wants[0].product.stem}.unpacked.json",
        f".{wants[2].product.name}.json",
        wants[2].product.stem,
        f".{wants[2].product.stem}.unpacked.json",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a page in HTML or XML in place of the product"),
        (b"PK\3\4 and not much more", "not a whole zip"),
        (b"", "not a whole zip"),
    ],
)
def test_no_zip_in_place_of_a_product(services, oauth2, tmp_path, root, content, says):
    service = services()
    products_server.value(root, "id-90", content)
    with pytest.raises(OSError, match=says):
        fetch([zip_of(service, 90, bytes=None, digests=())], tmp_path / "store", service, oauth2)
    assert not list((tmp_path / "store/whole").iterdir())


def test_right_size_and_wrong_bytes(services, oauth2, tmp_path):
    service = services()
    with pytest.raises(OSError, match=r"MD5 0{32} expected, [0-9a-f]{32} got \(2 attempts\)"):
        fetch([zip_of(service, 7, digests=("md5:" + "0" * 32,))], tmp_path / "store", service, oauth2)
    with pytest.raises(OSError, match=r"MD5 0{32} expected"):
        fetch([band_of(service, 7, "md5:" + "0" * 32)], tmp_path / "store", service, oauth2)


def test_a_zip_with_a_path_out_of_its_folder(services, oauth2, tmp_path, root):
    service = services()
    products_server.value(root, "id-91", products_server.zipped(root / "x.zip", "..", {"../evil": b"x"}))
    with pytest.raises(OSError, match="would be outside of the folder; nothing is unpacked"):
        fetch([zip_of(service, 91)], tmp_path / "store", service, oauth2)
    assert not list(tmp_path.rglob("evil"))


def test_a_zip_with_a_link(services, oauth2, tmp_path, root):
    service = services()
    with zipfile.ZipFile(root / "x.zip", "w") as packed:
        link = zipfile.ZipInfo(f"{product(92).name}/manifest.safe")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    products_server.value(root, "id-92", (root / "x.zip").read_bytes())
    with pytest.raises(OSError, match="is a link; only files and folders are unpacked"):
        fetch([zip_of(service, 92)], tmp_path / "store", service, oauth2)
    assert not (tmp_path / "store/whole" / product(92).stem).exists()


def test_no_room_to_unpack(services, oauth2, tmp_path, root, monkeypatch):
    """The zip is kept, and a rerun with more room goes on from it."""
    service = services()
    with monkeypatch.context() as small:
        small.setattr(archive, "free_bytes", lambda path: 1000)
        with pytest.raises(OSError, match="not enough room to unpack"):
            fetch([zip_of(service, 8)], tmp_path / "store", service, oauth2)
    before = len(service.requests())
    fetch([zip_of(service, 8)], tmp_path / "store", service, oauth2)
    assert len(service.requests()) == before


def test_a_refused_login_ends_it_at_once(services, oauth2, tmp_path, monkeypatch):
    service = services()
    monkeypatch.setenv("CDSE_PASSWORD", "wrong-one")
    with pytest.raises(PermissionError, match="the login of the environment is refused"):
        fetch([zip_of(service, number) for number in range(8)], tmp_path / "store", service, oauth2)
    assert oauth2.refused == 1


def test_no_room(services, oauth2, tmp_path):
    service = services()
    before = len(service.requests())
    with pytest.raises(OSError, match="not enough room for 1 products"):
        fetch([zip_of(service, 8, bytes=10**17)], tmp_path / "store", service, oauth2)
    assert len(service.requests()) == before


def test_the_volume_of_30_days_is_said(services, oauth2, tmp_path, caplog):
    service = services()
    with caplog.at_level("INFO"):
        fetch([band_of(service, 8)], tmp_path / "store", service, oauth2, limits=Limits(volume=1e6))
        fetch([band_of(service, 9)], tmp_path / "store", service, oauth2, limits=Limits(volume=1e6))
    assert "700.0 kB of its 1.0 MB in 30 days" in caplog.text
    assert "1.4 MB of its 1.0 MB in 30 days; beyond them it is slow or refuses" in caplog.text


def test_secrets_are_nowhere(services, oauth2, tmp_path, caplog):
    service = services()
    with caplog.at_level("DEBUG"):
        fetch([zip_of(service, 9), band_of(service, 9)], tmp_path / "store", service, oauth2)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    for secret in oauth2.secrets():
        assert secret not in caplog.text
        having = [path.name for path in written if secret.encode() in path.read_bytes()]
        assert having == [] or all(name.endswith(".session.json") for name in having)
    assert all(path.stat().st_mode & 0o077 == 0 for path in written if path.name.endswith(".session.json"))
