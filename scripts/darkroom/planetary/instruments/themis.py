"""Mars Odyssey THEMIS images, infrared and visible, EDR and RDR, as thm2isis makes cubes of them."""

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys

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
FRAMES = {"IR": "-53031", "VIS": "-53032"}


def parts(product):
    """Visible images become two cubes, of the framelets with even and with odd numbers."""
    return ["even", "odd"] if product["DETECTOR_ID"] == "VIS" else [""]


def image(product, part, options):
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
