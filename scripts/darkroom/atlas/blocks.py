"""Boxes of voxels: walking through a volume in blocks that fit in memory, and cutting these into chunks."""

from darkroom.atlas import orientation

# A block is held as read, and once more while it is turned into chunks.
COPIES = 3


def blocks(shape, itemsize, axes, sides, budget):
    """Yield `(window, box)` for blocks that cover a volume: slabs of whole chunks along the slice axis, cut in bands.

    `window` is (first, last, top, bottom) in slices and rows of the source, of `shape` (slices, rows, columns,
    channels); `box` is `((x0, x1), (y0, y1), (z0, z1))`, where that lies in the volume, on the grid of chunks of
    `sides` x, y, z. A block takes at most about `budget` bytes with its copies, but holds one row of chunks at least.
    Windows come in the order of slices and rows, so that a picture is decoded once.
    """
    slices, rows, columns, channels = shape
    (column_axis, _), (row_axis, row_sign), (slice_axis, slice_sign) = axes
    row_of_chunks = COPIES * columns * channels * itemsize * min(sides[slice_axis], slices) * sides[row_axis]
    height = sides[row_axis] * max(1, int(budget / row_of_chunks))
    for first, last in _source_order(slices, sides[slice_axis], slice_sign):
        for top, bottom in _source_order(rows, height, row_sign):
            box = [None, None, None]
            box[column_axis] = (0, columns)
            box[row_axis] = orientation.source_interval(top, bottom, rows, row_sign)
            box[slice_axis] = orientation.source_interval(first, last, slices, slice_sign)
            yield (first, last, top, bottom), tuple(box)


def _source_order(extent, step, sign):
    """Intervals of an output axis, cut at multiples of `step`, as intervals of source numbers that grow."""
    outputs = [(low, min(low + step, extent)) for low in range(0, extent, step)]
    return sorted(orientation.source_interval(*interval, extent, sign) for interval in outputs)


def chunks(box, sides):
    """The chunks of `sides` x, y, z that fill a box whose lower corner lies on the chunk grid, x fastest."""
    spans = [
        [(low, min(low + side, end)) for low in range(start, end, side)]
        for (start, end), side in zip(box, sides, strict=True)
    ]
    return ((x, y, z) for z in spans[2] for y in spans[1] for x in spans[0])


def common(box, other):
    """The box in which two boxes overlap."""
    return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, other, strict=True))


def window(part, box):
    """Index of `part` in an array (channel, z, y, x) that covers `box`."""
    x, y, z = (slice(low - start, high - start) for (low, high), (start, _) in zip(part, box, strict=True))
    return slice(None), z, y, x
