"""Cut a volume into Neuroglancer chunks, coarser scales included."""

import itertools
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import _blocks
import _downsample
import _entrypoint
import _files
import _orientation
import _precomputed
import _shards
import _stack
import _volume

logger = logging.getLogger(__name__)


def atlas_chunk(inventory: Path, volume: Path, info: Path, *, threads: int = 1, mem_mb: int = 2000):
    """Write a planned volume as Neuroglancer precomputed: chunks of every scale, then `info`.

    inventory -- the files of the source
    volume -- the plan that `atlas_import` made
    info -- the `info` file to write; the chunks go into folders beside it

    The source is streamed in blocks that take at most about `mem_mb`; each coarser scale is made from the chunks of
    the one before it. Chunks that an interrupted run has finished, from the same files by the same plan, are kept.
    Raises ValueError naming the file when the source is damaged or a value does not fit.
    """
    planned, folder = _files.read_json(volume), info.parent
    marker = begin(folder, _files.digest(inventory) + _files.digest(volume))
    numbers = range(len(planned["info"]["scales"]))
    scales = [_precomputed.Scale(folder, planned["info"], number, planned["compresslevel"]) for number in numbers]
    with ThreadPoolExecutor(threads) as pool, _stack.open_stack(planned["source"], threads) as stack:
        write_finest(planned, stack, scales[0], pool, budget=mem_mb * 500_000)
        for fine, coarse in itertools.pairwise(scales):
            write_coarser(fine, coarse, planned["values"]["labels"], pool)
    for scale in scales:
        if scale.sharded:
            _shards.pack(scale)
    if planned["transform"]:
        _files.write_json(folder / "transform.json", planned["transform"])
    marker.unlink(missing_ok=True)
    _files.write_json(info, planned["info"])


def begin(folder, plan):
    """Make room for the chunks of a plan: keep those of an interrupted run of the same one, remove any others.

    Returns the marker of an unfinished folder, to be removed at the end.
    """
    marker = folder / ".unfinished"
    if not marker.is_file() or marker.read_text() != plan:
        shutil.rmtree(folder, ignore_errors=True)
        _files.write_bytes(marker, plan.encode())
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        _files.clear_partials(place)
    return marker


def write_finest(planned, stack, scale, pool, budget):
    """Write the chunks of the finest scale from the source, in blocks of `budget` bytes."""
    convert = _volume.converter(planned["values"])
    axes = _orientation.parse(planned["orientation"])
    for window, box in _blocks.blocks(stack.shape, stack.dtype.itemsize, axes, scale.sides, budget):
        todo = [chunk for chunk in _blocks.chunks(box, scale.sides) if not scale.done(chunk)]
        if todo:
            block = _orientation.to_ras(stack.read(*window), axes)

            def write(chunk, block=block, box=box):
                scale.write(chunk, convert(np.ascontiguousarray(block[_blocks.window(chunk, box)])))

            try:
                each(pool, write, todo)
            except ValueError as error:
                where = f"slices {window[0]} to {window[1] - 1}"
                raise ValueError(f"{_stack.name(planned['source'])}, {where}: {error}") from error
        logger.info("scale %s: voxels %s written", scale.info["key"], box)


def write_coarser(fine, coarse, labels, pool):
    """Write the chunks of a scale from those of the finer one."""
    factors = _precomputed.factors(fine.info, coarse.info)
    axes = [3 - axis for axis, factor in enumerate(factors) if factor == 2]
    # Both scales lie on one grid, so the first coarse voxel covers a single fine one where the fine offset is odd.
    odd = [start % factor for start, factor in zip(fine.info["voxel_offset"], factors, strict=True)]

    def write(chunk):
        wanted = [
            (low * n - shift, high * n - shift) for (low, high), n, shift in zip(chunk, factors, odd, strict=True)
        ]
        box = _blocks.common(wanted, fine.box)
        before = [(low - start, 0) for (start, _), (low, _) in zip(wanted, box, strict=True)]
        block = np.pad(fine.read(box), [(0, 0), *reversed(before)], mode="edge")
        coarse.write(chunk, _downsample.halve(block, axes, labels))

    todo = (chunk for chunk in _blocks.chunks(coarse.box, coarse.sides) if not coarse.done(chunk))
    each(pool, write, todo)
    logger.info("scale %s written", coarse.info["key"])


def each(pool, work, items, batch=256):
    """Call `work` on every item in the threads of a pool, handing out few at a time; the first error stops it."""
    items = iter(items)
    while some := list(itertools.islice(items, batch)):
        list(pool.map(work, some))


if __name__ == "__main__":
    _entrypoint.run(atlas_chunk, globals().get("snakemake"))
