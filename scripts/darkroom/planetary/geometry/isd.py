"""What a camera is and where it was: an ISD file, or the tables of a cube that spiceinit has been through.

Formats: the ISDs of ALE (github.com/DOI-USGS/ale), with the keywords of ISIS or of USGSCSM; the SPICE tables, the group
Kernels and the object NaifKeywords of ISIS cubes. Formulas: ISIS's camera classes (MdisCamera, CTXCamera, VikingCamera,
CameraDetectorMap, CameraFocalPlaneMap, PushFrameCameraDetectorMap); the sensor models of USGSCSM; NAIF's
quaternion conventions (q2m of the SPICE toolkit).

Units are those of ISIS: km, km/s, seconds of ephemeris time past J2000, millimetres in the focal plane; detector and
image coordinates are sample before line and have whole numbers at the centres of pixels, from 1.
"""

import re
import struct
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.planetary.formats import cubes
from darkroom.planetary.geometry import detectors, distortion

FRAME, LINE_SCAN, PUSH_FRAME = (f"USGS_ASTRO_{name}_SENSOR_MODEL" for name in ("FRAME", "LINE_SCANNER", "PUSH_FRAME"))
OPTICS = "DarkroomCamera"  # object of a cube with all of a camera that is not in its tables
BODIES = {199: "Mercury", 299: "Venus", 301: "Moon", 399: "Earth", 401: "Phobos", 402: "Deimos", 499: "Mars"}
# Focal lengths in mm and the boresight of the Viking vidicons, by NAIF code (constants of ISIS's VikingCamera).
VIKING = {-27001: 474.398, -27002: 474.448, -30001: 474.610, -30002: 474.101}
VIKING_BORESIGHT = (602.0, 528.0)
# Cameras of ISIS that look against the z axis of their frame: LORRI, and those on film of Lunar Orbiter and Apollo.
AGAINST_AXIS = {-98301, -98302, *(-530000 - 1000 * orbiter - camera for orbiter in range(1, 6) for camera in (1, 2))}
AGAINST_AXIS |= {-915240, -916240, -917240}
NAC, WAC, CTX = -236820, -236800, -74021
QUATERNION = ("J2000Q0", "J2000Q1", "J2000Q2", "J2000Q3")
ANGULAR_VELOCITY = ("AV1", "AV2", "AV3")
POSITION = ("J2000X", "J2000Y", "J2000Z")
VELOCITY = ("J2000XV", "J2000YV", "J2000ZV")
AGREEMENT = 0.01  # part of a way between records by which their velocities may miss it
CLOCK = 1e-5  # seconds by which times of one ISD may differ in the last digits of ephemeris time
FEW_LINES = 10  # of which nobody needs to be told
EXTRAPOLATED = 5.0  # seconds outside the positions and the pointing for which they may stand
KILOMETRES = {"km": 1.0, "m": 0.001}
SHAPE = "DarkroomShape"  # the object of a cube that names the file of its DEM
# Fields of a camera that are not in the tables of a cube, with their types or shapes.
SCALARS = {
    "code": int,
    "start": float,
    "line_time": float,
    "focal_length": float,
    "pitch": float,
    "distortion": str,
}
ARRAYS = {
    "radii": (3,),
    "plane": (2, 3),
    "detector": (2, 3),
    "boresight": (2,),
    "signs": (2,),
    "first": (2,),
    "summing": (2,),
    "coefficients": (-1,),
}
ISIS_MISSING = -1.79769313486231e308  # what ISIS writes for an unknown number; the lowest of all is saturation to it


