"""MGS MOC images (DSDP and SDP of level 0, uncompressed) as moc2isis makes cubes of them."""

from darkroom.planetary.formats import pvl
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys

INSTRUMENT = {
    "SpacecraftName": Key("SPACECRAFT_NAME", "", {"MARS_GLOBAL_SURVEYOR": "MARS GLOBAL SURVEYOR"}),
    "InstrumentId": Key("INSTRUMENT_ID", ""),
    "TargetName": Key("TARGET_NAME", "", {"MARS": "Mars"}),
    **keys("StartTime StopTime CrosstrackSumming DowntrackSumming FocalPlaneTemperature GainModeId", default=""),
    **keys("LineExposureDuration MissionPhaseName OffsetModeId", default=""),
    "SpacecraftClockCount": Key("SPACECRAFT_CLOCK_START_COUNT", ""),
    **keys("RationaleDesc OrbitNumber", default=""),
    "FirstLineSample": Key("EDIT_MODE_ID", ""),
}
ARCHIVE = keys("DataSetId ProductId ProducerId ProductCreationTime SoftwareName UploadId DataQualityDesc", default="")
# Centre and width (micrometers) and frame of each camera, by the filter that the label names.
CAMERAS = {
    "BLUE": ("0.4346", "0.05", "-94033"),
    "RED": ("0.6134", "0.05", "-94032"),
    "BROAD_BAND": ("0.7", "0.4", "-94031"),
}


def image(product, part, options):
    """Cube of the samples as they are."""
    if encoding := product.object()[1].get("ENCODING_TYPE"):
        raise ValueError(
            f"ENCODING_TYPE = {encoding}: the image is compressed; mocuncompress makes one that can be read"
        )
    label = product.label
    instrument = {key: ingest.plain(value) for key, value in ingest.translate(label, INSTRUMENT).items()}
    if "LineExposureDuration" in instrument:
        instrument["LineExposureDuration"] = pvl.Quantity(instrument["LineExposureDuration"], "milliseconds")
    if "FirstLineSample" in instrument:
        instrument["FirstLineSample"] = int(instrument["FirstLineSample"]) + 1
    name = label.get("FILTER_NAME", "BROAD_BAND").upper()
    if name not in CAMERAS:
        raise ValueError(f"FILTER_NAME = {name}; known are {', '.join(CAMERAS)}")
    centre, width, frame = CAMERAS[name]
    groups = {
        "Instrument": instrument,
        "Archive": _archive(label, instrument),
        "BandBin": {
            "FilterName": name,
            "OriginalBand": "1",
            "Center": pvl.Quantity(centre, "micrometers"),
            "Width": pvl.Quantity(width, "micrometers"),
        },
        "Kernels": {"NaifFrameCode": frame},
    }
    return ingest.native(product, groups)


def _archive(label, instrument):
    archive = ingest.translate(label, ARCHIVE)
    number = archive.get("ProductId", "")[4:]
    if number and "StartTime" in instrument:
        year, day = ingest.day_of_year(instrument["StartTime"])
        archive["ImageNumber"] = f"{year % 10}{day}{number}"
    if number and "SpacecraftClockCount" in instrument:
        archive["ImageKeyId"] = instrument["SpacecraftClockCount"][:5] + number
    return archive
