"""Tell where on the ground every pixel of an image lies, and in which light."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine


def planetary_project_backplanes(cube: Path, backplanes: Path, image: dict):
    """Write a cube of phase, emission, incidence, latitude and longitude (degrees) of every pixel of an image.

    cube -- a calibrated cube with geometry
    backplanes -- the cube to write, its bands in that order; NULL where the image has no valid pixel
    image -- what the engine is asked
    """
    engine(image["engine"]).backplanes(cube, backplanes, image)


if __name__ == "__main__":
    entrypoint.run(planetary_project_backplanes, globals().get("snakemake"))
