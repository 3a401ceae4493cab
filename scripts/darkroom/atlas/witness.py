"""The source of a volume, read by other decoders than those that the writer uses, which look at every checksum.

TIFF is decoded by tifffile and imagecodecs (Adler-32 of deflate, checks of LZMA and Zstandard), PNG by zlib (Adler-32)
and imagecodecs' libpng with the CRC of every chunk. GDAL looks at neither of TIFF's. JPEG has no checksum, and decoders
differ in a few levels: there GDAL is asked again, and a warning of its decoder is an error.
"""

import gzip
import itertools
import math
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

from darkroom.atlas import arrays, sections

BLOCK = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n"
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
# None, LZW, deflate (two numbers), PackBits, LZMA, Zstandard: any decoder gives the same values.
LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)


def opened(source, threads=1):
    """A reader as `stack.open_stack` has it. Raises ValueError for a gzip file whose CRC or length is wrong."""
    if source["reader"] == "sections":
        return Sections(source, threads)
    if source["path"].lower().endswith(".gz"):
        require_gzip(source["path"], source)
    return arrays.Array(source, threads)


def require_gzip(path, source):
    """Raise ValueError where a gzip file is cut, or its content is not what its CRC-32 and NIfTI header say."""
    found, whole = 0, source["offset"] + math.prod(source["stored_shape"]) * np.dtype(source["stored_dtype"]).itemsize
    try:
        with gzip.open(path) as file:
            while data := file.read(BLOCK):
                found += len(data)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: the volume is damaged or cut short ({error})") from error
    if found != whole:
        raise ValueError(f"{path}: it holds {found} bytes; by its header it has {whole}")


class Sections(sections.Sections):
    """Sections whose rows are decoded by what the writer does not use, where the format says each value exactly."""

    def __init__(self, source, threads=1):
        super().__init__(source, threads)
        self._pages = {}

    def _rows(self, page, dataset, top, bottom, left, right):
        path = page.split(":", 3)[3] if page.startswith("GTIFF_DIR:") else page
        try:
            if page not in self._pages:
                self._pages[page] = _page(page, path)
            rows = self._pages[page] and self._pages[page].read(top, bottom, left, right)
        except (ValueError, RuntimeError, KeyError, IndexError, TypeError, struct.error, OSError, zlib.error) as error:
            raise ValueError(f"{path}: the section is damaged ({error})") from error
        if rows is None:
            return super()._rows(page, dataset, top, bottom, left, right)
        return rows[..., [band - 1 for band in self._source["bands"]]].transpose(2, 0, 1)

    def close(self, keep=()):
        super().close(keep)
        for page in set(self._pages) - set(keep):
            self._pages.pop(page)


def _page(page, path):
    """Reader of the rows of a page, or None where the writer's decoder is asked again."""
    with Path(path).open("rb") as file:
        start = file.read(8)
    if start[:2] in (b"II", b"MM"):
        found = Tiff(path, int(page.split(":")[2]) if page != path else None)
        return found if found.fits else None
    if start == PNG:
        found = Png(path)
        return found if found.fits else found.verify()
    return None


