"""Compare a share of the regions of a volume in both formats with its source."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr, precomputed
from darkroom.atlas.judge import Judge


def atlas_check_zarr_part(
    volume: Path, info: Path, index: Path, done: Path, check: Path, part: str, parts: str, *, threads: int = 1
):
    """Compare a share of the regions of a volume in both formats with its source.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume
    index -- `zarr.json` of the group of OME-Zarr
    done -- which regions were compared, as JSON; what was found waits in a hidden folder beside `check`
    check -- the file that `atlas_check_zarr` writes last
    part, parts -- which share this is, of how many

    See `judge.Judge`. Raises ValueError naming the scale and the place that differs.
    """
    planned = files.read_json(volume)
    volumes = {info: precomputed.opened(info.parent, planned), index: ome_zarr.opened(index.parent, planned)}
    judge = Judge(check, volume, volumes, planned, threads)
    files.write_json(done, judge.do_share(int(part), int(parts)))


if __name__ == "__main__":
    entrypoint.run(atlas_check_zarr_part, globals().get("snakemake"))
