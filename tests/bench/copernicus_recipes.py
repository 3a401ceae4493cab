"""Recipes beside what they cannot do without, and beside their peers, in one run.

`python tests/bench/copernicus_recipes.py [--size 5490] [--lines 4176 --pixels 6525] [--days 365] [--only sea]`: an index of
two JPEG 2000 bands of Sentinel-2 beside the decoding of both alone and beside plain xarray, and its part of 5 km beside the
whole; backscatter of a GRD of Sentinel-1 (of 16705 x 26102 where it is whole) beside gdalwarp; an orbit of Sentinel-5P brought
to a grid beside HARP; daily fields of the sea surface, and a twelfth of them, beside plain xarray. Compare CPU seconds: the
machine may have other work. Each runs in a process of its own; memory is the most that it had.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import netCDF4
import numpy as np
from scipy.ndimage import gaussian_filter

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

import copernicus_orbit  # noqa: E402
import copernicus_safe  # noqa: E402
from darkroom import inventory  # noqa: E402
from darkroom.copernicus.products import Product, write_products  # noqa: E402
from darkroom.samples import copernicus_radar  # noqa: E402

OPTIONS = {
    "layers": [],
    "map": {},
    "mask": None,
    "qa": None,
    "step": None,
    "every": None,
    "hours": [],
    "backscatter": {},
    "detectors": None,
}
DECODE = """
import sys, rasterio
for path in sys.argv[1:]:
    with rasterio.open(path) as image:
        for row in range(0, image.height, 1024):
            image.read(1, window=rasterio.windows.Window(0, row, image.width, min(1024, image.height - row)))
"""
OURS = """
import json, sys
from copernicus_import import copernicus_import
from copernicus_project import copernicus_project
from pathlib import Path
folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
copernicus_import(folder / "inventory.json", folder / "products.geojson", folder / "scenes.json", **given)
copernicus_project(folder / "scenes.json", folder / "stack.nc", **given)
"""
MERGE = """
from copernicus_merge import copernicus_merge
copernicus_merge(folder / "stack.nc", folder / "map.tif", folder / "statistics.csv", recipe=given["recipe"])
"""
INDEX_BY_XARRAY = """
import sys, rioxarray
red, infrared = (rioxarray.open_rasterio(path)[0].astype("float32") for path in sys.argv[1:3])
red, infrared = (((band - 1000) / 10000).where(band != 0) for band in (red, infrared))
index = ((infrared - red) / (infrared + red)).rio.write_crs(infrared.rio.crs)
index.rio.to_raster(sys.argv[3], driver="COG", compress="deflate")
"""
SERIES_BY_XARRAY = """
import sys, numpy, pandas, xarray
from pathlib import Path
folder = Path(sys.argv[1])
paths = sorted((folder / "raw").glob("*.nc"))
fields = xarray.concat([xarray.load_dataset(path).analysed_sst for path in paths], "time") - 273.15
fields.to_netcdf(folder / "peer.nc", encoding={"analysed_sst": {"zlib": True, "complevel": 1}})
fields.mean("time").to_netcdf(folder / "peer_mean.nc")
weighted = fields.weighted(numpy.cos(numpy.deg2rad(fields.lat)))
sides = ("lat", "lon")
table = {"mean": weighted.mean(sides), "std": weighted.std(sides), "min": fields.min(sides), "max": fields.max(sides)}
for share in (0.02, 0.5, 0.98):
    table[f"q{share}"] = fields.quantile(share, sides).drop_vars("quantile")
