"""The source of a volume, read by other decoders than those that the writer uses, which look at every checksum.

TIFF is decoded by tifffile and imagecodecs (Adler-32 of deflate, checks of LZMA and Zstandard), PNG by zlib (Adler-32)
and imagecodecs' libpng with the CRC of every chunk; GDAL looks at neither of TIFF's. JPEG files are decoded by Pillow,
after GDAL, which has a warning where their data are damaged; those that GDAL imports, by GDAL again. JPEG 2000 is
decoded by imagecodecs, NIfTI, Analyze and MGH by NumPy, MINC by h5py or netCDF4, NRRD by pynrrd, Zarr by zarr-python,
precomputed chunks by tensorstore. A NumPy file, a TIFF of one run of bytes, JPEG or JPEG 2000 within a TIFF, JPEG XL
and shards have one reader here, which is asked again. Packages that few sources need are imported for these: that takes
a while.
"""

import functools
import gzip
import math
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image
import rasterio
import tensorstore

from darkroom import files, whole_files
from darkroom.atlas import arrays, blocks, chunked, nrrds, pictures, sections

BLOCK = 1 << 16  # bytes that are read or inflated at a go: as many are kept of each open section
PNG = b"\x89PNG\r\n\x1a\n"
JPEG_2000 = b"\0\0\0\x0cjP  ", b"\xffO\xffQ"
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
# None, LZW, deflate (two numbers), PackBits, LZMA, Zstandard: any decoder gives the same values.
LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)
MOST = 1 << 30  # bytes of what is decoded at a go


def opened(source, threads=1):
    """A reader as `stack.open_stack` has it. Raises ValueError for a packed file whose CRC or length is wrong."""
    return Sections(source, threads) if source["reader"] == "sections" else Array(source, threads)


class Array(arrays.Array):
    """An array that is opened by what the writer does not use, where there is such a thing."""

    def opened(self, source):
        if source["reader"] == "nifti" and source["path"].lower().endswith((".gz", ".mgz")):
            require_gzip(source["path"], source)
        return READERS.get(source["reader"], super().opened)(source)


