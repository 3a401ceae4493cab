"""Measure the atlas pipeline beside its peers, in one run on one machine: `make bench`.

All read the same sections of PNG and write scale 0 and its pyramid to the same disk, with the same chunks. CPU seconds
are what to compare; the machine may be shared. Peers are tensorstore, neuroglancer-scripts, and CloudVolume followed by
igneous; the last two are in an environment of their own (`peers.lock`). What they write is compared with ours, JPEG by
how far it is off: all scales of tensorstore and neuroglancer-scripts, the finest of igneous, whose means are rounded down
and which leaves the depth as it is. neuroglancer-scripts has no mode for labels at a usable speed, so its stride is
measured, of which the finest scale is compared. Reading back and comparing, which no peer does, is a row of its own.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import tensorstore

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "servers"))

import venvs  # noqa: E402

SCRIPTS = HERE.parent.parent / "scripts"
LEAN = os.environ | {"PYTHONPATH": str(HERE.parent / "lean")}  # without what judges bring
SHAPE = {"sections": 64, "rows": 1536, "columns": 2048}
LABELS = {"type": "segmentation", "data_type": "uint32"}
# Row -> sections, options, and what peers are told: tensorstore's encoding; type, encoding, data type and whether chunks
# are converted to JPEG at the end for neuroglancer-scripts; CloudVolume's encoding. None where one has nothing to compare.
ROWS = {
    "grey, JPEG 95": ("grey", {"encoding": "jpeg"}, "jpeg", ("image", "raw", "uint8", True), "jpeg"),
    "grey, gzip 1": ("grey", {"encoding": "raw", "compresslevel": 1}, None, ("image", "raw", "uint8", False), "raw"),
    "grey, raw": ("grey", {"encoding": "raw"}, "raw", None, None),
    "grey, sharded": ("grey", {"encoding": "raw", "sharding": True}, "raw sharded", None, None),
    "labels": ("labels", LABELS, "compressed_segmentation", None, None),
    "labels, gzip 1": (
        "labels",
        LABELS | {"compresslevel": 1},
        None,
        ("segmentation", "compressed_segmentation", "uint32", False),
        None,
    ),
}
PEERS = ("tensorstore", "scripts", "scripts.jpeg", "igneous")  # folders of what they write
ALL = 99  # scales
CHECKED = ("grey, JPEG 95", "grey, gzip 1", "labels")


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
            plane = plane + noise.normal(0, 6, plane.shape) - 60 * (noise.random(plane.shape) > 0.98) * tissue
            plane = plane.clip(0, 255).astype("u1")
        (folder / f"s{number:03}.png").write_bytes(imagecodecs.png_encode(plane))


def measure(*commands, environment=os.environ):
    """Wall seconds, CPU seconds and the largest memory (MB) of commands that run one after the other."""
    wall, cpu, memory = 0.0, 0.0, 0.0
    for command in commands:
        started = time.monotonic()
        quiet = os.open(os.devnull, os.O_WRONLY)
        pid = os.posix_spawn(
            str(command[0]),
            [str(part) for part in command],
            environment,
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


def planned(sections, folder, options):
    """The inventory and the plan of a volume, made beforehand: of an import they take what a start of Python takes."""
    sys.path.insert(0, str(SCRIPTS))
    import atlas_import
    import fetch_input
    from darkroom.atlas.definition import complete

    inventory, volume = folder.with_suffix(".inventory"), folder.with_suffix(".volume")
    fetch_input.fetch_input(str(sections), inventory=inventory)
    atlas_import.atlas_import(inventory, volume, complete({"resolution": 1000} | options))
    return inventory, volume


def ours(sections, folder, options, threads=2):
    inventory, volume = planned(sections, folder, options)
    script = SCRIPTS / "atlas_chunk.py"
    command = [sys.executable, script, inventory, volume, folder / "info", "--threads", threads]
    return measure(command, environment=LEAN)


def check(folder):
    """The pipeline's own check of what `ours` made."""
    script, volume = SCRIPTS / "atlas_check_precomputed.py", folder.with_suffix(".volume")
    command = [sys.executable, script, volume, folder / "info", folder.with_suffix(".check"), "--threads", 2]
    return measure(command, environment=LEAN)


