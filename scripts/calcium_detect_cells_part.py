"""Find the shapes of cells in some patches of a field, which are a job of their own."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import cnmfe, results, store


def calcium_detect_cells_part(movie: Path, shapes: Path, options: dict, part: int, parts: int, *, threads: int = 2):
    """Write what is in every `parts`-th patch, from patch `part` on, for `calcium_detect_cells` (method cnmfe).

    movie -- the registered movie; options -- of cnmfe, with IDPS's names
    """
    opened = store.open_movie(movie)
    asked = cnmfe.Options(**{name: value for name, value in options.items() if name != "output_unit_type"})
    own = cnmfe.patches(opened.shape[1:], asked)[int(part) :: int(parts)]
    results.save_shapes(shapes, cnmfe.shapes_in(opened, own, asked, threads))


if __name__ == "__main__":
    entrypoint.run(calcium_detect_cells_part, globals().get("snakemake"))
