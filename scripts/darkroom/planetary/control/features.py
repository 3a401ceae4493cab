"""Places that several images show, found by their features.

Wherever images overlap, each is laid on one grid of the ground by the camera that it has. There they differ by what
their pointing is off and by little else, so that a feature of one is looked for close by in the others.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from skimage.feature import SIFT, match_template, structure_tensor, structure_tensor_eigenvalues
from skimage.measure import ransac
from skimage.transform import SimilarityTransform

from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry import resample
from darkroom.planetary.geometry.camera import Camera, cartesian
from darkroom.planetary.geometry.projection import Mapping

LATTICE = 12  # places along each side of an image, where tiles may be
SIDE = 384  # pixels of the side of a tile
APART = 0.75  # of the side of a tile, between the middles of two
AROUND = 16.0  # pixels around by which brightness and contrast are levelled
BORDER = 8  # pixels from what an image does not show, within which no feature is taken
RATIO = 0.8  # of the distances of the best and the second best match (Lowe 2004, IJCV 60, 91)
TOLERANCE = 3.0  # pixels by which a match may miss where the others of its tile put it
LEAST = 6  # matches of two images in a tile that agree
TRIALS = 500
PATCH, REACH = 10, 3  # pixels on each side of a feature that are compared, and by which it may lie elsewhere
ALIKE = 0.6  # correlation of two images of a place


@dataclass(frozen=True)
class View:
    """An image: its name, its cube and its Camera."""

    name: str
    cube: Cube
    camera: Camera


@dataclass(frozen=True)
class Tile:
    """A piece of ground: its middle in degrees, metres per pixel of its grid, numbers of the views that show it."""

    latitude: float
    longitude: float
    resolution: float
    views: tuple


def tracks(views, features, search, tiles, threads=1):
    """Places that two views or more show: lists of measures (view, sample, line), and all pairs of views that overlap.

    features -- of a view in a tile, at most; search -- pixels by which they may be off; tiles -- of a pair of views
    """
    chosen = chosen_tiles(views, tiles)
    with ThreadPoolExecutor(threads) as pool:
        of_tiles = pool.map(partial(tracks_in, views, features=features, search=search), chosen)
        found = [track for tracks_of_tile in of_tiles for track in tracks_of_tile]
    return found, {pair for tile in chosen for pair in itertools.combinations(tile.views, 2)}


def chosen_tiles(views, most):
    """Tiles spread over what every pair of views has in common, at most so many of each."""
    places = [_lattice(view.camera) for view in views]
    latitude, longitude, resolution = (np.concatenate(values) for values in zip(*places, strict=True))
    shown, finest = [], []
    for view in views:
        sample, line = view.camera.image(latitude, longitude)
        with np.errstate(invalid="ignore"):
            inside = (sample >= 1) & (sample <= view.camera.samples) & (line >= 1) & (line <= view.camera.lines)
        shown.append(inside)
        finest.append(np.median(resolution[inside]) if inside.any() else 0.0)
    shown = np.array(shown)
    # Of views of different resolution the coarser one makes the grid.
    coarsest = np.max(np.where(shown, np.array(finest)[:, None], 0), axis=0)
    metres = 1000 * cartesian(latitude, longitude, views[0].camera.isd.radii)
    middles = []
    for pair in itertools.combinations(range(len(views)), 2):
        common = np.flatnonzero(shown[pair[0]] & shown[pair[1]])
        if not len(common):
            continue
        apart = APART * SIDE * np.maximum(coarsest[common], 1e-9)
        away = np.min([np.linalg.norm(metres[common] - metres[each], axis=1) for each in middles] or [[np.inf]], axis=0)
        away = np.broadcast_to(away, len(common)).copy()
        has = sum(shown[pair[0], each] and shown[pair[1], each] for each in middles)
        while has < most and (away > apart).any():
            # The first is where most views are; the others are far from all that there are.
            ranks = away if np.isfinite(away).all() else shown[:, common].sum(axis=0)
            best = common[np.argmax(np.where(away > apart, ranks, -1))]
            middles.append(best)
            away = np.minimum(away, np.linalg.norm(metres[common] - metres[best], axis=1))
            has += 1
    return [
        Tile(latitude[each], longitude[each], coarsest[each], tuple(np.flatnonzero(shown[:, each]).tolist()))
        for each in middles
    ]


def _lattice(camera):
    """Latitudes, longitudes and metres per pixel of places spread over an image, of those that are on the ground."""
    part = (np.arange(LATTICE) + 0.5) / LATTICE
    sample, line = np.meshgrid(0.5 + part * camera.samples, 0.5 + part * camera.lines)
    ground = camera.ground(sample.ravel(), line.ravel())
    on = np.isfinite(ground.latitude)
    return ground.latitude[on], ground.longitude[on], camera.resolution(ground)[on]


def tracks_in(views, tile, features, search):
    """Places that two views or more show in a tile, as `tracks` gives them."""
    grid = _grid(tile, views[tile.views[0]].camera.isd)
    pictures = {number: levelled(views[number], grid) for number in tile.views}
    of_views = {number: _features(picture, features) for number, picture in pictures.items()}
    first = dict(zip(of_views, np.cumsum([0, *(len(places) for places, _ in of_views.values())]), strict=False))
    pairs = [np.zeros((0, 2), int)]
    for one, other in itertools.combinations(tile.views, 2):
        pairs.append(_agreeing(of_views[one], of_views[other], search) + (first[one], first[other]))
    owner = np.repeat([*of_views], [len(places) for places, _ in of_views.values()])
    place = np.concatenate([places for places, _ in of_views.values()])
    return [
        track
        for members in _connected(np.concatenate(pairs), owner)
        if len(track := _measures(views, grid, pictures, owner[members], place[members])) > 1
    ]


def _grid(tile, isd):
    """The map of a tile, seen from above its middle."""
    radius, half = float(isd.radii[0]) * 1000, tile.resolution * SIDE / 2
    return Mapping(
        "Orthographic",
        isd.target,
        radius,
        radius,
        "Planetocentric",
        "PositiveEast",
        360,
        float(tile.longitude),
        float(tile.latitude),
        (-90.0, 90.0, 0.0, 360.0),
        float(tile.resolution),
        left=-half,
        top=half,
        lines=SIDE,
        samples=SIDE,
    )


def levelled(view, grid):
    """What a view shows of a grid, of the same brightness and contrast everywhere: about -3 to 3, NaN for nothing."""
    blocks = resample.project(view.cube.read, view.camera, grid, "bilinear")
    parts = [np.where(codes[0] == 0, values[0], np.nan) for values, codes in blocks]
    picture = np.concatenate(parts).astype(float)
    shown = np.isfinite(picture)
    if not shown.any():
        return picture
    filled = np.where(shown, picture - np.median(picture[shown]), 0)
    share = np.maximum(ndimage.gaussian_filter(shown.astype(float), AROUND), 1e-6)
    mean = ndimage.gaussian_filter(filled, AROUND) / share
    spread = ndimage.gaussian_filter(np.where(shown, (filled - mean) ** 2, 0), AROUND) / share
    least = 1e-3 * np.sqrt(np.mean(spread[shown]))  # what is flat stays so
    return np.where(shown, (filled - mean) / np.maximum(np.sqrt(spread), max(least, 1e-12)), np.nan)


def _features(picture, most):
    """Places (n, 2) of features, row and column, the best marked ones first, and their descriptors (n, 128)."""
    shown = np.isfinite(picture)
    clean = np.clip(np.where(shown, picture, 0), -3, 3)
    sift = SIFT(upsampling=1)
    try:
        sift.detect_and_extract((clean + 3) / 6)
    except RuntimeError:  # which is how it says that there are none
        return np.zeros((0, 2)), np.zeros((0, 128))
    rows, columns = np.round(sift.positions.T).astype(int).clip(0, SIDE - 1)
    inside = np.pad(shown, 1)
    deep = ndimage.distance_transform_edt(inside)[1:-1, 1:-1] > BORDER
    corners = structure_tensor_eigenvalues(structure_tensor(clean, sigma=2))[1]
    good = np.flatnonzero(deep[rows, columns])
    best = good[np.argsort(-corners[rows, columns][good], kind="stable")][:most]
    return sift.positions[best], sift.descriptors[best].astype(float)


def _agreeing(one, other, search):
    """Pairs (n, 2) of features of two views in a tile that are best for each other, and that one shift, turn and scale
    takes to each other; none where too few agree."""
    nothing = np.zeros((0, 2), int)
    if min(len(one[0]), len(other[0])) < LEAST:
        return nothing
    far = cdist(one[0], other[0]) > search
    unlike = np.where(far, np.inf, cdist(one[1], other[1]))
    best, back = unlike.argmin(axis=1), unlike.argmin(axis=0)
    smallest = np.sort(unlike, axis=1)[:, :2]
    with np.errstate(invalid="ignore"):
        clear = np.isfinite(smallest[:, 0]) & ~(smallest[:, 0] > RATIO * smallest[:, 1])
    chosen = np.flatnonzero(clear & (back[best] == np.arange(len(best))))
    if len(chosen) < LEAST:
        return nothing
    places = one[0][chosen], other[0][best[chosen]]
    model, agree = ransac(
        places, SimilarityTransform, min_samples=2, residual_threshold=TOLERANCE, max_trials=TRIALS, rng=0
    )
    if model is None or agree is None or agree.sum() < LEAST:
        return nothing
    return np.column_stack([chosen, best[chosen]])[agree]


def _connected(pairs, owner):
    """Yield the features that are one place: those that pairs tie together, where no view has two of them."""
    size = len(owner)
    ties = coo_array((np.ones(len(pairs)), pairs.T), shape=(size, size))
    _, group = connected_components(ties, directed=False)
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(members) > 1 and len({*owner[members]}) == len(members):
            yield members


def _measures(views, grid, pictures, owners, places):
    """Measures (view, sample, line) of one place: where the first view shows it, and where the others are most alike."""
    first, centre = owners[0], np.round(places[0]).astype(int)
    patch = _cut(pictures[first], centre, PATCH)
    if patch is None:
        return []
    seen = [(first, places[0])]
    for owner, place in zip(owners[1:], places[1:], strict=True):
        around = np.round(place).astype(int)
        window = _cut(pictures[owner], around, PATCH + REACH)
        shift = None if window is None else most_alike(window, patch)
        if shift is not None:
            seen.append((owner, around + shift + (places[0] - centre)))
    measures = []
    for owner, (row, column) in seen:
        camera = views[owner].camera
        sample, line = (float(value) for value in camera.image(*grid.ground(column + 1, row + 1)))
        if 0.5 <= sample <= camera.samples + 0.5 and 0.5 <= line <= camera.lines + 0.5:
            measures.append((int(owner), sample, line))
    return measures


def _cut(picture, centre, half):
    """A square of a picture around a pixel, or None where it is not all shown."""
    (row, column), size = centre, 2 * half + 1
    if min(row, column) < half:
        return None
    part = picture[row - half : row + half + 1, column - half : column + half + 1]
    return part if part.shape == (size, size) and np.isfinite(part).all() else None


def most_alike(window, patch):
    """Shift (2,) of a patch from the middle of a window to where it is most alike, to parts of a pixel; None where it is
    nowhere, or only at the edge.

    By the parabolas through the highest correlation and its neighbours.
    """
    alike = match_template(window, patch)
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    if alike[row, column] < ALIKE or not (0 < row < len(alike) - 1 and 0 < column < len(alike) - 1):
        return None
    part = [_top(*alike[row - 1 : row + 2, column]), _top(*alike[row, column - 1 : column + 2])]
    return np.array([row, column]) - REACH + part


def _top(before, middle, behind):
    """Where the parabola through three values has its top, from the middle one."""
    return (before - behind) / (2 * (before - 2 * middle + behind))
