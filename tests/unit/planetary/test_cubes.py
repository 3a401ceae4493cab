"""Cubes written here and read by GDAL, and cubes that GDAL wrote read here."""

import numpy as np
import pytest
import rasterio

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.formats.cubes import SPECIAL

GROUPS = {
    "Instrument": {"InstrumentId": "MDIS-NAC", "ExposureDuration": pvl.Quantity("1", "MS")},
    "Archive": {"ProductId": "EN1072174528M"},
    "BandBin": {"Center": "747.7"},
    "Kernels": {"NaifIkCode": "-236820"},
}
# Special pixels of each type (ISIS, SpecialPixel.h): NULL, LRS, LIS, HIS, HRS.
PATTERNS = {
    "f4": [0xFF7FFFFB, 0xFF7FFFFC, 0xFF7FFFFD, 0xFF7FFFFE, 0xFF7FFFFF],
    "i2": [-32768, -32767, -32766, -32765, -32764],
    "u2": [0, 1, 2, 65534, 65535],
    "u1": [0, 0, 0, 255, 255],
}


def image(values, codes=None, rows=3, **more):
    """A cube's content whose blocks have a few lines each."""
    bands, lines, samples = values.shape
    blocks = [
        (values[:, at : at + rows], None if codes is None else codes[:, at : at + rows]) for at in range(0, lines, rows)
    ]
    return cubes.Image(bands, lines, samples, more.pop("dtype", "f4"), GROUPS, blocks, **more)


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(3, 250, (2, 7, 5)).astype("f8")


@pytest.mark.parametrize("dtype", PATTERNS)
def test_gdal_reads_pixels_and_masks(tmp_path, values, dtype):
    path = tmp_path / "a.cub"
    codes = np.zeros(values.shape, "u1")
    codes[:, 2, :] = list(SPECIAL.values())
    cubes.write(path, image(values, codes, dtype=dtype))
    with rasterio.open(path) as cube:
        read, valid = cube.read(), cube.read_masks() > 0
    assert np.array_equal(read[codes == 0], values[codes == 0])
    assert np.array_equal(valid, codes == 0) or dtype == "u1"  # GDAL knows one of the two of a byte
    stored = read[0, 2].view("u4") if dtype == "f4" else read[0, 2]
    assert stored.tolist() == PATTERNS[dtype]


@pytest.mark.parametrize("dtype", PATTERNS)
def test_values_and_codes_come_back(tmp_path, values, dtype):
    path = tmp_path / "a.cub"
    codes = np.zeros(values.shape, "u1")
    codes[:, 0, :2] = SPECIAL["NULL"], SPECIAL["HRS"]
    cubes.write(path, image(values, codes, dtype=dtype, base=10.0, multiplier=0.5))
    read, read_codes = cubes.Cube(path).read(band=2)
    assert np.array_equal(read_codes, codes[1])
    assert np.array_equal(np.isnan(read), codes[1] != 0)
    assert np.array_equal(read[read_codes == 0], values[1][read_codes == 0] * 0.5 + 10)


def test_integers_are_rounded_and_saturated(tmp_path):
    path = tmp_path / "a.cub"
    cubes.write(path, image(np.array([[[1.4, 1.5, -40000.0, 40000.0, np.nan]]]), dtype="i2"))
    read, codes = cubes.Cube(path).read()
    assert read[0, :2].tolist() == [1, 2]
    assert codes[0].tolist() == [0, 0, SPECIAL["LRS"], SPECIAL["HRS"], SPECIAL["NULL"]]


def test_label_tables_and_original_come_back(tmp_path, values):
    path = tmp_path / "a.cub"
    records = np.zeros(3, [("Time", "<f8"), ("Dark", "<i4", (4,)), ("Name", "S6")])
    records["Time"], records["Dark"], records["Name"] = [1.5, 2.5, 3.5], 7, b"abc"
    table = cubes.Table("Some Table", records, {"Association": "Lines"})
    cubes.write(path, image(values, tables=[table], original=b"PDS_VERSION_ID = PDS3\r\nEND\r\n"))
    cube = cubes.Cube(path)
    assert [(name, dict(group.items())) for name, group in cube.groups.items()] == list(GROUPS.items())
    read = cube.table("Some Table")
    assert read.records.tobytes() == records.tobytes()
    assert read.keywords["Association"] == "Lines"
    place = cube.label["OriginalLabel"]
    start = int(place["StartByte"]) - 1
    assert path.read_bytes()[start : start + int(place["Bytes"])].startswith(b"PDS_VERSION_ID = PDS3")
    with pytest.raises(KeyError, match="Some Table"):
        cube.table("Another")


@pytest.mark.parametrize(
    "options", [{}, {"TILED": "YES", "BLOCKXSIZE": 4, "BLOCKYSIZE": 3}, {"DATA_LOCATION": "EXTERNAL"}]
)
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint16", "uint8"])
def test_cubes_of_gdal(tmp_path, values, options, dtype):
    """Tiled and in lines, label attached and detached."""
    path = tmp_path / ("a.lbl" if "DATA_LOCATION" in options else "a.cub")
    profile = {"width": 5, "height": 7, "count": 2, "dtype": dtype, "driver": "ISIS3"}
    with rasterio.open(path, "w", **profile, **options) as cube:
        cube.write(values.astype(dtype))
    cube = cubes.Cube(path)
    assert (cube.bands, cube.lines, cube.samples) == (2, 7, 5)
    for band in (1, 2):
        assert np.array_equal(cube.read(band=band)[0], values[band - 1])
        assert np.array_equal(cube.read(2, 3, band)[0], values[band - 1, 2:5])


def test_same_bytes_for_the_same_image(tmp_path, values):
    for name in ("a.cub", "b.cub"):
        cubes.write(tmp_path / name, image(values))
    assert (tmp_path / "a.cub").read_bytes() == (tmp_path / "b.cub").read_bytes()


@pytest.mark.parametrize("lines", [6, 8])
def test_a_wrong_number_of_lines_leaves_nothing(tmp_path, values, lines):
    wrong = image(values)
    wrong.lines = lines
    with pytest.raises(ValueError, match=str(tmp_path)):
        cubes.write(tmp_path / "a.cub", wrong)
    assert not list(tmp_path.iterdir())


def test_a_cut_cube_is_refused(tmp_path, values):
    path = tmp_path / "a.cub"
    cubes.write(path, image(values))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut off"):
        cubes.Cube(path)


def test_a_cube_that_ends_before_its_table(tmp_path, values):
    path = tmp_path / "a.cub"
    table = cubes.Table("Places", np.array([(1.0,), (2.0,)], [("X", "<f8")]))
    cubes.write(path, image(values, tables=[table]))
    assert cubes.Cube(path).table("Places").records["X"].tolist() == [1, 2]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"a\.cub: cut off: .* for Table"):
        cubes.Cube(path)
