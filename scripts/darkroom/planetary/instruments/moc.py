"""MGS MOC: DSDP and SDP of level 0, uncompressed, as moc2isis makes cubes of them; to counts per ms or I/F.

Formula and gains: Malin et al. (1992, J. Geophys. Res. 97, 7699), MSSS's calibration report as in ISIS's moccal. Of the
constants only those of the red wide-angle camera are public outside ISIS's data area; the others are read from its
moccal.ker. Changes of gain within a wide-angle image are listed in the mission's table of these, which is not used.
"""

from pathlib import Path

import numpy as np

from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry.detectors import MOC
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, scan, seconds
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.planetary.instruments.ingest import Key, keys
from darkroom.planetary.instruments.registry import SOLAR_DISTANCE, UNITS, Camera, file
from darkroom.planetary.recipes import Recipe

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
# Z: zero offset (DN), G: offset that goes with the gain, DC: dark current, W0: counts/ms of I/F 1 at 1 AU
CONSTANTS = {"WideAngleRed": {"Z": 27.67658, "G": 0.123262, "DC": 0.00133691, "W0": 3.991}}
NARROW = {
    **{"F2": 1.0, "D2": 1.456, "B2": 2.076, "92": 2.935, "72": 4.150, "52": 5.866, "32": 8.292, "12": 11.73},
    **{"EA": 7.968, "CA": 11.673, "AA": 16.542, "8A": 23.386, "6A": 33.067, "4A": 46.740, "2A": 66.071, "0A": 93.465},
}
WIDE = {
    **{"9A": 1.0, "8A": 1.412, "7A": 2.002, "6A": 2.832, "5A": 4.006, "4A": 5.666, "3A": 8.014, "2A": 11.34},
    **{"1A": 16.03, "0A": 22.67, "96": 16.030, "86": 22.634, "76": 32.092, "66": 45.397, "56": 64.216, "46": 90.826},
    **{"36": 128.464, "26": 181.780, "16": 256.961, "06": 363.400},
}
DETECTORS = {"MOC-NA": 2048, "MOC-WA": 3456}
UNEVEN = (13, 27)  # summing modes that take turns between numbers of detectors
MAPPING = np.datetime64("1999-04-03T01:00:40.441")  # since then gains take account of summing
AU = 1.4959787066e8  # km, as in moccal
SPACECRAFT = -94
TIME_BIAS = -1.15  # s


def ingested(product, part, options):
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


def calibrated(cube, options):
    """Calibrate a MOC cube; units "radiance" and "dn" are counts/ms, which is what ISIS has besides I/F.

    options -- units, solar_distance; responsivity_file: label with a group of Z, G, DC, W0 and CoefFile for each
        camera (moccal.ker); CoefFile has a line of gain and offset for each detector and lies beside it

    Raises ValueError when nothing tells the constants of the camera.
    """
    instrument = cube.groups["Instrument"]
    camera = camera_of(instrument["InstrumentId"].upper(), cube.groups["BandBin"]["FilterName"].upper())
    constants, origin = constants_of(camera, options["responsivity_file"], cube.path)
    narrow = camera.startswith("Narrow")
    gain = narrow_gain(instrument) if narrow else gain_of(WIDE, instrument["GainModeId"])
    exposure = float(instrument["LineExposureDuration"])  # ms
    if narrow:
        exposure *= int(instrument["DowntrackSumming"])
    offset = 5.0 * float(instrument["OffsetModeId"])
    notes = calibrate.Notes(done=[f"offset, gain, exposure and dark current: {origin}"])
    if not narrow:
        notes.skipped.append("changes of gain within the image: not looked for")
    gains, offsets = detectors(cube, constants, notes)
    factor, distance = 1.0, None
    if options["units"] == "iof" and constants["W0"] > 0:
        distance, origin = calibrate.solar_distance(cube, options)
    if distance is None:
        notes.skipped.append("I/F: not wanted, or the Sun's distance is not known; the units are counts/ms")
    else:
        factor = (distance / AU) ** 2 / constants["W0"]
        notes.done.append(f"I/F with the Sun's distance of {origin}")
    named = {"a": gain, "off": offset, "ex": exposure} | {
        name: constants[name.upper()] for name in ("z", "dc", "g", "w0")
    }
    named |= ({} if distance is None else {"s": distance / AU}) | {"iof": factor}
    notes.keywords |= {name: calibrate.number(value) for name, value in named.items()}

    def blocks():
        for first in range(0, cube.lines, calibrate.ROWS):
            values, codes = cube.read(first, calibrate.ROWS)
            values += offset - constants["Z"]
            values /= gain
            values -= constants["G"]
            values /= exposure
            values -= constants["DC"]
            values *= gains
            values += offsets
            values *= factor
            yield values[None], None if codes is None else codes[None]

    return calibrate.result(cube, blocks(), notes)


