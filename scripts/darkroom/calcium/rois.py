"""Traces of regions that somebody else has drawn."""

import numpy as np
from scipy import ndimage, sparse

from darkroom.calcium.cells import cells_of, level_of, weighted

GAP, WIDTH = 2, 4  # pixels between a region and what counts as its background, and how far that reaches


def from_masks(movie, masks, *, output_unit_type="df_over_noise", threads=2):
    """The `Cells` of masks (cells, rows, columns): the weighted mean over each, less the mean of a ring around it.

    A ring leaves out the pixels of every mask; a mask without pixels (none above 0, or no numbers) is no cell. The
    movie is read once, by blocks. Raises ValueError for masks of another size than the movie's.
    """
    masks = np.asarray(masks, np.float32)
    if masks.shape[1:] != movie.shape[1:]:
        raise ValueError(f"masks of {masks.shape[1:]} pixels do not fit a movie of {movie.shape[1:]}")
    masks = np.maximum(np.nan_to_num(masks), 0)
    there = masks.any((1, 2))
    empty = ", ".join(map(str, np.flatnonzero(~there)))
    notes = [f"left out, as they have no pixel above 0: masks {empty} of {len(masks)}, from 0"] if empty else []
    masks = masks[there]
    taken = (masks > 0).any(0)
    footprints = sparse.csr_array(masks.reshape(len(masks), taken.size))
    footprints = (
        sparse.csr_array(footprints / footprints.max(axis=1).toarray().reshape(-1, 1)) if len(masks) else footprints
    )
    rings = sparse.csr_array(
        np.array([_ring(mask > 0, taken).ravel() for mask in masks], np.float32).reshape(len(masks), taken.size)
    )
    own = sparse.csr_array(footprints / footprints.sum(axis=1).reshape(-1, 1)) if len(masks) else footprints
    raw = weighted(movie, own - rings, threads)
    # a share of the mean as counts at the peak, as other methods tell them
    strength = footprints.multiply(footprints).sum(axis=1) / np.maximum(footprints.sum(axis=1), 1e-12)
    raw = raw / np.maximum(strength, 1e-12)[:, None] if len(masks) else raw
    raw -= np.median(raw, 1, keepdims=True) if len(masks) else 0
    return cells_of(footprints, movie.shape[1:], raw, level_of(movie), output_unit_type, notes)


def _ring(mask, taken):
    """Equal weights of sum 1 on the free pixels around a mask; none where there are none."""
    near = ndimage.binary_dilation(mask, iterations=GAP)
    ring = ndimage.binary_dilation(near, iterations=WIDTH) & ~near & ~taken
    return ring / max(1, np.count_nonzero(ring))
