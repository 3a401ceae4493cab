"""Optical distortion: places on a detector from those in the focal plane of an ideal camera, and back.

Names of the models are those of the entry `optical_distortion` of ISDs. Formulas: ISIS's CameraDistortionMap, and of
one camera each DawnFcDistortionMap, KaguyaTcCameraDistortionMap, LoHighDistortionMap, LroNarrowAngleDistortionMap,
MocWideAngleDistortionMap, NewHorizonsLorriDistortionMap, NewHorizonsMvic{Tdi,Frame}CameraDistortionMap,
TaylorCameraDistortionMap, ThemisIrDistortionMap; USGSCSM's Distortion.

Coordinates are arrays (..., 2) in mm; coefficients are one flat array for each model.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PRECISION = 1e-9  # mm in the focal plane
MOST = 30  # iterations
SINGULAR = 1e-6  # determinant
# Legendre's terms, degrees of both polynomials in the order of the coefficients.
LEGENDRE = tuple((across, degree - across) for degree in range(1, 6) for across in range(degree + 1))


def undistorted(plane, kind, coefficients, focal_length):
    """Coordinates of an ideal camera, from those on the detector; NaN where there are none."""
    return MODELS[kind].undistorted(plane, coefficients, focal_length)


def distorted(plane, kind, coefficients, focal_length):
    """Coordinates on the detector, from those of an ideal camera; NaN where there are none, as far outside an image."""
    return MODELS[kind].distorted(plane, coefficients, focal_length)


def coefficients(entry, keywords=None, half=(0.0, 0.0)):
    """The model and coefficients of an entry `optical_distortion`.

    keywords -- function from the name of an instrument keyword to its numbers or None, where the entry has not all
    half -- of the width and height of the image in mm, for models that are scaled by them; 0 for that of a line

    Raises ValueError for a model that is not known, or without a coefficient.
    """
    kind = next((kind for kind in entry if kind in MODELS), None)
    if kind is None:
        raise ValueError(f"optical_distortion {', '.join(entry)} is not supported; supported are {', '.join(MODELS)}")
    model = MODELS[kind]
    try:
        flat = np.array(model.read(entry[kind], keywords or (lambda name: None), half), float).ravel()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"optical_distortion.{kind} is of another form than ALE writes it ({error})") from error
    if model.size not in (None, len(flat)):
        raise ValueError(f"optical_distortion.{kind}: right are {model.size} numbers, not {len(flat)}")
    return kind, flat


@dataclass(frozen=True)
class Model:
    """A model of distortion; either of its functions may be the inverse of the other, by iteration.

    read -- from its entry in an ISD, keywords and half the size of the image to its coefficients
    size -- how many these are; None for any number
    """

    read: Callable
    undistorted: Callable
    distorted: Callable
    size: int | None = None


def _plain(content, keywords, half):
    return content["coefficients"]


def _columns(x, y):
    return np.stack([x, y], axis=-1)


def _solved(function, plane):
    """Where a function that moves places but little has these values; NaN where the iteration does not end."""
    place, error = plane, np.full(plane.shape, np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(MOST):
            error = plane - function(place)
            place = place + error
            if not np.any(np.abs(error) > PRECISION):
                break
    return np.where((np.abs(error) <= PRECISION).all(axis=-1, keepdims=True), place, np.nan)


def _power(square, coefficients):
    """A polynomial of a squared radius."""
    return np.polynomial.polynomial.polyval(square, coefficients)


def _radial(plane, coefficients, focal_length):
    """Radial: r (1 - k0 - k1 r^2 - k2 r^4)."""
    return plane * (1 - _power(np.sum(plane**2, axis=-1, keepdims=True), coefficients))


def _radial_distorted(plane, coefficients, focal_length):
    length = np.linalg.norm(plane, axis=-1, keepdims=True)
    radius, shift = length, np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(MOST):
            previous, radius = radius, length + radius * _power(radius**2, coefficients)
            shift = np.abs(radius - previous)
            if not np.any(shift > PRECISION):
                break
        return np.where(shift <= PRECISION, plane / (1 - _power(radius**2, coefficients)), np.nan)


def _transverse_read(content, keywords, half):
    return [np.pad(np.array(content[axis], float), (0, 10 - len(content[axis]))) for axis in "xy"]


def _transverse_distorted(plane, coefficients, focal_length):
    """Two cubic polynomials of both coordinates, from ideal ones."""
    return _terms(plane) @ coefficients.reshape(2, 10).T


def _transverse(plane, coefficients, focal_length):
    """By Newton's method; polynomials that have no inverse change nothing, as in USGSCSM."""
    coefficients, ideal = coefficients.reshape(2, 10), plane
    for _ in range(MOST):
        x, y = ideal[..., 0], ideal[..., 1]
        zero, one = np.zeros_like(x), np.ones_like(x)
        by_x = np.stack([zero, one, zero, 2 * x, y, zero, 3 * x * x, 2 * x * y, y * y, zero], axis=-1) @ coefficients.T
        by_y = np.stack([zero, zero, one, zero, x, 2 * y, zero, x * x, 2 * x * y, 3 * y * y], axis=-1) @ coefficients.T
        error = plane - _terms(ideal) @ coefficients.T
        determinant = by_x[..., 0] * by_y[..., 1] - by_y[..., 0] * by_x[..., 1]
        step = _columns(
            by_y[..., 1] * error[..., 0] - by_y[..., 0] * error[..., 1],
            by_x[..., 0] * error[..., 1] - by_x[..., 1] * error[..., 0],
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.where(np.abs(determinant[..., None]) > SINGULAR, step / determinant[..., None], 0)
        ideal = ideal + step
        if not np.any(np.abs(step) > PRECISION):
            break
    return ideal


def _terms(plane):
    """The ten terms (..., 10) of a cubic polynomial of two variables, in ISIS's order."""
    x, y = plane[..., 0], plane[..., 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], axis=-1)


