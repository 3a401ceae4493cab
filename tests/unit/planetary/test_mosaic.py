"""Mosaics of small projected cubes, and the resampling of small images."""

import numpy as np
import pytest

from darkroom.planetary.formats.cubes import Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import mosaic, projection, resample

TEMPLATE = {
    "ProjectionName": "SimpleCylindrical",
    "EquatorialRadius": 180 / np.pi * 1000,  # a degree is a kilometre
    "PolarRadius": 180 / np.pi * 1000,
    "LatitudeType": "Planetocentric",
    "LongitudeDirection": "PositiveEast",
    "LongitudeDomain": "360",
    "CenterLongitude": 0.0,
    "PixelResolution": 1000.0,
}
N = np.nan


def mapping(south, north, west, east, **changes):
    bounds = dict(zip(projection.RANGE, (south, north, west, east), strict=True))
    return projection.Mapping.from_template(TEMPLATE | bounds | changes)


@pytest.fixture
def cube(tmp_path):
    """`cube(values, north, west, codes=None)`: a projected cube of one band."""

    def made(values, north, west, codes=None, name=None, **changes):
        values = np.array(values, "f4")[None]
        lines, samples = values.shape[1:]
        group = mapping(north - lines, north, west, west + samples, **changes).group()
        path = tmp_path / (name or f"{len(list(tmp_path.iterdir()))}.cub")
        blocks = [(values, None if codes is None else np.array(codes, "u1")[None])]
        write_cube(path, Image(1, lines, samples, "f4", {"Mapping": group}, blocks))
        return Cube(path)

    return made


def merged(cubes, priority, **options):
    """A whole mosaic with NaN for what is special, its codes, its map."""
    whole, placed = mosaic.place(cubes)
    blocks = list(mosaic.merge(placed, whole.lines, whole.samples, priority, **options))
    values, codes = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    return np.where(codes == 0, values, np.nan), codes, whole


@pytest.mark.parametrize(
    "priority, expected",
    [
        ("ontop", [[1, 2, N, N], [3, 10, 20, N], [N, 30, 40, N]]),
        ("beneath", [[1, 2, N, N], [3, 4, 20, N], [N, 30, 40, N]]),
        ("average", [[1, 2, N, N], [3, 7, 20, N], [N, 30, 40, N]]),
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 512])
def test_what_wins(cube, priority, expected, rows):
    cubes = [cube([[1, 2], [3, 4]], 50, 10), cube([[10, 20, N], [30, 40, N]], 49, 11)]
    values, _, whole = merged(cubes, priority, rows=rows)
    assert (whole.left, whole.top, whole.lines, whole.samples) == (10e3, 50e3, 3, 4)
    assert whole.bounds == (47, 50, 10, 14)
    assert np.array_equal(values[0], expected, equal_nan=True)
    if priority == "average":
        assert np.array_equal(values[1], [[1, 1, N, N], [1, 2, 1, N], [N, 1, 1, N]], equal_nan=True)


@pytest.mark.parametrize(
    "priority, expected", [("ontop", [0, 0, 4, 2]), ("beneath", [0, 4, 4, 2]), ("average", [0, 0, 4, 2])]
)
def test_saturated_pixels_yield_to_valid_ones_only(cube, priority, expected):
    """First and second cube: valid and HRS-like code 4, 4 and valid, 4 and 2, NULL and 2."""
    cubes = [cube([[5, 0, 0, 0]], 50, 10, [[0, 4, 4, 1]]), cube([[0, 6, 0, 0]], 50, 10, [[4, 0, 2, 2]])]
    assert merged(cubes, priority)[1][0, 0].tolist() == expected


def test_grids_between_pixels_are_refused(cube):
    first, second = cube([[1, 2]], 50, 10, name="a.cub"), cube([[1, 2]], 50, 10, name="b.cub")
    second.groups["Mapping"]["UpperLeftCornerX"] = "10400.0"
    with pytest.raises(
        ValueError, match=r"b\.cub: UpperLeftCornerX is 0\.40 pixels from .* project it to the map of .*a\.cub"
    ):
        mosaic.place([first, second])


def test_a_cube_of_another_map_is_refused(cube):
    cubes = [cube([[1, 2]], 50, 10, name="a.cub"), cube([[1, 2]], 50, 10, name="b.cub", PixelResolution=500.0)]
    with pytest.raises(ValueError, match=r"b\.cub: PixelResolution = 500\.0 differs from 1000\.0 of .*a\.cub"):
        mosaic.place(cubes)


