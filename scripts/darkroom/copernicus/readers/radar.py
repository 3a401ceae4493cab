"""Images of Sentinel-1 GRD, whatever files they are in: calibrated, denoised power, and where their pixels are.

Power is (DN^2 - noise) / A^2, with A of the calibration vectors and the noise of range and azimuth vectors (MPC-0392,
thermal denoising of products of the IPF); each of them is bilinear in line and pixel, and beyond the first and last
vector as these have it. DN 0 is no data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator


@dataclass(frozen=True, eq=False)
class Lut:
    """A table over lines and pixels of an image: values (lines, pixels), bilinear between them, held beyond them."""

    lines: np.ndarray
    pixels: np.ndarray
    values: np.ndarray

    def __call__(self, lines, pixels):
        """The table at each line and pixel (lines, pixels), of increasing numbers both."""
        first, last = np.clip(
            np.searchsorted(self.lines, [lines[0], lines[-1]], side="right") - [1, 0], 0, len(self.lines) - 1
        )
        rows = np.stack([np.interp(pixels, self.pixels, row) for row in self.values[first : last + 1]])
        places = np.interp(lines, self.lines[first : last + 1], np.arange(len(rows)))
        low = np.minimum(places.astype(int), max(0, len(rows) - 2))
        high = np.minimum(low + 1, len(rows) - 1)
        share = (places - low)[:, None]
        return rows[low] * (1 - share) + rows[high] * share


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
        noise = self.range_noise(lines, pixels) * self._azimuth_factors(lines, pixels)
        made = (counts.astype(np.float64) ** 2 - noise) / self.calibration(lines, pixels) ** 2
        return np.where(counts == 0, np.nan, made).astype(np.float32)

    def _azimuth_factors(self, lines, pixels):
        factors = np.ones((len(lines), len(pixels)))
        for first, last, left, right, at, values in self.azimuth_noise:
            rows, columns = (lines >= first) & (lines <= last), (pixels >= left) & (pixels <= right)
            if rows.any() and columns.any():
                factors[np.ix_(rows, columns)] = np.interp(lines[rows], at, values)[:, None]
        return factors

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