def _kaguya_read(content, keywords, half):
    cubics = [np.pad(np.array(content[axis], float), (0, 4 - len(content[axis]))) for axis in "xy"]
    return [content["boresight_x"], *cubics[0], content["boresight_y"], *cubics[1]]


def _kaguya(plane, coefficients, focal_length):
    """A cubic polynomial of the radius is added to each coordinate."""
    shift, cubic = coefficients.reshape(2, 5)[:, 0], coefficients.reshape(2, 5)[:, 1:]
    radius = np.linalg.norm(plane, axis=-1)
    return plane + shift + np.stack([_power(radius, cubic[axis]) for axis in (0, 1)], axis=-1)


def _kaguya_distorted(plane, coefficients, focal_length):
    return _solved(lambda place: _kaguya(place, coefficients, focal_length), plane)


def _lroc_nac(plane, coefficients, focal_length):
    """Along the line of detectors, which is y, alone."""
    y = plane[..., 1]
    return _columns(plane[..., 0], y / (1 + coefficients[0] * y * y))


def _lroc_nac_distorted(plane, coefficients, focal_length):
    """The smaller root of k u d^2 - d + u = 0; there is none far outside the image."""
    y = plane[..., 1]
    with np.errstate(invalid="ignore"):
        return _columns(plane[..., 0], 2 * y / (1 + np.sqrt(1 - 4 * coefficients[0] * y * y)))


def _dawn_distorted(plane, coefficients, focal_length):
    """Radial, but from ideal coordinates: r (1 + k r^2)."""
    return plane * (1 + coefficients[0] * np.sum(plane**2, axis=-1, keepdims=True))


def _dawn(plane, coefficients, focal_length):
    return _solved(lambda place: _dawn_distorted(place, coefficients, focal_length), plane)


def _shadowcam(plane, coefficients, focal_length):
    """Along the line of detectors, which is y, alone."""
    y = plane[..., 1]
    return _columns(plane[..., 0], y * (1 + coefficients[0] * y * y))


