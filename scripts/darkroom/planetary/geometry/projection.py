"""Map projections as ISIS has them: latitude and longitude to metres, the group Mapping, the grid of a map.

Formulas: ISIS's TProjection, Equirectangular, Sinusoidal, SimpleCylindrical, PolarStereographic, Mercator and
ProjectionFactory; Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395), for the last two. Those of
small areas and the oblique one are in `conic`.
Universal coordinates are planetocentric latitude and east longitude from 0 to 360; those of a map may be
planetographic, west, or from -180 to 180. x grows to the east and y to the north.
"""

import contextlib
import math
import re
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry.camera import spherical
from darkroom.planetary.geometry.conic import (
    LambertConformal,
    ObliqueCylindrical,
    Orthographic,
    TransverseMercator,
    latitude_of,
    snyder_t,
)

AREAS = ("Orthographic", "TransverseMercator", "LambertConformal")  # of `conic`
OBLIQUE = "ObliqueCylindrical"
PROJECTIONS = ("Equirectangular", "Sinusoidal", "SimpleCylindrical", "PolarStereographic", "Mercator", *AREAS, OBLIQUE)
WITH_LATITUDE = ("Equirectangular", "PolarStereographic", "Mercator", *AREAS)  # have a CenterLatitude
ELLIPSOIDAL = ("PolarStereographic", "Mercator", "TransverseMercator", "LambertConformal")  # the others: of a sphere
PLANAR = ("PolarStereographic", *AREAS, OBLIQUE)  # longitudes do not run along x
POLE = ("PoleLatitude", "PoleLongitude", "PoleRotation")  # of the oblique projection
PARALLELS = ("FirstStandardParallel", "SecondStandardParallel")
SIXTH = 1 / 6  # of a range of latitudes: where the parallels of a cone are without others
MESH = 257  # places along each side of a range, whose extremes are the extent
# Method, and parameters of the central meridian and of the parallel of true scale, by the names of EPSG.
WKT = {
    "Equirectangular": (
        "Equidistant Cylindrical",
        "Longitude of natural origin",
        "Latitude of 1st standard parallel",
    ),
    "Sinusoidal": ("Sinusoidal", "Longitude of natural origin", None),
    "SimpleCylindrical": (
        "Equidistant Cylindrical",
        "Longitude of natural origin",
        "Latitude of 1st standard parallel",
    ),
    "PolarStereographic": (
        "Polar Stereographic (variant B)",
        "Longitude of origin",
        "Latitude of standard parallel",
    ),
    "Mercator": ("Mercator (variant B)", "Longitude of natural origin", "Latitude of 1st standard parallel"),
    "Orthographic": ("Orthographic", "Longitude of natural origin", "Latitude of natural origin"),
    "TransverseMercator": ("Transverse Mercator", "Longitude of natural origin", "Latitude of natural origin"),
    "LambertConformal": (
        "Lambert Conic Conformal (2SP)",
        "Longitude of false origin",
        "Latitude of false origin",
    ),
    OBLIQUE: ("PROJ ob_tran o_proj=eqc", "lon_0", None),
}
CHOICES = {
    "ProjectionName": PROJECTIONS,
    "LatitudeType": ("Planetocentric", "Planetographic"),
    "LongitudeDirection": ("PositiveEast", "PositiveWest"),
    "LongitudeDomain": ("360", "180"),
}
RANGE = ("MinimumLatitude", "MaximumLatitude", "MinimumLongitude", "MaximumLongitude")
LENGTHS = ("EquatorialRadius", "PolarRadius", "PixelResolution", "UpperLeftCornerX", "UpperLeftCornerY")
METRES = re.compile(r"m|met(er|re)s?|(m|met(er|re)s?)/pix(els?)?", re.IGNORECASE)
# As ISIS writes them; it finds them in any case.
KEYWORDS = {
    name.lower(): name
    for name in (
        *CHOICES,
        *RANGE,
        *LENGTHS,
        *POLE,
        *PARALLELS,
        *("TargetName", "CenterLatitude", "CenterLongitude", "Scale", "ScaleFactor"),
    )
}
TIMES = 10  # by which a body of a map may be larger or smaller than that of its images: a sphere for a long asteroid
EDGE = 1e-6  # metres by which an edge may miss the grid of pixels
# Keys that must agree before pixels of two maps may be put together.
SAME = {
    "ProjectionName": "name",
    "EquatorialRadius": "equatorial_radius",
    "PolarRadius": "polar_radius",
    "LatitudeType": "latitude_type",
    "LongitudeDirection": "longitude_direction",
    "CenterLongitude": "center_longitude",
    "CenterLatitude": "center_latitude",
    "PixelResolution": "resolution",
    "ScaleFactor": "scale_factor",
    "standard parallels": "parallels",
    "PoleLatitude, PoleLongitude, PoleRotation": "pole",
}


