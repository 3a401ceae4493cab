"""What is asked of SPICE kernels for an image of MESSENGER MDIS."""

import numpy as np

from darkroom.planetary.geometry.isd import FRAME
from darkroom.planetary.geometry.sensor import Sensor, detector, optics, seconds, square
from darkroom.planetary.instruments.mdis.ingest import IK_CODES

SPACECRAFT = -236


def sensor(cube, kernels):
    """What the kernels are asked (MdisCamera of ISIS); each filter of the wide angle has a focal length of its own."""
    instrument, code = cube.groups["Instrument"], int(IK_CODES[cube.groups["Instrument"]["InstrumentId"]])
    band = code if instrument["InstrumentId"] == "MDIS-NAC" else code - int(cube.groups["BandBin"]["Number"])
    start = kernels.clock(SPACECRAFT, instrument["SpacecraftClockCount"])
    by_temperature = kernels.numbers(band, "FL_TEMP_COEFFS")
    focal = np.polynomial.polynomial.polyval(float(instrument["FocalPlaneTemperature"]), by_temperature)
    distortion = [kernels.numbers(band, f"OD_T_{axis}", kernels.numbers(code, f"OD_T_{axis}", [0])) for axis in "XY"]
    entries = {
        "name_model": FRAME,
        **optics(kernels, code, **square(kernels.number(code, "PIXEL_PITCH")), focal_length=focal),
        **detector(512, 512, summing=max(1, int(instrument["PixelBinningMode"])) * 2),
        "optical_distortion": {"transverse": dict(zip("xy", distortion, strict=True))},
    }
    stop = start + seconds(instrument["ExposureDuration"])
    return Sensor(code, code, start, stop, entries, also=() if band == code else (band,))
