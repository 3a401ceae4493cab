"""Section images: which files are slices, in which order, and how their pixels are read.

GDAL (rasterio) reads every page of PNG, JPEG and TIFF through windows, so a band of rows costs no more memory than
itself. Its pages are named as GDAL names datasets, so a page of a multi-page TIFF is a section like any file.
"""

import contextlib
import itertools
import math
import re
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
import rasterio.errors
import tifffile

TIFFS = (".tif", ".tiff")
IN_ORDER = ("PNG", "JPEG")  # GDAL's names of formats whose rows are decoded from the first one on
SUFFIXES = (".png", ".jpg", ".jpeg", *TIFFS)
PALETTES = {"palette": 3, "grey palette": 1}  # channels that the values of a band stand for
MOST_SLICES = 1_000_000  # numbers that ask for more, such as times of day, number no slices
END_MARKS = {b"\x89PNG": b"IEND\xaeB`\x82", b"\xff\xd8\xff": b"\xff\xd9"}
PLACES, WHOLE = (273, 279, 324, 325), {3, 4, 16}  # tags that tell where strips and tiles lie; types of such a tag
PACKING = (1, 5, 8, 32946, 32773)  # TIFF: none, LZW, deflate, PackBits
PACKED, SLACK = 3000, 1 << 26  # bytes that LZW makes of one, at most (deflate: 1032); no small image is worth a word

# Decoding a truncated PNG at one go succeeds silently in GDAL 3.10; row by row it fails, as it should. Neither
# sidecar files nor the listing of a folder of 10,000 sections at each opening is wanted.
GDAL = {
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
}
warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)


class Sections(contextlib.AbstractContextManager):
    """Reader of slices that are GDAL datasets; those of the current slab stay open, so rows are decoded once."""

    def __init__(self, source, threads=1):
        self._source = source
        self.shape = source["shape"]
        self.dtype = np.dtype(source["dtype"])
        self._pool = ThreadPoolExecutor(threads)
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

        def fill(pages):
            channels = [self._window(page, top, bottom, left, right) for page in pages]
            planes[numbers_of[pages]] = np.concatenate(channels, axis=-1)

        list(self._pool.map(fill, numbers_of))
        return planes

    def _window(self, page, top, bottom, left, right):
        """A window of one page as (row, column, channel)."""
        palette = self._source["palette"]
        try:
            with rasterio.Env(**GDAL):
                if page not in self._open:
                    self._open[page] = rasterio.open(page)
                dataset = self._open[page]
                rows = self._rows(page, dataset, top, bottom, left, right)
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"{page}: the image is damaged or cut short ({error.__cause__ or error})") from error
        return _table(dataset)[rows[0]][..., :palette] if palette else rows.transpose(1, 2, 0)

    def _rows(self, page, dataset, top, bottom, left, right):
        """A window of the bands that count, (band, row, column)."""
        return dataset.read(self._source["bands"], window=((top, bottom), (left, right)))

    def __exit__(self, *_):
        # After an error in one thread, others may still read: a dataset closed under them would end the process.
        self._pool.shutdown(cancel_futures=True)
        self.close()

    def close(self, keep=()):
        """Close the datasets that are not in `keep`."""
        for page in set(self._open) - set(keep):
            self._open.pop(page).close()


def _table(dataset):
    """Colours (value, 3) that the values of a dataset of one band stand for: its palette, or grey of under 8 bits."""
    if dataset.colorinterp[0].name != "palette":
        top = 2 ** _bits(dataset) - 1
        return np.repeat((np.arange(256).clip(max=top) * 255 // top).astype(np.uint8), 3).reshape(-1, 3)
    colours = np.zeros((256 ** np.dtype(dataset.dtypes[0]).itemsize, 3), np.uint8)
    for number, colour in dataset.colormap(1).items():
        colours[number] = colour[:3]
    return colours


def _bits(dataset):
    return int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8))


