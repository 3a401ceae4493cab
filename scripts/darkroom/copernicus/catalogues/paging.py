"""All pages of an answer in the order of time, also where a service lets nobody skip to the last of them."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shapely.errors import ShapelyError

AHEAD = 2  # pages that are asked for at a time
REPEATS = 3  # whole searches of a catalogue that changes while it is asked
TEXTS = ("id", "name", "begin", "end", "footprint", "path", "version", "collection", "type")  # of a product


@dataclass(frozen=True)
class Page:
    """Products of one answer in the order of their begin, and how many the query has in all where that was asked."""

    products: list
    total: int | None = None


def product_of(entry, read, address):
    """The product that an entry of an answer is, by `read(entry)`.

    address -- of the catalogue. Raises ValueError naming it, for an entry that is none.
    """
    try:
        product = read(entry)
        odd = [name for name in TEXTS if not isinstance(getattr(product, name), str)]
        odd += [] if isinstance(product.bytes, int | None) else ["bytes"]
        if odd or not product.name:
            raise ValueError(f"no {', '.join(odd) or 'name'} that can be read")
    except (AttributeError, LookupError, TypeError, ValueError, ShapelyError) as error:
        said = json.dumps(entry, default=str)[:100]
        why = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{address}: an entry of the answer is no product ({why}): {said}") from error
    return product


class ChangedError(Exception):
    """The catalogue changed between two pages: what was found is not what it counted."""


def paged(ask, limits, limit):
    """All products of a query once each, and the number that the catalogue counts.

    ask -- ask(since, skip, top, count) gives a `Page`: products that begin at `since` (ISO 8601, "" for any time) or
        later, in the order of their begin, without the first `skip`; the total is wanted where `count`
    limits -- `page` and `skip` of the service: where the next page is not to be had by skipping, the search goes on
        with what begins when the last product did
    limit -- most products that a query may have

    Raises ValueError for more than `limit`, and when more products begin at one moment than can be skipped; OSError for
    a catalogue whose count and rows do not come to agree.
    """
    for _ in range(REPEATS):
        try:
            return _paged(ask, limits, limit)
        except ChangedError as changed:
            last = changed
    raise OSError(f"the catalogue keeps changing while it is asked: {last}; try again later, or for an earlier time")


def _paged(ask, limits, limit):
    products, ids, since = [], set(), ""
    page = ask(since, 0, limits.page, True)
    total = left = page.total
    if total is None:
        raise OSError("the catalogue does not count its products, so nobody can tell whether all of them came")
    if total > limit:
        raise ValueError(
            f"the catalogue has {total} products for this query, and its limit is {limit}; narrow it by area, start, "
            "end, tile or orbit, or raise limit"
        )
    with ThreadPoolExecutor(AHEAD) as pool:
        while page.products:
            step = len(page.products)  # the service may give fewer than it was asked for
            skips = range(step, min(left, limits.skip + 1), step)
            following = pool.map(lambda skip, since=since: ask(since, skip, limits.page, False), skips)
            for product in itertools.chain(page.products, *(later.products for later in following)):
                if (key := product.id or product.name) not in ids:
                    ids.add(key)
                    products.append(product)
            if (skips[-1] + step if skips else step) >= left:
                break
            since = _restart(since, products[-1].begin, limits)
            page = ask(since, 0, limits.page, True)
            left = page.total
    if len(products) != total:
        raise ChangedError(f"{total} products are counted, {len(products)} came")
    return products, total


def _restart(since, begin, limits):
    """The begin to go on from. What begins at that very moment comes once more, and is dropped."""
    if begin == since:
        raise ValueError(f"more than {limits.skip} products begin at {begin}; narrow the query by area, type or tile")
    return begin
