"""From pixels to the ground and back: frame, line-scan and push-frame cameras over an ellipsoid or a DEM.

Formulas: ISIS's Sensor, LineScanCameraDetectorMap, PushFrameCameraDetectorMap and CameraGroundMap, here for whole
arrays at once. Latitudes are planetocentric, longitudes run east from 0 to 360, degrees everywhere.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from darkroom.planetary.geometry.distortion import distorted, undistorted
from darkroom.planetary.geometry.isd import EXTRAPOLATED
from darkroom.planetary.geometry.isd import of as isd_of

LINE_PRECISION = 1e-4  # lines, or framelets; the clock of ephemeris time is no finer than some 1e-5
MOST = 30  # iterations
# Parts of an image at which the search for a point begins, until one sees it: a long one goes around the body.
BEGINNINGS = (1 / 2, 1 / 8, 7 / 8, 1 / 4, 3 / 4)


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

    terrain -- the `shape.Terrain` that it sees; None where that is the ellipsoid
    """

    def __init__(self, isd):
        self.isd, self.lines, self.samples = isd, isd.lines, isd.samples
        self.terrain = None
        if isd.shape:
            from darkroom.planetary.geometry.shape import Terrain  # here, as cubes without a DEM need no GDAL

            self.terrain = Terrain(isd.shape, isd.radii)

    @property
    def precision(self):
        """Lines of a scan by which positions may be off, as their times are numbers of 16 digits."""
        return abs(4 * np.spacing(self.isd.start) / self.isd.line_time) if self.isd.line_time else 0.0

    def ground(self, sample, line):
        """What image coordinates see: a Ground of their common shape."""
        sample, line = np.asarray(sample, float), np.asarray(line, float)
        time = self.isd.time(line)
        body = self.isd.body.matrix(time)
        spacecraft, sun = (_turned(body, states.at(time)) for states in (self.isd.position, self.isd.sun))
        look = self._look(sample, self.isd.framelet(line)[1] if self.isd.framelets else line)
        if self.isd.line_time:
            look = np.where((self.isd.beyond(time) <= EXTRAPOLATED)[..., None], look, np.nan)
        look = _turned(body @ np.swapaxes(self.isd.pointing.matrix(time), -1, -2), look)
        meet = self.terrain.meet if self.terrain else partial(intersection, radii=self.isd.radii)
        point = meet(spacecraft, look)
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

    def local_angles(self, ground):
        """Emission and incidence in degrees against the normals of the DEM."""
        normal = self.terrain.normals(ground.point)
        return _angle(normal, ground.spacecraft - ground.point), _angle(normal, ground.sun - ground.point)

    def image(self, latitude, longitude, radius=None, near=None):
        """Image coordinates (sample, line) of points on the ground; NaN where the camera cannot see them.

        radius -- their distances from the body's centre in km, by default those of the surface
        near -- lines that theirs are thought to be near, where a search for them begins; NaN for unknown ones

        They may lie outside the image. ISIS accepts the line of a line-scan image within 0.01; here it converges.
        """
        if radius is None:
            surface = self.terrain.points if self.terrain else partial(cartesian, radii=self.isd.radii)
            point = surface(latitude, longitude)
        else:
            point = cartesian(latitude, longitude, np.ones(3)) * np.asarray(radius)[..., None]
        if self.isd.framelets:
            return self._push(point)
        if self.isd.line_time:
            return self._scan(point, near)
        sample, line = self._frame(point, self.isd.start)
        return sample, np.where(np.isnan(sample), np.nan, line)

    def _scan(self, point, near):
        """Image coordinates where points cross the line of a line-scan camera."""

        def seen(near, line):
            sample, offset = self._frame(near, self.isd.time(line))
            return sample, offset / self.isd.summing[0]

        return _crossed(point, seen, 1.0, self.lines, near)

    def _push(self, point):
        """Image coordinates in the framelets in whose middle line, nearly, points are seen."""
        framelets = self.isd.framelets

        def seen(near, number):
            sample, line = self._frame(near, self.isd.framelet_time(number))
            return sample, (line - (framelets.height + 1) / 2) / framelets.height

        _, number = _crossed(point, seen, 0.0, framelets.count - 1.0)
        number = np.clip(np.round(np.nan_to_num(number)), 0, framelets.count - 1)
        sample, line = self._frame(point, self.isd.framelet_time(number))
        line = self.isd.turned(line)
        # Between framelets that do not touch, and beyond the first and the last, nothing is seen.
        outside = ~((line >= 0.5) & (line <= framelets.height + 0.5) & np.isfinite(sample))
        return np.where(outside, np.nan, sample), np.where(outside, np.nan, line + number * framelets.height)

    def _frame(self, point, time):
        """Image coordinates at given times; of a line-scan camera the line is its distance from the detector's.

        The sample of what cannot be seen is NaN, its line tells roughly how far it is, for a search to go on.
        """
        isd = self.isd
        body = isd.body.matrix(time)
        spacecraft = _turned(body, isd.position.at(time))
        seen = np.sum((point - spacecraft) * point / isd.radii**2, axis=-1) < 0
        camera = isd.pointing.matrix(time) @ np.swapaxes(body, -1, -2)
        sample, line = self.detected(_turned(camera, point - spacecraft))
        return np.where(seen, sample, np.nan), line

    def detected(self, look):
        """Image coordinates of looks (..., 3) in the camera's frame, of any length; errors as of `_frame`."""
        isd = self.isd
        with np.errstate(invalid="ignore", divide="ignore"):
            plane = look[..., :2] * (isd.signs[0] * isd.signs[1] * isd.focal_length / look[..., 2:])
        plane = np.where((isd.signs[1] * look[..., 2] > 0)[..., None], plane, np.nan)
        place = distorted(plane, isd.distortion, isd.coefficients, isd.focal_length)
        seen = np.isfinite(place).all(axis=-1)
        place = np.where(np.isfinite(place), place, plane)
        detector = isd.detector[:, 0] + place @ isd.detector[:, 1:].T + isd.boresight
        sample, line = detector[..., 0], detector[..., 1]
        return np.where(seen, self._parent(sample, 0), np.nan), line if isd.line_time else self._parent(line, 1)

    def _look(self, sample, line):
        """Unit vectors (..., 3) in the camera's frame."""
        isd = self.isd
        detector = self._detector(sample, 0), 0.0 * line if isd.line_time else self._detector(line, 1)
        centred = np.stack(np.broadcast_arrays(*detector), axis=-1) - isd.boresight
        plane = isd.plane[:, 0] + centred @ isd.plane[:, 1:].T
        plane = undistorted(plane, isd.distortion, isd.coefficients, isd.focal_length)
        axis = np.full((*plane.shape[:-1], 1), isd.signs[1] * isd.focal_length)
        look = np.concatenate([isd.signs[0] * plane, axis], axis=-1)
        return look / np.linalg.norm(look, axis=-1, keepdims=True)

    def _detector(self, parent, axis):
        """Detector coordinate of the centre of an image pixel (CameraDetectorMap)."""
        summing, first = self.isd.summing[axis], self.isd.first[axis]
        return (parent - 1) * summing + summing / 2 + first - 0.5

    def _parent(self, detector, axis):
        summing, first = self.isd.summing[axis], self.isd.first[axis]
        return (detector - summing / 2 - first + 0.5) / summing + 1

    def piece(self, line):
        """Number of the piece of the image, within which neighbours on the ground are neighbours, that lines are of."""
        return self.isd.framelet(line)[0] if self.isd.framelets else np.zeros(np.shape(line))

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


