"""One picture of a whole movie: mean, extremes, spread, and the two maps in which cells show."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from darkroom.calcium import contrast


def project(movie, *, cell_diameter=7, threads=2):
    """Pictures float32 (rows, columns): `mean`, `max`, `min`, `std`, `correlation`, `pnr`.

    Pixels without a value in some frames (NaN) count where they have one, and are 0 in the two maps; those that never
    have one are NaN. The movie is read once, by blocks.
    """
    size = contrast.bin_size(movie.timing.rate, len(movie))
    floor = np.nan_to_num(movie.read(0, 1)[0]).astype(np.float32)
    still = contrast.still(movie, cell_diameter)
    moments, maps = Moments(floor), contrast.Contrast(movie.shape[1:])

    def look(step):
        frames = movie.read(*step)
        filtered = contrast.centre_surround(contrast.binned(frames, size), cell_diameter)
        return Moments(floor).add(frames), contrast.flickerless(filtered, still, cell_diameter)

    with ThreadPoolExecutor(threads) as pool:
        for chunk in contrast.steps(movie, size):
            seen = list(pool.map(look, chunk))
            for part, _ in seen:
                moments.join(part)
            maps.add(np.concatenate([filtered for _, filtered in seen]))
    done = sum(count for chunk in contrast.steps(movie, size) for _, count in chunk)
    if done < len(movie):
        moments.add(movie.read(done))
    correlation, pnr = maps.maps()
    return moments.pictures() | {"correlation": np.nan_to_num(correlation), "pnr": np.nan_to_num(pnr)}


class Moments:
    """Mean, spread and extremes of pixels over frames that come by blocks.

    floor -- float32 (rows, columns): about the values, near which float32 squares are exact enough
    """

    def __init__(self, floor):
        self.floor = floor
        self.count = np.zeros(floor.shape, np.int64)
        self.total, self.squares = np.zeros(floor.shape), np.zeros(floor.shape)
        self.low, self.high = np.full(floor.shape, np.inf, np.float32), np.full(floor.shape, -np.inf, np.float32)

    def add(self, frames):
        """Take in a block (count, rows, columns); NaN is no value."""
        above = frames - self.floor
        valued = np.isfinite(above)
        if valued.all():
            self.low, self.high = np.minimum(self.low, frames.min(0)), np.maximum(self.high, frames.max(0))
        else:
            self.low, self.high = np.fmin(self.low, np.fmin.reduce(frames)), np.fmax(self.high, np.fmax.reduce(frames))
            above[~valued] = 0
        self.count += valued.sum(0)
        self.total += above.sum(0)
        self.squares += np.einsum("tyx,tyx->yx", above, above)
        return self

    def join(self, other):
        """Take in what another has seen."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.low, self.high = np.fmin(self.low, other.low), np.fmax(self.high, other.high)

    def pictures(self):
        """`mean`, `max`, `min`, `std` as float32 (rows, columns); NaN where there was no value."""
        count, never = np.maximum(self.count, 1), self.count == 0
        mean = self.total / count
        spread = np.sqrt(np.maximum(self.squares / count - mean**2, 0))
        pictures = {"mean": mean + self.floor, "max": self.high, "min": self.low, "std": spread}
        return {name: np.where(never, np.nan, picture).astype(np.float32) for name, picture in pictures.items()}
