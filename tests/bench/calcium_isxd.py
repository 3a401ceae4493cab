"""CPU time of a frame of an .isxd file, read and written by us and by isx, the vendor's library.

    tests/bench/calcium_isxd.py [--frames 300] [--size 512]

isx (CC BY-NC 4.0) is in no lock file: it has to be installed by whoever may use it. The least of three rounds is told.
Asked: reading not slower than isx, writing ten times faster.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts")]

from darkroom.calcium import movie as movies  # noqa: E402
from darkroom.calcium.readers import isxd  # noqa: E402

ROUNDS = 3


def milliseconds(work, frames):
    """CPU milliseconds that a frame takes."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return 1e3 * min(taken) / frames


def main():
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--frames", type=int, default=300)
    line.add_argument("--size", type=int, default=512, help="pixels of a side")
    given = line.parse_args()
    try:
        import isx
    except ImportError:
        sys.exit("isx is not installed; its licence lets it be no dependency")
    values = np.random.default_rng(1).integers(0, 4000, (given.frames, given.size, given.size), np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.isxd"), Path(folder, "theirs.isxd")

        def isx_writes():
            theirs.unlink(missing_ok=True)  # it refuses to write over a file
            timing = isx.Timing(num_samples=given.frames, period=isx.Duration.from_msecs(50))
            made = isx.Movie.write(str(theirs), timing, isx.Spacing(num_pixels=values.shape[1:]), np.uint16)
            for number, frame in enumerate(values):
                made.set_frame_data(number, frame)
            made.flush()

        def isx_reads():
            opened = isx.Movie.read(str(ours))
            return [int(opened.get_frame_data(number)[0, 0]) for number in range(given.frames)]

        def we_read():
            return [int(block[0, 0, 0]) for _, block in isxd.read_movie(ours).blocks()]

        for what, own, other in (
            ("write", lambda: isxd.write_movie(ours, movies.of_array(values)), isx_writes),
            ("read", we_read, isx_reads),
        ):
            here, there = milliseconds(own, given.frames), milliseconds(other, given.frames)
            print(f"{what:5} {here:7.3f} ms a frame, isx {there:7.3f} ms: {there / here:.1f} x", flush=True)


if __name__ == "__main__":
    main()
