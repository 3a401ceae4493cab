"""Kaguya (SELENE) Terrain Camera and Multiband Imager, level 2B, as kaguyatc2isis and kaguyami2isis make cubes.

Their numbers are radiance, scaled by the label (Haruyama et al. 2008, Earth Planets Space 60, 243; Ohtake et al. 2008,
Earth Planets Space 60, 257).
"""

from darkroom.planetary.formats import pds3
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, scan, seconds
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import UNITS, Camera
from darkroom.planetary.recipes import Recipe

RADIANCE = "W / (m**2 micrometer sr)"
KAGUYA = {"SELENE-M": "KAGUYA", "SELENE MAIN ORBITER": "KAGUYA"}
CORNERS = (
    "UpperLeftLatitude UpperLeftLongitude UpperRightLatitude UpperRightLongitude "
    "LowerLeftLatitude LowerLeftLongitude LowerRightLatitude LowerRightLongitude"
)
PRODUCT = "ProductId SoftwareName SoftwareVersion ProcessVersionId ProductCreationTime"
PRODUCER = "ProducerId ProductSetId ProductVersionId"
BANDS = {
    "FilterName": Key("FILTER_NAME", ""),
    "Center": Key("CENTER_FILTER_WAVELENGTH", ""),
    "Width": Key("BANDWIDTH", ""),
    "BaseBand": Key("BASE_BAND", ""),
}
TC_INSTRUMENT = {
    "MissionName": Key("MISSION_NAME"),
    "SpacecraftName": Key("SPACECRAFT_NAME", "SELENE-M", KAGUYA),
    **keys("InstrumentName InstrumentId"),
    "TargetName": Key("TARGET_NAME", "MOON"),
    **keys("ObservationModeId SensorDescription", default=""),
    "SensorDescription2": Key("SENSOR_DESCRIPTION2", ""),
    **keys("ImageCenterLatitude ImageCenterLongitude", default=""),
    "StartTime": Key("CORRECTED_START_TIME", ""),
    "StopTime": Key("CORRECTED_STOP_TIME", ""),
    "OriginalStartTime": Key("START_TIME", ""),
    "OriginalStopTime": Key("STOP_TIME", ""),
    "ExposureModeId": Key("EXPOSURE_MODE_ID", ""),
    "ExposureDuration": Key("LINE_EXPOSURE_DURATION", ""),
    "OriginalSpacecraftClockStartCount": Key("SPACECRAFT_CLOCK_START_COUNT", ""),
    "OriginalSpacecraftClockStopCount": Key("SPACECRAFT_CLOCK_STOP_COUNT", ""),
    "SpacecraftClockStartCount": Key("CORRECTED_SC_CLOCK_START_COUNT", ""),
    "SpacecraftClockStopCount": Key("CORRECTED_SC_CLOCK_STOP_COUNT", ""),
    "OriginalLineSamplingInterval": Key("LINE_SAMPLING_INTERVAL", ""),
    "LineSamplingInterval": Key("CORRECTED_SAMPLING_INTERVAL", ""),
    "EncodingType": Key("ENCODING_TYPE", "", place="IMAGE"),
    **keys("SwathModeId IlluminationCondition", default=""),
    **keys(
        "ValidMinimum ValidMaximum Dummy LowReprSaturation LowInstrSaturation HighReprSaturation HighInstrSaturation "
        "Minimum Maximum Average Stdev ModePixel",
        default="",
        place="IMAGE",
    ),
}
TC_ARCHIVE = {
    **keys(PRODUCT),
    "ProgramStartTime": Key("PROGRAM_START_TIME", ""),
    **keys(PRODUCER),
    "RegisteredProduct": Key("REGISTERED_PRODUCT", ""),
    "Level2AFileName": Key("LEVEL2A_FILE_NAME", ""),
    "SpiceMetakernelFileName": Key("SPICE_METAKERNEL_FILE_NAME", ""),
    "DataSetId": Key("DATA_SET_ID"),
    "ImageValueType": Key("IMAGE_VALUE_TYPE", place="IMAGE"),
    "ImageUnit": Key("UNIT", "", place="IMAGE"),
    **keys(
        "MinForStatisticalEvaluation MaxForStatisticalEvaluation SceneMaximumDn SceneMinimumDn SceneAverageDn "
        "SceneStdevDn SceneModeDn ShadowedAreaMinimum ShadowedAreaMaximum ShadowedAreaPercentage InvalidType "
        "InvalidValue InvalidPixels OutOfImageBoundsValue",
        default="",
        place="IMAGE",
    ),
    "OutOfImageBoundsPixel": Key("OUT_OF_IMAGE_BOUNDS_PIXELS", "", place="IMAGE"),
    "StretchedFlag": Key("STRETCHED_FLAG", "", place="IMAGE"),
    **keys(
        "DarkFileName FtFileName FlatFileName EfficFileName NonlinFileName RadCnvCoef RefCnvCoef StandardGeometry "
        "PhotoCorrId PhotoCorrCoef ResamplingMethod TcoMosaicFileName DtmMosaicFileName OverlapSelectionId "
        "MatchingMosaic",
        default="",
        place="PROCESSING_PARAMETERS",
    ),
    "L2aDeadPixelThreshold": Key("L2A_DEAD_PIXEL_THRESHOLD", "", place="PROCESSING_PARAMETERS"),
    "L2aSaturationThreshold": Key("L2A_SATURATION_THRESHOLD", "", place="PROCESSING_PARAMETERS"),
    **keys(
        "DarkValidMinimum FtValidMinimum RadianceSaturationThreshold RefSaturationThreshold ParameterSetName RefCnvSw "
        "HorizontalTransformMethod VerticalTransformMethod MosaicPriority SmoothingWidth",
        default="",
        place="PROCESSING_PARAMETERS",
    ),
    **keys(CORNERS, default=""),
}
TC_KERNELS = {"TC1": ("-131350", "-131351"), "TC2": ("-131370", "-131371")}
# What ISIS has for a Terrain Camera image whose label tells nothing of the band.
TC_BAND = {"FilterName": "BroadBand", "Center": "640nm", "Width": "420nm"}
MI_INSTRUMENT = {
    "MissionName": Key("MISSION_NAME"),
    "SpacecraftName": Key(("SPACECRAFT_NAME", "INSTRUMENT_HOST_NAME"), None, KAGUYA, closed=True),
    **keys("InstrumentName InstrumentId TargetName ObservationModeId SensorDescription"),
    "SensorDescription2": Key("SENSOR_DESCRIPTION2"),
    **keys(
        "MissionPhaseName RevolutionNumber StripSequenceNumber SceneSequenceNumber UpperLeftDaytimeFlag "
        "UpperRightDaytimeFlag LowerLeftDaytimeFlag LowerRightDaytimeFlag DetectorStatus ExposureModeId "
        "LineExposureDuration SpacecraftClockStartCount SpacecraftClockStopCount CorrectedScClockStartCount "
        "CorrectedScClockStopCount"
    ),
    "StartTimeRaw": Key("START_TIME"),
    "StopTimeRaw": Key("STOP_TIME"),
    "StartTime": Key("CORRECTED_START_TIME"),
    "StopTime": Key("CORRECTED_STOP_TIME"),
    **keys(f"LineSamplingInterval CorrectedSamplingInterval {CORNERS}"),
    **keys(
        "LocationFlag RollCant SceneCenterLatitude SceneCenterLongitude IncidenceAngle EmissionAngle PhaseAngle "
        "SolarAzimuthAngle FocalPlaneTemperature TelescopeTemperature SatelliteMovingDirection FirstSampledLinePosition"
    ),
    "FirstDetectorElementPosition": Key(("FIRST_DETECTOR_ELEMENT_POSITION", "FIRST_DETECTOR_ELEM_POSITION")),
    **keys("AAxisRadius BAxisRadius CAxisRadius DefectPixelPosition SpacecraftAltitude SpacecraftGroundSpeed"),
}
MI_ARCHIVE = {
    "ProductId": Key("PRODUCT_ID"),
    "FileName": Key("FILE_NAME"),
    **keys("SoftwareName SoftwareVersion ProcessVersionId ProductCreationTime ProgramStartTime"),
    **keys(f"{PRODUCER} RegisteredProduct"),
    "Level2AFileName": Key("LEVEL2A_FILE_NAME"),
    **keys("SpiceMetakernelFileName DataSetId"),
}
# Prefix of a band's name, of its frame's code, code of the camera's pointing, samples of a line.
MI_CAMERAS = {"MI-VIS": ("MV", "-13133", "-131330", 962), "MI-NIR": ("MN", "-13134", "-131340", 320)}
SPACECRAFT = -131
SWATHS = {"NOMINAL": 296, "HALF": 1171}  # samples of the detector before those of a line of a Terrain Camera


