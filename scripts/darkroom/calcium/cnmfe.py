"""Cells of a one-photon movie by constrained non-negative matrix factorisation with a ring background (CNMF-E).

Zhou et al. 2018, doi 10.7554/eLife.28728. Shapes of cells are found in bins of some 5 Hz, patch by patch, each patch a
job that needs no other; their traces are then read from every frame at once.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage, sparse

from darkroom.calcium import contrast
from darkroom.calcium.cells import cells_of, level_of, weighted, workers
from darkroom.calcium.events import detect_events
from darkroom.calcium.ring import Ring, scales

HELD, COPIES = 100 << 20, 3  # bytes of the patches in memory, which hold their bins so many times
LOOKS = 2  # at a patch: each finds what the ones before have left
SPREAD = 9.0  # of ring weights: loose enough that no haze stays where cells are looked for
ROUNDS = 2  # of background, traces and shapes after each look
SWEEPS = 3  # over the cells when their shapes are fitted
EDGE = 0.1  # share of a footprint's peak below which it ends
AREAS = 0.1, 1.2  # of a cell's disc: least and most that a footprint has above half of its peak
OVERLAP = 0.2  # cosine of footprints from which cells may be one
SAME = 0.6  # cosine of footprints from two patches that are one cell
TRANSIENT = 0.2  # seconds in which an event decays, at least
MARGIN = 1.5  # pixels outside its core from which a patch still gives cells
FOLLOWS = 0.25, 0.5  # shares of a trace that shifts explain, above which it is no cell: with no event left, in any case


@dataclass(frozen=True)
class Options:
    """What cells look like; names and defaults are those of IDPS. Lengths in pixels."""

    cell_diameter: float = 7
    min_corr: float = 0.8
    min_pnr: float = 10
    bg_spatial_subsampling: int = 2
    ring_size_factor: float = 1.4
    merge_threshold: float = 0.7
    patch_size: int = 80
    patch_overlap: int = 20

    def __post_init__(self):
        if self.cell_diameter < 2:
            raise ValueError(f"cell_diameter: {self.cell_diameter} pixels are too few, 2 are needed")
        if self.bg_spatial_subsampling < 1:
            raise ValueError(f"bg_spatial_subsampling: {self.bg_spatial_subsampling} must be 1 or more")
        if self.patch_size <= self.patch_overlap:
            raise ValueError(f"patch_overlap: {self.patch_overlap} must be below patch_size {self.patch_size}")


@dataclass(frozen=True)
class Patch:
    """A part of the field, in its own `core` and the `window` it sees: (top, left, bottom, right), ends excluded."""

    core: tuple
    window: tuple

    @property
    def shape(self):
        return self.window[2] - self.window[0], self.window[3] - self.window[1]

    def slices(self):
        top, left, bottom, right = self.window
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True, eq=False)
class Shapes:
    """What was found in a patch.

    footprints -- float32 (cells, rows, columns) of the window, peak 1
    ring -- sparse weights of the background, of the window's coarse pixels by themselves
    """

    patch: Patch
    footprints: np.ndarray = field(repr=False)
    ring: sparse.csr_array = field(repr=False)


def detect_cells(
    movie,
    *,
    cell_diameter=7,
    min_corr=0.8,
    min_pnr=10,
    bg_spatial_subsampling=2,
    ring_size_factor=1.4,
    merge_threshold=0.7,
    patch_size=80,
    patch_overlap=20,
    output_unit_type="df_over_noise",
    shifts=None,
    threads=2,
):
    """The `Cells` of a registered movie, read twice by blocks; at most `threads` patches are in memory at once.

    shifts -- (frames, 2) by which the frames were moved, where that is known: see `traced`

    Pixels that have no value (NaN) in some frame belong to no cell. Bins wait in an unnamed temporary folder.
    Raises ValueError for an option that makes no sense.
    """
    options = Options(
        cell_diameter, min_corr, min_pnr, bg_spatial_subsampling, ring_size_factor, merge_threshold, patch_size,
        patch_overlap,
    )  # fmt: skip
    of_patches = shapes_in(movie, patches(movie.shape[1:], options), options, threads)
    return traced(movie, of_patches, options, output_unit_type, shifts, threads)


def shapes_in(movie, chosen, options, threads=2):
    """The `Shapes` of each of these patches: of all, or of those that are a job of their own.

    Threads work on patches of their own, or where bins are too many for that together on one patch after the other.
    """
    bins = max(1, len(movie) // contrast.bin_size(movie.timing.rate, len(movie)))
    largest = max((COPIES * 4 * bins * patch.shape[0] * patch.shape[1] for patch in chosen), default=1)
    at_once = int(np.clip(HELD // largest, 1, threads))
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-") as folder,
        workers(at_once) as pool,
        ThreadPoolExecutor(threads) as helpers,
    ):
        files = [Path(folder, f"{number}.bins") for number in range(len(chosen))]
        cut(movie, chosen, files)
        each = map if at_once > 1 else helpers.map
        return list(pool.map(lambda patch, file: shapes(patch, bins_of(patch, file), options, each), chosen, files))


# Patches


def patches(shape, options):
    """The `Patch`es whose cores tile a field (rows, columns); their windows reach as far as ring and filter need."""
    grid = options.bg_spatial_subsampling
    halo = max(options.patch_overlap / 2, options.ring_size_factor * options.cell_diameter + grid)
    halo = int(np.ceil(halo / grid)) * grid
    edges = []
    for size in shape:
        count = 1 if size <= options.patch_size else -(-size // (options.patch_size - options.patch_overlap))
        cuts = (np.linspace(0, size, count + 1) / grid).round().astype(int) * grid
        cuts[-1] = size
        edges.append([(int(a), int(b)) for a, b in pairwise(cuts)])
    return [
        Patch(
            (top, left, bottom, right),
            (max(0, top - halo), max(0, left - halo), min(shape[0], bottom + halo), min(shape[1], right + halo)),
        )
        for top, bottom in edges[0]
        for left, right in edges[1]
    ]


def cut(movie, chosen, files):
    """Write the bins of a movie as float32 (bins, rows, columns) to a file per patch; the movie is read once."""
    size = contrast.bin_size(movie.timing.rate, len(movie))
    for file in files:
        file.write_bytes(b"")
    for chunk in contrast.steps(movie, size):
        for step in chunk:
            means = contrast.binned(movie.read(*step), size)
            for patch, file in zip(chosen, files, strict=True):
                with file.open("ab") as end:
                    np.ascontiguousarray(means[(slice(None), *patch.slices())]).tofile(end)


def bins_of(patch, file):
    """The bins that `cut` has written for a patch: float32 (bins, rows, columns)."""
    return np.fromfile(file, np.float32).reshape(-1, *patch.shape)


# Shapes of cells in one patch


def shapes(patch, bins, options, each=map):
    """The `Shapes` in a patch. `bins` (count, rows, columns) is used up.

    each -- as the builtin `map`: does some work on each of many parts, maybe on several at once
    """
    valued = np.isfinite(bins).all(0)
    ring = Ring(patch.shape, options.bg_spatial_subsampling, options.ring_size_factor * options.cell_diameter, valued)
    if not valued.any() or len(bins) < 3:
        return Shapes(patch, np.zeros((0, *patch.shape), np.float32), ring.weights)
    if not valued.all():
        nearest = ndimage.distance_transform_edt(~valued, return_distances=False, return_indices=True)
        bins = bins[(slice(None), *nearest)]
    bins -= bins.mean(0)
    fit = Factors(bins, valued, ring, options, each)
    fit.update_background()
    visible = valued
    for _ in range(LOOKS):
        new, visible = seeded(fit.residual(), visible, options, each)
        if not len(new):
            break
        fit.add(new)
        for _ in range(ROUNDS):
            fit.update()
        if fit.merge():
            fit.update()
    fit.update_background()
    return Shapes(patch, fit.kept(patch), ring.weights)


def seeded(rest, visible, options, each=map):
    """Footprints (cells, rows, columns) of what stands out of a movie without background, the clearest first.

    A seed is a pixel that correlates with its neighbours and rises above its noise. What it explains is taken away
    before the next one is chosen; what only stands out then was left by a shape that did not fit, and is no seed.
    Returns the pixels that do stand out too: where later looks may find something.

    rest -- (bins, rows, columns)
    visible -- (rows, columns) where seeds may be
    """
    diameter, shape = options.cell_diameter, rest.shape[1:]
    parts, filtered = contrast.chunks(len(rest)), np.empty_like(rest)

    def sharpen(part):
        filtered[part] = contrast.centre_surround(rest[part], diameter)

    list(each(sharpen, parts))
    images, reach = [], int(np.ceil(diameter))
    correlation, pnr = _maps(filtered, each)
    visible = visible & (correlation >= options.min_corr) & (pnr >= options.min_pnr)
    untried, taken = visible.copy(), {}
    while True:
        score = np.where(untried & (correlation >= options.min_corr) & (pnr >= options.min_pnr), correlation * pnr, 0)
        seed = np.unravel_index(score.argmax(), shape)
        if score[seed] <= 0:
            return np.array(images, np.float32).reshape(-1, *shape), visible
        box = _box(seed, reach, shape)
        inside = tuple(at - part.start for at, part in zip(seed, box, strict=True))
        here = rest[(slice(None), *box)].copy()
        for other, (image, trace) in taken.items():
            if abs(other[0] - seed[0]) <= 2 * reach and abs(other[1] - seed[1]) <= 2 * reach:
                here -= trace[:, None, None] * image[box]
        pulse = filtered[(slice(None), *seed)]
        footprint, trace = _extracted(here, pulse - np.median(pulse), inside, diameter)
        untried[_box(seed, 1, shape)] = False
        if footprint is None:
            continue
        image = np.zeros(shape, np.float32)
        image[box] = footprint
        images.append(image)
        taken[tuple(map(int, seed))] = image, trace
        wide = _box(seed, 3 * reach, shape)
        seen = contrast.centre_surround(image[wide][None], diameter)
        for part in parts:
            filtered[(part, *wide)] -= trace[part, None, None] * seen
        inner = tuple(
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip(_box(seed, 2 * reach, shape), wide, strict=True)
        )
        local = _maps(filtered[(slice(None), *wide)], each)
        for whole, part in zip((correlation, pnr), local, strict=True):
            whole[_box(seed, 2 * reach, shape)] = part[inner]


def _maps(filtered, each):
    """Correlation with neighbours and peak-to-noise of filtered bins."""
    whole = contrast.Contrast(filtered.shape[1:])
    for part in each(lambda chunk: contrast.Contrast(whole.shape).add(filtered[chunk]), contrast.chunks(len(filtered))):
        whole.join(part)
    return whole.maps()


def _box(middle, reach, shape):
    """The square around a pixel, cut to the field."""
    return tuple(slice(max(0, at - reach), min(size, at + reach + 1)) for at, size in zip(middle, shape, strict=True))


def _extracted(box, pulse, seed, diameter):
    """Footprint (rows, columns), peak 1, and trace (bins,) of the cell at a seed in a small movie; None for no cell.

    Each pixel is a share of the pulse, a share of what surrounds the cell, and a constant; then the trace is read from
    the pixels, and the shares once more from that.
    """
    rows, columns = np.indices(box.shape[1:])
    distance = np.hypot(rows - seed[0], columns - seed[1])
    pixels = box.reshape(len(box), -1)
    outside = (distance > 0.75 * diameter).ravel()
    around = np.median(pixels[:, outside], 1) if outside.any() else np.zeros_like(pulse)
    trace = pulse
    for _ in range(2):
        regressors = np.stack([trace, around, np.ones_like(trace)])
        gram = regressors @ regressors.T
        gram[np.diag_indices(3)] *= 1 + 1e-6
        gram[np.diag_indices(3)] += 1e-9
        shares = np.linalg.solve(gram, regressors @ pixels)
        image = _cleaned(shares[0].reshape(rows.shape), seed, diameter)
        if image is None:
            return None, None
        flat = image.ravel()
        trace = ((pixels - around[:, None] * shares[1] - shares[2]) @ flat) / (flat @ flat)
        trace -= np.median(trace)
    return image, trace.astype(np.float32)


def _cleaned(image, seed, diameter):
    """A footprint without what is below its edge, far away or apart from the piece around a pixel; None for no cell."""
    rows, columns = np.indices(image.shape)
    image = np.where(np.hypot(rows - seed[0], columns - seed[1]) <= 1.2 * diameter, np.maximum(image, 0), 0)
    smooth = ndimage.gaussian_filter(image, 0.5)
    near = smooth[_box(seed, 1, image.shape)].max()
    if near <= 0:
        return None
    labels, _ = ndimage.label(smooth > EDGE * smooth.max())
    label = labels[_box(seed, 1, image.shape)].max()
    if not label:
        return None
    image = np.where(labels == label, image, 0)
    area = np.count_nonzero(image > 0.5 * image.max())
    whole = np.pi * (diameter / 2) ** 2
    return image / image.max() if AREAS[0] * whole <= area <= AREAS[1] * whole else None


class Factors:
    """Shapes, traces and background of a patch, and how one follows from the others."""

    def __init__(self, bins, valued, ring, options, each=map):
        self.shape, self.options, self.valued, self.ring, self.each = bins.shape[1:], options, valued, ring, each
        self.bins = bins.reshape(len(bins), -1)
        self.footprints = np.zeros((0, self.bins.shape[1]), np.float32)
        self.traces = np.zeros((0, len(bins)), np.float32)

    def add(self, images):
        """Take in new footprints (cells, rows, columns), with no trace yet."""
        self.footprints = np.concatenate([self.footprints, images.reshape(len(images), -1)])
        self.traces = np.concatenate([self.traces, np.zeros((len(images), len(self.bins)), np.float32)])
        if len(images):
            self.update_traces()

    def _of_parts(self, work):
        """What work gives of each slice of bins, few enough that copies of them are small, in their order."""
        return self.each(work, contrast.chunks(len(self.bins)))

    def update_background(self):
        """Fit the ring to what the pulses of cells leave.

        What traces do between pulses may be haze that was not taken away, which the ring must learn.
        """
        above, noise = contrast.standing_out(self.traces.T)
        pulses = np.where(above > contrast.ACTIVE * noise, above, 0).T
        coarse = self._of_parts(lambda part: self.ring.coarse(self.bins[part] - pulses[:, part].T @ self.footprints))
        self.ring.fit(np.concatenate(list(coarse)), SPREAD)

    def cleared(self, part):
        """Some bins (count, pixels) without background."""
        bins = self.bins[part]
        return bins - self.ring.background(self.ring.coarse(bins - self.traces[:, part].T @ self.footprints))

    def update_traces(self):
        """Least squares: what each cell must have done to give these bins."""
        gram = self.footprints @ self.footprints.T
        gram[np.diag_indices(len(gram))] *= 1 + 1e-4
        seen = np.concatenate(list(self._of_parts(lambda part: self.footprints @ self.cleared(part).T)), 1)
        self.traces = np.linalg.solve(gram, seen).astype(np.float32)
        self.traces -= np.median(self.traces, 1, keepdims=True)

    def update_shapes(self):
        """Non-negative shares of the cells in each pixel near them, cell by cell (HALS)."""
        active = self.traces - self.traces.mean(1, keepdims=True)
        seen = sum(self._of_parts(lambda part: active[:, part] @ self.cleared(part)))
        gram = active @ active.T
        strength = np.maximum(np.diag(gram), 1e-12)
        allowed = np.array([self._near(image) for image in self.footprints])
        for _ in range(SWEEPS):
            for cell in range(len(active)):
                step = (seen[cell] - gram[cell] @ self.footprints) / strength[cell]
                self.footprints[cell] = np.maximum(self.footprints[cell] + step, 0) * allowed[cell]
        self._clean()

    def _near(self, image):
        """Where a cell may grow to: its own pixels and the next ones."""
        return (ndimage.binary_dilation(image.reshape(self.shape) > 0, iterations=1) & self.valued).ravel()

    def _clean(self):
        kept = []
        for cell, image in enumerate(self.footprints):
            image = image.reshape(self.shape)
            peak = np.unravel_index(ndimage.gaussian_filter(image, 1).argmax(), self.shape)
            box = _box(peak, int(2 * self.options.cell_diameter), self.shape)
            inside = tuple(at - part.start for at, part in zip(peak, box, strict=True))
            cleaned = _cleaned(image[box], inside, self.options.cell_diameter)
            if cleaned is not None:
                image = np.zeros(self.shape, np.float32)
                image[box] = cleaned
                self.footprints[cell] = image.ravel()
                kept.append(cell)
        self.footprints, self.traces = self.footprints[kept], self.traces[kept]

    def update(self):
        """One round: background, traces, shapes, traces."""
        self.update_background()
        if len(self.footprints):
            self.update_traces()
            self.update_shapes()
            self.update_traces()

    def merge(self):
        """Join cells that overlap and do the same; says whether there were any."""
        groups = _groups(_cosines(self.footprints) > OVERLAP, _correlations(self.traces) > self.options.merge_threshold)
        if len(groups) == len(self.footprints):
            return False
        weights = self.traces.std(1, keepdims=True)
        joined = np.array([(self.footprints[group] * weights[group]).sum(0) for group in groups])
        self.footprints = (joined / joined.max(1, keepdims=True)).astype(np.float32)
        self.traces = np.array([self.traces[group].mean(0) for group in groups], np.float32)
        return True

    def residual(self):
        """Bins (count, rows, columns) without background and cells."""
        rest = np.empty_like(self.bins)

        def clear(part):
            rest[part] = self.cleared(part) - self.traces[:, part].T @ self.footprints

        list(self._of_parts(clear))
        return rest.reshape(-1, *self.shape)

    def kept(self, patch):
        """Footprints (cells, rows, columns) of the cells that are the patch's own and whose traces are clear enough."""
        top, left, bottom, right = patch.core
        above, noise = contrast.standing_out(self.traces.T)
        clear = above.max(0) >= self.options.min_pnr * noise
        kept = [image.reshape(self.shape) for image in self.footprints[clear]]
        centres = [np.add(ndimage.center_of_mass(image), patch.window[:2]) for image in kept]
        own = [
            image
            for image, (y, x) in zip(kept, centres, strict=True)
            if top - MARGIN <= y + 0.5 < bottom + MARGIN and left - MARGIN <= x + 0.5 < right + MARGIN
        ]
        return np.array(own, np.float32).reshape(-1, *self.shape)


