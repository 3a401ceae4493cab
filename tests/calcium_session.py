"""A recording through all steps of engine native in this process, as the rules call them, without Snakemake."""

from importlib import import_module

from darkroom import files, inventory, schema
from darkroom.calcium import plan


class Row:
    """A row of the sheet with the options it has by default, but for some."""

    def __init__(self, options):
        rules = schema.load("config")["properties"]["calcium"]
        self.options = schema.completed(options, rules)


def analysed(folder, raw, **options):
    """Make of a file or folder all that a campaign makes of it, in `folder`; what `calcium_check` has found."""
    row = Row(options)
    folder.mkdir()

    def placed(*names):
        return [folder / name for name in names]

    def step(name, paths, *of_row, **named):
        given = {key: row.options[key] for key in of_row if row.options.get(key) is not None}
        getattr(import_module(name), name)(*paths, **given, **named)

    names = sorted(path.name for path in raw.iterdir()) if raw.is_dir() else [raw.name]
    inventory.write(folder / "inventory.json", inventory.local(raw if raw.is_dir() else raw.parent, names))
    stages = placed(*plan.STAGES)
    corrected = ("temporal_downsample_factor", "spatial_downsample_factor", "crop_rect", "fix_defective_pixels")
    sets = ("session.nwb", "cells.isxd", "events.isxd")
    step("calcium_import", placed("inventory.json", "session.json"), "start", "rate", "array", dataset="one")
    step("calcium_correct", placed("session.json", "corrected.h5"), *corrected)
    motion = placed("corrected.h5", "motion.h5", "motion.csv", "translations.csv", "crop_rect.csv")
    step("calcium_detect_motion", motion, options=plan.motion_options(row))
    step("calcium_correct_motion", placed("corrected.h5", "motion.h5", "movie.h5"), "preserve_input_dimensions")
    step("calcium_project", placed("movie.h5", "projections.h5"), "cell_diameter")
    found = {"options": plan.cell_options(row), "motion": folder / "motion.h5" if plan.motion_of_cells(row) else None}
    step("calcium_detect_cells", placed("movie.h5", "cells.h5"), "method", rois=plan.given_cells(row), **found)
    step("calcium_detect_events", placed("movie.h5", "cells.h5", "events.h5"), "threshold", "tau", "noise_range")
    step("calcium_correct_cells", placed("movie.h5", "cells.h5", "events.h5", "cells.csv"), "filters")
    tables = placed("session.nwb", "traces.csv", "events.csv", "gpio.csv", "cells.isxd", "events.isxd")
    step("calcium_convert", [folder / "session.json", stages, *tables], "method", said=row.options["nwb"])
    step("calcium_check", [folder / "session.json", stages, *placed(*sets, "check.json")], "cell_diameter")
    step("calcium_plot", [stages, folder / "preview.png"], dataset="one")
    return files.read_json(folder / "check.json")
