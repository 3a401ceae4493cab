"""Rosetta OSIRIS, raw (level 2) and calibrated (level 3), as rososiris2isis makes cubes of them: upside down."""

from darkroom.planetary.formats import pvl
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.notes import noted
from darkroom.planetary.recipes import Recipe

# Groups of the label whose keywords older data sets have at its top.
NESTED = ("SR_ACQUIRE_OPTIONS", "SR_COMPRESSION", "SR_MECHANISM_STATUS", "IMAGE")
COMET = "67P/CHURYUMOV-GERASIMENKO"
TARGETS = {"2867 STEINS": "STEINS", "21 LUTETIA": "LUTETIA", f"{COMET} 1 (1969 R1)": f"{COMET} (1969 R1)"}
INSTRUMENT = {
    "SpacecraftName": Key("INSTRUMENT_HOST_NAME"),
    **keys("InstrumentId SpacecraftClockStartCount SpacecraftClockStopCount StartTime StopTime ExposureDuration"),
    **keys("PixelAveragingWidth PixelAveragingHeight", default="1"),
    "TargetName": Key("TARGET_NAME", "N/A", TARGETS),
    "OriginalTargetName": Key("TARGET_NAME", "N/A"),
    **keys("FirstLine FirstLineSample"),
    "ProcessingLevelID": Key("PROCESSING_LEVEL_ID"),
    "ProcessingLevelDescription": Key("PROCESSING_LEVEL_DESC", ""),
}
ARCHIVE = keys(
    "FileName SoftwareName SoftwareVersionId DataSetName DataSetId ProductId ProductType ProducerFullName "
    "ProducerInstitutionName ProductCreationTime ProductVersionId",
    default="",
)
# Centre and width in nanometres.
NARROW = {
    **dict.fromkeys(("FFP-Vis", "FFP-UV", "FFP-IR", "NFP-Vis"), (600.0, 600.0)),
    **dict.fromkeys(("Hydra", "Vis-Hydra"), (701.2, 22.1)),
    "Neutral": (640.0, 520.0),
    "Far-UV": (269.3, 53.6),
    "Near-UV": (360.0, 51.1),
    "Blue": (480.7, 74.9),
    "Green": (535.7, 62.4),
    "Orange": (649.2, 84.5),
    "Red": (743.7, 64.1),
    "Ortho": (805.3, 40.5),
    "Near-IR": (882.1, 65.9),
    "Fe2O3": (931.9, 34.9),
    "IR": (989.3, 38.2),
}
WIDE = {
    "Empty": (0.0, 0.0),
    "UV245": (246.2, 14.1),
    "CS": (259.0, 5.6),
    "UV295": (295.9, 10.9),
    "OH-WAC": (309.7, 4.1),
    "UV325": (325.8, 10.7),
    "NH": (335.9, 4.1),
    "UV375": (375.6, 9.8),
    "CN": (388.4, 5.2),
    "Green": (537.2, 63.2),
    "NH2": (572.1, 11.5),
    "Na": (590.7, 4.7),
    "VIS610": (612.6, 9.8),
    "Red": (629.8, 156.8),
    "OI": (631.6, 4.0),
}
FILTERS = {"OSINAC": NARROW, "OSIWAC": WIDE}
FRAMES = {"OSINAC": -226111, "OSIWAC": -226112}
RADIANCE = {"Units": "W/(m**2 sr nm)", "SoftwareName": "of the archive's product"}


def ingested(product, part, options):
    """Real cube of the samples, the last line first."""
    nested = (pair for name in NESTED if name in product.label for pair in product.label[name].items())
    label = pvl.Block([*product.label.items(), *nested])
    instrument = ingest.translate(label, INSTRUMENT)
    name = instrument["InstrumentId"]
    groups = {
        "BandBin": band_bin(label, FILTERS[name]),
        "Archive": ingest.translate(label, ARCHIVE),
        "Instrument": instrument,
        "Kernels": {"NaifFrameCode": FRAMES[name]},
    }
    if str(instrument["ProcessingLevelID"]) == "3":
        groups["RadiometricCalibration"] = RADIANCE
    others = [f"{key[1:]}: not read" for key, _ in label.items() if key.startswith("^") and key.endswith("MAP_IMAGE")]
    return ingest.cube(product, noted(groups, skipped=others), "f4", ingest.upside_down(product))


def band_bin(label, filters):
    """The filters of both wheels. Raises ValueError for one that is not known."""
    number, names = (ingest.translate(label, {"": Key(key)})[""] for key in ("FILTER_NUMBER", "FILTER_NAME"))
    first, _, second = names.partition("_")
    group = {"FilterNumber": number, "CombinedFilterName": names, "FilterId": number}
    for wheel, name in (("One", first), ("Two", second)):
        if name not in filters:
            raise ValueError(f"FILTER_NAME = {names}: of each wheel one of {', '.join(filters)}")
        centre, width = (pvl.Quantity(ingest.number(value), "nanometers") for value in filters[name])
        group |= {f"Filter{wheel}Name": name, f"Filter{wheel}Center": centre, f"Filter{wheel}Width": width}
    return group


CAMERA = Camera(
    name="Rosetta OSIRIS",
    label={"MISSION_ID": "ROSETTA", "INSTRUMENT_ID": list(FRAMES)},
    level={"DATA_SET_ID": ["RO-*-OSI[NW]AC-2-*", "RO-*-OSI[NW]AC-3-*"]},
    wanted="an image of level 2 or 3",
    recipes={
        "rosetta_osiris": Recipe(
            title="Rosetta OSIRIS, narrow and wide angle, levels 2 and 3",
            isd="frame; ALE writes none",
            calibration="none; level 3 is radiance by its archive",
            names=r"[NW]\d{8}T\d{9}ID[23]0F\d\d\.IMG",
            examples=("N20141216T101055901ID30F28.IMG", "N20080820T170411684ID20F22.IMG"),
        )
    },
    ingest=ingested,
    instrument_ids=tuple(FRAMES),
)
