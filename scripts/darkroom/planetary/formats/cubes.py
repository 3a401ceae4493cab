"""ISIS3 cubes: read as blocks of lines, written band-sequential with the same bytes for the same image.

Format: USGS ISIS documentation, "Logical Cube Format Guide"; special pixels: SpecialPixel.h.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.planetary.formats import pvl

# Codes of special pixels: nothing there, and below or above what the representation or the instrument can tell.
SPECIAL = {"NULL": 1, "LRS": 2, "LIS": 3, "HIS": 4, "HRS": 5}
NULL, LRS, LIS, HIS, HRS = SPECIAL.values()
# What stands for the codes 1 to 5 in each pixel type; a float is told by its bits.
FIRST_F4 = 0xFF7FFFFB
STORED = {
    "u1": np.array([0, 0, 0, 255, 255], "u1"),
    "u2": np.array([0, 1, 2, 65534, 65535], "u2"),
    "i2": np.arange(-32768, -32763, dtype="i2"),
    "f4": np.arange(FIRST_F4, FIRST_F4 + 5, dtype="u4").view("f4"),
}
VALID = {"u1": (1, 254), "u2": (3, 65522), "i2": (-32752, 32767)}  # a value outside is saturated
TYPES = {"UnsignedByte": "u1", "UnsignedWord": "u2", "SignedWord": "i2", "Real": "f4"}
NAMES = {code: name for name, code in TYPES.items()}
FIELDS = {"Double": "f8", "Real": "f4", "Integer": "i4", "Text": "S"}
LABEL_BYTES = 65536
COLOURS = ("Red", "Green", "Blue")  # the keyword Colour of the group BandBin of a colour image
ROWS = 1024  # of a block, at most
BLOCK = 1 << 22  # pixels of a block, at most


@dataclass
class Table:
    """A table of a cube: records as a structured array, and keywords of its label."""

    name: str
    records: np.ndarray
    keywords: dict = field(default_factory=dict)


@dataclass
class Image:
    """What a cube is written from.

    blocks -- pairs of values (bands, n, samples) and codes: uint8 of the same shape, 0 where the value is valid and
        1 to 5 as in SPECIAL elsewhere, or None where all are valid; in the order of lines, all lines in all
    groups -- Instrument, Archive, BandBin, Kernels and so on, as dicts or Blocks
    objects -- objects beside the cube that are all in its label, such as NaifKeywords
    original -- the label of the product that the image was read from
    """

    bands: int
    lines: int
    samples: int
    dtype: str
    groups: dict
    blocks: Iterable
    tables: list = field(default_factory=list)
    objects: dict = field(default_factory=dict)
    base: float = 0.0
    multiplier: float = 1.0
    original: bytes = b""


def write(path, image):
    """Write a cube, whole or not at all.

    Raises ValueError when the blocks are not of the shape that the image says.
    """
    item = np.dtype(image.dtype).itemsize
    band_bytes = image.lines * image.samples * item
    with files.replacing(path) as partial, partial.open("w+b") as file:
        file.truncate(LABEL_BYTES + image.bands * band_bytes)
        line = 0
        for values, codes in image.blocks:
            bands, rows, samples = values.shape
            if (bands, samples) != (image.bands, image.samples) or line + rows > image.lines:
                raise ValueError(
                    f"{path}: a block of {bands} bands x {rows} lines x {samples} samples at line {line + 1} "
                    f"does not fit in {image.bands} x {image.lines} x {image.samples}"
                )
            stored = encode(values, codes, image.dtype)
            for band in range(bands):
                file.seek(LABEL_BYTES + band * band_bytes + line * samples * item)
                file.write(stored[band].data)
            line += rows
        if line != image.lines:
            raise ValueError(f"{path}: {line} of {image.lines} lines were made")
        file.seek(0, 2)
        label = _label(image)
        for table in image.tables:
            label.append("Table", _table_label(table, file.tell() + 1))
            file.write(np.ascontiguousarray(table.records).tobytes())
        if image.original:
            place = {"Name": "IsisCube", "StartByte": file.tell() + 1, "Bytes": len(image.original)}
            label.append("OriginalLabel", pvl.Block(place, "Object", "OriginalLabel"))
            file.write(image.original)
        text = pvl.dumps(label).encode() + b"End\n"
        if len(text) > LABEL_BYTES:
            raise ValueError(f"{path}: a label of {len(text)} bytes; {LABEL_BYTES} is the most")
        file.seek(0)
        file.write(text)


def _label(image):
    size = {"Samples": image.samples, "Lines": image.lines, "Bands": image.bands}
    pixels = {"Type": NAMES[image.dtype], "ByteOrder": "Lsb", "Base": image.base, "Multiplier": image.multiplier}
    core = {"StartByte": LABEL_BYTES + 1, "Format": "BandSequential", "Dimensions": size, "Pixels": pixels}
    cube = {"Core": pvl.Block(core, "Object", "Core"), **image.groups}
    label = {
        "IsisCube": pvl.Block(cube, "Object", "IsisCube"),
        "Label": pvl.Block({"Bytes": LABEL_BYTES}, "Object", "Label"),
        **{name: pvl.Block(value, "Object", name) for name, value in image.objects.items()},
    }
    return pvl.Block(label)


def _table_label(table, start):
    records = table.records
    head = {
        "Name": table.name,
        "StartByte": start,
        "Bytes": records.nbytes,
        "Records": len(records),
        "ByteOrder": "Lsb",
    }
    block = pvl.Block(head | table.keywords, "Object", "Table")
    names = {code: name for name, code in FIELDS.items()}
    for name in records.dtype.names:
        kind = records.dtype[name]
        text = kind.base.kind == "S"
        size = kind.itemsize if text else math.prod(kind.shape)
        code = "S" if text else f"{kind.base.kind}{kind.base.itemsize}"
        block.append("Field", pvl.Block({"Name": name, "Type": names[code], "Size": size}, "Group", "Field"))
    return block


def encode(values, codes, dtype):
    """Values and codes as the pixels of a type; no number becomes NULL, and an integer out of range is saturated."""
    if dtype == "f4":
        stored = np.ascontiguousarray(values, "<f4")
        codes = np.where(np.isnan(stored), NULL, 0) if codes is None and np.isnan(stored).any() else codes
        stored = stored.copy() if codes is not None and stored is values else stored
    elif np.issubdtype(values.dtype, np.integer) and values.dtype == np.dtype(dtype):
        stored = np.array(values, f"<{dtype}", order="C")  # a copy: special pixels are put in
    else:
        low, high = VALID[dtype]
        with np.errstate(invalid="ignore"):
            rounded = np.floor(values + 0.5)
        seen = np.zeros(values.shape, "u1") if codes is None else codes
        codes = np.where(seen != 0, seen, np.where(rounded < low, LRS, np.where(rounded > high, HRS, 0)))
        codes = np.where((seen == 0) & np.isnan(rounded), NULL, codes)
        stored = np.where(codes == 0, rounded, 0).astype(f"<{dtype}")
    if codes is not None:
        special = codes != 0
        stored[special] = STORED[dtype][codes[special] - 1]
    return stored


class Cube:
    """An ISIS3 cube, tiled or band-sequential, with its label attached or detached.

    Raises ValueError naming the file when it is no cube or is shorter than its label says.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.label = pvl.load(path)
        try:
            cube = self.label["IsisCube"]
            core = cube["Core"]
            size, pixels = core["Dimensions"], core["Pixels"]
            self.samples, self.lines, self.bands = (int(size[key]) for key in ("Samples", "Lines", "Bands"))
            self.dtype = TYPES[pixels["Type"]]
            self.base, self.multiplier = float(pixels["Base"]), float(pixels["Multiplier"])
            order = "<" if pixels["ByteOrder"].upper() == "LSB" else ">"
            start = int(core["StartByte"]) - 1
            tiled = core["Format"].upper() == "TILE"
            rows, columns = (int(core[key]) for key in ("TileLines", "TileSamples")) if tiled else (1, self.samples)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path}: no ISIS3 cube: {str(error).strip(chr(34))}") from error
        self.groups = {key: value for key, value in cube.items() if key != "Core"}
        self._file = self.path.with_name(core["^Core"]) if "^Core" in core else self.path
        self._start, self._type = start, np.dtype(f"{order}{self.dtype}")
        # Tiles down and across, and their lines and samples; a band-sequential cube is one of tiles of a line.
        self._tiles = -(-self.lines // rows), -(-self.samples // columns), rows, columns
        needed = start + self.bands * math.prod(self._tiles) * self._type.itemsize
        if (size := self._file.stat().st_size) < needed:
            raise ValueError(f"{self._file}: cut off: {size} bytes, its label speaks of {needed}")
        self._end = needed if self._file == self.path else 0
        self._require_objects()

    @property
    def is_colour(self):
        """Whether its bands are red, green and blue."""
        return self.groups.get("BandBin", {}).get("Colour") == COLOURS

    @property
    def tail(self):
        """Bytes behind all that the label speaks of: what ISIS leaves of deleted tables, or something else."""
        return max(self.path.stat().st_size - self._end, 0)

    def _require_objects(self):
        """Refuse a file that ends before a table or text of its label."""
        size = self.path.stat().st_size
        for name, _ in self.label.items():
            for block in self.label.all(name):
                if not isinstance(block, pvl.Block) or not {"StartByte", "Bytes"} <= set(block):
                    continue
                if f"^{name}" in block:
                    continue
                try:
                    end = int(block["StartByte"]) - 1 + int(block["Bytes"])
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{self.path}: {name}: {error}") from error
                self._end = max(self._end, end)
                if end > size:
                    raise ValueError(f"{self.path}: cut off: {size} bytes, its label speaks of {end} for {name}")

    def image(self, **changes):
        """All there is of this cube, to be written again with changes: `image(blocks=..., dtype="f4")`."""
        own = {
            key: getattr(self, key) for key in ("bands", "lines", "samples", "dtype", "groups", "base", "multiplier")
        }
        kept = {
            "tables": [self.table(name) for name in self.tables],
            "objects": self.objects,
            "original": self.original,
        }
        return Image(**{"blocks": None, **own, **kept, **changes})

    def raw(self, first_line=0, lines=None, band=1):
        """Stored pixels (lines, samples) of a band, lines counted from 0."""
        last = self.lines if lines is None else min(first_line + lines, self.lines)
        down, across, rows, columns = self._tiles
        above, below = first_line // rows, -(-last // rows)
        count = (below - above) * across * rows * columns
        skipped = ((band - 1) * down + above) * across * rows * columns
        # Not mapped to memory: what was read would count as ours until the end.
        tiles = np.fromfile(self._file, self._type, count, offset=self._start + skipped * self._type.itemsize)
        block = tiles.reshape(below - above, across, rows, columns).swapaxes(1, 2).reshape((below - above) * rows, -1)
        return block[first_line - above * rows : last - above * rows, : self.samples]

    def read(self, first_line=0, lines=None, band=1):
        """Values (lines, samples) as float64, NaN where special, and their codes as uint8; None when all are valid."""
        raw = self.raw(first_line, lines, band)
        codes = decode(raw, self.dtype)
        values = raw.astype("f8")
        if (self.base, self.multiplier) != (0, 1):
            values = values * self.multiplier + self.base
        if codes is not None:
            values[codes != 0] = np.nan
        return values, codes

    def blocks(self, rows=ROWS):
        """All lines as blocks for an Image: values (bands, n, samples) and codes."""
        rows = at_once(self.samples, rows)
        for first in range(0, self.lines, rows):
            values, codes = zip(*(self.read(first, rows, band + 1) for band in range(self.bands)), strict=True)
            some = any(code is not None for code in codes)
            filled = [np.zeros(values[0].shape, "u1") if code is None else code for code in codes]
            yield np.stack(values), np.stack(filled) if some else None

    def stored(self, rows=ROWS):
        """All lines as blocks of an Image that has the same pixels, base and multiplier, to the last bit."""
        rows = at_once(self.samples, rows)
        for first in range(0, self.lines, rows):
            raw = np.stack([self.raw(first, rows, band + 1) for band in range(self.bands)])
            yield raw.astype(self.dtype), decode(raw, self.dtype)

    @property
    def shows(self):
        """Whether any of its pixels is not NULL."""
        rows = at_once(self.samples)
        coded = (
            decode(self.raw(first, rows, band + 1), self.dtype)
            for band in range(self.bands)
            for first in range(0, self.lines, rows)
        )
        return any(codes is None or bool((codes != NULL).any()) for codes in coded)

    def table(self, name):
        """A table by its name. Raises KeyError when the cube has none."""
        for label in self.label.all("Table"):
            if label["Name"] == name:
                return _table(self.path, label)
        raise KeyError(f"{self.path}: no table {name!r}; there are {', '.join(self.tables) or 'none'}")

    @property
    def tables(self):
        """Names of the tables."""
        return [label["Name"] for label in self.label.all("Table")]

    @property
    def objects(self):
        """Objects of the label beside the cube that are all in the label, such as NaifKeywords."""
        blocks = {key: value for key, value in self.label.items() if isinstance(value, pvl.Block)}
        return {
            key: value for key, value in blocks.items() if key not in ("IsisCube", "Label") and "StartByte" not in value
        }

    @property
    def original(self):
        """The label of the product that the cube was made from, as bytes; empty where there is none."""
        place = self.label.get("OriginalLabel")
        if place is None:
            return b""
        with self.path.open("rb") as file:
            file.seek(int(place["StartByte"]) - 1)
            return file.read(int(place["Bytes"]))


def at_once(samples, rows=ROWS, pixels=BLOCK):
    """Lines of a block, so many at most, so that memory is bounded however wide an image is."""
    return max(1, min(rows, pixels // samples))


def size(path):
    """Bands, lines and samples of a cube, by a look at the start of its label.

    Raises ValueError when it is none.
    """
    with Path(path).open("rb") as file:
        dimensions = re.search(rb"Samples\s*=\s*(\d+)\s+Lines\s*=\s*(\d+)\s+Bands\s*=\s*(\d+)", file.read(1 << 16))
    if dimensions is None:
        raise ValueError(f"{path}: no Dimensions in the first 64 kB; an ISIS cube with its label in front has them")
    samples, lines, bands = map(int, dimensions.groups())
    return bands, lines, samples


def decode(raw, dtype):
    """Codes of stored pixels, uint8 of their shape; None when all are valid."""
    if dtype == "f4":
        bits = raw.view(raw.dtype.str.replace("f", "u"))
        # The five patterns lie between the lowest valid number and minus infinity; lower numbers wrap round to above.
        codes = np.minimum(bits - FIRST_F4, len(SPECIAL)).astype("u1")
        codes += 1
        codes[codes > len(SPECIAL)] = 0
        return codes if codes.any() else None
    codes = np.zeros(raw.shape, "u1")
    for code in (LRS, LIS, NULL, HIS, HRS) if dtype != "u1" else (NULL, HRS):
        codes[raw == STORED[dtype][code - 1]] = code
    return codes if codes.any() else None


def _table(path, label):
    order = "<" if label["ByteOrder"].upper() == "LSB" else ">"
    fields = []
    for entry in label.all("Field"):
        kind, size = FIELDS[entry["Type"]], int(entry["Size"])
        if kind == "S":
            fields.append((entry["Name"], f"S{size}"))
        else:
            fields.append((entry["Name"], order + kind, (size,) if size > 1 else ()))
    with Path(path).open("rb") as file:
        file.seek(int(label["StartByte"]) - 1)
        records = np.frombuffer(file.read(int(label["Bytes"])), fields, int(label["Records"]))
    own = {"Name", "StartByte", "Bytes", "Records", "ByteOrder", "Field"}
    return Table(label["Name"], records, {key: value for key, value in label.items() if key not in own})