def _shadowcam_distorted(plane, coefficients, focal_length):
    return _solved(lambda place: _shadowcam(place, coefficients, focal_length), plane)


def _themis_read(content, keywords, half):
    return [content["p_alpha1"], content["p_alpha2"], content["p_k"]]


def _themis(plane, coefficients, focal_length):
    first, second, scale = coefficients
    y = plane[..., 1]
    with np.errstate(invalid="ignore"):
        root = np.sqrt((1 + first) ** 2 + 4 * second * y)
    return _columns(plane[..., 0] / scale, 2 * y / (1 + first + root))


def _themis_distorted(plane, coefficients, focal_length):
    """A scale across the track, a quadratic polynomial along it."""
    first, second, scale = coefficients
    y = plane[..., 1]
    return _columns(plane[..., 0] * scale, y + first * y + second * y * y)


def _cahvor(plane, coefficients, focal_length):
    """Radial around the optical axis, which is not that of the detector."""
    axis = coefficients[3:5]
    return _radial(plane - axis, coefficients[:3], focal_length) + axis


def _cahvor_distorted(plane, coefficients, focal_length):
    axis = coefficients[3:5]
    return _radial_distorted(plane - axis, coefficients[:3], focal_length) + axis


def _radtan_distorted(plane, coefficients, focal_length):
    """Radial and tangential (k1, k2, p1, p2, k3), as OpenCV's projectPoints has them, of angles' tangents."""
    first, second, third, fourth, fifth = coefficients
    x, y = plane[..., 0] / focal_length, plane[..., 1] / focal_length
    square = x * x + y * y
    radial = 1 + square * (first + square * (second + square * fifth))
    across = x * radial + 2 * third * x * y + fourth * (square + 2 * x * x)
    down = y * radial + third * (square + 2 * y * y) + 2 * fourth * x * y
    return _columns(across, down) * focal_length


def _radtan(plane, coefficients, focal_length):
    return _solved(lambda place: _radtan_distorted(place, coefficients, focal_length), plane)


def _lorri(plane, coefficients, focal_length):
    """Radial, and by the tilt of the detector (Owen and O'Connell): d (1 - e2 r^2 - e5 y - e6 x)."""
    cubic, down, across = coefficients
    x, y = plane[..., :1], plane[..., 1:]
    return plane * (1 - cubic * (x * x + y * y) - down * y - across * x)


def _lorri_distorted(plane, coefficients, focal_length):
    return _solved(lambda place: _lorri(place, coefficients, focal_length), plane)


def _angular_read(content, keywords, half):
    return [content["scale"], *content["coefficients"]]


def _angular(plane, coefficients, focal_length):
    """The angle off the axis is an odd polynomial of that on the detector, whose lines are scaled (MGS MOC)."""
    plane = plane / [1, coefficients[0]]
    length = np.linalg.norm(plane, axis=-1, keepdims=True)
    angle = np.arctan(length / focal_length)
    bent = focal_length * np.tan(angle * _power(angle**2, coefficients[1:]))
    return plane * np.divide(bent, length, out=np.ones_like(length), where=length > 0)


def _angular_distorted(plane, coefficients, focal_length):
    """By Newton's method on the angle."""
    length = np.linalg.norm(plane, axis=-1, keepdims=True)
    bent, terms = np.arctan(length / focal_length), coefficients[1:]
    angle, slopes = bent, terms * (2 * np.arange(len(terms)) + 1)
    for _ in range(MOST):
        step = (bent - angle * _power(angle**2, terms)) / _power(angle**2, slopes)
        angle = angle + step
        if not np.any(np.abs(step) * focal_length > PRECISION):
            break
    place = focal_length * np.tan(angle)
    return plane * np.divide(place, length, out=np.ones_like(length), where=length > 0) * [1, coefficients[0]]


