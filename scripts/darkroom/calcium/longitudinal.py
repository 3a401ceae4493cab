"""The same cells on other days: cell maps are registered by an affine transform, cells matched by their footprints."""

from dataclasses import dataclass, field

import numpy as np
from scipy import fft, ndimage, optimize, sparse, spatial

ANGLES = np.arange(-15, 15.1, 1.5)  # degrees that are tried before cells are paired
ROUNDS = 10  # of pairing and fitting
LEAST = 6  # pairs for an affine transform; fewer give a shift alone


@dataclass(frozen=True, eq=False)
class Matched:
    """Cells of several sessions under common names.

    transforms -- (sessions, 2, 3): y, x on the first session are transform @ (y, x, 1) of a session's pixels
    names -- per session int64 (cells,): the same number for the same cell; numbers have no gap
    correlations -- per session float32 (cells,): correlation with the cell's first appearance; NaN for that itself
    """

    transforms: np.ndarray
    names: list
    correlations: list
    notes: tuple = field(default=())


def match_sessions(footprints, *, min_correlation=0.5):
    """`Matched` of footprints (cells, rows, columns) per session; fields may differ in size.

    Each session is laid on the first one; a cell is matched to the known one whose footprints correlate best, at least
    `min_correlation`, one to one; all others are new cells.
    """
    footprints = [np.maximum(np.nan_to_num(np.asarray(one, np.float32)), 0) for one in footprints]
    shape = footprints[0].shape[1:]
    reference = footprints[0]
    transforms, names, correlations, notes = [], [], [], []
    named = np.zeros((0, shape[0] * shape[1]), np.float32)
    for number, session in enumerate(footprints):
        transform, note = _identity(), None
        if number and len(session) and len(reference):
            transform, note = registered(reference, session)
        if note:
            notes.append(f"session {number + 1}: {note}")
        moved = np.array([on_reference(image, transform, shape).ravel() for image in session], np.float32)
        moved = moved.reshape(-1, shape[0] * shape[1])
        alike = _correlations(moved, named)
        ids, best = np.full(len(session), -1, np.int64), np.full(len(session), np.nan, np.float32)
        for cell, other in zip(*optimize.linear_sum_assignment(-alike), strict=True):
            if alike[cell, other] >= min_correlation:
                ids[cell], best[cell] = other, alike[cell, other]
        new = np.flatnonzero(ids < 0)
        ids[new] = len(named) + np.arange(len(new))
        named = np.concatenate([named, moved[new]])
        transforms.append(transform)
        names.append(ids)
        correlations.append(best)
    return Matched(np.array(transforms), names, correlations, tuple(notes))


def registered(reference, session):
    """The affine transform (2, 3) that lays a session's cells on those of the reference, and a note or None.

    A turn and a shift by correlating the cell maps first; then nearest cells are paired and the transform is fitted
    to their centres, again and again with pairs that fit better.
    """
    shape = np.maximum(reference.shape[1:], session.shape[1:])
    maps = [_map(cells, shape) for cells in (reference, session)]
    middle = (shape - 1) / 2
    best = max((_shifted(maps, angle, middle) for angle in ANGLES), key=lambda one: one[0])
    transform = best[1]
    ours, theirs = (np.array([ndimage.center_of_mass(image) for image in cells]) for cells in (reference, session))
    reach = 2 * np.sqrt(np.median([np.count_nonzero(image > 0.2 * image.max()) for image in session]) / np.pi)
    tree, pairs = spatial.cKDTree(ours), 0
    for turn in range(ROUNDS):
        placed = theirs @ transform[:, :2].T + transform[:, 2]
        distance, nearest = tree.query(placed)
        back = spatial.cKDTree(placed).query(ours)[1]
        good = (distance < reach * (1 if turn < ROUNDS // 2 else 0.5)) & (back[nearest] == np.arange(len(theirs)))
        pairs = int(good.sum())
        if pairs >= LEAST:
            places = np.column_stack([theirs[good], np.ones(pairs)])
            transform = np.linalg.lstsq(places, ours[nearest[good]], rcond=None)[0].T
        elif pairs:
            transform = transform.copy()
            transform[:, 2] += np.median(ours[nearest[good]] - placed[good], 0)
        else:
            break
    note = (
        None
        if pairs >= LEAST
        else f"{pairs} cells pair up, {LEAST} are needed for an affine transform: turn and shift alone"
    )
    return transform, note


def on_reference(image, transform, shape):
    """A picture of a session as it lies on the reference of `shape`."""
    inverse = np.linalg.inv(transform[:, :2])
    return ndimage.affine_transform(image, inverse, -inverse @ transform[:, 2], tuple(shape), order=1)


def _identity():
    return np.eye(2, 3)


def _map(cells, shape):
    """All cells in one picture, each as bright, in a field of that shape."""
    total = np.zeros(shape, np.float32)
    for image in cells:
        total[: image.shape[0], : image.shape[1]] += image / max(image.max(), 1e-12)
    return ndimage.gaussian_filter(total, 1)


def _shifted(maps, angle, middle):
    """Correlation of two maps when the second is turned and shifted as is best, and that transform."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[c, -s], [s, c]])
    transform = np.column_stack([turn, middle - turn @ middle])
    turned = on_reference(maps[1], transform, maps[0].shape)
    size = [fft.next_fast_len(2 * n, real=True) for n in turned.shape]
    product = fft.irfft2(fft.rfft2(maps[0], size) * np.conj(fft.rfft2(turned, size)), size)
    at = np.unravel_index(product.argmax(), product.shape)
    shift = [place - n if place > n // 2 else place for place, n in zip(at, size, strict=True)]
    transform[:, 2] += shift
    return product[at] / max(np.linalg.norm(turned), 1e-12), transform


def _correlations(moved, named):
    """Pearson correlation over the field of every moved footprint with every known one."""
    parts = []
    for images in (moved, named):
        mean = images.mean(1, keepdims=True) if len(images) else images[:, :1]
        deviation = np.sqrt(np.maximum((images**2).mean(1, keepdims=True) - mean**2, 1e-24)) if len(images) else mean
        parts.append((sparse.csr_array(images), mean, deviation))
    (one, one_mean, one_spread), (other, other_mean, other_spread) = parts
    products = (one @ other.T).toarray() / max(1, moved.shape[1])
    return (products - one_mean @ other_mean.T) / (one_spread @ other_spread.T)
