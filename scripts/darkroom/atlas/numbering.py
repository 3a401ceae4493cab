"""The order of section files: their names compared as numbers, gaps in these, and which channel a name speaks of."""

import functools
import itertools
import math
import re
from collections import Counter

MOST_SLICES = 1_000_000  # numbers that ask for more, such as times of day, number no slices
# A folder that is a channel, a part of a file's name, and the prefix that ImageJ gives to split channels.
CHANNEL = re.compile(
    r"(?<![A-Za-z0-9])(ch|chan|channel)[ _-]?\d+(?![A-Za-z0-9])|(?<=[_. /-])c-?\d+(?![A-Za-z0-9])|^c\d+(?=[-_/])",
    re.IGNORECASE,
)


# A time in a path, such as t0 or T000.
TIME = re.compile(r"(?<![A-Za-z0-9])(?:t|time|timepoint)[ _-]?\d+(?![A-Za-z0-9])", re.IGNORECASE)


def by_time(names):
    """Files of each time, in their order; none where the names do not tell times at which there are the same files."""
    times = _split(names, TIME)
    rests = Counter(rest for files in times.values() for rest in files)
    return [list(files.values()) for files in times.values()] if max(rests.values(), default=0) > 1 < len(rests) else []


def by_channel(names, pattern=None):
    """Files of each channel, `{channel: {name without its channel: name}}`; of no channel where `names` tell none.

    Without a pattern, channels are told by folders or names such as `ch1/`, `_C2`, `_ch00`, or by folders that hold
    files of the same names. A pattern is a regular expression whose group (or, without one, all that it matches) is
    the name of the channel. Raises ValueError for a pattern that does not match every name, and for channels that do
    not have the same slices.
    """
    if pattern == "none":
        return {}
    if pattern:
        if stray := [name for name in names if not re.search(pattern, name)]:
            raise ValueError(f"the pattern of `channels`, {pattern!r}, matches nothing in {some(stray)}")
        channels = _split(names, re.compile(pattern))
    else:
        channels = _split(names, CHANNEL)
        channels = channels if len(channels) > 1 else _same_names(names) or _same_numbers(names) or _same_rests(names)
        if not channels or _are_slices(channels):
            return {}
    slices = {rest: name for files in channels.values() for rest, name in files.items()}
    for channel, files in channels.items():
        if missing := [name for rest, name in slices.items() if rest not in files]:
            raise ValueError(
                f"channel {channel} has no slice that goes with {some(missing)}; add it, choose files with `filter`, "
                "or say `channels: none` where the names tell no channels"
            )
    return channels


def _split(names, pattern):
    channels = {}
    for name in names:
        # The last match counts, and others that say the same: c1 of a folder may be a case, a C1 at the end hardly is.
        *_, match = [None, *pattern.finditer(name)]
        if not match:
            return {}
        channel = match[0] if pattern is CHANNEL else next(filter(None, match.groups()), match[0])
        rest = pattern.sub(functools.partial(_without, match[0]), name).strip("/")
        if rest in channels.setdefault(channel, {}):
            raise ValueError(f"{channels[channel][rest]} and {name} are the same slice of channel {channel}")
        channels[channel][rest] = name
    return dict(sorted(channels.items(), key=lambda item: natural_key(item[0])))


def _without(text, match):
    return "" if match[0] == text else match[0]


def _are_slices(channels):
    """Whether channels are slices rather: one file each, called after nothing but a number (c1.png, c2.png)."""
    rests = {rest for files in channels.values() for rest in files}
    return len(rests) == 1 and not re.sub(r"\.\w+$", "", next(iter(rests))).strip("/_-. ")


def _same_names(names):
    """Folders that all hold files of the same names, which no numbering puts one after the other."""
    folders = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, {})[file] = name
    same = len(folders) > 1 and len({frozenset(files) for files in folders.values()}) == 1
    return dict(sorted(folders.items(), key=lambda item: natural_key(item[0]))) if same else {}


def _same_numbers(names):
    """Files that words tell apart, with the same numbers beside each: s1_DAPI, s1_GFP, s2_DAPI, s2_GFP."""
    parts = {name: _parts(name) for name in names}
    if len({len(split) for split in parts.values()}) != 1:
        return {}
    columns = list(zip(*parts.values(), strict=True))
    varying = [place for place in range(0, len(columns), 2) if len(set(columns[place])) > 1]
    channels = {}
    for name, split in parts.items():
        words = [re.sub(r"\.\w+$", "", split[place]).strip("/_-. ") for place in varying]
        if not all(words):
            return {}
        # A folder and a name may say it both; the shorter one says nothing else.
        numbers = "_".join(map(str, split[1::2]))
        channels.setdefault(min(words, key=len, default=""), {})[numbers] = name
    several = all(len(files) > 1 for files in channels.values()) and sum(map(len, channels.values())) == len(names)
    same = several and len(channels) > 1 and len({frozenset(files) for files in channels.values()}) == 1
    return channels if same else {}


