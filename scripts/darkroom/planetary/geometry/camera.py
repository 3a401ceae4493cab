"""From pixels to the ground and back: frame and line-scan cameras over an ellipsoid.

Formulas: ISIS's Sensor, CameraDistortionMap, TaylorCameraDistortionMap, LineScanCameraDetectorMap and CameraGroundMap,
here for whole arrays at once. Latitudes are planetocentric, longitudes run east from 0 to 360, degrees everywhere.
"""

from dataclasses import dataclass

import numpy as np

from darkroom.planetary.geometry.isd import SUPPORTED
from darkroom.planetary.geometry.isd import of as isd_of

PRECISION = 1e-9  # mm in the focal plane
LINE_PRECISION = 1e-4  # lines; the clock of ephemeris time is no finer than some 1e-5
MOST = 30  # iterations


@dataclass(frozen=True)
class Ground:
    """What pixels see, arrays of one shape; NaN where a line of sight misses the body.

    radius in metres, slant (distance to the spacecraft) in km, angles in degrees;
    point, spacecraft, sun (..., 3) body-fixed in km; look (..., 3) a body-fixed unit vector
    """

    latitude: np.ndarray
    longitude: np.ndarray
    radius: np.ndarray
    slant: np.ndarray
    phase: np.ndarray
    incidence: np.ndarray
    emission: np.ndarray
    point: np.ndarray
    spacecraft: np.ndarray
    sun: np.ndarray
    look: np.ndarray


def of(path, lines=None, samples=None, instrument=None):
    """The camera of an ISD or of a cube with SPICE tables; errors as of `isd.of`."""
    return Camera(isd_of(path, lines, samples, instrument))


