"""Seams of mosaics: images made equal by their overlaps, feathered edges, colour images of three filters."""

import itertools
import json

import imagecodecs
import numpy as np
import pytest
import rasterio

from darkroom.planetary.engines import native
from darkroom.planetary.formats import cog, pvl
from darkroom.planetary.formats.cubes import HIS, NULL, Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import equalize, mosaic, projection
from planetary_convert import planetary_convert
from planetary_merge import planetary_merge
from planetary_plot import planetary_plot

DEGREE = 180 / np.pi * 1000  # a radius of which a degree is a kilometre
MAP = {
    "ProjectionName": "SimpleCylindrical",
    "TargetName": "Moon",
    "EquatorialRadius": DEGREE,
    "PolarRadius": DEGREE,
    "LatitudeType": "Planetocentric",
    "LongitudeDirection": "PositiveEast",
    "LongitudeDomain": "360",
    "CenterLongitude": 0.0,
    "PixelResolution": 1000.0,
}
INSTRUMENT = {
    "Instrument": {"SpacecraftName": "X", "InstrumentId": "Y", "TargetName": "Moon", "StartTime": "2001-01-01T00:00:00"}
}
ONTOP = {"engine": "native", "priority": "ontop"}
BOTH = {"adjust": "both", "weighted": False, "least": 10}


@pytest.fixture
def cube(tmp_path):
    """`cube(name, values, north, west, codes)`: a projected cube, a degree a pixel."""

    def made(name, values, north, west, codes=None, filter_name="CLEAR"):
        values = np.array(values, "f4")[None]
        lines, samples = values.shape[1:]
        bounds = dict(zip(projection.RANGE, (north - lines, north, west, west + samples), strict=True))
        groups = INSTRUMENT | {
            "BandBin": pvl.Block({"FilterName": filter_name, "Center": pvl.Quantity("500", "nm")}, "Group"),
            "Mapping": projection.Mapping.from_template(MAP | bounds).group(),
        }
        path = tmp_path / f"projected.{name}.cub"
        write_cube(path, Image(1, lines, samples, "f4", groups, [(values, None if codes is None else codes[None])]))
        return path

    return made


@pytest.fixture
def three(cube):
    """Three images of one ground, each with a brightness and contrast of its own, and a hole; and what they show."""
    ground = np.random.default_rng(5).normal(100, 20, (60, 90))
    windows = {"a": (0, 0, 40, 50), "b": (10, 30, 50, 50), "c": (5, 60, 45, 30)}
    changes = {"a": (1.0, 0.0), "b": (1.5, -20.0), "c": (0.7, 12.0)}
    shown = {}
    for name, (line, sample, lines, samples) in windows.items():
        gain, offset = changes[name]
        part = ground[line : line + lines, sample : sample + samples] * gain + offset
        codes = np.zeros(part.shape, "u1")
        codes[3:6, 4:9] = NULL
        cube(name, part, 80 - line, 100 + sample, codes)
        shown[name] = np.full(ground.shape, np.nan)
        seen = np.where(codes == 0, part.astype("f4"), np.nan)
        shown[name][line : line + lines, sample : sample + samples] = seen
    return shown


