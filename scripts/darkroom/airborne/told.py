"""What an archive is told of a granule: its times and places, day or night, and the labels of its header."""

import numpy as np

from darkroom.airborne.extent import DECIMALS, good, time_text
from darkroom.airborne.sun import day_or_night, elevation

SUN_SAMPLES = 500  # positions that are asked for the height of the sun


def told(granule, produced):
    """What the metadata of a granule say of its data, as JSON has it.

    granule -- of the source, or its product opened; produced -- when the product counts as made, ISO 8601

    Raises ValueError where no time or no place is known.
    """
    extent, altitude = granule.extent, granule.altitude_range_m
    sun = granule.variables.get("solar_elevation_angle")
    elevations = sun.values() if sun else sun_elevations(*granule.positions())
    return {
        "produced": produced,
        "begin": time_text(extent.begin),
        "end": time_text(extent.end),
        "box": [round(float(side), DECIMALS) for side in extent.box],
        "geometry": extent.geometry,
        "deviation_m": round(extent.deviation, 1),
        "altitude": [f"{end:.1f}" for end in altitude] if altitude else None,
        "day_night": day_or_night(elevations),
    }


def sun_elevations(times, latitude, longitude):
    """Height of the sun in degrees at some positions, evenly from the first to the last."""
    if latitude.ndim == 2:
        latitude, longitude = latitude[:, latitude.shape[1] // 2], longitude[:, longitude.shape[1] // 2]
    placed = np.flatnonzero(good(latitude, longitude) & ~np.isnat(times))
    chosen = placed[np.linspace(0, placed.size - 1, min(placed.size, SUN_SAMPLES)).round().astype(int)]
    return elevation(times[chosen], latitude[chosen], longitude[chosen])
