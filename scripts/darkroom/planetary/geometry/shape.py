"""What a camera looks at: an ellipsoid, or the heights of a DEM above one. Points are body-fixed, in km.

How a line of sight meets heights: ISIS's DemShape, spheres through what the last one has met; where that comes to no
end, the first crossing on the way down.
"""

import math
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
import rasterio.warp
from rasterio.crs import CRS
from rasterio.windows import Window

from darkroom import damage
from darkroom.planetary.geometry.camera import cartesian, intersection, spherical

RADII = 0.5  # of the body's radius: larger numbers are radii, as ISIS's shape models have them, smaller ones heights
LARGEST = 1 << 25  # pixels of a DEM that are in memory, at most; of more, every second, third ... is read
CLOSE = 1e-5  # km between two tries that meet the same place
MOST = 20  # tries
STEPS, HALVINGS = 64, 30  # on the way down from the highest place, and between two of these


class Terrain:
    """Heights of a DEM, any raster that GDAL reads with a CRS of the body.

    path -- its file; radii -- (3,) of the body that the camera knows

    Raises ValueError naming the file when it has no CRS, or one of another body.
    """

    def __init__(self, path, radii):
        self.path, self.radii = Path(path), radii
        with damage.named(path, "DEM"), rasterio.open(path) as dem:
            if dem.crs is None:
                raise ValueError(
                    f"{path}: a DEM without a CRS; give it one, such as IAU_2015:49900 (gdal_edit.py -a_srs)"
                )
            if dem.transform.is_degenerate:
                raise ValueError(f"{path}: a DEM whose pixels have no size, by its geotransform")
            self.size, self.transform, self.crs = (dem.height, dem.width), dem.transform, dem.crs
            self.scale, self.offset = dem.scales[0], dem.offsets[0]
        parameters = self.crs.to_dict()
        if "R" not in parameters and "a" not in parameters:
            raise ValueError(f"{path}: its CRS tells no radius; give it one of the body, such as IAU_2015:49900")
        self.equatorial = float(parameters.get("R") or parameters["a"]) / 1000
        flattening = 1 / float(parameters["rf"]) if "rf" in parameters else 0.0
        self.polar = float(parameters["b"]) / 1000 if "b" in parameters else self.equatorial * (1 - flattening)
        if not math.isclose(self.equatorial, radii[0], rel_tol=0.05):
            raise ValueError(
                f"{path}: is of a body of {self.equatorial:.6g} km, the image shows one of {radii[0]:.6g} km"
            )
        self._held = slice(0, 0), slice(0, 0), 1, np.zeros((0, 0), "f4")

    @cached_property
    def _geographic(self):
        axes = {"a": self.equatorial * 1000, "b": self.polar * 1000}
        return CRS.from_dict({"proj": "longlat", **axes, "no_defs": True})

    def radius(self, latitude, longitude):
        """Distance from the centre of the body, in km, of places at planetocentric coordinates; NaN outside the DEM."""
        latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
        value = self._at(*np.broadcast_arrays(*self._pixel(latitude, longitude)))
        angle = np.radians(latitude)
        below = self.equatorial * self.polar / np.hypot(self.polar * np.cos(angle), self.equatorial * np.sin(angle))
        return np.where(value > RADII * 1000 * self.equatorial, value / 1000, below + value / 1000)

    def points(self, latitude, longitude):
        """Points (..., 3) of the surface at planetocentric coordinates."""
        point = cartesian(latitude, longitude, np.ones(3))
        return point * self.radius(latitude, longitude)[..., None]

    def meet(self, origin, look):
        """First points (..., 3) where rays meet the surface; NaN where they miss it, or leave the DEM."""
        origin, look = np.broadcast_arrays(origin, look)
        shape, origin, look = origin.shape, origin.reshape(-1, 3), look.reshape(-1, 3)
        point, todo = intersection(origin, look, self.radii), np.arange(len(origin))
        met = np.full(point.shape, np.nan)
        for _ in range(MOST):
            radius = self.radius(*spherical(point[todo]))
            again = intersection(origin[todo], look[todo], radius[:, None] * np.ones(3))
            with np.errstate(invalid="ignore"):
                same = np.linalg.norm(again - point[todo], axis=-1) < CLOSE
            met[todo[same]] = again[same]
            point[todo] = again
            todo = todo[~same & np.isfinite(again).all(axis=-1)]
            if not len(todo):
                break
        left = np.flatnonzero(np.isnan(met).any(axis=-1))
        met[left] = self._crossed(origin[left], look[left])
        return met.reshape(shape)

    def normals(self, point):
        """Unit normals (..., 3) of the surface at points of it, from places a pixel of the DEM around."""
        latitude, longitude = spherical(point)
        step = self._degrees
        across = step / np.maximum(np.cos(np.radians(latitude)), 1e-3)
        north = self.points(latitude + step, longitude) - self.points(latitude - step, longitude)
        east = self.points(latitude, longitude + across) - self.points(latitude, longitude - across)
        normal = np.cross(east, north)
        return normal / np.linalg.norm(normal, axis=-1, keepdims=True)

    @cached_property
    def _degrees(self):
        """Degrees of latitude of a pixel."""
        size = math.sqrt(abs(self.transform.determinant))
        return size if self.crs.is_geographic else math.degrees(size / 1000 / self.equatorial)

    @cached_property
    def _bounds(self):
        """Smallest and largest radius, in km; of a reading of it all, in which peaks may be missing, with a margin."""
        step = max(1, math.ceil(math.sqrt(self.size[0] * self.size[1] / (1 << 20))))
        values = self._read(slice(0, self.size[0]), slice(0, self.size[1]), step)
        low, high = (float(bound) / 1000 for bound in (np.nanmin(values), np.nanmax(values)))
        margin = 0.1 * (high - low) + 0.01
        if high > RADII * self.equatorial:
            return low - margin, high + margin
        return self.polar + low - margin, self.equatorial + high + margin

    def _crossed(self, origin, look):
        """Where rays (n, 3) first go below the surface, on their way through the shell that holds it."""
        if not len(origin):
            return origin
        low, high = self._bounds
        begin = np.linalg.norm(intersection(origin, look, np.full(3, high)) - origin, axis=-1)
        end = np.linalg.norm(intersection(origin, look, np.full(3, low)) - origin, axis=-1)
        past = -2 * np.sum(origin * look, axis=-1) - begin  # out of the shell again
        end = np.where(np.isfinite(end), end, past)
        above, below = np.full((2, len(origin)), np.nan)
        before = begin
        for part in np.linspace(0, 1, STEPS + 1)[1:]:
            here = begin + part * (end - begin)
            first = np.isnan(below) & (self._above(origin, look, here) < 0)
            above[first], below[first] = before[first], here[first]
            before = here
        for _ in range(HALVINGS):
            middle = (above + below) / 2
            under = self._above(origin, look, middle) < 0
            above, below = np.where(under, above, middle), np.where(under, middle, below)
        return origin + below[:, None] * look

    def _above(self, origin, look, distance):
        """Height above the surface, km, at distances along rays."""
        point = origin + distance[:, None] * look
        return np.linalg.norm(point, axis=-1) - self.radius(*spherical(point))

    def _pixel(self, latitude, longitude):
        """Row and column of places, 0.0 at the centre of the first pixel."""
        graphic = np.degrees(np.arctan(np.tan(np.radians(latitude)) * (self.equatorial / self.polar) ** 2))
        graphic = np.where(np.abs(latitude) > 89.9999999, latitude, graphic)
        if self.crs.is_geographic:
            x, y = (longitude - self.transform.c) % 360 + self.transform.c, graphic
        else:
            graphic, longitude = np.broadcast_arrays(graphic, longitude)
            seen = np.isfinite(graphic) & np.isfinite(longitude)
            x, y = np.full((2, *graphic.shape), np.nan)
            x[seen], y[seen] = rasterio.warp.transform(self._geographic, self.crs, longitude[seen], graphic[seen])
            x = self._around(x)
        back = ~self.transform
        return back.d * x + back.e * y + back.f - 0.5, back.a * x + back.b * y + back.c - 0.5

    def _around(self, x):
        """x of a cylinder that goes all the way around, in the turn that the DEM is of."""
        if self.crs.to_dict().get("proj") != "eqc":
            return x
        circle = 2 * math.pi * self.equatorial * 1000 * math.cos(math.radians(self.crs.to_dict().get("lat_ts", 0)))
        return (x - self.transform.c) % circle + self.transform.c

    def _at(self, row, column):
        """Values between pixels, bilinear; half a pixel over the edge is still inside. NaN beside the DEM."""
        lines, samples = self.size
        inside = (row >= -0.5) & (row <= lines - 0.5) & (column >= -0.5) & (column <= samples - 0.5)
        value = np.full(row.shape, np.nan)
        if not inside.any():
            return value
        row, column = np.clip(row[inside], 0, lines - 1), np.clip(column[inside], 0, samples - 1)
        rows, columns, step, held = self._window(row, column)
        # Of a part that is read every so many pixels, the pixel in the middle is taken.
        row, column = (
            np.clip((place - part.start - (step - 1) / 2) / step, 0, size - 1)
            for place, part, size in zip((row, column), (rows, columns), held.shape, strict=True)
        )
        top, left = (
            np.clip(np.floor(place).astype(int), 0, max(size - 2, 0))
            for place, size in zip((row, column), held.shape, strict=True)
        )
        down, across = row - top, column - left
        below, right = (np.minimum(place + 1, size - 1) for place, size in zip((top, left), held.shape, strict=True))
        upper = held[top, left] * (1 - across) + held[top, right] * across
        lower = held[below, left] * (1 - across) + held[below, right] * across
        value[inside] = upper * (1 - down) + lower * down
        return value

    def _window(self, row, column):
        """The part of the DEM that holds places, read where the last one does not: rows, columns, step, values."""
        rows, columns = (
            slice(int(place.min()), min(int(place.max()) + 2, size))
            for place, size in zip((row, column), self.size, strict=True)
        )
        held = self._held
        holds = all(
            old.start <= new.start and new.stop <= old.stop for old, new in zip(held, (rows, columns), strict=False)
        )
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        step = max(1, math.ceil(math.sqrt(pixels / LARGEST)))
        if not holds or held[2] > step:
            held = self._held = rows, columns, step, self._read(rows, columns, step)
        return held  # and not what another thread may have put there since

    def _read(self, rows, columns, step):
        """Values of a part of the DEM, every so many pixels, in metres; NaN where it has none."""
        window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        with damage.named(self.path, "DEM"), rasterio.open(self.path) as dem:
            shape = -(-window.height // step), -(-window.width // step)
            values = dem.read(1, window=window, out_shape=shape, masked=True).astype("f4").filled(np.nan)
        return values * self.scale + self.offset
