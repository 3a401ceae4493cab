"""The catalogues that are known: config/catalogues.yaml, and a user's own file on top of it."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from darkroom import schema, yaml_files
from darkroom.files import CONFIG

BUNDLED = CONFIG / "catalogues.yaml"


@dataclass(frozen=True)
class Limits:
    """What a service bears.

    page, skip -- most products of an answer, and most that may be skipped before it
    url -- most characters of a request's URL
    connections -- downloads at a time, of all jobs together
    volume -- bytes that may be had in 30 days; s3_requests a minute; orders an hour
    """

    page: int = 1000
    skip: int = 10_000
    url: int = 6000
    connections: int = 4
    volume: float | None = None
    s3_requests: int | None = None
    orders: int | None = None


@dataclass(frozen=True)
class Settings:
    """One catalogue: its kind, where it is asked, where its products are, and how one logs in; see the schema."""

    name: str
    kind: str
    title: str = ""
    search: str = ""
    download: str = ""
    login: str = "none"
    token: str = ""
    client: str = ""
    machine: str = ""
    hosts: tuple[str, ...] = ()
    s3: dict = field(default_factory=dict)
    orders: str = "none"
    order_way: str = ""
    collections: dict = field(default_factory=dict)
    limits: Limits = Limits()


def known(own=""):
    """Settings of every catalogue by name; those of a user's own YAML file go before the bundled ones.

    Raises ValueError for a file that cannot be read or is not as config/schemas/catalogues.schema.yaml wants it.
    """
    catalogues = {}
    for path in (BUNDLED, *([Path(own)] if own else [])):
        try:
            entries = yaml_files.read(path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: the catalogues cannot be read: {' '.join(str(error).split())}") from error
        schema.refuse(schema.problems(entries, schema.validator("catalogues"), path))
        catalogues |= {name: _settings(name, entry) for name, entry in entries.items()}
    return catalogues


def load(name, own=""):
    """Settings of one catalogue. Raises ValueError for a name that is unknown, with the nearest one."""
    catalogues = known(own)
    if name not in catalogues:
        raise ValueError(f"catalogue: {name!r} is unknown{schema.nearest(name, catalogues)}")
    return catalogues[name]


def _settings(name, entry):
    limits = Limits(**entry.get("limits", {}))
    plain = {key: value for key, value in entry.items() if key not in ("limits", "hosts")}
    return Settings(name=name, limits=limits, hosts=tuple(entry.get("hosts", ())), **plain)


def described(settings):
    """Settings as a record may hold them: none of it is secret."""
    return dataclasses.asdict(settings)
