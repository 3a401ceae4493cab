"""Project an image to the grid of its map or mosaic."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine


def planetary_project(cube: Path, grid: Path, projected: Path, image: dict):
    """Project an image to the grid of its map or mosaic.

    cube -- a calibrated cube with geometry
    grid -- map template
    projected -- the cube to write: that part of the grid which the image covers
    image -- the interpolation, and what the engine is asked
    """
    engine(image["engine"]).project(cube, grid, projected, image)


if __name__ == "__main__":
    entrypoint.run(planetary_project, globals().get("snakemake"))