def adjusted(folder, shown, **options):
    placed = mosaic.place([Cube(folder / f"projected.{name}.cub") for name in shown])[1]
    return equalize.adjustments(placed, **options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("held", [(), (1,)])
def test_gains_and_offsets_are_those_of_the_normal_equations(tmp_path, three, weighted, held, monkeypatch):
    """Solved here by another way, from statistics of whole arrays."""
    monkeypatch.setattr(equalize, "PIXELS", 500)
    rows, differences, ratios, weights = [], [], [], []
    for (i, one), (j, other) in itertools.combinations(enumerate(three.values()), 2):
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() < 10:
            continue
        rows.append([(n == i) - (n == j) for n in range(3)])
        differences.append(other[both].mean() - one[both].mean())
        ratios.append(np.log(other[both].std(ddof=1) / one[both].std(ddof=1)))
        weights.append(both.sum() if weighted else 1)
    matrix = np.array(rows, float)[:, [n for n in range(3) if n not in held]]
    normal = np.linalg.pinv(matrix.T * weights @ matrix) @ (matrix.T * weights)
    gains, offsets = (np.insert(normal @ values, held, 0.0) for values in (ratios, differences))
    made = adjusted(tmp_path, three, adjust="both", weighted=weighted, least=10, held=held)
    for number, (each, values) in enumerate(zip(made, three.values(), strict=True)):
        assert each.gain == pytest.approx([np.exp(gains[number])])
        assert each.offset == pytest.approx([offsets[number]], abs=1e-9)
        assert each.mean == pytest.approx([np.nanmean(values)])


def test_an_equalized_mosaic_has_no_seams(tmp_path, three):
    """Of images that differ by their contrast alone around their means, or by their brightness alone."""
    made = adjusted(tmp_path, three, adjust="both", least=10, held=(0,))
    change = [float(each.gain[0]) for each in made]
    assert change == pytest.approx([1, 1 / 1.5, 1 / 0.7], rel=1e-3)
    levels = [
        (each.of(values, 1)[np.isfinite(three["b"]) & np.isfinite(values)]).mean()
        for each, values in zip(made, three.values(), strict=True)
    ]
    before = [np.nanmean(values[np.isfinite(three["b"])]) for values in three.values()]
    assert np.ptp(levels) < 0.2 * np.ptp(before)


@pytest.mark.parametrize(("adjust", "gains", "offsets"), [("offsets", False, True), ("gains", True, False)])
def test_only_what_is_asked_for_is_changed(tmp_path, three, adjust, gains, offsets):
    made = adjusted(tmp_path, three, adjust=adjust, least=10)
    assert any(each.gain[0] != 1 for each in made) == gains
    assert any(each.offset[0] != 0 for each in made) == offsets


def test_an_image_without_overlap_is_named(tmp_path, cube, three):
    cube("far", np.ones((5, 5)), 0, 300)
    with pytest.raises(
        ValueError, match=r"projected\.far\.cub: overlaps no other image of the mosaic in 10 pixels or more"
    ):
        adjusted(tmp_path, [*three, "far"], adjust="both", least=10)


def test_overlaps_without_contrast_leave_the_contrast(tmp_path, cube):
    cube("a", np.full((10, 10), 4.0), 10, 10)
    cube("b", np.full((10, 10), 6.0), 10, 15)
    made = adjusted(tmp_path, ["a", "b"], adjust="both", least=10)
    assert [float(each.gain[0]) for each in made] == pytest.approx([1, 1])
    assert [float(each.offset[0]) for each in made] == pytest.approx([1, -1])


def test_what_was_done_is_in_the_mosaic(tmp_path, three):
    asked = {"engine": "native", "priority": "ontop", "feather": 3, "equalize": BOTH | {"held": ["projected.a.cub"]}}
    cubes = [tmp_path / f"projected.{name}.cub" for name in three]
    planetary_merge(cubes, tmp_path / "mosaic.cub", asked)
    first, second, third, last = Cube(tmp_path / "mosaic.cub").groups["Darkroom"]["Done"]
    assert first == "equalized projected.a.cub: gain 1, offset 0"
    assert second.startswith("equalized projected.b.cub: gain 0.66") and third.startswith("equalized projected.c.cub")
    assert last == "edges of images feathered by 3 pixels"


def merged(paths, priority, feather, rows=None):
    whole, placed = mosaic.place([Cube(path) for path in paths])
    blocks = list(mosaic.merge(placed, whole.lines, whole.samples, priority, feather, rows))
    values, codes = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    return np.where(codes == 0, values, np.nan), codes


@pytest.mark.parametrize("rows", [None, 1, 3])
def test_an_image_fades_into_what_is_beneath(cube, rows):
    """From its edge inwards, in as many steps as the feather has pixels; where nothing is beneath, it does not."""
    beneath, above = cube("a", np.zeros((9, 12)), 9, 10), cube("b", np.ones((9, 12)), 9, 16)
    values, _ = merged([beneath, above], "ontop", 3, rows)
    assert values[0, 4].tolist() == pytest.approx([0] * 6 + [0.25, 0.5, 0.75, 1, 1, 1] + [1] * 6)
    assert values[0, 0].tolist() == pytest.approx([0] * 6 + [0.25] * 6 + [1] * 6)
    under, _ = merged([above, beneath], "beneath", 3, rows)
    assert np.array_equal(under, values)


def test_an_average_is_weighted_by_the_distance_from_the_edge(cube):
    first, second = cube("a", np.zeros((9, 12)), 9, 10), cube("b", np.ones((9, 12)), 9, 16)
    values, _ = merged([first, second], "average", 3)
    to_right = np.minimum(np.arange(6, 0, -1), 4)
    assert values[0, 4, 6:12] == pytest.approx(to_right[::-1] / (to_right + to_right[::-1]))
    assert values[1, 4].tolist() == [1] * 6 + [2] * 6 + [1] * 6


def test_a_saturated_pixel_is_no_edge(cube):
    """But what an image does not show is."""
    codes = np.zeros((15, 15), "u1")
    codes[4, 7], codes[10, 7] = HIS, NULL
    beneath, above = cube("a", np.zeros((15, 15)), 15, 10), cube("b", np.ones((15, 15)), 15, 10, codes)
    values, made = merged([beneath, above], "ontop", 1)
    assert values[0, 4, 6] == 1 and values[0, 10, 6] == 0.5 and values[0, 10, 7] == 0
    assert made[0, 4, 7] == 0  # ISIS: what is valid beneath stays


def test_three_filters_are_a_colour_image(tmp_path, cube):
    """On the grid of all, each a band with its own filter, as GDAL and a PNG reader see it."""
    ramp = np.arange(120.0).reshape(10, 12)
    paths = [
        cube(name, ramp + 5 * n, 10, 10 + n, filter_name=name.upper())
        for n, name in enumerate(("red", "green", "blue"))
    ]
    folder = tmp_path / "sky"
    folder.mkdir()
    planetary_merge(paths, folder / "colour.cub", {"engine": "native", "priority": "ontop", "colours": True})
    made = Cube(folder / "colour.cub")
    assert made.groups["BandBin"]["FilterName"] == ("RED", "GREEN", "BLUE")
    cog.write(made.path, folder / "colour.tif", {})
    with rasterio.open(folder / "colour.tif") as image:
        assert image.shape == (10, 14) and image.count == 3
        assert [interpretation.name for interpretation in image.colorinterp] == ["red", "green", "blue"]
        for band in range(3):
            seen = image.read(band + 1, masked=True)
            assert np.array_equal(seen[:, band : band + 12].data, ramp + 5 * band)
            assert seen.mask.sum() == 20
    outputs = {"previews": ["preview.png"], "stac": ["item.json"], "records": ["planetary.json"]}
    inputs = {"cubes": [made.path], "images": [folder / "colour.tif"]}
    planetary_plot(**inputs, **{key: [folder / name for name in names] for key, names in outputs.items()})
    picture = imagecodecs.png_decode((folder / "preview.png").read_bytes())
    assert picture.shape == (10, 14, 3)
    assert picture[0, 0].tolist() == [1, 0, 0] and picture[9, 13].tolist() == [0, 0, 255]


def test_different_filters_make_no_mosaic(cube):
    first, second = cube("a", np.ones((5, 5)), 5, 10), cube("b", np.ones((5, 5)), 5, 12, filter_name="RED")
    with pytest.raises(ValueError, match="images of different filters make no mosaic"):
        native.merge([first, second], first.with_name("m.cub"), "ontop", {})


def test_a_map_that_shows_nothing_is_none(cube, tmp_path):
    """As of a template whose range is beside its image."""
    empty = cube("a", np.zeros((4, 5)), 10, 20, np.full((4, 5), NULL, "u1"))
    with pytest.raises(ValueError, match=r"nothing of its images: it is of latitudes 6 to 10 and longitudes 20 to 25"):
        planetary_merge([empty], tmp_path / "map.cub", ONTOP, [empty])
    assert not (tmp_path / "map.cub").exists()


def test_of_several_maps_one_may_show_nothing(cube, tmp_path, monkeypatch):
    """It is empty and says so; footprint and preview are those of another one, whatever their order."""
    monkeypatch.setattr("darkroom.planetary.formats.cubes.BLOCK", 10)
    empty = [cube(f"uv.{name}", np.zeros((4, 5)), 10, 20, np.full((4, 5), NULL, "u1")) for name in ("even", "odd")]
    codes = np.full((4, 5), NULL, "u1")
    codes[3] = 0
    seen = cube("vis.even", np.arange(20).reshape(4, 5), 10, 20, codes)
    maps = [tmp_path / "map.uv.cub", tmp_path / "map.vis.cub"]
    planetary_merge(empty, maps[0], ONTOP, [seen])
    planetary_merge([seen], maps[1], ONTOP, empty)
    images = [path.with_suffix(".tif") for path in maps]
    planetary_convert(cubes=maps, images=images)
    outputs = {"previews": ["preview.png"], "stac": ["item.json"], "records": ["planetary.json"]}
    planetary_plot(cubes=maps, images=images, **{key: [tmp_path / name] for key, [name] in outputs.items()})
    told = "map.uv: empty, nothing of its images is in the range of the map"
    record, item = (json.loads((tmp_path / name).read_text()) for name in ("planetary.json", "item.json"))
    assert record["skipped"] == [told]
    assert item["bbox"] == [20, 6, 25, 7]
    assert imagecodecs.png_decode((tmp_path / "preview.png").read_bytes()).any()
    with rasterio.open(images[0]) as image:
        assert image.tags()["SKIPPED"] == told
        assert image.read(1, masked=True).mask.all()


def test_an_image_beside_the_range_of_a_mosaic_is_left_out_with_a_note(cube, tmp_path):
    near, far = cube("near", np.full((4, 5), 7), 10, 20), cube("far", np.full((4, 5), 9), 40, 20)
    grid = projection.Mapping.from_template(MAP | dict(zip(projection.RANGE, (6, 10, 20, 25), strict=True))).group()
    projected = [tmp_path / f"projected.{path.name}" for path in (near, far)]
    for path, made in zip((near, far), projected, strict=True):
        native.project(path, grid, made, {"interpolation": "nearest", "may_miss": True})
    planetary_merge(projected, tmp_path / "mosaic.cub", ONTOP)
    mosaic = Cube(tmp_path / "mosaic.cub")
    values, codes = mosaic.read(0, 4)
    assert values.shape == (4, 5) and np.all(values == 7) and codes is None
    (told,) = mosaic.groups["Darkroom"]["Skipped"]
    assert "far: the image lies outside the map: it shows latitudes 36 to 40" in told
    with pytest.raises(projection.OutsideError):
        native.project(far, grid, projected[1], {"interpolation": "nearest", "may_miss": False})
