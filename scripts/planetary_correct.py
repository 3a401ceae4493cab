"""Bring an image to the brightness it would have in one light."""

from pathlib import Path

import _entrypoint
import _planetary


def planetary_correct(cube: Path, corrected: Path, image: dict):
    """Bring an image to the brightness it would have in one light, by a photometric function.

    cube -- a calibrated cube with geometry
    corrected -- the cube to write
    image -- engine, recipe and its steps, part, and the options `photometry` and `parameters`
    """
    _planetary.engine(image["engine"]).correct(cube, corrected, image)


if __name__ == "__main__":
    _entrypoint.run(planetary_correct, globals().get("snakemake"))
