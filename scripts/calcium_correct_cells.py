"""Measure cells, and accept or reject them."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint
from darkroom.calcium import metrics, results, store, tables


def calcium_correct_cells(movie: Path, cells: Path, events: Path, table: Path, *, filters: list = ()):
    """Write a line for each cell: where it is, how large, how clear and how active, and whether it passes the filters.

    movie, cells, events -- what the steps before made
    table -- CSV (see `tables.CELL_COLUMNS`)
    filters -- such as [SNR, ">", 3], of SNR, Event Rate, Cell Size, # Comps; without any, all cells are undecided
    """
    opened, detected, timed = store.open_movie(movie), results.load_cells(cells), results.load_events(events)
    columns = metrics.cell_metrics(detected, timed, opened.timing, opened.pixel_size)
    statuses = metrics.judged(columns, [tuple(one) for one in filters])
    height, width = opened.pixel_size or (np.nan, np.nan)
    (top, left), digits = opened.top_left, len(str(max(0, len(detected) - 1)))
    tables.write_cells(
        table,
        [
            {
                "name": f"C{cell:0{digits}}",
                "status": statuses[cell],
                "centroid_x_px": columns["centroid_x"][cell],
                "centroid_y_px": columns["centroid_y"][cell],
                "centroid_x_um": left + width * columns["centroid_x"][cell],
                "centroid_y_um": top + height * columns["centroid_y"][cell],
                "size_px": columns["size"][cell],
                "area_px": int(columns["area"][cell]),
                "snr": columns["snr"][cell],
                "event_rate_hz": columns["event_rate"][cell],
                "events": len(timed[cell][0]),
                "components": int(columns["components"][cell]),
                "baseline_counts": detected.baseline[cell],
                "noise_counts": detected.noise[cell],
                "touches_border": int(columns["touches_border"][cell]),
            }
            for cell in range(len(detected))
        ],
    )


if __name__ == "__main__":
    entrypoint.run(calcium_correct_cells, globals().get("snakemake"))
