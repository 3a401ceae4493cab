"""Judge a volume: every voxel of every scale, read back by tensorstore, against what it must be.

The judge shares neither decoder nor arithmetic with the writer: the source is read by `witness`, chunks are decoded by
tensorstore, slices are put in their place by nibabel, means and modes are tensorstore's. Each block of the source is
read once, and halved for all scales that it makes.
"""

import contextlib
import itertools
import logging
import math

import nibabel
import numpy as np
import tensorstore

from darkroom import files
from darkroom.atlas import blocks, precomputed, readback, witness
from darkroom.atlas.walk import Walk

TASK = 4 << 20  # values that are compared at one go, about

logger = logging.getLogger(__name__)


class Judge(Walk):
    """The judging of a planned volume, in each format that it was made in.

    check -- the file that the figures go to, or the first; what is found of regions waits in a folder beside it
    volumes -- for each format the file that says that it is whole: every scale, finest first. When such a file is
        written again, all is judged again

    Lossless encodings must agree exactly (float32 means in all but their last digits). JPEG must come as near to each
    chunk as `psnr_floor` says or, where noise lets no JPEG come that near, as tensorstore's own.
    """

    def __init__(self, check, volume, volumes, planned, threads):
        names = [files.digest(volume)[:16], *(str(index.stat().st_mtime_ns) for index in volumes)]
        super().__init__(planned, check.with_name(f".{check.stem}") / "-".join(names), threads)
        self.volumes, self.found = list(volumes.values()), {}

    def do_regions(self, numbers):
        """As `Walk` has it; when a difference is found, nothing that was found before counts any more."""
        try:
            super().do_regions(numbers)
        except (ValueError, OSError):
            self.forget()
            raise

    @contextlib.contextmanager
    def opened(self):
        """The source by other decoders, in the place and the values that its voxels must have."""
        with witness.opened(self.planned["source"], self.threads) as stack:
            yield Expected(self.planned, stack)

    def work(self, name, stage, block, voxels, pool):
        """Compare all scales that a block makes with what it makes of them; see `Expected` for `voxels`."""
        labels, comparing = self.planned["values"]["labels"], []
        expected, slack = apart_from_slack(voxels, self.planned["info"]["num_channels"])
        for step, (own, box) in enumerate(zip(block.own, block.needed, strict=True)):
            number = stage.first + step
            if step:
                fine, coarse = self.planned["info"]["scales"][number - 1 : number + 1]
                places = fine, coarse, block.needed[step - 1], box
                slack = coarser_slack(expected, slack, *places) if not labels else 0
                expected = coarser(expected, *places, labels)
            for scales in self.volumes if number < stage.last else ():
                for part in tasks(own, scales[number]):
                    index = blocks.window(part, box)[::-1]
                    let_pass = slack[index] if np.ndim(slack) else slack
                    comparison = pool.submit(compare, scales[number], part, expected[index], let_pass)
                    comparing.append((self._key(scales, number), comparison))
        for key, comparison in comparing:
            self.found.setdefault(key, []).append(comparison.result())
        return with_slack(expected, slack)

    def end(self, name, pool):
        """The figures of each scale of each format."""
        by_scale, self.found = self.found, {}
        return {key: together(figures) for key, figures in by_scale.items()}

    def _key(self, scales, number):
        return f"{self.volumes.index(scales)}-{number}"

    def figures(self):
        """For each format, for each scale: its key, the chunks and values compared, and how they agree.

        Raises ValueError naming the scale and the place that differs, and for files that are missing or no chunks.
        """
        for scale in itertools.chain.from_iterable(self.volumes):
            require_files(scale)
        rest = self.do_rest()
        told = [files.read_json(self.mark(number)) for number in range(len(self.regions))] + [rest]
        self.forget()

        def compared(key):
            return together([figures[key] for figures in told if key in figures])

        return [
            [told_of(scale, compared(self._key(scales, number))) for number, scale in enumerate(scales)]
            for scales in self.volumes
        ]


