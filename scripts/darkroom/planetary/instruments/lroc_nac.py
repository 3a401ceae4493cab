"""LROC narrow angle: EDRs as lronac2isis makes cubes of them; to radiance or I/F, without the echo of the read-out.
CDRs, which lronac2pds makes of calibrated cubes, are these again.

Formulas: Robinson et al. (2010, Space Sci. Rev. 150, 81) and Humm et al. (2016, Space Sci. Rev. 200, 431) as in ISIS's
lronaccal and lronacecho. The masked pixels at the edges are not used.

Up to the echo a pixel's result depends on its number and its column only, and there are few numbers, for they were
companded to 8 bits: each is computed once for every column and then looked up.
"""

import re
from pathlib import Path

import numpy as np

from darkroom.planetary import labels
from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, scan, seconds
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import FLAT, SOLAR_DISTANCE, UNITS, Camera, file
from darkroom.planetary.recipes import Recipe

EDR, CDR = "LRO-L-LROC-2-EDR-*", "LRO-L-LROC-3-CDR-*"
UNIT = {"Scaled I/F": "IOF", "W / (m**2 micrometer sr)": "AbsoluteRadiance"}  # of CDRs
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
FRAMES = {"LEFT": ("NACL", "-85600"), "RIGHT": ("NACR", "-85610")}
REFLECTANCE = {"NACL": 15869.0, "NACR": 15058.0}  # DN/ms of I/F 1 at 1 AU (ISIS's NAC_RadiometricResponsivity)
SIDES = {"NACL": "LEFT", "NACR": "RIGHT"}
AU = 149597871.0  # km, as in lronaccal
LINEAR_FROM = 600  # DN
LEVELS = 2 * 4096  # decompanded numbers are multiples of half a DN
ECHO = 0.326  # of a pixel that the next one of the same channel has
RAMP = 20  # unsummed columns over which the echo sets in at the image's edge
EDGE = 42  # unsummed columns before the image
SPACECRAFT = -85


def ingested(product, part, options):
    """Real cube of decompanded DN, the right camera turned as the left one; of a CDR, what it has."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    camera, frame = FRAMES[instrument["FrameId"]]
    instrument["InstrumentId"] = camera
    instrument["InstrumentName"] = f"LUNAR RECONNAISSANCE ORBITER NARROW ANGLE CAMERA {instrument['FrameId']}"
    instrument |= {"SampleFirstPixel": "0"} | ingest.translate(product.label, RAW_TEMPERATURES)
    archive = ingest.translate(product.label, ARCHIVE)
    groups = {
        "Instrument": instrument,
        "Archive": archive,
        "BandBin": {"FilterName": "BroadBand"} | ingest.translate(product.label, BAND_BIN),
        "Kernels": {"NaifFrameCode": frame},
    }
    if labels.fits(product.label, {"DATA_SET_ID": CDR}):
        return ingest.native(product, groups | {"Radiometry": {"RadiometricType": unit_of(product)}})
    terms = [[float(term) for term in product[f"LRO:{name}TERM"]] for name in "XMB"]
    decompand = ingest.looked_up(decompanded(*terms).astype("f4"))
    version = float(re.sub("^v", "", archive["ProductVersionId"]))
    turn = -1 if instrument["FrameId"] == "RIGHT" and version < FLIPPED_BEFORE else 1
    blocks = ingest.converted(product, lambda raw: decompand(raw[:, :, ::turn]))
    return ingest.cube(product, groups, "f4", blocks)


def unit_of(product):
    """What the numbers of a CDR are, in the word of lronaccal. Raises ValueError for a unit that is neither."""
    unit = product.object()[1].get("UNIT", "")
    if unit not in UNIT:
        raise ValueError(f"UNIT = {unit or 'missing'}; known are {', '.join(UNIT)}")
    return UNIT[unit]


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


def calibrated(cube, options):
    """Calibrate a LROC NAC cube.

    options -- units, flat, solar_distance; dark_file and offset_file: cubes with a number for each column;
        nonlinearity_file: text of three coefficients for each column; responsivity_file: label with IOF_LEFT,
        Radiance_LEFT and so on; echo: take it out, when all steps before could be done
    """
    if "AlphaCube" in cube.groups:
        raise ValueError(f"{cube.path}: is cropped or scaled (group AlphaCube); give the whole image as ingested")
    camera = cube.groups["Instrument"]["InstrumentId"].upper()
    summing = 1 if int(cube.groups["Instrument"]["SpatialSumming"]) == 1 else 2
    notes = calibrate.Notes(skipped=["masked pixels: not used"])
    dark = dark_step(cube, options["dark_file"], notes)
    linearity = linearity_step(cube, options["offset_file"], options["nonlinearity_file"], summing, notes)
    flat = flat_step(cube, options["flat"], notes)
    scaling = scaling_step(cube, camera, options, notes)
    steps = [step for step in (dark, linearity, flat, scaling) if step is not None]
    blocks = looked_up(cube, steps, all_to_null=any((linearity, flat, scaling)))
    if not options["echo"]:
        notes.skipped.append("echo: not wanted")
    elif None in (dark, linearity, flat):
        notes.skipped.append("echo: only after dark level, non-linearity and flat field")
    else:
        notes.done.append("echo of the read-out")
        blocks = without_echo(blocks, echo_strength(cube.samples, camera, summing), 2 // summing, camera == "NACR")
    stacked = ((values[None], None if codes is None else codes[None]) for values, codes in blocks)
    return calibrate.result(cube, stacked, notes)


def dark_step(cube, path, notes):
    """Subtract the dark level of each column."""
    if path is None:
        notes.skipped.append("dark level: no file given")
        return None
    dark = calibrate.one_line(path, cube.samples)
    notes.done.append(f"dark level: {Path(path).name}")
    notes.keywords |= {"DarkFileType": "CustomDarkFile", "DarkFiles": Path(path).name}
    return lambda numbers: numbers - dark


def linearity_step(cube, offset_path, path, summing, notes):
    """Add each column's offset, and below LINEAR_FROM subtract 1 / (a b^DN + c): the mean of two columns if summed."""
    if offset_path is None or path is None:
        notes.skipped.append("non-linearity: no file of offsets and of coefficients given")
        return None
    offset = calibrate.one_line(offset_path, cube.samples)
    terms = coefficients(path)
    if len(terms) < cube.samples * summing:
        raise ValueError(f"{path}: {len(terms)} lines; the image needs {cube.samples * summing}")
    terms = terms[: cube.samples * summing].reshape(cube.samples, summing, 3)
    notes.done.append(f"non-linearity: {Path(path).name}")
    notes.keywords |= {"NonlinearOffset": Path(offset_path).name, "LinearizationCoefficients": Path(path).name}

    def linearised(numbers):
        numbers = numbers + offset
        excess = [1 / (a * b**numbers + c) for a, b, c in (terms[:, pixel].T for pixel in range(summing))]
        return np.where(numbers < LINEAR_FROM, numbers - sum(excess) / summing, numbers)

    return linearised


