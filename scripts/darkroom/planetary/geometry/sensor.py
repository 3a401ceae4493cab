"""What a camera says of an image, for its description to be made of SPICE kernels (`spice`).

Entries are those of the camera descriptions (ISDs) of ALE, which `isd` reads: sample before line in the arguments here,
and in detector coordinates the middle of the first pixel is half a pixel from its corner.
"""

from dataclasses import dataclass

import numpy as np

from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry.isd import FRAME, LINE_SCAN

UNDISTORTED = {"optical_distortion": {"radial": {"coefficients": [0.0, 0.0, 0.0]}}}


@dataclass(frozen=True)
class Sensor:
    """What a camera says of one image; the kernels say the rest.

    code -- NAIF's of the instrument, whose keywords the cube gets; also -- others whose it gets too
    frame -- code of the frame that it looks in
    start, stop -- ephemeris times of the image's beginning and end
    entries -- of its description: name_model, times, and the optics
    correction -- for the way of the light, where the kernels say none
    bias -- seconds between a time and that at which its pointing is filed
    turned -- rotation (3, 3) from `frame` to one of ISIS's own, of the code `own`, which kernels of NAIF have not
    """

    code: int
    frame: int
    start: float
    stop: float
    entries: dict
    also: tuple = ()
    correction: str = "LT+S"
    bias: float = 0.0
    own: int = 0
    turned: np.ndarray | None = None

    @property
    def is_frame(self):
        """Whether all of the image is taken at one time."""
        return self.entries["name_model"] == FRAME


def spacecraft(code):
    """NAIF's code of the spacecraft that an instrument belongs to: instruments are its thousands."""
    return -(abs(int(code)) // 1000)


def seconds(value):
    """A duration of a label in seconds; without a unit it is in milliseconds."""
    unit = value.unit.lower() if isinstance(value, pvl.Quantity) else "ms"
    return float(value) / (1000 if unit.startswith(("ms", "milli")) else 1)


def optics(kernels, code, samples=None, lines=None, focal_length=None):
    """Entries of the focal plane and the focal length: what is given, else the keywords of an instrument."""
    focal = kernels.number(code, "FOCAL_LENGTH") if focal_length is None else focal_length
    return {
        "focal2pixel_samples": kernels.numbers(code, "ITRANSS") if samples is None else samples,
        "focal2pixel_lines": kernels.numbers(code, "ITRANSL") if lines is None else lines,
        "focal_length_model": {"focal_length": float(focal)},
    }


def square(pixel):
    """The affine maps from the focal plane to samples and lines, for square pixels of a size in mm along its axes."""
    return {"samples": [0.0, 1 / pixel, 0.0], "lines": [0.0, 0.0, 1 / pixel]}


def detector(sample, line, first=(0, 0), summing=1):
    """Entries of the detector: the optical axis, pixels before the first that is read, and how many are one."""
    return {
        "detector_center": {"sample": float(sample), "line": float(line)},
        "starting_detector_sample": float(first[0]),
        "starting_detector_line": float(first[1]),
        "detector_sample_summing": summing,
        "detector_line_summing": summing,
    }


def radial(coefficients):
    """Entry of a radial distortion."""
    return {"optical_distortion": {"radial": {"coefficients": list(map(float, coefficients))}}}


def scan(start, stop, line_time):
    """Entries of the times of a line scan of one rate."""
    middle = (start + stop) / 2
    return {
        "name_model": LINE_SCAN,
        "line_scan_rate": [[0.5, start - middle, line_time]],
        "starting_ephemeris_time": start,
        "center_ephemeris_time": middle,
    }
