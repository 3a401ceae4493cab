"""LROC wide angle EDRs as lrowac2isis makes cubes of them: framelets of each filter, even and odd ones apart."""

import numpy as np

from darkroom.planetary.formats import cubes, pds3
from darkroom.planetary.geometry.detectors import wac_mode
from darkroom.planetary.geometry.isd import PUSH_FRAME
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, radial, seconds
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import UNLUT, Camera
from darkroom.planetary.notes import noted
from darkroom.planetary.recipes import Recipe

TARGETS = {name.upper(): name for name in ("Mars", "Phobos", "Deimos", "Moon", "Cal")} | {"*": "Sky"}
INSTRUMENT = {
    "SpacecraftName": Key("INSTRUMENT_HOST_NAME", ""),
    "InstrumentId": Key("INSTRUMENT_ID", "UNKNOWN", {"*": "WAC"}),
    "TargetName": Key("TARGET_NAME", "UNKNOWN", TARGETS),
    **keys(
        "StartTime StopTime SpacecraftClockStartCount SpacecraftClockStopCount MissionPhaseName ExposureDuration "
        "InterframeDelay"
    ),
    **keys(
        "BeginTemperatureFpa MiddleTemperatureFpa EndTemperatureFpa "
        "BeginTemperatureScs MiddleTemperatureScs EndTemperatureScs",
        "LRO:",
    ),
    **keys("BackgroundOffset Mode", "LRO:", default=""),
}
ARCHIVE = {
    **keys("DataSetId ProducerId ProductId ProductVersionId"),
    "RationaleDescription": Key("RATIONALE_DESCRIPTION", "Null"),
    **keys("OrbitNumber DataQualityId OriginalProductId"),
}
# Lines of the framelets of one exposure, in their order, by INSTRUMENT_MODE_ID.
UV, VIS = 4, 14
MODES = {"COLOR": (UV,) * 2 + (VIS,) * 5, "VIS": (VIS,) * 5, "UV": (UV,) * 2, "BW": (VIS,)}
UV_SAMPLES = 128  # these filters are summed by 4; their pixels stand in the middle of the line
IK_CODES = {"vis": "-85621", "uv": "-85626"}
HEIGHTS = {"vis": VIS, "uv": UV}
SPACECRAFT = -85
# NAIF's code of the filter 0 of each camera, detector lines that are summed, and those of a framelet.
FILTER_CODES = {"uv": (-85640, 4, 16), "vis": (-85628, 1, 14)}


def parts(product):
    """Cubes of the product: visible and ultraviolet filters, even and odd framelets."""
    cameras = [camera for camera, height in HEIGHTS.items() if height in _mode(product)]
    return [f"{camera}.{parity}" for camera in cameras for parity in ("even", "odd")]


def ingested(product, part, options):
    """Real cube with a band for each filter of a camera; the framelets of the other parity are NULL."""
    camera, parity = part.split(".")
    height, mode = HEIGHTS[camera], _mode(product)
    pairs = product["LRO:LOOKUP_CONVERSION_TABLE"]
    if len(pairs) != 256:
        raise ValueError(f"LRO:LOOKUP_CONVERSION_TABLE has {len(pairs)} pairs; it must have 256")
    stored = options["unlut"] and product["LRO:LOOKUP_TABLE_TYPE"] == "STORED"
    table = ingest.inverted(pairs) if stored else np.arange(256.0)
    size = product.image()
    # ISIS gives a cube that share of the lines which its framelets have of an exposure, rounded.
    lines = int(height / sum(mode) * size.lines + 0.5)
    instrument = ingest.translate(product.label, INSTRUMENT) | {
        "InstrumentId": f"WAC-{camera.upper()}",
        "DataFlipped": "No",
        "ColorOffset": "0",
        "Decompanded": "Yes" if options["unlut"] else "No",
        "Framelets": parity.capitalize(),
        "NumFramelets": lines // height,
        "InstrumentModeId": product["INSTRUMENT_MODE_ID"],
    }
    groups = {
        "Instrument": instrument,
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": _band_bin(product, camera),
        "Kernels": {"NaifIkCode": IK_CODES[camera]},
    }
    starts = [sum(mode[:number]) for number, own in enumerate(mode) if own == height]
    groups = noted(groups, skipped=_cut(size.lines, lines, starts, height, sum(mode), parity == "even"))
    blocks = _framelets(product, table.astype("f4"), starts, height, lines, parity == "even")
    samples = UV_SAMPLES if camera == "uv" else size.samples
    return ingest.cube(product, groups, "f4", blocks, bands=len(starts), lines=lines, samples=samples)


def _cut(in_file, in_cube, starts, height, exposure, even):
    """What the cube of a file that ends within an exposure lacks of its last framelets; nothing of a whole one.

    lrowac2isis makes a cube as long for it; what is beyond its end it writes into the next filter, which is left out.
    """
    exposures, rest = divmod(in_file, exposure)
    if not rest or (exposures % 2 == 1) != even:
        return []
    room = in_cube - exposures * height
    there = [min(max(rest - start, 0), height) for start in starts]
    missing, lost = sum(max(room - own, 0) for own in there), sum(max(own - room, 0) for own in there)
    return [
        f"the file ends within exposure {exposures + 1}: of its framelets {missing} lines are missing, which are NULL, "
        f"and {lost} have no place in a cube of {in_cube} lines"
    ]


