"""Maps as Cloud-Optimized GeoTIFF, written block by block. Format: OGC 21-026."""

import contextlib

import rasterio
import rasterio.shutil

from darkroom import files

TILE = 512
CACHE = 128 << 20  # bytes that GDAL keeps of the images that it reads and writes


@contextlib.contextmanager
def writing(path, grid, layers, dtype, nodata, tags, colors=None):
    """Write a map; gives a function that puts values (band, height, width) in place: put(window, values).

    colors -- of the values of a map of classes, (red, green, blue) each

    The same values give the same bytes. Overviews are means, of classes the nearest value.
    """
    profile = {"driver": "GTiff", "width": grid.width, "height": grid.height, "count": len(layers), "dtype": dtype}
    profile |= {"nodata": nodata, "crs": grid.crs, "transform": grid.affine}
    tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "bigtiff": "if_safer"}
    float_values = dtype.startswith("float")
    with rasterio.Env(GDAL_CACHEMAX=CACHE), files.replacing(path) as partial:
        staged = partial.with_suffix(".staged.part")
        try:
            with rasterio.open(staged, "w", **profile, **tiles) as image:
                image.descriptions = [layer.name for layer in layers]
                image.units = [layer.unit for layer in layers]
                image.update_tags(**tags)
                if colors:
                    image.write_colormap(1, colors)

                def put(window, values):
                    image.write(values, window=window)

                yield put
            rasterio.shutil.copy(
                staged, partial, driver="COG", compress="deflate", level=1, blocksize=TILE, bigtiff="if_safer",
                predictor="floating_point" if float_values else "standard",
                overview_resampling="average" if float_values else "nearest",
            )  # fmt: skip
        finally:
            staged.unlink(missing_ok=True)
