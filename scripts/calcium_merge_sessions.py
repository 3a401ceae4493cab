"""Match the cells of several sessions of one animal."""

from pathlib import Path

import matplotlib
import matplotlib.figure
import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium import longitudinal, results, tables
from darkroom.record import Record
from darkroom.record import write as write_record

EDGE = 0.5  # share of a footprint's peak at which its contour runs


def calcium_merge_sessions(
    cells: list,
    lists: list,
    projections: list,
    matches: Path,
    sessions: Path,
    preview: Path,
    names: list,
    min_correlation: float = 0.5,
):
    """Register the cell maps of sessions onto the first one, match cells, and give each a name of its own.

    cells, lists, projections -- of every session: what `calcium_detect_cells`, `calcium_correct_cells` and
        `calcium_project` made; rejected cells take no part
    matches -- CSV: a line for each cell of the animal, and what it is called in each session where it was found
    sessions -- JSON: the transform of each session to the first one (pixels y, x), how many cells were matched, notes
    preview -- PNG: contours of the cells on the field of their session
    names -- of the sessions, the reference first
    """
    rows = [tables.read_cells(Path(path)) for path in lists]
    kept = [[at for at, row in enumerate(one) if row["status"] != "rejected"] for one in rows]
    footprints = []
    for path, chosen in zip(cells, kept, strict=True):
        detected = results.load_cells(path)
        images = [detected.image(cell) for cell in chosen]
        footprints.append(np.stack(images) if images else np.empty((0, *detected.shape), np.float32))
    matched = longitudinal.match_sessions(footprints, min_correlation=min_correlation)
    own = [[row[at]["name"] for at in chosen] for row, chosen in zip(rows, kept, strict=True)]
    write_matches(matches, names, own, matched)
    draw(preview, names, projections, footprints, matched.names)
    total = sum(map(len, footprints))
    notes = [*matched.notes]
    if left_out := sum(map(len, rows)) - total:
        notes.append(f"{left_out} rejected cells took no part")
    seen_in = np.bincount(np.concatenate(matched.names).astype(int)) if total else np.zeros(0, int)
    figures = {
        "passed": True,
        "cells": len(seen_in),
        "in_several_sessions": int((seen_in > 1).sum()),
        "in_all_sessions": int((seen_in == len(names)).sum()),
        "cells_of_sessions": dict(zip(names, map(len, footprints), strict=True)),
    }
    transforms = [
        {"dataset": name, "to_first_yx": transform.tolist()}
        for name, transform in zip(names, matched.transforms, strict=True)
    ]
    software = files.versions("numpy", "scipy")
    said = Record(notes=notes, checks={"calcium_merge_sessions": figures}, software=software)
    write_record(sessions, said, {"sessions": transforms})


def write_matches(path, names, cells, matched):
    """A line for each global name, with the name of the cell in each session and its correlation with the first one."""
    places = [{int(name): at for at, name in enumerate(session)} for session in matched.names]
    count = max((max(place, default=-1) for place in places), default=-1) + 1
    digits = len(str(max(0, count - 1)))
    lines = []
    for cell in range(count):
        line = [f"G{cell:0{digits}}", sum(cell in place for place in places)]
        for place, own, correlations in zip(places, cells, matched.correlations, strict=True):
            line += [own[place[cell]], correlations[place[cell]]] if cell in place else ["", ""]
        lines.append(line)
    columns = [column for name in names for column in (name, f"{name}_correlation")]
    tables.write_rows(path, ("cell", "sessions", *columns), lines)


def draw(path, names, projections, footprints, numbers):
    """Contours of the cells of each session on its correlation image, one colour for one cell; grey for one alone."""
    width = len(names)
    figure = matplotlib.figure.Figure(
        figsize=(max(6, 4.5 * width), 5), dpi=100, layout="constrained", facecolor="white"
    )
    often = np.bincount(np.concatenate(numbers).astype(int)) if sum(map(len, numbers)) else np.zeros(0, int)
    colours = matplotlib.colormaps["hsv"](np.arange(len(often)) * 0.618 % 1)
    for place, (name, projection) in enumerate(zip(names, projections, strict=True)):
        picture = results.load_arrays(projection)[0]["correlation"]
        axes = figure.add_subplot(1, width, place + 1)
        low, high = np.percentile(picture, (1, 99.8))
        axes.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        for image, cell in zip(footprints[place], numbers[place], strict=True):
            colour = colours[cell] if often[cell] > 1 else "0.6"
            axes.contour(image, levels=[EDGE * image.max()], colors=[colour], linewidths=1)
        axes.set_title(f"{name}: {len(footprints[place])} cells", fontsize="medium")
        axes.set_axis_off()
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


if __name__ == "__main__":
    entrypoint.run(calcium_merge_sessions, globals().get("snakemake"))
