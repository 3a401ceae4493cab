"""A map seen as an image of the ground, so that it is projected again as the images of cameras are.

It has what `projection` and `resample` ask of a `camera.Camera`.
"""

from typing import NamedTuple

import numpy as np

from darkroom.planetary.geometry import camera
from darkroom.planetary.geometry.projection import Mapping


class Body(NamedTuple):
    """What a map tells of its body: name, radii in km (3,)."""

    target: str
    radii: np.ndarray


class Outline(NamedTuple):
    """Latitudes and longitudes along the edges of a map (n,); above no place of it is a spacecraft."""

    latitude: np.ndarray
    longitude: np.ndarray
    spacecraft: np.ndarray


class Placed:
    """A projected cube. Raises ValueError naming it and the key that is missing or wrong in its group Mapping."""

    terrain, precision = None, 0.0  # what a map shows is in its place

    def __init__(self, cube):
        self.mapping = Mapping.of_cube(cube)
        self.lines, self.samples = cube.lines, cube.samples
        radii = np.array([self.mapping.equatorial_radius] * 2 + [self.mapping.polar_radius]) / 1000
        self.isd = Body(self.mapping.target, radii)

    def image(self, latitude, longitude, near=None):
        """Image coordinates (sample, line) of places; they may lie outside the map."""
        return self.mapping.pixel(*np.broadcast_arrays(latitude, longitude))

    def piece(self, line):
        """A map is of one piece."""
        return np.zeros(np.shape(line))

    def outline(self):
        """The Outline; NaN where a corner of the map is beside the body."""
        samples, lines = np.arange(self.samples + 1) + 0.5, np.arange(self.lines + 1) + 0.5
        across = np.concatenate([samples, samples, np.full(len(lines), samples[0]), np.full(len(lines), samples[-1])])
        down = np.concatenate([np.full(len(samples), lines[0]), np.full(len(samples), lines[-1]), lines, lines])
        latitude, longitude = self.mapping.ground(across, down)
        # What is beside the body has places too, of those on it that are a turn away.
        back = self.mapping.pixel(latitude, longitude)
        beside = ~np.isclose(back, (across, down), atol=0.01).all(axis=0)
        return Outline(np.where(beside, np.nan, latitude), np.where(beside, np.nan, longitude), np.full((1, 3), np.nan))

    def resolution(self, outline):
        """Metres per pixel, of the map, at the places of an outline."""
        return np.full(outline.latitude.shape, self.mapping.resolution)


def of(cube):
    """What sees the ground in a cube: its map, or its camera; errors as of these."""
    return Placed(cube) if "Mapping" in cube.groups else camera.of(cube.path)
