"""Find the cells of a registered movie, and their traces."""

import logging
from pathlib import Path

import numpy as np
import tifffile

from darkroom import entrypoint
from darkroom.calcium import results, store
from darkroom.calcium.readers import isxd

logger = logging.getLogger(__name__)


def calcium_detect_cells(movie: Path, cells: Path, *, method: str = "cnmfe", options: dict, threads: int = 2):
    """Write footprints and traces of the cells of a movie; none is a whole answer.

    movie -- the registered movie
    cells -- HDF5 (see `results`)
    method -- cnmfe; pca_ica; rois: at the places that `rois` gives, a cell set (.isxd) or masks (TIFF, a page a cell)
    options -- what the method asks for, with IDPS's names

    Raises ValueError for options that do not fit the movie, and for masks of another size.
    """
    found = METHODS[method](store.open_movie(movie), options, threads)
    logger.info("%d cells", len(found))
    for note in found.notes:
        logger.info("note: %s", note)
    results.save_cells(cells, found)


def cnmfe(movie, options, threads):
    """Constrained matrix factorisation with a ring background."""
    from darkroom.calcium import cnmfe

    return cnmfe.detect_cells(movie, **options, threads=threads)


def pca_ica(movie, options, threads):
    """Principal, then independent components."""
    from darkroom.calcium import pca_ica

    return pca_ica.detect_cells(movie, **options, threads=threads)


def rois(movie, options, threads):
    """Traces at places that are given."""
    from darkroom.calcium import rois

    options = dict(options)
    return rois.from_masks(movie, masks(options.pop("rois"), movie.shape[1:]), **options, threads=threads)


def masks(path, shape):
    """Masks (cells, rows, columns) of a cell set or of a TIFF. Raises ValueError when their size is not the movie's."""
    if str(path).lower().endswith(".isxd"):
        found = isxd.read_cell_set(path).images
    else:
        found = np.atleast_3d(tifffile.imread(path))
        found = found[None] if found.shape[2] == 1 else found
    if found.shape[1:] != shape:
        size = " x ".join(map(str, found.shape[1:]))
        raise ValueError(f"rois {path}: has masks of {size} pixels, the movie {shape[0]} x {shape[1]} (rows x columns)")
    return found


METHODS = {"cnmfe": cnmfe, "pca_ica": pca_ica, "rois": rois}


if __name__ == "__main__":
    entrypoint.run(calcium_detect_cells, globals().get("snakemake"))
