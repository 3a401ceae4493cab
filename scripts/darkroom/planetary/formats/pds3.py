"""Image objects of PDS3 products: where the samples lie in the file, and how they are read.

Format: PDS Standards Reference 3.8 (JPL D-7669), chapter 14 (pointers) and appendices A.20 (IMAGE), A.24 (QUBE), A.29
(TABLE), C (binary types).
"""

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkroom.planetary.formats import fits, pvl

OBJECTS = ("IMAGE", "QUBE", "SPECTRAL_QUBE")
HOLDERS = ("FILE", "UNCOMPRESSED_FILE")  # objects that may stand around the image and its pointer
LSB = re.compile(r"^(LSB|PC|VAX)_")
AXES = {
    "BAND_SEQUENTIAL": ("SAMPLE", "LINE", "BAND"),
    "LINE_INTERLEAVED": ("SAMPLE", "BAND", "LINE"),
    "SAMPLE_INTERLEAVED": ("BAND", "SAMPLE", "LINE"),
}
# Keywords of special pixels, in the order in which ISIS tests for them, and the code of each (see _cubes.SPECIAL).
SPECIAL = {
    "NULL": 1,
    "HIGH_REPR_SATURATION": 5,
    "LOW_REPR_SATURATION": 2,
    "HIGH_INSTR_SATURATION": 4,
    "LOW_INSTR_SATURATION": 3,
}

BYTE = np.dtype("u1")


class ProductError(ValueError):
    """What is wrong with a product; the text names the file."""


@dataclass(frozen=True)
class Image:
    """Where and how the samples of an image are stored.

    offset -- of the first sample, in bytes
    strides -- bytes from one band, line and sample to the next
    prefix, suffix -- bytes before and behind the samples of a line
    vax -- whether samples are VAX floating point, which numpy does not know
    scale -- (base, multiplier) of each band, or one pair for all: value = sample * multiplier + base
    special -- sample values that are no measurement, with their codes, in the order in which they are looked for
    """

    file: Path
    offset: int
    bands: int
    lines: int
    samples: int
    dtype: np.dtype
    strides: tuple
    prefix: int = 0
    suffix: int = 0
    vax: bool = False
    scale: tuple = ((0.0, 1.0),)
    special: tuple = ()

    @property
    def end(self):
        """Bytes that the file must have: up to the last sample, and the suffix behind it."""
        last = sum(
            (count - 1) * step for count, step in zip((self.bands, self.lines, self.samples), self.strides, strict=True)
        )
        return self.offset + last + self.dtype.itemsize + self.suffix

    def codes(self, raw):
        """Codes of samples, uint8 of their shape; None when all are valid."""
        codes = None
        for value, code in reversed(self.special):  # the first that fits wins
            special = raw == value
            if special.any():
                codes = np.zeros(raw.shape, "u1") if codes is None else codes
                codes[special] = code
        return codes


