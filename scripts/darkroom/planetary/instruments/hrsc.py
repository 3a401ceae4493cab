"""Mars Express HRSC and SRC images of level 2: cubes as hrsc2isis makes them, scaled to radiance or I/F.

They are calibrated by their team. The factors are in the product's label (Jaumann et al. 2007, Planet. Space Sci. 55,
928): REFLECTANCE_SCALING_FACTOR gives I/F, RADIANCE_SCALING_FACTOR and RADIANCE_OFFSET give radiance in W / (m2 sr).
"""

import numpy as np

from darkroom.planetary.formats import cubes
from darkroom.planetary.geometry.isd import FRAME, LINE_SCAN
from darkroom.planetary.geometry.sensor import UNDISTORTED, Sensor, detector, optics, seconds, square
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import UNITS as UNITS_RULE
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.recipes import Recipe

HEADS = ("HEAD", "S2", "RED", "P2", "BLUE", "NADIR", "GREEN", "P1", "IR", "S1", "SRC")
IK_CODES = {f"MEX_HRSC_{head}": str(-41210 - number) for number, head in enumerate(HEADS)}
INSTRUMENT = {
    "SpacecraftName": Key("INSTRUMENT_HOST_NAME", "UNKNOWN"),
    "InstrumentId": Key(
        "DETECTOR_ID", None, {head: "SRC" if head.endswith("SRC") else "HRSC" for head in IK_CODES}, closed=True
    ),
    **keys("StartTime StopTime SpacecraftClockStartCount SpacecraftClockStopCount MissionPhaseName"),
    "TargetName": Key("TARGET_NAME", None, {"MARS": "Mars", "PHOBOS": "Phobos", "DEIMOS": "Deimos", "CAL": "Cal"}),
    "Summing": Key("MACROPIXEL_SIZE", ""),
    **keys("ExposureDuration FocalPlaneTemperature LensTemperature InstrumentTemperature", default=""),
}
ARCHIVE = keys("DataSetId DetectorId EventType OrbitNumber ProductId")
BAND_BIN = {"Width": Key("BANDWIDTH"), "Center": Key("CENTER_FILTER_WAVELENGTH")}
LONGEST_GAPS = 1 << 20  # lines that may be missing in all
KERNELS = {"NaifIkCode": Key("DETECTOR_ID", None, IK_CODES, closed=True)}
UNITS = {"iof": "I over F", "radiance": "W / (m**2 sr)", "dn": "DN"}
FACTORS = {
    "iof": ("REFLECTANCE_SCALING_FACTOR", None),
    "radiance": ("RADIANCE_SCALING_FACTOR", "RADIANCE_OFFSET"),
}
HEAD, SRC = -41210, -41220  # NAIF's codes of HRSC and of the super-resolution channel
SRC_PIXEL = 0.009  # mm


def ingested(product, part, options):
    """SRC: a cube of the samples as they are. HRSC: a Real cube with a line for every time, and `LineScanTimes`."""
    groups = {
        "Instrument": ingest.translate(product.label, INSTRUMENT),
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": ingest.translate(product.label, BAND_BIN),
        "Kernels": ingest.translate(product.label, KERNELS),
    }
    for key in ("StartTime", "StopTime"):
        groups["Instrument"][key] = groups["Instrument"][key][:-1]  # ISIS expects a Z there, and cuts what it finds
    if groups["Instrument"]["InstrumentId"] == "SRC":
        return ingest.native(product, groups)
    if product.image().prefix < 12:
        raise ValueError("LINE_PREFIX_BYTES of IMAGE is too small; 12 bytes or more hold the time of each line")
    prefix = ingest.collected(product, lambda first, count: product.prefix(first, count)[:, :12])
    times = np.ascontiguousarray(prefix[:, :8]).view("<f8")[:, 0]
    exposures = np.ascontiguousarray(prefix[:, 8:]).view("<f4")[:, 0].astype("f8") / 1000
    places = places_in_time(times, exposures)
    new = np.flatnonzero(np.diff(exposures, prepend=0.0))
    table = ingest.records(
        EphemerisTime=times[new], ExposureTime=exposures[new], LineStart=(places[new] + 1).astype("<i4")
    )
    return ingest.cube(
        product,
        groups,
        "f4",
        _with_gaps(product, places),
        lines=int(places[-1]) + 1,
        tables=[cubes.Table("LineScanTimes", table)],
    )


