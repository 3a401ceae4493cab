"""Surfaces of labels in Neuroglancer's multi-resolution format, packed into shards.

Source: the formats' specifications in the Neuroglancer repository (src/datasource/precomputed/meshes.md, sharded.md).
Surfaces are those of marching cubes; a coarser level of detail is the surface of the label in a coarser scale. Each
level is one fragment, whose cube, twice as large as that of the level before, begins at the same corner.
"""

import gzip
import math
import shutil
import struct

import DracoPy
import numpy as np
import scipy.ndimage
import skimage.measure

from darkroom import files
from darkroom.atlas import readback
from darkroom.atlas.estimate import MESHED

LEVELS = 3
BITS = 16  # of a coordinate
PER_INDEX = 1024  # labels of an index


class Labels:
    """A scale of a segmentation in memory, and where its labels are."""

    def __init__(self, scale):
        info, voxels = scale.info, readback.read(scale, scale.box)[..., 0]
        self.size = np.array(info["resolution"])
        self.first = np.array(info["voxel_offset"])
        labels, codes = np.unique(voxels, return_inverse=True)
        self.codes = codes.reshape(voxels.shape).astype(np.int32) + 1
        boxes = scipy.ndimage.find_objects(self.codes)
        self.places = {label: (number, boxes[number - 1]) for number, label in enumerate(labels.tolist(), 1) if label}

    def surface(self, label):
        """Vertices (n, 3; nm in the volume) and faces (m, 3) of a label; None where it has no voxel."""
        if label not in self.places:
            return None
        number, box = self.places[label]
        mask = np.pad((self.codes[box] == number).astype(np.float32), 1)
        vertices, faces, _, _ = skimage.measure.marching_cubes(mask, 0.5, gradient_direction="ascent")
        corner = np.array([part.start for part in box]) - 1
        return (vertices + corner + self.first + 0.5) * self.size, faces.astype(np.uint32)


def scales_to_mesh(scales):
    """The scales that surfaces are made of: the finest that fits in memory, then coarser ones."""
    fits = [scale for scale in scales if math.prod(scale.size) <= MESHED] or scales[-1:]
    return fits[:LEVELS]


def write(folder, scales, given=()):
    """Write the meshes of all labels but 0, then `info`. Returns the number of labels, and of faces at their finest.

    scales -- those of `scales_to_mesh`, or none
    given -- `{label: (vertices, faces)}` of labels that have a surface already, in nm of the volume
    """
    shutil.rmtree(folder, ignore_errors=True)  # what a job left that was killed
    levels, given = [Labels(scale) for scale in scales], dict(given)
    labels = sorted({*given, *(levels[0].places if levels else ())})
    bits = max(0, math.ceil(math.log2(len(labels) / PER_INDEX))) if labels else 0
    faces = 0
    with files.replacing(folder / "0.shard") as partial, partial.open("wb") as shard:
        shard.write(bytes(16 << bits))
        indexes = [[] for _ in range(1 << bits)]
        for label in labels:
            surfaces = [surface for level in levels if (surface := level.surface(label))]
            details = [float(level.size.max()) for level in levels]
            if label in given:
                surfaces, details = [given[label]], [1.0]
            faces += len(surfaces[0][1])
            fragments, manifest = encoded(surfaces, details)
            shard.write(fragments)
            start = shard.tell() - (16 << bits)
            shard.write(manifest)
            indexes[label & (1 << bits) - 1].append((label, start, len(manifest)))
        ends = [_write_index(shard, index, 16 << bits) for index in indexes]
        shard.seek(0)
        shard.write(np.array(ends, "<u8").tobytes())
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "identity",
        "preshift_bits": 0,
        "minishard_bits": bits,
        "shard_bits": 0,
        "minishard_index_encoding": "gzip",
        "data_encoding": "raw",
    }
    info = {
        "@type": "neuroglancer_multilod_draco",
        "vertex_quantization_bits": BITS,
        "transform": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
        "lod_scale_multiplier": 1,
        "sharding": sharding,
    }
    files.write_json(folder / "info", info)
    return len(labels), faces


def _write_index(shard, index, header):
    """Write where the manifests of some labels are; returns the bytes of that, from the end of the shard's header."""
    if not index:
        return 0, 0
    labels, starts, sizes = np.array(index, np.uint64).T
    begins = np.concatenate([[np.uint64(0)], (starts + sizes)[:-1]])
    content = np.array([np.diff(labels, prepend=np.uint64(0)), starts - begins, sizes], "<u8")
    start = shard.tell() - header
    shard.write(gzip.compress(content.tobytes(), mtime=0))
    return start, shard.tell() - header


def encoded(surfaces, details):
    """Fragments and manifest of a label, from its surfaces and the voxel sizes (nm) of their scales, finest first."""
    corner = np.min([vertices.min(axis=0) for vertices, _ in surfaces], axis=0).astype("<f4").astype("f8")
    extent = np.max([vertices.max(axis=0) for vertices, _ in surfaces], axis=0) - corner
    extent = np.maximum(extent * (1 + 1e-6), 1).astype("<f4").astype("f8")
    fragments = []
    for level, (vertices, faces) in enumerate(surfaces):
        shares = (vertices - corner) / (extent * 2**level)
        stored = np.rint(shares * (2**BITS - 1)).clip(0, 2**BITS - 1).astype(np.uint32)
        fragments.append(DracoPy.encode(stored, faces, compression_level=7))
    count = len(surfaces)
    manifest = struct.pack("<6fI", *extent, *corner, count)
    manifest += np.array(details[:count], "<f4").tobytes() + bytes(12 * count) + np.ones(count, "<u4").tobytes()
    for fragment in fragments:
        manifest += bytes(12) + struct.pack("<I", len(fragment))
    return b"".join(fragments), manifest
