"""PDS3 products made byte by byte: where their samples lie, and what is refused."""

import hashlib

import numpy as np
import pytest
import rasterio

from darkroom.planetary.formats import pds3

RECORD = 512


def label(objects, **keywords):
    """Text of a label; `objects` are the lines of its objects."""
    lines = ["PDS_VERSION_ID = PDS3", *(f"{key} = {value}" for key, value in keywords.items()), *objects, "END", ""]
    return "\r\n".join(lines).encode()


def block(name, **keywords):
    """Lines of an object of a label."""
    return [f"OBJECT = {name}", *(f"  {key} = {value}" for key, value in keywords.items()), f"END_OBJECT = {name}"]


def attached(path, data, objects, **keywords):
    """A product with its label in front, of two records, and data behind it."""
    text = label(objects, RECORD_TYPE="FIXED_LENGTH", RECORD_BYTES=RECORD, **{"^IMAGE": 3, **keywords})
    path.write_bytes(text.ljust(2 * RECORD) + data)
    return path


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 100, (3, 4, 5))


@pytest.fixture
def simple(tmp_path):
    """`simple(**keywords of the label)`: a product of 2 lines x 3 samples of 0 to 5."""

    def made(image=(), **keywords):
        size = {"LINES": 2, "LINE_SAMPLES": 3, "SAMPLE_TYPE": "UNSIGNED_INTEGER", "SAMPLE_BITS": 8, **dict(image)}
        return attached(tmp_path / "a.IMG", bytes(range(6)), block("IMAGE", **size), **keywords)

    return made


@pytest.mark.parametrize(
    ("name", "bits", "dtype"),
    [
        ("UNSIGNED_INTEGER", 8, "u1"),
        ("SUN_INTEGER", 8, "u1"),
        ("MSB_INTEGER", 16, ">i2"),
        ("MSB_UNSIGNED_INTEGER", 16, ">u2"),
        ("LSB_INTEGER", 12, "<i2"),
        ("VAX_INTEGER", 16, "<i2"),
        ("PC_UNSIGNED_INTEGER", 32, "<u4"),
        ("MAC_INTEGER", 32, ">i4"),
        ("IEEE_REAL", 32, ">f4"),
        ("PC_REAL", 32, "<f4"),
        ("SUN_REAL", 64, ">f8"),
    ],
)
@pytest.mark.parametrize(
    ("storage", "axes"),
    [("BAND_SEQUENTIAL", (0, 1, 2)), ('"LINE INTERLEAVED"', (1, 0, 2)), ("sample_interleaved", (1, 2, 0))],
)
def test_every_type_and_order_of_bands(tmp_path, values, name, bits, dtype, storage, axes):
    size = {"BANDS": 3, "LINES": 4, "LINE_SAMPLES": 5, "BAND_STORAGE_TYPE": storage}
    data = values.transpose(axes).astype(dtype).tobytes()
    path = attached(tmp_path / "a.IMG", data, block("IMAGE", SAMPLE_TYPE=name, SAMPLE_BITS=bits, **size))
    product = pds3.Product(path)
    assert np.array_equal(product.rows(0, 4), values)
    assert np.array_equal(product.rows(1, 2), values[:, 1:3])
    assert product.rows(3, 9).shape == (3, 1, 5)


def test_vax_reals(tmp_path):
    """Pairs of numbers and VAX F words as the manual of the USGS library libvaxdata lists them."""
    words = [0x00004080, 0x0000C080, 0x00004160, 0x0000C160, 0x0FD04149, 0x0652409E, 0]
    image = block("IMAGE", LINES=1, LINE_SAMPLES=7, SAMPLE_TYPE="VAX_REAL", SAMPLE_BITS=32)
    path = attached(tmp_path / "a.IMG", np.array(words, "<u4").tobytes(), image)
    assert pds3.Product(path).rows(0, 1)[0, 0] == pytest.approx([1, -1, 3.5, -3.5, 3.14159, 1.23456789, 0], rel=1e-6)


