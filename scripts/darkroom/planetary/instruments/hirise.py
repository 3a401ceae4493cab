"""MRO HiRISE EDRs (one channel) as hi2isis makes cubes of them.

Format of the lines: HiRISE EDR Software Interface Specification (JPL D-32004), figures 2.3 and 2.4.
"""

import numpy as np

from darkroom.planetary.formats import cubes
from darkroom.planetary.geometry.detectors import hirise_channel
from darkroom.planetary.geometry.sensor import Sensor, optics, radial, scan
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import FILL_GAPS, UNLUT, Camera
from darkroom.planetary.recipes import Recipe

TIME, SETTING, TEMPERATURE = "TIME_PARAMETERS", "INSTRUMENT_SETTING_PARAMETERS", "TEMPERATURE_PARAMETERS"
TARGETS = {name.upper(): name for name in ("Mars", "Phobos", "Deimos", "Moon", "Cal")} | {"*": "Sky"}
CCDS = ("RED0", "RED1", "RED2", "RED3", "BG12", "RED4", "IR10", "IR11", "RED5", "BG13", "RED6", "RED7", "RED8", "RED9")
TABLES = {"NONE": "None", "SQUARE-ROOT": "SquareRoot", "LINEAR": "Linear", "STORED": "Stored"}
SWITCH = {"ON": "On", "OFF": "Off"}
FINE_CLOCK, IK_CODE, FRAME_CODE = -74999, -74699, -74690


def setting(keyword, default="-9999", words=None):
    """An instrument setting of the label."""
    return Key(f"MRO:{keyword}", default, words or {}, SETTING)


INSTRUMENT = {
    "SpacecraftName": Key("INSTRUMENT_HOST_NAME", "UNKNOWN"),
    "InstrumentId": Key("INSTRUMENT_ID", "UNKNOWN"),
    "TargetName": Key("TARGET_NAME", "UNKNOWN", TARGETS),
    **keys("StartTime StopTime", default="-9999", place=TIME),
    **keys("ObservationStartCount", "MRO:", default="-9999", place=TIME),
    **keys("SpacecraftClockStartCount SpacecraftClockStopCount", default="-9999", place=TIME),
    **keys(
        "ReadoutStartCount CalibrationStartTime CalibrationStartCount AnalogPowerStartTime AnalogPowerStartCount",
        "MRO:",
        default="-9999",
        place=TIME,
    ),
    "MissionPhaseName": Key("MISSION_PHASE_NAME", "UNKNOWN"),
    **keys("LineExposureDuration ScanExposureDuration DeltaLineTimerCount", "MRO:", default="-9999", place=SETTING),
    "Summing": setting("BINNING"),
    "Tdi": setting("TDI"),
    "FocusPositionCount": setting("FOCUS_POSITION_COUNT"),
    "PoweredCpmmFlag": setting("POWERED_CPMM_FLAG", "UNKNOWN", SWITCH),
    "CpmmNumber": setting("CPMM_NUMBER"),
    "CcdId": setting("CPMM_NUMBER", words={str(number): name for number, name in enumerate(CCDS)}),
    "ChannelNumber": setting("CHANNEL_NUMBER"),
    "LookupTableType": setting("LOOKUP_TABLE_TYPE", "UNKNOWN", TABLES),
    "LookupTableNumber": setting("LOOKUP_TABLE_NUMBER"),
    "LookupTable": setting("LOOKUP_CONVERSION_TABLE", "NULL"),
    "LookupTableMinimum": setting("LOOKUP_TABLE_MINIMUM"),
    "LookupTableMaximum": setting("LOOKUP_TABLE_MAXIMUM"),
    "LookupTableMedian": setting("LOOKUP_TABLE_MEDIAN"),
    "LookupTableKValue": setting("LOOKUP_TABLE_K_VALUE"),
    "StimulationLampFlag": setting("STIMULATION_LAMP_FLAG", "UNKNOWN", SWITCH),
    "HeaterControlFlag": setting("HEATER_CONTROL_FLAG", "UNKNOWN", SWITCH),
    **keys(
        "OptBnchFlexureTemperature OptBnchMirrorTemperature OptBnchFoldFlatTemperature OptBnchFpaTemperature "
        "OptBnchFpeTemperature OptBnchLivingRmTemperature OptBnchBoxBeamTemperature OptBnchCoverTemperature "
        "FieldStopTemperature FpaPositiveYTemperature FpaNegativeYTemperature FpeTemperature "
        "PrimaryMirrorMntTemperature PrimaryMirrorTemperature PrimaryMirrorBafTemperature MsTrussLeg0ATemperature "
        "MsTrussLeg0BTemperature MsTrussLeg120ATemperature MsTrussLeg120BTemperature MsTrussLeg240ATemperature "
        "MsTrussLeg240BTemperature BarrelBaffleTemperature SunShadeTemperature SpiderLeg30Temperature "
        "SpiderLeg150Temperature SpiderLeg270Temperature SecMirrorMtrRngTemperature SecMirrorTemperature "
        "SecMirrorBaffleTemperature IeaTemperature FocusMotorTemperature IePwsBoardTemperature "
        "CpmmPwsBoardTemperature MechTlmBoardTemperature InstContBoardTemperature",
        "MRO:",
        default="-9999",
        place=TEMPERATURE,
    ),
    "DllLockedFlag": setting("DLL_LOCKED_FLAG"),
    "DllResetCount": setting("DLL_RESET_COUNT"),
    "DllLockedOnceFlag": setting("DLL_LOCKED_ONCE_FLAG"),
    "DllFrequenceCorrectCount": setting("DLL_FREQUENCY_CORRECT_COUNT"),
    "ADCTimingSetting": setting("ADC_TIMING_SETTINGS"),
}
ARCHIVE = {
    **keys("DataSetId ProducerId ObservationId ProductId ProductVersionId"),
    "EdrProductCreationTime": Key("PRODUCT_CREATION_TIME", place=TIME),
    "RationaleDescription": Key("RATIONALE_DESCRIPTION", "Null"),
    **keys("OrbitNumber SoftwareName"),
    **keys("ObservationStartTime ReadoutStartTime", "MRO:", place=TIME),
    **keys("TrimLines FelicsCompressionFlag", "MRO:", place=SETTING),
    "IdFlightSoftwareName": Key("FLIGHT_SOFTWARE_VERSION_ID", "UNKNOWN"),
}
FILTERS = {"RED": "Red", "BLUE-GREEN": "BlueGreen", "NEAR-INFRARED": "NearInfrared"}
BAND_BIN = {
    "Name": Key("FILTER_NAME", None, FILTERS, SETTING, closed=True),
    "Center": Key("CENTER_FILTER_WAVELENGTH", place=SETTING),
    "Width": Key("BANDWIDTH", place=SETTING),
}
BUFFER, DARK = 12, 16  # pixels in front of and behind those of a line
HEAD = 6  # bytes in front of the buffer pixels: gap flag, two others, line number
SATURATED = 16383  # of 14 bits
GAP = -1  # a gap of 16 bits, read as a signed number


