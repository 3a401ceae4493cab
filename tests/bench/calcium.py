"""Score and cost of finding cells, beside inscopix-cnmfe on the same registered movie with the same thresholds.

    tests/bench/calcium.py [--kind calcium] [--seed 1] [--corr 0.8] [--pnr 10] [--python310 PROGRAM]

The movie is `sample:KIND`, 2 x 2 pixels to one, registered by us; what is true of it is known. CPU seconds are what to
compare; the machine may be shared. inscopix-cnmfe (AGPL) has wheels for Python 3.10 at most: it is installed in an
environment of its own for this run alone, where such a Python is found. CaImAn is not run: it is no package of PyPI, needs
numpy below 2 and TensorFlow below 2.16, and is built from source. Movies of minisim, which has wheels, are not scored.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from scipy import sparse

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

import calcium_truth  # noqa: E402
from darkroom.calcium import movie as movies  # noqa: E402
from darkroom.calcium import preprocess, registration  # noqa: E402
from darkroom.samples import calcium  # noqa: E402

OURS = """
import resource, sys
sys.path.insert(0, sys.argv[5])
import numpy as np, tifffile
from dataclasses import replace
from darkroom.calcium import cnmfe, movie as movies
pages = tifffile.memmap(sys.argv[1], mode="r")
shape, offset = pages.shape, pages.offset
del pages
def read(first, count):
    size = shape[1] * shape[2]
    return np.fromfile(sys.argv[1], np.float32, count * size, offset=offset + 4 * first * size).reshape(count, *shape[1:])
movie = replace(movies.of_array(np.broadcast_to(np.float32(0), shape)), reader=read)
cells = cnmfe.detect_cells(movie, cell_diameter=7, min_corr=float(sys.argv[3]), min_pnr=float(sys.argv[4]))
np.savez(sys.argv[2], footprints=cells.footprints.toarray(), traces=cells.traces)
"""
PEER = """
import sys
import numpy as np, inscopix_cnmfe
footprints, traces = inscopix_cnmfe.run_cnmfe(
    sys.argv[1], average_cell_diameter=7, min_pixel_correlation=float(sys.argv[3]),
    min_peak_to_noise_ratio=float(sys.argv[4]), num_threads=2)
np.savez(sys.argv[2], footprints=footprints.reshape(len(footprints), -1), traces=traces)
"""
TIMED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
sys.exit(code)
"""


def registered(recording):
    """The registered movie (frames, rows, columns), and where its first pixel lies in the recording."""
    raw = movies.of_array(recording.read(0, recording.shape[0]), 1 / recording.rate)
    small = preprocess.smaller(preprocess.mended(raw, preprocess.defective(raw)), 2)
    motion = registration.detect_motion(small)
    top, left, bottom, right = registration.common_rectangle(motion.shifts, small.shape[1:])
    frames = registration.corrected(small.read(), motion.shifts, threads=2)[:, top : bottom + 1, left : right + 1]
    off = motion.shifts + recording.shifts[recording.valid] / 2
    print(f"shift error: median {np.median(np.hypot(*(off - np.median(off, 0)).T)):.4f} pixels")
    return frames, 2 * (np.array([top, left]) - np.median(off, 0))


def row(name, program, code, movie, truth, recording, thresholds):
    """Run one finder and print its score and its cost."""
    made = movie.with_name(f"{name}.npz")
    command = [program, "-c", code, movie, made, *thresholds, ROOT / "scripts"]
    ended = subprocess.run([sys.executable, "-c", TIMED, *map(str, command)], capture_output=True, text=True)
    if ended.returncode:
        print(f"{name}: {ended.stderr[-500:]}")
        return
    cpu, memory = ended.stdout.split()[-2:]
    with np.load(made) as arrays:
        cells = Found(sparse.csr_array(arrays["footprints"]), arrays["traces"])
    said = calcium_truth.judged(recording, truth, cells)
    score = " ".join(f"{what} {said[what]:.3f}" for what in ("recall", "precision", "trace"))
    print(f"{name:16} {score}  {float(cpu):7.1f} CPU s {int(memory):6d} MB", flush=True)


class Found:
    """Footprints and traces of any finder, as `calcium_truth.judged` wants them."""

    def __init__(self, footprints, traces):
        self.footprints, self.traces = footprints, traces

    def __len__(self):
        return self.footprints.shape[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", default="calcium", choices=sorted(calcium.KINDS))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--corr", default="0.8")
    parser.add_argument("--pnr", default="10")
    parser.add_argument("--python310", default=shutil.which("python3.10"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recording = calcium.synthesise(given.kind, given.seed)
        frames, origin = registered(recording)
        truth = calcium_truth.footprints(recording, frames.shape[1:], origin, 2)
        movie = Path(folder, "movie.tif")
        tifffile.imwrite(movie, frames, photometric="minisblack")
        del frames
        thresholds = (given.corr, given.pnr)
        row("darkroom", sys.executable, OURS, movie, truth, recording, thresholds)
        if not given.python310:
            print("inscopix-cnmfe: not run, its wheels need a Python 3.10 (--python310)")
            return
        subprocess.run([given.python310, "-m", "venv", Path(folder, "venv")], check=True)
        python = Path(folder, "venv/bin/python")
        install = [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", "inscopix-cnmfe==1.0.2"]
        if subprocess.run(install).returncode:
            print("inscopix-cnmfe: not run, it does not install")
            return
        row("inscopix-cnmfe", python, PEER, movie, truth, recording, thresholds)


if __name__ == "__main__":
    main()
