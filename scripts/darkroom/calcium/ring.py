"""The background of a pixel as a weighted sum of the pixels on a ring around it, one cell and a half away (CNMF-E)."""

import numpy as np
from scipy import sparse

from darkroom.calcium import contrast


class Ring:
    """The ring background of a field, on coarse pixels of `grid` x `grid` pixels.

    shape -- rows, columns of the field; a coarse pixel at its end has what is left
    radius -- pixels from a pixel to its ring
    known -- (rows, columns) pixels with values; those without are on no ring
    weights -- sparse (coarse pixels, coarse pixels) float32, empty until `fit`; `solved` are the same by the ring
    """

    def __init__(self, shape, grid, radius, valued=None):
        self.shape, self.grid = shape, grid
        self.coarse_shape = tuple(-(-size // grid) for size in shape)
        self.counts = np.outer(
            *(np.minimum(grid, size - grid * np.arange(n)) for size, n in zip(shape, self.coarse_shape, strict=True))
        )
        self.weights = sparse.csr_array((self.counts.size, self.counts.size), dtype=np.float32)
        usable = np.ones(self.coarse_shape, bool)
        if valued is not None:
            usable = self.coarse(valued.reshape(1, -1).astype(np.float32))[0].reshape(self.coarse_shape) > 0.999
        self.neighbours = self._neighbours(radius / grid, usable)
        self.solved = np.zeros((0, self.neighbours.shape[1]), np.float32)

    def _neighbours(self, radius, usable):
        """Numbers (coarse pixels, most on a ring) of the pixels on each ring; -1 where it has fewer."""
        reach = int(radius + 1)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        distance = np.hypot(y, x)
        on = (distance >= radius) & (distance < radius + 1)
        rows, columns = np.indices(self.coarse_shape).reshape(2, -1, 1)
        rows, columns = rows + y[on], columns + x[on]
        inside = (rows >= 0) & (rows < self.coarse_shape[0]) & (columns >= 0) & (columns < self.coarse_shape[1])
        numbers = np.where(inside, rows * self.coarse_shape[1] + columns, 0)
        return np.where(inside & usable.ravel()[numbers], numbers, -1)

    def coarse(self, frames):
        """Frames (count, pixels) as (count, coarse pixels)."""
        if self.grid == 1:
            return frames
        rows, columns = self.shape
        pad = [(0, n * self.grid - size) for size, n in zip(self.shape, self.coarse_shape, strict=True)]
        frames = frames.reshape(-1, rows, columns)
        if any(after for _, after in pad):
            frames = np.pad(frames, [(0, 0), *pad])
        sums = sum(frames[:, y :: self.grid, x :: self.grid] for y in range(self.grid) for x in range(self.grid))
        return (sums / self.counts.astype(np.float32)).reshape(len(frames), -1)

    def fit(self, coarse, spread):
        """Weights by ridge regression over frames (count, coarse pixels), each about its mean.

        The ridge of a pixel is what the weights so far leave of it, over the expected weight, both squared: weights are
        small where frames are few, or the pixel does what no haze does, as one with a cell that is not found yet.

        spread -- times 1 / (pixels of a ring): how large weights are expected to be
        """
        noise = (contrast.standing_out(coarse)[1] ** 2).mean()
        coarse = coarse - coarse.mean(0)
        count, size = coarse.shape
        gram = np.zeros((size + 1, size + 1), np.float32)  # the last one stands for no pixel
        gram[:size, :size] = coarse.T @ coarse
        most = self.neighbours.shape[1]
        solved = np.empty((size, most), np.float32)
        for first in range(0, size, 1024):
            pixels = np.arange(first, min(first + 1024, size))
            ring = self.neighbours[pixels]
            inner = gram[ring[:, :, None], ring[:, None, :]]
            with_ring = gram[ring, pixels[:, None]]
            before = self.solved[pixels] if len(self.solved) else _ridge(inner, with_ring, noise * most**2)
            left = gram[pixels, pixels] + (before * ((inner @ before[..., None])[..., 0] - 2 * with_ring)).sum(1)
            solved[pixels] = _ridge(inner, with_ring, np.maximum(left / count, noise) * (most / spread) ** 2)
        self.solved = solved
        on = self.neighbours >= 0
        rows = np.broadcast_to(np.arange(size)[:, None], on.shape)
        self.weights = sparse.csr_array((solved[on], (rows[on], self.neighbours[on])), (size, size))

    def background(self, coarse):
        """Background (count, pixels) of frames (count, coarse pixels)."""
        values = (self.weights @ coarse.T).T.reshape(-1, *self.coarse_shape)
        if self.grid > 1:
            values = values.repeat(self.grid, 1).repeat(self.grid, 2)[:, : self.shape[0], : self.shape[1]]
        return values.reshape(len(values), -1)


def _ridge(inner, with_ring, ridge):
    """Weights (pixels, most on a ring) by the sums of products of ring pixels, among them and with the pixel itself."""
    inner = inner.copy()
    diagonal = np.arange(inner.shape[1])
    inner[:, diagonal, diagonal] += np.reshape(ridge, (-1, 1)) + 1e-6
    return np.linalg.solve(inner, with_ring[..., None])[..., 0]


def scales(shape, grid):
    """Sparse matrices: means of pixels (coarse, fine), and each coarse value for all of its pixels (fine, coarse)."""
    across = -(-shape[1] // grid)
    rows, columns = np.indices(shape).reshape(2, -1) // grid
    coarse, fine = rows * across + columns, np.arange(len(rows))
    spread = sparse.csr_array(
        (np.ones(len(fine), np.float32), (fine, coarse)), (len(fine), -(-shape[0] // grid) * across)
    )
    mean = sparse.csr_array((1 / spread.sum(axis=0)[coarse], (coarse, fine)), spread.shape[::-1], dtype=np.float32)
    return mean, spread
