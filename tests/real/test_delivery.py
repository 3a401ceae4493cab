"""Previews and GeoTIFFs of what real ISIS programs made, against ISIS's own numbers, picture and GDAL's reading."""

import json

import imagecodecs
import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

from darkroom.planetary import stretch
from darkroom.planetary.engines import native
from darkroom.planetary.formats import cog, cubes, pvl, stac
from planetary_convert import planetary_convert

FRAME = "EN1072174528M"


@pytest.fixture
def frames(samples):
    return samples / "planetary/isis_truth/frames"


@pytest.fixture
def cube(frames, tmp_path):
    """`cube(name, label)`: pixels that ISIS wrote, in a cube of ours with the groups of ISIS's label."""

    def made(name, label=None):
        with np.load(frames / f"{name}.npz") as truth:
            data = truth["data"]
            values = np.full(truth["shape"], np.nan, "f4")
            line, sample = int(truth["y0"]), int(truth["x0"])
        values[line : line + data.shape[0], sample : sample + data.shape[1]] = data
        values[values < -1e38] = np.nan
        groups = {}
        if label:
            groups = {key: value for key, value in pvl.load(label)["IsisCube"].items() if key != "Core"}
        path = tmp_path / "map.cub"
        cubes.write(path, cubes.Image(1, *values.shape, "f4", groups, [(values[None], None)]))
        return path

    return made


@pytest.mark.parametrize(
    ("name", "run"),
    [
        (f"{FRAME}.equirectangular.ne", f"{FRAME} cam2map equirectangular nearestneighbor pixres=map defaultrange=map"),
        (f"{FRAME}.equirectangular.bi", f"{FRAME} cam2map equirectangular bilinear pixres=map defaultrange=map"),
        ("mosaic.equirectangular.bi.ontop", "automos equirectangular bi ontop"),
    ],
)
def test_percentages_are_those_of_isis(name, run, frames, cube):
    """The median of ISIS's `stats` is the 50 % of the histogram that isis2std takes its 0.5 and 99.5 % of."""
    truth = json.loads((frames / "geo_truth.json").read_text())[run]
    median, _ = stretch.limits(cubes.Cube(cube(name)), percent=(50, 99.5))
    assert f"{median:.14g}" == f"{float(truth['Median']):.14g}"


def test_greys_are_those_of_isis2std(frames, cube):
    """An average mosaic, whose limits isis2std reported; where one image shows a place, it is as the one on top."""
    expected = imagecodecs.imread(frames / "mosaic.equirectangular.png")
    values = cubes.Cube(cube("mosaic.equirectangular.bi.ontop")).read()[0]
    grey = stretch.to_bytes(values, 0.031487996282615, 0.09478883201273)
    np.testing.assert_array_equal(grey == 0, expected == 0)
    seen = expected > 0
    assert (grey == expected)[seen].mean() > 0.8
    # Half of the map is seen by the last image, or by one image alone, and is the same in both mosaics.
    blocks = [(grey == expected)[line : line + 50, sample : sample + 50] for line, sample in ((650, 500), (150, 150))]
    assert max(block.mean() for block in blocks) == 1


def test_geotiff_of_a_map_of_isis(frames, cube, tmp_path):
    path = cube(f"{FRAME}.equirectangular.bi", frames / "labels/mosaic.equirectangular.bi.average.pvl")
    planetary_convert(cubes=[str(path)], images=[str(tmp_path / "map.tif")])
    assert cog_validate(tmp_path / "map.tif", strict=True, quiet=True)[0]
    with rasterio.open(path) as theirs, rasterio.open(tmp_path / "map.tif") as image:
        assert image.transform == theirs.transform
        one, other = image.crs.to_dict(), theirs.crs.to_dict()
        assert one.pop("lon_0") % 360 == other.pop("lon_0") % 360
        assert one == other
        assert image.read(1, masked=True).count() == 140015  # cam2map's own count
        assert image.read(1, masked=True).mean(dtype="f8") == pytest.approx(0.058972790987348, abs=1e-14)


def test_footprint_of_a_map_of_isis(frames, cube):
    """As the range that cam2map gives it, within the three columns that mdiscal empties (1.4 m each) and a pixel."""
    path = cube(f"{FRAME}.equirectangular.bi", frames / "labels/mosaic.equirectangular.bi.average.pvl")
    geometry = stac.footprint(cubes.Cube(path))
    west, south, east, north = stac.bbox(geometry)
    label = pvl.load(frames / f"labels/{FRAME}.equirectangular.mpp.pvl")["IsisCube"]["Mapping"]
    bounds = [label[key] for key in ("MinimumLongitude", "MinimumLatitude", "MaximumLongitude", "MaximumLatitude")]
    slack = np.rad2deg((3 * 1.4 + 2) / 2439400 / np.cos(np.deg2rad(46)))
    assert (west + 360, south, east + 360, north) == pytest.approx([float(bound) for bound in bounds], abs=slack)


@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("frames/labels/EN1072174528M.cal.pvl", "I/F"),
        ("mdis/labels/EN1072174528M.cal.LINEAR.radyes.iofno.pvl", "W / (m**2 micrometer sr)"),
        ("ctx/cal_iofyes.pvl", "I/F"),
        ("ctx/cal_iofno.pvl", "DN/ms"),
        ("cal/lronaccal_L_all_radiance.pvl", "W/(m**2 sr um)"),
        ("ctx/lev0.pvl", "DN"),
    ],
)
def test_units_of_labels_of_isis(label, unit, samples, tmp_path):
    cube = pvl.load(samples / "planetary/isis_truth" / label)["IsisCube"]
    groups = {key: value for key, value in cube.items() if key != "Core"}
    cubes.write(tmp_path / "c.cub", cubes.Image(1, 2, 3, "f4", groups, [(np.ones((1, 2, 3)), None)]))
    assert cog.units(cubes.Cube(tmp_path / "c.cub")) == unit


def test_real_cubes_of_isis(samples, tmp_path):
    """Tiled cubes that ISIS wrote, of 16 bits and of floats."""
    for name in ("ctx/ctxTestImage.cub", "messenger/EW0131773041G.cal.crop.cub"):
        path = samples / "planetary" / name
        planetary_convert(cubes=[str(path)], images=[str(tmp_path / "c.tif")])
        with rasterio.open(path) as theirs, rasterio.open(tmp_path / "c.tif") as image:
            ours, expected = image.read(masked=True), theirs.read(masked=True)
            np.testing.assert_array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(expected))
            np.testing.assert_array_equal(ours.compressed(), expected.compressed())


@pytest.mark.parametrize(
    "name", ["ctx/ctxTestImage.cub", "messenger/EW0131773041G.cal.crop.cub", "isis_truth/cal/nac_flat.cub"]
)
def test_cubes_of_isis_are_taken_as_they_are(samples, tmp_path, name):
    """GDAL reads the same pixels of ours; groups and tables are all there, what else the file had is named."""
    source = samples / "planetary" / name
    native.take_cube(source, tmp_path / "taken.cub")
    theirs, ours = cubes.Cube(source), cubes.Cube(tmp_path / "taken.cub")
    with rasterio.open(source) as first, rasterio.open(tmp_path / "taken.cub") as second:
        assert np.array_equal(first.read(), second.read())
    assert {name: ours.groups[name] for name in theirs.groups} == theirs.groups
    assert ours.tables == theirs.tables and ours.objects == theirs.objects and ours.original == theirs.original
    left_out = [note.split(":")[0] for note in ours.groups["Darkroom"]["Skipped"]]
    assert left_out == (["History"] if "History" in theirs.label else [])