@dataclass(frozen=True)
class States:
    """Positions (n, 3) in km at times (n,), seen from the body's centre in J2000; velocities (n, 3) or None.

    spline -- whether the way between the records is a cubic Hermite spline (ISIS's HermiteSpline) or straight (Linear)
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray | None = None
    spline: bool = False

    def at(self, time):
        """Positions (..., 3) at times (...)."""
        if len(self.times) == 1:
            return self.positions[0]
        index, part = _between(self.times, time)
        first, second = self.positions[index], self.positions[index + 1]
        straight = first * (1 - part) + second * part
        if not self.spline:
            return straight
        span = (self.times[index + 1] - self.times[index])[..., None]
        bends = self.velocities[index] * span - (second - first), self.velocities[index + 1] * span - (second - first)
        return straight + part * (1 - part) * ((1 - part) * bends[0] - part * bends[1])


@dataclass(frozen=True)
class Rotation:
    """A frame that turns against J2000: quaternions (n, 4) at times (n,), then a constant rotation (3, 3).

    frames and constant_frames are the NAIF codes of the chain, from the frame itself to J2000 (1).
    """

    times: np.ndarray
    quaternions: np.ndarray
    angular_velocities: np.ndarray | None
    frames: tuple
    constant: np.ndarray = field(default_factory=lambda: np.eye(3))
    constant_frames: tuple = ()

    def matrix(self, time):
        """Matrices (..., 3, 3) that turn J2000 vectors into this frame at times (...), slerp between the records."""
        if len(self.times) == 1:
            return self.constant @ _matrix(self.quaternions[0])
        index, part = _between(self.times, time)
        first, second = self.quaternions[index], self.quaternions[index + 1]
        cosine = np.sum(first * second, axis=-1, keepdims=True)
        second, cosine = np.where(cosine < 0, -second, second), np.abs(cosine)
        angle = np.arccos(np.minimum(cosine, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            weights = np.sin(angle * (1 - part)) / np.sin(angle), np.sin(angle * part) / np.sin(angle)
        still = angle < 1e-9
        mixed = np.where(still, 1 - part, weights[0]) * first + np.where(still, part, weights[1]) * second
        return self.constant @ _matrix(mixed)


@dataclass(frozen=True)
class Framelets:
    """The frames of a push-frame camera that an image is made of, from its first line to its last.

    height -- lines of each, of the image; delay -- seconds from one to the next
    flipped -- whether the first line of each is the last of the detector; reversed -- whether the last is the earliest
    """

    height: int
    count: int
    delay: float
    flipped: bool = False
    reversed: bool = False


@dataclass(frozen=True)
class Isd:
    """One image's camera.

    code -- NAIF code of the instrument; radii -- (3,) of the body
    start -- time of a frame or of the earliest framelet, or of the upper edge of the first line
    line_time -- seconds per line, 0 for frames
    rates -- of a line scan whose rate changes: (n, 3) upper edge of the first line of each part, its time, line_time
    plane, detector -- (2, 3) of the affine maps detector -> focal plane and back: constant, sample or x, line or y
    boresight -- detector coordinates of the optical axis; first -- of the first pixel; summing -- pixels that are one
    signs -- of x and y, and of z, of a look in the camera's frame: -1 for z where it looks against that axis
    distortion, coefficients -- a model of `distortion.MODELS`
    keywords -- what NaifKeywords of a cube holds
    shape -- the file of a DEM of the body, "" for its ellipsoid
    """

    code: int
    lines: int
    samples: int
    radii: np.ndarray
    body: Rotation
    pointing: Rotation
    position: States
    sun: States
    start: float
    line_time: float
    focal_length: float
    pitch: float
    plane: np.ndarray
    detector: np.ndarray
    boresight: tuple
    first: tuple
    summing: tuple
    distortion: str
    coefficients: np.ndarray
    keywords: dict
    version: int = 1
    target: str = ""
    signs: tuple = (1, 1)
    rates: np.ndarray | None = None
    framelets: Framelets | None = None
    shape: str = ""

    def time(self, line):
        """Times at which lines, counted in pixels from 1, were taken."""
        line = np.asarray(line, float)
        if self.framelets:
            return self.framelet_time(self.framelet(line)[0])
        if self.rates is not None:
            edges, times, seconds = self.rates.T
            part = np.maximum(np.searchsorted(edges, line, side="right") - 1, 0)
            return times[part] + seconds[part] * (line - edges[part])
        return self.start + self.line_time * (line - 0.5) if self.line_time else self.start

    def framelet(self, line):
        """Number of the framelet, from 0, that lines are of, and their places in it, as the detector counts."""
        number = np.clip(np.floor((line - 0.5) / self.framelets.height), 0, self.framelets.count - 1)
        return number, self.turned(line - number * self.framelets.height)

    def turned(self, line):
        """Lines of a framelet as the detector counts, of those as the image does, and the other way round."""
        return self.framelets.height + 1 - line if self.framelets.flipped else line

    def framelet_time(self, number):
        """Times of framelets by their numbers in the image."""
        number = self.framelets.count - 1 - number if self.framelets.reversed else number
        return self.start + self.framelets.delay * number

    def beyond(self, time):
        """Seconds by which times lie outside those of the positions or the pointing."""
        time = np.asarray(time, float)
        tables = [table.times for table in (self.position, self.pointing) if len(table.times) > 1]
        return np.max([0 * time, *(np.maximum(times[0] - time, time - times[-1]) for times in tables)], axis=0)

    @property
    def omitted(self):
        """What this description leaves out, in sentences."""
        told = []
        if self.code in VIKING and not self.coefficients.any():
            told.append("distortion of the vidicon: it is measured at reseaux, which the camera description has not")
        if self.code in (*detectors.ISS, *detectors.DAWN_FC) and not self.coefficients.any():
            told.append("distortion of the camera: the camera description has none, and not the keyword of its kernel")
        if self.line_time:
            lines = np.arange(1, self.lines + 1)
            beyond = self.beyond(self.time(lines))
            if len(far := lines[beyond > EXTRAPOLATED]):
                told.append(
                    f"geometry of {len(far)} lines from {far[0]} to {far[-1]}: the camera description has no positions "
                    "or pointing at their times"
                )
            near = beyond[beyond <= EXTRAPOLATED].max(initial=0)
            if near > FEW_LINES * abs(self.line_time):
                told.append(f"positions and pointing at times up to {near:.3g} s outside the description: extrapolated")
        return told


def of(path, lines=None, samples=None, instrument=None):
    """The camera of an ISD file (`.json`, `.isd`, also with `.gz`) or of a cube with SPICE tables.

    lines, samples -- size of the image, checked against the ISD's own, and needed where it has none
    instrument -- group Instrument of the image's cube; it knows of binning where an ISD is silent

    Raises ValueError naming the file and the key: missing, of another image, of a camera that is not supported.
    """
    path = Path(path)
    try:
        if re.search(r"\.(json|isd)(\.gz)?$", path.name, re.IGNORECASE):
            isd = _of_json(files.read_json(path), instrument, lines, samples)
        else:
            isd = from_cube(cubes.Cube(path))
    except (KeyError, ValueError) as error:
        text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    if (lines or isd.lines, samples or isd.samples) != (isd.lines, isd.samples):
        raise ValueError(
            f"{path}: image_lines x image_samples are {isd.lines} x {isd.samples}, the image has {lines} x {samples}; "
            "this is the geometry of another image"
        )
    return isd


def _of_json(isd, instrument, lines, samples):
    """The camera of the content of an ISD file, which may be any JSON."""
    if not isinstance(isd, dict):
        raise ValueError("no camera description; right is a JSON object, as ALE writes it")
    try:
        return from_isd(isd, instrument, lines, samples)
    except (TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"an entry is of another form than ALE writes it ({error})") from error


def from_isd(isd, instrument=None, lines=None, samples=None):
    """The camera of a parsed ISD; the keywords of ISIS win over those of USGSCSM where it has both."""
    keywords = isd.get("naif_keywords", {})
    pointing = _entry(isd, "instrument_pointing")
    code = _instrument_code(keywords, pointing)
    isd = detectors.as_isis_has_it(isd, code, instrument or {})
    model = isd.get("name_model", FRAME)
    if model not in (FRAME, LINE_SCAN, PUSH_FRAME):
        raise ValueError(f"name_model {model} is not supported; supported are {FRAME}, {LINE_SCAN}, {PUSH_FRAME}")
    size = int(isd.get("image_lines") or lines or 0), int(isd.get("image_samples") or samples or 0)
    if not all(size):
        raise ValueError("no image_lines and image_samples in the ISD, and no size of the image was given")
    body = _entry(isd, "body_rotation")
    position = _states(isd, "instrument_position")
    timing = _timing(isd, model, position, size[0])
    camera = _camera(
        code,
        keywords,
        instrument or {},
        isd,
        lines=size[0],
        samples=size[1],
        body=_rotation(body, "body_rotation"),
        pointing=_rotation(pointing, "instrument_pointing"),
        position=position,
        sun=_states(isd, "sun_position"),
        version=int(isd.get("isis_camera_version", 1)),
        target=BODIES.get(int(_numbers(keywords.get("BODY_CODE", 0))[0]), ""),
        **timing,
    )
    return replace(camera, signs=_signs(camera))


def _signs(camera):
    """Signs of a look: (1, 1) but where the z axis of the camera's frame points away from the body.

    In some of ISIS's cameras that axis alone is turned; USGSCSM takes the whole line of sight, backwards.
    """
    time = camera.time((camera.lines + 1) / 2)
    if camera.pointing.matrix(time)[2] @ camera.position.at(time) <= 0:
        return (1, 1)
    return (1, -1) if camera.code in AGAINST_AXIS else (-1, -1)


def from_cube(cube):
    """The camera of a cube with the tables that spiceinit makes, or that `tables` has made of an ISD."""
    groups = cube.groups
    if "NaifKeywords" not in cube.label or "Kernels" not in groups or "InstrumentPointing" not in cube.tables:
        raise ValueError(f"{cube.path}: no SPICE tables; attach an ISD, or run spiceinit")
    kernels, instrument = groups["Kernels"], groups["Instrument"]
    keywords = dict(cube.label["NaifKeywords"].items())
    geometry = {
        "lines": cube.lines,
        "samples": cube.samples,
        "body": _table_rotation(cube.table("BodyRotation")),
        "pointing": _table_rotation(cube.table("InstrumentPointing")),
        "position": (position := _table_states(cube.table("InstrumentPosition"))),
        "sun": _table_states(cube.table("SunPosition")),
        "version": int(kernels.get("CameraVersion", 1)),
        "target": instrument["TargetName"],
        "shape": str(cube.label.get(SHAPE, {}).get("File", "")),
    }
    if OPTICS in cube.label and kernels["InstrumentPointing"] == "Table":
        isd = Isd(keywords=keywords, **geometry, **_read_optics(cube.label[OPTICS]))
        return _cropped(isd, groups["AlphaCube"]) if "AlphaCube" in groups else isd
    code = int(kernels.get("NaifIkCode") or kernels["NaifFrameCode"])
    if not _is_known(code) or code in VIKING:
        raise ValueError(
            f"{cube.path}: NaifIkCode = {code} is not supported in a cube of spiceinit; supported are MDIS, CTX; "
            "others need a camera description (geometry: isd)"
        )
    if code == WAC:
        code -= int(groups["BandBin"]["Number"])  # each WAC filter is a camera of its own
    line_time = 0.0
    start = float(position.times[len(position.times) // 2])
    if code == CTX:
        line_time = float(instrument["LineExposureDuration"]) / 1000 * int(instrument["SpatialSumming"])
        start = _clock(keywords)
    elif len(position.times) > 1:
        start = _clock(keywords) + float(instrument["ExposureDuration"]) / 2000
    isd = _camera(
        code,
        keywords,
        instrument,
        {},
        start=start,
        line_time=line_time,
        **geometry,
    )
    return _cropped(isd, groups["AlphaCube"]) if "AlphaCube" in groups else isd


def _cropped(isd, alpha):
    """The camera of a part of an image, enlarged or reduced, as the group AlphaCube tells it."""
    if isd.framelets:
        raise ValueError("AlphaCube: a part of a push-frame image is not supported; project the whole one")
    axes = ("Sample", "Line")
    before = [float(alpha[f"AlphaStarting{axis}"]) - 0.5 for axis in axes]
    scale = [
        (float(alpha[f"AlphaEnding{axis}"]) - float(alpha[f"AlphaStarting{axis}"])) / float(alpha[f"Beta{axis}s"])
        for axis in axes
    ]
    return replace(
        isd,
        start=isd.start + isd.line_time * before[1],
        line_time=isd.line_time * scale[1],
        rates=None if isd.rates is None else _cropped_rates(isd.rates, before[1], scale[1]),
        first=tuple(first + edge * size for first, edge, size in zip(isd.first, before, isd.summing, strict=True)),
        summing=tuple(size * factor for size, factor in zip(isd.summing, scale, strict=True)),
    )


def _cropped_rates(rates, before, scale):
    edges, times, seconds = rates.T
    return np.column_stack([(edges - 0.5 - before) / scale + 0.5, times, seconds * scale])


def tables(isd):
    """What spiceinit attaches to a cube: tables, and as dicts the group Kernels and objects, NaifKeywords among them.

    The form is that of cubes whose ISD was attached without kernels; campt and cam2map of ISIS read it. One more object
    has what we need and ISIS finds in its own code.
    """
    attached = [
        _rotation_table("InstrumentPointing", isd.pointing),
        _states_table("InstrumentPosition", isd.position),
        _rotation_table("BodyRotation", isd.body),
        _states_table("SunPosition", isd.sun),
    ]
    # Spice.cpp of ISIS asks for these names; "Table" stands for kernels that are not needed any more.
    base = "$base/kernels"
    kernels = {
        "NaifIkCode": _instrument(isd.code),
        "LeapSecond": f"{base}/lsk/naif0012.tls",
        "TargetAttitudeShape": f"{base}/pck/pck00010.tpc",
        "TargetPosition": "Table",
        "InstrumentPointing": "Table",
        "InstrumentPosition": "Table",
        "Instrument": "Null",
        "InstrumentAddendum": "Null",
        "ShapeModel": "Null",
        "CameraVersion": isd.version,
    }
    # PVL has TRUE where JSON has true.
    keywords = {key: str(value).upper() if isinstance(value, bool) else value for key, value in isd.keywords.items()}
    return attached, kernels, {"NaifKeywords": keywords, OPTICS: _optics(isd)}


def _optics(isd):
    """All of a camera that is not in its tables, as an object of a cube."""
    optics = {name: getattr(isd, name) for name in SCALARS}
    optics |= {name: tuple(map(float, np.ravel(getattr(isd, name)))) for name in ARRAYS}
    if isd.rates is not None:
        optics["rates"] = tuple(map(float, isd.rates.ravel()))
    if isd.framelets:
        optics["framelets"] = tuple(map(float, astuple(isd.framelets)))
    return {name.title().replace("_", ""): value for name, value in optics.items()}


def _read_optics(block):
    """The fields of a camera that `_optics` has written."""
    given = {name: block.get(name.title().replace("_", "")) for name in (*SCALARS, *ARRAYS, "rates", "framelets")}
    optics = {name: kind(given[name]) for name, kind in SCALARS.items()}
    optics |= {name: _numbers(given[name]).reshape(shape) for name, shape in ARRAYS.items()}
    optics["rates"] = None if given["rates"] is None else _numbers(given["rates"]).reshape(-1, 3)
    if given["framelets"] is not None:
        height, count, delay, flipped, backwards = _numbers(given["framelets"])
        optics["framelets"] = Framelets(int(height), int(count), float(delay), bool(flipped), bool(backwards))
    return optics


def _camera(code, keywords, instrument, isd, **geometry):
    """The optics: of a camera that is known here from ISIS's keywords first, else from those of USGSCSM alone.

    The same keyword has another meaning in each of ISIS's camera models.
    """
    given, keywords = keywords, keywords if _is_known(code) else {}
    detector = _pair(keywords, isd, code, ("ITRANSS", "ITRANSL"), ("focal2pixel_samples", "focal2pixel_lines"))
    plane = _plane(keywords, code, detector)
    pitch = _pitch(keywords, code, plane)
    half = geometry["samples"] * pitch / 2, 0.0 if geometry["line_time"] else geometry["lines"] * pitch / 2
    kind, coefficients = _distortion(keywords, given, isd, code, half)
    first, summing = _binning(isd, instrument, code, (geometry["lines"], geometry["samples"]))
    return Isd(
        code=code,
        keywords=given,
        focal_length=_focal_length(keywords, isd, instrument, code),
        pitch=pitch,
        plane=plane,
        detector=detector,
        boresight=_boresight(keywords, isd, code, geometry["line_time"]),
        first=first,
        summing=summing,
        distortion=kind,
        coefficients=coefficients,
        radii=_radii(given, isd),
        **geometry,
    )


def _entry(block, *keys):
    """An entry of nested keys. Raises ValueError naming the key that is missing."""
    for depth, key in enumerate(keys):
        if key not in block:
            raise ValueError(f"no {'.'.join(keys[: depth + 1])}; an ISD as ALE makes it has one")
        block = block[key]
    return block


def _numbers(value):
    """A scalar or sequence of JSON or PVL as an array."""
    return np.atleast_1d(np.array(value, float))


def _naif(keywords, code, name):
    """Numbers of an instrument keyword, or None; what the filters of MDIS-WAC share is kept under its own code."""
    value = keywords.get(f"INS{code}_{name}", keywords.get(f"INS{_instrument(code)}_{name}"))
    return None if value is None else _numbers(value)


def _instrument(code):
    """NAIF code of the instrument that a filter belongs to."""
    return WAC if WAC - 12 <= code <= WAC else code


def _instrument_code(keywords, pointing):
    """NAIF code of the instrument: that of the keywords, or that of the frame it points with."""
    codes = [match[1] for key in keywords if (match := re.fullmatch(r"INS(-\d+)_ITRANSS", key))]
    frames = pointing.get("constant_frames") or pointing.get("time_dependent_frames") or (0,)
    return int(frames[0]) if not codes or str(frames[0]) in codes else int(codes[0])


def _is_mdis(code):
    return _instrument(code) in (NAC, WAC)


def _is_known(code):
    return _is_mdis(code) or code == CTX or code in VIKING


def _binning(isd, instrument, code, size):
    """Detector coordinates of the first pixel's corner plus one half; detector pixels in an image pixel."""
    if _is_mdis(code):
        return (1.0, 1.0), (_mdis_binning(isd, instrument, size),) * 2
    if code == CTX and "SpatialSumming" in instrument:
        return (int(instrument["SampleFirstPixel"]) + 1.0, 1.0), (int(instrument["SpatialSumming"]), 1)
    first = tuple(isd.get(f"starting_detector_{axis}", 0) + 1.0 for axis in ("sample", "line"))
    return first, tuple(isd.get(f"detector_{axis}_summing", 1) or 1 for axis in ("sample", "line"))


