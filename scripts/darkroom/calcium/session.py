"""What is known of a recording before anything is done to it: session.json, from which every later step opens it."""

from contextlib import contextmanager
from pathlib import Path

from darkroom import files
from darkroom.calcium import preprocess
from darkroom.calcium.readers import series

OPTIONS = ("start", "rate", "pixel_size", "array")  # what a row may tell of its recording


def describe(source, dataset, given):
    """The session of a source: its files by what they are, its size, timing, gaps, and what the instrument says.

    source -- the `Inventory` of the source
    given -- of `OPTIONS`, those that are told

    Raises ValueError naming the file, and what must be given.
    """
    root = source.root
    movies, signals, stamps, notes = series.sorted_out(root, source.names)
    movie = _opened(movies, stamps, given)
    notes += preprocess.require_signal(movie, movies[0] if len(movies) == 1 else Path(root))
    told = []
    for path in signals:
        beside = series.read_signals(path)
        notes += beside.notes
        told.append({"name": _name(path, root), "kind": beside.kind, "channels": list(beside.channels)})
    used = {_name(path, root) for path in (*movies, *signals, *([stamps] if stamps else []))}
    return {
        "dataset": dataset,
        "root": root,
        "files": [_file(root, file) for file in source.files if file.name in used],
        "movies": _in_time(movies, movie, root),
        "signals": told,
        "time_stamps": _name(stamps, root) if stamps else None,
        "given": {key: value for key, value in given.items() if value not in (None, "")},
        "frames": len(movie),
        "rows": movie.shape[1],
        "columns": movie.shape[2],
        "dtype": str(movie.dtype),
        "pixel_size_um": movie.pixel_size,
        "top_left_um": movie.top_left,
        "timing": movie.timing.as_json(),
        "parts": [{"name": name, "first_frame": first, "frames": count} for name, first, count in movie.parts],
        "acquisition": movie.acquisition,
        "notes": [*movie.notes, *notes],
    }


def _name(path, root):
    return path.relative_to(root).as_posix()


def _in_time(movies, movie, root):
    """Names of the movie's files in the order of time."""
    order = [name for name, _, _ in movie.parts]
    return [_name(path, root) for path in sorted(movies, key=lambda path: order.index(path.name))]


def _file(root, file):
    return {"name": file.name, "bytes": file.bytes, "sha256": file.sha256 or files.digest(Path(root, file.name))}


def _opened(movies, stamps, given):
    given = {key: value for key, value in given.items() if value not in (None, "")}
    return series.read_series(
        movies, stamps, given.get("start"), given.get("rate"), given.get("pixel_size"), given.get("array")
    )


def movie(session):
    """The recording of a session as a `Movie`."""
    root = Path(session["root"])
    stamps = root / session["time_stamps"] if session["time_stamps"] else None
    return _opened(paths(session), stamps, session["given"]).changed(notes=tuple(session["notes"]))


@contextmanager
def named(session):
    """Errors about a recording begin with its path."""
    names, root = session["movies"], session["root"]
    try:
        yield
    except ValueError as error:
        if str(error).startswith(str(root)):
            raise
        raise ValueError(f"{Path(root, *(names if len(names) == 1 else ()))}: {error}") from error


def paths(session):
    """The files of its movie, in the order of time."""
    return [Path(session["root"], name) for name in session["movies"]]


def signals(session):
    """The `Signals` beside the movie."""
    return [series.read_signals(Path(session["root"], one["name"])) for one in session["signals"]]
