"""Sentinel-1 GRD in SAFE: its products, and images with their tables of calibration and noise.

Format: S1-RS-MDA-52-7441, product specification.
"""

import functools
import re
from pathlib import Path

import numpy as np

from darkroom.copernicus import areas, imagery, names, trees
from darkroom.copernicus.readers import eopf_s1, radar

ANNOTATION = re.compile(
    r"(.*/)?(?P<product>[^/]+\.SAFE)/annotation/(?P<image>s1\w-\w+-grd-(?P<pol>vv|vh|hh|hv)-[\w-]+)\.xml"
)
HEADER = ("missionId", "polarisation", "startTime", "absoluteOrbitNumber", "missionDataTakeId")  # of one image's files
SMOOTH = 0.01  # radians, some 60 km: a product is smaller by far than what a wrong digit makes
COARSEST = 1000  # metres of a pixel, of which those of EW GRDM have 40
LUTS = {"sigma0": "sigmaNought", "beta0": "betaNought", "gamma0": "gamma"}


def scenes(inventory):
    """The GRD products in an inventory, in SAFE or EOPF Zarr, in the order of time, a dict each.

    product, begin (of its name: the TIFF tells when it was processed) -- of the product
    images -- polarisation: paths of annotation, calibration, noise and measurement, or of the group that has them all
    lacking -- polarisation: a file that is not there of one that has an annotation

    Raises ValueError for a product that is none.
    """
    root, present, products = Path(inventory.root), set(inventory.names), eopf_s1.products(inventory)
    lacking = {}
    for name in inventory.names:
        match = ANNOTATION.fullmatch(name)
        if not match:
            continue
        folder, image = name.rpartition("/annotation/")[0], match["image"]
        parts = {
            "annotation": name,
            "calibration": f"{folder}/annotation/calibration/calibration-{image}.xml",
            "noise": f"{folder}/annotation/calibration/noise-{image}.xml",
        }
        pixels = {f"{folder}/measurement/{image}{end}" for end in (".tiff", "-cog.tiff")} & present
        if pixels and set(parts.values()) <= present:
            parts["measurement"] = pixels.pop()
            paths = {kind: str(root / part) for kind, part in parts.items()}
            products.setdefault(match["product"], {})[match["pol"].upper()] = paths
            continue
        absent = sorted(set(parts.values()) - present) or [f"{folder}/measurement/{image}.tiff"]
        lacking.setdefault(match["product"], {})[match["pol"].upper()] = Path(absent[0]).name
    names.require_all(inventory, [*products, *lacking], "GRD with its annotation")
    listed = [
        {
            "product": product,
            "begin": _begin(product),
            "images": products.get(product, {}),
            "lacking": lacking.get(product, {}),
        }
        for product in {**products, **lacking}
    ]
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


def _begin(product):
    told = names.parsed(product)
    if told is None:
        raise ValueError(f"{product}: is not the name of a product of Sentinel-1, which tells when it was taken")
    return told.begin


def opened(paths, kind="sigma0"):
    """The image of one polarisation of a product as sigma0, beta0 or gamma0.

    Raises ValueError for files that cannot be read, lack something, or are not of each other.
    """
    if "group" in paths:
        return eopf_s1.image(paths["group"], kind)
    annotation, calibration, noise = (trees.parsed(paths[file]) for file in ("annotation", "calibration", "noise"))
    for file, tree in (("calibration", calibration), ("noise", noise)):
        _require_same(annotation, tree, paths[file])
    told = [
        _text(annotation, f".//imageInformation/{name}", paths["annotation"])
        for name in ("numberOfLines", "numberOfSamples", "rangePixelSpacing")
    ]
    numbers = np.concatenate([_numbers(text, paths["annotation"]) for text in told])
    if len(numbers) != len(told) or not (numbers > 0).all() or numbers[2] > COARSEST:
        raise ValueError(f"{paths['annotation']}: has {told[0]} lines of {told[1]} pixels of {told[2]} m")
    lines, samples, spacing = numbers.tolist()
    shape = int(lines), int(samples)
    points = _points(annotation, paths["annotation"])
    _require_shape(paths["measurement"], shape)
    return radar.Image(
        paths["measurement"],
        shape,
        spacing,
        points,
        _gains(calibration, LUTS[kind], paths["calibration"]),
        range_noise(noise, paths["noise"]),
        azimuth_noise(noise, shape, paths["noise"]),
        functools.partial(imagery.numbers, paths["measurement"]),
    )


def _points(annotation, path):
    """The geolocation grid: line, pixel, longitude, latitude (n, 4). Raises ValueError for less than 4 points."""
    listed = list(annotation.iter("geolocationGridPoint"))
    if len(listed) < 4:
        raise ValueError(f"{path}: has {len(listed)} points of its geolocation grid; right are 4 or more")
    columns = [
        _numbers(" ".join(point.findtext(name) or "" for point in listed), path)
        for name in ("line", "pixel", "longitude", "latitude")
    ]
    if {len(column) for column in columns} != {len(listed)}:
        raise ValueError(f"{path}: a point of its geolocation grid lacks its line, pixel, longitude or latitude")
    points = np.stack(columns, 1)
    areas.require_places(path, points[:, 2], points[:, 3])
    if any(len(np.unique(pair, axis=0)) < len(points) for pair in (points[:, :2], points[:, 2:])):
        raise ValueError(f"{path}: two points of its geolocation grid are one")
    if (apart := _apart(points)).max() > SMOOTH:
        line, pixel, longitude, latitude = points[apart.argmax()]
        where = f"line {line:g} and pixel {pixel:g} lie at {longitude:g}, {latitude:g}"
        raise ValueError(f"{path}: {where}, far from what the other points of its geolocation grid tell")
    return points


