"""Write the surfaces of the labels of a segmentation as Neuroglancer meshes."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import meshes, precomputed
from darkroom.record import Record
from darkroom.record import write as write_record


def atlas_convert_meshes(volume: Path, info: Path, mesh: Path, check: Path):
    """Write a mesh of each label but 0, in up to three levels of detail.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume, which is read back by tensorstore
    mesh -- the `info` of the meshes, beside their shard
    check -- how many labels and faces there are, as JSON

    Surfaces are made of the finest scale of up to 134 million voxels; a coarser one is noted.
    """
    planned = files.read_json(volume)
    scales = precomputed.opened(info.parent, planned)
    chosen = meshes.scales_to_mesh(scales)
    labels, faces = meshes.write(mesh.parent, chosen)
    notes = [] if chosen[0] is scales[0] else [f"meshes are made of the scale {chosen[0].info['key']}"]
    notes += [] if labels else ["there is no label, so no mesh"]
    write_record(
        check, Record(notes=notes, checks={"meshes_check": {"passed": True, "labels": labels, "faces": faces}})
    )


if __name__ == "__main__":
    entrypoint.run(atlas_convert_meshes, globals().get("snakemake"))
