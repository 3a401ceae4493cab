"""MRO CTX: EDRs as mroctx2isis makes cubes of them; from raw numbers to I/F, without the offset between its channels.

Formulas: Bell et al. (2013, Mars 8, 1) as in ISIS's ctxcal; the striping is taken out as in ISIS's ctxevenodd.
"""

from pathlib import Path

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, radial, scan, seconds
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import FILL_GAPS, FLAT, SOLAR_DISTANCE, UNITS, Camera, file
from darkroom.planetary.recipes import Recipe

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
DARK_PIXELS = {
    ("1", True): (14, 37, 18),
    ("1", False): (0, 15, 0),
    ("2", True): (7, 18, 9),
    ("2", False): (0, 7, 0),
}
# The camera sends the square root of 12 bits in 8 (ctxsqroot_001.lut of ISIS has these numbers).
SQUARES = np.floor(4095 * (np.arange(256) / 255) ** 2 + 0.5)
WHITE = 3660.5  # DN/ms of a surface of I/F 1
WHITE_DISTANCE = 2.07e8  # km from the Sun, that this is for
DARK_TABLE = "Ctx Prefix Dark Pixels"
PREFIX = 38  # columns of dark pixels before the first sample of the detector
SPACECRAFT, IK_CODE = -74, -74021


def ingested(product, part, options):
    """SignedWord cube of 12-bit DN without the dark pixels, which go to the table `Ctx Prefix Dark Pixels`."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    if instrument["SampleBitModeId"] != "SQROOT":
        raise ValueError(f"SAMPLE_BIT_MODE_ID = {instrument['SampleBitModeId']}; only SQROOT can be read")
    first, last, behind = DARK_PIXELS.get(
        (instrument["SpatialSumming"], instrument["SampleFirstPixel"] == "0"), (0, 0, 0)
    )
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


def calibrated(cube, options):
    """Calibrate a CTX cube; units "radiance" and "dn" are DN/ms, which is what ISIS has besides I/F.

    options -- units, flat, solar_distance; even_odd: equal means of odd and even columns, where pixels are not summed
    """
    instrument = cube.groups["Instrument"]
    exposure = float(instrument["LineExposureDuration"])  # ms
    summing = int(instrument["SpatialSumming"])
    darks = dark_levels(cube, summing)
    by_channel = ", by channel" if summing == 1 else ""
    notes = calibrate.Notes(done=[f"dark level: columns before the image{by_channel}"])
    flat = flat_field(options["flat"], cube, summing, int(instrument["SampleFirstPixel"]))
    if flat is None:
        notes.skipped.append("flat field: no file given")
    else:
        notes.done.append(f"flat field: {Path(options['flat']).name}")
    factor = reflectance_factor(cube, options, exposure, notes)
    notes.keywords |= {
        "FlatFile": "N/A" if flat is None else Path(options["flat"]).name,
        "iof": calibrate.number(1.0 if factor is None else factor),
    }
    divisor = (exposure if factor is None else 1.0) * (1.0 if flat is None else flat)

    def scaled():
        for first in range(0, cube.lines, calibrate.ROWS):
            values, codes = cube.read(first, calibrate.ROWS)
            for channel, dark in enumerate(darks):
                values[:, channel :: len(darks)] -= dark[first : first + len(values), None]
            values /= divisor
            if factor is not None:
                values *= factor
            yield values.astype("f4"), codes

    if summing != 1:
        notes.skipped.append("even/odd striping: none where pixels are summed")
    elif not options["even_odd"]:
        notes.skipped.append("even/odd striping: not wanted")
    else:
        notes.done.append("even/odd striping: means of odd and even columns made equal")
        return calibrate.result(cube, destriped(scaled), notes)
    return calibrate.result(cube, ((values[None], _stacked(codes)) for values, codes in scaled()), notes)


def dark_levels(cube, summing):
    """Mean (lines,) of a line's dark pixels: of every other one for both channels, of all where pixels are summed."""
    records = cube.table(DARK_TABLE).records["DarkPixels"]
    if len(records) < cube.lines:
        raise ValueError(f"{cube.path}: {len(records)} records in its table {DARK_TABLE}; it has {cube.lines} lines")
    channels = 2 if summing == 1 else 1
    return [records[:, channel::channels].mean(axis=1) for channel in range(channels)]


