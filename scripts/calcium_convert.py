"""Bring what was found to the formats that others read: NWB, CSV, .isxd."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.calcium import nwb as sessions_nwb
from darkroom.calcium import products, results, store, tables
from darkroom.calcium import session as sessions


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
    cell_set: Path,
    event_set: Path,
    *,
    method: str = "cnmfe",
    said: dict | None = None,
):
    """Write session.nwb, traces.csv, events.csv, gpio.csv, cells.isxd and events.isxd.

    session, movie, motion, projections, cells, events, table -- what the steps before made
    nwb, traces, event_table, signals, cell_set, event_set -- to write
    method -- by which the cells were found; said -- the `nwb` options

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
    products.write_cell_set(cell_set, opened, found, columns, method)
    products.write_event_set(event_set, opened, columns, detected)
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
    sessions_nwb.write(
        nwb,
        described,
        opened,
        found,
        known,
        detected,
        results.load_arrays(events)[0],
        shifts,
        pictures,
        beside,
        said,
        notes,
    )


if __name__ == "__main__":
    entrypoint.run(calcium_convert, globals().get("snakemake"))
