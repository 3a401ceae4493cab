"""Find the places that some images have in common, and the turns of their cameras by which they agree on them."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary.engines.choose import engine


def planetary_detect_control(
    cubes: list,
    network: Path,
    residuals: Path,
    pointing: Path,
    record: Path,
    image: dict,
    threads: int = 1,
    given: list = (),
):
    """Find the places that some images have in common, and the turns of their cameras by which they agree on them.

    cubes -- with geometry
    network -- control network to write, of ISIS's form
    residuals -- table (CSV) of all measures with their residuals
    pointing -- JSON with the table InstrumentPointing of each image, see `planetary_correct_pointing`
    record -- JSON with the figures of the adjustment
    image -- the option `control` with the names of the images and those that are held, and what the engine is asked
    given -- unused: the network that the options name, which a rule watches for changes

    Raises ValueError when images do not overlap, do not hang together, or do not agree after the adjustment.
    """
    paths = dict(zip(image["names"], map(Path, cubes), strict=True))
    made = {"network": network, "residuals": residuals, "pointing": pointing, "record": record}
    engine(image["engine"]).control(paths, made, image, threads)


if __name__ == "__main__":
    entrypoint.run(planetary_detect_control, globals().get("snakemake"))
