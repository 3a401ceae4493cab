"""Find how the field has moved in every frame."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint
from darkroom.calcium import registration, results, store, tables
from darkroom.calcium.readers import series

AUTO = "auto"


def calcium_detect_motion(
    corrected: Path,
    motion: Path,
    shifts: Path,
    translations: Path,
    crop_rect: Path,
    *,
    max_translation: float = 20,
    low_bandpass_cutoff: float | str | None = AUTO,
    high_bandpass_cutoff: float | str | None = AUTO,
    cell_diameter: float = 7,
    roi: list | None = None,
    reference_segment_index: int = 0,
    reference_frame_index: int | None = None,
    reference: list = (),
    global_registration_weight: float = 1.0,
    threads: int = 2,
):
    """Write the shift of every frame against a reference, which is the mean of aligned frames unless one is given.

    corrected -- what `calcium_correct` made
    motion -- HDF5: shifts (y, x) in pixels, quality, which were out of reach, the reference, the common rectangle
    shifts -- CSV of the same for people
    translations, crop_rect -- the same as IDPS has them: shifts without a frame's number, and the common rectangle
    low_bandpass_cutoff, high_bandpass_cutoff -- cycles per pixel; auto is made from the cell's diameter
    roi -- top, left, bottom, right of the part that is compared, ends included
    reference_segment_index, reference_frame_index -- a frame of a part of the series; with `reference` of that file

    Raises ValueError when an option does not fit the movie, or no pixel is in all frames.
    """
    movie = store.open_movie(corrected)
    image = _reference(movie, reference_segment_index, reference_frame_index, *reference)
    found = registration.detect_motion(
        movie,
        max_translation=max_translation,
        low=None if low_bandpass_cutoff == AUTO else low_bandpass_cutoff or 0,
        high=None if high_bandpass_cutoff == AUTO else high_bandpass_cutoff or 1,
        cell_diameter=cell_diameter,
        roi=roi,
        reference=image,
        global_registration_weight=global_registration_weight,
        threads=threads,
    )
    arrays = {name: getattr(found, name) for name in ("shifts", "quality", "clamped", "reference")}
    common = registration.common_rectangle(found.shifts, movie.shape[1:])
    results.save_arrays(motion, arrays | {"common": np.array(common)}, notes=found.notes)
    tables.write_motion(shifts, movie.timing, found)
    tables.write_rows(translations, ("translationX", "translationY"), found.shifts[:, ::-1])
    top, left, bottom, right = common
    rectangle = (left, top, right - left + 1, bottom - top + 1)
    tables.write_rows(crop_rect, ("x", "y", "width", "height"), [rectangle])


def _reference(movie, part, frame, file=""):
    """The image that the frames are laid on, or None. Raises ValueError when it is not there or of another size."""
    if not file and frame is None:
        return None
    if file:
        other = series.read_movie(file)
        image = other.read(_inside(frame or 0, len(other), file), 1)[0]
        if image.shape != movie.shape[1:]:
            raise ValueError(
                f"reference_file_name {file}: is {image.shape[0]} x {image.shape[1]} pixels, the corrected movie "
                f"{movie.shape[1]} x {movie.shape[2]} (rows x columns)"
            )
        return image.astype(np.float32)
    name, first, count = movie.parts[_inside(part, len(movie.parts), "the series", "reference_segment_index")]
    return movie.read(first + _inside(frame, count, name), 1)[0].astype(np.float32)


def _inside(number, count, where, option="reference_frame_index"):
    if not 0 <= number < count:
        raise ValueError(f"{option} {number}: {where} has 0 to {count - 1}")
    return number


if __name__ == "__main__":
    entrypoint.run(calcium_detect_motion, globals().get("snakemake"))