def _crossed(point, seen, first, last, near=None):
    """Samples and places of an image, such as lines, where points (..., 3) cross its detector; NaN where they do not.

    seen -- function from points and places, which stand for times, to samples and distances from the detector, in
        places too, roughly
    near -- places to try first
    """
    shape, point = point.shape[:-1], point.reshape(-1, 3)
    sample, place = np.full((2, len(point)), np.nan)
    todo = np.arange(len(point))
    begins = [np.full(len(point), first + part * (last - first)) for part in BEGINNINGS]
    if near is not None:
        near = np.broadcast_to(near, shape).ravel()
        begins.insert(0, np.where(np.isfinite(near), near, begins[0]))
    for begin in begins:
        sample[todo], place[todo] = _secant(point[todo], seen, begin[todo])
        todo = todo[np.isnan(sample[todo])]
        if not len(todo):
            break
    return sample.reshape(shape), place.reshape(shape)


def _secant(point, seen, place):
    """Samples and places (n,) at which the distances of points (n, 3) vanish, from places to begin at."""
    sample, offset = seen(point, place)
    before, offset_before = place, offset
    place = place + np.where(np.isfinite(offset), offset, 0)
    todo = np.arange(len(point))
    for _ in range(MOST):
        sample[todo], offset = seen(point[todo], place[todo])
        with np.errstate(invalid="ignore", divide="ignore"):
            step = offset * (place[todo] - before[todo]) / (offset_before[todo] - offset)
        step = np.where(np.isfinite(step), step, 0)
        before[todo], offset_before[todo] = place[todo], offset
        place[todo] += step
        todo = todo[np.abs(step) > LINE_PRECISION]
        if not len(todo):
            break
    place[todo] = np.nan
    place[np.isnan(sample)] = np.nan
    sample[np.isnan(place)] = np.nan
    return sample, place


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
