"""Rows of pictures that GDAL decodes otherwise than everyone else does: TIFF by its strips and tiles, JPEG at a go.

GDAL's own libjpeg does not smooth subsampled colours as libjpeg-turbo does, and knows none of JPEG 2000 within TIFF.
"""

from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

# TIFF compressions: JPEG; JPEG 2000, also as Aperio's slides have it; JPEG XR, JPEG XL, WebP.
FOREIGN = (7, 33003, 33004, 33005, 34712, 34892, 22610, 34934, 50002, 52546, 34927, 50001)
MOST = 1 << 26  # bytes of a JPEG picture that is decoded at a go


def tiff_page(path, offset=None):
    """The first page of a TIFF, or the one at an offset in bytes."""
    with tifffile.TiffFile(path) as tiff:
        if offset is None:
            page = tiff.pages.first
        else:
            tiff.filehandle.seek(offset)
            page = tifffile.TiffPage(tiff, 0)
        _ = page.decode, page.jpegtables, page.jpegheader  # which are read while the file is open
        return page


class Tiff:
    """Windows of a page of a TIFF: its strips or tiles, decoded by tifffile, those that reach below the last kept."""

    def __init__(self, path, offset=None):
        self.path = path
        self.page = page = tiff_page(path, offset)
        self.decode = page.decode
        self.tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression == 7 else {}
        self.height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
        self.width = page.tilewidth if page.is_tiled else page.imagewidth
        self.across = -(-page.imagewidth // self.width)
        self.planes = page.samplesperpixel if page.planarconfig == 2 else 1
        self.kept = {}

    def read(self, top, bottom, left=0, right=None):
        """Rows [top, bottom), columns [left, right) as (row, column, sample)."""
        page = self.page
        right = page.imagewidth if right is None else right
        # Of one bit are numbers, too, which index a palette.
        kind = np.uint8 if page.dtype == bool else page.dtype
        window = np.empty((bottom - top, right - left, page.samplesperpixel), kind)
        down = -(-page.imagelength // self.height)
        with Path(self.path).open("rb") as file:
            for plane in range(self.planes):
                for row in range(top // self.height, -(-bottom // self.height)):
                    for column in range(left // self.width, -(-right // self.width)):
                        self._copy(file, (plane * down + row) * self.across + column, plane, window, top, left)
        return window

    def _copy(self, file, index, plane, window, top, left):
        place, values = self.kept.pop(index, None) or self._segment(file, index)
        _, _, y, x, _ = place
        bottom, right = top + window.shape[0], left + window.shape[1]
        rows = slice(max(top, y), min(bottom, y + values.shape[0], self.page.imagelength))
        columns = slice(max(left, x), min(right, x + values.shape[1], self.page.imagewidth))
        target = window[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        target = target[..., plane : plane + 1] if self.planes > 1 else target
        target[...] = values[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        if y + len(values) > bottom:
            self.kept[index] = place, values

    def _segment(self, file, index):
        file.seek(self.page.dataoffsets[index])
        size = self.page.databytecounts[index]
        encoded = file.read(size) if size else None
        values, place, shape = self.decode(encoded, index, **self.tables)
        if values is None:  # a sparse file: nothing is stored where all is the same
            values = np.full((*shape[:3], shape[3]), self.page.nodata, self.page.dtype)
        return place, values[0]

    def close(self):
        self.kept.clear()


class Whole:
    """Windows of a picture that is decoded at a go, by a function of its path: array (row, column[, sample])."""

    def __init__(self, path, decode):
        picture = decode(path)
        self.picture = picture if picture.ndim == 3 else picture[..., None]

    def read(self, top, bottom, left=0, right=None):
        """Rows [top, bottom), columns [left, right) as (row, column, sample)."""
        return self.picture[top:bottom, left:right]

    def close(self):
        del self.picture


def decode_jpeg(path):
    """The picture of a JPEG file as libjpeg-turbo decodes it."""
    return imagecodecs.jpeg8_decode(Path(path).read_bytes())


# How a picture with an orientation tag is shown: rows and columns run forwards (1) or backwards (-1), then whether they
# change places. Source: TIFF 6.0, tag 274; Exif 2.3 has the same numbers.
TURNS = {
    1: (1, 1, False), 2: (1, -1, False), 3: (-1, -1, False), 4: (-1, 1, False),
    5: (1, 1, True), 6: (-1, 1, True), 7: (-1, -1, True), 8: (1, -1, True),
}  # fmt: skip


def shown_size(turn, height, width):
    """Height and width of a picture as it is shown."""
    return (width, height) if TURNS[turn][2] else (height, width)


def shown_window(turn, size, window, read):
    """A window (top, bottom, left, right) of a picture as it is shown, from `read` of windows as they are stored.

    size -- height and width as shown; `read(top, bottom, left, right)` gives (row, column, sample)
    """
    rows, columns, transposed = TURNS[turn]
    height, width = shown_size(turn, *size)  # as stored
    top, bottom, left, right = window
    if transposed:
        top, bottom, left, right = left, right, top, bottom
    if rows < 0:
        top, bottom = height - bottom, height - top
    if columns < 0:
        left, right = width - right, width - left
    stored = read(top, bottom, left, right)[::rows, ::columns]
    return stored.transpose(1, 0, 2) if transposed else stored
