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
from scipy.fft import irfft2, next_fast_len, rfft2
from skimage.feature import corner_peaks, corner_shi_tomasi, match_template
from skimage.measure import ransac
from skimage.transform import SimilarityTransform

from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.formats.serials import serial_of
from darkroom.planetary.geometry import resample
from darkroom.planetary.geometry.camera import Camera, cartesian
from darkroom.planetary.geometry.projection import Mapping

LATTICE = 12  # places along each side of an image, where tiles may be
SIDE = 384  # pixels of the side of a tile
APART = 0.75  # of the side of a tile, between the middles of two
SHOWN = 0.05  # of a tile that two images must show both
AROUND = 16.0  # pixels around by which brightness and contrast are levelled
SHARP = 2.0  # pixels of the smoothing of what is taken for a feature
APART_FEATURES = 5  # pixels between two features
TOLERANCE = 2.0  # pixels by which a match may miss where the others of its tile put it
LEAST, SHARE = 6, 0.5  # matches of two images in a tile that agree, and their part of all
TRIALS = 500
PATCH, REACH = 14, 10  # pixels on each side of a feature that are compared, and by which it may lie elsewhere
ALIKE = 0.5  # correlation of two images of a place


@dataclass(frozen=True)
class View:
    """An image: its name, its cube and its Camera."""

    name: str
    cube: Cube
    camera: Camera

    @property
    def serial(self):
        """What a network calls it: its serial number, or its name where that is not known."""
        return serial_of(self.cube) or self.name


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
        every_track = [track for tracks_of_tile in of_tiles for track in tracks_of_tile]
    return every_track, {pair for tile in chosen for pair in itertools.combinations(tile.views, 2)}


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
        both = shown[pair[0]] & shown[pair[1]]
        common = np.flatnonzero(both)
        if len(common):
            # The first of all is where most views are.
            first = common[shown[:, common].sum(axis=0).argmax()]
            room = most - int(both[middles].sum())
            middles += _spread(metres, common, APART * SIDE * coarsest[common], middles, first, room)
    return [
        Tile(latitude[each], longitude[each], coarsest[each], tuple(np.flatnonzero(shown[:, each]).tolist()))
        for each in middles
    ]


def _spread(metres, common, apart, taken, first, most):
    """Places, at most so many of `common`, each as far as can be from all others and those that are taken, and by more
    than `apart`; `first` where none is taken."""
    chosen = []
    while len(chosen) < most:
        near = [np.linalg.norm(metres[common] - metres[each], axis=1) for each in (*taken, *chosen)]
        away = np.min(near, axis=0) if near else np.where(common == first, np.inf, 0)
        if not (away > apart).any():
            break
        chosen.append(common[np.argmax(np.where(away > apart, away, -1))])
    return chosen


def _lattice(camera):
    """Latitudes, longitudes and metres per pixel of places spread over an image, of those that are on the ground."""
    part = (np.arange(LATTICE) + 0.5) / LATTICE
    sample, line = np.meshgrid(0.5 + part * camera.samples, 0.5 + part * camera.lines)
    ground = camera.ground(sample.ravel(), line.ravel())
    on = np.isfinite(ground.latitude)
    return ground.latitude[on], ground.longitude[on], camera.resolution(ground)[on]


def tracks_in(views, tile, features, search):
    """Places that two views or more show in a tile, as `tracks` gives them.

    Features of each view are looked for in those behind it; what a view in front of it has found already is left out.
    """
    grid = _grid(tile, views[tile.views[0]].camera.isd)
    pictures = {number: levelled(views[number], grid) for number in tile.views}
    taken, measured = {number: np.zeros((0, 2)) for number in tile.views}, []
    for place, number in enumerate(tile.views[:-1]):
        own = marked(pictures[number], features, taken[number])
        seen = {number: own} | {
            other: matched(pictures[number], pictures[other], own, search) for other in tile.views[place + 1 :]
        }
        for other, places in seen.items():
            taken[other] = np.concatenate([taken[other], places[np.isfinite(places[:, 0])]])
        measured += _measures(views, grid, seen)
    return measured


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


def marked(picture, most, taken):
    """Places (n, 2), row and column, of the best marked features of a picture; none near those that are taken."""
    shown = np.isfinite(picture)
    deep = ndimage.distance_transform_edt(np.pad(shown, 1))[1:-1, 1:-1] > PATCH + 1
    if len(taken):
        rows, columns = np.round(taken.T).astype(int)
        free = np.ones(picture.shape, bool)
        free[rows.clip(0, SIDE - 1), columns.clip(0, SIDE - 1)] = False
        deep &= ndimage.distance_transform_edt(free) > APART_FEATURES
    corners = corner_shi_tomasi(np.where(shown, picture, 0), sigma=SHARP)
    return corner_peaks(np.where(deep, corners, 0), min_distance=APART_FEATURES, num_peaks=most, exclude_border=False)


