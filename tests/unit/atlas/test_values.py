"""What becomes of values: ranges, rounding, types, labels; and lengths with units."""

from fractions import Fraction

import numpy as np
import pytest

from darkroom.atlas.lengths import nanometres as in_nanometres
from darkroom.atlas.volume import converter


def convert(values, data_type, window=None, labels=False):
    return converter({"data_type": data_type, "window": window, "labels": labels})(np.asarray(values))


@pytest.fixture
def saved(tmp_path):
    def save(values):
        np.save(tmp_path / "v.npy", np.asarray(values).reshape(1, 1, -1))
        return tmp_path / "v.npy"

    return save


# Ranges


def test_a_window_becomes_the_range_of_the_type():
    assert convert([99, 100, 150, 200, 201], "uint8", (100, 200)).tolist() == [0, 0, 128, 255, 255]
    assert convert([0, 65535], "uint16", (0, 65535)).tolist() == [0, 65535]
    assert convert([-1.0, 0, 1], "uint32", (-1, 1)).tolist() == [0, 2147483648, 4294967295]
    assert convert([-5, 0, 5, 10, 15], "float32", (0, 10)).tolist() == [0, 0, 0.5, 1, 1]
    assert convert([0, 50, 100], "int16", (0, 100)).tolist() == [0, 16384, 32767]


@pytest.mark.parametrize("high", [2, 10, 30, 100, 510, 2040, 65535])
def test_windows_round_half_to_even(high):
    """Against exact fractions."""
    values = np.arange(high + 1, dtype="u2")
    expected = [round(Fraction(int(value) * 255, high)) for value in values]
    assert convert(values, "uint8", (0, high)).tolist() == expected


def test_floats_round_half_to_even():
    assert convert([-1.5, -0.5, 0.5, 1.5, 2.5, 2.51], "int8").tolist() == [-2, 0, 0, 2, 2, 3]


def test_no_number_is_zero_in_integers_and_stays_in_floats():
    assert convert([np.nan, 1], "uint8").tolist() == [0, 1]
    assert convert([np.nan, 1], "uint8", (0, 1)).tolist() == [0, 255]
    assert np.isnan(convert([np.nan, 1], "float32")[0])
    assert np.isnan(convert([np.nan, 1], "float32", (0, 1))[0])


def test_infinite_values_are_clipped_by_a_window_only():
    assert convert([-np.inf, np.inf], "uint8", (0, 1)).tolist() == [0, 255]
    with pytest.raises(ValueError, match="value inf is outside the range of uint8, 0 to 255; give input_min"):
        convert([0, np.inf], "uint8")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([256], "u2"), "uint8"),
        (np.array([-1], "i2"), "uint8"),
        (np.array([2**31], "u4"), "int32"),
        (np.array([2**31], "f4"), "int32"),
        (np.array([2**32], "f4"), "uint32"),
        (np.array([2.0**64]), "uint64"),
        (np.array([255.6]), "uint8"),
        (np.array([-129.0]), "int8"),
    ],
)
def test_values_that_the_type_cannot_hold(values, kind):
    with pytest.raises(ValueError, match=rf"value -?[\d.e+]+ is outside the range of {kind}"):
        convert(values, kind)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([0, 255], "i8"), "uint8"),
        (np.array([-(2**31), 2**31 - 1], "i8"), "int32"),
        (np.array([-0.4, 255.4]), "uint8"),
        (np.array([True, False]), "uint8"),
        (np.array([2**64 - 1], "u8"), "uint64"),
    ],
)
def test_values_at_the_ends_of_the_type(values, kind):
    assert convert(values, kind).tolist() == [round(value) for value in values.tolist()]


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        *[(kind, kind) for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")],
        ("bool", "uint8"),
        ("int64", "int32"),
        ("uint64", "uint32"),
        ("float16", "float32"),
        ("float64", "float32"),
    ],
)
def test_types_of_images(stored, kind, saved, make):
    volume = make(saved(np.array([0, 1, 1], stored)), resolution=1000)
    assert volume.info["data_type"] == kind
    assert volume.voxels().ravel().tolist() == [0, 1, 1]
    assert (f"{stored} values are stored as {kind}" in volume.notes) == (stored != kind)


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"])
def test_types_that_are_asked_for(kind, saved, make):
    volume = make(saved(np.array([0, 100], "u2")), resolution=1000, data_type=kind)
    assert volume.info["data_type"] == kind
    assert volume.voxels().ravel().tolist() == [0, 100]


