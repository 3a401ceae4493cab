"""Raw input for the demo campaign of planetary mappers: experiment data records (EDRs) of spacecraft cameras.

No spacecraft took these. A made-up cratered surface is seen by the cameras' own optics and electronics, step by step
the other way round than a calibration goes: I/F or signal, smear of the readout, linearity, dark level, 12 bits, and
the 8 bits that are sent to Earth. What comes out has the bytes of the archives (PDS3 labels with the keywords that
ingest programs read, records, dark pixels, companding), but a label that says that it is synthetic.

Every file is the same bytes on every run.
"""

import hashlib
import json
import struct
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from darkroom.files import write_bytes
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.isd import from_isd
from darkroom.planetary.instruments.mdis import lut
from darkroom.planetary.instruments.mdis import tables as mdis_tables

SEED = 20150430
AU = 1.49597870691e8  # km
SYNTHETIC = "SYNTHETIC TEST IMAGE; NO SPACECRAFT TOOK IT"


# The surface


def surface(shape, craters, seed, light=0.0):
    """Brightness (rows, columns) of a cratered plain around 1, lit from the left: darker and brighter slopes, maria.

    light -- degrees by which the light comes from further up

    Bowls of parabolic shape, a fifth as deep as wide, with rims that fall off with the cube of the distance.
    """
    rng = np.random.default_rng([SEED, seed])
    height = np.zeros(shape, np.float32)
    sizes = 4 * (1 + rng.pareto(1.6, craters)).clip(1, min(shape) / 30)
    for radius, row, column in zip(
        sorted(sizes)[::-1], *(rng.uniform(0, size, craters) for size in shape), strict=True
    ):
        reach = int(3 * radius) + 1
        top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
        part = height[top : int(row) + reach, left : int(column) + reach]
        rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
        distance = np.hypot(rows - row, columns - column) / radius
        rim = 0.08 * (np.clip(distance, 1, 3) ** -3.0 - 3**-3.0)
        part += (radius * (rim + 0.4 * (np.minimum(distance, 1) ** 2 - 1))).astype(np.float32)
    waves = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), 12, mode="wrap")
    down, across = np.gradient(ndimage.gaussian_filter(height, 0.8) + 12 * waves)
    slope = across if not light else np.cos(np.deg2rad(light)) * across + np.sin(np.deg2rad(light)) * down
    maria = ndimage.zoom(
        rng.standard_normal((5, 7)), (shape[0] / 5, shape[1] / 7), order=3, grid_mode=True, mode="nearest"
    )
    return (1 + 0.1 * np.tanh(maria)) * (1 + 0.45 * np.tanh(1.2 * slope))


def label(text, size, **values):
    """A PDS3 label as bytes: lines that end as the standard wants, blanks up to its size.

    Raises ValueError when the text is longer.
    """
    content = "".join(f"{line}\r\n" for line in text.strip().format(**values).splitlines()).encode("ascii")
    if len(content) > size:
        raise ValueError(f"a label of {len(content)} bytes does not fit in {size}")
    return content.ljust(size)


