"""Mars Odyssey THEMIS images, infrared and visible, EDR and RDR, as thm2isis makes cubes of them.

The numbers of an RDR are radiance, scaled by the label (Christensen et al. 2004, Space Sci. Rev. 110, 85).
"""

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry.detectors import IR_AXIS, IR_ROW
from darkroom.planetary.geometry.isd import PUSH_FRAME
from darkroom.planetary.geometry.sensor import UNDISTORTED, Sensor, detector, optics, scan, seconds
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import UNITS, Camera
from darkroom.planetary.recipes import Recipe

FRAMELET = 192  # lines of a framelet of the visible camera, before summing
QUBE = "SPECTRAL_QUBE"
INSTRUMENT = {
    **keys("TargetName MissionPhaseName StartTime StopTime"),
    "SpacecraftClockCount": Key("SPACECRAFT_CLOCK_START_COUNT"),
}
INFRARED = {
    **keys("GainNumber OffsetNumber MissingScanLines", place=QUBE),
    "TimeDelayIntegration": Key("TIME_DELAY_INTEGRATION_FLAG", place=QUBE),
    "SpatialSumming": Key("SPATIAL_SUMMING", "", place=QUBE),
}
VISIBLE = keys("ExposureDuration InterframeDelay SpatialSumming", place=QUBE)
ARCHIVE = {
    **keys("DataSetId ProducerId ProductId ProductCreationTime ProductVersionId OrbitNumber"),
    **keys("FlightSoftwareVersionId CommandSequenceNumber", place=QUBE),
}
CALIBRATED = "CALIBRATED_SPECTRAL_RADIANCE"
RADIANCE = "W / (cm**2 micrometer sr)"
FRAMES = {"IR": "-53031", "VIS": "-53032"}
SPACECRAFT = -53
IR_FOCAL_LENGTH, VIS_FOCAL_LENGTH = 203.9213, 202.059  # mm
IR_LINE_TIME = 0.0332871  # s
IR_DISTORTION = (0.00447623, 0.00107556, 0.996005)
# Row of the infrared detector that each band sees, with time delay integration and without.
TDI_ROWS = (8.5, 24.5, 50.5, 76.5, 102.5, 128.5, 154.5, 180.5, 205.5, 231.5)
ROWS = (9, 24, 52, 77, 102, 129, 155, 181, 206, 232)


def parts(product):
    """Visible images become two cubes, of the framelets with even and with odd numbers."""
    return ["even", "odd"] if product["DETECTOR_ID"] == "VIS" else [""]


def ingested(product, part, options):
    """Real cube of radiance (RDR) or DN (EDR); a cube of framelets is NULL where the others are."""
    label, detector = product.label, product["DETECTOR_ID"]
    if detector not in FRAMES:
        raise ValueError(f"DETECTOR_ID = {detector}; known are {', '.join(FRAMES)}")
    qube = label[QUBE]
    instrument = {
        "SpacecraftName": "MARS_ODYSSEY",
        "InstrumentId": f"{product['INSTRUMENT_ID']}_{detector}",
        **_without_units(label, INSTRUMENT),
        **_without_units(label, INFRARED if detector == "IR" else VISIBLE),
        "SpacecraftClockOffset": pvl.Quantity("0.0", "seconds"),
    }
    bins = qube["BAND_BIN"]
    groups = {
        "Instrument": instrument,
        "Archive": _without_units(label, ARCHIVE) | {"Description": qube["DESCRIPTION"]},
        "BandBin": {
            "OriginalBand": tuple(map(str, range(1, product.image().bands + 1))),
            "Center": bins["BAND_BIN_CENTER"],
            "Width": bins["BAND_BIN_WIDTH"],
            "FilterNumber": bins["BAND_BIN_FILTER_NUMBER"],
            "BandNumber": bins["BAND_BIN_BAND_NUMBER"],
        },
        "Kernels": {"NaifFrameCode": FRAMES[detector]},
    }
    if not part:
        return ingest.cube(product, groups, "f4", ingest.converted(product, ingest.scaled(product.image())))
    height = FRAMELET // int(instrument["SpatialSumming"])
    instrument["NumFramelets"] = product.image().lines // height
    instrument["Framelets"] = part.capitalize()
    return ingest.cube(product, groups, "f4", _framelets(product, height, part == "even"))


