"""Read the products back with other readers, and write what was found of them."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium import judge
from darkroom.calcium import nwb as sessions_nwb
from darkroom.calcium.analysis import Analysis
from darkroom.record import Record
from darkroom.record import write as write_record


def calcium_check(
    session: Path,
    stages: list,
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

    session -- what `calcium_import` made; stages -- `plan.STAGES`, what the steps before made
    nwb, cell_set, event_set -- what `calcium_convert` wrote
    check -- JSON: notes, figures, what DANDI would miss

    Raises ValueError for a product that differs from what was found.
    """
    made = Analysis(stages)
    statuses = made.column("status")
    wrong = [f"{nwb.name}: {text}" for text in judge.nwb_differences(nwb, made.movie, made.cells, made.events)]
    wrong += judge.isxd_differences(cell_set, event_set, made.cells, made.events, statuses)
    if wrong:
        raise ValueError("; ".join(wrong))
    residual = judge.residual_motion(made.movie, made.pictures["mean"], cell_diameter)
    missing = sessions_nwb.lacking(said or {})
    inspected = judge.inspected(nwb)
    notes = made.notes
    if residual is None:
        notes.append(f"{made.movie.shape[1:]} pixels are in every frame, too few to judge whether they lie still")
    elif residual[0] > judge.STILL:
        notes.append(f"after registration frames are off by {residual[0]:.2f} pixels (median)")
    notes += [f"DANDI would miss in nwb: {', '.join(missing)}"] if missing else []
    notes += [f"nwbinspector: {text}" for text in (inspected or ((), ()))[0]]
    figures = {
        "passed": True,
        "frames": len(made.movie),
        "cells": len(made.cells),
        **{status: statuses.count(status) for status in ("accepted", "undecided", "rejected")},
        "events": sum(len(times) for times, _ in made.events),
        "largest_shift_px": float(np.abs(made.motion["shifts"]).max()),
        "frames_out_of_reach": int(made.motion["clamped"].sum()),
        "residual_shift_px": dict(zip(("median", "largest"), residual or (None, None), strict=True)),
        "median_snr": float(np.median(made.column("snr"))) if statuses else None,
        "nwbinspector": None if inspected is None else {"findings": len(inspected[0]), "exceptions": inspected[1]},
        "dandi_misses": missing,
    }
    told = files.read_json(session)["notes"]
    record = Record(
        engine=engine,
        notes=[note for note in dict.fromkeys(notes) if note not in told],
        skipped=[] if inspected is not None else ["nwbinspector, which is not installed"],
        checks={"calcium_check": figures},
        software=files.versions("pynwb", "hdmf", "numba"),
    )
    write_record(check, record)


if __name__ == "__main__":
    entrypoint.run(calcium_check, globals().get("snakemake"))
