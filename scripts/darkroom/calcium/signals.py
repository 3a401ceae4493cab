"""Signals beside a movie, by channel: events of cells, digital and analog lines, motion of the head."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, eq=False)
class Signals:
    """Channels of values, each with times of its own.

    channels -- by name: int64 microseconds after `start`, and float32 values; NaN is a value that was lost
    start, utc_offset -- as of a `Timing`
    duration -- seconds
    steps -- by name: seconds between samples of a channel
    kind -- "events", "gpio" or "imu"
    units -- by name, where they are known
    """

    channels: dict
    start: Fraction | None
    utc_offset: int | None
    duration: Fraction
    steps: dict
    kind: str
    units: dict = field(default_factory=dict)
    notes: tuple = ()

    def rows(self):
        """(seconds, channel, value) of every value, by time and then by channel."""
        rows = [
            (offset / 1e6, name, float(value))
            for name, (offsets, values) in self.channels.items()
            for offset, value in zip(offsets.tolist(), values.tolist(), strict=True)
        ]
        order = {name: at for at, name in enumerate(self.channels)}
        return sorted(rows, key=lambda row: (row[0], order[row[1]]))


def of_changes(changes):
    """Channels (`Signals.channels`) of {name: [(microseconds, value), ...]}."""
    return {
        name: (np.array([at for at, _ in pairs], np.int64), np.array([value for _, value in pairs], np.float32))
        for name, pairs in changes.items()
    }
