"""When the frames of a recording were taken: one period, the gaps in it, and the time of every frame that is there."""

from dataclasses import dataclass, field, replace
from datetime import timedelta, timezone
from fractions import Fraction

import numpy as np

from darkroom.calcium.moments import EPOCH

GAPS = ("dropped", "cropped", "blank")


@dataclass(frozen=True, eq=False)
class Timing:
    """A grid of samples, of which some hold no frame.

    period -- seconds from one sample to the next
    samples -- how many samples the grid has, gaps included
    start -- of sample 0, in seconds since 1970-01-01 UTC, or None where nobody knows
    utc_offset -- of the place of the recording in seconds (-25200 is UTC-7), or None
    dropped, cropped, blank -- samples without a frame, ascending; no sample is in two of them
    times -- float64 seconds after `start` of every frame that is there, ascending; without time stamps of the
             instrument those of the grid
    stamped -- whether `times` come from the instrument
    """

    period: Fraction
    samples: int
    start: Fraction | None = None
    utc_offset: int | None = None
    dropped: tuple = ()
    cropped: tuple = ()
    blank: tuple = ()
    times: np.ndarray = field(default=None, repr=False)
    stamped: bool = False

    def __post_init__(self):
        if self.times is None:
            object.__setattr__(self, "times", self.valid * float(self.period))

    @property
    def missing(self):
        """Samples without a frame, ascending, as int64."""
        return np.array(sorted((*self.dropped, *self.cropped, *self.blank)), np.int64)

    @property
    def valid(self):
        """Samples that hold a frame, ascending, as int64: the index of a frame in the recording."""
        kept = np.ones(self.samples, bool)
        kept[self.missing] = False
        return np.flatnonzero(kept)

    @property
    def rate(self):
        """Samples per second."""
        return float(1 / self.period)

    @property
    def regular(self):
        """Whether the frames follow each other at the period alone: no gap, no jitter of more than a hundredth."""
        steps = np.diff(self.times)
        return not len(steps) or bool(np.allclose(steps, float(self.period), rtol=0.01, atol=0))

    @property
    def begin(self):
        """The start as a datetime in the zone of the recording (UTC where it is not known), or None."""
        if self.start is None:
            return None
        zone = timezone(timedelta(seconds=self.utc_offset or 0))
        return (EPOCH + timedelta(microseconds=round(self.start * 1_000_000))).astimezone(zone)

    def frames(self, first, count):
        """The timing of frames `first` to `first + count`; `start` and times stay, what was before is cropped."""
        valid = self.valid
        inside = valid[first : first + count]
        before, after = np.arange(inside[0]), inside[-1] + 1
        gaps = {name: tuple(at for at in getattr(self, name) if inside[0] < at < after) for name in GAPS}
        gaps["cropped"] = (*before.tolist(), *gaps["cropped"])
        return replace(self, samples=int(after), times=self.times[first : first + count], **gaps)

    def as_json(self):
        """What a stage's JSON says of it; the times are left out where they are those of the grid."""
        said = {
            "period_s": float(self.period),
            "period": [self.period.numerator, self.period.denominator],
            "rate_hz": self.rate,
            "samples": self.samples,
            "frames": len(self.times),
            "start": self.begin.isoformat() if self.begin else None,
            "start_s": [self.start.numerator, self.start.denominator] if self.start is not None else None,
            "utc_offset_s": self.utc_offset,
            "time_stamps": "instrument" if self.stamped else "period",
        }
        return said | {name: ranges(getattr(self, name)) for name in GAPS}

    @classmethod
    def from_json(cls, said, times=None):
        """The timing that `as_json` has described."""
        return cls(
            period=Fraction(*said["period"]),
            samples=said["samples"],
            start=Fraction(*said["start_s"]) if said["start_s"] else None,
            utc_offset=said["utc_offset_s"],
            times=times,
            stamped=said["time_stamps"] == "instrument",
            **{name: expanded(said[name]) for name in GAPS},
        )


def require_ascending(path, stamps):
    """Refuse time stamps (s) of a file that are no numbers, or of which one does not lie after the one before it."""
    if not np.isfinite(stamps).all():
        raise ValueError(f"{path}: time stamp {int(np.argmin(np.isfinite(stamps)))} is no number; each frame has one")
    if (np.diff(stamps) <= 0).any():
        at = int(np.argmax(np.diff(stamps) <= 0))
        raise ValueError(f"{path}: time stamp {at + 1} does not lie after the one before it")


def of_stamps(times, start=None, utc_offset=None):
    """Timing of frames at known times (s, ascending, the first is 0).

    The period is the median step; where a step is two periods or more, samples in between are dropped ones.
    """
    period = Fraction(float(np.median(np.diff(times)))).limit_denominator(1_000_000) if len(times) > 1 else Fraction(1)
    samples = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(np.diff(times) / float(period))))]).astype(int)
    dropped = tuple(np.setdiff1d(np.arange(samples[-1] + 1), samples).tolist())
    return Timing(
        period, int(samples[-1]) + 1, start, utc_offset, dropped, times=np.asarray(times, float), stamped=True
    )


def ranges(samples):
    """Ascending sample numbers as [first, last] pairs, both ends in."""
    pairs = []
    for sample in samples:
        if pairs and sample == pairs[-1][1] + 1:
            pairs[-1][1] = int(sample)
        else:
            pairs.append([int(sample)] * 2)
    return pairs


def expanded(pairs):
    """Sample numbers of [first, last] pairs, both ends in."""
    return tuple(sample for first, last in pairs for sample in range(first, last + 1))