def _mdis_binning(isd, instrument, size):
    if "FpuBinningMode" in instrument:
        return max(1, int(instrument["PixelBinningMode"])) * (2 if int(instrument["FpuBinningMode"]) else 1)
    summing = int(isd.get("detector_sample_summing", 1))
    # The detector has 1024 x 1024 pixels; an image of 512 x 512 was binned on it, whatever the ISD says.
    return 2 if summing == 1 and size == (512, 512) else summing


def _pair(keywords, isd, code, names, others):
    """The affine map focal plane -> detector."""
    rows = [_naif(keywords, code, name) for name in names]
    if any(row is None for row in rows):
        rows = [_numbers(_entry(isd, name)) for name in others]
    return np.array(rows)


def _plane(keywords, code, detector):
    """The affine map detector -> focal plane: ISIS's own, or the inverse."""
    rows = [_naif(keywords, code, name) for name in ("TRANSX", "TRANSY")]
    if any(row is None for row in rows):
        linear = np.linalg.inv(detector[:, 1:])
        return np.column_stack([-linear @ detector[:, 0], linear])
    return np.array(rows)


def _pitch(keywords, code, plane):
    pitch = _naif(keywords, code, "PIXEL_PITCH")
    return float(np.abs(plane[0, 1:]).max() if pitch is None else pitch[0])


