"""Bundle adjustment: the small turns of cameras with which they see the same places on the same ground.

Least squares over all measures at once (as ISIS's jigsaw, with positions held): unknown are the angles of each camera,
constant or with a change that is linear in time, and the place of each point on its shape, or in space. What keeps the
whole from drifting is that angles and radii have a priori errors, and that images may be held.

All unknowns are in units in which one makes about a pixel, so that the equations are well conditioned.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import csr_array

from darkroom.planetary.control.network import Network
from darkroom.planetary.geometry.camera import Camera, spherical
from darkroom.planetary.geometry.pointing import turned, turns

STEP = 1e-3  # pixels, of a difference that makes a derivative
ROUNDS = 12  # of leaving out what does not fit
FAR = 4.0  # robust standard deviations of residuals, beyond which a measure is left out
FINE = 0.75  # pixels that a measure may always miss
PRECISION = 1e-12  # relative, of the solution
NORMAL = 1.4826  # standard deviations of a normal distribution in its median absolute deviation


@dataclass(frozen=True)
class Solution:
    """What a bundle adjustment has found.

    network -- the measures that it kept; rejected -- number of those that it did not
    angles, rates -- (images, 3) radians in the frames of the cameras, see `pointing`
    points -- (places, 3) body-fixed, km
    before, residuals -- (measures, 2) measured less predicted, pixels, as ISIS has them
    """

    network: Network
    rejected: int
    angles: np.ndarray
    rates: np.ndarray
    points: np.ndarray
    before: np.ndarray
    residuals: np.ndarray

    def of_image(self, number):
        """Root mean squares (2,) of the lengths of the residuals of an image before and after, and its measures."""
        own = self.network.image == number
        lengths = (np.sum(each[own] ** 2, axis=1) for each in (self.before, self.residuals))
        return *(float(np.sqrt(squares.mean())) for squares in lengths), int(own.sum())


@dataclass(frozen=True)
class Adjustment:
    """How a network is adjusted.

    sigma -- a priori error of the angles, radians; of their change over half the image too
    linear -- whether angles change with time; radius -- a priori error of the radii, km, 0 holds them on the shape
    precision -- error of a measure in pixels; held -- numbers of images that stay as they are
    """

    sigma: float
    linear: bool = False
    radius: float = 0.0
    precision: float = 1.0
    held: tuple = field(default_factory=tuple)

    def of(self, network, cameras):
        """The Solution of a network; measures that do not fit the others are left out.

        In every round points lie on the shape where the cameras of the last one see them.
        """
        measures, turns_of_all = len(network.image), (np.zeros((len(cameras), 3)),) * 2
        for number in range(ROUNDS):
            system = _System(network, cameras, self, *turns_of_all)
            unknowns = system.solved()
            *turns_of_all, points = system.split(unknowns)
            residuals = system.missed(unknowns)
            good = _fitting(residuals)
            if (good.all() and number) or not good.any():
                break
            network = network.only(good)
        network, still = system.network, np.zeros((len(cameras), 3))
        before = _System(network, cameras, self, still, still)
        return Solution(
            network, measures - len(network.image), *turns_of_all, points, before.missed(before.start), residuals
        )


def _fitting(residuals):
    """Which residuals (n, 2) are like most of them; the worst go first, as they spoil those of others."""
    lengths = np.linalg.norm(residuals, axis=1)
    spread = NORMAL * np.median(np.abs(residuals))
    return lengths <= max(FAR * spread, FINE, lengths.max(initial=0) / 2)


class _System:
    """The equations of a network; `unknowns` are flat: angles of free images, then places of points."""

    def __init__(self, network, cameras, how, angles, rates):
        self.network, self.cameras, self.how = network, cameras, how
        self.of_image = [np.flatnonzero(network.image == number) for number in range(len(cameras))]
        free = [number for number in range(len(cameras)) if number not in how.held]
        self.place_of = {number: place for place, number in enumerate(free)}
        self.angles = 6 if how.linear else 3
        self.free = 3 if how.radius else 2
        self.seen = [self._seen(number) for number in range(len(cameras))]
        self.unit = np.array([_pixels(camera) for camera in cameras])
        turned_cameras = [
            Camera(turned(camera.isd, *each)) for camera, *each in zip(cameras, angles, rates, strict=True)
        ]
        self.begin, self.size = self._points(turned_cameras)
        up = self.begin / np.linalg.norm(self.begin, axis=1, keepdims=True)
        axis = np.eye(3)[np.argmin(np.abs(up), axis=1)]
        east = np.cross(axis, up)
        east /= np.linalg.norm(east, axis=1, keepdims=True)
        self.tangents = east, np.cross(up, east)
        self.radius = np.linalg.norm(self.begin, axis=1)
        known = np.stack([angles, rates], axis=1)[free, : self.angles // 3] / self.unit[free, None]
        self.start = np.concatenate([known.ravel(), np.zeros(len(self.begin) * self.free)])

    def _seen(self, number):
        """Of the measures of an image the times, the spacecraft (n, 3) in km, from body to camera (n, 3, 3); and lines
        that pass while what a line scan sees moves by a line of its detector."""
        camera, place = self.cameras[number], self.network.place[self.of_image[number]]
        isd, time = camera.isd, camera.isd.time(place[:, 1])
        if not isd.line_time or not len(place):
            return np.broadcast_to(time, len(place)), *_sight(isd, time), 1.0
        spacecraft, matrix = _sight(isd, isd.time(place[0, 1] + np.array([-0.5, 0.5])))
        _, offset = camera.detected(np.einsum("nij,nj->ni", matrix, camera.ground(*place[0]).point - spacecraft))
        return time, *_sight(isd, time), 1 / (offset[0] - offset[1])

    def _points(self, cameras):
        """Points (p, 3) where cameras see the places, their means on the shape; and km that make a pixel (p,)."""
        points = np.zeros((len(self.network.image), 3))
        pixel = np.zeros(len(points))
        for number, rows in enumerate(self.of_image):
            camera = cameras[number]
            ground = camera.ground(*self.network.place[rows].T)
            points[rows], pixel[rows] = ground.point, camera.resolution(ground) / 1000
        met = np.isfinite(points[:, 0])  # others look beside the body, or where a DEM has no heights
        point, several = self.network.point[met], len(np.unique(self.network.point))
        sums = [np.bincount(point, values, several) for values in (*points[met].T, pixel[met], np.ones(len(point)))]
        with np.errstate(invalid="ignore"):
            *mean, size = np.array(sums[:-1]) / sums[-1]
        return self._on_shape(np.stack(mean, axis=1)), size

    def _on_shape(self, points):
        """Points (p, 3) moved up or down to the shape that the cameras see."""
        camera = self.cameras[0]
        latitude, longitude = spherical(points)
        if camera.terrain:
            lifted = camera.terrain.points(latitude, longitude)
            return np.where(np.isfinite(lifted), lifted, points)
        return points / np.linalg.norm(points / camera.isd.radii, axis=1, keepdims=True)

    def split(self, unknowns):
        """Angles and rates (images, 3) in radians, and points (p, 3) in km."""
        count = len(self.place_of) * self.angles
        angles = np.zeros((len(self.cameras), 2, 3))
        angles[[*self.place_of], : self.angles // 3] = unknowns[:count].reshape(-1, self.angles // 3, 3)
        angles *= self.unit[:, None, :]
        moves = unknowns[count:].reshape(-1, self.free) * self.size[:, None]
        moved = self.begin + moves[:, :1] * self.tangents[0] + moves[:, 1:2] * self.tangents[1]
        height = self.radius + (moves[:, 2] if self.free == 3 else 0)
        points = moved * (height / np.linalg.norm(moved, axis=1))[:, None]
        return angles[:, 0], angles[:, 1], points

    def missed(self, unknowns):
        """Measured less predicted (n, 2), pixels."""
        angles, rates, points = self.split(unknowns)
        missed = np.zeros((len(self.network.image), 2))
        for number, rows in enumerate(self.of_image):
            camera, (time, spacecraft, matrix, rate) = self.cameras[number], self.seen[number]
            look = np.einsum("...ij,...j->...i", matrix, points[self.network.point[rows]] - spacecraft)
            look = _turned(turns(angles[number], rates[number], time, camera.isd), look)
            sample, line = camera.detected(look)
            measured = self.network.place[rows]
            line = -line * rate if camera.isd.line_time else measured[:, 1] - line
            missed[rows] = np.column_stack([measured[:, 0] - sample, line])
        return missed

    def equations(self, unknowns):
        """What is to vanish: residuals by their precision, then angles and radii by their a priori errors."""
        return np.concatenate([self.missed(unknowns).ravel() / self.how.precision, unknowns * self.weights])

    @property
    def weights(self):
        """Of each unknown, how many a priori errors one unit is; 0 for what may be anywhere."""
        of_angles = self.unit[[*self.place_of]] / self.how.sigma
        of_points = np.zeros((len(self.begin), self.free))
        if self.free == 3:
            of_points[:, 2] = self.size / self.how.radius
        return np.concatenate([np.tile(of_angles, self.angles // 3).ravel(), of_points.ravel()])

    def derivatives(self, unknowns):
        """The sparse matrix of the derivatives of the equations: each measure knows one image and one point."""
        base, count = self.missed(unknowns), len(self.place_of) * self.angles
        place = np.array([self.place_of.get(number, -1) for number in range(len(self.cameras))])[self.network.image]
        rows, columns, values = [], [], []
        for offset, each in [(0, self.angles), (count, self.free)]:
            own = place if not offset else self.network.point
            known = np.flatnonzero(own >= 0)
            for axis in range(each):
                changed = unknowns.copy()
                stop = count if not offset else None
                changed[offset + axis : stop : each] += STEP
                slope = (self.missed(changed) - base)[known] / STEP / self.how.precision
                rows.append(2 * known[:, None] + [0, 1])
                columns.append(np.repeat(offset + own[known, None] * each + axis, 2, axis=1))
                values.append(slope)
        weights = self.weights
        free = np.flatnonzero(weights)
        flat = [np.concatenate([part.ravel() for part in parts]) for parts in (rows, columns, values)]
        rows, columns, values = (
            np.concatenate(pair) for pair in zip(flat, (base.size + free, free, weights[free]), strict=True)
        )
        return csr_array((values, (rows, columns)), shape=(base.size + len(weights), len(weights)))

    def solved(self):
        """The unknowns that fit best."""
        if not np.isfinite(self.missed(self.start)).all():
            raise ValueError("control: a camera does not see the places that its image shows; check its geometry")
        optimum = least_squares(
            self.equations,
            self.start,
            self.derivatives,
            tr_solver="lsmr",
            ftol=PRECISION,
            xtol=PRECISION,
            gtol=PRECISION,
            tr_options={"atol": PRECISION, "btol": PRECISION, "maxiter": 2000, "regularize": False},
        )
        return optimum.x


def _sight(isd, time):
    """Spacecraft (n, 3) in km and matrices (n, 3, 3) from the body to the camera at times (n,), or at one for all."""
    body, position = isd.body.matrix(time), isd.position.at(time)
    turn = isd.pointing.matrix(time) @ np.swapaxes(body, -1, -2)
    return np.einsum("...ij,...j->...i", body, position), turn


def _pixels(camera):
    """Radians by which a turn about each axis of a camera moves what it sees by a pixel: about its line of sight, far
    from the middle."""
    isd = camera.isd
    pixel = isd.pitch * isd.summing[0] / isd.focal_length
    arm = camera.samples if isd.line_time else max(camera.samples, camera.lines)
    return pixel, pixel, 2 / arm


def _turned(vectors, look):
    """Looks (n, 3) turned by rotation vectors (n, 3) or (3,): Rodrigues' formula."""
    vectors = np.broadcast_to(vectors, look.shape)
    angle = np.linalg.norm(vectors, axis=1, keepdims=True)
    axis = vectors / np.where(angle > 0, angle, 1)
    along = np.sum(axis * look, axis=1, keepdims=True) * (1 - np.cos(angle))
    return look * np.cos(angle) + np.cross(axis, look) * np.sin(angle) + axis * along
