"""Times of a day, of a week (from Monday) or of a month as one time, which has their mean."""

import itertools
from datetime import datetime, timedelta


def grouped(scenes, every):
    """Begins (ISO 8601) and lists of the scenes of each day, week or month; of each scene alone where `every` is None.

    scenes -- in the order of time, with `begin`; every -- day, week or month
    """
    if not every:
        return [scene["begin"] for scene in scenes], [[scene] for scene in scenes]
    periods = [
        (begin, list(some)) for begin, some in itertools.groupby(scenes, lambda one: _begin(one["begin"], every))
    ]
    return [begin for begin, _ in periods], [some for _, some in periods]


def _begin(moment, every):
    """The begin of the day, week or month that a moment is in, as ISO 8601."""
    day = datetime.fromisoformat(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    first = {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[every]
    return first.isoformat().replace("+00:00", "Z")


def notes(groups, every):
    """What is to be said of such means."""
    counts = [len(some) for some in groups]
    return [f"each {every} is the mean of its times, {min(counts)} to {max(counts)} of them"] if every else []


def products(groups):
    """The products that each time is made of."""
    return [", ".join(dict.fromkeys(scene["product"] for scene in some)) for some in groups]
