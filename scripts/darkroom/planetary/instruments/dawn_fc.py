"""Dawn Framing Cameras, EDR and RDR, as dawnfc2isis makes cubes of them: upside down, filters by its constants."""

from darkroom.planetary.geometry.isd import FRAME
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, seconds
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.recipes import Recipe

INSTRUMENT = {
    "SpacecraftName": Key("INSTRUMENT_HOST_NAME"),
    **keys("InstrumentId SpacecraftClockStartCount SpacecraftClockStopCount StartTime StopTime ExposureDuration"),
    **keys("PixelAveragingWidth PixelAveragingHeight", default="1"),
    "TargetName": Key("TARGET_NAME", "N/A", {"4 VESTA": "VESTA", "1 CERES": "CERES"}),
    "OriginalTargetName": Key("TARGET_NAME", "N/A"),
    "OrbitNumber": Key("ORBIT_NUMBER"),
    **keys("FirstLine FirstLineSample", place="IMAGE"),
}
ARCHIVE = keys(
    "FileName SoftwareName SoftwareVersionId DataSetName DataSetId ProductId ProductType StandardDataProductId "
    "ObservationId ProducerFullName ProducerInstitutionName ProductCreationTime ProductVersionId ReleaseId"
)
# Centre and width in nanometres, and name, of the filters 1 to 8.
FILTERS = (
    (700, 700, "Clear_F1"),
    (555, 43, "Green_F2"),
    (749, 44, "Red_F3"),
    (917, 45, "NIR_F4"),
    (965, 85, "NIR_F5"),
    (829, 33, "NIR_F6"),
    (653, 42, "Red_F7"),
    (438, 40, "Blue_F8"),
)
FRAMES = {"FC1": -203110, "FC2": -203120}
SPACECRAFT = -203
DELAY = 0.193  # s from the time of the label to the exposure


def ingested(product, part, options):
    """Real cube of the samples, the last line first."""
    number = str(product["FILTER_NUMBER"])
    if number not in map(str, range(1, len(FILTERS) + 1)):
        raise ValueError(f"FILTER_NUMBER = {number}; known are 1 to {len(FILTERS)}")
    centre, width, name = FILTERS[int(number) - 1]
    instrument = ingest.translate(product.label, INSTRUMENT)
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": {"FilterNumber": number, "Center": centre, "Width": width, "FilterName": name},
        "Kernels": {"NaifFrameCode": FRAMES[instrument["InstrumentId"]] - int(number)},
    }
    return ingest.cube(product, groups, "f4", ingest.upside_down(product))


def sensor(cube, kernels):
    """What the kernels are asked (DawnFcCamera of ISIS)."""
    instrument, code = cube.groups["Instrument"], int(cube.groups["Kernels"]["NaifFrameCode"])
    start = kernels.clock(SPACECRAFT, instrument["SpacecraftClockStartCount"]) + DELAY
    across, down = (size / 1000 for size in kernels.numbers(code, "PIXEL_SIZE")[:2])
    entries = {
        "name_model": FRAME,
        **optics(
            kernels,
            code,
            samples=kernels.numbers(code, "ITRANSS", [0.0, 1 / across, 0.0]),
            lines=kernels.numbers(code, "ITRANSL", [0.0, 0.0, 1 / down]),
        ),
        **detector(*(centre + 0.5 for centre in kernels.numbers(code, "CCD_CENTER")[:2])),
        "optical_distortion": {"dawnfc": {"coefficients": kernels.numbers(code, "RAD_DIST_COEFF")[:1]}},
    }
    return Sensor(code, code, start, start + seconds(instrument["ExposureDuration"]), entries)


CAMERA = Camera(
    name="Dawn FC",
    label={"MISSION_ID": "DAWN", "INSTRUMENT_ID": list(FRAMES)},
    level={"DATA_SET_ID": ["DAWN-*-FC[12]-2-EDR-*", "DAWN-*-FC[12]-3-RDR-*"]},
    wanted="an EDR or RDR",
    recipes={
        "dawn_fc": Recipe(
            title="Dawn Framing Cameras",
            isd="frame",
            calibration="none is published; an RDR is radiance",
            names=r"FC[12]1[AB]\d{7}_\d{11}F\d[A-Z]\.IMG",
            examples=("FC21A0038582_15170161546F6F.IMG", "FC21B0038582_15170161546F6G.IMG"),
        )
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=tuple(FRAMES),
)
