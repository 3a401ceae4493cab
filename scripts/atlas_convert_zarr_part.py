"""Write a share of the regions of a volume as Neuroglancer chunks and as OME-Zarr."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr, precomputed
from darkroom.atlas.pyramid import Pyramid


def atlas_convert_zarr_part(
    inventory: Path, volume: Path, done: Path, info: Path, index: Path, part: str, parts: str, *, threads: int = 1
):
    """Write a share of the regions of a volume as Neuroglancer chunks and as OME-Zarr.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    done -- which regions are there, as JSON; what it vouches for lies in the folders of `info` and `index`
    info, index -- the files that `atlas_convert_zarr` writes last
    part, parts -- which share this is, of how many

    Regions that an interrupted run has made, from the same files by the same plan, are kept. Raises ValueError naming
    the file when the source is damaged or a value does not fit.
    """
    planned = files.read_json(volume)
    volumes = {info: precomputed.opened(info.parent, planned), index: ome_zarr.opened(index.parent, planned)}
    made = Pyramid(volumes, (inventory, volume), planned, threads)
    files.write_json(done, made.do_share(int(part), int(parts)))


if __name__ == "__main__":
    entrypoint.run(atlas_convert_zarr_part, globals().get("snakemake"))
