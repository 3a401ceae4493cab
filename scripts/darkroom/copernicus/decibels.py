"""Power in decibels, and back: what is averaged or compared by the share of it is so in power."""

import numpy as np


def of_power(power):
    """10 log10 of power (float32), NaN where it is not above 0."""
    with np.errstate(all="ignore"):
        return np.where(power > 0, 10 * np.log10(power), np.nan).astype(np.float32)


def power(values):
    """Power (float64) of decibels."""
    return 10.0 ** (values.astype(np.float64) / 10)
