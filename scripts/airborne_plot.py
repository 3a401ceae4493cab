"""Draw the soundings, lidar curtains or swaths of a dataset, and a map of where they were made."""

from pathlib import Path

import matplotlib.figure
import numpy as np

from darkroom import entrypoint, files
from darkroom.airborne import pictures

SHOWN = 12  # granules that have a panel, evenly chosen; the map has more
MAPPED = 300


def airborne_plot(granules: Path, preview: Path):
    """Write the preview of a dataset.

    granules -- the list that `airborne_convert` made
    preview -- PNG: a panel for each of the first granules, and a map of the tracks
    """
    listed = [granule for granule in files.read_json(granules)["granules"] if granule["netcdf"]]
    paths = [granules.parent / granule["netcdf"] for granule in listed]
    chosen = some_of(len(paths), SHOWN)
    columns = 1 if len(chosen) <= 3 else 2 if len(chosen) <= 6 else 3
    rows = -(-len(chosen) // columns)
    size = (7.2 * columns + 4.8, max(4.4, 3.2 * rows))
    figure = matplotlib.figure.Figure(figsize=size, dpi=100, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=(*[3] * columns, 2))
    for place, number in enumerate(chosen):
        axes = figure.add_subplot(grid[place // columns, place % columns])
        pictures.draw_panel(paths[number], axes)
        axes.set_title(listed[number]["id"], fontsize="medium")
    map_axes = figure.add_subplot(grid[:, columns])
    pictures.draw_map([paths[number] for number in some_of(len(paths), MAPPED)], len(listed), map_axes)
    if len(chosen) < len(paths):
        map_axes.set_xlabel(f"{len(chosen)} of {len(paths)} are drawn, evenly chosen", fontsize="small")
    pictures.save(figure, preview)


def some_of(number, most):
    """Numbers of at most `most` things, evenly from the first to the last."""
    return np.unique(np.linspace(0, number - 1, min(number, most)).round().astype(int)).tolist()


if __name__ == "__main__":
    entrypoint.run(airborne_plot, globals().get("snakemake"))
