"""Read every chunk of every scale back with tensorstore and compare it with what it must be."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import precomputed
from darkroom.atlas.judge import Judge
from darkroom.record import Record
from darkroom.record import write as write_record


def atlas_check_precomputed(volume: Path, info: Path, check: Path, *, parts: list = (), threads: int = 1):
    """Compare scale 0 with the source, and each coarser scale with the source, downsampled.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume
    check -- the figures, as JSON: per scale the chunks and voxels compared, and how they agree
    parts -- what other jobs have left behind that did their share, if there were any

    The judge, `judge`, shares neither decoder nor arithmetic with the writer. Raises ValueError naming the scale and
    the place that differs.
    """
    planned = files.read_json(volume)
    if files.read_json(info) != planned["info"]:
        raise ValueError(f"{info} is not what was planned in {volume}")
    (scales,) = Judge(check, volume, {info: precomputed.opened(info.parent, planned)}, planned, threads).figures()
    write_record(check, Record(checks={"precomputed_check": {"passed": True, "scales": scales}}))


if __name__ == "__main__":
    entrypoint.run(atlas_check_precomputed, globals().get("snakemake"))
