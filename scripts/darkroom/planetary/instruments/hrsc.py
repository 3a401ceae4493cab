"""Mars Express HRSC and SRC images of level 2 as hrsc2isis makes cubes of them."""

import numpy as np

from darkroom.planetary.formats import cubes
from darkroom.planetary.instruments import ingest
from darkroom.planetary.instruments.ingest import Key, keys

HEADS = ("HEAD", "S2", "RED", "P2", "BLUE", "NADIR", "GREEN", "P1", "IR", "S1", "SRC")
IK_CODES = {f"MEX_HRSC_{head}": str(-41210 - number) for number, head in enumerate(HEADS)}
INSTRUMENT = {
    "SpacecraftName": Key("INSTRUMENT_HOST_NAME", "UNKNOWN"),
    "InstrumentId": Key(
        "DETECTOR_ID", None, {head: "SRC" if head.endswith("SRC") else "HRSC" for head in IK_CODES}, closed=True
    ),
    **keys("StartTime StopTime SpacecraftClockStartCount SpacecraftClockStopCount MissionPhaseName"),
    "TargetName": Key("TARGET_NAME", None, {"MARS": "Mars", "PHOBOS": "Phobos", "DEIMOS": "Deimos", "CAL": "Cal"}),
    "Summing": Key("MACROPIXEL_SIZE", ""),
    **keys("ExposureDuration FocalPlaneTemperature LensTemperature InstrumentTemperature", default=""),
}
ARCHIVE = keys("DataSetId DetectorId EventType OrbitNumber ProductId")
BAND_BIN = {"Width": Key("BANDWIDTH"), "Center": Key("CENTER_FILTER_WAVELENGTH")}
LONGEST_GAPS = 1 << 20  # lines that may be missing in all
KERNELS = {"NaifIkCode": Key("DETECTOR_ID", None, IK_CODES, closed=True)}


def image(product, part, options):
    """SRC: a cube of the samples as they are. HRSC: a Real cube with a line for every time, and `LineScanTimes`."""
    groups = {
        "Instrument": ingest.translate(product.label, INSTRUMENT),
        "Archive": ingest.translate(product.label, ARCHIVE),
        "BandBin": ingest.translate(product.label, BAND_BIN),
        "Kernels": ingest.translate(product.label, KERNELS),
    }
    for key in ("StartTime", "StopTime"):
        groups["Instrument"][key] = groups["Instrument"][key][:-1]  # ISIS expects a Z there, and cuts what it finds
    if groups["Instrument"]["InstrumentId"] == "SRC":
        return ingest.native(product, groups)
    if product.image().prefix < 12:
        raise ValueError("LINE_PREFIX_BYTES of IMAGE is too small; 12 bytes or more hold the time of each line")
    prefix = ingest.collected(product, lambda first, count: product.prefix(first, count)[:, :12])
    times = np.ascontiguousarray(prefix[:, :8]).view("<f8")[:, 0]
    exposures = np.ascontiguousarray(prefix[:, 8:]).view("<f4")[:, 0].astype("f8") / 1000
    places = places_in_time(times, exposures)
    new = np.flatnonzero(np.diff(exposures, prepend=0.0))
    table = ingest.records(
        EphemerisTime=times[new], ExposureTime=exposures[new], LineStart=(places[new] + 1).astype("<i4")
    )
    return ingest.cube(
        product,
        groups,
        "f4",
        _with_gaps(product, places),
        lines=int(places[-1]) + 1,
        tables=[cubes.Table("LineScanTimes", table)],
    )


def places_in_time(times, exposures):
    """Line of the cube, from 0, of each line of the file: lines that were lost leave room.

    times -- start of each line, s; exposures -- of each line, s
    Raises ValueError when they are no times.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        missing = np.trunc(np.diff(times) / exposures[:-1] - 1 + 0.5)
    if not (np.isfinite(missing).all() and missing.sum() < LONGEST_GAPS):
        raise ValueError("the times in the prefixes of the lines (LINE_PREFIX_BYTES) do not run on from line to line")
    return np.arange(len(times)) + np.concatenate([[0], np.cumsum(np.maximum(missing, 0))]).astype(int)


def _with_gaps(product, places):
    """Blocks with NULL in the lines that are not in the file."""
    convert, line = ingest.scaled(product.image()), 0
    firsts, count = ingest.lines(product.image())
    for first in firsts:
        values, codes = convert(product.rows(first, count))
        here = places[first : first + count]
        if here[-1] + 1 - line > len(here):
            bands, _, samples = values.shape
            filled = np.zeros((bands, here[-1] + 1 - line, samples))
            kinds = np.full(filled.shape, cubes.NULL, "u1")
            filled[:, here - line] = values
            kinds[:, here - line] = 0 if codes is None else codes
            values, codes = filled, kinds
        line = here[-1] + 1
        yield values, codes
