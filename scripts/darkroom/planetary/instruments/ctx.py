"""MRO CTX EDRs as mroctx2isis makes cubes of them."""

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys

TARGETS = {name.upper(): name for name in ("Mars", "Phobos", "Deimos", "Moon")} | {"*": "Sky"}
ORBITER = "Mars_Reconnaissance_Orbiter"
INSTRUMENT = {
    "SpacecraftName": Key(
        "SPACECRAFT_NAME", None, {"MARS_RECON_ORBITER": ORBITER, "MARS_RECONNAISSANCE_ORBITER": ORBITER}, closed=True
    ),
    "InstrumentId": Key("INSTRUMENT_ID", "UNKNOWN"),
    "TargetName": Key("TARGET_NAME", "UNKNOWN", TARGETS),
    "MissionPhaseName": Key("MISSION_PHASE_NAME", "UNKNOWN", {"MAPPING": "Mapping"}),
    "StartTime": Key("START_TIME", "-9999"),
    "SpacecraftClockCount": Key("SPACECRAFT_CLOCK_START_COUNT", "-9999"),
    **keys("OffsetModeId LineExposureDuration FocalPlaneTemperature SampleBitModeId", default="UNKNOWN"),
    "SpatialSumming": Key(("SPATIAL_SUMMING", "SAMPLING_FACTOR")),
    "SampleFirstPixel": Key(("EDIT_MODE_ID", "SAMPLE_FIRST_PIXEL")),
}
ARCHIVE = keys("DataSetId ProductId ProducerId ProductCreationTime OrbitNumber", default="UNKNOWN")
BAND_BIN = {
    "FilterName": "BroadBand",
    "Center": pvl.Quantity("0.65", "micrometers"),
    "Width": pvl.Quantity("0.15", "micrometers"),
}
KERNELS = {"NaifFrameCode": "-74021"}
# Dark pixels at the ends of a line, by summing and whether the whole line was read: first and last of those in front,
# number of those behind.
DARK = {
    ("1", True): (14, 37, 18),
    ("1", False): (0, 15, 0),
    ("2", True): (7, 18, 9),
    ("2", False): (0, 7, 0),
}
# The camera sends the square root of 12 bits in 8 (ctxsqroot_001.lut of ISIS has these numbers).
SQUARES = np.floor(4095 * (np.arange(256) / 255) ** 2 + 0.5)


def image(product, part, options):
    """SignedWord cube of 12-bit DN without the dark pixels, which go to the table `Ctx Prefix Dark Pixels`."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    if instrument["SampleBitModeId"] != "SQROOT":
        raise ValueError(f"SAMPLE_BIT_MODE_ID = {instrument['SampleBitModeId']}; only SQROOT can be read")
    first, last, behind = DARK.get((instrument["SpatialSumming"], instrument["SampleFirstPixel"] == "0"), (0, 0, 0))
    samples = product.image().samples - behind
    squares = ingest.read_table(options["lut"]) if options["lut"] else SQUARES
    codes = np.zeros(256, "u1")
    codes[0] = cubes.NULL if options["fill_gaps"] else 0
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": BAND_BIN,
        "Kernels": KERNELS,
    }
    to_12_bit = ingest.looked_up(squares.astype("i2"), codes)
    blocks = ingest.converted(product, lambda raw: to_12_bit(raw[:, :, last + 1 : samples]))
    # mroctx2isis converts the dark pixels before it looks for gaps: 0 stays 0 in the table.
    dark = ingest.collected(product, lambda line, count: squares[product.rows(line, count)[0, :, first : last + 1]])
    tables = [cubes.Table("Ctx Prefix Dark Pixels", ingest.records(DarkPixels=dark.astype("<i4")))]
    return ingest.cube(product, groups, "i2", blocks, samples=samples - last - 1, tables=tables)
