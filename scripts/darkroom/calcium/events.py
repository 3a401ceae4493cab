"""Events of calcium in traces: steep rises above the noise, or spikes that an exponential decay explains (OASIS)."""

import numpy as np
from scipy import ndimage

from darkroom.calcium.cells import noise_level
from darkroom.compiled import compiled

REFERENCES = ("beginning", "maximum", "mid_rise")
BASELINE = 0.1  # share of an event's height up to which its rise has not begun
ROUNDS = 3  # of spikes and baseline
APART = 0.15  # seconds: spikes that are closer are one event


def detect_events(
    traces, times, *, threshold=5.0, tau=0.2, event_time_ref="beginning", ignore_negative_transients=True
):
    """Per trace the times (float64 seconds) and heights (float32, in the trace's unit) of its events.

    An event is a peak that rises from the lowest point since the last one by `threshold` times the median absolute
    deviation of the trace, and stands as far above its median. What an event leaves behind has died away by exp(-t /
    tau): a later one must rise above that too.

    traces -- (cells, frames)
    times -- seconds of the frames, ascending; the rise does not reach across a gap of more than 5 tau
    tau -- seconds in which an event decays; the trace is smoothed over half of it
    event_time_ref -- where in the rise the event is said to be: "beginning", "maximum" or "mid_rise"
    ignore_negative_transients -- False: a rise out of a dip counts too, as far as it goes

    Raises ValueError for another event_time_ref, a threshold or tau that is not above 0.
    """
    if event_time_ref not in REFERENCES:
        raise ValueError(f"event_time_ref: {event_time_ref!r} is unknown; there are {', '.join(REFERENCES)}")
    for name, value in (("threshold", threshold), ("tau", tau)):
        if not value > 0:
            raise ValueError(f"{name}: {value} must be above 0")
    times = np.asarray(times, np.float64)
    step = np.median(np.diff(times)) if len(times) > 1 else 1.0
    smooth = ndimage.gaussian_filter1d(np.asarray(traces, np.float64), tau / 4 / step, axis=-1, mode="nearest")
    events = []
    for trace in smooth:
        trace = trace - np.median(trace)
        least = threshold * np.median(np.abs(trace))
        detected = _rises(trace, times, least, tau, ignore_negative_transients) if least > 0 else []
        at = [_time(trace, times, low, high, event_time_ref) for low, high in detected]
        heights = [trace[high] - trace[low] for low, high in detected]
        events.append((np.array(at, np.float64), np.array(heights, np.float32)))
    return events


def _rises(trace, times, least, tau, above):
    """Pairs (lowest point, peak) of the frames of events."""
    inner = trace[1:-1]
    peaks = np.flatnonzero((inner > trace[:-2]) & (inner >= trace[2:])) + 1
    rises, start = [], 0
    for peak in peaks:
        if trace[peak] < (least if above else -np.inf):
            continue
        first = max(start, np.searchsorted(times, times[peak] - 5 * tau))
        low = first + int(trace[first:peak].argmin()) if peak > first else peak
        low = peak - int(trace[low : peak + 1][::-1].argmin()) if peak > low else peak
        height = trace[peak] - (max(trace[low], 0) if above and not rises else trace[low])
        if rises and start:
            last = rises[-1]
            left = (trace[last[1]] - trace[last[0]]) * np.exp(-(times[peak] - times[last[1]]) / tau)
            if trace[peak] > trace[last[1]] and height < least:  # the same rise, which goes on
                rises[-1] = last[0], int(peak)
                start = int(peak)
                continue
            if trace[peak] < trace[last[0]] + left:
                continue
        if height >= least:
            rises.append((low, int(peak)))
            start = int(peak)
    return rises


