"""Cassini ISS EDRs, narrow and wide angle, as ciss2isis makes cubes of them.

Format of the lines: Cassini ISS EDR Software Interface Specification (JPL D-23164), binary line prefix.
"""

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry.isd import FRAME
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, radial, seconds, square
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import Camera, file
from darkroom.planetary.recipes import Recipe

YES = {"YES": "Yes", "NO": "No", "UNK": "Unknown"}
SWITCH = {"ON": "On", "OFF": "Off", "UNK": "Unknown"}
COMPRESSIONS = {"NOTCOMP": "NotCompressed", "LOSSLESS": "Lossless", "LOSSY": "Lossy"}
CONVERSIONS = {"12BIT": "12Bit", "TABLE": "Table", "8LSB": "8LSB"}
SHUTTERS = {"BOTSIM": "BothSim", "NACONLY": "NacOnly", "WACONLY": "WacOnly", "UNK": "Unknown"}
GAINS = {
    f"{gain} ELECTRONS PER DN": (gain, state) for gain, state in (("12", "3"), ("29", "2"), ("95", "1"), ("215", "0"))
}
INSTRUMENT = {
    "SpacecraftName": Key("MISSION_NAME", None, {"CASSINI-HUYGENS": "Cassini-Huygens"}, closed=True),
    **keys("InstrumentId TargetName StartTime StopTime ExposureDuration"),
    "AntibloomingStateFlag": Key("ANTIBLOOMING_STATE_FLAG", None, SWITCH, closed=True),
    "BiasStripMean": Key("BIAS_STRIP_MEAN"),
    "CompressionRatio": Key(("INST_CMPRS_RATIO", "COMPRESSION_RATIO"), "", {"N/A": "NotCompressed"}),
    "CompressionType": Key(("INST_CMPRS_TYPE", "ENCODING_TYPE"), "", COMPRESSIONS, closed=True),
    "DataConversionType": Key("DATA_CONVERSION_TYPE", None, CONVERSIONS, closed=True),
    "DelayedReadoutFlag": Key("DELAYED_READOUT_FLAG", None, YES, closed=True),
    "FlightSoftwareVersionId": Key("FLIGHT_SOFTWARE_VERSION_ID", None, {"UNK": "Unknown"}),
    "GainModeId": Key("GAIN_MODE_ID", None, {name: gain for name, (gain, _) in GAINS.items()}, closed=True),
    "GainState": Key("GAIN_MODE_ID", None, {name: state for name, (_, state) in GAINS.items()}, closed=True),
    **keys("ImageTime InstrumentDataRate"),
    "OpticsTemperature": Key("OPTICS_TEMPERATURE", None, {"UNK": "Unknown"}),
    "ReadoutCycleIndex": Key("READOUT_CYCLE_INDEX", None, {"UNK": "Unknown"}),
    "ShutterModeId": Key("SHUTTER_MODE_ID", None, SHUTTERS, closed=True),
    "ShutterStateId": Key("SHUTTER_STATE_ID", None, {"ENABLED": "Enabled", "DISABLED": "Disabled"}, closed=True),
    "SummingMode": Key("INSTRUMENT_MODE_ID", None, {"FULL": "1", "SUM2": "2", "SUM4": "4"}, closed=True),
    "InstrumentModeId": Key("INSTRUMENT_MODE_ID", None, {"FULL": "Full", "SUM2": "Sum2", "SUM4": "Sum4"}, closed=True),
}
ARCHIVE = keys("DataSetId ImageNumber ObservationId ProductId")
SKY = ("DARK SKY", "S8_2004", "S12_2004", "S13_2004", "S14_2004", "S18_2004")
TARGETS = {"UNK": "Unknown", "K07S4": "K07S4"} | dict.fromkeys(SKY, "Sky")
FRAMES = {"ISSNA": "-82360", "ISSWA": "-82361"}
# Overclocked pixels in the prefix of a line: byte offsets of two signed 16-bit numbers, most significant byte first.
OVERCLOCKED = (12, 22)
OVERCLOCKED_BY_SUMMING = {1: (2, 6), 2: (1, 3), 4: (1, 1)}  # how many pixels each of the two is a sum of

