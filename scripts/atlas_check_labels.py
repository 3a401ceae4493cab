"""Compare the labels of a segmentation with its table, and measure the regions."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.atlas import anatomy, precomputed
from darkroom.atlas.numbering import some
from darkroom.record import Record
from darkroom.record import write as write_record


def atlas_check_labels(volume: Path, info: Path, regions: Path, check: Path):
    """Write volume and centre of each region, and list labels without a row and rows without voxels.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume
    regions -- CSV of the rows of the table, with voxels, volume and centre of each; then of labels without a row
    check -- what does not fit together, as JSON

    Voxels are read by tensorstore, from the finest scale. Centres are means of voxel centres, in the coordinates of
    `neuroglancer.json`.
    """
    planned = files.read_json(volume)
    scale = precomputed.opened(info.parent, planned)[0]
    measured = anatomy.measure(scale)
    size = np.array(scale.info["resolution"])
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = (np.array(scale.info["voxel_offset"]) + 0.5) * size
    affine = np.array(planned["transform"] or np.eye(4)) @ affine
    volume_mm3 = abs(np.linalg.det(affine[:3, :3])) / 1e18
    table = list(anatomy.rows(planned["regions"], measured, affine, volume_mm3))
    files.write_bytes(regions, anatomy.text(table).encode())
    ids = {region["id"] for region in planned["regions"]}
    nameless = sorted(set(measured) - ids)
    empty = sorted(ids - set(measured) - {0})
    notes = [f"labels without a row in the table: {some(nameless, 20)}"] if nameless else []
    notes += [f"rows of the table without voxels: {some(empty, 20)}"] if empty else []
    counts = {"labels": len(measured), "rows": len(ids), "without_row": nameless, "without_voxels": empty}
    write_record(check, Record(notes=notes, checks={"labels_check": {"passed": True, **counts}}))


if __name__ == "__main__":
    entrypoint.run(atlas_check_labels, globals().get("snakemake"))
