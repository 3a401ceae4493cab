"""What there is to know of a pipeline before any of its rules runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from darkroom.campaign.sheet import Row


def nothing(row):
    """What is wrong with a row, where a pipeline has no objections of its own."""
    return ()


@dataclass(frozen=True)
class Pipeline:
    """What the datasets of a pipeline end in, and what it asks of their rows.

    products -- files below the folder of a dataset that a user came for, or a function of its row that tells them; a
        folder is named by its index (`precomputed/info`), or as `name/` where the records speak of what is in it
    records -- the same for JSON with notes and checks
    options -- its options: name -> JSON schema with a description and a default; None where config.schema.yaml has
        them, under the name of the pipeline
    problems -- what is wrong with a row beyond its options: a function of it that gives sentences without its place
    needs_source -- whether a row must have a source
    """

    products: list[str] | Callable[[Row], list[str]]
    records: list[str] | Callable[[Row], list[str]] = ()
    options: dict | None = None
    problems: Callable[[Row], Iterable[str]] = nothing
    needs_source: bool = True

    def products_of(self, row: Row) -> list[str]:
        """The products of a dataset."""
        return list(self.products(row) if callable(self.products) else self.products)

    def records_of(self, row: Row) -> list[str]:
        """The records of a dataset."""
        return list(self.records(row) if callable(self.records) else self.records)
