"""Read the products back with other readers, and write what was found of them."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium import judge, results, store, tables
from darkroom.calcium import nwb as sessions_nwb
from darkroom.record import Record
from darkroom.record import write as write_record


def calcium_check(
    session: Path,
    movie: Path,
    motion: Path,
    projections: Path,
    cells: Path,
    events: Path,
    table: Path,
    nwb: Path,
    cell_set: Path,
    event_set: Path,
    check: Path,
    *,
    engine: str = "native",
    cell_diameter: float = 7,
    said: dict | None = None,
):
    """Compare session.nwb and the .isxd files with what was found, align some registered frames anew, list the notes.

    session, movie, motion, projections, cells, events, table -- what the steps before made
    nwb, cell_set, event_set -- what `calcium_convert` wrote
    check -- JSON: notes, figures, what DANDI would miss

    Raises ValueError for a product that differs from what was found.
    """
    opened, found, detected = store.open_movie(movie), results.load_cells(cells), results.load_events(events)
    rows = tables.read_cells(table)
    wrong = [f"{nwb.name}: {text}" for text in judge.nwb_differences(nwb, opened, found, detected)]
    wrong += judge.isxd_differences(cell_set, event_set, found, detected, [row["status"] for row in rows])
    if wrong:
        raise ValueError("; ".join(wrong))
    arrays, _ = results.load_arrays(motion)
    pictures, _ = results.load_arrays(projections)
    residual = judge.residual_motion(opened, pictures["mean"], cell_diameter)
    statuses = [row["status"] for row in rows]
    missing = sessions_nwb.lacking(said or {})
    inspected = judge.inspected(nwb)
    notes = [*opened.notes, *found.notes]
    notes += [] if len(found) else ["no cell was found"]
    if residual is None:
        notes.append(f"{opened.shape[1:]} pixels are in every frame, too few to judge whether they lie still")
    elif residual[0] > judge.STILL:
        notes.append(f"after registration frames are off by {residual[0]:.2f} pixels (median)")
    notes += [f"DANDI would miss in nwb: {', '.join(missing)}"] if missing else []
    notes += [f"nwbinspector: {text}" for text in (inspected or ((), ()))[0]]
    figures = {
        "passed": True,
        "frames": len(opened),
        "cells": len(found),
        **{status: statuses.count(status) for status in ("accepted", "undecided", "rejected")},
        "events": sum(len(times) for times, _ in detected),
        "largest_shift_px": float(np.abs(arrays["shifts"]).max()),
        "frames_out_of_reach": int(arrays["clamped"].sum()),
        "residual_shift_px": dict(zip(("median", "largest"), residual or (None, None), strict=True)),
        "median_snr": float(np.median([row["snr"] for row in rows])) if rows else None,
        "nwbinspector": None if inspected is None else {"findings": len(inspected[0]), "exceptions": inspected[1]},
        "dandi_misses": missing,
    }
    known = files.read_json(session)["notes"]
    made = Record(
        engine=engine,
        notes=[note for note in dict.fromkeys(notes) if note not in known],
        skipped=[] if inspected is not None else ["nwbinspector, which is not installed"],
        checks={"calcium_check": figures},
        software=files.versions("pynwb", "hdmf", "numba"),
    )
    write_record(check, made)


if __name__ == "__main__":
    entrypoint.run(calcium_check, globals().get("snakemake"))
