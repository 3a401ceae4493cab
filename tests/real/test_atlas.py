"""The atlas pipeline on real files: MR volumes that nibabel ships, radar images of the samples as a stack of sections."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import rasterio
import tensorstore

from campaign import Campaign

MR = Path(nibabel.__file__).parent / "tests/data"


VOLUMES = ["anatomical.nii", "functional.nii", "example4d.nii.gz", "example_nifti2.nii.gz"]


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """A campaign of all MR volumes."""
    campaign = Campaign(tmp_path_factory.mktemp("volumes")).write([(name, MR / name, {}) for name in VOLUMES])
    campaign.run()
    return campaign


def made(campaign, name):
    """A dataset that a campaign has made: its voxels (x, y, z, channel), its transform, its manifest."""
    folder = campaign.results / name
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/precomputed/"}
    store = tensorstore.open(spec).result()
    matrix = folder / "precomputed/transform.json"
    return (
        store.read().result(),
        np.array(json.loads(matrix.read_text())) if matrix.exists() else None,
        json.loads((folder / "manifest.json").read_text()),
    )


@pytest.mark.parametrize("name", VOLUMES)
def test_mr_volume_has_its_values_and_its_place(volumes, name):
    """Values equal nibabel's canonical array; voxel centres lie where nibabel's canonical affine says."""
    voxels, matrix, manifest = made(volumes, name)
    image = nibabel.as_closest_canonical(nibabel.load(MR / name))
    wanted = np.asarray(image.dataobj)
    wanted = wanted if wanted.ndim == 4 else wanted[..., None]
    assert voxels.shape == wanted.shape
    exact = wanted.dtype.kind != "f" or voxels.dtype == wanted.dtype
    assert np.array_equal(voxels, wanted) if exact else np.allclose(voxels, wanted, rtol=1e-6)
    info = json.loads((volumes.results / name / "precomputed/info").read_text())
    resolution = np.array(info["scales"][0]["resolution"])
    for index in np.ndindex(2, 2, 2):
        corner = np.array(index) * (np.array(wanted.shape[:3]) - 1)
        place = matrix @ [*((corner + 0.5) * resolution), 1]
        assert np.allclose(place[:3] / 1e6, nibabel.affines.apply_affine(image.affine, corner), atol=1e-5)
    assert manifest["checks"]["precomputed_check"]["passed"]


def test_radar_images_as_sections(campaign, samples):
    folder = samples / "copernicus/s1_wuhan"
    options = {"orientation": "RPS", "resolution": ["10 m", "10 m", "48 m"], "missing": "ignore"}
    campaign.write([("radar", folder, options)]).run()
    voxels, _, _ = made(campaign, "radar")
    for number, path in enumerate(sorted(folder.glob("*.tiff"))):
        with rasterio.open(path) as image:
            assert np.array_equal(voxels[:, :, number, 0], image.read(1)[::-1].T)


def test_a_pointer_instead_of_a_file_is_named(campaign, samples):
    """A repository that was fetched without its large files holds a line of text instead of the volume."""
    pointer = samples / "atlas/colin27T1_seg.nii.gz"
    if pointer.stat().st_size > 1000:
        pytest.skip("the sample is the whole volume here")
    campaign.write([("colin27", pointer, {"type": "segmentation"})])
    said = campaign.run(fails=True)
    assert "colin27T1_seg.nii.gz is no NIfTI file that can be read" in said
