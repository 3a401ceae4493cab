"""A source of one or more recordings as one movie: its files told apart, its parts put in order of time and checked."""

import bisect
import csv
import itertools
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from darkroom.calcium.moments import moment_of
from darkroom.calcium.movie import Movie
from darkroom.calcium.readers import avi, gpio, hdf5, imu, isxd, nwb, tiff
from darkroom.calcium.timing import Timing, of_stamps, require_ascending

VIDEO = (".avi", ".mp4", ".mkv", ".mov")
HDF5 = (".h5", ".hdf5")
MOVIES = (".isxd", ".tif", ".tiff", *HDF5, *VIDEO, ".nwb")
STAMPS = re.compile(r"time_?stamps?\.csv", re.IGNORECASE)  # what a UCLA Miniscope writes beside its AVI files
STAMP_COLUMN = "Time Stamp (ms)"
SET = Fraction(366 * 86400)  # a start before 1971 is a clock that was not set
SAME_RATE = Fraction(1, 100)
LONGEST_PAUSE = 86400  # seconds; what is further apart is another session


def sorted_out(root, names):
    """The files of a source by what they are: movies, signals, time stamps; and notes on those left out.

    Raises ValueError when no movie is among them, for compressed recordings, and for two of one name.
    """
    root = Path(root)
    movies, signals, stamps, notes = [], [], [], []
    for name in sorted(names, key=natural):
        path, suffix = root / name, Path(name).suffix.lower()
        if len(names) > 1 and any(part.startswith(".") for part in Path(name).parts):
            notes.append(f"{name} is left out: it is hidden")
        elif suffix in (".gpio", ".imu"):
            signals.append(path)
        elif suffix == ".isxd" and len(names) > 1 and isxd.kind(path) not in (isxd.MOVIE, isxd.IMAGE):
            if isxd.kind(path) in (isxd.GPIO, isxd.IMU):
                signals.append(path)
            else:
                notes.append(f"{name} is left out: it is {isxd.TYPES[isxd.kind(path)]}")
        elif suffix in MOVIES:
            movies.append(path)
        elif suffix == ".isxc":
            raise ValueError(f"{path}: {isxd.COMPRESSED}")
        elif STAMPS.fullmatch(Path(name).name):
            stamps.append(path)
        else:
            notes.append(f"{name} is left out: it is neither a movie nor a signal")
    if not movies:
        raise ValueError(f"{root}: holds no movie; right are files of {', '.join(MOVIES)}")
    clashing = {path.name for path in movies if sum(other.name == path.name for other in movies) > 1}
    if clashing:
        raise ValueError(
            f"{root}: {', '.join(sorted(clashing))} is there more than once; give each part a name of its own"
        )
    if len(stamps) > 1:
        raise ValueError(
            f"{root}: {len(stamps)} files of time stamps are there, one is due; use a folder for each recording"
        )
    return movies, signals, stamps[0] if stamps else None, notes


