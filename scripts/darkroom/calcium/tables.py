"""The tables of a session as CSV: a line for each frame, cell, event or change; units stand in the names of columns."""

import csv

import numpy as np

from darkroom import files

DIGITS = 6  # of what is measured


def write_rows(path, columns, rows):
    """Write a table; floats are rounded to what they are worth, NaN is an empty cell."""
    with files.replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value):
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{float(value):.{DIGITS}g}"
    return value


def seconds(time):
    """A time as text: to the microsecond, however late in a recording."""
    return f"{time:.6f}"


def write_motion(path, timing, motion):
    """Shifts in pixels that lay each frame on the reference, as IDPS calls them; x is to the right, y downwards."""
    columns = ("frame", "sample", "time_s", "translationX_px", "translationY_px", "correlation", "out_of_reach")
    rows = zip(
        range(len(timing.times)),
        timing.valid.tolist(),
        map(seconds, timing.times),
        motion.shifts[:, 1],
        motion.shifts[:, 0],
        motion.quality,
        map(int, motion.clamped),
        strict=True,
    )
    write_rows(path, columns, rows)


CELL_COLUMNS = (
    "name",
    "status",
    "centroid_x_px",
    "centroid_y_px",
    "centroid_x_um",
    "centroid_y_um",
    "size_px",
    "area_px",
    "snr",
    "event_rate_hz",
    "events",
    "components",
    "baseline_counts",
    "noise_counts",
    "touches_border",
)


def write_cells(path, rows):
    """A line for each cell: dicts by `CELL_COLUMNS`."""
    write_rows(path, CELL_COLUMNS, ([row[column] for column in CELL_COLUMNS] for row in rows))


def read_cells(path):
    """The lines of `write_cells`, numbers as such."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text):
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return text


def write_traces(path, timing, names, traces, unit):
    """A line for each frame: its time, and the value of each cell in the unit that the names of columns end in."""
    columns = ("time_s", *(f"{name}_{unit}" for name in names))
    write_rows(path, columns, ((seconds(time), *values) for time, values in zip(timing.times, traces.T, strict=True)))


def write_events(path, names, events, unit):
    """A line for each event in the order of time."""
    rows = sorted(
        (float(time), cell, float(size))
        for cell, (times, sizes) in enumerate(events)
        for time, size in zip(times, sizes, strict=True)
    )
    lines = ((seconds(time), names[cell], size) for time, cell, size in rows)
    write_rows(path, ("time_s", "cell", f"amplitude_{unit}"), lines)


def write_signals(path, signals, timing):
    """A line for each value of each channel of `signals`, by time after the first sample of the movie."""
    rows = []
    for one in signals:
        late = float(one.start - timing.start) if one.start and timing.start else 0.0
        rows += [
            (time + late, one.kind, channel, value, one.units.get(channel, "")) for time, channel, value in one.rows()
        ]
    rows.sort(key=lambda row: row[:3])
    write_rows(path, ("time_s", "kind", "channel", "value", "unit"), ((seconds(row[0]), *row[1:]) for row in rows))