def with_tensorstore(sections, folder, encoding):
    """Write sections with tensorstore in the scales of our `info` beside the folder: this is run as a process."""
    info = json.loads(folder.with_suffix(".volume").read_bytes())["info"]
    with ThreadPoolExecutor(2) as pool:
        planes = list(pool.map(lambda path: imagecodecs.png_decode(path.read_bytes()), sorted(sections.iterdir())))
    values = np.stack(planes).astype(info["data_type"], copy=False).transpose(2, 1, 0)[..., None]
    before = info["scales"][0]["resolution"]
    for scale in info["scales"]:
        factors = [round(b / a) for a, b in zip(before, scale["resolution"], strict=True)]
        if max(factors) > 1:
            method = "mode" if info["type"] == "segmentation" else "mean"
            coarser = tensorstore.downsample(tensorstore.array(values), [*factors, 1], method)
            values = coarser.read(order="F").result()
        metadata = {key: scale[key] for key in ("key", "resolution", "size")} | {"chunk_size": scale["chunk_sizes"][0]}
        metadata |= {"encoding": encoding.split()[0]} | ({"jpeg_quality": 95} if encoding == "jpeg" else {})
        if encoding.endswith("sharded"):
            metadata["sharding"] = scale["sharding"]
        if encoding == "compressed_segmentation":
            metadata["compressed_segmentation_block_size"] = [8, 8, 8]
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": {"driver": "file", "path": f"{folder}/"},
            "multiscale_metadata": {key: info[key] for key in ("type", "data_type", "num_channels")},
            "scale_metadata": metadata,
        }
        store = tensorstore.open(spec, create=True, open=True).result()
        with tensorstore.Transaction() as transaction:
            store.with_transaction(transaction)[...] = values
        before = scale["resolution"]


def with_scripts(programs, sections, folder, kind, encoding, data_type, convert):
    """Write sections with neuroglancer-scripts, whose `programs` are in a folder."""
    folder.mkdir()
    size = [SHAPE["columns"], SHAPE["rows"], SHAPE["sections"]]
    place = {"encoding": encoding, "resolution": [1000] * 3, "size": size, "voxel_offset": [0, 0, 0]}
    scale = place | {"chunk_sizes": [], "key": "full"}
    full = {"type": kind, "data_type": data_type, "num_channels": 1, "scales": [scale]}
    (folder / "full.json").write_text(json.dumps(full))
    commands = [
        [programs / "generate-scales-info", folder / "full.json", folder],
        [programs / "slices-to-precomputed", "--flat", "--input-orientation", "RAS", sections, folder],
        [programs / "compute-scales", "--flat", folder],
    ]
    if convert:  # JPEG is made from raw chunks
        commands.append([programs / "convert-chunks", "--flat", "--copy-info", folder, f"{folder}.jpeg"])
    return measure(*commands)


def with_igneous(programs, sections, folder, encoding):
    """Write sections with CloudVolume, and coarser scales with igneous."""
    quality = ["--encoding-level", 95] if encoding == "jpeg" else []
    return measure(
        [programs / "python", HERE / "with_cloudvolume.py", sections, folder, encoding],
        [programs / "igneous", "image", "downsample", f"file://{folder}", "--num-mips", 5, *quality],
    )


