"""Coastlines for maps: those of Natural Earth at 1:50 million (public domain); coastline.json says how it was made."""

import functools
import json
from pathlib import Path

import numpy as np


@functools.cache
def coastlines():
    """Lines as arrays (point, longitude and latitude) of degrees."""
    return [np.array(line) for line in json.loads(Path(__file__).with_suffix(".json").read_text())["coordinates"]]
