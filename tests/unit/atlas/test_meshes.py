"""Surfaces of labels as cloud-volume reads them: closed, at their place, of the right volume, in every level of detail."""

import json

import cloudvolume
import nibabel
import numpy as np
import pytest
import trimesh

from atlas_convert_meshes import atlas_convert_meshes
from darkroom.atlas import definition, mesh_files, meshes, surfaces

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


def test_nothing_stays_of_a_job_that_was_killed(meshed, tmp_path):
    labels = np.zeros((8, 9, 10), "u1")
    labels[2:4, 2:4, 2:4] = 3
    volume, _ = meshed(labels)
    whole = volume.files()
    (volume.folder / "mesh/.0.shard.123.part").write_bytes(b"half")
    atlas_convert_meshes(volume.plan_file, volume.folder / "info", volume.folder / "mesh/info", tmp_path / "check.json")
    assert volume.files() == whole


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


# Mesh files


def box(low, high):
    """A closed box as a mesh of trimesh, in mm."""
    return trimesh.creation.box(bounds=[low, high])


@pytest.mark.parametrize("suffix", [".stl", ".obj", ".ply", ".gii"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_mesh_of_a_file(suffix, turned, make, tmp_path):
    """At its place in the volume, which has an affine of its own; labels without a file have theirs made."""
    mesh = box([0.002, 0.004, 0.006], [0.01, 0.02, 0.03])
    path = tmp_path / f"m{suffix}"
    if suffix == ".gii":
        points = nibabel.gifti.GiftiDataArray(mesh.vertices.astype("f4"), intent="NIFTI_INTENT_POINTSET")
        faces = nibabel.gifti.GiftiDataArray(mesh.faces.astype("i4"), intent="NIFTI_INTENT_TRIANGLE")
        nibabel.save(nibabel.GiftiImage(darrays=[points, faces]), path)
    else:
        mesh.export(path)
    (tmp_path / "t.tsv").write_text(f"file\tlabel\n{path.name}\t5\n")
    labels = np.zeros((20, 24, 28), "u1")
    labels[5:9, 5:9, 5:9] = 7
    affine = np.diag([0.001, 0.001, 0.001, 1])
    affine[:3, 3] = [0.1, 0.2, 0.3]
    nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "v.nii")
    volume = make(tmp_path / "v.nii", type="segmentation", meshes=True)
    matrix = [[0, -1, 0, 5000], [1, 0, 0, "2 um"], [0, 0, 1, 0]] if turned else []
    atlas_convert_meshes(
        volume.plan_file,
        volume.folder / "info",
        volume.folder / "mesh/info",
        tmp_path / "check.json",
        surfaces=[str(tmp_path / "t.tsv")],
        transform=matrix,
    )
    source = cloudvolume.CloudVolume(f"file://{volume.folder}", progress=False).mesh
    to_view = np.array(json.loads((volume.folder / "transform.json").read_text()))
    corners = source.get(5, lod=0)[5].vertices @ to_view[:3, :3].T + to_view[:3, 3]
    low, high = np.array([[2000, 4000, 6000], [10000, 20000, 30000.0]])
    if turned:
        low, high = [5000 - high[1], low[0] + 2000, low[2]], [5000 - low[1], high[0] + 2000, high[2]]
    assert np.allclose(corners.min(axis=0), low, atol=1) and np.allclose(corners.max(axis=0), high, atol=1)
    assert len(source.get(7, lod=0)[7].faces) > 10


def test_a_matrix_in_a_file_is_told(tmp_path):
    mesh, matrix = box([0, 0, 0], [1, 2, 3]), np.diag([2.0, 1, 1, 1])
    faces = nibabel.gifti.GiftiDataArray(mesh.faces.astype("i4"), intent="NIFTI_INTENT_TRIANGLE")
    for xform, told in ((matrix, True), (np.eye(4), False)):
        space = nibabel.gifti.GiftiCoordSystem(1, 4, xform)
        points = mesh.vertices.astype("f4")
        points = nibabel.gifti.GiftiDataArray(points, intent="NIFTI_INTENT_POINTSET", coordsys=space)
        nibabel.save(nibabel.GiftiImage(darrays=[points, faces]), tmp_path / "m.gii")
        vertices, _, notes = mesh_files.load(tmp_path / "m.gii")
        assert np.array_equal(vertices, mesh.vertices)
        assert any("m.gii has a matrix to another space, which is not used" in note for note in notes) == told


@pytest.mark.parametrize("table", ["File;Label;Unit\na.STL;5;µm\n", "file\tlabel\tunit\na.STL\t5\tum\n"])
def test_what_programs_make_of_tables(table, tmp_path):
    (tmp_path / "t.csv").write_text(table, "utf-16")
    assert surfaces.table(tmp_path / "t.csv") == [(tmp_path / "a.STL", 5, 1000)]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("name,label\na.stl,1\n", "its columns are name, label; right are file, label"),
        ("file,label\na.stl,x\n", "line 2: label 'x' is no whole number from 1"),
        (f"file,label\na.stl,{2**64}\n", "is no whole number from 1 to 2^64 - 1"),
        ("file,label\n,1\n", "line 2: '' is no mesh that can be read"),
        ("file,label\na.vtk,1\n", "'a.vtk' is no mesh that can be read"),
        ("file,label,unit\na.stl,1,parsec\n", "line 2: unit 'parsec' is no length"),
        ("file,label\na.stl,1\nb.stl,1\n", "label 1 has more than one mesh"),
    ],
)
def test_tables_that_are_refused(table, text, tmp_path):
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(ValueError) as failure:
        surfaces.table(tmp_path / "t.csv")
    assert text in str(failure.value) and str(tmp_path / "t.csv") in str(failure.value)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "a.ply"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "a.obj"),
        ("a.stl", "solid x\nendsolid x\n", "a.stl"),
        ("a.gii", "<html></html>", "a.gii is no mesh that can be read"),
    ],
)
def test_meshes_without_faces(name, content, text, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError) as failure:
        mesh_files.load(tmp_path / name)
    assert text in str(failure.value)


def test_a_gifti_of_values_is_no_surface(tmp_path):
    values = nibabel.gifti.GiftiDataArray(np.zeros(8, "f4"), intent="NIFTI_INTENT_SHAPE")
    nibabel.save(nibabel.GiftiImage(darrays=[values]), tmp_path / "a.gii")
    with pytest.raises(ValueError, match=r"a\.gii holds no surface; right are arrays of the intents pointset"):
        mesh_files.load(tmp_path / "a.gii")


@pytest.mark.parametrize("face", ["f 0 1 2", "f 1/1 2/2 0/3", "f 1 2 3\nf\t1\t0\t2"])
def test_corners_of_obj_are_counted_from_one(tmp_path, face):
    path = tmp_path / "a.obj"
    path.write_text(f"v 0 0 0\nv 1 0 0\nv 0 1 0\n{face}\n")
    with pytest.raises(ValueError, match=r"a\.obj: a face has the corner 0"):
        mesh_files.load(path)
    path.write_text("v 0 0 0\nv 10 0 0\nv 0 1 0\nf -3 -2 -1\n")
    assert mesh_files.load(path)[1].tolist() == [[0, 1, 2]]
