"""The made-up brain: the same bytes every time, and views that agree with each other about where things are."""

import re

import imagecodecs
import nibabel
import numpy as np
import pytest
import tifffile

from darkroom.samples import atlas as sample


def numbers(folder):
    return sorted(int(re.search(r"(\d+)\.\w+$", path.name)[1]) for path in folder.iterdir())


def test_same_bytes_on_every_run(folders, again, contents):
    assert contents(again) == contents(folders)


def test_small_enough_for_a_demo(folders, contents):
    assert sum(map(len, contents(folders).values())) < 40e6


def test_grey_sections_need_natural_order(folders):
    names = [path.name for path in folders["sections-grey"].iterdir()]
    assert numbers(folders["sections-grey"]) == list(range(8, 80))
    assert sorted(names)[0] == "pm31_s10.png"  # not the first section: the names are not padded
    picture = imagecodecs.imread(folders["sections-grey"] / "pm31_s52.png")
    assert picture.shape == (480, 640)
    assert picture.dtype == np.uint8
    assert np.median(picture[:20]) > 225  # glass
    assert picture[200:280, 280:360].mean() < 210  # tissue


def test_colour_sections_have_one_gap_and_three_encodings(folders):
    folder = folders["sections-rgb"]
    assert numbers(folder) == [number for number in range(101, 126) if number != 113]
    kinds = set()
    for path in folder.iterdir():
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            assert page.shape == (400, 480, 3)
            assert "DateTime" not in page.tags
            assert "Software" not in page.tags
            kinds.add((file.is_bigtiff, page.is_tiled, page.compression.name))
    assert kinds == {(False, False, "LZW"), (False, True, "JPEG"), (True, False, "LZW")}


def test_labels(folders):
    image = nibabel.load(folders["labels"] / "labels.nii.gz")
    assert image.shape == (96, 120, 80)
    assert image.get_data_dtype() == np.uint16
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "I")
    sform, sform_code = image.get_sform(coded=True)
    qform, qform_code = image.get_qform(coded=True)
    assert (sform_code, qform_code) == (2, 1)
    np.testing.assert_allclose(sform, sample.label_affine(), atol=1e-4)
    np.testing.assert_allclose(qform, sform, atol=1e-3)
    turn = sform[:3, :3] / -1.6
    assert np.rad2deg(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(5, abs=0.01)

    left = set(sample.LEFT_LABELS.values())
    labels = np.asarray(image.dataobj)
    assert set(np.unique(labels)) == {0, 190, 250} | left | {label + 100 for label in left}

    def centre(label):
        return nibabel.affines.apply_affine(image.affine, np.argwhere(labels == label)).mean(axis=0)

    assert centre(71)[0] < 0 < centre(171)[0]  # left, right
    assert centre(71)[1] < -30 < 20 < centre(3)[1]  # cerebellum behind, frontal cortex in front
    assert centre(250)[2] < -15 < 10 < centre(7)[2]  # brain stem below, parietal cortex above
    np.testing.assert_allclose(centre(190), sample.LESION, atol=2)
    assert (labels == 30).sum() > 1.3 * (labels == 130).sum()  # the left ventricle is the wider one


def test_views_agree_about_the_lesion(folders):
    """Its dark core is where the orientation, pixel size and origin of each stack say."""
    right, front, up = sample.LESION
    number = 8 + round((front - sample.GREY_BACK) / sample.GREY_SPACING)
    picture = imagecodecs.imread(folders["sections-grey"] / f"pm31_s{number}.png").astype(float)
    row, column = round(239.5 - (up - 4) / 0.3), round(319.5 + right / 0.3)
    mirrored = 639 - column
    around = slice(row - 4, row + 5)
    assert picture[around, column - 4 : column + 5].mean() < 130
    assert picture[around, mirrored - 4 : mirrored + 5].mean() > 160

    number = 101 + round((right - sample.RGB_LEFT) / sample.RGB_SPACING)
    picture = tifffile.imread(folders["sections-rgb"] / f"B07_HE_{number}.tif").astype(float)
    row, column = round(199.5 - (up - 1) / 0.35), round(239.5 - front / 0.35)
    core = picture[row - 4 : row + 5, column - 4 : column + 5].mean(axis=(0, 1))
    assert core[1] < core[0] < 180 < core[2]  # violet, where the tissue around is pink
