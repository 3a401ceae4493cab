"""Measure what it costs that files are on the disk before they have their names: `tests/bench/files.py [FOLDER]`.

Small files one by one, as JSON and granules are written; the same without a flush, and settled in one go, as chunks are;
and the look for files that have lost their end, which every run begins with.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from darkroom import files  # noqa: E402
from darkroom.campaign import mending  # noqa: E402

COUNT, SIZE = 2000, 10_000


def timed(work):
    """Milliseconds for each file."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began) / COUNT


def main():
    """Print a line for each way."""
    content = os.urandom(SIZE)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as place:

        def write(name, durable):
            for number in range(COUNT):
                files.write_bytes(Path(place, name, str(number)), content, durable)

        ways = {
            "plain write": lambda: [Path(place, f"plain{number}").write_bytes(content) for number in range(COUNT)],
            "atomic": lambda: write("atomic", False),
            "atomic, flushed each": lambda: write("flushed", True),
            "atomic, settled at the end": lambda: (write("settled", False), files.settle(place)),
            "looked through": lambda: mending.cut_files(Path(place, "settled")),
        }
        for way, work in ways.items():
            print(f"{way:28} {timed(work):8.3f} ms a file of {files.human(SIZE)}")


if __name__ == "__main__":
    main()