def ingested(product, part, options):
    """Cube of the samples as they are; SCALING_FACTOR is the multiplier of the cube."""
    name = product["INSTRUMENT_ID"]
    return ingest.native(product, _mi(product, name) if name in MI_CAMERAS else _tc(product.label, name))


def _tc(label, name):
    instrument = _without_z(ingest.translate(label, TC_INSTRUMENT))
    pointing, frame = TC_KERNELS[name]
    return {
        "Instrument": instrument,
        "Archive": ingest.translate(label, TC_ARCHIVE),
        "BandBin": ingest.translate(label, BANDS) or TC_BAND,
        "Kernels": {"NaifCkCode": pointing, "NaifFrameCode": frame},
    }


def _mi(product, name):
    letters, frame, pointing, samples = MI_CAMERAS[name]
    if product.image().samples != samples:
        raise ValueError(
            f"LINE_SAMPLES = {product.image().samples}; an image of {name} that is not binned has {samples}"
        )
    base = product["BASE_BAND"]
    kernels = {"NaifFrameCode": frame + base[2]} if letters in base else {}
    return {
        "Instrument": _without_z(ingest.translate(product.label, MI_INSTRUMENT)),
        "Archive": ingest.translate(product.label, MI_ARCHIVE),
        "BandBin": ingest.translate(product.label, BANDS),
        "Kernels": kernels | {"NaifCkCode": pointing},
    }


