"""Motion is found to parts of a pixel, frames are moved back by it, and what cannot be found is said."""

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from darkroom.calcium import motion as motions
from darkroom.calcium import movie as movies
from darkroom.calcium import registration
from darkroom.samples import calcium


@pytest.fixture(scope="module")
def moving():
    recording = calcium.synthesise("calcium-demo", frames=150, hot=0)
    return recording, movies.of_array(recording.read(0, recording.shape[0]))


def error(motion, recording):
    """Pixels by which each shift is off, apart from where the reference lies."""
    off = motion.shifts + recording.shifts[recording.valid]
    return np.hypot(*(off - np.median(off, 0)).T)


def test_shifts_are_found_to_a_tenth_of_a_pixel(moving):
    recording, movie = moving
    motion = registration.detect_motion(movie, cell_diameter=recording.diameter)
    assert np.median(error(motion, recording)) < 0.04
    assert error(motion, recording).max() < 0.2
    assert not motion.clamped.any() and not motion.notes
    assert motion.reference.shape == movie.shape[1:] and motion.reference.dtype == np.float32


def test_a_registered_movie_does_not_move_any_more(moving):
    _, movie = moving
    motion = registration.detect_motion(movie, cell_diameter=8)
    still = registration.corrected(movie.read(), motion.shifts, threads=2)
    top, left, bottom, right = registration.common_rectangle(motion.shifts, movie.shape[1:])
    whole = still[:, top : bottom + 1, left : right + 1]
    assert np.isfinite(whole).all()
    assert np.isnan(still[:, max(0, top - 1)]).any() or top == 0
    again = registration.detect_motion(movies.of_array(whole), cell_diameter=8)
    assert np.abs(again.shifts).max() < 0.12


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_a_reference_keeps_its_place(moving, weight):
    recording, movie = moving
    picture = movie.read(40, 1)[0]
    motion = registration.detect_motion(movie, cell_diameter=8, reference=picture, global_registration_weight=weight)
    assert np.abs(motion.shifts[40]).max() < 0.15
    assert np.median(error(motion, recording)) < 0.1


def test_a_part_of_the_field_is_enough(moving):
    recording, movie = moving
    motion = registration.detect_motion(movie, cell_diameter=8, roi=(20, 15, 110, 100))
    assert np.median(error(motion, recording)) < 0.05


def test_frames_beyond_the_limit_take_their_neighbours_shift(moving):
    _, movie = moving
    frames = movie.read().astype(np.float32)
    frames[70] = np.roll(frames[70], 30, 0)
    motion = registration.detect_motion(movies.of_array(frames), max_translation=10, cell_diameter=8)
    assert motion.clamped[70] and motion.clamped.sum() == 1
    assert np.abs(motion.shifts).max() <= 10
    assert np.allclose(motion.shifts[70], motion.shifts[[69, 71]].mean(0))
    assert motion.notes == (f"1 of {len(frames)} frames have no shift within 10 pixels; the neighbours' is taken",)


@pytest.mark.parametrize("value", [0, 65535])
def test_movies_without_structure_do_not_move(value):
    motion = registration.detect_motion(movies.of_array(np.full((12, 40, 36), value, np.uint16)))
    assert not motion.shifts.any() and motion.clamped.all() and motion.notes


def test_one_frame_and_frames_near_65535(moving):
    _, movie = moving
    assert np.allclose(registration.detect_motion(movies.of_array(movie.read(0, 1))).shifts, 0, atol=1e-6)
    bright = (movie.read(0, 30).astype(np.int64) + 65535 - int(movie.read(0, 30).max())).astype(np.uint16)
    plain = registration.detect_motion(movies.of_array(movie.read(0, 30)), cell_diameter=8)
    assert np.allclose(
        registration.detect_motion(movies.of_array(bright), cell_diameter=8).shifts, plain.shifts, atol=0.02
    )


def test_borders_without_values_do_not_lead_astray(moving):
    recording, movie = moving
    frames = movie.read().astype(np.float32)
    frames[:, :4] = np.nan
    frames[3] = np.nan
    motion = registration.detect_motion(movies.of_array(frames), cell_diameter=8)
    assert motion.clamped.nonzero()[0].tolist() == [3]
    assert np.median(error(motion, recording)) < 0.05


def test_moving_is_as_good_as_a_spline():
    rng = np.random.default_rng(1)
    image = ndimage.gaussian_filter(rng.standard_normal((60, 50)), 2).astype(np.float32)
    moved = registration.corrected(image[None], np.array([[1.3, -2.6]]))[0]
    spline = ndimage.shift(image, (1.3, -2.6), order=3)
    assert np.isnan(moved[:2]).all() and np.isnan(moved[:, -3:]).all()
    assert np.abs(moved - spline)[6:-6, 6:-6].max() < 0.03 * image.std()
    whole = registration.corrected(image[None], np.array([[3.0, -4.0]]))[0]
    assert np.array_equal(whole[3:, :-4], image[:-3, 4:])


def test_the_common_rectangle():
    shifts = np.array([[0.2, -1.5], [-3.0, 0.4]])
    assert registration.common_rectangle(shifts, (20, 30)) == (1, 1, 16, 27)
    assert registration.common_rectangle(np.zeros((2, 2)), (20, 30)) == (0, 0, 19, 29)
    with pytest.raises(ValueError, match="leave nothing that all frames of"):
        registration.common_rectangle(np.array([[11.0, 0], [-11, 0]]), (20, 30))


def test_bands_and_parts_that_leave_nothing(moving):
    _, movie = moving
    with pytest.raises(ValueError, match=r"low_bandpass_cutoff 0\.3 must be below high_bandpass_cutoff 0\.1"):
        registration.detect_motion(movie, low=0.3, high=0.1)
    with pytest.raises(ValueError, match=r"roi: \(0, 0, 500, 20\) is no"):
        registration.detect_motion(movie, roi=(0, 0, 500, 20))
    low, high = registration.band(7)
    assert (low, high) == pytest.approx((0.03, 0.15))


@pytest.mark.parametrize("value", [0, 7, np.nan])
def test_a_reference_that_shows_nothing_is_refused(tmp_path, moving, value):
    path = tmp_path / "reference.tif"
    tifffile.imwrite(path, np.full(moving[1].shape[1:], value, np.float32), photometric="minisblack")
    with pytest.raises(ValueError, match=r"reference_file_name .*reference\.tif: shows nothing"):
        motions.image(moving[1], 0, None, str(path))


@pytest.mark.parametrize(
    "shape, said", [((30, 1), "field of 30 x 1 pixels"), ((4, 4), "leave no wave of 4 x 4 pixels")]
)
def test_a_field_that_is_too_small_is_told(shape, said):
    with pytest.raises(ValueError) as caught:
        registration.detect_motion(movies.of_array(np.ones((3, *shape), np.float32)), cell_diameter=7)
    assert said in str(caught.value)