def coefficients(path):
    """Three coefficients a line (n, 3), apart by blanks or commas."""
    try:
        rows = np.array(Path(path).read_text().replace(",", " ").split(), "f8")
    except ValueError as error:
        raise ValueError(f"{path}: no table of coefficients: {error}") from error
    if rows.size % 3 or not rows.size:
        raise ValueError(f"{path}: {rows.size} numbers; there would be three a line")
    return rows.reshape(-1, 3)


def flat_step(cube, path, notes):
    """Divide by the flat field of each column; a column without a positive one becomes empty."""
    if path is None:
        notes.skipped.append("flat field: no file given")
        return None
    flat = calibrate.one_line(path, cube.samples)
    flat = np.where(flat > 0, flat, np.nan)
    notes.done.append(f"flat field: {Path(path).name}")
    notes.keywords["FlatFile"] = Path(path).name
    return lambda numbers: numbers / flat


def scaling_step(cube, camera, options, notes):
    """Divide by exposure and responsivity, to radiance or I/F; None where the units stay DN."""
    units, path = options["units"], options["responsivity_file"]
    given = {} if path is None else pvl.load(path)
    exposure = float(cube.groups["Instrument"]["LineExposureDuration"])  # ms
    side = SIDES[camera]
    if units == "iof":
        distance, origin = calibrate.solar_distance(cube, options)
        if distance is not None:
            responsivity = float(given.get(f"IOF_{side}", REFLECTANCE[camera]))
            notes.done.append(f"I/F with the Sun's distance of {origin}")
            notes.keywords |= {
                "RadiometricType": "IOF",
                "ResponsivityValue": calibrate.number(responsivity),
                "SolarDistance": calibrate.number(distance / AU),
            }
            return lambda numbers: numbers / exposure * (distance / AU) ** 2 / responsivity
        notes.skipped.append("I/F: the Sun's distance is not known")
    if units == "dn" or f"Radiance_{side}" not in given:
        why = "not wanted" if units == "dn" else f"no responsivity_file with Radiance_{side} given"
        notes.skipped.append(f"radiance: {why}, the units are DN")
        return None
    responsivity = float(given[f"Radiance_{side}"])
    notes.done.append(f"radiance: {Path(path).name}")
    notes.keywords |= {"RadiometricType": "AbsoluteRadiance", "ResponsivityValue": calibrate.number(responsivity)}
    return lambda numbers: numbers / exposure / responsivity


def looked_up(cube, steps, all_to_null):
    """Blocks (n, samples) in float32 of an image after steps, each of which is a function of number and column.

    all_to_null -- whether saturated pixels become NULL, as they do in all steps of lronaccal behind the dark level
    """
    place = np.full(LEVELS, -1)  # of a level's first column in the table
    table = np.empty((0, cube.samples), "f4")
    columns = np.arange(cube.samples)
    for first in range(0, cube.lines, calibrate.ROWS):
        numbers, codes = cube.read(first, calibrate.ROWS)
        if codes is not None:
            numbers[codes != 0] = 0
        numbers *= 2
        level = numbers.astype("i8")
        level &= LEVELS - 1
        if not np.array_equal(level, numbers):
            values = applied(steps, numbers / 2)  # no numbers of a companding
        else:
            entry = np.take(place, level)
            if entry.min() < 0:
                new = np.unique(level[entry < 0])
                place[new] = table.size + np.arange(len(new)) * cube.samples
                table = np.concatenate([table, applied(steps, np.repeat(new[:, None] / 2, cube.samples, axis=1))])
                entry = np.take(place, level)
            entry += columns
            values = np.take(table, entry)
        if codes is not None:
            values[codes != 0] = np.nan
            codes = np.where(codes == 0, 0, cubes.NULL).astype("u1") if all_to_null else codes
        yield values, calibrate.empty_where_nan(values, codes)


