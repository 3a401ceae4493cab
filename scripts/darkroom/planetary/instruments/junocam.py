"""JunoCam, EDR and RDR: a band for each of its filters, in which the framelets lie below each other in their order.

Labels and the size of framelets: junocam2isis, which makes a cube of each framelet.
"""

from darkroom.planetary.formats import pds3
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.notes import noted
from darkroom.planetary.recipes import Recipe

INSTRUMENT = {
    **keys("SpacecraftName InstrumentName InstrumentId TargetName StartTime SpacecraftClockStartCount"),
    "InstrumentHostId": Key("INSTRUMENT_HOST_ID", "UNKNOWN"),
    "ExposureDuration": Key("EXPOSURE_DURATION"),
    "InterFrameDelay": Key("INTERFRAME_DELAY"),
    "SummingMode": Key("SAMPLING_FACTOR"),
}
ARCHIVE = {
    "MissionPhase": Key("MISSION_PHASE_NAME", ""),
    **keys("OrbitNumber FocalPlaneTemperature CompressionType ProductId DataSetId", default=""),
    "TDICount": Key("JNO:TDI_STAGES_COUNT", ""),
}
HEIGHT = 128  # detector lines of a framelet
# Centre and width in nanometres.
FILTERS = {"BLUE": ("480.1", "45.5"), "GREEN": ("553.5", "79.3"), "RED": ("698.9", "175.4"), "METHANE": ("890", "Null")}
FRAME = -61500


def ingested(product, part, options):
    """Real cube of the framelets of each filter."""
    size = product.image()
    instrument = ingest.translate(product.label, INSTRUMENT)
    names = pds3.sequence(product["FILTER_NAME"])
    if unknown := [name for name in names if name not in FILTERS]:
        raise ValueError(f"FILTER_NAME = {unknown[0]}; known are {', '.join(FILTERS)}")
    summing = str(instrument["SummingMode"])
    if summing not in ("1", "2"):
        raise ValueError(f"SAMPLING_FACTOR = {summing}; known are 1 and 2")
    height = HEIGHT // int(summing)
    exposures, rest = divmod(size.lines, height * len(names))
    if rest:
        raise ValueError(f"LINES = {size.lines}: framelets of {len(names)} filters are {height * len(names)} lines")
    centres, widths = zip(*(FILTERS[name] for name in names), strict=True)
    bands = {"FilterName": tuple(names), "Center": centres, "Width": widths}
    groups = {
        "Instrument": instrument | {"FrameletLines": height, "NumberFramelets": exposures},
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": {key: values if len(values) > 1 else values[0] for key, values in bands.items()},
        "Kernels": {"NaifFrameCode": FRAME},
    }
    companded = size.dtype.itemsize == 1 and product.label.get("SAMPLE_BIT_MODE_ID")
    groups = noted(groups, skipped=[f"companding: {companded}, not undone"] if companded else [])
    blocks = _framelets(product, height, len(names), exposures)
    return ingest.cube(product, groups, "f4", blocks, bands=len(names), lines=exposures * height)


def _framelets(product, height, filters, exposures):
    """Blocks (filters, lines, samples) of some exposures."""
    samples = product.image().samples
    lines = height * filters
    count = max(ingest.BLOCK // (lines * samples), 1)
    for first in range(0, exposures, count):
        raw = product.rows(first * lines, min(count, exposures - first) * lines)[0]
        framelets = raw.reshape(-1, filters, height, samples).swapaxes(0, 1)
        yield framelets.reshape(filters, -1, samples).astype("f4"), None


CAMERA = Camera(
    name="JunoCam",
    label={"INSTRUMENT_ID": "JNC"},
    level={"DATA_SET_ID": ["JUNO-*-JUNOCAM-2-EDR-*", "JUNO-*-JUNOCAM-3-RDR-*"]},
    wanted="an EDR or RDR",
    recipes={
        "junocam": Recipe(
            title="JunoCam, framelets of each filter as a band",
            isd="none: a cube of many framelets has no camera of ALE",
            calibration="none; an RDR is decompanded by its archive",
            names=r"JNC[ER]_\d{7}_\d\d\w\d{5}_V\d\d\.IMG",
            examples=("JNCR_2016345_03C00002_V01.IMG", "JNCE_2016240_01C06147_V01.IMG"),
        )
    },
    ingest=ingested,
    instrument_ids=("JNC",),
)
