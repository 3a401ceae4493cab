"""Projections of small areas: transverse Mercator, Lambert's conformal cone, and of a sphere the orthographic and the
oblique cylindrical one.

Formulas: Karney, Transverse Mercator with an accuracy of a few nanometers (2011), equations 7 to 36, series to the
sixth order; Snyder, Map Projections: A Working Manual, 5-7 to 5-10, 15-1 to 15-11 and 20-3 to 20-18. ISIS has Snyder's
shorter series of the first, which is the same near the central meridian. Bodies are of unit size.

Angles are radians, latitudes of ellipsoids planetographic; e is the eccentricity.
"""

import math

import numpy as np

# Coefficients of the third flattening, from the first power that they have on, of each multiple of the angle.
FORWARD = (
    (1 / 2, -2 / 3, 5 / 16, 41 / 180, -127 / 288, 7891 / 37800),
    (13 / 48, -3 / 5, 557 / 1440, 281 / 630, -1983433 / 1935360),
    (61 / 240, -103 / 140, 15061 / 26880, 167603 / 181440),
    (49561 / 161280, -179 / 168, 6601661 / 7257600),
    (34729 / 80640, -3418889 / 1995840),
    (212378941 / 319334400,),
)
INVERSE = (
    (1 / 2, -2 / 3, 37 / 96, -1 / 360, -81 / 512, 96199 / 604800),
    (1 / 48, 1 / 15, -437 / 1440, 46 / 105, -1118711 / 3870720),
    (17 / 480, -37 / 840, -209 / 4480, 5569 / 90720),
    (4397 / 161280, -11 / 504, -830251 / 7257600),
    (4583 / 161280, -108847 / 3991680),
    (20648693 / 638668800,),
)
MOST = 45  # iterations
FARTHEST = 2.6  # radii of the body from the meridian, where the series ends to hold


def snyder_t(latitude, e):
    """Snyder 15-9; 0 at the north pole."""
    sine = e * np.sin(latitude)
    t = np.tan((math.pi / 2 - latitude) / 2) / ((1 - sine) / (1 + sine)) ** (e / 2)
    return np.where(np.abs(latitude) < math.pi / 2 - np.finfo(float).eps, t, 0.0)


def latitude_of(t, e):
    """Latitude of Snyder's t (7-9), iterated as ISIS does."""
    latitude = math.pi / 2 - 2 * np.arctan(t)
    for _ in range(MOST):
        sine = e * np.sin(latitude)
        previous, latitude = latitude, math.pi / 2 - 2 * np.arctan(t * ((1 - sine) / (1 + sine)) ** (e / 2))
        if np.nanmax(np.abs(latitude - previous), initial=0) < 1e-12:
            break
    return latitude


class TransverseMercator:
    """Around a meridian; y from a latitude of origin."""

    def __init__(self, e, origin, scale):
        self.e, flattening = e, 1 - math.sqrt(1 - e * e)
        self.n = flattening / (2 - flattening)
        n = self.n
        self.size = scale / (1 + n) * (1 + n**2 / 4 + n**4 / 64 + n**6 / 256)
        self.below = 0.0
        _, self.below = (float(value) for value in self.forward(np.float64(origin), np.float64(0)))

    def forward(self, latitude, east):
        """x and y; NaN where they go to infinity, on the equator a quarter turn from the meridian."""
        sine = np.sin(latitude)
        tangent = np.sinh(np.arctanh(np.clip(sine, -1 + 1e-16, 1 - 1e-16)) - self.e * np.arctanh(self.e * sine))
        angle = np.arctan2(tangent, np.cos(east)) + 1j * np.arcsinh(np.sin(east) / np.hypot(tangent, np.cos(east)))
        angle = np.where(np.abs(angle.imag) < FARTHEST, angle, complex(math.nan, math.nan))
        place = angle + self._series(angle, FORWARD)
        return self.size * place.imag, self.size * place.real - self.below

    def inverse(self, x, y):
        """Latitude and longitude from the meridian."""
        place = (y + self.below) / self.size + 1j * (x / self.size)
        angle = place - self._series(place, INVERSE)
        conformal = np.sin(angle.real) / np.hypot(np.sinh(angle.imag), np.cos(angle.real))
        latitude = latitude_of(np.hypot(1, conformal) - conformal, self.e)
        return latitude, np.arctan2(np.sinh(angle.imag), np.cos(angle.real))

    def _series(self, angle, coefficients):
        return sum(
            np.sin(2 * number * angle) * np.polynomial.polynomial.polyval(self.n, (*[0] * number, *terms))
            for number, terms in enumerate(coefficients, 1)
        )


