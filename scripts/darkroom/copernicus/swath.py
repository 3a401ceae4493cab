"""Images that tell the place of every pixel: what of them is in a window of a map, by the overlaps of their pixels.

What a whole image needs is held in HELD bytes a pixel; the rest is worked on in bands of rows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from darkroom.copernicus import overlap

HELD = 12  # bytes: two places of 4 and a value
BAND = 64  # rows that are worked on at a time
TILE = 64  # pixels of a side of the pieces of an image whose bounds are known
STEP = 1e-7  # degrees, a centimetre on the ground: files tell millionths
NOWHERE = np.iinfo(np.int32).min


class Places:
    """Longitudes (-180 to 180) and latitudes of the middles of pixels.

    `places[rows, columns]`, of slices, gives both: degrees as float64, NaN where none are told.
    """

    def __init__(self, shape):
        self.shape = shape
        self._steps = np.full((2, *shape), NOWHERE, np.int32)

    def put(self, rows, longitudes, latitudes):
        """Set some rows, a slice."""
        for steps, degrees in zip(self._steps, ((longitudes + 180) % 360 - 180, latitudes), strict=True):
            steps[rows] = np.where(np.isnan(degrees), NOWHERE, np.round(degrees / STEP))

    def __getitem__(self, part):
        steps = self._steps[(slice(None), *part)]
        return np.where(steps == NOWHERE, np.nan, steps * STEP)

    def bands(self):
        """Slices of rows."""
        return (slice(first, first + BAND) for first in range(0, self.shape[0], BAND))

    @cached_property
    def bounds(self):
        """West, east, south, north, NaN where no pixel has a place; over the date line longitudes go on beyond 180."""
        lows, highs = [], []
        for rows in self.bands():
            longitudes, latitudes = self[rows, :]
            if not np.isnan(longitudes + latitudes).all():
                kinds = longitudes, longitudes % 360, latitudes
                lows.append([np.nanmin(kind) for kind in kinds])
                highs.append([np.nanmax(kind) for kind in kinds])
        low, high = (np.min(lows, 0), np.max(highs, 0)) if lows else np.full((2, 3), np.nan)
        way = int(np.argmin(high[:2] - low[:2]))
        return low[way], high[way], low[2], high[2]

    @cached_property
    def reach(self):
        """Degrees on the ground by which neighbours are apart at most."""
        apart = [0.0]
        for rows in self.bands():
            longitudes, latitudes = self[rows.start : rows.stop + 1, :]
            for axis in (0, 1):
                north = np.diff(latitudes, axis=axis)
                east = turned(np.diff(longitudes, axis=axis)) * np.cos(np.radians(np.delete(latitudes, 0, axis)))
                apart.append(np.fmax.reduce(np.hypot(east, north), axis=None, initial=0.0))
        return max(apart)

    @cached_property
    def _tiles(self):
        """Of each tile (row, column) the lowest and highest latitude, the middle longitude, and half its width."""
        starts = np.arange(0, self.shape[1], TILE)
        pieces = []
        for first in range(0, self.shape[0], TILE):
            longitudes, latitudes = self[first : first + TILE, :]
            some = _ends(longitudes, starts)[1]
            west, east = _ends(turned(longitudes - np.repeat(some, TILE)[: self.shape[1]]), starts)
            pieces.append([*_ends(latitudes, starts), some + (west + east) / 2, (east - west) / 2])
        return np.stack(pieces, 1)

    def near(self, west, south, east, north):
        """Rows and columns, slices, of a rectangle with all pixels that may reach into a box, or None."""
        low, high, middle, half = self._tiles
        # A pixel is the more degrees of longitude wide, the nearer the pole it is.
        slack = self.reach / np.cos(np.radians(np.minimum(np.maximum(abs(low), abs(high)), 89.999)))
        inside = (low <= north + self.reach) & (high >= south - self.reach)
        inside &= abs(turned(middle - (west + east) / 2)) - (east - west) / 2 <= half + slack
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if not len(rows):
            return None
        return tuple(slice(one[0] * TILE, (one[-1] + 1) * TILE) for one in (rows, columns))


@dataclass(frozen=True)
class Swath:
    """A field with the places of its pixels.

    values (row, column) -- float32, NaN for none
    orphans -- values, longitudes and latitudes of pixels that are kept beside the image, and the row of each, (n) each
    """

    values: np.ndarray
    places: Places
    orphans: tuple

    def window(self, place, window):
        """The mean of the pixels in each cell of a window of a map (float32), by their overlaps; NaN for none."""
        west, north = place.affine @ (window.col_off, window.row_off)
        east, south = place.affine @ (window.col_off + window.width, window.row_off + window.height)
        total = np.zeros((int(window.height), int(window.width)))
        cover = np.zeros_like(total)
        if part := self.places.near(west, south, east, north):
            rows, columns = part
            for first in range(rows.start, min(rows.stop, self.places.shape[0]), BAND):
                band = slice(first, min(first + BAND, rows.stop, self.places.shape[0]))
                shown, xs, ys = self._pixels(band, columns)
                overlap.add(shown, xs, ys, west, north, place.affine.a, total, cover)
        return overlap.mean(total, cover).astype(np.float32)

    def _pixels(self, rows, columns):
        """Good pixels of some rows and columns, and the orphans of those rows: values, and corners (n, 4)."""
        above, left = (min(1, one.start) for one in (rows, columns))
        around = self.places[rows.start - above : rows.stop + 1, columns.start - left : columns.stop + 1]
        inner = slice(above, above + rows.stop - rows.start), slice(left, left + columns.stop - columns.start)
        xs, ys = (one[inner] for one in corners(*around))
        longitudes, latitudes = (one[inner] for one in around)
        lone, lone_xs, lone_ys = self._lone(rows.start, longitudes, latitudes, xs, ys)
        shown = np.concatenate([self.values[rows, columns].ravel(), lone]).astype(np.float64)
        xs, polar = overlap.turned(np.concatenate([xs.reshape(-1, 4), lone_xs]))
        ys = np.concatenate([ys.reshape(-1, 4), lone_ys])
        good = ~np.isnan(shown) & ~np.isnan(xs).any(-1) & ~np.isnan(ys).any(-1) & ~polar
        return shown[good], xs[good], ys[good]

    def _lone(self, top, longitudes, latitudes, xs, ys):
        """Orphans of some rows from `top` on: values, and corners as the nearest pixel of their row has them."""
        values, easts, norths, rows = self.orphans
        near = np.flatnonzero((rows >= top) & (rows < top + len(xs)))
        values, easts, norths, rows = values[near], easts[near, None], norths[near, None], rows[near] - top
        columns = np.zeros(len(near), int)
        for at, row in enumerate(rows):
            along = turned(longitudes[row] - easts[at]) * np.cos(np.radians(norths[at]))
            apart = np.hypot(along, latitudes[row] - norths[at])
            columns[at] = np.where(np.isnan(apart), np.inf, apart).argmin()
        pixel = rows, columns
        east = easts + turned(xs[pixel] - longitudes[pixel][:, None])
        return values, east, norths + ys[pixel] - latitudes[pixel][:, None]


def _ends(degrees, starts):
    """The lowest and the highest degrees of some rows between the columns that pieces of them start at."""
    return tuple(one.reduceat(one.reduce(degrees), starts) for one in (np.fmin, np.fmax))


def corners(longitudes, latitudes):
    """Of pixels, by their middles (row, column), the four corners in their order around each: longitudes and latitudes
    (row, column, 4), half way to the neighbours.

    Half way is in space: in degrees it is nowhere near at the date line and around the poles.
    """
    east, north = np.radians(longitudes), np.radians(latitudes)
    points = np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])
    edge = np.pad(points, ((0, 0), (1, 1), (1, 1)), mode="reflect", reflect_type="odd")
    x, y, z = edge[:, :-1, :-1] + edge[:, 1:, :-1] + edge[:, :-1, 1:] + edge[:, 1:, 1:]
    shared = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
    return tuple(np.stack([one[:-1, :-1], one[:-1, 1:], one[1:, 1:], one[1:, :-1]], -1) for one in shared)


def turned(degrees):
    """Differences of longitudes as they are the short way around."""
    return (degrees + 180) % 360 - 180
