"""Write a volume as OME-Zarr, beside its Neuroglancer chunks."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr
from darkroom.atlas.pyramid import MARKER, Pyramid


def atlas_convert_zarr(inventory: Path, volume: Path, index: Path, dataset: str, *, parts: list = (), threads: int = 1):
    """Write a planned volume as OME-Zarr 0.5: chunks of every scale, then `zarr.json` of each, then that of the group.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    index -- `zarr.json` of the group; the arrays go into folders beside it
    dataset -- name of the image
    parts -- what other jobs have left behind that did their share, if there were any

    It is made from the source as `atlas_chunk` does, not from the Neuroglancer chunks: these may be JPEG, while every
    value is kept here. Regions that other jobs or an interrupted run have made, from the same files by the same plan,
    are kept. Raises ValueError naming the file when the source is damaged or a value does not fit, OSError when the
    volume does not fit on the disk.
    """
    planned, folder = files.read_json(volume), index.parent
    if not (folder / MARKER).exists():  # else an interrupted run has taken some of the room already
        files.require_room(folder, ome_zarr.estimated_bytes(planned), "the OME-Zarr of all scales")
    scales = ome_zarr.opened(folder, planned)
    made = Pyramid(index, (inventory, volume), planned, scales, threads)
    made.finish()
    for scale in scales:
        files.write_json(scale.indexes[0], scale.metadata)
    files.write_json(index, ome_zarr.group(planned, dataset))
    made.forget()


if __name__ == "__main__":
    entrypoint.run(atlas_convert_zarr, globals().get("snakemake"))
