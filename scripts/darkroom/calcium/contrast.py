"""What makes cells stand out of haze: bins in time, a centre-surround filter, correlation and peak-to-noise.

The two maps are those of CNMF-E (Zhou et al. 2018, doi 10.7554/eLife.28728): cells are where pixels rise far above
their noise together with their neighbours.
"""

from itertools import pairwise

import numpy as np
from scipy import ndimage

RATE = 5.0  # Hz of the bins in which cells are looked for
MOST = 3000  # bins
CHUNK = 100  # bins with one baseline and one noise level
ACTIVE = 3.0  # times the noise, below which a pixel does not count for the correlation
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # and the same to the other side
MAD = 0.6745  # median absolute deviation of normal noise of standard deviation 1


def bin_size(rate, frames):
    """Frames that are averaged to look for cells: bins of some 5 Hz, at most 3,000 of them."""
    return max(1, round(rate / RATE), -(-frames // MOST))


def steps(movie, size, bytes_held=16 << 20):
    """How a movie is read by bins of `size` frames: per chunk of bins, the (first frame, count) of its blocks.

    Frames at the end that fill no bin are left out, unless there is nothing else.
    """
    size = min(size, len(movie))
    most = max(1, movie.block(bytes_held) // size)
    return [
        [(first * size, (min(first + most, part.stop) - first) * size) for first in range(part.start, part.stop, most)]
        for part in chunks(len(movie) // size)
    ]


def binned(frames, size):
    """Means float32 of every `size` frames of a block (count, rows, columns)."""
    size = min(size, len(frames))
    sums = frames[: len(frames) // size * size : size].astype(np.float32)
    for offset in range(1, size):
        sums += frames[offset : len(frames) // size * size : size]
    return sums / np.float32(size)


def centre_surround(frames, cell_diameter):
    """Frames (count, rows, columns) smoothed to the size of a cell, less the mean of the square two cells wide."""
    centre = ndimage.gaussian_filter(frames, (0, cell_diameter / 4, cell_diameter / 4), truncate=3)
    side = 2 * round(cell_diameter) + 1
    centre -= ndimage.uniform_filter(centre, (0, side, side))
    return centre


def still(movie, cell_diameter):
    """What a filtered frame always shows, float32 (rows, columns): of the mean of some frames over the movie."""
    _, frames = movie.sampled(100)
    return centre_surround(frames.mean(0, dtype=np.float32)[None], cell_diameter)[0]


def flickerless(filtered, still, cell_diameter):
    """Filtered frames without what is only `still` made brighter or darker around a place.

    Bleaching, and a vignette that does not move with the tissue, change a place six cells wide as one; vessels and
    texture would show through it.
    """
    side = 6 * round(cell_diameter) + 1
    strength = ndimage.uniform_filter(still**2, side)
    share = ndimage.uniform_filter(filtered * still, (0, side, side))
    share /= np.where(strength > 0, strength, np.inf)
    return filtered - share * still


def chunks(count):
    """Slices that cut so many bins into even chunks of some `CHUNK`."""
    edges = np.linspace(0, count, max(1, round(count / CHUNK)) + 1).round().astype(int)
    return [slice(first, last) for first, last in pairwise(edges)]


def standing_out(filtered):
    """A chunk of filtered bins (count, rows, columns) less its baseline, and its noise (rows, columns).

    Baseline is the median; noise the median difference from bin to bin, which transients hardly change.
    """
    above = filtered - np.median(filtered, 0)
    if len(filtered) < 2:
        return above, np.zeros(filtered.shape[1:], np.float32)
    noise = np.median(np.abs(np.diff(filtered, axis=0)), 0) / np.float32(MAD * np.sqrt(2))
    return above, noise


class Contrast:
    """Correlation with the neighbours, and peak-to-noise, of a filtered movie that comes chunk by chunk."""

    def __init__(self, shape):
        self.shape, self.count = shape, 0
        self.peak, self.noise = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.total, self.squares = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.products = [np.zeros(shape, np.float32) for _ in NEIGHBOURS]

    def add(self, filtered):
        """Take in the next chunk (count, rows, columns); returns itself."""
        above, noise = standing_out(filtered)
        self.count += len(filtered)
        self.noise += len(filtered) * noise
        np.maximum(self.peak, above.max(0), out=self.peak)
        above[above < ACTIVE * noise] = 0
        self.total += above.sum(0)
        self.squares += np.einsum("tyx,tyx->yx", above, above)
        for (down, right), product in zip(NEIGHBOURS, self.products, strict=True):
            here, there = _pair(down, right)
            product[here] += np.einsum("tyx,tyx->yx", above[(slice(None), *here)], above[(slice(None), *there)])
        return self

    def join(self, other):
        """Take in what another one has seen of the same field, afterwards."""
        self.count += other.count
        np.maximum(self.peak, other.peak, out=self.peak)
        for name in ("noise", "total", "squares"):
            getattr(self, name)[:] += getattr(other, name)
        for own, product in zip(self.products, other.products, strict=True):
            own += product

    def maps(self):
        """Correlation (-1 to 1) and peak-to-noise, float32 (rows, columns); 0 where nothing changes."""
        count = max(1, self.count)
        mean = self.total / count
        spread = np.sqrt(np.maximum(self.squares / count - mean**2, 0))
        correlation, neighbours = np.zeros_like(mean), np.zeros_like(mean)
        for (down, right), product in zip(NEIGHBOURS, self.products, strict=True):
            here, there = _pair(down, right)
            scale = spread[here] * spread[there]
            one = np.where(scale > 0, product[here] / count - mean[here] * mean[there], 0) / np.where(
                scale > 0, scale, 1
            )
            for side in (here, there):
                correlation[side] += one
                neighbours[side] += 1
        noise = self.noise / count
        return correlation / np.maximum(neighbours, 1), np.where(noise > 0, self.peak, 0) / np.where(
            noise > 0, noise, 1
        )


def _pair(down, right):
    """Where pixels are that have a neighbour so far away, and where these neighbours are."""
    here = (
        slice(None, -1) if down else slice(None),
        slice(None, -1) if right > 0 else slice(1, None) if right else slice(None),
    )
    there = (
        slice(1, None) if down else slice(None),
        slice(1, None) if right > 0 else slice(None, -1) if right else slice(None),
    )
    return here, there
