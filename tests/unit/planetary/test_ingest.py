"""Ingest of small products made byte by byte: pixels, special pixels and tables by the rules of each camera."""

import numpy as np
import pytest

from darkroom.planetary.formats import pds3
from darkroom.planetary.formats.cog import units
from darkroom.planetary.formats.cubes import HIS, HRS, LIS, LRS, NULL, STORED, Cube
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.instruments import calibrate, lroc_nac
from darkroom.planetary.instruments import ingest as ingest_module
from darkroom.planetary.instruments.ingest import plain
from darkroom.planetary.instruments.mdis.lut import inverse

RECORD = 1 << 14
LUT = ", ".join(f"({2 * number}, {2 * number + 1})" for number in range(256))
NAC = """
DATA_SET_ID = LRO-L-LROC-2-EDR-V1.0
INSTRUMENT_ID = LROC
FRAME_ID = LEFT
PRODUCT_VERSION_ID = v1.8
PRODUCER_INSTITUTION_NAME = ASU
UPLOAD_ID = x
LRO:XTERM = (0, 32, 136, 543, 2207)
LRO:MTERM = (0.5, 0.25, 0.125, 0.0625, 0.03125)
LRO:BTERM = (0, 8, 25, 59, 128)
"""
WAC = f"""
DATA_SET_ID = LRO-L-LROC-2-EDR-V1.0
INSTRUMENT_ID = LROC
PRODUCER_ID = ASU
PRODUCT_ID = M1C
PRODUCT_VERSION_ID = v1.8
ORIGINAL_PRODUCT_ID = wac
ORBIT_NUMBER = 1
DATA_QUALITY_ID = 0
START_TIME = 2009-09-15T07:27:49
STOP_TIME = 2009-09-15T07:30:19
SPACECRAFT_CLOCK_START_COUNT = 1
SPACECRAFT_CLOCK_STOP_COUNT = 2
MISSION_PHASE_NAME = X
EXPOSURE_DURATION = 40 <ms>
INTERFRAME_DELAY = 578.125 <ms>
LRO:BEGIN_TEMPERATURE_FPA = 1
LRO:MIDDLE_TEMPERATURE_FPA = 1
LRO:END_TEMPERATURE_FPA = 1
LRO:BEGIN_TEMPERATURE_SCS = 1
LRO:MIDDLE_TEMPERATURE_SCS = 1
LRO:END_TEMPERATURE_SCS = 1
LRO:LOOKUP_TABLE_TYPE = STORED
LRO:LOOKUP_CONVERSION_TABLE = ({LUT})
"""
CTX = """
DATA_SET_ID = MRO-M-CTX-2-EDR-L0-V1.0
SPACECRAFT_NAME = MARS_RECONNAISSANCE_ORBITER
INSTRUMENT_ID = CTX
SAMPLE_BIT_MODE_ID = SQROOT
SAMPLE_FIRST_PIXEL = 0
"""
MDIS = """
MISSION_NAME = MESSENGER
DATA_SET_ID = MESS-E/V/H-MDIS-2-EDR-RAWDATA-V1.0
INSTRUMENT_ID = MDIS-NAC
START_TIME = 2015-04-24T04:42:19
PRODUCER_INSTITUTION_NAME = ACT
PRODUCT_ID = EN1
PRODUCT_CREATION_TIME = 2015-04-30T18:25:23
FILTER_NAME = N/A
CENTER_FILTER_WAVELENGTH = N/A
BANDWIDTH = N/A
MESS:ATT_FLAG = 7
MESS:DPU_ID = 0
MESS:FW_POS = 1
MESS:PIV_POS = 32768
MESS:IMAGER = 1
"""
HIRISE = """
DATA_SET_ID = MRO-M-HIRISE-2-EDR-V1.0
INSTRUMENT_ID = HIRISE
PRODUCER_ID = UA
OBSERVATION_ID = PSP
PRODUCT_ID = PSP_0
PRODUCT_VERSION_ID = 1
ORBIT_NUMBER = 1
SOFTWARE_NAME = X
^CALIBRATION_LINE_PREFIX_TABLE = {calibration} <BYTES>
OBJECT = CALIBRATION_IMAGE
  LINES = 2
END_OBJECT = CALIBRATION_IMAGE
GROUP = TIME_PARAMETERS
  PRODUCT_CREATION_TIME = 2006-11-17T05:03:31
  MRO:OBSERVATION_START_TIME = 2006-11-17T05:03:31
  MRO:READOUT_START_TIME = 2006-11-17T05:03:31
END_GROUP = TIME_PARAMETERS
GROUP = INSTRUMENT_SETTING_PARAMETERS
  FILTER_NAME = RED
  CENTER_FILTER_WAVELENGTH = 700
  BANDWIDTH = 200
  MRO:TRIM_LINES = 1
  MRO:FELICS_COMPRESSION_FLAG = NO
  MRO:LOOKUP_CONVERSION_TABLE = ({lut})
END_GROUP = INSTRUMENT_SETTING_PARAMETERS
"""
HRSC = """
DATA_SET_ID = MEX-M-HRSC-3-RDR-V2.0
INSTRUMENT_HOST_NAME = "MARS EXPRESS"
INSTRUMENT_ID = HRSC
DETECTOR_ID = MEX_HRSC_RED
PROCESSING_LEVEL_ID = 2
TARGET_NAME = MARS
START_TIME = 2004-04-07T07:08:31.615Z
STOP_TIME = 2004-04-07T07:08:31.615Z
SPACECRAFT_CLOCK_START_COUNT = 1
SPACECRAFT_CLOCK_STOP_COUNT = 2
MISSION_PHASE_NAME = X
EVENT_TYPE = X
ORBIT_NUMBER = 1
PRODUCT_ID = X
BANDWIDTH = 1
CENTER_FILTER_WAVELENGTH = 1
"""
CASSINI = """
DATA_SET_ID = CO-S-ISSNA/ISSWA-2-EDR-V1.0
MISSION_NAME = CASSINI-HUYGENS
INSTRUMENT_ID = ISSNA
TARGET_NAME = "DARK SKY"
START_TIME = 2004-09-02T22:09:15.409Z
STOP_TIME = 2004-09-02T22:09:15.409Z
IMAGE_TIME = 2004-09-02T22:09:15.409Z
EXPOSURE_DURATION = 5.0
INSTRUMENT_DATA_RATE = 182.783997
ANTIBLOOMING_STATE_FLAG = ON
BIAS_STRIP_MEAN = 2.5
INST_CMPRS_TYPE = LOSSLESS
DATA_CONVERSION_TYPE = {conversion}
DELAYED_READOUT_FLAG = NO
FLIGHT_SOFTWARE_VERSION_ID = '1.3'
GAIN_MODE_ID = '12 ELECTRONS PER DN'
OPTICS_TEMPERATURE = (1.0, 2.0)
READOUT_CYCLE_INDEX = 0
SHUTTER_MODE_ID = NACONLY
SHUTTER_STATE_ID = ENABLED
INSTRUMENT_MODE_ID = SUM2
SPACECRAFT_CLOCK_CNT_PARTITION = 1
SPACECRAFT_CLOCK_START_COUNT = 1472855646.121
IMAGE_NUMBER = 1
OBSERVATION_ID = X
PRODUCT_ID = X
FILTER_NAME = (CL1, GRN)
OBJECT = IMAGE_HEADER
  BYTES = 100
END_OBJECT = IMAGE_HEADER
"""


