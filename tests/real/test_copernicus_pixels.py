"""Real products: what their own metadata say, and true pixels where there are any."""

import json
import zipfile

import netCDF4
import numpy as np
import pytest
import rasterio
from lxml import etree
from rasterio.windows import Window

import copernicus_safe
from darkroom.copernicus import areas, formulas, grid, hotspots, imagery
from darkroom.copernicus.readers import s5p, safe_s1, safe_s2

S1B = "S1B_IW_GRDH_1SDV_20211223T051122_20211223T051147_030148_039993_5371.SAFE"


@pytest.fixture
def copernicus(samples):
    return samples / "copernicus"


def test_calibration_noise_and_places_of_sentinel1(copernicus):
    """The value between two vectors is that of xarray-sentinel 0.9."""
    scenes = {scene["product"]: scene for scene in safe_s1.scenes(copernicus_safe.inventory(copernicus / "s1"))}
    image = safe_s1.opened(scenes[S1B]["images"]["VV"])
    assert scenes[S1B]["begin"] == "2021-12-23T05:11:22Z"
    assert image.calibration(np.array([2005]), np.array([4000]))[0, 0] == pytest.approx(638.8345, abs=1e-3)
    assert image.shape == (16705, 26102) and len(image.points) == 210
    assert [block[2:4] for block in image.azimuth_noise] == [(0, 8889), (8890, 17700), (17701, 26101)]
    longitudes, latitudes = image.places()
    lines, pixels = image.locator(longitudes, latitudes)(longitudes, latitudes)
    assert np.abs(lines - image.points[:, 0]).max() < 0.01 and np.abs(pixels - image.points[:, 1]).max() < 0.01


def test_tables_of_sentinel1_are_those_of_xarray_sentinel(copernicus):
    sentinel = pytest.importorskip("xarray_sentinel", reason="xarray-sentinel is not installed")
    folder = str(copernicus / "s1" / S1B)
    scenes = {scene["product"]: scene for scene in safe_s1.scenes(copernicus_safe.inventory(copernicus / "s1"))}
    lines, pixels = np.array([0, 700, 2005, 9000, 16_704]), np.array([3, 4000, 13_333, 26_101])
    for kind, theirs in safe_s1.LUTS.items():
        image = safe_s1.opened(scenes[S1B]["images"]["VV"], kind)
        table = sentinel.open_sentinel1_dataset(folder, group="IW/VV/calibration")[theirs]
        assert image.calibration(lines, pixels) == pytest.approx(
            table.interp(line=lines, pixel=pixels).values, rel=1e-5
        )
    noise = sentinel.open_sentinel1_dataset(folder, group="IW/VV/noise_range").noiseRangeLut
    assert image.range_noise(lines, pixels) == pytest.approx(noise.interp(line=lines, pixel=pixels).values, rel=1e-4)
    azimuth = sentinel.open_sentinel1_dataset(folder, group="IW/VV/noise_azimuth").noiseAzimuthLut
    *_, at, factors = image.azimuth_noise[0]  # of a GRD it has the first swath alone
    assert np.array_equal(at, azimuth.line) and factors == pytest.approx(azimuth.values, rel=1e-6)
    points = sentinel.open_sentinel1_dataset(folder, group="IW/VV/gcp")
    assert sorted(image.points[:, 3]) == pytest.approx(np.sort(points.latitude.values, axis=None))


@pytest.mark.parametrize(("packed", "vectors", "told"), [("FEC3", 0, False), ("6D00", 0, True), ("0000", 3, True)])
def test_noise_of_older_and_newer_processors(copernicus, tmp_path, packed, vectors, told):
    """IPF 2.36 and 2.70 have vectors over the range alone, of an older name, which IPF 2.36 left at 0; newer
    ones three over the azimuth."""
    archive = next((copernicus / "s1").glob(f"*_{packed}*.zip"))
    with zipfile.ZipFile(archive) as members:
        (name,) = [name for name in members.namelist() if "/calibration/noise-" in name and "-vv-" in name]
        (annotation,) = [
            one for one in members.namelist() if "-vv-" in one and one.count("/") == 2 and "/annotation/" in one
        ]
        for one in (name, annotation):
            members.extract(one, tmp_path)
    tree = etree.parse(tmp_path / name)
    noise = safe_s1.range_noise(tree, name)(np.array([0, 8000, 15_999]), np.array([0, 12_000, 24_999]))
    assert len(safe_s1.azimuth_noise(tree, (16_000, 25_000), name)) == vectors
    assert (noise > 0).all() == told and np.isfinite(noise).all()


