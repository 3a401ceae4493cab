"""MESSENGER MDIS EDRs and CDRs, narrow and wide angle, as mdis2isis makes cubes of them."""

import numpy as np

from darkroom.planetary import labels
from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.mdis import lut

TARGETS = {name.upper(): name for name in ("Earth", "Moon", "Venus", "Mercury", "Mars")} | {"NULL": "Sky"}
# Quality of the attitude by MESS:ATT_FLAG.
ATTITUDE = {"7": "Ok", "6": "Ok", "5": "Ok", "4": "Illegal", "3": "Bad", "2": "Bad", "1": "Bad", "0": "Bad"}

INSTRUMENT = {
    "SpacecraftName": Key("MISSION_NAME", "UNKNOWN", {"MESSENGER": "Messenger"}),
    **keys("InstrumentName InstrumentId", default="UNKNOWN"),
    "TargetName": Key("TARGET_NAME", "Sky", TARGETS),
    "OriginalTargetName": Key("TARGET_NAME", "Sky"),
    **keys("StartTime StopTime", default="-9999"),
    "SpacecraftClockCount": Key("SPACECRAFT_CLOCK_START_COUNT", "-9999"),
    "MissionPhaseName": Key("MISSION_PHASE_NAME", "UNKNOWN", {"NULL": "Cruise"}),
    "ExposureDuration": Key("EXPOSURE_DURATION", "-9999"),
    "ExposureType": Key("EXPOSURE_TYPE", "UNKNOWN", {"MANUAL": "Manual", "AUTOMATIC": "Automatic"}),
    **keys("DetectorTemperature FocalPlaneTemperature FilterTemperature OpticsTemperature", default="UNKNOWN"),
    "AttitudeQuality": Key("MESS:ATT_FLAG", None, ATTITUDE, closed=True),
    "FilterWheelPosition": Key("MESS:FW_POS", "UNKNOWN"),
    "PivotPosition": Key("MESS:PIV_POS"),
    "FpuBinningMode": Key("MESS:FPU_BIN", "UNKNOWN"),
    "PixelBinningMode": Key("MESS:PIXELBIN", "UNKNOWN"),
    "SubFrameMode": Key("MESS:SUBFRAME", "0"),
    "JailBars": Key("MESS:JAILBARS", "0"),
    "DpuId": Key("MESS:DPU_ID", None, {"0": "DPU-A", "1": "DPU-B"}, closed=True),
}
ARCHIVE = {
    "DataSetId": Key("DATA_SET_ID"),
    "DataQualityDesc": Key("DATA_QUALITY_DESC", "", {"NULL": "Null"}),
    "DataQualityId": Key("DATA_QUALITY_ID", "", {"NULL": "Null"}),
    "ProducerId": Key("PRODUCER_INSTITUTION_NAME"),
    "OriginalProductId": Key("ORIGINAL_PRODUCT_ID", ""),
    "EdrSourceProductId": Key("SOURCE_PRODUCT_ID", ""),
    "ProductId": Key("PRODUCT_ID"),
    **keys("SequenceName ObservationId ObservationType SiteId", default="UNKNOWN"),
    "MissionElapsedTime": Key("MESS:MET_EXP", "NULL"),
    "EdrProductCreationTime": Key("PRODUCT_CREATION_TIME"),
    "ObservationStartTime": Key("START_TIME"),
    **keys("SpacecraftClockStartCount SpacecraftClockStopCount", default="-9999"),
    "Exposure": Key("MESS:EXPOSURE", "-9999"),
    "CCDTemperature": Key("MESS:CCD_TEMP", "-9999"),
    "OriginalFilterNumber": Key("FILTER_NUMBER", "0", {"N/A": "0"}),
    "OrbitNumber": Key("ORBIT_NUMBER", "0", {"N/A": "0"}),
}
BAND_BIN = {
    "Name": Key("FILTER_NAME", None, {"N/A": "Monochrome"}),
    "Number": Key("FILTER_NUMBER", "0", {"N/A": "0"}),
    "Center": Key("CENTER_FILTER_WAVELENGTH", None, {"N/A": "750"}),
    "Width": Key("BANDWIDTH", None, {"N/A": "50"}),
}
CDR = "MESS-*-MDIS-4-CDR-*"
UNITS = {"IF": "I over F", "RA": "W / (m**2 micrometer sr)"}  # of a CDR, by the end of its name
IK_CODES = {"MDIS-WAC": "-236800", "MDIS-NAC": "-236820"}
NAC_FILTER = ("748 BP 53", "2", "747.7", "52.6")
# Filters of the wide angle camera: position of the wheel's encoder (mdisCalibration0002.trn), name, centre, width.
WAC_FILTERS = (
    (17376, "700 BW 5", "698.8", "5.3"),
    (11976, "700 BW 600", "700.0", "600.0"),
    (6492, "480 BW 10", "479.9", "10.1"),
    (1108, "560 BW 5", "558.9", "5.8"),
    (61104, "630 BW 5", "628.8", "5.5"),
    (55684, "430 BW 40", "433.2", "18.1"),
    (50148, "750 BW 5", "748.7", "5.1"),
    (44760, "950 BW 7", "947.0", "6.2"),
    (39256, "1000 BW 15", "996.2", "14.3"),
    (33796, "900 BW 5", "898.8", "5.1"),
    (28252, "1020 BW 40", "1012.6", "33.3"),
    (22852, "830 BW 5", "828.4", "5.2"),
)
TOLERANCE = 240  # of the encoder, in its steps
HALF_TURN = 1 << 16  # steps of the pivot's encoder in 180 degrees
SATURATED = {"MDIS-NAC": 3400, "MDIS-WAC": 3600}  # DN of 12 bits above which the detector is not linear


