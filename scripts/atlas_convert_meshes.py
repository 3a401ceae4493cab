"""Write the surfaces of the labels of a segmentation as Neuroglancer meshes."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.atlas import meshes, precomputed
from darkroom.atlas.mesh_files import load as load_surface
from darkroom.atlas.placement import affine_of
from darkroom.atlas.surfaces import table as surface_table
from darkroom.record import Record
from darkroom.record import write as write_record


def atlas_convert_meshes(
    volume: Path, info: Path, mesh: Path, check: Path, *, make: bool = True, surfaces: list = (), transform: list = ()
):
    """Write a mesh of each label but 0, in up to three levels of detail, and those that come as files, in one.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume, which is read back by tensorstore
    mesh -- the `info` of the meshes, beside their shard
    check -- how many labels and faces there are, as JSON
    make -- whether labels without a file have a mesh
    surfaces -- a table of mesh files (see `surfaces.table`), and these
    transform -- matrix from positions in the files to those of `neuroglancer.json`, as the option `transform` has it

    Surfaces are made of the finest scale of up to 67 million voxels; a coarser one is noted.
    """
    planned = files.read_json(volume)
    scales = precomputed.opened(info.parent, planned)
    chosen = meshes.scales_to_mesh(scales) if make else []
    given, told = from_files(surfaces[0], transform, planned) if surfaces else ({}, [])
    labels, faces = meshes.write(mesh.parent, chosen, given)
    notes = [f"meshes are made of the scale {chosen[0].info['key']}"] if chosen and chosen[0] is not scales[0] else []
    notes += [f"meshes of {len(given)} labels are those of files", *told] if given else []
    notes += [] if labels else ["there is no label, so no mesh"]
    write_record(
        check, Record(notes=notes, checks={"meshes_check": {"passed": True, "labels": labels, "faces": faces}})
    )


def from_files(table, transform, planned):
    """`{label: (vertices, faces)}` of a table of mesh files, in nm of the volume, and notes."""
    matrix = np.linalg.inv(np.array(planned["transform"] or np.eye(4))) @ affine_of(transform or np.eye(4).tolist())
    surfaces, notes = {}, []
    for path, label, unit in surface_table(table):
        vertices, faces, told = load_surface(path)
        notes += told
        surfaces[label] = vertices * unit @ matrix[:3, :3].T + matrix[:3, 3], faces
    return surfaces, notes


if __name__ == "__main__":
    entrypoint.run(atlas_convert_meshes, globals().get("snakemake"))