def _framelets(product, height, even):
    """Blocks of the framelets with even numbers, or with odd ones; the first is number 1."""
    convert = ingest.scaled(product.image())
    firsts, count = ingest.lines(product.image())
    for first in firsts:
        values, codes = convert(product.rows(first, count))
        line = np.arange(first, first + values.shape[1])
        codes = np.zeros(values.shape, "u1") if codes is None else codes
        codes[:, (line // height % 2 == 1) != even] = cubes.NULL
        yield values, codes


def _without_units(label, table):
    return {name: ingest.plain(value) for name, value in ingest.translate(label, table).items()}


def calibrated(cube, options):
    """Take the numbers of an RDR as the radiance they are; I/F cannot be had.

    Raises ValueError when the archive's product holds raw numbers.
    """
    label = calibrate.original(cube)
    core = label.get(QUBE, label.get("QUBE", {})).get("CORE_NAME", "unknown")
    if core.upper() != CALIBRATED:
        raise ValueError(
            f"{cube.path}: CORE_NAME is {core}, not {CALIBRATED}; give an RDR of THEMIS, or calibrate: false"
        )
    return calibrate.radiance(cube, options, RADIANCE)


def sensor(cube, kernels):
    """What the kernels are asked, of the first band (ThemisIrCamera and ThemisVisCamera of ISIS, ALE's drivers)."""
    groups = cube.groups
    instrument, code = groups["Instrument"], int(groups["Kernels"]["NaifFrameCode"])
    offset = float(instrument.get("SpacecraftClockOffset", 0))
    start = kernels.clock(SPACECRAFT, f"{float(instrument['SpacecraftClockCount']):.3f}") + offset
    numbers = groups["BandBin"]["FilterNumber"]
    bands = [int(number) for number in (numbers if isinstance(numbers, tuple | list) else [numbers])]
    return (_infrared if code == int(FRAMES["IR"]) else _visible)(cube, kernels, code, start, bands)


def _infrared(cube, kernels, code, start, bands):
    instrument = cube.groups["Instrument"]
    summing = int(instrument.get("SpatialSumming", 1))
    rows = TDI_ROWS if instrument["TimeDelayIntegration"] == "ENABLED" else ROWS
    line_time = IR_LINE_TIME * summing
    starts = [start + (rows[band - 1] - 0.5) * line_time / summing for band in bands]
    stop = starts[-1] + line_time * cube.lines
    alpha, beta, scale = IR_DISTORTION
    entries = {
        **scan(starts[0], stop, line_time),
        **optics(kernels, code, focal_length=IR_FOCAL_LENGTH),
        **detector(IR_AXIS, 0, (0, IR_ROW), summing),
        "optical_distortion": {"themisir": {"p_alpha1": alpha, "p_alpha2": beta, "p_k": scale}},
    }
    return Sensor(code, code, starts[0], stop, entries)


def _visible(cube, kernels, code, start, bands):
    instrument = cube.groups["Instrument"]
    exposure, delay = seconds(instrument["ExposureDuration"]), float(instrument["InterframeDelay"])
    summing, count = int(instrument["SpatialSumming"]), int(instrument["NumFramelets"])
    starts = [start - exposure + (band - 1) * delay for band in bands]
    entries = {
        "name_model": PUSH_FRAME,
        "starting_ephemeris_time": starts[0],
        "exposure_duration": exposure,
        "interframe_delay": delay,
        "framelet_height": cube.lines / count * summing,
        "framelets_flipped": True,
        "framelet_order_reversed": False,
        **optics(kernels, code, focal_length=VIS_FOCAL_LENGTH),
        **detector(512, 512, summing=summing),
        **UNDISTORTED,
    }
    return Sensor(code, code, starts[0], max(starts) + count * delay, entries)


CAMERA = Camera(
    name="THEMIS",
    label={"INSTRUMENT_ID": "THEMIS"},
    level={"DATA_SET_ID": ["ODY-M-THM-[23]-IR[ER]DR-*", "ODY-M-THM-[23]-VIS[ER]DR-*"]},
    wanted="an EDR or RDR",
    recipes={
        "themis_vis": Recipe(
            title="Mars Odyssey THEMIS, visible",
            isd="push-frame",
            names=r"V\d{8}(EDR|RDR)\.QUB",
            examples=("V00821003RDR.QUB", "V10052001EDR.QUB"),
            label={"DETECTOR_ID": "VIS"},
            parts=("even", "odd"),
            calibration="RDR: scaling of the label",
        ),
        "themis_ir": Recipe(
            title="Mars Odyssey THEMIS, infrared",
            isd="line scan, as of band 1",
            names=r"I\d{8}(EDR|RDR)\.QUB",
            examples=("I00831002RDR.QUB",),
            label={"DETECTOR_ID": "IR"},
            calibration="RDR: scaling of the label",
        ),
    },
    ingest=ingested,
    sensor=sensor,
    parts=parts,
    calibrate=calibrated,
    instrument_ids=("THEMIS_IR", "THEMIS_VIS"),
    options={"calibration": {"units": UNITS}},
)
