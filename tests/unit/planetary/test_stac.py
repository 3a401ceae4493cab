"""STAC items, footprints, and the record of a planetary dataset."""

import json

import imagecodecs
import numpy as np
import pystac
import pystac.validation
import pytest

from darkroom.planetary.formats import stac
from darkroom.planetary.formats.cubes import Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube
from planetary_convert import planetary_convert
from planetary_plot import planetary_plot

MOON = {
    "ProjectionName": "Equirectangular",
    "TargetName": "MOON",
    "EquatorialRadius": 1737400,
    "PolarRadius": 1737400,
    "LatitudeType": "Planetocentric",
    "LongitudeDirection": "PositiveEast",
    "LongitudeDomain": 360,
    "MinimumLatitude": -10,
    "MaximumLatitude": 10,
    "MinimumLongitude": 10,
    "MaximumLongitude": 50,
    "CenterLongitude": 0,
    "CenterLatitude": 0,
    "PixelResolution": 1737400 * np.pi / 180 / 10,  # ten pixels are a degree
}
LABEL = {
    "Instrument": {
        "SpacecraftName": "Lunar Reconnaissance Orbiter",
        "InstrumentId": "NACL",
        "TargetName": "MOON",
        "StartTime": "2009-11-29T14:51:21.968",
        "StopTime": "2009-11-29T14:51:39.599",
    },
    "Darkroom": {"Skipped": ("flat field: no file given", "echo: no flat field")},
}


def mapping(west, north, **change):
    """A map whose upper left corner lies there, degrees in the map's own directions."""
    degree = 10 * MOON["PixelResolution"]
    return MOON | {"UpperLeftCornerX": west * degree, "UpperLeftCornerY": north * degree} | change


@pytest.fixture
def cube(tmp_path):
    """`cube(name, valid, **groups)`: noise where an array (lines, samples) is true."""

    def made(name, valid, **groups):
        values = np.random.default_rng(0).normal(10, 2, valid.shape)
        values[~valid] = np.nan
        path = tmp_path / f"moon/{name}"
        write_cube(path, Image(1, *valid.shape, "f4", groups, [(values[None], None)]))
        return path

    return made


def footprint(path):
    geometry = stac.footprint(Cube(path))
    return geometry, stac.bbox(geometry)