@pytest.fixture
def product(tmp_path):
    """`product(label, samples, front, back, **keywords of the image)`: a PDS3 file of (lines, samples)."""

    def made(label, samples, front=None, back=None, name="a.IMG", **keywords):
        lines, width = samples.shape
        kind = "UNSIGNED_INTEGER" if samples.dtype.kind == "u" else "MSB_INTEGER"
        image = {"LINES": lines, "LINE_SAMPLES": width, "SAMPLE_TYPE": kind, "SAMPLE_BITS": 8 * samples.itemsize}
        parts = [samples.astype(samples.dtype.newbyteorder(">")).view("u1").reshape(lines, -1)]
        if front is not None:
            parts.insert(0, front)
            image["LINE_PREFIX_BYTES"] = front.shape[1]
        if back is not None:
            parts.append(back)
            image["LINE_SUFFIX_BYTES"] = back.shape[1]
        written = "\n".join(f"{key} = {value}" for key, value in (image | keywords).items())
        head = f"PDS_VERSION_ID = PDS3\nRECORD_BYTES = {RECORD}\n^IMAGE = 2\n{label.strip()}\n"
        text = f"{head}OBJECT = IMAGE\n{written}\nEND_OBJECT = IMAGE\nEND\n"
        path = tmp_path / name
        path.write_bytes(text.encode().ljust(RECORD, b"\0") + np.hstack(parts).tobytes())
        return path

    return made


@pytest.fixture
def ingest(tmp_path):
    """`ingest(path, part, **options)`: the cube, its values (bands, lines, samples) and their codes."""

    def made(path, part="", **options):
        file = tmp_path / "out.cub"
        write_cube(file, ingest_module.image(path, part, options))
        cube = Cube(file)
        values, codes = next(cube.blocks(cube.lines))
        return cube, values, np.zeros(values.shape, "u1") if codes is None else codes

    return made


def ramp(lines, samples, dtype="u1"):
    return (np.arange(lines * samples).reshape(lines, samples) % 251).astype(dtype)


# LROC NAC


@pytest.mark.parametrize(
    ("starts", "slopes", "offsets"),
    [
        ([0, 32, 136, 543, 2207], [0.5, 0.25, 0.125, 0.0625, 0.03125], [0, 8, 25, 59, 128]),
        ([0, 64, 424, 536, 800], [1, 0.5, 0.25, 0.0625, 0.03125], [0, 32, 138, 238.5, 263.5]),
        ([0], [0.0625], [0]),
    ],
)
def test_decompanding_is_the_middle_of_what_was_companded(starts, slopes, offsets):
    """Tables of the LROC EDR specification; the camera's own formula is applied to every 12-bit value."""
    original = np.arange(4096)
    segment = np.searchsorted(starts, original, "right") - 1
    sent = np.trunc(np.array(slopes)[segment] * original + np.array(offsets)[segment])
    table = lroc_nac.decompanded(starts, slopes, offsets)
    for value in np.unique(sent[sent < 256]).astype(int):
        those = original[sent == value]
        assert table[value] == (those.min() + those.max()) / 2


@pytest.mark.parametrize(
    ("side", "version", "turned"), [("LEFT", "v1.2", False), ("RIGHT", "v1.2", True), ("RIGHT", "v1.30", False)]
)
def test_nac_right_was_turned_in_old_versions(product, ingest, side, version, turned):
    label = NAC.replace("LEFT", side).replace("v1.8", version)
    cube, values, _ = ingest(product(label, np.array([[0, 1, 2, 3]], "u1")))
    assert values[0, 0].tolist() == ([6.5, 4.5, 2.5, 0.5] if turned else [0.5, 2.5, 4.5, 6.5])
    assert cube.groups["Instrument"]["InstrumentId"] == ("NACR" if side == "RIGHT" else "NACL")
    assert cube.groups["Kernels"]["NaifFrameCode"] == ("-85610" if side == "RIGHT" else "-85600")


# LROC WAC