class LambertConformal:
    """On a cone that cuts two parallels, which are not equally far from the equator; y from a latitude of origin."""

    def __init__(self, e, origin, parallels):
        self.e = e
        t, (first, second) = snyder_t(np.array(parallels), e), parallels
        m = [math.cos(angle) / math.sqrt(1 - (e * math.sin(angle)) ** 2) for angle in parallels]
        same = math.isclose(first, second, abs_tol=1e-12)
        self.n = math.sin(first) if same else math.log(m[0] / m[1]) / math.log(t[0] / t[1])
        self.factor = m[0] / (self.n * t[0] ** self.n)
        self.rho = self.factor * float(snyder_t(np.float64(origin), e)) ** self.n

    def forward(self, latitude, east):
        """x and y; NaN at the pole without a place."""
        with np.errstate(divide="ignore"):
            away = self.factor * snyder_t(latitude, self.e) ** self.n
        away = np.where(np.isfinite(away) & (latitude * self.n > -math.pi / 2 * abs(self.n)), away, np.nan)
        return away * np.sin(self.n * east), self.rho - away * np.cos(self.n * east)

    def inverse(self, x, y):
        """Latitude and longitude from the meridian; NaN behind the cut of the cone."""
        sign = math.copysign(1, self.n)
        away, angle = sign * np.hypot(x, self.rho - y), np.arctan2(sign * x, sign * (self.rho - y))
        with np.errstate(divide="ignore"):
            latitude = latitude_of((away / self.factor) ** (1 / self.n), self.e)
        east = angle / self.n
        return np.where(np.abs(east) <= math.pi, latitude, np.nan), east


class Orthographic:
    """A sphere from far away, above a latitude."""

    def __init__(self, origin):
        self.sine, self.cosine = math.sin(origin), math.cos(origin)

    def forward(self, latitude, east):
        """x and y; NaN on the far side."""
        sine, cosine = np.sin(latitude), np.cos(latitude)
        near = self.sine * sine + self.cosine * cosine * np.cos(east) >= -1e-10
        x, y = cosine * np.sin(east), self.cosine * sine - self.sine * cosine * np.cos(east)
        return np.where(near, x, np.nan), np.where(near, y, np.nan)

    def inverse(self, x, y):
        """Latitude and longitude from the meridian; NaN beside the disc."""
        with np.errstate(invalid="ignore"):
            depth = np.sqrt(1 - x * x - y * y)
        latitude = np.arcsin(np.clip(depth * self.sine + y * self.cosine, -1, 1))
        return latitude, np.arctan2(x, depth * self.cosine - y * self.sine)


class ObliqueCylindrical:
    """A simple cylinder around a sphere, whose pole is at a latitude; longitudes are counted from that of the pole."""

    def __init__(self, pole, rotation):
        self.sine, self.cosine, self.rotation = math.sin(pole), math.cos(pole), rotation

    def forward(self, latitude, east):
        """x and y: longitude, from half a turn west of its middle on, and latitude around the other pole."""
        sine, cosine = np.sin(latitude), np.cos(latitude)
        along = np.arctan2(cosine * np.sin(east), self.sine * cosine * np.cos(east) - self.cosine * sine)
        y = np.arcsin(np.clip(self.sine * sine + self.cosine * cosine * np.cos(east), -1, 1))
        return (along - self.rotation + math.pi) % (2 * math.pi) - math.pi, y

    def inverse(self, x, y):
        """Latitude and longitude from the pole's; NaN beyond a pole."""
        along, sine, cosine = x + self.rotation, np.sin(y), np.cos(y)
        latitude = np.arcsin(np.clip(self.sine * sine - self.cosine * cosine * np.cos(along), -1, 1))
        east = np.arctan2(cosine * np.sin(along), self.sine * cosine * np.cos(along) + self.cosine * sine)
        return np.where(np.abs(y) <= math.pi / 2 + 1e-15, latitude, np.nan), east