class Product:
    """A PDS3 product, given by its label, or by its file of data with the label in front or beside it; or a FITS file.

    Raises ProductError or OSError when there is no such label.
    """

    def __init__(self, path):
        self.path = Path(path)
        if self.path.is_file() and fits.is_fits(self.path):
            self.label_path = self.path
            self.label, self.original = fits.label(self.path)
            return
        self.label_path = _label_path(self.path)
        self.label = pvl.load(self.label_path)
        self.original = pvl.read_head(self.label_path).rstrip() + b"\r\nEND\r\n"

    def __getitem__(self, keyword):
        """A keyword of the label. Raises ProductError when it is missing."""
        if keyword not in self.label:
            raise ProductError(f"{self.label_path}: no {keyword} in the label")
        return self.label[keyword]

    def pointer(self, name):
        """File and offset in bytes of an object."""
        value = next((holder[f"^{name}"] for holder in self._holders() if f"^{name}" in holder), None)
        if value is None:
            raise ProductError(f"{self.label_path}: no ^{name} in the label; it would say where the {name} begins")
        file, *place = sequence(value) or (None,)
        if isinstance(file, pvl.Quantity) or str(file).isdigit():
            file, place = "", [file]
        try:
            (place,) = place or ["1"]
            begin = int(place) - 1
            if begin < 0 or not isinstance(file, str):
                raise ValueError
        except (TypeError, ValueError):
            raise ProductError(
                f"{self.label_path}: ^{name} = {value}: right is the number of a record or a byte, a file, or both"
            ) from None
        file = _beside(self.label_path, file) if file else self.label_path
        if begin and not isinstance(place, pvl.Quantity):
            size = self["RECORD_BYTES"]
            begin *= _counted("RECORD_BYTES", size, size, 1)
        return file, begin

    def image(self):
        """Geometry of the image. Raises ProductError when there is none, or when the file is shorter than it."""
        name, block = self.object()
        make = self._from_image if name == "IMAGE" else self._from_qube
        try:
            image = make(block, *self.pointer(name))
        except ProductError:
            raise
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ProductError(f"{self.label_path}: {name}: {error.args[0]}") from error
        size = image.file.stat().st_size
        if size < image.end:
            raise ProductError(
                f"{image.file}: cut off: {size} bytes; by LINES and LINE_SAMPLES of its label ({image.lines} x "
                f"{image.samples}, {image.bands} bands) it has {image.end}"
            )
        stated = self._stated()
        if stated and size > stated >= image.end:
            raise ProductError(
                f"{image.file}: {size} bytes; by FILE_RECORDS and RECORD_BYTES of its label it has {stated}: "
                "what is too much may stand anywhere, so the image may be shifted; get the file again, as binary"
            )
        return image

    def _stated(self):
        """Bytes of the image's file by its label; 0 where that does not tell."""
        name, _ = self.object()
        holder = next((one for one in self._holders() if f"^{name}" in one and "FILE_RECORDS" in one), self.label)
        if str(holder.get("RECORD_TYPE", self.label.get("RECORD_TYPE", ""))).upper() != "FIXED_LENGTH":
            return 0
        records = [str(holder.get(key, "")) for key in ("FILE_RECORDS", "RECORD_BYTES")]
        return math.prod(map(int, records)) if all(map(str.isdigit, records)) else 0

    def object(self):
        """Name and block of the image object."""
        for holder in self._holders():
            for name in OBJECTS:
                if isinstance(holder.get(name), pvl.Block):
                    return name, holder[name]
        raise ProductError(
            f"{self.label_path}: a label without image; one of the objects {', '.join(OBJECTS)} is needed"
        )

    def rows(self, first, count):
        """Samples (bands, count, samples) as they are stored, lines counted from 0: a view of the file."""
        image = self.image()
        view = self._view(image, first, count, 0, image.samples, image.dtype, image.strides[2])
        return from_vax(view) if image.vax else view

    def prefix(self, first, count):
        """Bytes before the samples of each line of the first band, uint8 (count, prefix bytes)."""
        image = self.image()
        return self._view(image, first, count, -image.prefix, image.prefix)[0]

    def suffix(self, first, count):
        """Bytes behind the samples of each line of the first band, uint8 (count, suffix bytes)."""
        image = self.image()
        row = image.samples * image.strides[2]
        return self._view(image, first, count, row, image.suffix)[0]

    def header(self):
        """Bytes of the image's file before the image."""
        image = self.image()
        with image.file.open("rb") as file:
            return file.read(image.offset - image.prefix)

    def table(self, name):
        """Rows of a TABLE as a structured array; the fields of text are bytes."""
        block = self.label[name]
        columns = block.all("COLUMN")
        if not columns and "^STRUCTURE" in block:
            columns = pvl.load(_beside(self.label_path, block["^STRUCTURE"])).all("COLUMN")
        width = sum(int(block.get(key, 0)) for key in ("ROW_PREFIX_BYTES", "ROW_BYTES", "ROW_SUFFIX_BYTES"))
        fields = {
            "names": [column["NAME"] for column in columns],
            "formats": [_column_dtype(column) for column in columns],
            "offsets": [int(column["START_BYTE"]) - 1 + int(block.get("ROW_PREFIX_BYTES", 0)) for column in columns],
            "itemsize": width,
        }
        file, offset = self.pointer(name)
        return np.memmap(file, np.dtype(fields), "r", offset, int(block["ROWS"]))

    def verify(self):
        """Compare the checksums that the label states with the image's bytes.

        MD5_CHECKSUM and CHECKSUM (sum of bytes) of an IMAGE are judged; the former may be of all that the file has from
        the image on. A file that is not as long as FILE_RECORDS says was cropped since, and its checksum is of another
        image. Raises ProductError when one differs.
        """
        name, block = self.object()
        stated = {key: str(block[key]).lower() for key in ("MD5_CHECKSUM", "CHECKSUM") if key in block}
        if name != "IMAGE" or not stated or not self._whole():
            return
        image = self.image()
        digest, total, computed = hashlib.md5(usedforsecurity=False), 0, {"MD5_CHECKSUM": [], "CHECKSUM": []}
        with image.file.open("rb") as file:
            file.seek(image.offset - image.prefix)
            for end in (image.end, image.file.stat().st_size):
                while data := file.read(min(end - file.tell(), 1 << 22)):
                    digest.update(data)
                    total += int(np.frombuffer(data, "u1").sum()) if "CHECKSUM" in stated else 0
                computed["MD5_CHECKSUM"].append(digest.hexdigest())
                computed["CHECKSUM"].append(str(total % (1 << 32)))
        for key, value in stated.items():
            if value not in computed[key]:
                raise ProductError(
                    f"{image.file}: {key} of the label is {value}, that of the image is {computed[key][0]}"
                )

    def _whole(self):
        """Whether the file is as long as the label says."""
        records = [str(self.label.get(key, "")) for key in ("FILE_RECORDS", "RECORD_BYTES")]
        return all(map(str.isdigit, records)) and self.image().file.stat().st_size == math.prod(map(int, records))

    def _holders(self):
        return [self.label, *(self.label[name] for name in HOLDERS if isinstance(self.label.get(name), pvl.Block))]

    def _from_image(self, block, file, offset):
        bands, lines, samples = count(block, "BANDS", 1), count(block, "LINES"), count(block, "LINE_SAMPLES")
        dtype, vax = sample_type(block.get("SAMPLE_TYPE", "LSB_INTEGER"), count(block, "SAMPLE_BITS", 8))
        prefix, suffix = (count(block, f"LINE_{end}_BYTES", 0, least=0) for end in ("PREFIX", "SUFFIX"))
        storage = str(block.get("BAND_STORAGE_TYPE", "BAND_SEQUENTIAL")).upper().replace(" ", "_")
        if storage not in AXES:
            raise ProductError(f"{self.label_path}: BAND_STORAGE_TYPE = {storage}; known are {', '.join(AXES)}")
        counts = {"SAMPLE": samples, "LINE": lines, "BAND": bands}
        steps, step = {}, dtype.itemsize
        for axis in AXES[storage]:
            steps[axis] = step
            step = step * counts[axis] + (prefix + suffix if axis == "SAMPLE" else 0)
        return Image(
            file,
            offset + prefix,
            bands,
            lines,
            samples,
            dtype,
            tuple(steps[axis] for axis in ("BAND", "LINE", "SAMPLE")),
            prefix,
            suffix,
            vax,
            ((float(block.get("OFFSET", 0)), float(block.get("SCALING_FACTOR", 1))),),
            _special(block, dtype),
        )

    def _from_qube(self, block, file, offset):
        axes = [str(axis).upper() for axis in sequence(block["AXIS_NAME"])]
        if sorted(axes) != ["BAND", "LINE", "SAMPLE"]:
            raise ProductError(f"{self.label_path}: AXIS_NAME = {axes}; the axes must be SAMPLE, LINE and BAND")
        counts = counts_of(block, "CORE_ITEMS", len(axes))
        suffixes = counts_of(block, "SUFFIX_ITEMS", len(axes), least=0) if "SUFFIX_ITEMS" in block else [0, 0, 0]
        suffix = int(block.get("SUFFIX_BYTES", 4))
        dtype, vax = sample_type(block.get("CORE_ITEM_TYPE", "LSB_INTEGER"), 8 * int(block.get("CORE_ITEM_BYTES", 1)))
        row = counts[0] * dtype.itemsize + suffixes[0] * suffix
        plane = counts[1] * row + suffixes[1] * (counts[0] + suffixes[0]) * suffix
        steps = dict(zip(axes, (dtype.itemsize, row, plane), strict=True))
        size = dict(zip(axes, counts, strict=True))
        bins = block.get("BAND_BIN", pvl.Block())
        scale = [(block.get("CORE_BASE", "0"), block.get("CORE_MULTIPLIER", "1"))]
        if "BAND_BIN_BASE" in bins and "BAND_BIN_MULTIPLIER" in bins:
            scale = zip(sequence(bins["BAND_BIN_BASE"]), sequence(bins["BAND_BIN_MULTIPLIER"]), strict=True)
        return Image(
            file,
            offset,
            size["BAND"],
            size["LINE"],
            size["SAMPLE"],
            dtype,
            tuple(steps[axis] for axis in ("BAND", "LINE", "SAMPLE")),
            0,
            suffixes[0] * suffix if axes[0] == "SAMPLE" else 0,
            vax,
            tuple((float(base), float(multiplier)) for base, multiplier in scale),
            _special(block, dtype),
        )

    @staticmethod
    def _view(image, first, count, begin, width, dtype=BYTE, step=1):
        """Items of each line from a byte counted from its first sample; only these lines are mapped into memory."""
        count = max(min(count, image.lines - first), 0)
        steps = (*image.strides[:2], step)
        counts = (image.bands, count, width)
        if 0 in counts:
            return np.empty(counts, dtype)
        start = image.offset + first * image.strides[1] + begin
        span = sum((n - 1) * step for n, step in zip(counts, steps, strict=True)) + dtype.itemsize
        mapped = np.memmap(image.file, "u1", "r", start, (span,))
        return np.ndarray(counts, dtype, mapped, 0, steps)


