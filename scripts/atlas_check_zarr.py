"""Read every chunk of both formats back with tensorstore and compare it with what it must be, from one read."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr, precomputed
from darkroom.atlas.judge import Judge
from darkroom.record import Record
from darkroom.record import write as write_record

ROTATED = (
    "the coordinates of volume.ome.zarr are those of precomputed/ before its transform.json: OME-Zarr 0.5 has no place "
    "for a whole affine, so the matrix is in its attributes (darkroom.transform)"
)


def atlas_check_zarr(
    volume: Path,
    info: Path,
    index: Path,
    precomputed_check: Path,
    zarr_check: Path,
    dataset: str,
    *,
    parts: list = (),
    threads: int = 1,
):
    """Compare scale 0 with the source, and each coarser scale with the source, downsampled; OME-Zarr exactly.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume
    index -- `zarr.json` of the group
    precomputed_check, zarr_check -- the figures of each, as JSON: per scale the chunks and voxels compared, and how
        they agree
    dataset -- name of the image
    parts -- what other jobs have left behind that did their share, if there were any

    The judge, `judge`, shares neither decoder nor arithmetic with the writer. Raises ValueError naming the scale and
    the place that differs.
    """
    planned = files.read_json(volume)
    arrays = ome_zarr.opened(index.parent, planned)
    written = {info: planned["info"], index: ome_zarr.group(planned, dataset)}
    written |= {array.indexes[0]: array.metadata for array in arrays}
    for path, metadata in written.items():
        if files.read_json(path) != metadata:
            raise ValueError(f"{path} is not what was planned in {volume}")
    volumes = {info: precomputed.opened(info.parent, planned), index: arrays}
    scales, zarr_scales = Judge(precomputed_check, volume, volumes, planned, threads).figures()
    notes = [] if ome_zarr.shift(planned) else [ROTATED]
    write_record(zarr_check, Record(notes=notes, checks={"zarr_check": {"passed": True, "scales": zarr_scales}}))
    write_record(precomputed_check, Record(checks={"precomputed_check": {"passed": True, "scales": scales}}))


if __name__ == "__main__":
    entrypoint.run(atlas_check_zarr, globals().get("snakemake"))