@dataclass(frozen=True)
class Range:
    """What part of a body an image shows: universal latitudes, longitudes in both domains, metres per pixel.

    A range that holds a pole, or of which a meridian of the seam is a part, spans all longitudes of that domain.
    """

    latitudes: tuple
    longitudes: dict
    resolutions: tuple


class OutsideError(ValueError):
    """An image lies outside a map."""


@dataclass(frozen=True)
class Mapping:
    """A projection and the grid of a map: radii and edges in metres, angles in degrees of the map's own conventions.

    bounds -- minimum and maximum latitude, minimum and maximum longitude
    left, top -- x and y of the upper left corner of the first pixel
    scale_factor -- of a transverse Mercator projection; parallels -- of a cone, both of the kind of the latitudes
    pole -- latitude, longitude and rotation of the pole of an oblique projection, whose longitude is the centre's too
    """

    name: str
    target: str
    equatorial_radius: float
    polar_radius: float
    latitude_type: str
    longitude_direction: str
    longitude_domain: int
    center_longitude: float
    center_latitude: float
    bounds: tuple
    resolution: float
    left: float = 0.0
    top: float = 0.0
    lines: int = 0
    samples: int = 0
    scale_factor: float = 1.0
    parallels: tuple = ()
    pole: tuple = ()

    @classmethod
    def from_template(cls, template):
        """The map of a template that has a range and a resolution: a `.map` file, a label, or a group Mapping.

        Raises ValueError naming the file, where there is one, and the key that is missing or wrong.
        """
        group = read_template(template)
        with _naming(_file(template)):
            projection = cls._of_group(group)
            return projection._on_grid(*projection._extent())

    @classmethod
    def of_cube(cls, cube):
        """The map that a projected cube is. Raises ValueError naming the cube and the key that is missing or wrong."""
        if "Mapping" not in cube.groups:
            raise ValueError(f"{cube.path}: no group Mapping; the cube is not projected")
        group = dict(cube.groups["Mapping"].items())
        with _naming(cube.path):
            left, top = _number(group, "UpperLeftCornerX"), _number(group, "UpperLeftCornerY")
            return replace(cls._of_group(group), left=left, top=top, lines=cube.lines, samples=cube.samples)

    @classmethod
    def for_camera(cls, camera, template=None, resolution=None, minimize=True):
        """The map of one image, as cam2map makes it; what the template leaves open comes from the camera.

        template -- as of `from_template`, or None for a sinusoidal map; its range is used only without `minimize`
        resolution -- metres per pixel; None for the template's own, or else the best of the image
        minimize -- the smallest grid that holds the image; without, the grid of the range
        """
        group = read_template(template or {"ProjectionName": "Sinusoidal"})
        if minimize:
            group = {key: value for key, value in group.items() if key not in RANGE}
        outline = camera.outline()
        span = range_of(camera, outline)
        if resolution is not None:
            group = {**group, "PixelResolution": resolution}
        elif "PixelResolution" not in group and "Scale" not in group:
            group["PixelResolution"] = span.resolutions[0]
        with _naming(_file(template)):
            group = _completed(group, camera.isd, span)
            projection = cls._of_group(group)
        if not minimize or projection._shows_pole(camera):
            return projection._on_grid(*projection._extent())
        latitude, longitude = outline.latitude, outline.longitude
        for pole in poles_in(camera):
            latitude, longitude = np.append(latitude, pole), np.append(longitude, 0.0)
        x, y = projection.forward(latitude, longitude)
        return projection._on_grid(np.nanmin(x), np.nanmax(x), np.nanmin(y), np.nanmax(y))

    @classmethod
    def _of_group(cls, group):
        a, c = _checked_radii(group)
        name = name_of(_text(group, "ProjectionName"))
        south, north, west, east = bounds = tuple(_number(group, key) for key in RANGE)
        for low, high, key in ((south, north, "Latitude"), (west, east, "Longitude")):
            if not low < high:
                raise ValueError(f"Minimum{key} = {low:g}: must be below Maximum{key} = {high:g}")
        if not -90 <= south < north <= 90:
            raise ValueError(f"MinimumLatitude = {south:g}, MaximumLatitude = {north:g}: must be within -90 and 90")
        middle = (south + north) / 2
        default = math.copysign(90, middle or -1) if name == "PolarStereographic" else middle
        center = _number(group, "CenterLatitude", default) if name in WITH_LATITUDE else 0.0
        if name == "PolarStereographic" and center == 0:
            raise ValueError("CenterLatitude = 0: must not be 0 for PolarStereographic")
        if name in ("Equirectangular", "Mercator", "TransverseMercator") and abs(center) >= 90:
            raise ValueError(f"CenterLatitude = {center:g}: must not be a pole for {name}")
        parallels = (south + (north - south) * SIXTH, north - (north - south) * SIXTH)
        if name == "LambertConformal":
            parallels = tuple(_number(group, key, default) for key, default in zip(PARALLELS, parallels, strict=True))
        pole = tuple(_number(group, key) for key in POLE) if name == OBLIQUE else ()
        for key, angle, most in zip(POLE, pole, (90, 360, 360), strict=False):
            if abs(angle) > most:
                raise ValueError(f"{key} = {angle:g}: must be within -{most} and {most}")
        projection = cls(
            name=name,
            target=_text(group, "TargetName", ""),
            equatorial_radius=a,
            polar_radius=c,
            latitude_type=_text(group, "LatitudeType"),
            longitude_direction=_text(group, "LongitudeDirection"),
            longitude_domain=int(_text(group, "LongitudeDomain")),
            center_longitude=pole[1] if pole else _number(group, "CenterLongitude", (west + east) / 2),
            center_latitude=center,
            bounds=bounds,
            resolution=math.nan,
            scale_factor=_number(group, "ScaleFactor", 1.0) if name == "TransverseMercator" else 1.0,
            parallels=parallels if name == "LambertConformal" else (),
            pole=pole,
        )
        projection._require_parallels()
        if "PixelResolution" in group:
            resolution = _number(group, "PixelResolution")
        else:
            if "Scale" not in group:
                raise ValueError("no PixelResolution in the group Mapping")
            if not (scale := _number(group, "Scale")) > 0:
                raise ValueError(f"Scale = {scale:g}: must be above 0")
            resolution = projection._metres_per_degree / scale
        if not resolution > 0:
            raise ValueError(f"PixelResolution = {resolution:g}: must be above 0")
        return replace(projection, resolution=resolution)

    def _require_parallels(self):
        """Raise ValueError for standard parallels that make no cone, or a scale factor that is none."""
        if self.scale_factor <= 0:
            raise ValueError(f"ScaleFactor = {self.scale_factor:g}: must be above 0")
        for key, parallel in zip(PARALLELS, self.parallels, strict=False):
            if abs(parallel) >= 90:
                raise ValueError(f"{key} = {parallel:g}: must not be a pole")
        if self.parallels and abs(sum(self.parallels)) < 1e-9:
            raise ValueError(
                f"{' and '.join(PARALLELS)} = {self.parallels[0]:g} and {self.parallels[1]:g}: equally far from the "
                "equator on both sides they make no cone"
            )

    @cached_property
    def _area(self):
        """The projection of a small area, of a unit body."""
        if self.name == "Orthographic":
            return Orthographic(math.radians(self.center_latitude))
        if self.name == OBLIQUE:
            return ObliqueCylindrical(math.radians(self._graphic_pole), math.radians(self.pole[2]))
        if self.name == "TransverseMercator":
            return TransverseMercator(self._eccentricity, self._graphic_center, self.scale_factor)
        return LambertConformal(self._eccentricity, self._graphic_center, self._graphic_parallels)

    @property
    def _graphic_pole(self):
        """Latitude of the oblique pole among those of the map: ISIS makes it planetographic, and leaves the others."""
        return self.pole[0] if self.latitude_type == "Planetographic" else float(self.graphic(self.pole[0]))

    @property
    def _oblique_poles(self):
        """Latitudes and longitudes, of the map's own conventions, of the poles of an oblique projection; else none."""
        if not self.pole:
            return np.zeros((2, 0))
        latitude, longitude = self._graphic_pole, self.pole[1]
        return np.array([[latitude, -latitude], [longitude, longitude + 180]])

    def _shows_pole(self, camera):
        """Whether an image shows a pole of an oblique projection, around which its map goes."""
        latitude, longitude = self._oblique_poles
        if self.latitude_type == "Planetographic":
            latitude = self.centric(latitude)
        return bool(_inside(camera, *camera.image(latitude, longitude * self._east)).any())

    @property
    def _graphic_parallels(self):
        """Planetographic standard parallels in radians."""
        graphic = self.latitude_type == "Planetographic"
        return tuple(math.radians(angle if graphic else float(self.graphic(angle))) for angle in self.parallels)

    @property
    def _metres_per_degree(self):
        """At the latitude of true scale. ISIS puts a planetographic latitude into the planetocentric formula here."""
        latitude = self.center_latitude
        if self.name == "TransverseMercator":
            latitude = 0.0
        elif self.name == "LambertConformal":
            latitude = math.degrees(min(self._graphic_parallels))
        elif self.name in ELLIPSOIDAL:
            latitude = math.degrees(self._graphic_center)
        return math.pi / 180 * self._local_radius(latitude)

    @property
    def scale(self):
        """Pixels per degree at the latitude of true scale."""
        return self._metres_per_degree / self.resolution

    def _local_radius(self, latitude):
        a, c, angle = self.equatorial_radius, self.polar_radius, math.radians(latitude)
        return a * c / math.hypot(c * math.cos(angle), a * math.sin(angle))

    @property
    def _graphic_center(self):
        """Planetographic centre latitude in radians."""
        latitude = self.center_latitude
        return math.radians(latitude if self.latitude_type == "Planetographic" else float(self.graphic(latitude)))

    def graphic(self, latitude):
        """Planetographic from planetocentric latitude."""
        return _stretched(latitude, (self.equatorial_radius / self.polar_radius) ** 2)

    def centric(self, latitude):
        """Planetocentric from planetographic latitude."""
        return _stretched(latitude, (self.polar_radius / self.equatorial_radius) ** 2)

    @property
    def _eccentricity(self):
        return math.sqrt(1 - (self.polar_radius / self.equatorial_radius) ** 2)

    @property
    def _east(self):
        """1 where longitudes of the map grow to the east, or else -1."""
        return 1 if self.longitude_direction == "PositiveEast" else -1

    def forward(self, latitude, longitude):
        """x, y in metres of universal coordinates; NaN where the projection has no place for them."""
        latitude = np.asarray(latitude, float)
        if self.latitude_type == "Planetographic":
            latitude = self.graphic(latitude)
        return self._plane(latitude, _in_domain(np.asarray(longitude, float) * self._east, self.longitude_domain))

    def inverse(self, x, y):
        """Universal latitude and longitude of x, y in metres; NaN beyond a pole."""
        latitude, longitude = self._sphere(np.asarray(x, float), np.asarray(y, float))
        if self.latitude_type == "Planetographic":
            latitude = self.centric(latitude)
        return latitude, _in_domain(longitude * self._east, 360)

    def _plane(self, latitude, longitude):
        """x, y of the map's own latitude and longitude."""
        east = np.radians(longitude * self._east - self.center_longitude * self._east)
        angle = np.radians(latitude)
        a = self.equatorial_radius
        if self.name in ("Orthographic", OBLIQUE):
            return tuple(a * value for value in self._area.forward(angle, east))
        if self.name == "Sinusoidal":
            return a * east * np.cos(angle), a * angle
        if self.name == "SimpleCylindrical":
            return a * east, a * angle
        if self.name == "Equirectangular":
            radius = self._local_radius(self.center_latitude)
            return radius * math.cos(math.radians(self.center_latitude)) * east, radius * angle
        graphic = np.radians(latitude if self.latitude_type == "Planetographic" else self.graphic(latitude))
        if self.name in AREAS:
            turned = (east + math.pi) % (2 * math.pi) - math.pi
            return tuple(a * value for value in self._area.forward(graphic, turned))
        if self.name == "Mercator":
            t = np.where(np.abs(latitude) < 90, snyder_t(graphic, self._eccentricity), np.nan)
            return self._true_radius * east, -self._true_radius * np.log(t)
        sign = math.copysign(1, self.center_latitude)
        t = snyder_t(sign * graphic, self._eccentricity)
        distance = np.where(latitude * sign > -90, self._polar_factor * t, np.nan)
        return distance * np.sin(east), -sign * distance * np.cos(east)

    def _sphere(self, x, y):
        """Latitude and longitude of the map's own conventions."""
        a = self.equatorial_radius
        if self.name == "Equirectangular":
            radius = self._local_radius(self.center_latitude)
            angle, east = y / radius, x / (radius * math.cos(math.radians(self.center_latitude)))
        elif self.name in ("SimpleCylindrical", "Sinusoidal"):
            angle, east = y / a, x / a
        elif self.name in (*AREAS, OBLIQUE):
            angle, east = self._area.inverse(x / a, y / a)
        elif self.name == "Mercator":
            angle = latitude_of(np.exp(-y / self._true_radius), self._eccentricity)
            east = x / self._true_radius
        else:
            sign = math.copysign(1, self.center_latitude)
            angle = sign * latitude_of(np.hypot(x, y) / self._polar_factor, self._eccentricity)
            east = np.arctan2(x, -sign * y)
        if self.name in ELLIPSOIDAL and self.latitude_type == "Planetocentric":
            angle = np.radians(self.centric(np.degrees(angle)))
        angle = np.where(np.abs(angle) <= math.pi / 2 + 1e-15, angle, np.nan)
        if self.name == "Sinusoidal":
            with np.errstate(divide="ignore", invalid="ignore"):
                east = np.where(np.cos(angle) > 1e-15, east / np.cos(angle), 0)
        return np.degrees(angle), np.degrees(east) * self._east + self.center_longitude

    @property
    def _true_radius(self):
        """Radius of the parallel of true scale, in metres (Snyder 14-15, times a)."""
        latitude, e = self._graphic_center, self._eccentricity
        return self.equatorial_radius * math.cos(latitude) / math.sqrt(1 - (e * math.sin(latitude)) ** 2)

    @property
    def _polar_factor(self):
        """Metres from the pole over Snyder's t (21-33 at the pole, 21-34 elsewhere)."""
        e, latitude = self._eccentricity, abs(self._graphic_center)
        if math.pi / 2 - latitude > np.finfo(float).eps:
            return self._true_radius / float(snyder_t(np.float64(latitude), e))
        return 2 * self.equatorial_radius / math.sqrt((1 + e) ** (1 + e) * (1 - e) ** (1 - e))

    def _extent(self):
        """Smallest and largest x and y of the range (XYRange)."""
        south, north, west, east = self.bounds
        latitudes, longitudes = [south, north], [west, east]
        if self.name in (*AREAS, OBLIQUE):
            latitudes, longitudes = np.linspace(south, north, MESH), np.linspace(west, east, MESH)
            pole, meridian = self._oblique_poles
            held = (pole >= south) & (pole <= north) & ((meridian - west) % 360 <= east - west)
            latitudes, longitudes = np.append(latitudes, pole[held]), np.append(longitudes, meridian[held])
            x, y = self._plane(*np.meshgrid(latitudes, longitudes))
            if np.isnan(x).all():
                raise ValueError(f"{self.name} has no place for its range; its centre is elsewhere")
            return np.nanmin(x), np.nanmax(x), np.nanmin(y), np.nanmax(y)
        if south < 0 < north:
            latitudes.append(0.0)
        if self.name == "PolarStereographic":
            first = self.center_longitude + 90 * math.ceil((west - self.center_longitude) / 90)
            longitudes += list(np.arange(first, east + 1e-9, 90))
        x, y = self._plane(*np.meshgrid(latitudes, longitudes))
        return np.nanmin(x), np.nanmax(x), np.nanmin(y), np.nanmax(y)

    def _on_grid(self, west, east, south, north):
        """This projection with a grid that holds an extent and whose edges are whole pixels from the origin."""
        left, samples = _cells(float(west), float(east), self.resolution)
        below, lines = _cells(-float(north), -float(south), self.resolution)
        return replace(self, left=left, top=-below, lines=lines, samples=samples)

    def within(self, whole):
        """What a map of the same projection and resolution has of this one: all its width if they differ in the domain.

        Raises OutsideError when they have nothing in common.
        """
        turned = self.longitude_domain != whole.longitude_domain and self.name not in PLANAR
        row = round((whole.top - self.top) / self.resolution)
        column = 0 if turned else round((self.left - whole.left) / self.resolution)
        first, last = max(row, 0), min(row + self.lines, whole.lines)
        left, right = max(column, 0), whole.samples if turned else min(column + self.samples, whole.samples)
        if first >= last or left >= right:
            raise OutsideError(
                f"the image lies outside the map: it shows latitudes {self.bounds[0]:.6g} to {self.bounds[1]:.6g} and "
                f"longitudes {self.bounds[2]:.6g} to {self.bounds[3]:.6g}"
            )
        return replace(
            self,
            longitude_domain=whole.longitude_domain,
            left=whole.left + left * self.resolution,
            top=whole.top - first * self.resolution,
            lines=last - first,
            samples=right - left,
        )

    def nearest(self, other):
        """The one pixel of this map that is nearest to another map of its projection and resolution."""
        row = round(np.clip((self.top - other.top) / self.resolution, 0, self.lines - 1))
        column = round(np.clip((other.left - self.left) / self.resolution, 0, self.samples - 1))
        left, top = self.left + column * self.resolution, self.top - row * self.resolution
        return replace(self, left=left, top=top, lines=1, samples=1)

    def ground(self, sample, line):
        """Universal latitude and longitude at pixel coordinates; 1.0 is the centre of the first pixel."""
        sample, line = np.asarray(sample, float), np.asarray(line, float)
        return self.inverse(self.left + (sample - 0.5) * self.resolution, self.top - (line - 0.5) * self.resolution)

    def pixel(self, latitude, longitude):
        """Pixel coordinates of universal ones."""
        x, y = self.forward(latitude, longitude)
        return (x - self.left) / self.resolution + 0.5, (self.top - y) / self.resolution + 0.5

    def group(self):
        """The group Mapping, keywords in the order in which ISIS writes them."""
        metres, pixel = ("meters", "meters/pixel")
        group = {
            "ProjectionName": self.name,
            "CenterLongitude": self.center_longitude,
            "TargetName": self.target,
            "EquatorialRadius": pvl.Quantity(self.equatorial_radius, metres),
            "PolarRadius": pvl.Quantity(self.polar_radius, metres),
            "LatitudeType": self.latitude_type,
            "LongitudeDirection": self.longitude_direction,
            "LongitudeDomain": self.longitude_domain,
            **dict(zip(RANGE, self.bounds, strict=True)),
            "UpperLeftCornerX": pvl.Quantity(self.left, metres),
            "UpperLeftCornerY": pvl.Quantity(self.top, metres),
            "PixelResolution": pvl.Quantity(self.resolution, pixel),
            "Scale": pvl.Quantity(self.scale, "pixels/degree"),
        }
        if self.pole:
            del group["CenterLongitude"]
        return group | self.own

    @property
    def own(self):
        """Keywords of the group Mapping that not every projection has."""
        own = {"CenterLatitude": self.center_latitude} if self.name in WITH_LATITUDE else {}
        own |= {"ScaleFactor": self.scale_factor} if self.name == "TransverseMercator" else {}
        own |= dict(zip(POLE, self.pole, strict=False))
        return own | dict(zip(PARALLELS, self.parallels, strict=False))

    def transform(self):
        """Affine coefficients a, b, c, d, e, f of rasterio: column, row -> x, y of a pixel's upper left corner."""
        return self.resolution, 0.0, self.left, 0.0, -self.resolution, self.top

    def crs_wkt(self):
        """WKT 2 of the projection, for GDAL and PROJ, which then give ISIS's x and y.

        The cylindrical and sinusoidal maps of ISIS are those of a sphere, whatever the body's flattening; GDAL then
        takes the latitudes of the map, planetographic or not, for those of that sphere.
        """
        body = self.target.capitalize() or "Unknown"
        method, meridian, parallel = WKT[self.name]
        center = float(_in_domain(self.center_longitude * self._east, 180))
        radius, flattening, true_scale = self.equatorial_radius, 0.0, 0.0
        if self.name == "Equirectangular":
            radius, true_scale = self._local_radius(self.center_latitude), self.center_latitude
        elif self.name == "Orthographic":
            true_scale = self.center_latitude
        elif self.name in ELLIPSOIDAL:
            true_scale = math.degrees(self._graphic_center)
            flattening = radius / (radius - self.polar_radius) if radius > self.polar_radius else 0.0
        degree, metre = 'ANGLEUNIT["degree",0.0174532925199433]', 'LENGTHUNIT["metre",1]'
        parameters = [(parallel, true_scale, degree)] if parallel else []
        parameters.append((meridian, center, degree))
        if self.name == "TransverseMercator":
            parameters.append(("Scale factor at natural origin", self.scale_factor, 'SCALEUNIT["unity",1]'))
        if self.pole:  # PROJ turns the pole the other way
            parameters = [
                ("o_lon_p", -self.pole[2], degree),
                ("o_lat_p", 180 - self._graphic_pole, degree),
                *parameters,
            ]
        for number, angle in zip(("1st", "2nd"), self._graphic_parallels, strict=False):
            parameters.append((f"Latitude of {number} standard parallel", math.degrees(angle), degree))
        false = ("Easting", "Northing") if self.name == "LambertConformal" else ("False easting", "False northing")
        of = " at false origin" if self.name == "LambertConformal" else ""
        parameters += [] if self.pole else [(f"{name}{of}", 0, metre) for name in false]
        listed = ",".join(f'PARAMETER["{name}",{value!r},{unit}]' for name, value, unit in parameters)
        ways = ("east", "north")
        if self.name == "PolarStereographic":
            ways = ("south", "south") if self.center_latitude > 0 else ("north", "north")
        axes = ",".join(f'AXIS["{name}",{way},{metre}]' for name, way in zip(("(E)", "(N)"), ways, strict=True))
        return (
            f'PROJCRS["{self.name} {body}",BASEGEOGCRS["{body}",DATUM["{body}",'
            f'ELLIPSOID["{body}",{radius!r},{flattening!r},{metre}]],PRIMEM["Reference Meridian",0,{degree}]],'
            f'CONVERSION["{self.name}",METHOD["{method}"],{listed}],CS[Cartesian,2],{axes}]'
        )


