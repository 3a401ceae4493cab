"""Height of the sun, and from it day or night."""

import numpy as np

# The sun's upper limb is on the horizon at this height of its centre: refraction of 34' and a semidiameter of 16'
# (Meeus, Astronomical Algorithms, 2nd ed., chapter 15).
HORIZON = -0.8333


def elevation(time, latitude, longitude):
    """Geometric height of the sun's centre in degrees, without refraction, good to 0.02 degrees from 1950 to 2050.

    time -- numpy datetime64, UTC
    latitude, longitude -- degrees north and east

    Formula: low-precision solar coordinates of the Astronomical Almanac (page C5), sidereal time of Meeus (12.4).
    """
    days = (np.asarray(time, "M8[ns]") - np.datetime64("2000-01-01T12", "ns")) / np.timedelta64(1, "D")
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 0.0000004 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    hour = np.radians(280.46061837 + 360.98564736629 * days + longitude) - ascension
    latitude = np.radians(latitude)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    return np.degrees(np.arcsin(np.clip(height, -1, 1)))


def day_or_night(elevations):
    """`Day`, `Night` or `Both`, of heights of the sun in degrees; `Unspecified` where none is known."""
    heights = np.asarray(elevations)[np.isfinite(elevations)]
    if not heights.size:
        return "Unspecified"
    up = heights > HORIZON
    return "Day" if up.all() else "Both" if up.any() else "Night"
