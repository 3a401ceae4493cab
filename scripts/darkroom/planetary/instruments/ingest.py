"""Ingest: raw images of spacecraft (PDS3) as ISIS3 cubes, as ISIS's own import programs make them.

What the cameras' files share. Source of the label translations and of the rules for pixels: USGS ISIS 8.3,
appdata/translations and the programs *2isis (public domain).
"""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkroom.planetary import labels
from darkroom.planetary.formats import cubes, pds3, pvl
from darkroom.planetary.instruments import registry

BLOCK = 1 << 20  # bytes of samples of a block: what it becomes stays in the cache


def image(path, part="", options=None, camera=None):
    """A product as the content of a cube, a `cubes.Image` whose blocks are read as they are asked for.

    part -- which of its cubes, where it becomes several
    options -- those of the section `ingest` that the camera has
    camera -- by default the one of ours that the label tells

    Raises ValueError or OSError naming the file and the keyword.
    """
    product = pds3.Product(path)
    with naming(path):
        camera = camera or registry.of_product(product.label)
        require_level(camera, product.label)
        settings = camera.settings("ingest", options or {})
        if part not in (names := parts(product, camera)):
            raise ValueError(f"no part {part!r}; there are {', '.join(names)}")
        product.verify()
        return camera.ingest(product, part, settings)


def parts(product, camera=None):
    """Names of the cubes that become of a product: [""] when it is one."""
    camera = camera or registry.of_product(product.label)
    return camera.parts(product) if camera.parts else [""]


def require_level(camera, label):
    """Raise ValueError when a product is of another level than those that can be read."""
    projected = "IMAGE_MAP_PROJECTION" in label
    if projected or not labels.fits(label, camera.level):
        name, map_too = labels.text(label.get("DATA_SET_ID", "missing")), ", map-projected" if projected else ""
        raise ValueError(
            f"DATA_SET_ID = {name} is a product of {camera.name} of another level{map_too}; {camera.wanted} is needed"
        )


@contextmanager
def naming(path):
    """Put the file in front of what went wrong with it."""
    try:
        yield
    except pds3.ProductError:
        raise
    except (KeyError, ValueError) as error:
        raise pds3.ProductError(f"{path}: {error.args[0]}") from error


# Labels


class Key(NamedTuple):
    """How a keyword of the cube's label comes from one of the product's label.

    keyword -- PDS3 keyword, or several of which the first that is there counts
    default -- value where it is missing; None: an error; "": left out
    words -- values that change, by upper-case PDS3 value; {"*": x} stands for every other value
    place -- object or group of the PDS3 label that has the keyword
    closed -- a value that is not in `words` is an error (or left out, where the default is "")
    """

    keyword: str | tuple
    default: str | None = None
    words: dict = {}  # noqa: RUF012
    place: str = ""
    closed: bool = False


def keys(names, prefix="", **rule):
    """Keys of the cube's label whose PDS3 keyword is the same name in upper case: `OrbitNumber`, ORBIT_NUMBER."""
    word = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+|\d+")
    return {name: Key(prefix + "_".join(word.findall(name)).upper(), **rule) for name in names.split()}


def translate(label, table):
    """A group of the cube's label from a product's label. Raises ValueError when a needed keyword is missing."""
    group = {}
    for name, key in table.items():
        value = _translated(label, key)
        if value != "":
            group[name] = value
    return group


def _translated(label, key):
    holder = label.get(key.place, pvl.Block()) if key.place else label
    names = (key.keyword,) if isinstance(key.keyword, str) else key.keyword
    value = next((holder[name] for name in names if name in holder), "")
    if value == "":
        if key.default is None:
            raise ValueError(f"no {names[0]} in {key.place or 'the label'}")
        value = key.default
    if type(value) is tuple and len(value) == 1 and type(value[0]) is not tuple:
        value = value[0]  # as ISIS writes a sequence of one
    return _worded(value, key) if key.words and value != "" else value


def _worded(value, key):
    if isinstance(value, pvl.Quantity):
        return pvl.Quantity(_worded(value.value, key), value.unit)
    if isinstance(value, tuple):
        return tuple(_worded(item, key) for item in value)
    other = key.words.get("*", "" if key.closed else value)
    word = key.words.get(value.upper(), other)
    if word == "" and key.default != "":
        raise ValueError(f"{key.keyword} = {value}; known are {', '.join(key.words)}")
    return word


def number(value):
    """A number as ISIS writes it: 14 digits after the point at most, and always a point."""
    text = f"{value:.14g}"
    return text if re.search(r"[.en]", text) else text + ".0"


def plain(value):
    """A value without its unit."""
    return value.value if isinstance(value, pvl.Quantity) else value


def without_z(time):
    """A time without the Z of UTC, as the SPICE toolkit of ISIS wants it."""
    return time.rstrip("Zz")


# Pixels


