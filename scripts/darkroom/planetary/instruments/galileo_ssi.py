"""Galileo SSI REDRs, raw or repaired, as gllssi2isis makes cubes of them; filters are its constants."""

from dataclasses import replace

from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry.isd import FRAME
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, radial
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.recipes import Recipe

GAINS = {"10K": "10000", "40K": "40000", "100K": "100000", "400K": "400000"}
READOUTS = {
    "CONTIGUOUS": "Contiguous",
    "CONTIGUOUS READOUT": "Contiguous",
    "SAMPLE": "Sample",
    "SAMPLE READOUT": "Sample",
    "VIEW": "View",
    "N/A": "Contiguous",
    "NOT APPLICABLE": "Contiguous",
}
INSTRUMENT = {
    "SpacecraftName": Key("SPACECRAFT_NAME", None, {"GALILEO ORBITER": "Galileo Orbiter"}),
    "InstrumentId": Key("INSTRUMENT_NAME"),
    **keys("TargetName SpacecraftClockStartCount"),
    "StartTime": Key("IMAGE_TIME"),
    "ExposureDuration": Key("EXPOSURE_DURATION"),
    "GainModeId": Key("GAIN_MODE_ID", None, GAINS, closed=True),
    "TelemetryFormat": Key("TELEMETRY_FORMAT_ID"),
    **keys("LightFloodStateFlag InvertedClockStateFlag BlemishProtectionFlag ExposureType"),
    "ReadoutMode": Key("INSTRUMENT_MODE_ID", "N/A", READOUTS, closed=True),
}
ARCHIVE = {"DataSetId": Key("DATA_SET_ID"), "ProductId": Key("IMAGE_ID"), "ObservationId": Key("OBSERVATION_ID")}
# Centre and width in micrometres.
FILTERS = {
    "CLEAR": ("0.611", ".44"),
    "VIOLET": ("0.404", ".05"),
    "GREEN": ("0.559", ".06"),
    "RED": ("0.671", ".06"),
    "IR-7270": ("0.734", ".01"),
    "IR-7560": ("0.756", ".018"),
    "IR-8890": ("0.887", ".116"),
    "INFRARED": ("0.986", ".04"),
}
SUMMED = ((2, 3), (15, 16))  # seconds between which a frame lasts whose pixels are summed by 2 x 2
REPAIRED = "SSI-4-REDR"  # put together from damaged ones, never summed
LEVEL = {"DATA_SET_ID": "*SSI-[24]-REDR*"}
IK_CODE = -77001
COVERED_UNTIL = "1994-04-01T00:00:00"


def ingested(product, part, options):
    """Cube of the samples as they are; of a summed frame its quarter of the lines and samples, in the upper left."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    duration = str(ingest.plain(product["FRAME_DURATION"]))
    summed = REPAIRED not in product["DATA_SET_ID"] and any(low < float(duration) < high for low, high in SUMMED)
    instrument["StartTime"] = ingest.without_z(str(instrument["StartTime"]))
    exposure = float(ingest.plain(instrument["ExposureDuration"])) / 1000
    instrument["ExposureDuration"] = pvl.Quantity(ingest.number(exposure), "seconds")
    instrument["FrameDuration"] = pvl.Quantity(duration, "seconds")
    instrument |= {"Summing": 2, "FrameModeId": "SUMMATION"} if summed else {"Summing": 1, "FrameModeId": "FULL"}
    archive = ingest.translate(product.label, ARCHIVE)
    archive |= {"DataType": "RADIANCE", "CalTargetCode": archive["ObservationId"][:2]}
    name = str(product["FILTER_NAME"]).upper()
    if name not in FILTERS:
        raise ValueError(f"FILTER_NAME = {name}; known are {', '.join(FILTERS)}")
    centre, width = (pvl.Quantity(value, "micrometers") for value in FILTERS[name])
    groups = {
        "Instrument": instrument,
        "Archive": archive,
        "BandBin": {"FilterName": name, "FilterNumber": product["FILTER_NUMBER"], "Center": centre, "Width": width},
        "Kernels": {"NaifFrameCode": -77001},
    }
    image = ingest.native(product, groups)
    if not summed:
        return image
    lines, samples = image.lines // 2, image.samples // 2
    return replace(image, lines=lines, samples=samples, blocks=_corner(image.blocks, lines, samples))


def _corner(blocks, lines, samples):
    """The first lines and samples of blocks."""
    left = lines
    for values, codes in blocks:
        corner = (slice(None), slice(left), slice(samples))
        yield values[corner], None if codes is None else codes[corner]
        left -= values.shape[1]
        if left <= 0:
            return


def sensor(cube, kernels):
    """What the kernels are asked (SsiCamera of ISIS): until it was taken off, its cover was a lens."""
    instrument = cube.groups["Instrument"]
    start = kernels.utc(instrument["StartTime"])
    covered = "_COVER" if start < kernels.utc(COVERED_UNTIL) else ""
    focal_length = kernels.number(IK_CODE, f"FOCAL_LENGTH{covered}")
    entries = {
        "name_model": FRAME,
        **optics(kernels, IK_CODE, focal_length=focal_length),
        **detector(
            kernels.number(IK_CODE, "BORESIGHT_SAMPLE") - 0.5,
            kernels.number(IK_CODE, "BORESIGHT_LINE") - 0.5,
            summing=int(instrument["Summing"]),
        ),
        **radial([0, -kernels.number(IK_CODE, f"K1{covered}"), 0]),
    }
    return Sensor(IK_CODE, IK_CODE, start, start, entries)


CAMERA = Camera(
    name="Galileo SSI",
    label={
        "SPACECRAFT_NAME": "GALILEO ORBITER",
        "INSTRUMENT_NAME": ["SOLID STATE IMAGING SYSTEM", "SOLID_STATE_IMAGING*"],
    },
    level=LEVEL,
    wanted="a REDR",
    recipes={
        "galileo_ssi": Recipe(
            title="Galileo SSI",
            isd="frame",
            names=r"(\d{4}|c\d{10})[rs]\.(lbl|img)",
            examples=("3700r.lbl", "C0349632000R.LBL", "4911s.lbl"),
            label=LEVEL,
        )
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=("SOLID STATE IMAGING SYSTEM", "SOLID_STATE_IMAGING"),
)
