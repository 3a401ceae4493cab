"""Ingest of real raw images: pixels and labels against what USGS ISIS makes of the same files.

Numbers: ISIS's own functional tests (FunctionalTestsLronac2isis and so on) and `stats` of ISIS 8.3 runs.
"""

import re

import numpy as np
import pytest

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments.ingest import image as ingested_image

GROUPS = ("Instrument", "Archive", "BandBin", "Kernels")
MDIS = ("EN1072174528M", "EW0217229464G")


@pytest.fixture
def ingest(samples, tmp_path):
    """`ingest(path in the samples, part, **options)`: the cube that is made."""

    def made(name, part="", **options):
        path = tmp_path / "ingested.cub"
        cubes.write(path, ingested_image(samples / "planetary" / name, part, options))
        return cubes.Cube(path)

    return made


def statistics(cube, band=1):
    """Number, sum and standard deviation of the valid pixels, as ISIS's `stats` counts them."""
    values, _ = cube.read(band=band)
    valid = values[~np.isnan(values)]
    return valid.size, valid.sum(), valid.std(ddof=1)


def assert_same_label(cube, truth):
    """Every keyword of the groups: same name, value, unit and place."""
    for name in GROUPS:
        assert cube.groups[name].items() == truth[name].items(), name


@pytest.mark.parametrize(
    ("name", "options", "dtype", "number", "total", "deviation"),
    [
        ("lronac/nacl.img", {}, "f4", 50640, 7924526, 36.500101257155755),
        ("hirise/PSP_001446_1790_BG12_0.IMG", {}, "i2", 1280000, 6872659295, 130.71538),
        ("hirise/PSP_001446_1790_BG12_0.IMG", {"unlut": False}, "i2", 1280000, 219270783, 4.623223),
        ("ciss/W1472855646_5.cropped.lbl", {}, "i2", 10240, 726169, None),
        ("hrsc/h0279_0000_re2_cropped.img", {}, "f4", 6440, 409993, 6.36599),
        ("moc/ab102401_cropped.img", {}, "u1", 3200, 261065, None),
        ("isis_truth/mdis/EN1072174528M.IMG", {}, "f4", 262132, 110312737, 55.075090053915),
        ("isis_truth/mdis/EN1072174528M.IMG", {"unlut": False}, "f4", 262144, 21848509, 12.215996947744),
        ("isis_truth/mdis/EW0217229464G.IMG", {}, "f4", 262106, 358713630, 296.55158171158),
        ("isis_truth/ctx/B10_013341_1010_XN_79S172W.IMG", {}, "i2", 639995, 367302056, 86.051371209514),
    ],
)
def test_statistics(ingest, name, options, dtype, number, total, deviation):
    cube = ingest(name, **options)
    assert cube.dtype == dtype
    figures = statistics(cube)
    assert figures[:2] == (number, total)
    assert deviation is None or figures[2] == pytest.approx(deviation, rel=1e-5)


