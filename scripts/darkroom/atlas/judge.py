"""Judge a volume: every voxel of every scale, read back by tensorstore, against what it must be.

The judge shares neither decoder nor arithmetic with the writer: the source is read by `witness`, chunks are decoded by
tensorstore, slices are put in their place by nibabel, means and modes are tensorstore's.
"""

import itertools
import logging
import math
import os
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import tensorstore

from darkroom.atlas import blocks, orientation, precomputed, readback, witness

logger = logging.getLogger(__name__)


def figures(planned, scales, threads, mem_mb):
    """Compare scale 0 with the source, and each coarser scale with the finer one, downsampled.

    Returns, for each scale, its key, the chunks and values compared, and how they agree. Lossless encodings must agree
    exactly (float32 means in all but their last digit). JPEG must come as near to each chunk as `psnr_floor` says or,
    where noise lets no JPEG come that near, as tensorstore's own. Raises ValueError naming the scale and the place that
    differs, and for files that are missing or no chunks.
    """
    by_scale = [{"key": scale.info["key"], "chunks": require_files(scale)} for scale in scales]
    with ThreadPoolExecutor(threads) as pool, witness.opened(planned["source"], threads) as stack:
        by_scale[0] |= compare(scales[0], pairs_with_source(planned, stack, scales[0], mem_mb * 300_000))
        for (fine, coarse), figure in zip(itertools.pairwise(scales), by_scale[1:], strict=True):
            pairs = pairs_with_finer(fine, coarse, planned["values"]["labels"], pool, mem_mb * 300_000)
            figure |= compare(coarse, pairs)
    return by_scale


def require_files(scale):
    """Number of chunks of a scale. Raises ValueError when the folder holds other files than its chunks or shards."""
    chunks = list(blocks.chunks(scale.box, scale.sides))
    below = len(f"{scale.folder}/")  # names as texts: there may be millions of them
    expected = {str(path)[below:] for path in itertools.chain(scale.indexes, map(scale.file, chunks))}
    there = {f"{place}/{name}"[below:] for place, _, names in os.walk(scale.folder) for name in names}
    if expected != there:
        missing, extra = sorted(expected - there)[:3], sorted(there - expected)[:3]
        raise ValueError(f"{scale.folder}: missing chunks {missing}, files that are no chunks {extra}")
    return len(chunks)


def pairs_with_source(planned, stack, scale, budget):
    """Blocks of scale 0 as (box, wanted, found, slack), arrays x, y, z, channel: from the source, and from chunks."""
    turn = nibabel.orientations.axcodes2ornt(planned["orientation"])
    axes = orientation.parse(planned["orientation"])
    itemsize = max(stack.dtype.itemsize, scale.dtype.itemsize)
    for (first, last, top, bottom), _ in blocks.blocks(stack.shape, itemsize, axes, scale.sides, budget):
        # Plane by plane, because a conversion takes many times the memory of what it converts.
        pairs = [converted(plane, planned["values"]) for plane in stack.read(first, last, top, bottom)]
        planes, slack = (np.stack(part) if np.ndim(part[0]) else 0 for part in zip(*pairs, strict=True))
        expected = nibabel.orientations.apply_orientation(planes.transpose(2, 1, 0, 3), turn)
        if np.ndim(slack):
            slack = nibabel.orientations.apply_orientation(slack.transpose(2, 1, 0, 3), turn)
        box = [None, None, None]
        spans = [(0, stack.shape[2]), (top, bottom), (first, last)]
        for (axis, direction), (low, high), extent in zip(turn, spans, reversed(stack.shape[:3]), strict=True):
            box[int(axis)] = (low, high) if direction > 0 else (extent - high, extent - low)
        yield box, expected, readback.read(scale, box), slack


def converted(plane, values):
    """A plane of the source in the volume's data type, and the difference of each value that is let pass (or 0).

    The rule is that of `volume.converter`, in another order of operations: what a window makes of a value may be one
    off where it lies between two integers, and in the last digit of a float32. A float64 without one may be off by half
    of that digit, which is told: it is not exact.
    """
    kind, window = np.dtype(values["data_type"]), values["window"]
    for number in values.get("background", []):
        plane = np.where(np.isnan(plane) if number == "nan" else plane == number, 0, plane)
    if not window and kind.kind == "f":  # as they are: what rounding takes is told as a difference
        return plane, np.abs(plane.astype("f8")) * 2.0**-24 if plane.dtype.itemsize > 4 else 0
    if not window and plane.dtype.kind != "f":
        return plane.astype(kind), 0
    scaled = plane.astype("f8")
    top = np.iinfo(kind).max if kind.kind != "f" else 1
    if window:
        share = (scaled - window[0]) / (window[1] - window[0])
        scaled = np.minimum(np.maximum(share, 0), 1) * top
    if kind.kind == "f":
        stored = scaled.astype(kind)
        return stored, np.where(np.isnan(stored), 0, np.abs(stored) * np.float32(2.0**-22))
    scaled[np.isnan(scaled)] = 0
    whole = np.round(scaled)
    between = np.abs(np.abs(scaled - whole) - 0.5) < 1e-5
    return whole.astype(kind), between.astype("u1") if window else 0


