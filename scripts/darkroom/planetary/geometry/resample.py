"""Pixels of an image on the grid of a map: nearest neighbour, bilinear, cubic convolution.

Formulas and the treatment of edges and special pixels: ISIS's Interpolator, Portal and ProcessRubberSheet.
"""

import numpy as np

from darkroom.planetary.formats import cubes

MARGIN = {"nearest": 0, "bilinear": 1, "cubic": 2}  # pixels around that an interpolation reads
FRAME = 2  # columns of NULL on either side of the image
ROWS = 512  # read at a time
BLOCK = 256, 1 << 19  # lines and pixels of the map that are made at once, at most
CELL = 16  # pixels of the map along the side of a cell, which has 3 x 3 exact positions
TOLERANCE = 1e-4  # image pixels by which the other positions of a cell may be off
# Quadratic Lagrange weights (CELL, 3) of the three positions along a side.
PART = np.arange(CELL) / CELL
WEIGHTS = np.stack([(1 - PART) * (1 - 2 * PART), 4 * PART * (1 - PART), PART * (2 * PART - 1)], axis=1)
FLAT = 1e-3  # km between the lowest and the highest level of a DEM, at least
BETWEEN = 1 / 6  # of the way between them, where a cubic through four levels is off most, nearly
WORST = CELL // 4  # where a quadratic through the three is off most, nearly


