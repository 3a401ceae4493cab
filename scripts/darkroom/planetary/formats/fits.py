"""FITS files as products: the header of the first image is the label, with the image as an object of PDS3.

Format: FITS Standard 4.0 (Pence et al. 2010, A&A 524, A42): cards of 80 characters in blocks of 2880 bytes, big-endian
arrays; value = sample * BSCALE + BZERO.
"""

import re

from darkroom.planetary.formats import pvl

CARD, BLOCK = 80, 2880
SUFFIXES = (".fit", ".fits", ".fts")
MOST = 100 * BLOCK  # bytes of a header
TYPES = {8: "MSB_UNSIGNED_INTEGER", 16: "MSB_INTEGER", 32: "MSB_INTEGER", -32: "IEEE_REAL", -64: "IEEE_REAL"}
SIZES = ("BITPIX", "NAXIS1", "NAXIS2")
VALUE = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^/]*))")


def is_fits(path):
    """Whether a file is FITS, by its name and how it begins."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    with path.open("rb") as file:
        return file.read(9) == b"SIMPLE  ="


def label(path):
    """The header of a file's first image as a label, and its text.

    Raises ValueError naming what it lacks.
    """
    cards, size = header(path)
    if any(key not in cards for key in SIZES) or cards.get("NAXIS") != "2":
        raise ValueError(f"{path}: NAXIS = {cards.get('NAXIS')}; right is an image of two axes in the first unit")
    for key in SIZES:
        if not re.fullmatch(r"-?[0-9]+", cards[key]):
            raise ValueError(f"{path}: {key} = {cards[key]!r}; right is a whole number")
    if int(cards["BITPIX"]) not in TYPES:
        raise ValueError(f"{path}: BITPIX = {cards['BITPIX']}; known are {', '.join(map(str, TYPES))}")
    image = {
        "LINES": cards["NAXIS2"],
        "LINE_SAMPLES": cards["NAXIS1"],
        "SAMPLE_TYPE": TYPES[int(cards["BITPIX"])],
        "SAMPLE_BITS": str(abs(int(cards["BITPIX"]))),
        "OFFSET": cards.get("BZERO", "0"),
        "SCALING_FACTOR": cards.get("BSCALE", "1"),
    }
    text = "".join(f'{key} = "{value}"\r\n' for key, value in cards.items() if '"' not in value)
    entries = cards | {"^IMAGE": pvl.Quantity(str(size + 1), "BYTES"), "IMAGE": pvl.Block(image, "Object", "IMAGE")}
    return pvl.Block(entries), text.encode()


def header(path):
    """Keywords of the first header as texts, the first of a name counts, and its bytes.

    Raises ValueError when it does not end.
    """
    cards = {}
    with path.open("rb") as file:
        content = file.read(MOST)
    for begin in range(0, len(content), CARD):
        card = content[begin : begin + CARD].decode("ascii", "replace")
        if card.rstrip() == "END":
            return cards, -(-(begin + CARD) // BLOCK) * BLOCK
        if card[8:10] == "= ":
            text, other = VALUE.match(card[10:]).groups()
            value = other.strip() if text is None else text.replace("''", "'").rstrip()
            cards.setdefault(card[:8].rstrip(), value)
    raise ValueError(f"{path}: damaged or cut off: a FITS header without END")
