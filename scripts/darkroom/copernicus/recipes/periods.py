"""Times of a day, a week (from Monday) or a month as one time, which has their mean, as what is of one moment has."""

import itertools
from datetime import datetime, timedelta


def grouped(scenes, every):
    """Begins (ISO 8601) and lists of the scenes of each day, week or month; of each moment where `every` is None.

    scenes -- in the order of time, with `begin`; every -- day, week or month
    """
    periods = [
        (begin, list(some)) for begin, some in itertools.groupby(scenes, lambda one: _begin(one["begin"], every))
    ]
    return [begin for begin, _ in periods], [some for _, some in periods]


def _begin(moment, every):
    """The begin of the day, week or month that a moment is in, as ISO 8601; the moment itself where `every` is None."""
    if not every:
        return moment
    day = datetime.fromisoformat(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    first = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[every]
    return first.isoformat().replace("+00:00", "Z")


def notes(groups, every):
    """What is to be said of such means."""
    counts = [len(some) for some in groups]
    if every:
        return [f"each {every} is the mean of its times, {min(counts)} to {max(counts)} of them"]
    several = [", ".join(scene["product"] for scene in some) for some in groups if len(some) > 1]
    return [f"{products} are of one time: where more than one has a value, it is their mean" for products in several]


def products(groups):
    """The products that each time is made of."""
    return [", ".join(dict.fromkeys(scene["product"] for scene in some)) for some in groups]
