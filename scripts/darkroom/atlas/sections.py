"""Section images: how their pixels are read, and what becomes of folders of them.

GDAL (rasterio) reads every page of PNG, JPEG 2000 and TIFF through windows, so a band of rows costs no more memory than
itself. Its pages are named as GDAL names datasets, so a page of a multi-page TIFF is a section like any file. What GDAL
decodes otherwise than libjpeg-turbo does is read by `pictures`.
"""

import contextlib
import functools
import re
import struct
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import rasterio
import rasterio.errors

from darkroom import damage, whole_files
from darkroom.atlas import demands, pictures, tiffs
from darkroom.atlas.numbering import by_channel, by_time, ordered, some

TIFFS = (".tif", ".tiff", ".btf", ".tf8", ".svs", ".ndpi", ".scn", ".qptiff")
JPEG_2000 = (".jp2", ".j2k", ".jpx", ".j2c")
JPEGS = (".jpg", ".jpeg")
SUFFIXES = (".png", *JPEGS, *JPEG_2000, *TIFFS)
IN_ORDER = ("PNG", "JPEG")  # GDAL's names of formats whose rows are decoded from the first one on
PALETTES = {"palette": 3, "grey palette": 1}  # channels that the values of a band stand for
END_MARKS = {
    b"\x89PNG": b"IEND\xaeB`\x82",
    b"\xff\xd8\xff": b"\xff\xd9",
    b"\0\0\0\x0cjP  ": b"\xff\xd9",
    b"\xffO\xffQ": b"\xff\xd9",
}
PLACES, WHOLE = (273, 279, 324, 325), {3, 4, 16}  # tags that tell where strips and tiles lie; types of such a tag
PACKING = (1, 5, 7, 8, 32946, 32773)  # TIFF: none, LZW, JPEG, deflate, PackBits
PACKED, SLACK = 3000, 1 << 26  # bytes that LZW makes of one, at most (deflate: 1032); no small image is worth a word
KEPT = 1 << 28  # bytes of pictures of a slab that are decoded at a go, and stay
PLAIN = (None, 0, 1, 2, 3, 5, 6)  # PhotometricInterpretation of a TIFF: white or black is 0, RGB, palette, CMYK, YCbCr
TURN = 274  # the orientation tag of TIFF and EXIF
WHITE = "gray whose 0 is white"  # of a band with a sign or of floats, which has no black to turn it to

# Decoding a truncated PNG at one go succeeds silently in GDAL 3.10; row by row it fails, as it should. Neither
# sidecar files nor the listing of a folder of 10,000 sections at each opening is wanted, nor 5 % of the memory of the
# machine for blocks that were read.
GDAL = {
    "GDAL_CACHEMAX": 64 << 20,
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
}
warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)


class Header(NamedTuple):
    """What the sections of a stack have to agree in; width and height are those of the picture as it is shown."""

    width: int
    height: int
    dtype: str
    colours: tuple  # of each band
    inverted: int  # the value that stands for black where 0 is white, or 0
    decoder: str | None  # tiff or jpeg of `pictures`; None is GDAL
    tile: tuple  # rows, columns
    in_order: bool
    empty: int = 0  # strips or tiles of a TIFF that are not stored

    def __str__(self):
        white = ", 0 is white" if self.inverted else ""
        return f"{self.width} x {self.height} pixels of {self.dtype} ({', '.join(self.colours)}{white})"

    @property
    def kind(self):
        """All but how it is decoded."""
        return self[:5]


