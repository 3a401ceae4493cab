"""Products by S3, from the tests' own Swift, which checks signatures and answers ranges."""

import json
import random
import time

import pytest

from copernicus_check_products import copernicus_check_products
from copernicus_fetch import copernicus_fetch
from darkroom import files, retry
from darkroom.copernicus import downloads, login, products
from darkroom.copernicus.settings import Limits, Settings
from servers import faults
from servers import products as products_server
from servers import swift as swift_server

SAFE = "S2A_MSIL2A_20240101T100401_N0510_R122_T32TQM_20240101T123456.SAFE"
KEY = f"Sentinel-2/MSI/L2A_N0500/2024/01/01/{SAFE}"
BAND = random.Random(3).randbytes(500_000)
CONTENT = {"MTD_MSIL2A.xml": b"<?xml version='1.0'?><a/>", "GRANULE/IMG_DATA/a b+é_B04_10m.jp2": BAND}
CONTENT |= {f"rep_info/{number}.xsd": b"<xsd/>" for number in range(25)}
S3API = """
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = default
max_bucket_listing = 15
"""  # fewer than the 20 names of a page of the tests' Swift


@pytest.fixture(scope="module")
def s3(swift):
    """The address of a proxy that speaks S3, with one product in the bucket `eodata`."""
    swift.container("eodata", public=False)
    for name, content in {"manifest.safe": products_server.safe(CONTENT), **CONTENT}.items():
        swift.put("eodata", f"{KEY}/{name}", content)
    swift.put("eodata", f"{KEY}/", b"")
    swift.add_proxy("s3", "s3api tempauth", swift_server.PROXY_AUTH + S3API)
    return swift.wait_for_proxy("s3")


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OWN_S3_ACCESS_KEY", swift_server.Swift.user)
    monkeypatch.setenv("OWN_S3_SECRET_KEY", swift_server.Swift.key)
    for name in ("NETRC", "AWS_PROFILE", "OWN_USERNAME", "OWN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def entry(endpoint):
    return {
        "kind": "odata",
        "search": "https://catalogue.example.org/odata/v1",
        "download": "https://download.example.org/odata/v1",
        "login": "oidc",
        "token": "https://identity.example.org/token",
        "client": "public",
        "s3": {"endpoint": endpoint, "bucket": "eodata"},
    }


def settings(endpoint):
    return Settings("own", **entry(endpoint), limits=Limits())


def band():
    name = next(name for name in CONTENT if name.endswith("jp2"))
    file = products.File(
        f"{SAFE}/{name}", "https://download.example.org/x", len(BAND), alternate=f"s3://eodata/{KEY}/{name}"
    )
    return downloads.Want(products.Product("safe", SAFE, "", "", catalogue="own"), [file], complete=False)


def test_whole_products_with_keys_alone(s3, tmp_path):
    (tmp_path / "own.yaml").write_text(json.dumps({"own": entry(s3)}))
    product = products.Product("safe", SAFE, "2024-01-01T10:04:01Z", "", path=f"/eodata/{KEY}", catalogue="own")
    products.write_products(tmp_path, [product])
    files.write_json(tmp_path / "order.json", {"products": [], "notes": []})
    given = [tmp_path / name for name in ("products.geojson", "order.json", "inventory.json")]
    copernicus_fetch(*given, store=tmp_path / "store", catalogues=str(tmp_path / "own.yaml"))
    inventory = files.read_json(tmp_path / "inventory.json")
    assert len(inventory["files"]) == len(CONTENT) + 1
    copernicus_check_products(tmp_path / "inventory.json", given[0], tmp_path / "check.json", order=given[1])
    figures = files.read_json(tmp_path / "check.json")["checks"]["copernicus_check_products"]
    assert figures["verified"]["md5 of the manifest"] == len(CONTENT)


def test_ranges_are_signed(s3, tmp_path, faulty):
    proxy = faulty(s3, [faults.reset(after=200_000)])
    # The signature is for the host that is asked, which the proxy of the test hands on.
    ((entry,),) = downloads.fetch([band()], tmp_path / "store", downloads.Places(settings(proxy.url)), 5)
    assert (tmp_path / "store" / entry.name).read_bytes() == BAND
    assert [(status, headers.get("Range")) for _, _, status, headers in proxy.seen] == [
        (200, None),
        (206, "bytes=200000-"),
    ]
    assert not any(swift_server.Swift.key in str(seen) or "Signature" in seen[1] for seen in proxy.seen)


@pytest.mark.parametrize("variable", ["OWN_S3_SECRET_KEY", "OWN_S3_ACCESS_KEY"])
def test_wrong_keys(s3, tmp_path, monkeypatch, variable):
    monkeypatch.setenv(variable, "wrong-one")
    with pytest.raises(OSError, match=r"403 Forbidden; this account may not read it"):
        downloads.fetch([band()], tmp_path / "store", downloads.Places(settings(s3)), 5)
    keys = login.keys(settings(s3))
    with pytest.raises(PermissionError, match="the S3 keys of the environment are refused") as failure:
        keys.listed("eodata", KEY, SAFE)
    assert "wrong-one" not in str(failure.value)


def test_nothing_there(s3):
    with pytest.raises(FileNotFoundError, match="nothing is there; search again"):
        login.keys(settings(s3)).listed("eodata", "Sentinel-2/nothing.SAFE", SAFE)
    with pytest.raises(OSError, match=r"cannot be listed \(404\)"):
        login.keys(settings(s3)).listed("elsewhere", KEY, SAFE)


def test_no_keys_and_no_other_place(s3, monkeypatch):
    monkeypatch.delenv("OWN_S3_SECRET_KEY")
    file = products.File(f"{SAFE}/x", f"s3://eodata/{KEY}/x")
    with pytest.raises(ValueError, match=r"is at s3://eodata/.* alone; give s3_access_key, s3_secret_key"):
        downloads.Places(settings(s3))(file)


def test_no_more_requests_a_minute_than_the_archive_takes(s3, tmp_path):
    product = products.Product("safe", SAFE, "", "", path=f"/eodata/{KEY}", catalogue="own")
    made = Settings("own", **entry(s3), limits=Limits(s3_requests=600))
    started = time.monotonic()
    downloads.fetch(
        [downloads.choose(product, None, places=downloads.Places(made))], tmp_path, downloads.Places(made), 3
    )
    assert time.monotonic() - started >= 0.1 * (len(CONTENT) - 1)