def pairs_with_finer(fine, coarse, labels, pool, budget):
    """Chunks of a coarser scale as (box, wanted, found, slack), arrays x, y, z, channel: wanted from the finer one."""
    factors = precomputed.factors(fine.info, coarse.info)
    starts = zip(fine.info["voxel_offset"], coarse.info["voxel_offset"], factors, strict=True)
    shifts = [coarse_start * factor - fine_start for fine_start, coarse_start, factor in starts]

    def pair(chunk):
        spans = zip(chunk, factors, shifts, strict=True)
        below = [(low * factor + shift, high * factor + shift) for (low, high), factor, shift in spans]
        store = readback.opened(fine, blocks.common(below, fine.box))

        def reduced(method, store=store):
            coarser = tensorstore.downsample(store, [*factors, 1], method)
            return coarser[readback.index(coarse, chunk)].read(order="F").result()

        if labels or coarse.dtype.kind != "f":
            return chunk, reduced("mode" if labels else "mean"), readback.read(coarse, chunk), 0
        store = store[readback.index(fine, blocks.common(below, fine.box))]
        values = store.read(order="F").result().astype("f8")
        numbers = ~np.isnan(values)
        values[~numbers] = 0

        def of(array, method, origin=store.origin):
            return reduced(method, tensorstore.array(array)[tensorstore.d[:].translate_to[origin]])

        with np.errstate(invalid="ignore"):  # no mean is of no numbers
            wanted = (of(values, "mean") / of(numbers.astype("f8"), "mean")).astype(coarse.dtype)
        # The order of a sum counts in the last digit of its largest number, which may be far larger than the sum.
        slack = np.abs(wanted) * 2.0**-23 + of(np.abs(values), "max") * 2.0**-50
        return chunk, wanted, readback.read(coarse, chunk), np.where(np.isfinite(slack), slack, 0)

    chunks = blocks.chunks(coarse.box, coarse.sides)
    batch = budget // (4 * math.prod(coarse.sides) * coarse.channels * coarse.dtype.itemsize)
    while some := list(itertools.islice(chunks, min(64, max(4, batch)))):
        yield from pool.map(pair, some)


def compare(scale, pairs):
    """Figures on how found and wanted voxels agree. Raises ValueError at the first chunk that is not what it must be.

    `pairs` are (box, wanted, found, slack); slack is the difference of each voxel that is let pass.
    """
    key, floor = scale.info["key"], psnr_floor(scale.info)
    values, squares, largest, lowest = 0, 0.0, 0.0, math.inf
    for box, wanted, found, slack in pairs:
        values += wanted.size
        if np.array_equal(wanted, found, equal_nan=scale.dtype.kind == "f"):
            continue
        for chunk in blocks.chunks(box, scale.sides):
            part = blocks.window(chunk, box)[::-1]
            should = wanted[part]
            difference = apart(should, found[part])
            largest = max(largest, float(difference.max()))
            squares += sum_of_squares(difference)
            if floor is None:
                good = (difference <= (slack[part] if np.ndim(slack) else slack)).all()
                how = f"by up to {largest:g}"
            else:
                reached = psnr(difference)
                lowest = min(lowest, reached)
                good = reached >= floor or reached >= psnr(apart(should, peer(scale, should))) - 1
                how = f"a PSNR of {reached:.1f} dB is too low for JPEG of quality {scale.info['jpeg_quality']}"
            if not good:
                raise ValueError(f"{scale.file(chunk)}: voxels {chunk} differ from what they must be, {how}")
    logger.info("scale %s: %d values compared, largest difference %g", key, values, largest)
    figures = {"values": values, "largest_difference": largest}
    if floor is None:
        return figures | {"exact": largest == 0}
    reached = round(-10 * math.log10(squares / values / 255**2), 2) if squares else None
    lowest = round(lowest, 2) if squares else None
    return figures | {"psnr_db": reached, "psnr_lowest_chunk_db": lowest, "psnr_floor_db": floor}


def apart(expected, stored):
    """Distance of each two values as floats: infinite where one is no number, never 0 where they are not the same."""
    if expected.dtype == np.uint8:
        return np.abs(stored.astype("f4") - expected)
    with np.errstate(invalid="ignore"):
        difference = np.abs(stored.astype("f8") - expected.astype("f8"))
    difference[np.isnan(difference)] = np.inf
    same = (expected == stored) | ((expected != expected) & (stored != stored))
    return np.where(same, 0, np.maximum(difference, np.finfo("f8").tiny))


def sum_of_squares(difference):
    flat = difference.ravel(order="K")
    return float(np.vdot(flat, flat))


def psnr(difference):
    """Peak signal-to-noise ratio in dB of 8-bit values that differ by so much."""
    mean_square = sum_of_squares(difference) / difference.size
    return -10 * math.log10(mean_square / 255**2) if mean_square else math.inf


def psnr_floor(scale):
    """PSNR in dB that JPEG of anything but noise reaches: 20 at quality 0 to 40 at 100; None for other encodings."""
    return 20 + 0.2 * scale["jpeg_quality"] if scale["encoding"] == "jpeg" else None


def peer(scale, voxels):
    """A chunk of voxels (x, y, z, channel) after a round trip through tensorstore's JPEG of the same quality."""
    size = list(voxels.shape[:3])
    metadata = {"encoding": "jpeg", "jpeg_quality": scale.info["jpeg_quality"], "chunk_size": size}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "memory"},
        "multiscale_metadata": {"type": "image", "data_type": "uint8", "num_channels": voxels.shape[3]},
        "scale_metadata": metadata | {"size": size, "resolution": [1, 1, 1]},
    }
    store = tensorstore.open(spec, create=True).result()
    store[...] = voxels
    return store.read().result()
