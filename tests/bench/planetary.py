"""Measure ingest and calibration of planetary images by the native engine, beside what ISIS takes: `make bench`.

A campaign of MDIS frames in one process, and one full LROC NAC image; both are repeated from the demo's raw files. CPU
seconds are what to compare; the machine may be shared. ISIS cannot be installed by pip: its time is the one measured
for mdis2isis and mdiscal on a frame of the same size (ISIS 8.3, 2 CPUs).
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

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))

from darkroom.planetary.formats import cubes
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.samples import planetary

FRAMES = 100
ISIS = 0.25  # s of CPU per frame of 1024 x 1024
NAC_LINES = 52224
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


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder; 3 GB are needed")
    work = Path(tempfile.mkdtemp(dir=line.parse_args().folder))
    try:
        planetary.mdis(work)
        frame = next(work.glob("EN*.IMG"))
        side = planetary.MDIS_SIZE
        repeated(frame, (side, side), 16 * side, (1024, 1024), FILE_RECORDS=16 + 2048, **{"MESS:FPU_BIN": 0})
        wall, cpu, memory = timed(campaign, frame, work)
        print(
            f"MDIS 1024 x 1024, {FRAMES} frames: {cpu / FRAMES:.3f} s of CPU each, {wall / FRAMES:.3f} s, {memory:.0f} MB"
        )
        print(
            f"  {ISIS / (cpu / FRAMES):.1f} times as fast as ISIS; {FRAMES * 4 / cpu * 1024**2 / 1e6:.0f} MB/s of pixels"
        )

        planetary.lroc_nac(work)
        nac = next(work.glob("M*LE.IMG"))
        samples = planetary.LROC_SHAPE[1]
        repeated(nac, planetary.LROC_SHAPE, samples, (NAC_LINES, samples), FILE_RECORDS=NAC_LINES + 1)
        options = line_files(work, samples)
        wall, cpu, memory = timed(process, nac, work / "raw.cub", work / "calibrated.cub", options)
        pixels = NAC_LINES * samples / 1e6
        print(f"LROC NAC {samples} x {NAC_LINES}: {cpu:.1f} s of CPU, {wall:.1f} s, {memory:.0f} of {MOST_MEMORY} MB")
        print(f"  {pixels * 4 / cpu:.0f} MB/s of pixels, {pixels / cpu:.0f} MB/s of raw bytes")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