def _cosines(footprints):
    lengths = np.maximum(np.linalg.norm(footprints, axis=1), 1e-12)
    return footprints @ footprints.T / np.outer(lengths, lengths)


def _correlations(traces):
    centred = traces - traces.mean(1, keepdims=True) if len(traces) else traces
    return _cosines(centred)


def _groups(near, alike):
    """Lists of the numbers that are joined by both."""
    count, labels = sparse.csgraph.connected_components(sparse.csr_array(near & alike), directed=False)
    return [np.flatnonzero(labels == label) for label in range(count)] if len(near) else []


# Traces of all cells from all frames


def traced(movie, of_patches, options, unit="df_over_noise", shifts=None, threads=2):
    """The `Cells` of all patches, with traces from every frame.

    With footprints A, ring weights W, and D and U to and from the coarse pixels, what is left of a frame y is
    y - U W D (y - A c). Its share in each footprint must be that of A c, which makes c a linear function of y: one
    sparse product per frame, whatever the size of the movie. What never has an event is haze, not a cell; nor is what
    does as the `shifts` (frames, 2) did: an edge that registration left moving.
    """
    shape, grid = movie.shape[1:], options.bg_spatial_subsampling
    footprints = _gathered(of_patches, shape)
    raw, edges = np.zeros((footprints.shape[0], len(movie)), np.float32), 0
    if len(raw):
        mean, spread = scales(shape, grid)
        clearing = (footprints - footprints @ spread @ _gathered_rings(of_patches, shape, grid) @ mean).tocsr()
        shares, sums = (clearing @ footprints.T).toarray(), weighted(movie, clearing, threads)
        raw = _unmixed(shares, sums)
        while len(raw):
            fires, moves = _fires(raw, movie.timing), _follow(raw, movie.timing, shifts)
            cells = np.flatnonzero(fires & ~moves)
            edges += np.count_nonzero(fires & moves)
            if len(cells) == len(raw):
                break
            footprints, shares, sums = footprints[cells], shares[np.ix_(cells, cells)], sums[cells]
            raw = _unmixed(shares, sums)
    notes = [f"left out: {edges} places that only do as the field has moved"] if edges else []
    if not len(raw):
        notes.append(f"no cell stands out with min_corr {options.min_corr} and min_pnr {options.min_pnr}")
    return cells_of(footprints, shape, raw, level_of(movie), unit, notes)


