"""Draw a movie together into single pictures."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import projection, results, store


def calcium_project(movie: Path, projections: Path, *, cell_diameter: float = 7, threads: int = 2):
    """Write mean, max, min, standard deviation, local correlation and peak-to-noise of the registered movie.

    movie -- what `calcium_correct_motion` made
    projections -- HDF5: float32 pictures (rows, columns) by name
    cell_diameter -- pixels; the last two look at things of that size
    """
    opened = store.open_movie(movie)
    results.save_arrays(projections, projection.project(opened, cell_diameter=cell_diameter, threads=threads))


if __name__ == "__main__":
    entrypoint.run(calcium_project, globals().get("snakemake"))
