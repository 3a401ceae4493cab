"""Move every frame onto the reference: the registered movie."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium import preprocess, registration, results, store

STEPS = 16  # of a count: finer is noise, which does not shrink


def calcium_correct_motion(
    corrected: Path, motion: Path, movie: Path, *, preserve_input_dimensions: bool = False, threads: int = 2
):
    """Write the registered movie, of the part of the field that is in every frame.

    corrected, motion -- what `calcium_correct` and `calcium_detect_motion` made
    movie -- HDF5 (see `store`), float32; of a recording of counts its values are in steps of 1/16
    preserve_input_dimensions -- keep the size of the field; what a frame does not show has the frame's mean

    """
    source = store.open_movie(corrected)
    arrays, said = results.load_arrays(motion)
    shifts, (top, left, bottom, right) = arrays["shifts"], arrays["common"].tolist()
    made = store.said(corrected)["downsampled"]
    rows, columns = source.shape[1:]
    notes = [*source.notes, *said["notes"], f"motion of up to {np.abs(shifts).max():.1f} pixels was corrected"]
    if made["integers"]:
        notes.append("values are in steps of 1/16 count")
    if preserve_input_dimensions:
        notes.append("what a frame does not show has the mean of the frame")
        field = source
    else:
        field = preprocess.cropped(source, [top, left, bottom, right])
        if field.shape != source.shape:
            notes.append(f"rows {top} to {bottom}, columns {left} to {right} of {rows} x {columns} are in every frame")

    def moved(first, block):
        frames = registration.corrected(block, shifts[first : first + len(block)])
        if preserve_input_dimensions:
            means = np.nanmean(frames, axis=(1, 2), keepdims=True)
            frames = np.where(np.isfinite(frames), frames, means)
        else:
            frames = frames[:, top : bottom + 1, left : right + 1]
        return np.rint(frames * STEPS) / np.float32(STEPS) if made["integers"] else frames

    registered = field.changed(dtype=np.dtype(np.float32), notes=tuple(notes))
    files.require_room(movie.parent, registered.bytes, "the registered movie")
    with store.writing(movie, registered, compressed=True, threads=threads, downsampled=made) as append:
        for block in source.mapped(moved, threads):
            append(block)


if __name__ == "__main__":
    entrypoint.run(calcium_correct_motion, globals().get("snakemake"))
