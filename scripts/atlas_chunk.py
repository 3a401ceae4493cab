"""Cut a volume into Neuroglancer chunks, coarser scales included."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import precomputed, pyramid


def atlas_chunk(inventory: Path, volume: Path, info: Path, *, threads: int = 1, mem_mb: int = 2000):
    """Write a planned volume as Neuroglancer precomputed: chunks of every scale, then `info`.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    info -- the `info` file to write; the chunks go into folders beside it

    The source is streamed in blocks that take at most about `mem_mb`; each coarser scale is made from the chunks of
    the one before it. Chunks that an interrupted run has finished, from the same files by the same plan, are kept.
    Raises ValueError naming the file when the source is damaged or a value does not fit.
    """
    planned, folder = files.read_json(volume), info.parent
    marker = pyramid.begin(folder, inventory, volume)
    pyramid.write(planned, precomputed.opened(folder, planned), threads, mem_mb)
    if planned["transform"]:
        files.write_json(folder / "transform.json", planned["transform"])
    marker.unlink(missing_ok=True)
    files.write_json(info, planned["info"])


if __name__ == "__main__":
    entrypoint.run(atlas_chunk, globals().get("snakemake"))