@pytest.mark.parametrize("bands", [1, 2])
def test_prefix_and_suffix(tmp_path, values, bands):
    """Bytes before and behind the samples of each line."""
    values = values[:bands].astype(">i2")
    lines = [b"pre%d" % number + line.tobytes() + b"su" for number, line in enumerate(values.reshape(-1, 5))]
    size = {"BANDS": bands, "LINES": 4, "LINE_SAMPLES": 5, "SAMPLE_TYPE": "MSB_INTEGER", "SAMPLE_BITS": 16}
    image = block("IMAGE", LINE_PREFIX_BYTES=4, LINE_SUFFIX_BYTES=2, **size)
    product = pds3.Product(attached(tmp_path / "a.IMG", b"".join(lines), image))
    assert np.array_equal(product.rows(0, 4), values)
    assert product.prefix(1, 2).tobytes() == b"pre1pre2"
    assert product.suffix(0, 2).tobytes() == b"susu"
    assert len(product.header()) == 2 * RECORD


@pytest.mark.parametrize("axes", [("SAMPLE", "LINE", "BAND"), ("SAMPLE", "BAND", "LINE"), ("BAND", "SAMPLE", "LINE")])
def test_qube_with_suffixes(tmp_path, values, axes):
    """Suffix items of 4 bytes stand behind the core of each axis, with corners where two meet."""
    place = {"BAND": 0, "LINE": 1, "SAMPLE": 2}
    core = values.transpose([place[axis] for axis in reversed(axes)]).astype(">i2")
    outer, middle, inner = core.shape
    planes = []
    for plane in core:
        rows = [row.tobytes() + b"\xff" * 4 * 2 for row in plane]
        planes.append(b"".join(rows) + b"\xee" * 4 * (inner + 2))
    qube = block(
        "QUBE",
        AXIS_NAME=f"({', '.join(axes)})",
        CORE_ITEMS=f"({inner}, {middle}, {outer})",
        SUFFIX_ITEMS="(2, 1, 0)",
        SUFFIX_BYTES=4,
        CORE_ITEM_BYTES=2,
        CORE_ITEM_TYPE="MSB_INTEGER",
        CORE_BASE=10,
        CORE_MULTIPLIER=0.5,
        CORE_NULL=-32768,
        CORE_LOW_REPR_SATURATION=7,
    )
    path = attached(tmp_path / "a.QUB", b"".join(planes), qube, **{"^IMAGE": "'none'", "^QUBE": 3})
    product = pds3.Product(path)
    assert np.array_equal(product.rows(0, 4), values)
    assert np.array_equal(product.rows(2, 1), values[:, 2:3])
    assert product.image().scale == ((10.0, 0.5),)
    assert product.image().special == ((-32768, 1), (7, 2))


@pytest.mark.parametrize(
    ("pointer", "skip"),
    [
        ("'data.img'", 0),
        ("('DATA.IMG', 2)", RECORD),
        ("('Data.Img', 8 <BYTES>)", 7),
        ("('data.img', 0002)", RECORD),
    ],
)
@pytest.mark.parametrize(
    ("given", "named"), [("data.lbl", "data.lbl"), ("data.img", "data.lbl"), ("data.img", "Data.LBL")]
)
def test_detached_labels(tmp_path, pointer, skip, given, named):
    """The label or the file with the data may be given; names are found in any case."""
    image = block("image", lines=2, line_samples=3, sample_type="unsigned_integer", sample_bits=8)
    (tmp_path / named).write_bytes(label(image, **{"^image": pointer, "Record_Bytes": RECORD}))
    (tmp_path / "data.img").write_bytes(bytes(skip) + bytes(range(6)))
    assert pds3.Product(tmp_path / given).rows(0, 2).tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_gdal_reads_the_same(simple):
    path = simple({"LINE_SUFFIX_BYTES": 0})
    with rasterio.open(path) as image:
        assert np.array_equal(image.read(), pds3.Product(path).rows(0, 2))


