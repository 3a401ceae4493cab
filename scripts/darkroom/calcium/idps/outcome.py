"""What IDPS has made of a recording, as the stages of our own engine, so that all that comes after is the same."""

import re

import numpy as np
from scipy import sparse

from darkroom.calcium.cells import Cells, noise_level, pieces
from darkroom.calcium.readers import isxd, series
from darkroom.calcium.registration import Motion

UNITS = {"dF over noise": "df_over_noise", "dF": "df"}  # IDPS's words for the unit of traces


def movie(folder, names, session, options):
    """The registered movie, all its parts as one.

    folder, names -- where the outputs are, and what outputs.json says of them
    session -- of the recording, with what was told of it; options -- that changed rate and size of pixels
    """
    given = session["given"]
    rate, pixel = given.get("rate"), given.get("pixel_size")
    made = series.read_series(
        [folder / name for name in names["movies"]],
        start=given.get("start"),
        rate=rate and rate / options["temporal_downsample_factor"],
        pixel_size=None if pixel is None else (np.array(pixel) * options["spatial_downsample_factor"]).tolist(),
    )
    parts = zip(session["parts"], made.parts, strict=True)
    named = tuple((told["name"], first, count) for told, (_, first, count) in parts)
    return made.changed(parts=named, acquisition=session["acquisition"], notes=(*session["notes"], *made.notes))


def motion(folder, names, movie):
    """The `Motion` of a registered movie, and the rectangle (top, left, bottom, right) that all frames show.

    IDPS says neither how well a frame lies nor which ones were out of reach. Raises ValueError when the shifts are not
    those of the frames.
    """
    shifts, notes = np.zeros((len(movie), 2)), []
    if not names.get("translations"):
        notes.append("the adapter does not tell by how much the frames were moved")
    for name, source, (_, first, count) in zip(
        names.get("translations", []), names["movies"], movie.parts, strict=False
    ):
        moved = np.loadtxt(folder / name, delimiter=",", skiprows=1, ndmin=2)[:, 1::-1]  # x, y -> y, x
        timing = isxd.read_movie(folder / source).timing
        if len(moved) == timing.samples:
            moved = moved[timing.valid]
        if len(moved) != count:
            raise ValueError(f"{folder / name}: has {len(moved)} shifts, its movie has {count} frames")
        shifts[first : first + count] = moved
    rectangle = (0, 0, movie.shape[1] - 1, movie.shape[2] - 1)
    if "crop_rect" in names:
        left, top, width, height = map(int, re.findall(r"-?\d+", (folder / names["crop_rect"]).read_text())[-4:])
        rectangle = (top, left, top + height - 1, left + width - 1)
    nothing = np.full(len(movie), np.nan)
    _, some = movie.sampled(100)
    movement = Motion(shifts, nothing, np.zeros(len(movie), bool), some.mean(0, dtype=np.float32), tuple(notes))
    return movement, rectangle


def projections(folder, names):
    """The pictures that IDPS has made: name -> float32 (rows, columns)."""
    made = names.get("projections", {})
    return {name: isxd.read_image(folder / path).astype(np.float32) for name, path in made.items()}


def cells(folder, names, movie, mean):
    """The `Cells`, their traces at the frames of the movie; `mean` (rows, columns) tells their baseline.

    IDPS gives one trace for each cell: where it is in multiples of the noise, counts and so the baseline are unknown.
    """
    sets = [isxd.read_cell_set(folder / name) for name in names["cells"]]
    valid = [isxd.read_movie(folder / name).timing.valid for name in names["movies"]]
    traces = np.concatenate([one.traces[:, at] for one, at in zip(sets, valid, strict=True)], axis=1)
    images = np.nan_to_num(sets[0].images).reshape(len(sets[0].images), -1)
    peaks = images.max(1, initial=0)[:, None]
    footprints = np.divide(images, peaks, out=np.zeros_like(images), where=peaks > 0)
    unit, notes = UNITS.get(sets[0].units, "df"), []
    if sets[0].units not in UNITS:
        notes.append(f"the unit of the traces is {sets[0].units or 'not told'}; they are taken for counts")
    if lost := int(np.isnan(traces).any(1).sum()):
        notes.append(f"{lost} traces have gaps, which are 0")
    traces = np.nan_to_num(traces).astype(np.float32)
    weights = np.maximum(footprints, 0)
    baseline = (weights @ np.nan_to_num(mean).ravel()) / np.maximum(weights.sum(1), 1e-12)
    if unit != "df":
        notes.append("traces are in multiples of the noise, so the baseline in counts and dF/F are not known")
        baseline = np.full(len(traces), np.nan)
    return Cells(
        footprints=sparse.csr_array(footprints, dtype=np.float32),
        shape=movie.shape[1:],
        traces=traces,
        raw=traces,
        noise=noise_level(traces).astype(np.float32),
        baseline=baseline.astype(np.float32),
        unit=unit,
        components=np.array([pieces(one.reshape(movie.shape[1:])) for one in footprints], int),
        notes=tuple(notes),
    )


def events(folder, names, movie):
    """(seconds after the first sample of the movie, heights) of the events of every cell."""
    cells = isxd.read_cell_set(folder / names["cells"][0]).names
    by_cell = {cell: [] for cell in cells}
    for name, source, (_, first, _) in zip(names["events"], names["movies"], movie.parts, strict=True):
        begin = movie.timing.times[first] - isxd.read_movie(folder / source).timing.times[0]
        for cell, (offsets, heights) in isxd.read_signals(folder / name).channels.items():
            if cell not in by_cell:
                raise ValueError(f"{folder / name}: has events of {cell}, which is no cell of {names['cells'][0]}")
            by_cell[cell].append((begin + offsets / 1e6, heights))
    nothing = (np.empty(0), np.empty(0, np.float32))
    return [tuple(map(np.concatenate, zip(*pairs, strict=True))) if pairs else nothing for pairs in by_cell.values()]
