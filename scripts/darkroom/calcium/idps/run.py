"""Drive IDPS by an adapter, in a process of its own: what it makes is taken over when all of it is there and whole."""

import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from darkroom import files
from darkroom.calcium.idps import adapter as ours
from darkroom.calcium.idps import child, diagnostics
from darkroom.calcium.readers import isxd

logger = logging.getLogger(__name__)

OURS = Path(ours.__file__)
LEFT = (
    ".work.*",
    "movie*.isxd",
    "translations*.csv",
    "crop_rect.csv",
    "projections",
    "cells*.isxd",
    "events*.isxd",
    "metrics.csv",
)
PROJECTIONS = ("mean", "max", "min", "std")
NEEDED = {"movies": isxd.read_movie, "cells": isxd.read_cell_set, "events": isxd.read_signals}


def run(installation, recordings, folder, options, adapter=None, python=None, threads=1):
    """Analyse a recording into a folder that is `clear`: outputs.json, written last, names what is there.

    found -- the `Installation`
    recordings -- its .isxd files in the order of time
    folder -- for movie.isxd, translations.csv, crop_rect.csv, projections/*.isxd, cells.isxd, events.isxd, metrics.csv;
        of a recording in several files each has its own, with a number: movie-000.isxd
    options -- for the adapter
    adapter -- a script in place of adapter.py, which says what it is given and has to do
    python -- the Python that runs it, or None for ours

    Returns the names of the outputs below `folder`. Raises ValueError when an input is none or an output is not right,
    ChildProcessError when the adapter fails; what is found of the installation then is a note of the error.
    """
    folder = Path(folder).resolve()
    recordings = [Path(path).resolve() for path in recordings]
    script = Path(adapter or OURS).resolve()
    if not script.is_file():
        raise ValueError(f"calcium.adapter: {script} is not there")
    if other := [str(path) for path in recordings if path.suffix.lower() != ".isxd"]:
        raise ValueError(f"{', '.join(other)}: IDPS takes .isxd; choose engine: native in the config")
    names = output_names(len(recordings))
    before = [_state(path) for path in recordings]
    with tempfile.TemporaryDirectory(prefix=".work.", dir=folder) as work, diagnostics.explaining(installation.folder):
        made = Path(work, "made")
        (made / "projections").mkdir(parents=True)
        request = {
            "recordings": [str(path) for path in recordings],
            "outputs": placed(names, made),
            "options": options,
            "threads": threads,
            "work": work,
        }
        Path(work, "request.json").write_text(json.dumps(request))
        command = [python or sys.executable, script, Path(work, "request.json")]
        ended = child.run(command, installation.environment(work), work)
        if ended.how:
            words = next((line for line in reversed(ended.lines) if line), "none")
            raise ChildProcessError(f"{script.name} {ended.how}; its last words: {words}")
        if changed := [path for path, state in zip(recordings, before, strict=True) if _state(path) != state]:
            raise ValueError(f"{script.name} has changed its input: {', '.join(map(str, changed))}")
        check(script, names, made)
        names = _take_over(names, made, folder) | {"notes": list(ended.notes)}
    files.write_json(folder / "outputs.json", names)
    return names


def output_names(count):
    """Names of what an adapter makes of a recording in so many files."""

    def each(name, suffix="isxd"):
        return [f"{name}.{suffix}"] if count == 1 else [f"{name}-{number:03}.{suffix}" for number in range(count)]

    return {
        "movies": each("movie"),
        "translations": each("translations", "csv"),
        "crop_rect": "crop_rect.csv",
        "projections": {name: f"projections/{name}.isxd" for name in PROJECTIONS},
        "cells": each("cells"),
        "events": each("events"),
        "metrics": "metrics.csv",
    }


def placed(names, folder):
    """The same with the names as paths in a folder."""
    if isinstance(names, dict):
        return {key: placed(value, folder) for key, value in names.items()}
    return [placed(name, folder) for name in names] if isinstance(names, list) else str(folder / names)


def clear(folder):
    """Remove what an earlier run has left, its index first."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (path for name in ("outputs.json", *LEFT) for path in folder.glob(name)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def check(script, names, folder):
    """Raise ValueError when a movie, cell set or event set is missing, cut, or does not belong to the others."""
    made = {}
    for kind, read in NEEDED.items():
        for name in names[kind]:
            if not (folder / name).exists():
                raise ValueError(f"{script.name} ended well, and has not written {name}")
            made.setdefault(kind, []).append(read(folder / name))
    for name, movie, cells in zip(names["cells"], made["movies"], made["cells"], strict=True):
        size, size_of_movie = (cells.timing.samples, *cells.images.shape[1:]), (movie.timing.samples, *movie.shape[1:])
        if size != size_of_movie:
            raise ValueError(
                f"{script.name}: {name} has {size} samples, rows and columns; its movie has {size_of_movie}"
            )


def _take_over(names, made, folder):
    """Move what has been made to where it stays; returns the names of what is there (an adapter may leave some out)."""
    if isinstance(names, dict):
        kept = {key: _take_over(value, made, folder) for key, value in names.items()}
        return {key: value for key, value in kept.items() if value}
    if isinstance(names, list):
        return [name for name in names if _take_over(name, made, folder)]
    if not (made / names).exists():
        return ""
    (folder / names).parent.mkdir(exist_ok=True)
    (made / names).replace(folder / names)
    return names


def _state(path):
    state = path.stat()
    return state.st_size, state.st_mtime_ns