class Camera:
    """A camera as an `isd.Isd` describes it. Image coordinates are ISIS's: 1.0 is the centre of the first pixel.

    Raises ValueError for a distortion that is not modelled.
    """

    def __init__(self, isd):
        if isd.distortion not in ("radial", "transverse"):
            raise ValueError(f"distortion by {isd.distortion} is not supported; supported are {SUPPORTED}")
        self.isd, self.lines, self.samples = isd, isd.lines, isd.samples

    def ground(self, sample, line):
        """What image coordinates see: a Ground of their common shape."""
        sample, line = np.asarray(sample, float), np.asarray(line, float)
        time = self._time(line)
        body = self.isd.body.matrix(time)
        spacecraft, sun = (_turned(body, states.at(time)) for states in (self.isd.position, self.isd.sun))
        look = self._look(sample, line)
        look = _turned(body @ np.swapaxes(self.isd.pointing.matrix(time), -1, -2), look)
        point = intersection(spacecraft, look, self.isd.radii)
        latitude, longitude = spherical(point)
        phase, incidence, emission = angles(point, spacecraft, sun, self.isd.radii)
        shape = point.shape
        return Ground(
            latitude,
            longitude,
            np.linalg.norm(point, axis=-1) * 1000,
            np.linalg.norm(point - spacecraft, axis=-1),
            phase,
            incidence,
            emission,
            point,
            np.broadcast_to(spacecraft, shape),
            np.broadcast_to(sun, shape),
            look,
        )

    def backplanes(self, first_line, lines):
        """The Ground (lines, samples) of the pixels of some lines, counted from 0."""
        line = np.arange(first_line + 1, first_line + lines + 1)[:, None]
        return self.ground(np.arange(1, self.samples + 1)[None, :], line)

    def image(self, latitude, longitude):
        """Image coordinates (sample, line) of points on the ground; NaN where the camera cannot see them.

        They may lie outside the image. ISIS accepts the line of a line-scan image within 0.01; here it converges.
        """
        point = cartesian(latitude, longitude, self.isd.radii)
        return self._frame(point, self.isd.start) if not self.isd.line_time else self._scan(point)

    def _scan(self, point):
        """Image coordinates where the point crosses the line of a line-scan camera, by the secant method."""
        shape = point.shape[:-1]
        point = point.reshape(-1, 3)
        line = np.full(len(point), (self.lines + 1) / 2)
        sample, offset = self._frame(point, self._time(line))
        before, offset_before = line, offset
        line = line + np.where(np.isfinite(offset), offset, 0) / self.isd.summing[0]
        todo = np.arange(len(point))
        for _ in range(MOST):
            sample[todo], offset = self._frame(point[todo], self._time(line[todo]))
            with np.errstate(invalid="ignore", divide="ignore"):
                step = offset * (line[todo] - before[todo]) / (offset_before[todo] - offset)
            step = np.where(np.isfinite(step), step, 0)
            before[todo], offset_before[todo] = line[todo], offset
            line[todo] += step
            todo = todo[np.abs(step) > LINE_PRECISION]
            if not len(todo):
                break
        line[todo] = np.nan
        line[np.isnan(sample)] = np.nan
        sample[np.isnan(line)] = np.nan
        return sample.reshape(shape), line.reshape(shape)

    def _frame(self, point, time):
        """Image coordinates at given times; of a line-scan camera the line is its distance from the detector's."""
        isd = self.isd
        body = isd.body.matrix(time)
        spacecraft = _turned(body, isd.position.at(time))
        seen = np.sum((point - spacecraft) * point / isd.radii**2, axis=-1) < 0
        camera = isd.pointing.matrix(time) @ np.swapaxes(body, -1, -2)
        look = _turned(camera, point - spacecraft)
        with np.errstate(invalid="ignore", divide="ignore"):
            plane = look[..., :2] * (isd.focal_length / look[..., 2:])
        plane = np.where((seen & (look[..., 2] > 0))[..., None], plane, np.nan)
        plane = distorted(plane, isd.distortion, isd.coefficients)
        detector = isd.detector[:, 0] + plane @ isd.detector[:, 1:].T + isd.boresight
        if isd.line_time:
            return self._parent(detector[..., 0], 0), detector[..., 1]
        return self._parent(detector[..., 0], 0), self._parent(detector[..., 1], 1)

    def _look(self, sample, line):
        """Unit vectors (..., 3) in the camera's frame."""
        isd = self.isd
        detector = self._detector(sample, 0), 0.0 * line if isd.line_time else self._detector(line, 1)
        centred = np.stack(np.broadcast_arrays(*detector), axis=-1) - isd.boresight
        plane = isd.plane[:, 0] + centred @ isd.plane[:, 1:].T
        plane = undistorted(plane, isd.distortion, isd.coefficients)
        look = np.concatenate([plane, np.full((*plane.shape[:-1], 1), isd.focal_length)], axis=-1)
        return look / np.linalg.norm(look, axis=-1, keepdims=True)

    def _detector(self, parent, axis):
        """Detector coordinate of the centre of an image pixel (CameraDetectorMap)."""
        summing, first = self.isd.summing[axis], self.isd.first[axis]
        return (parent - 1) * summing + summing / 2 + first - 0.5

    def _parent(self, detector, axis):
        summing, first = self.isd.summing[axis], self.isd.first[axis]
        return (detector - summing / 2 - first + 0.5) / summing + 1

    def _time(self, line):
        return self.isd.start + self.isd.line_time * (line - 0.5) if self.isd.line_time else self.isd.start

    def resolution(self, ground):
        """Metres per pixel where pixels see, across the line of sight, mean of both directions (PixelResolution)."""
        summing = 1 if self.isd.line_time else self.isd.summing[1]
        return ground.slant * 1000 * self.isd.pitch / self.isd.focal_length * (self.isd.summing[0] + summing) / 2

    def outline(self):
        """The Ground (n,) along the edges of the image; of a line whose ends are off the body, of its part on it."""
        samples, lines = np.arange(self.samples + 1) + 0.5, np.arange(self.lines + 1) + 0.5
        ends = np.tile(samples[[0, -1]], (self.lines - 1, 1))
        off = np.isnan(self.ground(ends, lines[1:-1, None]).latitude).any(axis=1)
        for row in np.flatnonzero(off):
            seen = samples[np.isfinite(self.ground(samples, lines[row + 1]).latitude)]
            ends[row] = seen[[0, -1]] if len(seen) else np.nan
        across = np.concatenate([samples, samples, ends[:, 0], ends[:, 1]])
        first, last = np.full(len(samples), lines[0]), np.full(len(samples), lines[-1])
        return self.ground(across, np.concatenate([first, last, lines[1:-1], lines[1:-1]]))


