"""Power in decibels, and back: what is averaged or compared by the share of it is so in power."""

import numpy as np

DECIBELS = np.float32(10 / np.log(10))  # of a power e times as large


def of_power(power):
    """10 log10 of power (float32), NaN where it is not above 0."""
    with np.errstate(all="ignore"):
        values = np.log(power, dtype=np.float32)
        values *= DECIBELS
    values[values == -np.inf] = np.nan
    return values


def power(values):
    """Power (float32) of decibels (float32)."""
    return np.exp(values / DECIBELS)
