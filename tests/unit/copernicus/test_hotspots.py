"""Hot spots of SLSTR: what is hotter than before, inside and outside a perimeter, drawn and listed."""

import csv
import json

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from copernicus_detect_hotspots import copernicus_detect_hotspots
from copernicus_plot import copernicus_plot
from darkroom.copernicus import stack
from darkroom.copernicus.grid import Grid

RECIPE = "s3_slstr_fires"
STEP = 0.01
FOREST = {  # two perimeters, one with a hole in which it did not burn
    "type": "FeatureCollection",
    "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    "features": [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[30.0, 51.0], [30.1, 51.0], [30.1, 51.1], [30.0, 51.1], [30.0, 51.0]],
                    [[30.04, 51.04], [30.04, 51.06], [30.06, 51.06], [30.06, 51.04], [30.04, 51.04]],
                ],
            },
        },
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [[[30.2, 51.0], [30.3, 51.0], [30.3, 51.02], [30.2, 51.0]]]},
        },
    ],
}


@pytest.fixture
def burnt(tmp_path):
    """A map with three hot cells: in a perimeter, in its hole, and outside; and a file with the perimeters."""
    (tmp_path / "perimeter.geojson").write_text(json.dumps(FOREST))
    before, after = np.full((2, 20, 40), 280.0, "f4")
    after[11, 2], after[14, 5], after[1, 35] = 292.5, 287.25, 299.0  # in a perimeter, in its hole, and in none
    before[19, 39] = np.nan
    profile = {"driver": "GTiff", "width": 40, "height": 20, "count": 3, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "map.tif", "w", transform=from_origin(30, 51.2, STEP, STEP), **profile) as image:
        image.write(np.stack([before, after, after - before]))
        image.descriptions = ("S9_before", "S9_after", "S9_anomaly")
        image.units = ("K",) * 3
    return tmp_path


def detect(folder, **given):
    copernicus_detect_hotspots(
        folder / "map.tif", folder / "hotspots.csv", folder / "hotspots.json", recipe=RECIPE, **given
    )
    table = list(csv.DictReader((folder / "hotspots.csv").read_text().splitlines()))
    return table, json.loads((folder / "hotspots.json").read_text())


def test_hot_spots_are_told_inside_or_outside_the_perimeter(burnt):
    table, record = detect(burnt, perimeter=str(burnt / "perimeter.geojson"))
    told = [tuple(float(row[key]) for key in ("longitude", "latitude", "hotter")) for row in table]
    assert told == [(30.355, 51.185, 19.0), (30.025, 51.085, 12.5), (30.055, 51.055, 7.25)], "the hottest first"
    assert [row["inside"] for row in table] == ["no", "yes", "no"]
    assert table[2]["before"] == "280.0" and table[2]["after"] == "287.25"
    hectares = (0.01 * 111.195) ** 2 * np.cos(np.radians(51.055)) * 100
    assert float(table[2]["hectares"]) == pytest.approx(hectares, rel=1e-3)
    assert record["checks"]["copernicus_detect_hotspots"]["outside"] == 2


def test_without_a_perimeter_nothing_is_told_of_it(burnt):
    table, record = detect(burnt)
    assert {row["inside"] for row in table} == {""} and "inside" not in record["checks"]["copernicus_detect_hotspots"]


def test_a_long_table_ends_with_the_hottest(burnt, monkeypatch):
    monkeypatch.setattr("darkroom.copernicus.hotspots.MOST", 2)
    table, record = detect(burnt)
    assert [float(row["hotter"]) for row in table] == [19, 12.5]
    assert record["notes"][-1] == "of 3 hot spots the table has the 2 hottest"
    assert record["checks"]["copernicus_detect_hotspots"]["hotspots"] == 3


def test_nothing_that_is_hot_is_an_empty_table(burnt):
    with rasterio.open(burnt / "map.tif", "r+") as image:
        image.write(np.full((20, 40), np.nan, "f4"), 3)
    table, record = detect(burnt, perimeter=str(burnt / "perimeter.geojson"))
    assert not table and record["checks"]["copernicus_detect_hotspots"]["hottest"] is None


def test_the_perimeter_and_the_spots_are_drawn(burnt):
    place = Grid("EPSG:4326", (STEP, 0.0, 30.0, 0.0, -STEP, 51.2), 40, 20)
    layer = stack.Layer("S9", "brightness temperature", "K")
    times = ["2020-03-27T08:00:00Z", "2020-04-06T08:00:00Z"]
    with stack.writing(burnt / "stack.nc", place, times, ["a", "b"], [layer], {"comment": ""}) as put:
        for at in range(2):
            for window in place.windows():
                put("S9", at, window, np.full((20, 40), 280.0))
    (burnt / "statistics.csv").write_text("begin,layer,unit,pixels,valid,mean,q02,q98\n")
    given = [burnt / name for name in ("stack.nc", "map.tif", "statistics.csv", "preview.png", "item.json")]
    pictures = []
    for perimeter in ("", str(burnt / "perimeter.geojson")):
        detect(burnt, perimeter=perimeter)
        copernicus_plot(*given, recipe=RECIPE, hotspots=burnt / "hotspots.csv", perimeter=perimeter)
        pictures.append(np.asarray(Image.open(burnt / "preview.png").convert("RGB")).astype(int))
    assert (np.abs(pictures[0] - pictures[1]).max(-1) > 100).sum() > 200
    assert "hotspots.csv" in json.loads((burnt / "item.json").read_text())["assets"]
