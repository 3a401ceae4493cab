"""Archived products are ordered once and waited for, against a service that takes orders as ONDA did."""

import datetime
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from copernicus_order import copernicus_order
from darkroom import files, retry, schema
from darkroom.copernicus import downloads, login, orders, products
from darkroom.copernicus.asking import Client
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.settings import Limits, Settings
from servers import ens as ens_server

SCRIPTS = Path(orders.__file__).parents[2]
NAMES = [f"S2B_MSIL1C_2020081301030{number}_N0209_R045_T55PBR_20200813T021947.zip" for number in range(4)]


@pytest.fixture
def ens():
    server = ens_server.Ens({name: number > 0 for number, name in enumerate(NAMES)})
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ONDA_USERNAME", ens_server.Ens.user)
    monkeypatch.setenv("ONDA_PASSWORD", ens_server.Ens.password)
    monkeypatch.delenv("NETRC", raising=False)


def settings(ens, **more):
    return Settings("onda", **{"kind": "ens", "search": ens.url, "download": ens.url, "login": "basic"} | more)


def catalogues(folder, ens):
    """A file of one's own catalogues (JSON is YAML)."""
    path = folder / "own.yaml"
    path.write_text(json.dumps({"onda": {"kind": "ens", "search": ens.url, "download": ens.url, "login": "basic"}}))
    return path


def found(names=NAMES, online=(NAMES[0],)):
    return [
        products.Product(
            f"id-{name}", name, "2020-08-13T01:03:09Z", "2020-08-13T01:03:09Z", online=name in online, catalogue="onda"
        )
        for name in names
    ]


def order(products, ens, store, wait=5, pauses=None, **more):
    made = settings(ens, **more)
    catalogue = open_catalogue(made, Client(made))
    pauses = [] if pauses is None else pauses
    return orders.order(
        products, catalogue, made, store, lambda: login.account(made), wait, lambda seconds: pauses.append(seconds)
    )


def test_archived_products_are_ordered_and_come(ens, tmp_path):
    pauses = []
    entries = order(found(), ens, tmp_path, pauses=pauses)
    assert [entry["state"] for entry in entries] == ["online", "ordered", "ordered", "ordered"]
    assert {entry.get("until") for entry in entries} == {None, "2026-11-27T12:00:00.000Z"}
    assert ens.orders == NAMES[1:]
    assert pauses == [30]


def test_nothing_is_asked_where_all_is_online(ens, tmp_path):
    ens.stop()
    entries = order(found(online=NAMES), ens, tmp_path)
    assert {entry["state"] for entry in entries} == {"online"}


def test_a_product_that_came_since_the_search_is_not_ordered(ens, tmp_path):
    ens.products[NAMES[1]] = False
    (entry,) = order(found(NAMES[1:2]), ens, tmp_path)
    assert (entry["state"], ens.orders) == ("online", [])


def test_a_rerun_waits_and_never_orders_again(ens, tmp_path):
    ens.looks = 4
    for _ in range(2):
        with pytest.raises(
            TimeoutError, match=r"3 products are still archived, such as .*; run again to go on waiting"
        ):
            order(found(), ens, tmp_path, wait=0)
    order(found(NAMES[2:]), ens, tmp_path)  # another row
    assert ens.orders == NAMES[1:]


def test_pauses_grow_and_are_bounded(ens, tmp_path):
    ens.looks, pauses = 12, []
    order(found(NAMES[:2]), ens, tmp_path, wait=10_000, pauses=pauses)
    assert pauses[:3] == [30, 45, 67.5] and pauses[-1] == 600 and len(pauses) == 12