def require_equal(one, other, count):
    """Raise RuntimeError where two volumes differ in a voxel of their finest `count` scales, as far as both have so
    many, or JPEG by more than its quality allows.

    This is run as a process: what is measured later would seem to have the memory that its parent has had.
    """
    from cloudvolume import CloudVolume

    scales, others = (json.loads((folder / "info").read_bytes())["scales"][:count] for folder in (one, other))
    for number, (scale, _) in enumerate(zip(scales, others, strict=False)):
        volumes = [  # tensorstore leaves chunks out in which all is 0
            CloudVolume(f"file://{folder}", mip=number, fill_missing=True, progress=False) for folder in (one, other)
        ]
        for z in range(0, scale["size"][2], 64):
            a, b = (np.asarray(volume[:, :, z : min(z + 64, scale["size"][2])]) for volume in volumes)
            far = np.abs(a.astype("i2") - b).mean() > 3 if scale["encoding"] == "jpeg" else not np.array_equal(a, b)
            if far:
                raise RuntimeError(f"scale {number} of {one} and {other} is not the same")


def beside(work, sections, encoding, scripts, igneous, without_peers):
    """What each peer takes for what is in `work / "ours"`, or None; what they wrote is compared with that."""

    def equal(name, count):
        measure([sys.executable, __file__, "--equal", work / "ours", work / name, count])

    if encoding:
        shutil.copy(work / "ours.volume", work / "tensorstore.volume")
        yield measure([sys.executable, __file__, "--tensorstore", sections, work / "tensorstore", encoding])
        equal("tensorstore", ALL)
    else:
        yield None
    programs = None if without_peers else Path(venvs.python(HERE / "peers.lock")).parent
    if scripts and programs:
        yield with_scripts(programs, sections, work / "scripts", *scripts)
        equal("scripts.jpeg" if scripts[-1] else "scripts", 1 if scripts[0] == "segmentation" else ALL)
    else:
        yield None
    if igneous and programs:
        yield with_igneous(programs, sections, work / "igneous", igneous)
        equal("igneous", 1)
    else:
        yield None


def show(name, *columns):
    print(f"{name:20}" + "".join(f"{text:>15}" for text in columns), flush=True)


def told(measured, base=None):
    """CPU and wall seconds, with how many times those of `base` the CPU seconds are."""
    times = f" ({measured[1] / base[1]:.2f} x)" if base else ""
    return f"{measured[1]:.1f}{times}", f"{measured[0]:.1f}"


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    line.add_argument("--large", action="store_true", help="sections of 4096 x 3072, four times as many voxels")
    line.add_argument("--without-peers", action="store_true", help="leave out all but tensorstore: they take long")
    line.add_argument("--tensorstore", nargs=3, help=argparse.SUPPRESS)
    line.add_argument("--equal", nargs=3, type=Path, help=argparse.SUPPRESS)
    given = line.parse_args()
    if given.equal:
        one, other, count = given.equal
        require_equal(one, other, int(str(count)))
        return
    if given.tensorstore:
        sections, folder, encoding = given.tensorstore
        with_tensorstore(Path(sections), Path(folder), encoding)
        return
    if given.large:
        SHAPE.update(rows=3072, columns=4096)
    work = Path(tempfile.mkdtemp(dir=given.folder))
    show("", "CPU s", "wall s", "MB", "tensorstore", "wall s", "scripts", "wall s", "igneous", "wall s", "load")
    try:
        for labels in (False, True):
            with ProcessPoolExecutor(1) as apart:  # what is measured later would seem to have its memory
                apart.submit(make_sections, work / ("labels" if labels else "grey"), labels).result()
        for name, (sections, options, *told_to) in ROWS.items():
            folder = work / "ours"
            own = ours(work / sections, folder, options)
            columns = [*told(own), f"{own[2]:.0f}"]
            for peer in beside(work, work / sections, *told_to, given.without_peers):
                columns += told(peer, own) if peer else ["", ""]
            show(name, *columns, f"{os.getloadavg()[0]:.1f}")
            if name in CHECKED:
                checked = check(folder)
                show("  its check", *told(checked, own), f"{checked[2]:.0f}")
            for path in (folder, *map(work.joinpath, PEERS)):
                shutil.rmtree(path, ignore_errors=True)
        one = ours(work / "grey", work / "ours", ROWS["grey, JPEG 95"][1], threads=1)
        show("JPEG, one thread", *told(one), f"{one[2]:.0f}")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
