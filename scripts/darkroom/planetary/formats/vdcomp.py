"""Compressed images of the Viking Orbiters (and Voyagers) of PDS: .imq files as products that any reader of PDS3 takes.

Format: JPL's vdcomp and the labels' notes. A file is records of variable length, two bytes of length in front, least
significant first, each padded to an even number of bytes. A line of the image is one record: its first sample, then the
differences of each sample from the next, in a Huffman code that the histogram of the differences gives.
"""

import bisect
import contextlib
import tempfile
from itertools import dropwhile, islice
from pathlib import Path

import numpy as np

from darkroom.planetary.formats import pvl

LONGEST = 8192  # bytes of a record
SYMBOLS = 511
ZERO = 255  # index of no difference in the histogram; a larger index is a smaller next sample
TABLE = 12  # bits that are looked up at once
MASK = (1 << TABLE) - 1
HELD = 64  # bits that are read at once; no code is as long


@contextlib.contextmanager
def plain(source, folder):
    """A product itself, or what is in it where its image is compressed, and what is to be told of that.

    folder -- in which it is unpacked, for as long as it is needed
    """
    with source.open("rb") as file:
        has_records = file.read(16)[2:].startswith(pvl.SFDU)
    label = pvl.load(source) if has_records else {}
    if "^ENCODING_HISTOGRAM" not in label:
        yield source, []
        return
    with tempfile.TemporaryDirectory(dir=folder) as place:
        unpacked = Path(place, source.name)
        yield unpacked, unpack(source, label, unpacked)


def unpack(path, label, target):
    """Write the image of a compressed product with its label, changed as it must be, in front; give what is to be told.

    Raises ValueError naming the file and the line that is damaged or missing.
    """
    try:
        lines, samples = (int(label["IMAGE"][key]) for key in ("LINES", "LINE_SAMPLES"))
        # Objects follow the label's own last record, as vdcomp reads them, wherever the label says that it ends.
        begin = min(int(value) for key, value in label.items() if key.startswith("^"))
        first, histogram = (int(label[key]) - begin for key in ("^IMAGE", "^ENCODING_HISTOGRAM"))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: no compressed image: {error.args[0]} is missing or no number") from error
    with path.open("rb") as file:
        behind = dropwhile(lambda record: record.strip().upper() != b"END", records(file))
        next(behind, None)
        head = list(islice(behind, first))
        counts = np.frombuffer(b"".join(head[histogram : histogram + 2])[: 4 * SYMBOLS].ljust(4 * SYMBOLS), "<i4")
        if len(head) < first or (counts < 0).any() or not counts.any():
            raise ValueError(f"{path}: no histogram of differences before the image; get the file again")
        code, image = Code(counts), np.zeros((lines, samples), "u1")
        for line in range(lines):
            decoded = code.line(next(behind, b""), samples)
            if decoded is None:
                raise ValueError(f"{path}: line {line + 1} of {lines} is damaged or cut off; get the file again")
            image[line] = decoded
    _write(target, label, image)
    stated, computed = str(label["IMAGE"].get("CHECKSUM", "")), str(int(image.sum()))
    if stated in ("", computed):
        return []
    return [f"checksum: CHECKSUM of the label is {stated}, that of the image is {computed}"]


def _write(target, label, image):
    """A product of records of fixed length."""
    lines, samples = image.shape
    plain_keys = ((key, value) for key, value in label.items() if not isinstance(value, pvl.Block))
    kept = pvl.Block((key, value) for key, value in plain_keys if not key.startswith("^"))
    kept["IMAGE"] = pvl.Block([(key, value) for key, value in label["IMAGE"].items() if key != "CHECKSUM"], "Object")
    records_of_label = 1
    while True:
        kept["RECORD_TYPE"], kept["RECORD_BYTES"] = "FIXED_LENGTH", samples
        kept["FILE_RECORDS"], kept["LABEL_RECORDS"] = records_of_label + lines, records_of_label
        kept["^IMAGE"] = records_of_label + 1
        text = f"{pvl.dumps(kept)}END\r\n".encode()
        if len(text) <= records_of_label * samples:
            break
        records_of_label = -(-len(text) // samples)
    target.write_bytes(text.ljust(records_of_label * samples) + image.tobytes())


def records(file):
    """Records of a file of variable length; it ends at the end of the file, or where a length is none."""
    while len(size := file.read(2)) == 2:
        length = int.from_bytes(size, "little")
        record = file.read(length + length % 2)[:length]
        if length > LONGEST or len(record) < length:
            return
        yield record


class Code:
    """A Huffman code by the counts of its 511 symbols, with the tree that vdcomp makes of them."""

    def __init__(self, counts):
        # By the next TABLE bits: the symbol and the length of its code; longer ones are looked for one by one.
        self.symbols, self.lengths = [0] * (1 << TABLE), [0] * (1 << TABLE)
        self.longer = {}
        for symbol, (bits, length) in codes(counts).items():
            if length > TABLE:
                self.longer[bits, length] = symbol
                continue
            room = 1 << (TABLE - length)
            self.symbols[bits * room : (bits + 1) * room] = [symbol] * room
            self.lengths[bits * room : (bits + 1) * room] = [length] * room

    def line(self, record, samples):
        """Samples of a line (samples,) uint8; None when the record is no line."""
        if not record:
            return None
        steps, size = np.empty(samples, "i4"), HELD // 8
        steps[0], at = record[0], 1
        number, held, left = (
            0,
            0,
            8 * (len(record) - 1),
        )  # bits that were read, how many are held, and how many are left
        for sample in range(1, samples):
            if held < HELD:
                more = int.from_bytes(record[at : at + size].ljust(size, b"\0"))
                number = (number & ((1 << held) - 1)) << HELD | more
                held, at = held + HELD, at + size
            window = number >> (held - TABLE) & MASK
            length, symbol = self.lengths[window], self.symbols[window]
            if not length:
                length, symbol = self._longer(number, held)
            held, left = held - length, left - length
            if not length or left < 0:
                return None
            steps[sample] = ZERO - symbol
        return (np.cumsum(steps) % 256).astype("u1")

    def _longer(self, number, held):
        for length in range(TABLE + 1, HELD + 1):
            bits = number >> (held - length) & ((1 << length) - 1)
            if (bits, length) in self.longer:
                return length, self.longer[bits, length]
        return 0, 0


def codes(counts):
    """Codes of the symbols that occur: symbol -> (bits, how many).

    Of the two rarest trees the first becomes the branch of bit 0; joined they come before all that are as rare.
    """
    trees = sorted(((int(count), symbol) for symbol, count in enumerate(counts) if count), key=lambda tree: tree[0])
    while len(trees) > 1:
        (rare, zero), (next_rare, one), *trees = trees
        place = bisect.bisect_left(trees, rare + next_rare, key=lambda tree: tree[0])
        trees.insert(place, (rare + next_rare, (zero, one)))
    table, todo = {}, [(trees[0][1], 0, 0)]
    while todo:
        tree, bits, length = todo.pop()
        if isinstance(tree, tuple):
            todo += [(branch, 2 * bits + bit, length + 1) for bit, branch in enumerate(tree)]
        else:
            table[tree] = bits, max(length, 1)
    return table
