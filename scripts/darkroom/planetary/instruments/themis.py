"""Mars Odyssey THEMIS images, infrared and visible, EDR and RDR, as thm2isis makes cubes of them.

The numbers of an RDR are radiance, scaled by the label (Christensen et al. 2004, Space Sci. Rev. 110, 85).
"""

import numpy as np

from darkroom.planetary.formats import cubes, pvl
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
    parts=parts,
    calibrate=calibrated,
    instrument_ids=("THEMIS_IR", "THEMIS_VIS"),
    options={"calibration": {"units": UNITS}},
)
