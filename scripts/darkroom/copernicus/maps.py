"""What a map of footprints needs: an extent that holds them, also over the antimeridian, and coastlines in it."""

import numpy as np
import shapely

from darkroom import coastline

MARGIN = 0.6  # of the width of what is shown, to each side of it
LEAST = 2.0  # degrees
SHAPE = 2.2  # width of a map over its height, on paper


class View:
    """An extent around geometries in degrees: `xlim` may go beyond 180 where they lie on both sides of it.

    Without geometries it is the world.
    """

    def __init__(self, geometries):
        boxes = np.array([shapely.bounds(part) for one in geometries for part in shapely.get_parts(one)]).reshape(-1, 4)
        boxes = boxes[np.isfinite(boxes).all(1)] if len(boxes) else np.array([[-180, -90, 180, 90]])
        turned = boxes[:, [0, 2]] + 360 * (boxes[:, [2]] <= 0)
        self.turn = np.ptp(turned) < np.ptp(boxes[:, [0, 2]])
        longitudes = turned if self.turn else boxes[:, [0, 2]]
        west, east = _widened(longitudes.min(), longitudes.max(), 360)
        south, north = _widened(boxes[:, 1].min(), boxes[:, 3].max(), 180)
        south, north = max(-90, south), min(90, north)
        self.stretch = max(0.2, np.cos(np.radians((south + north) / 2)))  # of a degree of longitude
        wider = min(360, max(east - west, SHAPE * (north - south) / self.stretch)) - (east - west)
        higher = (east - west + wider) * self.stretch / SHAPE - (north - south)
        self.xlim = west - wider / 2, east + wider / 2
        self.ylim = max(-90, south - max(0, higher) / 2), min(90, north + max(0, higher) / 2)

    def rings(self, geometry):
        """Borders of a geometry's polygons as arrays of points (n, 2), where this view has them."""
        polygons = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
        return [self._placed(np.array(polygon.exterior.coords)) for polygon in polygons]

    def coastlines(self):
        """Coastlines that this view may show, as arrays of points (n, 2)."""
        copies = [line + np.array([shift, 0]) for shift in (-360, 0, 360) for line in coastline.coastlines()]
        west, east = self.xlim
        south, north = self.ylim
        return [
            line
            for line in copies
            if line[:, 0].max() >= west
            and line[:, 0].min() <= east
            and line[:, 1].max() >= south
            and line[:, 1].min() <= north
        ]

    def _placed(self, points):
        return points + np.array([360 * bool(self.turn and points[:, 0].max() <= 0), 0])


def _widened(low, high, most):
    """Ends with a margin to each side, no further apart than `most`."""
    span = max(high - low, LEAST / 4)
    margin = min(max(MARGIN * span, LEAST / 2), max(0, (most - span) / 2))
    return low - margin, high + margin