def _unmixed(shares, sums):
    """Traces of cells, about their medians, of their `sums` (cells, frames) and their shares in each other's sums."""
    raw = np.linalg.solve(shares + 1e-6 * np.eye(len(shares)), sums).astype(np.float32)
    return raw - np.median(raw, 1, keepdims=True)


def _fires(traces, timing):
    """Whether each trace has an event that stands out of all that it does."""
    tau = max(TRANSIENT, float(timing.period))
    return np.array([len(times) > 0 for times, _ in detect_events(traces, timing.times, tau=tau)])


def _follow(traces, timing, shifts):
    """Whether a weighted sum of shifts (frames, 2) explains most of each trace, or much of it and all events."""
    if shifts is None:
        return np.zeros(len(traces), bool)
    moved, courses = shifts - shifts.mean(0), (traces - traces.mean(1, keepdims=True)).T
    explained = moved @ np.linalg.lstsq(moved, courses, rcond=None)[0]
    share = (explained**2).sum(0) / np.maximum((courses**2).sum(0), 1e-12)
    much, most = FOLLOWS
    return (share > most) | ((share > much) & ~_fires((courses - explained).T, timing))


def _gathered(of_patches, shape):
    """Footprints of all patches as one sparse (cells, rows * columns), each cell once."""
    rows = []
    for one in of_patches:
        top, left = one.patch.window[:2]
        for image in one.footprints:
            y, x = np.nonzero(image)
            flat = (y + top) * shape[1] + x + left
            rows.append(sparse.csr_array((image[y, x], (np.zeros(len(y), int), flat)), (1, shape[0] * shape[1])))
    if not rows:
        return sparse.csr_array((0, shape[0] * shape[1]), dtype=np.float32)
    together = sparse.vstack(rows, "csr")
    lengths = np.sqrt(together.multiply(together).sum(axis=1))
    cosines = (together @ together.T).toarray() / np.outer(lengths, lengths)
    groups = _groups(cosines > SAME, np.ones_like(cosines, bool))
    return together[sorted(group[lengths[group].argmax()] for group in groups)]


def _gathered_rings(of_patches, shape, grid):
    """Ring weights of all patches as one sparse matrix of the field's coarse pixels; each is fitted by one patch."""
    rows, columns = (-(-size // grid) for size in shape)
    total = sparse.csr_array((rows * columns, rows * columns), dtype=np.float32)
    for one in of_patches:
        top, left, bottom, right = one.patch.window
        y, x = np.mgrid[top // grid : -(-bottom // grid), left // grid : -(-right // grid)]
        there = (y * columns + x).ravel()
        core = one.patch.core
        own = (y * grid >= core[0]) & (y * grid < core[2]) & (x * grid >= core[1]) & (x * grid < core[3])
        weights = one.ring.tocoo()
        mine = own.ravel()[weights.row]
        total = total + sparse.csr_array(
            (weights.data[mine], (there[weights.row[mine]], there[weights.col[mine]])), total.shape
        )
    return total
