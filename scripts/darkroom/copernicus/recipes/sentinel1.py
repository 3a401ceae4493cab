"""Sentinel-1 GRD: backscatter of each date, calibrated and without its thermal noise, on the grid of a map."""

import dataclasses
import functools
from itertools import groupby

import numpy as np
from rasterio.warp import transform
from rasterio.windows import Window

from darkroom import schema
from darkroom.compiled import compiled
from darkroom.copernicus import areas, decibels, grid, speckle
from darkroom.copernicus.merging import COMPARED
from darkroom.copernicus.readers import eopf_s1, safe_s1
from darkroom.copernicus.recipes.registry import Method, Times, layers_of
from darkroom.copernicus.stack import Layer

POLARISATIONS = ("VV", "VH", "HH", "HV")
LATTICE = 64  # pixels of a map between places whose line and pixel are computed; they are bilinear between these


def patterns(variant, options):
    """Images of the polarisations; of SAFE their tables come along with every choice."""
    names = layers_of(variant, options)
    return [
        pattern
        for name in names
        for pattern in (f"*/measurement/*-{name.lower()}-*.tiff", *(f"*_{name}/{part}" for part in eopf_s1.PARTS))
    ]


def _asked(variant, options):
    """The recipe with what a row asks of its backscatter."""
    return dataclasses.replace(variant, **options["backscatter"])


def problems(variant, options):
    """What is wrong with the polarisations and the map of a row."""
    yield from grid.problems(options["map"])
    for name in layers_of(variant, options):
        if name not in POLARISATIONS:
            yield f"layers: {name!r} is unknown{schema.nearest(name, POLARISATIONS)}"
    asked = _asked(variant, options).speckle
    if asked.get("filter") == "refined_lee" and asked["window"] != speckle.REFINED:
        yield f"backscatter.speckle.window: is {asked['window']}, and refined_lee has windows of {speckle.REFINED}"
    if (variant.targets or variant.merge in COMPARED) and not _asked(variant, options).decibel:
        yield f"backscatter.decibel: {variant.name} compares decibels; leave it out"


def describe(inventory, variant, options):
    """The dates of the products in an inventory: those that were taken within one pass are one.

    Raises ValueError for products that are no GRD, lack a polarisation or whose files are not of each other, and where
    they lie outside the area.
    """
    variant, scenes, names = _asked(variant, options), safe_s1.scenes(inventory), layers_of(variant, options)
    if not scenes:
        raise ValueError(f"{inventory.root}: there is no GRD of Sentinel-1 (.SAFE with its annotation, or .zarr)")
    for scene in scenes:
        for name in names:
            if name in scene["lacking"]:
                raise ValueError(f"{scene['product']}: of {name} {scene['lacking'][name]} is not there")
        if lacking := [name for name in names if name not in scene["images"]]:
            there = ", ".join(sorted(scene["images"]))
            raise ValueError(f"{scene['product']}: has no {', '.join(lacking)}; its polarisations are {there}")
    images = [safe_s1.opened(scene["images"][names[0]], variant.calibration) for scene in scenes]
    crs = grid.named(options["map"]["crs"]) if options["map"].get("crs") else _zone(images[0])
    step = options["map"].get("resolution") or variant.resolution or images[0].spacing
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    target = grid.covering([_extent(image, crs, step) for image in images], step, crs, area)
    passes = [list(group) for _, group in groupby(scenes, key=_pass)]
    if variant.merge in COMPARED and len(passes) < 2:
        raise ValueError(f"{variant.name} compares two dates, and there is one: {scenes[0]['product']}")
    unit = "dB" if variant.decibel else "1"
    layers = [Layer(name, f"{variant.calibration} of {name}", unit) for name in names]
    factor = _factor(images[0], grid.metres(step, crs))
    notes += [f"{variant.calibration} is (DN^2 - thermal noise) / calibration^2; border pixels (DN 0) are no data"]
    notes += [f"placed by a thin plate spline through the geolocation grid of each image, bilinear in power, {crs}"]
    if variant.speckle:
        side, looks = variant.speckle["window"], sorted({_looks(scene, variant) for scene in scenes})
        numbers = ", ".join(f"{one:g}" for one in looks)
        _, whose = _filter(variant)
        notes += [f"speckle was made less by the filter {whose}, {side} x {side} pixels, {numbers} looks"]
    notes += [f"{factor} x {factor} pixels were averaged in power before"] if factor > 1 else []
    notes += ["power that noise makes negative has no decibels, and is missing"] if variant.decibel else []
    silent = [
        scene["product"] for scene, image in zip(scenes, images, strict=True) if not image.range_noise.values.any()
    ]
    notes += [f"{name}: its noise vectors are 0, so its thermal noise is still in it" for name in silent]
    products = [", ".join(scene["product"] for scene in group) for group in passes]
    return Times(target, [group[0]["begin"] for group in passes], products, layers, passes, notes)


