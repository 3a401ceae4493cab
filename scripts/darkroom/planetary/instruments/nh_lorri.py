"""New Horizons LORRI, raw and calibrated FITS files, as lorri2isis makes cubes of them; only the image is taken."""

from darkroom.planetary.geometry.isd import FRAME
from darkroom.planetary.geometry.sensor import Sensor, detector, optics
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.recipes import Recipe

INSTRUMENT = {
    "SpacecraftName": Key("HOSTNAME"),
    "InstrumentId": Key("INSTRU", None, {"LOR": "LORRI"}, closed=True),
    "TargetName": Key("TARGET", "UNKNOWN"),
    "StartTime": Key("SPCUTCAL"),
    "SpacecraftClockStartCount": Key("SPCSCLK"),
    "ExposureDuration": Key("EXPTIME"),
}
ARCHIVE = {
    "HighSpeedCompressionMode": Key("HSCOMPR", "UNKNOWN"),
    "ObservationCompletionStatus": Key("OBSCOMPL", "UNKNOWN"),
    "SequenceDescription": Key("REQDESC", "NONE"),
}
BAND_BIN = {"Name": "None", "Center": "600", "Width": "500"}  # nm
FRAMES = {"0": "-98301", "1": "-98302"}  # by FORMAT: whole, and summed by 4 x 4
SPACECRAFT = -98


def ingested(product, part, options):
    """Cube of the samples as they are."""
    label = product.label
    if label.get("FORMAT") not in FRAMES:
        raise ValueError(f"FORMAT = {label.get('FORMAT')}; known are {', '.join(FRAMES)}")
    instrument = ingest.translate(label, INSTRUMENT)
    if instrument["TargetName"].startswith("RADEC="):
        instrument["TargetName"] = "Sky"
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(label, ARCHIVE),
        "BandBin": BAND_BIN,
        "Kernels": {"NaifFrameCode": FRAMES[label["FORMAT"]]},
    }
    return ingest.native(product, groups)


def sensor(cube, kernels):
    """What the kernels are asked (NewHorizonsLorriCamera of ISIS): the label's clock is that of mid-exposure."""
    code = int(cube.groups["Kernels"]["NaifFrameCode"])
    time = kernels.clock(SPACECRAFT, cube.groups["Instrument"]["SpacecraftClockStartCount"])
    centre = (place + 0.5 for place in kernels.numbers(code, "OOC_CCD_CENTER")[:2])
    entries = {
        "name_model": FRAME,
        **optics(kernels, code),
        **detector(*centre),
        "optical_distortion": {"lorri": {"coefficients": kernels.numbers(code, "OOC_EM")[:3]}},
    }
    return Sensor(code, code, time, time, entries)


CAMERA = Camera(
    name="New Horizons LORRI",
    label={"MISSION": "New Horizons", "INSTRU": "lor"},
    level={"FORMAT": list(FRAMES)},
    wanted="a FITS file of levels 2 and 3",
    recipes={
        "nh_lorri": Recipe(
            title="New Horizons LORRI, FITS of levels 2 and 3",
            isd="frame; optical axis and distortion are ISIS's, of the keywords",
            calibration="none; level 3 is calibrated by its archive",
            names=r"lor_\d{10}_0x\w{3}_(eng|sci)(_\d+)?\.fits?",
            examples=("lor_0034974380_0x630_sci_1.fit", "lor_0035140199_0x630_eng_1.fit"),
        )
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=("LORRI",),
)
