"""Meshes in files: STL, OBJ, PLY, GIFTI."""

import re

import nibabel
import numpy as np
import trimesh

from darkroom import damage

ZEROTH = re.compile(rb"^f(?:[ \t]+\S+)*?[ \t]+0(?=[/\s]|$)", re.MULTILINE)  # OBJ counts corners from 1, or back from -1


def load(path):
    """Vertices (n, 3) and faces (m, 3) of a mesh, in the unit of its file, and notes; a bad file is a ValueError."""
    notes = []
    with damage.named(path, "mesh"):
        if path.name.lower().endswith((".gii", ".gii.gz")):
            image = nibabel.load(path)
            vertices = image.agg_data("pointset")
            faces = image.agg_data("triangle")
            if not len(vertices) or not len(faces):
                raise ValueError(f"{path} holds no surface; right are arrays of the intents pointset and triangle")
            places = image.get_arrays_from_intent("pointset")[0].coordsys
            if places and not np.allclose(places.xform, np.eye(4)):
                notes.append(
                    f"{path.name} has a matrix to another space, which is not used; `surface_transform` can go there"
                )
        elif path.suffix.lower() == ".obj" and ZEROTH.search(path.read_bytes()):
            raise ValueError(f"{path}: a face has the corner 0; those of an OBJ file are counted from 1")
        else:
            # A file of STL has the corners of each face by themselves.
            mesh = trimesh.load(path, force="mesh", process=path.suffix.lower() == ".stl")
            vertices, faces = mesh.vertices, mesh.faces
        vertices, faces = np.array(vertices, "f8"), np.array(faces)
    if faces.ndim != 2 or not len(faces) or vertices.ndim != 2:
        raise ValueError(f"{path} is a mesh without faces")
    if not np.isfinite(vertices).all() or faces.max() >= len(vertices) or faces.min() < 0:
        raise ValueError(f"{path} is a damaged mesh: its faces have corners that are no places")
    return vertices, faces.astype(np.uint32), notes
