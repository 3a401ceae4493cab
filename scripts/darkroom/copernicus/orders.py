"""Archived products are ordered once, and waited for.

What was ordered stands in the store of the catalogue, not in a dataset: a rerun and other rows go on waiting for the
same order. It is written before the order is sent, so that a job that is killed meanwhile does not order again.
"""

import contextlib
import datetime
import fcntl
import logging
import time

import requests

from darkroom import files, record
from darkroom.retry import LONGEST_WAIT, PASSING, retry_after
from darkroom.retry import pause as backoff
from darkroom.transfer import remote
from darkroom.urls import public_url

FIRST, LONGEST = 30, 600  # seconds from one look to the next, which grow from the one to the other
HOUR = datetime.timedelta(hours=1)
KEPT = datetime.timedelta(hours=24)  # a service keeps what was restored; an order that is older may be repeated
ORDERS = ".orders.json"
UNAVAILABLE = ("archived", "refused")  # states of what cannot be had

log = logging.getLogger(__name__)


def order(products, catalogue, settings, store, account, wait, sleep=time.sleep):
    """Order what is archived and wait until it is there; give an entry for each product, see order.schema.yaml.

    wait -- minutes for all products together; `account()` gives the login for those that are ordered, see `login`
    sleep -- how a pause is made

    `state` of an entry is `online`, `ordered` (and then come), `archived` where the service cannot order it, or
    `refused`; `way` says what to do then. One that cannot be ordered does not keep the others.

    Raises TimeoutError when some are still archived in the end: a rerun goes on waiting. Raises PermissionError for a
    login that is refused.
    """
    entries = {product.name: {"name": product.name, "id": product.id, "state": "online"} for product in products}
    archived = [product for product in products if not product.online]
    pending = [product for product in archived if _come(product, catalogue) is None]
    waiting = []
    for product in pending:
        entry = entries[product.name]
        request = catalogue.order_request(product)
        if request is None:
            way = settings.order_way or "ask the service for it"
            entry |= {"state": "archived", "way": way}
            log.warning("%s is archived, and %s takes no orders: %s", product.name, settings.name, way)
            continue
        entry |= _ordered(product, request, settings, store, account, sleep)
        if entry["state"] == "refused":
            log.warning("%s is archived and cannot be ordered: %s", product.name, entry["way"])
        else:
            waiting.append(product)
    _wait(waiting, entries, catalogue, wait, sleep)
    for product in archived:
        if product not in pending:
            entries[product.name]["state"] = "online"
    return list(entries.values())


def write(path, entries, name):
    """Write order.json, by config/schemas/order.schema.yaml, with notes on what the catalogue of this name gave."""
    record.write(path, record.Record(notes=list(_notes(entries, name))), {"products": entries})


def left_out(path):
    """Names of the products that order.json says cannot be had."""
    return {entry["name"] for entry in files.read_json(path)["products"] if entry["state"] in UNAVAILABLE}


def _notes(entries, name):
    came = [entry for entry in entries if entry["state"] == "ordered"]
    if came:
        yield f"{len(came)} archived products were ordered of {name} and came"
    for entry in entries:
        if entry["state"] in UNAVAILABLE:
            yield f"{entry['name']} is archived and left out: {entry['way']}"


def _come(product, catalogue):
    """The product where it is online by now, or None."""
    now = catalogue.state(product)
    return now if now.online else None