def flat_field(path, cube, summing, first):
    """The flat field (samples,) under the image, averaged in pairs where pixels are summed; None without a file."""
    if path is None:
        return None
    pixels = 1 if summing == 1 else 2
    values = calibrate.one_line(path, cube.samples * pixels, max(first - PREFIX, 0))
    return values.reshape(-1, pixels).mean(axis=1)


def reflectance_factor(cube, options, exposure, notes):
    """What DN are multiplied with to become I/F; None where the units stay DN/ms."""
    as_iof = options["units"] == "iof"
    distance, origin = calibrate.solar_distance(cube, options) if as_iof else (None, "")
    if distance is None:
        why = "the Sun's distance is not known" if as_iof else "not wanted"
        notes.skipped.append(f"I/F: {why}, the units are DN/ms")
        return None
    if exposure == 0:
        raise ValueError(f"{cube.path}: LineExposureDuration is 0; there is no I/F of such an image")
    notes.done.append(f"I/F with the Sun's distance of {origin}")
    return 1 / (exposure * WHITE * (WHITE_DISTANCE / distance) ** 2)


def destriped(scaled):
    """Blocks with half the difference between the means of even and odd columns added to these, taken from those."""
    sums, counts = np.zeros(2), np.zeros(2)
    for values, codes in scaled():
        for side in range(2):
            pixels = values[:, side::2]
            sums[side] += np.nansum(pixels, dtype="f8") if codes is not None else pixels.sum(dtype="f8")
            counts[side] += pixels.size if codes is None else np.count_nonzero(codes[:, side::2] == 0)
    if not counts.all():
        raise ValueError("even/odd striping: no valid pixel in the odd or in the even columns; set even_odd: false")
    odd, even = sums / counts
    offset = (even - odd) / 2
    for values, codes in scaled():
        values = values.astype("f8")
        values[:, 0::2] += offset
        values[:, 1::2] -= offset
        yield values[None], _stacked(codes)


def _stacked(codes):
    return None if codes is None else codes[None]


def sensor(cube, kernels):
    """What the kernels are asked (CTXCamera of ISIS)."""
    instrument = cube.groups["Instrument"]
    start = kernels.clock(SPACECRAFT, instrument["SpacecraftClockCount"])
    line_time = seconds(instrument["LineExposureDuration"]) * int(instrument["SpatialSumming"])
    stop = start + line_time * cube.lines
    centre = kernels.number(IK_CODE, "BORESIGHT_SAMPLE") - 0.5, kernels.number(IK_CODE, "BORESIGHT_LINE")
    entries = {
        **scan(start, stop, line_time),
        **optics(kernels, IK_CODE),
        **detector(*centre, (int(instrument["SampleFirstPixel"]), 0)),
        **radial(kernels.numbers(IK_CODE, "OD_K")),
    }
    return Sensor(IK_CODE, IK_CODE, start, stop, entries)


CAMERA = Camera(
    name="CTX",
    label={"INSTRUMENT_ID": "CTX"},
    level={"DATA_SET_ID": "MRO-M-CTX-2-EDR-*"},
    wanted="an EDR",
    recipes={
        "ctx": Recipe(
            title="MRO CTX",
            isd="line scan",
            names=r"[A-Z]\d\d_\d{6}_\d{4}_X[IN]_\d\d[NS]\d{3}W\.IMG",
            examples=("B10_013341_1010_XN_79S172W.IMG", "P02_001916_2221_XI_42N027W.IMG"),
            calibration="dark current, even/odd, I/F; a flat field from a file",
        )
    },
    ingest=ingested,
    sensor=sensor,
    calibrate=calibrated,
    instrument_ids=("CTX",),
    options={
        "ingest": {"fill_gaps": FILL_GAPS, "lut": file("look-up table instead of the published one")},
        "calibration": {
            "units": UNITS,
            "solar_distance": SOLAR_DISTANCE,
            "flat": FLAT,
            "even_odd": {
                "type": "boolean",
                "default": True,
                "description": "even out the two channels of unsummed images",
            },
        },
    },
)