def test_a_cube_that_is_no_map_is_named(tmp_path):
    write_cube(tmp_path / "raw.cub", Image(1, 1, 1, "f4", {}, [(np.zeros((1, 1, 1)), None)]))
    with pytest.raises(ValueError, match=r"raw\.cub: no group Mapping; the cube is not projected"):
        mosaic.place([Cube(tmp_path / "raw.cub")])


class Plate:
    """A camera whose pixels are degrees: sample = longitude, line = 90 - latitude, moved by parts of a pixel."""

    terrain, precision = None, 0.0

    def __init__(self, shape, right=0.0, down=0.0):
        (self.lines, self.samples), self.right, self.down = shape, right, down

    def image(self, latitude, longitude, near=None):
        return np.broadcast_arrays(longitude + self.right, 90 - latitude + self.down)

    def piece(self, line):
        return np.zeros(line.shape)


def projected(image, codes, interpolation, right=0.0, down=0.0):
    """An image on a map whose pixel centres are its own, moved."""
    lines, samples = image.shape
    plate = Plate(image.shape, right, down)
    whole = mapping(90 - lines - 0.5, 89.5, 0.5, samples + 0.5)
    # The corner of the map is half a pixel off the grid of whole pixels.
    whole = projection.replace(whole, left=500.0, top=89500.0, lines=lines, samples=samples)

    def read(first, count):
        return image[first : first + count], None if codes is None else codes[first : first + count]

    blocks = list(resample.project(read, plate, whole, interpolation, rows=7))
    values, coded = (np.concatenate(parts, axis=1)[0] for parts in zip(*blocks, strict=True))
    return values, coded


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "cubic"])
def test_an_image_on_its_own_grid_is_itself(interpolation):
    image = np.random.default_rng(0).random((40, 33)).astype("f4")
    codes = np.zeros(image.shape, "u1")
    codes[5, 7], codes[39, 32] = 4, 1
    values, coded = projected(image, codes, interpolation)
    assert np.array_equal(coded, codes)
    assert np.allclose(values[codes == 0], image[codes == 0], atol=1e-4)


@pytest.mark.parametrize("interpolation, right, down", [("bilinear", 0.3, 0.6), ("cubic", 0.5, 0.5)])
def test_planes_are_kept_between_pixels(interpolation, right, down):
    """Where the window is whole; ISIS's cubic (a = -1) keeps a plane half way between pixels, not everywhere."""
    y, x = np.mgrid[:30, :40].astype("f4")
    values, coded = projected(2 * x + 3 * y, None, interpolation, right, down)
    inner = np.s_[3:-3, 3:-3]
    assert np.allclose(values[inner], (2 * (x + right) + 3 * (y + down))[inner], atol=1e-3)
    assert (coded[-1] == 1).all() and (coded[:-1, :-1] == 0).all()  # the last line is nearer to what lies beyond


def test_cubic_convolution_overshoots_as_published():
    """Half way between 0 and 1 of a step the weights are -1/8, 5/8, 5/8, -1/8; beside it 1/8 too much."""
    values, _ = projected(np.tile(np.repeat([0.0, 1.0], 8), (16, 1)).astype("f4"), None, "cubic", right=0.5)
    assert values[8, 5:10] == pytest.approx([0.0, -0.125, 0.5, 1.125, 1.0], abs=1e-4)


def test_a_special_pixel_makes_its_neighbours_nearest():
    """ISIS's rule: with one in the window the next simpler interpolation is used."""
    image, codes = np.tile(np.arange(9, dtype="f4"), (9, 1)), np.zeros((9, 9), "u1")
    codes[4, 4] = 2
    values, coded = projected(image, codes, "bilinear", right=0.25)
    assert coded[4].tolist() == [0, 0, 0, 0, 2, 0, 0, 0, 0]
    assert values[4, [2, 3, 5]].tolist() == [2.25, 3.0, 5.25]
    assert values[3, 3:5].tolist() == [3.0, 4.0]


def test_an_unknown_interpolation():
    with pytest.raises(ValueError, match="interpolation 'spline': must be one of nearest, bilinear, cubic"):
        next(resample.project(None, Plate((1, 1)), mapping(0, 1, 0, 1), "spline"))


def test_an_unknown_priority():
    with pytest.raises(ValueError, match="priority 'best': must be one of ontop, beneath, average"):
        next(mosaic.merge([], 1, 1, "best"))
