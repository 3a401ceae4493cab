"""Readers and programs of others on the same products: satpy on Sentinel-1 and Sentinel-2, gdal_calc on an index."""

import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import copernicus_safe
from darkroom.copernicus import formulas, imagery
from darkroom.copernicus.readers import safe_s1, safe_s2
from darkroom.samples import copernicus, copernicus_radar

PASS = "S2A_MSIL2A_20230622T101601_N0509_R065_T32TMR_20230622T160204.SAFE"


@pytest.fixture(scope="module")
def optical(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optical")
    copernicus.safe(folder / PASS, 0.06, True, 2)
    return folder


def loaded(reader, folder, **asked):
    """What satpy has of the files of a product."""
    satpy = pytest.importorskip("satpy", reason="satpy is not installed")
    listed = [str(path) for path in folder.rglob("*") if path.is_file()]
    query = satpy.DataQuery(**asked)
    scene = satpy.Scene(reader=reader, filenames=listed)
    scene.load([query])
    return scene[query].values


def scene_of(folder):
    (scene,) = safe_s2.scenes(copernicus_safe.inventory(folder))
    return scene


@pytest.mark.parametrize("band", ["B04", "B8A"])
def test_reflectance_is_that_of_satpy(optical, band):
    pytest.importorskip("bottleneck", reason="satpy wants bottleneck for Sentinel-2")
    resolution = copernicus.RESOLUTION[band]
    judged = loaded("msi_safe_l2a", optical, name=band, resolution=resolution, calibration="reflectance")
    scene = scene_of(optical)
    ours = safe_s2.reflectance(scene, band, imagery.numbers(safe_s2.image_of(scene, band, resolution), None))
    assert judged.std() > 1 and ours == pytest.approx(judged / 100, abs=1e-6)  # of satpy in percent


def test_backscatter_is_that_of_satpy(tmp_path):
    """But for what noise makes negative, which satpy makes 0, and lines after the last vector of noise, where it has
    none; it does not read vectors before the first line, and adds a constant that tables have in them already."""
    pytest.importorskip("geotiepoints", reason="satpy wants python-geotiepoints for Sentinel-1")
    name = f"S1A_IW_GRDH_1SDV_{copernicus_radar.DATES[0]}_20200824T051059_034044_03F3B3_A1B2.SAFE"
    copernicus_radar.safe(tmp_path / name, copernicus_radar.DATES[0], 0)
    for path in tmp_path.rglob("noise-*.xml"):
        path.write_text(path.read_text().replace("<line>-20</line>", "<line>0</line>"))
    constant = "<calibration><absoluteCalibrationConstant>0</absoluteCalibrationConstant>"
    for path in tmp_path.rglob("calibration-*.xml"):
        path.write_text(path.read_text().replace("<calibration>", constant))
    asked = {"name": "measurement", "polarization": "vh", "calibration": "sigma_nought", "quantity": "natural"}
    judged = loaded("sar-c_safe", tmp_path, **asked)
    (scene,) = safe_s1.scenes(copernicus_safe.inventory(tmp_path))
    image = safe_s1.opened(scene["images"]["VH"])
    lines = int(image.range_noise.lines[-1]) + 1
    ours = image.power(Window(0, 0, copernicus_radar.PIXELS, lines))
    assert lines > 300 and np.nanmedian(judged) == pytest.approx(copernicus_radar.SEA, rel=0.2)
    assert np.maximum(ours, 0) == pytest.approx(judged[:lines], rel=1e-4, abs=1e-7, nan_ok=True)


@pytest.mark.skipif(
    not shutil.which("gdal_calc.py"), reason="needs gdal_calc.py of GDAL (Debian: gdal-bin, python3-gdal)"
)
def test_an_index_is_that_of_gdal_calc(optical, tmp_path):
    scene = scene_of(optical)
    red, infrared = (safe_s2.image_of(scene, band, 10) for band in ("B04", "B08"))
    order = [
        "gdal_calc.py",
        "-A",
        infrared,
        "-B",
        red,
        f"--outfile={tmp_path / 'index.tif'}",
        "--type=Float32",
        "--quiet",
    ]
    reflectance = "(({}.astype(float)-1000)/10000)".format
    formula = f"({reflectance('A')}-{reflectance('B')})/({reflectance('A')}+{reflectance('B')})"
    subprocess.run([*order, f"--calc={formula}"], check=True, capture_output=True)
    with rasterio.open(tmp_path / "index.tif") as image:
        judged = image.read(1)
    bands = {
        letter: safe_s2.reflectance(scene, band, imagery.numbers(path, None))
        for letter, band, path in (("R", "B04", red), ("N", "B08", infrared))
    }
    assert formulas.index("NDVI")(**bands) == pytest.approx(judged, abs=1e-5)