def applied(steps, numbers):
    """Numbers after all steps, in float32 as they are stored."""
    for step in steps:
        numbers = step(numbers)
    return numbers.astype("f4")


def echo_strength(samples, camera, summing):
    """Share (samples,) of the pixel read before that is seen in each; it sets in smoothly at the image's edge."""
    edge, ramp = EDGE // summing, RAMP // summing
    sample = np.arange(samples)
    if camera == "NACL":
        inside, inner = sample - edge, sample - edge
    else:
        inside, inner = 5024 // summing - sample, samples - sample - edge
    smooth = ECHO / 2 * (1 - np.cos(np.pi / ramp * inner))
    return np.where((inside >= 0) & (inside <= ramp), smooth, ECHO)


def without_echo(blocks, strength, lag, backwards):
    """Blocks without the echo of each pixel in the next one of its channel, `lag` columns on.

    y[i] = x[i] - s[i] y[i - lag], then times 1 + s[i]; where either pixel is empty nothing is done.
    """
    direction = -1 if backwards else 1
    strength = strength[::direction, None]
    for values, codes in blocks:
        light = values[:, ::direction].astype("f8").T
        share = strength
        if codes is not None:
            empty = codes[:, ::direction].T != 0
            share = np.where(empty, 0, share)
            share[lag:][empty[:-lag]] = 0
            light[empty] = 0
        calibrate.recursion(light, -share, lag)
        light *= 1 + share
        yield light.T[:, ::direction], codes


def sensor(cube, kernels):
    """What the kernels are asked (LroNarrowAngleCamera of ISIS)."""
    instrument = cube.groups["Instrument"]
    code = int(cube.groups["Kernels"]["NaifFrameCode"])
    slower = kernels.number(code, "MULTIPLI_LINE_ERROR", 0.0045)
    line_time = seconds(instrument["LineExposureDuration"]) * (1 + slower)
    line_time += kernels.number(code, "ADDITIVE_LINE_ERROR", 0.0)
    start = kernels.clock(SPACECRAFT, instrument["SpacecraftClockPrerollCount"])
    start += kernels.number(code, "ADDITIONAL_PREROLL", 1024.0) * line_time
    start += kernels.number(code, "CONSTANT_TIME_OFFSET", 0.0)
    stop = start + line_time * cube.lines
    centre = kernels.number(code, "BORESIGHT_SAMPLE") - 0.5, kernels.number(code, "BORESIGHT_LINE")
    first = int(instrument.get("SampleFirstPixel", 0))
    entries = {
        **scan(start, stop, line_time),
        **optics(kernels, code),
        **detector(*centre, (first, 0), int(instrument["SpatialSumming"])),
        "optical_distortion": {"lrolrocnac": {"coefficients": kernels.numbers(code, "OD_K")}},
    }
    return Sensor(code, code, start, stop, entries, correction="NONE")


CAMERA = Camera(
    name="LROC NAC",
    label={"INSTRUMENT_ID": "LROC", "FRAME_ID": ["LEFT", "RIGHT"]},
    level={"DATA_SET_ID": [EDR, CDR]},
    wanted="an EDR or CDR",
    recipes={
        "lroc_nac": Recipe(
            title="LRO LROC narrow angle",
            isd="line scan",
            names=r"M\d+[LR]E\.IMG",
            examples=("M114145549LE.IMG", "M1333276014RE.IMG"),
            label={"DATA_SET_ID": EDR},
            calibration="dark current, nonlinearity, flat field from files; radiance; echo",
        ),
        "lroc_nac_cdr": Recipe(
            title="LRO LROC narrow angle, calibrated by its team",
            isd="line scan",
            names=r"M\d+[LR]C\.IMG",
            examples=("M114145549LC.IMG", "M1333276014RC.IMG"),
            label={"DATA_SET_ID": CDR},
            calibration="the archive's",
        ),
    },
    ingest=ingested,
    sensor=sensor,
    calibrate=calibrated,
    instrument_ids=tuple(REFLECTANCE),
    options={
        "calibration": {
            "units": UNITS,
            "solar_distance": SOLAR_DISTANCE,
            "flat": FLAT,
            "dark_file": file("dark current, a cube"),
            "nonlinearity_file": file("nonlinearity, a table"),
            "offset_file": file("offsets of the nonlinearity, a cube"),
            "responsivity_file": file("responsivity"),
            "echo": {"type": "boolean", "default": True, "description": "take out the echo"},
        }
    },
)