def test_two_rows_order_once(ens, tmp_path):
    jobs = [threading.Thread(target=order, args=(found(), ens, tmp_path)) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert sorted(ens.orders) == NAMES[1:]


def test_a_job_that_is_killed_in_its_order_has_ordered(ens, tmp_path):
    ens.hang, ens.looks = 3, 2
    folder = tmp_path / "out"
    folder.mkdir()
    products.write_products(folder, found(NAMES[:2]))
    own = catalogues(tmp_path, ens)
    given = [str(folder / "products.geojson"), str(folder / "order.json"), "--store", str(tmp_path / "store")]
    line = [sys.executable, str(SCRIPTS / "copernicus_order.py"), *given, "--catalogues", str(own)]
    process = subprocess.Popen(line, env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, stderr=subprocess.PIPE)
    while not ens.orders:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.kill()
    process.wait()
    ens.hang = 0
    (*_, entry) = order(found(NAMES[:2]), ens, tmp_path / "store/onda")
    assert entry["state"] == "ordered"
    assert ens.orders == NAMES[1:2]


def test_a_busy_service_is_asked_again(ens, tmp_path):
    ens.answers = [429, 503]
    entries = order(found(), ens, tmp_path)
    assert [entry["state"] for entry in entries[1:]] == ["ordered"] * 3
    assert len(ens.orders) == 3


def test_an_order_that_is_refused_does_not_keep_the_others(ens, tmp_path, caplog):
    ens.answers = [400]
    entries = order(found(), ens, tmp_path)
    assert [entry["state"] for entry in entries] == ["online", "refused", "ordered", "ordered"]
    assert "answers 400 BAD REQUEST to the order" in entries[1]["way"]
    assert f"{NAMES[1]} is archived and cannot be ordered" in caplog.text
    assert NAMES[1] not in (tmp_path / orders.ORDERS).read_text()  # a rerun may order it


def test_a_service_that_takes_no_orders(ens, tmp_path, caplog):
    made = settings(ens, order_way="order it in the workspace")
    catalogue = open_catalogue(made, Client(made))
    catalogue.order_request = lambda product: None
    entries = orders.order(found(), catalogue, made, tmp_path, None, 5)
    assert [entry["state"] for entry in entries] == ["online", "archived", "archived", "archived"]
    assert caplog.messages[0] == f"{NAMES[1]} is archived, and onda takes no orders: order it in the workspace"
    assert ens.orders == []


def test_no_more_orders_an_hour_than_the_service_takes(ens, tmp_path, monkeypatch):
    hours, waited = [], orders._now()

    def sleep(seconds):
        hours.append(seconds)
        monkeypatch.setattr(orders, "_now", lambda: waited + datetime.timedelta(seconds=sum(hours)))

    made = settings(ens, limits=Limits(orders=2))
    catalogue = open_catalogue(made, Client(made))
    orders.order(found(), catalogue, made, tmp_path, lambda: login.account(made), 1e6, sleep)
    assert ens.orders == NAMES[1:]
    assert 3600 <= sum(hours) < 3700 and max(hours) <= 600


def test_products_of_a_service_with_passwords(ens, tmp_path, monkeypatch):
    made = settings(ens)
    wants = [downloads.choose(product, open_catalogue(made)) for product in found(NAMES[:2])]
    fetched = downloads.fetch(wants, tmp_path / "store", downloads.Places(made), 3)
    assert [[file.name for file in one] for one in fetched] == [
        [f"whole/{name.removesuffix('.zip')}/X.SAFE/manifest.safe"] for name in NAMES[:2]
    ]
    monkeypatch.setenv("ONDA_PASSWORD", "wrong-one")
    with pytest.raises(PermissionError, match="user or password of the environment is refused"):
        downloads.fetch([downloads.choose(found()[2], open_catalogue(made))], tmp_path, downloads.Places(made), 3)


def test_a_login_that_is_refused(ens, tmp_path, monkeypatch):
    monkeypatch.setenv("ONDA_PASSWORD", "wrong-one")
    with pytest.raises(PermissionError, match="refuses the login for orders"):
        order(found(), ens, tmp_path)


def test_the_step(ens, tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "FIRST", 0.05)
    products.write_products(tmp_path, found())
    own = catalogues(tmp_path, ens)
    copernicus_order(
        tmp_path / "products.geojson", tmp_path / "order.json", store=tmp_path / "store", catalogues=str(own)
    )
    record = files.read_json(tmp_path / "order.json")
    assert not list(schema.problems(record, schema.validator("order"), "order.json"))
    assert [entry["state"] for entry in record["products"]] == ["online", "ordered", "ordered", "ordered"]
    assert record["notes"] == ["3 archived products were ordered of onda and came"]
