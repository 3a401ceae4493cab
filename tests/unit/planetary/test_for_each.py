"""Many images in one job: a bad one is named, and does not keep the others from being made; files of an image."""

import gzip

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


def test_a_compressed_image_is_unpacked_while_it_is_read(tmp_path):
    (tmp_path / "made").mkdir()
    packed = tmp_path / "a.IMG.gz"
    packed.write_bytes(gzip.compress(b"PDS_VERSION_ID = PDS3" * 1000))
    with images.plain(packed, tmp_path / "made") as source:
        assert source.name == "a.IMG"
        assert source.read_bytes() == b"PDS_VERSION_ID = PDS3" * 1000
    assert not any((tmp_path / "made").iterdir())
    with images.plain(tmp_path / "b.IMG", tmp_path) as source:
        assert source == tmp_path / "b.IMG"


@pytest.mark.parametrize("content", [gzip.compress(bytes(range(256)) * 99)[:-20], b"no gzip at all"])
def test_a_damaged_one_is_named(tmp_path, content):
    packed = tmp_path / "a.IMG.gz"
    packed.write_bytes(content)
    with (
        pytest.raises(ValueError, match=r"a\.IMG\.gz: damaged or cut off; get the file again"),
        images.plain(packed, tmp_path),
    ):
        pass


def test_where_a_camera_description_may_be(tmp_path):
    """That of the part, of its set, of the image; the ending of a compression is not of the image's name."""
    names = [path.name for path in images.isd_names("", tmp_path / "M1CE.IMG.gz", "vis.even")]
    assert names[0] == "M1CE.vis.even.isd.json"
    assert {"M1CE.vis.isd.json", "M1CE.isd.json", "M1CE.json", "M1CE.json.gz"} <= set(names)
    assert names.index("M1CE.vis.json") < names.index("M1CE.isd.json")
