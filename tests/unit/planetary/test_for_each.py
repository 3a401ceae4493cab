"""Many images in one job: a bad one is named, and does not keep the others from being made; files of an image."""

import gzip

import pytest

from darkroom.planetary import images
from darkroom.planetary.formats.pds3 import Product


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


@pytest.mark.parametrize("labels", [("W1.LBL",), ("w1.Lbl.gz",), ("W1.lbl", "W1.lbl.gz")])
def test_a_compressed_image_keeps_its_label(tmp_path, labels):
    """In any case, packed or not; nothing is written to what lies beside the image."""
    label = b"PDS_VERSION_ID = PDS3\r\nRECORD_BYTES = 3\r\n^IMAGE = 'W1.IMG'\r\nOBJECT = IMAGE\r\nLINES = 2\r\n"
    label += b"LINE_SAMPLES = 3\r\nSAMPLE_TYPE = UNSIGNED_INTEGER\r\nSAMPLE_BITS = 8\r\nEND_OBJECT\r\nEND\r\n"
    packed = tmp_path / "w1.img.gz"
    for path, content in [(packed, bytes(range(6))), *((tmp_path / name, label) for name in labels)]:
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    (tmp_path / "w10.lbl").write_bytes(b"of another image")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with images.plain(packed, tmp_path) as source:
        assert Product(source).rows(0, 2).tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


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