def _boresight(keywords, isd, code, line_time):
    values = [_naif(keywords, code, f"BORESIGHT_{axis}") for axis in ("SAMPLE", "LINE")]
    if all(value is not None for value in values):
        return tuple(float(value[0]) for value in values)
    if code in VIKING:
        return VIKING_BORESIGHT
    # USGSCSM counts from the corner of the first pixel; in a line-scan image, lines from the line of the detector.
    sample, line = (_entry(isd, "detector_center", axis) for axis in ("sample", "line"))
    return sample + 0.5, line - isd.get("starting_detector_line", 0) if line_time else line + 0.5


def _focal_length(keywords, isd, instrument, code):
    """In mm; of MDIS it depends on the temperature of the focal plane (MdisCamera)."""
    if "TempDependentFocalLength" in keywords:
        return float(keywords["TempDependentFocalLength"])
    polynomial = _naif(keywords, code, "FL_TEMP_COEFFS")
    if polynomial is not None and "FocalPlaneTemperature" in instrument:
        return float(np.polynomial.polynomial.polyval(float(instrument["FocalPlaneTemperature"]), polynomial))
    if "focal_length_model" in isd and (code not in VIKING or isd["focal_length_model"].get("focal_length")):
        return float(_entry(isd, "focal_length_model", "focal_length"))
    fixed = _naif(keywords, code, "FOCAL_LENGTH")
    if fixed is None and code not in VIKING:
        raise ValueError("no focal_length_model and no INS keyword FOCAL_LENGTH")
    return VIKING[code] if fixed is None else float(fixed[0])


