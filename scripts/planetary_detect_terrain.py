"""Measure heights from two images of one place."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine


def planetary_detect_terrain(left: Path, right: Path, heights: Path, image: dict, threads: int = 1):
    """Measure heights from two images of one place, with the Ames Stereo Pipeline.

    left, right -- calibrated cubes with geometry
    heights -- the GeoTIFF to write: metres above the reference of the body
    image -- what the engine is asked
    """
    engine(image["engine"]).terrain(left, right, heights, image, threads)


if __name__ == "__main__":
    entrypoint.run(planetary_detect_terrain, globals().get("snakemake"))
