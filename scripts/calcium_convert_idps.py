"""Take what IDPS has made for the stages that other steps read."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium import events as transients
from darkroom.calcium import projection, results, store, tables
from darkroom.calcium.idps import outcome


def calcium_convert_idps(
    session: Path,
    versions: Path,
    outputs: Path,
    movie: Path,
    motion: Path,
    shifts: Path,
    translations: Path,
    crop_rect: Path,
    projections: Path,
    cells: Path,
    events: Path,
    *,
    temporal_downsample_factor: int = 1,
    spatial_downsample_factor: int = 1,
    cell_diameter: float = 7,
    spike_snr_threshold: float = 3,
    noise_range: list = (0.25, 0.5),
    threads: int = 2,
):
    """Write the files that `calcium_correct_motion` to `calcium_detect_events` write, from those of IDPS.

    session, versions, outputs -- what `calcium_import`, `calcium_install` and `calcium_process` made
    movie, motion, shifts, translations, crop_rect, projections, cells, events -- to write
    spike_snr_threshold, noise_range -- of the traces without noise, which are ours: OASIS

    Local correlation and peak-to-noise, which IDPS has not, are made of its movie. Raises ValueError when the outputs
    do not belong together.
    """
    described, folder, names = files.read_json(session), outputs.parent, files.read_json(outputs)
    made = {"temporal": temporal_downsample_factor, "spatial": spatial_downsample_factor}
    options = {f"{axis}_downsample_factor": factor for axis, factor in made.items()}
    registered = outcome.movie(folder, names, described, options)
    moved, rectangle = outcome.motion(folder, names, registered)
    notes = (*registered.notes, by_whom(files.read_json(versions)), *names["notes"], *moved.notes)
    registered = registered.changed(notes=notes)
    files.require_room(movie.parent, registered.bytes, "the registered movie")
    integers = np.issubdtype(registered.dtype, np.integer)
    with store.writing(movie, registered, True, threads, downsampled=made | {"integers": integers}) as append:
        for _, block in registered.blocks():
            append(block)

    arrays = {name: getattr(moved, name) for name in ("shifts", "quality", "clamped", "reference")}
    results.save_arrays(motion, arrays | {"common": np.array(rectangle)}, notes=moved.notes)
    tables.write_motion(shifts, registered.timing, moved)
    tables.write_rows(translations, ("translationX", "translationY"), moved.shifts[:, ::-1])
    top, left, bottom, right = rectangle
    tables.write_rows(crop_rect, ("x", "y", "width", "height"), [(left, top, right - left + 1, bottom - top + 1)])

    pictures = projection.project(store.open_movie(movie), cell_diameter=cell_diameter, threads=threads)
    pictures |= outcome.projections(folder, names)
    results.save_arrays(projections, pictures)
    detected = outcome.cells(folder, names, registered, pictures["mean"])
    results.save_cells(cells, detected)
    denoised, spikes = transients.deconvolve(
        detected.traces,
        registered.timing.rate,
        spike_snr_threshold=spike_snr_threshold,
        noise_range=tuple(noise_range),
    )
    results.save_events(events, outcome.events(folder, names, registered), denoised=denoised, spikes=spikes)


def by_whom(versions):
    """A note that says what has analysed the recording."""
    installer = versions["installer"]
    isx = versions["versions"]["isx"]
    return f"analysed by IDPS: {installer['name']} (sha256 {installer['sha256'][:12]}), isx {isx}"


if __name__ == "__main__":
    entrypoint.run(calcium_convert_idps, globals().get("snakemake"))
