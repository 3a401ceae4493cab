"""A question to a catalogue, understood: area, dates and names read, and what is not an answer to it."""

import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from darkroom.copernicus import areas, names, versions
from darkroom.copernicus.asked import CATALOGUE, RELATIVE, beside, is_path, kind, problems, span

LIMIT = 1000  # products of an answer, unless a query says otherwise
TIMELINESS = {"NTC": "NT", "STC": "ST", "NRT": "NR"}


@dataclass(frozen=True)
class Query:
    """A question that is checked and complete.

    area -- a geometry in longitude and latitude, or None
    start, end -- ISO 8601 in UTC, "" for none: sensing overlaps [start, end)
    cloud_cover -- percent from, to; orbits -- relative ones; baseline -- exact ones, or one that begins with >=
    names -- stems of products; keep, versions -- see `versions`; limit -- most products of an answer
    notes -- what was assumed or changed
    """

    catalogue: str = CATALOGUE
    mission: str = ""
    type: str = ""
    area: object = None
    start: str = ""
    end: str = ""
    cloud_cover: tuple = ()
    orbits: tuple = ()
    direction: str = ""
    tiles: tuple = ()
    timeliness: tuple = ()
    baseline: tuple = ()
    online: bool | None = None
    names: tuple = ()
    keep: object = "all"
    versions: str = "latest"
    limit: int = LIMIT
    notes: list = field(default_factory=list)


def resolve(asked, folder=Path(), where="query", catalogues="", now=None):
    """A query with everything in it read and checked, dates relative to `now` among it.

    folder, catalogues -- see `asked.problems`

    Raises ValueError with all that is wrong.
    """
    now = now or datetime.now(UTC)
    wrong = list(problems(asked, folder, where, catalogues, now))
    if wrong:
        raise ValueError("; ".join(wrong))
    try:
        return _resolved(asked, folder, now)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _resolved(asked, folder, now):
    (mission, product_type), (start, end) = kind(asked), span(asked, now)
    area, notes = areas.read(_file(asked["area"], folder)) if "area" in asked else (None, [])
    for key, time in (("start", start), ("end", end)):
        if RELATIVE.fullmatch(str(asked.get(key, ""))) or asked.get(key) in ("now", "today"):
            notes.append(f"{key} {asked[key]} was {time}")
    cloud, orbit = asked.get("cloud_cover"), _listed(asked.get("orbit", []))
    directions = [str(one).upper() for one in orbit if not isinstance(one, int)]
    return Query(
        catalogue=asked.get("catalogue", CATALOGUE),
        mission=mission,
        type=product_type,
        area=area,
        start=start,
        end=end,
        cloud_cover=() if cloud is None else tuple(cloud) if isinstance(cloud, list) else (0, cloud),
        orbits=tuple(one for one in orbit if isinstance(one, int)),
        direction=directions[0] if directions else "",
        tiles=tuple(str(tile).upper().removeprefix("T") for tile in _listed(asked.get("tile", []))),
        timeliness=tuple(TIMELINESS.get(str(one).upper(), str(one)) for one in _listed(asked.get("timeliness", []))),
        baseline=tuple(map(str, _listed(asked.get("baseline", [])))),
        online=asked.get("online"),
        names=tuple(_names(_file(asked.get("names", []), folder))),
        keep=asked.get("keep", "all"),
        versions=asked.get("versions", "latest"),
        limit=asked.get("limit", LIMIT),
        notes=notes,
    )


def _listed(value):
    return value if isinstance(value, list) else [value]


def _file(value, folder):
    """A value of a query, or the path of the file that it names."""
    return beside(value, folder) if is_path(value) else value


def _names(value):
    """Stems of the products that are named, of a list or a file with one in each line, which may be paths."""
    if isinstance(value, Path):
        try:
            value = value.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"names: {value} cannot be read: {error}") from error
    listed = [names.stem(line.strip().rstrip("/").rpartition("/")[2]) for line in _listed(value)]
    return list(dict.fromkeys(line for line in listed if line))


def refusal(query, product, strict=False):
    """Why a product is not what was asked for, or "".

    strict -- what is not told counts against it: nobody else has looked. A catalogue has, so there it does not.
    """
    for key, what, told_by, fits in CHECKS:
        asked = getattr(query, key)
        if not asked:
            continue
        value = told_by(product, names.parsed(product.name) or names.NOTHING)
        if value in (None, ""):
            if strict:
                return f"its {what} is not told"
        elif not fits(value, asked):
            return f"{what} {value}"
    if not overlaps(product, query):
        return "outside the time"
    if query.online and not product.online:
        return "archived"
    return ""


def overlaps(product, query):
    """Whether the sensing of a product, or of what its name tells, overlaps the time of a query."""
    if not product.begin:
        return not (query.start or query.end)
    begin, end = _time(product.begin), _time(product.end or product.begin)
    return not (query.end and begin >= _time(query.end)) and not (query.start and end < _time(query.start))


@functools.lru_cache(1 << 10)  # those of a query are asked for with every product
def _time(text):
    """A time in ISO 8601; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _orbit(product, name):
    return product.attributes.get("relativeOrbitNumber") or name.orbit


def _tile(product, name):
    return str(product.attributes.get("tileId") or name.tile).removeprefix("T")


def _direction(product, name):
    return str(product.attributes.get("orbitDirection") or "").upper()


def _timeliness(product, name):
    return name.timeliness or product.attributes.get("timeliness", "")


def _baseline(version, asked):
    """Whether a version is one of those that are asked for; of Sentinel-5P that of the processor may be given alone."""
    have = versions.number(version)
    for one in asked:
        number = versions.number(one.removeprefix(">="))
        tails = (have, have[-len(number) :]) if len(have) > 2 else (have,)
        if any(tail >= number if one.startswith(">=") else tail == number for tail in tails):
            return True
    return False


# What a product has to fit: the key of a query, what it is called, who tells it of a product and its name, the test.
CHECKS = (
    (
        "cloud_cover",
        "cloud cover",
        lambda product, _: product.attributes.get("cloudCover"),
        lambda cloud, ends: ends[0] <= cloud <= ends[1],
    ),
    ("orbits", "relative orbit", _orbit, lambda orbit, asked: int(orbit) in asked),
    ("direction", "orbit", _direction, lambda way, asked: way.startswith(asked[:3])),
    ("tiles", "tile", _tile, lambda tile, asked: tile in asked),
    ("timeliness", "timeliness", _timeliness, lambda word, asked: word in asked),
    ("baseline", "baseline", lambda product, _: versions.version_of(product), _baseline),
)