class Sections(contextlib.AbstractContextManager):
    """Reader of slices that are pictures; those of the current slab stay open, so rows are decoded once."""

    def __init__(self, source, threads=1):
        self._source = source
        self.shape = source["shape"]
        self.dtype = np.dtype(source["dtype"])
        # Set anew for each window, GDAL's settings would take longer than a window of few rows.
        self._pool = ThreadPoolExecutor(threads, initializer=lambda: rasterio.Env(**GDAL).__enter__())
        self._open = {}

    def read(self, first, last, top, bottom, left=0, right=None):
        """Rows [top, bottom), columns [left, right) of slices [first, last): array (slice, row, column, channel)."""
        slab = self._source["pages"][first:last]
        right = self.shape[2] if right is None else right
        planes = np.empty((last - first, bottom - top, right - left, self.shape[3]), self.dtype)
        # A section that stands in for a missing neighbour is read once: no two threads share a dataset.
        numbers_of = {}
        for number, pages in enumerate(slab):
            if pages:
                numbers_of.setdefault(tuple(pages), []).append(number)
            else:
                planes[number] = self._source["blank_value"]
        self.close(keep={page for pages in numbers_of for page in pages})
        large = len(numbers_of) * np.prod(self.shape[1:], dtype=float) * self.dtype.itemsize > KEPT

        def fill(pages):
            done = 0
            for page in pages:
                channels = self._window(page, (top, bottom, left, right))
                for number in numbers_of[pages]:
                    planes[number, ..., done : done + channels.shape[-1]] = channels
                done += channels.shape[-1]
            for page in pages if large else ():
                if isinstance(self._open[page], pictures.Whole):
                    self._open.pop(page).close()

        list(self._pool.map(fill, numbers_of))
        return planes

    def _window(self, page, window):
        """A window of one page as (row, column, channel), as it is shown."""
        turn = self._source["turns"].get(page, 1)
        try:
            if page not in self._open:
                self._open[page] = self._opened(page)
            pixels = pictures.shown_window(turn, self.shape[1:3], window, self._open[page].read)
            if palette := self._source["palette"]:
                return _table(page)[pixels[..., 0]][..., :palette]
            bands = [band - 1 for band in self._source["bands"]]
            pixels = pixels if bands == list(range(pixels.shape[-1])) else pixels[..., bands]
        except Exception as error:
            if isinstance(error, ValueError) and place(page)[0] in str(error):
                raise
            raise ValueError(f"{page}: the image is damaged or cut short ({error.__cause__ or error})") from error
        return self._source["inverted"] - pixels if self._source["inverted"] else pixels

    def _opened(self, page):
        """Reader of the windows of a page as it is stored."""
        return opened(page, self._source["decoders"].get(page))

    def __exit__(self, *_):
        # After an error in one thread, others may still read: a dataset closed under them would end the process.
        self._pool.shutdown(cancel_futures=True)
        self.close()

    def close(self, keep=()):
        """Close the pages that are not in `keep`."""
        for page in set(self._open) - set(keep):
            self._open.pop(page).close()


class Dataset:
    """Windows of a GDAL dataset."""

    def __init__(self, page):
        self.dataset = rasterio.open(page)

    def read(self, top, bottom, left, right):
        """Rows [top, bottom), columns [left, right) as (row, column, band)."""
        return self.dataset.read(window=((top, bottom), (left, right))).transpose(1, 2, 0)

    def close(self):
        self.dataset.close()


def opened(page, decoder):
    """Reader of the windows of a page as it is stored: `read(top, bottom, left, right)`, `close()`."""
    path, offset = place(page)
    if decoder == "tiff":
        return pictures.Tiff(path, offset)
    return pictures.Whole(path, pictures.decode_jpeg) if decoder == "jpeg" else Dataset(page)


def place(page):
    """Path of the file of a page, and the offset of its directory in bytes where it is not the first one."""
    if not page.startswith("GTIFF_DIR:"):
        return page, None
    _, _, offset, path = page.split(":", 3)
    return path, int(offset)


@functools.lru_cache(64)
def _table(page):
    """Colours (value, 3) that the values of a page of one band stand for: its palette, or grey of under 8 bits."""
    with rasterio.Env(**GDAL), rasterio.open(page) as dataset:
        return _colours(dataset)


