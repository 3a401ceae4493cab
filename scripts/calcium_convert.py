"""Bring what was found to the formats that others read: NWB, CSV, .isxd."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.calcium import nwb as sessions_nwb
from darkroom.calcium import products, tables
from darkroom.calcium import session as sessions
from darkroom.calcium.analysis import Analysis

# Columns of session.nwb, and those of cells.csv that they are
OF_CELLS = {"name": "name", "status": "status", "snr": "snr", "event_rate": "event_rate_hz", "size": "size_px"}


def calcium_convert(
    session: Path,
    stages: list,
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

    session -- what `calcium_import` made; stages -- `plan.STAGES`, what the steps before made
    nwb, traces, event_table, signals, cell_set, event_set -- to write
    method -- by which the cells were found; said -- the `nwb` options

    Raises ValueError when `nwb.strict` is asked for and something is not said that DANDI would miss.
    """
    described, made, said = files.read_json(session), Analysis(stages), said or {}
    missing = sessions_nwb.lacking(said)
    if said.get("strict") and missing:
        raise ValueError(
            f"nwb.strict: DANDI would miss {', '.join(missing)}; give them in the options `nwb` of the row"
        )
    names, beside = made.column("name"), sessions.signals(described)
    tables.write_traces(traces, made.movie.timing, names, made.cells.traces, made.cells.unit)
    tables.write_events(event_table, names, made.events, made.cells.unit)
    tables.write_signals(signals, beside, made.movie.timing)
    columns = {name: made.column(name) for name in tables.CELL_COLUMNS}
    products.write_cell_set(cell_set, made.movie, made.cells, columns, method)
    products.write_event_set(event_set, made.movie, columns, made.events)
    about_cells = {name: columns[column] for name, column in OF_CELLS.items()}
    about_cells["components"] = [int(value) for value in columns["components"]]
    sessions_nwb.write(
        nwb,
        described,
        made.movie,
        made.cells,
        about_cells,
        made.events,
        made.fitted,
        made.motion["shifts"],
        made.pictures,
        beside,
        said,
        made.notes,
    )


if __name__ == "__main__":
    entrypoint.run(calcium_convert, globals().get("snakemake"))