def read_template(template):
    """Keywords of a map template as a dict: of a file, of a label that has a group Mapping, or of the group itself."""
    label = pvl.load(template) if _file(template) else template
    group = label.get("Mapping", label)
    with _naming(_file(template)):
        if not isinstance(group, (dict, pvl.Block)) or "ProjectionName" not in group:
            raise ValueError("no ProjectionName in a group Mapping; a map template has one")
    keywords = {KEYWORDS.get(key.lower(), key): value for key, value in group.items()}
    return keywords | {"ProjectionName": name_of(str(keywords["ProjectionName"]))}


def _file(template):
    """The file of a template; None for a label or a group."""
    return None if template is None or isinstance(template, (dict, pvl.Block)) else template


@contextlib.contextmanager
def _naming(file):
    """Put the file, where there is one, before what is wrong with its keywords."""
    try:
        yield
    except ValueError as error:
        if file is None:
            raise
        raise ValueError(f"{file}: {error}") from error


def range_of(camera, outline=None):
    """The Range of an image, from its outline, its poles and the seam, as ISIS's camrange finds it.

    Raises ValueError when the camera does not see the body.
    """
    outline = outline or camera.outline()
    seen = np.isfinite(outline.latitude)
    if not seen.any():
        raise ValueError("the camera does not see the body; its ISD is of another image, or wrong")
    latitude, longitude = outline.latitude[seen], outline.longitude[seen]
    half = np.where(longitude > 180, longitude - 360, longitude)
    south, north = float(latitude.min()), float(latitude.max())
    longitudes = {360: (float(longitude.min()), float(longitude.max())), 180: (float(half.min()), float(half.max()))}
    resolution = camera.resolution(outline)[seen]
    below = camera.image(*spherical(outline.spacecraft[-1]))  # where pixels are finest
    if _inside(camera, *below):
        resolution = np.append(resolution, camera.resolution(camera.ground(*below)))
    poles = poles_in(camera)
    south, north = (-90.0 if -90.0 in poles else south), (90.0 if 90.0 in poles else north)
    between = np.linspace(south, north, 11)
    for domain, meridian, whole in ((360, 0.0, (0.0, 360.0)), (180, 180.0, (-180.0, 180.0))):
        if poles or _inside(camera, *camera.image(between, np.full(11, meridian))).any():
            longitudes[domain] = whole
    return Range((south, north), longitudes, (float(resolution.min()), float(resolution.max())))


