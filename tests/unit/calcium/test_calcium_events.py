"""Events in made-up traces: when they are, how high, and what is none."""

import numpy as np
import pytest

from darkroom.calcium import events
from darkroom.calcium.cells import noise_level

RATE = 20.0
TIMES = np.arange(600) / RATE


def trace(spikes, heights=1.0, noise=0.05, decay=0.5, rise=0.0, seed=1):
    """Calcium after spikes (seconds), with noise: (1, frames)."""
    total = noise * np.random.default_rng(seed).standard_normal(len(TIMES))
    for spike, height in zip(spikes, np.broadcast_to(heights, len(spikes)), strict=True):
        after = np.maximum(TIMES - spike, 0)
        total += height * np.where(
            spike <= TIMES, np.exp(-after / decay) * (1 - np.exp(-after / rise) if rise else 1), 0
        )
    return total[None]


def test_events_are_where_the_spikes_are_and_as_high():
    spikes = [3.0, 9.0, 11.0, 20.0]
    ((times, heights),) = events.detect_events(trace(spikes, [1, 2, 1, 3]), TIMES)
    assert times == pytest.approx(spikes, abs=0.1)
    assert heights == pytest.approx([1, 2, 1, 3], rel=0.25)
    assert times.dtype == np.float64 and heights.dtype == np.float32


def test_a_time_in_the_rise():
    slow = trace([5.0, 15.0], noise=0.01, rise=0.2)
    beginning, middle, maximum = (
        events.detect_events(slow, TIMES, event_time_ref=one)[0][0] for one in ("beginning", "mid_rise", "maximum")
    )
    assert len(beginning) == len(middle) == len(maximum) == 2
    assert (beginning < middle).all() and (middle < maximum).all()
    assert beginning == pytest.approx([5, 15], abs=0.1)


def test_dips_are_no_events():
    dip = trace([]) - trace([10.0], noise=0)
    assert len(events.detect_events(dip, TIMES)[0][0]) == 0
    assert len(events.detect_events(dip, TIMES, ignore_negative_transients=False)[0][0]) >= 1


def test_noise_a_flat_trace_and_one_frame():
    noise = np.random.default_rng(3).standard_normal((20, 600))
    assert np.mean([len(times) for times, _ in events.detect_events(noise, TIMES)]) < 0.5
    assert len(events.detect_events(np.zeros((1, 600)), TIMES)[0][0]) == 0
    assert len(events.detect_events(np.ones((1, 1)), TIMES[:1])[0][0]) == 0
    assert events.deconvolve(np.ones((1, 1)), RATE)[1].tolist() == [[0.0]]


def test_times_know_of_gaps():
    gone = np.r_[0:100, 200:600]
    ((times, _),) = events.detect_events(trace([2.0, 20.0])[:, gone], TIMES[gone])
    assert times == pytest.approx([2, 20], abs=0.15)


def test_the_threshold_counts():
    small = trace([4.0, 14.0], [2, 0.5], noise=0.06)
    assert len(events.detect_events(small, TIMES, threshold=5)[0][0]) == 2
    assert len(events.detect_events(small, TIMES, threshold=20)[0][0]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"event_time_ref": "end"}, "event_time_ref: 'end' is unknown; there are beginning, maximum, mid_rise"),
        ({"threshold": 0}, "threshold: 0 must be above 0"),
        ({"tau": -1}, "tau: -1 must be above 0"),
    ],
)
def test_options_that_make_no_sense(options, said):
    with pytest.raises(ValueError, match=said):
        events.detect_events(trace([3.0]), TIMES, **options)


def test_spikes_explain_the_trace():
    spikes = [3.0, 9.0, 9.5, 20.0]
    noisy = trace(spikes, [1, 1, 1, 2], noise=0.1) + 4
    denoised, spikes_found = events.deconvolve(noisy, RATE)
    clean = trace(spikes, [1, 1, 1, 2], noise=0)[0]
    assert np.corrcoef(denoised[0], clean)[0, 1] > 0.98
    ((times, heights),) = events.spike_events(spikes_found, TIMES)
    assert times == pytest.approx(spikes, abs=0.1)
    assert heights == pytest.approx([1, 1, 1, 2], rel=0.3)


def test_spikes_are_the_best_non_negative_ones():
    """Without a threshold OASIS solves a convex problem: the residual is at right angles to every kernel that is used."""
    rng = np.random.default_rng(7)
    noisy, decay = trace([3.0, 9.0], noise=0)[0] + 0.1 * rng.standard_normal(600), np.exp(-0.1)
    fitted, spikes = events._pools(noisy, decay, 0.0)
    rest = noisy - fitted
    pull = np.array([rest[at:] @ decay ** np.arange(600 - at) for at in range(600)])
    assert pull.max() < 1e-6
    assert np.abs(pull[np.flatnonzero(spikes > 1e-9)]).max() < 1e-6


def test_noise_and_decay_of_a_trace():
    rng = np.random.default_rng(2)
    assert noise_level(rng.normal(0, 3, (1, 4000)))[0] == pytest.approx(3, rel=0.05)
    decays = [events.decay_of(trace([3.0, 9.0, 15.0, 22.0], decay=decay)[0], RATE) for decay in (0.3, 1.0)]
    assert decays == pytest.approx([np.exp(-1 / (0.3 * RATE)), np.exp(-1 / RATE)], abs=0.03)