@pytest.mark.parametrize(
    ("band", "total"),
    [
        (1, 0.023804268421372),
        (2, 0.02315168234054),
        (3, 0.026568852219498),
        (4, 0.025489369785646),
        (5, 0.02852546799113),
        (6, 0.02935041746241),
        (7, 0.031491022440605),
        (8, 0.032817195809912),
        (9, 0.030848293972667),
        (10, 0.0088385892304359),
    ],
)
def test_themis_infrared(ingest, band, total):
    """Every band has a base and a multiplier of its own."""
    number, summed, _ = statistics(ingest("themis/I00831002RDR_cropped.QUB"), band)
    assert number == 50
    assert summed == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "truth", "options"),
    [
        *((f"isis_truth/mdis/{name}.IMG", f"mdis/labels/{name}.mdis2isis.pvl", {}) for name in MDIS),
        *(
            (f"isis_truth/mdis/{name}.IMG", f"mdis/labels/{name}.mdis2isis.nounlut.pvl", {"unlut": False})
            for name in MDIS
        ),
        ("isis_truth/ctx/B10_013341_1010_XN_79S172W.IMG", "ctx/lev0.pvl", {}),
        ("lronac/nacl.img", "ingest/nacl.pvl", {}),
        ("hirise/PSP_001446_1790_BG12_0.IMG", "ingest/BG12_unlut.pvl", {}),
        ("hirise/PSP_001446_1790_BG12_0.IMG", "ingest/BG12_lut.pvl", {"unlut": False}),
        ("ciss/W1472855646_5.cropped.lbl", "ingest/W1472855646.pvl", {}),
        ("ciss/W1472855646_5.cropped.img", "ingest/W1472855646.pvl", {}),
        ("hrsc/h0279_0000_re2_cropped.img", "ingest/h0279_re2.pvl", {}),
        ("themis/I00831002RDR_cropped.QUB", "ingest/I00831002RDR.pvl", {}),
    ],
)
def test_labels(ingest, samples, name, truth, options):
    """All keywords, and of each table its name, number of records and fields."""
    cube, label = ingest(name, **options), pvl.load(samples / "planetary/isis_truth" / truth)
    assert_same_label(cube, label["IsisCube"])
    ours, theirs = ({table["Name"]: table for table in one.all("Table")} for one in (cube.label, label))
    assert ours.keys() == theirs.keys()
    for table, expected in theirs.items():
        for key in ("Records", "Bytes", "Association"):
            assert ours[table].get(key) == expected.get(key)
        assert ours[table].all("Field") == expected.all("Field")


def test_label_of_the_real_frame(samples, tmp_path):
    """MDIS: the label that ISIS made of a real EDR, whose pixels are not here: zeros stand for them."""
    folder = samples / "planetary/messenger"
    path = tmp_path / "EN1072174528M.IMG"
    text = (folder / "EN1072174528M_pds3.lbl").read_bytes()
    text = re.sub(rb"(?m)^ +| +(?==)", b"", text)  # written anew with more blanks than there is room for
    path.write_bytes(text.ljust(14 * 512) + bytes(512 * 512))
    groups = ingested_image(path).groups
    truth = pvl.load(folder / "EN1072174528M_isis3.lbl")["IsisCube"]
    for name in GROUPS:
        made = {key: value if isinstance(value, tuple) else str(value) for key, value in groups[name].items()}
        assert list(made.items()) == truth[name].items(), name


@pytest.mark.parametrize("name", MDIS)
def test_mdis_pixels(ingest, samples, name):
    """Bit patterns of a crop, special pixels and all."""
    expected = np.fromfile(samples / f"planetary/isis_truth/mdis/crops/{name}.unlut.f32", "<u4").reshape(64, 64)
    raw = ingest(f"isis_truth/mdis/{name}.IMG").raw(96, 64)[:, 200:264]
    assert np.array_equal(np.ascontiguousarray(raw).view("<u4"), expected)


def test_ctx_pixels(ingest, samples):
    """A crop, NULL included: the truth has the stored numbers as floats."""
    expected = np.fromfile(samples / "planetary/isis_truth/ctx/lev0.l20s2000.64x64.f32", "<f4").reshape(64, 64)
    cube = ingest("isis_truth/ctx/B10_013341_1010_XN_79S172W.IMG")
    assert np.array_equal(cube.raw(20, 64)[:, 2000:2064], expected)


def test_ctx_look_up_table(ingest, samples):
    """The published formula has the numbers of ISIS's file."""
    name = "isis_truth/ctx/B10_013341_1010_XN_79S172W.IMG"
    by_formula = ingest(name).raw().copy()
    table = samples / "planetary/isis_truth/ctx/ctxsqroot_001.lut"
    assert np.array_equal(ingest(name, lut=table).raw(), by_formula)


def test_cassini_table_needs_its_file(samples, tmp_path):
    """A real label of an 8-bit image that was made by look-up; the camera's own table is not public here."""
    text = (samples / "planetary/ciss/W1472855646_5.cropped.lbl").read_text().replace("'12BIT'", "TABLE")
    (tmp_path / "a.lbl").write_text(text)
    (tmp_path / "W1472855646_5.cropped.img").symlink_to(samples / "planetary/ciss/W1472855646_5.cropped.img")
    with pytest.raises(ValueError, match=r"a\.lbl: DATA_CONVERSION_TYPE = TABLE needs the option lut"):
        ingested_image(tmp_path / "a.lbl")