def matched(one, other, places, search):
    """Places (n, 2) in a picture of what another has at places (n, 2); NaN where it is not found, or not where the
    others are: one shift, turn and scale takes all that agree from one to the other."""
    nothing = np.full(places.shape, np.nan)
    if len(places) < LEAST or (shift := common_shift(one, other, search)) is None:
        return nothing
    alike = nothing.copy()
    for number, place in enumerate(places):
        patch, window = _cut(one, place, PATCH), _cut(other, place + shift, PATCH + REACH)
        if patch is not None and window is not None:
            alike[number] = place + shift + most_alike(window, patch)
    there = np.flatnonzero(np.isfinite(alike[:, 0]))
    if len(there) < LEAST:
        return nothing
    model, agree = ransac(
        (places[there].astype(float), alike[there]),
        SimilarityTransform,
        min_samples=2,
        residual_threshold=TOLERANCE,
        max_trials=TRIALS,
        rng=0,
    )
    if model is None or agree is None or agree.sum() < max(LEAST, SHARE * len(there)):
        return nothing
    nothing[there[agree]] = alike[there[agree]]
    return nothing


def common_shift(one, other, search):
    """Whole rows and columns (2,) by which what a picture shows lies elsewhere in another, at most so many; None where
    too little is shown by both.

    By their normalised correlation over what both show (Padfield 2012, IEEE Trans. Image Process. 21, 2706).
    """
    size = [next_fast_len(2 * SIDE, real=True)] * 2
    spectra = []
    for picture in (one, other):
        shown = np.isfinite(picture)
        filled = np.where(shown, picture, 0)
        spectra.append([rfft2(part, size) for part in (filled, filled**2, shown.astype(float))])
    (first, first_square, first_shown), (second, second_square, second_shown) = spectra

    def correlated(spectrum, with_spectrum):
        whole = irfft2(np.conj(spectrum) * with_spectrum, size)
        return np.roll(whole, (search, search), axis=(0, 1))[: 2 * search + 1, : 2 * search + 1]

    pixels = correlated(first_shown, second_shown)
    power = correlated(first_square, second_shown) * correlated(first_shown, second_square)
    alike = correlated(first, second) / np.sqrt(np.maximum(power, 1e-6))
    alike[pixels < SHOWN * SIDE**2] = -1
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    return None if alike[row, column] <= 0 else np.array([row, column]) - search


def _measures(views, grid, seen):
    """Measures (view, sample, line) of places, of those that two views or more show.

    seen -- number of a view -> places (n, 2) in the grid, NaN where it does not show one
    """
    columns = {}
    for number, places in seen.items():
        camera = views[number].camera
        sample, line = camera.image(*grid.ground(places[:, 1] + 1.0, places[:, 0] + 1.0))
        with np.errstate(invalid="ignore"):
            inside = (np.abs(sample - (camera.samples + 1) / 2) <= camera.samples / 2) & (
                np.abs(line - (camera.lines + 1) / 2) <= camera.lines / 2
            )
        columns[number] = [
            (number, float(x), float(y)) if good else None for x, y, good in zip(sample, line, inside, strict=True)
        ]
    rows = ([measure for measure in row if measure] for row in zip(*columns.values(), strict=True))
    return [row for row in rows if len(row) > 1]


def _cut(picture, centre, half):
    """A square of a picture around a pixel, or None where it is not all shown."""
    (row, column), size = centre, 2 * half + 1
    if min(row, column) < half:
        return None
    part = picture[row - half : row + half + 1, column - half : column + half + 1]
    return part if part.shape == (size, size) and np.isfinite(part).all() else None


def most_alike(window, patch):
    """Shift (2,) of a patch from the middle of a window to where it is most alike, to parts of a pixel; NaN where it is
    nowhere, or only at the edge.

    By the parabolas through the highest correlation and its neighbours.
    """
    alike = match_template(window, patch)
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    if alike[row, column] < ALIKE or not (0 < row < len(alike) - 1 and 0 < column < len(alike) - 1):
        return np.full(2, np.nan)
    part = [_top(*alike[row - 1 : row + 2, column]), _top(*alike[row, column - 1 : column + 2])]
    return np.array([row, column]) - REACH + part


def _top(before, middle, behind):
    """Where the parabola through three values has its top, from the middle one."""
    return (before - behind) / (2 * (before - 2 * middle + behind))
