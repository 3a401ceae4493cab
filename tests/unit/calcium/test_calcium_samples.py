"""The generator of recordings: the same bytes however they are read, and a truth that is the movie's."""

import numpy as np
import pytest

from darkroom.samples import calcium


def test_a_frame_is_the_same_however_many_are_read_at_once():
    recording = calcium.synthesise("calcium-demo", frames=40)
    whole = recording.read(0, recording.shape[0])
    assert whole.shape == recording.shape and whole.dtype == np.uint16
    assert np.array_equal(whole, np.concatenate(list(recording.blocks(7))))
    assert np.array_equal(whole, calcium.synthesise("calcium-demo", frames=40).read(0, recording.shape[0]))
    assert not np.array_equal(whole, calcium.synthesise("calcium-demo", 5, frames=40).read(0, recording.shape[0]))


def test_lost_frames_are_not_there():
    recording = calcium.synthesise("calcium-demo", frames=200, lost=0.05)
    assert len(recording.dropped) == 10 and recording.shape[0] == 190
    assert not set(recording.dropped) & set(recording.valid)


def test_counts_are_of_12_bits_and_hot_pixels_stay():
    recording = calcium.synthesise("calcium-demo", frames=20)
    frames = recording.read(0, recording.shape[0])
    assert frames.max() <= 4095
    assert (frames.reshape(len(frames), -1)[:, recording.hot] > 4000).all()


def test_spikes_are_seen_where_the_cell_is():
    recording = calcium.synthesise("calcium-demo", jitter=0, jump=0.001, neuropil=0.001)
    frames = recording.read(0, recording.shape[0]).reshape(recording.shape[0], -1)
    times = np.linspace(-1, 1, len(frames))
    for cell in range(recording.footprints.shape[0]):
        seen = frames @ recording.footprints[[cell]].toarray()[0]
        seen -= np.polyval(np.polyfit(times, seen, 3), times)  # bleaching
        assert np.corrcoef(seen, recording.traces[cell, recording.valid])[0, 1] > 0.75
        assert len(recording.spikes[cell]) >= 2


def test_the_tissue_moves_as_the_truth_says():
    recording = calcium.synthesise("calcium-demo", jitter=0.5, jump=3)
    moving, still = recording.shifts[50] - recording.shifts[50].round(), recording.tissue(50)
    moved = calcium._moved(calcium._moved(still, moving), -moving)
    assert np.allclose(moved, still, atol=0.5)
    assert np.allclose(calcium._moved(still, (2, -3)), np.roll(still, (2, -3), (0, 1)), atol=0.5)


def test_the_amplitude_is_that_of_a_dim_recording():
    """Peak of a lone spike at the brightest pixel over the noise there: 2.9 in the median, 1.7 at the tenth percentile."""
    ratios, inner = [], slice(calcium.MARGIN, -calcium.MARGIN)
    for seed in range(2):
        recording = calcium.synthesise("calcium", seed)
        peaks = np.array([recording.footprints[[cell]].toarray().argmax() for cell in range(60)])
        light = (recording.tissue(0)[inner, inner] * recording.vignette).ravel()[peaks]
        times = np.arange(recording.samples) / recording.rate
        for cell, trace in enumerate(recording.traces):
            unit = sum(calcium._kernel(times - spike) for spike in recording.spikes[cell])
            lone = trace @ unit / (unit @ unit) * recording.vignette.ravel()[peaks[cell]]
            ratios.append(lone / np.sqrt(light[cell] / calcium.GAIN + calcium.READ_NOISE**2))
    assert np.median(ratios) == pytest.approx(2.9, abs=0.25)
    assert np.percentile(ratios, 10) == pytest.approx(1.7, abs=0.25)


def test_an_unknown_kind_and_too_many_cells():
    with pytest.raises(ValueError, match="sample:calcium-hrad is unknown; there are calcium, "):
        calcium.synthesise("calcium-hrad")
    with pytest.raises(ValueError, match=r"900 cells of 8\.0 px have no room"):
        calcium.synthesise("calcium-demo", cells=900)
