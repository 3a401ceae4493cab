"""Several times become one map: differences, means, medians; classes with their areas; a table of all times."""

import csv
import functools
import io

import numpy as np

from darkroom import files
from darkroom.copernicus import decibels
from darkroom.copernicus.grid import BLOCK
from darkroom.copernicus.stack import Layer

COLUMNS = ("begin", "layer", "unit", "pixels", "valid", "mean", "std", "min", "q02", "median", "q98", "max")
TOGETHER = ("median", "anomaly")  # of what all times have to be known together
MOST = 1 << 24  # values that are
AT_ONCE = 4  # blocks whose sums are in memory together
SAMPLE = 1 << 22  # values of which quantiles are taken
NO_CLASS = 255
COMPARED = {  # how the last date is compared: with what before, and in words
    "difference": ("first date", "first less last date"),
    "change": ("first date", "last less first date"),
    "anomaly": ("median of the dates before", "last date less the median of those before"),
}


def bands(variant, layers):
    """The layers of the map that a stack of such layers becomes."""
    if variant.merge not in COMPARED:
        return layers
    first, (before, compared) = layers[0], COMPARED[variant.merge]
    return [
        Layer(f"{first.name}_before", f"{first.title}, {before}", first.unit),
        Layer(f"{first.name}_after", f"{first.title}, last date", first.unit),
        Layer(f"{first.name}_{variant.merge}", f"{first.title}, {compared}", first.unit),
    ]


def result(variant, count):
    """Which of so many bands of a map is what its classes are of, from 1."""
    return count if variant.merge in COMPARED else 1


def windows(variant, stack):
    """Blocks of a map. Of a median all times are in memory together: the smaller, the more times there are."""
    side, times = BLOCK, len(stack.begins) if variant.merge in TOGETHER else 1
    while side > 64 and side**2 * times > MOST:
        side //= 2
    return stack.grid.windows(side)


def merged(variant, stack, get, window):
    """The values of the map in a window, float32 (band, height, width); NaN where no time has any."""
    times = range(len(stack.begins))
    if variant.merge in COMPARED:
        name = stack.layers[0].name
        after = get(name, times[-1], window)
        if variant.merge == "anomaly":
            before = median(get(name, at, window) for at in times[:-1])
        else:
            before = get(name, 0, window)
        return np.stack([before, after, before - after if variant.merge == "difference" else after - before])
    return np.stack([_composed(variant.merge, layer, get, times, window) for layer in stack.layers])


def _composed(how, layer, get, times, window):
    """One layer of all times, of one time as it is; of decibels the mean is that of power."""
    if len(times) == 1:
        return get(layer.name, times[0], window)
    images = (get(layer.name, at, window) for at in times)
    if how == "mean" and layer.unit == "dB":
        return decibels.of_power(mean(map(decibels.power, images)))
    return {"last": last, "mean": mean, "max": highest, "median": median}[how](images)


def last(images):
    """Of images (float32) one after another the last value of each pixel, NaN where there is none."""
    return functools.reduce(lambda made, image: np.where(np.isnan(image), made, image), images)


def highest(images):
    """Of images (float32) one after another the highest value of each pixel, NaN where there is none."""
    return functools.reduce(np.fmax, images)


def mean(images):
    """The mean of images (float32) that come one after another, see `Mean`."""
    made = Mean()
    for image in images:
        made.add(image)
    return made.value()


class Mean:
    """The mean of images (float32) that are added, where they have values; NaN where there is none.

    One alone is given as it is.
    """

    def __init__(self):
        self._first = self._total = self._count = None

    def add(self, image):
        if self._first is None:
            self._first = image
            return
        if self._total is None:
            self._count = (~np.isnan(self._first)).astype(np.int32)
            self._total = np.where(self._count, self._first, 0).astype(np.float64)
        seen = ~np.isnan(image)
        np.add(self._total, image, out=self._total, where=seen)
        self._count += seen

    def value(self):
        if self._total is None:
            return self._first
        with np.errstate(invalid="ignore"):
            return (self._total / self._count).astype(np.float32)


