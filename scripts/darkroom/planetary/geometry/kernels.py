"""Which SPICE kernels an image needs, of those that a user has: a metakernel, a folder of NAIF's archive, or ISISDATA.

Formats: NAIF's required reading (kernel pool, metakernels; the names of kernels tell their kinds); ISIS's kernel
databases (kernels.????.db and .conf, as its class KernelDb reads them).

Text kernels are taken whole, the newest of each name; of binary ones those that cover the time. What is later in a list
goes before what is earlier: that is the order of a metakernel; in a folder names are in it by their numbers, and what
is predicted is earlier than what is reconstructed.
"""

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import spiceypy
from spiceypy.utils.exceptions import SpiceyError

from darkroom import files
from darkroom.planetary.geometry import spice
from darkroom.planetary.geometry.sensor import spacecraft

KINDS = {
    **{".tls": "LSK", ".tsc": "SCLK", ".tpc": "PCK", ".tf": "FK", ".ti": "IK"},
    **{".bpc": "PCK, binary", ".bsp": "SPK", ".bc": "CK"},
}
TEXTS = ("LSK", "SCLK", "PCK", "FK", "IK")
META = (".tm", ".mk")
SLACK = 60.0  # seconds before and after an image within which kernels may be needed,
LIGHT = 6 * 3600.0  # and before it for positions, seconds that light takes from the Sun, to Pluto and farther
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# Folders of ISISDATA by NAIF's codes of spacecraft.
AREAS = {
    **{-27: "viking1", -30: "viking2", -41: "mex", -53: "odyssey", -61: "juno", -74: "mro", -77: "galileo"},
    **{-82: "cassini", -85: "lro", -94: "mgs", -98: "newhorizons", -131: "kaguya", -203: "dawn", -226: "rosetta"},
    **{-236: "messenger"},
}
PREDICTED = re.compile("pred", re.IGNORECASE)
GENERIC = re.compile(r"^pck\d+$", re.IGNORECASE)  # constants of all bodies, which those of a mission go before


@dataclass(frozen=True)
class Need:
    """What an image needs kernels of.

    code -- NAIF's of its instrument; body -- of the body that it shows
    start, stop -- ephemeris times of its label
    groups -- of its cube, by whose keywords ISIS's databases choose
    """

    code: int
    body: int
    start: float
    stop: float
    groups: dict = field(default_factory=dict, compare=False)

    @property
    def spacecraft(self):
        """NAIF's code of its spacecraft."""
        return spacecraft(self.code)

    @property
    def time(self):
        """Its time in words."""
        return f"{spice.told(self.start)} to {spice.told(self.stop)}"


@dataclass(frozen=True)
class Kernel:
    """A kernel and what it is of: codes of what its keywords say, or code -> spans of time that it covers."""

    path: str
    kind: str
    codes: tuple = ()
    spans: dict = field(default_factory=dict)

    def covers(self, code, start, stop):
        """Whether it has something of a body, an instrument or a frame between two times."""
        return any(first <= stop and last >= start for first, last in self.spans.get(code, ()))


# Places


def index(places):
    """place -> its kernels, in their order, with what they cover; None for an ISISDATA, which has databases.

    places -- metakernels, kernels, folders

    Raises ValueError naming what is no kernel, or is named and missing.
    """
    listed = {str(place): None if is_isisdata(place) else listing(Path(place)) for place in places}
    paths = [path for one in listed.values() for path in one or ()]
    spice.furnish([path for path in paths if kind_of(path) in ("LSK", "SCLK")])
    return {place: None if one is None else [described(path) for path in one] for place, one in listed.items()}


def listing(place):
    """Paths of the kernels of a place. Raises ValueError where there are none."""
    listed = in_folder if place.is_dir() else in_metakernel if place.suffix.lower() in META else lambda one: [one]
    paths = listed(place)
    kernels = [path for path in paths if path.suffix.lower() in KINDS]
    if not kernels:
        raise ValueError(f"{place}: no kernels (.bsp, .bc, .bpc, .tf, .ti, .tsc, .tls, .tpc, or a .tm that lists some)")
    return kernels


def kind_of(path):
    """The kind of a kernel, by its name."""
    return KINDS[path.suffix.lower()]


