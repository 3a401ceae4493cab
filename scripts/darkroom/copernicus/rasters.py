"""Maps as Cloud-Optimized GeoTIFF, written block by block. Format: OGC 21-026."""

import contextlib
import shutil

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from darkroom import files
from darkroom.copernicus import decibels

TILE = 512
BLOCK = 1024  # pixels of a side that are made half as fine at a time
CACHE = 128 << 20  # bytes that GDAL keeps of the images that it reads and writes
TILED = {"driver": "GTiff", "tiled": True, "blockxsize": TILE, "blockysize": TILE, "bigtiff": "if_safer"}


@contextlib.contextmanager
def opened(path):
    """A map, open for reading; of what is read GDAL would keep a twentieth of the machine's memory."""
    with rasterio.Env(GDAL_CACHEMAX=CACHE), rasterio.open(path) as image:
        yield image


@contextlib.contextmanager
def writing(path, grid, layers, dtype, nodata, tags, colors=None, powers=()):
    """Write a map; gives a function that puts values (band, height, width) in place: put(window, values).

    colors -- of the values of a map of classes, (red, green, blue) each
    powers -- names of the layers that are powers in decibels

    The same values give the same bytes. Overviews are means, those of powers in power; of classes the nearest value.
    """
    profile = TILED | {"width": grid.width, "height": grid.height, "count": len(layers), "dtype": dtype}
    profile |= {"nodata": nodata, "crs": grid.crs, "transform": grid.affine}
    with rasterio.Env(GDAL_CACHEMAX=CACHE), files.replacing(path) as partial:
        folder = partial.with_suffix(".staged.part")
        folder.mkdir()
        try:
            staged, is_float = folder / "map.tif", dtype.startswith("float")
            halving = _halving(staged, profile, [layer.name in powers for layer in layers] if is_float else None)
            with rasterio.open(staged, "w", **profile) as image, halving as halve:
                image.descriptions = [layer.name for layer in layers]
                image.units = [layer.unit for layer in layers]
                image.update_tags(**tags)
                if colors:
                    image.write_colormap(1, colors)

                def put(window, values):
                    image.write(values, window=window)
                    halve(window, values)

                yield put
            predictor = "floating_point" if is_float else "standard"
            rasterio.shutil.copy(
                staged, partial, driver="COG", compress="zstd", level=1, blocksize=TILE, bigtiff="if_safer",
                predictor=predictor, overview_resampling="nearest", num_threads=2,
            )  # fmt: skip
        finally:
            shutil.rmtree(folder)


@contextlib.contextmanager
def _halving(path, profile, powers):
    """Write images half as fine, one beside the other, until one is a tile: GDAL takes each, `.ovr`, for an overview.

    Gives a function that takes values of the image itself: halve(window, values); windows begin at even pixels.

    powers -- which of the bands are powers in decibels; None for an image that has no such overviews
    """
    if powers is None or max(profile["height"], profile["width"]) <= TILE:
        yield lambda window, values: None
        return
    coarser = path.with_name(f"{path.name}.ovr")
    size = {side: (profile[side] + 1) // 2 for side in ("height", "width")}
    with rasterio.open(coarser, "w", **profile | size) as image:

        def halve(window, values):
            half = Window(window.col_off // 2, window.row_off // 2, (window.width + 1) // 2, (window.height + 1) // 2)
            image.write(_halved_by_power(values, powers), window=half)

        yield halve
    with rasterio.open(coarser) as finer, _halving(coarser, profile | size, powers) as halve:
        for row in range(0, finer.height, BLOCK):
            for column in range(0, finer.width, BLOCK):
                window = Window(column, row, min(BLOCK, finer.width - column), min(BLOCK, finer.height - row))
                halve(window, finer.read(window=window))


def _halved_by_power(values, powers):
    """As `halved`, of those bands that are powers in decibels the means of their powers."""
    if not any(powers):
        return halved(values)
    linear = values.copy()
    linear[powers] = decibels.power(values[powers])
    made = halved(linear)
    made[powers] = decibels.of_power(made[powers])
    return made


def halved(values):
    """The means of two by two pixels (band, height, width) where they are not NaN; an odd side ends in half of them."""
    _, height, width = values.shape
    if height % 2 or width % 2:
        values = np.pad(values, ((0, 0), (0, height % 2), (0, width % 2)), constant_values=np.nan)
    pairs = values[:, ::2] + values[:, 1::2]
    total = pairs[:, :, ::2] + pairs[:, :, 1::2]
    if not np.isnan(total).any():  # in a third of the time of the others
        return total / np.float32(4)
    quarters = [values[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    seen = [~np.isnan(quarter) for quarter in quarters]
    total = sum(np.where(there, quarter, 0) for there, quarter in zip(seen, quarters, strict=True))
    with np.errstate(invalid="ignore"):
        return total / sum(there.astype(np.float32) for there in seen)
