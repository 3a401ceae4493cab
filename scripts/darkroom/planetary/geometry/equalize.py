"""Images of a mosaic brought to one brightness and contrast, by what they show of the same places.

Formulas: ISIS's equalizer (Equalization, OverlapNormalization, OverlapStatistics). Of two images that overlap, the
difference of their offsets is that of their means there, the ratio of their gains that of their standard deviations;
least squares over all overlaps, each of weight 1 or of its number of pixels, give those of every image. Then a value is
(value - mean of the image) * gain + mean of the image + offset.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from darkroom.planetary.formats.cubes import at_once

ADJUST = ("none", "offsets", "gains", "both")
ROWS, PIXELS = 512, 1 << 20  # of a block, at most
FIRM = 1e10  # weight of a gain that must be 1: of an overlap without contrast


@dataclass
class Moments:
    """Number, mean and sum of squared deviations of values, gathered block by block (Chan and others, 1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values):
        """Take in a block of values."""
        if not values.size:
            return
        mean = float(values.mean())
        squares, shift = float(np.square(values - mean).sum()), mean - self.mean
        count = self.count + values.size
        self.squares += squares + shift * shift * self.count * values.size / count
        self.mean += shift * values.size / count
        self.count = count


@dataclass
class Overlap:
    """What two images show of the same places, each as Moments."""

    first: Moments = field(default_factory=Moments)
    second: Moments = field(default_factory=Moments)


@dataclass(frozen=True)
class Adjustment:
    """What an image's values are changed by, of each band (bands,)."""

    gain: np.ndarray
    offset: np.ndarray
    mean: np.ndarray

    def of(self, values, band):
        """Values of a band, adjusted."""
        gain, offset, mean = (each[band - 1] for each in (self.gain, self.offset, self.mean))
        return (values - mean) * gain + mean + offset

    def __str__(self):
        pairs = zip(self.gain, self.offset, strict=True)
        return ", ".join(f"gain {gain:.6g}, offset {offset:.6g}" for gain, offset in pairs)


class Adjusted:
    """A cube whose values are read adjusted."""

    def __init__(self, cube, adjustment):
        self._cube, self._adjustment = cube, adjustment
        self.path, self.groups = cube.path, cube.groups
        self.bands, self.lines, self.samples = cube.bands, cube.lines, cube.samples

    def read(self, first_line=0, lines=None, band=1):
        """As `cubes.Cube.read`."""
        values, codes = self._cube.read(first_line, lines, band)
        return self._adjustment.of(values, band), codes


def adjustments(placed, adjust, weighted=False, least=1000, held=()):
    """The Adjustment of each image of a mosaic.

    placed -- (cube, row offset, column offset) as `mosaic.place` gives them
    adjust -- offsets (brightness), gains (contrast) or both
    weighted -- whether an overlap counts by its pixels; least -- pixels that make an overlap
    held -- indices of images that are left as they are; without any the offsets, and the logarithms of the gains, have
        the mean 0

    Raises ValueError naming an image that overlaps no other.
    """
    bands = [_of_band(placed, band, least) for band in range(1, placed[0][0].bands + 1)]
    for number, (cube, _, _) in enumerate(placed):
        if not any(number in pair for _, overlaps in bands for pair in overlaps):
            raise ValueError(
                f"{cube.path}: overlaps no other image of the mosaic in {least} pixels or more, so that it cannot be "
                "equalized; leave it out, or lower equalize.least"
            )
    of_bands = [_solved(moments, overlaps, adjust, weighted, held) for moments, overlaps in bands]
    return [
        Adjustment(*(np.array(values) for values in zip(*image, strict=True))) for image in zip(*of_bands, strict=True)
    ]


def _of_band(placed, band, least):
    """Moments of each image, and of each pair of images its Overlap where it has enough pixels."""
    moments = [Moments() for _ in placed]
    overlaps = {pair: Overlap() for pair in itertools.combinations(range(len(placed)), 2)}
    samples = max(column + cube.samples for cube, _, column in placed)
    rows = at_once(samples, ROWS, PIXELS)
    for first in range(0, max(row + cube.lines for cube, row, _ in placed), rows):
        shown = {}
        for number, (cube, row, _) in enumerate(placed):
            begin, end = max(first, row), min(first + rows, row + cube.lines)
            if begin < end:
                values, codes = cube.read(begin - row, end - begin, band)
                shown[number] = begin, values if codes is None else np.where(codes == 0, values, np.nan)
                moments[number].add(values[np.isfinite(shown[number][1])])
        for one, other in itertools.combinations(shown, 2):
            pair = _common(*(shown[number] + (placed[number][2],) for number in (one, other)))
            both = np.isfinite(pair[0]) & np.isfinite(pair[1])
            overlaps[one, other].first.add(pair[0][both])
            overlaps[one, other].second.add(pair[1][both])
    return moments, {pair: overlap for pair, overlap in overlaps.items() if overlap.first.count >= max(least, 1)}


def _common(*areas):
    """Of two areas (first line, values, first column) the values where they lie over each other."""
    top, left = (max(area[index] for area in areas) for index in (0, 2))
    below = min(area[0] + area[1].shape[0] for area in areas)
    right = min(area[2] + area[1].shape[1] for area in areas)
    size = max(below - top, 0), max(right - left, 0)
    return [
        values[top - line : top - line + size[0], left - column : left - column + size[1]]
        if all(size)
        else values[:0, :0]
        for line, values, column in areas
    ]


def _solved(moments, overlaps, adjust, weighted, held):
    """Gain, offset and mean of each image, of one band."""
    # A mean of 0 tells ISIS that there is no contrast.
    pairs = [pair for pair, overlap in overlaps.items() if overlap.first.mean and overlap.second.mean]
    chosen = [overlaps[pair] for pair in pairs]
    weights = np.array([overlap.first.count if weighted else 1.0 for overlap in chosen])
    gains, offsets = np.ones(len(moments)), np.zeros(len(moments))
    if adjust in ("offsets", "both"):
        differences = np.array([overlap.second.mean - overlap.first.mean for overlap in chosen])
        offsets = _least_squares(len(moments), pairs, differences, weights, held)
    if adjust in ("gains", "both"):
        flat = np.array([not (overlap.first.squares and overlap.second.squares) for overlap in chosen], bool)
        ratios = np.array(
            [1.0 if no else o.second.squares / o.first.squares for o, no in zip(chosen, flat, strict=True)]
        )
        gains = np.exp(_least_squares(len(moments), pairs, np.log(ratios) / 2, np.where(flat, FIRM, weights), held))
    return list(zip(gains, offsets, [each.mean for each in moments], strict=True))


def _least_squares(images, pairs, differences, weights, held):
    """Values of images (n,) whose differences, first less second of pairs, are these; 0 of those that are held."""
    matrix = np.zeros((len(pairs), images))
    for row, (first, second) in enumerate(pairs):
        matrix[row, first], matrix[row, second] = 1, -1
    free = [number for number in range(images) if number not in held]
    root, values = np.sqrt(weights), np.zeros(images)
    values[free] = np.linalg.lstsq(matrix[:, free] * root[:, None], differences * root)[0]
    return values