def _without_z(instrument):
    times = ("StartTime", "StopTime", "StartTimeRaw", "StopTimeRaw")
    return instrument | {key: ingest.without_z(instrument[key]) for key in times if key in instrument}


def calibrated(cube, options):
    """Take a cube's numbers as the radiance they are; I/F cannot be had."""
    return calibrate.radiance(cube, options, RADIANCE)


def sensor(cube, kernels):
    """What the kernels are asked (KaguyaTcCamera and KaguyaMiCamera of ISIS)."""
    instrument, codes = cube.groups["Instrument"], cube.groups["Kernels"]
    code, frame = int(codes["NaifFrameCode"]), int(codes["NaifCkCode"])
    is_terrain = instrument["InstrumentId"] in TC_KERNELS
    interval = instrument["LineSamplingInterval" if is_terrain else "CorrectedSamplingInterval"]
    line_time = seconds(pds3.sequence(interval)[0])
    if is_terrain:
        start = kernels.ticks(SPACECRAFT, instrument["SpacecraftClockStartCount"])
        centre = kernels.number(code, "BORESIGHT_SAMPLE"), kernels.number(code, "BORESIGHT_LINE")
        first = SWATHS.get(str(instrument["SwathModeId"]).upper(), 0) + 0.5, 1
    else:
        start = kernels.utc(instrument["StartTime"])
        centre, first = [value - 0.5 for value in kernels.numbers(code, "CENTER")[:2]], (0, 0)
    stop = start + line_time * cube.lines
    pixel = kernels.number(code, "PIXEL_SIZE")
    boresight = kernels.numbers(code, "BORESIGHT")
    distortion = {axis.lower(): kernels.numbers(code, f"DISTORTION_COEF_{axis}") for axis in "XY"}
    entries = {
        **scan(start, stop, line_time),
        **optics(kernels, code, samples=[0.0, 0.0, -1 / pixel], lines=[0.0, 1 / pixel, 0.0]),
        **detector(*centre, first),
        "optical_distortion": {"kaguyalism": distortion | {"boresight_x": boresight[0], "boresight_y": boresight[1]}},
    }
    return Sensor(code, frame, start, stop, entries)


CAMERA = Camera(
    name="Kaguya",
    label={"INSTRUMENT_ID": ["TC[12]", "MI-VIS", "MI-NIR"]},
    level={"DATA_SET_ID": ["TC[12]_LEVEL2B*", "MI-VIS_LEVEL2B*", "MI-NIR_LEVEL2B*", "SLN-L-TC-3-*", "SLN-L-MI-3-*"]},
    wanted="an image of level 2B",
    recipes={
        "kaguya_tc": Recipe(
            title="Kaguya (SELENE) Terrain Camera, level 2B",
            isd="line scan",
            names=r"TC[12][SWT]2B\d_\d\d_.+\.(img|lbl)",
            examples=("TC1S2B0_01_06691S820E0465.img", "TC2W2B0_01_00296N081E0240.img"),
            label={"INSTRUMENT_ID": "TC*"},
            calibration="scaling of the label",
        ),
        "kaguya_mi": Recipe(
            title="Kaguya (SELENE) Multiband Imager, level 2B",
            isd="line scan",
            names=r"M[VN][AW]_2B\d_\d\d_.+\.(img|lbl)",
            examples=("MVA_2B2_01_02329S002E0302.img", "MNA_2B2_01_04192S136E3573.img"),
            label={"INSTRUMENT_ID": ["MI-VIS", "MI-NIR"]},
            calibration="scaling of the label",
        ),
    },
    ingest=ingested,
    sensor=sensor,
    calibrate=calibrated,
    instrument_ids=(*TC_KERNELS, *MI_CAMERAS),
    options={"calibration": {"units": UNITS}},
)
