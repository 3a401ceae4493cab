"""A question as it was asked: read from YAML or from CLEOPE's state, and checked as far as it says nothing of ground.

Needs nothing but Python, YAML and a schema, as the rules look at queries with it, too.
"""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from darkroom import schema, yaml_files
from darkroom.copernicus import names, settings

RELATIVE = re.compile(r"-(\d+)\s*([hdw])")
HOURS = {"h": 1, "d": 24, "w": 168}
CATALOGUE = "cdse"
WKT = re.compile(
    r"\s*(geography')?(SRID=4326;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION)\b", re.IGNORECASE
)
CLEOPE = ("polygon.json", "m.log", "sen.log", "product_list.txt")


def load(source):
    """A query as a map of its keys, and the folder that its files are in.

    source -- the map itself; a YAML file with one; CLEOPE's folder `outputs` (polygon.json, m.log, sen.log) or one of
        its lists of products, a text file with a name in each line

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
        query = yaml_files.load(path.read_text(encoding="utf-8-sig"), path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: the query cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(query, dict):
        raise ValueError(f"{path}: is {schema.shown(query)}; right is a map such as catalogue: cdse, type: S2MSI2A")
    return plain(query), path.parent


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
    paths = {name: folder / name for name in CLEOPE if (folder / name).is_file()}
    if not paths:
        raise ValueError(f"query: {folder} holds none of {', '.join(CLEOPE)}")
    if set(paths) == {"product_list.txt"}:
        return {"names": str(paths["product_list.txt"])}
    state = {"area": str(paths["polygon.json"])} if "polygon.json" in paths else {}
    if "m.log" in paths:
        chosen = _logged(paths["m.log"])
        if not isinstance(chosen, list) or len(chosen) != 2 or not all(isinstance(one, str) for one in chosen):
            raise ValueError(f'{paths["m.log"]}: is {schema.shown(chosen)}; right is ["Sentinel-3", "SY_2_SYN___"]')
        mission, kind = chosen
        state |= {} if mission.lower().startswith("all") else {"mission": mission, "type": kind}
    if "sen.log" in paths and (times := _logged(paths["sen.log"])) is not None:
        match = re.fullmatch(
            r"\[(\S+?)(?:%20|\s)TO(?:%20|\s)(\S+?)\]", str(times[0]) if isinstance(times, list) and times else ""
        )
        if not match:
            raise ValueError(
                f"{paths['sen.log']}: is {schema.shown(times)}; right is [[BEGIN%20TO%20END], ...] or null"
            )
        state |= {"start": match[1], "end": match[2]}
    return state


def _logged(path):
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error


def problems(asked, folder=Path(), where="query", catalogues="", now=None):
    """What is wrong with a query, each with what would be right: its keys, kind, dates, catalogue and files.

    folder -- that of the query's own files; catalogues -- a file of one's own catalogues; now -- for relative dates
    """
    wrong = list(schema.problems(asked, schema.validator("query"), where))
    yield from wrong
    if wrong:
        return
    for check in (kind, span):
        try:
            check(asked) if check is kind else check(asked, now or datetime.now(UTC))
        except ValueError as error:
            yield f"{where}: {error}"
    try:
        settings.load(asked.get("catalogue", CATALOGUE), catalogues)
    except ValueError as error:
        yield f"{where}: {error}"
    yield from (f"{where}: {text}" for text in _missing(asked, folder))


def _missing(asked, folder):
    """Files that a query names and that are not there."""
    for key in ("area", "names"):
        value = asked.get(key)
        if is_path(value) and not beside(value, folder).is_file():
            what = "and it is no WKT such as POLYGON ((...))" if key == "area" else "right is a text file of names"
            yield f"{key}: there is no file {value!r}, {what}"


def files(asked, folder=Path()):
    """The files that a query names, whose change asks the question anew."""
    return [str(beside(asked[key], folder)) for key in ("area", "names") if is_path(asked.get(key))]


def is_path(value):
    """Whether a value of a query is a path: no WKT, no name of a product."""
    if not isinstance(value, str) or WKT.match(value):
        return False
    return (
        "/" in value or value.lower().endswith((".json", ".geojson", ".wkt", ".txt", ".lst")) or Path(value).is_file()
    )


def beside(value, folder):
    """A file of a query: beside it, where there is one, else as the working directory has it."""
    return folder / value if (folder / value).is_file() else Path(value)


def kind(asked):
    """Mission and product type of a query, "" for none. Raises ValueError with the nearest name."""
    word = asked.get("type", "")
    mission = names.mission_of(asked["mission"]) if asked.get("mission") else names.mission_of_type(word)
    if not word:
        return mission, ""
    if not mission:
        types = [one for _, types in names.MISSIONS.values() for one in types]
        raise ValueError(f"type: {word!r} is of no mission that is known{schema.nearest(str(word).upper(), types)}")
    return mission, names.type_of(word, mission)


def span(asked, now):
    """Start and end of a query in ISO 8601, "" for none. Raises ValueError for no time, or an end before."""
    start = moment(asked["start"], now) if "start" in asked else ""
    end = moment(asked["end"], now, last=True) if "end" in asked else ""
    if start and end and end <= start:
        raise ValueError(f"end: {asked['end']} is before start, {asked['start']}; right is a later end")
    return start, end


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
        instant = datetime.fromisoformat(text)
    except ValueError:
        what = "end" if last else "start"
        raise ValueError(f"{what}: {text!r} is no time; right is 2020-08-08, 2020-08-08T10:00:00Z or -30d") from None
    return _iso(instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC))


def _over(begin, month, day):
    """When a day, or a whole month or year, is over."""
    if day:
        return begin + timedelta(days=1)
    if month:
        return (begin + timedelta(days=31)).replace(day=1)
    return begin.replace(year=begin.year + 1)


def _iso(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