def sample_type(name, bits):
    """Data type of a sample, and whether it is VAX floating point (read as its words).

    Bytes are unsigned whatever the label says, as ISIS has it: archives call them LSB_INTEGER or SUN_INTEGER. 12 bits
    stand in 16. Raises ValueError for a type that is none of PDS3's.
    """
    name = str(name).upper().replace(" ", "_")
    real = name == "FLOAT" or name.endswith("REAL")
    size = {8: 1, 12: 2, 16: 2, 32: 4, 64: 8}.get(bits)
    if size is None or (real and size < 4) or not (real or name.endswith("INTEGER")):
        raise ValueError(
            f"SAMPLE_TYPE = {name} of {bits} bits; known are integers of 8, 16, 32 and reals of 32, 64 bits"
        )
    vax = name == "VAX_REAL"
    kind = "u" if vax or size == 1 or "UNSIGNED" in name else "i"
    order = "<" if LSB.match(name) or name == "REAL_LSB" else ">"
    return np.dtype(f"{order}{'f' if real and not vax else kind}{size}"), vax


def from_vax(words):
    """VAX F floating point, read as little-endian uint32, as float32.

    The two words are swapped and the exponent is 2 higher than IEEE's (VAX Architecture Reference Manual); numbers
    below 2e-38 become 0.
    """
    bits = (words << 16) | (words >> 16)
    large = (bits >> 23 & 0xFF) > 2
    return np.where(large, bits - np.uint32(2 << 23), 0).astype("u4").view("f4")


