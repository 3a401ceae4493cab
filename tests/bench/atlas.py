"""Measure the atlas pipeline beside neuroglancer-scripts, in one run on one machine: `make bench`.

Both read the same sections and write scale 0 and its pyramid to the same disk. CPU seconds are what to compare; the
machine may be shared. neuroglancer-scripts has no mode for labels at a usable speed, so its stride is measured, which is
no mode. Reading back and comparing, which the peer does not do, is a row of its own.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import imagecodecs
import numpy as np

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
PEER = Path(sys.executable).parent
SHAPE = {"sections": 64, "rows": 1536, "columns": 2048}


def make_sections(folder, labels):
    """Sections with the texture of histology: a noisy near-white background, darker tissue, cells; or blocks of labels."""
    folder.mkdir()
    noise = np.random.default_rng(5)
    y, x = np.mgrid[: SHAPE["rows"], : SHAPE["columns"]]
    tissue = ((x / SHAPE["columns"] - 0.5) ** 2 + (y / SHAPE["rows"] - 0.5) ** 2) < 0.16
    for number in range(SHAPE["sections"]):
        if labels:
            plane = ((x // 61 + 40 * (y // 53) + number // 7) * tissue).astype("u2")
        else:
            plane = np.where(tissue, 150 + 30 * np.sin(x / 90 + number / 9) * np.cos(y / 70), 238)
            plane = (plane + noise.normal(0, 6, plane.shape) - 60 * (noise.random(plane.shape) > 0.98) * tissue).clip(
                0, 255
            )
            plane = plane.astype("u1")
        (folder / f"s{number:03}.png").write_bytes(imagecodecs.png_encode(plane))


def measure(*commands):
    """Wall seconds, CPU seconds and the largest memory (MB) of commands that run one after the other."""
    wall, cpu, memory = 0.0, 0.0, 0.0
    for command in commands:
        started = time.monotonic()
        quiet = os.open(os.devnull, os.O_WRONLY)
        pid = os.posix_spawn(
            str(command[0]),
            [str(part) for part in command],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2)],
        )
        os.close(quiet)
        _, status, usage = os.wait4(pid, 0)
        if status:
            raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
        wall += time.monotonic() - started
        cpu += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
    return wall, cpu, memory


def ours(sections, folder, **options):
    definition = json.dumps({"resolution": 1000} | options)
    return measure(
        [
            sys.executable,
            SCRIPTS.parent / "darkroom",
            "ingest_ngs",
            sections,
            "--destination",
            folder,
            "--definition",
            definition,
        ]
    )


def check(sections, folder, **options):
    """The pipeline's own check of what `ours` made; planned again, as the command leaves no plan behind."""
    sys.path.insert(0, str(SCRIPTS))
    import atlas_import
    import fetch_input
    from darkroom.atlas.definition import complete as complete_options

    inventory, volume = folder.with_suffix(".inventory"), folder.with_suffix(".volume")
    fetch_input.fetch_input(str(sections), inventory=inventory)
    atlas_import.atlas_import(inventory, volume, complete_options({"resolution": 1000} | options))
    script = SCRIPTS / "atlas_check_precomputed.py"
    return measure([sys.executable, script, volume, folder / "info", folder.with_suffix(".check"), "--threads", "2"])


def peer(sections, folder, kind, encoding, data_type, convert=False):
    folder.mkdir()
    size = [SHAPE["columns"], SHAPE["rows"], SHAPE["sections"]]
    scale = {
        "encoding": encoding,
        "resolution": [1000] * 3,
        "size": size,
        "voxel_offset": [0, 0, 0],
        "chunk_sizes": [],
        "key": "full",
    }
    full = {"type": kind, "data_type": data_type, "num_channels": 1, "scales": [scale]}
    (folder / "full.json").write_text(json.dumps(full))
    commands = [
        [PEER / "generate-scales-info", folder / "full.json", folder],
        [PEER / "slices-to-precomputed", "--flat", "--input-orientation", "RAS", sections, folder],
        [PEER / "compute-scales", "--flat", folder],
    ]
    if convert:  # JPEG is made from raw chunks
        commands.append([PEER / "convert-chunks", "--flat", "--copy-info", folder, f"{folder}.jpeg"])
    return measure(*commands)


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    work = Path(tempfile.mkdtemp(dir=line.parse_args().folder))
    try:
        make_sections(work / "grey", labels=False)
        make_sections(work / "labels", labels=True)
        raw = {"encoding": "raw", "compresslevel": 6}
        labels = {"type": "segmentation", "data_type": "uint32", "compresslevel": 6}
        rows = [
            (
                "grey, raw.gz",
                ours(work / "grey", work / "a", **raw),
                peer(work / "grey", work / "b", "image", "raw", "uint8"),
            ),
            (
                "labels, cseg.gz",
                ours(work / "labels", work / "c", **labels),
                peer(work / "labels", work / "d", "segmentation", "compressed_segmentation", "uint32"),
            ),
            ("grey, our check", check(work / "grey", work / "a", **raw), None),
            ("labels, our check", check(work / "labels", work / "c", **labels), None),
        ]
    finally:
        shutil.rmtree(work)
    print(
        f"{'':18}{'ours: wall s':>13}{'CPU s':>8}{'MB':>7}{'  peer: wall s':>15}{'CPU s':>8}{'MB':>7}{'  CPU ratio':>11}{'wall':>7}"
    )
    for name, a, b in rows:
        right = f"{b[0]:15.1f}{b[1]:8.1f}{b[2]:7.0f}{b[1] / a[1]:11.1f}{b[0] / a[0]:7.1f}" if b else ""
        print(f"{name:18}{a[0]:13.1f}{a[1]:8.1f}{a[2]:7.0f}{right}")


if __name__ == "__main__":
    main()
