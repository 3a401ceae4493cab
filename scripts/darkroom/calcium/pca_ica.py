"""Cells by principal and then independent components (Mukamel et al. 2009, doi 10.1016/j.neuron.2009.08.009)."""

import numpy as np
from scipy import linalg, ndimage

from darkroom.calcium import contrast, projection
from darkroom.calcium.cells import cells_of, level_of, workers

UNMIX = ("spatial", "temporal", "both")
PASSES = 3  # over the movie, each bringing the principal components closer
SPARE = 10  # more vectors than components are wanted, for the same reason
SPREAD = 3.0  # a footprint ends below so many deviations of the component's own noise
CLEAR = 0.8, 10  # local correlation and peak-to-noise of places that are counted as cells
SEED = 20090924


def detect_cells(
    movie,
    *,
    num_pcs=None,
    num_ics=120,
    unmix_type="spatial",
    ica_temporal_weight=0.0,
    max_iterations=100,
    convergence_threshold=1e-5,
    block_size=1000,
    auto_estimate_num_ics=False,
    average_cell_diameter=13,
    spatial_filter=True,
    dff=False,
    output_unit_type="df_over_noise",
    threads=2,
):
    """The `Cells` that independent components of a movie are; it is read by blocks, `PASSES` + 1 times.

    num_pcs -- principal components, a fifth more than `num_ics` where None; never more than the movie has frames
    auto_estimate_num_ics -- take for `num_ics` how many places stand out like cells, and for `num_pcs` a fifth more
    unmix_type -- whether pictures or traces are made as skewed as can be, or both
    ica_temporal_weight -- with "both": the weight of the traces, between 0 and 1
    block_size -- frames that are read at once, at most
    spatial_filter -- smooth to the size of a cell and take the surround away first
    dff -- divide by the movie at rest first

    Raises ValueError for an option that makes no sense.
    """
    if unmix_type not in UNMIX:
        raise ValueError(f"unmix_type: {unmix_type!r} is unknown; there are {', '.join(UNMIX)}")
    if not 0 <= ica_temporal_weight <= 1:
        raise ValueError(f"ica_temporal_weight: {ica_temporal_weight} must be between 0 and 1")
    notes = []
    if auto_estimate_num_ics:
        num_pcs, num_ics = None, max(1, estimated(movie, average_cell_diameter, threads))
        notes.append(f"num_ics {num_ics}: places that stand out like cells of {average_cell_diameter:g} pixels")
    num_pcs = round(1.2 * num_ics) if num_pcs is None else num_pcs
    if num_ics < 1 or num_pcs < num_ics:
        raise ValueError(f"num_pcs: {num_pcs} must be num_ics ({num_ics}) or more, and that 1 or more")
    most = min(len(movie) - 1, movie.shape[1] * movie.shape[2])
    if num_pcs > most:
        notes.append(f"{most} principal components, which is what {len(movie)} frames have, not {num_pcs}")
        num_pcs, num_ics = most, min(num_ics, most)
    level = level_of(movie)
    if num_pcs < 1:
        nothing = np.zeros((0, level.size), np.float32)
        return cells_of(nothing, level.shape, np.zeros((0, len(movie))), level, output_unit_type, notes)

    prepared = _Prepared(movie, level, average_cell_diameter if spatial_filter else None, dff, block_size)
    pictures, courses, strength = principal(prepared, num_pcs, threads)
    real = strength > 1e-4 * np.abs(prepared.mean).max() + 1e-6
    pictures, courses, strength, num_ics = pictures[real], courses[real], strength[real], min(num_ics, int(real.sum()))
    if not num_ics:
        nothing = np.zeros((0, level.size), np.float32)
        return cells_of(nothing, level.shape, np.zeros((0, len(movie))), level, output_unit_type, notes)
    weight = {"spatial": 0.0, "temporal": 1.0, "both": ica_temporal_weight}[unmix_type]
    turn, turning = independent(pictures, courses, num_ics, weight, max_iterations, convergence_threshold)
    if turning:
        notes.append(f"{turning} of {num_ics} components still turned after {max_iterations} iterations")
    images = turn @ pictures
    traces = (turn * strength) @ courses
    images, traces = _upright(images, traces)
    kept = np.where(images > SPREAD * np.median(np.abs(images), 1, keepdims=True) / contrast.MAD, images, 0)
    there = kept.max(1) > 0
    kept, images, traces = kept[there], images[there], traces[there]
    peak = kept.max(1, keepdims=True)
    raw = traces * peak
    raw -= np.median(raw, 1, keepdims=True)
    return cells_of(kept / peak, level.shape, raw, level, output_unit_type, notes)


