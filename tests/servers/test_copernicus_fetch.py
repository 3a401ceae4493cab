"""The steps from products that were found to products that are verified, with real servers; and what is wrong with them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from copernicus_check_products import copernicus_check_products
from copernicus_fetch import copernicus_fetch
from darkroom import files, retry
from darkroom.copernicus import login, products
from darkroom.transfer import download
from servers import nginx as nginx_server
from servers import oauth2 as oauth2_server
from servers import products as products_server

SCRIPTS = Path(login.__file__).parents[2]
SAFE = "S2A_MSIL2A_20240101T100401_N0510_R122_T32TQM_20240101T123456.SAFE"
PLAIN = "S5P_OFFL_L2__NO2____20211211T104909_20211211T123039_21566_02_020301_20211213T011704.nc"
FOLDER = "GRANULE/L2A_T32TQM_A044558_20240101T100401/IMG_DATA/R10m"
CONTENT = {
    "MTD_MSIL2A.xml": b"<?xml version='1.0'?><metadata/>",
    "INSPIRE.xml": b"<?xml version='1.0'?><inspire/>",
    "HTML/UserProduct_index.html": b"<!DOCTYPE html><html></html>",
    **{
        f"{FOLDER}/T32TQM_20240101T100401_{band}_10m.jp2": band.encode() * 60_000
        for band in ("B02", "B03", "B04", "B08")
    },
}


@pytest.fixture(scope="module")
def service(oauth2, tmp_path_factory):
    if not nginx_server.program():
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    root = tmp_path_factory.mktemp("root")
    server = products_server.Products(root, tmp_path_factory.mktemp("products"), oauth2.check_url)
    content = {"manifest.safe": products_server.safe(CONTENT, "SHA3-256"), **CONTENT}
    products_server.value(root, "safe", products_server.zipped(root / "x.zip", SAFE, content))
    tree = {}
    for name, data in content.items():
        products_server.value(root, "safe", data, SAFE, *name.split("/"))
        *above, last = name.split("/")
        place = tree
        for folder in above:
            place = place.setdefault(folder, {})
        place[last] = data
    products_server.nodes(root, server.url, "safe", {SAFE: tree})
    products_server.value(root, "plain", b"CDF\1 netCDF", PLAIN)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch, oauth2):
    oauth2.forget()
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OWN_USERNAME", oauth2.user)
    monkeypatch.setenv("OWN_PASSWORD", oauth2.password)
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def campaign(tmp_path, service, oauth2):
    """A folder with the products of a search, and what the steps are told."""
    own = {
        "kind": "odata",
        "search": service.url,
        "download": service.url,
        "login": "oidc",
        "token": oauth2.url,
        "client": oauth2_server.CLIENT,
        "hosts": [service.second],
        "order_way": "order it by hand",
    }
    (tmp_path / "own.yaml").write_text(json.dumps({"own": own}))
    return tmp_path


def found(folder, *more, online=True):
    size = (folder / "x").stat().st_size if (folder / "x").exists() else None
    whole = products.Product("safe", SAFE, "2024-01-01T10:04:01Z", "2024-01-01T10:04:01Z", bytes=size, catalogue="own")
    products.write_products(folder, [whole, *more])
    states = [{"name": SAFE, "id": "safe", "state": "online"}]
    files.write_json(folder / "order.json", {"products": states, "notes": []})


def fetch(folder, **more):
    given = {"store": folder / "store", "catalogues": str(folder / "own.yaml"), "attempts": 3, **more}
    copernicus_fetch(folder / "products.geojson", folder / "order.json", folder / "inventory.json", **given)
    return files.read_json(folder / "inventory.json")


def check(folder):
    given = (folder / name for name in ("inventory.json", "products.geojson", "products_check.json"))
    copernicus_check_products(*given, order=folder / "order.json")
    return files.read_json(folder / "products_check.json")


def test_whole_products_are_fetched_and_verified(campaign):
    found(campaign)
    inventory = fetch(campaign)
    assert len(inventory["files"]) == len(CONTENT) + 1
    record = check(campaign)
    figures = record["checks"]["copernicus_check_products"]
    assert figures["verified"] == {"sha3-256 of the manifest": len(CONTENT), "zip CRC at the download": 1}
    assert (figures["products"], figures["unverified"], record["notes"]) == (1, 0, [])
    assert record["products"][0]["archive"]["checked"] == ["zip CRC"]
    for name in CONTENT:  # judged by OpenSSL
        path = Path(inventory["root"], "whole", SAFE.removesuffix(".SAFE"), SAFE, name)
        shown = subprocess.run(["openssl", "dgst", "-sha3-256", "-r", path], capture_output=True, text=True, check=True)
        manifest = (path.parents[len(Path(name).parts) - 1] / "manifest.safe").read_text()
        assert shown.stdout.split()[0].upper() in manifest


def test_some_files_of_products_are_fetched_and_verified(campaign, service):
    found(campaign)
    before = service.sent()
    inventory = fetch(campaign, patterns=["*_B04_10m.jp2", "*_B08_10m.jp2"])
    names = [entry["name"].removeprefix(f"files/{SAFE}/") for entry in inventory["files"]]
    bands = [f"{FOLDER}/T32TQM_20240101T100401_{band}_10m.jp2" for band in ("B04", "B08")]
    assert names == [*bands, "MTD_MSIL2A.xml", "manifest.safe"]
    assert service.sent() - before < 2 * 180_000 + 20_000
    record = check(campaign)
    assert record["checks"]["copernicus_check_products"]["verified"]["sha3-256 of the manifest"] == 3
    assert record["notes"] == [f"{SAFE}: 4 files of its manifest are not among those fetched"]
    with pytest.raises(ValueError, match=r"none of its 8 files, such as .*, matches \['\*_B99\.jp2'\]"):
        fetch(campaign, patterns=["*_B99.jp2"])


def test_a_file_that_changed_is_fetched_again(campaign, service):
    found(campaign)
    fetch(campaign, patterns=["*_B04_10m.jp2"])
    path = next((campaign / "store").rglob("*_B04_10m.jp2"))
    spoil(path, "other")
    fetch(campaign, patterns=["*_B04_10m.jp2"])  # nothing but its size is promised
    assert path.read_bytes() == CONTENT[f"{FOLDER}/{path.name}"]


def test_archived_products_are_left_out(campaign):
    other = products.Product("gone", SAFE.replace("T32TQM", "T33TQM"), "2024-01-01T10:04:01Z", "", catalogue="own")
    found(campaign, other)
    states = [{"name": SAFE, "state": "online"}, {"name": other.name, "state": "archived", "way": "order it by hand"}]
    note = f"{other.name} is archived and left out: order it by hand"
    files.write_json(campaign / "order.json", {"products": states, "notes": [note]})
    fetch(campaign)
    assert check(campaign)["notes"] == [note]


def test_an_empty_search_is_a_result(campaign):
    products.write_products(campaign, [])
    files.write_json(campaign / "order.json", {"products": [], "notes": []})
    assert fetch(campaign)["files"] == []
    assert check(campaign)["checks"]["copernicus_check_products"]["products"] == 0


def spoil(path, how):
    if how == "gone":
        path.unlink()
    elif how == "shorter":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\0")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("gone", "not there any more; fetch it again"),
        ("shorter", "179999 bytes, 180000 expected"),
        ("other", "SHA3-256 [0-9a-f]{64} expected, [0-9a-f]{64} got"),
    ],
)
def test_files_that_changed_since_are_found(campaign, how, says):
    found(campaign)
    fetch(campaign)
    spoil(next((campaign / "store").rglob("*_B04_10m.jp2")), how)
    with pytest.raises(ValueError, match=rf"^{SAFE}: {FOLDER}/T32TQM_20240101T100401_B04_10m\.jp2: {says}$"):
        check(campaign)
    assert not (campaign / "products_check.json").exists()
    fetch(campaign)  # brings it again
    check(campaign)


def test_a_product_whose_manifest_lists_more(campaign, service):
    content = {"manifest.safe": products_server.safe(CONTENT, listed=[("rep_info/lost.xsd", b"x")]), **CONTENT}
    other = products.Product("more", SAFE.replace("T32TQM", "T34TQM"), "2024-01-01T10:04:01Z", "", catalogue="own")
    products_server.value(service.root, "more", products_server.zipped(campaign / "x.zip", other.name, content))
    found(campaign, other)
    fetch(campaign)
    with pytest.raises(
        ValueError, match=r"T34TQM_20240101T123456\.SAFE: rep_info/lost\.xsd: in the manifest and not here$"
    ):
        check(campaign)


def test_products_of_a_folder_are_read_in_place(campaign):
    archive = campaign / "archive/Sentinel-2/2024/01/01"
    for name, content in {"manifest.safe": products_server.safe(CONTENT), **CONTENT}.items():
        path = archive / SAFE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    packed = SAFE.replace("T32TQM", "T35TQM")
    products_server.zipped(
        archive / f"{packed.removesuffix('.SAFE')}.zip",
        packed,
        {"manifest.safe": products_server.safe(CONTENT), **CONTENT},
    )
    (campaign / "own.yaml").write_text(json.dumps({"own": {"kind": "folder", "search": str(campaign / "archive")}}))
    here = [
        products.Product("", path.name, "2024-01-01T10:04:01Z", "2024-01-01T10:04:01Z", path=str(path), catalogue="own")
        for path in sorted(archive.iterdir())
    ]
    products.write_products(campaign, here)
    files.write_json(campaign / "order.json", {"products": [], "notes": []})
    inventory = fetch(campaign)
    absent = [entry["name"] for entry in inventory["files"] if not (Path(inventory["root"]) / entry["name"]).is_file()]
    assert absent == []
    assert len(inventory["files"]) == 2 * (len(CONTENT) + 1)
    figures = check(campaign)["checks"]["copernicus_check_products"]
    assert figures["verified"] == {"md5 of the manifest": 2 * len(CONTENT), "zip CRC at the download": 1}
    assert not list((campaign / "store").rglob(f"{SAFE}"))


FORKS = """
import os, sys
from pathlib import Path
from copernicus_fetch import copernicus_fetch