@pytest.mark.parametrize(
    ("mode", "filters", "heights"),
    [("COLOR", 7, [4, 4, 14, 14, 14, 14, 14]), ("VIS", 5, [14] * 5), ("UV", 2, [4, 4]), ("BW", 1, [14])],
)
@pytest.mark.parametrize("block", [1, 1 << 22])
def test_wac_framelets(product, ingest, monkeypatch, mode, filters, heights, block):
    """Every line of three exposures is found where its filter, exposure and parity say."""
    monkeypatch.setattr(ingest_module, "BLOCK", block)
    numbers = ", ".join(str(number) for number in (range(1, 8) if filters == 7 else range(1, filters + 1)))
    if mode in ("VIS", "BW"):
        numbers = ", ".join(str(number + 2) for number in range(1, filters + 1))
    label = WAC + f"INSTRUMENT_MODE_ID = {mode}\nFILTER_NUMBER = ({numbers})\nCENTER_FILTER_WAVELENGTH = ({numbers})\n"
    raw = ramp(3 * sum(heights), 200)
    path = product(label, raw)
    cubes = {part: ingest(path, part) for part in ingest_module.parts(pds3.Product(path))}
    seen, bands = 0, {"uv": 0, "vis": 0}
    for number, height in enumerate(heights):
        camera = "uv" if height == 4 else "vis"
        columns = slice(36, 164) if camera == "uv" else slice(None)
        for exposure in range(3):
            start = exposure * sum(heights) + sum(heights[:number])
            place = (bands[camera], slice(exposure * height, (exposure + 1) * height))
            part, other = ("odd", "even") if exposure % 2 == 0 else ("even", "odd")
            _, values, codes = cubes[f"{camera}.{part}"]
            assert np.array_equal(values[place], 2.0 * raw[start : start + height, columns] + 0.5)
            assert (codes[place] == 0).all()
            assert (cubes[f"{camera}.{other}"][2][place] == NULL).all()
            seen += height
        bands[camera] += 1
    assert seen == len(raw)
    assert all(cube.bands == bands[part.split(".")[0]] for part, (cube, _, _) in cubes.items())


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (100, {"vis.even": "16 lines are missing, which are NULL, and 10 have no place in a cube of 18 lines"}),
        (156, {}),
    ],
)
def test_a_wac_file_that_ends_within_an_exposure(product, ingest, lines, told):
    """As lrowac2isis has it: a cube of its share of the lines, with what is there in place, and no word of a whole one.

    ISIS's own test of a file of 100 lines has 18 lines of visible framelets and 4 of the second one.
    """
    numbers = ", ".join(map(str, range(1, 8)))
    label = WAC + f"INSTRUMENT_MODE_ID = COLOR\nFILTER_NUMBER = ({numbers})\nCENTER_FILTER_WAVELENGTH = ({numbers})\n"
    raw = ramp(lines, 200)
    path = product(label, raw)
    for part in ("vis.even", "vis.odd"):
        cube, values, codes = ingest(path, part)
        assert cube.lines == int(14 / 78 * lines + 0.5)
        notes = " ".join(cube.groups["Darkroom"]["Skipped"])
        assert told.get(part, "") in notes and bool(notes) == (part in told)
        if part == "vis.even" and lines == 100:
            assert np.array_equal(values[0, 14:], 2.0 * raw[86:90] + 0.5) and (codes[0, 14:] == 0).all()
            assert (codes[0, :14] == NULL).all() and (codes[3:] == NULL).all()


# CTX


@pytest.mark.parametrize(("summing", "first", "front", "behind"), [(1, 14, 38, 18), (2, 7, 19, 9)])
def test_ctx_dark_pixels_and_gaps(product, ingest, summing, first, front, behind):
    raw = ramp(3, front + 10 + behind)
    raw[1, front + 2] = 0
    raw[2, first] = 0
    cube, values, codes = ingest(product(CTX + f"SAMPLING_FACTOR = {summing}\n", raw))
    squares = np.floor(4095 * (raw / 255.0) ** 2 + 0.5)
    assert np.array_equal(values[0][codes[0] == 0], squares[:, front:-behind][codes[0] == 0])
    assert codes[0].nonzero()[0].tolist() == [1] and codes[0, 1, 2] == NULL
    assert np.array_equal(cube.table("Ctx Prefix Dark Pixels").records["DarkPixels"], squares[:, first:front])


def test_ctx_gaps_may_stay(product, ingest):
    raw = np.zeros((1, 38 + 4 + 18), "u1")
    path = product(CTX + "SAMPLING_FACTOR = 1\n", raw)
    assert (ingest(path, fill_gaps=False)[1] == 0).all()
    assert (ingest(path)[2] == NULL).all()


# MDIS


def test_mdis_tables():
    """Ends of the tables, and some of their numbers (MDISLUTINV_0.TAB, lines 2 and 3)."""
    tables = [inverse(number) for number in range(8)]
    assert [table[1] for table in tables] == [221, 221, 224, 181, 181, 184, 1, 16]
    assert [table[2] for table in tables] == [223, 222, 229, 183, 182, 189, 3, 32]
    assert all(table[0] == 0 and table[255] == 4095 and len(table) == 256 for table in tables)
    with pytest.raises(ValueError, match="MESS:COMP_ALG = 8; known are 0 to 7"):
        inverse(8)


def test_mdis_inverts_and_marks(product, ingest):
    path = product(MDIS + "MESS:COMP12_8 = 1\nMESS:COMP_ALG = 6\n", np.array([[0, 1, 2, 255]], "u1"))
    cube, values, codes = ingest(path)
    assert codes[0, 0].tolist() == [NULL, 0, 0, HIS]
    assert values[0, 0, 1:3].tolist() == [1, 3]
    assert cube.groups["Instrument"]["PivotAngle"] == ("90.0", "Degrees")
    assert cube.groups["Archive"]["SourceProductId"] == ("a", "MDISLUTINV_0")


def test_mdis_of_12_bits(product, ingest):
    """What was not compressed needs no inversion; 3400 DN and more is saturated."""
    path = product(MDIS + "MESS:COMP12_8 = 0\nMESS:COMP_ALG = 0\n", np.array([[0, 1, 3399, 3400]], "i2"))
    cube, values, codes = ingest(path)
    assert values[0, 0, :3].tolist() == [0, 1, 3399]
    assert codes[0, 0].tolist() == [0, 0, 0, HIS]
    assert cube.groups["Instrument"]["Unlutted"] == "1"


# HiRISE


def hirise(product, samples, lut="(0, 0)"):
    """A channel with two calibration lines in front, in the file of the image."""
    item = samples.itemsize
    front = np.zeros((len(samples), 6 + 12 * item), "u1")
    front[:, 0], front[:, 5] = 255, np.arange(len(samples))
    back = np.zeros((len(samples), 16 * item), "u1")
    row = np.hstack([front, samples.astype(samples.dtype.newbyteorder(">")).view("u1"), back])[:2]
    path = product(HIRISE.format(calibration=RECORD - 4000 + 1, lut=lut), samples, front, back)
    content = bytearray(path.read_bytes())
    content[RECORD - 4000 : RECORD - 4000 + row.size] = row.tobytes()
    path.write_bytes(content)
    return path


def test_hirise_look_up_and_special_pixels(product, ingest):
    pairs = "(0, 808), (809, 826), (827, 844), (845, 862)" + ", (1000, 1001)" * 250 + ", (8864, 16383), (-9998, -9998)"
    raw = np.array([[0, 1, 2, 253, 254, 255], [1, 1, 1, 1, 1, 3]], "u1")
    cube, values, codes = ingest(hirise(product, raw, pairs))
    assert codes[0, 0].tolist() == [LIS, 0, 0, 0, HIS, NULL]
    assert values[0, 0, 1:4].tolist() == [818, 836, 1001]
    assert values[0, 1, 5] == 854
    beside = cube.table("HiRISE Ancillary")
    assert beside.records["LineNumber"].tolist() == [0, 1]
    assert (beside.records["BufferPixels"] == STORED["i2"][LIS - 1]).all()
    calibration = cube.table("HiRISE Calibration Image").records["Calibration"]
    assert calibration[0].tolist() == [-32766, 818, 836, 1001, -32765, -32768]