def describe(root, names, kind, slices=None, missing="error", blank_value=0):
    """Source description of a folder of section files; see `stack.describe` for the parameters.

    Raises ValueError for files that are no images, for gaps in the numbering, and for sections that do not agree.
    """
    if slices:
        order, record, unsure = *_listed(root, names, slices), None
    else:
        _require_images(root, names)
        order, record, unsure = _numbered(root, names, missing)
    notes = [unsure] if unsure else []
    if missing == "ignore":
        notes += [f"{record}; nothing was put in their place"] if record else []
        order = [name for name in order if name]
    holes = [number for number, name in enumerate(order) if not name]
    if holes and missing == "error":
        raise ValueError(
            f"{root}: {record}. Say what to do with `missing: blank`, `missing: repeat` (the nearest section) "
            "or, where the numbers mean nothing, `missing: ignore`"
        )
    source = describe_pages([[str(root / name)] for name in order if name], kind)
    source["notes"] += notes
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
    return source | {"blank_value": blank_value}


def _require_value(blank_value, source):
    """Refuse a value of blank slices that sections of this type cannot have."""
    kind = np.dtype(source["dtype"])
    if kind.kind != "f" and not np.iinfo(kind).min <= blank_value <= np.iinfo(kind).max:
        raise ValueError(f"blank_value {blank_value} is no value of the sections, which are {kind.name}")


def describe_pages(slices, kind):
    """Source description of slices, each the list of GDAL datasets that hold its channels. Reads headers alone."""
    with ThreadPoolExecutor(4) as pool:
        headers = list(pool.map(_header, [page for pages in slices for page in pages]))
    usual, _ = Counter(header[1:] for header in headers).most_common(1)[0]
    for page, *header in headers:
        if tuple(header) != usual:
            raise ValueError(f"{page} is {_pixels(header)}, the other sections are {_pixels(usual)}")
    width, height, dtype, colours = usual
    notes = []
    palette = PALETTES.get(colours[0], 0)
    if palette and kind == "segmentation":
        palette = 0
        notes.append("palette images: the palette numbers are the labels")
    elif palette:
        notes.append(f"palette images: expanded to {'RGB' if palette == 3 else 'grey, 0 to 255'}")
    bands = [number for number, colour in enumerate(colours, 1) if colour != "alpha"]
    if len(bands) < len(colours):
        notes.append("the alpha channel is dropped; colours are kept as they are stored")
    channels = (palette or len(bands)) * len(slices[0])
    return {
        "reader": "sections",
        "pages": slices,
        "bands": bands,
        "palette": palette,
        "shape": [len(slices), height, width, channels],
        "dtype": dtype,
        "blank_value": 0,
        "notes": notes,
        **_layout(slices[0][0]),
    }


def _layout(page):
    """How pixels are decoded: `tile`, what comes at once (slices, rows, columns), and whether rows come `in_order`."""
    with rasterio.Env(**GDAL), rasterio.open(page) as dataset:
        return {"tile": [1, *dataset.block_shapes[0]], "in_order": dataset.driver in IN_ORDER}


def _header(page):
    """`(page, width, height, dtype, colour of each band)` of a section that is whole, as far as its ends show."""
    try:
        with rasterio.Env(**GDAL), rasterio.open(page) as dataset:
            if len(set(dataset.dtypes)) > 1 or "complex" in dataset.dtypes[0]:
                raise ValueError(f"{page}: bands of {', '.join(dataset.dtypes)} make no section image")
            if dataset.subdatasets:
                raise ValueError(f"{page} holds {len(dataset.subdatasets)} pages; a file of a stack must hold one")
            colours = tuple(colour.name for colour in dataset.colorinterp)
            if "K" in dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE", ""):
                raise ValueError(f"{page} is made of printing inks (CMYK); convert it to RGB or grey")
            if colours == ("palette",) or (colours == ("gray",) and _bits(dataset) < 8):
                table = _table(dataset)
                colours = ("grey palette",) if (table == table[:, :1]).all() else ("palette",)
            header = (page, dataset.width, dataset.height, dataset.dtypes[0], colours)
    except ValueError:
        raise
    except Exception as error:  # GDAL's errors come by many names, some of them private to rasterio
        raise ValueError(f"{page} is not an image that can be read: {error}") from error
    if not page.startswith("GTIFF_DIR:"):
        _require_end(page, dataset.width * dataset.height * len(colours) * np.dtype(header[3]).itemsize)
    return header


