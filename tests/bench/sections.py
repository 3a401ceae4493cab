"""Peak memory of the atlas steps on sections of growing area: it must stay below what the rules ask for, and flat.

16 sections, as PNG and as tiled TIFF, JPEG chunks. Each step runs in a process of its own, as in a job.
"""

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))

from atlas import SCRIPTS, measure

SIDES = (2048, 4096, 8192, 16384)
SECTIONS = 16
FLAT = 1.2  # times the least of all


def make(folder, side, kind):
    """Sections with some noise that repeats."""
    folder.mkdir()
    noise = np.random.default_rng(1).integers(100, 130, (1024, 1024)).astype("u1")
    plane = np.tile(noise, (side // 1024, side // 1024))
    if kind == "png":
        content = imagecodecs.png_encode(plane, level=1)
    else:
        tifffile.imwrite(folder / "first.tif", plane, tile=(256, 256), compression="deflate")
        content = (folder / "first.tif").read_bytes()
        (folder / "first.tif").unlink()
    for number in range(SECTIONS):
        (folder / f"s{number:02}.{kind}").write_bytes(content)


def peaks(source, work, threads=2):
    """Peak memory (MB) of the conversion and of its check, and what the rules ask for."""
    import atlas_import
    import fetch_input
    from darkroom.atlas.definition import complete
    from darkroom.memory import asked

    inventory, volume, info = work / "inventory.json", work / "volume.json", work / "precomputed/info"
    options = complete({"resolution": 1000, "encoding": "jpeg", "chunk_size": 64})
    with ThreadPoolExecutor(1) as apart:
        apart.submit(fetch_input.fetch_input, str(source), inventory=inventory).result()
        apart.submit(atlas_import.atlas_import, inventory, volume, options).result()
    python = [sys.executable]
    *_, chunk = measure([*python, SCRIPTS / "atlas_chunk.py", inventory, volume, info, "--threads", threads])
    check_line = [SCRIPTS / "atlas_check_precomputed.py", volume, info, work / "check.json", "--threads", threads]
    *_, check = measure([*python, *check_line])
    return chunk, check, asked(json.loads(volume.read_text())["estimate"]["memory_mb"])


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder; 8 GB are needed")
    line.add_argument("--sides", type=int, nargs="*", default=SIDES)
    given = line.parse_args()
    megabytes = {}
    print(f"{'sections':12}{'side':>8}{'conversion MB':>16}{'check MB':>10}{'asked MB':>10}", flush=True)
    for kind in ("png", "tif"):
        for side in given.sides:
            work = Path(tempfile.mkdtemp(dir=given.folder))
            try:
                with ProcessPoolExecutor(1) as apart:  # what is measured later would seem to have its memory
                    apart.submit(make, work / "sections", side, kind).result()
                megabytes[kind, side] = peaks(work / "sections", work)
            finally:
                shutil.rmtree(work)
            chunk, check, most = megabytes[kind, side]
            print(f"{kind:12}{side:8}{chunk:16.0f}{check:10.0f}{most:10}", flush=True)
    chunks, checks, _ = zip(*megabytes.values(), strict=True)
    flat = max(chunks) <= FLAT * min(chunks) and max(checks) <= FLAT * min(checks)
    below = all(max(chunk, check) <= most for chunk, check, most in megabytes.values())
    print(json.dumps({"flat": flat, "below": below}))
    sys.exit(not (flat and below))


if __name__ == "__main__":
    main()