def _ordered(product, request, settings, store, account, sleep):
    """Order a product, unless somebody has; what is known of the order."""
    while wait := _full(product, store, settings.limits.orders):
        log.info("%s takes %d orders an hour; %s has to wait", settings.name, settings.limits.orders, product.name)
        sleep(min(wait, LONGEST))
    with _orders(store) as orders:
        had = orders.get(product.id, {})
        if had and datetime.datetime.fromisoformat(had["asked"]) > _now() - KEPT:
            log.info("%s was ordered at %s; waiting for it", product.name, had["asked"])
            return {key: value for key, value in had.items() if key != "name"} | {"state": "ordered"}
        orders[product.id] = {"name": product.name, "asked": _now().isoformat(timespec="seconds")}
    told = _send(product, request, settings, account, sleep)
    with _orders(store) as orders:
        if told["state"] == "refused":
            del orders[product.id]
            return told
        orders[product.id] |= {key: told[key] for key in ("until",) if key in told}
        return {key: value for key, value in orders[product.id].items() if key != "name"} | {"state": "ordered"}


def _full(product, store, limit):
    """Seconds until one more order is borne; none for a product that is ordered already."""
    with _orders(store) as orders:
        asked = sorted(datetime.datetime.fromisoformat(one["asked"]) for one in orders.values())
        recent = [one for one in asked if one > _now() - HOUR]
        if not limit or len(recent) < limit or product.id in orders:
            return 0
        return max(1, (recent[-limit] + HOUR - _now()).total_seconds())


def _send(product, request, settings, account, sleep):
    """Send an order. One whose answer is lost counts as sent; a busy service is asked again."""
    method, url, body = request
    shown, failures = public_url(url), 0
    while True:
        try:
            answer = requests.request(
                method, url, json=body, auth=account(), timeout=remote.TIMEOUT, allow_redirects=False
            )
        except requests.ConnectionError as error:
            if not isinstance(error, requests.ConnectTimeout) and "refused" not in remote.reason(error):
                log.warning("%s: the answer to the order is lost (%s)", product.name, type(error).__name__)
                return {"state": "ordered"}
            wait, problem = None, type(error).__name__
        except requests.Timeout:
            log.warning("%s: the order is not answered", product.name)
            return {"state": "ordered"}
        else:
            if answer.ok and not answer.is_redirect:
                return {"state": "ordered"} | _told(answer)
            wait, problem = retry_after(answer.headers), f"{answer.status_code} {answer.reason}"
            if answer.status_code == 401:
                raise PermissionError(f"{shown}: catalogue {settings.name} refuses the login for orders (401)")
            if answer.status_code not in PASSING:
                return {"state": "refused", "way": f"{settings.name} answers {problem} to the order"}
        failures += 1
        if failures >= 6 or (wait or 0) > LONGEST_WAIT * 6:  # a limit of orders an hour may be what is met
            return {"state": "refused", "way": f"{settings.name}: {problem} ({failures} attempts); try again later"}
        sleep(backoff(failures) if wait is None else wait)


def _told(answer):
    """When the service means to have it (ONDA: `EstimatedTime`)."""
    with contextlib.suppress(ValueError, AttributeError):
        if until := answer.json().get("EstimatedTime"):
            return {"until": str(until)}
    return {}


def _wait(waiting, entries, catalogue, minutes, sleep):
    """Look again and again, less and less often, until all are there or the time is up."""
    deadline, pause = time.monotonic() + 60 * minutes, FIRST
    while waiting:
        waiting = [product for product in waiting if _come(product, catalogue) is None]
        if not waiting:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            first = waiting[0].name
            until = entries[first].get("until")
            when = entries[first]["asked"] + (f" and due at {until}" if until else "")
            raise TimeoutError(
                f"{len(waiting)} products are still archived, such as {first}, ordered at {when}; run again to go on "
                f"waiting (order_wait: {minutes:g} minutes)"
            )
        log.info("%d products are not there yet; looking again in %.0f s", len(waiting), min(pause, left))
        sleep(min(pause, left))
        pause = min(LONGEST, pause * 1.5)


@contextlib.contextmanager
def _orders(store):
    """The orders of a store by product, alone; what the block changes is written."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / f"{ORDERS}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = store / ORDERS
        orders = files.read_json(path) if path.exists() else {}
        yield orders
        files.write_json(path, orders)


def _now():
    return datetime.datetime.now(datetime.UTC)
