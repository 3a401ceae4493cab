"""Write a volume as Neuroglancer chunks and as OME-Zarr, from one read of its source."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr, precomputed
from darkroom.atlas.pyramid import MARKER, Pyramid


def atlas_convert_zarr(
    inventory: Path, volume: Path, info: Path, index: Path, dataset: str, *, parts: list = (), threads: int = 1
):
    """Write a planned volume in both formats: chunks of every scale, then `info`, `zarr.json` of each array and of the
    group.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    info -- the `info` file of the precomputed volume, as `atlas_chunk` makes it
    index -- `zarr.json` of the group of OME-Zarr 0.5; the arrays go into folders beside it
    dataset -- name of the image
    parts -- what other jobs have left behind that did their share, if there were any

    OME-Zarr is made of the voxels of the source, not of the Neuroglancer chunks: these may be JPEG, while it keeps
    every value. Regions that other jobs or an interrupted run have made, from the same files by the same plan, are
    kept. Raises ValueError naming the file when the source is damaged or a value does not fit, OSError when the volume
    does not fit on the disk.
    """
    planned, folder = files.read_json(volume), index.parent
    if not (info.parent / MARKER).exists():  # else an interrupted run has taken some of the room already
        files.require_room(folder, ome_zarr.estimated_bytes(planned), "the OME-Zarr of all scales")
    arrays = ome_zarr.opened(folder, planned)
    volumes = {info: precomputed.opened(info.parent, planned), index: arrays}
    made = Pyramid(volumes, (inventory, volume), planned, threads)
    made.finish()
    precomputed.write_index(info, planned)
    ome_zarr.write_index(index, planned, arrays, dataset)
    made.forget()


if __name__ == "__main__":
    entrypoint.run(atlas_convert_zarr, globals().get("snakemake"))
