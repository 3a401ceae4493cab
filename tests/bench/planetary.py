"""Measure ingest and calibration of planetary images by the native engine, beside what ISIS takes: `make bench`.

A campaign of MDIS frames in one process, and one full LROC NAC image; both are repeated from the demo's raw files. Then a
map of a made line scan of that size on the heights of a made DEM, and its GeoTIFF beside what GDAL alone takes for one
with the same options. CPU seconds are what to compare; the machine may be shared. ISIS cannot be installed by pip: its
times are those measured for mdis2isis and mdiscal on a frame of the same size, and for cam2map of a frame without a DEM
(ISIS 8.3, 2 CPUs).
"""

import argparse
import hashlib
import multiprocessing
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

import planetary_planet  # noqa: E402
from darkroom import files  # noqa: E402
from darkroom.planetary.engines import native  # noqa: E402
from darkroom.planetary.formats import cog, cubes  # noqa: E402
from darkroom.planetary.instruments import calibrate, ingest  # noqa: E402
from darkroom.samples import planetary  # noqa: E402
from planetary_detect_range import planetary_detect_range  # noqa: E402
from planetary_import_geometry import attach  # noqa: E402

FRAMES = 100
ISIS = 0.25  # s of CPU per frame of 1024 x 1024
CAM2MAP = 1.03  # s of CPU per million pixels of a map, bilinear
NAC_LINES, NAC_SAMPLES = 52224, 5064
HILLS = 1200, 0.0015  # pixels of a side of the DEM, and their degrees: 64 m
OPTIONS = {"template": "", "projection": "equirectangular", "latitude_type": "planetocentric", "largest": 50}
MOST_MEMORY = 1024  # MB that the LROC NAC may take