def fill(times, variant, options, put):
    """Put every polarisation of every pass in place, block by block."""
    variant, place = _asked(variant, options), times.grid
    for at, scenes in enumerate(times.scenes):
        for layer in times.layers:
            readers = [_reader(scene, layer.name, variant, place) for scene in scenes]

            def block(window, readers=readers):
                made, *others = (read(window) for read in readers)
                for other in others:
                    made = np.where(np.isnan(made), other, made)
                return decibels.of_power(made) if variant.decibel else made

            for window, values in grid.computed(block, place.windows()):
                put(layer.name, at, window, values)


def _pass(scene):
    """The day and the data take of a scene: S1A_IW_GRDH_1SDV_<begin>_<end>_<orbit>_<data take>_..."""
    return scene["begin"][:10] + scene["product"].split("_")[7]


def _looks(scene, variant):
    """Looks of the pixels of a scene, as the recipe says, else by its kind. Raises ValueError for an unknown one."""
    mode, kind = scene["product"].split("_")[1:3]
    looks = variant.speckle.get("looks") or speckle.LOOKS.get(("SM" if mode[1:].isdecimal() else mode, kind))
    if not looks:
        raise ValueError(f"{scene['product']}: how many looks {mode} {kind} has is unknown; give speckle its looks")
    return looks


def _filter(variant):
    """The filter against speckle that a recipe has, and whose it is."""
    return speckle.FILTERS[variant.speckle.get("filter", "lee")]


