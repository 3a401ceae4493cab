"""Lay out the view of an image that was cut into chunks in Neuroglancer."""

from pathlib import Path

import _entrypoint
import _files
import atlas_plot


def planetary_plot_tiles(volume: Path, info: Path, view: Path):
    """Write the Neuroglancer state of an image: one panel, north up.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume, which must be there
    view -- JSON: the layer (source `precomputed`, relative to this file) and its position
    """
    _files.write_json(view, atlas_plot.state(_files.read_json(volume), (0, 255)) | {"layout": "xy"})


if __name__ == "__main__":
    _entrypoint.run(planetary_plot_tiles, globals().get("snakemake"))