def _same_rests(names):
    """Files that one word tells apart, the rest being the same: s1_Cy5, s1_DAPI, s2_Cy5, s2_DAPI."""
    splits = {name: re.split(r"([_\-. /]+)", name) for name in names}
    if len({len(split) for split in splits.values()}) != 1 or len({split[-1] for split in splits.values()}) > 1:
        return {}  # a picture beside its preview, s1.tif and s1.jpg, is no other channel
    columns = enumerate(zip(*splits.values(), strict=True))
    words = [place for place, column in columns if len({re.sub(r"\d", "", word) for word in column}) > 1]
    if len(words) != 1:
        return {}
    channels = {}
    for name, split in splits.items():
        channels.setdefault(split.pop(words[0]), {})["".join(split)] = name
    rests = {frozenset(files) for files in channels.values()}
    return channels if len(rests) == 1 and len(rests.pop()) > 1 else {}


def ordered(names, missing="error"):
    """Names in the order of their numbers with None for each missing one, what is missing, and why that is not known.

    Raises ValueError for files of one number, and for numbers that number no slices.
    """
    order, parts = _sorted(names)
    if len(order) < 2:
        return order, "", None
    varying = [place for place, column in enumerate(zip(*parts, strict=False)) if len(set(column)) > 1]
    if len({len(name) for name in parts}) > 1 or any(place % 2 == 0 for place in varying):
        return order, "", "gaps were not looked for: file names differ in more than numbers"
    columns = {place: [name[place] for name in parts] for place in varying}
    unique = {place: numbers for place, numbers in columns.items() if len(set(numbers)) == len(numbers)}
    in_order = [numbers for numbers in unique.values() if numbers == sorted(numbers)]
    if in_order:
        numbers = min(in_order, key=_holes)
        if len(varying) > 1 and _holes(numbers) > len(order):
            return order, "", "gaps were not looked for: of the numbers of the file names none counts slices"
        return _filled(order, numbers, missing)
    if len(varying) == 1:
        count = Counter(columns[varying[0]])
        twice = [name for name, number in zip(order, columns[varying[0]], strict=True) if count[number] > 1]
        raise ValueError(f"files with the same number: {some(twice)}; choose with `filter` or `slices`")
    return _nested(order, [columns[place] for place in varying], missing)


def _holes(numbers):
    step = math.gcd(*(after - before for before, after in itertools.pairwise(numbers)))
    return (numbers[-1] - numbers[0]) // step + 1 - len(numbers)


def _nested(order, columns, missing):
    """Order of files that two numbers or more count, the last of them anew in each group of the others."""
    groups = {}
    for name, *numbers in zip(order, *columns, strict=True):
        groups.setdefault(tuple(numbers[:-1]), []).append((numbers[-1], name))
    if any(len({number for number, _ in group}) < len(group) for group in groups.values()):
        return order, "", "gaps were not looked for: no number of the file names counts slices"
    filled, records = [], []
    for group in groups.values():
        numbers, names = zip(*group, strict=True)
        slices, record, unsure = _filled(list(names), list(numbers), missing) if len(group) > 1 else (names, "", None)
        if unsure:
            return order, "", unsure
        filled += slices
        records += [f"{record} beside {names[0]}"] if record else []
    outer = sorted({numbers[0] for numbers in groups})
    if missing != "ignore" and len(outer) > 1 and _holes(outer):
        raise ValueError(
            f"the first number of the file names counts groups from {outer[0]} to {outer[-1]}, some of which are "
            "missing; give the order in `slices`, or use `missing: ignore`"
        )
    return filled, "; ".join(records), None


def _filled(order, numbers, missing):
    step = math.gcd(*(after - before for before, after in itertools.pairwise(numbers)))
    expected = range(numbers[0], numbers[-1] + 1, step)
    if len(expected) > MOST_SLICES:
        if missing == "ignore":
            return order, "", "gaps were not looked for: the numbers of the files do not number slices"
        raise ValueError(
            f"the numbers of the {len(order)} files run from {numbers[0]} to {numbers[-1]} in steps of {step}, "
            "which is no numbering of slices; use `missing: ignore`, or give their order in `slices`"
        )
    file_of = dict(zip(numbers, order, strict=True))
    holes = [number for number in expected if number not in file_of]
    record = f"section numbers are missing: {some(holes)}" if holes else ""
    return [file_of.get(number) for number in expected], record, None


def _sorted(names):
    """Names in natural order, and their parts in turn text and number, of which some are below 0.

    A dash is a sign where the same text stands with and without it, as in z-1, z0, or with a plus; else it only
    separates.
    """
    parts = {name: _parts(name) for name in names}
    texts = {}
    for split in parts.values():
        for place in range(0, len(split), 2):
            texts.setdefault(place, set()).add(split[place])
    for split in parts.values():
        for place in range(0, len(split) - 1, 2):
            text, sign = split[place][:-1], split[place][-1:]
            if sign == "+" and text + "-" in texts[place]:
                split[place] = text
            elif sign == "-" and {text, text + "+"} & texts[place]:
                split[place], split[place + 1] = split[place][:-1], -split[place + 1]
                if split[place + 2] == "." and place + 3 < len(split):  # -1.50 is before -1.25
                    split[place + 3] = -split[place + 3]
    order = sorted(names, key=lambda name: (parts[name], name))
    return order, [parts[name] for name in order]


def _parts(name):
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", name))]


def natural_key(name):
    """Sort key that puts s2 before s10: runs of digits compare as numbers."""
    return _parts(name), name


def some(items, limit=5):
    """The first few of a list, for a message."""
    items = [str(item) for item in items]
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
