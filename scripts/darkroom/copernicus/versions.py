"""One product of an acquisition that was processed several times, and a choice among acquisitions."""

import re
from collections import defaultdict
from datetime import date

from darkroom.copernicus import names

CHOICES = ("latest", "all")
PERIODS = ("day", "week", "month")


def number(version):
    """A version as numbers that can be compared: `N0509` and `05.09` are (5, 9), `003` is (3,), `2.4.0` (2, 4, 0)."""
    text = str(version).strip().upper().removeprefix("N").removeprefix("V")
    if re.fullmatch(r"(\d\d){2,4}", text):
        return tuple(int(text[at : at + 2]) for at in range(0, len(text), 2))
    return tuple(int(part) for part in re.findall(r"\d+", text))


def version_of(product):
    """The baseline, collection or processor of a product: of its name, else of its catalogue; "" where none tells."""
    name = names.parsed(product.name)
    return (name.version if name else "") or str(product.attributes.get("processorVersion") or "")


def latest(products):
    """Of each acquisition the newest processing, in the order given, and what was left out with the reason.

    Timeliness goes first (RPRO, OFFL, NRTI; NTC, STC, NRT), then the baseline or processor, then the time of
    processing, then that of publication. An orbit that is there as a whole stands for its slices. COGs and
    other formats, and names of no known rule, are acquisitions of their own.
    """
    families = defaultdict(list)
    for product in products:
        name = names.parsed(product.name)
        families[name.family if name else (product.name,)].append(product)
    chosen, left = set(), []
    for family in families.values():
        for members in _together(family):
            best = max(members, key=_rank)
            part = _part(best)
            for member in members:
                better = best
                if part and _part(member) != part:  # there are slices alone: the best one of each
                    better = max((one for one in members if _part(one) == _part(member)), key=_rank)
                if member is better:
                    chosen.add(id(member))
                else:
                    same = member.stem == better.stem
                    why = (
                        f"the same product as {better.path or better.id}"
                        if same
                        else f"an older processing of {better.name}"
                    )
                    left.append({"name": member.name, "why": why})
    return [product for product in products if id(product) in chosen], left


def _together(family):
    """Products of a family whose times overlap; frames with a gap between them are none of another's processings."""
    groups, until = [], ""
    for product in sorted(family, key=lambda one: (one.begin, one.end)):
        if groups and product.begin <= until:
            groups[-1].append(product)
        else:
            groups.append([product])
            until = ""
        until = max(until, product.end)
    return groups


def _part(product):
    name = names.parsed(product.name)
    return name.part if name else ""


def _rank(product):
    name, told = names.parsed(product.name), product.attributes
    made = (name.made if name else "") or re.sub(r"\.\d+|[^0-9T]", "", str(told.get("processingDate") or ""))
    return (
        name.rank if name else 0,
        number(version_of(product)),
        made,
        str(told.get("published") or ""),
        product.name,
    )


def kept(products, keep):
    """Products that `keep` leaves, in the order given, and what was left out with the reason.

    keep -- "all", {"newest": N}, or {"one a": "day"}: of each day, ISO week or month, and of each tile where there are
        tiles, the one with the least cloud, or the first where no cloud is told
    """
    if keep == "all":
        return list(products), []
    if "newest" in keep:
        most = keep["newest"]
        best = sorted(products, key=lambda one: (one.begin, one.name), reverse=True)[:most]
        why = f"not among the newest {most}"
    else:
        period, places = keep["one a"], defaultdict(list)
        for product in products:
            name = names.parsed(product.name)
            places[(_period(product.begin, period), name.tile if name else "")].append(product)
        best = [min(place, key=_cloud_then_time) for place in places.values()]
        why = f"another one of its {period} is kept"
    chosen = set(map(id, best))
    left = [{"name": product.name, "why": why} for product in products if id(product) not in chosen]
    return [product for product in products if id(product) in chosen], left


def _cloud_then_time(product):
    cloud = product.attributes.get("cloudCover")
    return (101 if cloud is None else cloud, product.begin, product.name)


def _period(begin, period):
    day = date.fromisoformat(begin[:10])
    if period == "week":
        return tuple(day.isocalendar())[:2]
    return begin[: len("2020-08" if period == "month" else "2020-08-08")]
