"""Bring the registered movie to a format that other programs open."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import products, store
from darkroom.calcium.readers import isxd

WRITERS = {".isxd": isxd.write_movie, ".tif": products.write_tiff, ".mp4": products.write_mp4}


def calcium_convert_movie(movie: Path, made: Path):
    """Write the registered movie by the suffix of `made`: .isxd and .tif without loss, .mp4 to look at."""
    WRITERS[made.suffix](made, store.open_movie(movie))


if __name__ == "__main__":
    entrypoint.run(calcium_convert_movie, globals().get("snakemake"))
