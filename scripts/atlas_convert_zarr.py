"""Write a volume as OME-Zarr, beside its Neuroglancer chunks."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr, pyramid


def atlas_convert_zarr(
    inventory: Path, volume: Path, index: Path, dataset: str, *, threads: int = 1, mem_mb: int = 2000
):
    """Write a planned volume as OME-Zarr 0.5: chunks of every scale, then `zarr.json` of each, then that of the group.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    index -- `zarr.json` of the group; the arrays go into folders beside it
    dataset -- name of the image

    It is made from the source as `atlas_chunk` does, not from the Neuroglancer chunks: these may be JPEG, while every
    value is kept here. Chunks that an interrupted run has finished, from the same files by the same plan, are kept.
    Raises ValueError naming the file when the source is damaged or a value does not fit, OSError when the volume does
    not fit on the disk.
    """
    planned, folder = files.read_json(volume), index.parent
    if not (folder / pyramid.MARKER).is_file():  # else an interrupted run has taken some of the room already
        files.require_room(folder, ome_zarr.estimated_bytes(planned), "the OME-Zarr of all scales")
    marker = pyramid.begin(folder, inventory, volume)
    scales = ome_zarr.opened(folder, planned)
    pyramid.write(planned, scales, threads, mem_mb)
    for scale in scales:
        files.write_json(scale.indexes[0], scale.metadata)
    marker.unlink(missing_ok=True)
    files.write_json(index, ome_zarr.group(planned, dataset))


if __name__ == "__main__":
    entrypoint.run(atlas_convert_zarr, globals().get("snakemake"))
