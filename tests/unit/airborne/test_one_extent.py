"""Times and places of a granule are the same in its netCDF, its UMM-G and its ECHO10, wherever on Earth it is."""

import json

import netCDF4
import numpy as np
import pytest
from lxml import etree

from airborne_convert import airborne_convert
from airborne_convert_metadata import airborne_convert_metadata

NAME = "HS3_NAV_IWG1_20240818"
STEPS = np.arange(21)
# Latitudes, longitudes, and the sides west, south, east, north that are right.
TRACKS = {
    "100 W over 0 to 100 E": (50 + 0 * STEPS, np.linspace(-100, 100, 21), (-100, 50, 100, 50)),
    "across 180": (-10 - STEPS / 10, (175 + STEPS / 2 + 180) % 360 - 180, (175, -12, -175, -10)),
    "over the north pole": (90 - np.abs(STEPS - 10.0), np.where(STEPS < 10, 20.0, -160.0), (-180, 80, 180, 90)),
    "around the south pole": (-85 + 0 * STEPS, (STEPS * 20 + 180.0) % 360 - 180, (-180, -90, 180, -85)),
    "a place": (10.5 + 0 * STEPS, 20.25 + 0 * STEPS, (20.25, 10.5, 20.25, 10.5)),
    "without a fix at first": (np.where(STEPS < 2, 0, 40.0), np.where(STEPS < 2, 0, -75 + STEPS / 20), (-74.9, 40, -74, 40)),
}  # fmt: skip


@pytest.fixture(params=TRACKS)
def described(request, tmp_path):
    """(sides that are right, ACDD attributes, UMM-G, ECHO10) of a track."""
    latitudes, longitudes, sides = TRACKS[request.param]
    rows = [
        f"IWG1,2024-08-18T12:00:{second:02}.500,{latitude},{longitude},12000{',' * 28}\n"
        for second, latitude, longitude in zip(STEPS, latitudes, longitudes, strict=True)
    ]
    source = tmp_path / f"{NAME}.txt"
    source.write_text("".join(rows))
    inventory = {"root": str(tmp_path), "files": [{"name": source.name, "bytes": 0, "mtime_ns": 0}]}
    (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    airborne_convert(tmp_path / "inventory.json", tmp_path / "out/granules.json")
    airborne_convert_metadata(tmp_path / "out/granules.json", tmp_path / "out/metadata.json")
    with netCDF4.Dataset(tmp_path / f"out/netcdf/{NAME}.nc") as file:
        attributes = {name: file.getncattr(name) for name in file.ncattrs()}
    umm_g = json.loads((tmp_path / f"out/metadata/{NAME}.umm_g.json").read_text())
    return sides, attributes, umm_g, etree.parse(tmp_path / f"out/metadata/{NAME}.echo10.xml")


def test_the_sides_are_right_and_the_same(described):
    sides, attributes, umm_g, _ = described
    keys = ("lon_min", "lat_min", "lon_max", "lat_max")
    assert np.allclose([attributes[f"geospatial_{key}"] for key in keys], sides)
    geometry = umm_g["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]
    points = [*geometry.get("Points", []), *(point for line in geometry.get("Lines", []) for point in line["Points"])]
    west, south, east, north = sides
    longitudes = np.array([point["Longitude"] for point in points])
    assert np.all(((longitudes >= west - 1e-5) & (longitudes <= east + 1e-5)) if west <= east else
                  ((longitudes >= west - 1e-5) | (longitudes <= east + 1e-5)))  # fmt: skip
    assert {west, east} - set(longitudes.round(5)) <= {-180, 180}
    assert {south, north} - {round(point["Latitude"], 5) for point in points} <= {-90, 90}


def test_the_times_are_the_same(described):
    _, attributes, umm_g, echo10 = described
    moments = umm_g["TemporalExtent"]["RangeDateTime"]
    begin, end = moments["BeginningDateTime"], moments["EndingDateTime"]
    assert (attributes["time_coverage_start"], attributes["time_coverage_end"]) == (begin, end)
    assert [echo10.findtext(f".//{kind}DateTime") for kind in ("Beginning", "Ending")] == [begin, end]