def cube(product, groups, dtype, blocks, **more):
    """The content of a cube of the same size as the product's image."""
    size = product.image()
    content = {"bands": size.bands, "lines": size.lines, "samples": size.samples, "original": product.original}
    return cubes.Image(**(content | {"groups": groups, "dtype": dtype, "blocks": blocks} | more))


def lines(image):
    """First lines of blocks, and the lines of a block."""
    count = max(BLOCK // (image.bands * image.samples * image.dtype.itemsize), 1)
    return range(0, image.lines, count), count


def upside_down(product):
    """Blocks of the samples as they are, the last line first."""
    firsts, count = lines(product.image())
    for first in reversed(firsts):
        yield product.rows(first, count)[:, ::-1].astype("f4"), None


def converted(product, convert):
    """Blocks of `convert(samples)`: samples as they are stored to values and codes."""
    firsts, count = lines(product.image())
    for first in firsts:
        yield convert(product.rows(first, count))


def looked_up(table, codes=None):
    """A conversion of unsigned samples by a table of values, with the codes of those that are no measurement."""
    special = np.flatnonzero(codes) if codes is not None else []

    def convert(raw):
        if any((raw == sample).any() for sample in special):
            return np.take(table, raw), np.take(codes, raw)
        return np.take(table, raw), None

    return convert


def scaled(image):
    """A conversion of samples to physical values by the scale of each band."""
    base, multiplier = (np.array(values).reshape(-1, 1, 1) for values in zip(*image.scale, strict=True))

    def convert(raw):
        return raw * multiplier + base, image.codes(raw)

    return convert


def native(product, groups):
    """A cube of the samples as they are, where a pixel type of cubes holds them; the scale goes to the cube's label.

    Samples that the pixel type keeps for special pixels are saturated, as ISIS does it.
    """
    image = product.image()
    dtype = {"u1": "u1", "u2": "u2", "i2": "i2"}.get(image.dtype.str[1:], "f4")
    if dtype == "f4" or len(image.scale) > 1:
        return cube(product, groups, "f4", converted(product, scaled(image)))
    (base, multiplier) = image.scale[0]
    low, high = cubes.VALID[dtype]

    def convert(raw):
        codes = image.codes(raw)
        below, above = raw < low, raw > high
        if below.any() or above.any():
            codes = np.zeros(raw.shape, "u1") if codes is None else codes
            codes[below & (codes == 0)] = cubes.LRS
            codes[above & (codes == 0)] = cubes.HRS
        return raw.astype(dtype), codes

    return cube(product, groups, dtype, converted(product, convert), base=base, multiplier=multiplier)


def inverted(pairs):
    """Table of the middle of each range of original values, float64, from the (low, high) pairs of a label."""
    return np.array([(float(low) + float(high)) / 2 for low, high in pairs])


def read_table(path):
    """Look-up table of a text file, float64: values of the samples from 0 on, or two columns of sample and value."""
    try:
        text = Path(path).read_text().strip()
        rows = [[float(word) for word in re.split(r"[\s,]+", line.strip(" ,"))] for line in text.splitlines()]
    except ValueError as error:
        raise ValueError(f"{path}: no look-up table: {error}") from error
    if not rows:
        raise ValueError(f"{path}: no look-up table: the file is empty")
    if all(len(row) == 2 and row[0] == number for number, row in enumerate(rows)):
        return np.array(rows)[:, 1]
    return np.array([value for row in rows for value in row])


def collected(product, read):
    """What `read(first line, lines)` gives for each block, one behind the other: for what is small beside the image."""
    firsts, count = lines(product.image())
    return np.concatenate([read(first, count) for first in firsts])


def records(**fields):
    """Records of a cube's table from arrays of their fields: (records,) or (records, values of a record)."""
    count = len(next(iter(fields.values())))
    made = np.empty(count, [(name, values.dtype, values.shape[1:]) for name, values in fields.items()])
    for name, values in fields.items():
        made[name] = values
    return made


def stored(values, codes):
    """Whole numbers as ISIS puts them in a table: rounded, special pixels as those of SignedWord; int32."""
    rounded = np.trunc(values + 0.5).astype("<i4")
    return rounded if codes is None else np.where(codes == 0, rounded, cubes.STORED["i2"][np.maximum(codes, 1) - 1])


def day_of_year(time):
    """Year and day of the year of a time such as 2015-04-24T04:42:19 or 2015-114T04:42:19."""
    date = np.datetime64(time[:10]) if re.match(r"\d{4}-\d\d-\d\d", time) else None
    if date is None:
        match = re.match(r"(\d{4})-(\d{3})", time)
        if not match:
            raise ValueError(f"time {time!r}: right is such as 2015-04-24T04:42:19")
        return int(match[1]), int(match[2])
    year = date.astype("M8[Y]")
    return int(str(year)), int((date - year.astype("M8[D]")) / np.timedelta64(1, "D")) + 1