def test_table(tmp_path):
    columns = [
        *block("COLUMN", NAME="TIME", DATA_TYPE="IEEE_REAL", START_BYTE=1, BYTES=8),
        *block("COLUMN", NAME="DARK", DATA_TYPE="MSB_INTEGER", START_BYTE=9, BYTES=4, ITEMS=2, ITEM_BYTES=2),
        *block("COLUMN", NAME="FLAG", DATA_TYPE="CHARACTER", START_BYTE=13, BYTES=3),
    ]
    table = ["OBJECT = TABLE", "ROWS = 2", "ROW_BYTES = 16", *columns, "END_OBJECT = TABLE"]
    rows = np.array([(1.5, [1, -2], b"abc", b"x"), (2.5, [3, -4], b"def", b"x")], ">f8, (2,)>i2, S3, S1")
    path = attached(tmp_path / "a.IMG", rows.tobytes(), table, **{"^TABLE": 3})
    read = pds3.Product(path).table("TABLE")
    assert read["TIME"].tolist() == [1.5, 2.5]
    assert read["DARK"].tolist() == [[1, -2], [3, -4]]
    assert read["FLAG"].tolist() == [b"abc", b"def"]


@pytest.mark.parametrize("bits", ["16#FF7FFFFB#", "-3.4028226550889045e+38"])
def test_special_values_may_be_written_as_bits(simple, bits):
    """The NULL of ISIS, as the labels of exported images have it."""
    path = simple({"SAMPLE_TYPE": "IEEE_REAL", "SAMPLE_BITS": 32, "LINES": 1, "LINE_SAMPLES": 1, "CORE_NULL": bits})
    image = pds3.Product(path).image()
    raw = np.array([0xFF7FFFFB, 0], ">u4").view(">f4")
    assert image.codes(raw).tolist() == [1, 0]


MD5 = hashlib.md5(bytes(range(6))).hexdigest()


@pytest.mark.parametrize("checksum", [{"MD5_CHECKSUM": MD5}, {"MD5_CHECKSUM": f'"{MD5.upper()}"'}, {"CHECKSUM": 15}])
def test_right_checksum(simple, checksum):
    path = simple(checksum, FILE_RECORDS=3)
    path.write_bytes(path.read_bytes().ljust(3 * RECORD, b"\0"))
    pds3.Product(path).verify()


@pytest.mark.parametrize("checksum", [{"MD5_CHECKSUM": "0" * 32}, {"CHECKSUM": 16}])
def test_wrong_checksum(simple, checksum):
    path = simple(checksum, FILE_RECORDS=3)
    path.write_bytes(path.read_bytes().ljust(3 * RECORD, b"\0"))
    with pytest.raises(ValueError, match=f"{path}: {next(iter(checksum))} of the label is .*, that of the image is"):
        pds3.Product(path).verify()


def test_checksum_of_a_cropped_image_is_not_judged(simple):
    """The file is not as long as FILE_RECORDS says: its checksum is of the image that was cropped."""
    pds3.Product(simple({"MD5_CHECKSUM": "0" * 32}, FILE_RECORDS=99)).verify()


