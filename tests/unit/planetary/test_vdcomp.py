"""Compressed Viking images: the code of a histogram, lines of any length of code, what is damaged."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from darkroom.planetary.engines import native
from darkroom.planetary.formats import vdcomp
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.images import plain
from darkroom.planetary.instruments import registry

CASES = Path(os.environ.get("CASES", Path(__file__).parents[4] / "shared/cases")) / "planetary/viking_imq"
LABEL = """CCSD3ZF0000100000001NJPL3IF0PDS200000001 = SFDU_LABEL
RECORD_TYPE = VARIABLE_LENGTH
LABEL_RECORDS = 99
^IMAGE_HISTOGRAM = 100
^ENCODING_HISTOGRAM = 101
^ENGINEERING_TABLE = 103
^IMAGE = 104
OBJECT = IMAGE
 LINES = {lines}
 LINE_SAMPLES = {samples}
 SAMPLE_TYPE = UNSIGNED_INTEGER
 SAMPLE_BITS = 8
 CHECKSUM = {checksum}
END_OBJECT
DATA_SET_ID = 'VO1/VO2-M-VIS-2-EDR-V2.0'
SPACECRAFT_NAME = VIKING_ORBITER_2
MISSION_PHASE_NAME = EXTENDED_MISSION
TARGET_NAME = MARS
IMAGE_ID = '348B26'
IMAGE_NUMBER = 34632426
IMAGE_TIME = 1977-06-04T19:05:09Z
ORBIT_NUMBER = 348
INSTRUMENT_NAME = VISUAL_IMAGING_SUBSYSTEM_CAMERA_A
GAIN_MODE_ID = HIGH
FLOOD_MODE_ID = OFF
OFFSET_MODE_ID = ON
FILTER_NAME = RED
EXPOSURE_DURATION = 0.00788 <SECONDS>
END"""


def record(content):
    return struct.pack("<H", len(content)) + content + bytes(len(content) % 2)


def histogram(image):
    """Counts of the 511 differences, from 255 down to -255."""
    steps = np.diff(image.astype(int), axis=1)
    return np.bincount(255 - steps.ravel(), minlength=511)


def compressed(image, checksum=None):
    """A product; the label says that it is longer than it is, as some do."""
    counts = histogram(image)
    codes = {255 - symbol: f"{bits:0{length}b}" for symbol, (bits, length) in vdcomp.codes(counts).items()}
    lines, samples = image.shape
    label = LABEL.format(lines=lines, samples=samples, checksum=int(image.sum()) if checksum is None else checksum)
    content = [record(line.encode()) for line in label.splitlines()]
    both = counts.astype("<i4").tobytes()
    content += [record(np.bincount(image.ravel(), minlength=256).astype("<i4").tobytes())]
    content += [record(both[:1204]), record(both[1204:]), record(bytes(152))]
    for line in image.astype(int):
        bits = "".join(codes[step] for step in np.diff(line))
        packed = int("1" + bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(len(bits) // 8 + 2, "big")
        content.append(record(bytes([line[0]]) + packed.lstrip(b"\0")[1:]))
    return b"".join(content)


def ingested(path, cube):
    recipe = registry.of_recipes()["viking"].recipe("viking")
    asked = {"recipe": "viking", "title": recipe.title, "label": recipe.label, "part": "", "ingest": {}}
    native.import_image(path, cube, asked | {"calibrate": False})
    return Cube(cube)


def test_the_code_of_a_histogram():
    """By hand: the two rare ones become a tree, which comes before what is as rare as it; the first has bit 0."""
    counts = np.zeros(511, int)
    counts[[254, 255, 256, 300]] = 2, 9, 2, 4
    assert vdcomp.codes(counts) == {254: (0b000, 3), 256: (0b001, 3), 300: (0b01, 2), 255: (0b1, 1)}


@pytest.mark.parametrize("roughness", [0, 1, 30, 400])
def test_an_image_comes_back(tmp_path, roughness):
    """Whatever its differences are: one alone, a few, or all 511 with codes too long for the table."""
    rng = np.random.default_rng(3)
    steps = np.clip(rng.standard_cauchy((40, 201)) * roughness / 8, -255, 255)
    image = (np.cumsum(np.round(steps), axis=1) % 256).astype("u1")
    (tmp_path / "f348b26.imq").write_bytes(compressed(image))
    cube = ingested(tmp_path / "f348b26.imq", tmp_path / "a.cub")
    assert np.array_equal(cube.raw(), image)
    assert cube.groups["Kernels"]["NaifFrameCode"] == "-30001"
    assert cube.groups["BandBin"]["FilterId"] == "6"
    assert "checksum" not in str(cube.groups["Darkroom"]["Skipped"])
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_rare_differences_have_long_codes():
    """Counts that double make codes of every length, beyond what is looked up at once."""
    counts = np.zeros(511, int)
    counts[250:270] = 2 ** np.arange(20)
    code = vdcomp.Code(counts)
    assert max(length for _, length in vdcomp.codes(counts).values()) > vdcomp.TABLE
    bits, length = vdcomp.codes(counts)[250]
    packed = (bits << (-length % 8)).to_bytes(-(-length // 8), "big")
    assert code.line(bytes([7]) + packed, 2).tolist() == [7, 12]  # index 250 is a step of 5


def test_another_checksum_is_told(tmp_path):
    image = np.full((3, 9), 7, "u1")
    (tmp_path / "f348b26.imq").write_bytes(compressed(image, checksum=1))
    cube = ingested(tmp_path / "f348b26.imq", tmp_path / "a.cub")
    assert "CHECKSUM of the label is 1, that of the image is 189" in str(cube.groups["Darkroom"]["Skipped"])


@pytest.mark.parametrize(("end", "behind"), [(b"END  ", b""), (b"End", b""), (b"END", bytes(700)), (b"END", b"\x10\0")])
def test_the_end_of_the_label_and_of_the_file(tmp_path, end, behind):
    image = np.random.default_rng(2).integers(0, 9, (5, 21)).astype("u1")
    content = compressed(image).replace(record(b"END"), record(end)) + behind
    (tmp_path / "F348B26.IMQ").write_bytes(content)
    assert np.array_equal(ingested(tmp_path / "F348B26.IMQ", tmp_path / "a.cub").raw(), image)


@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_a_cut_file_is_named_with_its_line(tmp_path, kept):
    image = np.random.default_rng(1).integers(0, 255, (30, 300)).astype("u1")
    content = compressed(image)
    (tmp_path / "f348b26.imq").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=r"f348b26\.imq: line \d+ of 30 is damaged or cut off"):
        ingested(tmp_path / "f348b26.imq", tmp_path / "a.cub")
    assert not (tmp_path / "a.cub").exists()


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
def test_case_as_vdcomp_has_it(tmp_path):
    """The image that vdcomp itself decompresses: a walk of steps of 1 from 100, seeded."""
    steps = np.random.default_rng(1).integers(-1, 2, size=(1056, 1204))
    steps[:, 0] = 0
    truth = np.clip(100 + np.cumsum(steps, axis=1), 60, 200)
    truth[:, 0] = 100
    with plain(CASES / "f348b26.imq.gz", tmp_path) as source:
        cube = ingested(source, tmp_path / "a.cub")
    assert np.array_equal(cube.raw(), truth)