def camera_of(instrument, filter_name):
    """The camera's name in moccal.ker."""
    return "NarrowAngleA" if instrument == "MOC-NA" else f"WideAngle{filter_name.title()}"


def constants_of(camera, path, cube):
    """The constants of a camera, and where they are from."""
    groups = CONSTANTS if path is None else pvl.load(path)
    if camera not in groups:
        source = f"{path} has no group {camera}" if path else "only those of the red wide-angle camera are built in"
        raise ValueError(f"{cube}: responsivity_file must give the constants of {camera} (ISIS's moccal.ker): {source}")
    try:
        constants = {name: float(groups[camera][name]) for name in ("Z", "G", "DC", "W0")}
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: {camera}: {error.args[0]}") from error
    if path is None:
        return constants, "published constants"
    return constants | {"CoefFile": Path(path).with_name(Path(groups[camera]["CoefFile"]).name)}, Path(path).name


def gain_of(gains, mode):
    """The gain of a GainModeId."""
    if mode not in gains:
        raise ValueError(f"GainModeId {mode!r} of no known gain; can be {', '.join(gains)}")
    return gains[mode]


def narrow_gain(instrument):
    """The gain of a narrow-angle image; before the mapping phase the nearest to that gain over the lines summed."""
    gain, summed = gain_of(NARROW, instrument["GainModeId"]), int(instrument["DowntrackSumming"])
    if summed == 1 or np.datetime64(instrument["StartTime"]) >= MAPPING:
        return gain
    return min(sorted(NARROW.values()), key=lambda other: abs(other - gain / summed))


def detectors(cube, constants, notes):
    """Gain and offset (samples,) of the detectors that are summed to each sample; 1 and 0 without their file."""
    instrument, path = cube.groups["Instrument"], constants.get("CoefFile")
    summed, number = int(instrument["CrosstrackSumming"]), DETECTORS[instrument["InstrumentId"].upper()]
    if path is None or not path.exists() or summed in UNEVEN:
        why = "no file given" if path is None else f"{path.name} is not there, or summing ({summed}) is uneven"
        notes.skipped.append(f"gain and offset of the detectors: {why}")
        return 1.0, 0.0
    table = np.loadtxt(path, skiprows=1, ndmin=2)[:, :2]
    if len(table) != number:
        raise ValueError(f"{path}: {len(table)} lines of gain and offset; the camera has {number} detectors")
    first = int(instrument["FirstLineSample"]) - 1
    under = table[first : first + cube.samples * summed]
    if len(under) < cube.samples * summed:
        raise ValueError(f"{cube.path}: {cube.samples} samples from detector {first + 1} on; there are {number}")
    notes.done.append(f"gain and offset of the detectors: {path.name}")
    return under.reshape(cube.samples, summed, 2).mean(axis=1).T


def sensor(cube, kernels):
    """What the kernels are asked (MocNarrowAngleCamera and MocWideAngleCamera of ISIS)."""
    instrument, code = cube.groups["Instrument"], int(cube.groups["Kernels"]["NaifFrameCode"])
    across, down = int(instrument["CrosstrackSumming"]), int(instrument["DowntrackSumming"])
    start = kernels.clock(SPACECRAFT, instrument["SpacecraftClockCount"])
    line_time = seconds(instrument["LineExposureDuration"]) * down
    stop = start + line_time * cube.lines
    sample, line, distortion = MOC[code]
    entries = {
        **scan(start, stop, line_time),
        **optics(kernels, code),
        **detector(sample - 0.5, 0, (int(instrument["FirstLineSample"]) - 1, line), across),
        "detector_line_summing": down,
        "optical_distortion": distortion,
    }
    return Sensor(code, code, start, stop, entries, bias=TIME_BIAS)


CAMERA = Camera(
    name="MOC",
    label={"INSTRUMENT_ID": ["MOC-NA", "MOC-WA"]},
    level={"DATA_SET_ID": ["MGS-M-MOC-NA/WA-2-DSDP-L0-*", "MGS-M-MOC-NA/WA-2-SDP-L0-*"]},
    wanted="a DSDP or SDP of level 0",
    recipes={
        "moc": Recipe(
            title="Mars Global Surveyor MOC, narrow and wide angle",
            isd="line scan; optical axis and distortion are ISIS's, not ALE's",
            names=r"((ab|sp)\d{6}|[a-z]\d{7}|(fha|cal)\d{5})\.im[qg]",
            examples=("ab102401.img", "m0002345.imq", "e0201461.imq", "fha00123.imq"),
            calibration="red wide angle in full but its gain table; others from a file",
        )
    },
    ingest=ingested,
    sensor=sensor,
    calibrate=calibrated,
    instrument_ids=tuple(DETECTORS),
    options={
        "calibration": {
            "units": UNITS,
            "solar_distance": SOLAR_DISTANCE,
            "responsivity_file": file("gains and offsets"),
        }
    },
)