def ingested(product, part, options):
    """SignedWord cube of 14-bit DN; gaps are NULL, and what is beside the image goes to three tables."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    pairs = instrument["LookupTable"]
    none = pairs == "NULL" or [tuple(pair) for pair in pairs] == [("0", "0")]
    instrument["Unlutted"] = "TRUE" if none or options["unlut"] else "FALSE"
    if instrument["Unlutted"] == "TRUE":
        del instrument["LookupTable"]
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": ingest.translate(product.label, BAND_BIN),
        "Kernels": {"NaifIkCode": "-74699"},
    }
    table = np.arange(256.0) if none or not options["unlut"] else ingest.inverted(pairs)
    if product.image().dtype.itemsize == 1:
        nodes, codes = _nodes(table)
        convert, pixels = ingest.looked_up(np.floor(nodes + 0.5).astype("i2"), codes), ingest.looked_up(nodes, codes)
    else:
        convert = pixels = _of_14_bits(options["fill_gaps"])
    tables = [*_calibration(product, pixels), _ancillary(product, pixels)]
    return ingest.cube(product, groups, "i2", ingest.converted(product, convert), tables=tables)


def _nodes(table):
    """Values and codes of all 8-bit samples; a sample without a node is beyond the table."""
    nodes, codes = np.zeros(256), np.full(256, cubes.HRS, "u1")
    nodes[: len(table)], codes[: len(table)] = table[:256], 0
    codes[[0, 254, 255]] = cubes.LIS, cubes.HIS, cubes.NULL
    return nodes, codes


def _of_14_bits(fill_gaps):
    """A conversion of samples of 16 bits; one before a gap whose low byte is all ones may be half a gap."""

    def convert(raw):
        signed = raw.astype("i2")
        gap = signed == GAP
        before = np.zeros_like(gap)
        before[..., :-1] = gap[..., 1:] & (signed[..., :-1] & 0xFF == 0xFF)
        codes = np.where(signed == SATURATED, cubes.HIS, np.where(signed == 0, cubes.LIS, 0))
        codes = np.where((signed > SATURATED) | (signed < 0), cubes.NULL, codes)
        codes = np.where(before & ~gap, cubes.NULL if fill_gaps else 0, codes).astype("u1")
        return signed, codes if codes.any() else None

    return convert


def _calibration(product, pixels):
    """Tables of the lines that were taken before the image: what is beside them, and themselves."""
    file, offset = product.pointer("CALIBRATION_LINE_PREFIX_TABLE")
    lines, samples = int(product["CALIBRATION_IMAGE"]["LINES"]), product.image().samples
    dtype = product.image().dtype
    front, back = HEAD + BUFFER * dtype.itemsize, DARK * dtype.itemsize
    row = front + samples * dtype.itemsize + back
    data = np.memmap(file, "u1", "r", offset, (lines, row))
    pixel_bytes = np.ascontiguousarray(data[:, front:-back]).view(dtype)
    return [
        cubes.Table("HiRISE Calibration Ancillary", _beside(data[:, :front], data[:, -back:], dtype, pixels)),
        cubes.Table("HiRISE Calibration Image", ingest.records(Calibration=_table(pixel_bytes, pixels))),
    ]


def _ancillary(product, pixels):
    """Table of what is beside the lines of the image."""
    front, back = ingest.collected(product, product.prefix), ingest.collected(product, product.suffix)
    return cubes.Table(
        "HiRISE Ancillary", _beside(front, back, product.image().dtype, pixels), {"Association": "Lines"}
    )


def _beside(front, back, dtype, pixels):
    """Records of the bytes in front of and behind lines."""
    buffer, dark = (np.ascontiguousarray(part).view(dtype) for part in (front[:, HEAD:], back))
    return ingest.records(
        GapFlag=front[:, 0].astype("<i4"),
        LineNumber=front[:, 3:HEAD].astype("<i4") @ np.array([1 << 16, 1 << 8, 1], "<i4"),
        BufferPixels=_table(buffer, pixels),
        DarkPixels=_table(dark, pixels),
    )


def _table(raw, pixels):
    return ingest.stored(*pixels(raw))


def sensor(cube, kernels):
    """What the kernels are asked of a channel (HiriseCamera of ISIS)."""
    instrument = cube.groups["Instrument"]
    summing, tdi = int(instrument["Summing"]), int(instrument["Tdi"])
    row_time = (74 + float(instrument["DeltaLineTimerCount"]) / 16) / 1e6
    # The clock tells when the first row was read out; its middle is so many rows of both sums earlier or later.
    start = kernels.clock(FINE_CLOCK, instrument["SpacecraftClockStartCount"]) + row_time * (summing - tdi) / 2
    stop = start + row_time * summing * cube.lines
    ccd, detector = hirise_channel(instrument)
    entries = {
        **scan(start, stop, row_time * summing),
        **optics(kernels, ccd, focal_length=kernels.number(IK_CODE, "FOCAL_LENGTH")),
        **detector,
        **radial(kernels.numbers(IK_CODE, "OD_K")),
    }
    return Sensor(IK_CODE, FRAME_CODE, start, stop, entries, also=(ccd,))


CAMERA = Camera(
    name="HiRISE",
    label={"INSTRUMENT_ID": "HIRISE"},
    level={"DATA_SET_ID": "MRO-M-HIRISE-2-EDR-*"},
    wanted="an EDR",
    recipes={
        "hirise": Recipe(
            title="MRO HiRISE, channels to a mosaic",
            isd="line scan; of each channel one of its own",
            names=r"[A-Z]{3}_\d{6}_\d{4}_(?P<ccd>RED\d|IR1[01]|BG1[23])_(?P<channel>[01])\.IMG",
            examples=("PSP_001446_1790_BG12_0.IMG", "ESP_011261_1960_RED5_1.IMG"),
        )
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=("HIRISE",),
    options={"ingest": {"unlut": UNLUT, "fill_gaps": FILL_GAPS}},
)