def means(windows, scenes, read, shown):
    """Each window with the mean of all scenes in it.

    read -- what a scene holds: once for AT_ONCE windows, as it is slow, and all of them would not fit into memory
    shown -- shown(what was read, window): an image (float32)
    """
    listed = list(windows)
    for first in range(0, len(listed), AT_ONCE):
        some = listed[first : first + AT_ONCE]
        made = [Mean() for _ in some]
        for scene in scenes:
            held = read(scene)
            for one, window in zip(made, some, strict=True):
                one.add(shown(held, window))
        yield from ((window, one.value()) for window, one in zip(some, made, strict=True))


def median(images):
    """The median of images (float32), all in memory, where they have values; NaN where there is none.

    Sorting puts NaN last; numpy's own median that knows NaN takes many times as long.
    """
    values = np.stack(list(images))
    ordered, largest = np.sort(values, axis=0), np.maximum(1, (~np.isnan(values)).sum(0)) - 1
    low, high = (np.take_along_axis(ordered, at[None], 0)[0] for at in (largest // 2, (largest + 1) // 2))
    return ((low.astype(np.float64) + high) / 2).astype(np.float32)


def classified(variant, values):
    """The class of each value, from 0 up, as uint8; NO_CLASS for NaN. An end is of the class above it."""
    ends = [one["to"] for one in variant.classes[:-1]]
    return np.where(np.isnan(values), NO_CLASS, np.searchsorted(ends, values, side="right")).astype(np.uint8)


def powers(layers):
    """Names of the layers of a stack or map that are powers in decibels: what compares two of them is none itself."""
    return {layer.name for layer in layers if layer.unit == "dB" and layer.name.rpartition("_")[2] not in COMPARED}


def statistics(stack):
    """A row of each time and layer, see COLUMNS. Mean and deviation are weighted by the areas of the pixels.

    The mean of decibels is that of their powers; their deviation is that of the decibels.
    """
    weights = stack.grid.pixel_areas()
    with stack.reading() as get:
        for at, begin in enumerate(stack.begins):
            for layer in stack.layers:
                yield dict(
                    zip(
                        COLUMNS,
                        (begin, layer.name, layer.unit, *_figures(stack.grid, weights, get, layer, at)),
                        strict=True,
                    )
                )


def _figures(grid, weights, get, layer, at):
    pixels, step = grid.width * grid.height, 1
    while pixels // step**2 > SAMPLE:
        step += 1
    valid, weight, total, squares, energy, sample, lowest, highest = 0, 0.0, 0.0, 0.0, 0.0, [], np.inf, -np.inf
    for window in grid.windows():
        values = get(layer.name, at, window)
        good = ~np.isnan(values)
        counts = np.count_nonzero(good, axis=1)
        if not counts.any():
            continue
        rows, _ = window.toslices()
        area, chosen = weights[rows], np.where(good, values, np.float32(0))
        valid, weight = valid + int(counts.sum()), weight + area @ counts
        total += area @ chosen.sum(1, dtype=np.float64)
        squares += area @ np.einsum("ij,ij->i", chosen, chosen, dtype=np.float64)
        if layer.unit == "dB":
            energy += area @ np.where(good, decibels.power(chosen), 0).sum(1, dtype=np.float64)
        lowest, highest = min(lowest, np.fmin.reduce(values, None)), max(highest, np.fmax.reduce(values, None))
        sample.append(values[::step, ::step][good[::step, ::step]])
    if not valid:
        return (pixels, 0, *[""] * 7)
    mean = total / weight
    spread = max(0.0, squares / weight - mean**2) ** 0.5
    if layer.unit == "dB":
        mean = 10 * np.log10(energy / weight)
    quantiles = np.quantile(np.concatenate(sample), (0.02, 0.5, 0.98)) if any(map(len, sample)) else [mean] * 3
    figures = (mean, spread, lowest, *quantiles, highest)
    return (pixels, valid, *(float(f"{figure:.7g}") for figure in figures))


def write_table(path, rows, columns):
    """Write rows as CSV."""
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_bytes(path, table.getvalue().encode())
