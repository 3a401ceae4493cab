"""Plumes of sulphur dioxide: what they weigh by the areas of their pixels, their outlines, and what is told of them."""

import csv
import json

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_origin

import copernicus_orbit as made
from copernicus_detect_plume import copernicus_detect_plume
from copernicus_merge import copernicus_merge
from copernicus_plot import copernicus_plot
from copernicus_recipe import project
from darkroom.copernicus import plumes, stack, variants
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.recipes.registry import method

OPTIONS = {"layers": [], "map": {}, "qa": None, "every": None}
RECIPE = "s5p_so2_plume"
RADIUS = 6_371_008.8
KILOGRAMS = 64.06e-3 / 2241.15  # per square metre and Dobson unit


def orbit(folder, columns, west=5.013, south=44.027, step=0.08, **options):
    """A product of upright pixels with columns in DU; gives the exact square metres of each pixel."""
    longitudes, latitudes = made.swath(*columns.shape, west, south, step, lean=0)
    made.orbit(folder, columns / 2241.15, longitudes, latitudes, kind="L2__SO2___", **options)
    heights = np.sin(np.radians(latitudes[..., 2])) - np.sin(np.radians(latitudes[..., 0]))
    return RADIUS**2 * np.radians(step) * heights


def eruption(background=0.2, strength=12.0):
    """Columns (DU) with a plume in the middle of them."""
    columns = np.full((20, 30), background)
    columns[6:14, 8:20] += strength * np.random.default_rng(7).uniform(0.7, 1, (8, 12))
    return columns


@pytest.fixture(scope="module")
def erupted(tmp_path_factory):
    """Two days of a volcano, the second of which is clear; their stack, and the mass of the first in tonnes."""
    folder = tmp_path_factory.mktemp("plume")
    columns = eruption()
    areas = orbit(folder / "raw", columns, begin="20200412T063000")
    orbit(folder / "raw", np.full((20, 30), 0.2), begin="20200414T060000", number=12961)
    project("s5p", folder / "raw", folder / "stack.nc", RECIPE, **OPTIONS)
    return folder, ((columns - 0.2) * areas).sum() * KILOGRAMS / 1000


def detect(folder, target, **asked):
    target.mkdir(exist_ok=True)
    paths = [target / name for name in ("plume.geojson", "plume.csv", "plume.json")]
    copernicus_detect_plume(folder / "stack.nc", *paths, recipe=RECIPE, asked=asked)
    outlines, table, record = (path.read_text() for path in paths)
    return json.loads(outlines)["features"], list(csv.DictReader(table.splitlines())), json.loads(record)


def test_the_mass_is_that_of_the_pixels_on_the_ground(erupted, tmp_path):
    folder, tonnes = erupted
    features, rows, record = detect(folder, tmp_path, threshold=0.25)
    assert [row["begin"] for row in rows] == ["2020-04-12T06:30:00Z", "2020-04-14T06:00:00Z"]
    assert float(rows[0]["mass_t"]) == pytest.approx(tonnes, rel=2e-3)
    assert float(rows[0]["background_du"]) == pytest.approx(0.2, rel=1e-5)
    assert (rows[1]["plumes"], rows[1]["mass_t"], rows[1]["highest_du"]) == ("0", "0.0", "")
    assert len(features) == 1 and features[0]["properties"]["mass_t"] == pytest.approx(float(rows[0]["mass_t"]))
    assert record["checks"]["copernicus_detect_plume"]["mass_t"]["2020-04-12T06:30:00Z"] == float(rows[0]["mass_t"])
    assert record["notes"][0].startswith("2020-04-12T06:30:00Z: a background of 0.2 DU, the median")


def test_threshold_and_background_are_the_users(erupted, tmp_path):
    folder, tonnes = erupted
    (kept,), (whole, _), _ = detect(folder, tmp_path, threshold=0.25, background=0)
    squares = kept["properties"]["area_km2"] * 1e6
    assert kept["properties"]["mass_t"] == pytest.approx(tonnes + 0.2 * squares * KILOGRAMS / 1000, rel=2e-3)
    _, (strong, _), record = detect(folder, tmp_path, threshold=11)
    assert 0 < int(strong["cells"]) < int(whole["cells"]) and float(strong["highest_du"]) > 11
    assert "more cells above 11 DU" in record["notes"][-2]
    _, rows, _ = detect(folder, tmp_path)
    assert {row["threshold_du"] for row in rows} == {"1"}, "as the recipe has it"


def test_an_outline_is_a_polygon_around_its_cells(erupted, tmp_path):
    (feature,), _, _ = detect(erupted[0], tmp_path)
    outline = shapely.geometry.shape(feature["geometry"])
    plume = shapely.box(5.013 + 8 * 0.08, 44.027 + 6 * 0.08, 5.013 + 20 * 0.08, 44.027 + 14 * 0.08)
    assert (
        outline.is_valid
        and outline.exterior.is_ccw
        and outline.contains(shapely.Point(*feature["properties"]["highest_at"]))
    )
    assert outline.symmetric_difference(plume).area < 0.15 * plume.area
    before = (tmp_path / "plume.geojson").read_bytes()
    detect(erupted[0], tmp_path)
    assert (tmp_path / "plume.geojson").read_bytes() == before