class Tiff:
    """Rows of a page of a TIFF: its strips or tiles, those that reach below the last rows kept."""

    def __init__(self, path, offset=None):
        self.path = path
        with tifffile.TiffFile(path) as tiff:
            if offset is None:
                self.page = tiff.pages.first
            else:
                tiff.filehandle.seek(offset)
                self.page = tifffile.TiffPage(tiff, 0)
            page = self.page
            self.fits = page.compression in LOSSLESS and page.photometric not in (5, 6) and page.imagedepth == 1
            self.decode = page.decode if self.fits else None
        self.height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
        self.width = page.tilewidth if page.is_tiled else page.imagewidth
        self.across = -(-page.imagewidth // self.width)
        self.planes = page.samplesperpixel if page.planarconfig == 2 else 1
        self.kept = {}

    def read(self, top, bottom, left, right):
        """Rows [top, bottom) and columns [left, right) as (row, column, sample)."""
        page = self.page
        # Of one bit are numbers, too, which index a palette.
        kind = np.uint8 if page.dtype == bool else page.dtype
        rows = np.empty((bottom - top, right - left, page.samplesperpixel), kind)
        down = -(-page.imagelength // self.height)
        first, last = top // self.height, -(-bottom // self.height)
        begin, end = left // self.width, -(-right // self.width)
        with Path(self.path).open("rb") as file:
            for plane, row, column in itertools.product(range(self.planes), range(first, last), range(begin, end)):
                index = (plane * down + row) * self.across + column
                place, values = self.kept.pop(index, None) or self._segment(file, index)
                _, _, y, x, _ = place
                low, high, start = max(top, y), min(bottom, y + len(values)), max(left, x)
                stop = min(right, x + values.shape[1])
                target = rows[low - top : high - top, start - left : stop - left]
                target = target[..., plane : plane + 1] if self.planes > 1 else target
                target[...] = values[low - y : high - y, start - x : stop - x]
                if y + len(values) > bottom:
                    self.kept[index] = place, values
        return rows

    def _segment(self, file, index):
        file.seek(self.page.dataoffsets[index])
        size = self.page.databytecounts[index]
        data = file.read(size) if size else None
        values, place, shape = self.decode(data, index)
        if values is None:  # a sparse file: nothing is stored where all is the same
            values = np.full((*shape[:3], shape[3]), self.page.nodata, self.page.dtype)
        return place, values[0]


class Png:
    """Rows of a PNG, one band after the other in bounded memory.

    Each band is given to libpng as a picture of its own, below the row before it, because rows are told by differences.
    Samples of less than a byte, and palettes, are read as the bytes that they are packed in.
    """

    def __init__(self, path):
        self.path = path
        with Path(path).open("rb") as file:
            head = file.read(33)
        self.width, self.height, self.bits, self.colour, _, _, interlaced = struct.unpack(">IIBBBBB", head[16:29])
        self.samples = PNG_SAMPLES[self.colour]
        self.stride = -(-self.width * self.samples * self.bits // 8)
        self.fits = not interlaced
        self.packed = self.bits < 8 or self.colour == 3
        self._begin()

    def _begin(self):
        self.row, self.above, self.data, self.bytes = 0, bytes(self.stride), _inflated(self.path), bytearray()

    def read(self, top, bottom, left, right):
        """Rows [top, bottom) and columns [left, right) as (row, column, sample)."""
        if top < self.row:
            self._begin()
        while self.row < top:
            self._next(min(top, self.row + 64))
        return self._next(bottom)[:, left:right]

    def _next(self, bottom):
        count = bottom - self.row
        needed = count * (self.stride + 1)
        while len(self.bytes) < needed and (more := next(self.data, None)) is not None:
            self.bytes += more
        if len(self.bytes) < needed:
            raise ValueError(f"its rows end before row {bottom}")
        width, bits, colour = (self.stride, 8, 0) if self.packed else (self.width, self.bits, self.colour)
        head = struct.pack(">IIBBBBB", width, count + 1, bits, colour, 0, 0, 0)
        body = zlib.compress(b"\0" + self.above + bytes(self.bytes[:needed]), 0)
        parts = (b"IHDR", head), (b"IDAT", body), (b"IEND", b"")
        chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
        found = imagecodecs.png_decode(PNG + b"".join(chunks))[1:].reshape(count, width, -1)
        del self.bytes[:needed]
        self.row = bottom
        self.above = found[-1].astype(f">u{bits // 8}").tobytes()
        if self.row == self.height:
            self.verify()
        return self._unpacked(found) if self.packed else found

    def _unpacked(self, rows):
        if self.bits == 8:
            return rows
        each = np.unpackbits(rows[..., 0], axis=1).reshape(len(rows), -1, self.bits)
        values = each @ (1 << np.arange(self.bits - 1, -1, -1)).astype(np.uint8)
        return values[:, : self.width, None]

    def verify(self):
        """Read what is left, so that every checksum was looked at."""
        for _ in self.data:
            pass


def _inflated(path):
    """The bytes of the rows of a PNG. Raises ValueError or zlib.error where a CRC-32 or the Adler-32 is wrong."""
    inflate = zlib.decompressobj()
    with Path(path).open("rb") as file:
        file.seek(len(PNG))
        kind = b""
        while kind != b"IEND":
            head = file.read(8)
            if len(head) < 8:
                raise ValueError("its end is missing")
            length, kind = struct.unpack(">I4s", head)
            crc = zlib.crc32(kind)
            while length:
                data = file.read(min(length, BLOCK))
                if not data:
                    raise ValueError("its end is missing")
                length -= len(data)
                crc = zlib.crc32(data, crc)
                while kind == b"IDAT" and data and not inflate.eof:
                    yield inflate.decompress(data, BLOCK)
                    data = inflate.unconsumed_tail
            if file.read(4) != struct.pack(">I", crc):
                raise ValueError(f"the CRC of a chunk {kind.decode('latin-1')} is wrong")
    while not inflate.eof and (more := inflate.decompress(inflate.unconsumed_tail, BLOCK)):
        yield more
    if not inflate.eof:
        raise ValueError("its compressed rows have no end, so no Adler-32")
