"""LROC narrow angle EDRs as lronac2isis makes cubes of them."""

import re

import numpy as np

from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys

HIGHEST = 4095  # DN of 12 bits
FLIPPED_BEFORE = 1.30  # product version from which the right camera's lines were turned in the archive
INSTRUMENT = {
    "SpacecraftName": Key("MISSION_NAME", "UNKNOWN"),
    **keys(
        "InstrumentHostName InstrumentHostId InstrumentName InstrumentId FrameId TargetName MissionPhaseName",
        default="UNKNOWN",
    ),
    "PrerollTime": Key("LRO:PREROLL_TIME", "UNKNOWN"),
    **keys("StartTime StopTime", default="UNKNOWN"),
    "SpacecraftClockPrerollCount": Key("LRO:SPACECRAFT_CLOCK_PREROLL_COUNT", "UNKNOWN"),
    **keys("SpacecraftClockStartCount SpacecraftClockStopCount LineExposureDuration", default="UNKNOWN"),
    **keys("TemperatureSCS TemperatureFPA TemperatureFPGA TemperatureTelescope", "LRO:", default="UNKNOWN"),
    "SpatialSumming": Key("CROSSTRACK_SUMMING", "UNKNOWN"),
}
RAW_TEMPERATURES = keys(
    "TemperatureSCSRaw TemperatureFPARaw TemperatureFPGARaw TemperatureTelescopeRaw", "LRO:", default="UNKNOWN"
)
ARCHIVE = {
    **keys("DataSetId OriginalProductId ProductId ProducerId", default="UNKNOWN"),
    **keys("ProducerInstitutionName ProductVersionId UploadId"),
    "OrbitNumber": Key("ORBIT_NUMBER", "UNKNOWN"),
    "RationaleDescription": Key("RATIONALE_DESC", "UNKNOWN"),
    "DataQualityId": Key("DATA_QUALITY_ID", "UNKNOWN"),
    "LineExposureCode": Key("LRO:LINE_EXPOSURE_CODE", "UNKNOWN"),
    "DACResetLevel": Key("LRO:DAC_RESET_LEVEL", "UNKNOWN"),
    "ChannelAOffset": Key("LRO:CHANNEL_A_OFFSET", "UNKNOWN"),
    "ChannelBOffset": Key("LRO:CHANNEL_B_OFFSET", "UNKNOWN"),
    "CompandCode": Key("LRO:COMPAND_CODE", "UNKNOWN"),
    "LineCode": Key("LRO:LINE_CODE", "UNKNOWN"),
    "BTerms": Key("LRO:BTERM", "UNKNOWN"),
    "MTerms": Key("LRO:MTERM", "UNKNOWN"),
    "XTerms": Key("LRO:XTERM", "UNKNOWN"),
    "CompressionFlag": Key("LRO:COMPRESSION_FLAG", "UNKNOWN"),
    "Mode": Key("LRO:MODE", "UNKNOWN"),
}
BAND_BIN = {"Center": Key("CENTER_FILTER_WAVELENGTH", "UNKNOWN"), "Width": Key("BANDWIDTH", "UNKNOWN")}
SIDES = {"LEFT": ("NACL", "-85600"), "RIGHT": ("NACR", "-85610")}


def image(product, part, options):
    """Real cube of decompanded DN, the right camera turned as the left one."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    side, frame = SIDES[instrument["FrameId"]]
    instrument["InstrumentId"] = side
    instrument["InstrumentName"] = f"LUNAR RECONNAISSANCE ORBITER NARROW ANGLE CAMERA {instrument['FrameId']}"
    instrument |= {"SampleFirstPixel": "0"} | ingest.translate(product.label, RAW_TEMPERATURES)
    archive = ingest.translate(product.label, ARCHIVE)
    groups = {
        "Instrument": instrument,
        "Archive": archive,
        "BandBin": {"FilterName": "BroadBand"} | ingest.translate(product.label, BAND_BIN),
        "Kernels": {"NaifFrameCode": frame},
    }
    terms = [[float(term) for term in product[f"LRO:{name}TERM"]] for name in "XMB"]
    decompand = ingest.looked_up(decompanded(*terms).astype("f4"))
    version = float(re.sub("^v", "", archive["ProductVersionId"]))
    turn = -1 if instrument["FrameId"] == "RIGHT" and version < FLIPPED_BEFORE else 1
    blocks = ingest.converted(product, lambda raw: decompand(raw[:, :, ::turn]))
    return ingest.cube(product, groups, "f4", blocks)


def decompanded(starts, slopes, offsets):
    """12-bit DN of each 8-bit value, float64 (256,): the middle of those that the camera made it of.

    The camera makes trunc(slope * x + offset) of x, by segments that begin at `starts`. Source: lronac2isis of ISIS.
    Raises ValueError when the three do not have the same number of terms.
    """
    if not len(starts) == len(slopes) == len(offsets):
        raise ValueError("LRO:XTERM, LRO:MTERM and LRO:BTERM must have the same number of terms")
    starts, slopes, offsets = map(np.array, (starts, slopes, offsets))
    values = np.arange(256.0)
    # A segment goes on as long as its line does not reach the start of the next one.
    reached = (values[:, None] - offsets[:-1]) / slopes[:-1] >= starts[1:]
    segment = np.logical_and.accumulate(reached, axis=1).sum(axis=1)
    lower = np.maximum((values - offsets[segment]) / slopes[segment], starts[segment])
    upper = (values + 1 - offsets[segment]) / slopes[segment] - 1
    following = np.minimum(segment + 1, len(starts) - 1)
    beyond = (upper <= HIGHEST) & (segment < len(starts) - 1) & (upper >= starts[following])
    same = np.trunc(offsets[following] + slopes[following] * upper) == values
    upper = np.where(beyond & ~same, starts[following] - 1, np.minimum(upper, HIGHEST))
    return np.where(values < starts[0], values, (lower + upper) / 2)
