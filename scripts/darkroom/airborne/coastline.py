"""Coastlines for small maps: those of Natural Earth at 1:110 million (public domain), in hundredths of a degree."""

import functools

import numpy as np

from darkroom.files import CONFIG


@functools.cache
def coastlines():
    """Lines as arrays (point, longitude and latitude) of degrees."""
    rows = (CONFIG / "coastline.txt").read_text().splitlines()
    return [np.array(row.split(), np.float64).reshape(-1, 2) / 100 for row in rows]
