"""The preview and the Neuroglancer layer of a volume."""

import json

import numpy as np
import pytest
from PIL import Image

from atlas_plot import atlas_plot


@pytest.fixture
def plotted(make, tmp_path):
    def plot(array, **options):
        np.save(tmp_path / "v.npy", array)
        volume = make(tmp_path / "v.npy", **{"resolution": 1000, **options})
        atlas_plot(volume.plan_file, volume.folder / "info", tmp_path / "p.png", tmp_path / "view.json")
        return np.array(Image.open(tmp_path / "p.png").convert("RGB")), json.loads((tmp_path / "view.json").read_text())

    return plot


def test_sections_are_the_right_way_up(plotted):
    """Red to the right, green to the front, blue up; each in the middle of its face of a black cube."""
    cube = np.zeros((90, 90, 90, 3), np.uint8)
    cube[:, :, 60:, 0] = 255
    cube[:, 60:, :, 1] = 255
    cube[60:, :, :, 2] = 255
    picture, _ = plotted(cube, max_scales=1)
    coronal, sagittal, axial = np.array_split(picture, 3, axis=1)
    for panel, (across, up) in ((coronal, (0, 2)), (sagittal, (1, 2)), (axial, (0, 1))):
        for channel, sideways in ((across, True), (up, False)):
            full = np.argwhere(
                (panel[..., channel] > 250) & (np.delete(panel, channel, axis=2).max(axis=2) < 5)
            )  # that colour alone: beside or above the black quarter
            black = np.argwhere(panel.max(axis=2) < 5)
            black = black[np.abs(black - np.median(black, axis=0)).max(axis=1) < 60]
            assert len(full) > 300
            if sideways:
                assert np.median(full[:, 1]) > np.median(black[:, 1])
            else:
                assert np.median(full[:, 0]) < np.median(black[:, 0])


@pytest.mark.parametrize("shape", [(1, 40, 50), (40, 1, 50), (1, 1, 1), (3, 400, 2), (5, 900, 700)])
def test_volumes_of_any_shape(shape, noise, plotted):
    picture, _ = plotted(noise(*shape))
    assert picture.shape[0] > 100
    assert picture.std() > 0


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.full((9, 9, 9), np.nan, "f4"), {}),
        (np.full((9, 9, 9), 7, "u2"), {}),
        (np.arange(9**3, dtype="u2").reshape(9, 9, 9), {"type": "segmentation"}),
        (np.ones((9, 9, 9, 2), "u1"), {}),
        (np.ones((9, 9, 9, 5), "i2"), {}),
    ],
)
def test_values_of_any_kind(array, options, plotted):
    plotted(array, **options)


def test_the_same_picture_every_time(noise, plotted, tmp_path):
    plotted(noise(9, 30, 40))
    first = (tmp_path / "p.png").read_bytes()
    plotted(noise(9, 30, 40))
    assert (tmp_path / "p.png").read_bytes() == first


def test_the_finest_scale_may_be_far_larger_than_the_picture(plotted):
    picture, _ = plotted(np.zeros((1, 3000, 2500), np.uint8), max_scales=1)
    assert picture.shape[1] < 2000


def test_layer(noise, plotted):
    _, view = plotted(noise(10, 20, 30), resolution=[1, 2, 3], voxel_offset=[100, 0, -5])
    assert view["position"] == [115, 20, 0]
    (layer,) = view["layers"]
    assert (layer["type"], layer["source"]["url"]) == ("image", "precomputed")
    assert "emitGrayscale" in layer["shader"]
    assert view["dimensions"] == {axis: [1e-9, "m"] for axis in "xyz"}


def test_layers_of_colours_and_labels(noise, plotted):
    assert "emitRGB" in plotted(noise(5, 6, 7, 3))[1]["layers"][0]["shader"]
    (layer,) = plotted(noise(5, 6, 7), type="segmentation")[1]["layers"]
    assert layer["type"] == "segmentation"
    assert "shader" not in layer


def test_layer_with_a_transform(noise, make, tmp_path):
    import nibabel

    affine = np.array([[0, -2, 0, 30], [3, 0, 0, -20], [0, 0, 4, 10], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(noise(5, 6, 7), affine), tmp_path / "v.nii")
    volume = make(tmp_path / "v.nii")
    atlas_plot(volume.plan_file, volume.folder / "info", tmp_path / "p.png", tmp_path / "view.json")
    view = json.loads((tmp_path / "view.json").read_text())
    centre = affine @ [2, 2.5, 3, 1]
    assert view["position"] == pytest.approx(list(centre[:3] * 1e6))
    transform = view["layers"][0]["source"]["transform"]
    assert np.shape(transform["matrix"]) == (3, 4)
    assert transform["outputDimensions"]["x"] == [1e-9, "m"]
