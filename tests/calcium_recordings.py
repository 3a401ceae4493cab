"""Small recordings of a made-up brain, as tests of calcium campaigns need them."""

from fractions import Fraction

import numpy as np

from darkroom.calcium.movie import Movie
from darkroom.calcium.readers import isxd
from darkroom.calcium.timing import Timing
from darkroom.samples import calcium

OPTIONS = {"cell_diameter": 8, "min_corr": 0.6, "min_pnr": 7}
START = 1_700_000_000


def made(seed=1, frames=200, **changed):
    """A recording of some cells, 88 x 96 pixels."""
    scene = {"rows": 88, "columns": 96, "cells": 6, "lost": 0.02, "hot": 3} | changed
    return calcium.synthesise("calcium-demo", seed, frames=frames, **scene)


def write(path, recording=None, first=0, count=None, start=START, **fields):
    """Write frames of a recording as `.isxd`; returns it."""
    recording = recording or made()
    count = recording.shape[0] - first if count is None else count
    valid = recording.valid[first : first + count]
    samples = int(valid[-1] - valid[0]) + 1
    dropped = tuple(sorted(set(range(samples)) - set((valid - valid[0]).tolist())))
    begin = start + Fraction(int(valid[0]), round(recording.rate)) if start else 0
    timing = Timing(Fraction(1, round(recording.rate)), samples, Fraction(begin), 3600, dropped=dropped)
    movie = Movie(
        (count, recording.rows, recording.columns),
        np.dtype("u2"),
        timing,
        lambda at, number: recording.read(first + at, number),
        (2.0, 2.0),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    isxd.write_movie(path, movie, **fields)
    return recording