def area(geometry):
    """Square degrees, by the shoelace formula; positive where all rings run counterclockwise."""
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    total = 0
    for (ring,) in parts:
        x, y = np.array(ring).T
        assert (x[0], y[0]) == (x[-1], y[-1])
        total += (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2
    return total


def test_footprint_of_a_rectangle(cube):
    valid = np.zeros((60, 80), bool)
    valid[10:50, 20:70] = True
    geometry, box = footprint(cube("map.cub", valid, Mapping=mapping(10, 5)))
    assert box == pytest.approx([12, 0, 17, 4])
    assert area(geometry) == pytest.approx(20)


@pytest.mark.parametrize(("west", "change"), [(178, {}), (-182, {}), (-2, {"CenterLongitude": 180})])
def test_footprint_across_the_antimeridian(west, change, cube):
    geometry, box = footprint(cube("map.cub", np.ones((40, 60), bool), Mapping=mapping(west, 1, **change)))
    assert geometry["type"] == "MultiPolygon"
    assert box == pytest.approx([178, -3, -176, 1])
    assert area(geometry) == pytest.approx(24)


def test_footprint_with_longitudes_to_the_west(cube):
    change = {"LongitudeDirection": "PositiveWest", "CenterLongitude": 20}
    _, box = footprint(cube("map.cub", np.ones((40, 60), bool), Mapping=mapping(0, 1, **change)))
    assert box == pytest.approx([-20, -3, -14, 1])


@pytest.mark.parametrize("pole", [90, -90])
def test_footprint_around_a_pole(pole, cube):
    """A disc of 5 degrees around the pole; its edge lies where a stereographic map has it (Snyder 1987, 21-30)."""
    radius = 2 * 1737400 * np.tan(np.deg2rad(2.5))
    pixel = radius / 50
    line, sample = np.indices((120, 120)) - 59.5
    change = {"ProjectionName": "PolarStereographic", "CenterLatitude": pole, "PixelResolution": pixel}
    change |= {"UpperLeftCornerX": -60 * pixel, "UpperLeftCornerY": 60 * pixel}
    change |= {"MinimumLatitude": min(pole, 0), "MaximumLatitude": max(pole, 0)}
    geometry, box = footprint(cube("map.cub", np.hypot(line, sample) < 50, Mapping=MOON | change))
    assert box[0::2] == [-180, 180]
    south, north = box[1::2]
    assert (north if pole > 0 else south) == pole
    assert (south if pole > 0 else north) == pytest.approx(pole - 5 * np.sign(pole), abs=0.1)
    assert area(geometry) == pytest.approx(360 * 5, rel=0.02)


def test_no_footprint_without_valid_pixels(cube):
    assert footprint(cube("map.cub", np.zeros((4, 5), bool), Mapping=mapping(0, 0))) == (None, None)


@pytest.fixture
def dataset(cube, tmp_path):
    """A dataset with map and images of its cubes, made by the rules' functions."""
    valid = np.ones((40, 60), bool)
    cubes = [cube("calibrated.cub", valid, **LABEL), cube("map.cub", valid, Mapping=mapping(10, 1), **LABEL)]
    folder = tmp_path / "moon"
    images = [path.with_suffix(".tif") for path in cubes]
    planetary_convert(cubes=cubes, images=images)
    names = {"previews": "preview.png", "stac": "item.json", "records": "planetary.json"}
    outputs = {output: [str(folder / name)] for output, name in names.items()}

    def plot():
        planetary_plot(cubes=[str(path) for path in cubes], images=[str(path) for path in images], **outputs)
        return json.loads((folder / "item.json").read_text()), json.loads((folder / "planetary.json").read_text())

    return folder, plot


def test_item_is_valid(dataset):
    _, plot = dataset
    item, _ = plot()
    core = item | {"stac_extensions": []}  # their schemas are not at hand; what they ask for is tested below
    pystac.validation.validate_dict(core)
    assert item["stac_version"] == "1.1.0"
    with pytest.raises(pystac.errors.STACValidationError):
        pystac.validation.validate_dict(core | {"geometry": {"type": "Polygon"}})


def test_item(dataset):
    _, plot = dataset
    item, _ = plot()
    properties = item["properties"]
    assert item["id"] == "moon"
    assert item["bbox"] == pytest.approx([10, -3, 16, 1])
    assert properties["datetime"] is None
    assert properties["start_datetime"] == "2009-11-29T14:51:21.968Z"
    assert properties["end_datetime"] == "2009-11-29T14:51:39.599Z"
    assert properties["ssys:targets"] == ["Moon"]
    assert properties["ssys:target_class"] == "satellite"
    assert {key for key in properties if key.startswith("ssys:")} == {"ssys:targets", "ssys:target_class"}
    assert (properties["instruments"], properties["platform"]) == (["nacl"], "lunar reconnaissance orbiter")
    assert properties["gsd"] == pytest.approx(3032.335, abs=1e-3)
    assert set(item["assets"]) == {"calibrated.cub", "calibrated.tif", "map.cub", "map.tif", "preview.png"}
    image = item["assets"]["map.tif"]
    assert image["proj:code"] == "IAU_2015:30110"
    assert image["proj:shape"] == [40, 60]
    assert image["proj:transform"][2] == pytest.approx(303233.504, abs=1e-3)
    assert image["type"].endswith("profile=cloud-optimized")
    assert not {"created", "updated"} & set(properties)


def test_a_day_of_the_year_is_a_date(cube):
    """As Dawn's labels tell it; 2016 had a 29th of February."""
    times = {"StartTime": "2016-060T16:15:46.345", "StopTime": "2016-061T16:15:48.337Z"}
    path = cube("calibrated.cub", np.ones((4, 5), bool), **LABEL | {"Instrument": LABEL["Instrument"] | times})
    properties = stac.item("raw", [Cube(path)], [path])["properties"]
    assert properties["start_datetime"] == "2016-02-29T16:15:46.345Z"
    assert properties["end_datetime"] == "2016-03-01T16:15:48.337Z"


def test_item_without_geometry(cube):
    path = cube("calibrated.cub", np.ones((4, 5), bool), **LABEL)
    item = stac.item("raw", [Cube(path)], [path])
    assert item["geometry"] is None
    pystac.validation.validate_dict(item | {"stac_extensions": []})


def test_mosaics_tell_the_times_of_their_images(cube):
    mosaic = Cube(cube("mosaic.cub", np.ones((4, 5), bool), Mapping=mapping(0, 0)))
    with pytest.raises(ValueError, match="no cube has a StartTime"):
        stac.item("m", [mosaic], [])
    member = Cube(cube("calibrated.cub", np.ones((4, 5), bool), **LABEL))
    assert stac.item("m", [mosaic], [], [member])["properties"]["start_datetime"].startswith("2009-11-29")


def test_record(dataset):
    folder, plot = dataset
    _, record = plot()
    assert record["skipped"] == ["flat field: no file given", "echo: no flat field"]
    calibrated, projected = record["checks"]["planetary_check"]["images"]
    values = Cube(folder / "calibrated.cub").read()[0]
    (band,) = calibrated["bands"]
    assert (band["valid"], band["special"]) == (2400, 0)
    assert (band["min"], band["max"]) == (values.min(), values.max())
    assert band["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert projected["cube"] == "map.cub"
    assert projected["geotiff_equal"]
    assert imagecodecs.imread(folder / "preview.png").shape == (40, 60)


def test_a_geotiff_with_another_value_is_refused(dataset, cube):
    folder, plot = dataset
    image = (folder / "map.tif").read_bytes()
    groups = {"Mapping": mapping(10, 1)}
    valid = np.ones((40, 60), bool)
    valid[30, 7] = False
    cube("map.cub", valid, **groups, **LABEL)
    assert (folder / "map.tif").read_bytes() == image
    with pytest.raises(ValueError, match=r"map\.tif: band 1, lines from 1 on: not the values of .*map\.cub"):
        plot()