folder = Path(sys.argv[1])
for line in sys.stdin:
    if not (job := os.fork()):
        given = (folder / name for name in ("products.geojson", "order.json", "inventory.json"))
        copernicus_fetch(*given, store=folder / "store", catalogues=str(folder / "own.yaml"))
        os._exit(0)
    print(job, flush=True)
    print(os.waitpid(job, 0)[1], flush=True)
"""


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def test_kill_at_ten_moments(campaign, service, oauth2):
    """No byte that was stored is asked for again."""
    content = os.urandom(1_500_000)
    products_server.value(service.root, "big", content, PLAIN)
    product = products.Product(
        "big", PLAIN, "2021-12-11T10:49:09Z", "2021-12-11T12:30:39Z", bytes=len(content), catalogue="own"
    )
    products.write_products(campaign, [product])
    files.write_json(campaign / "order.json", {"products": [], "notes": []})
    slow = products_server.Products(service.root, campaign / "slow", oauth2.check_url, options="limit_rate 600k;")
    own = json.loads((campaign / "own.yaml").read_text())
    own["own"] |= {"download": slow.url, "search": slow.url, "hosts": [slow.second]}
    (campaign / "own.yaml").write_text(json.dumps(own))
    line = [sys.executable, "-c", FORKS, str(campaign)]
    forks = subprocess.Popen(
        line, env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    part, had = campaign / f"store/own/whole/.{PLAIN}.part", []
    for kill in range(11):
        forks.stdin.write("go on\n")
        forks.stdin.flush()
        job = int(forks.stdout.readline())
        start, deadline = size_of(part), time.monotonic() + 600
        while kill < 10 and size_of(part) <= start + 40_000 * (kill % 3):
            assert forks.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        if kill < 10:
            assert not any(secret in Path(f"/proc/{job}/cmdline").read_text() for secret in oauth2.secrets())
            os.kill(job, signal.SIGKILL)
        assert int(forks.stdout.readline()) == (signal.SIGKILL if kill < 10 else 0)
        had.append(size_of(part))
    forks.stdin.close()
    assert forks.wait(10) == 0
    again = slow.sent() - len(content)
    asked = [entry["range"] for entry in slow.requests() if entry["port"] == slow.ports["second"]]
    slow.stop()
    assert asked == ["", *(f"bytes={size}-" for size in had[:10])]
    assert again <= 10 * download.BLOCK
    assert next((campaign / "store").rglob(PLAIN)).read_bytes() == content
    assert oauth2.logins == 1
