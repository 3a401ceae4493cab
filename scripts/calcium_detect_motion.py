"""Find how the field has moved in every frame."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import registration, results, store, tables
from darkroom.calcium.motion import measure


def calcium_detect_motion(
    corrected: Path,
    motion: Path,
    shifts: Path,
    translations: Path,
    crop_rect: Path,
    options: dict,
    *,
    reference: list = (),
    parts: list = (),
    threads: int = 2,
):
    """Write the shift of every frame against a reference, which is the mean of aligned frames unless one is given.

    corrected -- what `calcium_correct` made
    motion -- HDF5: shifts (y, x) in pixels, quality, which were out of reach, the reference, the common rectangle
    shifts -- CSV of the same for people
    translations, crop_rect -- the same as IDPS has them: shifts without a frame's number, and the common rectangle
    options -- see `motion.measure`; reference -- the file of the reference, if there is one
    parts -- what the jobs of `calcium_detect_motion_part` have made, in their order; without any all is done here

    Raises ValueError when an option does not fit the movie, or no pixel is in all frames.
    """
    movie = store.open_movie(corrected)
    measured = [results.load_motion(part) for part in parts] or [measure(movie, options, reference, threads=threads)]
    whole = registration.joined(measured, options["max_translation"])
    common = registration.common_rectangle(whole.shifts, movie.shape[1:])
    results.save_motion(motion, whole, common)
    tables.write_motion(shifts, movie.timing, whole)
    tables.write_rows(translations, ("translationX", "translationY"), whole.shifts[:, ::-1])
    top, left, bottom, right = common
    tables.write_rows(crop_rect, ("x", "y", "width", "height"), [(left, top, right - left + 1, bottom - top + 1)])


if __name__ == "__main__":
    entrypoint.run(calcium_detect_motion, globals().get("snakemake"))
