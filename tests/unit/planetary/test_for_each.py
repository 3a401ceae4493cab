"""Many images in one job: a bad one is named, and does not keep the others from being made."""

import pytest

from darkroom.planetary import images


def refuse(given, made):
    """Copy a number; what is none is refused, each in its way."""
    made.write_text(str(1 / given))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(0, "ZeroDivisionError: division by zero"), (None, "TypeError: unsupported operand"), ("x", "TypeError: unsupp")],
)
def test_a_bad_image_is_named_whatever_is_wrong_with_it(tmp_path, bad, reason):
    made = [tmp_path / name / "made.txt" for name in ("first", "second", "third")]
    for path in made:
        path.parent.mkdir()
    with pytest.raises(
        ValueError, match=f"^1 of 3 images: second: {reason}.*; mend their files, or put a # before their rows"
    ):
        images.for_each(refuse, [1, bad, 4], made)
    assert [path.exists() for path in made] == [True, False, True]


def test_one_image_needs_no_name(tmp_path):
    with pytest.raises(ValueError, match=r"^ZeroDivisionError: division by zero$"):
        images.for_each(refuse, [0], [tmp_path / "made.txt"])
