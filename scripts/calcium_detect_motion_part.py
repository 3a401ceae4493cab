"""Find how the field has moved in a share of the frames, which is a job of its own."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import results, store
from darkroom.calcium.motion import measure


def calcium_detect_motion_part(
    corrected: Path, motion: Path, options: dict, part: int, parts: int, *, reference: list = (), threads: int = 2
):
    """Write the shifts of part `part` (from 0) of `parts` equal parts of a movie, for `calcium_detect_motion`.

    corrected -- what `calcium_correct` made; options, reference -- see `motion.measure`
    """
    movie = store.open_movie(corrected)
    results.save_motion(motion, measure(movie, options, reference, int(part), int(parts), threads))


if __name__ == "__main__":
    entrypoint.run(calcium_detect_motion_part, globals().get("snakemake"))