def _lunar_orbiter_read(content, keywords, half):
    """The coefficients of the radius are in the keywords alone."""
    radial = keywords("OD_K")
    if radial is None:
        raise ValueError("no INS keyword OD_K")
    centre = content["center_point_x"], content["center_point_y"]
    return [content["perspective_x"], content["perspective_y"], *centre, *radial[:2]]


def _lunar_orbiter(plane, coefficients, focal_length):
    """Perspective of the film that was scanned, then radial around a point of symmetry."""
    plane = plane * (1 + (plane @ coefficients[:2])[..., None])
    away = plane - coefficients[2:4]
    return plane - away * _power(np.sum(away**2, axis=-1, keepdims=True), coefficients[4:])


def _lunar_orbiter_distorted(plane, coefficients, focal_length):
    return _solved(lambda place: _lunar_orbiter(place, coefficients, focal_length), plane)


def _legendre_read(content, keywords, half):
    """Half the size of the image, coefficients in x and y, and of a line residuals of column and row as well."""
    residuals = [keywords(f"RESIDUAL_{axis}_DIST_COEF") for axis in ("COL", "ROW")]
    residuals = [np.zeros(6) if given is None else given for given in residuals]
    return np.concatenate([half, content["x_coefficients"], content["y_coefficients"], *residuals])


def _legendre(plane, coefficients, focal_length):
    """Products of Legendre polynomials of both coordinates as parts of half the image (New Horizons MVIC).

    In a line, only x is moved by them; what remains are polynomials of the column.
    """
    (width, height), across, down = coefficients[:2], coefficients[2:22], coefficients[22:42]
    column, row = coefficients[42:48], coefficients[48:54]
    x, y = plane[..., 0], plane[..., 1]
    u, v = -x / width, -y / height if height else np.zeros_like(y)
    x = x - width * np.polynomial.legendre.legval2d(u, v, _matrix(across))
    if height:
        y = y - height * np.polynomial.legendre.legval2d(u, v, _matrix(down))
    else:
        pitch = width / MVIC_HALF
        sample = MVIC_HALF + 0.5 - plane[..., 0] / pitch
        x = x - pitch * (_power(sample, column) - column[0])
        y = y + pitch * (_power(sample, row) - row[0])
    beyond = (np.abs(u) > 1) | (np.abs(v) > 1)
    return np.where(beyond[..., None], plane, _columns(x, y))


MVIC_HALF = 2500  # columns of half a line


def _matrix(terms):
    """Coefficients (6, 6) by the degrees in x and y."""
    matrix = np.zeros((6, 6))
    for (across, down), term in zip(LEGENDRE, terms, strict=True):
        matrix[across, down] = term
    return matrix


def _legendre_distorted(plane, coefficients, focal_length):
    return _solved(lambda place: _legendre(place, coefficients, focal_length), plane)


MODELS = {
    "radial": Model(_plain, _radial, _radial_distorted),
    "transverse": Model(_transverse_read, _transverse, _transverse_distorted, 20),
    "kaguyalism": Model(_kaguya_read, _kaguya, _kaguya_distorted, 10),
    "lrolrocnac": Model(_plain, _lroc_nac, _lroc_nac_distorted, 1),
    "dawnfc": Model(_plain, _dawn, _dawn_distorted, 1),
    "themisir": Model(_themis_read, _themis, _themis_distorted, 3),
    "cahvor": Model(_plain, _cahvor, _cahvor_distorted, 5),
    "radtan": Model(_plain, _radtan, _radtan_distorted, 5),
    "kplo_shadowcam": Model(_plain, _shadowcam, _shadowcam_distorted, 1),
    "lorri": Model(_plain, _lorri, _lorri_distorted, 3),
    "mocwideangle": Model(_angular_read, _angular, _angular_distorted, 7),
    "lunarorbiter": Model(_lunar_orbiter_read, _lunar_orbiter, _lunar_orbiter_distorted, 6),
    "legendre": Model(_legendre_read, _legendre, _legendre_distorted, 54),
}