@pytest.mark.parametrize("fill", [True, False])
def test_hirise_gaps_of_16_bits(product, ingest, fill):
    """A pixel before a gap whose low byte is all ones may be half lost."""
    raw = np.array([[1000, 0x12FF, -1, -1, 0, 16383, 16384, 0x12FF]], "i2")
    raw = np.vstack([raw, np.full((1, 8), 5, "i2")])
    _, values, codes = ingest(hirise(product, raw), fill_gaps=fill)
    assert codes[0, 0].tolist() == [0, NULL if fill else 0, NULL, NULL, LIS, HIS, NULL, 0]
    assert values[0, 0, 0] == 1000 and values[0, 0, 7] == 0x12FF


# HRSC


@pytest.mark.parametrize("block", [1, 1 << 22])
def test_hrsc_lost_lines_leave_room(product, ingest, monkeypatch, block):
    """Time and exposure (ms) of each line stand before it, least significant byte first."""
    monkeypatch.setattr(ingest_module, "BLOCK", block)
    times = np.array([100.0, 100.01, 100.04, 100.06])
    front = np.zeros((4, 68), "u1")
    front[:, :8] = times.astype("<f8").view("u1").reshape(4, 8)
    front[:, 8:12] = np.array([10, 10, 20, 20], "<f4").view("u1").reshape(4, 4)
    raw = ramp(4, 6, "i2")
    cube, values, codes = ingest(product(HRSC, raw, front))
    assert (codes[0] == NULL).all(1).tolist() == [False, False, True, True, False, False]
    assert np.array_equal(values[0, [0, 1, 4, 5]], raw)
    table = cube.table("LineScanTimes").records
    assert table["LineStart"].tolist() == [1, 5]
    assert table["EphemerisTime"].tolist() == [100.0, 100.04]
    assert table["ExposureTime"] == pytest.approx([0.01, 0.02])
    assert cube.groups["Instrument"]["StartTime"] == "2004-04-07T07:08:31.615"


def test_hrsc_without_times(product):
    with pytest.raises(ValueError, match="the times in the prefixes of the lines"):
        ingest_module.image(product(HRSC, ramp(4, 6, "i2"), np.zeros((4, 68), "u1")))


def test_src_images_stay_as_they_are(product, ingest):
    label = HRSC.replace("MEX_HRSC_RED", "MEX_HRSC_SRC")
    cube, values, codes = ingest(product(label, np.array([[-32768, -32752, 5]], "i2"), SCALING_FACTOR=0.5, OFFSET=2))
    assert cube.dtype == "i2"
    assert values[0, 0, 1:].tolist() == [-16374, 4.5]
    assert codes[0, 0].tolist() == [LRS, 0, 0]


# Cassini


@pytest.mark.parametrize("form", ["{value}", "{sample} {value}"])
def test_cassini_table(product, ingest, tmp_path, form):
    """A look-up table of one column or of two; 0 is a lost pixel, the highest number saturated."""
    numbers = [min(number * 17, 4095) for number in range(256)]
    lut = tmp_path / "lut.tab"
    lut.write_text("\n".join(form.format(sample=sample, value=value) for sample, value in enumerate(numbers)))
    front = np.zeros((1, 24), "u1")
    front[:, 12:14], front[:, 22:24] = [0, 100], [0, 60]
    path = product(CASSINI.format(conversion="TABLE"), np.array([[0, 1, 2, 240, 255]], "u1"), front)
    cube, values, codes = ingest(path, lut=str(lut))
    assert codes[0, 0].tolist() == [NULL, 0, 0, 0, HRS]
    assert values[0, 0, 1:4].tolist() == [17, 34, 4080]
    assert cube.groups["Instrument"]["BiasStripMean"] == "42.5"
    # The mean of summed pixels is (100 + 60 / 3) / 2.
    assert cube.table("ISS Prefix Pixels").records["OverclockPixels"].tolist() == [[1700, 1020, 1020]]
    assert cube.groups["BandBin"]["Center"] == "569.298"
    assert cube.groups["Instrument"]["TargetName"] == "Sky"


def test_cassini_of_12_bits(product, ingest):
    path = product(
        CASSINI.format(conversion="'12BIT'") + "VALID_MAXIMUM = (4095, 4095)\n",
        np.array([[0, 1, 4094, 4095]], "i2"),
        np.zeros((1, 24), "u1"),
    )
    _, values, codes = ingest(path)
    assert codes[0, 0].tolist() == [NULL, 0, 0, HRS]
    assert values[0, 0, 1:3].tolist() == [1, 4094]


# What all share


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (NAC.replace("-2-EDR-", "-5-RDR-"), "LRO-L-LROC-5-RDR-V1.0 is a product of LROC NAC of another level; an EDR or CDR is needed"),
        (NAC.replace("-2-EDR-", "-3-CDR-"), "UNIT = missing; known are Scaled I/F, W / \\(m"),
        (MDIS.replace("-2-EDR-RAWDATA", "-5-DDR"), "a product of MDIS of another level; an EDR or CDR is needed"),
        (CTX + "OBJECT = IMAGE_MAP_PROJECTION\nEND_OBJECT\n", "of CTX of another level, map-projected; an EDR is needed"),
        (HRSC.replace("LEVEL_ID = 2", "LEVEL_ID = 4"), "of HRSC of another level; an image of PROCESSING_LEVEL_ID 2 is needed"),
        ("DATA_SET_ID = VG1-J-ISS-2\nINSTRUMENT_ID = ISSN\n", "INSTRUMENT_ID = ISSN is no known camera; known are cassini_iss, ctx, "),
        ("DATA_SET_ID = X\n", "INSTRUMENT_ID = missing is no known camera"),
        (NAC.replace("LRO:MTERM", "LRO:OTHER"), "no LRO:MTERM in the label"),
        (NAC.replace("(0, 8, 25, 59, 128)", "(0, 8)"), "LRO:XTERM, LRO:MTERM and LRO:BTERM must have the same number of terms"),
        (CTX.replace("SQROOT", "LINEAR") + "SAMPLING_FACTOR = 1\n", "SAMPLE_BIT_MODE_ID = LINEAR; only SQROOT can be read"),
        (MDIS.replace("ATT_FLAG = 7", "ATT_FLAG = 9") + "MESS:COMP12_8 = 1\n", "MESS:ATT_FLAG = 9; known are 7, 6, 5"),
        (WAC + "INSTRUMENT_MODE_ID = RED\n", "INSTRUMENT_MODE_ID = RED; known are COLOR, VIS, UV, BW"),
    ],
)  # fmt: skip
def test_refused(product, label, told):
    """One line that names the file, the keyword and what would be right."""
    path = product(label, ramp(2, 64))
    with pytest.raises(ValueError, match=told) as failure:
        ingest_module.image(path)
    assert str(failure.value).startswith(f"{path}: ")
    assert str(failure.value).count(str(path)) == 1
    assert "\n" not in str(failure.value)