def after(anchor, seconds):
    """A time of a label so many seconds after another, to the millisecond."""
    return (datetime.fromisoformat(anchor) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


# MESSENGER MDIS: three overlapping frames of the narrow angle camera, with their geometry

MDIS_NAMES = ("EN1072190001M", "EN1072190002M", "EN1072190003M")
MDIS_SIZE = 512  # pixels of a side, each 2 x 2 of the detector
MDIS_EXPOSURE = 8  # ms
MDIS_TEMPERATURE = 1139  # of the CCD, raw counts
MDIS_ALGORITHM = 1  # of the compression to 8 bits
MDIS_NOISE = 3  # of the readout, 12-bit numbers; without it, the steps of 8 bits would be seen in smooth places
MDIS_DARK = 2  # columns at the left that see no light
# Seconds of the spacecraft's clock and the UTC then; ephemeris time is ahead of UTC by 35 leap seconds and 32.184 s.
MDIS_CLOCK, MDIS_TIME = 72174528.989, "2015-04-24T04:42:19.666464"
MDIS_FIRST = 72190001  # second of the clock at which the first frame is taken; the others follow one by one
EPHEMERIS = 35 + 32.184
J2000 = datetime(2000, 1, 1, 12)
MERCURY_RADIUS = 2439.4  # km
MERCURY_SUN = 0.32  # AU
# Pole and rotation (degrees, degrees per day) of Mercury: Archinal et al. 2018, Celest. Mech. Dyn. Astr. 130, 22.
MERCURY_POLE = (281.0103, 61.4155)
MERCURY_MERIDIAN = (329.5988, 6.1385108)
CENTRE = (20.0, 150.0)  # planetocentric latitude, east longitude of the middle frame
NIGHT = 62.0  # degrees that the Sun stands to the west of it
HEIGHT, SPEED = 200.0, 2.7  # km above the ground, km/s to the north
TWISTS = (3.0, 0.0, -2.0)  # degrees by which the frames are turned about the line of sight
SCENE_STEP = 0.008  # km between the nodes of the scene
SCENE_SHAPE = (1700, 1100)
# Optics of the narrow angle camera: MESSENGER instrument kernel msgr_mdis_v160.ti.
MDIS_CODE, PIVOT_CODE = -236820, -236890
CUBIC = 1.00401047146886e-5  # of the distortion
MDIS_OPTICS = {
    "FOCAL_LENGTH": 549.11781953727,
    "FL_TEMP_COEFFS": [549.51204973417, 0.010185643391234, 0.0, 0.0, 0.0, 0.0],
    "PIXEL_PITCH": 0.014,
    "TRANSX": [0.0, 0.014, 0.0],
    "TRANSY": [0.0, 0.0, 0.014],
    "ITRANSS": [0.0, 71.42857143, 0.0],
    "ITRANSL": [0.0, 0.0, 71.42857143],
    "BORESIGHT_SAMPLE": 512.5,
    "BORESIGHT_LINE": 512.5,
    "OD_T_X": [0.0, 1.0018542696238, 0.0, 0.0, -5.09444047494111e-4, 0.0, CUBIC, 0.0, CUBIC, 0.0],
    "OD_T_Y": [0.0, 0.0, 1.0, 9.06001059499675e-4, 0.0, 3.57484262662076e-4, 0.0, CUBIC, 0.0, CUBIC],
}


MDIS_OFF = ((12.0, -7.0), (-9.0, 4.0), (5.0, 14.0))  # pixels across and along, of the sample whose pointing is wrong


def mdis(folder, off=((0.0, 0.0),) * 3):
    """Three frames `EN*.IMG` of 512 x 512 pixels and their camera descriptions `EN*.isd.json`.

    Frames overlap by half; 10 m are a pixel. The camera looks down at 20 degrees north, 150 degrees east on Mercury.

    off -- pixels across and along by which the descriptions of the frames look elsewhere than the camera did
    """
    for index, name in enumerate(MDIS_NAMES):
        isd = mdis_isd(index)
        ground = Camera(from_isd(isd)).backplanes(0, MDIS_SIZE)
        noise = np.random.default_rng([SEED, 10, index]).normal(0, MDIS_NOISE, (MDIS_SIZE, MDIS_SIZE))
        raw = mdis_raw(mdis_scene(ground.latitude, ground.longitude), noise)
        write_bytes(folder / f"{name}.IMG", mdis_product(index, raw, ground))
        turned = mdis_turned(isd, off[index])
        write_bytes(folder / f"{name}.isd.json", (json.dumps(turned, indent=1) + "\n").encode())


def mdis_off(folder):
    """The frames of `mdis`, with camera descriptions that look up to 16 pixels elsewhere than the camera did."""
    mdis(folder, MDIS_OFF)


def mdis_turned(isd, off):
    """A camera description that looks some pixels across and along elsewhere."""
    if not any(off):
        return isd
    pixel = 2 * MDIS_OPTICS["PIXEL_PITCH"] / MDIS_OPTICS["FOCAL_LENGTH"]
    pointing = isd["instrument_pointing"]
    turn = Rotation.from_rotvec([-off[1] * pixel, off[0] * pixel, 0])
    turned = turn * Rotation.from_quat(pointing["quaternions"][0], scalar_first=True)
    return isd | {"instrument_pointing": pointing | {"quaternions": [turned.as_quat(scalar_first=True).tolist()]}}


@lru_cache(maxsize=4)
def _mercury(light):
    return 0.055 * surface(SCENE_SHAPE, 900, 1, light)


def mdis_scene(latitude, longitude, light=0.0):
    """I/F of the surface at places near CENTRE, in degrees; interpolated linearly between nodes of 8 m.

    light -- as of `surface`
    """
    scale = np.deg2rad(MERCURY_RADIUS) / SCENE_STEP
    rows = (SCENE_SHAPE[0] - 1) / 2 - (latitude - CENTRE[0]) * scale
    columns = (SCENE_SHAPE[1] - 1) / 2 + (longitude - CENTRE[1]) * scale * np.cos(np.deg2rad(CENTRE[0]))
    return ndimage.map_coordinates(_mercury(light), [rows, columns], order=1, mode="nearest")


def mdis_raw(reflectance, noise):
    """The 8-bit values that the camera sends of I/F (lines, samples): the steps of Hawkins et al. (2007) backwards.

    noise -- of each pixel, in 12-bit numbers
    """
    tables = mdis_tables
    _, response, polynomial = tables.RESPONSIVITY[0]
    response *= np.polynomial.polynomial.polyval(MDIS_TEMPERATURE, polynomial)
    radiance = reflectance * tables.SOLAR_IRRADIANCE[0] / (np.pi * MERCURY_SUN**2)
    charge = radiance * response * MDIS_EXPOSURE / 1000
    charge[:, :MDIS_DARK] = 0
    # While a line is shifted out, it sees all lines before it for a moment each, and an empty level of 16 at first.
    share = tables.FRAME_TRANSFER[0] / MDIS_SIZE / MDIS_EXPOSURE
    seen = np.cumsum(charge, axis=0) - charge
    linear = charge + share * (16 * share + seen)
    slope, offset = tables.LINEARITY["NAC"]
    signal = linear * offset
    for _ in range(20):
        signal = np.where(signal > 0, linear * (slope * np.log10(np.maximum(signal, 1e-6)) + offset), signal)
    inverse = lut.inverse(MDIS_ALGORITHM)
    # Not rounded to 12 bits before: many whole numbers lie half way between two steps, and would all go one way.
    return np.searchsorted((inverse[:-1] + inverse[1:]) / 2, signal + mdis_dark() + noise).astype(np.uint8)


def mdis_dark():
    """Dark level (lines, samples) in 12-bit numbers, by the model of the team."""
    terms = [np.polynomial.polynomial.polyval(MDIS_TEMPERATURE, row) for row in mdis_tables.DARK_MODEL["NAC", True]]
    constant, down, across, both = (
        first + second * MDIS_EXPOSURE for first, second in zip(terms[::2], terms[1::2], strict=True)
    )
    line, sample = np.ogrid[:MDIS_SIZE, :MDIS_SIZE]
    return constant + down * line + across * sample + both * line * sample


def mdis_isd(index):
    """Camera description of a frame, as ALE writes it for ISIS: positions in km and rotations from J2000."""
    begin = (
        datetime.fromisoformat(after(MDIS_TIME, MDIS_FIRST + index - MDIS_CLOCK)) - J2000
    ).total_seconds() + EPHEMERIS
    time = begin + MDIS_EXPOSURE / 2000
    body = mercury_frame(time)
    north, east, up = axes(*CENTRE)
    along = SPEED * (index - 1)
    place = up * (MERCURY_RADIUS + HEIGHT) + north * along
    # Rows of the camera's matrix are its axes: samples to the east, lines to the south, the line of sight down.
    camera = Rotation.from_euler("z", TWISTS[index], degrees=True).as_matrix() @ [east, -north, -up]
    sun = MERCURY_SUN * AU * axes(0, CENTRE[1] - NIGHT)[2]
    names = {f"INS{MDIS_CODE}_{key}": value for key, value in MDIS_OPTICS.items()}
    clock = {f"CLOCK_ET_-236_{mdis_clock(index)}_COMPUTED": struct.pack("<d", begin).hex()}
    return {
        "isis_camera_version": 2,
        "image_lines": MDIS_SIZE,
        "image_samples": MDIS_SIZE,
        "name_platform": "Messenger",
        "name_sensor": "MERCURY DUAL IMAGING SYSTEM NARROW ANGLE CAMERA",
        "reference_height": {"maxheight": 1000, "minheight": -1000, "unit": "m"},
        "name_model": "USGS_ASTRO_FRAME_SENSOR_MODEL",
        "center_ephemeris_time": time,
        "radii": {"semimajor": MERCURY_RADIUS, "semiminor": MERCURY_RADIUS, "unit": "km"},
        "body_rotation": _rotation(time, [10011, 1], body, MERCURY_MERIDIAN[1] / 86400 * np.deg2rad(1) * body[2]),
        "instrument_pointing": _rotation(time, [PIVOT_CODE, 1], camera @ body, np.zeros(3))
        | {"constant_frames": [MDIS_CODE, PIVOT_CODE], "constant_rotation": np.eye(3).ravel().tolist()},
        "naif_keywords": {"BODY_CODE": 199, "BODY199_RADII": [MERCURY_RADIUS] * 3, "BODY_FRAME_CODE": 10011}
        | names
        | clock,
        "detector_sample_summing": 2,
        "detector_line_summing": 2,
        "focal_length_model": {"focal_length": MDIS_OPTICS["FOCAL_LENGTH"]},
        "detector_center": {"line": 512.5, "sample": 512.5},
        "starting_detector_line": 0,
        "starting_detector_sample": 0,
        "focal2pixel_lines": MDIS_OPTICS["ITRANSL"],
        "focal2pixel_samples": MDIS_OPTICS["ITRANSS"],
        "optical_distortion": {"transverse": {"x": MDIS_OPTICS["OD_T_X"], "y": MDIS_OPTICS["OD_T_Y"]}},
        "instrument_position": _position(time, body.T @ place, body.T @ north * SPEED),
        "sun_position": _position(time, body.T @ sun, np.zeros(3)),
    }


def mdis_clock(index):
    """Count of the spacecraft's clock when a frame begins."""
    return f"2/{MDIS_FIRST + index:010d}:000000"


def axes(latitude, longitude):
    """Unit vectors to the north, to the east and up at a place on a sphere, degrees."""
    latitude, longitude = np.deg2rad([latitude, longitude])
    east = np.array([-np.sin(longitude), np.cos(longitude), 0])
    up = np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    return np.cross(up, east), east, up


def mercury_frame(time):
    """Matrix that turns vectors of J2000 into those fixed to Mercury, at an ephemeris time in seconds."""
    ascension, declination = MERCURY_POLE
    turn = MERCURY_MERIDIAN[0] + MERCURY_MERIDIAN[1] * time / 86400
    # From J2000 by its z axis to the node, by x to the pole, by z to the prime meridian; of a frame, so inverted.
    return Rotation.from_euler("ZXZ", [90 + ascension, 90 - declination, turn], degrees=True).inv().as_matrix()


def _rotation(time, frames, matrix, velocity):
    return {
        "time_dependent_frames": frames,
        "ck_table_start_time": time,
        "ck_table_end_time": time,
        "ck_table_original_size": 1,
        "ephemeris_times": [time],
        "quaternions": [Rotation.from_matrix(matrix).as_quat(scalar_first=True).tolist()],
        "angular_velocities": [velocity.tolist()],
        "reference_frame": 1,
    }


def _position(time, place, velocity):
    return {
        "spk_table_start_time": time,
        "spk_table_end_time": time,
        "spk_table_original_size": 1,
        "ephemeris_times": [time],
        "positions": [place.tolist()],
        "velocities": [velocity.tolist()],
        "reference_frame": 1,
    }


def mdis_product(index, raw, ground):
    """The bytes of a frame's file: a label of 16 records and an image of 512, each of 512 bytes."""
    middle = MDIS_SIZE // 2
    seen = {name: getattr(ground, name)[middle, middle] for name in ("latitude", "longitude", "slant")}
    angles = {name: getattr(ground, name)[middle, middle] for name in ("incidence", "emission", "phase")}
    start = after(MDIS_TIME, MDIS_FIRST + index - MDIS_CLOCK)
    exposed = raw[:, 2 * MDIS_DARK :]
    head = label(
        MDIS_LABEL,
        16 * MDIS_SIZE,
        name=MDIS_NAMES[index],
        clock=MDIS_FIRST + index,
        start=start,
        stop=after(start, MDIS_EXPOSURE / 1000),
        start_count=mdis_clock(index),
        stop_count=f"2/{MDIS_FIRST + index:010d}:{MDIS_EXPOSURE:03d}000",
        note=SYNTHETIC,
        exposure=MDIS_EXPOSURE,
        temperature=MDIS_TEMPERATURE,
        algorithm=MDIS_ALGORITHM,
        side=MDIS_SIZE,
        sun=MERCURY_SUN * AU,
        dark=raw[:, :MDIS_DARK].mean(),
        low=exposed.min(),
        high=exposed.max(),
        mean=exposed.mean(),
        deviation=exposed.std(ddof=1),
        **seen,
        **angles,
    )
    return head + raw.tobytes()


MDIS_LABEL = """
PDS_VERSION_ID               = PDS3

/* ** FILE FORMAT ** */
RECORD_TYPE                  = FIXED_LENGTH
RECORD_BYTES                 = 512
FILE_RECORDS                 = 0528
LABEL_RECORDS                = 0016
^IMAGE                       = 0017

/* ** IDENTIFICATION ** */
MISSION_NAME                 = MESSENGER
INSTRUMENT_HOST_NAME         = MESSENGER
DATA_SET_ID                  = MESS-E/V/H-MDIS-2-EDR-RAWDATA-V1.0
DATA_QUALITY_ID              = 0000001000000000
PRODUCT_ID                   = {name}
PRODUCT_VERSION_ID           = 1
SOURCE_PRODUCT_ID            = {clock}_IM6
PRODUCER_INSTITUTION_NAME    = "DARKROOM"
SOFTWARE_NAME                = "DARKROOM"
SOFTWARE_VERSION_ID          = 1.0
MISSION_PHASE_NAME           = "MERCURY ORBIT YEAR 5"
TARGET_NAME                  = MERCURY
SEQUENCE_NAME                = N/A
OBSERVATION_ID               = {clock}
OBSERVATION_TYPE             = Monochrome
SITE_ID                      = N/A
NOTE                         = "{note}"

/* ** TIME ** */
START_TIME                   = {start}
STOP_TIME                    = {stop}
SPACECRAFT_CLOCK_START_COUNT = {start_count}
SPACECRAFT_CLOCK_STOP_COUNT  = {stop_count}
ORBIT_NUMBER                 = 4086
PRODUCT_CREATION_TIME        = 2015-04-30T00:00:00

/* ** CAMERA ** */
INSTRUMENT_NAME              = "MERCURY DUAL IMAGING SYSTEM NARROW ANGLE
                                CAMERA"
INSTRUMENT_ID                = MDIS-NAC
FILTER_NAME                  = "748 BP 53"
FILTER_NUMBER                = N/A
CENTER_FILTER_WAVELENGTH     = 747.7 <NM>
BANDWIDTH                    = 52.6 <NM>
EXPOSURE_DURATION            = {exposure} <MS>
EXPOSURE_TYPE                = MANUAL
DETECTOR_TEMPERATURE         = -11.62 <DEGC>
FOCAL_PLANE_TEMPERATURE      = 4.07 <DEGC>
FILTER_TEMPERATURE           = N/A
OPTICS_TEMPERATURE           = 17.08 <DEGC>

/* ** RAW TELEMETRY ** */
MESS:MET_EXP                 = {clock}
MESS:ATT_CLOCK_COUNT         = {clock}
MESS:ATT_FLAG                = 7
MESS:PIV_GOAL                = N/A
MESS:PIV_POS                 = 0
MESS:FW_GOAL                 = 17376
MESS:FW_POS                  = 17376
MESS:CCD_TEMP                = {temperature}
MESS:EXPOSURE                = {exposure}
MESS:DPU_ID                  = 0
MESS:IMAGER                  = 1
MESS:SOURCE                  = 0
MESS:FPU_BIN                 = 1
MESS:COMP12_8                = 1
MESS:COMP_ALG                = {algorithm}
MESS:COMP_FST                = 1
MESS:EXP_MODE                = 0
MESS:WVLRATIO                = 0
MESS:PIXELBIN                = 0
MESS:SUBFRAME                = 0
MESS:CRITOPNV                = 0
MESS:JAILBARS                = 0
MESS:JB_X0                   = 0
MESS:JB_X1                   = 0
MESS:JB_SPACE                = 0

/* ** GEOMETRY OF THE CENTRE PIXEL ** */
SLANT_DISTANCE               = {slant:.5f} <KM>
CENTER_LATITUDE              = {latitude:.5f} <DEG>
CENTER_LONGITUDE             = {longitude:.5f} <DEG>
SPACECRAFT_SOLAR_DISTANCE    = {sun:.5f} <KM>
SOLAR_DISTANCE               = {sun:.5f} <KM>
INCIDENCE_ANGLE              = {incidence:.5f} <DEG>
PHASE_ANGLE                  = {phase:.5f} <DEG>
EMISSION_ANGLE               = {emission:.5f} <DEG>

OBJECT                       = IMAGE
  LINES                      = {side}
  LINE_SAMPLES               = {side}
  SAMPLE_TYPE                = UNSIGNED_INTEGER
  SAMPLE_BITS                = 8
  UNIT                       = N/A
  DARK_STRIP_MEAN            = {dark:.3f}
  MINIMUM                    = {low:.3f}
  MAXIMUM                    = {high:.3f}
  MEAN                       = {mean:.3f}
  STANDARD_DEVIATION         = {deviation:.3f}
  SATURATED_PIXEL_COUNT      = 0
  MISSING_PIXELS             = 0
END_OBJECT                   = IMAGE
END
"""


# LROC: a piece of the left narrow angle camera's strip

LROC_NAME = "M114150000LE"
LROC_SHAPE = (256, 5064)
LROC_MASKED = 32  # pixels at either end that see no light
LROC_CLOCK, LROC_TIME = 281199081 + 48869 / 65536, "2009-11-29T14:51:21.968"
LROC_FIRST = 281203532  # the number of a product is this less 167053532
LROC_PREROLL = 0.345  # s that the detector runs before its first line
LROC_LINE = 0.3376  # ms
# Segments of the companding: 8-bit value = trunc(m x + b) from x on (Robinson et al. 2010, Space Sci. Rev. 150, 81).
LROC_X, LROC_M, LROC_B = (0, 32, 136, 543, 2207), (0.5, 0.25, 0.125, 0.0625, 0.03125), (0, 8, 25, 59, 128)


def lroc_nac(folder):
    """`M114150000LE.IMG`: 256 lines of 5,064 pixels in 8 bits, companded; 1 m are a pixel."""
    raw = lroc_companded(lroc_scene())
    start = LROC_FIRST + LROC_PREROLL
    stop = start + LROC_SHAPE[0] * LROC_LINE / 1000
    moments = {"preroll": LROC_FIRST, "start": start, "stop": stop}
    head = label(
        LROC_LABEL,
        LROC_SHAPE[1],
        name=LROC_NAME,
        **{name: after(LROC_TIME, moment - LROC_CLOCK) for name, moment in moments.items()},
        **{f"{name}_count": f"1/{int(moment)}:{moment % 1 * 65536:05.0f}" for name, moment in moments.items()},
        note=SYNTHETIC,
        lines=LROC_SHAPE[0],
        samples=LROC_SHAPE[1],
        records=LROC_SHAPE[0] + 1,
        line_time=LROC_LINE,
        x=LROC_X,
        m=LROC_M,
        b=LROC_B,
        md5=hashlib.md5(raw.tobytes()).hexdigest(),
    )
    write_bytes(folder / f"{LROC_NAME}.IMG", head + raw.tobytes())


def lroc_scene():
    """12-bit numbers (lines, samples): two channels of different offset side by side in turn, dark at the ends."""
    signal = 420 * surface(LROC_SHAPE, 500, 2)
    signal[:, :LROC_MASKED] = signal[:, -LROC_MASKED:] = 0
    offset = np.where(np.arange(LROC_SHAPE[1]) % 2, 34, 30)
    noise = np.random.default_rng([SEED, 20]).normal(0, 1.5, LROC_SHAPE)
    return np.rint(signal + offset + noise).clip(0, 4095).astype(np.int64)


def lroc_companded(numbers):
    """The 8-bit values of 12-bit numbers."""
    segment = np.searchsorted(LROC_X, numbers, side="right") - 1
    return np.trunc(np.take(LROC_M, segment) * numbers + np.take(LROC_B, segment)).clip(0, 255).astype(np.uint8)


LROC_LABEL = """
PDS_VERSION_ID                     = PDS3

/* FILE CHARACTERISTICS */
RECORD_TYPE                        = FIXED_LENGTH
RECORD_BYTES                       = {samples}
FILE_RECORDS                       = {records}
LABEL_RECORDS                      = 1
^IMAGE                             = 2

/* IDENTIFICATION */
DATA_SET_ID                        = "LRO-L-LROC-2-EDR-V1.0"
ORIGINAL_PRODUCT_ID                = "nacl0001darkroom"
PRODUCT_ID                         = "{name}"
MISSION_NAME                       = "LUNAR RECONNAISSANCE ORBITER"
MISSION_PHASE_NAME                 = "NOMINAL MISSION"
INSTRUMENT_HOST_NAME               = "LUNAR RECONNAISSANCE ORBITER"
INSTRUMENT_HOST_ID                 = "LRO"
INSTRUMENT_NAME                    = "LUNAR RECONNAISSANCE ORBITER CAMERA"
INSTRUMENT_ID                      = "LROC"
LRO:PREROLL_TIME                   = {preroll}
START_TIME                         = {start}
STOP_TIME                          = {stop}
LRO:SPACECRAFT_CLOCK_PREROLL_COUNT = "{preroll_count}"
SPACECRAFT_CLOCK_START_COUNT       = "{start_count}"
SPACECRAFT_CLOCK_STOP_COUNT        = "{stop_count}"
ORBIT_NUMBER                       = 1956
PRODUCER_ID                        = "DARKROOM"
PRODUCT_CREATION_TIME              = 2010-06-30T00:00:00
PRODUCER_INSTITUTION_NAME          = "DARKROOM"
PRODUCT_TYPE                       = "EDR"
PRODUCT_VERSION_ID                 = "v1.8"
UPLOAD_ID                          = "NONE"
NOTE                               = "{note}"

/* CAMERA */
TARGET_NAME                        = "MOON"
RATIONALE_DESC                     = "TEST OF SOFTWARE"
FRAME_ID                           = "LEFT"
DATA_QUALITY_ID                    = "0"
DATA_QUALITY_DESC                  = "No bit is set: nothing is wrong"
LRO:TEMPERATURE_SCS                = 3.88 <degC>
LRO:TEMPERATURE_FPA                = 17.73 <degC>
LRO:TEMPERATURE_FPGA               = -12.94 <degC>
LRO:TEMPERATURE_TELESCOPE          = 8.89 <degC>
LRO:TEMPERATURE_SCS_RAW            = 2770
LRO:TEMPERATURE_FPA_RAW            = 2115
LRO:TEMPERATURE_FPGA_RAW           = 3440
LRO:TEMPERATURE_TELESCOPE_RAW      = 2536
CROSSTRACK_SUMMING                 = 1
BANDWIDTH                          = 300 <nm>
CENTER_FILTER_WAVELENGTH           = 600 <nm>
LINE_EXPOSURE_DURATION             = {line_time} <ms>
LRO:LINE_EXPOSURE_CODE             = 0
LRO:DAC_RESET_LEVEL                = 198
LRO:CHANNEL_A_OFFSET               = 40
LRO:CHANNEL_B_OFFSET               = 104
LRO:COMPAND_CODE                   = 3
LRO:LINE_CODE                      = 51
LRO:BTERM                          = {b}
LRO:MTERM                          = {m}
LRO:XTERM                          = {x}
LRO:COMPRESSION_FLAG               = 1
LRO:MODE                           = 7

/* IMAGE */
OBJECT                             = IMAGE
  LINES                            = {lines}
  LINE_SAMPLES                     = {samples}
  SAMPLE_BITS                      = 8
  SAMPLE_TYPE                      = LSB_INTEGER
  UNIT                             = "RAW_INSTRUMENT_COUNT"
  MD5_CHECKSUM                     = "{md5}"
END_OBJECT                         = IMAGE
END
"""


# MRO CTX: a piece of a strip

CTX_NAME = "B10_013350_1650_XN_15S190W"
CTX_SHAPE = (256, 5056)
CTX_DARK = (38, 18)  # pixels in front of and behind the image that see no light
CTX_CLOCK, CTX_TIME = 928283918 + 60 / 256, "2009-06-01T00:38:16.057"
CTX_FIRST = 928300000
CTX_LINE = 1.877  # ms


def ctx(folder):
    """`B10_013350_1650_XN_15S190W.IMG`: 256 lines of 5,056 pixels, 8 bits that are square roots of 12; 6 m a pixel."""
    raw = ctx_companded(ctx_scene())
    start = after(CTX_TIME, CTX_FIRST - CTX_CLOCK)
    head = label(
        CTX_LABEL,
        CTX_SHAPE[1],
        name=CTX_NAME,
        clock=CTX_FIRST,
        start=start,
        stop=after(start, CTX_SHAPE[0] * CTX_LINE / 1000),
        note=SYNTHETIC,
        lines=CTX_SHAPE[0],
        samples=CTX_SHAPE[1],
        records=CTX_SHAPE[0] + 1,
        line_time=CTX_LINE,
    )
    write_bytes(folder / f"{CTX_NAME}.IMG", head + raw.tobytes())


def ctx_scene():
    """12-bit numbers (lines, samples): even and odd pixels lie on different dark levels."""
    front, behind = CTX_DARK
    signal = 520 * surface(CTX_SHAPE, 500, 3)
    signal[:, :front] = signal[:, -behind:] = 0
    level = np.where(np.arange(CTX_SHAPE[1]) % 2, 62, 55)
    noise = np.random.default_rng([SEED, 30]).normal(0, 1, CTX_SHAPE)
    return np.rint(signal + level + noise).clip(1, 4095).astype(np.int64)


def ctx_companded(numbers):
    """The 8-bit values of 12-bit numbers: their square roots (Malin et al. 2007, JGR 112, E05S04), at most 255."""
    return np.rint(255 * np.sqrt(numbers / 4095)).astype(np.uint8)


CTX_LABEL = """
PDS_VERSION_ID = PDS3
FILE_NAME = "{name}.IMG"
RECORD_TYPE = FIXED_LENGTH
RECORD_BYTES = {samples}
FILE_RECORDS = {records}
LABEL_RECORDS = 1
^IMAGE = 2
SPACECRAFT_NAME = MARS_RECONNAISSANCE_ORBITER
INSTRUMENT_NAME = "CONTEXT CAMERA"
INSTRUMENT_HOST_NAME = "MARS RECONNAISSANCE ORBITER"
MISSION_PHASE_NAME = "ESP"
TARGET_NAME = MARS
INSTRUMENT_ID = CTX
PRODUCER_ID = DARKROOM
DATA_SET_ID = "MRO-M-CTX-2-EDR-L0-V1.0"
PRODUCT_CREATION_TIME = 2009-12-02T00:00:00
SOFTWARE_NAME = "DARKROOM"
UPLOAD_ID = "UNK"
ORIGINAL_PRODUCT_ID = "4A_04_DARKROOM"
PRODUCT_ID = "{name}"
START_TIME = {start}
STOP_TIME = {stop}
SPACECRAFT_CLOCK_START_COUNT = "0{clock}:000"
SPACECRAFT_CLOCK_STOP_COUNT = "N/A"
FOCAL_PLANE_TEMPERATURE = 295.2 <K>
SAMPLE_BIT_MODE_ID = "SQROOT"
OFFSET_MODE_ID = "196/202/188"
LINE_EXPOSURE_DURATION = {line_time} <MSEC>
SAMPLING_FACTOR = 1
SAMPLE_FIRST_PIXEL = 0
RATIONALE_DESC = "Test of software"
DATA_QUALITY_DESC = "OK"
NOTE = "{note}"
ORBIT_NUMBER = 13350
OBJECT = IMAGE
  LINES = {lines}
  LINE_SAMPLES = {samples}
  LINE_PREFIX_BYTES = 0
  LINE_SUFFIX_BYTES = 0
  SAMPLE_TYPE = UNSIGNED_INTEGER
  SAMPLE_BITS = 8
  SAMPLE_BIT_MASK = 2#11111111#
END_OBJECT = IMAGE
END
"""

SAMPLES = {"mdis": mdis, "mdis-off": mdis_off, "lroc-nac": lroc_nac, "ctx": ctx}