# Effective wavelength and width (nm) through each pair of filters.
NARROW = """
CL1/CL2 651.065 340.923   CL1/GRN 569.298 126.972   CL1/UV3 342.868 68.904   CL1/BL2 440.979 29.302
CL1/MT2 727.431 3.99896   CL1/CB2 750.462 9.89801   CL1/MT3 889.218 10.398   CL1/CB3 937.994 9.49799
CL1/MT1 618.912 3.599   CL1/CB1 619.372 41.89   CL1/CBA 634.612 11.897   CL1/CBB 603.002 9.89801
CL1/IR3 928.342 66.884   CL1/IR1 750.106 152.863   RED/CL2 648.942 149.963   RED/GRN 601.007 51.987
RED/UV3 370.445 0.5   RED/BL2 439.084 1.39999   RED/MT2 726.663 2.29999   RED/CB2 748.688 4.19897
RED/MT3 889.332 9.99805   RED/CB3 938.005 8.99805   RED/MT1 618.922 3.599   RED/CB1 619.563 41.89
RED/CBA 634.632 11.897   RED/CBB 603.066 8.89801   RED/IR3 815.196 284.33   RED/IR1 701.762 44.889
BL1/CL2 455.485 102.907   BL1/GRN 497.441 4.901   BL1/UV3 406.326 13.901   BL1/BL2 441.093 29.602
BL1/MT1 613.401 0.299011   BL1/CB1 610.075 0.5   BL1/CBB 610.075 0.5   BL1/IR1 474.483 65.904
UV2/CL2 306.3 59.904   UV2/GRN 322.141 19.301   UV2/UV3 317.599 28.702   UV2/BL2 418.589 1.10001
UV1/CL2 264.438 37.902   UV1/GRN 324.895 23.402   UV1/UV3 312.586 81.905   IRP0/CL2 737.95 244.34
IRP0/GRN 613.962 26.393   IRP0/MT2 727.432 3.99896   IRP0/CB2 750.465 9.89801   IRP0/MT3 889.22 10.398
IRP0/CB3 937.998 9.49799   IRP0/MT1 618.918 3.599   IRP0/CB1 622.712 40.39   IRP0/CBA 634.645 11.897
IRP0/CBB 604.456 8.39801   IRP0/IR3 928.621 67.884   IRP0/IR1 751.032 159.861   P120/CL2 633.049 290.43
P120/GRN 569.695 125.972   P120/UV3 345.306 65.904   P120/BL2 441.092 29.302   P120/MT2 727.436 3.99896
P120/CB2 750.489 9.89801   P120/MT1 618.917 3.599   P120/CB1 619.95 41.89   P120/CBA 634.632 11.897
P120/CBB 603.03 9.89801   P120/IR3 736.145 0.5   P120/IR1 738.814 119.371   P60/CL2 633.049 290.43
P60/GRN 569.695 125.972   P60/UV3 345.306 65.904   P60/BL2 441.092 29.302   P60/MT2 727.436 3.99896
P60/CB2 750.489 9.89801   P60/MT1 618.917 3.599   P60/CB1 619.95 41.89   P60/CBA 634.632 11.897
P60/CBB 603.03 9.89801   P60/IR3 736.145 0.5   P60/IR1 738.814 119.371   P0/CL2 633.049 290.43
P0/GRN 569.695 125.972   P0/UV3 345.306 65.904   P0/BL2 441.092 29.302   P0/MT2 727.436 3.99896
P0/CB2 750.489 9.89801   P0/MT1 618.917 3.599   P0/CB1 619.95 41.89   P0/CBA 634.632 11.897
P0/CBB 603.03 9.89801   P0/IR3 736.145 0.5   P0/IR1 738.814 119.371   HAL/CL2 655.617 9.09802
HAL/GRN 654.174 5.599   HAL/CB1 652.718 2.99902   HAL/CBA 652.718 2.99902   HAL/IR3 661.981 0.299988
HAL/IR1 657.319 5.099   IR4/CL2 1001.13 35.993   IR4/MT3 889.196 10.198   IR4/CB3 938.118 9.09802
IR4/IR3 996.0 35.993   IR4/IR1 1001.06 35.993   IR2/CL2 861.092 96.876   IR2/GRN 805.585 2.40002
IR2/MT2 727.563 0.400024   IR2/CB2 750.684 8.698   IR2/MT3 889.207 10.398   IR2/CB3 933.753 3.599
IR2/CB1 638.416 1.39996   IR2/CBA 638.416 1.39996   IR2/IR3 901.655 43.89   IR2/IR1 827.37 27.893
"""
WIDE = """
CL1/CL2 633.837 285.938   CL1/RED 647.282 149.963   CL1/GRN 568.268 123.973   CL1/BL1 462.879 63.904
CL1/VIO 419.829 17.901   CL1/HAL 656.443 9.09796   CL1/IRP90 705.494 181.056   CL1/IRP0 705.494 181.056
CL1/IR1 739.903 99.876   IR3/CL2 916.757 45.189   IR3/RED 741.929 59.386   IR3/GRN 685.411 5.39899
IR3/HAL 660.182 1.79999   IR3/IRP90 916.8 45.189   IR3/IRP0 916.8 45.189   IR3/IR1 854.382 230.843
IR4/CL2 1000.48 25.994   IR4/RED 904.045 36.392   IR4/IRP90 1000.49 25.994   IR4/IRP0 1000.49 25.994
IR4/IR1 1000.31 27.994   IR5/CL2 1026.85 19.9   IR5/RED 920.22 46.388   IR5/IRP90 1026.88 19.9
IR5/IRP0 1026.88 19.9   IR5/IR1 1026.26 15.9   CB3/CL2 938.839 8.89795   CB3/RED 938.879 8.29797
CB3/IRP90 938.84 8.89795   CB3/IRP0 938.84 8.89795   CB3/IR1 938.857 8.39801   MT3/CL2 890.442 10.298
MT3/RED 890.488 10.098   MT3/IRP90 890.444 10.298   MT3/IRP0 890.444 10.298   MT3/IR1 890.258 10.098
CB2/CL2 752.334 10.097   CB2/RED 750.868 4.29895   CB2/GRN 752.745 6.79901   3CB2/VIO nan.0 0.0
CB2/IRP90 752.341 10.097   CB2/IRP0 752.341 10.097   CB2/IR1 752.289 10.097   MT2/CL2 728.487 3.89899
MT2/RED 727.669 2.19897   MT2/GRN 727.902 3.099   MT2/IRP90 728.488 3.89899   MT2/IRP0 728.488 3.89899
MT2/IR1 728.493 3.99902   IR2/CL2 852.481 56.186   IR2/RED 785.215 236.842   IR2/GRN 782.41 2.40002
IR2/HAL 656.25 8.49799   IR2/IRP90 852.542 56.886   IR2/IRP0 852.542 56.886   IR2/IR1 826.318 26.893
"""
# Of each camera's code: the frame of ISIS's addendum, in which it is turned over, and the radial distortion.
ISIS_FRAMES = {-82360: 14082360, -82361: 14082361}
RADIAL = {-82360: 8e-6, -82361: 6.2e-5}
PIXEL = 12  # micrometers