@pytest.mark.parametrize(
    ("name", "baseline", "offsets"),
    [
        ("S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE", "02.12", set()),
        ("S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126.SAFE", "04.00", {-1000.0}),
        ("S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE", "05.09", {-1000.0}),
    ],
)
def test_offsets_of_sentinel2(copernicus, name, baseline, offsets):
    scenes = {scene["product"]: scene for scene in safe_s2.scenes(copernicus_safe.inventory(copernicus / "s2"))}
    scene = scenes[name]
    assert scene["baseline"] == baseline and set(scene["offsets"].values()) == offsets
    assert scene["scale"] == pytest.approx(1e-4) and len(scene["offsets"]) in (0, 13)
    if offsets:
        assert {"B01", "B08", "B8A", "B12"} <= scene["offsets"].keys()


def test_true_pixels_of_sentinel2(copernicus):
    """B01 of a scene of 2018, without an offset; 40.9 percent of it is beyond the swath."""
    image = next((copernicus / "s2").rglob("T31TDH_20180101T105441_B01.jp2"))
    scene = {"product": "", "images": {"B01": {"60": str(image)}}, "offsets": {}, "scale": 1e-4, "footprints": {}}
    values = safe_s2.reflectance(scene, "B01", imagery.numbers(image, None))
    assert np.isnan(values).mean() == pytest.approx(0.409, abs=0.001)
    assert np.nanmean(values) == pytest.approx(0.1242 / 0.591, rel=0.02)


def test_true_footprints_of_detectors(copernicus, tmp_path):
    """Of a whole tile at 60 m; by its nearest pixel it is the same on its own grid and on that of 10 m."""
    archive = next((copernicus / "s2").glob("S2A_MSIL1C_20230216*.zip"))
    with zipfile.ZipFile(archive) as members:
        (name,) = [name for name in members.namelist() if name.endswith("MSK_DETFOO_B01.jp2")]
        path = members.extract(name, tmp_path)
    with rasterio.open(path) as image:
        judged = image.read(1)
    assert set(np.unique(judged)) <= set(range(13))
    own = grid.of_image(path)
    assert np.array_equal(safe_s2.seen(path, own, Window(0, 0, own.width, own.height)), judged > 0)
    step = grid.Grid(own.crs, (10.0, 0.0, own.affine.c, 0.0, -10.0, own.affine.f), own.width * 6, own.height * 6)
    part = safe_s2.seen(path, step, Window(600, 1200, 120, 60))
    assert np.array_equal(part, (judged[200:210, 100:120] > 0).repeat(6, 0).repeat(6, 1))


def test_layouts_of_sentinel5p(copernicus):
    """Groups, dimensions and names of the types; the variables of these files are stripped."""
    scenes = s5p.scenes(copernicus_safe.inventory(copernicus / "s5p"))
    assert {scene["type"] for scene in scenes} == {
        "L2__CH4___",
        "L2__CO____",
        "L2__HCHO__",
        "L2__NO2___",
        "L2__O3____",
        "L2__SO2___",
    }
    with netCDF4.Dataset(scenes[0]["path"]) as dataset:
        assert {"scanline", "ground_pixel", "corner", "time"} <= dataset["PRODUCT"].dimensions.keys()
    with pytest.raises(ValueError, match="has no nitrogendioxide"):
        s5p.unit(
            next(scene for scene in scenes if "NO2" in scene["type"]),
            {"variable": "nitrogendioxide_tropospheric_column"},
        )


def test_two_formulas_of_spyndex_are_the_published_ones():
    assert formulas.index("NBR").formula == "(N - S2) / (N + S2)"
    debris = formulas.index("FDI")
    slope = (debris.constants["lambdaN"] - debris.constants["lambdaR"]) / (
        debris.constants["lambdaS1"] - debris.constants["lambdaR"]
    )
    assert slope * 10 == pytest.approx(1.772, abs=0.001)


def test_hot_spots_inside_a_true_perimeter(copernicus, tmp_path):
    """The fire near Chernobyl of April 2020: the ground inside is what the mapping service says has burnt."""
    path = copernicus / "EMSR435_AOI01_FEP_PRODUCT_observedEventA_r1_v2.json"
    burnt = sum(feature["properties"]["area"] for feature in json.loads(path.read_text())["features"])
    perimeter, _ = areas.read(str(path), "perimeter")
    place = grid.Grid("EPSG:4326", (0.001, 0.0, 29.95, 0.0, -0.001, 51.4), 300, 150)
    profile = {"driver": "GTiff", "width": 300, "height": 150, "count": 3, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "map.tif", "w", transform=place.affine, **profile) as image:
        image.write(np.full((3, 150, 300), 10, "f4"))
    with rasterio.open(tmp_path / "map.tif") as image:
        rows, count, inside = hotspots.listed(image, place, 5, perimeter)
    assert count == 45_000
    hectares = sum(row["hectares"] for row in rows) / len(rows)
    assert inside * hectares == pytest.approx(burnt, rel=0.01)