def name_of(word):
    """The name of a projection as ISIS writes it, of the same word in any case; the word itself where there is none."""
    return {name.lower(): name for name in PROJECTIONS}.get(word.lower(), word)


def narrower(templates):
    """The template with the narrowest longitudes, of complete ones in different domains; the first of equal ones."""
    return min(templates, key=lambda group: _number(group, "MaximumLongitude") - _number(group, "MinimumLongitude"))


def common_template(ranges, isd, given):
    """A complete template that holds several images, as mosrange makes it (without its rounding).

    ranges -- of the images; isd -- of one of them; given -- ProjectionName, and what else of its conventions is known:
        without a LongitudeDomain it is the one in which the images together are narrower

    Feed it to `Mapping.from_template`; the resolution may be changed.
    """
    if "LongitudeDomain" not in given:
        domains = ({**given, "LongitudeDomain": domain} for domain in ("360", "180"))
        return narrower([common_template(ranges, isd, one) for one in domains])
    given = {key: value for key, value in given.items() if key not in RANGE}
    each = [_completed(given, isd, one, turn=False) for one in ranges]
    south, west = (min(group[key] for group in each) for key in RANGE[::2])
    north, east = (max(group[key] for group in each) for key in RANGE[1::2])
    finest, coarsest = min(one.resolutions[0] for one in ranges), max(one.resolutions[1] for one in ranges)
    return each[0] | {
        **dict(zip(RANGE, (south, north, west, east), strict=True)),
        "CenterLongitude": (west + east) / 2,
        "CenterLatitude": (south + north) / 2,
        "PixelResolution": (finest + coarsest) / 2,
    }