def estimated(movie, cell_diameter, threads=2):
    """How many places of a movie, a cell apart, stand out of their surround and agree with their neighbours."""
    pictures = projection.project(movie, cell_diameter=cell_diameter, threads=threads)
    correlation, pnr = pictures["correlation"], pictures["pnr"]
    score = np.where((correlation >= CLEAR[0]) & (pnr >= CLEAR[1]), correlation * pnr, 0)
    highest = ndimage.maximum_filter(score, 2 * round(cell_diameter / 2) + 1)
    return int(np.count_nonzero((score > 0) & (score == highest)))


class _Prepared:
    """Blocks of a movie as rows of pixels, filtered and about their mean."""

    def __init__(self, movie, level, diameter, dff, block_size):
        self.movie, self.level, self.diameter, self.dff = movie, level, diameter, dff
        self.frames = min(block_size, movie.block(8 << 20))
        self.mean = np.zeros(level.size, np.float32)
        _, some = movie.sampled(100)
        self.mean = self._filtered(some).mean(0)

    def _filtered(self, frames):
        frames = np.nan_to_num(frames.astype(np.float32))
        if self.dff:
            frames = np.where(self.level > 0, frames - self.level, 0) / np.where(self.level > 0, self.level, 1)
        if self.diameter:
            frames = contrast.centre_surround(frames, self.diameter)
        return frames.reshape(len(frames), -1) - self.mean

    def starts(self):
        return range(0, len(self.movie), self.frames)

    def block(self, first):
        """Float32 (count, pixels) from a frame on."""
        return self._filtered(self.movie.read(first, min(self.frames, len(self.movie) - first)))


def principal(prepared, count, threads=2):
    """Pictures (count, pixels) and time courses (count, frames), both of unit length, and their strength (count,).

    Subspace iteration: random pictures are multiplied by the movie and back, which the strongest components survive.
    """
    rng = np.random.default_rng(SEED)
    width = min(count + SPARE, len(prepared.movie), prepared.level.size)
    basis = np.linalg.qr(rng.standard_normal((prepared.level.size, width), np.float32))[0]
    with workers(threads) as pool:
        for _ in range(PASSES):
            total = np.zeros_like(basis)

            def both_ways(first, basis=basis):
                block = prepared.block(first)
                return block.T @ (block @ basis)

            starts = list(prepared.starts())
            for at in range(0, len(starts), threads):
                for part in pool.map(both_ways, starts[at : at + threads]):
                    total += part
            basis = np.linalg.qr(total)[0]
        inner = np.concatenate(list(pool.map(lambda first: prepared.block(first) @ basis, prepared.starts())))
    courses, strength, turn = np.linalg.svd(inner, full_matrices=False)
    return (turn[:count] @ basis.T), courses[:, :count].T, strength[:count]


def independent(pictures, courses, count, weight, most, tolerance):
    """The turn (count, principal components) that makes pictures, traces or both most skewed.

    Fixed-point iteration with the third moment, all components at once, `most` times at most. Returns also how many
    components its last step has still turned by more than the tolerance (1 - cosine).
    """
    spatial, temporal = ((one - one.mean(1, keepdims=True)) for one in (pictures, courses))
    spatial, temporal = (one * np.sqrt(one.shape[1]) for one in (spatial, temporal))
    parts = [(share, one) for share, one in ((1 - weight, spatial), (weight, temporal)) if share > 0]
    rng = np.random.default_rng(SEED)
    turn = _orthogonal(rng.standard_normal((count, len(pictures))).astype(np.float32))
    for _ in range(most):
        pulled = sum(share * ((turn @ one) ** 2 @ one.T) / one.shape[1] for share, one in parts)
        new = _orthogonal(pulled)
        turning = int(np.count_nonzero(1 - np.abs((new * turn).sum(1)) >= tolerance))
        turn = new
        if not turning:
            break
    return turn, turning


def _orthogonal(rows):
    """The nearest rows of unit length at right angles to each other."""
    left, _, right = linalg.svd(rows, full_matrices=False)
    return left @ right


def _upright(images, traces):
    """Components with the sign that makes their picture skewed to the bright side."""
    centred = images - images.mean(1, keepdims=True)
    sign = np.where((centred**3).sum(1) < 0, -1, 1).astype(np.float32)[:, None]
    return images * sign, traces * sign