def _distortion(keywords, given, isd, code, half):
    """Model and coefficients; of a camera that is known here from ISIS's keywords."""
    transverse = [_naif(keywords, code, f"OD_T_{axis}") for axis in "XY"]
    if all(value is not None for value in transverse):
        return "transverse", np.array(transverse).ravel()
    radial = _naif(keywords, code, "OD_K")
    if radial is not None:
        return "radial", radial

    def keyword(name):
        return next((_numbers(value) for key, value in given.items() if re.fullmatch(rf"INS-\d+_{name}", key)), None)

    return distortion.coefficients(_entry(isd, "optical_distortion"), keyword, half)


def _radii(keywords, isd):
    radii = next((value for key, value in keywords.items() if re.fullmatch(r"BODY-?\d+_RADII", key)), None)
    if radii is not None:
        return _numbers(radii)
    equatorial, polar = (_entry(isd, "radii", key) for key in ("semimajor", "semiminor"))
    return np.array([equatorial, equatorial, polar]) * KILOMETRES[isd["radii"].get("unit", "km")]


def _timing(isd, model, position, lines):
    """When lines were taken: start, line_time, and rates or framelets where there are some.

    Times of rates are from the centre, as in USGSCSM; where that is of another part of the image, from the start.
    """
    if model == FRAME:
        middle = position.times[len(position.times) // 2]
        return {"start": float(isd.get("center_ephemeris_time", middle)), "line_time": 0.0}
    start = float(_entry(isd, "starting_ephemeris_time"))
    if model == PUSH_FRAME:
        exposure = float(_entry(isd, "exposure_duration"))
        return {"start": start + exposure / 2, "line_time": 0.0, "framelets": _framelets(isd, lines)}
    rates = np.array(_entry(isd, "line_scan_rate"), float)
    if rates.ndim != 2 or rates.shape[1] != 3 or not len(rates) or not (np.diff(rates[:, 0]) > 0).all():
        raise ValueError("line_scan_rate: right are rows of a first line, its time and seconds per line, lines growing")
    times = rates[:, 1] + float(isd.get("center_ephemeris_time", start - rates[0, 1]))
    off = abs(times[0] - start)
    rates[:, 1] = times if CLOCK < off <= abs(rates[0, 2]) else times + (start - times[0])
    edge, first, seconds = rates[0]
    timing = {"start": float(first + seconds * (0.5 - edge)), "line_time": float(seconds)}
    return timing if len(rates) == 1 else timing | {"rates": rates}


def _framelets(isd, lines):
    """The framelets of a push-frame image; their height in an ISD is that on the detector."""
    summing = float(isd.get("detector_line_summing", 1))
    height = float(_entry(isd, "framelet_height")) / summing
    if isd.get("num_lines_overlap", 0):
        raise ValueError("num_lines_overlap: framelets that were cut are not supported; right is 0")
    if height < 1 or height % 1 or lines % height:
        raise ValueError(f"framelet_height: {lines} lines are not framelets of {height:g} lines each")
    return Framelets(
        int(height),
        int(lines // height),
        float(_entry(isd, "interframe_delay")),
        bool(_entry(isd, "framelets_flipped")),
        bool(_entry(isd, "framelet_order_reversed")),
    )


def _clock(keywords):
    """Start of the exposure: ISIS keeps the bytes of the number as text."""
    clocks = [value for key, value in keywords.items() if re.fullmatch(r"CLOCK_ET_.*_COMPUTED", key)]
    if not clocks:
        raise ValueError("no CLOCK_ET_..._COMPUTED in NaifKeywords; spiceinit writes one")
    return struct.unpack("<d", bytes.fromhex(clocks[0]))[0]


def _states(isd, name):
    block = _entry(isd, name)
    times = _times(block, name)
    _entry(isd, name, "positions")
    unit = block.get("unit", "km")
    if unit not in KILOMETRES:
        raise ValueError(f"{name}.unit = {unit}: must be one of {', '.join(KILOMETRES)}")
    positions, velocities = (_rows(block, name, key, times, 3) for key in ("positions", "velocities"))
    positions, velocities = (rows if rows is None else rows * KILOMETRES[unit] for rows in (positions, velocities))
    return States(times, positions, velocities, _are_tangents(times, positions, velocities))


def _are_tangents(times, positions, velocities):
    """Whether velocities are those of a way through the positions, so that a spline may follow them."""
    if velocities is None or len(times) < 2:
        return False
    ways, means = np.diff(positions, axis=0), (velocities[1:] + velocities[:-1]) / 2 * np.diff(times)[:, None]
    return bool((np.linalg.norm(means - ways, axis=1) <= AGREEMENT * np.linalg.norm(ways, axis=1)).all())


def _rotation(block, name):
    constant = block.get("constant_rotation")
    times = _times(block, name)
    _entry({name: block}, name, "quaternions")
    velocities = "angular_velocities" if "angular_velocities" in block else "angular_velocity"
    return Rotation(
        times,
        _rows(block, name, "quaternions", times, 4),
        _rows(block, name, velocities, times, 3),
        tuple(block.get("time_dependent_frames", ())),
        np.eye(3) if constant is None else np.array(constant, float).reshape(3, 3),
        tuple(block.get("constant_frames", ())),
    )


def _times(block, name):
    """Times of records (n,), which must grow."""
    times = _numbers(_entry({name: block}, name, "ephemeris_times"))
    if times.ndim != 1 or not times.size or not (np.diff(times) > 0).all() or not np.isfinite(times).all():
        raise ValueError(f"{name}.ephemeris_times: right are numbers that grow, one or more")
    return times


def _rows(block, name, key, times, width):
    """Records (n, width) at times (n,), or None where there are none."""
    if block.get(key) is None:
        return None
    try:
        rows = np.array(block[key], float)
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.shape != (len(times), width) or not np.isfinite(rows).all():
        raise ValueError(f"{name}.{key}: right are {len(times)} rows of {width} numbers, as ephemeris_times has")
    return rows


def _table_states(table):
    records, kind = table.records, table.keywords.get("CacheType", "Linear")
    if kind not in ("Linear", "HermiteSpline"):
        raise ValueError(f"table {table.name}: CacheType = {kind} is not supported; run spiceinit again")
    spline = kind == "HermiteSpline"
    return States(_column(records, "ET"), _columns(records, POSITION), _columns(records, VELOCITY), spline)


def _table_rotation(table):
    records, keywords = table.records, table.keywords
    constant = keywords.get("ConstantRotation")
    return Rotation(
        _column(records, "ET"),
        _columns(records, QUATERNION),
        _columns(records, ANGULAR_VELOCITY),
        tuple(int(code) for code in keywords.get("TimeDependentFrames", ())),
        np.eye(3) if constant is None else np.array(constant, float).reshape(3, 3),
        tuple(int(code) for code in keywords.get("ConstantFrames", ())),
    )


def _column(records, name):
    return np.ascontiguousarray(records[name], "f8")


def _columns(records, names):
    """Fields side by side (n, len(names)), or None when the table has not all of them."""
    if not set(names) <= set(records.dtype.names):
        return None
    return np.stack([_column(records, name) for name in names], axis=1)


def _records(names, *columns):
    """A structured array of doubles."""
    rows = np.column_stack(columns)
    return np.rec.fromarrays(rows.T, dtype=[(name, "<f8") for name in names]).view(np.ndarray)


def _rotation_table(name, rotation):
    frames = {"TimeDependentFrames": rotation.frames}
    if rotation.constant_frames:
        frames |= {"ConstantFrames": rotation.constant_frames, "ConstantRotation": tuple(rotation.constant.ravel())}
    keywords = {
        **{key: tuple(value if isinstance(value, int) else float(value) for value in frames[key]) for key in frames},
        "CkTableStartTime": float(rotation.times[0]),
        "CkTableEndTime": float(rotation.times[-1]),
        "CkTableOriginalSize": len(rotation.times),
        "FrameTypeCode": 3,
        "Kernels": "Null",
    }
    if name == "BodyRotation":
        keywords["SolarLongitude"] = ISIS_MISSING
    if rotation.angular_velocities is None:
        records = _records((*QUATERNION, "ET"), rotation.quaternions, rotation.times)
    else:
        names = (*QUATERNION, *ANGULAR_VELOCITY, "ET")
        records = _records(names, rotation.quaternions, rotation.angular_velocities, rotation.times)
    return cubes.Table(name, records, keywords)


def _states_table(name, states):
    keywords = {
        "CacheType": "HermiteSpline" if states.spline else "Linear",
        "SpkTableStartTime": float(states.times[0]),
        "SpkTableEndTime": float(states.times[-1]),
        "SpkTableOriginalSize": float(len(states.times)),
        "Kernels": "Null",
    }
    if states.velocities is None:
        records = _records((*POSITION, "ET"), states.positions, states.times)
    else:
        records = _records((*POSITION, *VELOCITY, "ET"), states.positions, states.velocities, states.times)
    return cubes.Table(name, records, keywords)


def _between(times, time):
    """Index of the record before each time and the part (..., 1) of the way to the next; goes on beyond the ends."""
    time = np.asarray(time, float)
    index = np.clip(np.searchsorted(times, time, side="right") - 1, 0, len(times) - 2)
    part = (time - times[index]) / (times[index + 1] - times[index])
    return index, part[..., None]


def _matrix(quaternion):
    """Rotation matrices (..., 3, 3) of quaternions (..., 4), scalar first."""
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