def poles_in(camera):
    """Latitudes of the poles that an image shows."""
    poles = np.array([90.0, -90.0])
    return tuple(poles[_inside(camera, *camera.image(poles, np.zeros(2)))].tolist())


def require_same(mappings, names):
    """Raise ValueError naming the first key in which maps differ that must agree for a mosaic."""
    for mapping, name in zip(mappings[1:], names[1:], strict=True):
        for key, attribute in SAME.items():
            value, expected = getattr(mapping, attribute), getattr(mappings[0], attribute)
            same = math.isclose(value, expected, rel_tol=1e-12) if isinstance(value, float) else value == expected
            if not same:
                raise ValueError(
                    f"{name}: {key} = {value} differs from {expected} of {names[0]}; project both to one map"
                )


def _inside(camera, sample, line):
    """Whether image coordinates lie within the image."""
    return (sample >= 0.5) & (line >= 0.5) & (sample <= camera.samples + 0.5) & (line <= camera.lines + 0.5)


def _completed(group, isd, span, turn=True):
    """A template with what it leaves open: radii and name of the body, conventions, the range of an image.

    turn -- whether it may get the other domain, where the seam of its own cuts the image
    """
    a, _, c = (float(radius) * 1000 for radius in isd.radii)
    group = {
        "TargetName": isd.target,
        "EquatorialRadius": a,
        "PolarRadius": c,
        "LatitudeType": "Planetocentric",
        "LongitudeDirection": "PositiveEast",
        "LongitudeDomain": "360",
        **group,
    }
    own, (a, c) = a, _checked_radii(group)
    if not own / TIMES < a < own * TIMES:
        raise ValueError(f"EquatorialRadius = {a:g}: the body's is {own:.0f}, in metres")
    domain = int(_text(group, "LongitudeDomain"))
    domain = _whole_domain(domain, span) if turn else domain
    group["LongitudeDomain"] = str(domain)
    ratio = (a / c) ** 2
    graphic = _text(group, "LatitudeType") == "Planetographic"
    south, north = (float(_stretched(angle, ratio if graphic else 1.0)) for angle in span.latitudes)
    west, east = span.longitudes[domain]
    if _text(group, "LongitudeDirection") == "PositiveWest":
        west, east = -east, -west
        lowest = 0 if domain == 360 else -180
        while west < lowest:
            west, east = west + 360, east + 360
    return dict(zip(RANGE, (south, north, west, east), strict=True)) | group


