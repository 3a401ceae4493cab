"""One job for many small items: a rule for each batch of them, or the usual rule with wildcards."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from darkroom.campaign.sheet import Row

Item = tuple[str, str]  # a dataset, and the name of one of its files or parts


class Batch(NamedTuple):
    """A rule of some items: what its name ends in, the folders of its log and benchmark and what their names end in."""

    suffix: str
    log: str
    benchmark: str
    tail: str
    items: list[Item]

    def files(self, name: str) -> list[str]:
        """The files of this name of its items; {} in the name stands for that of an item."""
        return [f"<results>/<campaign>/{dataset}/{name.format(item)}" for dataset, item in self.items]

    def each(self, function: Callable[[str, str], Any]) -> Callable:
        """What a function of dataset and name says of each item, one after the other, as a function of wildcards."""

        def of_job(wildcards):
            values = dict(wildcards.items())
            return [function(dataset.format(**values), item.format(**values)) for dataset, item in self.items]

        return of_job


def batches(rows: dict[str, Row], items: list[Item], one: Item, tail: str, size: int) -> list[Batch]:
    """Items of so many lines of the sheet in a batch, so that a row that is commented out leaves the other batches as
    they are; where that is 1 there is a single batch of `one`, an item of wildcards."""
    if size == 1:
        return [Batch("", "<log>", "<benchmark>", tail, [one])]
    groups = defaultdict(list)
    for dataset, item in items:
        groups[rows[dataset].line // size].append((dataset, item))
    return [
        Batch(f"_{number}", "<logs>/<campaign>", "<benchmarks>/<campaign>", f"_{number}", members)
        for number, members in sorted(groups.items())
    ]
