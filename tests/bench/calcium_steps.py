"""Cost of each step of engine native, and how it grows with the length of a movie.

    tests/bench/calcium_steps.py [--frames 1000 4000] [--size 512] [--space 2] [--folder FOLDER]

The recording is `sample:calcium`, whose first 1,000 frames come again and again; each step is a process of its own, as
in a job. Peaks are of resident memory, maps of files included. What is asked of 512 x 512 x 1000: 60 CPU seconds and 800
MB in all; of four times the frames: 1.15 times the memory and 4.2 times the CPU; of 256 x 256 x 20,000: 800 MB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts")]

from darkroom import inventory  # noqa: E402
from darkroom.calcium import plan  # noqa: E402
from darkroom.calcium.movie import Movie  # noqa: E402
from darkroom.calcium.readers import isxd  # noqa: E402
from darkroom.calcium.timing import Timing  # noqa: E402
from darkroom.samples import calcium  # noqa: E402

MADE = 1000  # frames; a longer recording has them again
STEP = """
import json, re, sys, time
from importlib import import_module
from pathlib import Path
sys.path.insert(0, sys.argv[1])
name, paths, options = sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
paths = {key: Path(path) if isinstance(path, str) else path for key, path in paths.items()}
begin = time.perf_counter()
getattr(import_module(name), name)(**paths, **options)
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
print(time.process_time(), time.perf_counter() - begin, peak)
"""
FILES = {
    "session": "session.json", "corrected": "corrected.h5", "motion": "motion.h5", "shifts": "motion.csv",
    "translations": "translations.csv", "crop_rect": "crop_rect.csv", "movie": "movie.h5",
    "projections": "projections.h5", "cells": "cells.h5", "events": "events.h5", "table": "cells.csv",
    "nwb": "session.nwb", "traces": "traces.csv", "event_table": "events.csv", "signals": "gpio.csv",
    "cell_set": "cells.isxd", "event_set": "events.isxd", "check": "calcium_check.json", "preview": "preview.png",
    "inventory": "inventory.json", "stages": plan.STAGES,
}  # fmt: skip


def steps(space, diameter):
    """Of each step in their order: its script, the files it is given, and its options."""
    motion = {
        "max_translation": 20, "low_bandpass_cutoff": "auto", "high_bandpass_cutoff": "auto", "roi": None,
        "cell_diameter": diameter, "reference_segment_index": 0, "reference_frame_index": None,
        "global_registration_weight": 1,
    }  # fmt: skip
    cells = {"cell_diameter": diameter, "min_corr": 0.6, "min_pnr": 7, "output_unit_type": "df_over_noise"}
    products = ("nwb", "cell_set", "event_set")
    return [
        ("calcium_import", ("inventory", "session"), {"dataset": "bench"}),
        ("calcium_correct", ("session", "corrected"), {"spatial_downsample_factor": space}),
        ("calcium_detect_motion", ("corrected", "motion", "shifts", "translations", "crop_rect"), {"options": motion}),
        ("calcium_correct_motion", ("corrected", "motion", "movie"), {}),
        ("calcium_project", ("movie", "projections"), {"cell_diameter": diameter}),
        ("calcium_detect_cells", ("movie", "motion", "cells"), {"options": cells}),
        ("calcium_detect_events", ("movie", "cells", "events"), {}),
        ("calcium_correct_cells", ("movie", "cells", "events", "table"), {}),
        ("calcium_convert", ("session", "stages", *products, "traces", "event_table", "signals"), {}),
        ("calcium_check", ("session", "stages", *products, "check"), {"cell_diameter": diameter}),
        ("calcium_plot", ("stages", "preview"), {"dataset": "bench"}),
    ]


def recorded(folder, frames, size):
    """Write a recording of so many frames as an acquisition box does, and take stock of it."""
    scene = calcium.synthesise(
        "calcium", rows=size, columns=size, frames=MADE, cells=round(60 * (size / 512) ** 2), lost=0
    )
    made = scene.read(0, MADE)
    timing = Timing(Fraction(1, 20), frames, calcium.START, calcium.ZONE)

    def read(first, count):
        return made[np.arange(first, first + count) % MADE]

    movie = Movie((frames, size, size), np.dtype("u2"), timing, read, (1.1, 1.1))
    isxd.write_movie(folder / "recording.isxd", movie)
    inventory.write(folder / "inventory.json", inventory.local(folder, ["recording.isxd"]))


def placed(folder, names):
    """Paths of a file, or of several, in a folder."""
    return str(folder / names) if isinstance(names, str) else [str(folder / name) for name in names]


def measured(folder, space, diameter):
    """Run all steps; CPU seconds, seconds and peak (MB) of each."""
    cost = {}
    for name, used, options in steps(space, diameter):
        paths = {key: placed(folder, FILES[key]) for key in used}
        command = [sys.executable, "-c", STEP, ROOT / "scripts", name, json.dumps(paths), json.dumps(options)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        cost[name] = tuple(map(float, said.split()[-3:]))
        print(f"  {name:<24} {cost[name][0]:7.1f} CPU s {cost[name][1]:7.1f} s {cost[name][2]:7.0f} MB", flush=True)
    return cost


def main():
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--frames", type=int, nargs="+", default=[1000, 4000])
    line.add_argument("--size", type=int, default=512, help="pixels of a side")
    line.add_argument("--space", type=int, default=2, help="spatial_downsample_factor")
    line.add_argument("--folder", help="where to work; 1 GB are needed for each 1,000 frames of 512 x 512")
    given = line.parse_args()
    first = None
    for frames in given.frames:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            recorded(Path(folder), frames, given.size)
            print(f"{given.size} x {given.size} x {frames}, spatial_downsample_factor {given.space}", flush=True)
            cost = measured(Path(folder), given.space, round(14 / given.space))
        cpu, peak = sum(one[0] for one in cost.values()), max(one[2] for one in cost.values())
        first = first or (cpu, peak)
        print(f"  all {cpu:.1f} CPU s ({cpu / first[0]:.2f} x), {peak:.0f} MB ({peak / first[1]:.2f} x)", flush=True)


if __name__ == "__main__":
    main()
