"""Bring what was found to the formats that others read: NWB, CSV, .isxd, and on request TIFF and MP4."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.calcium import nwb as sessions_nwb
from darkroom.calcium import products, results, store, tables
from darkroom.calcium import session as sessions

MOVIES = {"tiff": "movie.tif", "mp4": "movie.mp4"}


def calcium_convert(
    session: Path,
    movie: Path,
    motion: Path,
    projections: Path,
    cells: Path,
    events: Path,
    table: Path,
    nwb: Path,
    traces: Path,
    event_table: Path,
    signals: Path,
    *,
    method: str = "cnmfe",
    said: dict | None = None,
    movies: list = (),
):
    """Write session.nwb, traces.csv, events.csv, gpio.csv, cells.isxd, events.isxd, and the movies that are asked for.

    session, movie, motion, projections, cells, events, table -- what the steps before made
    nwb, traces, event_table, signals -- to write; .isxd files and movies lie beside them, of a series one for each part
    method -- by which the cells were found; said -- the `nwb` options; movies -- of isxd, tiff, mp4

    Raises ValueError when `nwb.strict` is asked for and something is not said that DANDI would miss.
    """
    described, opened, found = files.read_json(session), store.open_movie(movie), results.load_cells(cells)
    detected, said = results.load_events(events), said or {}
    missing = sessions_nwb.lacking(said)
    if said.get("strict") and missing:
        raise ValueError(
            f"nwb.strict: DANDI would miss {', '.join(missing)}; give them in the options `nwb` of the row"
        )
    rows = tables.read_cells(table)
    columns = {name: [row[name] for row in rows] for name in tables.CELL_COLUMNS}
    beside = sessions.signals(described)
    tables.write_traces(traces, opened.timing, columns["name"], found.traces, found.unit)
    tables.write_events(event_table, columns["name"], detected, found.unit)
    tables.write_signals(signals, beside, opened.timing)
    folder = nwb.parent
    for ending, first, count in products.parts(opened):
        products.write_cell_set(folder / f"cells{ending}.isxd", opened, found, columns, first, count, method)
        products.write_event_set(folder / f"events{ending}.isxd", opened, columns, detected, first, count)
        if "isxd" in movies:
            products.write_movie(folder / f"movie{ending}.isxd", opened, first, count)
    if "tiff" in movies:
        products.write_tiff(folder / MOVIES["tiff"], opened)
    if "mp4" in movies:
        products.write_mp4(folder / MOVIES["mp4"], opened)
    pictures, _ = results.load_arrays(projections)
    shifts = results.load_arrays(motion)[0]["shifts"]
    known = {
        "name": columns["name"],
        "status": columns["status"],
        "snr": columns["snr"],
        "event_rate": columns["event_rate_hz"],
        "size": columns["size_px"],
        "components": [int(value) for value in columns["components"]],
    }
    notes = [*opened.notes, *found.notes, *([] if len(found) else ["no cell was found"])]
    sessions_nwb.write(nwb, described, opened, found, known, detected, shifts, pictures, beside, said, notes)


if __name__ == "__main__":
    entrypoint.run(calcium_convert, globals().get("snakemake"))
