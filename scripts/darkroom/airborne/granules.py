"""Which files of a folder are granules, of which collections, and what is read together as one granule."""

import itertools
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from darkroom import entrypoint
from darkroom.airborne import cf, collection, reading, times

SONDES = ("eol", "icartt", "avaps", "aspen")


@dataclass(frozen=True)
class Member:
    """A file with data, the one that adds to it, and the one of navigation that its positions are looked up in.

    match, data -- what a collection knows it by, and its entry in the inventory
    companion -- the entry of the file that adds to it, or None
    navigation -- the member of the platform's navigation, or None
    """

    match: collection.Match
    data: dict
    companion: dict | None = None
    navigation: "Member | None" = None

    @property
    def entries(self):
        """The entries of the inventory that are read."""
        looked_up = self.navigation.data if self.navigation else None
        return [entry for entry in (self.data, self.companion, looked_up) if entry]

    def read(self, root):
        """The granule of these files below a folder. Raises what `reading.read` does."""
        companion = root / self.companion["name"] if self.companion else None
        navigation = self.navigation.read(root) if self.navigation else None
        return reading.read(self.match, root / self.data["name"], companion, navigation)

    def launch(self, root):
        """When a sounding begins: by the date and time in its name, or else by its data."""
        told = self.match.groups.get("date", "") + self.match.groups.get("time", "")[:6].ljust(6, "0")
        try:
            return times.moment(f"{told[:8]}T{told[8:]}")
        except ValueError:
            return self.read(root).start


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


def find(files, collections, root=None):
    """(jobs, bad, unknown): a `Job` per granule, records of bad ones, and names that nobody knows.

    A name that two collections claim is of the one that the header of the file below `root` tells.
    """
    of_data, companions, bad, unknown = {}, {}, [], []
    for entry in files:
        try:
            match = claimed(entry["name"], collections, root)
        except Exception as error:  # whatever it is, it is that granule's
            bad.append(bad_record(Path(entry["name"]).name, None, [entry], error))
            continue
        if match is None:
            unknown.append(entry["name"])
        else:
            (of_data if match.role == "data" else companions).setdefault(match.granule, []).append((match, entry))
    unknown += [entry["name"] for name, given in companions.items() if name not in of_data for _, entry in given]
    jobs = []
    for name, given in of_data.items():
        beside = companions.get(name, [])
        if len(given) > 1 or len(beside) > 1:
            several = [entry for _, entry in given + beside]
            names = " and ".join(entry["name"] for entry in several)
            bad.append(bad_record(name, given[0][0].collection, several, f"two granules have the id {name}: {names}"))
            continue
        (match, entry), (_, companion) = given[0], beside[0] if beside else (None, None)
        jobs.append(Job(name, [Member(match, entry, companion)]))
    return [with_navigation(job, jobs) for job in jobs], bad, sorted(unknown)


def claimed(name, collections, root):
    """The `Match` of a file, or None. Raises ValueError where two collections claim it, by its header as well."""
    matches = collection.rivals(name, collections)
    if matches and all((match.role, match.granule) == ("companion", matches[0].granule) for match in matches):
        return matches[0]  # it goes with the file of that granule, whichever collection has that
    if len(matches) < 2 or root is None:
        return collection.match(name, collections)
    fitting, wrong = [], []
    for match in matches:
        try:
            match.require_header(reading.header_of(match, root / name) if match.header else {}, root / name)
            fitting.append(match)
        except Exception as error:  # of another collection, or of another format
            wrong.append(error)
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise wrong[0]
    raise ValueError(collection.ambiguous(name, fitting))


def with_navigation(job, jobs):
    """The job with the navigation of its flight, where its format says that positions are looked up in that."""
    asked = job.form.get("navigation")
    if not asked:
        return job
    (member,) = job.members
    short_name, _, number = asked.partition(".")
    flown = []
    for other in jobs:
        form = other.form is other.collection["formats"][int(number or 0)]
        of_day = [one.match.groups.get("date") for one in (member, other.members[0])]
        if other.collection["short_name"] == short_name and form and (None in of_day or of_day[0] == of_day[1]):
            flown.append(other.members[0])
    return Job(job.id, [replace(member, navigation=flown[0] if len(flown) == 1 else None)])


def flights(jobs, root):
    """The jobs with dropsondes of one flight (of one collection and format, where names tell no flight) as one job.

    Soundings more than `cf.FLIGHT_GAP` apart are of two flights.
    """
    sondes, others = {}, []
    for job in jobs:
        if job.form["reader"] not in SONDES:
            others.append(job)
            continue
        flight = job.members[0].match.groups.get("flight", "")
        sondes.setdefault((job.collection["short_name"], job.form["names"], flight), []).extend(job.members)
    for (short_name, _, flight), members in sondes.items():
        for several in _apart(members, root):
            day = several[0].match.groups.get("date", "flight")
            name = f"{short_name}_{flight or day}"
            while any(name == other.id for other in others):
                name += "_2"
            others.append(Job(name, several))
    return others


def _apart(members, root):
    """The members of each flight, in the order of their launch; those that cannot be read go with the one before."""
    launches = []
    for member in members:
        try:
            launches.append((member.launch(root), member.match.granule, member))
        except Exception:  # it is told when it is converted
            launches.append((times.LAST, member.match.granule, member))
    launches.sort(key=lambda launch: launch[:2])
    cuts = [
        number
        for number, (before, after) in enumerate(itertools.pairwise(launches), 1)
        if after[0] - before[0] > cf.FLIGHT_GAP and after[0] != times.LAST
    ]
    return [[member for *_, member in launches[first:last]] for first, last in itertools.pairwise([0, *cuts, None])]


def load(names, name, collections, root):
    """The granule of this name, read anew from the files of these names below a folder."""
    jobs, _, _ = find([{"name": one} for one in names], collections, root)
    members = [member for job in jobs for member in job.members]
    looked_up = {member.navigation.data["name"] for member in members if member.navigation}
    return Job(name, [member for member in members if member.data["name"] not in looked_up]).read(root)


def say(error, path=None):
    """One line that says what went wrong: where nobody foresaw it, with the file and the place in our own code."""
    message = entrypoint.message(error)
    if not isinstance(error, (ValueError, OSError)):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{message} (in {Path(frame.filename).name}, line {frame.lineno})"
    return message if path is None or Path(path).name in message else f"{path}: {message}"


def bad_record(name, its_collection, entries, error):
    """What the list of granules tells of one that could not be made; `error` is an exception or a sentence."""
    return {
        "id": name,
        "collection": its_collection["short_name"] if its_collection else None,
        "files": [entry["name"] for entry in entries],
        "netcdf": None,
        "flags": [],
        "error": error if isinstance(error, str) else say(error, entries[0]["name"] if entries else None),
    }
