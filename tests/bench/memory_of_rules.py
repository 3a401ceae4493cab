"""Peak memory of every rule of a campaign of all pipelines, on sources of three sizes, beside what the rules ask for.

    tests/bench/memory_of_rules.py [--folder FOLDER] [--most 1] [--only labels lidar]

Each job writes its peak into its log. What is asked must be more than the largest peak with the two Snakemakes that run
beside it on a cluster, and at most twice that; jobs that need less than the least that is asked of any are not told.
Planetary rules are measured one by one in tests/bench/memory.py.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import imagecodecs
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

import calcium_recordings as recordings  # noqa: E402
import copernicus_orbit  # noqa: E402
import copernicus_safe  # noqa: E402
import copernicus_sen3  # noqa: E402
from campaign import Campaign  # noqa: E402
from darkroom.planetary.memory import LEAST, RUNNING  # noqa: E402
from darkroom.samples import airborne, calcium, copernicus_radar  # noqa: E402

JOB = re.compile(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)+)", re.MULTILINE)
PEAK = re.compile(r"peak of memory: (\d+) MB, and (\d+) MB of the largest process that it started")


def sections(folder, size):
    """A stack of eight grey sections with noise."""
    folder.mkdir(parents=True)
    for number in range(8):
        plane = np.random.default_rng(number).integers(0, 255, (size, size), "u1")
        (folder / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane, level=1))


def labels(folder, size):
    """A volume of labels, of blocks of 32 voxels."""
    folder.mkdir(parents=True)
    places = np.indices((size, size, size), "u4", sparse=True)
    np.save(folder / "labels.npy", sum((axis // 32) * 100**number for number, axis in enumerate(places)).astype("u4"))


def sondes(folder, count):
    """Dropsondes of one day, one after the other."""
    folder.mkdir(parents=True)
    for number in range(count):
        launch = np.datetime64("2012-09-06T00:00:00") + np.timedelta64(number * 300, "s")
        airborne.eol_sonde(folder, str(launch), -61.5 + 0.01 * number, 31.5, number + 1)


def lidar(folder, profiles):
    folder.mkdir(parents=True)
    airborne.lidar(folder, profiles=profiles)


def recording(folder, frames):
    folder.mkdir(parents=True)
    recordings.write(folder / "movie.isxd", calcium.synthesise(rows=256, columns=256, frames=frames, cells=20))


def radar(folder, lines):
    """A GRD of Sentinel-1, with sides in the ratio of those of a whole one."""
    copernicus_radar.LINES, copernicus_radar.PIXELS = lines, lines * 26102 // 16705
    begin = copernicus_radar.DATES[0]
    copernicus_radar.safe(folder / f"S1A_IW_GRDH_1SDV_{begin}_20200824T051122_034044_03F3B3_A1B2.SAFE", begin, 0)


def optical(folder, size):
    """Two bands of Sentinel-2."""
    noise = np.random.default_rng(size).integers(1500, 6000, (2, size, size), "u2")
    copernicus_safe.safe(folder, {"B04_10m": noise[0], "B08_10m": noise[1]})


def ocean(folder, rows):
    """Chlorophyll of OLCI, of as many columns as a whole product has."""
    longitudes, latitudes = copernicus_sen3.swath(rows, 4865, step=0.003)
    stored = np.random.default_rng(rows).integers(0, 250, longitudes.shape, "u1")
    fields = copernicus_sen3.olci(stored, np.full(longitudes.shape, 2, "u8"))
    copernicus_sen3.product(folder, "OL_2_WFR___", fields, longitudes, latitudes)


def orbit(folder, lines):
    """NO2 of Sentinel-5P, of as many pixels to a scanline as a whole orbit has."""
    longitudes, latitudes = copernicus_orbit.swath(lines, 450, 0, -60, 0.03, 0.05)
    values = np.random.default_rng(lines).uniform(1e-5, 9e-5, longitudes.shape[:2])
    copernicus_orbit.orbit(folder, values, longitudes, latitudes)


SOURCES = {  # pipeline, options, how the source is made, its three sizes; recipe
    "sections": ("atlas", {"resolution": 1000, "ome_zarr": True}, sections, (512, 2048, 8192)),
    "labels": ("atlas", {"resolution": 1000, "type": "segmentation"}, labels, (64, 256, 512)),
    "sondes": ("airborne", {}, sondes, (3, 30, 200)),
    "lidar": ("airborne", {}, lidar, (600, 6000, 30000)),
    "calcium": ("calcium", {"cell_diameter": 14, "min_corr": 0.6, "min_pnr": 7}, recording, (200, 1000, 3000)),
    "copernicus": ("copernicus", {"query": {"mission": "Sentinel-2", "type": "S2MSI2A"}}, None, ("sample:sentinel",)),
    "radar": ("copernicus", {"layers": "VH"}, radar, (1044, 4176, 16705), "s1_backscatter"),
    "optical": ("copernicus", {}, optical, (1098, 5490, 10980), "s2_index"),
    "ocean": ("copernicus", {}, ocean, (256, 1024, 4091), "s3_olci"),
    "orbit": ("copernicus", {}, orbit, (130, 1040, 4173), "s5p_columns"),
}


def campaign(folder, most, only):
    """Make and run a campaign of all sources, or of those that are named."""
    made = Campaign(folder)
    lines = []
    for name, (pipeline, options, make, sizes, *recipe) in SOURCES.items():
        for size in sizes[:most] if name in only else ():
            source = size if make is None else f"raw/{name}{size}"
            if make is not None:
                make(folder / source, size)
            flow = str(options).replace("'", '"').replace("True", "true")
            lines.append(f"{name}-{size if make else 0}\t{pipeline}\t{source}\t{flow}\t{''.join(recipe)}")
    made.write(lines)
    made.run("--keep-going", seconds=4 * 3600)
    return made


def peaks(folder):
    """The jobs of a run: rule -> [(dataset, MB that it asked for, MB that it had at most)]."""
    jobs = defaultdict(list)
    (said,) = (folder / ".snakemake/log").glob("*.log")
    for rule, about in JOB.findall(said.read_text()):
        fields = dict(re.findall(r"^ {4}(\w+): (.*)$", about, re.MULTILINE))
        asked, log = re.search(r"\bmem_mb=(\d+)", fields["resources"]), folder / fields.get("log", "-")
        if asked and log.is_file() and (peak := PEAK.search(log.read_text())):
            own, child = map(int, peak.groups())
            threads = int(fields.get("threads", 1))
            jobs[rule].append((log.parent.name, int(asked[1]), own + child * (threads if child else 0)))
    return jobs


def main():
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder; 5 GB are needed")
    line.add_argument("--most", type=int, default=3, help="sizes of each source, the smallest first")
    line.add_argument("--only", nargs="+", choices=SOURCES, default=SOURCES, help="sources; by default all")
    given = line.parse_args()
    work, right = Path(tempfile.mkdtemp(dir=given.folder)), True
    try:
        campaign(work, given.most, given.only)
        print(f"{'rule':<28} {'dataset':<16} {'peak':>6} {'with Snakemake':>15} {'asked':>6} MB")
        for rule, jobs in sorted(peaks(work).items()):
            for dataset, asked, peak in sorted(jobs, key=lambda job: job[2]):
                used = peak + RUNNING
                fitting = used <= asked <= max(LEAST, 2 * used)
                right &= fitting
                print(f"{rule:<28} {dataset:<16} {peak:>6} {used:>15} {asked:>6} {'' if fitting else '!'}")
    finally:
        shutil.rmtree(work)
    sys.exit(not right)


if __name__ == "__main__":
    main()
