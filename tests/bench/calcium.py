"""Score and cost of finding cells, beside inscopix-cnmfe on the same registered movie with the same thresholds.

    tests/bench/calcium.py [--kind calcium] [--seed 1] [--corr 0.8] [--pnr 10] [--python310 PROGRAM]

The movie is `sample:KIND`, 2 x 2 pixels to one, registered by us, or of kind `minisim` one of minisim (GPL), a generator
that is not ours: a miniscope V4 over CA1 of 10,000 cells in a cubic millimetre, 304 x 304 pixels, 50 s at 20 Hz, in 8
bits, without motion. What is true of it is known. CPU seconds are what to compare; the machine may be shared.
inscopix-cnmfe (AGPL) has wheels for Python 3.10 at most. It and minisim are installed in environments of their own for
this run alone. CaImAn is not run: it is no package of PyPI, needs numpy below 2 and TensorFlow below 2.16, and is built
from source.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
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
MINISIM = """
import sys
import numpy as np
from minisim import build_spec, presets, simulate
scope, region = presets.miniscope_v4(), presets.ca1()
sensor = scope.image_sensor.model_copy(update={"n_px_height": 304, "n_px_width": 304})
few = region.population.model_copy(update={"density_per_mm3": 10000.0})
scope = scope.model_copy(update={"image_sensor": sensor})
made = simulate(build_spec(scope, region, duration_s=50, fps=20, seed=int(sys.argv[2]), populations=[few]))
seen = made.ground_truth.detectable_subset()
np.savez(sys.argv[1], frames=np.asarray(made.observed, np.float32), footprints=seen.A_observed, traces=seen.C)
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


@dataclass(frozen=True)
class Truth:
    """Courses (cells, samples) of a recording that is not ours, and its samples, as `calcium_truth.judged` wants them."""

    traces: np.ndarray
    valid: np.ndarray


def of_minisim(folder, seed):
    """A movie of minisim, 2 x 2 pixels to one: its `Truth`, frames and true footprints (cells, pixels); None without it."""
    python, made = environment(folder / "minisim", sys.executable, "minisim==1.0.3"), folder / "minisim.npz"
    if python is None:
        return None
    subprocess.run([python, "-c", MINISIM, made, str(seed)], check=True)
    with np.load(made) as arrays:
        frames, footprints = (
            np.array([calcium_truth.binned(image, 2) for image in arrays[name]], np.float32)
            for name in ("frames", "footprints")
        )
        return Truth(arrays["traces"], np.arange(len(frames))), frames, footprints.reshape(len(footprints), -1)


def of_sample(kind, seed):
    """A recording of ours: its truth, its frames when registered, the true footprints there."""
    recording = calcium.synthesise(kind, seed)
    frames, origin = registered(recording)
    return recording, frames, calcium_truth.footprints(recording, frames.shape[1:], origin, 2)


def environment(folder, program, package):
    """The Python of a new environment with a package that has wheels for it; None where there is none."""
    python = folder / "bin/python"
    subprocess.run([program, "-m", "venv", folder], check=True)
    install = [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", package]
    if subprocess.run(install).returncode:
        print(f"{package}: not run, it does not install")
        return None
    return python


class Found:
    """Footprints and traces of any finder, as `calcium_truth.judged` wants them."""

    def __init__(self, footprints, traces):
        self.footprints, self.traces = footprints, traces

    def __len__(self):
        return self.footprints.shape[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", default="calcium", choices=[*sorted(calcium.KINDS), "minisim"])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--corr", default="0.8")
    parser.add_argument("--pnr", default="10")
    parser.add_argument("--python310", default=shutil.which("python3.10"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = of_minisim(folder, given.seed or 1) if given.kind == "minisim" else of_sample(given.kind, given.seed)
        if made is None:
            return
        recording, frames, truth = made
        print(f"{len(truth)} cells in {len(frames)} frames of {frames.shape[1]} x {frames.shape[2]}", flush=True)
        movie = folder / "movie.tif"
        tifffile.imwrite(movie, frames, photometric="minisblack")
        del frames, made
        thresholds = (given.corr, given.pnr)
        row("darkroom", sys.executable, OURS, movie, truth, recording, thresholds)
        if not given.python310:
            print("inscopix-cnmfe: not run, its wheels need a Python 3.10 (--python310)")
        elif python := environment(folder / "peer", given.python310, "inscopix-cnmfe==1.0.2"):
            row("inscopix-cnmfe", python, PEER, movie, truth, recording, thresholds)


if __name__ == "__main__":
    main()
