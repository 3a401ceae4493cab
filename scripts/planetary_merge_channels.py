"""Make one image of the channels of a camera of many CCDs."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine


def planetary_merge_channels(cubes: list, joined: Path, image: dict, threads: int = 1):
    """Make one image of the channels of a camera of many CCDs, as a camera of one CCD would have taken it.

    cubes -- calibrated.CCD_CHANNEL.cub of each channel
    joined -- the cube to write, with geometry
    image -- the option `geometry`, and what the engine is asked
    """
    channels = {Path(cube).name.split(".")[1]: cube for cube in cubes}
    engine(image["engine"]).join(channels, joined, image, threads)


if __name__ == "__main__":
    entrypoint.run(planetary_merge_channels, globals().get("snakemake"))