def require_gzip(path, source):
    """Raise ValueError where a gzip file is cut, or its content is not what its CRC-32 and header say."""
    size, whole = 0, math.prod(source["stored_shape"]) * np.dtype(source["stored_dtype"]).itemsize
    whole += source["offset"]
    surplus = path.lower().endswith(".mgz")  # tags behind its values
    try:
        with gzip.open(path) as file:
            while content := file.read(BLOCK):
                size += len(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: the volume is damaged or cut short ({error})") from error
    if size < whole or (size > whole and not surplus):
        raise ValueError(f"{path}: it holds {size} bytes; by its header it has {whole}")


def _numbers(source):
    """The numbers of NIfTI, Analyze or MGH, where they lie."""
    path = source["path"]
    file = arrays.unpacked(path, opens) if (opens := arrays.packing(path)) else path
    return np.memmap(file, source["stored_dtype"], "r", source["offset"], tuple(source["stored_shape"]), order="F")


def _nrrd(source):
    """The numbers of an NRRD as pynrrd reads them; of one that it cannot read or that is too large for it, as they are
    imported."""
    large = math.prod(source["stored_shape"]) * np.dtype(source["stored_dtype"]).itemsize > MOST
    # pynrrd leaves bytes out before and after it unpacks.
    if large or source["packed"] == "hex" or (source["packed"] and source["skip"] > 0):
        return arrays.OPENERS["nrrd"](source)
    import nrrd

    header, _, _ = nrrds.read_header(Path(source["header"]))
    if len(parts := source["parts"]) == 1:
        return nrrd.read(source["header"])[0]
    header |= {"dimension": 1, "sizes": np.array([math.prod(source["stored_shape"]) // len(parts)])}
    values = [nrrd.read_data(header | {"data file": str(Path(part).absolute())}) for part in parts]
    return np.concatenate(values).reshape(source["stored_shape"], order="F")


def _zarr(source):
    if source["spec"]:  # zarr-python takes no correction of what the metadata say
        return arrays.open_zarr(source)
    import zarr

    return zarr.open_array(source["path"], mode="r")


def _precomputed(source):
    info = files.read_json(Path(source["path"], "info"))
    alone = "sharding" in info["scales"][0] or info["scales"][0]["encoding"] == "jxl"
    return chunked.opened(source) if alone else Unpacked(source["path"], info)


READERS = {"nifti": _numbers, "minc": lambda source: Minc(source["path"]), "nrrd": _nrrd, "zarr": _zarr}
READERS |= {"precomputed": _precomputed}


class Unpacked(chunked.Chunks):
    """Chunks in files of their own, which tensorstore decodes from a store in memory, under the names it knows."""

    def __getitem__(self, index):
        spans = [part.indices(extent)[:2] for part, extent in zip(index, self.size, strict=False)]
        context = tensorstore.Context()
        memory = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
        memory["info"] = (self.folder.parent / "info").read_bytes()
        for chunk in blocks.chunks(self.around(spans), self.sides):
            chunk = blocks.common(chunk, [(0, extent) for extent in self.size])
            if (content := self.content(chunk)) is not None:
                memory[f"{self.scale['key']}/{self.name(chunk)}"] = content
        store = chunked.stored(None, {"driver": "memory"}, context)
        return store[tuple(slice(*span) for span in spans)].read().result()


class Minc:
    """The real values of a MINC volume along its own axes. Source: MINC 1 and 2 reference, pixel and real values."""

    def __init__(self, path):
        import h5py
        import netCDF4

        whole_files.require(path)
        hdf5 = whole_files.hdf5_size(path)
        self.file = h5py.File(path) if hdf5 else netCDF4.Dataset(path)
        if hdf5:
            own = self.file["minc-2.0/image/0"]
            self.values, about = own["image"], own["image"].attrs
            self.low, self.high = own["image-min"][()], own["image-max"][()]
        else:
            self.file.set_auto_maskandscale(False)
            self.values = self.file["image"]
            about = {name: self.values.getncattr(name) for name in self.values.ncattrs()}
            self.low, self.high = self.file["image-min"][...], self.file["image-max"][...]
        self.signed = about.get("signtype", b"") if not hdf5 else b""
        self.ndim = len(self.values.shape)
        self.valid = about.get("valid_range")
        if self.valid is None and "valid_min" in about:
            self.valid = about["valid_min"], about["valid_max"]

    def __getitem__(self, index):
        stored = np.asarray(self.values[index])
        if stored.dtype.kind == "f":
            return stored
        if "unsigned" in str(self.signed):
            stored = stored.view(stored.dtype.str.replace("i", "u"))
        limits = np.iinfo(stored.dtype)
        lowest, highest = map(float, self.valid if self.valid is not None else (limits.min, limits.max))
        scales = np.ndim(self.low)
        low, high = (np.asarray(bound)[index[:scales]] for bound in (self.low, self.high))
        more = (...,) + (None,) * (stored.ndim - np.ndim(low))
        share = (np.clip(stored, lowest, highest) - lowest) / (highest - lowest)
        return low[more] + share * (high - low)[more]


class Sections(sections.Sections):
    """Sections whose rows are decoded by what the writer does not use, where the format says each value exactly."""

    def _opened(self, page):
        path, offset = sections.place(page)
        try:
            small = np.prod(self.shape[1:], dtype=float) * self.dtype.itemsize <= MOST >> 2
            return witness(path, offset, self._source["decoders"].get(page), small) or super()._opened(page)
        except Exception as error:
            raise ValueError(f"{path}: the section is damaged ({error})") from error

    def _window(self, page, window):
        try:
            return super()._window(page, window)
        except Exception as error:
            if str(error).startswith(sections.place(page)[0]):
                raise
            raise ValueError(f"{sections.place(page)[0]}: the section is damaged ({error})") from error


def witness(path, offset, decoder, small=True):
    """Reader of the rows of a page, or None where the writer's decoder is asked again.

    small -- whether the picture may be decoded at a go
    """
    with Path(path).open("rb") as file:
        start = file.read(12)
    if start[:2] in (b"II", b"MM"):
        page = pictures.tiff_page(path, offset)
        fits = page.compression in LOSSLESS and page.photometric not in (5, 6) and page.imagedepth == 1
        return pictures.Tiff(path, offset) if fits else None
    if start.startswith(PNG):
        png = Png(path)
        return png if png.fits else png.verify()
    if decoder == "jpeg":
        return pictures.Whole(path, _jpeg)
    if small and start.startswith(JPEG_2000):
        return pictures.Whole(path, _jpeg_2000)
    return None


def _jpeg(path):
    """The picture of a JPEG file by Pillow, after GDAL has found nothing wrong with its data."""
    with rasterio.open(path) as dataset:
        dataset.read()
    with PIL.Image.open(path) as picture:
        return np.asarray(picture)


def _jpeg_2000(path):
    """The picture of a JPEG 2000 file; of one with a palette the numbers, which its codestream alone has."""
    content = Path(path).read_bytes()
    start = content.find(JPEG_2000[1])
    return imagecodecs.jpeg2k_decode(content[start:] if b"pclr" in content[: max(start, 0)] else content)


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

    def read(self, top, bottom, left=0, right=None):
        """Rows [top, bottom), columns [left, right) as (row, column, sample)."""
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
        stored = zlib.compressobj(0)
        with memoryview(self.bytes) as inflated:
            body = stored.compress(b"\0" + self.above), stored.compress(inflated[:needed]), stored.flush()
        picture = [PNG]
        for kind, content in (b"IHDR", [head]), (b"IDAT", body), (b"IEND", []):
            checksum = functools.reduce(lambda crc, part: zlib.crc32(part, crc), content, zlib.crc32(kind))
            picture += struct.pack(">I", sum(map(len, content))), kind, *content, struct.pack(">I", checksum)
        rows = imagecodecs.png_decode(b"".join(picture))[1:].reshape(count, width, -1)
        del self.bytes[:needed]
        self.row = bottom
        self.above = rows[-1].astype(f">u{bits // 8}").tobytes()
        if self.row == self.height:
            self.verify()
        return self._unpacked(rows) if self.packed else rows

    def _unpacked(self, rows):
        if self.bits == 8:
            return rows
        each = np.unpackbits(rows[..., 0], axis=1).reshape(len(rows), -1, self.bits)
        values = each @ (1 << np.arange(self.bits - 1, -1, -1)).astype(np.uint8)
        return values[:, : self.width, None]

    def close(self):
        self.data.close()

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