def _reader(scene, polarisation, variant, place):
    """Reads power in windows of a map."""
    image = safe_s1.opened(scene["images"][polarisation], variant.calibration)
    power_of = image.power
    if variant.speckle:
        smooth, _ = _filter(variant)
        side, looks = variant.speckle["window"], _looks(scene, variant)
        power_of = speckle.filtered(image.power, image.shape, side, looks, smooth)
    longitudes, latitudes = image.places()
    whole = _lattice(image.locator(*map(np.array, transform("EPSG:4326", place.crs, longitudes, latitudes))), place)
    factor = _factor(image, grid.metres(place.affine.a, place.crs))

    def read(window):
        made = np.full((int(window.height), int(window.width)), np.nan, np.float32)
        rows, columns = (slice(one.start // LATTICE, -(-one.stop // LATTICE) + 1) for one in window.toslices())
        lattice = whole[:, rows, columns]
        (top, bottom), (left, right) = (
            _reached(one, factor, size) for one, size in zip(lattice, image.shape, strict=True)
        )
        if min(bottom - top, right - left) < 2 * factor:
            return made
        power = power_of(Window(left, top, right - left, bottom - top))
        if factor > 1:
            shape = (bottom - top) // factor, factor, (right - left) // factor, factor
            power = power.reshape(shape).mean((1, 3))
        # A mean of pixels lies between the middles of the first and the last of them.
        lattice = (lattice - np.array([top, left])[:, None, None] - (factor - 1) / 2) / factor
        _kernel()(power, lattice, LATTICE, made)
        return made

    return read


def _reached(places, factor, size):
    """First and last of the lines or pixels that are read for places among them: whole blocks of `factor`."""
    first = int(np.clip(np.floor(places.min()) - factor, 0, size)) // factor * factor
    last = int(np.clip(np.ceil(places.max()) + factor + 1, 0, size))
    return first, first + max(0, last - first) // factor * factor


def _lattice(locate, place):
    """Lines and pixels (2, rows, columns) of the middle of every LATTICE-th pixel of a map, and of the first beyond."""
    rows, columns = (np.arange(0, size + LATTICE, LATTICE) for size in (place.height, place.width))
    x = place.affine.c + (columns + 0.5) * place.affine.a
    y = place.affine.f + (rows + 0.5) * place.affine.e
    return np.asarray(locate(*np.meshgrid(x, y)))


@functools.cache
def _kernel():
    return compiled(_placed)


def _placed(power, lattice, step, made):
    """Power between its pixels at each place of a window, whose lines and pixels are bilinear in those of a lattice of
    every `step` pixels.

    What is not between four pixels that are known stays as it is in `made`. The innermost loop has no branch, so that
    it runs on the processor's vectors.
    """
    bottom, right = power.shape[0] - 1, power.shape[1] - 1
    flat, stride = power.ravel(), np.uint64(power.shape[1])
    for above in range(lattice.shape[1] - 1):
        for row in range(above * step, min((above + 1) * step, made.shape[0])):
            down = row / step - above
            between = lattice[:, above] * (1 - down) + lattice[:, above + 1] * down
            for start in range(lattice.shape[2] - 1):
                line, pixel = between[0, start], between[1, start]
                by_line, by_pixel = (between[0, start + 1] - line) / step, (between[1, start + 1] - pixel) / step
                shown = made[row, start * step : (start + 1) * step]
                for at in range(len(shown)):
                    y, x = line + by_line * at, pixel + by_pixel * at
                    is_there = (y >= 0) & (y <= bottom) & (x >= 0) & (x <= right)
                    top, left = min(max(int(y), 0), bottom - 1), min(max(int(x), 0), right - 1)
                    y, x = np.float32(y - top), np.float32(x - left)
                    first_of_four = np.uint64(top) * stride + np.uint64(left)
                    third_of_four = first_of_four + stride
                    upper, upper_right = flat[first_of_four], flat[first_of_four + np.uint64(1)]
                    lower, lower_right = flat[third_of_four], flat[third_of_four + np.uint64(1)]
                    upper += (upper_right - upper) * x
                    lower += (lower_right - lower) * x
                    shown[at] = upper + (lower - upper) * y if is_there else shown[at]


def _factor(image, metres):
    """Pixels along each side that are one before they are placed: of a map that is coarser, all of them count."""
    return max(1, round(metres / image.spacing)) if metres > 1.5 * image.spacing else 1


def _zone(image):
    """The UTM zone of the middle of an image."""
    longitudes, latitudes = image.places()
    longitude = (longitudes.mean() + 180) % 360 - 180
    return f"EPSG:{(32600 if latitudes.mean() >= 0 else 32700) + int((longitude + 180) // 6) + 1}"


def _extent(image, crs, step):
    """The grid over the geolocation grid of an image."""
    xs, ys = map(np.array, transform("EPSG:4326", crs, *image.places()))
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise ValueError(f"{image.path}: does not lie where {crs} is defined; give map another crs")
    west, north = np.floor(xs.min() / step) * step, np.ceil(ys.max() / step) * step
    width, height = int(np.ceil((xs.max() - west) / step)), int(np.ceil((north - ys.min()) / step))
    return grid.Grid(crs, (step, 0.0, float(west), 0.0, -step, float(north)), width, height)


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "backscatter"}))