def ingested(product, part, options):
    """Real cube of 12-bit DN; with `unlut` off, of the 8-bit values as they came; of a CDR, of its I/F or radiance."""
    label, calibrated = product.label, labels.fits(product.label, {"DATA_SET_ID": CDR})
    compressed = not calibrated and product["MESS:COMP12_8"] == "1"
    unlut = compressed and options["unlut"]
    instrument = ingest.translate(label, INSTRUMENT)
    pivot = float(instrument["PivotPosition"]) / HALF_TURN * 180
    instrument["PivotAngle"] = pvl.Quantity(ingest.number(pivot), "Degrees")
    instrument["Unlutted"] = int(unlut or not compressed)
    archive = ingest.translate(label, ARCHIVE)
    year, day = ingest.day_of_year(instrument["StartTime"])
    archive["YearDoy"] = year * 1000 + day
    archive["SourceProductId"] = product.path.stem
    if unlut:
        instrument["LutInversionTable"] = f"$messenger/calibration/LUT_INVERT/{lut.NAME}.TAB"
        archive["SourceProductId"] = (product.path.stem, lut.NAME)
    groups = {
        "Instrument": instrument,
        "Archive": archive,
        "BandBin": ingest.translate(label, BAND_BIN) | _filter(instrument),
        "Kernels": {"NaifIkCode": IK_CODES[instrument["InstrumentId"]]},
    }
    if calibrated:
        groups["RadiometricCalibration"] = {"Units": _units(product), "SoftwareName": "of the archive's product"}
        return ingest.cube(product, groups, "f4", ingest.converted(product, _measured(product.image())))
    highest = SATURATED["MDIS-NAC" if product["MESS:IMAGER"] == "1" else "MDIS-WAC"]
    convert = _unlut(int(product["MESS:COMP_ALG"]), highest) if unlut else _as_is(highest)
    return ingest.cube(product, groups, "f4", ingest.converted(product, convert))


def _units(product):
    """Units of a CDR. Raises ValueError where its name does not tell them."""
    kind = next((kind for kind in UNITS if f"_{kind}_" in f"{product['PRODUCT_ID']}_".upper()), None)
    if kind is None:
        raise ValueError(f"PRODUCT_ID = {product['PRODUCT_ID']}: has none of {', '.join(UNITS)}, which tell its units")
    return UNITS[kind]


def _measured(image):
    """A conversion of the real numbers of a CDR, whose special pixels are those of its label, or ISIS's."""

    def convert(raw):
        values = raw.astype("<f4")
        codes = image.codes(raw)
        return values, cubes.decode(values, "f4") if codes is None else codes

    return convert


def _unlut(algorithm, highest):
    values = lut.inverse(algorithm)
    codes = np.where(values > highest, cubes.HIS, 0).astype("u1")
    codes[0] = cubes.NULL
    return ingest.looked_up(values.astype("f4"), codes)


def _as_is(highest):
    def convert(raw):
        saturated = raw >= highest
        return raw, np.where(saturated, cubes.HIS, 0).astype("u1") if saturated.any() else None

    return convert


def _filter(instrument):
    """Name, number, centre and width of the filter in the beam."""
    if instrument["InstrumentId"] == "MDIS-NAC":
        return _band(*NAC_FILTER)
    position = int(instrument["FilterWheelPosition"])
    for number, (encoder, name, centre, width) in enumerate(WAC_FILTERS, 1):
        if abs(position - encoder) <= TOLERANCE:
            return _band(name, str(number), centre, width)
    return {"Number": "Unknown"}


def _band(name, number, centre, width):
    return {"Name": name, "Number": number, "Center": pvl.Quantity(centre, "NM"), "Width": pvl.Quantity(width, "NM")}
