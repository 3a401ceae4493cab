"""Lay out the view of an image that was cut into chunks in Neuroglancer."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas.view import state


def planetary_plot_tiles(volume: Path, info: Path, view: Path):
    """Write the Neuroglancer state of an image: one panel, north up.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume, which must be there
    view -- JSON: the layer (source `precomputed`, relative to this file) and its position
    """
    files.write_json(view, state(files.read_json(volume), [(0, 255)]) | {"layout": "xy"})


if __name__ == "__main__":
    entrypoint.run(planetary_plot_tiles, globals().get("snakemake"))
