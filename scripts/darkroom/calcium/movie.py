"""The one model of a movie that every reader fills and every step reads: frames by blocks, never as a whole."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from darkroom.calcium.timing import Timing

BLOCK_BYTES = 32 << 20  # of a block as float32: large enough for speed, small enough to hold several


@dataclass(frozen=True, eq=False)
class Movie:
    """Frames that are there (no gap is stored), in the order of time.

    shape -- frames, rows (y, downwards), columns (x, to the right)
    dtype -- of the pixels as they are stored
    timing -- when the frames were taken
    reader -- `(first, count)` to an array (count, rows, columns) of `dtype` that the caller may change; safe to be
              called by several threads
    pixel_size -- micrometres of a pixel along rows (y) and columns (x), or None where nobody knows
    acquisition -- what the instrument says of itself and of the session, as JSON-able values
    parts -- of a series: (name, first frame, count) of each recording
    notes -- what was assumed, converted, left out
    top_left -- (y, x) of the field on the sensor, in micrometres
    """

    shape: tuple
    dtype: np.dtype
    timing: Timing
    reader: Callable = field(repr=False)
    pixel_size: tuple | None = None
    acquisition: dict = field(default_factory=dict)
    parts: tuple = ()
    notes: tuple = ()
    top_left: tuple = (0.0, 0.0)

    def __len__(self):
        return self.shape[0]

    @property
    def bytes(self):
        """Of all its pixels."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def read(self, first=0, count=None):
        """Frames `first` to `first + count` (to the end without a count) as an array (count, rows, columns).

        Raises IndexError when the movie has no such frames.
        """
        count = len(self) - first if count is None else count
        if first < 0 or count < 0 or first + count > len(self):
            raise IndexError(f"frames {first} to {first + count} asked for, the movie has {len(self)}")
        return self.reader(first, count)

    def block(self, bytes_held=BLOCK_BYTES):
        """How many frames a block has that holds so many bytes as float32; at least one."""
        return int(max(1, min(len(self), bytes_held // (4 * self.shape[1] * self.shape[2]))))

    def blocks(self, frames=None):
        """Every frame once: pairs of the first frame's number and an array (count, rows, columns)."""
        frames = frames or self.block()
        for first in range(0, len(self), frames):
            yield first, self.read(first, min(frames, len(self) - first))

    def mapped(self, work, threads=2, frames=None):
        """`work(first, block)` of every block in the order of time, a few of them at work at once."""
        frames, waiting = frames or self.block(), deque()
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(self), frames):
                count = min(frames, len(self) - first)
                waiting.append(pool.submit(lambda first, count: work(first, self.read(first, count)), first, count))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def sampled(self, most):
        """At most `most` frames, evenly over the whole movie: their numbers and an array (count, rows, columns)."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(most, len(self))).round().astype(int))
        return chosen, np.concatenate([self.read(int(one), 1) for one in chosen])

    def changed(self, **fields):
        """This movie with other fields."""
        return replace(self, **fields)


def of_array(frames, period=0.05, **fields):
    """A movie of an array (frames, rows, columns) in memory: for tests and for small things.

    period -- seconds between frames, for movies without a `timing` among `fields`
    """
    frames = np.asarray(frames)
    fields.setdefault("timing", Timing(Fraction(period).limit_denominator(10**9), len(frames)))
    return Movie(frames.shape, frames.dtype, reader=lambda first, count: frames[first : first + count].copy(), **fields)