def test_unknown_parts_and_options(product):
    path = product(NAC, ramp(1, 4))
    with pytest.raises(ValueError, match="no part 'even'; there are"):
        ingest_module.image(path, "even")
    with pytest.raises(ValueError, match=r"unknown options \['fill'\]; known are fill_gaps, lut"):
        ingest_module.image(product(CTX + "SAMPLING_FACTOR = 1\n", ramp(1, 80)), options={"fill": False})


def test_a_wrong_checksum(product):
    label = NAC + "FILE_RECORDS = 2\n"
    path = product(label, ramp(RECORD // 64, 64), MD5_CHECKSUM="0" * 32)
    with pytest.raises(ValueError, match=r"MD5_CHECKSUM of the label is 0+, that of the image is"):
        ingest_module.image(path)


def test_blocks_do_not_show(product, tmp_path, monkeypatch):
    """The same bytes, whatever the size of the blocks that the image is read by; no block is larger."""
    path = product(NAC, ramp(50, 64))
    files = []
    for block in (64 * 7, 1 << 22):
        monkeypatch.setattr(ingest_module, "BLOCK", block)
        assert all(values.size <= block for values, _ in ingest_module.image(path).blocks)
        files.append(tmp_path / f"{block}.cub")
        write_cube(files[-1], ingest_module.image(path))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_label_is_kept(product, ingest):
    path = product(NAC, ramp(1, 4))
    kept = ingest_module.image(path).original
    assert path.read_bytes().startswith(kept.removesuffix(b"\r\nEND\r\n"))
    assert ingest(path)[0].label["OriginalLabel"]["Bytes"] == str(len(kept))


@pytest.mark.parametrize(
    ("time", "day"),
    [("2015-04-24T04:42:19", (2015, 114)), ("2016-12-31", (2016, 366)), ("2015-114T04:42", (2015, 114))],
)
def test_day_of_year(time, day):
    assert ingest_module.day_of_year(time) == day


# MDIS CDRs


CDR = MDIS.replace("2-EDR-RAWDATA", "4-CDR-CALDATA").replace("PRODUCT_ID = EN1", "PRODUCT_ID = CN1_IF_5")
REALS = np.array([[0.05, -0.001, 1.5], [0.0, 7.0, 0.02]], "f4")


def test_mdis_cdr_is_calibrated(product, ingest):
    """Numbers to the last bit, what has no number NULL: by ISIS's pattern, which is what its makers used."""
    raw = REALS.copy()
    raw[1, 1] = STORED["f4"][HIS - 1]
    path = product(CDR, raw, SAMPLE_TYPE="PC_REAL")
    path.write_bytes(path.read_bytes()[:RECORD] + raw.astype("<f4").tobytes())
    cube, values, codes = ingest(path)
    assert codes[0].tolist() == [[0, 0, 0], [0, HIS, 0]]
    assert np.array_equal(values[0][codes[0] == 0], raw[codes[0] == 0])
    assert cube.groups["RadiometricCalibration"]["Units"] == "I over F"
    assert cube.groups["Instrument"]["InstrumentId"] == "MDIS-NAC"
    with pytest.raises(ValueError, match="PRODUCT_ID = CN1: has none of IF, RA, which tell its units"):
        ingest(product(CDR.replace("CN1_IF_5", "CN1"), raw, SAMPLE_TYPE="PC_REAL"))


# LROC NAC CDRs


SCALED = {"SCALING_FACTOR": 3.0518509475997e-05, "NULL": -32768, "LOW_REPR_SATURATION": -32767, "UNIT": '"Scaled I/F"'}


def test_nac_cdr_is_calibrated(product, ingest, tmp_path):
    """As lronac2pds of ISIS writes it: words that are the scale's, special pixels its own; never turned again."""
    label = NAC.replace("-2-EDR-", "-3-CDR-").replace("LEFT", "RIGHT").replace("v1.8", "N/A")
    words = np.array([[100, -32768, 32767], [-1, -32766, -32752]], "i2")
    codes = [NULL, LIS]
    path = product(label, words, **SCALED, LOW_INSTR_SATURATION=-32766)
    cube, values, made = ingest(path)
    assert [made[0][0, 1], made[0][1, 1]] == codes
    valid = made[0] == 0
    assert valid.sum() == 4
    assert values[0][valid] == pytest.approx(words[valid] / 32767.0, rel=1e-9)
    assert (units(cube), cube.groups["Instrument"]["InstrumentId"]) == ("I/F", "NACR")
    calibrate.write(cube.path, tmp_path / "calibrated.cub", {"recipe": "lroc_nac_cdr", "calibration": {}})
    passed = Cube(tmp_path / "calibrated.cub")
    assert np.array_equal(passed.raw(), cube.raw())
    assert "calibrated before, as its label tells" in passed.groups["Darkroom"]["Done"]
    radiance = product(label, words.astype("f4"), SAMPLE_TYPE="IEEE_REAL", UNIT='"W / (m**2 micrometer sr)"')
    assert units(ingest(radiance)[0]) == "W/(m**2 sr um)"


# Dawn FC


# Of FC21A0038582_15170161546F6F.IMG, in the tests of ALE (CC0).
DAWN = """
DATA_SET_NAME = "DAWN FC2 RAW (EDR) CERES IMAGES V1.0"
DATA_SET_ID = "DAWN-A-FC2-2-EDR-CERES-IMAGES-V1.0"
FILE_NAME = "FC21A0038582_15170161546F6F.IMG"
SOFTWARE_NAME = "TRAP"
SOFTWARE_VERSION_ID = "Trap v4.10"
PRODUCT_ID = "0038582"
PRODUCT_TYPE = "DATA"
STANDARD_DATA_PRODUCT_ID = "FC_IMAGE"
PRODUCER_FULL_NAME = "PABLO GUTIERREZ-MARQUES"
PRODUCER_INSTITUTION_NAME = "MAX PLANCK INSTITUT FUER SONNENSYSTEMFORSCHUNG"
PRODUCT_CREATION_TIME = 2016-04-06T15:24:21.000
PRODUCT_VERSION_ID = "F"
RELEASE_ID = "N/A"
INSTRUMENT_HOST_NAME = "DAWN"
MISSION_ID = "DAWN"
INSTRUMENT_ID = "FC2"
OBSERVATION_ID = "FC2_CSS_C5NadirSouthColor_001"
SPACECRAFT_CLOCK_START_COUNT = "488002612:246"
SPACECRAFT_CLOCK_STOP_COUNT = "488002614:244"
START_TIME = 2015-170T16:15:46.345
STOP_TIME = 2015-170T16:15:48.337
FILTER_NUMBER = "6"
EXPOSURE_DURATION = 1800.000 <millisecond>
ORBIT_NUMBER = "N/A"
TARGET_NAME = "1 CERES"
"""
# As dawnfc2isis has it (FC21A0038582_15170161546F6G_isis3.lbl there, a later version of the product).
DAWN_CUBE = {
    "Instrument": {
        "SpacecraftName": "DAWN",
        "InstrumentId": "FC2",
        "SpacecraftClockStartCount": "488002612:246",
        "SpacecraftClockStopCount": "488002614:244",
        "StartTime": "2015-170T16:15:46.345",
        "StopTime": "2015-170T16:15:48.337",
        "ExposureDuration": "1800.000",
        "PixelAveragingWidth": "1",
        "PixelAveragingHeight": "1",
        "TargetName": "CERES",
        "OriginalTargetName": "1 CERES",
        "OrbitNumber": "N/A",
        "FirstLine": "17",
        "FirstLineSample": "35",
    },
    "BandBin": {"FilterNumber": "6", "Center": "829", "Width": "33", "FilterName": "NIR_F6"},
    "Kernels": {"NaifFrameCode": "-203126"},
}
ARCHIVE = (
    "FileName SoftwareName SoftwareVersionId DataSetName DataSetId ProductId ProductType StandardDataProductId "
    "ObservationId ProducerFullName ProducerInstitutionName ProductCreationTime ProductVersionId ReleaseId"
)


@pytest.mark.parametrize("block", [1, 1 << 22])
def test_dawn_is_upside_down_with_the_label_of_isis(product, ingest, monkeypatch, block):
    monkeypatch.setattr(ingest_module, "BLOCK", block)
    raw = ramp(5, 4, "u2") * 200
    cube, values, codes = ingest(product(DAWN, raw, FIRST_LINE=17, FIRST_LINE_SAMPLE=35))
    assert np.array_equal(values[0], raw[::-1]) and (codes == 0).all()
    for name, group in DAWN_CUBE.items():
        assert {key: str(plain(value)) for key, value in cube.groups[name].items()} == group
        assert list(cube.groups[name]) == list(group)
    assert " ".join(cube.groups["Archive"]) == ARCHIVE
    with pytest.raises(ValueError, match="FILTER_NUMBER = 9; known are 1 to 8"):
        ingest(
            product(DAWN.replace('FILTER_NUMBER = "6"', "FILTER_NUMBER = 9"), raw, FIRST_LINE=1, FIRST_LINE_SAMPLE=1)
        )


# Rosetta OSIRIS


# Of N20141216T101055901ID30F28.IMG, in issue 2546 of ISIS, with its cube (there before NAIF's name of the comet).
OSIRIS = """
DATA_SET_ID =
    "RO-C-OSINAC-3-ESC1-67PCHURYUMOV-M10-V2.0"
DATA_SET_NAME = "ROSETTA-ORBITER COMET ESCORT 1 OSINAC 3 RDR MTP010 V2.0"
PROCESSING_LEVEL_ID = "3"
PROCESSING_LEVEL_DESC = "Radiometrically calibrated data"
MISSION_ID = "ROSETTA"
INSTRUMENT_HOST_NAME = "ROSETTA-ORBITER"
INSTRUMENT_ID = "OSINAC"
TARGET_NAME = "67P/CHURYUMOV-GERASIMENKO 1 (1969 R1)"
START_TIME = 2014-12-16T10:12:08.020
STOP_TIME = 2014-12-16T10:12:08.101
SPACECRAFT_CLOCK_START_COUNT = "1/377345455.59104"
SPACECRAFT_CLOCK_STOP_COUNT = "1/377345455.64412"
^SIGMA_MAP_IMAGE = 3
GROUP = SR_MECHANISM_STATUS
    FILTER_NUMBER = "28"
    FILTER_NAME = "FFP-Vis_Hydra"
END_GROUP = SR_MECHANISM_STATUS
GROUP = SR_COMPRESSION
    PIXEL_AVERAGING_WIDTH = (1, 1, 1, 1)
    PIXEL_AVERAGING_HEIGHT = (1, 1, 1, 1)
END_GROUP = SR_COMPRESSION
GROUP = SR_ACQUIRE_OPTIONS
    EXPOSURE_DURATION = 0.0810 <s>
END_GROUP = SR_ACQUIRE_OPTIONS
"""
OSIRIS_INSTRUMENT = {
    "SpacecraftName": "ROSETTA-ORBITER",
    "InstrumentId": "OSINAC",
    "SpacecraftClockStartCount": "1/377345455.59104",
    "SpacecraftClockStopCount": "1/377345455.64412",
    "StartTime": "2014-12-16T10:12:08.020",
    "StopTime": "2014-12-16T10:12:08.101",
    "ExposureDuration": "0.0810",
    "PixelAveragingWidth": "('1', '1', '1', '1')",
    "PixelAveragingHeight": "('1', '1', '1', '1')",
    "TargetName": "67P/CHURYUMOV-GERASIMENKO (1969 R1)",
    "OriginalTargetName": "67P/CHURYUMOV-GERASIMENKO 1 (1969 R1)",
    "FirstLine": "1",
    "FirstLineSample": "1",
    "ProcessingLevelID": "3",
    "ProcessingLevelDescription": "Radiometrically calibrated data",
}


def test_osiris_is_upside_down_with_the_label_of_isis(product, ingest):
    raw = ramp(5, 4, "f4")
    first = {"FIRST_LINE": 1, "FIRST_LINE_SAMPLE": 1}
    cube, values, codes = ingest(product(OSIRIS, raw, SAMPLE_TYPE="IEEE_REAL", **first))
    assert np.array_equal(values[0], raw[::-1]) and (codes == 0).all()
    made = {key: str(plain(value)) for key, value in cube.groups["Instrument"].items()}
    assert made == OSIRIS_INSTRUMENT and list(made) == list(OSIRIS_INSTRUMENT)
    filters = {key: str(plain(value)) for key, value in cube.groups["BandBin"].items()}
    assert filters["CombinedFilterName"] == "FFP-Vis_Hydra"
    assert [filters[f"Filter{wheel}Center"] for wheel in ("One", "Two")] == ["600.0", "701.2"]
    assert (units(cube), cube.groups["Kernels"]["NaifFrameCode"]) == ("W/(m**2 sr nm)", "-226111")
    assert cube.groups["Darkroom"]["Skipped"] == ("SIGMA_MAP_IMAGE: not read",)
    raw_label = OSIRIS.replace("OSINAC-3", "OSIWAC-2").replace('"OSINAC"', '"OSIWAC"').replace('ID = "3"', 'ID = "2"')
    wide = ingest(product(raw_label.replace("FFP-Vis_Hydra", "Empty_Red"), ramp(5, 4, "u2"), **first))[0]
    assert (units(wide), wide.groups["BandBin"]["FilterTwoName"]) == ("DN", "Red")
    with pytest.raises(ValueError, match="FILTER_NAME = FFP-Vis_Hydra: of each wheel one of Empty, "):
        ingest(product(raw_label, raw, **first))
    with pytest.raises(ValueError, match=r"OSINAC-4-.* of another level; an image of level 2 or 3 is needed"):
        ingest(product(OSIRIS.replace("OSINAC-3", "OSINAC-4"), raw, **first))


# JunoCam


# Of JNCR_2016345_03C00002_V01.LBL, in the tests of the R package pds3.
JUNOCAM = """
SPACECRAFT_NAME = JUNO
MISSION_PHASE_NAME = "SCIENCE ORBITS"
TARGET_NAME = JUPITER
INSTRUMENT_ID = "JNC"
INSTRUMENT_HOST_NAME = "JUNO"
INSTRUMENT_NAME = "JUNO EPO CAMERA"
DATA_SET_ID = "JUNO-J-JUNOCAM-3-RDR-L1A-V1.0"
PRODUCT_ID = "JNCR_2016345_03C00002_V01"
START_TIME = 2016-12-10T17:15:14.358
SPACECRAFT_CLOCK_START_COUNT = "534662301:164"
ORBIT_NUMBER = 3
FOCAL_PLANE_TEMPERATURE = 273.0 <K>
INTERFRAME_DELAY = 0.374 <s>
SAMPLE_BIT_MODE_ID = "SQROOT"
EXPOSURE_DURATION = 3.200000 <ms>
JNO:TDI_STAGES_COUNT = 1
SAMPLING_FACTOR = 2
FILTER_NAME = ('BLUE', 'GREEN', 'RED')
COMPRESSION_TYPE = "INTEGER COSINE TRANSFORM"
"""


@pytest.mark.parametrize("block", [1, 1 << 22])
def test_junocam_has_a_band_for_each_filter(product, ingest, monkeypatch, block):
    monkeypatch.setattr(ingest_module, "BLOCK", block)
    raw = np.arange(2 * 3 * 64 * 4, dtype=">u2").reshape(-1, 4)
    cube, values, _ = ingest(product(JUNOCAM, raw, SAMPLE_TYPE="UNSIGNED_INTEGER"))
    assert (cube.bands, cube.lines, cube.samples) == (3, 128, 4)
    for line, band, there in ((0, 0, 0), (0, 2, 128), (63, 1, 127), (64, 0, 192), (127, 2, 383)):
        assert np.array_equal(values[band, line], raw[there])
    assert cube.groups["BandBin"]["Center"] == ("480.1", "553.5", "698.9")
    assert cube.groups["Instrument"]["NumberFramelets"] == "2"
    edr = JUNOCAM.replace("3-RDR-L1A", "2-EDR-L0").replace("('BLUE', 'GREEN', 'RED')", "METHANE")
    methane = ingest(product(edr, raw[:64].astype("u1"), SAMPLE_TYPE="UNSIGNED_INTEGER"))[0]
    assert (methane.bands, methane.groups["BandBin"]["FilterName"]) == (1, "METHANE")
    assert methane.groups["Darkroom"]["Skipped"] == ("companding: SQROOT, not undone",)
    with pytest.raises(ValueError, match="LINES = 380: framelets of 3 filters are 192 lines"):
        ingest(product(JUNOCAM, raw[:380]))
    with pytest.raises(ValueError, match="FILTER_NAME = ULTRA; known are BLUE"):
        ingest(product(JUNOCAM.replace("BLUE", "ULTRA"), raw))


# Galileo SSI


# Of 0826R.LBL, in the documentation of gllssi2isis (public domain), whose cube the tests of ALE have.
GALILEO = """
DATA_SET_ID = "GO-J/JSA-SSI-2-REDR-V1.0"
SPACECRAFT_NAME = "GALILEO ORBITER"
INSTRUMENT_NAME = "SOLID STATE IMAGING SYSTEM"
SPACECRAFT_CLOCK_START_COUNT = "03836008.26"
IMAGE_TIME = 1997-02-19T21:07:27.314Z
IMAGE_ID = E6I0032
OBSERVATION_ID = "E6ISSRFMON01"
TARGET_NAME = "IO"
FILTER_NAME = "VIOLET"
FILTER_NUMBER = 3
EXPOSURE_DURATION =   195.83
GAIN_MODE_ID = "100K"
FRAME_DURATION =    8.667
LIGHT_FLOOD_STATE_FLAG = "ON"
EXPOSURE_TYPE = "NORMAL"
BLEMISH_PROTECTION_FLAG = "OFF"
INVERTED_CLOCK_STATE_FLAG = "NOT INVERTED"
TELEMETRY_FORMAT_ID = "IM8"
INSTRUMENT_MODE_ID = "N/A"
"""
GALILEO_CUBE = """
Instrument: SpacecraftName=Galileo Orbiter, InstrumentId=SOLID STATE IMAGING SYSTEM, TargetName=IO,
 SpacecraftClockStartCount=03836008.26, StartTime=1997-02-19T21:07:27.314, ExposureDuration=0.19583, GainModeId=100000,
 TelemetryFormat=IM8, LightFloodStateFlag=ON, InvertedClockStateFlag=NOT INVERTED, BlemishProtectionFlag=OFF,
 ExposureType=NORMAL, ReadoutMode=Contiguous, FrameDuration=8.667, Summing=1, FrameModeId=FULL
Archive: DataSetId=GO-J/JSA-SSI-2-REDR-V1.0, ProductId=E6I0032, ObservationId=E6ISSRFMON01, DataType=RADIANCE,
 CalTargetCode=E6
BandBin: FilterName=VIOLET, FilterNumber=3, Center=0.404, Width=.05
Kernels: NaifFrameCode=-77001
"""


def test_galileo_has_the_label_of_isis(product, ingest):
    """Bytes before each line are no samples."""
    raw = ramp(4, 6) + 1
    cube, values, _ = ingest(product(GALILEO, raw, front=np.full((4, 3), 99, "u1")))
    made = "".join(
        f"{name}: {', '.join(f'{key}={plain(value)}' for key, value in cube.groups[name].items())}\n"
        for name in ("Instrument", "Archive", "BandBin", "Kernels")
    )
    assert made == GALILEO_CUBE.replace("\n ", " ").lstrip()
    assert cube.dtype == "u1" and np.array_equal(values[0], raw)


@pytest.mark.parametrize("block", [1, 1 << 22])
@pytest.mark.parametrize(
    ("duration", "dataset", "summed"),
    [("2.333", "SSI-2", True), ("15.166", "SSI-2", True), ("2.333", "SSI-4", False), ("30.333", "SSI-2", False)],
)
def test_a_summed_galileo_frame_is_a_quarter(product, ingest, monkeypatch, block, duration, dataset, summed):
    """A repaired one is whole, as the test of gllssi2isis has it (4911s.lbl)."""
    monkeypatch.setattr(ingest_module, "BLOCK", block)
    raw = ramp(8, 6) + 1
    label = GALILEO.replace("8.667", duration).replace("SSI-2", dataset)
    cube, values, _ = ingest(product(label, raw))
    assert np.array_equal(values[0], raw[:4, :3] if summed else raw)
    assert cube.groups["Instrument"]["FrameModeId"] == ("SUMMATION" if summed else "FULL")
    assert cube.groups["Instrument"]["Summing"] == ("2" if summed else "1")


def fits(path, samples, **cards):
    """Write a FITS file (Pence et al. 2010): cards of 80 characters, blocks of 2880 bytes, most significant byte first."""
    kinds = {"u1": 8, "i2": 16, "f4": -32}
    first = {"SIMPLE": True, "BITPIX": kinds[samples.dtype.str[1:]], "NAXIS": 2}
    sizes = {"NAXIS1": samples.shape[1], "NAXIS2": samples.shape[0]}
    rows = []
    for key, value in (first | sizes | cards).items():
        text = (
            f"'{value.replace(chr(39), 2 * chr(39)):8}'"
            if isinstance(value, str)
            else f"{'T' if value is True else value:>20}"
        )
        rows.append(f"{key:8}= {text} / what it is".ljust(80))
    header = "".join([*rows, "COMMENT = 'is no value'".ljust(80), "END".ljust(80)])
    content = samples.astype(samples.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(header.ljust(-(-len(header) // 2880) * 2880).encode() + content)
    return path


LORRI = {
    **{"MISSION": "New Horizons", "HOSTNAME": "NEW HORIZONS", "INSTRU": "lor", "TARGET": "IO", "FORMAT": 0},
    **{"SPCUTCAL": "2007-02-28T13:14:22.331", "SPCSCLK": "1/0034974379:47125", "EXPTIME": 0.075},
    **{"HSCOMPR": "LOSSLESS", "OBSCOMPL": "COMPLETE", "REQDESC": "Io's shine"},
}


@pytest.mark.parametrize("kind", ["f4", "i2"])
def test_lorri_is_read_from_fits(tmp_path, kind):
    """The keywords are those that lorri2isis writes of the product of this clock count (ISIS's own test)."""
    samples = (np.arange(75).reshape(3, 25) - 7).astype(kind)
    path = fits(tmp_path / "lor_0034974380_0x630_sci_1.fit", samples, **LORRI)
    image = ingest_module.image(path)
    assert np.array_equal(np.concatenate([values for values, _ in image.blocks], axis=1)[0], samples)
    assert (image.lines, image.samples, image.dtype) == (3, 25, kind)
    assert image.groups["Instrument"] == {
        "SpacecraftName": "NEW HORIZONS",
        "InstrumentId": "LORRI",
        "TargetName": "IO",
        "StartTime": "2007-02-28T13:14:22.331",
        "SpacecraftClockStartCount": "1/0034974379:47125",
        "ExposureDuration": "0.075",
    }
    assert image.groups["Archive"]["SequenceDescription"] == "Io's shine"
    assert image.groups["Kernels"] == {"NaifFrameCode": "-98301"}
    assert image.groups["BandBin"] == {"Name": "None", "Center": "600", "Width": "500"}


@pytest.mark.parametrize(
    ("cards", "told"),
    [
        ({"FORMAT": 3}, r"FORMAT = 3|another level"),
        ({"INSTRU": "mvi"}, "no known camera"),
        ({"NAXIS": 3}, r"NAXIS = 3; right is an image of two axes"),
        ({"BITPIX": 64}, r"BITPIX = 64; known are 8, 16, 32, -32, -64"),
        ({"NAXIS2": 9}, r"cut off: \d+ bytes; by LINES and LINE_SAMPLES of its label \(9 x 25"),
    ],
)
def test_a_fits_file_that_is_none_of_lorri_is_refused(tmp_path, cards, told):
    path = fits(tmp_path / "lor_0034974380_0x630_sci_1.fit", np.zeros((3, 25), "i2"), **LORRI | cards)
    with pytest.raises(ValueError, match=told) as failure:
        ingest_module.image(path)
    assert str(failure.value).startswith(str(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="a FITS header without END"):
        ingest_module.image(path)
