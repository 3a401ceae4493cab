"""Find the events in the traces of cells."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import events as transients
from darkroom.calcium import results, store


def calcium_detect_events(
    movie: Path,
    cells: Path,
    events: Path,
    *,
    threshold: float = 5,
    tau: float = 0.2,
    event_time_ref: str = "beginning",
    ignore_negative_transients: bool = True,
    spike_snr_threshold: float = 3,
    noise_range: list = (0.25, 0.5),
):
    """Write the events of every cell, and its trace without noise.

    movie, cells -- the registered movie, whose times these are, and what `calcium_detect_cells` made
    events -- HDF5: times (s) and amplitudes of each cell's events; `denoised` and `spikes` (cells, frames) by OASIS
    threshold -- multiples of the median absolute deviation; tau -- seconds that a transient lasts
    event_time_ref -- beginning, maximum or mid_rise of a transient
    spike_snr_threshold, noise_range -- smallest spike in multiples of the noise; band of the noise in cycles per frame
    """
    measured, timing = results.load_cells(cells), store.open_movie(movie).timing
    detected = transients.detect_events(
        measured.traces,
        timing.times,
        threshold=threshold,
        tau=tau,
        event_time_ref=event_time_ref,
        ignore_negative_transients=ignore_negative_transients,
    )
    denoised, spikes = transients.deconvolve(
        measured.traces, timing.rate, spike_snr_threshold=spike_snr_threshold, noise_range=tuple(noise_range)
    )
    results.save_events(events, detected, denoised=denoised, spikes=spikes)


if __name__ == "__main__":
    entrypoint.run(calcium_detect_events, globals().get("snakemake"))
