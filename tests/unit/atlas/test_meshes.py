"""Surfaces of labels as cloud-volume reads them: closed, at their place, of the right volume, in every level of detail."""

import json

import cloudvolume
import numpy as np
import pytest

from atlas_convert_meshes import atlas_convert_meshes
from darkroom.atlas import definition, meshes

RESOLUTION = np.array([1000, 2000, 3000])
OFFSET = np.array([10, -4, 0])


def ball(shape, centre, radius):
    """A mask (z, y, x) of voxels whose centres lie within a radius (nm) of a place (voxels, x, y, z)."""
    z, y, x = np.indices(shape)
    places = np.stack([x, y, z], axis=-1) * RESOLUTION
    return np.linalg.norm(places - np.array(centre) * RESOLUTION, axis=-1) <= radius


@pytest.fixture
def meshed(make, tmp_path):
    def made(labels, **options):
        np.save(tmp_path / "v.npy", labels)
        given = {
            "type": "segmentation",
            "resolution": RESOLUTION.tolist(),
            "voxel_offset": OFFSET.tolist(),
            "chunk_size": 16,
        }
        volume = make(tmp_path / "v.npy", meshes=True, **given | options)
        atlas_convert_meshes(
            volume.plan_file, volume.folder / "info", volume.folder / "mesh/info", tmp_path / "check.json"
        )
        return volume, json.loads((tmp_path / "check.json").read_text())

    return made


def enclosed(mesh):
    """Volume that a closed surface encloses, positive where its faces look outwards."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2).astype("f8")
    return np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6


def test_surfaces_are_where_the_labels_are(meshed):
    shape = (40, 50, 60)
    labels = np.zeros(shape, "u2")
    labels[ball(shape, (20, 25, 12), 14_000)] = 3
    labels[ball(shape, (45, 15, 25), 12_000)] = 700
    labels[0, 0, 0] = 9  # one voxel, in a corner
    volume, record = meshed(labels)
    assert record["checks"]["meshes_check"]["labels"] == 3
    source = cloudvolume.CloudVolume(f"file://{volume.folder}", progress=False).mesh
    for label in (3, 700, 9):
        voxels = labels == label
        for level in range(3 if label != 9 else 1):
            mesh = source.get(label, lod=level)[label]
            edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
            assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}, "it is closed"
            z, y, x = np.nonzero(voxels)
            centre = (np.array([x.mean(), y.mean(), z.mean()]) + OFFSET + 0.5) * RESOLUTION
            assert np.abs(mesh.vertices.mean(axis=0) - centre).max() < 500 * 2**level + 500
            if label != 9:
                assert enclosed(mesh) == pytest.approx(voxels.sum() * RESOLUTION.prod(), rel=0.06 * 2**level + 0.05)
            else:
                assert enclosed(mesh) > 0


def test_many_labels_share_an_index(meshed, monkeypatch):
    monkeypatch.setattr(meshes, "PER_INDEX", 4)
    labels = np.zeros((12, 20, 20), "u4")
    labels[2:10:4, 2:18:4, 2:18:4] = np.arange(1, 33).reshape(2, 4, 4) * 977
    volume, _ = meshed(labels)
    assert json.loads((volume.folder / "mesh/info").read_text())["sharding"]["minishard_bits"] == 3
    source = cloudvolume.CloudVolume(f"file://{volume.folder}", progress=False).mesh
    for label in np.unique(labels)[1:].tolist():
        place = (np.argwhere(labels == label)[0][::-1] + OFFSET + 0.5) * RESOLUTION
        assert np.allclose(source.get(label, lod=0)[label].vertices.mean(axis=0), place, atol=1)


def test_no_label(meshed):
    _, record = meshed(np.zeros((4, 5, 6), "u1"))
    assert record["notes"] == ["there is no label, so no mesh"]


def test_meshes_are_of_labels(refuses, noise, tmp_path):
    np.save(tmp_path / "v.npy", noise(4, 5, 6))
    refuses(tmp_path / "v.npy", "meshes are of the labels of a segmentation; say `type: segmentation`", meshes=True)
    assert definition.complete({"meshes": True})["meshes"]
