"""From the options of a row to the motion of its movie: of all frames, or of a share that is a job of its own."""

import numpy as np

from darkroom.calcium import registration
from darkroom.calcium.readers import series

AUTO = "auto"


def share(movie, part, parts):
    """(first frame, count) of part `part` (from 0) of a movie: whole blocks, so that rounding is the same."""
    step = movie.block(registration.BLOCK_BYTES)
    blocks = -(-len(movie) // step)
    first, last = (min(len(movie), blocks * number // parts * step) for number in (part, part + 1))
    return first, last - first


def measure(movie, options, reference=(), part=0, parts=1, threads=2):
    """The `Motion` of a share of a movie (see `registration.measured`).

    options -- with IDPS's names: max_translation, low_bandpass_cutoff, high_bandpass_cutoff (cycles per pixel, or auto:
        from the cell's diameter), cell_diameter, roi, reference_segment_index, reference_frame_index,
        global_registration_weight
    reference -- the file of the reference, if there is one

    Raises ValueError when an option does not fit the movie.
    """
    low, high = options["low_bandpass_cutoff"], options["high_bandpass_cutoff"]
    return registration.measured(
        movie,
        *share(movie, part, parts),
        max_translation=options["max_translation"],
        low=None if low == AUTO else low or 0,
        high=None if high == AUTO else high or 1,
        cell_diameter=options["cell_diameter"],
        roi=options["roi"],
        reference=image(movie, options["reference_segment_index"], options["reference_frame_index"], *reference),
        global_registration_weight=options["global_registration_weight"],
        threads=threads,
    )


def image(movie, part, frame, file=""):
    """The image that frames are laid on, or None. Raises ValueError when it is not there or of another size."""
    if not file and frame is None:
        return None
    if file:
        other = series.read_movie(file)
        chosen = other.read(_inside(frame or 0, len(other), file), 1)[0]
        if chosen.shape != movie.shape[1:]:
            raise ValueError(
                f"reference_file_name {file}: is {chosen.shape[0]} x {chosen.shape[1]} pixels, the corrected movie "
                f"{movie.shape[1]} x {movie.shape[2]} (rows x columns)"
            )
        return _with_contrast(chosen, f"reference_file_name {file}")
    name, first, count = movie.parts[_inside(part, len(movie.parts), "the series", "reference_segment_index")]
    chosen = movie.read(first + _inside(frame, count, name), 1)[0]
    return _with_contrast(chosen, f"reference_frame_index {frame} of {name}")


def _with_contrast(image, name):
    """An image as float32. Raises ValueError where it shows nothing that frames could be laid on."""
    values = image[np.isfinite(image)]
    if not values.size or values.min() == values.max():
        raise ValueError(f"{name}: shows nothing: its pixels are all alike, or no numbers (NaN)")
    return image.astype(np.float32)


def _inside(number, count, where, option="reference_frame_index"):
    if not 0 <= number < count:
        raise ValueError(f"{option} {number}: {where} has 0 to {count - 1}")
    return number
