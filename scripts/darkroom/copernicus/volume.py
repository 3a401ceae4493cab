"""How much of a service's 30-day volume a user has had: days and bytes, in the user's own cache."""

import datetime
import json

from darkroom import files
from darkroom.copernicus import login

DAYS = 30


def had(service):
    """Bytes that jobs of this machine have had from a service in the last 30 days."""
    return sum(_days(service).values())


def add(service, size):
    """Note bytes that came from a service today."""
    path = _path(service)
    with login.alone(path):
        days, today = _days(service), _today().isoformat()
        files.write_json(path, days | {today: days.get(today, 0) + size})


def said(service, size, limit):
    """One line about a download of `size` bytes and the service's limit of 30 days, or "" where it has none."""
    if not limit:
        return ""
    total = had(service) + size
    line = f"{files.human(size)} to fetch from {service}: {files.human(total)} of its {files.human(limit)} in 30 days"
    return line if total <= limit else f"{line}; beyond them it is slow or refuses"


def _days(service):
    try:
        sizes = json.loads(_path(service).read_bytes())
        first = (_today() - datetime.timedelta(days=DAYS - 1)).isoformat()
        return {day: int(size) for day, size in sizes.items() if day >= first}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _path(service):
    return login.cached(f"{login.key(service)}.volume.json")


def _today():
    return datetime.datetime.now(datetime.UTC).date()