def test_a_window_through_the_whole(saved, make):
    volume = make(saved(np.arange(0, 4096, 5, "u2")), resolution=1000, input_min=0, input_max=4095, encoding="jpeg")
    assert volume.info["data_type"] == "uint8"
    assert volume.check()["passed"]
    exact = make(saved(np.arange(0, 4096, 5, "u2")), resolution=1000, input_min=0, input_max=4095, data_type="uint8")
    assert exact.voxels().ravel().tolist() == np.rint(np.arange(0, 4096, 5) / 4095 * 255).tolist()
    assert exact.check()["passed"]


# Labels


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        *[(kind, "uint32") for kind in ("uint8", "int16", "uint32", "int32", "bool", "float32", "float64")],
        *[(kind, "uint64") for kind in ("int64", "uint64")],
    ],
)
def test_types_of_labels(stored, kind, saved, make):
    volume = make(saved(np.array([0, 1, 1], stored)), resolution=1000, type="segmentation")
    assert volume.info["data_type"] == kind
    assert volume.voxels().ravel().tolist() == [0, 1, 1]


def test_labels_above_the_whole_numbers_of_float64(saved, make):
    labels = np.array([2**53 + 1, 2**53 + 3, 2**63 + 1, 2**64 - 1, 0], "u8")
    volume = make(saved(labels), resolution=1000, type="segmentation")
    assert volume.voxels().ravel().tolist() == labels.tolist()
    assert volume.cloud_voxels().ravel().tolist() == labels.tolist()
    assert volume.check()["passed"]


@pytest.mark.parametrize(
    ("labels", "options", "text"),
    [
        ([1, -1], {}, "label -1 is below 0, and labels are not negative: `background: -1` makes it 0"),
        ([0, 1234567], {"data_type": "uint16"}, "label 1234567 is outside the range of uint16, 0 to 65535"),
        ([0, 2**40], {"data_type": "uint32"}, "label 1099511627776 is outside the range of uint32"),
        ([0.0, 5e9], {}, "label 5000000000.0 is outside the range of uint32"),
        ([0.0, 0.5], {}, "labels must be whole numbers; 0.5 is among them: use type: image for a map of probabilities"),
        ([0.0, np.nan], {}, "labels must be whole numbers; nan is among them: `background: nan` makes it 0"),
        ([0.0, np.inf], {}, "label inf is outside the range of uint32"),
        ([0, 1], {"input_min": 0, "input_max": 1}, "labels are never scaled"),
        ([0, 1], {"data_type": "float32"}, "labels are whole numbers; data_type float32 cannot hold them"),
    ],
)
def test_labels_that_are_refused(labels, options, text, saved, refuses):
    refuses(saved(labels), text, type="segmentation", **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"input_min": 0}, "input_min 0 and input_max None must both be given, the smaller one first"),
        ({"input_min": 5, "input_max": 5}, "the smaller one first"),
        ({"input_min": 9, "input_max": 5}, "the smaller one first"),
    ],
)
def test_windows_that_are_refused(options, text, saved, refuses):
    refuses(saved([1, 2]), text, **options)


def test_a_message_names_file_and_slice(tmp_path, refuses):
    values = np.zeros((80, 2, 2), "u2")
    values[70] = 300
    np.save(tmp_path / "v.npy", values)
    refuses(tmp_path / "v.npy", "v.npy, slice 70: value 300 is outside", data_type="uint8")


# Lengths


@pytest.mark.parametrize(
    ("length", "nanometres"),
    [
        *[(same, 20000) for same in (20000, "20000", "20 um", "20um", " 20 µm ", "20 μm", "0.02mm", "2e-5 m", "2e4")],
        *[("2 CM", 2e7), ("5 Å", 0.5), (21166.67, 21166.67)],
        ("2 inch", 50.8e6),
    ],
)
def test_lengths(length, nanometres):
    assert in_nanometres(length) == pytest.approx(nanometres, rel=1e-12)


@pytest.mark.parametrize("length", ["", "um", "20 feet", "-5 um", "0 um", 0, "1.2.3 um", "nan", "1,5 um", None])
def test_no_lengths(length):
    with pytest.raises(ValueError, match="is no length; give a number of nm, or one with a unit such as '20 um'"):
        in_nanometres(length)
