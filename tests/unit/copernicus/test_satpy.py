"""satpy reads the same products: its values are those that our readers give."""

import netCDF4
import numpy as np
import pytest

import copernicus_orbit
import copernicus_safe
from copernicus_sen3 import olci, product, swath, ties
from darkroom.copernicus import variants
from darkroom.copernicus.readers import s5p, sen3

satpy = pytest.importorskip("satpy", reason="satpy is not installed")
TIMES = {"start_time": "2020-06-22T09:50:00.000000Z", "stop_time": "2020-06-22T09:53:00.000000Z"}


def read(paths, reader, name, attributes=TIMES, **options):
    """A dataset that satpy has of files, once they say when they were made."""
    for path in paths:
        with netCDF4.Dataset(path, "a") as dataset:
            dataset.setncatts(attributes)
    scene = satpy.Scene(reader=reader, filenames=[str(path) for path in paths], reader_kwargs=options)
    scene.load([name])
    return np.asarray(scene[name].values, float)


def field_of(folder, recipe, name):
    field = variants.known()[recipe].fields[name]
    (scene,) = sen3.scenes(copernicus_safe.inventory(folder), field)
    return scene, field


def test_chlorophyll_of_olci(tmp_path):
    longitudes, latitudes = swath()
    stored = np.random.default_rng(5).integers(5, 250, longitudes.shape).astype("u1")
    stored[0, 0] = 255
    folder = tmp_path / product(
        tmp_path, "OL_2_WFR___", olci(stored, np.full(stored.shape, 2, "u8")), longitudes, latitudes
    )
    judged = read([folder / "chl_nn.nc", folder / "geo_coordinates.nc"], "olci_l2", "chl_nn", unlog=True)
    assert sen3.values(*field_of(tmp_path, "s3_olci", "CHL_NN")) == pytest.approx(judged, rel=1e-5, nan_ok=True)


def test_heat_and_angles_of_slstr(tmp_path):
    longitudes, latitudes = swath(9, 13)
    stored = np.random.default_rng(6).integers(-3000, 3000, longitudes.shape).astype("i2")
    stored[2, 3] = -32768
    packed = {"scale_factor": 0.01, "add_offset": 283.73, "_FillValue": -32768, "units": "K"}
    row, column = np.indices(longitudes.shape).astype(float)
    x, y = (6 - column) * 1000.0, row * 1000.0
    zenith, azimuth = 35 + x / 2e3, (350 + 20 * row / 8) % 360  # over the north, where degrees begin anew
    files = ties(longitudes, zenith, azimuth, x, y) | {"S9_BT_in.nc": ("S9_BT_in", stored, packed)}
    folder = tmp_path / product(tmp_path, "SL_1_RBT___", files, longitudes, latitudes)
    for name in ("viscal.nc", "indices_in.nc"):
        with netCDF4.Dataset(folder / name, "w") as dataset:
            dataset.createDimension("rows", 9)
            dataset.createDimension("columns", 13)
            dataset.createVariable("detector_in", "f4", ("rows", "columns"))
    (folder / "cartesian_an.nc").write_bytes((folder / "cartesian_in.nc").read_bytes())
    judged = read([folder / "S9_BT_in.nc", folder / "geodetic_in.nc"], "slstr_l1b", "S9")
    assert sen3.values(*field_of(tmp_path, "s3_slstr", "S9")) == pytest.approx(judged, rel=1e-6, nan_ok=True)
    angle = satpy.DataQuery(name="solar_zenith_angle", resolution=1000)
    judged = read([folder / "geometry_tn.nc", folder / "geodetic_in.nc"], "slstr_l1b", angle)
    assert sen3.values(*field_of(tmp_path, "s3_slstr", "solar_zenith")) == pytest.approx(judged, abs=0.05)


def test_columns_of_tropomi(tmp_path):
    longitudes, latitudes = copernicus_orbit.swath(6, 8, 9, 44, 0.1)
    chance = np.random.default_rng(7)
    values, quality = chance.uniform(1e-5, 9e-5, (6, 8)).astype("f4"), chance.integers(60, 100, (6, 8)).astype("u1")
    path = copernicus_orbit.orbit(tmp_path, values, longitudes, latitudes, quality)
    (scene,) = s5p.scenes(copernicus_safe.inventory(tmp_path))
    column = variants.known()["s5p_columns"].columns["NO2"]
    ours = np.concatenate([some.values[some.good] for some in s5p.pixels(scene, column, 75, 1.0)])
    about = {
        "time_coverage_start": "2023-06-22T11:03:02Z",
        "time_coverage_end": "2023-06-22T12:44:32Z",
        "sensor": "TROPOMI",
    }
    judged = read([path], "tropomi_l2", "nitrogendioxide_tropospheric_column", about)
    good = np.rint(100 * read([path], "tropomi_l2", "qa_value", about)) > 75
    assert ours == pytest.approx(judged[good], rel=1e-6) and good.sum() > 10