def _colours(dataset):
    if dataset.colorinterp[0].name != "palette":
        top = 2 ** _bits(dataset) - 1
        return np.repeat((np.arange(256).clip(max=top) * 255 // top).astype(np.uint8), 3).reshape(-1, 3)
    colours = np.zeros((256 ** np.dtype(dataset.dtypes[0]).itemsize, 3), np.uint8)
    for number, colour in dataset.colormap(1).items():
        colours[number] = colour[:3]
    return colours


def _bits(dataset):
    return int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8))


def describe(root, names, kind, slices=None, missing="error", blank_value=0, channels=None, series=None, time=None):
    """Source description of a folder of section files; see `stack.describe` for the parameters.

    Raises ValueError for files that are no images, for gaps in the numbering, and for sections that do not agree.
    """
    if slices:
        order, record, unsure = *_listed(root, names, slices), None
        files_of, named, times = {name: [name] for name in order if name}, [], []
    else:
        _require_images(root, names)
        names, time, times = _at_time(root, names, time)
        try:
            files_by_channel = by_channel(names, channels)
            named, first = list(files_by_channel), next(iter(files_by_channel.values()), {name: name for name in names})
            files_of = {
                rest: [files[rest] for files in files_by_channel.values()] or [name] for rest, name in first.items()
            }
            order, record, unsure = ordered(files_of, missing)
        except ValueError as error:
            raise ValueError(f"{root}: {error}") from error
    notes = times + ([unsure] if unsure else [])
    if missing == "ignore":
        notes += [f"{record}; nothing was put in their place"] if record else []
        order = [name for name in order if name]
    holes = [number for number, name in enumerate(order) if not name]
    if holes and missing == "error":
        raise ValueError(
            f"{root}: {record}. Say what to do with `missing: blank`, `missing: repeat` (the nearest section) "
            "or, where the numbers mean nothing, `missing: ignore`"
        )
    planes, about = _planes(root, [files_of[name] for name in order if name], series, time)
    if holes and any(len(slab) > 1 for slab in planes):
        raise ValueError(f"{root}: {record}, and files have several slices each; add it, or use `missing: ignore`")
    source = describe_pages([pages for slab in planes for pages in slab], kind)
    told = about.pop("channels", [])
    named = named or told
    if len(named) == source["shape"][3]:
        source |= {"channels": named}
        notes.append(f"channels: {', '.join(named)}")
    source["notes"] += about.pop("notes") + notes
    if holes:
        if missing == "blank":
            _require_value(blank_value, source)
        what = "left blank" if missing == "blank" else "filled with the nearest section"
        source["notes"].append(f"{record}; {what}")
        there = np.array([number for number, name in enumerate(order) if name])
        pages = dict(zip(there.tolist(), source["pages"], strict=True))
        for number in holes:
            nearest = int(there[np.abs(there - number).argmin()])
            pages[number] = pages[nearest] if missing == "repeat" else None
        source |= {"pages": [pages[number] for number in range(len(order))]}
        source["shape"][0] = len(order)
    return source | about | {"blank_value": blank_value}


def _at_time(root, names, time):
    """Files of the time that is read, where the names of files tell times; the time to read of each file, and notes."""
    times = by_time(names)
    if len(times) < 2:
        return names, time, []
    chosen = demands.chosen_time(root, len(times), time)
    return times[chosen], None, [f"time {chosen} of 0 to {len(times) - 1} is read, which the names of the files tell"]


def _planes(root, files, series, time):
    """Slices of each place in the order, as pages of each channel; and what the first file says of voxels and channels.

    `files` are the names of the files of each place, one for each channel.
    """
    with ThreadPoolExecutor(4) as pool:
        layouts = pool.map(
            functools.partial(_file_planes, series=series, time=time), [root / n for f in files for n in f]
        )
        layouts = iter(list(layouts))
    planes, about = [], None
    for names in files:
        own = [next(layouts) for _ in names]
        about = about or own[0][1]
        if len({len(slab) for slab, _ in own}) > 1:
            raise ValueError(f"{root}: {some(names)} are channels of one slab, but have not as many slices each")
        planes.append(
            [[page for pages in group for page in pages] for group in zip(*(slab for slab, _ in own), strict=True)]
        )
        if own[0][1].get("whole"):
            planes, about = _set(root, own[0], [root / name for names in files for name in names])
            break
    return planes, {key: value for key, value in about.items() if key != "whole"}