def natural(name):
    """Sorts 2.avi before 10.avi."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(name))]


def read_movie(path, dataset=None):
    """The movie of a file, by its suffix."""
    suffix = Path(path).suffix.lower()
    if suffix in (".tif", ".tiff"):
        return tiff.read_movie(path)
    if suffix in HDF5:
        return hdf5.read_movie(path, dataset)
    if suffix in VIDEO:
        return avi.read_movie(path)
    return nwb.read_movie(path, dataset) if suffix == ".nwb" else isxd.read_movie(path)


def read_signals(path):
    """The signals of a file, by its suffix."""
    return {".gpio": gpio.read_gpio, ".imu": imu.read_imu}.get(Path(path).suffix.lower(), isxd.read_signals)(path)


def read_series(paths, stamps=None, start=None, rate=None, pixel_size=None, dataset=None):
    """One movie of the recordings at `paths`.

    stamps -- a file of time stamps of all frames, as a UCLA Miniscope writes it
    start -- of the first frame, as text with a time zone; rate -- frames per second; pixel_size -- micrometres: each
             overrules what the files say, and is asked for where they say nothing
    dataset -- which array of an HDF5 or NWB file

    Parts that know when they began are put in the order of time; others follow each other by their names, without a
    pause. Raises ValueError naming files that differ in size, type of pixel or rate, that overlap in time, and what
    has to be given.
    """
    parts = [(Path(path), read_movie(path, dataset)) for path in paths]
    notes = [note for _, part in parts for note in part.notes]
    _require_alike(parts)
    parts = [(path, part.changed(timing=_rated(path, part.timing, rate, stamps, notes))) for path, part in parts]
    parts = _in_order(parts, notes)
    timing = _joined(parts)
    if stamps:
        timing = _stamped(stamps, timing, notes)
    timing = _begun(timing, parts[0][0], start, notes)
    first = parts[0][1]
    if pixel_size is not None:
        pixel_size = tuple(map(float, pixel_size)) if isinstance(pixel_size, list | tuple) else (float(pixel_size),) * 2
    bounds = np.cumsum([0, *(len(part) for _, part in parts)]).tolist()

    def read(begin, count):
        """Frames of as many parts as they lie in."""
        at, pieces = begin, []
        while at < begin + count:
            number = bisect.bisect_right(bounds, at) - 1
            size = min(begin + count, bounds[number + 1]) - at
            pieces.append(parts[number][1].read(at - bounds[number], size))
            at += size
        return (
            pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.empty((0, *first.shape[1:]), first.dtype)])
        )

    return Movie(
        (bounds[-1], *first.shape[1:]),
        first.dtype,
        timing,
        read,
        pixel_size or first.pixel_size,
        first.acquisition,
        tuple((path.name, bounds[at], len(part)) for at, (path, part) in enumerate(parts)),
        tuple(notes),
        first.top_left,
    )


def _require_alike(parts):
    """The frames of all parts have one size and one type."""
    (first_path, first), *others = parts
    for path, part in others:
        if part.shape[1:] != first.shape[1:]:
            raise ValueError(
                f"{path}: its frames are {part.shape[1]} x {part.shape[2]} pixels (rows x columns), those of "
                f"{first_path.name} {first.shape[1]} x {first.shape[2]}; the parts of a series must have one size"
            )
        if part.dtype != first.dtype:
            raise ValueError(f"{path}: its pixels are {part.dtype}, those of {first_path.name} {first.dtype}")


def _rated(path, timing, rate, stamps, notes):
    """The timing of a part by the rate that was given, where one was."""
    if rate is not None:
        period = 1 / Fraction(rate).limit_denominator(1_000_000)
        if timing.period and abs(period / timing.period - 1) > Fraction(1, 10_000):
            notes.append(
                f"{path.name}: rate {rate:g} Hz was given, and is used in place of its own {timing.rate:.6g} Hz"
            )
        return replace(timing, period=period, times=None, stamped=False)
    if timing.period:
        return timing
    if stamps:
        return replace(timing, period=Fraction(1), times=None)  # until the time stamps of all parts are read
    raise ValueError(f"{path}: does not tell how fast it was recorded; give `rate`, in frames per second")


def _in_order(parts, notes):
    """Parts by their starts, where all have one; a part of another rate or one that overlaps is refused."""
    first = parts[0][1].timing
    for path, part in parts:
        if abs(part.timing.period / first.period - 1) > SAME_RATE:
            raise ValueError(
                f"{path}: was recorded at {part.timing.rate:.6g} Hz, {parts[0][0].name} at {first.rate:.6g} Hz; "
                "the parts of a series must have one rate"
            )
    starts = [part.timing.start for _, part in parts]
    if None in starts and any(starts):
        without = next(path for (path, _), start in zip(parts, starts, strict=True) if start is None)
        raise ValueError(f"{without}: does not tell when it began, while other parts do; it cannot be put in order")
    if not any(starts):  # none is told, or a program that knew no time wrote them: 1970
        if len(parts) > 1:
            notes.append(
                f"{len(parts)} files without a start: taken as one recording without a pause, in the order of names"
            )
        return parts
    ordered = sorted(parts, key=lambda pair: pair[1].timing.start)
    if [path for path, _ in ordered] != [path for path, _ in parts]:
        notes.append("the parts were put in the order of time: " + ", ".join(path.name for path, _ in ordered))
    for (path, part), (after, later) in itertools.pairwise(ordered):
        pause = later.timing.start - part.timing.start - part.timing.samples * part.timing.period
        if pause < -part.timing.period / 2:
            raise ValueError(
                f"{after}: begins {float(-pause):.3f} s before {path.name} ends; parts of a series cannot overlap"
            )
        if pause > LONGEST_PAUSE:
            raise ValueError(
                f"{after}: begins {float(pause) / 3600:.0f} hours after {path.name} ends; give each session a row, and "
                "match their cells in a row of recipe longitudinal"
            )
    return ordered


def _joined(parts):
    """One grid of samples for all parts; the pauses between them are cropped samples."""
    first = parts[0][1].timing
    if len(parts) == 1:
        return first
    gaps = {"dropped": [], "cropped": [], "blank": []}
    times, end = [], 0
    told = any(part.timing.start for _, part in parts)
    for _, part in parts:
        timing = part.timing
        if told:
            after = timing.start - first.start
            begin = max(end, round(after / first.period))
        else:
            after, begin = end * first.period, end
        gaps["cropped"] += range(end, begin)
        for name, gap in gaps.items():
            gap.extend(begin + at for at in getattr(timing, name))
        times.append(timing.times + float(after))
        end = begin + timing.samples
    return Timing(
        first.period,
        end,
        first.start,
        first.utc_offset,
        times=np.concatenate(times),
        stamped=first.stamped,
        **{name: tuple(gap) for name, gap in gaps.items()},
    )


def _stamped(path, timing, notes):
    """The timing by a file of time stamps; it must have one for each frame."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.DictReader(file)
        if STAMP_COLUMN not in (rows.fieldnames or ()):
            raise ValueError(
                f"{path}: has no column {STAMP_COLUMN!r}; there are {', '.join(rows.fieldnames or ()) or 'none'}"
            )
        stamps = np.array([_milliseconds(row[STAMP_COLUMN]) for row in rows]) / 1000
    if len(stamps) != len(timing.times):
        raise ValueError(
            f"{path}: has {len(stamps)} time stamps, the movie {len(timing.times)} frames; one of each is due"
        )
    require_ascending(path, stamps)
    notes.append(f"the times of the frames are those of {path.name}")
    return of_stamps(stamps - stamps[0], timing.start, timing.utc_offset)


