"""Cut a volume into Neuroglancer chunks, coarser scales included."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import precomputed
from darkroom.atlas.pyramid import Pyramid


def atlas_chunk(inventory: Path, volume: Path, info: Path, *, parts: list = (), threads: int = 1):
    """Write a planned volume as Neuroglancer precomputed: chunks of every scale, then `info`.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    info -- the `info` file to write; the chunks go into folders beside it
    parts -- what other jobs have left behind that did their share, if there were any

    Regions that other jobs or an interrupted run have made, from the same files by the same plan, are kept. Raises
    ValueError naming the file when the source is damaged or a value does not fit.
    """
    planned = files.read_json(volume)
    made = Pyramid({info: precomputed.opened(info.parent, planned)}, (inventory, volume), planned, threads)
    made.finish()
    precomputed.write_index(info, planned)
    made.forget()


if __name__ == "__main__":
    entrypoint.run(atlas_chunk, globals().get("snakemake"))
