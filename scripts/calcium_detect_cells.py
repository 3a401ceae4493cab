"""Find the cells of a registered movie, and their traces."""

import logging
from pathlib import Path

from darkroom import entrypoint
from darkroom.calcium import results, store
from darkroom.calcium.readers import isxd, tiff

logger = logging.getLogger(__name__)


def calcium_detect_cells(
    movie: Path,
    cells: Path,
    *,
    method: str = "cnmfe",
    options: dict,
    motion: Path | None = None,
    rois: list = (),
    parts: list = (),
    threads: int = 2,
):
    """Write footprints and traces of the cells of a movie; none is a whole answer.

    movie -- the registered movie
    cells -- HDF5 (see `results`)
    method -- cnmfe; pca_ica; rois
    options -- what the method asks for, with IDPS's names
    motion -- for the first one: what `calcium_detect_motion` made
    rois -- for the last one: a cell set (.isxd), or masks (TIFF, a page for each cell)
    parts -- what the jobs of `calcium_detect_cells_part` have made, in their order; without any all is done here

    Raises ValueError for options that do not fit the movie, and for masks of another size.
    """
    opened = store.open_movie(movie)
    if method == "rois":
        options = options | {"masks": masks(rois[0], opened.shape[1:])}
    if motion:
        options = options | {"shifts": results.load_arrays(motion)[0]["shifts"]}
    if parts:
        detected = gathered(opened, [results.load_shapes(path) for path in parts], options, threads)
    else:
        detected = finder(method)(opened, **options, threads=threads)
    logger.info("%d cells", len(detected))
    for note in detected.notes:
        logger.info("note: %s", note)
    results.save_cells(cells, detected)


def gathered(movie, parts, options, threads):
    """The `Cells` of patches that were jobs of their own: dealt out one by one, so they are taken up again."""
    from darkroom.calcium import cnmfe

    options = dict(options)
    unit, shifts = options.pop("output_unit_type"), options.pop("shifts", None)
    shapes = [None] * sum(map(len, parts))
    for part, of_patches in enumerate(parts):
        shapes[part :: len(parts)] = of_patches
    return cnmfe.traced(movie, shapes, cnmfe.Options(**options), unit, shifts, threads)


def finder(method):
    """The function of a method; only its own module is loaded, with the kernels that it compiles."""
    if method == "rois":
        from darkroom.calcium.rois import from_masks as find
    elif method == "pca_ica":
        from darkroom.calcium.pca_ica import detect_cells as find
    else:
        from darkroom.calcium.cnmfe import detect_cells as find
    return find


def masks(path, shape):
    """Masks (cells, rows, columns) of a cell set or of a TIFF. Raises ValueError when their size is not the movie's."""
    is_set = str(path).lower().endswith(".isxd")
    drawn = isxd.read_cell_set(path).images if is_set else tiff.read_movie(path).read()
    if drawn.shape[1:] != shape:
        size = " x ".join(map(str, drawn.shape[1:]))
        raise ValueError(f"rois {path}: has masks of {size} pixels, the movie {shape[0]} x {shape[1]} (rows x columns)")
    return drawn


if __name__ == "__main__":
    entrypoint.run(calcium_detect_cells, globals().get("snakemake"))
