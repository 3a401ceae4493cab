"""Write the scales of a planned volume, the finest from its source and each coarser one from the one before it.

Scales are of any format that has the methods of `precomputed.Scale`. Chunks that are there are kept.
"""

import itertools
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from darkroom import files
from darkroom.atlas import blocks, downsample, orientation, precomputed, shards, volume
from darkroom.atlas.stack import name as stack_name
from darkroom.atlas.stack import open_stack

MARKER = ".unfinished"  # in a folder until all of it is there

logger = logging.getLogger(__name__)


def begin(folder, *inputs):
    """Make room for a volume that is made from these files: keep the chunks of an interrupted run from the same ones.

    Returns the marker of an unfinished folder, to be removed at the end.
    """
    plan, marker = "".join(map(files.digest, inputs)), folder / MARKER
    if not marker.is_file() or marker.read_text() != plan:
        shutil.rmtree(folder, ignore_errors=True)
        files.write_bytes(marker, plan.encode())
    for place, _, _ in os.walk(folder):
        files.clear_partials(place)
    return marker


def write(planned, scales, threads, mem_mb):
    """Write every chunk of every scale, finest first, in blocks of the source that take at most about `mem_mb`.

    Raises ValueError naming the file when the source is damaged or a value does not fit.
    """
    with ThreadPoolExecutor(threads) as pool, open_stack(planned["source"], threads) as stack:
        write_finest(planned, stack, scales[0], pool, budget=mem_mb * 500_000)
        for fine, coarse in itertools.pairwise(scales):
            write_coarser(fine, coarse, planned["values"]["labels"], pool)
    for scale in scales:
        if scale.sharded:
            shards.pack(scale)
    files.settle(scales[0].folder)


def write_finest(planned, stack, scale, pool, budget):
    """Write the chunks of the finest scale from the source, in blocks of `budget` bytes."""
    convert = volume.converter(planned["values"])
    axes = orientation.parse(planned["orientation"])
    for window, box in blocks.blocks(stack.shape, stack.dtype.itemsize, axes, scale.sides, budget):
        todo = [chunk for chunk in blocks.chunks(box, scale.sides) if not scale.done(chunk)]
        if todo:
            block = orientation.to_ras(stack.read(*window), axes)

            def write(chunk, block=block, box=box):
                scale.write(chunk, convert(np.ascontiguousarray(block[blocks.window(chunk, box)])))

            try:
                each(pool, write, todo)
            except ValueError as error:
                where = f"slices {window[0]} to {window[1] - 1}"
                raise ValueError(f"{stack_name(planned['source'])}, {where}: {error}") from error
        logger.info("scale %s: voxels %s written", scale.info["key"], box)


def write_coarser(fine, coarse, labels, pool):
    """Write the chunks of a scale from those of the finer one."""
    factors = precomputed.factors(fine.info, coarse.info)
    axes = [3 - axis for axis, factor in enumerate(factors) if factor == 2]
    # Both scales lie on one grid, so the first coarse voxel covers a single fine one where the fine offset is odd.
    odd = [start % factor for start, factor in zip(fine.info["voxel_offset"], factors, strict=True)]

    def write(chunk):
        wanted = [
            (low * n - shift, high * n - shift) for (low, high), n, shift in zip(chunk, factors, odd, strict=True)
        ]
        box = blocks.common(wanted, fine.box)
        before = [(low - start, 0) for (start, _), (low, _) in zip(wanted, box, strict=True)]
        block = np.pad(fine.read(box), [(0, 0), *reversed(before)], mode="edge")
        coarse.write(chunk, downsample.halve(block, axes, labels))

    todo = (chunk for chunk in blocks.chunks(coarse.box, coarse.sides) if not coarse.done(chunk))
    each(pool, write, todo)
    logger.info("scale %s written", coarse.info["key"])


def each(pool, work, items, batch=256):
    """Call `work` on every item in the threads of a pool, handing out few at a time; the first error stops it."""
    items = iter(items)
    while some := list(itertools.islice(items, batch)):
        list(pool.map(work, some))