def _file_planes(path, series, time):
    """Slices of a file as pages of each channel, and what it says of its voxels and channels."""
    if not path.is_file() or not tiffs.is_tiff(path):  # what is no file is said later
        demands.chosen_time(path, 1, time)
        return [[str(path)]], {"notes": []}
    layout = tiffs.look(path, series, time)
    about = {"notes": layout.notes, "channels": layout.names}
    if layout.resolution:
        about["resolution"] = layout.resolution
    if layout.files - {str(path)}:
        about["whole"] = layout.files
    if not layout.slices:
        raise ValueError(f"{path}: all its planes lie behind one page; such a file can be a volume, but no part of one")
    return layout.slices, about


def _set(root, first, paths):
    """The planes of an OME-TIFF that is a set of files, all of which are there."""
    planes, about = first
    if outside := about["whole"] - set(map(str, paths)):
        raise ValueError(f"{paths[0]}: its metadata speak of pages in other files, such as {some(sorted(outside), 1)}")
    return [planes], about


def _require_value(blank_value, source):
    """Refuse a value of blank slices that sections of this type cannot have."""
    kind = np.dtype(source["dtype"])
    if kind.kind != "f" and not np.iinfo(kind).min <= blank_value <= np.iinfo(kind).max:
        raise ValueError(f"blank_value {blank_value} is no value of the sections, which are {kind.name}")


def describe_pages(slices, kind):
    """Source description of slices, each the list of pages that hold its channels. Reads headers alone."""
    with ThreadPoolExecutor(4) as pool:
        headers = list(pool.map(_header, [page for pages in slices for page in pages]))
    usual = Counter(header.kind for _, header, _ in headers).most_common(1)[0][0]
    header = next(header for _, header, _ in headers if header.kind == usual)
    for page, other, _ in headers:
        if other.kind != usual:
            raise ValueError(f"{page} is {other}, the other sections are {header}")
    notes = []
    palette = PALETTES.get(header.colours[0], 0)
    if palette and kind == "segmentation":
        palette = 0
        notes.append("palette images: the palette numbers are the labels")
    elif palette:
        notes.append(f"palette images: expanded to {'RGB' if palette == 3 else 'grey, 0 to 255'}")
    if header.inverted and kind == "image":
        notes.append(f"0 is white by the tag of the files: {header.inverted} - value is stored, so that black is 0")
    if WHITE in header.colours:
        notes.append(f"0 is white by the tag of the files; their values of {header.dtype} are kept as they are stored")
    bands = [number for number, colour in enumerate(header.colours, 1) if colour != "alpha"]
    if len(bands) < len(header.colours):
        notes.append("the alpha channel is dropped; colours are kept as they are stored")
    if empty := sum(other.empty for _, other, _ in headers):
        notes.append(f"{empty} strips or tiles of the sections are not stored: their values are 0, or those of no data")
    turns = {page: turn for page, _, turn in headers if turn != 1}
    if turns:
        shown = some(f"{Path(place(page)[0]).name} ({turn})" for page, turn in turns.items())
        notes.append(f"the orientation tag of {len(turns)} of {len(headers)} sections is applied: {shown}")
    if any(
        not other.decoder and other.in_order and len(bands) == 3 and page.lower().endswith(JPEGS)
        for page, other, _ in headers
    ):
        notes.append("large JPEG is decoded by GDAL: subsampled colours are not smoothed as libjpeg-turbo does")
    channels = (palette or len(bands)) * len(slices[0])
    return {
        "reader": "sections",
        "pages": slices,
        "bands": bands,
        "palette": palette,
        "inverted": header.inverted if kind == "image" else 0,
        "turns": turns,
        "decoders": {page: other.decoder for page, other, _ in headers if other.decoder},
        "shape": [len(slices), header.height, header.width, channels],
        "dtype": header.dtype,
        "blank_value": 0,
        "notes": notes,
        "tile": [1, *header.tile],
        "in_order": header.in_order,
    }


