"""One job for many small items: a rule for each batch of them, or the usual rule with wildcards."""

# Suffix of a rule, place of its log and benchmark, suffix of these, and what it makes: pairs of dataset and name.
Batch = collections.namedtuple("Batch", "suffix log benchmark tail items")


def batches(items, one, tail, size):
    """Items of so many lines of the sheet in a batch, so that a row that is commented out leaves the other batches as
    they are; where that is 1 there is a single batch of `one`, an item of wildcards."""
    if size == 1:
        return [Batch("", "<log>", "<benchmark>", tail, [one])]
    groups = collections.defaultdict(list)
    for dataset, item in items:
        groups[DATASETS[dataset]["line"] // size].append((dataset, item))
    return [
        Batch(f"_{number}", "<logs>/<campaign>", "<benchmarks>/<campaign>", f"_{number}", members)
        for number, members in sorted(groups.items())
    ]


def made(batch, name):
    """The files of this name that a batch makes."""
    return [f"<results>/<campaign>/{dataset}/{name.format(item)}" for dataset, item in batch.items]


def each(batch, function):
    """What a function of dataset and name says of each item of a batch, one after the other."""

    def of_job(wildcards):
        known = dict(wildcards.items())
        return [function(dataset.format(**known), item.format(**known)) for dataset, item in batch.items]

    return of_job
