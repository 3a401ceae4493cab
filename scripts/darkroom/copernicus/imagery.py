"""Images of products as GDAL reads them."""

import contextlib
from pathlib import Path

import rasterio

from darkroom import damage, whole_files


@contextlib.contextmanager
def opened(path):
    """An image, open for reading. Raises ValueError naming one that is damaged, also while it is read."""
    if Path(path).is_file():  # and not within an archive
        whole_files.require_boxes(path)
    with damage.named(path, "image"), rasterio.open(path) as image:
        yield image


def overview(path, most):
    """Digital numbers of all of an image, thinned out where a side has more than `most`. Raises as `opened`."""
    with opened(path) as image:
        step = max(1, max(image.shape) // most)
        return image.read(1, out_shape=(max(1, image.height // step), max(1, image.width // step)))


def numbers(path, window):
    """Digital numbers of a window, of all of an image where it is None. Raises as `opened`."""
    with opened(path) as image:
        return image.read(1, window=window)
