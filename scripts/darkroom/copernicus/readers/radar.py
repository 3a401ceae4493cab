"""Images of Sentinel-1 GRD, whatever files they are in: calibrated, denoised power, and where their pixels are.

Power is (DN^2 - noise) / A^2, with A of the calibration vectors and the noise of range and azimuth vectors (MPC-0392,
thermal denoising of products of the IPF); each of them is bilinear in line and pixel, and beyond the first and last
vector as these have it. DN 0 is no data.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from darkroom.compiled import compiled


@dataclass(frozen=True, eq=False)
class Lut:
    """A table over lines and pixels of an image: values (lines, pixels), bilinear between them, held beyond them."""

    lines: np.ndarray
    pixels: np.ndarray
    values: np.ndarray

    def __call__(self, lines, pixels):
        """The table at each line and pixel (lines, pixels), of increasing numbers both."""
        rows, low, share = self.between(lines, pixels)
        high, part = np.minimum(low + 1, len(rows) - 1), share[:, None]
        return rows[low] * (1 - part) + rows[high] * part

    def between(self, lines, pixels):
        """Rows of the table at the pixels, and of each line the row before it and the share of the next one."""
        first, last = np.clip(
            np.searchsorted(self.lines, [lines[0], lines[-1]], side="right") - [1, 0], 0, len(self.lines) - 1
        )
        rows = np.stack([np.interp(pixels, self.pixels, row) for row in self.values[first : last + 1]])
        places = np.interp(lines, self.lines[first : last + 1], np.arange(len(rows)))
        low = np.minimum(places.astype(int), max(0, len(rows) - 2))
        return rows, low, places - low


@dataclass(frozen=True, eq=False)
class Image:
    """One polarisation of a product, as sigma0, beta0 or gamma0.

    path -- of its pixels; shape -- lines and pixels; spacing -- metres of a pixel in range
    points -- of the geolocation grid: line, pixel, longitude, latitude (n, 4)
    calibration, range_noise -- over lines and pixels
    azimuth_noise -- of each swath and burst: first and last line, first and last pixel, lines and factors of the noise
    counts -- counts(Window): digital numbers; raises ValueError for an image that is damaged
    """

    path: str
    shape: tuple[int, int]
    spacing: float
    points: np.ndarray
    calibration: Lut
    range_noise: Lut
    azimuth_noise: list
    counts: Callable

    def power(self, window):
        """Calibrated power (float32) of a window, NaN for no data; what noise makes negative stays so."""
        counts = self.counts(window)
        rows, columns = window.toslices()
        lines, pixels = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
        tables = (*self.calibration.between(lines, pixels), *self.range_noise.between(lines, pixels))
        made = np.empty(counts.shape, np.float32)
        _kernel()(counts, *tables, *self._azimuth_factors(lines, pixels), made)
        return made

    def _azimuth_factors(self, lines, pixels):
        """Factors of the noise of each strip of pixels at the lines (strips, lines), and where among the pixels strips
        begin and the last one ends."""
        ends = [end for _, _, left, right, *_ in self.azimuth_noise for end in (left, right + 1)]
        strips = np.unique(np.clip([pixels[0], *ends], pixels[0], pixels[-1] + 1))
        strips = strips[strips <= pixels[-1]]
        factors = np.full((len(strips), len(lines)), np.nan)
        for first, _, left, right, at, values in sorted(self.azimuth_noise, key=lambda block: block[0]):
            columns = (strips >= left) & (strips <= right)
            # The first block is held before it begins, and each until the next one: the last may end too early.
            taken = (lines >= first) | np.isnan(factors[columns])
            factors[columns] = np.where(taken, np.interp(lines, at, values), factors[columns])
        factors[np.isnan(factors)] = 1
        return factors, np.append(strips, pixels[-1] + 1) - pixels[0]

    def places(self):
        """Longitudes and latitudes of the geolocation grid; over the date line they go on beyond 180 degrees."""
        longitudes = self.points[:, 2]
        if np.ptp(longitudes) > 180:
            longitudes = np.where(longitudes < 0, longitudes + 360, longitudes)
        return longitudes, self.points[:, 3]

    def locator(self, xs, ys):
        """Tells line and pixel of places on a map: locate(x, y) of arrays. A thin plate spline through all points.

        xs, ys -- of the geolocation grid on the map
        """
        middle, size = np.array([xs.mean(), ys.mean()]), max(np.ptp(xs), np.ptp(ys))
        spline = RBFInterpolator(
            (np.stack([xs, ys], 1) - middle) / size, self.points[:, :2], kernel="thin_plate_spline"
        )

        def locate(x, y):
            given = (np.stack([x.ravel(), y.ravel()], 1) - middle) / size
            return spline(given).T.reshape(2, *x.shape)

        return locate


@functools.cache
def _kernel():
    return compiled(_calibrated)


def _calibrated(counts, gains, gain_row, gain_share, noises, noise_row, noise_share, factors, strips, made):
    """Power of counts (lines, pixels); of tables rows at the pixels, the row before a line, the share of the next."""
    for line in range(counts.shape[0]):
        gain, noise = gain_row[line], noise_row[line]
        next_gain, next_noise = min(gain + 1, len(gains) - 1), min(noise + 1, len(noises) - 1)
        of_gain, of_noise = gain_share[line], noise_share[line]
        for strip in range(len(factors)):
            factor, part = factors[strip, line], slice(strips[strip], strips[strip + 1])
            given, shown = counts[line, part], made[line, part]
            level, next_level = noises[noise, part], noises[next_noise, part]
            scale, next_scale = gains[gain, part], gains[next_gain, part]
            for at in range(len(given)):
                count = float(given[at])
                noisy = level[at] * (1 - of_noise) + next_level[at] * of_noise
                scaled = scale[at] * (1 - of_gain) + next_scale[at] * of_gain
                power = (count * count - noisy * factor) / (scaled * scaled)
                shown[at] = power if count > 0 else np.nan