def ingested(product, part, options):
    """SignedWord cube of 12-bit DN (8-bit values of 12BIT and 8LSB as they are), and `ISS Prefix Pixels`.

    TABLE images need the option `lut`: the 256 numbers of Cassini's calibration/lut/lut.tab.
    """
    label = product.label
    instrument = _instrument(label)
    table = _table(instrument["DataConversionType"], options["lut"])
    highest = label.get("VALID_MAXIMUM", ("UNK", "UNK"))[1]
    if highest == "UNK":
        highest = 255 if table is None else 4095
    highest = int(highest)
    if table is not None:
        mean = np.interp(float(instrument["BiasStripMean"]), np.arange(len(table)), table)
        instrument["BiasStripMean"] = ingest.number(mean)
    # A bit of the telemetry table tells which of the two cameras was read first.
    instrument["ReadoutOrder"] = product.header()[int(product["IMAGE_HEADER"]["BYTES"]) + 50] // 32 % 2
    pair = "/".join(product["FILTER_NAME"][:2])
    centre, width = _filters(NARROW if instrument["InstrumentId"] == "ISSNA" else WIDE).get(
        pair, ("None found for filter combination.",) * 2
    )
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(label, ARCHIVE),
        "BandBin": {"FilterName": pair, "OriginalBand": "1", "Center": centre, "Width": width},
        "Kernels": {"NaifFrameCode": FRAMES[instrument["InstrumentId"]]},
    }

    def convert(raw):
        values, codes = to_12_bit(raw, table, highest)
        return np.floor(values + 0.5).astype("i2"), codes if codes.any() else None

    overclocked = _overclocked(product, instrument)
    values, codes = to_12_bit(overclocked, table, highest)
    pixels = np.where(codes == 0, values, cubes.STORED["i2"][np.maximum(codes, 1) - 1].astype("f8"))
    tables = [cubes.Table("ISS Prefix Pixels", ingest.records(OverclockPixels=pixels), {"Association": "Lines"})]
    return ingest.cube(product, groups, "i2", ingest.converted(product, convert), tables=tables)


def to_12_bit(raw, table, highest):
    """Values and codes of samples: 0 stands for a lost pixel, `highest` and more is saturated."""
    values, codes = raw, np.zeros(raw.shape, "u1")
    if table is not None:
        whole = np.trunc(raw).astype(int)
        values = table[np.clip(whole, 0, len(table) - 1)]
        codes[whole < 0] = cubes.LRS
        codes[whole >= len(table)] = cubes.HRS
    codes[(codes == 0) & (values >= highest)] = cubes.HRS
    codes[raw == 0] = cubes.NULL
    return values, codes


