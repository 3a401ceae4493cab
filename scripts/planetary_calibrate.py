"""Turn raw numbers into radiance or I/F."""

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.images import for_each


def planetary_calibrate(cubes: list, calibrated: list, images: list, cameras: list = ()):
    """Turn raw numbers into radiance or I/F, and take out the noise that the camera is known for.

    cubes -- ingested cubes
    calibrated -- the cubes to write, in the same order
    images -- what the engine is asked for each: recipe and option `calibration`, or steps and parameters of ISIS
    cameras -- unused: files of cameras of the user's own, watched for changes

    Raises ValueError naming every image that could not be calibrated, after all others are written.
    """
    for_each(calibrate, cubes, calibrated, images)


def calibrate(cube, calibrated, image):
    """Calibrate one cube."""
    engine(image["engine"]).calibrate(cube, calibrated, image)


if __name__ == "__main__":
    entrypoint.run(planetary_calibrate, globals().get("snakemake"))