def is_isisdata(place):
    """Whether a folder is the data area of ISIS."""
    return Path(place, "base/kernels").is_dir()


def in_folder(folder):
    """Kernels in a folder, the newest text of each name, in their order."""
    paths = [path for path in Path(folder).rglob("*") if path.suffix.lower() in KINDS and path.is_file()]
    paths.sort(key=lambda path: (not GENERIC.match(path.stem), not PREDICTED.search(path.stem), natural(path.name)))
    newest = {_unnumbered(path): path for path in paths if kind_of(path) in TEXTS}
    return [path for path in paths if newest.get(_unnumbered(path), path) == path]


def _unnumbered(path):
    return re.sub(r"\d+", "#", path.name.lower())


def natural(name):
    """A key that sorts names by the numbers in them."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]


def in_metakernel(path):
    """Kernels that a metakernel lists, in its order.

    Its paths are relative to the working directory, to its own folder or to one above that: the archive's metakernels
    are written for their root.

    Raises ValueError naming a kernel that it lists and that is not there, or symbols of paths without their values.
    """
    path = Path(path)
    text = "".join(re.findall(r"\\begindata(.*?)(?:\\begintext|$)", path.read_text(errors="replace"), re.S))
    lists = _assigned(text)
    symbols, values, listed = (lists.get(key, []) for key in ("PATH_SYMBOLS", "PATH_VALUES", "KERNELS_TO_LOAD"))
    if len(symbols) != len(values):
        raise ValueError(
            f"{path}: PATH_SYMBOLS are {len(symbols)}, PATH_VALUES {len(values)}; each needs one of the other"
        )
    longest_first = sorted(zip(symbols, values, strict=True), key=lambda pair: -len(pair[0]))  # $CK is no $C
    there, missing = [], []
    for name in listed:
        for symbol, value in longest_first:
            name = name.replace(f"${symbol}", value)
        whole = next((at for at in (Path(name), *(up / name for up in path.resolve().parents)) if at.is_file()), None)
        (missing if whole is None else there).append(whole or name)
    if missing:
        raise ValueError(f"{path}: {len(missing)} of {len(listed)} kernels are not there: {', '.join(missing[:3])}")
    return there


def _assigned(text):
    """Texts in quotes by their keyword, one or a list in parentheses; `+=` adds to those before (NAIF, kernel.req)."""
    lists = {}
    for key, sign, values in re.findall(r"(\w+)\s*(\+?=)\s*(\((?:'[^']*'|[^')])*\)|'[^']*')", text):
        lists[key] = (lists.get(key, []) if sign == "+=" else []) + _quoted(values)
    return lists


def _quoted(text):
    """Texts in quotes; a `+` at the end of one goes on in the next."""
    texts, begun = [], ""
    for part in re.findall(r"'([^']*)'", text):
        if part.endswith("+"):
            begun += part[:-1]
        else:
            texts.append(begun + part)
            begun = ""
    return texts


def described(path):
    """A kernel with what it is of. Raises ValueError for a file that is none."""
    kind = kind_of(path)
    try:
        if kind in TEXTS:
            return Kernel(str(path), kind, _codes(path, kind))
        return Kernel(str(path), kind, spans=_spans(str(path), kind))
    except SpiceyError as error:
        raise ValueError(f"{path}: no {kind} kernel, or damaged ({error.short})") from error


def _codes(path, kind):
    """Spacecraft that a clock or an instrument kernel is of."""
    if kind not in ("SCLK", "IK"):
        return ()
    text = path.read_text(errors="replace")
    if kind == "SCLK":
        return tuple(sorted({_of_clock(int(code)) for code in re.findall(r"SCLK_DATA_TYPE_(\d+)", text)}))
    return tuple(sorted({spacecraft(code) for code in re.findall(r"\bINS(-\d{5,})_", text)}))


def _of_clock(code):
    """Spacecraft of a clock; some have several, in its thousands."""
    return -code if code < 1000 else -(code // 1000)


def _spans(path, kind):
    """Code -> spans of time that a binary kernel covers, as its segments tell."""
    if kind == "SPK":
        return {code: _windows(spiceypy.spkcov(path, code)) for code in spiceypy.spkobj(path)}
    if kind == "CK":
        return {code: _ck_windows(path, code) for code in spiceypy.ckobj(path)}
    frames = spiceypy.cell_int(1000)
    spiceypy.pckfrm(path, frames)
    spans = {}
    for code in frames:
        cover = spiceypy.cell_double(2000)
        spiceypy.pckcov(path, code, cover)
        spans[code] = _windows(cover)
    return spans


def _ck_windows(path, code):
    """Spans of pointing; none where there is no clock that tells their times."""
    try:
        return _windows(spiceypy.ckcov(path, code, False, "SEGMENT", 0.0, "TDB"))
    except SpiceyError:
        return []


def _windows(cover):
    return [list(spiceypy.wnfetd(cover, number)) for number in range(spiceypy.wncard(cover))]


# Choice


def chosen(places, wanted, indexes=None):
    """Paths of the kernels that an image needs, in the order in which they are to be loaded.

    places -- metakernels, folders, kernels
    wanted -- `Need`
    indexes -- place -> its index, where `index` has been asked before

    Raises ValueError naming all that is missing, by body, frame and time.
    """
    kernels, indexes = [], indexes or index(places)
    for place in map(str, places):
        listed = indexes[place]
        kernels += isisdata(Path(place), wanted) if listed is None else _of_index(listed, wanted)
    if lacking := missing(kernels, wanted):
        raise ValueError(f"{', '.join(map(str, places))}: {'; '.join(lacking)}")
    order = {kind: number for number, kind in enumerate(KINDS.values())}
    return [kernel.path for kernel in sorted(kernels, key=lambda kernel: order[kernel.kind])]


def _of_index(listed, wanted):
    return [kernel for kernel in listed if _is_of(kernel, wanted)]


def _is_of(kernel, wanted):
    """Whether an image may need a kernel."""
    if kernel.kind in TEXTS:
        return not kernel.codes or wanted.spacecraft in kernel.codes
    if kernel.kind == "CK":
        codes, before = [code for code in kernel.spans if spacecraft(code) == wanted.spacecraft], SLACK
    else:
        codes, before = [code for code in kernel.spans if code > 0 or code == wanted.spacecraft], LIGHT
    return any(kernel.covers(code, wanted.start - before, wanted.stop + SLACK) for code in codes)


def missing(kernels, wanted):
    """What an image needs and kernels have not, in sentences."""
    told = spice.label(wanted.spacecraft)
    lacking = []
    for kind in ("LSK", "SCLK", "IK", "PCK"):
        if not any(kernel.kind == kind for kernel in kernels):
            lacking.append(f"no {kind} kernel" + (f" of {told}" if kind in ("SCLK", "IK") else ""))
    spk = [kernel for kernel in kernels if kernel.kind == "SPK"]
    for code, name in ((wanted.spacecraft, told), (10, "the Sun"), (wanted.body, spice.label(wanted.body))):
        known = not spk or any(kernel.spans for kernel in spk)
        if known and not any(kernel.covers(code, wanted.start, wanted.stop) for kernel in spk):
            lacking.append(f"no SPK kernel has {name} at {wanted.time}")
    if not any(kernel.kind == "CK" for kernel in kernels):
        lacking.append(f"no CK kernel has the pointing of {told} at {wanted.time}")
    return lacking


def write(path, indexes):
    """Write what `index` has found, so that it is looked up once for many images."""
    rows = {place: None if one is None else [vars(kernel) for kernel in one] for place, one in indexes.items()}
    files.write_json(Path(path), rows)


@functools.cache
def read(path):
    """place -> its index, as `write` has left them."""
    rows = files.read_json(Path(path))
    return {place: None if one is None else [_kernel(row) for row in one] for place, one in rows.items()}


def _kernel(row):
    spans = {int(code): spans for code, spans in row["spans"].items()}
    return Kernel(row["path"], row["kind"], tuple(row["codes"]), spans)


# ISISDATA


def isisdata(root, wanted):
    """Kernels that the databases of ISISDATA have for an image: what spiceinit would take.

    Raises ValueError where it has no folder for the spacecraft.
    """
    area = AREAS.get(wanted.spacecraft)
    if not area or not (root / area / "kernels").is_dir():
        raise ValueError(
            f"{root}: no {area or 'area'}/kernels for {spice.label(wanted.spacecraft)}; downloadIsisData has it"
        )
    own = root / area / "kernels"
    places = [root / "base/kernels/lsk", own / "pck", own / "tspk", own / "sclk", own / "fk", own / "ik", own / "iak"]
    general = {own / "pck": root / "base/kernels/pck", own / "tspk": root / "base/kernels/spk"}
    kernels = []
    for place in places:
        folder = place if _databases(place, wanted, root) else general.get(place, place)
        kernels += _files(root, _selections(folder, wanted, root)[-1:])
    for place in (own / "spk", own / "ck"):
        kernels += _files(root, _in_time(_selections(place, wanted, root), wanted))
    return [Kernel(str(path), kind_of(path)) for path in kernels]


def _databases(folder, wanted, root):
    """Kernel databases of a folder: those that its .conf names for the instrument, or the newest."""
    if conf := _newest(folder / "kernels.????.conf"):
        groups = [group for _, group in _groups(conf) if _fits(group, wanted)]
        return [_newest(_resolved(root, name)) for name in (groups[0].get("File", []) if groups else [])]
    newest = _newest(folder / "kernels.????.db")
    return [newest] if newest else []


def _newest(path):
    return max(path.parent.glob(path.name), default=None) if path.parent.is_dir() else None


def _selections(folder, wanted, root):
    """Groups of the databases of a folder that are for an image, whatever its time."""
    return [group for path in _databases(folder, wanted, root) for _, group in _groups(path) if _fits(group, wanted)]


def _fits(group, wanted):
    """Whether a group is for an image, by the keywords of its label."""
    for holder, key, value in group.get("Match", []):
        known = str(wanted.groups.get(holder, {}).get(key, ""))
        if " ".join(known.upper().split()) != " ".join(value.upper().split()):
            return False
    instrument = group.get("Instrument", [[""]])[0][0]
    return instrument in ("", str(wanted.groups.get("Instrument", {}).get("InstrumentId", "")))


def _in_time(groups, wanted):
    """Groups that cover an image, in the order of a list: what is predicted only where nothing else does."""
    covering = [group for group in groups if _covers(group, wanted)]
    made = [group for group in covering if group.get("Type", [["Reconstructed"]])[0][0] == "Reconstructed"]
    return made or [group for group in covering if group["Type"][0][0] == "Predicted"]


def _covers(group, wanted):
    spans = [tuple(map(_time, span)) for span in group.get("Time", [])]
    return not spans or any(first <= wanted.stop and last >= wanted.start for first, last in spans)


def _time(text):
    """Ephemeris time of a time of a database: `2005 AUG 12 12:39:08.203 TDB`."""
    year, month, day, clock = text.split()[:4]
    number = MONTHS.index(month[:3].upper()) + 1
    time = f"{year}-{number:02}-{int(day):02}T{clock}"
    return float((np.datetime64(time) - spice.EPOCH) / np.timedelta64(1, "us")) / 1e6


def _files(root, groups):
    paths = []
    for group in groups:
        for name in group.get("File", []):
            path = _newest(_resolved(root, name))
            if path is None:
                raise ValueError(f"{root}: {'/'.join(name)} of its databases is not there; downloadIsisData fetches it")
            paths.append(path)
    return paths


def _resolved(root, name):
    """The path of a kernel that a database names: `$base/kernels/..`, or the area and a path in it."""
    area, rest = (name[0], name[1]) if len(name) == 2 else name[0].lstrip("$").split("/", 1)
    return root / area.lstrip("$").lower() / rest


@functools.cache
def _groups(path):
    """Groups of a kernel database: (name of the object, keyword -> lists of its values)."""
    text = re.sub(r"/\*.*?\*/|#[^\n]*", "", path.read_text(errors="replace"), flags=re.S)
    groups, holder, group = [], "", None
    for key, value in re.findall(r"^\s*(\w+)(?:\s*=\s*(\([^)]*\)|[^\n]*))?", text, re.M):
        name = key.lower()
        if name == "object":
            holder = value.strip()
        elif name == "group":
            group = {}
        elif name in ("end_group", "endgroup") and group is not None:
            groups.append((holder, group))
            group = None
        elif group is not None and value:
            values = [part.strip().strip("\"'") for part in value.strip().strip("()").split(",")]
            group.setdefault(key, []).append(values)
    return groups
