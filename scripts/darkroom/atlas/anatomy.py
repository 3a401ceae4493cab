"""Volumes and centres of the regions of a segmentation."""

import csv
import io

import numpy as np

from darkroom.atlas import blocks, readback

COLUMNS = ["id", "acronym", "name", "parent", "colour", "voxels", "volume_mm3", "x_mm", "y_mm", "z_mm"]


def measure(scale):
    """Voxels of each label of a scale and the sum of their indices: `{label: (count, (x, y, z))}`, without 0."""
    measured = {}
    sides = [side * 2 for side in scale.sides]
    for box in blocks.chunks(scale.box, sides):
        voxels = readback.read(scale, box)[..., 0]
        labels, codes = np.unique(voxels, return_inverse=True)
        codes = codes.reshape(voxels.shape)
        counts = np.bincount(codes.ravel(), minlength=len(labels))
        sums = np.empty((3, len(labels)))
        for axis in range(3):
            # Counts of each label on each plane across this axis.
            planes = codes.swapaxes(0, axis).reshape(codes.shape[axis], -1)
            ranks = np.array([np.bincount(plane, minlength=len(labels)) for plane in planes])
            sums[axis] = (np.arange(*box[axis])[:, None] * ranks).sum(axis=0)
        for label, count, total in zip(labels.tolist(), counts.tolist(), sums.T, strict=True):
            if label:
                before, place = measured.get(label, (0, np.zeros(3)))
                measured[label] = before + count, place + total
    return measured


def rows(regions, measured, affine, voxel_mm3):
    """Rows of the table, one for each region, then one for each label without a row; by `COLUMNS`.

    affine -- 4x4, from indices of voxel centres to nm; voxel_mm3 -- volume of a voxel
    """
    ids = {region["id"] for region in regions}
    every = [*regions, *({"id": label} for label in sorted(set(measured) - ids))]
    for region in every:
        count, total = measured.get(region["id"], (0, None))
        row = {**region, "voxels": count, "volume_mm3": f"{count * voxel_mm3:.9g}"}
        if count:
            place = (affine @ [*(total / count), 1])[:3] / 1e6
            row |= {name: f"{length:.6f}" for name, length in zip(COLUMNS[-3:], place, strict=True)}
        yield row


def text(table):
    """The table as CSV."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return file.getvalue()
