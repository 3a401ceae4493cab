"""A campaign from a question to verified products: a catalogue, a login and downloads as users have them, in one run."""

import json
import time
from pathlib import Path

import pytest

import copernicus_catalogue as entries
from campaign import Campaign
from darkroom import files
from servers import nginx as nginx_server
from servers import oauth2 as oauth2_server
from servers import odata as odata_server
from servers import products as products_server

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
BAND = b"pixels" * 50_000
QUERY = {"catalogue": "own", "mission": "Sentinel-2", "start": "2020-01-01", "end": "2021-01-01"}


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Three products in a catalogue, one of them archived; their zips; the server where one logs in."""
    if not nginx_server.program():
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    oauth2 = oauth2_server.OAuth2(totp=TOTP)
    root, rows = tmp_path_factory.mktemp("root"), list(entries.sentinel2(3))
    for row in rows:
        content = {"MTD_MSIL2A.xml": b"<?xml version='1.0'?><a/>", "GRANULE/B04_10m.jp2": BAND}
        content = {"manifest.safe": products_server.safe(content, "SHA3-256"), **content}
        products_server.value(root, row["Id"], products_server.zipped(root / "x.zip", row["Name"], content))
    rows[2]["Online"] = False
    catalogue = odata_server.OData(tmp_path_factory.mktemp("odata"), rows)
    service = products_server.Products(root, tmp_path_factory.mktemp("products"), oauth2.check_url)
    yield oauth2, catalogue, service, rows
    service.stop()
    catalogue.stop()
    oauth2.stop()


def lines_of_processes():
    """Command lines of all processes of this machine that we may see."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


def test_two_rows_in_one_campaign(services, tmp_path, monkeypatch):
    oauth2, catalogue, service, rows = services
    home = tmp_path / "home"
    (home / ".config/darkroom").mkdir(parents=True)
    logins = home / ".config/darkroom/logins.json"
    logins.write_text(json.dumps({"own": {"username": oauth2.user, "password": oauth2.password, "totp": TOTP}}))
    logins.chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for name in ("NETRC", "OWN_USERNAME", "OWN_PASSWORD", "DARKROOM_LOGINS"):
        monkeypatch.delenv(name, raising=False)
    own = {"kind": "odata", "search": catalogue.url, "download": service.url, "login": "oidc", "token": oauth2.url}
    own |= {"client": oauth2_server.CLIENT, "hosts": [service.second], "order_way": "order it by hand"}
    work = tmp_path / "work"
    work.mkdir()
    (work / "own.yaml").write_text(json.dumps({"own": own}))
    options = {"query": QUERY, "catalogues": "own.yaml", "whole": True}
    campaign = Campaign(work).write([("one", "", options), ("two", "", options)], "copernicus")
    process, seen = campaign.start("--resources", "copernicus=4", "-p"), set()
    while process.poll() is None:
        seen.update(lines_of_processes())
        time.sleep(0.2)
    said = process.stdout.read()
    assert process.returncode == 0, said
    # Each product came once, in one session, for both rows.
    paths = [entry["path"] for entry in service.requests() if entry["status"] == 200]
    assert sorted(paths) == sorted(f"/odata/v1/Products({row['Id']})/$value" for row in rows[:2])
    assert (oauth2.logins, len(oauth2.sessions)) == (1, 1)
    for dataset in ("one", "two"):
        record = files.read_json(campaign.results / dataset / "products_check.json")
        figures = record["checks"]["copernicus_check_products"]
        assert (figures["products"], figures["verified"]["sha3-256 of the manifest"]) == (2, 4)
        assert record["notes"][0] == f"{rows[2]['Name']} is archived and left out: order it by hand"
        assert (campaign.results / dataset / "manifest.json").exists()
    # What is secret is in the file of logins and in the session alone.
    assert any(b"copernicus_fetch" in line for line in seen)
    for secret in oauth2.secrets():
        assert secret not in said
        assert not any(secret.encode() in line for line in seen)
        having = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert {path.name for path in having} <= {
            "logins.json",
            next((home / "cache/darkroom").glob("*.session.json")).name,
        }
        assert all(path.stat().st_mode & 0o077 == 0 for path in having)
    # A second run does nothing, and nobody is asked.
    asked = len(service.requests())
    assert "Nothing to be done" in campaign.run()
    assert len(service.requests()) == asked


def test_a_dry_run_asks_nobody(tmp_path):
    own = {"kind": "odata", "search": "http://127.0.0.1:9/odata/v1", "download": "http://127.0.0.1:9/odata/v1"}
    (tmp_path / "own.yaml").write_text(json.dumps({"own": own}))
    options = {"query": QUERY, "catalogues": "own.yaml"}
    said = Campaign(tmp_path).write([("one", "", options)], "copernicus").run("--dry-run")
    assert all(f"copernicus_{verb}" in said for verb in ("search", "order", "fetch", "check_products", "plot_products"))
    assert not list(tmp_path.rglob("products.geojson"))