@pytest.mark.parametrize(
    ("image", "keywords", "told"),
    [
        ({"LINES": 3}, {}, "a.IMG: cut off: 1030 bytes; by LINES and LINE_SAMPLES .* it has 1033"),
        ({}, {"^IMAGE": "'other.img'"}, "other.img: no such file; a.IMG says that the data are in it"),
        ({"SAMPLE_BITS": 7}, {}, "SAMPLE_TYPE = UNSIGNED_INTEGER of 7 bits; known are"),
        ({"SAMPLE_TYPE": "BOOLEAN"}, {}, "SAMPLE_TYPE = BOOLEAN of 8 bits; known are"),
        ({"BAND_STORAGE_TYPE": "SPIRAL"}, {}, "BAND_STORAGE_TYPE = SPIRAL; known are BAND_SEQUENTIAL"),
        ({"LINES": '"many"'}, {}, "IMAGE: LINES = many: right is a whole number, 1 or more"),
        ({"LINES": -1}, {}, "IMAGE: LINES = -1: right is a whole number, 1 or more"),
        ({"LINES": "(2, 3)"}, {}, r"IMAGE: LINES = \('2', '3'\): right is a whole number"),
        ({"LINE_SAMPLES": 0}, {}, "IMAGE: LINE_SAMPLES = 0: right is a whole number"),
        ({"LINE_PREFIX_BYTES": -1}, {}, "IMAGE: LINE_PREFIX_BYTES = -1: right is a whole number, 0 or more"),
        ({"SAMPLE_TYPE": "()"}, {}, r"SAMPLE_TYPE = \(\) of 8 bits; known are"),
        ({"BAND_STORAGE_TYPE": "()"}, {}, r"BAND_STORAGE_TYPE = \(\); known are"),
        ({}, {"^IMAGE": 0}, r"\^IMAGE = 0: right is the number of a record or a byte, a file, or both"),
        ({}, {"^IMAGE": "()"}, r"\^IMAGE = \(\): right is the number of a record"),
        ({}, {"^IMAGE": "('a.IMG', x)"}, r"\^IMAGE = \('a.IMG', 'x'\): right is the number of a record"),
    ],
)
def test_wrong_labels(simple, image, keywords, told):
    path = simple(image, **keywords)
    with pytest.raises((ValueError, OSError), match=told) as failure:
        pds3.Product(path).image()
    assert str(path.parent) in str(failure.value)


@pytest.mark.parametrize(
    ("objects", "keywords", "told"),
    [
        ([], {}, "a label without image; one of the objects IMAGE, QUBE, SPECTRAL_QUBE is needed"),
        (block("IMAGE", LINES=1), {"^IMAGE": "1 <BYTES>"}, "no LINE_SAMPLES"),
        (block("IMAGE", LINES=1, LINE_SAMPLES=1), {}, r"no \^IMAGE in the label"),
        (block("IMAGE", LINES=1, LINE_SAMPLES=1), {"^IMAGE": 3}, "no RECORD_BYTES"),
        (
            block("IMAGE", LINES=1, LINE_SAMPLES=1),
            {"^IMAGE": 3, "RECORD_BYTES": -1},
            "RECORD_BYTES = -1: right is a whole number, 1 or more",
        ),
        (block("QUBE", AXIS_NAME="(A, B, C)"), {"^QUBE": "1 <BYTES>"}, "the axes must be SAMPLE, LINE and BAND"),
        (
            block("QUBE", AXIS_NAME="(SAMPLE, LINE, BAND)", CORE_ITEMS="(3, 2)"),
            {"^QUBE": "1 <BYTES>"},
            r"QUBE: CORE_ITEMS = \('3', '2'\): right are 3 whole numbers",
        ),
        (
            block("QUBE", AXIS_NAME="(SAMPLE, LINE, BAND)", CORE_ITEMS="(3, 2, none)"),
            {"^QUBE": "1 <BYTES>"},
            "QUBE: CORE_ITEMS = .*: right is a whole number, 1 or more",
        ),
    ],
)
def test_incomplete_labels(tmp_path, objects, keywords, told):
    path = tmp_path / "a.LBL"
    path.write_bytes(label(objects, **keywords))
    with pytest.raises(ValueError, match=told) as failure:
        pds3.Product(path).image()
    assert str(path) in str(failure.value)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"LBLSIZE=3144  FORMAT='BYTE'  TYPE='IMAGE'"])
def test_foreign_files(tmp_path, content):
    path = tmp_path / "a.IMG"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.IMG: no PDS3 product: .* there is no a\.LBL beside it"):
        pds3.Product(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.IMG: no such file"):
        pds3.Product(tmp_path / "a.IMG")


@pytest.mark.parametrize("given", ["a.xml", "a.img"])
def test_pds4_is_named(tmp_path, given):
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><Product_Observational/>')
    (tmp_path / "a.img").write_bytes(bytes(20))
    with pytest.raises(ValueError, match=rf"{given}: PDS4, not read; right is a product of PDS3$"):
        pds3.Product(tmp_path / given)