def count(block, key, default=None, least=1):
    """A keyword that is a whole number. Raises KeyError where it is missing, ValueError where it is none."""
    value = block[key] if default is None else block.get(key, default)
    return _counted(key, value, value, least)


def counts_of(block, key, number, least=1):
    """A keyword that is a sequence of whole numbers. Raises as `count` does."""
    values = sequence(block[key])
    if len(values) != number:
        raise ValueError(f"{key} = {block[key]}: right are {number} whole numbers")
    return [_counted(key, one, values, least) for one in values]


def _counted(key, value, shown, least):
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise ValueError(f"{key} = {shown}: right is a whole number, {least} or more")
    return number


def sequence(value):
    """A value or a sequence of values as a tuple."""
    return value if isinstance(value, tuple) and not isinstance(value, pvl.Quantity) else (value,)


def _special(block, dtype):
    """Pairs of sample value and code; qubes and exported images put CORE_ before the keyword."""
    pairs = []
    for keyword, code in SPECIAL.items():
        value = block.get(keyword, block.get(f"CORE_{keyword}", "NULL"))
        if str(value).upper() not in ("NULL", "N/A", "UNK"):
            pairs.append((_number(str(value), dtype), code))
    return tuple(pairs)


def _number(text, dtype):
    """A number, which may be written as the bits of a sample: 16#FF7FFFFB#."""
    if based := re.fullmatch(r"(\d+)#([0-9A-Fa-f]+)#", text):
        bits = int(based[2], int(based[1]))
        return np.array(bits, f"u{dtype.itemsize}").view(dtype.newbyteorder("="))[()]
    return float(text)


def _column_dtype(column):
    kind, items = column["DATA_TYPE"].upper(), int(column.get("ITEMS", 1))
    size = int(column["ITEM_BYTES"]) if "ITEM_BYTES" in column else int(column["BYTES"]) // items
    binary = kind.endswith(("_INTEGER", "_REAL")) and "ASCII" not in kind and size in (1, 2, 4, 8)
    dtype = sample_type(kind, 8 * size)[0] if binary else np.dtype(f"S{size}")
    return (dtype, (items,)) if items > 1 else dtype


def _label_path(path):
    """The file with the label: the one given, or that of the same name beside it."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        head = file.read(4096)
    if re.match(rb"\s*(/\*.*?\*/\s*)*(PDS_VERSION_ID|ODL_VERSION_ID|CCSD\w+|NJPL\w+)\s*=", head, re.DOTALL):
        return path
    beside = [other for other in sorted(path.parent.iterdir()) if other.stem.lower() == path.stem.lower()]
    for other in beside:
        if other.suffix.upper() == ".LBL" and other != path:
            return other
    if head.lstrip().startswith(b"<") or any(other.suffix.upper() == ".XML" for other in beside):
        raise ProductError(f"{path}: PDS4, not read; right is a product of PDS3")
    raise ProductError(
        f"{path}: no PDS3 product: it does not begin with PDS_VERSION_ID, and there is no {path.stem}.LBL beside it"
    )


def _beside(label, name):
    """A file that the label names, in any case of its letters."""
    path = label.with_name(name)
    if path.is_file():
        return path
    same = (other for other in sorted(label.parent.iterdir()) if other.name.upper() == Path(name).name.upper())
    if file := next(same, None):
        return file
    raise FileNotFoundError(f"{path}: no such file; {label.name} says that the data are in it")