def project(read, camera, mapping, interpolation="bilinear", rows=None):
    """Yield the map in blocks of lines: values float32 and codes uint8, both (1, n, samples), as `cubes.Image` wants.

    read -- read(first_line, lines) -> values (n, samples) and codes or None, lines from 0, as `_cubes.Cube.read`
    interpolation -- "nearest", "bilinear" or "cubic". Where its window holds a special pixel, the next simpler one
        takes its place, down to the nearest pixel with its code; what the image does not show is NULL
    """
    if interpolation not in MARGIN:
        raise ValueError(f"interpolation {interpolation!r}: must be one of {', '.join(MARGIN)}")
    rows = rows or max(CELL, cubes.at_once(mapping.samples, *BLOCK) // CELL * CELL)
    window = _Window(read, camera.lines, camera.samples)
    for first in range(0, mapping.lines, rows):
        sample, line = positions(camera, mapping, first, min(rows, mapping.lines - first))
        values, codes = np.zeros(sample.shape, "f4"), np.full(sample.shape, cubes.NULL, "u1")
        shown = (sample >= 0.5) & (sample <= camera.samples + 0.5) & (line >= 0.5) & (line <= camera.lines + 0.5)
        if shown.any():
            values[shown], codes[shown] = window.at(sample[shown], line[shown], interpolation)
        yield values[None], codes[None]


def positions(camera, mapping, first, lines):
    """Image coordinates (sample, line) of the pixels of some lines of a map, counted from 0; NaN where not seen.

    Within cells of 16 x 16 pixels they are biquadratic between 3 x 3 exact ones, and on a DEM cubic between exact ones
    at four distances from the body's centre, where that is right within 1e-4 pixels at the worst place, or as far as
    times of lines can be told; every other cell, and every cell on an edge of the image or of a framelet, is exact
    throughout.
    """
    heights = _Heights(camera, mapping, first, lines) if camera.terrain else None
    if heights and heights.levels is None:  # beside the DEM
        return np.full((2, lines, mapping.samples), np.nan)
    levels = heights.levels if heights else [None]
    down, across = -(-lines // CELL), -(-mapping.samples // CELL)
    row, column = first + 1 + CELL * np.arange(down)[:, None], 1 + CELL * np.arange(across)[None, :]
    half = np.arange(2 * max(down, across) + 1) * (CELL // 2)
    nodes = 1 + half[None, : 2 * across + 1], first + 1 + half[: 2 * down + 1, None]
    _, near = _exact(camera, mapping, nodes[0][:, across], nodes[1][down], levels[0])
    exact = []
    for level in levels:
        exact.append(_exact(camera, mapping, *nodes, level, near))
        near = exact[-1][1]
    exact = np.stack(exact)
    cells = np.lib.stride_tricks.sliding_window_view(exact, (3, 3), axis=(-2, -1))[:, :, ::2, ::2]
    size = np.array([camera.samples, camera.lines]).reshape(2, 1, 1, 1, 1)
    with np.errstate(invalid="ignore"):
        before, behind = cells < 0.5 + TOLERANCE, cells > size + 0.5 - TOLERANCE
        # In a cell that no edge crosses, all positions lie beyond the same edge, or all lie within the image.
        beyond = (before.all((0, -2, -1)) | behind.all((0, -2, -1))).any(0)
        whole = beyond | ~(before | behind).any((0, 1, -2, -1))
        thought = WEIGHTS[WORST] @ cells @ WEIGHTS[WORST]
        at = column + WORST, row + WORST
        off = thought - [_exact(camera, mapping, *at, *pair) for pair in zip(levels, thought[:, 1], strict=True)]
        if heights:
            at = column + CELL // 2, row + CELL // 2
            middle = _exact(camera, mapping, *at, heights.between, cells[0, 1, ..., 1, 1])
            off = np.concatenate([off, [np.tensordot(_cubic_weights(BETWEEN), cells[..., 1, 1], 1) - middle]])
        rough = ~(whole & (np.abs(off) < max(TOLERANCE, camera.precision)).all((0, 1)))
    pieces = camera.piece(cells[:, 1])
    rough |= (pieces != pieces[:1, ..., :1, :1]).any((0, -2, -1))
    places = (WEIGHTS @ cells @ WEIGHTS.T).swapaxes(3, 4).reshape(len(levels), 2, down * CELL, across * CELL)
    places = places[..., :lines, : mapping.samples]
    places = heights.joined(places) if heights else places[0]
    row, column = np.nonzero(np.kron(rough, np.ones((CELL, CELL), bool))[:lines, : mapping.samples])
    radius = heights.radius[row, column] if heights else None
    near = places[1, row, column]
    places[:, row, column] = _exact(camera, mapping, column + 1.0, row + first + 1.0, radius, near)
    return places


class _Heights:
    """Distances of the ground from the body's centre in some lines of a map, km.

    radius -- (lines, samples), NaN beside the DEM; levels -- four from the lowest to the highest, None where all is NaN
    """

    def __init__(self, camera, mapping, first, lines):
        line = np.arange(first + 1.0, first + lines + 1)[:, None]
        places = mapping.ground(np.arange(1.0, mapping.samples + 1)[None, :], line)
        self.radius = camera.terrain.radius(*places)
        self.levels = None
        if np.isfinite(self.radius).any():
            low, high = np.nanmin(self.radius), np.nanmax(self.radius)
            self.levels = np.linspace(low, max(high, low + FLAT), 4)

    @property
    def between(self):
        """Where a cubic through the levels is off most, nearly."""
        return self.levels[0] + BETWEEN * (self.levels[-1] - self.levels[0])

    def joined(self, places):
        """Positions (2, lines, samples) at the ground's distances, of those (4, 2, lines, samples) at the levels."""
        weights = _cubic_weights((self.radius - self.levels[0]) / (self.levels[-1] - self.levels[0]))
        return sum(weight * place for weight, place in zip(weights, places, strict=True))


def _cubic_weights(part):
    """Cubic Lagrange weights of four places at equal distances, at parts of the way from the first to the last."""
    first, second, third = 3 * part - 1, 3 * part - 2, part - 1
    return (
        -first * second * third / 2,
        9 * part * second * third / 2,
        -9 * part * first * third / 2,
        part * first * second / 2,
    )


def _exact(camera, mapping, sample, line, radius=None, near=None):
    """Image coordinates (2, ...) of pixels of a map.

    radius -- on a DEM, their distances from the body's centre; near -- lines that theirs are thought to be near
    """
    at = {} if radius is None else {"radius": radius}
    return np.stack(camera.image(*mapping.ground(sample, line), **at, near=near))


class _Window:
    """The lines of an image that a block needs, with a frame of NULL around the image; kept while they serve."""

    def __init__(self, read, lines, samples):
        self.read, self.lines, self.width = read, lines, samples + 2 * FRAME
        self.first = 1
        self.values, self.codes = np.zeros((0, self.width), "f4"), np.zeros((0, self.width), "u1")

    def at(self, sample, line, interpolation):
        """Values and codes (n,) at image coordinates (n,) within the image."""
        margin = MARGIN[interpolation]
        self._hold(int(line.min()) - margin, int(line.max() + 0.5) + margin)
        column, row = np.floor(sample).astype(int), np.floor(line).astype(int)
        across, down = sample - column, line - row
        place = (row - self.first) * self.width + column - 1 + FRAME
        nearest = place + (across >= 0.5) + self.width * (down >= 0.5)
        values, codes = self.values.ravel()[nearest], self.codes.ravel()[nearest]
        if interpolation == "nearest":
            return values, codes
        clear = self._clear(place, (0, 1))
        values[clear] = self._weighted(place[clear], (0, 1), _linear(across[clear]), _linear(down[clear]))
        codes[clear] = 0
        if interpolation == "cubic":
            around = (-1, 0, 1, 2)
            clear = self._clear(place, around)
            values[clear] = self._weighted(place[clear], around, _cubic(across[clear]), _cubic(down[clear]))
        return values, codes

    def _hold(self, low, high):
        """Have the lines from low to high, counted from 1, in the window."""
        if self.first <= low and high < self.first + len(self.values):
            return
        shape = high - low + 1, self.width
        self.first = low
        self.values, self.codes = np.zeros(shape, "f4"), np.full(shape, cubes.NULL, "u1")
        inside = slice(FRAME, -FRAME)
        last = min(high, self.lines)
        for first in range(max(low, 1), last + 1, ROWS):
            values, codes = self.read(first - 1, min(ROWS, last + 1 - first))
            rows = slice(first - low, first - low + len(values))
            special = np.isnan(values) if codes is None else codes
            self.values[rows, inside] = np.where(special != 0, 0, values)
            self.codes[rows, inside] = special

    def _clear(self, place, offsets):
        """Whether there is no special pixel in the window of an interpolation."""
        flat, clear = self.codes.ravel(), np.ones(place.shape, bool)
        for row in offsets:
            for column in offsets:
                clear &= flat[place + row * self.width + column] == 0
        return clear

    def _weighted(self, place, offsets, across, down):
        flat, total = self.values.ravel(), np.zeros(place.shape)
        for row, vertical in zip(offsets, down, strict=True):
            for column, horizontal in zip(offsets, across, strict=True):
                total += vertical * horizontal * flat[place + row * self.width + column]
        return total


def _linear(part):
    return 1 - part, part


def _cubic(part):
    """Weights of the four pixels around (cubic convolution with a = -1)."""
    rest = 1 - part
    return (
        -part * rest * rest,
        1 - 2 * part**2 + part**3,
        part * (1 + part - part**2),
        -part * part * rest,
    )