def _checked_radii(group):
    """Radii of the body in metres, once these and the conventions of the group are known to be right."""
    for key, choices in CHOICES.items():
        value = _text(group, key)
        if (name_of(value) if key == "ProjectionName" else value) not in choices:
            raise ValueError(f"{key} = {value}: must be one of {', '.join(choices)}")
    a, c = _number(group, "EquatorialRadius"), _number(group, "PolarRadius")
    if not 0 < c <= a:
        raise ValueError(f"PolarRadius = {c:g}: must be above 0 and at most EquatorialRadius = {a:g}")
    return a, c


def _whole_domain(domain, span):
    """The domain, or the other one where its seam cuts an image and that of the other does not."""
    cut = {each: np.ptp(span.longitudes[each]) > 359 for each in (360, 180)}
    return 540 - domain if cut[domain] and not cut[540 - domain] else domain


def _text(group, key, *default):
    value = group.get(key, *default)
    if value is None:
        raise ValueError(f"no {key} in the group Mapping")
    return str(value.value if isinstance(value, pvl.Quantity) else value)


def _number(group, key, *default):
    text, value = _text(group, key, *default), group.get(key)
    if key in LENGTHS and isinstance(value, pvl.Quantity) and not METRES.fullmatch(value.unit):
        raise ValueError(f"{key} = {text} <{value.unit}>: must be in meters")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{key} = {text}: must be a number")
    return number


def _cells(low, high, size):
    """The edge before an interval, a whole number of cells from 0, and how many cells hold it (ProjectionFactory)."""
    if low == 0:
        return 0.0, max(1, -int(_floored(-high, size) // size))
    start = _floored(low, size)
    return start, int((max(high, start + size) - start) / size + 0.5)


def _floored(value, size):
    return value if abs(math.remainder(value, size)) <= EDGE else math.floor(value / size) * size


def _in_domain(longitude, domain):
    """Longitudes from 0 to 360, or from -180 to 180; what is in it already stays."""
    low = 0 if domain == 360 else -180
    inside = (longitude >= low) & (longitude <= low + 360)
    return np.where(inside, longitude, (longitude - low) % 360 + low)


def _stretched(latitude, ratio):
    """The latitude in degrees whose tangent is `ratio` times as large."""
    angle = np.radians(latitude)
    return np.degrees(np.arctan2(ratio * np.sin(angle), np.cos(angle)))
