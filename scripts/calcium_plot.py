"""Draw a session: its cells on the correlation image, their traces and events, its motion."""

from pathlib import Path

import matplotlib.figure
import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium.analysis import Analysis

TRACES = 20  # cells whose traces are drawn, the clearest first
POINTS = 3000  # of a trace
COLOURS = {"accepted": "tab:green", "undecided": "tab:orange", "rejected": "tab:red"}
BARS = (500, 200, 100, 50, 20, 10, 5)  # micrometres
EDGE = 0.5  # share of a footprint's peak at which its contour runs


def calcium_plot(stages: list, preview: Path, dataset: str):
    """Write the preview of a session.

    stages -- `plan.STAGES`, what the steps before made
    preview -- PNG: contours of the cells on the local correlation, traces with events, shifts
    """
    made = Analysis(stages)
    times, cells, rows = made.movie.timing.times, made.cells, made.table
    figure = matplotlib.figure.Figure(figsize=(14, 8), dpi=100, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1), height_ratios=(5, 1))
    draw_cells(figure.add_subplot(grid[:, 0]), made.pictures["correlation"], cells, rows, made.movie.pixel_size)
    upper = figure.add_subplot(grid[0, 1])
    draw_traces(upper, times, cells, made.events, rows)
    draw_shifts(figure.add_subplot(grid[1, 1], sharex=upper), times, made.motion["shifts"])
    figure.suptitle(f"{dataset}: {len(cells)} cells, {sum(len(one) for one, _ in made.events)} events")
    with files.replacing(preview) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def draw_cells(axes, picture, cells, rows, pixel_size):
    """Contours by status, the names of the clearest, and a bar of so many micrometres."""
    low, high = np.percentile(picture, (1, 99.8))
    axes.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
    for image, row in zip(cells.images(), rows, strict=True):
        axes.contour(image, levels=[EDGE * image.max()], colors=COLOURS[row["status"]], linewidths=0.8)
    for cell in clearest(rows):
        axes.text(rows[cell]["centroid_x_px"], rows[cell]["centroid_y_px"], rows[cell]["name"], color="w", fontsize=7)
    for status in dict.fromkeys(row["status"] for row in rows):
        axes.plot([], [], color=COLOURS[status], label=status)
    if rows:
        axes.legend(loc="upper right", fontsize="small")
    if pixel_size:
        width = picture.shape[1] * pixel_size[1]
        shown = next((one for one in BARS if one <= width / 4), BARS[-1])
        length = shown / pixel_size[1]
        bottom, right = 0.96 * picture.shape[0], 0.96 * picture.shape[1]
        axes.plot([right - length, right], [bottom, bottom], color="w", linewidth=3)
        axes.text(right - length / 2, bottom - 2, f"{shown} µm", color="w", ha="center", va="bottom", fontsize=8)
    axes.set(title="cells on the local correlation", xlabel="x (px)", ylabel="y (px)")


def clearest(rows):
    """Numbers of the cells that are drawn, those of the highest SNR, in the order of their names."""
    snr = np.nan_to_num([row["snr"] for row in rows])
    return sorted(np.argsort(-snr, kind="stable")[:TRACES].tolist())


def draw_traces(axes, times, cells, events, rows):
    """Traces above each other, with a mark where an event was found; gaps stay open."""
    shown = clearest(rows)
    step = max(1, len(times) // POINTS)
    height = np.percentile([np.ptp(cells.traces[cell]) for cell in shown], 75) if shown else 1
    for place, cell in enumerate(shown):
        base = -place * height
        axes.plot(*_open(times[::step], cells.traces[cell, ::step] + base), linewidth=0.6)
        marks = events[cell][0]
        axes.plot(marks, np.full(len(marks), base - 0.15 * height), "|", color="k", markersize=3)
    axes.set_yticks(
        [-place * height for place in range(len(shown))], [rows[cell]["name"] for cell in shown], fontsize=7
    )
    axes.set(title=f"traces ({cells.unit.replace('_', ' ')}) and events", xlabel="")
    axes.tick_params(labelbottom=False)


def draw_shifts(axes, times, shifts):
    """Motion along x and y."""
    for label, values in (("x", shifts[:, 1]), ("y", shifts[:, 0])):
        axes.plot(*_open(times, values), linewidth=0.6, label=label)
    axes.set(xlabel="time (s)", ylabel="shift (px)")
    axes.legend(loc="upper right", fontsize="small", ncols=2)


def _open(times, values):
    """Times and values with a break wherever a gap is much longer than a step."""
    steps = np.diff(times)
    breaks = np.flatnonzero(steps > 5 * np.median(steps)) + 1 if len(steps) else []
    return np.insert(times, breaks, np.nan), np.insert(values.astype(float), breaks, np.nan)


if __name__ == "__main__":
    entrypoint.run(calcium_plot, globals().get("snakemake"))