def world(values, cover=1.0):
    """A stack of one time on a grid of all the world, and what gives its layers."""
    place = Grid("EPSG:4326", (10.0, 0.0, -180.0, 0.0, -10.0, 90.0), 36, 18)
    layers = {"SO2": values, plumes.COVER: np.full(values.shape, cover)}

    class Shown:
        grid, begins, layers = place, ["2020-04-12T06:30:00Z"], [stack.Layer("SO2", "sulphur dioxide", "DU")]

    return Shown, lambda name, at, window=None: layers[name].astype(np.float32)


ASKED = {"threshold": 1, "smallest": 2, "molar_mass": 64.06, "background": 0}


def test_a_plume_over_the_date_line_is_one_and_cut_there():
    values = np.zeros((18, 36))
    values[5, -2:], values[6, :2] = 3, 5  # which touch by a corner
    values[10, 10] = 9  # too small
    shown, get = world(values)
    (feature,), row = plumes.plumes(shown, get, 0, ASKED)
    assert feature["geometry"]["type"] == "MultiPolygon" and row["cells"] == 4 == feature["properties"]["cells"]
    outline = shapely.geometry.shape(feature["geometry"])
    assert outline.bounds[0] == -180 and outline.bounds[2] == 180 and outline.area == 400
    assert feature["properties"]["highest_at"] in ([-175, 25], [-165, 25])


def test_what_is_covered_by_half_weighs_half_and_what_is_not_seen_is_told():
    values = np.zeros((18, 36))
    values[8:10, 10:14] = 4
    values[0] = np.nan
    _, whole = plumes.plumes(*world(values), 0, ASKED)
    _, half = plumes.plumes(*world(values, 0.5), 0, ASKED)
    area = RADIUS**2 * np.radians(40) * 2 * np.sin(np.radians(10))
    assert whole["mass_t"] == pytest.approx(4 * area * KILOGRAMS / 1000, rel=1e-6)
    assert half["mass_t"] == pytest.approx(whole["mass_t"] / 2) and half["area_km2"] == pytest.approx(area / 2e6)
    assert whole["seen_share"] == pytest.approx(17 / 18)


def test_all_above_the_threshold_has_no_background_but_zero():
    features, row = plumes.plumes(*world(np.full((18, 36), 2.0)), 0, ASKED | {"background": None})
    assert row["background_du"] == 0 and row["area_km2"] == pytest.approx(4 * np.pi * (RADIUS / 1000) ** 2)
    assert len(features) == 1


def test_the_ground_is_drawn_beside_the_plume(erupted, tmp_path):
    folder, _ = erupted
    detect(folder, tmp_path)
    copernicus_merge(folder / "stack.nc", tmp_path / "map.tif", tmp_path / "statistics.csv", recipe=RECIPE)
    with rasterio.open(tmp_path / "map.tif") as image:
        assert image.descriptions == ("SO2", "cover") and image.units[0] == "DU"
    profile = {"driver": "GTiff", "width": 60, "height": 60, "dtype": "uint8", "crs": "EPSG:32631"}
    with rasterio.open(
        tmp_path / "colors.tif",
        "w",
        count=3,
        photometric="RGB",
        transform=from_origin(660e3, 4.98e6, 2e3, 2e3),
        **profile,
    ) as image:
        image.write(np.random.default_rng(1).integers(0, 255, (3, 60, 60), "u1"))
    given = [folder / "stack.nc", *(tmp_path / name for name in ("map.tif", "statistics.csv"))]
    shapes = []
    for name, context in (("alone", None), ("beside", [tmp_path / "colors.tif", tmp_path / "map.tif"])):
        made_of = {"plume": tmp_path / "plume.geojson", "context": context}
        copernicus_plot(*given, tmp_path / f"{name}.png", tmp_path / "item.json", recipe=RECIPE, **made_of)
        with Image.open(tmp_path / f"{name}.png") as picture:
            shapes.append(picture.size)
    assert shapes[1][1] > 1.4 * shapes[0][1]
    assert "plume.geojson" in json.loads((tmp_path / "item.json").read_text())["assets"]


def test_a_plume_is_weighed_in_dobson_units_alone():
    variant = variants.Variant(
        "own", "s5p", "x", ["NO2"], "max", plume=ASKED, columns=variants.known()["s5p_columns"].columns
    )
    assert "NO2 is not in DU" in "; ".join(method("s5p").problems(variant, OPTIONS))
    assert not list(method("s5p").problems(variants.known()[RECIPE], OPTIONS))