def _header(page):
    """`(page, Header, orientation tag)` of a section that is whole, as far as its ends show."""
    path, offset = place(page)
    try:
        with Path(path).open("rb") as file:
            start = file.read(12)
        whole_files.require_boxes(path)
        tiff = pictures.tiff_page(path, offset) if start[:2] in (b"II", b"MM") else None
    except Exception as error:
        raise ValueError(f"{page} is not an image that can be read: {error}") from error
    try:
        header, turn = _tiff_header(page, tiff) if tiff and tiff.compression in pictures.FOREIGN else _gdal_header(page)
    except ValueError:
        raise
    except Exception as error:  # GDAL's errors come by many names, some of them private to rasterio
        raise ValueError(f"{page} is not an image that can be read: {error}") from error
    if tiff:
        _require_plain(page, tiff)
        header = header._replace(empty=tiff.databytecounts.count(0))
        turn = tiff.tags.valueof(TURN, 1)
        if tiff.photometric == 0 and np.dtype(header.dtype).kind != "u":
            header = header._replace(colours=(WHITE,))
        elif tiff.photometric == 0 and tiff.bitspersample > 8:
            header = header._replace(inverted=2**tiff.bitspersample - 1, colours=("gray",))
    elif start.startswith(b"\x89PNG"):
        turn = png_turn(path)
    turn = turn if turn in pictures.TURNS else 1  # 0 and other numbers mean nothing
    if offset is None:
        needed = header.width * header.height * len(header.colours) * np.dtype(header.dtype).itemsize
        _require_end(path, needed, tiff)
    height, width = pictures.shown_size(turn, header.height, header.width)
    tile = header.tile if (height, width) == (header.height, header.width) else header.tile[::-1]
    return page, header._replace(width=width, height=height, tile=tile), turn


def _require_plain(page, tiff):
    """Refuse a page of a TIFF whose values are no grey, colours or palette, and one that is a volume itself."""
    if tiff.photometric not in PLAIN:
        kind = getattr(tiff.photometric, "name", tiff.photometric)
        raise ValueError(f"{page} has colours of the kind {kind}; convert it to RGB or grey")
    tiffs.require_flat(page, tiff)


def _gdal_header(page):
    with rasterio.Env(**GDAL), rasterio.open(page) as dataset:
        if len(set(dataset.dtypes)) > 1 or "complex" in dataset.dtypes[0]:
            raise ValueError(f"{page}: bands of {', '.join(dataset.dtypes)} make no section image")
        if dataset.subdatasets:
            raise ValueError(f"{page} holds {len(dataset.subdatasets)} pages; a file of a stack must hold one")
        colours = tuple(colour.name for colour in dataset.colorinterp)
        if "K" in dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE", ""):
            raise ValueError(f"{page} is made of printing inks (CMYK); convert it to RGB or grey")
        dtype, wide = dataset.dtypes[0], np.dtype(dataset.dtypes[0]).itemsize > 1
        if colours == ("palette",) or (colours == ("gray",) and not wide and _bits(dataset) < 8):
            table = _colours(dataset)
            colours = ("grey palette",) if (table == table[:, :1]).all() else ("palette",)
        bytes_whole = dataset.width * dataset.height * len(colours)
        whole = dataset.driver == "JPEG" and len(colours) == 3 and bytes_whole <= pictures.MOST
        tile = (dataset.height, dataset.width) if whole else dataset.block_shapes[0]
        header = Header(
            dataset.width,
            dataset.height,
            dtype,
            colours,
            0,
            "jpeg" if whole else None,
            tile,
            dataset.driver in IN_ORDER,
        )
        return header, int(dataset.tags().get("EXIF_Orientation") or 1)


