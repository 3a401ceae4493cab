"""Which files of a folder are granules, of which collections, and what is read together as one granule."""

from dataclasses import dataclass
from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import cf, collection, granule

SONDES = ("eol", "icartt", "avaps", "aspen")


@dataclass(frozen=True)
class Member:
    """A file with data, and the one that adds to it: their match and their entries in the inventory."""

    match: collection.Match
    data: dict
    companion: dict | None = None

    @property
    def entries(self):
        """The entries of the inventory that are read."""
        return [entry for entry in (self.data, self.companion) if entry]

    def read(self, root):
        """The granule of these files below a folder. Raises what `granule.read` does."""
        companion = root / self.companion["name"] if self.companion else None
        return granule.read(self.match, root / self.data["name"], companion)


@dataclass(frozen=True)
class Job:
    """What becomes one netCDF: a granule of one member, or a flight of several soundings."""

    id: str
    members: list

    @property
    def collection(self):
        return self.members[0].match.collection

    @property
    def form(self):
        return self.members[0].match.form

    def joined(self, granules):
        """The granule of the job, of those of its members."""
        return granules[0] if self.id == granules[0].id else cf.flight(self.id, granules)

    def read(self, root):
        """The granule of the job, read from its files."""
        return self.joined([member.read(root) for member in self.members])


def find(files, collections):
    """(jobs, bad, unknown): a `Job` per granule, records of bad ones, and names that nobody knows."""
    data, companions, bad, unknown = {}, {}, [], []
    for entry in files:
        try:
            match = collection.match(entry["name"], collections)
        except ValueError as error:
            bad.append(bad_record(Path(entry["name"]).name, None, [entry], error))
            continue
        if match is None:
            unknown.append(entry["name"])
        else:
            (data if match.role == "data" else companions).setdefault(match.granule, []).append((match, entry))
    unknown += [entry["name"] for name, given in companions.items() if name not in data for _, entry in given]
    jobs = []
    for name, given in data.items():
        beside = companions.get(name, [])
        if len(given) > 1 or len(beside) > 1:
            several = [entry for _, entry in given + beside]
            names = " and ".join(entry["name"] for entry in several)
            bad.append(bad_record(name, given[0][0].collection, several, f"two granules have the id {name}: {names}"))
            continue
        (match, entry), (_, companion) = given[0], beside[0] if beside else (None, None)
        jobs.append(Job(name, [Member(match, entry, companion)]))
    return jobs, bad, sorted(unknown)


def flights(jobs):
    """The jobs with dropsondes of one flight (of one collection and format, where names tell no flight) as one job."""
    sondes, others = {}, []
    for job in jobs:
        if job.form["reader"] not in SONDES:
            others.append(job)
            continue
        flight = job.members[0].match.groups.get("flight", "")
        sondes.setdefault((job.collection["short_name"], job.form["names"], flight), []).extend(job.members)
    for (short_name, _, flight), members in sondes.items():
        members.sort(key=lambda member: member.match.granule)
        name = f"{short_name}_{flight or members[0].match.groups.get('date', 'flight')}"
        while any(name == other.id for other in others):
            name += "_2"
        others.append(Job(name, members))
    return others


def load(names, name, collections, root):
    """The granule of this name, read anew from the files of these names below a folder."""
    jobs, _, _ = find([{"name": one} for one in names], collections)
    return Job(name, [member for job in jobs for member in job.members]).read(root)


def bad_record(name, its_collection, entries, error):
    """What the list of granules tells of one that could not be made; `error` is an exception or a sentence."""
    return {
        "id": name,
        "collection": its_collection["short_name"] if its_collection else None,
        "files": [entry["name"] for entry in entries],
        "netcdf": None,
        "flags": [],
        "error": error if isinstance(error, str) else entrypoint.message(error),
    }
