"""Cut, mend and shrink a recording before its motion is looked at."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.calcium import preprocess, store
from darkroom.calcium import session as sessions
from darkroom.calcium.readers import series


def calcium_correct(
    session: Path,
    corrected: Path,
    *,
    temporal_downsample_factor: int = 1,
    spatial_downsample_factor: int = 1,
    crop_rect: list | None = None,
    crop_rect_format: str = "tlbr",
    fix_defective_pixels: bool = True,
    trim_early_frames: bool = True,
    efocus: int | None = None,
    color: str = "",
    threads: int = 2,
):
    """Write the frames of one plane, without dim ones at the start, cropped, without hot pixels, as means of pixels.

    session -- what `calcium_import` has found
    corrected -- HDF5 (see `store`): integers where nothing was averaged, else float32
    crop_rect -- tlbr: top, left, bottom, right, ends included; tlwh: x, y, width, height (pixels of the recording)
    efocus, color -- of recordings whose planes or colours alternate: the one that is analysed

    Raises ValueError naming the option that does not fit the recording, and the first frame with lost pixels.
    """
    described = files.read_json(session)
    with sessions.named(described):
        movie = sessions.movie(described)
        if efocus is not None or color:
            colour = {"": None, "green": 0, "red": 1}[color]
            movie = series.plane(movie, sessions.paths(described), efocus, colour)
        movie = preprocess.cropped(movie, crop_rect, crop_rect_format)
        if trim_early_frames:
            movie = preprocess.without_first(movie, preprocess.early(movie))
        if fix_defective_pixels:
            movie = preprocess.mended(movie, preprocess.defective(movie))
        movie = preprocess.smaller(movie, spatial_downsample_factor, temporal_downsample_factor)
    if movie.dtype.kind == "f":
        movie = movie.changed(dtype="float32")
    files.require_room(corrected.parent, movie.bytes, "the corrected movie")
    made = {
        "spatial": spatial_downsample_factor,
        "temporal": temporal_downsample_factor,
        "integers": integers(described),
    }
    with store.writing(corrected, movie, downsampled=made) as append, sessions.named(described):
        for block in movie.mapped(preprocess.finite, threads):
            append(block)


def integers(session):
    """Whether the values of a recording are counts."""
    return session["dtype"].startswith(("uint", "int"))


if __name__ == "__main__":
    entrypoint.run(calcium_correct, globals().get("snakemake"))