def _apart(points):
    """Radians between each point and where a polynomial of second degree through all of them has it."""
    line, pixel = ((one - one.mean()) / max(np.ptp(one), 1) for one in points[:, :2].T)
    east, north = np.radians(points[:, 2:].T)
    places = np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], 1)
    terms = np.stack([np.ones_like(line), line, pixel, line**2, line * pixel, pixel**2], 1)
    return np.linalg.norm(places - terms @ np.linalg.lstsq(terms, places, rcond=None)[0], axis=1)


def _gains(calibration, kind, path):
    """The table that numbers are divided by. Raises ValueError for values that are not above 0."""
    table = _lut(calibration, "calibrationVector", kind, path)
    if not (table.values > 0).all():
        raise ValueError(f"{path}: has values of {kind} that are not above 0")
    return table


def range_noise(noise, path):
    """The noise over the range; products of before IPF 2.9 have one kind of vectors."""
    old = noise.find(".//noiseRangeVector") is None
    vector, values = ("noiseVector", "noiseLut") if old else ("noiseRangeVector", "noiseRangeLut")
    return _lut(noise, vector, values, path)


def azimuth_noise(noise, shape, path):
    """The noise over the azimuth, see `radar.Image`; older products have none. Raises ValueError for damage."""
    blocks = []
    whole = {  # of stripmap, whose vectors need not say
        "firstAzimuthLine": 0,
        "lastAzimuthLine": shape[0] - 1,
        "firstRangeSample": 0,
        "lastRangeSample": shape[1] - 1,
    }
    for vector in noise.iter("noiseAzimuthVector"):
        ends = [_whole(vector.findtext(name), path, other) for name, other in whole.items()]
        lines, factors = (_numbers(vector.findtext(name), path) for name in ("line", "noiseAzimuthLut"))
        if not len(lines) or len(lines) != len(factors):
            raise ValueError(f"{path}: a noiseAzimuthVector has {len(lines)} lines and {len(factors)} factors")
        blocks.append((*ends, lines, factors))
    return blocks


def _require_same(annotation, tree, path):
    """Raise ValueError for a file whose header tells of another image than that of the annotation."""
    for name in HEADER:
        ours, theirs = (one.findtext(f"adsHeader/{name}") for one in (annotation, tree))
        if ours and theirs and ours != theirs:
            raise ValueError(
                f"{path}: its {name} is {theirs!r}, and that of the annotation {ours!r}: it is another image's"
            )


def _require_shape(path, shape):
    """Raise ValueError for an image that cannot be read, or is not of the size that its annotation tells."""
    with imagery.opened(path) as image:
        there = image.shape
    if there != shape:
        size, told = ("{} lines of {} pixels".format(*one) for one in (there, shape))
        raise ValueError(f"{path}: has {size}, and its annotation tells of {told}: is it another product's?")


def _text(tree, place, path):
    text = tree.findtext(place)
    if not text:
        raise ValueError(f"{path}: has no {place.rpartition('/')[2]}; is it the annotation of a GRD product?")
    return text


def _numbers(text, path):
    """The numbers (n) that an element holds. Raises ValueError for what is none."""
    try:
        numbers = np.array((text or "").split(), float)
    except ValueError as error:
        raise ValueError(f"{path}: has what is no number: {error}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path}: has what is no number: {text.strip()[:40]}")
    return numbers


def _whole(text, path, other):
    """The whole number that an element holds; another one where it is not there. Raises ValueError for what is none."""
    try:
        return int(text) if text else other
    except ValueError:
        raise ValueError(f"{path}: has {text.strip()[:40]!r} for a whole number") from None


def _lut(tree, vector, values, path):
    """The vectors of a file as one table: each of them brought to the pixels of the first."""
    lines, rows, pixels = [], [], None
    for one in tree.iter(vector):
        line, at, numbers = (_numbers(one.findtext(name), path) for name in ("line", "pixel", values))
        if len(line) != 1:
            raise ValueError(f"{path}: a {vector} does not tell its line")
        if not len(at) or len(at) != len(numbers):
            raise ValueError(f"{path}: a {vector} has {len(at)} pixels and {len(numbers)} of {values}")
        pixels = at if pixels is None else pixels
        lines.append(line.item())
        rows.append(numbers if np.array_equal(at, pixels) else np.interp(pixels, at, numbers))
    if not lines:
        raise ValueError(f"{path}: has no {vector}; is it of another product?")
    order = np.argsort(lines, kind="stable")
    return radar.Lut(np.array(lines)[order], pixels, np.stack(rows)[order])