def _framelets(product, table, starts, height, lines, even):
    """Blocks (filters, lines, samples) of one parity; the first exposure has number 1.

    starts -- first line of each filter's framelet in an exposure
    """
    size = product.image()
    exposure = sum(_mode(product))
    middle = size.samples // 2
    samples = slice(middle - UV_SAMPLES // 2, middle + UV_SAMPLES // 2) if height == UV else slice(None)
    count = max(ingest.BLOCK // (exposure * size.samples), 1)  # exposures of a block
    for first in range(0, -(-lines // height), count):
        out = np.arange(first * height, min((first + count) * height, lines))
        raw = product.rows(first * exposure, count * exposure)[0, :, samples]
        line = np.add.outer(starts, (out // height - first) * exposure + out % height)
        there = (line < len(raw)) & ((out // height % 2 == 1) == even)
        values = np.take(table, raw[np.where(there, line, 0)])
        yield values, np.broadcast_to(np.where(there, 0, cubes.NULL).astype("u1")[..., None], values.shape)


def _band_bin(product, camera):
    """Number, wavelength and width of the filters; 1 and 2 are ultraviolet."""
    names = {"FilterNumber": "FILTER_NUMBER", "Center": "CENTER_FILTER_WAVELENGTH", "Width": "BANDWIDTH"}
    table = ingest.translate(product.label, {name: Key(key, "") for name, key in names.items()})
    columns = {name: [ingest.plain(one) for one in pds3.sequence(value)] for name, value in table.items()}  # as ISIS
    of_camera = [(int(number) <= 2) == (camera == "uv") for number in columns["FilterNumber"]]
    chosen = {
        name: tuple(item for item, own in zip(value, of_camera, strict=True) if own) for name, value in columns.items()
    }
    return {name: value if len(value) > 1 else value[0] for name, value in chosen.items()}


def _mode(product):
    """Lines of the framelets of an exposure."""
    name = product["INSTRUMENT_MODE_ID"]
    if name not in MODES:
        raise ValueError(f"INSTRUMENT_MODE_ID = {name}; known are {', '.join(MODES)}")
    return MODES[name]


ISD = "push-frame; visible and ultraviolet have one each, of the first band"
VISIBLE, ULTRAVIOLET = ("vis.even", "vis.odd"), ("uv.even", "uv.odd")


def recipe(mode, title, parts, names="", examples=()):
    """The recipe of an INSTRUMENT_MODE_ID."""
    return Recipe(f"LRO LROC wide angle, {title}", names, {"INSTRUMENT_MODE_ID": mode}, examples, parts, isd=ISD)


def sensor(cube, kernels):
    """What the kernels are asked, of the first band (LroWideAngleCamera of ISIS; times as in ALE's descriptions)."""
    instrument, code = cube.groups["Instrument"], int(cube.groups["Kernels"]["NaifIkCode"])
    camera = "uv" if code == int(IK_CODES["uv"]) else "vis"
    first_filter, summing, height = FILTER_CODES[camera]
    numbers = cube.groups["BandBin"]["FilterNumber"]
    band = first_filter - int(numbers[0] if isinstance(numbers, tuple) else numbers)
    exposure, delay = seconds(instrument["ExposureDuration"]), seconds(instrument["InterframeDelay"])
    start = kernels.clock(SPACECRAFT, instrument["SpacecraftClockStartCount"]) + exposure / 2
    stop = start + delay * (cube.lines * summing // height)
    first = kernels.number(code, f"{wac_mode(instrument)}_SAMPLE_OFFSET", 0), kernels.number(band, "FILTER_OFFSET")
    centre = (kernels.number(band, f"BORESIGHT_{axis}") - 0.5 for axis in ("SAMPLE", "LINE"))
    entries = {
        "name_model": PUSH_FRAME,
        "starting_ephemeris_time": start,
        "exposure_duration": exposure,
        "interframe_delay": delay,
        "framelet_height": height,
        "framelets_flipped": False,
        "framelet_order_reversed": str(instrument["DataFlipped"]).upper() == "YES",
        **optics(kernels, band),
        **detector(*centre, first, summing),
        **radial(-np.array(kernels.numbers(band, "OD_K"))),
    }
    return Sensor(code, code, start, stop, entries, also=(band,), correction="NONE")


CAMERA = Camera(
    name="LROC WAC",
    label={"INSTRUMENT_ID": "LROC"},
    level={"DATA_SET_ID": "LRO-L-LROC-2-EDR-*"},
    wanted="an EDR",
    recipes={
        "lroc_wac": recipe(
            "COLOR", "colour (mode COLOR)", VISIBLE + ULTRAVIOLET, r"M\d+CE\.IMG", ("M119923055CE.IMG",)
        ),
        "lroc_wac_mono": recipe("BW", "monochrome (mode BW)", VISIBLE, r"M\d+ME\.IMG", ("M1097931072ME.IMG",)),
        # Their file names are those of the mode COLOR, so a row asks for them.
        "lroc_wac_vis": recipe("VIS", "visible bands only (mode VIS)", VISIBLE),
        "lroc_wac_uv": recipe("UV", "ultraviolet bands only (mode UV)", ULTRAVIOLET),
    },
    ingest=ingested,
    sensor=sensor,
    instrument_ids=("WAC-UV", "WAC-VIS"),
    parts=parts,
    options={"ingest": {"unlut": UNLUT}},
)
