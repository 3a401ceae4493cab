"""Sentinel-1 GRD in SAFE: calibrated, denoised power of its images, and where their pixels are.

Format: S1-RS-MDA-52-7441, product specification; noise: MPC-0392, thermal denoising of products of the IPF. Power is
(DN^2 - noise) / A^2, with A of the calibration vectors and the noise of range and azimuth vectors; each of them is
bilinear in line and pixel, and beyond the first and last vector as these have it. DN 0 is no data.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from lxml import etree
from rasterio.errors import RasterioIOError
from scipy.interpolate import RBFInterpolator

from darkroom.copernicus import names

ANNOTATION = re.compile(
    r"(.*/)?(?P<product>[^/]+\.SAFE)/annotation/(?P<image>s1\w-\w+-grd-(?P<pol>vv|vh|hh|hv)-[\w-]+)\.xml"
)
LUTS = {"sigma0": "sigmaNought", "beta0": "betaNought", "gamma0": "gamma"}
LATTICE = (
    64  # pixels from one place of a map to the next whose line and pixel are computed; between them it is bilinear
)


def scenes(inventory):
    """The GRD products in an inventory, in the order of time, a dict each.

    product, begin (of its name: the TIFF tells when it was processed) -- of the product
    images -- polarisation: paths of annotation, calibration, noise and measurement
    """
    root, present, products = Path(inventory.root), set(inventory.names), {}
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
    listed = [{"product": product, "begin": _begin(product), "images": images} for product, images in products.items()]
    return sorted(listed, key=lambda scene: (scene["begin"], scene["product"]))


def _begin(product):
    told = names.parsed(product)
    if told is None:
        raise ValueError(f"{product}: is not the name of a product of Sentinel-1, which tells when it was taken")
    return told.begin


@dataclass(frozen=True, eq=False)
class Lut:
    """A table over lines and pixels of an image: values (lines, pixels), bilinear between them, held beyond them."""

    lines: np.ndarray
    pixels: np.ndarray
    values: np.ndarray

    def __call__(self, lines, pixels):
        """The table at each line and pixel (lines, pixels), of increasing numbers both."""
        first, last = np.clip(
            np.searchsorted(self.lines, [lines[0], lines[-1]], side="right") - [1, 0], 0, len(self.lines) - 1
        )
        rows = np.stack([np.interp(pixels, self.pixels, row) for row in self.values[first : last + 1]])
        places = np.interp(lines, self.lines[first : last + 1], np.arange(len(rows)))
        low = np.minimum(places.astype(int), max(0, len(rows) - 2))
        high = np.minimum(low + 1, len(rows) - 1)
        share = (places - low)[:, None]
        return rows[low] * (1 - share) + rows[high] * share


class Image:
    """One polarisation of a product, as sigma0, beta0 or gamma0.

    Raises ValueError for files that cannot be read, lack something, or are not of each other.
    """

    def __init__(self, paths, kind="sigma0"):
        self.paths, self.kind, self.path = paths, kind, paths["measurement"]
        annotation = _parsed(paths["annotation"])
        self.shape = tuple(
            int(_text(annotation, f".//imageInformation/{name}", paths["annotation"]))
            for name in ("numberOfLines", "numberOfSamples")
        )
        self.spacing = float(_text(annotation, ".//imageInformation/rangePixelSpacing", paths["annotation"]))
        self.points = np.array(
            [
                [float(point.findtext(name)) for name in ("line", "pixel", "longitude", "latitude")]
                for point in annotation.iter("geolocationGridPoint")
            ]
        )
        if len(self.points) < 4:
            raise ValueError(
                f"{paths['annotation']}: has {len(self.points)} points of its geolocation grid; right are 4 or more"
            )
        self.noise = _parsed(paths["noise"])
        try:
            with rasterio.open(self.path) as image:
                shape = image.shape
        except RasterioIOError as error:
            raise ValueError(f"{self.path}: cannot be read, it is damaged or cut off: {error}") from error
        if shape != self.shape:
            size, told = ("{} lines of {} pixels".format(*one) for one in (shape, self.shape))
            raise ValueError(f"{self.path}: has {size}, and its annotation tells of {told}: is it another product's?")

    @functools.cached_property
    def calibration(self):
        """The calibration vectors."""
        path = self.paths["calibration"]
        return _lut(_parsed(path), "calibrationVector", LUTS[self.kind], path)

    @functools.cached_property
    def range_noise(self):
        """The noise over the range; products of before IPF 2.9 have one kind of vectors."""
        old = self.noise.find(".//noiseRangeVector") is None
        vector, values = ("noiseVector", "noiseLut") if old else ("noiseRangeVector", "noiseRangeLut")
        return _lut(self.noise, vector, values, self.paths["noise"])

    @functools.cached_property
    def azimuth_noise(self):
        """Of each swath and burst: its first and last line and pixel, and lines and factors of the noise."""
        blocks = []
        for vector in self.noise.iter("noiseAzimuthVector"):
            ends = [
                vector.findtext(name)
                for name in ("firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample")
            ]
            whole = (0, self.shape[0] - 1, 0, self.shape[1] - 1)  # of stripmap, whose vectors need not say
            lines, factors = _numbers(vector, "line"), _numbers(vector, "noiseAzimuthLut")
            blocks.append(
                (*(int(end) if end else other for end, other in zip(ends, whole, strict=True)), lines, factors)
            )
        return blocks

    def power(self, window):
        """Calibrated power (float32) of a window, NaN for no data; what noise makes negative stays so."""
        try:
            with rasterio.open(self.path) as image:
                counts = image.read(1, window=window).astype(np.float32)
        except RasterioIOError as error:
            raise ValueError(f"{self.path}: cannot be read, it is damaged or cut off: {error}") from error
        rows, columns = window.toslices()
        lines, pixels = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
        noise = self.range_noise(lines, pixels) * self._azimuth_factors(lines, pixels)
        made = (counts.astype(np.float64) ** 2 - noise) / self.calibration(lines, pixels) ** 2
        return np.where(counts == 0, np.nan, made).astype(np.float32)

    def _azimuth_factors(self, lines, pixels):
        factors = np.ones((len(lines), len(pixels)))
        for first, last, left, right, at, values in self.azimuth_noise:
            rows, columns = (lines >= first) & (lines <= last), (pixels >= left) & (pixels <= right)
            if rows.any() and columns.any():
                factors[np.ix_(rows, columns)] = np.interp(lines[rows], at, values)[:, None]
        return factors

    def places(self):
        """Longitudes and latitudes of the geolocation grid; over the date line they go on beyond 180 degrees."""
        longitudes = self.points[:, 2]
        if np.ptp(longitudes) > 180:
            longitudes = np.where(longitudes < 0, longitudes + 360, longitudes)
        return longitudes, self.points[:, 3]

    def locator(self, xs, ys):
        """Tells line and pixel of places on a map: locate(x, y) of arrays. A thin plate spline through all points.

        xs, ys -- of the geolocation grid on the map
        """
        middle, size = np.array([xs.mean(), ys.mean()]), max(np.ptp(xs), np.ptp(ys))
        spline = RBFInterpolator(
            (np.stack([xs, ys], 1) - middle) / size, self.points[:, :2], kernel="thin_plate_spline"
        )

        def locate(x, y):
            given = (np.stack([x.ravel(), y.ravel()], 1) - middle) / size
            return spline(given).T.reshape(2, *x.shape)

        return locate


def _parsed(path):
    try:
        return etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    except (etree.XMLSyntaxError, OSError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error


def _text(tree, place, path):
    text = tree.findtext(place)
    if not text:
        raise ValueError(f"{path}: has no {place.rpartition('/')[2]}; is it the annotation of a GRD product?")
    return text


def _numbers(vector, name):
    return np.array((vector.findtext(name) or "").split(), float)


def _lut(tree, vector, values, path):
    """The vectors of a file as one table: each of them brought to the pixels of the first."""
    lines, rows, pixels = [], [], None
    for one in tree.iter(vector):
        at, numbers = _numbers(one, "pixel"), _numbers(one, values)
        if not len(at) or len(at) != len(numbers):
            raise ValueError(f"{path}: a {vector} has {len(at)} pixels and {len(numbers)} of {values}")
        pixels = at if pixels is None else pixels
        lines.append(float(one.findtext("line")))
        rows.append(numbers if np.array_equal(at, pixels) else np.interp(pixels, at, numbers))
    if not lines:
        raise ValueError(f"{path}: has no {vector}; is it of another product?")
    order = np.argsort(lines, kind="stable")
    return Lut(np.array(lines)[order], pixels, np.stack(rows)[order])