def repeated(product, shape, label_bytes, size, **keywords):
    """Make a product larger by repeating its image of a shape (lines, samples) to a size, and change its label."""
    content = product.read_bytes()
    image = np.frombuffer(content[label_bytes:], "u1").reshape(shape)
    times = [-(-length // there) for length, there in zip(size, shape, strict=True)]
    image = np.tile(image, times)[: size[0], : size[1]]
    label = content[:label_bytes].decode()
    digest = hashlib.md5(image.tobytes()).hexdigest()
    for key, value in {"LINES": size[0], "LINE_SAMPLES": size[1], "MD5_CHECKSUM": f'"{digest}"', **keywords}.items():
        label = re.sub(rf"^( *{key} *= ).*$", rf"\g<1>{value}\r", label, flags=re.MULTILINE)
    product.write_bytes(label.encode().ljust(label_bytes)[:label_bytes] + image.tobytes())


def process(product, cube, calibrated, options):
    """Ingest and calibrate one product."""
    cubes.write(cube, ingest.image(product))
    cubes.write(calibrated, calibrate.image(cubes.Cube(cube), options).image)


def campaign(product, folder):
    """Ingest and calibrate the same frame again and again."""
    for _ in range(FRAMES):
        process(product, folder / "raw.cub", folder / "calibrated.cub", {})


def line_files(folder, samples):
    """Options with made-up dark level, non-linearity and flat field of a LROC NAC."""
    lines = {"dark_file": 20, "offset_file": 0, "flat": 1}
    for name, value in lines.items():
        line = np.full((1, 1, samples), value, "f4")
        cubes.write(folder / f"{name}.cub", cubes.Image(1, 1, samples, "f4", {}, [(line, None)]))
    (folder / "coefficients.txt").write_text("0.05 1.004 0.3\n" * samples)
    files = {name: str(folder / f"{name}.cub") for name in lines}
    return files | {"nonlinearity_file": str(folder / "coefficients.txt"), "solar_distance": 1}


def seen(folder, lines):
    """A cube of a line scan of a metre a pixel, which sees the heights of a DEM."""
    isd = planetary_planet.scan_isd(0, 0, 0, lines, planetary.HEIGHT / 10, NAC_SAMPLES)
    files.write_json(folder / "scan.isd.json", isd)
    noise = np.random.default_rng(0).normal(0.05, 0.005, (1, 256, NAC_SAMPLES)).astype("f4")
    blocks = ((noise[:, : lines - first], None) for first in range(0, lines, 256))
    cubes.write(folder / "scan.cub", cubes.Image(1, lines, NAC_SAMPLES, "f4", planetary_planet.GROUPS, blocks))
    size, step = HILLS
    west, north = planetary.CENTRE[1] - size * step / 2, planetary.CENTRE[0] + size * step / 2
    places = np.arange(size) * np.pi / 20
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": size, "width": size}
    crs = {"proj": "longlat", "R": planetary.MERCURY_RADIUS * 1000, "no_defs": True}
    transform = rasterio.transform.from_origin(west, north, step, step)
    with rasterio.open(folder / "dem.tif", "w", crs=crs, transform=transform, **profile) as dem:
        dem.write((200 * np.sin(places[:, None]) * np.cos(places)).astype("f4"), 1)
    attach(folder / "scan.cub", folder / "scan.isd.json", folder / "located.cub", str(folder / "dem.tif"))
    (folder / "scan.cub").unlink()
    return folder / "located.cub"


def mapped(cube, folder):
    """The map of an image, of a metre a pixel, bilinear."""
    options = {"engine": "native", "map": OPTIONS | {"resolution": 1.0}}
    planetary_detect_range([str(cube)], folder / "projection.map", options)
    asked = {"interpolation": "bilinear", "may_miss": False}
    native.project(cube, folder / "projection.map", folder / "map.cub", asked)


def gdal(cube, image):
    """What `cog.write` makes, by GDAL's driver alone: no tags, and special pixels that are numbers."""
    options = {key: value for key, value in cog.FINAL.items() if key != "overviews"}
    options |= {"predictor": "floating_point", "overview_resampling": "average"}
    with rasterio.Env(GDAL_CACHEMAX=cog.CACHE):
        rasterio.shutil.copy(cube, image, driver="COG", **options)


def timed(work, *arguments):
    """Wall seconds, CPU seconds and peak memory (MB) of a call in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, work, *arguments).result()


def _timed(work, *arguments):
    wall, cpu = time.monotonic(), time.process_time()
    work(*arguments)
    # Not ru_maxrss, which a process inherits from the one that started it.
    memory = int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
    return time.monotonic() - wall, time.process_time() - cpu, memory


def archives(work):
    """Ingest and calibration."""
    planetary.mdis(work)
    frame = next(work.glob("EN*.IMG"))
    side = planetary.MDIS_SIZE
    repeated(frame, (side, side), 16 * side, (1024, 1024), FILE_RECORDS=16 + 2048, **{"MESS:FPU_BIN": 0})
    wall, cpu, memory = timed(campaign, frame, work)
    print(
        f"MDIS 1024 x 1024, {FRAMES} frames: {cpu / FRAMES:.3f} s of CPU each, {wall / FRAMES:.3f} s, {memory:.0f} MB"
    )
    print(f"  {ISIS / (cpu / FRAMES):.1f} times as fast as ISIS; {FRAMES * 4 / cpu * 1024**2 / 1e6:.0f} MB/s of pixels")

    planetary.lroc_nac(work)
    nac = next(work.glob("M*LE.IMG"))
    samples = planetary.LROC_SHAPE[1]
    repeated(nac, planetary.LROC_SHAPE, samples, (NAC_LINES, samples), FILE_RECORDS=NAC_LINES + 1)
    options = line_files(work, samples)
    wall, cpu, memory = timed(process, nac, work / "raw.cub", work / "calibrated.cub", options)
    pixels = NAC_LINES * samples / 1e6
    print(f"LROC NAC {samples} x {NAC_LINES}: {cpu:.1f} s of CPU, {wall:.1f} s, {memory:.0f} of {MOST_MEMORY} MB")
    print(f"  {pixels * 4 / cpu:.0f} MB/s of pixels, {pixels / cpu:.0f} MB/s of raw bytes")


def maps(work, lines):
    """A map on a DEM, and its GeoTIFF."""
    cube = seen(work, lines)
    _, cpu, memory = timed(mapped, cube, work)
    _, down, across = cubes.size(work / "map.cub")
    pixels = down * across / 1e6
    print(f"map of {NAC_SAMPLES} x {lines} on a DEM: {pixels:.0f} million pixels, {cpu:.1f} s of CPU")
    print(f"  {cpu / pixels:.2f} s each, cam2map {CAM2MAP} without a DEM; {memory:.0f} of {MOST_MEMORY} MB", flush=True)
    _, cpu, memory = timed(cog.write, work / "map.cub", work / "map.tif", {})
    _, least, _ = timed(gdal, work / "map.cub", work / "gdal.tif")
    print(f"GeoTIFF: {cpu:.1f} s of CPU, {cpu / least:.2f} of GDAL's own, {memory:.0f} MB")


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder; 8 GB are needed")
    line.add_argument("--lines", type=int, default=NAC_LINES, help="of the image that is mapped")
    line.add_argument("--map-only", action="store_true", help="no ingest and calibration")
    given = line.parse_args()
    work = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        if not given.map_only:
            archives(work)
        maps(work, given.lines)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
