"""A question to a catalogue: read from YAML or from CLEOPE's state, checked, and with its dates resolved once."""

import difflib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml

from darkroom import schema
from darkroom.copernicus import areas, names, versions

LIMIT = 1000  # products of an answer, unless a query says otherwise
RELATIVE = re.compile(r"-(\d+)\s*([hdw])")
HOURS = {"h": 1, "d": 24, "w": 168}
CLEOPE = ("polygon.json", "m.log", "sen.log", "product_list.txt")
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

    catalogue: str = "cdse"
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


def load(source):
    """A query as a map of its keys, and the folder that its files are in.

    source -- the map itself; a YAML file with one; CLEOPE's folder `outputs` (polygon.json, m.log, sen.log) or one of its
        lists of products, a text file with a name in each line

    Raises ValueError for a file that is not there or is none of these.
    """
    if isinstance(source, dict):
        return plain(source), Path()
    path = Path(source)
    if path.is_dir():
        return _cleope(path), path
    if not path.is_file():
        raise ValueError(f"query: there is no file {str(source)!r}; right is a YAML file, a map, or CLEOPE's outputs/")
    if path.name == "polygon.json":
        return {"area": str(path)}, path.parent
    if path.suffix == ".txt":
        return {"names": str(path)}, path.parent
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: the query cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: is {schema.shown(found)}; right is a map such as catalogue: cdse, type: S2MSI2A")
    return plain(found), path.parent


def plain(value):
    """A value of YAML as JSON has it: its dates are text again."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime):
        return _iso(value if value.tzinfo else value.replace(tzinfo=UTC))
    return value.isoformat() if isinstance(value, date) else value


def _cleope(folder):
    """The state that CLEOPE's buttons saved: what was drawn and chosen there, or the products that were clicked."""
    found = {name: folder / name for name in CLEOPE if (folder / name).is_file()}
    if not found:
        raise ValueError(f"query: {folder} holds none of {', '.join(CLEOPE)}")
    if set(found) == {"product_list.txt"}:
        return {"names": str(found["product_list.txt"])}
    state = {"area": str(found["polygon.json"])} if "polygon.json" in found else {}
    if "m.log" in found:
        chosen = _logged(found["m.log"])
        if not isinstance(chosen, list) or len(chosen) != 2 or not all(isinstance(one, str) for one in chosen):
            raise ValueError(f'{found["m.log"]}: is {schema.shown(chosen)}; right is ["Sentinel-3", "SY_2_SYN___"]')
        mission, kind = chosen
        state |= {} if mission.lower().startswith("all") else {"mission": mission, "type": kind}
    if "sen.log" in found and (times := _logged(found["sen.log"])) is not None:
        match = re.fullmatch(
            r"\[(\S+?)(?:%20|\s)TO(?:%20|\s)(\S+?)\]", str(times[0]) if isinstance(times, list) and times else ""
        )
        if not match:
            raise ValueError(
                f"{found['sen.log']}: is {schema.shown(times)}; right is [[BEGIN%20TO%20END], ...] or null"
            )
        state |= {"start": match[1], "end": match[2]}
    return state


