"""Read every chunk of an OME-Zarr back with tensorstore and compare it with what it must be."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import ome_zarr
from darkroom.atlas.judge import Judge
from darkroom.record import Record
from darkroom.record import write as write_record

ROTATED = (
    "the coordinates of volume.ome.zarr are those of precomputed/ before its transform.json: OME-Zarr 0.5 has no place "
    "for a whole affine, so the matrix is in its attributes (darkroom.transform)"
)


def atlas_check_zarr(volume: Path, index: Path, check: Path, dataset: str, *, parts: list = (), threads: int = 1):
    """Compare scale 0 with the source, and each coarser scale with the source, downsampled; all exactly.

    volume -- the plan that `atlas_import` made
    index -- `zarr.json` of the group
    check -- the figures, as JSON: per scale the chunks and voxels compared, and how they agree
    dataset -- name of the image
    parts -- what other jobs have left behind that did their share, if there were any

    The judge, `judge`, shares neither decoder nor arithmetic with the writer. Raises ValueError naming the scale and
    the place that differs.
    """
    planned = files.read_json(volume)
    scales = ome_zarr.opened(index.parent, planned)
    written = {index: ome_zarr.group(planned, dataset), **{scale.indexes[0]: scale.metadata for scale in scales}}
    for path, metadata in written.items():
        if files.read_json(path) != metadata:
            raise ValueError(f"{path} is not what was planned in {volume}")
    figures = Judge(check, volume, index, planned, scales, threads).figures()
    notes = [] if ome_zarr.shift(planned) else [ROTATED]
    write_record(check, Record(notes=notes, checks={"zarr_check": {"passed": True, "scales": figures}}))


if __name__ == "__main__":
    entrypoint.run(atlas_check_zarr, globals().get("snakemake"))
