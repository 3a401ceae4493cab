"""Viking Orbiter VIS EDRs, compressed or not, as vik2isis makes cubes of them, but for the reseaux of ISIS's data area.

Filters and frames: the constants of vik2isis.
"""

from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry.isd import FRAME, VIKING, VIKING_BORESIGHT
from darkroom.planetary.geometry.sensor import UNDISTORTED, Sensor, detector, optics, spacecraft, square
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.recipes import Recipe

INSTRUMENT = {
    "SpacecraftName": Key("SPACECRAFT_NAME"),
    "InstrumentId": Key("INSTRUMENT_NAME"),
    "TargetName": Key("TARGET_NAME"),
    "StartTime": Key("IMAGE_TIME"),
    "ExposureDuration": Key("EXPOSURE_DURATION"),
    "SpacecraftClockCount": Key("IMAGE_NUMBER"),
    **keys("FloodModeId GainModeId OffsetModeId"),
}
ARCHIVE = {
    "DataSetId": Key("DATA_SET_ID"),
    "ProductId": Key("IMAGE_ID"),
    "MissonPhaseName": Key("MISSION_PHASE_NAME"),  # as ISIS spells it
    **keys("ImageNumber OrbitNumber"),
}
# Number, centre and width in micrometres of each filter.
FILTERS = {
    "BLUE": (1, 0.47, 0.18),
    "MINUS_BLUE": (2, 0.55, 0.22),
    "VIOLET": (3, 0.44, 0.12),
    "CLEAR": (4, 0.52, 0.35),
    "GREEN": (5, 0.53, 0.1),
    "RED": (6, 0.59, 0.15),
}
SPACECRAFT = {"VIKING_ORBITER_1": -27000, "VIKING_ORBITER_2": -30000}
CAMERAS = {"VISUAL_IMAGING_SUBSYSTEM_CAMERA_A": 1, "VISUAL_IMAGING_SUBSYSTEM_CAMERA_B": 2}
PIXEL = 1 / 85  # mm
CLOCKS = {-27: -27999, -30: -30999}  # of each spacecraft, of which a count is a frame of the vidicon
CLOCK_UNIT, LONGEST_SHORT = 4.48, 0.42  # s


def ingested(product, part, options):
    """Cube of the samples as they are."""
    instrument = ingest.translate(product.label, INSTRUMENT)
    instrument["StartTime"] = str(instrument["StartTime"]).removesuffix("Z")
    instrument["ExposureDuration"] = pvl.Quantity(ingest.plain(instrument["ExposureDuration"]), "seconds")
    name = str(product["FILTER_NAME"]).upper()
    if name not in FILTERS:
        raise ValueError(f"FILTER_NAME = {name}; known are {', '.join(FILTERS)}")
    number, centre, width = FILTERS[name]
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": {
            "FilterName": name,
            "FilterId": number,
            "Center": pvl.Quantity(centre, "micrometers"),
            "Width": pvl.Quantity(width, "micrometers"),
        },
        "Kernels": {
            "NaifFrameCode": SPACECRAFT[instrument["SpacecraftName"]] - CAMERAS[instrument["InstrumentId"]],
        },
    }
    return ingest.native(product, groups)


def sensor(cube, kernels):
    """What the kernels are asked (VikingCamera of ISIS)."""
    instrument, code = cube.groups["Instrument"], int(cube.groups["Kernels"]["NaifFrameCode"])
    exposure = float(instrument["ExposureDuration"])
    # The clock counts frames of 4.48 s; an exposure ends at a certain eighth of one, by its length.
    eighths = 7 if exposure <= LONGEST_SHORT else 3
    start = kernels.clock(CLOCKS[spacecraft(code)], instrument["SpacecraftClockCount"])
    start += CLOCK_UNIT * (eighths / 8 + 1 / 64)
    entries = {
        "name_model": FRAME,
        **optics(kernels, code, **square(PIXEL), focal_length=VIKING[code]),
        **detector(VIKING_BORESIGHT[0] - 0.5, VIKING_BORESIGHT[1] - 0.5),
        **UNDISTORTED,
    }
    return Sensor(code, code, start, start + exposure, entries)


CAMERA = Camera(
    name="Viking",
    label={"SPACECRAFT_NAME": list(SPACECRAFT), "INSTRUMENT_NAME": list(CAMERAS)},
    level={"DATA_SET_ID": "VO1/VO2-M-VIS-2-EDR-*"},
    wanted="an EDR",
    recipes={
        "viking": Recipe(
            title="Viking Orbiter VIS",
            isd="frame, without the distortion that is measured at reseaux",
            names=r"f\d{3}[abs]\d\d\.imq",
            examples=("f348b26.imq", "f704b45.imq"),
        )
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=tuple(CAMERAS),
)