def intersection(origin, direction, radii):
    """First points (..., 3) where rays meet an ellipsoid; NaN where they miss it."""
    origin, scaled = origin / radii, direction / radii
    square = np.sum(scaled * scaled, axis=-1)
    half = np.sum(origin * scaled, axis=-1)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(half * half - square * (np.sum(origin * origin, axis=-1) - 1))
    distance = (-half - root) / square
    return (origin + np.where(distance > 0, distance, np.nan)[..., None] * scaled) * radii


def spherical(point):
    """Planetocentric latitude and east longitude, 0 to 360, of points (..., 3)."""
    x, y, z = np.moveaxis(point, -1, 0)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x)) % 360


def cartesian(latitude, longitude, radii):
    """Points (..., 3) of an ellipsoid at planetocentric coordinates."""
    latitude, longitude = np.broadcast_arrays(np.radians(latitude), np.radians(longitude))
    unit = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )
    return unit / np.linalg.norm(unit / radii, axis=-1, keepdims=True)


def angles(point, spacecraft, sun, radii):
    """Phase, incidence and emission in degrees at points (..., 3), against the ellipsoid's normal."""
    normal = point / radii**2
    to_spacecraft, to_sun = spacecraft - point, sun - point
    return _angle(to_spacecraft, to_sun), _angle(normal, to_sun), _angle(normal, to_spacecraft)


def _angle(first, second):
    """Degrees between vectors (..., 3); exact for small angles too (Kahan)."""
    first, second = (vector / np.linalg.norm(vector, axis=-1, keepdims=True) for vector in (first, second))
    return np.degrees(2 * np.arctan2(np.linalg.norm(first - second, axis=-1), np.linalg.norm(first + second, axis=-1)))


def _turned(matrix, vector):
    """Vectors (..., 3) turned by matrices (..., 3, 3), or by one (3, 3)."""
    return vector @ matrix.T if matrix.ndim == 2 else np.einsum("...ij,...j->...i", matrix, vector)


def undistorted(plane, kind, coefficients):
    """Focal plane coordinates (..., 2) in mm of an ideal camera, from those on the detector."""
    if kind == "radial":
        return plane * (1 - _radial(np.sum(plane**2, axis=-1, keepdims=True), coefficients))
    if kind == "transverse":
        return _newton(plane, coefficients)
    return plane


def distorted(plane, kind, coefficients):
    """Focal plane coordinates (..., 2) in mm on the detector, from those of an ideal camera."""
    if kind == "radial":
        length = np.linalg.norm(plane, axis=-1, keepdims=True)
        radius, shift = length, np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(MOST):
                previous, radius = radius, length + radius * _radial(radius**2, coefficients)
                shift = np.abs(radius - previous)
                if not np.any(shift > PRECISION):
                    break
            # Far outside the image there may be no place at all.
            return np.where(shift <= PRECISION, plane / (1 - _radial(radius**2, coefficients)), np.nan)
    if kind == "transverse":
        return _terms(plane) @ coefficients.T
    return plane


def _radial(square, coefficients):
    """Relative shift at a squared radius (CameraDistortionMap)."""
    return np.polynomial.polynomial.polyval(square, coefficients)


def _terms(plane):
    """The ten terms (..., 10) of a cubic polynomial of two variables, in ISIS's order."""
    x, y = plane[..., 0], plane[..., 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], axis=-1)


def _newton(plane, coefficients):
    """The ideal coordinates whose distortion is `plane`."""
    ideal = plane
    for _ in range(MOST):
        x, y = ideal[..., 0], ideal[..., 1]
        zero, one = np.zeros_like(x), np.ones_like(x)
        by_x = np.stack([zero, one, zero, 2 * x, y, zero, 3 * x * x, 2 * x * y, y * y, zero], axis=-1) @ coefficients.T
        by_y = np.stack([zero, zero, one, zero, x, 2 * y, zero, x * x, 2 * x * y, 3 * y * y], axis=-1) @ coefficients.T
        error = plane - _terms(ideal) @ coefficients.T
        determinant = by_x[..., 0] * by_y[..., 1] - by_y[..., 0] * by_x[..., 1]
        step = np.stack(
            [
                by_y[..., 1] * error[..., 0] - by_y[..., 0] * error[..., 1],
                by_x[..., 0] * error[..., 1] - by_x[..., 1] * error[..., 0],
            ],
            axis=-1,
        )
        step = step / determinant[..., None]
        ideal = ideal + step
        if not np.any(np.abs(step) > PRECISION):
            break
    return ideal