def _time(trace, times, low, high, reference):
    """When a rise from one frame to another began, was halfway or ended; between frames by a straight line."""
    if reference == "maximum" or high == low:
        return times[high]
    level = trace[low] + (BASELINE if reference == "beginning" else 0.5) * (trace[high] - trace[low])
    below = high - int((trace[low : high + 1][::-1] <= level).argmax())
    share = (level - trace[below]) / (trace[below + 1] - trace[below])
    return times[below] + share * (times[below + 1] - times[below])


def deconvolve(traces, rate, *, spike_snr_threshold=3.0, noise_range=(0.25, 0.5)):
    """Traces as spikes with an exponential decay: (denoised, spikes), float32 (cells, frames) in the trace's unit.

    OASIS for an autoregressive process of order 1 (Friedrich et al. 2017, doi 10.1371/journal.pcbi.1005423): pools of
    frames are joined as long as the step between two is less than `spike_snr_threshold` times the noise, which is the
    mean power between `noise_range` cycles per frame. Decay and baseline are found for each trace.

    rate -- Hz of the frames
    """
    traces = np.asarray(traces, np.float64)
    denoised, spikes = np.zeros(traces.shape, np.float32), np.zeros(traces.shape, np.float32)
    if traces.shape[-1] < 4:
        return denoised, spikes
    pools = compiled(_pools)
    for cell, trace in enumerate(traces):
        noise = noise_level(trace, noise_range)
        if not noise > 0:
            continue
        decay, baseline = decay_of(trace, rate), np.median(trace)
        for _ in range(ROUNDS):
            fitted, spikes_here = pools(trace - baseline, decay, spike_snr_threshold * noise)
            baseline += np.median(trace - baseline - fitted)
        denoised[cell], spikes[cell] = fitted, spikes_here
    return denoised, spikes


def decay_of(trace, rate):
    """Share of its height that a trace keeps from frame to frame: from its autocovariance, but for lag 0 (noise)."""
    centred = trace - trace.mean()
    lags = range(1, min(max(4, round(rate / 4)), len(trace) - 1))
    covariance = np.array([centred[:-lag] @ centred[lag:] for lag in lags])
    slope = (
        covariance[1:] @ covariance[:-1] / max(covariance[:-1] @ covariance[:-1], 1e-12) if len(covariance) > 1 else 0
    )
    return float(np.clip(slope, np.exp(-1 / (0.05 * rate)), np.exp(-1 / (5 * rate))))


def spike_events(spikes, times, apart=APART):
    """Per cell the times (seconds) and heights of events: spikes of (cells, frames) that follow each other closely."""
    events = []
    for train in spikes:
        at = np.flatnonzero(train > 0)
        groups = np.split(at, np.flatnonzero(np.diff(times[at]) > apart) + 1) if len(at) else []
        events.append(
            (
                np.array([times[group[0]] for group in groups], np.float64),
                np.array([train[group].sum() for group in groups], np.float32),
            )
        )
    return events


def _pools(trace, decay, least):
    count = len(trace)
    value, weight, start, length = (
        np.empty(count),
        np.empty(count),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )
    top = -1
    for frame in range(count):
        top += 1
        value[top], weight[top], start[top], length[top] = trace[frame], 1.0, frame, 1
        while top > 0 and value[top] < value[top - 1] * decay ** length[top - 1] + least:
            power = decay ** length[top - 1]
            total = weight[top - 1] + power * power * weight[top]
            value[top - 1] = (weight[top - 1] * value[top - 1] + power * weight[top] * value[top]) / total
            weight[top - 1] = total
            length[top - 1] += length[top]
            top -= 1
    fitted, spikes = np.zeros(count), np.zeros(count)
    for pool in range(top + 1):
        height = max(value[pool], 0.0)
        for frame in range(length[pool]):
            fitted[start[pool] + frame] = height * decay**frame
    for pool in range(1, top + 1):
        step = fitted[start[pool]] - decay * fitted[start[pool] - 1]
        spikes[start[pool]] = step if step > 0 else 0.0
    return fitted, spikes
