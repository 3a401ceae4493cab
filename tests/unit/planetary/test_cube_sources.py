"""Cubes of ISIS as sources: any level, with the geometry that they have."""

import numpy as np
import pytest

from darkroom import inventory
from darkroom.planetary.engines import native
from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry import placed, projection
from darkroom.planetary.instruments import calibrate
from darkroom.samples import planetary as sample
from planetary_calibrate import planetary_calibrate
from planetary_detect_range import planetary_detect_range
from planetary_import import planetary_import
from planetary_import_geometry import attach, planetary_import_geometry

ASKED = {"recipe": "cube", "engine": "native", "calibration": {}}
MAP = {"template": "", "projection": "sinusoidal", "latitude_type": "planetocentric", "resolution": 100, "largest": 50}


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """A frame of the demo with geometry: level 0 (`raw.cub`) and level 1 (`level1.cub`)."""
    folder = tmp_path_factory.mktemp("frame")
    sample.mdis(folder)
    name = sample.MDIS_NAMES[0]
    asked = {"recipe": "mdis", "title": "MDIS", "label": {}, "part": "", "ingest": {}, "calibrate": True}
    native.import_image(folder / f"{name}.IMG", folder / "ingested.cub", asked)
    attach(folder / "ingested.cub", next(folder.glob(f"{name}*.json")), folder / "raw.cub")
    calibrate.write(folder / "raw.cub", folder / "level1.cub", ASKED | {"recipe": "mdis"})
    return folder


def map_of(path, folder, **options):
    """A cube on the map of its own; level 2."""
    planetary_detect_range([path], folder / "projection.map", {"engine": "native", "map": MAP | options})
    native.project(
        path, folder / "projection.map", folder / "level2.cub", {"interpolation": "bilinear", "may_miss": False}
    )
    return folder / "level2.cub"


@pytest.mark.parametrize(
    ("level", "done"), [("raw", "dark level: model"), ("level1", "calibrated before, as its label tells")]
)
def test_what_is_not_calibrated_yet_is(frame, tmp_path, level, done):
    native.take_cube(frame / f"{level}.cub", tmp_path / "ingested.cub")
    planetary_calibrate([tmp_path / "ingested.cub"], [tmp_path / "calibrated.cub"], [ASKED])
    made, expected = Cube(tmp_path / "calibrated.cub"), Cube(frame / "level1.cub")
    assert np.array_equal(made.raw(), expected.raw())
    notes = " ".join(made.groups["Darkroom"]["Done"])
    assert "taken from" in notes and done in notes


def test_an_image_beside_the_map_is_one_pixel_of_it_where_others_may_show_something(frame, tmp_path):
    beside = {"latitude": [-30, -29], "longitude": [10, 11]}
    with pytest.raises(projection.OutsideError, match="the image lies outside the map: it shows latitudes 19"):
        map_of(frame / "level1.cub", tmp_path, **beside)
    asked = {"interpolation": "bilinear", "may_miss": True}
    native.project(frame / "level1.cub", tmp_path / "projection.map", tmp_path / "projected.a.cub", asked)
    made = Cube(tmp_path / "projected.a.cub")
    assert (made.bands, made.lines, made.samples, made.shows) == (1, 1, 1, False)
    whole = projection.Mapping.from_template(tmp_path / "projection.map")
    column, row = np.round(whole.pixel(*projection.Mapping.of_cube(made).ground(1, 1)), 6)
    assert (row, 1 <= column <= whole.samples) == (1, True)
    assert made.groups["Darkroom"]["Skipped"][-1].startswith("projected.a: the image lies outside the map: it shows")


def test_pixels_of_any_type_are_taken_to_the_last_bit(tmp_path):
    """With base and multiplier, whose product rounds, and special pixels."""
    values = np.arange(-6, 6, dtype="i2").reshape(1, 3, 4)
    codes = np.zeros(values.shape, "u1")
    codes[0, 0, 0] = cubes.HIS
    image = cubes.Image(1, 3, 4, "i2", {}, [(values, codes)], base=1.0, multiplier=0.3)
    cubes.write(tmp_path / "a.cub", image)
    native.take_cube(tmp_path / "a.cub", tmp_path / "b.cub")
    first, second = Cube(tmp_path / "a.cub"), Cube(tmp_path / "b.cub")
    assert np.array_equal(first.raw(), second.raw())
    assert (second.base, second.multiplier) == (1.0, 0.3)
    assert second.read()[0][1, 3] == pytest.approx(1 + 0.3)


def test_geometry_of_scaled_integers_leaves_them_as_they_are(frame, tmp_path):
    """As Kaguya's and HRSC's are."""
    source = Cube(frame / "ingested.cub")
    values = np.random.default_rng(1).integers(1, 9999, (1, source.lines, source.samples), "i2")
    image = source.image(blocks=[(values, None)], dtype="i2", base=5.0, multiplier=0.013)
    cubes.write(tmp_path / "scaled.cub", image)
    attach(tmp_path / "scaled.cub", next(frame.glob(f"{sample.MDIS_NAMES[0]}*.json")), tmp_path / "located.cub")
    assert np.array_equal(Cube(tmp_path / "located.cub").raw(), values[0])