pandas.DataFrame({name: one.values for name, one in table.items()}, fields.time.values).to_csv(folder / "peer.csv")
"""


def measured(*command):
    """Wall seconds, CPU seconds and largest memory (MB) of a command."""
    started = time.monotonic()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    command = [str(part) for part in command]
    _, status, usage = os.wait4(os.posix_spawnp(command[0], command, environment, file_actions=quiet), 0)
    if status:
        raise RuntimeError(f"{command[:2]} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def told(what, figures, before=None):
    ratio = f"  {figures[1] / before[1]:5.2f} of its CPU" if before else ""
    print(f"  {what:28} {figures[0]:7.2f} s  CPU {figures[1]:7.2f} s  {figures[2]:6.0f} MB{ratio}", flush=True)
    return figures


def prepared(folder):
    """Take stock of the products in `raw`."""
    listed = copernicus_safe.inventory(folder / "raw")
    inventory.write(folder / "inventory.json", listed)
    names = sorted({name.split("/")[0] for name in listed.names})
    write_products(folder, [Product("1", name, "", "") for name in names])


def recipe(name, **options):
    return json.dumps({"recipe": name, "options": OPTIONS | options})


def make_sentinel2(folder, size):
    chance = np.random.default_rng(1)
    hills = gaussian_filter(chance.normal(size=(size, size)), 3)
    bands = {
        f"{band}_10m": np.clip(3000 + 6000 * hills + chance.normal(0, 40, hills.shape), 1, 20_000)
        for band in ("B04", "B08")
    }
    copernicus_safe.safe(folder / "raw", bands)
    prepared(folder)


def sentinel2(folder, size):
    print(f"NDVI of {size} x {size} pixels of JPEG 2000")
    images = sorted((folder / "raw").rglob("*.jp2"))
    decode = told("decoding alone", measured(sys.executable, "-c", DECODE, *images))
    if importlib.util.find_spec("rioxarray"):
        told("xarray, to COG", measured(sys.executable, "-c", INDEX_BY_XARRAY, *images, folder / "xarray.tif"), decode)
    whole = told("ours, to netCDF", measured(sys.executable, "-c", OURS, folder, recipe("s2_index")), decode)
    told("ours, to netCDF and to COG", measured(sys.executable, "-c", OURS + MERGE, folder, recipe("s2_index")), decode)
    part = {"area": [7.75, 45.09, 7.81, 45.13]}
    told("ours, 5 km of it", measured(sys.executable, "-c", OURS, folder, recipe("s2_index", map=part)), whole)


def make_sentinel1(folder, lines, pixels):
    copernicus_radar.LINES, copernicus_radar.PIXELS = lines, pixels
    begin = copernicus_radar.DATES[0]
    copernicus_radar.safe(folder / f"raw/S1A_IW_GRDH_1SDV_{begin}_20200824T051122_034044_03F3B3_A1B2.SAFE", begin, 0)
    prepared(folder)


def sentinel1(folder, lines, pixels):
    print(f"VH of a GRD of {lines} x {pixels} pixels to a map of 10 m")
    image = next((folder / "raw").rglob("measurement/*-vh-*.tiff"))
    warp = None
    if shutil.which("gdalwarp"):
        asked = ["gdalwarp", "-q", "-overwrite", "-t_srs", "EPSG:32633", "-tr", "10", "10", "-co", "TILED=YES"]
        warp = told("gdalwarp, order 3", measured(*asked, "-order", "3", image, folder / "warp.tif"))
        told("gdalwarp, splines", measured(*asked, "-tps", "-r", "bilinear", image, folder / "warp.tif"), warp)
    told("ours, to netCDF", measured(sys.executable, "-c", OURS, folder, recipe("s1_backscatter", layers="VH")), warp)


def make_sentinel5p(folder):
    longitudes, latitudes = copernicus_orbit.swath(2000, 450, 0, -40, 0.035, 0.05)
    values = np.random.default_rng(2).uniform(1e-5, 9e-5, longitudes.shape[:2])
    copernicus_orbit.orbit(folder / "raw", values, longitudes, latitudes)
    prepared(folder)
    source = folder / "flat.nc"
    with netCDF4.Dataset(source, "w", format="NETCDF3_CLASSIC") as dataset:
        dataset.Conventions = "HARP-1.0"
        dataset.createDimension("time", values.size)
        dataset.createDimension("independent_4", 4)
        column = dataset.createVariable("tropospheric_NO2_column_number_density", "f8", ("time",))
        column.units, column[:] = "mol/m^2", values.ravel()
        for name, corners, unit in (("latitude", latitudes, "degree_north"), ("longitude", longitudes, "degree_east")):
            variable = dataset.createVariable(f"{name}_bounds", "f8", ("time", "independent_4"))
            variable.units, variable[:] = unit, corners.reshape(-1, 4)
    sides = {
        "west": longitudes.min(),
        "south": latitudes.min(),
        "width": np.ptp(longitudes),
        "height": np.ptp(latitudes),
    }
    (folder / "sides.json").write_text(json.dumps({key: float(side) for key, side in sides.items()}))


def sentinel5p(folder):
    print("an orbit of 900,000 pixels to 0.05 degrees")
    harp, sides = None, json.loads((folder / "sides.json").read_text())
    if shutil.which("harpmerge"):
        rows, columns = (int(sides[key] / 0.05) + 40 for key in ("height", "width"))
        grid = f"bin_spatial({rows},{sides['south'] // 1},0.05,{columns},{sides['west'] // 1},0.05)"
        harp = told("harpmerge", measured("harpmerge", "-a", grid, folder / "flat.nc", folder / "harp.nc"))
    measured(sys.executable, "-c", OURS, folder, recipe("s5p_columns", map={"area": [0, 0, 1, 1]}))  # is compiled once
    told("ours, to netCDF", measured(sys.executable, "-c", OURS, folder, recipe("s5p_columns")), harp)


def make_sea(folder, days):
    chance = np.random.default_rng(3)
    latitudes, longitudes = np.arange(-89.75, 90, 0.5), np.arange(-179.75, 180, 0.5)
    warm = gaussian_filter(chance.normal(size=(len(latitudes), len(longitudes))), 8) * 60
    stored = 2500 * np.cos(np.radians(latitudes))[:, None] + 100 * warm
    land = gaussian_filter(chance.normal(size=stored.shape), 30) > 0.005
    for day in range(days):
        begin = np.datetime64("2020-01-01") + day
        path = folder / f"raw/{begin}-UKMO-L4HRfnd-GLOB.nc"
        path.parent.mkdir(exist_ok=True)
        with netCDF4.Dataset(path, "w") as dataset:
            for name, values in (("time", [day]), ("lat", latitudes), ("lon", longitudes)):
                dataset.createDimension(name, len(values))
                dataset.createVariable(name, "f8", (name,))[:] = values
            dataset["time"].units = "days since 2020-01-01"
            axes = ("time", "lat", "lon")
            field = dataset.createVariable("analysed_sst", "i2", axes, zlib=True, complevel=4, fill_value=-32768)
            field.set_auto_maskandscale(False)
            field.setncatts({"scale_factor": 0.01, "add_offset": 273.15, "units": "kelvin"})
            field[0] = np.where(land, -32768, stored + 3 * chance.normal(size=stored.shape)).astype("i2")
    prepared(folder)


def sea(folder, days):
    print(f"{days} daily fields of 720 x 360 cells to a stack, a map and a table")
    plain = told("plain xarray", measured(sys.executable, "-c", SERIES_BY_XARRAY, folder))
    told("ours", measured(sys.executable, "-c", OURS + MERGE, folder, recipe("cmems_sst")), plain)


def main():
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--size", type=int, default=5490)
    line.add_argument("--lines", type=int, default=4176)
    line.add_argument("--pixels", type=int, default=6525)
    line.add_argument("--days", type=int, default=365)
    line.add_argument("--only", choices=("sentinel2", "sentinel1", "sentinel5p", "sea"))
    given = line.parse_args()
    spawn = multiprocessing.get_context("spawn")
    works = [
        (make_sentinel2, sentinel2, given.size),
        (make_sentinel1, sentinel1, given.lines, given.pixels),
        (make_sentinel5p, sentinel5p),
        *((make_sea, sea, max(1, days)) for days in (given.days // 12, given.days)),
    ]
    for make, measure, *size in works:
        if given.only not in (None, measure.__name__):
            continue
        with tempfile.TemporaryDirectory() as name:
            # In a process of its own: what is measured begins with the memory of its parent.
            maker = spawn.Process(target=make, args=(Path(name), *size))
            maker.start()
            maker.join()
            measure(Path(name), *size)


if __name__ == "__main__":
    main()
