"""Paging: every product once, in whatever pages, beyond what may be skipped, and while the catalogue changes."""

import re

import pytest

from darkroom.copernicus.catalogues.paging import Page, paged, product_of
from darkroom.copernicus.products import Product
from darkroom.copernicus.settings import Limits


class Shelf:
    """A service that answers from a list and refuses what CDSE refuses; `change` may alter it before an answer."""

    def __init__(self, begins, most=10, change=lambda shelf: None, size=None):
        self.rows = [Product(f"id{at}", f"name{at}", begin, begin) for at, begin in enumerate(begins)]
        self.most, self.change, self.size, self.asked = most, change, size, []

    def ask(self, since, skip, top, count):
        assert skip <= self.most, "422"
        self.asked.append((since, skip, count))
        self.change(self)
        rows = sorted((row for row in self.rows if row.begin >= since), key=lambda row: (row.begin, row.id))
        return Page(rows[skip : skip + (self.size or top)], len(rows) if count else None)


def every(shelf, limit=1000, page=4, skip=10):
    rows, total = paged(shelf.ask, Limits(page=page, skip=skip), limit)
    assert len({one.id for one in rows}) == len(rows) == total
    return rows


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 13, 14, 15, 16, 60])
def test_every_product_comes_once(count):
    shelf = Shelf([f"2020-01-{day % 28 + 1:02d}" for day in range(count)])
    assert len(every(shelf)) == count
    assert all(asked[1] <= 10 for asked in shelf.asked)


def test_pages_that_are_smaller_than_asked_for():
    assert len(every(Shelf([f"2020-{month:02d}" for month in range(1, 13)], size=3), page=5, skip=100)) == 12


def test_the_order_is_that_of_time():
    rows = every(Shelf([f"2020-01-{31 - day:02d}" for day in range(30)]))
    assert [one.begin for one in rows] == sorted(one.begin for one in rows)


def test_too_many_at_one_moment_cannot_be_told_apart():
    with pytest.raises(ValueError, match="more than 10 products begin at 2020-01-01; narrow the query"):
        every(Shelf(["2020-01-01"] * 40))


def test_more_than_the_limit_is_refused_after_one_request():
    shelf = Shelf([f"2020-01-{day + 1:02d}" for day in range(20)])
    with pytest.raises(ValueError, match="the catalogue has 20 products for this query, and its limit is 19"):
        every(shelf, limit=19)
    assert len(shelf.asked) == 1


@pytest.mark.parametrize("at", [2, 3])
def test_a_product_that_comes_or_goes_between_pages_repeats_the_search(at):
    def come(shelf):
        if len(shelf.asked) == at:
            shelf.rows.insert(0, Product("new", "new", "2019-01-01", ""))

    def go(shelf):
        if len(shelf.asked) == at:
            del shelf.rows[0]

    for change, count in ((come, 13), (go, 11)):
        assert len(every(Shelf([f"2020-{month:02d}" for month in range(1, 13)], change=change))) == count


def test_a_catalogue_that_never_rests_is_given_up():
    shelf = Shelf([f"2020-01-{day % 28 + 1:02d}" for day in range(60)], change=lambda shelf: shelf.rows.pop(0))
    with pytest.raises(OSError, match="keeps changing while it is asked"):
        every(shelf)


def test_a_catalogue_that_does_not_count_is_not_trusted():
    with pytest.raises(OSError, match="does not count its products"):
        paged(lambda since, skip, top, count: Page([], None), Limits(), 10)


def entry(row):
    return Product(row["Id"], row["Name"], row["ContentDate"]["Start"], "", bytes=row.get("ContentLength"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ContentDate": None}, "TypeError: 'NoneType' object is not subscriptable"),
        ({"ContentDate": {}}, "KeyError: 'Start'"),
        ({"Name": None}, "no name that can be read"),
        ({"Name": ""}, "no name that can be read"),
        ({"ContentDate": {"Start": 5}, "ContentLength": "many"}, "no begin, bytes that can be read"),
    ],
)
def test_an_entry_that_is_no_product_is_named_with_its_catalogue(change, says):
    row = {"Id": "1", "Name": "S2A", "ContentDate": {"Start": "2023-06-22T10:16:01Z"}}
    assert product_of(row, entry, "https://catalogue").name == "S2A"
    with pytest.raises(
        ValueError, match=re.escape(f"https://catalogue: an entry of the answer is no product ({says}): ")
    ):
        product_of(row | change, entry, "https://catalogue")