def test_what_is_left_out_is_said(frame, tmp_path):
    """ISIS leaves a tail of deleted tables; a cube is known by its name, whatever recipe it is of."""
    path = tmp_path / "a.cub"
    path.write_bytes((frame / "level1.cub").read_bytes() + b"x" * 77)
    inventory.write(tmp_path / "inventory.json", inventory.local(tmp_path, ["a.cub"]))
    asked = {"recipe": "mdis", "names": "EN.*", "part": "", "engine": "native"}
    planetary_import([tmp_path / "inventory.json"], [tmp_path / "b.cub"], [asked])
    assert (
        "a.cub: 77 bytes behind what its label speaks of, unread"
        in Cube(tmp_path / "b.cub").groups["Darkroom"]["Skipped"]
    )
    assert Cube(tmp_path / "b.cub").tail == 0


def test_a_level_1_cube_has_its_camera(frame, tmp_path):
    unused, asked = [tmp_path / "unused.json"], [{"geometry": "attached", "shape": ""}]
    planetary_import_geometry([frame / "level1.cub"], unused, [tmp_path / "located.cub"], asked)
    assert (tmp_path / "located.cub").read_bytes() == (frame / "level1.cub").read_bytes()
    with pytest.raises(ValueError, match=r"ingested\.cub: no SPICE tables; attach an ISD, or run spiceinit"):
        planetary_import_geometry([frame / "ingested.cub"], unused, [tmp_path / "b.cub"], asked)
    assert not (tmp_path / "b.cub").exists()


def test_a_map_is_passed_on_and_put_on_another_grid(frame, tmp_path):
    """A plane on a sinusoidal map is the same plane on an equirectangular one of half the resolution."""
    level2 = map_of(frame / "level1.cub", tmp_path)
    source = Cube(level2)
    mapping = projection.Mapping.of_cube(source)
    row, column = np.mgrid[1.0 : source.lines + 1, 1.0 : source.samples + 1]
    latitude, longitude = mapping.ground(column, row)
    plane = (latitude * 3 + longitude).astype("f4")
    cubes.write(tmp_path / "plane.cub", source.image(blocks=[(plane[None], None)], dtype="f4"))
    planetary_calibrate([tmp_path / "plane.cub"], [tmp_path / "calibrated.cub"], [ASKED])
    assert np.array_equal(Cube(tmp_path / "calibrated.cub").raw(), plane)
    (tmp_path / "again").mkdir()
    again = Cube(map_of(tmp_path / "calibrated.cub", tmp_path / "again", projection="equirectangular", resolution=200))
    made = projection.Mapping.of_cube(again)
    assert (made.name, made.resolution) == ("Equirectangular", 200)
    values, codes = again.read()
    row, column = np.nonzero(codes == 0)
    assert len(row) > 0.8 * source.lines * source.samples / 4
    latitude, longitude = made.ground(column + 1.0, row + 1.0)
    assert np.allclose(values[row, column], latitude * 3 + longitude, atol=2e-3)


def test_beside_the_body_a_map_sees_nothing(tmp_path):
    """The corners of a sinusoidal map of a whole body."""
    radius = 180 / np.pi * 1000
    group = dict(zip(projection.RANGE, (-90, 90, -180, 180), strict=True)) | {
        "ProjectionName": "Sinusoidal",
        "TargetName": "Moon",
        "EquatorialRadius": radius,
        "PolarRadius": radius,
        "LatitudeType": "Planetocentric",
        "LongitudeDirection": "PositiveEast",
        "LongitudeDomain": "180",
        "CenterLongitude": 0.0,
        "PixelResolution": 10000,
    }
    mapping = projection.Mapping.from_template(group)
    image = cubes.Image(
        1,
        mapping.lines,
        mapping.samples,
        "f4",
        {"Mapping": mapping.group()},
        [(np.ones((1, mapping.lines, mapping.samples), "f4"), None)],
    )
    cubes.write(tmp_path / "moon.cub", image)
    outline = placed.of(Cube(tmp_path / "moon.cub")).outline()
    assert np.isnan(outline.latitude[0]) and np.isfinite(outline.latitude).any()


def test_all_bands_of_a_map_are_put_on_another_grid(frame, tmp_path):
    source = Cube(map_of(frame / "level1.cub", tmp_path))
    bands = {"BandBin": pvl.Block({"FilterName": ("RED", "BLUE")}, "Group")}
    block = np.full((2, source.lines, source.samples), [[[3.0]], [[5.0]]], "f4")
    image = source.image(blocks=[(block, None)], bands=2, groups=source.groups | bands)
    cubes.write(tmp_path / "two.cub", image)
    (tmp_path / "again").mkdir()
    made = Cube(map_of(tmp_path / "two.cub", tmp_path / "again", projection="equirectangular"))
    assert made.bands == 2 and made.groups["BandBin"]["FilterName"] == ("RED", "BLUE")
    for band, value in ((1, 3.0), (2, 5.0)):
        values, codes = made.read(band=band)
        assert np.allclose(values[codes == 0], value) and (codes == 0).mean() > 0.8


def test_a_map_of_an_image_of_several_bands_is_of_the_first(frame, tmp_path):
    source = Cube(frame / "level1.cub")
    bands = {"BandBin": pvl.Block({"FilterName": ("RED", "BLUE"), "Target": "x"}, "Group")}
    block = np.ones((2, source.lines, source.samples), "f4")
    cubes.write(tmp_path / "two.cub", source.image(blocks=[(block, None)], bands=2, groups=source.groups | bands))
    made = Cube(map_of(tmp_path / "two.cub", tmp_path))
    assert made.groups["BandBin"]["FilterName"] == "RED"
    assert "map: of band 1 alone, of 2" in made.groups["Darkroom"]["Skipped"]