def _instrument(label):
    instrument = ingest.translate(label, INSTRUMENT)
    target = instrument["TargetName"].upper()
    instrument["TargetName"] = TARGETS.get(target, target.capitalize())
    clock = f"{label['SPACECRAFT_CLOCK_CNT_PARTITION']}/{label['SPACECRAFT_CLOCK_START_COUNT']}"
    instrument["SpacecraftClockCount"] = clock
    for key in ("StartTime", "StopTime", "ImageTime"):
        instrument[key] = ingest.without_z(instrument[key])
    for key, unit in (("ExposureDuration", "Milliseconds"), ("InstrumentDataRate", "KilobitsPerSecond")):
        instrument[key] = pvl.Quantity(ingest.number(float(instrument[key])), unit)
    instrument["GainModeId"] = pvl.Quantity(instrument["GainModeId"], "ElectronsPerDN")
    front, back = map(ingest.plain, instrument["OpticsTemperature"])
    instrument["OpticsTemperature"] = (front, pvl.Quantity(back, "DegreesCelcius"))  # as ISIS spells it
    return instrument


def _table(conversion, path):
    if conversion != "Table":
        return None
    if path is None:
        raise ValueError("DATA_CONVERSION_TYPE = TABLE needs the option lut: Cassini's calibration/lut/lut.tab")
    return ingest.read_table(path)


def _overclocked(product, instrument):
    """First and second overclocked pixels of each line, and their mean: float64 (lines, 3)."""
    prefix = ingest.collected(product, product.prefix)
    first, second = (np.ascontiguousarray(prefix[:, at : at + 2]).view(">i2")[:, 0].astype("f8") for at in OVERCLOCKED)
    software = instrument["FlightSoftwareVersionId"]
    software = 0.0 if software == "Unknown" else float(software)
    if instrument.get("CompressionType") != "Lossy" and software < 1.3:
        return np.stack([first, second, second], 1)
    parts = OVERCLOCKED_BY_SUMMING[int(instrument["SummingMode"])]
    return np.stack([first, second, (first / parts[0] + second / parts[1]) / 2], 1)


def _filters(text):
    """Wavelength and width by pair of filters, `CL1/GRN`."""
    words = text.split()
    return dict(zip(words[::3], zip(words[1::3], words[2::3], strict=True), strict=True))


def sensor(cube, kernels):
    """What the kernels are asked (IssNACamera and IssWACamera of ISIS); NAIF's lack the frame that is turned over."""
    groups = cube.groups
    instrument, code = groups["Instrument"], int(groups["Kernels"]["NaifFrameCode"])
    own = ISIS_FRAMES[code]
    start = kernels.utc(instrument["StartTime"])
    filters = str(groups["BandBin"]["FilterName"]).replace("/", "_")
    default = kernels.number(code, "DEFAULT_FOCAL_LENGTH", kernels.number(code, "FOCAL_LENGTH", 0))
    focal_length = kernels.number(code, f"{filters}_FOCAL_LENGTH", default) or None
    pixel = kernels.number(code, "PIXEL_SIZE", PIXEL) / 1000
    entries = {
        "name_model": FRAME,
        **optics(kernels, code, **square(pixel), focal_length=focal_length),
        **detector(512, 512, summing=int(instrument["SummingMode"])),
        **radial([0, -kernels.number(code, "K1", RADIAL[code]), 0]),
    }
    stop = start + seconds(instrument["ExposureDuration"])
    if kernels.has_frame(own):
        return Sensor(code, own, start, stop, entries)
    return Sensor(code, code, start, stop, entries, own=own, turned=np.diag([-1.0, -1.0, 1.0]))


CAMERA = Camera(
    name="Cassini ISS",
    label={"INSTRUMENT_ID": ["ISSNA", "ISSWA"]},
    level={"DATA_SET_ID": "CO-*-ISSNA/ISSWA-2-*"},
    wanted="an EDR",
    recipes={
        "cassini_iss": Recipe(
            title="Cassini ISS, narrow and wide angle",
            isd="frame",
            names=r"[NW]\d{10}_\d+\.LBL",
            examples=("N1472853667_1.LBL", "W1472855646_5.LBL"),
        )
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=("ISSNA", "ISSWA"),
    options={
        "ingest": {"lut": file("look-up table of images with TABLE conversion: Cassini's calibration/lut/lut.tab")}
    },
)