def _tiff_header(page, tiff):
    """Header of a page whose compression GDAL does not know, or decodes otherwise."""
    if tiff.photometric == 5:
        raise ValueError(f"{page} is made of printing inks (CMYK); convert it to RGB or grey")
    colours = ("red", "green", "blue") if tiff.photometric in (2, 6) else ("gray",)
    colours += ("alpha",) * (tiff.samplesperpixel - len(colours))
    tile = (
        (tiff.tilelength, tiff.tilewidth)
        if tiff.is_tiled
        else (min(tiff.rowsperstrip, tiff.imagelength), tiff.imagewidth)
    )
    return Header(tiff.imagewidth, tiff.imagelength, tiff.dtype.name, colours, 0, "tiff", tile, False), 1


def png_turn(path):
    """The orientation tag of a PNG, in a chunk eXIf before its pixels. Source: PNG 3, 11.3.4.6."""
    with Path(path).open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in (b"IDAT", b"IEND"):
                break
            if kind == b"eXIf":
                exif = PIL.Image.Exif()
                exif.load(b"Exif\0\0" + file.read(length))
                return exif.get(TURN, 1)
            file.seek(length + 4, 1)
    return 1


def _require_end(path, needed, page):
    """Refuse a file that is cut short, or packs more bytes than it can, as far as this is seen without decoding it.

    `page` is tifffile's first page of a TIFF.
    """
    path = Path(path)
    size, squeezes = path.stat().st_size, path.suffix.lower() == ".png"
    if page:
        if not {tag.dtype for tag in page.tags if tag.code in PLACES} <= WHOLE:  # GDAL takes them for blank
            raise ValueError(f"{path} is no TIFF that can be read: the places of its strips are no whole numbers")
        squeezes = page.compression in PACKING
        try:
            last = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
        except ValueError as error:
            raise damage.unreadable(path, "TIFF", error) from error
        whole = last <= size
    else:
        with path.open("rb") as file:
            start = file.read(12)
            file.seek(max(0, size - 4096))
            end = file.read()
        whole = all(mark in end for magic, mark in END_MARKS.items() if start.startswith(magic))
    if not whole:
        raise ValueError(f"{path}: the image is cut short, its end is missing")
    if squeezes and needed > SLACK + PACKED * size:
        raise ValueError(f"{path}: no file of its size holds {needed} bytes of pixels; its header is damaged")


def _require_images(root, names):
    """Refuse files that are no images before they are counted as slices."""
    strays = [name for name in names if not name.lower().endswith(SUFFIXES)]
    if not names or len(strays) == len(names):
        what = f"{some(names)} is no volume or section image" if names else "there is no file"
        raise ValueError(
            f"{root}: {what}. Darkroom reads sections (PNG, TIFF, JPEG, JPEG 2000), one volume (NIfTI, "
            "Analyze, MGH, MINC, NRRD, .npy, TIFF), or a folder of Zarr or Neuroglancer precomputed; of other "
            "formats of microscopes bioformats2raw makes a Zarr"
        )
    if strays:
        usual, _ = Counter(Path(name).suffix for name in names if name not in strays).most_common(1)[0]
        raise ValueError(
            f"{root}: not a section image: {some(strays)}. Choose the sections with `filter`, "
            f"such as filter: '.*{re.escape(usual)}$'"
        )
    count = Counter(name.rpartition(".")[0] for name in names)
    if same := [name for name in names if count[name.rpartition(".")[0]] > 1]:
        raise ValueError(f"{root}: files that differ in their ending alone: {some(same)}. Choose with `filter`")


def _listed(root, names, slices):
    """Sections in the order of an explicit list; an empty entry or a file that is not there is a missing slice."""
    files = set(names)
    if twice := [name for name, count in Counter(filter(None, slices)).items() if count > 1]:
        raise ValueError(f"{root}: `slices` names {some(twice)} more than once")
    order = [name if name in files else None for name in slices]
    if not any(order):
        raise ValueError(f"{root}: none of the files that `slices` lists is there, such as {slices[0]!r}")
    holes = [slices[number] or f"entry {number + 1}" for number, name in enumerate(order) if not name]
    return order, f"listed slices are missing: {some(holes)}" if holes else ""