def _logged(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error


def problems(asked, where="query"):
    """What is wrong with the keys of a query by its schema, each with what would be right."""
    for error in schema.validator("query").iter_errors(asked):
        at = ".".join([where, *map(str, error.absolute_path)])
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            for key in error.instance:
                if key not in known:
                    close = difflib.get_close_matches(key, known, n=1)
                    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
                    yield f"{where}: {key!r} is unknown; {hint}"
        else:
            yield f"{at} is {schema.shown(error.instance)}; right is {error.schema.get('description', '')}"


def resolve(asked, folder=Path(), where="query", now=None):
    """A query with everything in it read and checked, dates relative to `now` among it.

    Raises ValueError with all that is wrong by the schema, else with the first thing that is wrong with a value.
    """
    if found := list(problems(asked, where)):
        raise ValueError("; ".join(found))
    now = now or datetime.now(UTC)
    try:
        query = _resolved(asked, folder, now)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if query.start and query.end and query.end <= query.start:
        raise ValueError(f"{where}: end {asked['end']} is before start {asked['start']}; right is a later end")
    return query


def _resolved(asked, folder, now):
    notes = []
    kind = asked.get("type", "")
    mission = names.mission_of(asked["mission"]) if asked.get("mission") else names.mission_of_type(kind)
    if kind and not mission:
        raise ValueError(f"type: {kind!r} is of no mission that is known; name the mission, such as mission: CLMS")
    if kind:
        kind = names.type_of(kind, mission)
    area = None
    if "area" in asked:
        area, more = areas.read(_beside(asked["area"], folder))
        notes += more
    cloud = asked.get("cloud_cover")
    orbit = asked.get("orbit", [])
    orbit = orbit if isinstance(orbit, list) else [orbit]
    directions = [str(one).upper() for one in orbit if not isinstance(one, int)]
    for key in ("start", "end"):
        if RELATIVE.fullmatch(str(asked.get(key, ""))):
            notes.append(f"{key} {asked[key]} is {moment(asked[key], now, key == 'end')}")
    return Query(
        catalogue=asked.get("catalogue", "cdse"),
        mission=mission,
        type=kind,
        area=area,
        start=moment(asked["start"], now) if "start" in asked else "",
        end=moment(asked["end"], now, last=True) if "end" in asked else "",
        cloud_cover=() if cloud is None else tuple(cloud) if isinstance(cloud, list) else (0, cloud),
        orbits=tuple(one for one in orbit if isinstance(one, int)),
        direction=directions[0] if directions else "",
        tiles=tuple(str(tile).upper().removeprefix("T") for tile in _listed(asked.get("tile", []))),
        timeliness=tuple(TIMELINESS.get(str(one).upper(), str(one)) for one in _listed(asked.get("timeliness", []))),
        baseline=tuple(map(str, _listed(asked.get("baseline", [])))),
        online=asked.get("online"),
        names=tuple(_names(asked.get("names", []), folder)),
        keep=asked.get("keep", "all"),
        versions=asked.get("versions", "latest"),
        limit=asked.get("limit", LIMIT),
        notes=notes,
    )


def _listed(value):
    return value if isinstance(value, list) else [value]


def _beside(value, folder):
    """A file of a query: beside it, where there is one, else as the working directory has it."""
    if isinstance(value, str) and not areas.WKT.match(value) and (folder / value).is_file():
        return str(folder / value)
    return value


def _names(value, folder):
    """Stems of the products that are named, of a list or a file with one in each line, which may be paths."""
    if isinstance(value, str):
        path = Path(_beside(value, folder))
        if path.is_file():
            try:
                value = path.read_text(encoding="utf-8-sig").split("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"names: {path} cannot be read: {error}") from error
        elif "/" in value or value.endswith(".txt"):
            raise ValueError(f"names: there is no file {value!r}")
    listed = [names.stem(line.strip().rstrip("/").rpartition("/")[2]) for line in _listed(value)]
    return dict.fromkeys(line for line in listed if line)


def moment(text, now, last=False):
    """A time of a query as ISO 8601 in UTC: `2020`, `2020-08`, `2020-08-08`, with a time, `-30d`, `now` or `today`.

    last -- it is an end: a day, month or year goes on until it is over

    Raises ValueError for what is none of these.
    """
    text = str(text).strip()
    if match := RELATIVE.fullmatch(text):
        return _iso(now - timedelta(hours=int(match[1]) * HOURS[match[2]]))
    if text in ("now", "today"):
        text = _iso(now) if text == "now" else now.date().isoformat()
    try:
        if match := re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", text):
            year, month, day = (int(part) if part else 0 for part in match.groups())
            begin = datetime(year, month or 1, day or 1, tzinfo=UTC)
            return _iso(_over(begin, month, day) if last else begin)
        found = datetime.fromisoformat(text)
    except ValueError:
        what = "end" if last else "start"
        raise ValueError(f"{what}: {text!r} is no time; right is 2020-08-08, 2020-08-08T10:00:00Z or -30d") from None
    return _iso(found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))


def _over(begin, month, day):
    """When a day, or a whole month or year, is over."""
    if day:
        return begin + timedelta(days=1)
    if month:
        return (begin + timedelta(days=31)).replace(day=1)
    return begin.replace(year=begin.year + 1)


def _iso(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refusal(query, product, strict=False):
    """Why a product is not what was asked for, or "".

    strict -- what is not told counts against it: nobody else has looked. A catalogue has, so there it does not.
    """
    known = names.parsed(product.name)
    told = product.attributes
    orbit = told.get("relativeOrbitNumber") or (known.orbit if known else None)
    tile = str(told.get("tileId") or (known.tile if known else "")).removeprefix("T")
    timeliness = (known.timeliness if known else "") or told.get("timeliness", "")
    direction = str(told.get("orbitDirection") or "").upper()
    checks = (
        (query.cloud_cover, told.get("cloudCover"), "cloud cover", lambda cloud: _within(cloud, query.cloud_cover)),
        (query.orbits, orbit, "relative orbit", lambda number: int(number) in query.orbits),
        (query.direction, direction, "orbit", lambda way: way.startswith(query.direction[:3])),
        (query.tiles, tile, "tile", lambda name: name in query.tiles),
        (query.timeliness, timeliness, "timeliness", lambda word: word in query.timeliness),
        (query.baseline, versions.version_of(product), "baseline", lambda version: _baseline(version, query.baseline)),
    )
    for wanted, value, what, fits in checks:
        if not wanted:
            continue
        if value in (None, ""):
            if strict:
                return f"its {what} is not told"
        elif not fits(value):
            return f"{what} {value}"
    if query.online and not product.online:
        return "archived"
    return ""


def _within(value, ends):
    return ends[0] <= value <= ends[1]


def _baseline(version, wanted):
    """Whether a version is one of those that are asked for; of Sentinel-5P that of the processor may be given alone."""
    have = versions.number(version)
    for one in wanted:
        least = one.startswith(">=")
        asked = versions.number(one.removeprefix(">="))
        if any(
            tail >= asked if least else tail == asked for tail in (have, have[-len(asked) :] if len(have) > 2 else have)
        ):
            return True
    return False