def _require_end(path, needed):
    """Refuse a file that is cut short, or packs more bytes than it can, as far as this is seen without decoding it."""
    path = Path(path)
    squeezes = path.suffix.lower() == ".png"
    with path.open("rb") as file:
        start = file.read(8)
        file.seek(max(0, path.stat().st_size - 4096))
        end = file.read()
    if start[:2] in (b"II", b"MM"):
        try:
            with tifffile.TiffFile(path) as tiff:
                page = tiff.pages.first
                kinds = {tag.dtype for tag in page.tags if tag.code in PLACES}
                if not kinds <= WHOLE:  # GDAL takes them for blank
                    raise ValueError("the places of its strips are no whole numbers")
                squeezes = page.compression in PACKING
                last = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
        except Exception as error:  # tifffile has no one error for what is damaged
            raise ValueError(f"{path} is no TIFF that can be read: {error!r}") from error
        whole = last <= path.stat().st_size
    else:
        whole = all(mark in end for magic, mark in END_MARKS.items() if start.startswith(magic))
    if not whole:
        raise ValueError(f"{path}: the image is cut short, its end is missing")
    if squeezes and needed > SLACK + PACKED * path.stat().st_size:
        raise ValueError(f"{path}: no file of its size holds {needed} bytes of pixels; its header is damaged")


def _pixels(header):
    width, height, dtype, colours = header
    return f"{width} x {height} pixels of {dtype} ({', '.join(colours)})"


def _require_images(root, names):
    """Refuse files that are no images before they are counted as slices."""
    strays = [name for name in names if not name.lower().endswith(SUFFIXES)]
    if not names or len(strays) == len(names):
        what = f"{some(names)} is no volume or section image" if names else "there is no file"
        raise ValueError(
            f"{root}: {what}. Darkroom reads PNG, TIFF and JPEG sections, one NIfTI (.nii, .nii.gz), .npy or "
            "multi-page TIFF, or a Zarr folder"
        )
    if strays:
        usual, _ = Counter(Path(name).suffix for name in names if name not in strays).most_common(1)[0]
        raise ValueError(
            f"{root}: not a section image: {some(strays)}. Choose the sections with `filter`, "
            f"such as filter: '.*{re.escape(usual)}$'"
        )


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


def _numbered(root, names, missing):
    """Sections in natural order with None for each missing number, what is missing, and why that is not known."""
    order = sorted(names, key=natural_key)
    parts = [re.split(r"(\d+)", name) for name in order]
    varying = [place for place, column in enumerate(zip(*parts, strict=False)) if len(set(column)) > 1]
    if len({len(name) for name in parts}) > 1 or len(varying) != 1 or varying[0] % 2 == 0:
        unsure = "gaps were not looked for: file names differ in more than one number"
        return order, "", unsure if len(order) > 1 else None
    numbers = [int(name[varying[0]]) for name in parts]
    if len(set(numbers)) < len(numbers):
        count = Counter(numbers)
        twice = [name for name, number in zip(order, numbers, strict=True) if count[number] > 1]
        raise ValueError(f"{root}: files with the same number: {some(twice)}; choose with `filter` or `slices`")
    step = math.gcd(*(after - before for before, after in itertools.pairwise(numbers)))
    file_of = dict(zip(numbers, order, strict=True))
    expected = range(numbers[0], numbers[-1] + 1, step)
    if len(expected) > MOST_SLICES:
        if missing == "ignore":
            return order, "", "gaps were not looked for: the numbers of the files do not number slices"
        raise ValueError(
            f"{root}: the numbers of the {len(order)} files run from {numbers[0]} to {numbers[-1]} in steps of {step}, "
            "which is no numbering of slices; use `missing: ignore`, or give their order in `slices`"
        )
    holes = [number for number in expected if number not in file_of]
    record = f"section numbers are missing: {some(holes)}" if holes else ""
    return [file_of.get(number) for number in expected], record, None


def natural_key(name):
    """Sort key that puts s2 before s10: runs of digits compare as numbers."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", name))], name


def some(items, limit=5):
    """The first few of a list, for a message."""
    items = [str(item) for item in items]
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