def _milliseconds(text):
    """The number of a cell of a table; NaN where it has none."""
    try:
        return float(text or "nan")
    except ValueError:
        return np.nan


def _begun(timing, path, start, notes):
    """The timing with the start that was given, or the file's own, which must be a moment that somebody has set."""
    if start is not None:
        moment = _given(start)
        if timing.start and timing.start > SET and abs(timing.start - moment[0]) > 1:
            notes.append(f"start {start} was given, and is used in place of {timing.begin.isoformat()}")
        return replace(timing, start=moment[0], utc_offset=moment[1], times=timing.times)
    if not timing.start or timing.start < SET:
        telling = f"says {timing.begin.date()}" if timing.start is not None else "does not say"
        raise ValueError(f"{path}: {telling} when it was recorded; give `start`, such as 2024-05-17T14:03:00+02:00")
    return timing


def _given(start):
    try:
        return moment_of(start)
    except ValueError as error:
        raise ValueError(f"start {error}") from error


def plane(movie, paths, efocus=None, colour=None):
    """The frames of one plane (`efocus`) or one colour of a movie whose planes alternate, by the headers of its frames.

    The planes must alternate regularly: then one of n planes has n times the period. Raises ValueError naming the
    planes there are, and when they do not alternate.
    """
    order = {name: at for at, (name, _, _) in enumerate(movie.parts)}
    told = [isxd.headers(path) for path in sorted(paths, key=lambda path: order[Path(path).name])]
    names = [(name, value) for name, value in (("efocus", efocus), ("colour", colour)) if value is not None]
    values = {name: np.concatenate([part[name] for part in told]) for name in ("efocus", "colour")}
    chosen = np.ones(len(movie), bool)
    for name, value in names:
        chosen &= values[name] == value
        if not chosen.any():
            there = ", ".join(map(str, np.unique(values[name])))
            raise ValueError(f"{name} is {value}, the frames of {movie.parts[0][0]} have {there}")
    planes = np.unique([values[name] for name, _ in names], axis=1).shape[1]
    frames = np.flatnonzero(chosen)
    samples = movie.timing.valid[frames] // planes
    if (np.diff(samples) < 1).any():
        raise ValueError(
            f"{movie.parts[0][0]}: its {planes} planes do not alternate, so they are no movies of one period"
        )
    timing = movie.timing
    count = -(-timing.samples // planes)
    missing = tuple(np.setdiff1d(np.arange(count), samples).tolist())
    timing = Timing(
        timing.period * planes,
        count,
        timing.start,
        timing.utc_offset,
        missing,
        times=timing.times[frames],
        stamped=True,
    )
    bounds = np.searchsorted(frames, [0, *(first + size for _, first, size in movie.parts)])
    parts = tuple(
        (name, int(bounds[at]), int(bounds[at + 1] - bounds[at])) for at, (name, _, _) in enumerate(movie.parts)
    )
    note = f"{len(frames)} of {len(movie)} frames: " + " and ".join(f"{name} {value}" for name, value in names)

    def read(first, count):
        picked = frames[first : first + count]
        if not len(picked):
            return np.empty((0, *movie.shape[1:]), movie.dtype)
        return movie.read(int(picked[0]), int(picked[-1] - picked[0] + 1))[picked - picked[0]]

    return movie.changed(
        shape=(len(frames), *movie.shape[1:]), timing=timing, reader=read, parts=parts, notes=(*movie.notes, note)
    )
