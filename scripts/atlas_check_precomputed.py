"""Read every chunk of every scale back with tensorstore and compare it with what it must be."""

import gzip
import itertools
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import _blocks
import _entrypoint
import _files
import _orientation
import _precomputed
import _stack
import _volume
import nibabel
import numpy as np
import tensorstore

logger = logging.getLogger(__name__)


def atlas_check_precomputed(volume: Path, info: Path, check: Path, *, threads: int = 1, mem_mb: int = 2000):
    """Compare scale 0 with the source, and each coarser scale with the finer one, downsampled.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume
    check -- the figures, as JSON: per scale the chunks and voxels compared, and how they agree

    The judge shares neither decoder nor arithmetic with the writer: chunks are decoded by tensorstore, slices are put
    in their place by nibabel, means and modes are tensorstore's. Lossless encodings must agree exactly (float32 means
    to 1e-5), JPEG must reach `psnr_floor`. Raises ValueError naming the scale and the place of the first difference.
    """
    planned, folder = _files.read_json(volume), info.parent
    written = _files.read_json(info)
    if written != planned["info"]:
        raise ValueError(f"{info} is not what was planned in {volume}")
    numbers = range(len(written["scales"]))
    scales = [_precomputed.Scale(folder, written, number, planned["compresslevel"]) for number in numbers]
    figures = [{"key": scale.info["key"], "chunks": require_files(scale)} for scale in scales]
    with ThreadPoolExecutor(threads) as pool, _stack.open_stack(planned["source"], threads) as stack:
        figures[0] |= compare(scales[0], pairs_with_source(planned, stack, scales[0], mem_mb * 300_000))
        for (fine, coarse), figure in zip(itertools.pairwise(scales), figures[1:], strict=True):
            figure |= compare(coarse, pairs_with_finer(fine, coarse, planned["values"]["labels"], pool))
    _files.write_json(check, {"checks": {"precomputed_check": {"passed": True, "scales": figures}}})


def require_files(scale):
    """Number of chunks of a scale. Raises ValueError when the folder holds other files than its chunks."""
    wanted = {scale.path(chunk).name for chunk in _blocks.chunks(scale.box, scale.sides)}
    there = {path.name for path in scale.folder.iterdir()}
    if wanted != there:
        missing, extra = sorted(wanted - there), sorted(there - wanted)
        raise ValueError(f"{scale.folder}: missing chunks {missing[:3]}, files that are no chunks {extra[:3]}")
    return len(wanted)


def pairs_with_source(planned, stack, scale, budget):
    """Blocks of scale 0 as (box, wanted, found), arrays x, y, z, channel: from the source, and from the chunks."""
    convert = _volume.converter(planned["values"])
    turn = nibabel.orientations.axcodes2ornt(planned["orientation"])
    axes = _orientation.parse(planned["orientation"])
    for (first, last, top, bottom), _ in _blocks.blocks(stack.shape, stack.dtype.itemsize, axes, scale.sides, budget):
        planes = stack.read(first, last, top, bottom)
        wanted = nibabel.orientations.apply_orientation(convert(planes).transpose(2, 1, 0, 3), turn)
        box = [None, None, None]
        spans = [(0, stack.shape[2]), (top, bottom), (first, last)]
        for (axis, direction), (low, high), extent in zip(turn, spans, reversed(stack.shape[:3]), strict=True):
            box[int(axis)] = (low, high) if direction > 0 else (extent - high, extent - low)
        yield box, wanted, read(scale, box)


def pairs_with_finer(fine, coarse, labels, pool):
    """Chunks of a coarser scale as (box, wanted, found), arrays x, y, z, channel: wanted from the finer scale."""
    factors = _precomputed.factors(fine.info, coarse.info)
    starts = zip(fine.info["voxel_offset"], coarse.info["voxel_offset"], factors, strict=True)
    shifts = [coarse_start * factor - fine_start for fine_start, coarse_start, factor in starts]

    def pair(chunk):
        spans = zip(chunk, factors, shifts, strict=True)
        below = [(low * factor + shift, high * factor + shift) for (low, high), factor, shift in spans]
        store = opened(fine, _blocks.common(below, fine.box))
        reduced = tensorstore.downsample(store, [*factors, 1], method="mode" if labels else "mean")
        return chunk, reduced[index(coarse, chunk)].read().result(), read(coarse, chunk)

    chunks = _blocks.chunks(coarse.box, coarse.sides)
    while some := list(itertools.islice(chunks, 64)):
        yield from pool.map(pair, some)


def read(scale, box):
    """Voxels (x, y, z, channel) of a box, decoded by tensorstore."""
    return opened(scale, box)[index(scale, box)].read().result()


def index(scale, box):
    """Index of a box in a tensorstore, whose coordinates begin at the voxel offset."""
    return tuple(
        slice(low + start, high + start) for (low, high), start in zip(box, scale.info["voxel_offset"], strict=True)
    )


def opened(scale, box):
    """The tensorstore of a scale, good for reading `box`.

    It knows no gzipped chunks in plain files; those that the box touches are unpacked into a store in memory.
    """
    spec = {"driver": "neuroglancer_precomputed", "scale_metadata": {"key": scale.info["key"]}}
    if not scale.compresslevel:
        return tensorstore.open(spec | {"kvstore": {"driver": "file", "path": f"{scale.folder.parent}/"}}).result()
    context = tensorstore.Context()
    memory = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
    memory["info"] = (scale.folder.parent / "info").read_bytes()
    for chunk in _blocks.chunks(scale.around(box), scale.sides):
        path = scale.path(chunk)
        memory[f"{scale.info['key']}/{path.stem}"] = gzip.decompress(path.read_bytes())
    return tensorstore.open(spec | {"kvstore": {"driver": "memory"}}, context=context).result()


def compare(scale, pairs):
    """Figures on how found and wanted voxels agree. Raises ValueError at the first block, or figure, that does not."""
    key, floor = scale.info["key"], psnr_floor(scale.info)
    voxels, squares, largest = 0, 0.0, 0.0
    for box, wanted, found in pairs:
        voxels += wanted.size
        if np.array_equal(wanted, found, equal_nan=wanted.dtype.kind == "f"):
            continue
        difference = np.abs(found.astype("f8") - wanted.astype("f8"))
        largest = max(largest, float(np.nanmax(difference)))
        squares += float(np.nansum(difference**2))
        close = wanted.dtype.kind == "f" and np.allclose(found, wanted, rtol=1e-5, atol=1e-6, equal_nan=True)
        if floor is None and not close:
            raise ValueError(f"{scale.folder}: voxels {box} differ from what they must be, by up to {largest:g}")
    psnr = 10 * math.log10(255**2 * voxels / squares) if squares and floor else None
    if psnr is not None and psnr < floor:
        raise ValueError(f"{scale.folder}: PSNR {psnr:.1f} dB is below {floor:.1f} dB")
    logger.info("scale %s: %d values compared, largest difference %g", key, voxels, largest)
    figures = {"values": voxels, "largest_difference": largest}
    return figures | (
        {"psnr_db": psnr and round(psnr, 2), "psnr_floor_db": floor} if floor else {"exact": squares == 0}
    )


def psnr_floor(scale):
    """PSNR in dB that JPEG chunks must reach: 20 at quality 0 to 36 at 100, well below what real sections give."""
    return 20 + 0.16 * scale["jpeg_quality"] if scale["encoding"] == "jpeg" else None


if __name__ == "__main__":
    _entrypoint.run(atlas_check_precomputed, globals().get("snakemake"))