class Expected:
    """The source of a volume as its voxels must be: (channel, z, y, x), with what is let pass as further channels."""

    def __init__(self, planned, stack):
        self.planned, self.stack = planned, stack
        self.turn = nibabel.orientations.axcodes2ornt(planned["orientation"])

    def read(self, box):
        """What the voxels of a box of scale 0 must be."""
        spans = []
        for (axis, direction), extent in zip(self.turn, reversed(self.stack.shape[:3]), strict=True):
            low, high = box[int(axis)]
            spans.append((low, high) if direction > 0 else (extent - high, extent - low))
        (left, right), (top, bottom), (first, last) = spans
        planes = self.stack.read(first, last, top, bottom, left, right)
        # Plane by plane, because a conversion takes many times the memory of what it converts.
        first, slack = converted(planes[0], self.planned["values"])
        same = planes.dtype == first.dtype and planes.flags.writeable
        stored = planes if same else np.empty(planes.shape, first.dtype)
        passed = np.empty(planes.shape, slack.dtype) if np.ndim(slack) else 0
        for number, plane in enumerate(planes):
            stored[number], slack = converted(plane, self.planned["values"])
            if np.ndim(passed):
                passed[number] = slack
        passed = passed.transpose(2, 1, 0, 3) if np.ndim(passed) else 0
        voxels = with_slack(stored.transpose(2, 1, 0, 3), passed)
        return nibabel.orientations.apply_orientation(voxels.T, self.turn).T


def with_slack(voxels, slack):
    """Voxels (x, y, z, channel) as (channel, z, y, x), followed by their slack as channels where it is not 0."""
    return np.concatenate([voxels, slack.astype(voxels.dtype)], axis=3).T if np.ndim(slack) else voxels.T


def apart_from_slack(voxels, channels):
    """Voxels (x, y, z, channel) and their slack, from what `with_slack` makes."""
    return voxels[:channels].T, voxels[channels:].T if len(voxels) > channels else 0


def require_files(scale):
    """Raise ValueError when the folder of a scale holds other files than its chunks or shards."""
    extra = list(itertools.islice(itertools.filterfalse(scale.holds, scale.names()), 3))
    there = sum(map(scale.holds, scale.names()))
    if extra or there != scale.count:
        paths = (scale.file(chunk) for chunk in blocks.chunks(scale.box, scale.sides))
        missing = (
            itertools.islice(dict.fromkeys(path for path in paths if not path.is_file()), 3)
            if there != scale.count
            else []
        )
        missing = [str(path.relative_to(scale.folder)) for path in (*scale.indexes, *missing) if not path.is_file()]
        raise ValueError(f"{scale.folder}: missing chunks {missing}, files that are no chunks {sorted(extra)}")


def converted(plane, values):
    """A plane of the source in the volume's data type, and the difference of each value that is let pass (or 0).

    The rule is that of `volume.converter`, in another order of operations: what a window makes of a value may be one
    off where it lies between two integers, and in the last digit of a float32. A float64 without one may be off by half
    of that digit, which is told: it is not exact.
    """
    kind, window = np.dtype(values["data_type"]), values["window"]
    for number in values.get("background", []):
        plane = np.where(np.isnan(plane) if number == "nan" else plane == number, 0, plane)
    if not window and kind.kind == "f":
        if plane.dtype.itemsize <= 2 or plane.dtype == kind:
            return plane.astype(kind), 0
        exact = plane.astype("f8")  # what rounding takes is told as a difference
        return exact, np.where(np.isfinite(exact), np.abs(exact) * 2.0**-24, 0)
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


