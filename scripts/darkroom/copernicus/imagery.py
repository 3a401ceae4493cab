"""Images of products as GDAL reads them."""

import contextlib

import rasterio
from rasterio.errors import RasterioIOError


@contextlib.contextmanager
def opened(path):
    """An image, open for reading. Raises ValueError naming one that is damaged, also while it is read."""
    try:
        with rasterio.open(path) as image:
            yield image
    except RasterioIOError as error:
        raise ValueError(f"{path}: cannot be read, it is damaged or cut off: {error}") from error


def numbers(path, window):
    """Digital numbers of a window, of all of an image where it is None. Raises as `opened`."""
    with opened(path) as image:
        return image.read(1, window=window)
