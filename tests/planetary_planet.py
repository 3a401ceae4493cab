"""A made planet seen by made cameras, as cubes that know where these were thought to look: they are off by some pixels.

The ground is that of the demo's Mercury: 13 km from north to south and 8 from west to east around `sample.CENTRE`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from darkroom import files
from darkroom.planetary.formats.cubes import Image
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.isd import LINE_SCAN, from_isd
from darkroom.samples import planetary as sample
from planetary_import_geometry import attach

SIDE = 400  # pixels of a frame, each 10 m
RECORDS = 9  # of a line scan's tables
# Middles of images in km to the north and to the east, and their twists in degrees: each place is in two or more.
FRAMES = ((-1.2, -0.9, 3.0), (-1.0, 1.0, 0.0), (1.1, -1.0, -2.0), (1.0, 1.1, 1.0))
SCANS = ((0.0, -1.2, 1.0), (0.3, 0.4, -1.0), (-0.2, 1.6, 0.5))


@dataclass(frozen=True)
class Seen:
    """An image of the planet: the path of its cube, the true Camera, and the turn (3,) in radians that it is off by."""

    path: object
    truth: Camera
    off: np.ndarray


def frame_isd(north, east, twist, height=sample.HEIGHT, side=SIDE):
    """Camera description of a frame that looks straight down at a place some km from the middle."""
    isd = sample.mdis_isd(1)
    middle = _boresight(isd, side + 0.5, side + 0.5)
    return isd | middle | {"image_lines": side, "image_samples": side} | _state(isd, north, east, twist, height, [0.0])


def scan_isd(north, east, twist, lines=500, height=sample.HEIGHT):
    """Camera description of a line scan from south to north, whose middle looks straight down at such a place."""
    isd = sample.mdis_isd(1)
    seconds = 0.01 * height / sample.HEIGHT / sample.SPEED  # of a line of 10 m
    half = lines * seconds / 2
    state = _state(isd, north, east, twist, height, np.linspace(-half, half, RECORDS))
    begin = isd["center_ephemeris_time"] - half
    return (
        isd
        | {"name_model": LINE_SCAN, "image_lines": lines, "image_samples": SIDE, "starting_ephemeris_time": begin}
        | {"line_scan_rate": [[0.5, -half, seconds]]}
        | _boresight(isd, SIDE + 0.5, 0.0)
        | state
    )


def _boresight(isd, sample_of, line):
    """The detector's place that is in the middle of an image; each pixel is of 2 x 2."""
    place = {"SAMPLE": sample_of, "LINE": line}
    own = {f"INS{sample.MDIS_CODE}_BORESIGHT_{axis}": value for axis, value in place.items()}
    return {"naif_keywords": isd["naif_keywords"] | own}


def _state(isd, north, east, twist, height, times):
    """Tables of where a camera is and looks, at seconds from the middle of the image."""
    middle = isd["center_ephemeris_time"]
    km = np.deg2rad(1) * sample.MERCURY_RADIUS
    longitude = sample.CENTRE[1] + east / km / np.cos(np.deg2rad(sample.CENTRE[0]))
    places, quaternions = [], []
    for time in times:
        body = sample.mercury_frame(middle + time)
        to_north, to_east, up = sample.axes(sample.CENTRE[0] + (north + sample.SPEED * time) / km, longitude)
        camera = Rotation.from_euler("z", twist, degrees=True).as_matrix() @ [to_east, -to_north, -up]
        places.append((body.T @ up * (sample.MERCURY_RADIUS + height)).tolist())
        quaternions.append(Rotation.from_matrix(camera @ body).as_quat(scalar_first=True).tolist())
    span = [middle + time for time in times]
    pointing = isd["instrument_pointing"] | {"ephemeris_times": span, "quaternions": quaternions}
    pointing["angular_velocities"] = np.zeros((len(times), 3)).tolist()
    bodies = [sample.mercury_frame(time) for time in span]
    turned = isd["body_rotation"] | {
        "ephemeris_times": span,
        "quaternions": [Rotation.from_matrix(body).as_quat(scalar_first=True).tolist() for body in bodies],
        "angular_velocities": isd["body_rotation"]["angular_velocities"] * len(span),
    }
    still = {"ephemeris_times": span, "positions": places, "velocities": None}
    return {"instrument_pointing": pointing, "instrument_position": still, "body_rotation": turned}


def off_by(isd, vector):
    """A camera description that is turned by a rotation vector (3,) of the camera's frame."""
    turn, pointing = Rotation.from_rotvec(vector), isd["instrument_pointing"]
    before = Rotation.from_quat(pointing["quaternions"], scalar_first=True)
    return isd | {
        "instrument_pointing": pointing | {"quaternions": (turn * before).as_quat(scalar_first=True).tolist()}
    }


def see(folder, descriptions, seed=0, pixels=20.0, noise=0.02, light=0.0):
    """Images `a.cub`, `b.cub`, ... of the planet, each a Seen; they are off by so many pixels, twists by a tenth of it.

    noise -- of each pixel, relative; light -- degrees by which the light has moved on from image to image
    """
    rng, made = np.random.default_rng(seed), []
    for number, isd in enumerate(descriptions):
        truth = Camera(from_isd(isd))
        ground = truth.backplanes(0, truth.lines)
        values = sample.mdis_scene(ground.latitude, ground.longitude, light * number)
        values = values * rng.uniform(0.7, 1.3) + rng.normal(0, noise * values.mean(), values.shape)
        pixel = truth.isd.pitch * truth.isd.summing[0] / truth.isd.focal_length
        off = rng.normal(0, pixels, 3) * [pixel, pixel, 0.2 / SIDE]
        path = folder / f"{chr(97 + number)}.cub"
        _write(path, values, isd, off, number)
        made.append(Seen(path, truth, off))
    return made


def _write(path, values, isd, off, number):
    instrument = {
        "SpacecraftName": "Messenger",
        "InstrumentId": "MDIS-NAC",
        "TargetName": "Mercury",
        "StartTime": f"2015-04-30T00:00:{10 + number:02d}",
        "SpacecraftClockCount": f"2/{72190001 + number:010d}:000000",
    }
    groups = {"Instrument": instrument, "BandBin": {"FilterName": "748 BP 53"}, "Kernels": {"NaifFrameCode": -236820}}
    plain, description = path.with_suffix(".plain.cub"), path.with_suffix(".isd.json")
    write_cube(plain, Image(1, *values.shape, "f4", groups, [(values[None], None)]))
    files.write_json(description, off_by(isd, off))
    attach(plain, description, path)
    plain.unlink()