def tasks(box, scale):
    """What a box of a scale is compared in: rows of whole chunks."""
    sides = list(scale.sides)
    for axis in range(3):
        sides[axis] *= max(1, TASK // (math.prod(sides) * scale.channels))
    return blocks.chunks(box, sides)


def coarser(expected, fine, coarse, box, target, labels):
    """What box `target` of a scale must be, from what `box` of the finer one must be; arrays (x, y, z, channel)."""
    if labels or expected.dtype.kind != "f":
        return reduced(expected, "mode" if labels else "mean", fine, coarse, box, target)
    places = fine, coarse, box, target
    missing = np.isnan(expected)
    with np.errstate(invalid="ignore"):
        wide = reduced(np.where(missing, 0, expected).astype("f8"), "mean", *places)
        return (wide / reduced((~missing).astype("f8"), "mean", *places)).astype(expected.dtype)


def coarser_slack(expected, slack, fine, coarse, box, target):
    """The difference of each value that is let pass in box `target` of a scale, from that in `box` of the finer one."""
    places = fine, coarse, box, target
    before = reduced(slack, "max", *places) if np.ndim(slack) else 0
    if expected.dtype.kind != "f":
        return np.where(before > 0, 2, 0).astype("u1") if np.ndim(before) else 0  # a half may be rounded either way
    # The order of a sum counts in the last digit of its largest number, which may be far larger than the sum.
    largest = reduced(np.nan_to_num(np.abs(expected), nan=0, posinf=0), "max", *places).astype("f8")
    mean = np.abs(coarser(expected, *places, labels=False)).astype("f8")
    return before + np.where(np.isfinite(mean), mean, 0) * 2.0**-23 + largest * 2.0**-50


def reduced(values, method, fine, coarse, box, target):
    """`values` (x, y, z, channel), which fill `box` of a scale, as tensorstore reduces them to `target` of the next."""

    def origin(scale, box):
        return [start + low for start, (low, _) in zip(scale["voxel_offset"], box, strict=True)]

    store = tensorstore.array(values)[tensorstore.d[:3].translate_to[origin(fine, box)]]
    store = tensorstore.downsample(store, [*precomputed.factors(fine, coarse), 1], method)
    extents = zip(origin(coarse, target), target, strict=True)
    return store[tuple(slice(start, start + high - low) for start, (low, high) in extents)].read(order="F").result()


def compare(scale, box, expected, slack):
    """Figures on how the voxels of a box of a scale agree with those wanted, arrays (x, y, z, channel).

    `slack` is the difference of each voxel that is let pass. Raises ValueError at the first chunk that is not what it
    must be.
    """
    voxels = readback.read(scale, box)
    figures = {"values": expected.size, "squares": 0.0, "largest": 0.0, "lowest": None}
    if np.array_equal(expected, voxels, equal_nan=scale.dtype.kind == "f"):
        return figures
    floor = psnr_floor(scale.info)
    for chunk in blocks.chunks(box, scale.sides):
        part = blocks.window(chunk, box)[::-1]
        should = expected[part]
        difference = apart(should, voxels[part])
        largest, reached = float(difference.max()), None
        if floor is None:
            good = (difference <= (slack[part] if np.ndim(slack) else slack)).all()
            how = f"by up to {largest:g}"
        else:
            reached = psnr(difference)
            good = reached >= floor or reached >= psnr(apart(should, peer(scale, should))) - 1
            how = f"a PSNR of {reached:.1f} dB is too low for JPEG of quality {scale.info['jpeg_quality']}"
        if not good:
            raise ValueError(f"{scale.file(chunk)}: voxels {chunk} differ from what they must be, {how}")
        figures["squares"] += sum_of_squares(difference)
        figures["largest"] = max(figures["largest"], largest)
        if largest and floor is not None:
            figures["lowest"] = reached if figures["lowest"] is None else min(figures["lowest"], reached)
    return figures


def together(figures):
    """Figures of several boxes of a scale as those of one."""
    lowest = min((one["lowest"] for one in figures if one["lowest"] is not None), default=None)
    sums = {key: sum(one[key] for one in figures) for key in ("values", "squares")}
    return sums | {"largest": max(one["largest"] for one in figures), "lowest": lowest}


def told_of(scale, figures):
    """What is told of a scale. Raises ValueError where not every value of it was compared."""
    values, squares, largest, lowest = (figures[key] for key in ("values", "squares", "largest", "lowest"))
    if values != (all_values := math.prod(scale.size) * scale.channels):
        raise ValueError(f"{scale.folder}: {values} of {all_values} values were compared")
    logger.info("scale %s: %d values compared, largest difference %g", scale.info["key"], values, largest)
    told = {"key": scale.info["key"], "chunks": math.prod(scale.grid), "values": values, "largest_difference": largest}
    floor = psnr_floor(scale.info)
    if floor is None:
        return told | {"exact": largest == 0}
    reached = round(-10 * math.log10(squares / values / 255**2), 2) if squares else None
    lowest = round(lowest, 2) if squares else None
    return told | {"psnr_db": reached, "psnr_lowest_chunk_db": lowest, "psnr_floor_db": floor}


def apart(expected, stored):
    """Distance of each two values as floats: infinite where one is no number, never 0 where they are not the same."""
    if expected.dtype == np.uint8:
        return (np.maximum(stored, expected) - np.minimum(stored, expected)).astype("f4")
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
