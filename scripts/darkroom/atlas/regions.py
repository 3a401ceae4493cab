"""How the work on a volume is cut: into regions, which jobs share, and blocks of them, which are in memory at a time.

A block is halved in memory for as many scales as it holds whole chunks of. What is coarser it hands on, without loss,
to the next stage, which goes through the volume in larger strides; what is coarser than all scales of a region is left
to the last job. So no two jobs write one file, and no value depends on how the work was cut.

Boxes are `((x0, x1), (y0, y1), (z0, z1))` in voxels from the start of a scale.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from darkroom.atlas import blocks, orientation, precomputed, shards

BLOCK = 32 << 20  # bytes of a block that is in memory, where chunks let it be so small
AHEAD = 1 << 28  # bytes of the largest block that is read while another one is there
REGION = 2 << 30  # bytes of a region
LAYERS = 64 << 30  # bytes of a region of sections that are decoded from their first row on, for more scales of its own
SCALES = 4  # that a region makes at most: what is left is 1/4096 of the volume


class Stage(NamedTuple):
    """Scales `first` to `last` (not included), made in blocks of `sides` x, y, z in voxels of `first`."""

    first: int
    last: int
    sides: list[int]


class Cut(NamedTuple):
    """The cut of a volume: sides of regions in voxels of scale 0, the scales that they make, and the stages of all."""

    region: list[int]
    scales: int
    stages: list[Stage]

    @classmethod
    def of(cls, planned):
        """That of a planned volume."""
        told = planned["cut"]
        return cls(told["region"], told["scales"], [Stage(*stage) for stage in told["stages"]])


class Block(NamedTuple):
    """What is made at one go: of each scale of a stage, and of the next one, the box that it makes (`own`) and the box
    that must be at hand for that (`needed`)."""

    own: list
    needed: list


def cut(info, source, axes, fewest=1):
    """The `Cut` of a volume with this `info`, as JSON has it.

    source -- description of the source; `tile` and `in_order` (see `stack.describe`) say how it is read best
    axes -- of columns, rows and slices; see `orientation.parse`
    fewest -- regions that are wanted, where chunks (or shards) let there be so many
    """
    scales, count, size = info["scales"], len(info["scales"]), info["scales"][0]["size"]
    itemsize = max(np.dtype(info["data_type"]).itemsize, np.dtype(source["dtype"]).itemsize) * info["num_channels"]
    column, row, _ = order = [axis for axis, _ in axes]
    tile = orientation.ras_size(source.get("tile", [1, 1, source["shape"][2]]), axes)
    in_order = source.get("in_order", False)
    wide = [column] if tile[column] >= size[column] else []
    share = math.prod(size) // fewest
    block, most = BLOCK // itemsize, min(share, REGION // itemsize)
    layers = min(share, LAYERS // itemsize) if in_order else most

    def least(first, last, packed, whole=()):
        """The least box of blocks, or of regions (`packed`), which must have some axes as a whole."""
        sides = _unit(scales, first, last, packed)
        return [
            extent if axis in whole else min(sides[axis], extent) for axis, extent in enumerate(scales[first]["size"])
        ]

    whole = [column, row] if in_order else wide
    made = _last(range(1, min(SCALES, count) + 1), lambda n: math.prod(least(0, n, True, whole)) <= layers)
    region = _grown(_of_tiles(least(0, made, True, whole), tile, size, most), size, order, most)
    made = count if region == size else made
    stages, first = [], 0
    while first < count:
        ends, whole = range(first + 1, (made if first < made else count) + 1), wide * (first == 0)
        last = _last(ends, lambda n, first=first, whole=whole: math.prod(least(first, n, False, whole)) <= block)
        sides = least(first, last, False, whole)
        sides = sides if first else _of_tiles(sides, tile, size, 2 * block)
        stages.append(Stage(first, last, _grown(sides, scales[first]["size"], order, block)))
        first = last
    return Cut(region, made, stages)._asdict()


def _last(numbers, fits):
    """The last of some numbers that fits, or the first where none does."""
    return next(filter(fits, reversed(numbers)), numbers[0])


def _of_tiles(sides, tile, size, voxels):
    """Sides made as many times as large as lets tiles be read once, where a box of so many voxels still holds that."""
    tiled = [min(math.lcm(*pair), extent) for *pair, extent in zip(sides, tile, size, strict=True)]
    return tiled if math.prod(tiled) <= voxels else sides


def _unit(scales, first, last, packed):
    """The least sides, in voxels of scale `first`, of a box that holds whole chunks of scales `first` to `last` (not
    included), of shards where `packed`, and whole voxels of scale `last`."""
    sides = [1, 1, 1]
    for number in range(first, min(last + 1, len(scales))):
        ratio = _ratio(scales, first, number)
        least = scales[number]["chunk_sizes"][0] if number < last else [1, 1, 1]
        if packed and number < last and "sharding" in scales[number]:
            least = [a * b for a, b in zip(least, shards.extent(scales[number]), strict=True)]
        sides = [math.lcm(side, a * b) for side, a, b in zip(sides, least, ratio, strict=True)]
    return sides


def _grown(sides, size, order, voxels):
    """Sides made as many times as large, one axis after the other, as lets a box of so many voxels hold."""
    sides = list(sides)
    for axis in order:
        most = voxels * sides[axis] // math.prod(sides)
        sides[axis] = size[axis] if most >= size[axis] else sides[axis] * max(1, most // sides[axis])
    return sides


def _ratio(scales, fine, coarse):
    """How many voxels along x, y, z of scale number `fine` make one of scale `coarse`."""
    steps = (precomputed.factors(*pair) for pair in itertools.pairwise(scales[fine : coarse + 1]))
    return [math.prod(factors) for factors in zip([1, 1, 1], *steps, strict=True)]


def regions(planned):
    """The regions of a volume, in their order, as boxes of scale 0."""
    sides = Cut.of(planned).region
    return list(blocks.chunks([(0, extent) for extent in planned["info"]["scales"][0]["size"]], sides))


def share(regions, part, parts):
    """The numbers of the regions that are part `part` of `parts`."""
    return range(len(regions) * part // parts, len(regions) * (part + 1) // parts)


def made_of(planned, region):
    """(stage, blocks) of each stage of the scales that a region makes, finest first."""
    cut = Cut.of(planned)
    return _staged(planned, [stage for stage in cut.stages if stage.first < cut.scales], region)


def left(planned):
    """(stage, blocks) of each stage of the scales that no region makes."""
    cut = Cut.of(planned)
    stages = [stage for stage in cut.stages if stage.first >= cut.scales]
    if not stages:
        return []
    return _staged(planned, stages, [(0, extent) for extent in planned["info"]["scales"][cut.scales]["size"]])


def _staged(planned, stages, box):
    """(stage, blocks) of stages that follow each other, of a box of the first scale of the first one."""
    scales, begin = planned["info"]["scales"], stages[0].first
    own = _owned(scales, begin, stages[-1].last, box)
    needed = _needed(scales, begin, own)
    return [
        (stage, _blocks(planned, stage, own[stage.first - begin :], needed[stage.first - begin :])) for stage in stages
    ]


def _blocks(planned, stage, own, needed):
    """The blocks of a stage, within what their region owns and needs of it; those of a source in its order.

    What is handed on within a region is all that its next stage needs.
    """
    scales = planned["info"]["scales"]
    spans = [blocks.intervals(low, high, side) for (low, high), side in zip(own[0], stage.sides, strict=True)]
    reach = list(zip(own[0], needed[stage.last - stage.first], strict=True)) if stage.last < len(scales) else []
    stage_blocks = []
    for z, y, x in itertools.product(*reversed(spans)):
        owned = _owned(scales, stage.first, stage.last, (x, y, z))
        if reach:
            owned[-1] = tuple(
                (last[0] if low == whole[0] else a, last[1] if high == whole[1] else b)
                for (low, high), (a, b), (whole, last) in zip((x, y, z), owned[-1], reach, strict=True)
            )
        stage_blocks.append(Block(owned, _needed(scales, stage.first, owned)))
    if stage.first == 0:
        (column, right), (row, down), (deep, on) = orientation.parse(planned["orientation"])
        stage_blocks.sort(
            key=lambda block: (on * block.own[0][deep][0], down * block.own[0][row][0], right * block.own[0][column][0])
        )
    return stage_blocks


def _owned(scales, first, last, box):
    """The boxes that belong to a box of scale `first`, of that scale to `last` (included, if there is such a scale)."""
    whole = scales[first]["size"]
    boxes = []
    for number in range(first, min(last + 1, len(scales))):
        ratio, size = _ratio(scales, first, number), scales[number]["size"]
        spans = zip(box, ratio, whole, size, strict=True)
        boxes.append(tuple((low // n, end if high == full else high // n) for (low, high), n, full, end in spans))
    return boxes


def _needed(scales, first, owned):
    """The boxes that must be at hand to make those of scale `first` and coarser ones: as large, or larger where a voxel
    of the coarser scale begins before them."""
    needed = [owned[-1]]
    for number in range(first + len(owned) - 1, first, -1):
        own, fine, coarse = owned[number - first - 1], scales[number - 1], scales[number]
        below = blocks.common(finer(fine, coarse, needed[0]), [(0, extent) for extent in fine["size"]])
        needed.insert(0, tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(own, below, strict=True)))
    return needed


def finer(fine, coarse, box):
    """The box of scale `fine` that a box of scale `coarse` is made of; it may reach beyond the ends of the volume.

    Both lie on one grid, so the first coarse voxel covers a single fine one where the offset of `fine` is odd.
    """
    factors = precomputed.factors(fine, coarse)
    odd = [start % factor for start, factor in zip(fine["voxel_offset"], factors, strict=True)]
    return tuple((low * n - o, high * n - o) for (low, high), n, o in zip(box, factors, odd, strict=True))
