"""Cells as every method finds them: where they are, what they did, and in which unit that is told."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy import fft, ndimage, sparse
from threadpoolctl import threadpool_limits

UNITS = {"df": "counts", "df_over_noise": "noise"}  # output_unit_type: what its traces are in


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a movie; none is a whole answer.

    footprints -- sparse (cells, rows * columns) float32, >= 0 (independent components also below), peak 1
    shape -- rows, columns
    traces -- (cells, frames) float32 in `unit`
    raw -- (cells, frames) float32 counts of the movie at the footprint's peak, background removed
    noise -- (cells,) counts: standard deviation of what changes from frame to frame in `raw`
    baseline -- (cells,) counts: what lies behind the cell (F0); it may be nothing or less
    unit -- "df": counts averaged over the footprint; "df_over_noise": multiples of the noise
    components -- (cells,) int: pieces that the footprint has
    """

    footprints: sparse.csr_array = field(repr=False)
    shape: tuple
    traces: np.ndarray = field(repr=False)
    raw: np.ndarray = field(repr=False)
    noise: np.ndarray = field(repr=False)
    baseline: np.ndarray = field(repr=False)
    unit: str
    components: np.ndarray = field(repr=False)
    notes: tuple = ()

    def __len__(self):
        return self.footprints.shape[0]

    def image(self, cell):
        """The footprint of a cell, float32 (rows, columns)."""
        return self.footprints[[cell]].toarray().reshape(self.shape)

    def images(self):
        """The footprints one after the other."""
        return (self.image(cell) for cell in range(len(self)))


def cells_of(footprints, shape, raw, level, unit, notes=()):
    """`Cells` of footprints, sparse or dense (cells, rows * columns), and their raw traces (cells, frames) in counts.

    level -- (rows, columns) counts: the movie at rest
    unit -- "df" or "df_over_noise"; ValueError for any other
    """
    if unit not in UNITS:
        raise ValueError(f"output_unit_type: {unit!r} is unknown; there are {', '.join(UNITS)}")
    footprints = sparse.csr_array(footprints, dtype=np.float32)
    raw = np.asarray(raw, np.float32)
    positive = footprints.maximum(0)
    weights = np.maximum(positive.sum(axis=1), 1e-12)
    noise = noise_level(raw)
    if unit == "df":
        traces = raw * (weights / np.maximum(positive.astype(bool).sum(axis=1), 1))[:, None]
    else:
        traces = raw / np.where(noise > 0, noise, np.inf)[:, None]
    return Cells(
        footprints=footprints,
        shape=tuple(shape),
        traces=traces.astype(np.float32),
        raw=raw,
        noise=noise.astype(np.float32),
        baseline=((positive @ np.nan_to_num(level).ravel()) / weights).astype(np.float32),
        unit=unit,
        components=np.array(
            [pieces(footprints[[k]].toarray().reshape(shape)) for k in range(footprints.shape[0])], int
        ),
        notes=tuple(notes),
    )


def pieces(image, least=0.1):
    """How many pieces a footprint has, of pixels above a share of its peak that touch by a side or a corner."""
    return ndimage.label(image > least * image.max(), np.ones((3, 3)))[1] if image.any() else 0


def noise_level(traces, noise_range=(0.25, 0.5)):
    """Standard deviation of the noise in traces (..., frames): the mean power in a band of cycles per frame.

    Pnevmatikakis et al. 2016, doi 10.1016/j.neuron.2015.11.037: what is faster than calcium is noise.
    """
    traces = np.asarray(traces)
    frequency = fft.rfftfreq(traces.shape[-1])
    inside = (frequency >= noise_range[0]) & (frequency <= noise_range[1])
    if not inside.any():
        return np.zeros(traces.shape[:-1])
    power = np.abs(fft.rfft(traces)[..., inside]) ** 2 / traces.shape[-1]
    return np.sqrt(power.mean(-1))


def weighted(movie, weights, threads=2):
    """Sums (rows of weights, frames) float32 of the pixels of every frame by sparse weights (n, rows * columns)."""
    weights = sparse.csr_array(weights, dtype=np.float32)
    sums = np.zeros((weights.shape[0], len(movie)), np.float32)
    if not weights.nnz:
        return sums
    columns = np.unique(weights.indices)
    inner, step = sparse.csr_array(weights[:, columns]), movie.block(8 << 20)

    def read(first):
        frames = movie.read(first, min(step, len(movie) - first))
        for index, frame in enumerate(frames, first):
            sums[:, index] = inner @ np.nan_to_num(frame.reshape(-1)[columns].astype(np.float32))

    with workers(threads) as pool:
        list(pool.map(read, range(0, len(movie), step)))
    return sums


def level_of(movie):
    """A movie at rest, float32 (rows, columns): the mean of some frames; 0 where there is no value."""
    _, frames = movie.sampled(100)
    return np.nan_to_num(frames.mean(0, dtype=np.float32))


@contextmanager
def workers(threads):
    """A pool of threads, each of which does its own linear algebra: BLAS with threads inside threads only waits."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        yield pool
