"""Write a table of points as a Neuroglancer annotation layer."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.atlas import annotations
from darkroom.record import Record
from darkroom.record import write as write_record


def atlas_convert_points(volume: Path, points: Path, info: Path, check: Path):
    """Write points with their properties, an index by id and a spatial index.

    volume -- the plan that `atlas_import` made
    points -- CSV or TSV with columns x, y, z (nm, or of the unit that their names end in), id, and others
    info -- the `info` of the layer; its indexes go into folders beside it
    check -- how many points there are, and how many of them lie outside of the volume, as JSON

    Positions are those of `neuroglancer.json`: of the source where it has an affine, else of the volume.
    """
    planned = files.read_json(volume)
    positions, ids, properties = annotations.read(points)
    corners = volume_corners(planned)
    low = np.minimum(corners.min(axis=0), np.floor(positions.min(axis=0)))
    high = np.maximum(corners.max(axis=0), np.floor(positions.max(axis=0)) + 1)
    annotations.write(info.parent, positions, ids, properties, low, high)
    outside = int(outside_of(planned, positions).sum())
    notes = [f"{outside} of {len(ids)} points lie outside of the volume"] if outside else []
    counts = {"points": len(ids), "outside": outside, "properties": [about["id"] for about, _ in properties]}
    write_record(check, Record(notes=notes, checks={"points_check": {"passed": True, **counts}}))


def volume_corners(planned):
    """The 8 corners of a volume (8, 3), in nm of its space."""
    finest = planned["info"]["scales"][0]
    low = np.array(finest["voxel_offset"])
    ends = np.array([low, low + finest["size"]]) * finest["resolution"]
    corners = np.array([[ends[i, 0], ends[j, 1], ends[k, 2], 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return (corners @ np.array(planned["transform"] or np.eye(4)).T)[:, :3]


def outside_of(planned, positions):
    """Which positions (n, 3), in nm, lie in no voxel."""
    finest = planned["info"]["scales"][0]
    back = np.linalg.inv(np.array(planned["transform"] or np.eye(4)))
    places = (positions @ back[:3, :3].T + back[:3, 3]) / finest["resolution"] - finest["voxel_offset"]
    return ((places < 0) | (places >= finest["size"])).any(axis=1)


if __name__ == "__main__":
    entrypoint.run(atlas_convert_points, globals().get("snakemake"))
