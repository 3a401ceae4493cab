"""Bring an image to the brightness it would have in one light."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine


def planetary_correct(cube: Path, corrected: Path, image: dict):
    """Bring an image to the brightness it would have in one light, by a photometric function.

    cube -- a calibrated cube with geometry
    corrected -- the cube to write
    image -- the option `photometry`, and what the engine is asked
    """
    engine(image["engine"]).correct(cube, corrected, image)


if __name__ == "__main__":
    entrypoint.run(planetary_correct, globals().get("snakemake"))