def places_in_time(times, exposures):
    """Line of the cube, from 0, of each line of the file: lines that were lost leave room.

    times -- start of each line, s; exposures -- of each line, s
    Raises ValueError when they are no times.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        missing = np.trunc(np.diff(times) / exposures[:-1] - 1 + 0.5)
    if not (np.isfinite(missing).all() and missing.sum() < LONGEST_GAPS):
        raise ValueError("the times in the prefixes of the lines (LINE_PREFIX_BYTES) do not run on from line to line")
    return np.arange(len(times)) + np.concatenate([[0], np.cumsum(np.maximum(missing, 0))]).astype(int)


def _with_gaps(product, places):
    """Blocks with NULL in the lines that are not in the file."""
    convert, line = ingest.scaled(product.image()), 0
    firsts, count = ingest.lines(product.image())
    for first in firsts:
        values, codes = convert(product.rows(first, count))
        here = places[first : first + count]
        if here[-1] + 1 - line > len(here):
            bands, _, samples = values.shape
            filled = np.zeros((bands, here[-1] + 1 - line, samples))
            kinds = np.full(filled.shape, cubes.NULL, "u1")
            filled[:, here - line] = values
            kinds[:, here - line] = 0 if codes is None else codes
            values, codes = filled, kinds
        line = here[-1] + 1
        yield values, codes


def calibrated(cube, options):
    """Scale an HRSC cube by its product's label; units "dn" leave it as it is.

    Raises ValueError when the label has no such factor.
    """
    units = options["units"]
    notes = calibrate.Notes(done=["radiometric calibration by the HRSC team (level 2)"])
    factor, offset = scaling(cube, units, notes) if units in FACTORS else (1.0, 0.0)
    if units not in FACTORS:
        notes.skipped.append("scaling: DN are wanted")
    notes.keywords |= {
        "Units": UNITS[units],
        "ScalingFactor": calibrate.number(factor),
        "Offset": calibrate.number(offset),
    }
    blocks = ((values * factor + offset, codes) for values, codes in cube.blocks(calibrate.ROWS))
    return calibrate.result(cube, blocks, notes, "RadiometricCalibration")


def scaling(cube, units, notes):
    """Factor and offset for the wanted units, from the product's label."""
    label = calibrate.original(cube)
    name, offset_name = FACTORS[units]
    if name not in label:
        raise ValueError(f"{cube.path}: {name} is not in the product's label; {units} cannot be had, take units: dn")
    notes.done.append(f"scaling by {name} of the product's label")
    return float(label[name]), float(label.get(offset_name, 0.0)) if offset_name else 0.0


def sensor(cube, kernels):
    """What the kernels are asked (HrscCamera of ISIS); of the SRC as ALE does."""
    return _src(cube, kernels) if cube.groups["Instrument"]["InstrumentId"] == "SRC" else _hrsc(cube, kernels)


def _hrsc(cube, kernels):
    code, times = int(cube.groups["Kernels"]["NaifIkCode"]), cube.table("LineScanTimes").records
    lines, starts, exposures = (np.array(times[name], float) for name in ("LineStart", "EphemerisTime", "ExposureTime"))
    stop = starts[-1] + exposures[-1] * (cube.lines - lines[-1] + 1)
    middle = (starts[0] + stop) / 2
    entries = {
        "name_model": LINE_SCAN,
        "line_scan_rate": np.column_stack([lines - 0.5, starts - middle, exposures]).tolist(),
        "starting_ephemeris_time": starts[0],
        "center_ephemeris_time": middle,
        **optics(kernels, code),
        **detector(2592, 0, summing=int(cube.groups["Instrument"].get("Summing", 1))),
        **UNDISTORTED,
    }
    return Sensor(HEAD, HEAD, starts[0], stop, entries, also=(code,))


def _src(cube, kernels):
    exposure = seconds(cube.groups["Instrument"]["ExposureDuration"])
    start = kernels.utc(cube.groups["Instrument"]["StartTime"]) - exposure / 2
    entries = {
        "name_model": FRAME,
        **optics(kernels, SRC, **square(SRC_PIXEL)),
        **detector(512, 512),
        **UNDISTORTED,
    }
    return Sensor(SRC, SRC, start, start + exposure, entries)


CAMERA = Camera(
    name="HRSC",
    label={"INSTRUMENT_ID": "HRSC"},
    level={"PROCESSING_LEVEL_ID": "[0-3]"},
    wanted="an image of PROCESSING_LEVEL_ID 2",
    recipes={
        "hrsc": Recipe(
            title="Mars Express HRSC and SRC, level 2",
            isd="line scan with its changing rates; SRC a frame",
            names=r"h[0-9a-z]\d{3}_\d{4}_(nd|re|gr|bl|ir|s1|s2|p1|p2|sr)2\.img",
            examples=("h0279_0000_re2.img", "H1234_0009_ND2.IMG"),
            calibration="scaling of the label",
        )
    },
    ingest=ingested,
    sensor=sensor,
    calibrate=calibrated,
    instrument_ids=("HRSC", "SRC"),
    options={"calibration": {"units": UNITS_RULE}},
)
