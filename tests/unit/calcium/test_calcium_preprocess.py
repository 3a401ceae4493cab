"""What is done before registration: crops, defective pixels, dim frames, means of pixels and of frames with gaps."""

from fractions import Fraction

import numpy as np
import pytest

from darkroom.calcium import movie, preprocess
from darkroom.calcium.timing import Timing


def smooth(count=20, shape=(12, 15), seed=0):
    """Frames of noise around a slope, uint16."""
    y, x = np.indices(shape)
    noise = np.random.default_rng(seed).normal(0, 3, (count, *shape))
    return (300 + 2 * y + 3 * x + noise).round().astype("u2")


@pytest.mark.parametrize(
    "rectangle, form, kept",
    [
        (None, "tlbr", (0, 0, 50, 100)),
        ([10, 10, 39, 89], "tlbr", (10, 10, 40, 90)),
        ([10, 10, 80, 30], "tlwh", (10, 10, 40, 90)),
        ([90, 40, 5, 3], "tlwh", (40, 90, 43, 95)),
    ],
)
def test_crop_rectangle(rectangle, form, kept):
    assert preprocess.window((50, 100), rectangle, form) == kept


@pytest.mark.parametrize(
    "rectangle, form",
    [([0, 0, 50, 20], "tlbr"), ([30, 0, 10, 20], "tlbr"), ([90, 0, 20, 5], "tlwh"), ([-1, 0, 9, 9], "tlbr")],
)
def test_a_crop_outside_the_field(rectangle, form):
    with pytest.raises(ValueError, match=r"crop_rect .* do not lie in a field of 50 x 100 \(rows x columns\)"):
        preprocess.window((50, 100), rectangle, form)


def test_cropped_field_keeps_its_place_on_the_sensor():
    made = preprocess.cropped(movie.of_array(smooth(), pixel_size=(2.0, 3.0), top_left=(100.0, 50.0)), [2, 4, 9, 12])
    assert made.shape == (20, 8, 9) and made.top_left == (104.0, 62.0)
    assert (made.read(3, 2) == smooth()[3:5, 2:10, 4:13]).all()


def test_defective_pixels_are_mended_from_sound_neighbours():
    frames = smooth(shape=(20, 24))
    hot = [(0, 0), (5, 7), (5, 8), (19, 3)]
    harmed = frames.copy()
    for at in hot:
        harmed[:, *at] = 4095
    made = movie.of_array(harmed)
    defective = preprocess.defective(made)
    assert sorted(map(tuple, defective.tolist())) == hot
    mended = preprocess.mended(made, defective)
    assert np.abs(mended.read().astype(int) - frames).max() <= 16
    assert (mended.read()[:, 8] == frames[:, 8]).all()
    assert len(preprocess.defective(movie.of_array(frames))) == 0


def test_pixels_without_a_value():
    frames = smooth().astype("f4")
    frames[:, 4, 4] = np.nan
    made = movie.of_array(frames)
    assert np.isfinite(preprocess.mended(made, preprocess.defective(made)).read()).all()
    frames[:, :2] = frames[:, :, -1] = np.nan
    with pytest.raises(ValueError, match=r"border without values \(NaN\).*crop_rect: \[2, 0, 11, 13\]"):
        preprocess.defective(movie.of_array(frames))
    with pytest.raises(ValueError, match="frame 7 has no number"):
        preprocess.finite(5, np.where(np.arange(4)[:, None, None] == 2, np.nan, np.ones((4, 3, 3), "f4")))


@pytest.mark.parametrize("dim", [0, 3])
def test_dim_frames_at_the_start_go_and_the_times_stay(dim):
    frames = smooth()
    frames[:dim] //= 2
    made = movie.of_array(frames, parts=(("a", 0, 12), ("b", 12, 8)))
    assert preprocess.early(made) == dim
    kept = preprocess.without_first(made, dim)
    assert (kept.read() == frames[dim:]).all() and kept.timing.cropped == tuple(range(dim))
    assert kept.timing.times[0] == pytest.approx(dim * 0.05)
    assert kept.parts == (("a", 0, 12 - dim), ("b", 12 - dim, 8))


def test_means_of_pixels_of_an_odd_field():
    frames = smooth(shape=(13, 15))
    made = preprocess.smaller(movie.of_array(frames, pixel_size=(2.0, 3.0)), space=2)
    expected = frames[:, :12, :14].reshape(20, 6, 2, 7, 2).mean(axis=(2, 4))
    assert made.shape == (20, 6, 7) and np.allclose(made.read(), expected)
    assert made.pixel_size == (4.0, 6.0) and "1 rows and 1 columns at the end left out" in made.notes[-1]


def test_means_of_frames_leave_gaps_out():
    frames = smooth(9)
    timing = Timing(Fraction(1, 20), 15, dropped=(1, 6, 7, 8), cropped=(3,), blank=(11,))
    made = preprocess.smaller(movie.of_array(frames, timing=timing), time=3)
    samples = [[0, 1], [2, 3], [], [4, 5], [6, 7, 8]]  # numbers of frames in samples 0-2, 3-5, 6-8, 9-11, 12-14
    expected = np.stack([frames[group].mean(axis=0) for group in samples if group])
    assert np.allclose(made.read(), expected, rtol=1e-6) and np.allclose(made.read(2, 1), expected[2:3], rtol=1e-6)
    assert made.timing.dropped == (2,) and made.timing.valid.tolist() == [0, 1, 3, 4]
    assert np.allclose(made.timing.times, [np.mean([0, 0.1]), np.mean([0.2, 0.25]), np.mean([0.45, 0.5]), 0.65])
    assert made.timing.rate == pytest.approx(20 / 3) and "3 of 4 of them with gaps" in made.notes[-1]


def test_values_near_the_end_of_uint16_do_not_wrap():
    frames = np.full((6, 4, 4), 65535, "u2")
    assert (preprocess.smaller(movie.of_array(frames), space=2, time=3).read() == 65535).all()


@pytest.mark.parametrize(
    "frames, said",
    [
        (smooth(1), "m: has one frame, which is an image"),
        (np.zeros((9, 4, 4), "u2"), "m: every pixel is 0 in all frames that were looked at"),
        (np.where(np.arange(16).reshape(4, 4) < 12, 4095, smooth(9, (4, 4))), "m: is saturated: 75% of the pixels"),
        (np.full((9, 4, 4), np.nan), "m: no pixel of the frames that were looked at has a value"),
    ],
)
def test_recordings_without_a_signal_are_named(frames, said):
    with pytest.raises(ValueError, match=said):
        preprocess.require_signal(movie.of_array(frames), "m")


def test_some_saturation_is_noted():
    frames = smooth(9, (10, 10))
    frames[:, :2, :2] = 4095
    assert preprocess.require_signal(movie.of_array(frames), "m") == [
        "4.00% of the pixels are at their highest value 4095: saturated"
    ]
